//! One fit: backbone, segments and segment factors on one set of interactions.

use crate::error::Result;
use crate::factorization::segment_factors::segment_gram;
use crate::factorization::{AlsOptions, Backbone, SegmentFactors, Segments};
use crate::interactions::Interactions;
use crate::linalg::gram;
use crate::observer::Observer;
use crate::segmentation::Membership;

/// Everything that is learned from interactions.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The factors shared by all.
    pub backbone: Backbone,
    /// Who belongs where.
    pub membership: Membership,
    /// The users and items of each segment.
    pub segments: Segments,
    /// Of each segment: whether it has factors of its own.
    pub own_factors: Vec<bool>,
    /// The segments' factors; empty for segments without their own.
    pub factors: SegmentFactors,
    /// The Gramian (k × k) of the backbone's item factors: what fold-in measures against.
    pub item_gram: Vec<f64>,
    /// The same for each segment that has its own factors.
    pub segment_grams: Vec<Option<Vec<f64>>>,
}

impl Fit {
    /// Gives the segments of `of_user` their own factors; a single segment of everybody is the backbone
    /// and has none. Users without a segment join the nearest.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    pub fn new(
        interactions: &Interactions,
        backbone: Backbone,
        of_user: &[Option<u32>],
        count: usize,
        als: &AlsOptions,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let own_factors = vec![count > 1; count];
        Self::gated(interactions, backbone, of_user, own_factors, als, observer)
    }

    /// The same, but only the segments of `own_factors` get factors of their own.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    pub fn gated(
        interactions: &Interactions,
        backbone: Backbone,
        of_user: &[Option<u32>],
        own_factors: Vec<bool>,
        als: &AlsOptions,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let membership = Membership::new(of_user, own_factors.len(), &backbone.user_factors);
        let segments = Segments::new(membership.of_user.clone(), membership.count(), interactions);
        let factors = SegmentFactors::train(interactions, &backbone, &segments, &own_factors, als, observer)?;
        let item_gram = gram(&backbone.item_factors);
        let segment_grams = (0..segments.count())
            .map(|segment| {
                let own = &factors.item_factors[segment];
                let items = &segments.items[segment];
                own_factors[segment].then(|| segment_gram(&item_gram, &backbone.item_factors, items, own))
            })
            .collect();
        Ok(Self { backbone, membership, segments, own_factors, factors, item_gram, segment_grams })
    }
}
