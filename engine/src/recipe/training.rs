//! A training from events to a version: measured without the holdout, refitted on everything.

use super::fit::Fit;
use super::measure::Measurement;
use super::options::Options;
use super::tuning::decide;
use crate::error::{EngineError, Result};
use crate::evaluation::{Holdout, Split};
use crate::factorization::AlsOptions;
use crate::interactions::{Events, Interactions, Weighting};
use crate::observer::{Observer, Progress};
use crate::segmentation::MemberFit;

/// What a training leaves.
#[derive(Clone, Debug)]
pub struct Trained {
    /// All events as interactions; what the fit was trained on.
    pub interactions: Interactions,
    /// How events were weighted.
    pub weighting: Weighting,
    /// The settings of alternating least squares, with the weights that were decided.
    pub als: AlsOptions,
    /// The fit on all events.
    pub fit: Fit,
    /// How well each user fits their segment.
    pub member_fits: Vec<MemberFit>,
    /// How events were held out.
    pub split: Split,
    /// What the same recipe reaches on the holdout, trained without it.
    pub measurement: Measurement,
    /// The same for the recipe that is to be replaced.
    pub previous: Option<Measurement>,
}

/// Trains. `previous` are the options of the version that is to be replaced, where they differ: the
/// same holdout then also measures them.
///
/// # Errors
/// [`EngineError::Cancelled`], [`EngineError::NotFinite`], [`EngineError::NothingToTrainOn`].
pub fn train(
    events: &Events,
    options: &Options,
    previous: Option<&Options>,
    observer: &dyn Observer,
) -> Result<Trained> {
    let weighting = options.events.weighting(events.latest());
    let quiet = Measuring(observer);
    let holdout = Holdout::new(events, &weighting, &options.holdout, options.seed, observer)?;
    let als = decide(&holdout, options, observer)?;
    let (membership, own_factors, measurement) = {
        let fit = Fit::new(&holdout.training, &als, options, &quiet)?;
        let measurement = Measurement::new(&fit, &holdout, options.seed, observer)?;
        let own_factors: Vec<bool> =
            measurement.gates.iter().zip(&fit.own_factors).map(|(gate, own)| *own && gate.passed).collect();
        (fit.membership, own_factors, measurement)
    };
    let previous = previous
        .map(|previous| {
            let als = decide(&holdout, previous, &quiet)?;
            let fit = Fit::new(&holdout.training, &als, previous, &quiet)?;
            Measurement::new(&fit, &holdout, options.seed, &quiet)
        })
        .transpose()?;
    let split = holdout.split;
    drop(holdout);

    let interactions = events.interactions(&weighting, |_, _, _| true, observer)?;
    if interactions.entries() == 0 {
        let reason = "every event decayed to a weight of nothing".to_owned();
        return Err(EngineError::NothingToTrainOn { reason });
    }
    // Segments are found without the holdout, so that the gate's verdict is on the same segments.
    let fit = Fit::again(&interactions, &membership, own_factors, &als, options.seed, observer)?;
    let member_fits = fit.membership.member_fits(&fit.backbone.user_factors);
    Ok(Trained { interactions, weighting, als, fit, member_fits, split, measurement, previous })
}

/// Gives the phases of the fit without the holdout names of their own.
struct Measuring<'a>(&'a dyn Observer);

impl Observer for Measuring<'_> {
    fn report(&self, progress: Progress) {
        use crate::factorization::{backbone, segment_factors};
        use crate::segmentation::kmeans;
        let phase = match progress.phase {
            backbone::PHASE => "backbone without holdout",
            segment_factors::PHASE => "segment factors without holdout",
            kmeans::PHASE => kmeans::PHASE,
            other => other,
        };
        self.0.report(Progress { phase, ..progress });
    }

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
