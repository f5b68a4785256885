//! One split of a data set: cold items, and factors and neighbours of all others.

use super::data::Data;
use rayon::prelude::*;
use segrec_benches::Result;
use segrec_engine::Silent;
use segrec_engine::interactions::{Interactions, SparseRows};
use segrec_engine::scorers::factors::{AlsOptions, Backbone, Start};
use segrec_engine::scorers::neighbours::{NeighbourOptions, NeighbourRows, NeighbourScratch, Neighbours};

pub struct Split {
    /// Cold and warm items, ascending.
    pub cold: Vec<u32>,
    pub warm: Vec<u32>,
    /// The training events over all items, of which the cold ones have none.
    pub all: Interactions,
    /// The training events over warm items, numbered by their place.
    pub interactions: Interactions,
    /// The places in `cold` of each user's events.
    pub relevant_cold: Vec<Vec<u32>>,
    /// The places in `warm` of each user's withheld events.
    pub relevant_warm: Vec<Vec<u32>>,
    pub backbone: Backbone,
    pub neighbours: Neighbours,
    /// The ratio of the spreads of factor scores and of neighbour scores over warm items, by which shares become weights.
    pub scale: f32,
}

pub fn neighbour_options() -> NeighbourOptions {
    NeighbourOptions { kept: 100, ..NeighbourOptions::default() }
}

pub fn interactions(
    users: usize,
    items: usize,
    pairs: impl Iterator<Item = (u32, u32)>,
) -> Result<Interactions> {
    let mut rows = vec![Vec::new(); users];
    pairs.for_each(|(user, item)| rows[user as usize].push(item));
    let mut starts = vec![0];
    let columns: Vec<u32> = rows
        .into_iter()
        .flat_map(|row: Vec<u32>| {
            starts.push(starts.last().copied().unwrap_or(0) + row.len());
            row
        })
        .collect();
    let values = vec![1.0; columns.len()];
    Ok(Interactions::new(SparseRows::new(items, starts, columns, values)?))
}

impl Split {
    /// Items of two folds are cold.
    pub fn of_folds(data: &Data, pair: [u32; 2], als: &AlsOptions) -> Result<Self> {
        let cold: Vec<bool> = data.folds.iter().map(|fold| pair.contains(fold)).collect();
        Self::new(data, &cold, &data.withheld, als)
    }

    /// Items without an event before the cut are cold, and all events from it on are withheld; `None` without a cut.
    pub fn by_time(data: &Data, als: &AlsOptions) -> Result<Option<Self>> {
        let Some(before) = &data.before else { return Ok(None) };
        let mut cold = vec![true; data.items.len()];
        for (event, _) in data.events.iter().zip(before).filter(|(_, before)| **before) {
            cold[event.1 as usize] = false;
        }
        let withheld: Vec<bool> = before.iter().map(|before| !before).collect();
        Self::new(data, &cold, &withheld, als).map(Some)
    }

    fn new(data: &Data, cold: &[bool], withheld: &[bool], als: &AlsOptions) -> Result<Self> {
        let items = || 0..data.items.len() as u32;
        let is_cold = |item: u32| cold[item as usize];
        let cold: Vec<u32> = items().filter(|&item| is_cold(item)).collect();
        let warm: Vec<u32> = items().filter(|&item| !is_cold(item)).collect();
        let place = |items: &[u32], item: u32| items.partition_point(|&other| other < item) as u32;
        let users = data.users.len();
        let (mut relevant_cold, mut relevant_warm) = (vec![Vec::new(); users], vec![Vec::new(); users]);
        let mut training = Vec::new();
        for (&(user, item), &withheld) in data.events.iter().zip(withheld) {
            if is_cold(item) {
                relevant_cold[user as usize].push(place(&cold, item));
            } else if withheld {
                relevant_warm[user as usize].push(place(&warm, item));
            } else {
                training.push((user, item));
            }
        }
        let all = interactions(users, data.items.len(), training.iter().copied())?;
        let warm_events = training.iter().map(|&(user, item)| (user, place(&warm, item)));
        let interactions = interactions(users, warm.len(), warm_events)?;
        let backbone = Backbone::train(&interactions, als, Start::Random(1), &Silent)?;
        let neighbours = Neighbours::train(&interactions, &neighbour_options(), &Silent)?;
        let scale = scale(&interactions, &backbone, &neighbours);
        Ok(Self { cold, warm, all, interactions, relevant_cold, relevant_warm, backbone, neighbours, scale })
    }
}

/// The dense neighbour scores of a history.
pub fn sums(neighbours: &Neighbours, history: &[u32], scratch: &mut NeighbourScratch) -> Vec<f32> {
    let mut sums = vec![0.0; neighbours.rows().rows()];
    let (items, scores) = neighbours.score(history, scratch);
    items.iter().zip(scores).for_each(|(&item, &score)| sums[item as usize] = score);
    sums
}

/// The factor scores of warm items.
pub fn products(backbone: &Backbone, user: usize) -> Vec<f32> {
    let mut scores = vec![0.0; backbone.item_factors.rows()];
    let user = backbone.user_factors.row(user);
    segrec_engine::linalg::product::row_scores(user, backbone.item_factors.view(), &mut scores);
    scores
}

/// The ratio of the median standard deviations over all items, as trainings blend.
pub fn scale(interactions: &Interactions, backbone: &Backbone, neighbours: &Neighbours) -> f32 {
    let spread = |values: &[f32]| {
        let count = values.len() as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
        (values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count).sqrt()
    };
    let spreads: Vec<(f64, f64)> = (0..interactions.users())
        .into_par_iter()
        .filter(|&user| interactions.by_user().row_len(user) > 0)
        .map_init(NeighbourScratch::default, |scratch, user| {
            let history = interactions.by_user().row(user).0;
            (spread(&products(backbone, user)), spread(&sums(neighbours, history, scratch)))
        })
        .collect();
    let (factors, neighbours): (Vec<f64>, Vec<f64>) = spreads.into_iter().unzip();
    let median = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (median(factors) / median(neighbours)) as f32
}
