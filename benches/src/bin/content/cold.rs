//! Lists of cold items only, by each part and by both.

use super::data::Data;
use super::split::{Split, sums};
use rayon::prelude::*;
use segrec_benches::Result;
use segrec_engine::evaluation::{ListMetrics, Metric};
use segrec_engine::features::EncodedItems;
use segrec_engine::linalg::vector::dot;
use segrec_engine::ranking::TopN;
use segrec_engine::scorers::content::new_items::{add_own_items, own_weights};
use segrec_engine::scorers::content::similarity::of_nearest;
use segrec_engine::scorers::content::{ColdItems, ContentIndex, FactorMap};
use segrec_engine::scorers::neighbours::NeighbourScratch;
use segrec_engine::{Silent, seed};

/// The length of lists.
pub const LENGTH: usize = 20;

/// The ways to score, in the order of the values of a user.
const WHAT: [&str; 7] = [
    "random",
    "popularity by content",
    "content of own items",
    "factors by content",
    "neighbours by content",
    "both, share .35",
    "both, share .5",
];

pub fn ndcg(scores: &[f32], relevant: &[u32], is_candidate: impl Fn(u32) -> bool) -> f64 {
    let mut top = TopN::new(LENGTH);
    for (item, &score) in scores.iter().enumerate() {
        if is_candidate(item as u32) {
            top.push(item as u32, score);
        }
    }
    let list = top.finish();
    ListMetrics::measure(list.iter().map(|scored| scored.item), relevant, LENGTH).get(Metric::Ndcg)
}

/// The mean ndcg of users who have events on cold items, for each way to score.
pub fn measure(data: &Data, split: &Split, items: &EncodedItems) -> Result<Vec<(&'static str, f64)>> {
    let (warm, cold) = (items.select(&split.warm, &Silent)?, items.select(&split.cold, &Silent)?);
    let interactions = &split.interactions;
    let by_item = interactions.by_item();
    let index = ContentIndex::new(&warm, |item| by_item.row_len(item as usize) > 0, &Silent)?;
    let map = FactorMap::fit(&warm, interactions, &split.backbone.item_factors, &Silent)?;
    let new = ColdItems::new(&cold, &map, &index, &interactions.item_users(), &Silent)?;
    let nearest = index.nearest(&cold, 50, false, &Silent)?;
    let similar = of_nearest(&nearest, &Silent)?.transposed();
    let users: Vec<f32> = (0..warm.rows()).map(|item| by_item.row_len(item) as f32).collect();
    let (popularity, own) = (new.neighbour_scores(&users), own_weights(&interactions.item_users()));
    let measured: Vec<Vec<f64>> = (0..data.users.len())
        .into_par_iter()
        .filter(|&user| !split.relevant_cold[user].is_empty() && interactions.by_user().row_len(user) > 0)
        .map_init(NeighbourScratch::default, |scratch, user| {
            let history = interactions.by_user().row(user).0;
            let random = (0..cold.rows()).map(|item| seed::mix((user << 32 | item) as u64) as f32).collect();
            let content = (0..cold.rows())
                .map(|item| {
                    let (sources, weights) = similar.row(item);
                    let own = sources.iter().zip(weights).filter(|(s, _)| history.binary_search(s).is_ok());
                    own.map(|(_, weight)| weight).sum()
                })
                .collect();
            let factors: Vec<f32> = (0..cold.rows())
                .map(|item| dot(split.backbone.user_factors.row(user), new.factors.row(item)))
                .collect();
            let mut values = sums(&split.neighbours, history, scratch);
            add_own_items(&mut values, history, &own);
            let neighbours = new.neighbour_scores(&values);
            let both = |share: f32| -> Vec<f32> {
                let weight = share / (1.0 - share) * split.scale;
                factors.iter().zip(&neighbours).map(|(factor, n)| factor + weight * n).collect()
            };
            let blends = [both(0.35), both(0.5)];
            let [third, half] = blends;
            let all: [Vec<f32>; 7] =
                [random, popularity.clone(), content, factors.clone(), neighbours.clone(), third, half];
            all.iter().map(|scores| ndcg(scores, &split.relevant_cold[user], |_| true)).collect()
        })
        .collect();
    let mean = |place: usize| {
        measured.iter().map(|values| values[place]).sum::<f64>() / measured.len().max(1) as f64
    };
    Ok(WHAT.into_iter().enumerate().map(|(place, what)| (what, mean(place))).collect())
}
