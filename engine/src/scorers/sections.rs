//! The sections in which a scorer is stored. Tables, the shared file and exports carry them without interpreting their
//! contents.

use crate::error::{EngineError, Result};
use crate::interactions::{SparseRows, SparseView};
use crate::matrix::{Matrix, Rows};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::sync::OnceLock;
use strum::{EnumString, IntoStaticStr};

/// The kind of data in a section.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "lowercase")]
pub enum SectionKind {
    /// A sparse matrix with a row of (item, weight) per item, by ascending item.
    Sparse,
    /// A dense matrix with one row per item.
    Dense {
        /// The number of columns.
        columns: usize,
    },
    /// Bytes that only the scorer can interpret. They cannot be validated, so only a superuser may import them.
    Opaque,
}

impl SectionKind {
    /// The name used in tables and exports.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The number of columns of a dense section.
    pub fn columns(self) -> Option<usize> {
        if let Self::Dense { columns } = self { Some(columns) } else { None }
    }

    /// The kind with this name and, if it is dense, this number of columns; `None` if there is no such kind.
    pub fn stored(name: &str, columns: usize) -> Option<Self> {
        match name.parse().ok()? {
            Self::Dense { .. } => Some(Self::Dense { columns }),
            kind => Some(kind),
        }
    }
}

/// A section to be stored.
#[derive(Clone, Debug)]
pub enum NewSection<'a> {
    /// A [`SectionKind::Sparse`] section, items × items.
    Sparse(&'a SparseRows),
    /// A [`SectionKind::Dense`] section, items × columns.
    Dense(&'a Matrix),
    /// A [`SectionKind::Opaque`] section.
    Opaque(Vec<u8>),
}

impl NewSection<'_> {
    /// The bytes of its numbers.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Sparse(rows) => 8 * rows.entries(),
            Self::Dense(rows) => 4 * rows.data().len(),
            Self::Opaque(bytes) => bytes.len(),
        }
    }

    /// The kind of the section.
    pub fn kind(&self) -> SectionKind {
        match self {
            Self::Sparse(_) => SectionKind::Sparse,
            Self::Dense(rows) => SectionKind::Dense { columns: rows.columns() },
            Self::Opaque(_) => SectionKind::Opaque,
        }
    }
}

/// A stored section, borrowed from memory or from a mapped file.
#[derive(Clone, Copy, Debug)]
pub enum StoredSection<'a> {
    /// A [`SectionKind::Sparse`] section.
    Sparse(SparseView<'a>),
    /// A [`SectionKind::Dense`] section.
    Dense(Rows<'a>),
    /// A [`SectionKind::Opaque`] section, and what it was decoded to.
    Opaque(&'a [u8], &'a Decoded),
}

/// An opaque section as its scorer decoded it: on first use, and then kept with the section.
#[derive(Debug, Default)]
pub struct Decoded(OnceLock<Box<dyn Any + Send + Sync>>);

/// The stored sections of one scorer.
#[derive(Clone, Debug, Default)]
pub struct StoredSections<'a>(Vec<(&'a str, StoredSection<'a>)>);

impl<'a> StoredSections<'a> {
    /// Wraps sections and their names.
    pub fn new(sections: Vec<(&'a str, StoredSection<'a>)>) -> Self {
        Self(sections)
    }

    /// Whether there is one with this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| *own == name)
    }

    fn find<T>(&self, name: &'static str, is: impl Fn(StoredSection<'a>) -> Option<T>) -> Result<T> {
        let found = self.0.iter().find(|(own, _)| *own == name).and_then(|(_, section)| is(*section));
        found.ok_or(EngineError::Encoding { what: name })
    }

    /// The sparse section with this name.
    ///
    /// # Errors
    /// [`EngineError::Encoding`] if there is none, or it is of another kind.
    pub fn sparse(&self, name: &'static str) -> Result<SparseView<'a>> {
        self.find(name, |section| if let StoredSection::Sparse(rows) = section { Some(rows) } else { None })
    }

    /// The dense section with this name, items × columns.
    ///
    /// # Errors
    /// [`EngineError::Encoding`] if there is none, or it is of another kind.
    pub fn dense(&self, name: &'static str) -> Result<Rows<'a>> {
        self.find(name, |section| if let StoredSection::Dense(rows) = section { Some(rows) } else { None })
    }

    /// What `decode` makes of the opaque section with this name. It is called once for a section.
    ///
    /// # Errors
    /// [`EngineError::Encoding`] if there is no such section, it is of another kind, or `decode` returns `None`.
    pub fn decoded<T: Send + Sync + 'static>(
        &self,
        name: &'static str,
        decode: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<&'a T> {
        self.find(name, |section| {
            let StoredSection::Opaque(bytes, Decoded(kept)) = section else { return None };
            if kept.get().is_none() {
                // Another thread may have been faster; its value is as good.
                let _ = kept.set(Box::new(decode(bytes)?));
            }
            kept.get()?.downcast_ref()
        })
    }
}
