//! `segrec_evaluate` and `segrec_cross_validate` with `cold`: the options of a model on items or users that are held out
//! whole.

use super::reported_metric::{ReportedMetric, cuts, version_options};
use super::workbench::Workbench;
use crate::catalog::models::Model;
use crate::commands::access::privileges::trainable;
use crate::commands::training::train::deployed_version;
use crate::commands::training::training_log::TrainingLog;
use crate::error::{Result, SegrecError, notice};
use crate::settings;
use segrec_engine::auto::AutoOr;
use segrec_engine::options::{Options, parse_options};
use segrec_engine::study::cold::{Cold, ColdMetric, describing, items, measure_items, measure_users, users};
use segrec_engine::training::estimate::dimensions;
use segrec_engine::training::item_content;

/// Parses the argument `cold`; `None` if it was not given.
pub fn parse(cold: Option<&str>) -> Result<Option<Cold>> {
    let parsed =
        |value: &str| value.parse().map_err(|_| SegrecError::InvalidCold { value: value.to_owned() });
    cold.map(parsed).transpose()
}

/// Measures the options of a model's deployed version on what `cold` says.
pub fn evaluate(model: Option<&str>, k: Option<Vec<Option<i64>>>, cold: Cold) -> Result<Vec<ReportedMetric>> {
    let model = trainable(model)?;
    let cuts = cuts(k)?;
    if model.events.is_none() {
        return Err(SegrecError::NoEvents { model: model.name });
    }
    let Some(version) = deployed_version(&model)? else {
        return Err(SegrecError::NotTrained { model: model.name });
    };
    let mut options = version_options(&model, &version)?;
    if options.items.new_items == AutoOr::Given(0.0) {
        // A training without new items had nothing to decide about them.
        let given = parse_options(&version.options).map_err(SegrecError::InvalidOptions)?;
        options.items.new_items = given.items.new_items;
    }
    let rows = ColdBench::new(&model, options, cold, &cuts)?.measure(None)?;
    Ok(rows.into_iter().map(ReportedMetric::of_cold).collect())
}

/// The data of a model, to be measured with items or users held out whole.
pub struct ColdBench<'a> {
    bench: Workbench,
    options: Options,
    cold: Cold,
    cuts: &'a [usize],
}

impl<'a> ColdBench<'a> {
    /// Reads the data. Lists are cut at `cuts`.
    ///
    /// # Errors
    /// If the model does not read or score what is held out, and those of [`Workbench::new`].
    pub fn new(model: &Model, options: Options, cold: Cold, cuts: &'a [usize]) -> Result<Self> {
        let unbound = |argument| SegrecError::Unbound { model: model.name.clone(), argument };
        let reading = describing(&options, cold);
        match cold {
            Cold::Items if model.items.is_none() => return Err(unbound("items")),
            Cold::Users if model.users.is_none() => return Err(unbound("users")),
            Cold::Items if !reading.takes_new_items() => {
                let algorithm = options.algorithm.name();
                return Err(SegrecError::ScoresNoNewItems { model: model.name.clone(), algorithm });
            }
            Cold::Items | Cold::Users => {}
        }
        let bench = Workbench::new(model, &reading, None, TrainingLog::new())?;
        let own = Self { bench, options, cold, cuts };
        own.bench.check_memory(&reading, own.memory())?;
        Ok(own)
    }

    /// Measures one of several folds, or what an evaluation holds out.
    pub fn measure(&mut self, fold: Option<(usize, usize)>) -> Result<Vec<ColdMetric>> {
        let Self { bench, options, cold, cuts } = self;
        let (cold, seed) = (*cold, options.seed);
        let (rows, boost) = bench.run(|given, observer| {
            let hidden = match fold {
                Some((fold, folds)) => cold.fold(given.events, fold, folds, seed)?,
                None => cold.hidden(given.events, seed)?,
            };
            match cold {
                Cold::Items => {
                    let (rows, boost) = measure_items(given, options, hidden, cuts, observer)?;
                    Ok((rows, Some(boost)))
                }
                Cold::Users => Ok((measure_users(given, options, &hidden, cuts, observer)?, None)),
            }
        })?;
        if boost == Some(0.0) {
            notice(
                "new items are left out of the lists of the whole catalogue".to_owned(),
                Some("Lists do not gain by them, or items.new_items is 0. Among themselves, hidden items are ranked as if it were 1.".to_owned()),
                None,
            );
        }
        Ok(rows)
    }

    /// Announces a part of the work.
    pub fn announce(&mut self, name: &str) {
        self.bench.log.announce(name, name.to_owned());
    }

    /// The bytes that are needed besides those of a training.
    fn memory(&self) -> u64 {
        let Workbench { events, data, .. } = &self.bench;
        let [count, n] = [self.cuts.len(), self.cuts.iter().copied().max().unwrap_or(0)];
        let threads = settings::threads();
        let [members, items] = [events.users().len(), events.items().len()];
        match self.cold {
            Cold::Items => {
                let content = item_content::memory(&data.user_data.items, threads);
                let content = content.kept + content.search;
                items::memory([members, items, events.len()], content, count, n, threads)
            }
            Cold::Users => {
                let columns = data.user_data.table.columns().iter().map(dimensions).sum();
                users::memory([members, items, columns], &self.options, count, n, threads)
            }
        }
    }
}
