//! Writes a version's cache file from its tables. Rows are streamed through write buffers of a megabyte. Held in memory
//! are the id, popularity and neighbour offset of every item, and the codes of one segment.

use super::format::{
    ALIGNMENT, Directory, FactorSections, HEADER, PopularSections, ScorerSection, Section, SegmentSections,
};
use crate::catalog::versions::items::{
    StoredItem, StoredSegmentItem, count_items, stream_items, stream_segment_items,
};
use crate::catalog::versions::sections::{self, ListedSection, stream_rows};
use crate::catalog::versions::{DeployedVersion, item_grams};
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::push_id;
use crate::pg::files::shared_file::Mapped;
use crate::pg::process::memory::ask;
use bytemuck::{NoUninit, cast_slice};
use segrec_engine::interactions::{IdKind, Ids};
use segrec_engine::options::Algorithm;
use segrec_engine::scorers::factors::coded::encode;
use segrec_engine::scorers::factors::{AlsOptions, FoldIn};
use segrec_engine::scorers::popularity::Popularity;
use segrec_engine::scorers::sections::SectionKind;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Bytes held per item besides its id: its popularity, twice while it is sorted; its measures; the offset of its
/// neighbours; and its id, both as text and encoded.
const ITEM_BYTES: usize = 128;
/// The size of a write buffer in bytes.
const BUFFER: usize = 1 << 20;

/// Writes the file of a version; false if rows of its scorers are missing.
pub fn write(
    file: &File,
    version_id: i64,
    kind: IdKind,
    stored: &DeployedVersion,
    path: &Path,
) -> Result<bool> {
    let k = stored.decided.als.factors;
    let mut writer = Writer { file, path, end: (HEADER as u64).next_multiple_of(ALIGNMENT) };
    let items = count_items(version_id)?;
    ask("the cache file of a version", items as usize * ITEM_BYTES)?;
    let Items { ids, popularity, withdrawn, backbone } =
        write_items(&mut writer, version_id, kind, items, k)?;
    let is_listed = |item: &u32| withdrawn.binary_search(item).is_err();
    let grams = item_grams(version_id)?;
    let base = |gram: &[f64]| match gram.len() == k * k && stored.decided.algorithm != Algorithm::Rating {
        true => FoldIn::base(gram, AlsOptions { factors: k, ..stored.decided.als }),
        false => Vec::new(),
    };
    let mut directory = Directory {
        version_id,
        kind,
        factors: k as u64,
        ids: Section::default(),
        ends: Section::default(),
        numbers: <[Section; 2]>::default(),
        withdrawn: writer.section(&withdrawn)?,
        popular: {
            let scores = (0..).zip(popularity.iter().copied()).filter(|(item, _)| is_listed(item));
            writer.popularity(&Popularity::new(scores))?
        },
        backbone,
        scorers: Vec::new(),
        base: writer.section(&base(&grams.backbone))?,
        segments: Vec::with_capacity(stored.segments.len()),
    };
    write_ids(&mut writer, ids, &mut directory)?;
    for listed in sections::list(version_id)? {
        let Some(parts) = write_section(&mut writer, version_id, items as usize, &listed)? else {
            return Ok(false);
        };
        let ListedSection { scorer, name, kind, .. } = listed;
        directory.scorers.push(ScorerSection { scorer, name, kind, parts, decoded: Arc::default() });
    }
    for (segment, gram) in stored.segments.iter().zip(grams.segments) {
        let own_base = gram.filter(|_| segment.own_factors).map_or_else(Vec::new, |gram| base(&gram));
        let exact = !own_base.is_empty();
        // Rows normally arrive in the order of items, in which a training writes them, but that is not guaranteed.
        let mut rows = segment_rows(&writer, version_id, segment.id, exact, false)?;
        if !rows.items.is_sorted() {
            rows = segment_rows(&writer, version_id, segment.id, exact, true)?;
        }
        let factors = FactorSections {
            exact: writer.appended(rows.exact)?,
            codes: writer.section(&rows.codes)?,
            measures: writer.section(&rows.measures)?,
        };
        let (users, all) = (segment.users as usize, stored.users as usize);
        let (listed, own): (Vec<u32>, Vec<f32>) = rows
            .items
            .iter()
            .zip(&rows.popularity)
            .filter(|(item, _)| is_listed(item))
            .map(|(&item, &own)| (item, own))
            .unzip();
        let popular = Popularity::of_segment(&listed, &own, users, &popularity, all);
        directory.segments.push(SegmentSections {
            items: writer.section(&rows.items)?,
            factors,
            base: writer.section(&own_base)?,
            popular: writer.popularity(&popular)?,
            recent: writer.section(&rows.recent)?,
        });
    }
    writer.finish(directory)?;
    Ok(true)
}

/// The items of a segment. Their exact factors are already written past the end of the file; the rest is in memory.
struct SegmentRows {
    items: Vec<u32>,
    popularity: Vec<f32>,
    /// Empty unless every item has a count.
    recent: Vec<f32>,
    exact: Appended,
    codes: Vec<i8>,
    measures: Vec<[f32; 2]>,
}

fn segment_rows(
    writer: &Writer<'_>,
    version_id: i64,
    segment: i32,
    exact: bool,
    sorted: bool,
) -> Result<SegmentRows> {
    let mut rows = SegmentRows {
        items: Vec::new(),
        popularity: Vec::new(),
        recent: Vec::new(),
        exact: Appended::new(writer.end),
        codes: Vec::new(),
        measures: Vec::new(),
    };
    stream_segment_items(version_id, segment, sorted, &mut |stored| {
        let StoredSegmentItem { item, popularity, recent, factors: row } = stored;
        if rows.items.len() == rows.items.capacity() {
            // All vectors may have doubled.
            let of_item =
                size_of::<(u32, f32, f32)>() + if exact { row.len() + size_of::<[f32; 2]>() } else { 0 };
            ask("the cache file of a version", 2 * (rows.items.len() + 1) * of_item)?;
        }
        rows.items.push(item);
        rows.popularity.push(popularity);
        rows.recent.extend(recent);
        if exact {
            rows.exact.push(writer, cast_slice(&row))?;
            rows.measures.push(encode(&row, &mut rows.codes));
        }
        Ok(())
    })?;
    if rows.recent.len() < rows.items.len() {
        rows.recent.clear();
    }
    Ok(rows)
}

/// The sections of items, and what is still needed to finish them.
struct Items {
    ids: Ids,
    popularity: Vec<f32>,
    /// The withdrawn items, ascending.
    withdrawn: Vec<u32>,
    backbone: FactorSections,
}

fn write_items(
    writer: &mut Writer<'_>,
    version_id: i64,
    kind: IdKind,
    items: u64,
    k: usize,
) -> Result<Items> {
    let count = items as usize;
    let exact = writer.reserve(items * 4 * k as u64);
    let codes = writer.reserve(items * k as u64);
    let (mut factor_rows, mut code_rows) = (Placed::new(exact), Placed::new(codes));
    let (mut measures, mut code) = (vec![[0.0f32; 2]; count], Vec::with_capacity(k));
    let (mut texts, mut popularity, mut seen) = (vec![String::new(); count], vec![0.0; count], 0);
    let mut withdrawn = Vec::new();
    stream_items(version_id, &mut |stored: StoredItem<'_>| {
        let item = stored.item as usize;
        if item >= count || stored.factors.len() != k {
            return Err(SegrecError::VersionDamaged {
                reason: format!("Item {item} of version {version_id} is invalid."),
            });
        }
        texts[item] = stored.id.to_owned();
        popularity[item] = stored.popularity;
        if stored.is_withdrawn {
            withdrawn.push(stored.item);
        }
        factor_rows.put(writer, item, cast_slice(&stored.factors))?;
        code.clear();
        measures[item] = encode(&stored.factors, &mut code);
        code_rows.put(writer, item, cast_slice(&code))?;
        seen += 1;
        Ok(())
    })?;
    if seen != count {
        return Err(SegrecError::VersionDamaged {
            reason: format!("Version {version_id} has {seen} of {count} items."),
        });
    }
    factor_rows.flush(writer)?;
    code_rows.flush(writer)?;
    let backbone = FactorSections { exact, codes, measures: writer.section(&measures)? };
    let mut ids = Ids::new(kind);
    if !texts.iter().all(|text| push_id(&mut ids, text)) {
        return Err(SegrecError::VersionDamaged {
            reason: format!("Version {version_id} has ids that are not of type {}.", kind.name()),
        });
    }
    withdrawn.sort_unstable();
    Ok(Items { ids, popularity, withdrawn, backbone })
}

/// Writes the parts of a scorer's section, whose rows are streamed; `None` if rows are missing.
fn write_section(
    writer: &mut Writer<'_>,
    version_id: i64,
    items: usize,
    listed: &ListedSection,
) -> Result<Option<Vec<Section>>> {
    let &ListedSection { section, kind, rows: expected, .. } = listed;
    let mut seen = 0;
    let misfit = |item| {
        let reason = format!("Item {item} of section {section} of version {version_id} is invalid.");
        Err(SegrecError::VersionDamaged { reason })
    };
    let parts = match kind {
        SectionKind::Opaque => vec![writer.section(&sections::content(version_id, section)?)?],
        SectionKind::Dense { columns } => {
            let part = writer.reserve((items * 4 * columns) as u64);
            let mut placed = Placed::new(part);
            stream_rows(version_id, section, &mut |item, _, row| {
                if item >= items || row.len() != columns {
                    return misfit(item);
                }
                seen += 1;
                placed.put(writer, item, cast_slice(&row))
            })?;
            placed.flush(writer)?;
            vec![part]
        }
        SectionKind::Sparse => {
            let (mut starts, mut lengths, mut words) = (vec![0u64; items], vec![0u32; items], 0);
            let mut rows = Appended::new(writer.end);
            stream_rows(version_id, section, &mut |item, named, weights| {
                if item >= items || named.len() != weights.len() {
                    return misfit(item);
                }
                seen += 1;
                (starts[item], lengths[item]) = (words, named.len() as u32);
                words += 2 * named.len() as u64;
                rows.push(writer, cast_slice(&named))?;
                rows.push(writer, cast_slice(&weights))
            })?;
            let words = writer.appended(rows)?;
            vec![writer.section(&starts)?, writer.section(&lengths)?, words]
        }
    };
    Ok((seen == expected).then_some(parts))
}

/// Writes the sorted ids. A training numbers items in that order; those that were added later follow.
fn write_ids(writer: &mut Writer<'_>, ids: Ids, directory: &mut Directory) -> Result<()> {
    let order = ids.order();
    let ids = match order.is_sorted() {
        true => ids,
        false => {
            let (mut sorted, mut places) = (Ids::new(ids.kind()), vec![0u32; order.len()]);
            for (place, &number) in (0..).zip(&order) {
                sorted.push(ids.get(number as usize));
                places[number as usize] = place;
            }
            directory.numbers = [writer.section(&order)?, writer.section(&places)?];
            sorted
        }
    };
    (directory.ids, directory.ends) = match ids {
        Ids::Bigint(ids) => (writer.section(&ids)?, Section::default()),
        Ids::Uuid(ids) => (writer.section(&ids)?, Section::default()),
        Ids::Text { bytes, ends } => {
            let ends: Vec<u64> = ends.into_iter().map(|end| end as u64).collect();
            (writer.section(bytes.as_bytes())?, writer.section(&ends)?)
        }
    };
    Ok(())
}

struct Writer<'a> {
    file: &'a File,
    path: &'a Path,
    end: u64,
}

impl Writer<'_> {
    fn failed(&self, error: &io::Error) -> SegrecError {
        SegrecError::CacheNotWritten { file: self.path.display().to_string(), reason: error.to_string() }
    }

    fn put(&self, bytes: &[u8], at: u64) -> Result<()> {
        self.file.write_all_at(bytes, at).map_err(|error| self.failed(&error))
    }

    /// Reserves a section of that length, to be written later.
    fn reserve(&mut self, length: u64) -> Section {
        let section = Section { offset: self.end, length, checksum: 0 };
        self.end = (self.end + length).next_multiple_of(ALIGNMENT);
        section
    }

    fn section<T: NoUninit>(&mut self, values: &[T]) -> Result<Section> {
        let bytes = cast_slice(values);
        let section = self.reserve(bytes.len() as u64);
        self.put(bytes, section.offset)?;
        Ok(section)
    }

    fn popularity(&mut self, popularity: &Popularity) -> Result<PopularSections> {
        let popular = popularity.view();
        Ok(PopularSections { items: self.section(popular.items)?, values: self.section(popular.values)? })
    }

    fn appended(&mut self, mut appended: Appended) -> Result<Section> {
        appended.flush(self)?;
        Ok(self.reserve(appended.at - appended.offset))
    }

    /// Computes the checksums of the sections from the file, and writes the directory and the header.
    fn finish(self, mut directory: Directory) -> Result<()> {
        // The directory ends the file.
        self.file.set_len(self.end).map_err(|error| self.failed(&error))?;
        let mapped = Mapped::new(self.file).map_err(|error| self.failed(&error))?;
        let sum = |section: &mut Section| {
            let range = section.offset as usize..(section.offset + section.length) as usize;
            section.checksum = crc32fast::hash(&mapped.bytes()[range]);
        };
        let Directory { ids, ends, numbers, withdrawn, popular, backbone, scorers, base, .. } =
            &mut directory;
        let popular = [&mut popular.items, &mut popular.values, withdrawn].into_iter().chain(numbers);
        let FactorSections { exact, codes, measures } = backbone;
        let of_scorers = scorers.iter_mut().flat_map(|section| &mut section.parts);
        [ids, ends, exact, codes, measures, base].into_iter().chain(popular).chain(of_scorers).for_each(sum);
        for SegmentSections { items, factors, base, popular, recent } in &mut directory.segments {
            let FactorSections { exact, codes, measures } = factors;
            let PopularSections { items: popular, values } = popular;
            [items, exact, codes, measures, base, popular, values, recent].into_iter().for_each(sum);
        }
        drop(mapped);
        let (header, bytes) = directory.encode(self.end).map_err(SegrecError::Internal)?;
        self.put(&bytes, self.end)?;
        self.put(&header, 0)
    }
}

/// A buffered writer that appends from an offset on.
struct Appended {
    offset: u64,
    at: u64,
    buffer: Vec<u8>,
}

impl Appended {
    fn new(offset: u64) -> Self {
        Self { offset, at: offset, buffer: Vec::new() }
    }

    fn push(&mut self, writer: &Writer<'_>, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER { self.flush(writer) } else { Ok(()) }
    }

    fn flush(&mut self, writer: &Writer<'_>) -> Result<()> {
        writer.put(&self.buffer, self.at)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// A buffered writer of fixed-length rows that arrive almost in order.
struct Placed {
    section: Section,
    rows: Appended,
}

impl Placed {
    fn new(section: Section) -> Self {
        Self { section, rows: Appended::new(section.offset) }
    }

    fn put(&mut self, writer: &Writer<'_>, row: usize, bytes: &[u8]) -> Result<()> {
        let place = self.section.offset + (row * bytes.len()) as u64;
        if place != self.rows.at + self.rows.buffer.len() as u64 {
            self.rows.flush(writer)?;
            self.rows.at = place;
        }
        self.rows.push(writer, bytes)
    }

    fn flush(&mut self, writer: &Writer<'_>) -> Result<()> {
        self.rows.flush(writer)
    }
}
