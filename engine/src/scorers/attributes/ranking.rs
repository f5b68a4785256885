//! Ranks items for users without events by their attributes: a training's result, and the same opened from the sections
//! of a version.

use super::map::{AttributeMap, centred};
use super::points::AttributePoints;
use crate::error::{EngineError, Result};
use crate::features::Table;
use crate::matrix::Rows;
use crate::ranking::{Blended, Part, Scored, Scoring};
use crate::scorers::factors::{FactorScorer, ItemFactors, ItemRows};
use crate::scorers::method::KnownUser;
use crate::scorers::sections::{NewSection, SectionKind, StoredSections};
use serde::{Deserialize, Serialize};

/// The name under which the sections are stored.
pub const SCORER: &str = "attributes";
const ENCODER: &str = "encoder";
const ROWS: &str = "rows";

/// The encoder of users, and what attributes say about every item.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeRanking {
    encoder: PointEncoder,
    map: AttributeMap,
}

/// Turns a row of users into a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PointEncoder {
    points: AttributePoints,
    mean: Vec<f32>,
}

/// The names and kinds of the sections, if rows have `columns` columns; none if these are 0.
pub fn sections(columns: usize) -> Vec<(&'static str, SectionKind)> {
    match columns {
        0 => Vec::new(),
        columns => vec![(ENCODER, SectionKind::Opaque), (ROWS, SectionKind::Dense { columns })],
    }
}

impl AttributeRanking {
    /// Joins an encoder and a map of the attributes that it encodes.
    pub fn new(points: AttributePoints, map: AttributeMap) -> Self {
        let mean = map.mean().to_vec();
        Self { encoder: PointEncoder { points, mean }, map }
    }

    /// a + 1, the number of columns of the stored rows of items.
    pub fn columns(&self) -> usize {
        self.map.rows().columns()
    }

    /// The contents to store, as (scorer, name, contents).
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn sections(&self) -> Result<Vec<(&'static str, &'static str, NewSection<'_>)>> {
        let encoder =
            postcard::to_stdvec(&self.encoder).map_err(|_| EngineError::Encoding { what: SCORER })?;
        let contents = [NewSection::Opaque(encoder), NewSection::Dense(self.map.rows())];
        let named = sections(self.columns()).into_iter().zip(contents);
        Ok(named.map(|((name, _), content)| (SCORER, name, content)).collect())
    }

    /// Borrows it as serving does.
    pub fn view(&self) -> OpenedAttributes<'_> {
        OpenedAttributes { encoder: &self.encoder, rows: self.map.rows().view() }
    }
}

/// A ranking by attributes whose rows of items are read in place.
#[derive(Clone, Copy, Debug)]
pub struct OpenedAttributes<'a> {
    encoder: &'a PointEncoder,
    rows: Rows<'a>,
}

impl<'a> OpenedAttributes<'a> {
    /// Opens stored sections.
    ///
    /// # Errors
    /// [`EngineError::Encoding`] if one is missing, or they do not match.
    pub fn open(sections: &StoredSections<'a>) -> Result<Self> {
        let encoder: &PointEncoder = sections.decoded(ENCODER, |bytes| postcard::from_bytes(bytes).ok())?;
        let rows = sections.dense(ROWS)?;
        let dimensions = encoder.points.dimensions();
        if [encoder.mean.len() + 1, rows.columns()] != [dimensions + 1; 2] {
            return Err(EngineError::Encoding { what: SCORER });
        }
        Ok(Self { encoder, rows })
    }

    /// The names of the columns of users that it reads.
    pub fn reads(&self) -> Vec<String> {
        self.encoder.points.reads()
    }

    /// The point of the only row of a table of users. A column that is missing, or of another kind than in the training,
    /// is null.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn point(&self, row: Table) -> Result<Vec<f32>> {
        centred(&self.encoder.points.encode_first(row)?, &self.encoder.mean)
    }

    /// What points are multiplied with, for many users at once.
    pub fn scoring(&self) -> Scoring<'a> {
        Scoring { item_factors: self.rows, items: None }
    }

    /// The best `n` items for a point that are not in `excluded`, chosen from `only` if it is given. Both must be
    /// ascending.
    pub fn best(&self, point: &[f32], excluded: &[u32], only: Option<&[u32]>, n: usize) -> Vec<Scored> {
        let rows = ItemRows { backbone: self.rows, own: None };
        let user = KnownUser { factors: point, ..KnownUser::default() };
        let items = ItemFactors { rows, ..ItemFactors::default() };
        let part = Part { scorer: Box::new(FactorScorer { user, items }), weight: 1.0 };
        Blended { parts: vec![part], popular: &[] }.best(excluded, only, n)
    }

    /// What popularity, and what each column of users, adds to the score of an item, the columns by name.
    pub fn contributions(&self, point: &[f32], item: u32) -> (f64, Vec<(String, f64)>) {
        let row = self.rows.row(item as usize);
        let product = |place: usize| f64::from(point[place]) * f64::from(row[place]);
        let mut columns: Vec<(String, f64)> = Vec::new();
        for (name, block) in self.encoder.points.blocks() {
            let own: f64 = block.map(product).sum();
            match columns.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += own,
                None => columns.push((name.to_owned(), own)),
            }
        }
        (product(row.len() - 1), columns)
    }
}
