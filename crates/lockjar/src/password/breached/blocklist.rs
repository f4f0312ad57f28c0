//! A filter of breached passwords in a file: some 15 bits for each, of which a look-up reads half a kilobyte and the way
//! there.
//!
//! The file is a header, blocks of 512 hashes, and an index that has each block's first hash. Header and index are checked
//! when it is opened, a block by its own checksum when it is read. It is read by plain reads, so that a file that was put in
//! its place meanwhile is looked at after the next start.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::{Fingerprint, key, rice};
use crate::password::Password;

const MAGIC: &[u8; 8] = b"lockjarB";
const VERSION: u32 = 1;
pub(super) const HEADER: usize = 64;
/// Hashes in each block but the last.
pub(super) const BLOCK: usize = 512;
/// Bytes of a block at the most: no rate needs more.
const MAX_BLOCK: u64 = 4096;
/// What lies after the last key.
pub(super) const END: u128 = 1 << 64;
const MAX_ONE_IN: u32 = 1 << 30;

/// Why a file is no filter, or cannot be made one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlocklistError {
    /// The file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It does not begin as one does.
    #[error("it is no password blocklist: make one with `lockjar blocklist build`")]
    Foreign,
    /// It was written by a newer Lockjar.
    #[error(
        "it is a password blocklist of version {0}, which this Lockjar does not know: build it again"
    )]
    Version(u32),
    /// It is not as it was written.
    #[error("the password blocklist is cut off or damaged: build it again")]
    Damaged,
    /// A hash that comes before the one that was added last.
    #[error("the hashes are not in order")]
    Unsorted,
    /// One in less than 2, or in more than 2³⁰.
    #[error("a password blocklist may be wrong once in 2 to once in 1073741824")]
    Rate,
}

/// What the file begins with, but for its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) one_in: u32,
    pub(super) entries: u64,
    /// Where the index begins.
    pub(super) index: u64,
}

impl Header {
    pub(super) const fn is_rate(one_in: u32) -> bool {
        one_in >= 2 && one_in <= MAX_ONE_IN
    }

    const fn blocks(&self) -> u64 {
        self.entries.div_ceil(BLOCK as u64)
    }

    fn fields(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.one_in.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.entries.to_le_bytes());
        bytes[24..].copy_from_slice(&self.index.to_le_bytes());
        bytes
    }

    /// With the checksum of the index and then of these fields.
    pub(super) fn to_bytes(self, mut index: Sha256) -> [u8; HEADER] {
        let fields = self.fields();
        index.update(fields);
        let mut bytes = [0; HEADER];
        bytes[..32].copy_from_slice(&fields);
        bytes[32..].copy_from_slice(&index.finalize());
        bytes
    }

    fn parse(bytes: &[u8; HEADER]) -> Result<Self, BlocklistError> {
        if !bytes.starts_with(MAGIC) {
            return Err(BlocklistError::Foreign);
        }
        match u32_at(bytes, 8) {
            VERSION => {}
            other => return Err(BlocklistError::Version(other)),
        }
        let header = Self {
            one_in: u32_at(bytes, 12),
            entries: u64_at(bytes, 16),
            index: u64_at(bytes, 24),
        };
        match Self::is_rate(header.one_in) {
            true => Ok(header),
            false => Err(BlocklistError::Damaged),
        }
    }
}

/// Where a block begins, by its first key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) first: u64,
    pub(super) offset: u64,
}

impl Entry {
    const BYTES: usize = 16;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.first.to_le_bytes());
        bytes[8..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }
}

/// Which of `universe` places between `first` and `end` a key has.
pub(super) fn place(key: u64, first: u64, end: u128, universe: u64) -> u64 {
    let (from, to) = (u128::from(key - first), end - u128::from(first));
    // Smaller than `universe`, as `key` is before `end`.
    u64::try_from(from * u128::from(universe) / to).unwrap_or(u64::MAX)
}

/// The length of remainders that makes the codes shortest: the steps are `one_in` on average.
pub(super) const fn parameter(one_in: u32) -> u32 {
    // A half of the steps are shorter than seven tenths of the average.
    let half = one_in as u64 * 7 / 10;
    if half > 1 { half.ilog2() } else { 0 }
}

pub(super) fn checksum(first: u64, bits: &[u8]) -> [u8; 4] {
    let mut sum = Sha256::new();
    sum.update(first.to_le_bytes());
    sum.update(bits);
    let [a, b, c, d, ..] = <[u8; 32]>::from(sum.finalize());
    [a, b, c, d]
}

trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// Breached passwords in a file that [`BlocklistWriter`](super::BlocklistWriter) has written. Every password that was
/// written to it is found; of others, one in [`one_in`](Self::one_in) is taken for one of them. Cheap to clone.
#[derive(Clone)]
pub struct Blocklist {
    source: Arc<Mutex<dyn Source>>,
    header: Header,
}

impl Blocklist {
    /// Opens a file, and keeps it open.
    ///
    /// # Errors
    /// Where it is no blocklist, or not as long as it was written, or its header or index was changed.
    pub fn open(path: &Path) -> Result<Self, BlocklistError> {
        Self::read(File::open(path)?)
    }

    /// The same of anything that is read like a file.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn read(mut source: impl Read + Seek + Send + 'static) -> Result<Self, BlocklistError> {
        let length = source.seek(SeekFrom::End(0))?;
        let mut bytes = [0; HEADER];
        source.seek(SeekFrom::Start(0))?;
        source.read_exact(&mut bytes).map_err(cut_off)?;
        let header = Header::parse(&bytes)?;
        let index_bytes = header.blocks().checked_mul(Entry::BYTES as u64);
        let end = index_bytes.and_then(|bytes| header.index.checked_add(bytes));
        if end != Some(length) || header.index < HEADER as u64 {
            return Err(BlocklistError::Damaged);
        }
        if header.to_bytes(sum_of_index(&mut source, header.index)?) != bytes {
            return Err(BlocklistError::Damaged);
        }
        let source = Arc::new(Mutex::new(source));
        Ok(Self { source, header })
    }

    /// How many passwords it holds.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.header.entries
    }

    /// How many passwords that are not in it there are to one that is taken for one that is.
    #[must_use]
    pub const fn one_in(&self) -> u32 {
        self.header.one_in
    }

    /// Whether the password is in it. This reads the file, some twenty times for a billion entries, so it is not for
    /// threads that answer requests.
    ///
    /// # Errors
    /// Where the file cannot be read, or the block that was read is damaged.
    pub fn contains(&self, password: &Password) -> io::Result<bool> {
        self.contains_key(key(&Fingerprint::of(password).0))
    }

    pub(super) fn contains_key(&self, key: u64) -> io::Result<bool> {
        let Some(number) = self.block_of(key)? else {
            return Ok(false);
        };
        let entry = self.entry(number)?;
        let last = number + 1 == self.header.blocks();
        let (count, end, end_offset) = match last {
            true => {
                let count = self.header.entries - number * BLOCK as u64;
                (count, END, self.header.index)
            }
            false => {
                let next = self.entry(number + 1)?;
                (BLOCK as u64, u128::from(next.first), next.offset)
            }
        };
        if key < entry.first || end <= u128::from(key) {
            return Err(damaged());
        }
        let bits = self.block(entry, end_offset)?;
        let universe = count * u64::from(self.header.one_in);
        let place = place(key, entry.first, end, universe);
        rice::contains(&bits, count, parameter(self.header.one_in), place).ok_or_else(damaged)
    }

    /// The last block that begins at the key or before it.
    fn block_of(&self, key: u64) -> io::Result<Option<u64>> {
        let (mut low, mut high) = (0, self.header.blocks());
        while low < high {
            let middle = low.midpoint(high);
            match self.entry(middle)?.first <= key {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low.checked_sub(1))
    }

    fn entry(&self, number: u64) -> io::Result<Entry> {
        let mut bytes = [0; Entry::BYTES];
        let at = self.header.index + number * Entry::BYTES as u64;
        self.read_at(at, &mut bytes)?;
        Ok(Entry {
            first: u64_at(&bytes, 0),
            offset: u64_at(&bytes, 8),
        })
    }

    /// A block's bits, as they were written.
    fn block(&self, entry: Entry, end: u64) -> io::Result<Vec<u8>> {
        let length = end.checked_sub(entry.offset).ok_or_else(damaged)?;
        if !(4..=MAX_BLOCK).contains(&length) {
            return Err(damaged());
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged())?];
        self.read_at(entry.offset, &mut bytes)?;
        let bits = bytes.split_off(4);
        match bytes == checksum(entry.first, &bits) {
            true => Ok(bits),
            false => Err(damaged()),
        }
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.seek(SeekFrom::Start(offset))?;
        source.read_exact(bytes)
    }
}

impl std::fmt::Debug for Blocklist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blocklist({} entries)", self.header.entries)
    }
}

fn sum_of_index(source: &mut (impl Read + Seek), at: u64) -> io::Result<Sha256> {
    source.seek(SeekFrom::Start(at))?;
    let (mut sum, mut bytes) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match source.read(&mut bytes)? {
            0 => return Ok(sum),
            read => sum.update(&bytes[..read]),
        }
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, BlocklistError::Damaged)
}

/// A file that ends within its header is not the fault of whoever reads it.
fn cut_off(error: io::Error) -> BlocklistError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => BlocklistError::Damaged,
        _ => error.into(),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}
