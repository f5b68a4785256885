//! What content adds to lists of items that have events: the hybrid with content in the ridge, against without.

use super::cold::ndcg;
use super::print;
use super::split::{Split, neighbour_options, products, scale, sums};
use rayon::prelude::*;
use segrec_benches::Result;
use segrec_engine::Silent;
use segrec_engine::evaluation::standard_error::mean_and_error;
use segrec_engine::features::EncodedItems;
use segrec_engine::scorers::content::ContentIndex;
use segrec_engine::scorers::neighbours::ridge_content::NEAREST;
use segrec_engine::scorers::neighbours::{NeighbourScratch, Neighbours, RidgeContent};

/// The share of neighbours.
const SHARE: f32 = 0.35;
/// Items of at most so many users are rare.
const RARE: usize = 10;
/// β.
const WEIGHTS: [f64; 3] = [0.3, 1.0, 3.0];

/// The differences of users, for lists of all items and of rare ones, by β.
#[derive(Default)]
pub struct Differences {
    all: [Vec<f64>; WEIGHTS.len()],
    rare: [Vec<f64>; WEIGHTS.len()],
    without: [Vec<f64>; 2],
}

impl Differences {
    pub fn print(&self, prefix: &str) {
        for (what, values) in ["all", "rare"].into_iter().zip(&self.without) {
            let (mean, error) = mean_and_error(values);
            print(&format!("{prefix}warm, {what} items, hybrid without content"), mean, Some(error));
        }
        for (what, differences) in [("all", &self.all), ("rare", &self.rare)] {
            for (weight, values) in WEIGHTS.iter().zip(differences) {
                let (mean, error) = mean_and_error(values);
                print(
                    &format!("{prefix}warm, {what} items, what content adds with β = {weight}"),
                    mean,
                    Some(error),
                );
            }
        }
    }
}

/// ndcg of every user, `None` where nothing is withheld, for all items and for rare ones.
fn reached(split: &Split, neighbours: &Neighbours, scale: f32) -> Vec<[Option<f64>; 2]> {
    let interactions = &split.interactions;
    let rare = |item: u32| interactions.by_item().row_len(item as usize) <= RARE;
    let weight = SHARE / (1.0 - SHARE) * scale;
    (0..interactions.users())
        .into_par_iter()
        .map_init(NeighbourScratch::default, |scratch, user| {
            let history = interactions.by_user().row(user).0;
            if history.is_empty() {
                return [None; 2];
            }
            let sums = sums(neighbours, history, scratch);
            let scores: Vec<f32> =
                products(&split.backbone, user).iter().zip(sums).map(|(f, n)| f + weight * n).collect();
            let relevant = &split.relevant_warm[user];
            let relevant_rare: Vec<u32> = relevant.iter().copied().filter(|&item| rare(item)).collect();
            let unseen = |item: u32| history.binary_search(&item).is_err();
            [
                (!relevant.is_empty()).then(|| ndcg(&scores, relevant, unseen)),
                (!relevant_rare.is_empty())
                    .then(|| ndcg(&scores, &relevant_rare, |item| rare(item) && unseen(item))),
            ]
        })
        .collect()
}

pub fn measure(split: &Split, items: &EncodedItems, differences: &mut Differences) -> Result<()> {
    let warm = items.select(&split.warm, &Silent)?;
    let by_item = split.interactions.by_item();
    let index = ContentIndex::new(&warm, |item| by_item.row_len(item as usize) > 0, &Silent)?;
    let nearest = index.nearest(&warm, NEAREST, true, &Silent)?;
    let without = reached(split, &split.neighbours, split.scale);
    for (place, kept) in differences.without.iter_mut().enumerate() {
        kept.extend(without.iter().filter_map(|user| user[place]));
    }
    for (place, weight) in WEIGHTS.into_iter().enumerate() {
        let content = RidgeContent { items: &warm, nearest: &nearest, weight };
        let neighbours = Neighbours::train_with_content(
            &split.interactions,
            &neighbour_options(),
            Some(content),
            &Silent,
        )?;
        let scale = scale(&split.interactions, &split.backbone, &neighbours);
        for (with, without) in reached(split, &neighbours, scale).into_iter().zip(&without) {
            let difference = |n: usize| with[n].zip(without[n]).map(|(with, without)| with - without);
            differences.all[place].extend(difference(0));
            differences.rare[place].extend(difference(1));
        }
    }
    Ok(())
}
