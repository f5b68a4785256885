//! Selects the rows to order: all of them, or as many as there is time for.
//!
//! Of equal rows at most `copies` are ordered. If these are as many as make a core row, no distance changes: the core
//! distance of a row is the distance to a neighbour whose rank counts each point at most `copies` times, and further
//! copies would be reached at distance 0 like the last ones. A million users of twelve kinds therefore become twelve
//! times `copies` rows.

use crate::error::Result;
use crate::matrix::Matrix;
use crate::memory::filled;
use crate::observer::Observer;
use crate::seed;
use hashbrown::HashMap;
use rand::seq::index;

/// The number of rows between two checks for cancellation.
const BLOCK_ROWS: usize = 1_024;

/// The ordered rows, which stand for all rows that were drawn.
#[derive(Debug, PartialEq)]
pub(super) struct DistinctRows {
    /// The numbers of the ordered rows, ascending.
    pub ordered: Vec<u32>,
    /// The number of rows that each ordered row stands for, itself included.
    pub stands_for: Vec<usize>,
    /// For each row that was drawn, the place in `ordered` of the first row equal to it.
    pub first_equal: Vec<Option<u32>>,
    /// The number of rows that were drawn.
    pub drawn: usize,
}

impl DistinctRows {
    /// Draws rows of finite values until all are drawn or `most` have been selected.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
    pub fn draw(
        points: &Matrix,
        copies: usize,
        most: usize,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let count = points.rows();
        let order = if count <= most {
            (0..count).collect()
        } else {
            index::sample(&mut seed::random(seed, "optics sample"), count, count).into_vec()
        };
        let mut numbers: HashMap<Vec<u32>, usize> = HashMap::new();
        // For each distinct row, the numbers of those that are ordered, and how many were drawn.
        let mut equal: Vec<(Vec<u32>, usize)> = Vec::new();
        let mut distinct_of_row: Vec<Option<usize>> = filled(None, count)?;
        let (mut ordered, mut drawn, mut key) = (Vec::new(), 0, Vec::new());
        for &row in &order {
            if drawn % BLOCK_ROWS == 0 {
                observer.check()?;
            }
            key.clear();
            // Adding zero turns −0 into 0.
            key.extend(points.row(row).iter().map(|value| (value + 0.0).to_bits()));
            let known = numbers.get(key.as_slice()).copied();
            let number = known.unwrap_or(equal.len());
            if known.is_none_or(|number| equal[number].0.len() < copies) {
                if ordered.len() == most {
                    break;
                }
                ordered.push(row as u32);
            }
            if known.is_none() {
                numbers.insert(key.clone(), number);
                equal.push((Vec::new(), 0));
            }
            let (rows, all) = &mut equal[number];
            *all += 1;
            if rows.len() < copies {
                rows.push(row as u32);
            }
            distinct_of_row[row] = Some(number);
            drawn += 1;
        }
        ordered.sort_unstable();
        let mut stands_for = vec![1; ordered.len()];
        let firsts: Vec<u32> = equal
            .iter()
            .map(|(rows, all)| {
                let first = rows.iter().min().map_or(0, |first| ordered.partition_point(|row| row < first));
                stands_for[first] += all - rows.len();
                first as u32
            })
            .collect();
        let first_equal = distinct_of_row.into_iter().map(|number| Some(firsts[number?])).collect();
        Ok(Self { ordered, stands_for, first_equal, drawn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn of_equal_rows_some_stand_for_all() {
        let points = Matrix::from_data(1, vec![3.0, 0.0, 3.0, -0.0, 3.0, 3.0, 7.0]).unwrap();
        let found = DistinctRows::draw(&points, 2, 5, 1, &Silent).unwrap();
        let expected = DistinctRows {
            ordered: vec![0, 1, 2, 3, 6],
            stands_for: vec![3, 1, 1, 1, 1],
            first_equal: [0, 1, 0, 1, 0, 0, 4].map(Some).into(),
            drawn: 7,
        };
        // The draw decides which of the equal rows stand for the others.
        assert_eq!((found.ordered.len(), found.stands_for.iter().sum::<usize>(), found.drawn), (5, 7, 7));
        assert_eq!(DistinctRows::draw(&points, 2, 7, 1, &Silent).unwrap(), expected);
    }

    #[test]
    fn of_too_many_rows_a_sample_is_drawn() {
        let points = Matrix::from_data(1, (0..1_000).map(|row| (row % 500) as f32).collect()).unwrap();
        let found = DistinctRows::draw(&points, 1, 200, 1, &Silent).unwrap();
        assert_eq!(found.ordered.len(), 200);
        assert!(found.drawn >= 200 && found.drawn < 300, "{}", found.drawn);
        assert_eq!(found.stands_for.iter().sum::<usize>(), found.drawn);
        assert_eq!(found.first_equal.iter().flatten().count(), found.drawn);
        for (row, place) in found.first_equal.iter().enumerate() {
            let Some(place) = *place else { continue };
            assert_eq!(found.ordered[place as usize] % 500, row as u32 % 500);
        }
    }
}
