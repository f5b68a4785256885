//! Sparse vectors: the numbers of a row that are not 0, with their places. As in a compressed sparse row, these lie
//! behind each other: 8 bytes for each number.

/// The sparse vectors of a column, all of the same dimensions. A row without numbers stands for null, since neither has
/// a direction.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseVectors {
    dimensions: usize,
    starts: Vec<usize>,
    places: Vec<u32>,
    values: Vec<f32>,
}

/// A vector, of which the numbers that are not 0 are given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparseVector<'a> {
    /// The number of dimensions.
    pub dimensions: usize,
    /// The places of the numbers, from 0, ascending.
    pub places: &'a [u32],
    /// The numbers at these places.
    pub values: &'a [f32],
}

/// A vector that was read from a text.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedSparseVector {
    dimensions: usize,
    places: Vec<u32>,
    values: Vec<f32>,
}

impl Default for SparseVectors {
    fn default() -> Self {
        Self { dimensions: 0, starts: vec![0], places: Vec::new(), values: Vec::new() }
    }
}

impl SparseVectors {
    /// The number of dimensions; 0 if there is no vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of numbers in all rows.
    pub fn entries(&self) -> usize {
        self.places.len()
    }

    /// The vector of a row; `None` if it is null or there is no such row.
    pub fn row(&self, row: usize) -> Option<SparseVector<'_>> {
        let range = *self.starts.get(row)?..*self.starts.get(row + 1)?;
        let (places, values) = (self.places.get(range.clone())?, self.values.get(range)?);
        (!places.is_empty()).then_some(SparseVector { dimensions: self.dimensions, places, values })
    }

    /// The places of the numbers of all rows, one after the other.
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// Appends a vector, whose zeros are not kept; returns the dimensions of those before it if they are others.
    pub(super) fn push(&mut self, vector: SparseVector<'_>) -> Result<(), usize> {
        if self.dimensions == 0 {
            self.dimensions = vector.dimensions;
        }
        if self.dimensions != vector.dimensions {
            return Err(self.dimensions);
        }
        for (&place, &value) in vector.places.iter().zip(vector.values).filter(|(_, value)| **value != 0.0) {
            self.places.push(place);
            self.values.push(value);
        }
        self.starts.push(self.places.len());
        Ok(())
    }

    /// Appends null.
    pub(super) fn push_null(&mut self) {
        self.starts.push(self.places.len());
    }

    /// Vectors whose row i is row `rows[i]` of these, or null.
    pub(super) fn scatter(&self, rows: &[Option<u32>]) -> Self {
        let mut picked = Self { dimensions: self.dimensions, ..Self::default() };
        for row in rows {
            if let Some(vector) = row.and_then(|row| self.row(row as usize)) {
                picked.places.extend_from_slice(vector.places);
                picked.values.extend_from_slice(vector.values);
            }
            picked.starts.push(picked.places.len());
        }
        picked
    }

    /// Bytes of memory in use.
    pub(super) fn memory(&self) -> usize {
        self.starts.capacity() * 8 + self.places.capacity() * 4 + self.values.capacity() * 4
    }
}

impl ParsedSparseVector {
    /// Reads the form in which pgvector writes a `sparsevec`: `{1:0.5,7:2}/1000` has 1,000 dimensions, of which the first
    /// is 0.5, the seventh 2 and all others 0. `None` if the text has another form: places from 1, ascending. Numbers may
    /// be infinite or NaN.
    pub fn parse(text: &str) -> Option<Self> {
        let (numbers, dimensions) = text.strip_prefix('{')?.split_once("}/")?;
        let dimensions: u32 = dimensions.parse().ok().filter(|&dimensions| dimensions > 0)?;
        let mut parsed = Self { dimensions: dimensions as usize, places: Vec::new(), values: Vec::new() };
        if numbers.is_empty() {
            return Some(parsed);
        }
        for number in numbers.split(',') {
            let (place, value) = number.split_once(':')?;
            let place = place.parse::<u32>().ok()?.checked_sub(1)?;
            if place >= dimensions || parsed.places.last().is_some_and(|&last| last >= place) {
                return None;
            }
            parsed.places.push(place);
            parsed.values.push(value.parse().ok()?);
        }
        Some(parsed)
    }

    /// The vector.
    pub fn vector(&self) -> SparseVector<'_> {
        SparseVector { dimensions: self.dimensions, places: &self.places, values: &self.values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_vector_is_read_as_pgvector_writes_it_and_nothing_else_is() {
        let parsed = ParsedSparseVector::parse("{1:0.5,7:-2e-05,1000:3}/1000").unwrap();
        let (places, values) = ([0, 6, 999], [0.5, -2e-5, 3.0]);
        assert_eq!(parsed.vector(), SparseVector { dimensions: 1000, places: &places, values: &values });
        let zero = ParsedSparseVector::parse("{}/1000000000").unwrap();
        assert_eq!(zero.vector(), SparseVector { dimensions: 1_000_000_000, places: &[], values: &[] });
        assert!(ParsedSparseVector::parse("{1:NaN,2:Infinity}/2").is_some());
        for wrong in [
            "",
            "{}",
            "{}/",
            "{}/0",
            "{}/-1",
            "{}/x",
            "{1:2}",
            "1:2/3",
            "{0:1}/3",
            "{4:1}/3",
            "{2:1,1:1}/3",
            "{1:1,1:1}/3",
            "{1:}/3",
            "{:1}/3",
            "{1:a}/3",
            "{1:1,}/3",
            "{1}/3",
            "{1:1}/3 ",
            "[1,2]",
            "{}/99999999999",
        ] {
            assert_eq!(ParsedSparseVector::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rows_without_numbers_are_null_and_zeros_are_not_kept() {
        let mut vectors = SparseVectors::default();
        let push = |vectors: &mut SparseVectors, text: &str| {
            vectors.push(ParsedSparseVector::parse(text).unwrap().vector())
        };
        vectors.push_null();
        push(&mut vectors, "{2:1,3:0}/4").unwrap();
        push(&mut vectors, "{1:0}/4").unwrap();
        assert_eq!(push(&mut vectors, "{1:1}/5"), Err(4));
        assert_eq!((vectors.rows(), vectors.entries(), vectors.dimensions()), (3, 1, 4));
        let only = SparseVector { dimensions: 4, places: &[1], values: &[1.0] };
        assert_eq!(
            [vectors.row(0), vectors.row(1), vectors.row(2), vectors.row(3)],
            [None, Some(only), None, None]
        );
        let moved = vectors.scatter(&[Some(1), None, Some(9), Some(1)]);
        assert_eq!(
            [moved.row(0), moved.row(1), moved.row(2), moved.row(3)],
            [Some(only), None, None, Some(only)]
        );
        assert_eq!(moved.places(), [1, 1]);
    }
}
