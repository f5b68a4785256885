//! The adapters of all segments: how they are trained, stored and chosen.
//!
//! They train for a fixed number of epochs: to stop each where it ranks its segment's held-out items best would choose
//! among noise, and the gate, which sees the same items, could not tell.

use super::lora::{SasrecAdapter, SasrecAdapterShape, train_adapter};
use super::options::SasrecOptions;
use super::train::SasrecInput;
use super::validation::sequences;
use super::weights::{SasrecNetwork, SasrecWeights};
use super::windows::SasrecSequences;
use crate::error::{EngineError, Result};
use crate::interactions::Interactions;
use crate::matrix::Rows;
use crate::observer::{Observer, Progress, Quiet};
use crate::scorers::factors::Segments;
use crate::scorers::method::SegmentView;
use crate::seed::mix;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "segment networks";
/// The epochs of an adapter, the step size of Adam, and the steps in which it grows: a segment has few steps. Eight segments
/// of MovieLens 100k gained .0000 ± .0007 (ndcg@10 on validation; on test .0008 ± .0007) after one epoch, which takes a
/// hundredth of the time of the network, −.0011 ± .0013 (.0013 ± .0010) after two and −.0021 ± .0023 (−.0016 ± .0017)
/// after four.
const EPOCHS: usize = 1;
const STEP_SIZE: f32 = 5e-3;
const WARM_UP: usize = 10;

/// The adapters of segments by number; `None` for those that share the network.
pub type Adapters = Vec<Option<SasrecAdapter>>;

/// Trains the adapters of the segments that are marked in `own`.
///
/// # Errors
/// As for [`train_adapter`].
pub fn train_adapters(
    (interactions, features): (&Interactions, Option<Rows<'_>>),
    settings: &SasrecOptions,
    weights: &SasrecWeights,
    (segments, own): (&Segments, &[bool]),
    observer: &dyn Observer,
) -> Result<Adapters> {
    let mut adapters = Vec::with_capacity(segments.count());
    for (number, users) in segments.users.iter().enumerate() {
        let users = users.iter().map(|&user| user as usize).filter(|_| own.get(number) == Some(&true));
        let (starts, items) = sequences(interactions, users);
        if starts.windows(2).all(|user| user[1] - user[0] < 2) {
            adapters.push(None);
            continue;
        }
        let settings = SasrecOptions {
            epochs: EPOCHS,
            patience: EPOCHS,
            learning_rate: Some(STEP_SIZE),
            warm_up: WARM_UP,
            contrast: 0.0,
            seed: mix(settings.seed ^ number as u64),
            ..settings.clone()
        };
        let sequences = SasrecSequences::new(&starts, &items, interactions.items())?;
        let input = SasrecInput { sequences, features };
        let first = SasrecAdapter::first(settings.shape, SasrecAdapterShape::default(), settings.seed)?;
        let (adapter, _) = train_adapter(input, &settings, weights, first, None, &Quiet(observer))?;
        observer.report(Progress::step(PHASE, number + 1, segments.count()));
        adapters.push(Some(adapter));
    }
    Ok(adapters)
}

/// The bytes of the adapters of `segments` segments and of their networks, in memory.
pub fn memory(settings: &SasrecOptions, segments: usize) -> u64 {
    4 * (segments * (settings.shape.values() + parameters(settings))) as u64
}

/// The bytes of the adapters of `segments` segments in a version.
pub fn stored(settings: &SasrecOptions, segments: usize) -> u64 {
    4 * (segments * parameters(settings)) as u64
}

fn parameters(settings: &SasrecOptions) -> usize {
    let SasrecAdapterShape { rank, matrices } = SasrecAdapterShape::default();
    2 * settings.shape.blocks * matrices.len() * settings.shape.width * rank
}

/// The network of each segment; `None` for those that share it.
///
/// # Errors
/// [`EngineError::Shape`] if adapters are not those of this network.
pub fn adapted(adapters: &Adapters, network: &SasrecNetwork) -> Result<Vec<Option<SasrecNetwork>>> {
    let own = |adapter: &Option<SasrecAdapter>| {
        adapter.as_ref().map(|adapter| adapter.adapted(network)).transpose()
    };
    adapters.iter().map(own).collect()
}

/// The network by which a segment is seen.
pub fn of_segment<'a>(
    shared: &'a SasrecNetwork,
    adapted: &'a [Option<SasrecNetwork>],
    view: SegmentView<'_>,
) -> &'a SasrecNetwork {
    let own = view.own_part.and_then(|segment| adapted.get(segment as usize)?.as_ref());
    own.unwrap_or(shared)
}

/// The serialized form of adapters.
///
/// # Errors
/// [`EngineError::Encoding`].
pub fn to_bytes(adapters: &Adapters) -> Result<Vec<u8>> {
    postcard::to_stdvec(adapters).map_err(|_| EngineError::Encoding { what: "adapters of SASRec" })
}

/// The networks of segments from the serialized form of their adapters; `None` if these are not those of this network.
pub fn from_bytes(bytes: &[u8], network: &SasrecNetwork) -> Option<Vec<Option<SasrecNetwork>>> {
    adapted(&postcard::from_bytes(bytes).ok()?, network).ok()
}
