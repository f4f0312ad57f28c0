//! Writes the file that [`Blocklist`](super::Blocklist) reads, in one pass over hashes in order.
//!
//! Hashes lie evenly. So 512 of them in a row are spread over `512 · one_in` places between the first and the one after the
//! last, and the places are written down: another hash meets one of them once in `one_in`. What is kept in memory is a
//! block, and 16 bytes for each block before it: 32 MB for a billion.

use std::io::{self, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

use super::blocklist::{
    BLOCK, BlocklistError, END, Entry, HEADER, Header, checksum, parameter, place,
};
use super::key;

/// A filter that is being written: [`add`](Self::add) every hash in order, then [`finish`](Self::finish).
///
/// A file that was not finished begins with zeros, and is refused.
pub struct BlocklistWriter<W> {
    out: W,
    one_in: u32,
    /// The block under way.
    keys: Vec<u64>,
    index: Vec<Entry>,
    offset: u64,
    entries: u64,
    last: Option<[u8; 20]>,
}

impl<W: Write + Seek> BlocklistWriter<W> {
    /// Begins a filter that takes one in `one_in` of the passwords that are not in it for one that is, at the most. Each
    /// entry takes the logarithm of that to base 2 in bits, and two more.
    ///
    /// # Errors
    /// [`BlocklistError::Rate`] for less than 2 or more than 2³⁰; [`BlocklistError::Io`].
    pub fn new(mut out: W, one_in: u32) -> Result<Self, BlocklistError> {
        if !Header::is_rate(one_in) {
            return Err(BlocklistError::Rate);
        }
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&[0; HEADER])?;
        Ok(Self {
            out,
            one_in,
            keys: Vec::with_capacity(BLOCK),
            index: Vec::new(),
            offset: HEADER as u64,
            entries: 0,
            last: None,
        })
    }

    /// Takes in the SHA-1 of a password, which must not come before the one that was added last. The same again changes
    /// nothing.
    ///
    /// # Errors
    /// [`BlocklistError::Unsorted`], [`BlocklistError::Io`].
    pub fn add(&mut self, sha1: &[u8; 20]) -> Result<(), BlocklistError> {
        let before = self.last.replace(*sha1);
        if before.is_some_and(|before| before > *sha1) {
            self.last = before;
            return Err(BlocklistError::Unsorted);
        }
        let next = key(sha1);
        if before.is_some_and(|before| key(&before) == next) {
            return Ok(());
        }
        if self.keys.len() == BLOCK {
            self.write_block(u128::from(next))?;
        }
        self.keys.push(next);
        self.entries += 1;
        Ok(())
    }

    /// Entries so far.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Writes what is left, the index, and last of all the header, which makes it a filter.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.keys.is_empty() {
            self.write_block(END)?;
        }
        let mut sum = Sha256::new();
        for entry in &self.index {
            let bytes = entry.to_bytes();
            sum.update(bytes);
            self.out.write_all(&bytes)?;
        }
        let header = Header {
            one_in: self.one_in,
            entries: self.entries,
            index: self.offset,
        };
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header.to_bytes(sum))?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// The keys that are kept lie before `end`.
    fn write_block(&mut self, end: u128) -> io::Result<()> {
        let Some(&first) = self.keys.first() else {
            return Ok(());
        };
        let universe = self.keys.len() as u64 * u64::from(self.one_in);
        let places: Vec<u64> = self
            .keys
            .iter()
            .map(|key| place(*key, first, end, universe))
            .collect();
        let bits = super::rice::encode(&places, parameter(self.one_in));
        self.out.write_all(&checksum(first, &bits))?;
        self.out.write_all(&bits)?;
        self.index.push(Entry {
            first,
            offset: self.offset,
        });
        self.offset += 4 + bits.len() as u64;
        self.keys.clear();
        Ok(())
    }
}
