//! A fit: everything that is learned from one set of interactions.

use crate::error::Result;
use crate::interactions::{Histories, Interactions};
use crate::linalg::observed_gram;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::options::algorithm::Algorithm;
use crate::options::checked::Options;
use crate::ranking::blended::Weight;
use crate::ranking::{Blend, Blended, Part};
use crate::scorers::factors::method::Factors;
use crate::scorers::factors::segment_factors::segment_gram;
use crate::scorers::factors::{AlsOptions, Backbone, SegmentFactors, Segments};
use crate::scorers::factors::{ItemFactors, ItemRows};
use crate::scorers::method::{FitInput, Fitted, KnownUser, Method, SegmentView, UserRow};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::popularity::{Popularity, SegmentPopular, item_popularity, segment_popularity};
use crate::scorers::ratings::method::PredictedRatings;
use crate::scorers::ratings::rated::Rated;
use crate::scorers::registry::{named, tastes};
use crate::scorers::sections::NewSection;
use crate::segmentation::identity::Membership;
use std::borrow::Cow;
use std::cell::RefCell;
use std::mem;
use std::sync::{Arc, OnceLock};

/// The scorers with taste factors, which are fitted before users are segmented.
#[derive(Clone, Debug)]
pub struct TasteFactors {
    /// The factors of users and items.
    pub backbone: Backbone,
    /// The other parts of a rating model; `None` for implicit feedback.
    pub rated: Option<Arc<Rated>>,
}

impl TasteFactors {
    fn fitted(&self) -> (&'static str, Arc<dyn Fitted>) {
        match &self.rated {
            Some(rated) => (PredictedRatings.name(), Arc::clone(rated) as _),
            None => (Factors.name(), Arc::new(Factors)),
        }
    }
}

/// Everything that is learned from one set of interactions.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The factors shared by all segments.
    pub backbone: Backbone,
    /// The segment of each user.
    pub membership: Membership,
    /// The users and items of each segment.
    pub segments: Segments,
    /// For each segment, whether it is ranked by a part of its own: its factors, or its popular items.
    pub own_factors: Vec<bool>,
    /// The segments' own factors; empty for segments without any.
    pub factors: SegmentFactors,
    /// The Gramian (k × k) of the backbone's item factors, used by fold-in.
    pub item_gram: Vec<f64>,
    /// The Gramians of the segments that have their own factors.
    pub segment_grams: Vec<Option<Vec<f64>>>,
    /// The fitted scorers, by name.
    pub fitted: Vec<(&'static str, Arc<dyn Fitted>)>,
    /// The weights of the scorers.
    pub blend: Blend,
    /// The parts of a rating model besides the backbone; `None` for implicit feedback.
    pub rated: Option<Arc<Rated>>,
    /// The histories by which users are scored; `None` if they are the interactions.
    pub histories: Option<Arc<Histories>>,
}

impl Fit {
    /// Fits the segments given by `of_user` on top of a backbone. Segments marked in `own` have a part of their own, which
    /// includes factors if the algorithm ranks by them and `with_factors` says so. Users without a segment join the nearest one. Scorers without taste factors are to be added.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    pub fn new(
        interactions: &Interactions,
        factors: TasteFactors,
        of_user: &[Option<u32>],
        (own, with_factors): (Vec<bool>, bool),
        algorithm: Algorithm,
        als: &AlsOptions,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let by_tastes = factors.fitted();
        let TasteFactors { backbone, rated } = factors;
        let tastes = tastes(algorithm.scorers(), &backbone.user_factors);
        let membership = Membership::new(of_user, own.len(), &tastes);
        let segments = Segments::new(membership.of_user.clone(), membership.count(), interactions);
        let by_factors = algorithm.ranks_by_factors() && with_factors;
        let wanted: Vec<bool> = own.iter().map(|own| *own && by_factors).collect();
        let factors = SegmentFactors::train(interactions, &backbone, &segments, &wanted, als, observer)?;
        let item_gram = observed_gram(&backbone.item_factors, observer);
        let segment_grams = (0..segments.count())
            .map(|segment| {
                let own = &factors.item_factors[segment];
                let items = &segments.items[segment];
                wanted[segment]
                    .then(|| segment_gram(&item_gram, &backbone.item_factors, items, own, observer))
            })
            .collect();
        let blend = algorithm.scorers().first().map_or_else(Blend::default, |scorer| Blend::only(scorer));
        // Gramians computed after cancellation are incomplete.
        observer.check()?;
        Ok(Self {
            backbone,
            membership,
            segments,
            own_factors: own,
            factors,
            item_gram,
            segment_grams,
            fitted: vec![by_tastes],
            blend,
            rated,
            histories: None,
        })
    }

    /// Gives the items in users' histories the weights (1 + r)^−p of their ranks r, for an exponent p above 0. Items stay
    /// as they are; users are fitted to them once more, since that is what a fold-in of these histories finds, and the
    /// centroids of segments are those of users as they are served. Does nothing if the order is not known.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    pub fn weigh_histories(
        &mut self,
        interactions: &Interactions,
        exponent: f64,
        als: &AlsOptions,
        observer: &dyn Observer,
    ) -> Result<()> {
        let Some(ranks) = interactions.ranks().filter(|_| exponent > 0.0 && self.rated.is_none()) else {
            return Ok(());
        };
        let histories = Histories::new(interactions.by_user(), ranks, exponent);
        let by_user = &histories.by_user;
        self.backbone.refit_users(by_user, &self.item_gram, als, observer)?;
        self.factors.user_factors.clone_from(&self.backbone.user_factors);
        let shared = (&self.backbone.item_factors, &self.item_gram[..]);
        self.factors.refit_users(by_user, shared, &self.segments, als, observer)?;
        let of_user: Vec<Option<u32>> = self.membership.of_user.iter().copied().map(Some).collect();
        self.membership = Membership::new(&of_user, self.membership.count(), &self.tastes());
        self.histories = Some(Arc::new(histories));
        Ok(())
    }

    /// What [`Self::weigh_histories`] replaces.
    pub fn users(&self) -> FittedUsers {
        FittedUsers {
            backbone: self.backbone.user_factors.clone(),
            own: self.factors.user_factors.clone(),
            membership: self.membership.clone(),
            histories: self.histories.clone(),
        }
    }

    /// Puts the users back as they were.
    pub fn restore(&mut self, users: FittedUsers) {
        let FittedUsers { backbone, own, membership, histories } = users;
        self.backbone.user_factors = backbone;
        self.factors.user_factors = own;
        self.membership = membership;
        self.histories = histories;
    }

    /// Takes the segments' own factors away, and returns them for [`Self::give_factors`].
    pub fn take_factors(&mut self) -> (SegmentFactors, Vec<Option<Vec<f64>>>) {
        let without = SegmentFactors {
            item_factors: vec![Matrix::default(); self.segments.count()],
            user_factors: self.backbone.user_factors.clone(),
        };
        let grams = vec![None; self.segments.count()];
        (mem::replace(&mut self.factors, without), mem::replace(&mut self.segment_grams, grams))
    }

    /// Gives the segments back the factors that they had.
    pub fn give_factors(&mut self, (factors, grams): (SegmentFactors, Vec<Option<Vec<f64>>>)) {
        (self.factors, self.segment_grams) = (factors, grams);
    }

    /// Fits the scorers without taste factors.
    ///
    /// # Errors
    /// Those of [`Method::fit`].
    pub fn fitted(
        methods: &[&dyn Method],
        input: FitInput<'_>,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Vec<(&'static str, Arc<dyn Fitted>)>> {
        let mut fitted = Vec::new();
        for method in methods {
            fitted.extend(method.fit(input, options, observer)?.map(|own| (method.name(), own)));
        }
        Ok(fitted)
    }

    /// The sections of the scorers of its blend, as (scorer, section, contents).
    ///
    /// # Errors
    /// Those of [`Fitted::sections`].
    pub fn sections(&self) -> Result<Vec<(&'static str, &'static str, NewSection<'_>)>> {
        let mut all = Vec::new();
        for (scorer, fitted) in self.fitted.iter().filter(|(scorer, _)| self.blend.has(scorer)) {
            all.extend(fitted.sections()?.into_iter().map(|(name, section)| (*scorer, name, section)));
        }
        Ok(all)
    }

    /// The bytes of the numbers that a scorer keeps: its sections, the rows of its users, and factors if they are its own.
    ///
    /// # Errors
    /// Those of [`Fitted::sections`].
    pub fn bytes(&self, scorer: &str) -> Result<u64> {
        let Some((_, fitted)) = self.fitted.iter().find(|(name, _)| *name == scorer) else { return Ok(0) };
        let sections: usize = fitted.sections()?.iter().map(|(_, section)| section.bytes()).sum();
        let row = |user| fitted.user_row(user).map_or(0, |row| 8 * row.items.len());
        let rows: usize = (0..self.segments.of_user.len()).map(row).sum();
        let factors = named(scorer).is_some_and(Method::has_taste_factors).then(|| {
            let Backbone { user_factors, item_factors, .. } = &self.backbone;
            let own = self.factors.item_factors.iter();
            4 * [user_factors, item_factors].into_iter().chain(own).map(|own| own.data().len()).sum::<usize>()
        });
        Ok((sections + rows + factors.unwrap_or(0)) as u64)
    }

    /// The rows that the scorers of its blend keep for a user, by scorer.
    pub fn user_rows(&self, user: usize) -> impl Iterator<Item = (&'static str, UserRow<'_>)> {
        let of_blend = self.fitted.iter().filter(|(scorer, _)| self.blend.has(scorer));
        of_blend.filter_map(move |(scorer, fitted)| Some((*scorer, fitted.user_row(user)?)))
    }

    /// The blended scorers for a user of `training`, the interactions that the fit was made from. With `own`, the
    /// user's segment uses its own part if it has one.
    pub fn blended<'a>(
        &'a self,
        user: u32,
        own: bool,
        blend: &Blend,
        training: &'a Interactions,
        popular: &'a PopularItems<'_>,
        scratch: &'a RefCell<NeighbourScratch>,
    ) -> Blended<'a> {
        let segment = self.segments.of_user[user as usize] as usize;
        let own = own && self.own_factors[segment];
        let histories = self.histories.as_deref();
        let by_user = histories.map_or(training.by_user(), |histories| &histories.by_user);
        let (items, confidences) = by_user.row(user as usize);
        let weights = histories.map(|histories| histories.weights(user as usize));
        let (factors, rows) = self.rows(user, own);
        let ranks = training.ranks_of(user as usize);
        let repeats = training.repeats_of(user as usize);
        let known =
            KnownUser { items, confidences, weights, ranks, repeats, factors, ..KnownUser::default() };
        let view = SegmentView {
            items: training.items(),
            factors: ItemFactors { rows, ..ItemFactors::default() },
            everybody: popular.everybody.view(),
            segment: own.then(|| popular.of_segment(segment)),
            own_part: own.then_some(segment as u32),
            recent: None,
        };
        let part = |Weight { scorer, weight, .. }: &Weight| {
            let (_, fitted) = self.fitted.iter().find(|(name, _)| name == scorer)?;
            let known = KnownUser { row: fitted.user_row(user as usize).unwrap_or_default(), ..known };
            Some(Part { scorer: fitted.scorer(view, known, scratch), weight: *weight })
        };
        let parts = blend.0.iter().filter_map(part);
        // Factors on their own already rank every item.
        let fills = blend.has(Factors.name()) && !blend.is_single();
        let few = if fills { popular.of_segment(segment).own() } else { &[] };
        Blended { parts: parts.collect(), popular: few }
    }

    /// The factors of a user, and the item factors they are multiplied with.
    fn rows(&self, user: u32, own: bool) -> (&[f32], ItemRows<'_>) {
        let segment = self.segments.of_user[user as usize] as usize;
        let own = own && self.segment_grams[segment].is_some();
        let rows =
            own.then(|| (self.segments.items[segment].as_slice(), self.factors.item_factors[segment].view()));
        let user_factors = if own { &self.factors.user_factors } else { &self.backbone.user_factors };
        (user_factors.row(user as usize), ItemRows { backbone: self.backbone.item_factors.view(), own: rows })
    }

    /// The vectors by which users are segmented.
    pub fn tastes(&self) -> Cow<'_, Matrix> {
        let scorers: Vec<&str> = self.blend.scorers().collect();
        tastes(&scorers, &self.backbone.user_factors)
    }
}

/// The users of a fit, as they were at some time.
#[derive(Clone, Debug)]
pub struct FittedUsers {
    backbone: Matrix,
    own: Matrix,
    membership: Membership,
    histories: Option<Arc<Histories>>,
}

/// Popularity in a training part, overall and per segment. The segments are counted on first use.
#[derive(Debug)]
pub struct PopularItems<'a> {
    /// Popularity among all users: the number of users of an item or the sum of its confidences.
    pub everybody: Popularity,
    /// Popularity by item number.
    of_item: Vec<f32>,
    segments: OnceLock<Vec<Popularity>>,
    fit: &'a Fit,
    training: &'a Interactions,
    weighed: bool,
}

impl<'a> PopularItems<'a> {
    /// Counts the items of the training part of a fit; if `weighed`, popularity is the sum of confidences.
    pub fn new(fit: &'a Fit, training: &'a Interactions, weighed: bool) -> Self {
        let of_item = item_popularity(training, weighed);
        let everybody = Popularity::new((0..).zip(of_item.iter().copied()));
        Self { everybody, of_item, segments: OnceLock::new(), fit, training, weighed }
    }

    /// Popularity in a segment, smoothed by that among all users.
    fn of_segment(&self, segment: usize) -> SegmentPopular<'_> {
        let segments = &self.fit.segments;
        let all_users = self.training.users();
        let of_segments = self.segments.get_or_init(|| {
            let of_segment = |(segment, own): (usize, Vec<f32>)| {
                let (items, members) = (&segments.items[segment], segments.users[segment].len());
                Popularity::of_segment(items, &own, members, &self.of_item, all_users)
            };
            let counts = segment_popularity(self.training, segments, self.weighed);
            counts.into_iter().enumerate().map(of_segment).collect()
        });
        let (items, members) = (&segments.items[segment], segments.users[segment].len());
        SegmentPopular::new(of_segments[segment].view(), items, members, self.everybody.view(), all_users)
    }
}
