//! One column of a table of items as a block of columns. A row of a block has length one, or zero if the item has no
//! value: nothing is known about it then, which must not make it similar to others of which nothing is known.

use super::dense::write_centred;
use crate::error::Result;
use crate::features::half_rows::HalfRows;
use crate::features::table::{Cell, Column, ColumnKind, MOST_CATEGORIES, MOST_DISTINCT, Values};
use crate::features::{SparseVectors, quantile_edges};
use crate::observer::Observer;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Rows between two checks for cancellation.
const ROWS: usize = 1_024;
/// A term of only one item says nothing about another.
const LEAST_ITEMS: usize = 2;

/// A column as a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Block {
    pub name: String,
    pub kind: ColumnKind,
    /// w_b, the share of the block in the squared length of z.
    pub weight: f64,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// One column for false, one for true.
    Boolean,
    /// One column per level or category, sorted by name.
    Categories { names: Vec<String> },
    /// One column per quantile bin.
    Bins { edges: Vec<f64> },
    /// One column per term, sorted by name: (1 + ln tf)·idf.
    Terms { names: Vec<String>, idf: Vec<f32> },
    /// One column per place at which two items have a number, ascending. The mean would not be sparse, so it stays.
    Sparse { dimensions: usize, places: Vec<u32> },
    /// The vector less the mean of all items.
    Vector { mean: Vec<f64> },
}

/// A block, or why the column cannot be one, worded as the end of a sentence.
pub(super) type Learned = std::result::Result<Block, String>;

impl Block {
    /// Learns a block of weight 1 from all rows of a column.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn fit(column: &Column, observer: &dyn Observer) -> Result<Learned> {
        observer.check()?;
        if column.has_too_many_levels() {
            let most = if column.kind() == ColumnKind::Category { MOST_DISTINCT } else { MOST_CATEGORIES };
            return Ok(Err(format!("has more than {most} distinct values, which suggests ids")));
        }
        let rows = column.rows();
        if (0..rows).all(|row| column.cell(row) == Cell::Null) {
            return Ok(Err("is null in every row".to_owned()));
        }
        let form = match &column.values {
            Values::Boolean(_) => Form::Boolean,
            Values::Category { codes, levels } => {
                let mut met = vec![false; levels.len()];
                codes.iter().filter_map(|&code| met.get_mut(code as usize).map(|met| *met = true)).count();
                Form::Categories { names: named(levels, |level| met[level]) }
            }
            Values::Categories(terms) => Form::Categories { names: terms.names().to_vec() },
            Values::Number(_) | Values::Moment(_) => {
                let mut values: Vec<f64> = (0..rows).filter_map(|row| number(column.cell(row))).collect();
                crate::sorting::sort_by(&mut values, &f64::total_cmp, observer)?;
                let edges = quantile_edges(&values);
                if edges.is_empty() {
                    return Ok(Err("has the lowest value in nine tenths of the rows".to_owned()));
                }
                Form::Bins { edges }
            }
            Values::Text(terms) => {
                let Some(form) = Form::terms(column, terms.names(), observer)? else {
                    return Ok(Err("has no word that two items share".to_owned()));
                };
                form
            }
            Values::SparseVector(vectors) => {
                let Some(form) = Form::sparse(vectors, observer)? else {
                    return Ok(Err("has no number at a place that two items share".to_owned()));
                };
                form
            }
            Values::Vector { dimensions, .. } => Form::mean(column, *dimensions, observer)?,
            Values::Halves(rows) => Form::mean(column, rows.columns(), observer)?,
        };
        let block = Self { name: column.name.clone(), kind: column.kind(), weight: 1.0, form };
        Ok(if block.varies(column, observer)? {
            Ok(block)
        } else {
            Err("is the same in every row".to_owned())
        })
    }

    /// Whether the block has another row than its first. A vector that is the mean has no direction, so that rows of
    /// zeros only are the same too.
    fn varies(&self, column: &Column, observer: &dyn Observer) -> Result<bool> {
        let mean = self.mean();
        let encoded = |row| -> Result<_> {
            let (mut sparse, mut dense) = (Vec::new(), vec![0.0; mean.len()]);
            let cell = column.cell(row);
            self.write(cell, 1.0, 0, &mut sparse);
            let factor = inverse(self.centred(cell, &mean, &mut dense)?);
            dense.iter_mut().for_each(|x| *x *= factor as f32);
            Ok((sparse, dense))
        };
        let first = encoded(0)?;
        for row in 1..column.rows() {
            if row.is_multiple_of(ROWS) {
                observer.check()?;
            }
            if encoded(row)? != first {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The mean of vectors; empty for other columns.
    pub fn mean(&self) -> Arc<[f32]> {
        match &self.form {
            Form::Vector { mean } => mean.iter().map(|&x| x as f32).collect(),
            _ => Arc::default(),
        }
    }

    /// Writes a vector less the mean, and returns its length. That of a cell without a direction, such as a null, is 0.
    ///
    /// # Errors
    /// [`crate::EngineError::NoMemory`].
    pub fn centred(&self, cell: Cell<'_>, mean: &[f32], to: &mut [f32]) -> Result<f64> {
        let rounded;
        let vector = match cell {
            Cell::Halves(vector) => Some(vector),
            Cell::Vector(vector) if vector.len() == mean.len() => {
                rounded = HalfRows::of(vector)?;
                rounded.row(0)
            }
            _ => None,
        };
        let vector = vector.filter(|vector| vector.columns() == mean.len() && !vector.is_zero());
        let Some(vector) = vector else {
            to.fill(0.0);
            return Ok(0.0);
        };
        write_centred(vector, mean, to);
        let length = to.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        Ok(if length.is_finite() { length } else { 0.0 })
    }

    /// The number of columns if these are sparse, otherwise 0.
    pub fn sparse_columns(&self) -> usize {
        match &self.form {
            Form::Boolean => 2,
            Form::Categories { names } | Form::Terms { names, .. } => names.len(),
            Form::Bins { edges } => edges.len() + 1,
            Form::Sparse { places, .. } => places.len(),
            Form::Vector { .. } => 0,
        }
    }

    /// The number of columns if these are dense, otherwise 0.
    pub fn dense_columns(&self) -> usize {
        if let Form::Vector { mean } = &self.form { mean.len() } else { 0 }
    }

    /// The number of dimensions of the vectors that the block takes, dense or sparse; 0 if it takes none.
    pub fn dimensions(&self) -> usize {
        if let Form::Sparse { dimensions, .. } = self.form { dimensions } else { self.dense_columns() }
    }

    /// What the block takes, for errors.
    pub fn takes(&self) -> String {
        self.kind.takes_of(self.dimensions())
    }

    /// Whether a column has the kind, and the number of dimensions, that was learned from.
    pub fn fits(&self, column: &Column) -> bool {
        let fits_or_null = |dimensions: usize| {
            dimensions == self.dense_columns() || (0..column.rows()).all(|row| column.cell(row) == Cell::Null)
        };
        let fits = match &column.values {
            // A column without any vector has one dimension.
            Values::Vector { dimensions, .. } => fits_or_null(*dimensions),
            Values::Halves(rows) => fits_or_null(rows.columns()),
            Values::SparseVector(vectors) => {
                vectors.dimensions() == self.dimensions() || vectors.dimensions() == 0
            }
            _ => true,
        };
        fits && column.kind() == self.kind
    }

    /// Encodes a cell of sparse columns with the given length: appends them to `sparse`, from the number `first` on and
    /// ascending. A cell of another kind is null.
    pub fn write(&self, cell: Cell<'_>, length: f64, first: u32, sparse: &mut Vec<(u32, f32)>) {
        let start = sparse.len();
        let mut one = |place: usize| sparse.push((first + place as u32, length as f32));
        match (&self.form, cell) {
            (Form::Boolean, Cell::Boolean(value)) => one(usize::from(value)),
            (Form::Categories { names }, Cell::Text(level)) => {
                if let Some(place) = find(names, level) {
                    one(place);
                }
            }
            (Form::Bins { edges }, cell) => {
                if let Some(value) = number(cell) {
                    one(edges.partition_point(|&edge| edge <= value));
                }
            }
            (Form::Categories { names }, Cell::Terms(terms)) => {
                let known = terms.iter().filter_map(|(name, _)| find(names, name));
                sparse.extend(known.map(|place| (first + place as u32, 1.0)));
                unit(&mut sparse[start..], length);
            }
            (Form::Terms { names, idf }, Cell::Terms(terms)) => {
                sparse.extend(terms.iter().filter_map(|(name, count)| {
                    let place = find(names, name)?;
                    let weight = (1.0 + f64::from(count).ln()) * f64::from(idf[place]);
                    Some((first + place as u32, weight as f32))
                }));
                unit(&mut sparse[start..], length);
            }
            (Form::Sparse { dimensions, places }, Cell::SparseVector(vector))
                if vector.dimensions == *dimensions =>
            {
                let numbers = vector.places.iter().zip(vector.values);
                sparse.extend(numbers.filter_map(|(number, &value)| {
                    places.binary_search(number).ok().map(|place| (first + place as u32, value))
                }));
                unit(&mut sparse[start..], length);
            }
            _ => {}
        }
    }
}

impl Form {
    /// Terms of at least two items, with the smoothed idf ln((1 + n)/(1 + n_t)) + 1 of a term in n_t of n items.
    fn terms(column: &Column, names: &[String], observer: &dyn Observer) -> Result<Option<Self>> {
        let mut items = vec![0usize; names.len()];
        let rows = column.rows();
        for row in 0..rows {
            if row.is_multiple_of(ROWS) {
                observer.check()?;
            }
            if let Cell::Terms(terms) = column.cell(row) {
                for (name, _) in terms.iter() {
                    if let Some(place) = find(names, name) {
                        items[place] += 1;
                    }
                }
            }
        }
        let idf = items.iter().filter(|&&items| items >= LEAST_ITEMS);
        let idf = idf.map(|&items| (((1 + rows) as f64 / (1 + items) as f64).ln() + 1.0) as f32).collect();
        let names = named(names, |term| items[term] >= LEAST_ITEMS);
        Ok((!names.is_empty()).then_some(Self::Terms { names, idf }))
    }

    /// Places at which at least two items have a number.
    fn sparse(vectors: &SparseVectors, observer: &dyn Observer) -> Result<Option<Self>> {
        let mut places = vectors.places().to_vec();
        crate::sorting::sort_by(&mut places, &u32::cmp, observer)?;
        let shared = places.chunk_by(|a, b| a == b).filter(|items| items.len() >= LEAST_ITEMS);
        let places: Vec<u32> = shared.map(|items| items[0]).collect();
        Ok((!places.is_empty()).then_some(Self::Sparse { dimensions: vectors.dimensions(), places }))
    }

    /// Sums differences to the first vector, so that the mean of equal vectors is exactly this vector.
    fn mean(column: &Column, dimensions: usize, observer: &dyn Observer) -> Result<Self> {
        let mut sums = vec![0.0f64; dimensions];
        let (mut origin, mut count, mut own) = (None::<Vec<f32>>, 0.0f64, vec![0.0f32; dimensions]);
        for row in 0..column.rows() {
            if row.is_multiple_of(ROWS) {
                observer.check()?;
            }
            match column.cell(row) {
                Cell::Vector(vector) => own.copy_from_slice(vector),
                Cell::Halves(vector) => vector.read(&mut own),
                _ => continue,
            }
            if own.iter().any(|&x| x != 0.0) {
                let origin = origin.get_or_insert_with(|| own.clone());
                count += 1.0;
                for ((sum, &x), &origin) in sums.iter_mut().zip(&own).zip(origin.iter()) {
                    *sum += f64::from(x) - f64::from(origin);
                }
            }
        }
        for (sum, origin) in sums.iter_mut().zip(origin.unwrap_or_default()) {
            *sum = *sum / count.max(1.0) + f64::from(origin);
        }
        Ok(Self::Vector { mean: sums })
    }
}

/// 1/length, or 0 for a length of 0.
pub(super) fn inverse(length: f64) -> f64 {
    if length > 0.0 { 1.0 / length } else { 0.0 }
}

fn number(cell: Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Number(value) => Some(value),
        Cell::Moment(moment) => Some(moment as f64),
        Cell::Null
        | Cell::Boolean(_)
        | Cell::Text(_)
        | Cell::Vector(_)
        | Cell::Halves(_)
        | Cell::SparseVector(_)
        | Cell::Terms(_) => None,
    }
}

fn named(names: &[String], keep: impl Fn(usize) -> bool) -> Vec<String> {
    names.iter().enumerate().filter(|(place, _)| keep(*place)).map(|(_, name)| name.clone()).collect()
}

fn find(sorted: &[String], name: &str) -> Option<usize> {
    sorted.binary_search_by(|known| known.as_str().cmp(name)).ok()
}

/// Orders entries by column and scales them to a length; those of a new row may come in any order, and repeatedly.
fn unit(entries: &mut [(u32, f32)], length: f64) {
    entries.sort_unstable_by_key(|entry| entry.0);
    let norm = entries.iter().map(|entry| f64::from(entry.1).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 {
        entries.iter_mut().for_each(|entry| entry.1 = (f64::from(entry.1) * (length / norm)) as f32);
    }
}
