//! Assigns a row of users to a segment without a training: the part of a segmentation that a version stores.
//!
//! Groups are numbered as in the training; the caller knows their ids.

use super::{MemberFit, member_fit};
use crate::error::EngineError;
use crate::features::row::unpadded;
use crate::features::{Cell, Encoder, RowProblem, Table};
use crate::matrix::Matrix;
use crate::segmentation::kmeans::{Geometry, nearest_of};
use crate::segmentation::knn::KnnClassifier;
use crate::segmentation::mixture::Mixture;
use crate::segmentation::rfm::RfmScorer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

/// Maps a row of users to a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Classifier {
    /// Encodes attributes as a point, to which a rule is applied.
    Attributes {
        /// Maps a row to a point.
        encoder: Encoder,
        /// Maps a point to a group.
        rule: PointRule,
        /// The columns of users that the encoder does not read, which a row may contain.
        unused: Vec<String>,
    },
    /// Computes scores of recency, frequency and monetary value.
    Rfm {
        /// Computes the scores from recency, frequency and monetary value.
        scorer: RfmScorer,
        /// Maps scores to a group.
        rule: RfmRule,
    },
    /// Reads the label of the row.
    Label {
        /// The column that names the segment.
        column: String,
        /// The label of each group; `None` for the group of users without a label.
        labels: Vec<Option<String>>,
    },
}

/// Maps a point to a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PointRule {
    /// Takes the nearest mean (groups × dimensions).
    Nearest(Matrix),
    /// Takes the most probable component of a mixture.
    Mixture(Mixture),
    /// Lets the nearest labelled rows vote.
    Vote(KnnClassifier),
}

/// Maps scores to a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RfmRule {
    /// Applies the documented rules: the group of each of [`crate::segmentation::rfm::NAMED`], or `None` if it has no
    /// users.
    Named(Vec<Option<u32>>),
    /// Takes the nearest mean of scores (groups × 3).
    Nearest(Matrix),
}

impl PointRule {
    /// Returns the group of a point, on the calling thread.
    pub fn classify(&self, point: &[f32]) -> MemberFit {
        match self {
            Self::Nearest(centroids) => member_fit(nearest_of(point, centroids, Geometry::Euclidean)),
            Self::Mixture(mixture) => {
                let near = member_fit(nearest_of(point, mixture.means(), Geometry::Euclidean));
                let probabilities = mixture.probabilities_of(point);
                let best = (0..probabilities.len()).fold(0, |best, place| {
                    if probabilities[place] > probabilities[best] { place } else { best }
                });
                let confidence = probabilities.get(best).copied().unwrap_or(0.0);
                MemberFit { segment: best as u32, confidence, ..near }
            }
            Self::Vote(vote) => {
                let vote = vote.classify_row(point);
                MemberFit { segment: vote.label, distance: vote.distance, confidence: vote.confidence }
            }
        }
    }
}

impl Classifier {
    /// Renumbers the owners of exemplars, if there are any. Trainings number the users they were given.
    pub fn owned(self, number: impl Fn(u32) -> u32) -> Self {
        match self {
            Self::Attributes { encoder, rule: PointRule::Vote(vote), unused } => {
                Self::Attributes { encoder, rule: PointRule::Vote(vote.owned(number)), unused }
            }
            other => other,
        }
    }

    /// Returns a copy without the exemplars of an owner; `None` if no exemplar is left to decide by.
    pub fn without(&self, owner: u32) -> Option<Self> {
        match self {
            Self::Attributes { encoder, rule: PointRule::Vote(vote), unused } => Some(Self::Attributes {
                encoder: encoder.clone(),
                rule: PointRule::Vote(vote.without(owner)?),
                unused: unused.clone(),
            }),
            other => Some(other.clone()),
        }
    }

    /// Returns the group of a row of users; `None` if its label or its named segment has no group.
    ///
    /// # Errors
    /// All problems of the row.
    pub fn classify(&self, row: &Map<String, Value>) -> Result<Option<MemberFit>, Vec<RowProblem>> {
        match self {
            Self::Attributes { encoder, rule, unused } => {
                let known: Map<String, Value> = row
                    .iter()
                    .filter(|(name, _)| !unused.contains(name))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                Ok(Some(rule.classify(&encoder.encode_row(&known)?)))
            }
            Self::Rfm { scorer, rule } => {
                let [recency, frequency, monetary] = rfm_of(row)?;
                Ok(rule.classify(scorer, scorer.score(recency, frequency, monetary)))
            }
            Self::Label { column, labels } => {
                let label = match row.get(column) {
                    None | Some(Value::Null) => None,
                    Some(Value::String(label)) => {
                        let is_known = |label: &str| labels.iter().flatten().any(|known| known == label);
                        Some(unpadded(label, is_known).to_owned())
                    }
                    Some(Value::Number(number)) => Some(shortest(number)),
                    Some(other) => Some(other.to_string()),
                };
                Ok(labelled(labels, label.as_deref()))
            }
        }
    }

    /// Returns the group of the only row of a table of users; `None` if it has no group.
    ///
    /// # Errors
    /// [`EngineError::Column`] if the type of a column has changed.
    pub fn classify_table(&self, row: &Table) -> Result<Option<MemberFit>, EngineError> {
        match self {
            Self::Attributes { encoder, rule, .. } => {
                let mut point = vec![0.0; encoder.dimensions()];
                encoder.encode_first(row, &mut point)?;
                Ok(Some(rule.classify(&point)))
            }
            Self::Rfm { .. } => Ok(None),
            Self::Label { column, labels } => {
                let label = match row.column(column).map(|column| column.cell(0)) {
                    Some(Cell::Text(label)) => Some(label),
                    _ => None,
                };
                Ok(labelled(labels, label))
            }
        }
    }

    /// The names of the features that are read.
    pub fn reads(&self) -> Vec<String> {
        match self {
            Self::Attributes { encoder, .. } => encoder.reads(),
            Self::Rfm { .. } => RFM.map(str::to_owned).to_vec(),
            Self::Label { column, .. } => vec![column.clone()],
        }
    }
}

/// The features of a row that RFM reads.
const RFM: [&str; 3] = ["recency", "frequency", "monetary"];

impl RfmRule {
    fn classify(&self, scorer: &RfmScorer, scores: [u8; 3]) -> Option<MemberFit> {
        match self {
            Self::Named(groups) => {
                let group = groups.get(scorer.named_segment(scores)).copied().flatten();
                group.map(MemberFit::given)
            }
            Self::Nearest(centroids) => {
                let point = scores.map(f32::from);
                Some(member_fit(nearest_of(&point, centroids, Geometry::Euclidean)))
            }
        }
    }
}

/// Returns a number in its shortest form without an exponent, which is how labels are read from columns of numbers.
fn shortest(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => value.to_string(),
        _ => number.to_string(),
    }
}

fn labelled(labels: &[Option<String>], label: Option<&str>) -> Option<MemberFit> {
    let group = labels.iter().position(|own| own.as_deref() == label)?;
    Some(MemberFit::given(group as u32))
}

/// Returns recency in days, frequency and monetary value of a row. Missing values are NaN, which scores lowest.
fn rfm_of(row: &Map<String, Value>) -> Result<[f64; 3], Vec<RowProblem>> {
    let mut values = [f64::NAN; 3];
    let mut problems = Vec::new();
    for (name, given) in row {
        match (RFM.iter().position(|known| known == name), given.as_f64()) {
            (Some(place), Some(number)) => values[place] = number,
            (Some(_), None) if given.is_null() => {}
            (Some(_), None) => problems.push(RowProblem {
                name: name.clone(),
                message: format!("\"{name}\" is {given}"),
                hint: format!("\"{name}\" must be a number."),
            }),
            (None, _) => problems.push(RowProblem {
                name: name.clone(),
                message: format!("unknown name \"{name}\""),
                hint: format!("Valid names are {}.", RFM.join(", ")),
            }),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}
