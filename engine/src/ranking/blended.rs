//! One list from several scorers: ŷ(u, j) = Σ_s w_s ŷ_s(u, j).
//!
//! Candidates are the items that scorers propose, which costs no measurable quality compared with all items. If there
//! are few, the most popular items of the segment are added. If no scorer proposes any, the candidates are all items
//! that the first scorer covers. A list costs what the proposals cost (one addition per weight for neighbours) plus one
//! score per candidate of every other scorer: with 27 items of 50 neighbours each, about 700 products of length k.

use super::top_n::{Scored, TopN};
use crate::observer::Observer;
use crate::scorers::contributions::Contributions;
use crate::scorers::new_items::DescribedItems;
use crate::scorers::scorer::{Items, Scorer};
use serde::{Deserialize, Serialize};

/// The weight of one scorer in a blend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    /// The name of the scorer.
    pub scorer: String,
    /// The factor applied to its scores.
    pub weight: f32,
    /// Its share (0 to 1) of the blend of itself and the scorers before it. Unlike the weight, it does not depend on
    /// the scales of the scorers.
    pub share: f32,
}

/// The scorers whose weighted scores are added up, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Blend(pub Vec<Weight>);

impl Blend {
    /// A blend of a single scorer.
    pub fn only(scorer: &str) -> Self {
        Self(vec![Weight { scorer: scorer.to_owned(), weight: 1.0, share: 1.0 }])
    }

    /// Adds another scorer, which gets the given weight and share.
    pub fn with(mut self, scorer: &str, weight: f32, share: f32) -> Self {
        self.0.push(Weight { scorer: scorer.to_owned(), weight, share });
        self
    }

    /// The same without a scorer.
    pub fn without(mut self, scorer: &str) -> Self {
        self.0.retain(|own| own.scorer != scorer);
        self
    }

    /// The weight of a scorer; `None` if it is not part of the blend.
    pub fn weight(&self, scorer: &str) -> Option<f32> {
        self.0.iter().find(|own| own.scorer == scorer).map(|own| own.weight)
    }

    /// The names of the scorers, in order.
    pub fn scorers(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|own| own.scorer.as_str())
    }

    /// Whether a scorer is part of the blend.
    pub fn has(&self, scorer: &str) -> bool {
        self.weight(scorer).is_some()
    }

    /// Whether the blend has only one scorer.
    pub fn is_single(&self) -> bool {
        self.0.len() == 1
    }
}

/// A weighted scorer of a blend, for one user.
pub struct Part<'a> {
    /// Scores items for the user.
    pub scorer: Box<dyn Scorer + 'a>,
    /// The factor applied to its scores.
    pub weight: f32,
}

/// All scorers of a blend, for one user.
pub struct Blended<'a> {
    /// The scorers and their weights.
    pub parts: Vec<Part<'a>>,
    /// The items that fill up the candidates if scorers propose few: those of the user's segment, most popular first.
    pub popular: &'a [u32],
}

/// If fewer items are proposed, the most popular items of the segment are added up to this number, ten lists of twenty, or to
/// the length of the list if that is more.
/// On Gowalla's validation split this reaches .2340/.1371 (recall/ndcg@20), the same as scoring every item.
pub const FEWEST_CANDIDATES: usize = 200;

impl Blended<'_> {
    /// The best `n` items that are not in `excluded`, chosen from `only` if it is given. Both must be ascending.
    pub fn best(&self, excluded: &[u32], only: Option<&[u32]>, n: usize) -> Vec<Scored> {
        let only: Option<Vec<u32>> = only.map(|only| Items::listed(only).without(excluded).iter().collect());
        let (proposing, others) = self.by_kind();
        if let ([], [alone]) = (proposing.as_slice(), others.as_slice()) {
            let items = match &only {
                Some(only) => Items::listed(only),
                None => alone.scorer.covers().without(excluded),
            };
            return alone.scorer.best(items, alone.weight, &[], n);
        }
        let (items, mut added) = match only {
            Some(only) => {
                let sums = sums(&proposing, &only);
                (only, sums)
            }
            None => self.candidates(&proposing, &others, excluded, n),
        };
        let Some((last, rest)) = others.split_last() else {
            // All parts propose, so the candidates already have their final scores.
            let mut top = TopN::new(n);
            items.into_iter().zip(added).for_each(|(item, sum)| top.push(item, sum));
            return top.finish();
        };
        for part in rest {
            let scores = part.scorer.scores(&items);
            added.iter_mut().zip(scores).for_each(|(sum, score)| *sum += part.weight * score);
        }
        last.scorer.best(Items::listed(&items), last.weight, &added, n)
    }

    /// The scores of new items that the parts have no rows for.
    pub fn scores_of_new(&self, new: &DescribedItems) -> Vec<f32> {
        let mut sums = vec![0.0; new.factors.rows()];
        for Part { scorer, weight } in &self.parts {
            sums.iter_mut().zip(scorer.scores_of_new(new)).for_each(|(sum, score)| *sum += weight * score);
        }
        sums
    }

    /// The candidates without `excluded`, and the score of each part for each of them. Allows several weights to be
    /// tried for the same user.
    pub fn offered(&self, excluded: &[u32]) -> (Vec<u32>, Vec<Vec<f32>>) {
        let (proposing, others) = self.by_kind();
        let (items, _) = self.candidates(&proposing, &others, excluded, 0);
        let scores = self.parts.iter().map(|part| part.scorer.scores(&items)).collect();
        (items, scores)
    }

    /// Whether lists rank all items, since no part proposes some and the last one covers all.
    pub fn ranks_all(&self) -> bool {
        let (proposing, others) = self.by_kind();
        proposing.is_empty() && others.last().is_some_and(|last| last.scorer.covers().parts().0.is_none())
    }

    /// Splits the parts into those that propose items and the others, of which one with bounds comes last.
    fn by_kind(&self) -> (Vec<&Part<'_>>, Vec<&Part<'_>>) {
        let (proposing, mut others): (Vec<_>, Vec<_>) =
            self.parts.iter().partition(|part| part.scorer.proposes());
        others.sort_by_key(|part| (part.scorer.has_bounds(), part.scorer.joins().is_empty()));
        (proposing, others)
    }

    /// The candidates for a list of `n` items without `excluded`, and the sum of the proposing parts' scores for each.
    fn candidates(
        &self,
        proposing: &[&Part<'_>],
        others: &[&Part<'_>],
        excluded: &[u32],
        n: usize,
    ) -> (Vec<u32>, Vec<f32>) {
        match others.last() {
            Some(last) if proposing.is_empty() => {
                let items: Vec<u32> = last.scorer.covers().without(excluded).iter().collect();
                let none = vec![0.0; items.len()];
                (items, none)
            }
            Some(_) => {
                let fewest = FEWEST_CANDIDATES.max(n);
                let (items, sums) = proposals(proposing, excluded, (self.popular, fewest));
                others.iter().fold((items, sums), |found, part| joined(found, part.scorer.joins(), excluded))
            }
            None => proposals(proposing, excluded, (&[], 0)),
        }
    }

    /// The blended score of each of `items` (ascending).
    pub fn scores(&self, items: &[u32]) -> Vec<f32> {
        sums(&self.parts.iter().collect::<Vec<_>>(), items)
    }

    /// The explanation of each part's score of `target`.
    pub fn contributions(&self, target: u32, observer: &dyn Observer) -> Vec<Contributions> {
        self.weighted(|scorer| scorer.contributions(target, observer))
    }

    /// The explanation of each part's score of the new item at a place.
    pub fn contributions_to_new(
        &self,
        new: &DescribedItems,
        place: usize,
        observer: &dyn Observer,
    ) -> Vec<Contributions> {
        self.weighted(|scorer| scorer.contributions_to_new(new, place, observer))
    }

    fn weighted(&self, of: impl Fn(&dyn Scorer) -> Contributions) -> Vec<Contributions> {
        let of_part = |part: &Part<'_>| {
            let (Contributions { base, of_items }, weight) = (of(&*part.scorer), f64::from(part.weight));
            Contributions { base: weight * base, of_items: of_items.iter().map(|x| weight * x).collect() }
        };
        self.parts.iter().map(of_part).collect()
    }
}

/// The weighted sums of the scores that `parts` assign to `items`.
fn sums(parts: &[&Part<'_>], items: &[u32]) -> Vec<f32> {
    let mut sums = vec![0.0; items.len()];
    for part in parts {
        let scores = part.scorer.scores(items);
        sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += part.weight * score);
    }
    sums
}

/// The items that `parts` propose (ascending, without `excluded`) and the sums of their scores. If there are fewer than
/// `fewest`, items of `popular` are added with a score of 0.
fn proposals(
    parts: &[&Part<'_>],
    excluded: &[u32],
    (popular, fewest): (&[u32], usize),
) -> (Vec<u32>, Vec<f32>) {
    let (mut items, mut sums) = (Vec::new(), Vec::new());
    for (place, part) in parts.iter().enumerate() {
        part.scorer.propose(&mut |named, scores| match place {
            0 => {
                (items, sums) = without(named, scores, excluded);
                sums.iter_mut().for_each(|sum: &mut f32| *sum *= part.weight);
            }
            _ => {
                let (named, scores) = without(named, scores, excluded);
                let scores = scores.into_iter().map(|score| part.weight * score);
                let own = items.drain(..).zip(sums.drain(..));
                let mut all: Vec<(u32, f32)> = own.chain(named.into_iter().zip(scores)).collect();
                all.sort_by_key(|entry| entry.0);
                all.dedup_by(|next, kept| {
                    let same = next.0 == kept.0;
                    if same {
                        kept.1 += next.1;
                    }
                    same
                });
                (items, sums) = all.into_iter().unzip();
            }
        });
    }
    let missing = fewest.saturating_sub(items.len());
    if missing > 0 && !popular.is_empty() {
        let allowed = |item: &&u32| [&items, excluded].iter().all(|taken| taken.binary_search(item).is_err());
        let more: Vec<u32> = popular.iter().filter(allowed).take(missing).copied().collect();
        return joined((items, sums), &more, excluded);
    }
    (items, sums)
}

/// Adds those of some items (ascending) that are neither among the candidates nor `excluded`, with a score of 0.
fn joined((items, sums): (Vec<u32>, Vec<f32>), more: &[u32], excluded: &[u32]) -> (Vec<u32>, Vec<f32>) {
    let is_new = |item: &&u32| [&items, excluded].iter().all(|taken| taken.binary_search(item).is_err());
    let more: Vec<u32> = more.iter().filter(is_new).copied().collect();
    if more.is_empty() {
        return (items, sums);
    }
    let mut all: Vec<(u32, f32)> = items.into_iter().zip(sums).collect();
    all.extend(more.into_iter().map(|item| (item, 0.0)));
    all.sort_unstable_by_key(|entry| entry.0);
    all.into_iter().unzip()
}

/// Removes `excluded` items from a list of items (both ascending) and their scores.
fn without(named: &[u32], scores: &[f32], excluded: &[u32]) -> (Vec<u32>, Vec<f32>) {
    let (mut items, mut kept) = (Vec::with_capacity(named.len()), Vec::with_capacity(named.len()));
    let mut from = 0;
    for seen in excluded {
        let to = from + named[from..].partition_point(|item| item < seen);
        items.extend_from_slice(&named[from..to]);
        kept.extend_from_slice(&scores[from..to]);
        from = to + usize::from(named.get(to) == Some(seen));
    }
    items.extend_from_slice(&named[from..]);
    kept.extend_from_slice(&scores[from..]);
    (items, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores every item by a list, and proposes those that it lists if it shall.
    struct Listed {
        items: Vec<u32>,
        scores: Vec<f32>,
        proposes: bool,
    }

    impl Scorer for Listed {
        fn covers(&self) -> Items<'_> {
            Items::listed(&self.items)
        }

        fn propose(&self, take: &mut dyn FnMut(&[u32], &[f32])) {
            take(&self.items, &self.scores);
        }

        fn proposes(&self) -> bool {
            self.proposes
        }

        fn scores(&self, items: &[u32]) -> Vec<f32> {
            let score = |item: &u32| self.items.binary_search(item).map_or(0.0, |place| self.scores[place]);
            items.iter().map(score).collect()
        }

        fn contributions(&self, target: u32, _: &dyn Observer) -> Contributions {
            Contributions { base: f64::from(self.scores(&[target])[0]), of_items: Vec::new() }
        }
    }

    fn part(items: &[u32], scores: &[f32], proposes: bool, weight: f32) -> Part<'static> {
        Part { scorer: Box::new(Listed { items: items.to_vec(), scores: scores.to_vec(), proposes }), weight }
    }

    fn items(list: &[Scored]) -> Vec<u32> {
        list.iter().map(|scored| scored.item).collect()
    }

    #[test]
    fn few_proposals_are_filled_up_with_the_segments_most_popular_items_and_many_are_not() {
        let proposed = |named: &[u32], scores: &[f32], excluded: &[u32], popular: &[u32]| {
            let part = part(named, scores, true, 1.0);
            proposals(&[&part], excluded, (popular, FEWEST_CANDIDATES))
        };
        let found = proposed(&[1, 4, 6], &[0.5, 0.25, 2.0], &[4, 8], &[9, 1, 8, 0]);
        assert_eq!(found, (vec![0, 1, 6, 9], vec![0.0, 0.5, 2.0, 0.0]));
        let popular: Vec<u32> = (0..5000).rev().collect();
        let (items, sums) = proposed(&[3, 4998], &[1.0, 2.0], &[4999], &popular);
        assert_eq!(items, [&[3], &(4800..4999).collect::<Vec<u32>>()[..]].concat());
        assert_eq!(sums.iter().sum::<f32>(), 3.0);
        let many: Vec<u32> = (0..300).collect();
        assert_eq!(proposed(&many, &[1.0; 300], &[7], &[500]).0.len(), 299);
    }

    #[test]
    fn scores_of_all_parts_add_up_with_their_weights() {
        let dense = || part(&[3, 5, 8, 9], &[1.0, 0.0, 0.5, 9.0], false, 1.0);
        let blended = |parts| Blended { parts, popular: &[] };
        // What nobody proposes is not in the list, however well it is scored.
        let both = blended(vec![dense(), part(&[3, 5, 8], &[0.0, 2.0, 0.5], true, 2.0)]);
        let expected = [Scored { item: 5, score: 4.0 }, Scored { item: 8, score: 1.5 }];
        assert_eq!(both.best(&[], None, 2), expected);
        assert_eq!(both.scores(&[5, 9]), [4.0, 9.0]);
        assert_eq!(items(&both.best(&[5], Some(&[3, 5, 9]), 2)), [9, 3]);
        let two = vec![
            part(&[3, 5], &[1.0, 2.0], true, 1.0),
            part(&[4, 5], &[4.0, 1.0], true, 0.5),
            dense(),
            part(&[3, 4], &[0.0, 5.0], false, 1.0),
        ];
        let two = blended(two).best(&[], None, 9);
        let expected = [(4, 7.0), (5, 2.5), (3, 2.0)];
        assert_eq!(two, expected.map(|(item, score)| Scored { item, score }));
    }

    #[test]
    fn one_part_alone_ranks_what_it_covers_or_proposes() {
        let alone =
            |proposes| Blended { parts: vec![part(&[3, 5], &[1.0, 2.0], proposes, 1.0)], popular: &[] };
        for proposes in [true, false] {
            assert_eq!(items(&alone(proposes).best(&[], None, 5)), [5, 3]);
            assert_eq!(items(&alone(proposes).best(&[5], None, 5)), [3]);
            assert_eq!(items(&alone(proposes).best(&[], Some(&[3, 4]), 5)), [3, 4]);
        }
    }
}
