//! How hashes are written.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{MALFORMED, Reason};

/// Fewer bytes prove nothing: a hash of none would be that of every password.
const DIGEST_MIN: usize = 16;
const DIGEST_MAX: usize = 128;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BCRYPT: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, LENIENT);

/// Base64 with padding or without, in the standard's alphabet, that for URLs, or passlib's with its dot.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, Reason> {
    let standard: String = text
        .chars()
        .map(|sign| match sign {
            '-' | '.' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    STANDARD.decode(standard).map_err(|_| MALFORMED)
}

/// Base64 in bcrypt's own alphabet.
pub(super) fn bcrypt_base64(text: &str) -> Result<Vec<u8>, Reason> {
    BCRYPT.decode(text).map_err(|_| MALFORMED)
}

/// Hexadecimal digits, of either case.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, Reason> {
    let digits: Option<Vec<u32>> = text.chars().map(|sign| sign.to_digit(16)).collect();
    let digits = digits
        .filter(|digits| digits.len().is_multiple_of(2))
        .ok_or(MALFORMED)?;
    let byte = |pair: &[u32]| u8::try_from(pair[0] << 4 | pair[1]).map_err(|_| MALFORMED);
    digits.chunks_exact(2).map(byte).collect()
}

/// A digest that is long enough to prove something.
pub(super) fn digest(bytes: Vec<u8>) -> Result<Vec<u8>, Reason> {
    match (DIGEST_MIN..=DIGEST_MAX).contains(&bytes.len()) {
        true => Ok(bytes),
        false => Err(MALFORMED),
    }
}

/// A number in plain digits: no sign, no spaces.
pub(super) fn number<N: std::str::FromStr>(text: &str) -> Result<N, Reason> {
    let number = text
        .parse()
        .ok()
        .filter(|_| text.bytes().all(|sign| sign.is_ascii_digit()));
    number.ok_or(MALFORMED)
}

/// A text in exactly so many parts.
pub(super) fn parts<const N: usize>(text: &str, separator: char) -> Result<[&str; N], Reason> {
    let parts: Vec<&str> = text.split(separator).collect();
    parts.try_into().map_err(|_| MALFORMED)
}

/// The values of `a=1,b=2` for these names, each once and no other.
pub(super) fn named<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Result<[&'a str; N], Reason> {
    let pairs: [&str; N] = parts(text, ',')?;
    let mut values = [""; N];
    for (at, name) in names.iter().enumerate() {
        let value = pairs
            .iter()
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        values[at] = value.ok_or(MALFORMED)?;
    }
    Ok(values)
}
