//! Whether a process keeps more and more in memory.

use std::fmt;

/// Samples in a minute.
const PER_MINUTE: u32 = 2;
/// So much more than at the end of the first minute is no growth: caches fill, and an allocator keeps what it may need.
const FACTOR: f64 = 1.05;
const MEBIBYTES: f64 = 8.0;

/// What a process kept in memory, in MiB, by half minutes from the first on.
#[derive(Debug, Default)]
pub(crate) struct Growth(Vec<(u32, f64)>);

impl Growth {
    pub(crate) fn sample(&mut self, tick: u32, resident: f64) {
        self.0.push((tick, resident));
    }

    /// From the end of the first minute to the end; none where there is no more than that minute.
    pub(crate) fn is_within_bounds(&self) -> bool {
        self.ends()
            .is_none_or(|(first, last)| last <= first * FACTOR + MEBIBYTES)
    }

    fn ends(&self) -> Option<(f64, f64)> {
        let first = self.warm().next()?.1;
        let last = self.warm().skip(1).last()?.1;
        Some((first, last))
    }

    fn warm(&self) -> impl Iterator<Item = &(u32, f64)> {
        let ticks = self.0.iter();
        ticks.filter(|(tick, _)| *tick >= PER_MINUTE)
    }

    /// MiB a minute, by least squares after the first minute.
    fn slope(&self) -> f64 {
        let minutes = |tick: u32| f64::from(tick) / f64::from(PER_MINUTE);
        let points: Vec<_> = self
            .warm()
            .map(|(tick, it)| (minutes(*tick), *it))
            .collect();
        let count = points.len() as f64;
        let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
        let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
        let above = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y));
        let below = points.iter().map(|(x, _)| (x - mean_x).powi(2));
        above.sum::<f64>() / below.sum::<f64>()
    }
}

/// The verdict, or in short (`{:#}`) the last sample.
impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            let (tick, resident) = self.0.last().copied().unwrap_or_default();
            let minutes = f64::from(tick) / f64::from(PER_MINUTE);
            return write!(f, "{minutes:>5.1} min  {resident:.1} MiB");
        }
        let Some((first, last)) = self.ends() else {
            return writeln!(f, "memory: too short to tell; a run of two minutes could");
        };
        let bound = first * FACTOR + MEBIBYTES;
        let verdict = if self.is_within_bounds() {
            "within"
        } else {
            "BEYOND"
        };
        let slope = self.slope();
        writeln!(
            f,
            "memory: {first:.1} MiB after the first minute, {last:.1} at the end, {verdict} the bound of {bound:.1}; slope {slope:+.3} MiB a minute"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(samples: &[f64]) -> Growth {
        let mut growth = Growth::default();
        for (tick, resident) in (1..).zip(samples) {
            growth.sample(tick, *resident);
        }
        growth
    }

    #[test]
    fn what_grows_in_the_first_minute_is_warm_up() {
        assert!(growth(&[10.0, 60.0, 60.5, 61.0]).is_within_bounds());
        assert!(!growth(&[60.0, 60.0, 66.0, 72.0]).is_within_bounds());
    }

    #[test]
    fn the_slope_is_in_mebibytes_a_minute() {
        let slope = growth(&[0.0, 10.0, 11.0, 12.0, 13.0]).slope();
        assert!((slope - 2.0).abs() < 1e-9, "{slope}");
    }
}
