//! What is known about items, as the network reads it.

use crate::error::Result;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::scorers::method::ItemContent;

/// The most columns that are read: a step multiplies the features of all its items, on one thread.
const MOST_COLUMNS: usize = 1_024;
/// Rows between two checks for cancellation.
const ROWS: usize = 1_024;

/// The most columns that are read with these options; 0 if none are.
pub fn most_columns(options: &Options) -> usize {
    if options.sasrec.features { MOST_COLUMNS } else { 0 }
}

/// The features of all items, items × m; `None` if there are none, or more columns than are read.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn features(
    content: Option<&ItemContent>,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Option<Matrix>> {
    let Some(items) = content.map(|content| &content.items) else { return Ok(None) };
    if !(1..=most_columns(options)).contains(&items.columns()) {
        return Ok(None);
    }
    let (first_dense, has_dense) = (items.sparse().width(), items.dense().columns() > 0);
    let mut features = Matrix::zeros(items.rows(), items.columns());
    for item in 0..items.rows() {
        if item.is_multiple_of(ROWS) {
            observer.check()?;
        }
        let row = features.row_mut(item);
        let (columns, values) = items.sparse().row(item);
        columns.iter().zip(values).for_each(|(&column, &value)| row[column as usize] = value);
        if has_dense {
            items.dense().write(item, &mut row[first_dense..]);
        }
    }
    Ok(Some(features))
}
