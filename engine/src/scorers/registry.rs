//! The ways to score that there are.

use super::factors::method::Factors;
use super::method::Method;
use super::neighbours::method::ItemNeighbours;
use super::popularity::method::ItemPopularity;
use super::ratings::method::PredictedRatings;
use super::sections::SectionKind;
use crate::ranking::Blend;

/// All of them.
pub const METHODS: [&dyn Method; 4] = [&Factors, &ItemNeighbours, &PredictedRatings, &ItemPopularity];

/// The one of that name.
pub fn named(name: &str) -> Option<&'static dyn Method> {
    METHODS.into_iter().find(|method| method.name() == name)
}

/// Those of these names, in their order.
pub fn methods(names: &[&str]) -> Vec<&'static dyn Method> {
    names.iter().filter_map(|name| named(name)).collect()
}

/// A section: its scorer, its name and its form.
pub type NamedSection = (&'static str, &'static str, SectionKind);

/// The sections that the scorers of a blend are stored as, in alphabetical order.
pub fn sections_of(blend: &Blend) -> Vec<NamedSection> {
    let scorers = blend.0.iter().filter_map(|weight| named(&weight.scorer));
    let of_scorer = |scorer: &'static dyn Method| {
        scorer.sections().iter().map(|(name, kind)| (scorer.name(), *name, *kind))
    };
    let mut sections: Vec<NamedSection> = scorers.flat_map(of_scorer).collect();
    sections.sort_unstable();
    sections
}
