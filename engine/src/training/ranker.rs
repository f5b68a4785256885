//! The lists of measured users: what is popular, what the parts shared by all rank best, and what each
//! segment's own part ranks best. Serving ranks in the same way.

use super::fit::Fit;
use crate::error::Result;
use crate::interactions::Interactions;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::ranking::blended::{ItemRows, Person, blended_lists};
use crate::ranking::{Blend, Scored, Scoring, top_lists};
use crate::scorers::popularity::{Popularity, SegmentPopular};
use crate::scorers::popularity::{item_popularity, segment_popularity};
use rayon::prelude::*;

/// Users whose scores are held at once.
const BATCH_USERS: usize = 2_048;
/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "measuring";

/// Ranks for users of the training part that a fit was made from.
#[derive(Clone, Copy)]
pub struct Ranking<'a> {
    /// The fit.
    pub fit: &'a Fit,
    /// What it was made from.
    pub training: &'a Interactions,
    /// How its parts make a score.
    pub blend: Blend,
    /// Whether popularity is the sum of confidences.
    pub weighed: bool,
}

impl<'a> Ranking<'a> {
    /// Ranks as the fit does.
    pub fn new(fit: &'a Fit, training: &'a Interactions, weighed: bool) -> Self {
        Self { fit, training, blend: fit.blend, weighed }
    }

    /// What counts of what a user has, ascending.
    pub fn history(&self, user: u32) -> &'a [u32] {
        self.training.by_user().row(user as usize).0
    }

    /// All that a user has, ascending: it is in no list.
    pub fn seen(&self, user: u32) -> &'a [u32] {
        self.training.seen(user as usize)
    }

    /// The `n` most popular items that each user does not have.
    pub fn popular(&self, users: &[u32], n: usize) -> Vec<Vec<Scored>> {
        let counts = item_popularity(self.training, self.weighed);
        let popularity = Popularity::new((0..).zip(counts));
        users.par_iter().map(|&user| popularity.view().top(self.seen(user), n)).collect()
    }

    /// The best `n` of each user by the parts that all share.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn shared(&self, users: &[u32], n: usize, observer: &dyn Observer) -> Result<Vec<Vec<Scored>>> {
        let (backbone, blend) = (&self.fit.backbone, self.blend);
        if blend.has_neighbours() {
            return self.blended(users, false, n, observer);
        }
        if !blend.factors {
            return Ok(self.popular(users, n));
        }
        // The backbone may hold items nobody has in training: they have zero factors and score nothing.
        let scoring = Scoring { item_factors: backbone.item_factors.view(), items: None };
        let mut lists = Vec::with_capacity(users.len());
        for users in users.chunks(BATCH_USERS) {
            let factors = backbone.user_factors.select(users);
            lists.extend(top_lists(&factors, scoring, |row| self.seen(users[row]), n, observer)?);
        }
        Ok(lists)
    }

    /// The best `n` of each user whose segment has a part of its own, by that part.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn own(&self, users: &[u32], n: usize, observer: &dyn Observer) -> Result<Vec<Option<Vec<Scored>>>> {
        let Fit { segments, own_factors, factors, .. } = self.fit;
        let blend = self.blend;
        let mut places = vec![Vec::new(); segments.count()];
        for (place, &user) in users.iter().enumerate() {
            places[segments.of_user[user as usize] as usize].push(place);
        }
        let mut lists = vec![None; users.len()];
        let mut keep = |places: &[usize], found: Vec<Vec<Scored>>| {
            places.iter().zip(found).for_each(|(&place, list)| lists[place] = Some(list));
        };
        let own = places.iter().enumerate().filter(|(segment, _)| own_factors[*segment]);
        if blend.has_neighbours() {
            let places: Vec<usize> = own.flat_map(|(_, places)| places).copied().collect();
            let members: Vec<u32> = places.iter().map(|&place| users[place]).collect();
            keep(&places, self.blended(&members, true, n, observer)?);
        } else if blend.factors {
            for (segment, places) in own {
                let members: Vec<u32> = places.iter().map(|&place| users[place]).collect();
                let scoring = Scoring {
                    item_factors: factors.item_factors[segment].view(),
                    items: Some(&segments.items[segment]),
                };
                let user_factors = factors.user_factors.select(&members);
                let seen = |row: usize| self.seen(members[row]);
                keep(places, top_lists(&user_factors, scoring, seen, n, observer)?);
            }
        } else {
            let all = item_popularity(self.training, self.weighed);
            let popular_in = self.popular_in_segments(&all);
            let everybody = Popularity::new((0..).zip(all));
            for (segment, places) in own {
                let items = &segments.items[segment];
                let members = segments.users[segment].len();
                let own = popular_in[segment].view();
                let popular =
                    SegmentPopular::new(own, items, members, everybody.view(), self.training.users());
                keep(places, places.iter().map(|&place| popular.top(self.seen(users[place]), n)).collect());
            }
        }
        Ok(lists)
    }

    /// What is popular in each segment; `all` is how popular items are with everybody.
    fn popular_in_segments(&self, all: &[f32]) -> Vec<Popularity> {
        let segments = &self.fit.segments;
        let of_segment = |(segment, own): (usize, Vec<f32>)| {
            let (items, members) = (&segments.items[segment], segments.users[segment].len());
            Popularity::of_segment(items, &own, members, all, self.training.users())
        };
        let counts = segment_popularity(self.training, segments, self.weighed);
        counts.into_iter().enumerate().map(of_segment).collect()
    }

    fn rows(&self, user: u32, own: bool) -> (&'a [f32], ItemRows<'a>) {
        let Fit { backbone, segments, factors, own_factors, .. } = self.fit;
        let segment = segments.of_user[user as usize] as usize;
        let own = (own && own_factors[segment])
            .then(|| (segments.items[segment].as_slice(), factors.item_factors[segment].view()));
        let user_factors: &Matrix =
            if own.is_some() { &factors.user_factors } else { &backbone.user_factors };
        (user_factors.row(user as usize), ItemRows { backbone: backbone.item_factors.view(), own })
    }

    /// The users as lists of several parts need them.
    pub fn people(self) -> People<'a> {
        let popular = match self.blend.factors {
            true => self.popular_in_segments(&item_popularity(self.training, self.weighed)),
            false => Vec::new(),
        };
        People { ranking: self, popular }
    }

    fn blended(
        &self,
        users: &[u32],
        own: bool,
        n: usize,
        observer: &dyn Observer,
    ) -> Result<Vec<Vec<Scored>>> {
        let Some(neighbours) = &self.fit.neighbours else {
            return Ok(vec![Vec::new(); users.len()]);
        };
        let people = self.people();
        let person = |place: usize| people.person(users[place], own);
        blended_lists(users.len(), person, neighbours, self.blend, n, observer)
    }
}

/// Users, with what is popular in the segment of each.
pub struct People<'a> {
    ranking: Ranking<'a>,
    /// Of each segment; empty where nobody is offered it.
    popular: Vec<Popularity>,
}

impl People<'_> {
    /// What is known of a user for a list of several parts.
    pub fn person(&self, user: u32, own: bool) -> Person<'_> {
        let segment = self.ranking.fit.segments.of_user[user as usize] as usize;
        let (factors, rows) = self.ranking.rows(user, own);
        let popular = self.popular.get(segment).map_or(&[][..], |popular| popular.view().items);
        let Ranking { training, .. } = self.ranking;
        let (history, seen) = (training.by_user().row(user as usize).0, training.seen(user as usize));
        Person { factors, rows, history, seen, popular }
    }
}
