//! Data about users besides their events, and the points that segmentation divides.

use crate::error::{EngineError, Result};
use crate::features::{
    Activity, Column, Encoder, EncoderSettings, ItemCategories, LeftOut, NO_LEVEL, NO_MOMENT, Table, Values,
    activity,
};
use crate::interactions::Events;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::seed::sample;
use crate::segmentation::identity::unit_rows;
use crate::segmentation::kmeans::Geometry;
use crate::segmentation::rfm::rfm_values;
use crate::segmentation::{On, PointSet, SegmentationMethod};

/// Data about the members of a training. Members are the users of the events, in order, followed by users without
/// events.
#[derive(Clone, Debug, Default)]
pub struct UserData {
    /// The columns of `users`, with one row per member; no columns if there is no such relation.
    pub table: Table,
    /// The columns of `users` that are not in the table. Rows to be classified may contain them.
    pub others: Vec<String>,
    /// The columns of `items`, with one row per item of the events; empty if there is no such relation.
    pub items: Table,
    /// When each item of the events was added: moments, or numbers that grow; `None` if it is not known.
    pub added: Option<Column>,
    /// The category of each item, if a category column is named.
    pub categories: Option<Labels>,
    /// The moment that ages refer to, in microseconds since 2000; `None` to derive it from the data.
    pub as_of: Option<i64>,
}

/// A column of labels, as numbers and names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    /// The label of each member or item; [`NO_LEVEL`] if it has none.
    pub codes: Vec<u32>,
    /// The name of each label.
    pub names: Vec<String>,
}

impl Labels {
    /// The label of each row.
    pub fn of_each(&self) -> Vec<Option<u32>> {
        self.codes.iter().map(|&code| (code != NO_LEVEL).then_some(code)).collect()
    }
}

/// The members of a training as points.
#[derive(Clone, Debug)]
pub struct Points {
    /// One point for each entry of `members`.
    pub space: PointSet,
    /// The members that have a point, ascending.
    pub members: Vec<u32>,
    /// The encoder of the attributes, which are the first dimensions of the points.
    pub encoder: Option<Encoder>,
    /// The columns that carried no information, and why.
    pub left_out: Vec<LeftOut>,
}

impl UserData {
    /// The users of events, without other data.
    pub fn users_of(events: &Events) -> Self {
        Self { table: Table::of_rows(events.users().len()), ..Self::default() }
    }

    /// A sample of `count` members, chosen by the seed.
    pub fn sample(&self, count: usize, seed: u64) -> Self {
        let rows = sample((0..self.table.rows() as u32).collect(), count, seed);
        Self { table: self.table.select(&rows), as_of: Some(self.as_of(None)), ..Self::default() }
    }

    /// The moment that ages refer to: the given one, else the latest event, else the latest moment in the table. It
    /// does not depend on the clock, so that equal data give equal segments.
    pub fn as_of(&self, events: Option<&Events>) -> i64 {
        let latest_event = events.filter(|events| events.is_timed()).map(Events::latest);
        let in_table = || {
            let moments = self.table.columns().iter().filter_map(|column| match &column.values {
                Values::Moment(moments) => moments.iter().copied().filter(|&at| at != NO_MOMENT).max(),
                _ => None,
            });
            moments.max()
        };
        self.as_of.or(latest_event).or_else(in_table).unwrap_or(0)
    }

    /// The labels in a column.
    ///
    /// # Errors
    /// [`EngineError::Column`] if the column does not hold labels.
    pub fn labels(&self, name: &str) -> Result<Labels> {
        let refuse =
            |reason: &str| EngineError::Column { column: name.to_owned(), reason: reason.to_owned() };
        let column = self.table.column(name).ok_or_else(|| refuse("does not exist"))?;
        if column.has_too_many_levels() {
            return Err(refuse("has more than 1000 distinct labels"));
        }
        match &column.values {
            Values::Category { codes, levels } => Ok(Labels { codes: codes.clone(), names: levels.clone() }),
            _ => Err(refuse("does not contain labels")),
        }
    }

    /// Whether the points depend on events in other ways than through factors.
    pub fn reads_events(options: &Options) -> bool {
        let segmentation = &options.segmentation;
        match segmentation.method {
            SegmentationMethod::Rfm => true,
            SegmentationMethod::Column | SegmentationMethod::None => false,
            _ => segmentation.divides_by(true) != On::Behaviour && !segmentation.activity.is_empty(),
        }
    }

    /// The columns that users are segmented by: the selected ones of `users`, and activity if there are events.
    pub(super) fn attributes(
        &self,
        options: &Options,
        events: Option<&Events>,
        observer: &dyn Observer,
    ) -> Result<Table> {
        let segmentation = &options.segmentation;
        let label = segmentation.label_column.as_ref();
        let asked = |column: &&Column| {
            Some(&column.name) != label
                && (segmentation.features.is_empty() || segmentation.features.contains(&column.name))
        };
        let columns: Vec<Column> = self.table.columns().iter().filter(asked).cloned().collect();
        let table = Table::new(self.table.rows(), columns)?;
        match events {
            Some(events) if !segmentation.activity.is_empty() => {
                beside(table, self.activity(events, &segmentation.activity, observer)?)
            }
            _ => Ok(table),
        }
    }

    /// Aggregates of the events of every member; null for members without events.
    ///
    /// # Errors
    /// [`EngineError::Missing`], [`EngineError::Cancelled`].
    pub fn activity(&self, events: &Events, choices: &[Activity], observer: &dyn Observer) -> Result<Table> {
        let categories = self
            .categories
            .as_ref()
            .map(|categories| ItemCategories { of_item: &categories.codes, names: &categories.names });
        let table = activity(events, choices, self.as_of(Some(events)), categories, observer)?;
        Ok(self.all_members(&table))
    }

    /// Extends a table of the users of events to all members.
    fn all_members(&self, table: &Table) -> Table {
        let rows: Vec<Option<u32>> =
            (0..self.table.rows()).map(|member| (member < table.rows()).then_some(member as u32)).collect();
        table.scatter(&rows)
    }

    /// The recency, frequency and monetary value of every member.
    ///
    /// # Errors
    /// [`EngineError::Missing`] if events have no times, [`EngineError::Cancelled`].
    pub fn rfm(&self, events: &Events, observer: &dyn Observer) -> Result<Table> {
        Ok(self.all_members(&rfm_values(events, self.as_of(Some(events)), observer)?))
    }

    /// The points of all members, from the data that `options` select. `user_factors` belong to the users of the events
    /// (users × k).
    ///
    /// # Errors
    /// [`EngineError::NothingToDivideBy`] if no column carries information.
    pub fn points(
        &self,
        options: &Options,
        events: Option<&Events>,
        user_factors: Option<&Matrix>,
        observer: &dyn Observer,
    ) -> Result<Points> {
        let on = options.segmentation.divides_by(user_factors.is_some());
        if let (On::Behaviour, Some(factors)) = (on, user_factors) {
            return Ok(behaviour(factors));
        }
        let table = self.attributes(options, events, observer)?;
        let settings =
            EncoderSettings { scale: options.segmentation.scale, ..EncoderSettings::at(self.as_of(events)) };
        let encoder = Encoder::fit(&table, &settings, observer)?;
        let left_out = encoder.left_out().to_vec();
        if encoder.dimensions() == 0 {
            let reasons: Vec<String> = left_out
                .iter()
                .map(|left_out| format!("\"{}\" {}", left_out.name, left_out.reason))
                .collect();
            let reason = if reasons.is_empty() {
                "There are no columns besides the ids.".to_owned()
            } else {
                format!("No column of users distinguishes them: {}.", reasons.join(", "))
            };
            return Err(EngineError::NothingToDivideBy { reason });
        }
        let attributes = encoder.encode(&table, observer)?;
        let points = match (on, user_factors) {
            (On::Both, Some(factors)) => side_by_side(&attributes, &encoder, &unit_rows(factors)),
            _ => attributes,
        };
        let members = (0..points.rows() as u32).collect();
        let space = PointSet { points, geometry: Geometry::Euclidean };
        Ok(Points { space, members, encoder: Some(encoder), left_out })
    }
}

/// Joins the columns of users and those derived from events. If names clash, the derived column is renamed.
pub fn beside(users: Table, of_events: Table) -> Result<Table> {
    let rows = of_events.rows();
    let renamed = of_events.into_columns().into_iter().map(|column| {
        let taken = users.column(&column.name).is_some();
        Column { name: if taken { format!("{} of events", column.name) } else { column.name }, ..column }
    });
    let of_events = Table::new(rows, renamed.collect())?;
    users.with(of_events)
}

/// The normalized factors of every user who has any.
fn behaviour(factors: &Matrix) -> Points {
    let points = unit_rows(factors);
    let members: Vec<u32> = (0..points.rows() as u32)
        .filter(|&user| points.row(user as usize).iter().any(|&x| x != 0.0))
        .collect();
    let points = points.select(&members);
    let space = PointSet { points, geometry: Geometry::Spherical };
    Points { space, members, encoder: None, left_out: Vec::new() }
}

/// Appends behaviour to attributes, scaled to the same total variance. Members without events get the mean of
/// behaviour, which is the origin.
fn side_by_side(attributes: &Matrix, encoder: &Encoder, directions: &Matrix) -> Matrix {
    let (n, k) = (directions.rows().max(1) as f64, directions.columns());
    let mut mean = vec![0.0f64; k];
    for row in 0..directions.rows() {
        mean.iter_mut().zip(directions.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    mean.iter_mut().for_each(|sum| *sum /= n);
    let spread = |row: &[f32]| row.iter().zip(&mean).map(|(&x, m)| (f64::from(x) - m).powi(2)).sum::<f64>();
    let variance = (0..directions.rows()).map(|row| spread(directions.row(row))).sum::<f64>() / n;
    // Every attribute column has a total variance of one.
    let scale = if variance > 0.0 { (encoder.reads().len() as f64 / variance).sqrt() } else { 0.0 };
    let width = attributes.columns() + k;
    let mut points = Matrix::zeros(attributes.rows(), width);
    for row in 0..attributes.rows() {
        let point = points.row_mut(row);
        point[..attributes.columns()].copy_from_slice(attributes.row(row));
        if row < directions.rows() {
            let behaviour = directions.row(row).iter().zip(&mean);
            point[attributes.columns()..]
                .iter_mut()
                .zip(behaviour)
                .for_each(|(to, (&x, m))| *to = ((f64::from(x) - m) * scale) as f32);
        }
    }
    points
}
