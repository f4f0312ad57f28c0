//! A download of Have I Been Pwned's passwords, as its official downloader writes it: one file with whole hashes, or a
//! folder with a file for each five digits that they begin with.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A line that is longer is none of a download; so a file without line ends fills no memory.
const MAX_LINE: u64 = 100;
/// Digits of a SHA-1.
const DIGITS: usize = 40;
/// Files that a whole download in a folder has.
pub(super) const RANGES: usize = 1 << 20;

/// A file of a download.
pub(super) struct Part {
    pub(super) path: PathBuf,
    /// The digits that each of its lines lacks in front.
    pub(super) prefix: String,
}

/// A file, or a folder with the digits that its files are named by: a million of them, in five bytes each.
pub(super) enum Download {
    File(PathBuf),
    Folder(PathBuf, Vec<[u8; 5]>),
}

impl Download {
    pub(super) fn at(from: &Path) -> io::Result<Self> {
        let from = from.to_owned();
        if !fs::metadata(&from)?.is_dir() {
            return Ok(Self::File(from));
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&from)? {
            let name = entry?.file_name();
            let digits = name.to_str().and_then(|name| name.strip_suffix(".txt"));
            let digits: Option<[u8; 5]> = digits.and_then(|it| it.as_bytes().try_into().ok());
            names.extend(digits.filter(|digits| is_hex(digits)));
        }
        names.sort_unstable_by_key(|name| name.to_ascii_uppercase());
        Ok(Self::Folder(from, names))
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::File(_) => 1,
            Self::Folder(_, names) => names.len(),
        }
    }

    /// The files in the order of their hashes.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> {
        let (from, names) = match self {
            Self::File(file) => (file, None),
            Self::Folder(folder, names) => (folder, Some(names)),
        };
        let whole = names.is_none().then(|| Part {
            path: from.clone(),
            prefix: String::new(),
        });
        let ranges = names.into_iter().flatten().map(|name| {
            let prefix = String::from_utf8_lossy(name).into_owned();
            let path = from.join(format!("{prefix}.txt"));
            Part { path, prefix }
        });
        whole.into_iter().chain(ranges)
    }
}

/// The lines of a file, one after the other in the same memory.
pub(super) struct Lines {
    input: BufReader<File>,
    line: Vec<u8>,
    /// The number of the line that was read last.
    pub(super) number: u64,
    /// Bytes so far.
    pub(super) bytes: u64,
}

impl Lines {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            input: BufReader::with_capacity(1 << 16, File::open(path)?),
            line: Vec::new(),
            number: 0,
            bytes: 0,
        })
    }

    /// The next line without its end.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let read = (&mut self.input)
            .take(MAX_LINE)
            .read_until(b'\n', &mut self.line)?;
        self.number += 1;
        self.bytes += read as u64;
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        Ok((read > 0).then(|| line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// The hash that a line tells of with `prefix` in front of it, and how often its password was found.
pub(super) fn parse(prefix: &str, line: &[u8]) -> Result<([u8; 20], u64), String> {
    let wrong = |what: &str| format!("{what}: a line is a hash, a colon and a count");
    let colon = line.iter().position(|byte| *byte == b':');
    let (digits, count) = line.split_at(colon.ok_or_else(|| wrong("it has no colon"))?);
    if !is_hex(digits) || digits.len() + prefix.len() != DIGITS {
        let expected = DIGITS - prefix.len();
        return Err(wrong(&format!(
            "it has not {expected} hexadecimal digits before the colon"
        )));
    }
    let count = std::str::from_utf8(&count[1..])
        .ok()
        .filter(|it| it.bytes().all(|digit| digit.is_ascii_digit()));
    let count = count.and_then(|count| count.parse().ok());
    let count = count.ok_or_else(|| wrong("what comes after the colon is no number"))?;
    let mut sha1 = [0; 20];
    let mut values = prefix.bytes().chain(digits.iter().copied()).map(value);
    for byte in &mut sha1 {
        *byte = values.next().unwrap_or(0) << 4 | values.next().unwrap_or(0);
    }
    Ok((sha1, count))
}

fn is_hex(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_hexdigit)
}

fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        // `A` is 0x41 and `a` 0x61.
        letter => (letter & 0x0f) + 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";

    #[test]
    fn a_line_is_a_hash_and_a_count() {
        let (sha1, count) = parse("", format!("{HASH}:9545824").as_bytes()).unwrap();
        assert_eq!(
            (sha1[0], sha1[1], sha1[19], count),
            (0x5b, 0xaa, 0xd8, 9_545_824)
        );
        let lower = format!("{}:1", HASH[5..].to_lowercase());
        assert_eq!(parse("5BAA6", lower.as_bytes()), Ok((sha1, 1)));
    }

    #[test]
    fn a_line_that_is_none_is_refused_with_the_reason() {
        for (prefix, line, reason) in [
            ("", "", "no colon"),
            ("", HASH, "no colon"),
            ("", &format!("{}:1", &HASH[1..]), "40 hexadecimal"),
            ("", &format!("{HASH}0:1"), "40 hexadecimal"),
            ("", &format!("G{}:1", &HASH[1..]), "40 hexadecimal"),
            ("5BAA6", &format!("{HASH}:1"), "35 hexadecimal"),
            ("", &format!("{HASH}:"), "no number"),
            ("", &format!("{HASH}:+1"), "no number"),
            ("", &format!("{HASH}:1 "), "no number"),
            ("", &format!("{HASH}:99999999999999999999"), "no number"),
        ] {
            let said = parse(prefix, line.as_bytes()).unwrap_err();
            assert!(said.contains(reason), "{line:?}: {said}");
        }
    }

    #[test]
    fn lines_end_in_either_way_and_a_long_one_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        std::fs::write(&path, format!("a\r\nb\nc{}", "c".repeat(500))).unwrap();
        let mut lines = Lines::of(&path).unwrap();
        assert_eq!(lines.next().unwrap(), Some(&b"a"[..]));
        assert_eq!(lines.next().unwrap(), Some(&b"b"[..]));
        assert_eq!(
            (lines.next().unwrap().unwrap().len(), lines.number),
            (100, 3)
        );
    }

    #[test]
    fn a_folder_is_its_ranges_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "FFFFF.txt",
            "00000.txt",
            "0000a.txt",
            "readme.txt",
            "12345.tmp",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let download = Download::at(folder.path()).unwrap();
        let prefixes: Vec<_> = download.parts().map(|part| part.prefix).collect();
        assert_eq!(prefixes, ["00000", "0000a", "FFFFF"]);
        assert!(download.parts().all(|part| part.path.exists()));
    }
}
