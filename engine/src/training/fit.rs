//! One fit: all that is learned from one set of interactions.

use crate::error::Result;
use crate::interactions::Interactions;
use crate::linalg::observed_gram;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::options::algorithm::Algorithm;
use crate::ranking::Blend;
use crate::scorers::factors::segment_factors::segment_gram;
use crate::scorers::factors::{AlsOptions, Backbone, SegmentFactors, Segments};
use crate::scorers::neighbours::Neighbours;
use crate::scorers::ratings::rated::Rated;
use crate::segmentation::identity::Membership;
use std::borrow::Cow;

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
    /// What items say for others.
    pub neighbours: Option<Neighbours>,
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
        let blend = match algorithm {
            Algorithm::Popularity => Blend::POPULARITY,
            Algorithm::Neighbours | Algorithm::Ease => Blend::NEIGHBOURS,
            _ => Blend::FACTORS,
        };
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
            neighbours: None,
            blend,
            rated: None,
        })
    }

    /// The directions that users are divided by.
    pub fn tastes(&self) -> Cow<'_, Matrix> {
        let algorithm = if self.rated.is_some() { Algorithm::Rating } else { Algorithm::Als };
        algorithm.tastes(&self.backbone.user_factors)
    }
}
