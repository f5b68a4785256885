//! The area under the ROC curve of measured users. Every item is scored, by the same parts that rank: the
//! product of factors, with the segment's own rows where it has any, what neighbours say, or popularity. Items
//! nobody has in training cannot be recommended and are left out.
//!
//! 2·users·items·k flops in matrix products of users of the same segment, and 64 · items bytes on each
//! thread; for a sample of users, whose standard error is then .01 at most and usually .003.

use super::ranker::Ranking;
use crate::error::Result;
use crate::evaluation::{Holdout, auc};
use crate::linalg::product::scores;
use crate::observer::Observer;
use crate::scorers::neighbours::{NeighbourRows, NeighbourScratch};
use crate::scorers::popularity::{Popularity, SegmentPopular};
use crate::scorers::popularity::{item_popularity, segment_popularity};
use crate::seed::sample;
use rayon::prelude::*;

/// Users for whom every item is scored.
const SAMPLED_USERS: usize = 2_000;
/// Users of a matrix product.
const BLOCK_USERS: usize = 16;

/// The area of each of `users`, by the fit and by popularity; none of users outside the sample. `uses_own`
/// says which segments rank by a part of their own.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn areas(
    ranking: Ranking<'_>,
    holdout: &Holdout,
    users: &[u32],
    uses_own: &[bool],
    seed: u64,
    observer: &dyn Observer,
) -> Result<[Vec<Option<f64>>; 2]> {
    let segment_of = |place: u32| ranking.fit.segments.of_user[users[place as usize] as usize] as usize;
    let mut places = sample((0..users.len() as u32).collect(), SAMPLED_USERS, seed);
    places.sort_by_key(|&place| segment_of(place));
    let segments = places.chunk_by(|a, b| segment_of(*a) == segment_of(*b));
    let blocks: Vec<&[u32]> = segments.flat_map(|places| places.chunks(BLOCK_USERS)).collect();
    let scorer = Scorer::new(ranking, uses_own);
    let training = &holdout.training;
    let unknown: Vec<u32> =
        (0..training.items() as u32).filter(|&item| training.by_item().row_len(item as usize) == 0).collect();
    let of_block = |scratch: &mut NeighbourScratch, places: &&[u32]| -> Result<Vec<[Option<f64>; 2]>> {
        observer.check()?;
        let members: Vec<u32> = places.iter().map(|&place| users[place as usize]).collect();
        let scores = scorer.scores(&members, segment_of(places[0]), scratch);
        let of_user = |(&user, scores): (&u32, &[f32])| {
            let mut excluded = [ranking.seen(user), &unknown].concat();
            excluded.sort_unstable();
            excluded.dedup();
            let relevant = holdout.test.row(user as usize).0;
            [auc(scores, relevant, &excluded), auc(&scorer.popularity, relevant, &excluded)]
        };
        Ok(members.iter().zip(scores.chunks_exact(training.items().max(1))).map(of_user).collect())
    };
    let found: Vec<_> =
        blocks.par_iter().map_init(NeighbourScratch::default, of_block).collect::<Result<_>>()?;
    let mut areas = [vec![None; users.len()], vec![None; users.len()]];
    for (&place, [own, popular]) in blocks.into_iter().flatten().zip(found.into_iter().flatten()) {
        areas[0][place as usize] = own;
        areas[1][place as usize] = popular;
    }
    Ok(areas)
}

/// Scores all items as a fit ranks them.
struct Scorer<'a> {
    ranking: Ranking<'a>,
    uses_own: &'a [bool],
    /// Of every item, with everybody.
    popularity: Vec<f32>,
    /// The same, the most popular first.
    everybody: Popularity,
    /// Of a segment's items, where popularity ranks.
    in_segments: Vec<Vec<f32>>,
}

impl<'a> Scorer<'a> {
    fn new(ranking: Ranking<'a>, uses_own: &'a [bool]) -> Self {
        let Ranking { fit, training, blend, weighed } = ranking;
        let popularity = item_popularity(training, weighed);
        let in_segments = match blend.factors || blend.has_neighbours() {
            true => Vec::new(),
            false => segment_popularity(training, &fit.segments, weighed),
        };
        let everybody = Popularity::new((0..).zip(popularity.iter().copied()));
        Self { ranking, uses_own, popularity, everybody, in_segments }
    }

    /// The scores of all items for users of one segment: users × items.
    fn scores(&self, users: &[u32], segment: usize, scratch: &mut NeighbourScratch) -> Vec<f32> {
        let Ranking { fit, training, blend, .. } = self.ranking;
        let items = training.items();
        let mut all = vec![0.0; users.len() * items];
        if blend.factors {
            self.products(users, segment, &mut all);
        } else if !blend.has_neighbours() {
            let own = self.uses_own[segment].then(|| {
                let (items, members) = (&fit.segments.items[segment], fit.segments.users[segment].len());
                let (own, all) = (&self.in_segments[segment], &self.popularity);
                (Popularity::of_segment(items, own, members, all, training.users()), items, members)
            });
            for row in all.chunks_exact_mut(items.max(1)) {
                match &own {
                    Some((own, items, members)) => {
                        let everybody = self.everybody.view();
                        SegmentPopular::new(own.view(), items, *members, everybody, training.users())
                            .items()
                            .for_each(|scored| row[scored.item as usize] = scored.score);
                    }
                    None => row.copy_from_slice(&self.popularity),
                }
            }
        }
        if let (Some(neighbours), true) = (&fit.neighbours, blend.has_neighbours()) {
            for (&user, row) in users.iter().zip(all.chunks_exact_mut(items.max(1))) {
                let (named, sums) = neighbours.score(self.ranking.history(user), scratch);
                named.iter().zip(sums).for_each(|(&item, sum)| row[item as usize] += blend.neighbours * sum);
            }
        }
        all
    }

    fn products(&self, users: &[u32], segment: usize, all: &mut [f32]) {
        let fit = self.ranking.fit;
        let backbone = &fit.backbone.item_factors;
        let own = self.uses_own[segment]
            .then(|| (fit.segments.items[segment].as_slice(), &fit.factors.item_factors[segment]));
        let user_factors = if own.is_some() { &fit.factors.user_factors } else { &fit.backbone.user_factors };
        let rows = user_factors.select(users);
        scores(rows.data(), backbone.data(), backbone.columns(), all);
        let Some((items, factors)) = own else { return };
        let mut products = vec![0.0; users.len() * items.len()];
        scores(rows.data(), factors.data(), factors.columns(), &mut products);
        let width = (backbone.rows().max(1), items.len().max(1));
        for (row, own) in all.chunks_exact_mut(width.0).zip(products.chunks_exact(width.1)) {
            items.iter().zip(own).for_each(|(&item, &score)| row[item as usize] = score);
        }
    }
}
