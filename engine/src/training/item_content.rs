//! What is known about items, as a training uses it: the vectors of items, and the weight β that they get in the
//! regression of neighbours, which is decided on the holdout.

use super::blend;
use super::fit::Fit;
use super::given::Given;
use super::holdout_metrics::deciding_values;
use super::ranker::Ranker;
use crate::auto::AutoOr;
use crate::error::{EngineError, Result};
use crate::evaluation::Holdout;
use crate::evaluation::deciding_metric::DECIDING_NAME;
use crate::evaluation::standard_error::{is_better, mean_and_error};
use crate::features::{Column, ColumnWeight, ItemEncoder, Table, Values};
use crate::interactions::Interactions;
use crate::observer::{Observer, Progress};
use crate::options::algorithm::Algorithm;
use crate::options::checked::Options;
use crate::ranking::Blend;
use crate::scorers::content::method::NEAREST;
use crate::scorers::content::{ContentIndex, FactorMap};
use crate::scorers::method::{FitInput, Fitted, ItemContent, Method};
use std::sync::Arc;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "content";
/// The weights β that are tried.
const WEIGHTS: [f64; 3] = [0.0, 1.0, 3.0];
/// In a larger catalogue the weight β is 0 unless the options give it, because it is fitted three times: a regression
/// with content takes 33 s for 20,000 items with embeddings and 77 s for 50,000.
pub const MOST_ITEMS: usize = 20_000;

/// An upper bound of the bins of a number, and of the factors that content is mapped to.
const MOST_BINS: usize = 16;
const FACTORS: usize = 512;

/// The content of items, and what became of the columns that describe them.
#[derive(Clone, Debug, Default)]
pub struct EncodedContent {
    /// `None` if no column tells items apart, or none is read.
    pub content: Option<ItemContent>,
    /// The columns and their weights.
    pub columns: Vec<ColumnWeight>,
}

impl EncodedContent {
    /// Encodes the items of a training part, learning the weights of columns from its interactions. A large catalogue is
    /// only described if a scorer reads it.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::Shape`].
    pub fn new(
        given: &Given<'_>,
        interactions: &Interactions,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let is_read = options.algorithm == Algorithm::Content
            || options.sasrec.features
            || matches!(options.neighbours.content, AutoOr::Given(weight) if weight > 0.0);
        if interactions.items() > MOST_ITEMS && !is_read && Self::is_described(given, options) {
            return Ok(Self { content: None, columns: unused(&given.described.items) });
        }
        Self::with_new_items(given, interactions, options, observer)
    }

    fn is_described(given: &Given<'_>, options: &Options) -> bool {
        !given.described.items.columns().is_empty() && options.reads_items() && !options.is_explicit()
    }

    /// Like [`Self::new`], but also for the rows of new items, which a catalogue of any size has.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_new_items(
        given: &Given<'_>,
        interactions: &Interactions,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Self> {
        if !Self::is_described(given, options) {
            return Ok(Self::default());
        }
        let table = &given.described.items;
        observer.report(Progress::step(PHASE, 0, 2));
        let encoder = ItemEncoder::fit(table, interactions, options.seed, observer)?;
        let columns = encoder.columns().to_vec();
        if encoder.dimensions() == 0 {
            if options.algorithm == Algorithm::Content {
                return Err(EngineError::NothingToTrainOn { reason: useless(&columns) });
            }
            return Ok(Self { content: None, columns });
        }
        observer.report(Progress::step(PHASE, 1, 2));
        let items = encoder.encode(table, observer)?;
        let by_item = interactions.by_item();
        let index = ContentIndex::new(&items, |item| by_item.row_len(item as usize) > 0, observer)?;
        let nearest = index.nearest(&items, NEAREST, true, observer)?;
        observer.report(Progress::step(PHASE, 2, 2));
        Ok(Self { content: Some(ItemContent { encoder, items, nearest }), columns })
    }

    /// What scorers are fitted to, for all users.
    pub fn input<'a>(&'a self, interactions: &'a Interactions) -> FitInput<'a> {
        FitInput { interactions, content: self.content.as_ref(), users: None, held_out: None }
    }
}

/// Bytes that the content of items takes, besides their table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentMemory {
    /// What is held while scorers are fitted: the encoded items, and those that are nearest to each.
    pub kept: u64,
    /// What is needed before, for the search for these, or afterwards, for a map to factors.
    pub search: u64,
}

/// An upper estimate of the bytes that the content of the items of a table takes on `threads` threads.
pub fn memory(table: &Table, threads: usize) -> ContentMemory {
    if table.columns().is_empty() {
        return ContentMemory::default();
    }
    let (rows, mut entries, mut sparse, mut dense, mut vectors) = (table.rows(), 0, 0, 0, 0);
    for column in table.columns() {
        let mut vector = |dimensions: usize| {
            dense += dimensions;
            vectors += 1;
        };
        match &column.values {
            Values::Vector { dimensions, .. } => vector(*dimensions),
            Values::Halves(halves) => vector(halves.columns()),
            Values::Categories(terms) | Values::Text(terms) => {
                entries += terms.entries();
                sparse += terms.names().len();
            }
            Values::Category { levels, .. } => {
                entries += rows;
                sparse += levels.len();
            }
            Values::Number(_) | Values::Boolean(_) | Values::Moment(_) => {
                entries += rows;
                sparse += MOST_BINS;
            }
            Values::SparseVector(vectors) => {
                entries += vectors.entries();
                sparse += vectors.dimensions().min(vectors.entries());
            }
        }
    }
    let kept = (12 * rows * NEAREST.min(rows)) as u64;
    let encoding = ItemEncoder::memory(rows, entries, vectors);
    let index = ContentIndex::memory(rows, [entries, sparse], dense, rows, NEAREST, threads);
    let mapping = FactorMap::memory(rows, sparse + dense, dense, FACTORS);
    ContentMemory { kept: encoding + kept, search: index.max(mapping) }
}

/// The columns of a catalogue that is too large to use them without being asked.
fn unused(table: &Table) -> Vec<ColumnWeight> {
    let reason = format!(
        "is used with more than {MOST_ITEMS} items only if there are new items, or neighbours.content is given"
    );
    let unused = |column: &Column| ColumnWeight {
        name: column.name.clone(),
        kind: column.kind(),
        weight: 0.0,
        reason: Some(reason.clone()),
    };
    table.columns().iter().map(unused).collect()
}

/// Why no column tells items apart.
fn useless(columns: &[ColumnWeight]) -> String {
    let reason =
        |column: &ColumnWeight| column.reason.as_ref().map(|reason| format!("\"{}\" {reason}", column.name));
    let reasons: Vec<String> = columns.iter().filter_map(reason).collect();
    format!("no column of items can be used: {}", reasons.join(", "))
}

/// The scorers that are fitted besides those with taste factors, and their blend.
pub struct BlendedFit {
    /// The scorers, by name.
    pub fitted: Vec<(&'static str, Arc<dyn Fitted>)>,
    /// Their weights, and those of the scorers with taste factors.
    pub blend: Blend,
    /// β, which they were fitted with.
    pub content: f64,
}

/// Fits the scorers of a holdout run and blends them. If the options leave β open and there is content, this is done
/// for every candidate: the smallest β is kept unless another ranks held-out events better by a standard error.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
pub fn fit_and_blend(
    fit: &mut Fit,
    methods: &[&dyn Method],
    content: &EncodedContent,
    (holdout, users): (&Holdout, &[u32]),
    options: &Options,
    observer: &dyn Observer,
) -> Result<BlendedFit> {
    let depends = methods.iter().any(|method| method.reads_content(options));
    let is_small = holdout.training.items() <= MOST_ITEMS;
    let weights = match options.neighbours.content {
        AutoOr::Given(weight) => vec![weight],
        AutoOr::Auto if depends && is_small && content.content.is_some() && !users.is_empty() => {
            WEIGHTS.to_vec()
        }
        AutoOr::Auto => vec![0.0],
    };
    let is_single = weights.len() == 1;
    let input = FitInput { users: Some(users), held_out: Some(holdout), ..content.input(&holdout.training) };
    let by_tastes = fit.fitted.len();
    let (reading, others): (Vec<&dyn Method>, Vec<&dyn Method>) =
        methods.iter().copied().partition(|method| method.reads_content(options));
    let others = Fit::fitted(&others, input, options, observer)?;
    let mut best: Option<(BlendedFit, Vec<f64>)> = None;
    for (step, &content) in weights.iter().enumerate() {
        let mut own = options.clone();
        own.neighbours.content = AutoOr::Given(content);
        let mut fitted = Fit::fitted(&reading, input, &own, observer)?;
        fitted.extend(others.iter().cloned());
        fit.fitted.truncate(by_tastes);
        fit.fitted.extend(fitted.iter().cloned());
        let ranker = Ranker::new(fit, &holdout.training, options.weighs_popularity());
        let blend = match methods.len() {
            1 => fit.blend.clone(),
            _ => blend::decide(&ranker, methods, holdout, users, &own, observer)?,
        };
        let values = match is_single {
            true => Vec::new(),
            false => {
                let ranker = Ranker { blend: blend.clone(), ..ranker };
                deciding_values(&ranker, holdout, users, observer)?
            }
        };
        if !is_single {
            let metric = Some((DECIDING_NAME, mean_and_error(&values).0));
            observer.report(Progress { metric, ..Progress::step(PHASE, step + 1, weights.len()) });
        }
        if best.as_ref().is_none_or(|(_, best)| is_better(&values, best)) {
            best = Some((BlendedFit { fitted, blend, content }, values));
        }
    }
    fit.fitted.truncate(by_tastes);
    best.map(|(best, _)| best).ok_or(EngineError::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{Events, Id, IdKind, RawEvents};
    use crate::observer::Silent;
    use crate::options::parse_options;
    use crate::training::UserData;
    use serde_json::json;

    #[test]
    fn a_large_catalogue_is_described_only_if_the_options_ask_for_it() {
        let columns = |items: usize, options: serde_json::Value| {
            let options = parse_options(&options).unwrap();
            let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
            (0..items as i64).for_each(|item| raw.push(Id::Bigint(item % 50), Id::Bigint(item), 1.0, 0));
            let events = Events::new(raw, options.events.limits(), &Silent).unwrap();
            let numbers = Column::numbers("price", (0..items).map(|item| (item % 10) as f64).collect());
            let items = Table::new(items, vec![numbers]).unwrap();
            let described = UserData { items, ..UserData::users_of(&events) };
            let given = Given::new(&events, &described);
            let interactions = events.interactions(&options.weighting(0), |_, _, _| true, &Silent).unwrap();
            let encoded = EncodedContent::new(&given, &interactions, &options, &Silent).unwrap();
            (encoded.content.is_some(), encoded.columns[0].reason.clone())
        };
        assert_eq!(columns(200, json!({})), (true, None));
        let (is_used, reason) = columns(MOST_ITEMS + 1, json!({}));
        assert!(!is_used && reason.unwrap().starts_with("is used with more than 20000 items only if"));
        assert_eq!(
            columns(200, json!({"neighbours": {"content": 0}, "items": {"new_items": 1}})),
            (true, None)
        );
    }
}
