//! What stands where in the file of a version.
//!
//! A header of [`HEADER`] bytes, sections at multiples of [`ALIGNMENT`], the directory. Numbers are as the
//! machine has them, since a file never leaves its server. The header names the place and the checksum of the
//! directory, which ends the file; the directory names the place and the checksum of every section.

use bytemuck::{Pod, Zeroable, bytes_of, cast};
use segrec_engine::interactions::IdKind;
use segrec_engine::scorers::sections::SectionKind;
use serde::{Deserialize, Serialize};

/// What a file begins with; the last byte is the format, to be raised when it changes.
const MAGIC: [u8; 8] = *b"segrec\0\x03";
/// Bytes of the header.
pub const HEADER: usize = size_of::<Header>();
/// Sections begin at multiples of this: a line of the processor's cache.
pub const ALIGNMENT: u64 = 64;

/// What a file begins with.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Header {
    magic: [u8; 8],
    /// Where the directory begins.
    offset: u64,
    /// The bytes of the directory.
    length: u64,
    /// The CRC-32 of these.
    checksum: u32,
    /// The CRC-32 of all that stands before it.
    own_checksum: u32,
}

impl Header {
    fn sum(&self) -> u32 {
        crc32fast::hash(&bytes_of(self)[..HEADER - size_of::<u32>()])
    }
}

/// A part of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Where it begins.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The CRC-32 of these.
    pub checksum: u32,
}

/// All sections of a version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Directory {
    /// The version's key.
    pub version_id: i64,
    /// The kind of the items' ids.
    pub kind: IdKind,
    /// Columns of factors.
    pub factors: u64,
    /// The ids of items in their own order: i64, 16 bytes, or UTF-8 one after the other.
    pub ids: Section,
    /// Where each id of text ends (u64).
    pub ends: Section,
    /// Items, the most popular first.
    pub popular: PopularSections,
    pub backbone: FactorSections,
    /// What its scorers are stored as besides factors.
    pub scorers: Vec<ScorerSection>,
    /// The part of the fold-in's system that all users share: k × k f32; empty where nothing is folded in.
    pub base: Section,
    /// Of each segment, in the order of their ids.
    pub segments: Vec<SegmentSections>,
}

/// A section of a scorer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScorerSection {
    pub scorer: String,
    /// Its name within the scorer.
    pub name: String,
    pub kind: SectionKind,
    /// Columns of a dense one.
    pub columns: u64,
    /// Where it lies. Of a sparse one three parts: of each item the word at which its row begins (u64), of each the number
    /// of its entries (u32), and the rows: the numbers of items (u32, ascending), then their weights (f32). Of a dense one
    /// rows (f32), of an opaque one bytes.
    pub parts: Vec<Section>,
}

/// Factors of items.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct FactorSections {
    /// As they are: items × k f32.
    pub exact: Section,
    /// As codes: items × k i8.
    pub codes: Section,
    /// The scale of each row of codes and the row's length (2 f32).
    pub measures: Section,
}

/// Items by popularity.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct PopularSections {
    /// The items (u32).
    pub items: Section,
    /// How popular each is (f32).
    pub values: Section,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct SegmentSections {
    /// Its items (u32), ascending.
    pub items: Section,
    /// Their own factors; empty where it has none.
    pub factors: FactorSections,
    /// As [`Directory::base`], against these.
    pub base: Section,
    /// Its items by popularity.
    pub popular: PopularSections,
}

impl Directory {
    /// The header of a file that ends with this directory, and the directory's bytes.
    pub fn encode(&self, offset: u64) -> Result<([u8; HEADER], Vec<u8>), String> {
        let bytes = postcard::to_stdvec(self).map_err(|error| error.to_string())?;
        let header = Header {
            magic: MAGIC,
            offset,
            length: bytes.len() as u64,
            checksum: crc32fast::hash(&bytes),
            own_checksum: 0,
        };
        Ok((cast(Header { own_checksum: header.sum(), ..header }), bytes))
    }

    /// The directory of a file, or what is wrong with the file.
    pub fn decode(file: &[u8]) -> Result<Self, &'static str> {
        let (header, _) = file.split_first_chunk::<HEADER>().ok_or("it ends within its header")?;
        let header: Header = cast(*header);
        if header.magic != MAGIC {
            return Err("it has another format");
        }
        if header.own_checksum != header.sum() {
            return Err("its header is not what was written");
        }
        if header.offset.checked_add(header.length) != Some(file.len() as u64) {
            return Err("it has another length");
        }
        let bytes = &file[header.offset as usize..];
        if header.checksum != crc32fast::hash(bytes) {
            return Err("its directory is not what was written");
        }
        postcard::from_bytes(bytes).map_err(|_| "its directory cannot be read")
    }
}
