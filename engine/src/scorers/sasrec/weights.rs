//! The weights: of the network, and of the items.

use super::shape::SasrecShape;
use crate::error::{EngineError, Result};
use crate::linalg::product;
use crate::matrix::{Matrix, Rows};
use crate::memory::filled;
use crate::seed::{Random, random};
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

/// The name of the weights in errors.
const WHAT: &str = "SASRec";
/// The standard deviation of the first vectors of items and positions.
const FIRST_DEVIATION: f32 = 0.05;

/// The network without the items: all that is needed, beside the rows of the items, to represent a user. Some 170 kB
/// in the default shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedNetwork")]
pub struct SasrecNetwork {
    shape: SasrecShape,
    values: Vec<f32>,
}

/// All weights that are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedWeights")]
pub struct SasrecWeights {
    network: SasrecNetwork,
    items: Matrix,
    bias: Vec<f32>,
    projection: Matrix,
}

impl SasrecNetwork {
    /// Takes the values of a network, see [`SasrecShape::tensors`].
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there are more or fewer, [`EngineError::NotFinite`].
    pub fn new(shape: SasrecShape, values: Vec<f32>) -> Result<Self> {
        shape.check()?;
        if values.len() != shape.values() {
            return Err(EngineError::Shape { what: WHAT, expected: shape.values(), found: values.len() });
        }
        finite(&values)?;
        Ok(Self { shape, values })
    }

    /// The first weights of a training: matrices by Glorot and Bengio (2010), gains 1, offsets and biases 0.
    fn first(shape: SasrecShape, seed: u64) -> Self {
        let mut generator = random(seed, "sasrec network");
        let mut values = vec![0.0; shape.values()];
        fill_normal(&mut values[shape.positions()], FIRST_DEVIATION, &mut generator);
        let (width, hidden) = (shape.width, shape.hidden);
        let glorot = |input: usize, output: usize| (2.0 / (input + output) as f32).sqrt();
        for block in 0..shape.blocks {
            let at = shape.block(block);
            values[at.attention_gain].fill(1.0);
            values[at.hidden_gain].fill(1.0);
            fill_normal(&mut values[at.attention_in], glorot(width, width), &mut generator);
            fill_normal(&mut values[at.attention_out], glorot(width, width), &mut generator);
            fill_normal(&mut values[at.hidden_in], glorot(width, hidden), &mut generator);
            fill_normal(&mut values[at.hidden_out], glorot(hidden, width), &mut generator);
        }
        values[shape.final_gain()].fill(1.0);
        Self { shape, values }
    }

    /// The sizes.
    pub fn shape(&self) -> SasrecShape {
        self.shape
    }

    /// The values of all tensors, see [`SasrecShape::tensors`].
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values, mutable.
    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The serialized form.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        postcard::to_stdvec(self).map_err(|_| EngineError::Encoding { what: WHAT })
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`EngineError::Encoding`] if sizes do not match, or values are not finite.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        postcard::from_bytes(bytes).map_err(|_| EngineError::Encoding { what: WHAT })
    }
}

impl SasrecWeights {
    /// Puts weights together: `items` is items × d, `bias` has a value for each item, `projection` is features × d,
    /// with no rows if items have no features.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if sizes do not match, [`EngineError::NotFinite`].
    pub fn new(network: SasrecNetwork, items: Matrix, bias: Vec<f32>, projection: Matrix) -> Result<Self> {
        let width = network.shape.width;
        for columns in [items.columns(), projection.columns()] {
            if columns != width {
                return Err(EngineError::Shape { what: WHAT, expected: width, found: columns });
            }
        }
        if bias.len() != items.rows() {
            return Err(EngineError::Shape { what: WHAT, expected: items.rows(), found: bias.len() });
        }
        [items.data(), &bias, projection.data()].into_iter().try_for_each(finite)?;
        Ok(Self { network, items, bias, projection })
    }

    /// The first weights of a training: small random vectors, and for each item the bias ½ log(1 + its number of
    /// events), so that training begins near popularity. The projection of `features` features begins at zero.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn first(shape: SasrecShape, events: &[u32], features: usize, seed: u64) -> Result<Self> {
        shape.check()?;
        let mut items = Matrix::from_data(shape.width, filled(0.0, events.len() * shape.width)?)?;
        fill_normal(items.data_mut(), FIRST_DEVIATION, &mut random(seed, "sasrec items"));
        let bias = events.iter().map(|&count| 0.5 * (count as f32).ln_1p()).collect();
        Self::new(SasrecNetwork::first(shape, seed), items, bias, Matrix::zeros(features, shape.width))
    }

    /// The network.
    pub fn network(&self) -> &SasrecNetwork {
        &self.network
    }

    /// The items' own vectors e, items × d.
    pub fn items(&self) -> &Matrix {
        &self.items
    }

    /// The bias b of each item.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// F: the projection of the features, features × d.
    pub fn projection(&self) -> &Matrix {
        &self.projection
    }

    /// All parts, mutable: network, vectors, biases, projection.
    pub(super) fn parts_mut(&mut self) -> (&mut [f32], &mut [f32], &mut [f32], &mut [f32]) {
        (&mut self.network.values, self.items.data_mut(), &mut self.bias, self.projection.data_mut())
    }

    /// For each item the row (x, b) with x = e + F f, items × (d + 1): the score of an item for a user whose
    /// representation is h is the product of (h, 1) with its row. `features` (items × m) are those of the training.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there are not as many features as in the training.
    pub fn item_rows(&self, features: Option<Rows<'_>>) -> Result<Matrix> {
        let own = (0..self.bias.len()).map(|item| (self.items.row(item), self.bias[item]));
        self.rows_of(own, features)
    }

    /// The rows of new items, which are known by their features only (items × m): x = F f, and the smallest bias that
    /// an item has, that of an item hardly anybody has chosen.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there are not as many features as in the training.
    pub fn new_item_rows(&self, features: Rows<'_>) -> Result<Matrix> {
        let zeros = vec![0.0; self.network.shape.width];
        let bias = self.bias.iter().copied().reduce(f32::min).unwrap_or(0.0);
        self.rows_of((0..features.rows()).map(|_| (zeros.as_slice(), bias)), Some(features))
    }

    fn rows_of<'a>(
        &self,
        own: impl ExactSizeIterator<Item = (&'a [f32], f32)>,
        features: Option<Rows<'_>>,
    ) -> Result<Matrix> {
        let width = self.network.shape.width;
        check_features(&self.projection, features, own.len())?;
        let mut rows = Matrix::zeros(own.len(), width + 1);
        // F transposed, because a product takes rows of both factors.
        let mut turned = vec![0.0; self.projection.data().len()];
        for (feature, row) in self.projection.data().chunks_exact(width).enumerate() {
            for (column, &value) in row.iter().enumerate() {
                turned[column * self.projection.rows() + feature] = value;
            }
        }
        let mut projected = vec![0.0; width];
        for (item, (vector, bias)) in own.enumerate() {
            if let Some(features) = features.filter(|features| features.columns() > 0) {
                product::scores(features.row(item), &turned, features.columns(), &mut projected);
            }
            let row = rows.row_mut(item);
            row.iter_mut().zip(vector.iter().zip(&projected)).for_each(|(x, (own, more))| *x = own + more);
            row[width] = bias;
        }
        Ok(rows)
    }

    /// The serialized form.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        postcard::to_stdvec(self).map_err(|_| EngineError::Encoding { what: WHAT })
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`EngineError::Encoding`] if sizes do not match, or values are not finite.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        postcard::from_bytes(bytes).map_err(|_| EngineError::Encoding { what: WHAT })
    }
}

/// Checks that there are `items` rows of as many features as the projection takes.
pub(super) fn check_features(projection: &Matrix, features: Option<Rows<'_>>, items: usize) -> Result<()> {
    let columns = features.map_or(0, |features| features.columns());
    if columns != projection.rows() {
        let expected = projection.rows();
        return Err(EngineError::Shape { what: "features of items of SASRec", expected, found: columns });
    }
    match features {
        Some(features) if columns > 0 && features.rows() != items => {
            let found = features.rows();
            Err(EngineError::Shape { what: "items with features of SASRec", expected: items, found })
        }
        _ => Ok(()),
    }
}

fn finite(values: &[f32]) -> Result<()> {
    if values.iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(EngineError::NotFinite { what: WHAT })
    }
}

/// Fills a tensor with normal values of mean zero.
pub(super) fn fill_normal(values: &mut [f32], deviation: f32, generator: &mut Random) {
    if let Ok(normal) = Normal::new(0.0, deviation) {
        values.iter_mut().for_each(|value| *value = normal.sample(generator));
    }
}

/// A deserialized network that has not been checked yet.
#[derive(Deserialize)]
struct UncheckedNetwork {
    shape: SasrecShape,
    values: Vec<f32>,
}

impl TryFrom<UncheckedNetwork> for SasrecNetwork {
    type Error = EngineError;

    fn try_from(read: UncheckedNetwork) -> Result<Self> {
        Self::new(read.shape, read.values)
    }
}

/// Deserialized weights that have not been checked yet.
#[derive(Deserialize)]
struct UncheckedWeights {
    network: SasrecNetwork,
    items: Matrix,
    bias: Vec<f32>,
    projection: Matrix,
}

impl TryFrom<UncheckedWeights> for SasrecWeights {
    type Error = EngineError;

    fn try_from(read: UncheckedWeights) -> Result<Self> {
        Self::new(read.network, read.items, read.bias, read.projection)
    }
}
