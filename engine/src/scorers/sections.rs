//! What a way to score is stored as: sections, by their names within it. Tables, the file that sessions share and exports
//! carry them without knowing what they mean.

use crate::error::{EngineError, Result};
use crate::interactions::{SparseRows, SparseView};
use crate::matrix::{Matrix, Rows};
use serde::{Deserialize, Serialize};

/// The form of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SectionKind {
    /// Of every item the numbers of some items, ascending, with a weight of each.
    Sparse,
    /// Of every item a row of numbers, all of one length.
    Dense,
    /// Bytes that only the scorer reads. Nobody can check them, so they are taken from a superuser only.
    Opaque,
}

impl SectionKind {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Sparse, Self::Dense, Self::Opaque];

    /// The name in tables and exports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sparse => "sparse",
            Self::Dense => "dense",
            Self::Opaque => "opaque",
        }
    }

    /// The form of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A section to be stored.
#[derive(Clone, Debug)]
pub enum NewSection<'a> {
    /// See [`SectionKind::Sparse`]; items × items.
    Sparse(&'a SparseRows),
    /// See [`SectionKind::Dense`]; items × columns.
    Dense(&'a Matrix),
    /// See [`SectionKind::Opaque`].
    Opaque(Vec<u8>),
}

impl NewSection<'_> {
    /// Its form.
    pub fn kind(&self) -> SectionKind {
        match self {
            Self::Sparse(_) => SectionKind::Sparse,
            Self::Dense(_) => SectionKind::Dense,
            Self::Opaque(_) => SectionKind::Opaque,
        }
    }
}

/// A section where it lies.
#[derive(Clone, Copy, Debug)]
pub enum StoredSection<'a> {
    /// See [`SectionKind::Sparse`].
    Sparse(SparseView<'a>),
    /// See [`SectionKind::Dense`].
    Dense(Rows<'a>),
    /// See [`SectionKind::Opaque`].
    Opaque(&'a [u8]),
}

/// The sections of one way to score.
#[derive(Clone, Debug, Default)]
pub struct StoredSections<'a>(Vec<(&'a str, StoredSection<'a>)>);

impl<'a> StoredSections<'a> {
    /// Sections by their names.
    pub fn new(sections: Vec<(&'a str, StoredSection<'a>)>) -> Self {
        Self(sections)
    }

    fn find<T>(&self, name: &'static str, is: impl Fn(StoredSection<'a>) -> Option<T>) -> Result<T> {
        let found = self.0.iter().find(|(own, _)| *own == name).and_then(|(_, section)| is(*section));
        found.ok_or(EngineError::Encoding { what: name })
    }

    /// The sparse section of that name.
    ///
    /// # Errors
    /// [`EngineError::Encoding`], as of the other forms.
    pub fn sparse(&self, name: &'static str) -> Result<SparseView<'a>> {
        self.find(name, |section| if let StoredSection::Sparse(rows) = section { Some(rows) } else { None })
    }

    /// The dense section of that name: items × columns.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn dense(&self, name: &'static str) -> Result<Rows<'a>> {
        self.find(name, |section| if let StoredSection::Dense(rows) = section { Some(rows) } else { None })
    }

    /// The bytes of the section of that name.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn opaque(&self, name: &'static str) -> Result<&'a [u8]> {
        self.find(name, |section| if let StoredSection::Opaque(bytes) = section { Some(bytes) } else { None })
    }
}
