//! SASRec as a [`Scorer`]: the score of an item is the product of its row and the representation of the user.

use super::infer::SasrecScratch;
use super::weights::SasrecNetwork;
use crate::matrix::Rows;
use crate::observer::Observer;
use crate::scorers::contributions::Contributions;
use crate::scorers::factors::ItemRows;
use crate::scorers::method::KnownUser;
use crate::scorers::scorer::{Items, Scorer};
use std::cell::RefCell;

thread_local! {
    /// Memory for representations, kept from one user to the next.
    static SCRATCH: RefCell<SasrecScratch> = RefCell::default();
}

/// The items of a user, oldest first; without ranks the order is not known, and none are told.
pub fn oldest_first(items: &[u32], ranks: &[f32]) -> Vec<u32> {
    let mut ranked: Vec<(f32, u32)> = ranks.iter().copied().zip(items.iter().copied()).collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    ranked.into_iter().map(|entry| entry.1).collect()
}

/// A user, as a network represents them.
#[derive(Clone, Debug)]
pub struct SasrecScorer<'a> {
    network: &'a SasrecNetwork,
    /// The vector and the bias of each item, items × (d + 1).
    rows: Rows<'a>,
    /// The user's items, ascending.
    items: &'a [u32],
    /// The last of them that have rows, oldest first.
    ordered: Vec<u32>,
    /// (h, 1).
    user: Vec<f32>,
}

impl<'a> SasrecScorer<'a> {
    /// Represents a user by the order of their items, unless the user comes with a representation.
    pub fn new(network: &'a SasrecNetwork, rows: Rows<'a>, user: KnownUser<'a>) -> Self {
        let mut ordered = oldest_first(user.items, user.ranks);
        ordered.retain(|item| (*item as usize) < rows.rows());
        let read = ordered.len().saturating_sub(network.shape().window);
        ordered.drain(..read);
        let mut own = Self { network, rows, items: user.items, ordered, user: Vec::new() };
        own.user = match user.representation {
            [] => own.represented(&own.ordered),
            given => given.to_vec(),
        };
        own
    }

    /// (h, 1), the representation with the factor of the bias.
    pub fn into_representation(self) -> Vec<f32> {
        self.user
    }

    fn represented(&self, items: &[u32]) -> Vec<f32> {
        let width = self.network.shape().width;
        let represented =
            SCRATCH.with_borrow_mut(|scratch| self.network.represent(self.rows, items, scratch));
        // The rows are those of the network, so nothing can be wrong with them.
        let mut user = represented.unwrap_or_else(|_| vec![0.0; width]);
        user.push(1.0);
        user
    }

    fn score(&self, user: &[f32], item: u32) -> f64 {
        f64::from(ItemRows { backbone: self.rows, own: None }.scores(user, &[item])[0])
    }
}

impl Scorer for SasrecScorer<'_> {
    fn covers(&self) -> Items<'_> {
        Items::all(self.rows.rows())
    }

    /// Items that have no rows yet score as the bias alone of an item that nobody has, 0.
    fn scores(&self, items: &[u32]) -> Vec<f32> {
        let known = items.partition_point(|item| (*item as usize) < self.rows.rows());
        let mut scores = ItemRows { backbone: self.rows, own: None }.scores(&self.user, &items[..known]);
        scores.resize(items.len(), 0.0);
        scores
    }

    /// What each item that the network reads adds: the score less that without it. A network is not a sum, so the base is
    /// the rest.
    fn contributions(&self, target: u32, observer: &dyn Observer) -> Contributions {
        let mut of_items = vec![0.0; self.items.len()];
        if target as usize >= self.rows.rows() {
            return Contributions { base: 0.0, of_items };
        }
        let whole = self.score(&self.user, target);
        for (place, &item) in self.ordered.iter().enumerate() {
            if observer.is_cancelled() {
                break;
            }
            let mut without = self.ordered.clone();
            without.remove(place);
            if let Ok(own) = self.items.binary_search(&item) {
                of_items[own] = whole - self.score(&self.represented(&without), target);
            }
        }
        Contributions { base: whole - of_items.iter().sum::<f64>(), of_items }
    }
}
