//! What is told of an import.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use lockjar::ConfigError;

use crate::operate::progress::Reading;

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) made: u64,
    pub(super) there: u64,
    pub(super) rejected: u64,
}

impl Counts {
    /// The last line of the output.
    pub(super) fn sentence(self, dry_run: bool) -> String {
        let made = match dry_run {
            true => "would import",
            false => "imported",
        };
        format!(
            "{made} {}, already there {}, rejected {}",
            self.made, self.there, self.rejected
        )
    }
}

pub(super) struct Report {
    pub(super) counts: Counts,
    rejects: Option<BufWriter<std::fs::File>>,
    reading: Reading,
}

impl Report {
    /// Of a file of so many bytes. The rejects of an earlier run are overwritten.
    pub(super) fn new(
        bytes: u64,
        rejects: Option<&Path>,
        source: &Path,
    ) -> Result<Self, ConfigError> {
        let rejects = rejects.map(|path| open(path, source)).transpose()?;
        Ok(Self {
            counts: Counts::default(),
            rejects: rejects.map(BufWriter::new),
            reading: Reading::new(bytes),
        })
    }

    pub(super) fn rejected(&mut self, line: u64, reason: &str) -> io::Result<()> {
        self.counts.rejected += 1;
        let told = format!("line {line}: {reason}");
        match &mut self.rejects {
            Some(file) => writeln!(file, "{told}"),
            None => {
                self.reading.say(&told);
                Ok(())
            }
        }
    }

    pub(super) fn at(&self, bytes: u64) {
        self.reading.at(bytes);
    }

    pub(super) fn end(self) -> io::Result<Counts> {
        self.reading.end();
        self.rejects.map_or(Ok(()), |mut file| file.flush())?;
        Ok(self.counts)
    }
}

/// For its owner alone. A slip must not cost the very file that is to be imported.
fn open(path: &Path, source: &Path) -> Result<std::fs::File, ConfigError> {
    let which = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    if which(path).is_some_and(|file| Some(file) == which(source)) {
        return Err(ConfigError::new(
            "--rejects names the file that is to be imported: name another",
        ));
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let opened = options.open(path);
    opened
        .map_err(|error| ConfigError::new(format!("{} cannot be written: {error}", path.display())))
}
