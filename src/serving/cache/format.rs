//! The layout of a version's cache file.
//!
//! A file consists of a header of [`HEADER`] bytes, sections at multiples of [`ALIGNMENT`], and the directory. Numbers
//! are in native byte order, since a file never leaves its server. The header holds the offset and checksum of the
//! directory, which ends the file; the directory holds the offset and checksum of every section.

use bytemuck::{Pod, Zeroable, bytes_of, cast};
use segrec_engine::interactions::IdKind;
use segrec_engine::scorers::sections::{Decoded, SectionKind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Magic bytes; the last one is the format version, which must be raised with every change of the layout.
const MAGIC: [u8; 8] = *b"segrec\0\x06";
/// The size of the header in bytes.
pub const HEADER: usize = size_of::<Header>();
/// The alignment of sections, one cache line.
pub const ALIGNMENT: u64 = 64;

/// The header.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Header {
    magic: [u8; 8],
    /// The offset of the directory.
    offset: u64,
    /// The length of the directory in bytes.
    length: u64,
    /// The CRC-32 of the directory.
    checksum: u32,
    /// The CRC-32 of the preceding header fields.
    own_checksum: u32,
}

impl Header {
    fn sum(&self) -> u32 {
        crc32fast::hash(&bytes_of(self)[..HEADER - size_of::<u32>()])
    }
}

/// The location of a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The offset in the file.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The CRC-32 of the section.
    pub checksum: u32,
}

/// The locations of all sections of a version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Directory {
    /// The key of the version.
    pub version_id: i64,
    /// The type of the item ids.
    pub kind: IdKind,
    /// The number of factors.
    pub factors: u64,
    /// The sorted item ids: i64, 16 bytes each, or concatenated UTF-8.
    pub ids: Section,
    /// The end of each text id (u64).
    pub ends: Section,
    /// The number of each of the sorted ids, and the place of each number among them (u32); empty if these are the same.
    pub numbers: [Section; 2],
    /// The withdrawn items, ascending (u32).
    pub withdrawn: Section,
    /// The items, most popular first.
    pub popular: PopularSections,
    pub backbone: FactorSections,
    /// The scorers' sections besides factors.
    pub scorers: Vec<ScorerSection>,
    /// The part of the fold-in system that all users share: k × k f32; empty if nothing is folded in.
    pub base: Section,
    /// The sections of each segment, ordered by segment id.
    pub segments: Vec<SegmentSections>,
}

/// A stored section of a scorer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScorerSection {
    pub scorer: String,
    /// The name within the scorer.
    pub name: String,
    pub kind: SectionKind,
    /// The locations of its parts. A sparse section has three: the word at which each item's row begins (u64), the
    /// number of entries of each row (u32), and the rows, each with its items (u32, ascending) followed by their
    /// weights (f32). A dense section has its rows (f32), an opaque one its bytes.
    pub parts: Vec<Section>,
    /// What the scorer decoded an opaque section to.
    #[serde(skip)]
    pub decoded: Arc<Decoded>,
}

/// The sections of item factors.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct FactorSections {
    /// The exact factors, items × k f32.
    pub exact: Section,
    /// The codes, items × k i8.
    pub codes: Section,
    /// The scale and the length of each row (2 f32).
    pub measures: Section,
}

/// Items ordered by popularity.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct PopularSections {
    /// The items (u32).
    pub items: Section,
    /// The popularity of each item (f32).
    pub values: Section,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct SegmentSections {
    /// The segment's items (u32), ascending.
    pub items: Section,
    /// Its own factors; empty if it has none.
    pub factors: FactorSections,
    /// As [`Directory::base`], for the segment's own factors.
    pub base: Section,
    /// Its items by popularity.
    pub popular: PopularSections,
    /// How many of its users chose each of its items lately (f32); empty if lists of segments do not depend on that.
    pub recent: Section,
}

impl Directory {
    /// Encodes the directory to be written at `offset`, and the header of the file.
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

    /// Decodes the directory of a file, or says what is wrong with the file.
    pub fn decode(file: &[u8]) -> Result<Self, &'static str> {
        let (header, _) = file.split_first_chunk::<HEADER>().ok_or("it ends within its header")?;
        let header: Header = cast(*header);
        if header.magic != MAGIC {
            return Err("it has another format");
        }
        if header.own_checksum != header.sum() {
            return Err("its header does not match the checksum");
        }
        if header.offset.checked_add(header.length) != Some(file.len() as u64) {
            return Err("it has another length");
        }
        let bytes = &file[header.offset as usize..];
        if header.checksum != crc32fast::hash(bytes) {
            return Err("its directory does not match the checksum");
        }
        postcard::from_bytes(bytes).map_err(|_| "its directory cannot be read")
    }
}
