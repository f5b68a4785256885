//! Ranks for measured users: by popularity, by the parts that all segments share, and by each segment's own part.
//! Serving ranks in the same way.

use super::fit::{Fit, PopularItems};
use crate::error::Result;
use crate::interactions::Interactions;
use crate::observer::Observer;
use crate::ranking::{Blend, Blended, Scored, Scoring, top_lists};
use crate::scorers::Method;
use crate::scorers::factors::method::Factors;
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::registry::repeats;
use crate::scorers::repeat::method::TakenAgain;
use rayon::prelude::*;
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

/// The number of users whose scores are held at once.
const BATCH_USERS: usize = 2_048;
/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "measuring";

/// Ranks for users of the training part that a fit was made from.
#[derive(Clone, Debug)]
pub struct Ranker<'a> {
    /// The fit that ranks.
    pub fit: &'a Fit,
    /// The interactions that the fit was made from.
    pub training: &'a Interactions,
    /// The weights of the scorers.
    pub blend: Blend,
    /// Popularity in the training part.
    pub popular: Arc<PopularItems<'a>>,
}

impl<'a> Ranker<'a> {
    /// Ranks what users do not have yet by the blend of the fit; if `weighed`, popularity is the sum of confidences.
    pub fn new(fit: &'a Fit, training: &'a Interactions, weighed: bool) -> Self {
        let popular = Arc::new(PopularItems::new(fit, training, weighed));
        Self { fit, training, blend: fit.blend.clone().without(TakenAgain.name()), popular }
    }

    /// As [`Self::new`], but what users take again may return.
    pub fn repeating(fit: &'a Fit, training: &'a Interactions, weighed: bool) -> Self {
        Self { blend: fit.blend.clone(), ..Self::new(fit, training, weighed) }
    }

    /// The blended scorers for a user; with `own`, the user's segment uses its own part.
    pub fn blended<'b>(
        &'b self,
        user: u32,
        own: bool,
        blend: &Blend,
        scratch: &'b RefCell<NeighbourScratch>,
    ) -> Blended<'b> {
        self.fit.blended(user, own, blend, self.training, &self.popular, scratch)
    }

    /// The user's items that the model uses, ascending.
    pub fn history(&self, user: u32) -> &'a [u32] {
        self.training.by_user().row(user as usize).0
    }

    /// The items that lists of a user by some blend leave out, ascending: all that the user has seen or, if they may return,
    /// those that the model does not use.
    pub fn left_out(&self, user: u32, blend: &Blend) -> Cow<'a, [u32]> {
        let (seen, own) = (self.seen(user), self.history(user));
        match repeats(blend) {
            true => {
                Cow::Owned(seen.iter().filter(|item| own.binary_search(item).is_err()).copied().collect())
            }
            false => Cow::Borrowed(seen),
        }
    }

    /// The items that count as seen by a user, ascending; they are excluded from lists.
    pub fn seen(&self, user: u32) -> &'a [u32] {
        self.training.left_out(user as usize)
    }

    /// The `n` most popular items that each user does not have yet.
    pub fn popular(&self, users: &[u32], n: usize) -> Vec<Vec<Scored>> {
        users.par_iter().map(|&user| self.popular.everybody.view().top(self.seen(user), n)).collect()
    }

    /// The best `n` items of each user by the parts that all segments share.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn shared(&self, users: &[u32], n: usize, observer: &dyn Observer) -> Result<Vec<Vec<Scored>>> {
        if self.blend != Blend::only(Factors.name()) {
            return self.lists(users, false, &self.blend, n, observer);
        }
        // Factors alone can be scored by matrix products. Items of the backbone that nobody has in this training part
        // have zero factors and score 0.
        let backbone = &self.fit.backbone;
        let scoring = Scoring { item_factors: backbone.item_factors.view(), items: None };
        let mut lists = Vec::with_capacity(users.len());
        for users in users.chunks(BATCH_USERS) {
            let factors = backbone.user_factors.select(users);
            lists.extend(top_lists(&factors, scoring, |row| self.seen(users[row]), n, observer)?);
        }
        Ok(lists)
    }

    /// The best `n` items of each user by the part of the user's segment; `None` if the segment has none of its own.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn own(&self, users: &[u32], n: usize, observer: &dyn Observer) -> Result<Vec<Option<Vec<Scored>>>> {
        let Fit { segments, own_factors, factors, .. } = self.fit;
        let mut places = vec![Vec::new(); segments.count()];
        for (place, &user) in users.iter().enumerate() {
            places[segments.of_user[user as usize] as usize].push(place);
        }
        let own = places.iter().enumerate().filter(|(segment, _)| own_factors[*segment]);
        let mut lists = vec![None; users.len()];
        let members = |places: &[usize]| -> Vec<u32> { places.iter().map(|&place| users[place]).collect() };
        let mut keep = |places: &[usize], found: Vec<Vec<Scored>>| {
            places.iter().zip(found).for_each(|(&place, list)| lists[place] = Some(list));
        };
        if self.blend == Blend::only(Factors.name()) {
            for (segment, places) in own {
                let members = members(places);
                let scoring = Scoring {
                    item_factors: factors.item_factors[segment].view(),
                    items: Some(&segments.items[segment]),
                };
                let user_factors = factors.user_factors.select(&members);
                let seen = |row: usize| self.seen(members[row]);
                keep(places, top_lists(&user_factors, scoring, seen, n, observer)?);
            }
        } else {
            let places: Vec<usize> = own.flat_map(|(_, places)| places).copied().collect();
            keep(&places, self.lists(&members(&places), true, &self.blend, n, observer)?);
        }
        Ok(lists)
    }

    /// The best `n` items of each user by a blend of scorers.
    fn lists(
        &self,
        users: &[u32],
        own: bool,
        blend: &Blend,
        n: usize,
        observer: &dyn Observer,
    ) -> Result<Vec<Vec<Scored>>> {
        let list = |scratch: &mut RefCell<NeighbourScratch>, &user: &u32| {
            observer.check()?;
            Ok(self.blended(user, own, blend, scratch).best(&self.left_out(user, blend), None, n))
        };
        users.par_iter().map_init(RefCell::default, list).collect()
    }
}
