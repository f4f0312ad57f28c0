//! Comparing two things on a noisy machine: measured in turns, A B A B …, each A set against the B next to it.

/// The middle and the ends of what several rounds gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Half of the rounds gave less.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Of the values of all rounds; of no rounds at all, not-a-number, which meets no bar.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self {
                median: f64::NAN,
                min: f64::NAN,
                max: f64::NAN,
            };
        };
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Self {
            median: f64::midpoint(low, high),
            min,
            max,
        }
    }

    /// Of `a / b`, round by round: what slows both in one round cancels out.
    #[must_use]
    pub fn of_ratios(a: &[f64], b: &[f64]) -> Self {
        Self::of(a.iter().zip(b).map(|(a, b)| a / b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(
            Spread::of([4.0, 1.0, 3.0, 2.0]),
            Spread {
                median: 2.5,
                min: 1.0,
                max: 4.0
            }
        );
    }

    #[test]
    fn a_slow_round_slows_both_and_leaves_the_ratio() {
        let ratio = Spread::of_ratios(&[80.0, 8.0, 80.0], &[100.0, 10.0, 100.0]);
        assert_eq!(
            ratio,
            Spread {
                median: 0.8,
                min: 0.8,
                max: 0.8
            }
        );
    }
}
