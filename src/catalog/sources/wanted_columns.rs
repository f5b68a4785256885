//! Which columns of users or items a training reads as features.

use super::relations::SourceColumn;
use segrec_engine::features::ColumnKind;

/// The columns to read.
#[derive(Clone, Debug)]
pub enum WantedColumns {
    /// All columns whose type can be a feature, except those that say when or by whom a row was written.
    All,
    /// These columns, which must exist.
    Named(Vec<String>),
    /// These columns that describe items, which must exist; if none is named, all that the caller may read and whose
    /// type can be a feature, except those that say when or by whom a row was written; and the column that says when a
    /// row was added.
    Describing {
        /// Their names.
        names: Vec<String>,
        /// The column that says when a row was added, which must exist if it is given.
        added: Option<String>,
        /// The column that says whether items may be shown, which is no feature unless it is named.
        available: Option<String>,
    },
}

/// The names of columns that say when or by whom a row was written, in lower case and without underscores.
const AUDIT_COLUMNS: [&str; 13] = [
    "createdat",
    "createdon",
    "createdby",
    "insertedat",
    "updatedat",
    "updatedon",
    "updatedby",
    "modifiedat",
    "modifiedon",
    "modifiedby",
    "deletedat",
    "deletedon",
    "deletedby",
];

/// Whether a column has such a name, as frameworks write it: `created_at`, `createdAt`.
fn is_audit(column: &SourceColumn) -> bool {
    AUDIT_COLUMNS.contains(&column.name.to_lowercase().replace('_', "").as_str())
}

impl WantedColumns {
    /// The option that names the columns, and the names.
    pub fn named(&self) -> (&'static str, &[String]) {
        match self {
            Self::All => ("segmentation.features", &[]),
            Self::Named(names) => ("segmentation.features", names),
            Self::Describing { names, .. } => ("items.features", names),
        }
    }

    /// The kind of feature that a column is read as; the inner `None` if it cannot be one, the outer if it is not read.
    pub fn kind_of(&self, column: &SourceColumn) -> Option<Option<ColumnKind>> {
        let named = self.named().1.contains(&column.name);
        match self {
            Self::All => (!is_audit(column)).then(|| column.feature_kind()),
            Self::Named(_) => named.then(|| column.feature_kind()),
            Self::Describing { names, added, available } => {
                let is_other = is_audit(column) || available.as_ref() == Some(&column.name);
                let is_added = added.as_ref() == Some(&column.name);
                let wanted = named || is_added || names.is_empty() && !is_other;
                wanted.then(|| column.item_feature_kind())
            }
        }
    }

    /// Whether a column could be a feature, and is not read only because it says when or by whom a row was written.
    pub fn leaves_alone(&self, column: &SourceColumn) -> bool {
        let kind = match self {
            Self::Named(_) => None,
            Self::All => column.feature_kind(),
            Self::Describing { names, added, available } => {
                let is_option = [added, available].into_iter().flatten().any(|name| *name == column.name);
                column.item_feature_kind().filter(|_| names.is_empty() && !is_option)
            }
        };
        kind.is_some() && is_audit(column)
    }
}
