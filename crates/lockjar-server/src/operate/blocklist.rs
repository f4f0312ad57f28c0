//! `lockjar blocklist …`

mod lines;

use std::fs::{File, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use lockjar::ConfigError;
use lockjar::password::{Blocklist, BlocklistWriter};
use tempfile::{Builder, TempPath};
use tokio::signal::unix::{SignalKind, signal};

use super::password;
use super::progress::Progress;
use crate::Outcome;
use crate::cli::BlocklistCommand;
use crate::output::say;
use lines::{Download, Lines, Part, RANGES};

/// Lines from one look at the bar to the next.
const LINES_PER_LOOK: u64 = 1 << 16;
/// What a shell calls a program that was interrupted.
const INTERRUPTED: i32 = 130;

pub(crate) async fn blocklist(command: BlocklistCommand) -> Outcome {
    match command {
        BlocklistCommand::Build {
            from,
            min_count,
            one_in,
            file,
        } => {
            let source = Source::of(&from, min_count)?;
            may_be_replaced(&file)?;
            build(source, one_in, &file).await
        }
        BlocklistCommand::Check { file } => check(&file),
    }
}

fn check(file: &Path) -> Outcome {
    let blocklist = Blocklist::open(file).map_err(|error| wrong(file, &error))?;
    let found = blocklist.contains(&password::read_once()?);
    let (answer, code) = match found.map_err(|error| wrong(file, &error))? {
        true => ("is", ExitCode::FAILURE),
        false => ("is not", ExitCode::SUCCESS),
    };
    say(format_args!(
        "the password {answer} among the {} in {}",
        blocklist.entries(),
        file.display()
    ))?;
    Ok(code)
}

/// What is read.
struct Source {
    download: Download,
    min_count: u64,
}

impl Source {
    fn of(from: &Path, min_count: u64) -> Result<Self, ConfigError> {
        let download = Download::at(from).map_err(|error| wrong(from, &error))?;
        match download.len() {
            0 => {
                return Err(ConfigError::new(format!(
                    "there is no file like 00000.txt in {}: name the folder that the downloader wrote",
                    from.display()
                )));
            }
            1 | RANGES => {}
            some => eprintln!("{some} of {RANGES} ranges are there: the others are not looked for"),
        }
        Ok(Self {
            download,
            min_count,
        })
    }
}

/// Nothing but a list makes way for another: a slip would cost a download of forty gigabytes.
fn may_be_replaced(target: &Path) -> Result<(), ConfigError> {
    if !target.exists() || Blocklist::open(target).is_ok() {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "{} is there and is no blocklist: name another file, or remove it first",
        target.display()
    )))
}

/// Written beside its place and put there when it is whole, so that a server never opens a half.
async fn build(source: Source, one_in: u32, target: &Path) -> Outcome {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut interrupted = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    // Nothing in it is secret, and whoever serves may be another user.
    let draft = Builder::new()
        .prefix(".lockjar-blocklist-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder);
    let (file, path) = draft.map_err(|error| wrong(target, &error))?.into_parts();
    let work = tokio::task::spawn_blocking(move || write(&source, one_in, file));
    let built = tokio::select! {
        built = work => built?.map_err(|error| error as Box<dyn std::error::Error>)?,
        _ = interrupted.0.recv() => give_up(path),
        _ = interrupted.1.recv() => give_up(path),
    };
    path.persist(target)
        .map_err(|error| wrong(target, &error.error))?;
    File::open(folder)?.sync_all()?;
    tell(&built, target)?;
    Ok(ExitCode::SUCCESS)
}

/// The thread that writes may be waiting for its input for ever.
fn give_up(draft: TempPath) -> ! {
    drop(draft);
    eprintln!("lockjar: interrupted; nothing was written");
    std::process::exit(INTERRUPTED)
}

struct Built {
    lines: u64,
    entries: u64,
    bytes: u64,
    one_in: u32,
}

fn tell(built: &Built, target: &Path) -> std::io::Result<()> {
    let bytes = u128::from(built.bytes);
    let per_million = bytes * 1_000_000 / u128::from(built.entries.max(1));
    say(format_args!(
        "{}: {} of {} passwords in {bytes} bytes, {per_million} for a million; one in {} others is refused too",
        target.display(),
        built.entries,
        built.lines,
        built.one_in
    ))
}

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

fn write(source: &Source, one_in: u32, file: File) -> Result<Built> {
    let mut writer = BlocklistWriter::new(BufWriter::with_capacity(1 << 20, file), one_in)?;
    let mut progress = Progress::new();
    let lines = read_all(source, &mut writer, &mut progress);
    progress.end();
    let (lines, entries) = (lines?, writer.entries());
    if entries == 0 {
        return Err(
            "there is no password in it, or none that was found so often: nothing was written"
                .into(),
        );
    }
    let mut out = writer.finish()?;
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(Built {
        lines,
        entries,
        bytes: out.get_ref().metadata()?.len(),
        one_in,
    })
}

/// How many lines there were.
fn read_all(
    source: &Source,
    writer: &mut BlocklistWriter<BufWriter<File>>,
    progress: &mut Progress,
) -> Result<u64> {
    let mut total = 0;
    let count = source.download.len() as u64;
    for (number, part) in (0..).zip(source.download.parts()) {
        let lines = Lines::of(&part.path).map_err(|error| wrong(&part.path, &error))?;
        let whole = part.path.metadata().map_or(0, |file| file.len());
        total += read_part(
            &part,
            lines,
            source.min_count,
            writer,
            &mut |bytes| match count {
                1 => progress.at("reading bytes".to_owned(), bytes, whole),
                _ => progress.at("reading ranges".to_owned(), number, count),
            },
        )?;
    }
    Ok(total)
}

fn read_part(
    part: &Part,
    mut lines: Lines,
    min_count: u64,
    writer: &mut BlocklistWriter<BufWriter<File>>,
    look: &mut dyn FnMut(u64),
) -> Result<u64> {
    look(0);
    loop {
        let line = lines.next().map_err(|error| wrong(&part.path, &error))?;
        let Some(parsed) = line.map(|line| lines::parse(&part.prefix, line)) else {
            return Ok(lines.number - 1);
        };
        let at = |why: &dyn std::fmt::Display| bad_line(&part.path, lines.number, why);
        let (sha1, found) = parsed.map_err(|why| at(&why))?;
        if found >= min_count {
            writer.add(&sha1).map_err(|error| at(&error))?;
        }
        if lines.number.is_multiple_of(LINES_PER_LOOK) {
            look(lines.bytes);
        }
    }
}

fn bad_line(path: &Path, line: u64, why: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::new(format!(
        "{}, line {line}: {why}; nothing was written",
        path.display()
    ))
}

fn wrong(path: &Path, error: &dyn std::error::Error) -> ConfigError {
    ConfigError::new(format!("{} cannot be used: {error}", path.display()))
}
