//! Adapters of segments (Hu et al. 2022, LoRA): the network of all users stays as it is, and each segment adds products
//! of two thin matrices, A B, to some of its matrices. Trained on that segment's users only.
//!
//! A rank of 4 takes 512 parameters for a matrix of 64 × 64. Because A B is added to the matrix before a pass, a pass
//! costs what it costs without: adding takes d²·rank multiply-adds once. The gradient by A is G Bᵀ and that by B is AᵀG,
//! if G is the gradient by the matrix.

use super::adam::Means;
use super::course::{Learner, SasrecCourse, Validation, run};
use super::kernels::{multiply, rows_of, rows_of_mut};
use super::options::SasrecOptions;
use super::shape::SasrecShape;
use super::step::{StepInput, Steps};
use super::train::{Batches, SasrecInput, adam_step, clip_factor, step_key};
use super::weights::{SasrecNetwork, SasrecWeights, check_features, fill_normal};
use super::windows::Window;
use crate::error::{EngineError, Result};
use crate::observer::Observer;
use crate::seed::random;
use faer::{MatMut, MatRef};
use serde::{Deserialize, Serialize};

/// A matrix that adapters can add to, in every block; each is d × d.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdaptedMatrix {
    /// W_q.
    Query,
    /// W_k.
    Key,
    /// W_v.
    Value,
    /// W_o.
    Out,
}

/// What an adapter consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SasrecAdapterShape {
    /// The columns of A and rows of B.
    pub rank: usize,
    /// The matrices that it adds to.
    pub matrices: Vec<AdaptedMatrix>,
}

impl Default for SasrecAdapterShape {
    /// Rank 4 for queries and values, as in the paper: 1,024 parameters in the default shape of the network. For 8
    /// segments of MovieLens 100k they added .0039 ± .0017 to ndcg@10 on validation, where they were selected, and
    /// −.0004 ± .0015 on test: only a gate can tell where they pay.
    fn default() -> Self {
        Self { rank: 4, matrices: vec![AdaptedMatrix::Query, AdaptedMatrix::Value] }
    }
}

/// The adapter of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedAdapter")]
pub struct SasrecAdapter {
    network: SasrecShape,
    shape: SasrecAdapterShape,
    /// For each block and matrix A (d × rank), then B (rank × d).
    values: Vec<f32>,
}

impl SasrecAdapter {
    /// Takes the values of an adapter: for each block and matrix A (d × rank), then B (rank × d).
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there are more or fewer, [`EngineError::NotFinite`].
    pub fn new(network: SasrecShape, shape: SasrecAdapterShape, values: Vec<f32>) -> Result<Self> {
        network.check()?;
        let (what, found) = ("rank of an adapter of SASRec", shape.rank);
        if !(1..=network.width).contains(&found) {
            return Err(EngineError::Shape { what, expected: found.clamp(1, network.width), found });
        }
        let expected = network.blocks * shape.matrices.len() * 2 * network.width * shape.rank;
        if values.len() != expected {
            return Err(EngineError::Shape { what: "adapter of SASRec", expected, found: values.len() });
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err(EngineError::NotFinite { what: "an adapter of SASRec" });
        }
        Ok(Self { network, shape, values })
    }

    /// The first weights of a training: A is random and B zero, so that it changes nothing.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn first(network: SasrecShape, shape: SasrecAdapterShape, seed: u64) -> Result<Self> {
        let thin = network.width.saturating_mul(shape.rank.min(network.width));
        let mut values = vec![0.0; network.blocks * shape.matrices.len() * 2 * thin];
        let mut generator = random(seed, "sasrec adapter");
        for pair in values.chunks_exact_mut((2 * thin).max(1)) {
            fill_normal(&mut pair[..thin], (network.width as f32).sqrt().recip(), &mut generator);
        }
        Self::new(network, shape, values)
    }

    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        self.values.len()
    }

    /// All values: for each block and matrix A (d × rank), then B (rank × d).
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Adds A B to the matrices of the network.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if it is the adapter of a network of another shape.
    pub fn adapted(&self, network: &SasrecNetwork) -> Result<SasrecNetwork> {
        if network.shape() != self.network {
            let (expected, found) = (self.network.values(), network.values().len());
            return Err(EngineError::Shape { what: "network of an adapter of SASRec", expected, found });
        }
        let mut adapted = network.clone();
        self.add_to(adapted.values_mut());
        Ok(adapted)
    }

    fn add_to(&self, network: &mut [f32]) {
        let (width, rank) = (self.network.width, self.shape.rank);
        for (pair, place) in self.values.chunks_exact(2 * width * rank).zip(self.places()) {
            let (a, b) = pair.split_at(width * rank);
            multiply(place.of_mut(network, width), true, rows_of(a, rank), rows_of(b, width));
        }
    }

    /// Writes the gradient by A and B, given that by the values of the network.
    pub(super) fn gradient(&self, by_network: &[f32], by_values: &mut [f32]) {
        let (width, rank) = (self.network.width, self.shape.rank);
        let pairs = self.values.chunks_exact(2 * width * rank);
        for ((pair, by_pair), place) in
            pairs.zip(by_values.chunks_exact_mut(2 * width * rank)).zip(self.places())
        {
            let (a, b) = pair.split_at(width * rank);
            let (by_a, by_b) = by_pair.split_at_mut(width * rank);
            let by_matrix = place.of(by_network, width);
            multiply(rows_of_mut(by_a, rank), false, by_matrix, rows_of(b, width).transpose());
            multiply(rows_of_mut(by_b, width), false, rows_of(a, rank).transpose(), by_matrix);
        }
    }

    /// Where the matrices of all blocks are in the network.
    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let width = self.network.width;
        (0..self.network.blocks).flat_map(move |block| {
            let at = self.network.block(block);
            self.shape.matrices.iter().map(move |matrix| {
                let (start, stride) = (at.attention_in.start, 3 * width);
                match matrix {
                    AdaptedMatrix::Query => Place { start, stride },
                    AdaptedMatrix::Key => Place { start: start + width, stride },
                    AdaptedMatrix::Value => Place { start: start + 2 * width, stride },
                    AdaptedMatrix::Out => Place { start: at.attention_out.start, stride: width },
                }
            })
        })
    }
}

/// A matrix of d × d among the values of a network.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    stride: usize,
}

impl Place {
    fn end(self, width: usize) -> usize {
        self.start + (width - 1) * self.stride + width
    }

    fn of(self, values: &[f32], width: usize) -> MatRef<'_, f32> {
        let values = &values[self.start..self.end(width)];
        MatRef::from_row_major_slice_with_stride(values, width, width, self.stride)
    }

    fn of_mut(self, values: &mut [f32], width: usize) -> MatMut<'_, f32> {
        let values = &mut values[self.start..self.end(width)];
        // As columns of the transposed matrix, because faer 0.24's mutable form for rows reads columns.
        MatMut::from_column_major_slice_with_stride_mut(values, width, width, self.stride).transpose_mut()
    }
}

/// Trains the adapter of a segment on the sequences of its users, beginning with `start`; `weights` stay as they are.
/// Of `options`, the shape must be that of the network.
///
/// # Errors
/// As for [`super::train()`].
pub fn train_adapter(
    input: SasrecInput<'_>,
    options: &SasrecOptions,
    weights: &SasrecWeights,
    start: SasrecAdapter,
    validate: Option<Validation<'_, SasrecAdapter>>,
    observer: &dyn Observer,
) -> Result<(SasrecAdapter, SasrecCourse)> {
    options.check()?;
    let items = input.sequences.items();
    if weights.bias().len() != items {
        return Err(EngineError::Shape {
            what: "items of SASRec",
            expected: items,
            found: weights.bias().len(),
        });
    }
    check_features(weights.projection(), input.features, items)?;
    let network = start.adapted(weights.network())?;
    if options.shape != network.shape() {
        let (expected, found) = (options.shape.values(), network.values().len());
        return Err(EngineError::Shape { what: "network of an adapter of SASRec", expected, found });
    }
    let means = Means::zeros(start.values.len())?;
    let gradient = vec![0.0; start.values.len()];
    let (batches, steps) = Default::default();
    let mut learner =
        AdapterLearner { input, options, weights, network, adapter: start, means, gradient, batches, steps };
    let course = run(&mut learner, input.sequences, options, "segment network", validate, observer)?;
    Ok((learner.adapter, course))
}

/// The training of an adapter.
struct AdapterLearner<'a> {
    input: SasrecInput<'a>,
    options: &'a SasrecOptions,
    weights: &'a SasrecWeights,
    /// The network with the adapter.
    network: SasrecNetwork,
    adapter: SasrecAdapter,
    means: Means,
    gradient: Vec<f32>,
    batches: Batches,
    steps: Steps,
}

impl Learner for AdapterLearner<'_> {
    type Weights = SasrecAdapter;

    fn step(&mut self, windows: &[Window], number: usize, observer: &dyn Observer) -> Result<f64> {
        let SasrecInput { sequences, features } = self.input;
        let options = self.options;
        self.batches.prepare(sequences, windows, options, number);
        let Batches { table, batch } = &mut self.batches;
        table.read(self.weights, features, 0.0, step_key(options.seed, number));
        self.network.values_mut().copy_from_slice(self.weights.network().values());
        self.adapter.add_to(self.network.values_mut());
        let input = StepInput { network: &self.network, table, dropout: options.dropout, by_items: false };
        let loss = self.steps.run(input, batch, observer)?;
        let Some(by_network) = self.steps.gradient() else { return Ok(loss) };
        self.adapter.gradient(&by_network.network, &mut self.gradient);
        let scale = clip_factor(&[&self.gradient], options.clip);
        let step = adam_step(options, sequences.items(), number, scale);
        self.means.step(step, &mut self.adapter.values, &self.gradient);
        Ok(loss)
    }

    fn weights(&mut self) -> &mut SasrecAdapter {
        &mut self.adapter
    }
}

/// A deserialized adapter that has not been checked yet.
#[derive(Deserialize)]
struct UncheckedAdapter {
    network: SasrecShape,
    shape: SasrecAdapterShape,
    values: Vec<f32>,
}

impl TryFrom<UncheckedAdapter> for SasrecAdapter {
    type Error = EngineError;

    fn try_from(read: UncheckedAdapter) -> Result<Self> {
        Self::new(read.network, read.shape, read.values)
    }
}
