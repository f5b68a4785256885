//! One fit: all that is learned from one set of interactions.

use crate::error::Result;
use crate::interactions::Interactions;
use crate::linalg::observed_gram;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::options::algorithm::Algorithm;
use crate::options::checked::Options;
use crate::ranking::blended::Weight;
use crate::ranking::{Blend, Blended, Part};
use crate::scorers::Scorer;
use crate::scorers::factors::segment_factors::segment_gram;
use crate::scorers::factors::{AlsOptions, Backbone, SegmentFactors, Segments};
use crate::scorers::factors::{FactorScorer, ItemRows};
use crate::scorers::method::{Fitted, KnownUser, Method};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::popularity::{
    Popularity, PopularityScorer, SegmentPopular, item_popularity, segment_popularity,
};
use crate::scorers::ratings::rated::Rated;
use crate::scorers::sections::NewSection;
use crate::segmentation::identity::Membership;
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// Everything that is learned from interactions.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The factors shared by all.
    pub backbone: Backbone,
    /// Who belongs where.
    pub membership: Membership,
    /// The users and items of each segment.
    pub segments: Segments,
    /// Of each segment: whether it is ranked by a part of its own: its factors, or what is popular in it.
    pub own_factors: Vec<bool>,
    /// The segments' factors; empty for segments without their own.
    pub factors: SegmentFactors,
    /// The Gramian (k × k) of the backbone's item factors: what fold-in measures against.
    pub item_gram: Vec<f64>,
    /// The same for each segment that has its own factors.
    pub segment_grams: Vec<Option<Vec<f64>>>,
    /// What scorers are fitted that need neither factors nor segments, by their names.
    pub fitted: Vec<(&'static str, Arc<dyn Fitted>)>,
    /// How the parts make a score.
    pub blend: Blend,
    /// What ratings need besides.
    pub rated: Option<Rated>,
}

impl Fit {
    /// Fits the segments of `of_user` on top of a backbone; those of `own` get a part of their own. Users
    /// without a segment join the nearest.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    pub fn new(
        interactions: &Interactions,
        backbone: Backbone,
        of_user: &[Option<u32>],
        own: Vec<bool>,
        algorithm: Algorithm,
        als: &AlsOptions,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let tastes = algorithm.tastes(&backbone.user_factors);
        let membership = Membership::new(of_user, own.len(), &tastes);
        let segments = Segments::new(membership.of_user.clone(), membership.count(), interactions);
        let by_factors = algorithm.ranks_by_factors();
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
        // A Gramian that was cut short is none.
        observer.check()?;
        Ok(Self {
            backbone,
            membership,
            segments,
            own_factors: own,
            factors,
            item_gram,
            segment_grams,
            fitted: Vec::new(),
            blend,
            rated: None,
        })
    }

    /// Fits some ways to score that need neither factors nor segments.
    ///
    /// # Errors
    /// Those of [`Method::fit`].
    pub fn fitted(
        methods: &[&dyn Method],
        interactions: &Interactions,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Vec<(&'static str, Arc<dyn Fitted>)>> {
        let mut fitted = Vec::new();
        for method in methods {
            fitted.extend(method.fit(interactions, options, observer)?.map(|own| (method.name(), own)));
        }
        Ok(fitted)
    }

    /// All that is stored of its scorers besides factors: the scorer, the section, and what is in it.
    ///
    /// # Errors
    /// [`crate::EngineError::NotFinite`] where what ratings need cannot be written down.
    pub fn sections(&self) -> Result<Vec<(&'static str, &'static str, NewSection<'_>)>> {
        let mut all = Vec::new();
        for (scorer, fitted) in &self.fitted {
            all.extend(fitted.sections().into_iter().map(|(name, section)| (*scorer, name, section)));
        }
        if let Some(rated) = &self.rated {
            all.extend(rated.sections()?.into_iter().map(|(name, section)| ("ratings", name, section)));
        }
        Ok(all)
    }

    /// What the scorers of a blend say for a user of the training part `training` that the fit was made from; with `own`
    /// by the part that their segment has of its own, where it has one.
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
        let (history, confidences) = training.by_user().row(user as usize);
        let known = KnownUser { items: history, confidences, shares: None };
        let part = |Weight { scorer, weight, .. }: &Weight| {
            let fitted = self.fitted.iter().find(|(name, _)| name == scorer);
            let scorer: Box<dyn Scorer + 'a> = match (scorer.as_str(), fitted) {
                (_, Some((_, fitted))) => fitted.scorer(known, scratch),
                ("factors" | "ratings", None) => {
                    let (user, rows) = self.rows(user, own);
                    Box::new(FactorScorer {
                        user,
                        rows,
                        codes: None,
                        history: (history, confidences),
                        fold_in: None,
                    })
                }
                _ => Box::new(PopularityScorer {
                    everybody: popular.everybody.view(),
                    segment: own.then(|| popular.of_segment(segment)),
                    items: training.items(),
                    history: history.len(),
                }),
            };
            Part { scorer, weight: *weight }
        };
        let parts = blend.0.iter().map(part);
        // Factors alone rank everything that they cover.
        let fills = blend.has("factors") && !blend.is_single();
        let few = if fills { popular.of_segment(segment).own() } else { &[] };
        Blended { parts: parts.collect(), popular: few }
    }

    /// The factors of a user, and what they are scored against.
    fn rows(&self, user: u32, own: bool) -> (&[f32], ItemRows<'_>) {
        let segment = self.segments.of_user[user as usize] as usize;
        let rows =
            own.then(|| (self.segments.items[segment].as_slice(), self.factors.item_factors[segment].view()));
        let user_factors = if own { &self.factors.user_factors } else { &self.backbone.user_factors };
        (user_factors.row(user as usize), ItemRows { backbone: self.backbone.item_factors.view(), own: rows })
    }

    /// The directions that users are divided by.
    pub fn tastes(&self) -> Cow<'_, Matrix> {
        let algorithm = if self.rated.is_some() { Algorithm::Rating } else { Algorithm::Als };
        algorithm.tastes(&self.backbone.user_factors)
    }
}

/// What is popular in a training part: with everybody, and from when it is first asked for in each segment.
#[derive(Debug)]
pub struct PopularItems<'a> {
    /// Items by their users, or by the sum of what is left of their weights.
    pub everybody: Popularity,
    /// The same, of every item.
    of_item: Vec<f32>,
    segments: OnceLock<Vec<Popularity>>,
    fit: &'a Fit,
    training: &'a Interactions,
    weighed: bool,
}

impl<'a> PopularItems<'a> {
    /// What is popular in the training part of a fit. With `weighed` popularity is the sum of confidences.
    pub fn new(fit: &'a Fit, training: &'a Interactions, weighed: bool) -> Self {
        let of_item = item_popularity(training, weighed);
        let everybody = Popularity::new((0..).zip(of_item.iter().copied()));
        Self { everybody, of_item, segments: OnceLock::new(), fit, training, weighed }
    }

    /// What is popular in a segment, with everybody's popularity where it is small.
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
