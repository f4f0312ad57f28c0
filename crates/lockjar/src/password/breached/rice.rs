//! Rice codes (R. F. Rice, 1979) of numbers that go up: the steps between them, each as a quotient in ones and a remainder
//! of `parameter` bits. Where the steps are those of chance, that is within half a bit of the least there is.

/// The codes of `numbers`, each as large as the one before it or larger.
pub(super) fn encode(numbers: &[u64], parameter: u32) -> Vec<u8> {
    let mut out = Bits::default();
    let mut last = 0;
    for number in numbers {
        let step = number - last;
        last = *number;
        for _ in 0..step >> parameter {
            out.put(1, 1);
        }
        out.put(0, 1);
        out.put(step & mask(parameter), parameter);
    }
    out.end()
}

/// Whether `wanted` is among the first `count` numbers that are coded here; none where the bits end before.
pub(super) fn contains(bytes: &[u8], count: u64, parameter: u32, wanted: u64) -> Option<bool> {
    let mut bits = bytes
        .iter()
        .flat_map(|byte| (0..8).map(move |at| u64::from(byte >> at & 1)));
    let mut number = 0_u64;
    for _ in 0..count {
        let mut quotient = 0_u64;
        while bits.next()? == 1 {
            quotient += 1;
        }
        let mut rest = 0;
        for at in 0..parameter {
            rest |= bits.next()? << at;
        }
        number = number.checked_add((quotient << parameter) | rest)?;
        if number >= wanted {
            return Some(number == wanted);
        }
    }
    Some(false)
}

const fn mask(width: u32) -> u64 {
    (1 << width) - 1
}

/// Bits on their way into bytes, the lowest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u64,
    width: u32,
}

impl Bits {
    fn put(&mut self, value: u64, width: u32) {
        self.pending |= value << self.width;
        self.width += width;
        while self.width >= 8 {
            let [low, ..] = self.pending.to_le_bytes();
            self.bytes.push(low);
            self.pending >>= 8;
            self.width -= 8;
        }
    }

    fn end(mut self) -> Vec<u8> {
        if self.width > 0 {
            let [low, ..] = self.pending.to_le_bytes();
            self.bytes.push(low);
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX_PARAMETER: u32 = 32;

    proptest! {
        #[test]
        fn every_number_that_was_coded_is_found_and_no_other(
            mut numbers in proptest::collection::vec(0_u64..100_000, 1..200), parameter in 0..=MAX_PARAMETER, other in 0_u64..100_000,
        ) {
            numbers.sort_unstable();
            let parameter = parameter.max(6);
            let (bytes, count) = (encode(&numbers, parameter), numbers.len() as u64);
            for number in &numbers {
                prop_assert_eq!(contains(&bytes, count, parameter, *number), Some(true));
            }
            prop_assert_eq!(contains(&bytes, count, parameter, other), Some(numbers.contains(&other)));
        }

        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300), count in any::<u64>(), parameter in 0..=MAX_PARAMETER) {
            let _ = contains(&bytes, count, parameter, u64::MAX);
        }
    }

    #[test]
    fn bits_that_end_too_soon_are_no_answer() {
        let bytes = encode(&[5, 900, 70_000], 4);
        assert_eq!(contains(&bytes[..1], 3, 4, 70_000), None);
        assert_eq!(contains(&[0xff; 9], 1, 4, 70_000), None);
    }
}
