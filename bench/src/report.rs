//! What was measured, beside what was promised.

use std::fmt::Write;

use crate::{
    machine,
    plot::{Chart, Mark},
    ratio::Spread,
};

/// What a figure has to be.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Bar {
    /// Whether a value is good enough. Not-a-number never is.
    #[must_use]
    pub fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bar) => value >= bar,
            Self::AtMost(bar) => value <= bar,
        }
    }

    /// How much of what is allowed a value uses up: 1 is just met, less is better.
    fn share_used(self, value: f64) -> f64 {
        match self {
            Self::AtLeast(bar) => bar / value,
            Self::AtMost(bar) => value / bar,
        }
    }
}

/// One measured figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// The unit, empty for a ratio.
    pub unit: &'static str,
    /// What the rounds gave; the median is the figure.
    pub value: Spread,
    /// What it has to be, if something was promised.
    pub bar: Option<Bar>,
}

impl Figure {
    /// A figure about which nothing was promised.
    #[must_use]
    pub fn plain(name: impl Into<String>, unit: &'static str, value: Spread) -> Self {
        Self {
            name: name.into(),
            unit,
            value,
            bar: None,
        }
    }

    /// A figure with a bar.
    #[must_use]
    pub fn held_to(bar: Bar, name: impl Into<String>, unit: &'static str, value: Spread) -> Self {
        Self {
            name: name.into(),
            unit,
            value,
            bar: Some(bar),
        }
    }

    fn row(&self) -> String {
        let Spread { median, min, max } = self.value;
        let (bar, verdict) = match self.bar {
            None => (String::new(), ""),
            Some(bar) => (
                self.bar_text(bar),
                if bar.is_met_by(median) {
                    "met"
                } else {
                    "**missed**"
                },
            ),
        };
        let measured = with_unit(median, self.unit);
        format!(
            "| {} | {measured} | {} – {} | {bar} | {verdict} |",
            self.name,
            digits(min),
            digits(max)
        )
    }

    fn bar_text(&self, bar: Bar) -> String {
        match bar {
            Bar::AtLeast(value) => format!("≥ {}", with_unit(value, self.unit)),
            Bar::AtMost(value) => format!("≤ {}", with_unit(value, self.unit)),
        }
    }
}

/// One part of the report.
#[derive(Debug, Clone)]
pub struct Section {
    /// The name that `--only` takes.
    pub part: &'static str,
    /// The heading.
    pub title: &'static str,
    /// How it was measured.
    pub method: String,
    /// What came of it.
    pub figures: Vec<Figure>,
    /// A picture of its own.
    pub chart: Option<Chart>,
}

/// The report as Markdown.
#[must_use]
pub fn markdown(sections: &[Section], quick: bool) -> String {
    let short = if quick {
        " **This was a short run (`--quick`): fewer and shorter rounds, so the spread is wide.**"
    } else {
        ""
    };
    let (whole, part) = if quick {
        (" -- --quick", " --quick")
    } else {
        ("", "")
    };
    let mut text = format!(
        "# What Lockjar costs\n\nEvery figure was printed by the command above its table; \
         `cargo run --release -p lockjar-bench{whole}` runs them all and writes this file.{short} Figures are medians over rounds, \
         with the least and the most beside them; ratios are taken round by round between neighbours in time. The bars \
         are fixed and never lowered.\n\n{}\n![Each promised figure as a share of its bar, and the CPU that a request \
         costs](results.svg)\n",
        machine::describe(),
    );
    for section in sections {
        let only = format!(
            "cargo run --release -p lockjar-bench -- --only {}{part}",
            section.part
        );
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n## {}\n\n`{only}`\n\n{}\n\n{}\n",
            section.title,
            section.method,
            table(section)
        );
    }
    text
}

fn table(section: &Section) -> String {
    let rows: Vec<String> = section.figures.iter().map(Figure::row).collect();
    format!(
        "| What | Median | Least – most | Bar | |\n| --- | --- | --- | --- | --- |\n{}",
        rows.join("\n")
    )
}

/// The charts of the report: all bars on one scale, then what the sections drew.
#[must_use]
pub fn charts(sections: &[Section]) -> Vec<Chart> {
    let figures = sections.iter().flat_map(|section| &section.figures);
    let marks = figures
        .filter_map(|figure| figure.bar.map(|bar| mark(figure, bar)))
        .collect();
    let promised = Chart {
        title: "Share of each bar used (1 = just met, shorter is better)".into(),
        marks,
        limit: Some(1.0),
    };
    std::iter::once(promised)
        .chain(sections.iter().filter_map(|section| section.chart.clone()))
        .collect()
}

fn mark(figure: &Figure, bar: Bar) -> Mark {
    let Spread { median, min, max } = figure.value;
    let (a, b) = (bar.share_used(min), bar.share_used(max));
    Mark {
        label: figure.name.clone(),
        text: with_unit(median, figure.unit),
        value: Spread {
            median: bar.share_used(median),
            min: a.min(b),
            max: a.max(b),
        },
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    if unit.is_empty() {
        digits(value)
    } else {
        format!("{} {unit}", digits(value))
    }
}

/// Three digits that mean something; whole numbers from 100 on.
#[must_use]
pub fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 1e4 => grouped(value.round() as usize),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with commas.
#[must_use]
pub fn grouped(number: usize) -> String {
    let plain = number.to_string();
    let mut text = String::new();
    for (index, digit) in plain.char_indices() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_was_never_taken_meets_no_bar() {
        let nothing = Spread::of([]);
        assert!(!Bar::AtLeast(0.0).is_met_by(nothing.median));
        assert!(!Bar::AtMost(f64::INFINITY).is_met_by(nothing.median));
    }

    #[test]
    fn a_missed_bar_is_said_in_its_row() {
        let value = Spread {
            median: 0.84,
            min: 0.8,
            max: 0.9,
        };
        let row = Figure::held_to(Bar::AtLeast(0.85), "rate", "", value).row();
        assert_eq!(row, "| rate | 0.84 | 0.80 – 0.90 | ≥ 0.85 | **missed** |");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.934, 12.34, 123.4, 1_234_567.0].map(digits),
            ["0.93", "12.3", "123", "1,234,567"]
        );
    }
}
