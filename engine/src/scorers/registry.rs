//! The list of all scorers.

use super::factors::method::Factors;
use super::method::Method;
use super::neighbours::method::ItemNeighbours;
use super::popularity::method::ItemPopularity;
use super::ratings::method::PredictedRatings;
use super::sections::SectionKind;
use crate::ranking::Blend;

/// All scorers.
pub const METHODS: [&dyn Method; 4] = [&Factors, &ItemNeighbours, &PredictedRatings, &ItemPopularity];

/// Looks up a scorer by name.
pub fn named(name: &str) -> Option<&'static dyn Method> {
    METHODS.into_iter().find(|method| method.name() == name)
}

/// Looks up scorers by name, in the given order.
pub fn methods(names: &[&str]) -> Vec<&'static dyn Method> {
    names.iter().filter_map(|name| named(name)).collect()
}

/// A section: the name of its scorer, its own name and its kind.
pub type NamedSection = (&'static str, &'static str, SectionKind);

/// The sections in which the scorers of a blend are stored, in order, if factors have `columns` columns.
pub fn sections_of(blend: &Blend, columns: usize) -> Vec<NamedSection> {
    let scorers = blend.0.iter().filter_map(|weight| named(&weight.scorer));
    let of_scorer = |scorer: &'static dyn Method| {
        scorer.sections(columns).into_iter().map(|(name, kind)| (scorer.name(), name, kind))
    };
    let mut sections: Vec<NamedSection> = scorers.flat_map(of_scorer).collect();
    sections.sort_unstable();
    sections
}
