//! How alike two names are, so that an unknown one is answered with the nearest known one.

/// Problems that are told together: nobody reads more, and each costs a look at every known name.
pub const MOST_PROBLEMS: usize = 20;
/// Longer names are like nothing: the comparison costs the product of the lengths.
const LONGEST: usize = 256;

/// From 0 to 1, by the fewest changes of letters that make one of the other (Damerau & Levenshtein).
pub fn name_similarity(one: &str, other: &str) -> f64 {
    let comparable = one.len().max(other.len()) <= LONGEST;
    if comparable { strsim::normalized_damerau_levenshtein(one, other) } else { 0.0 }
}
