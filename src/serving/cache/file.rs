//! A version's cache file, mapped into a session. Sections are verified lazily, before they are first read, so that a
//! first call pays only for what it uses: a checksum takes about a tenth of a second per gigabyte.

use super::damage::damaged;
use super::format::{Directory, FactorSections, PopularSections, ScorerSection, Section, SegmentSections};
use crate::error::{Result, SegrecError};
use crate::pg::files::shared_file::Mapped;
use bytemuck::{AnyBitPattern, try_cast_slice};
use segrec_engine::Rows;
use segrec_engine::interactions::{IdKind, NumberedIds, SortedIds, SparseView};
use segrec_engine::scorers::factors::coded::Codes;
use segrec_engine::scorers::popular_now::SegmentCounts;
use segrec_engine::scorers::popularity::Popular;
use segrec_engine::scorers::sections::{SectionKind, StoredSection, StoredSections};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A mapped cache file.
pub struct CacheFile {
    path: PathBuf,
    mapped: Mapped,
    directory: Directory,
    /// The offsets of verified sections.
    verified: RefCell<HashSet<u64>>,
}

/// Item factors, exact and quantized.
#[derive(Clone, Copy)]
pub struct MappedFactors<'a> {
    /// The exact factors.
    pub exact: Rows<'a>,
    pub codes: Codes<'a>,
}

#[derive(Clone, Copy)]
pub struct SegmentParts<'a> {
    /// The segment's items, ascending.
    pub items: &'a [u32],
    /// The segment's own factors of its items; no rows if it has none.
    pub factors: MappedFactors<'a>,
    /// The part of the fold-in system that all its users share; empty without own factors.
    pub base: &'a [f32],
    /// The segment's items by popularity.
    pub popular: Popular<'a>,
}

impl CacheFile {
    /// Maps the file of a version; `None` if it does not exist.
    pub fn open(path: &Path, version_id: i64) -> Result<Option<Self>> {
        let failed = |reason: String| SegrecError::CacheDamaged { file: path.display().to_string(), reason };
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| failed(error.to_string()))?,
        };
        let mapped = Mapped::new(&file).map_err(|error| failed(error.to_string()))?;
        let directory = Directory::decode(mapped.bytes()).map_err(|reason| failed(reason.to_owned()))?;
        if directory.version_id != version_id {
            return Err(failed("it belongs to another version".to_owned()));
        }
        let file = Self { path: path.to_owned(), mapped, directory, verified: RefCell::default() };
        // Verify now what the accessors below return without checking.
        let Directory { ids, ends, numbers: [numbers, places], withdrawn, popular, .. } = &file.directory;
        for section in [ids, ends, numbers, places, withdrawn, &popular.items, &popular.values] {
            file.verify(section)?;
        }
        Ok(Some(file))
    }

    /// Verifies all sections at once, for work that must not fail halfway.
    pub fn verify_all(&self) -> Result<()> {
        self.parts().try_for_each(|section| self.verify(section))
    }

    /// Marks all sections as verified: this process has just computed their checksums.
    pub fn written(self) -> Self {
        let offsets = self.parts().map(|section| section.offset).collect();
        Self { verified: RefCell::new(offsets), ..self }
    }

    /// The sections that are verified lazily.
    fn parts(&self) -> impl Iterator<Item = &Section> {
        let Directory { backbone, scorers, base, segments, .. } = &self.directory;
        let FactorSections { exact, codes, measures } = backbone;
        let shared = [exact, codes, measures, base];
        let of_scorers = scorers.iter().flat_map(|section| &section.parts);
        let own = segments.iter().flat_map(|segment| {
            let PopularSections { items, values } = &segment.popular;
            let FactorSections { exact, codes, measures } = &segment.factors;
            [&segment.items, exact, codes, measures, &segment.base, items, values, &segment.recent]
        });
        shared.into_iter().chain(of_scorers).chain(own)
    }

    fn verify(&self, section: &Section) -> Result<()> {
        if section.length == 0 || self.verified.borrow().contains(&section.offset) {
            return Ok(());
        }
        let reason = match self.bytes(section) {
            Some(bytes) if crc32fast::hash(bytes) == section.checksum => {
                self.verified.borrow_mut().insert(section.offset);
                return Ok(());
            }
            Some(_) => {
                format!("{} bytes at offset {} do not match the checksum", section.length, section.offset)
            }
            None => "a section is out of bounds".to_owned(),
        };
        let error = SegrecError::CacheDamaged { file: self.path.display().to_string(), reason };
        damaged(&self.path, &error);
        Err(error)
    }

    fn bytes(&self, section: &Section) -> Option<&[u8]> {
        let end = section.offset.checked_add(section.length)?;
        self.mapped.bytes().get(section.offset as usize..end as usize)
    }

    /// Reinterprets a verified section as numbers.
    fn numbers<T: AnyBitPattern>(&self, section: &Section) -> &[T] {
        self.bytes(section).and_then(|bytes| try_cast_slice(bytes).ok()).unwrap_or_default()
    }

    fn read<T: AnyBitPattern>(&self, section: &Section) -> Result<&[T]> {
        self.verify(section)?;
        Ok(self.numbers(section))
    }

    /// The ids of the items.
    pub fn ids(&self) -> NumberedIds<'_> {
        let Directory { kind, ids, ends, numbers, .. } = &self.directory;
        let sorted = match kind {
            IdKind::Bigint => SortedIds::Bigint(self.numbers(ids)),
            IdKind::Uuid => SortedIds::Uuid(self.numbers(ids)),
            IdKind::Text => SortedIds::Text { bytes: self.numbers(ids), ends: self.numbers(ends) },
        };
        NumberedIds { sorted, numbers: numbers.each_ref().map(|section| self.numbers(section)) }
    }

    /// The items that are withdrawn, ascending.
    pub fn withdrawn(&self) -> &[u32] {
        self.numbers(&self.directory.withdrawn)
    }

    /// Popularity among all users.
    pub fn popular(&self) -> Popular<'_> {
        let PopularSections { items, values } = &self.directory.popular;
        Popular { items: self.numbers(items), values: self.numbers(values) }
    }

    /// The backbone's item factors (items × k).
    pub fn backbone(&self) -> Result<MappedFactors<'_>> {
        self.factors(&self.directory.backbone)
    }

    fn factors(&self, sections: &FactorSections) -> Result<MappedFactors<'_>> {
        let k = self.directory.factors as usize;
        let exact = Rows::new(k, self.read(&sections.exact)?)?;
        match Codes::new(k, self.read(&sections.codes)?, self.read(&sections.measures)?) {
            Some(codes) => Ok(MappedFactors { exact, codes }),
            None => Err(SegrecError::VersionDamaged {
                reason: "Codes and their measures do not match.".to_owned(),
            }),
        }
    }

    /// The stored sections of a scorer, besides factors.
    pub fn sections(&self, scorer: &str) -> Result<StoredSections<'_>> {
        let of_scorer = self.directory.scorers.iter().filter(|section| section.scorer == scorer);
        let named = of_scorer.map(|own| Ok((own.name.as_str(), self.section(own)?)));
        Ok(StoredSections::new(named.collect::<Result<_>>()?))
    }

    fn section<'a>(&'a self, own: &'a ScorerSection) -> Result<StoredSection<'a>> {
        Ok(match (own.kind, &own.parts[..]) {
            (SectionKind::Sparse, [starts, lengths, words]) => StoredSection::Sparse(SparseView {
                starts: self.read(starts)?,
                lengths: self.read(lengths)?,
                words: self.read(words)?,
            }),
            (SectionKind::Dense { columns }, [rows]) => {
                StoredSection::Dense(Rows::new(columns, self.read(rows)?)?)
            }
            (SectionKind::Opaque, [bytes]) => StoredSection::Opaque(self.read(bytes)?, &own.decoded),
            _ => {
                return Err(SegrecError::VersionDamaged {
                    reason: "The parts of a section do not match its kind.".to_owned(),
                });
            }
        })
    }

    /// The part of the backbone's fold-in system that all users share.
    pub fn base(&self) -> Result<&[f32]> {
        self.read(&self.directory.base)
    }

    /// The parts of a segment, by number; `None` if there is no such segment.
    pub fn segment(&self, number: usize) -> Result<Option<SegmentParts<'_>>> {
        let Some(sections) = self.directory.segments.get(number) else {
            return Ok(None);
        };
        let PopularSections { items, values } = &sections.popular;
        Ok(Some(SegmentParts {
            items: self.read(&sections.items)?,
            factors: self.factors(&sections.factors)?,
            base: self.read(&sections.base)?,
            popular: Popular { items: self.read(items)?, values: self.read(values)? },
        }))
    }

    /// How many users of each segment chose each of its items lately, by the numbers of segments.
    pub fn recent_in_segments(&self) -> Result<Vec<SegmentCounts>> {
        let counts = |SegmentSections { items, recent, .. }: &SegmentSections| {
            let (items, recent): (&[u32], &[f32]) = (self.read(items)?, self.read(recent)?);
            let chosen = items.iter().zip(recent).filter(|(_, count)| **count > 0.0);
            let (items, counts) = chosen.map(|(&item, &count)| (item, count)).unzip();
            Ok(SegmentCounts::new(items, counts))
        };
        self.directory.segments.iter().map(counts).collect()
    }
}
