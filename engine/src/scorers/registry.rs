//! The list of all scorers.

use super::attributes::ranking;
use super::content::method::Content;
use super::factors::method::Factors;
use super::method::Method;
use super::neighbours::method::ItemNeighbours;
use super::popular_now::method::PopularNow;
use super::popularity::method::ItemPopularity;
use super::ratings::method::PredictedRatings;
use super::repeat::method::TakenAgain;
use super::sasrec::method::Sasrec;
use super::sections::SectionKind;
use super::user_neighbours::method::UserNeighbours;
use crate::matrix::Matrix;
use crate::options::algorithm::Decided;
use crate::ranking::Blend;
use std::borrow::Cow;

/// All scorers.
pub const METHODS: [&dyn Method; 9] = [
    &Factors,
    &ItemNeighbours,
    &UserNeighbours,
    &Content,
    &PredictedRatings,
    &ItemPopularity,
    &PopularNow,
    &Sasrec,
    &TakenAgain,
];

/// Looks up a scorer by name.
pub fn named(name: &str) -> Option<&'static dyn Method> {
    METHODS.into_iter().find(|method| method.name() == name)
}

/// Looks up scorers by name, in the given order.
pub fn methods(names: &[&str]) -> Vec<&'static dyn Method> {
    names.iter().filter_map(|name| named(name)).collect()
}

/// The scorer whose factors represent the tastes of users: the first of these that has any, else the factor model, which
/// users are then segmented by though it does not rank.
pub fn by_tastes<'a>(scorers: impl IntoIterator<Item = &'a str>) -> &'static dyn Method {
    let mut methods = scorers.into_iter().filter_map(named);
    methods.find(|method| method.has_taste_factors()).unwrap_or(&Factors)
}

/// The vectors that represent the tastes of users (users × k): their factors, in which the columns that are no tastes of
/// these scorers are 0.
pub fn tastes<'a>(scorers: &[&str], user_factors: &'a Matrix) -> Cow<'a, Matrix> {
    let columns = user_factors.columns();
    let k = by_tastes(scorers.iter().copied()).taste_columns(columns);
    if k == columns {
        return Cow::Borrowed(user_factors);
    }
    let mut tastes = user_factors.clone();
    (0..tastes.rows()).for_each(|row| tastes.row_mut(row)[k..].fill(0.0));
    Cow::Owned(tastes)
}

/// Whether the scores of a version depend on the ranks of a user's items.
pub fn reads_ranks(decided: &Decided) -> bool {
    let reads = |scorer: &str| named(scorer).is_some_and(Method::reads_ranks);
    decided.order.weight > 0.0 || decided.blend.scorers().any(reads)
}

/// Whether lists of a blend may have what a user has already.
pub fn repeats(blend: &Blend) -> bool {
    blend.has(TakenAgain.name())
}

/// A section: the name of its scorer, its own name and its kind.
pub type NamedSection = (&'static str, &'static str, SectionKind);

/// The section with what turns rows of the table of items into vectors.
pub const ENCODER: NamedSection = ("content", "encoder", SectionKind::Opaque);

/// The section that, with [`ENCODER`], describes items which come after the training.
pub const DESCRIBER: NamedSection = ("new_items", "describer", SectionKind::Opaque);

/// The sections that a version can do without: it then knows neither later items nor the features of an explanation.
pub const DISPENSABLE: [NamedSection; 2] = [ENCODER, DESCRIBER];

/// The sections in which the scorers of a blend are stored, in order, if factors have `columns` columns, and those of
/// attributes, if these have `attributes` columns.
pub fn sections_of(blend: &Blend, columns: usize, attributes: usize) -> Vec<NamedSection> {
    let scorers = blend.0.iter().filter_map(|weight| named(&weight.scorer));
    let of_scorer = |scorer: &'static dyn Method| {
        scorer.sections(columns).into_iter().map(|(name, kind)| (scorer.name(), name, kind))
    };
    let of_attributes = ranking::sections(attributes).into_iter();
    let of_attributes = of_attributes.map(|(name, kind)| (ranking::SCORER, name, kind));
    let mut sections: Vec<NamedSection> = scorers.flat_map(of_scorer).chain(of_attributes).collect();
    sections.sort_unstable();
    sections
}
