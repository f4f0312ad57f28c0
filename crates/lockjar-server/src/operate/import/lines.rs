//! The lines of a file of any size, in memory of a fixed size.

use std::io::{self, BufRead};

/// No row is longer that means anything.
const LINE_MAX: usize = 64 * 1024;

/// A line by its number in the file.
pub(super) struct Line {
    pub(super) number: u64,
    /// Without its end; or why it was not read.
    pub(super) text: Result<String, String>,
}

pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self {
            reader,
            number: 0,
            bytes: 0,
        }
    }

    /// How much of the file was read.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line; none at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let (mut line, mut is_too_long, mut is_any) = (Vec::new(), false, false);
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            is_any = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            is_too_long |= line.len() + part.len() > LINE_MAX;
            if !is_too_long {
                line.extend_from_slice(part);
            }
            let taken = part.len() + usize::from(end.is_some());
            self.reader.consume(taken);
            self.bytes += taken as u64;
            if end.is_some() {
                break;
            }
        }
        if !is_any {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(Line {
            number: self.number,
            text: match is_too_long {
                true => Err("the line is longer than 64 KiB".to_owned()),
                false => text(line, self.number),
            },
        }))
    }
}

/// Some programs begin a file with a mark that says that it is UTF-8, and end lines with a carriage return.
fn text(line: Vec<u8>, number: u64) -> Result<String, String> {
    let text = String::from_utf8(line).map_err(|_| "the line is not UTF-8".to_owned())?;
    let text = text.strip_suffix('\r').unwrap_or(&text);
    let text = match number {
        1 => text.strip_prefix('\u{feff}').unwrap_or(text),
        _ => text,
    };
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    fn all(file: impl Read) -> Vec<(u64, Result<String, String>)> {
        let mut lines = Lines::new(BufReader::with_capacity(7, file));
        std::iter::from_fn(|| lines.next().unwrap().map(|line| (line.number, line.text))).collect()
    }

    #[test]
    fn lines_are_numbered_as_an_editor_numbers_them() {
        let text = "\u{feff}first line\r\n\nthird";
        let expected = [(1, "first line"), (2, ""), (3, "third")];
        let read = all(text.as_bytes());
        assert_eq!(
            read,
            expected.map(|(number, text)| (number, Ok(text.to_owned())))
        );
    }

    #[test]
    fn what_is_no_text_is_one_lines_fault() {
        let read = all(&b"a\n\xff\xfe\nb"[..]);
        assert!(read[1].1.is_err());
        assert_eq!(read[2], (3, Ok("b".to_owned())));
    }

    /// The rest of it goes by without being kept.
    #[test]
    fn a_line_without_an_end_fills_no_memory() {
        let endless = io::repeat(b'x').take(LINE_MAX as u64 * 50);
        let read = all(endless.chain(&b"\nb"[..]));
        assert!(read[0].1.as_ref().is_err_and(|why| why.contains("64 KiB")));
        assert_eq!(read[1], (2, Ok("b".to_owned())));
        let longest = "x".repeat(LINE_MAX);
        assert_eq!(all(longest.as_bytes()), [(1, Ok(longest.clone()))]);
    }
}
