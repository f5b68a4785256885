//! The similarity of names, for suggesting the most similar known name for an unknown one.

/// The maximum number of problems reported together; each compares a name with all known ones.
pub const MOST_PROBLEMS: usize = 20;
/// Longer names have a similarity of 0, since the comparison takes time proportional to the product of the lengths.
const LONGEST: usize = 256;

/// The similarity from 0 to 1, based on the Damerau-Levenshtein distance.
pub fn name_similarity(one: &str, other: &str) -> f64 {
    let comparable = one.len().max(other.len()) <= LONGEST;
    if comparable { strsim::normalized_damerau_levenshtein(one, other) } else { 0.0 }
}
