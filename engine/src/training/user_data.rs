//! What is known about users besides their events, and the points that segmentation divides.

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

/// What is known about the members of a training: first the users of the events in their order, then
/// those who have none.
#[derive(Clone, Debug, Default)]
pub struct UserData {
    /// A row for every member, with the columns of `users`; without columns where there is no such
    /// relation.
    pub table: Table,
    /// The names of columns of `users` that are not in the table: a row that is classified may have them.
    pub others: Vec<String>,
    /// A row for every item of the events, with the columns of `items`; empty without such a relation.
    pub items: Table,
    /// The category of every item, where a column names it.
    pub categories: Option<Labels>,
    /// The moment from which age is counted (microseconds since 2000), where one is given.
    pub as_of: Option<i64>,
}

/// Labels as numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    /// Of every member or item; [`NO_LEVEL`] where there is none.
    pub codes: Vec<u32>,
    /// Their names.
    pub names: Vec<String>,
}

impl Labels {
    /// The label of each, where there is one.
    pub fn of_each(&self) -> Vec<Option<u32>> {
        self.codes.iter().map(|&code| (code != NO_LEVEL).then_some(code)).collect()
    }
}

/// The points of a training's members.
#[derive(Clone, Debug)]
pub struct Points {
    /// One row for every member of `members`.
    pub space: PointSet,
    /// The members that have a point, ascending.
    pub members: Vec<u32>,
    /// How attributes became points, and which of the dimensions they are (from the first).
    pub encoder: Option<Encoder>,
    /// Columns that say nothing.
    pub left_out: Vec<LeftOut>,
}

impl UserData {
    /// The users of events, of whom nothing else is known.
    pub fn users_of(events: &Events) -> Self {
        Self { table: Table::of_rows(events.users().len()), ..Self::default() }
    }

    /// Some of the members, chosen by the seed.
    pub fn sample(&self, count: usize, seed: u64) -> Self {
        let rows = sample((0..self.table.rows() as u32).collect(), count, seed);
        Self { table: self.table.select(&rows), as_of: Some(self.as_of(None)), ..Self::default() }
    }

    /// The moment from which age is counted: as given, else the latest event, else the latest moment in
    /// the table; so that the same data give the same segments on any day.
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
    /// [`EngineError::Column`] where it does not hold labels.
    pub fn labels(&self, name: &str) -> Result<Labels> {
        let refuse =
            |reason: &str| EngineError::Column { column: name.to_owned(), reason: reason.to_owned() };
        let column = self.table.column(name).ok_or_else(|| refuse("is not there"))?;
        if column.has_too_many_levels() {
            return Err(refuse("has more than 1000 different labels"));
        }
        match &column.values {
            Values::Category { codes, levels } => Ok(Labels { codes: codes.clone(), names: levels.clone() }),
            _ => Err(refuse("does not hold labels")),
        }
    }

    /// True where the points depend on events beyond factors.
    pub fn reads_events(options: &Options) -> bool {
        let segmentation = &options.segmentation;
        match segmentation.method {
            SegmentationMethod::Rfm => true,
            SegmentationMethod::Column | SegmentationMethod::None => false,
            _ => segmentation.divides_by(true) != On::Behaviour && !segmentation.activity.is_empty(),
        }
    }

    /// The columns that segments are found from: those of `users` that are asked for, and activity.
    fn attributes(
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

    /// What the events tell about every member; null for members without events.
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

    /// A table of the users of the events as one of all members.
    fn all_members(&self, table: &Table) -> Table {
        let rows: Vec<Option<u32>> =
            (0..self.table.rows()).map(|member| (member < table.rows()).then_some(member as u32)).collect();
        table.scatter(&rows)
    }

    /// Recency, frequency and monetary value of every member.
    ///
    /// # Errors
    /// [`EngineError::Missing`] where events have no times, [`EngineError::Cancelled`].
    pub fn rfm(&self, events: &Events, observer: &dyn Observer) -> Result<Table> {
        Ok(self.all_members(&rfm_values(events, self.as_of(Some(events)), observer)?))
    }

    /// The points of all members, from what `options` divide by. `user_factors` are those of the users
    /// of the events (users × k).
    ///
    /// # Errors
    /// [`EngineError::NothingToDivideBy`] where no column says anything.
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
                "the users have no column besides their ids".to_owned()
            } else {
                format!("no column of users tells them apart: {}", reasons.join(", "))
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

/// Columns of users, then what their events tell; where a column of users has the same name, that of the
/// events says so in its own.
pub fn beside(users: Table, of_events: Table) -> Result<Table> {
    let rows = of_events.rows();
    let renamed = of_events.into_columns().into_iter().map(|column| {
        let taken = users.column(&column.name).is_some();
        Column { name: if taken { format!("{} of events", column.name) } else { column.name }, ..column }
    });
    let of_events = Table::new(rows, renamed.collect())?;
    users.with(of_events)
}

/// The direction of the factors of every user that has any.
fn behaviour(factors: &Matrix) -> Points {
    let points = unit_rows(factors);
    let members: Vec<u32> = (0..points.rows() as u32)
        .filter(|&user| points.row(user as usize).iter().any(|&x| x != 0.0))
        .collect();
    let points = points.select(&members);
    let space = PointSet { points, geometry: Geometry::Spherical };
    Points { space, members, encoder: None, left_out: Vec::new() }
}

/// Attributes beside behaviour, which is scaled to the same total variance; members without events
/// stand at the mean of behaviour, which is the origin.
fn side_by_side(attributes: &Matrix, encoder: &Encoder, directions: &Matrix) -> Matrix {
    let (n, k) = (directions.rows().max(1) as f64, directions.columns());
    let mut mean = vec![0.0f64; k];
    for row in 0..directions.rows() {
        mean.iter_mut().zip(directions.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    mean.iter_mut().for_each(|sum| *sum /= n);
    let spread = |row: &[f32]| row.iter().zip(&mean).map(|(&x, m)| (f64::from(x) - m).powi(2)).sum::<f64>();
    let variance = (0..directions.rows()).map(|row| spread(directions.row(row))).sum::<f64>() / n;
    // Every column of attributes has a total variance of one.
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
