//! Horizontal bars as an SVG picture, in a few lines rather than by a plotting library. It follows the reader's light or
//! dark theme.

use std::fmt::Write;

use crate::ratio::Spread;

const WIDTH: f64 = 900.0;
const LABELS: f64 = 380.0;
const ROW: f64 = 26.0;
const TITLE: f64 = 44.0;

const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600; font-size: 15px }
  .bar { fill: #2f6f4f } .over { fill: #b3402e } .whisker, .limit { stroke: #1f2328 } .limit { stroke-dasharray: 4 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .bar { fill: #58a77e } .over { fill: #e5725f } .whisker, .limit { stroke: #e6edf3 }
  }
";

/// Bars on one scale.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What is shown, and which way is better.
    pub title: String,
    /// The bars, from the top.
    pub marks: Vec<Mark>,
    /// A line that bars should not cross.
    pub limit: Option<f64>,
}

/// One bar.
#[derive(Debug, Clone)]
pub struct Mark {
    /// What it stands for.
    pub label: String,
    /// What is written beside it.
    pub text: String,
    /// Its length, and that of its whisker.
    pub value: Spread,
}

/// The charts, one below the other.
#[must_use]
pub fn svg(charts: &[Chart]) -> String {
    let mut body = String::new();
    let mut top = 0.0;
    for chart in charts {
        chart.draw(&mut body, top);
        top += chart.height();
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" role=\"img\" \
         aria-label=\"Measurements; the same figures are in RESULTS.md\">\n<style>{STYLE}</style>\n{body}</svg>\n"
    )
}

impl Chart {
    fn height(&self) -> f64 {
        TITLE + ROW * self.marks.len() as f64 + 16.0
    }

    /// Pixels for one unit, so that the longest whisker and what is written behind it fit.
    fn scale(&self) -> f64 {
        let longest = self
            .marks
            .iter()
            .map(|mark| mark.value.max)
            .chain(self.limit)
            .fold(0.0, f64::max);
        (WIDTH - LABELS - 130.0) / longest.max(f64::MIN_POSITIVE)
    }

    fn draw(&self, out: &mut String, top: f64) {
        let scale = self.scale();
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            out,
            "<text class=\"title\" x=\"12\" y=\"{:.1}\">{}</text>",
            top + 28.0,
            escaped(&self.title)
        );
        for (index, mark) in self.marks.iter().enumerate() {
            mark.draw(out, top + TITLE + ROW * index as f64, scale, self.limit);
        }
        if let Some(limit) = self.limit {
            let (x, bottom) = (LABELS + limit * scale, top + self.height() - 16.0);
            let _ = writeln!(
                out,
                "<line class=\"limit\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>",
                top + TITLE - 6.0
            );
        }
    }
}

impl Mark {
    fn draw(&self, out: &mut String, top: f64, scale: f64, limit: Option<f64>) {
        let Spread { median, min, max } = self.value;
        let class = if limit.is_some_and(|limit| median > limit) {
            "over"
        } else {
            "bar"
        };
        let (middle, baseline) = (top + 9.0, top + 14.0);
        let [bar, left, right] = [median, min, max].map(|value| value * scale);
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{baseline:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{LABELS}\" y=\"{top:.1}\" width=\"{bar:.1}\" height=\"18\" rx=\"2\"/>\
             <line class=\"whisker\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <text x=\"{:.1}\" y=\"{baseline:.1}\">{}</text>",
            LABELS - 10.0,
            escaped(&self.label),
            LABELS + left,
            LABELS + right,
            LABELS + bar.max(right) + 8.0,
            escaped(&self.text),
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_beyond_the_limit_stands_out() {
        let mark = |value| Mark {
            label: "a < b".into(),
            text: String::new(),
            value: Spread::of([value]),
        };
        let chart = |value| {
            svg(&[Chart {
                title: String::new(),
                marks: vec![mark(value)],
                limit: Some(1.0),
            }])
        };
        assert!(chart(1.1).contains("class=\"over\"") && !chart(0.9).contains("class=\"over\""));
        assert!(chart(1.1).contains("a &lt; b"));
    }
}
