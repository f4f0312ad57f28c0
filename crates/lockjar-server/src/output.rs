//! Standard output.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line. A reader that has left, as in `lockjar user list | head -1`, is no fault; a full disk is.
pub(crate) fn say(line: impl Display) -> io::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
