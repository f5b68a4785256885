//! The segments of a deployed version: looks up users of the training, and classifies newer user rows and given
//! features.

use super::followed::Followed;
use crate::catalog::models::Model;
use crate::catalog::sources::access;
use crate::catalog::sources::attributes::{LiveRow, attribute_columns};
use crate::catalog::sources::relations::{self, SourceColumn};
use crate::catalog::sources::wanted_columns::WantedColumns;
use crate::catalog::versions::segments::{self, StoredClassifier};
use crate::catalog::versions::users::{SegmentLookup, StoredUser, UserLookup};
use crate::catalog::versions::{self, SeenVersion};
use crate::error::{Result, SegrecError};
use segrec_engine::EngineError;
use segrec_engine::interactions::Id;
use segrec_engine::segmentation::identity::Classifier;
use serde_json::{Map, Value};
use std::cell::OnceCell;

/// The segments of a version, loaded by a session.
pub struct ServedSegments {
    /// The version's row when this was loaded. It changes if a user is forgotten, since that may change the classifier.
    pub version: SeenVersion,
    /// The ids of the segments, ascending; serving numbers segments by their index in this list.
    pub ids: Vec<i32>,
    users: UserLookup,
    /// Prepared on first use.
    segments_of: OnceCell<SegmentLookup>,
    classifier: Option<StoredClassifier>,
    model: Model,
    live: Followed<LiveRow>,
}

/// How single rows of users are read.
#[derive(Clone, Copy)]
enum Reader {
    /// Columns as features.
    Features,
    /// Columns as labels.
    Labels,
}

impl ServedSegments {
    /// Loads the segments of a version.
    pub fn load(model: &Model, version: SeenVersion) -> Result<Self> {
        let version_id = version.version_id;
        Ok(Self {
            version,
            ids: segments::ids(version_id)?,
            users: UserLookup::new(version_id)?,
            segments_of: OnceCell::new(),
            classifier: segments::load_classifier(version_id)?,
            model: model.clone(),
            live: Followed::default(),
        })
    }

    /// Whether these still belong to that version, and to a model that reads the same relations.
    pub fn are_current(&self, model: &Model, version: &SeenVersion) -> bool {
        self.version == *version && self.model.reads_as(model)
    }

    /// The key of the version.
    pub fn id(&self) -> i64 {
        self.version.version_id
    }

    /// Looks up a user of the training by id.
    pub fn user(&self, id: &str) -> Result<Option<StoredUser>> {
        let found = self.users.find(id)?;
        if found.is_none() {
            self.check_there()?;
        }
        Ok(found)
    }

    /// The numbers of the segments of users of the training, in their order; `None` for others.
    pub fn numbers(&self, users: Vec<String>) -> Result<Vec<Option<u32>>> {
        let lookup = match self.segments_of.get() {
            Some(lookup) => lookup,
            None => {
                let lookup = SegmentLookup::new(self.id())?;
                self.segments_of.get_or_init(|| lookup)
            }
        };
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let found = lookup.find(users.clone())?;
        let number = |user: &String| self.ids.binary_search(found.get(user)?).ok();
        Ok(users.iter().map(|user| number(user).map(|number| number as u32)).collect())
    }

    /// Returns an error if the version was dropped while it was read, in which case the rows read are incomplete.
    pub fn check_there(&self) -> Result<()> {
        if versions::is_there(self.id())? {
            return Ok(());
        }
        Err(SegrecError::VersionGone { model: self.model.name.clone() })
    }

    /// Classifies a user's current row in the relation of users; `None` if there is no row, or it cannot be classified.
    pub fn of_row(&self, user: Id<'_>) -> Result<Option<i32>> {
        let (Some(stored), model) = (&self.classifier, &self.model) else {
            return Ok(None);
        };
        let live = self.live.reader(model.users_relation(), || live_classified(model, &stored.classifier))?;
        let Some(row) = live.map_or(Ok(None), |live| live.find(user))? else {
            return Ok(None);
        };
        let fit = match stored.classifier.classify_table(&row) {
            // A column has changed its type since the training, so the row cannot be classified.
            Err(EngineError::Column { .. }) => return Ok(None),
            fit => fit?,
        };
        Ok(fit.and_then(|fit| stored.segments.get(fit.segment as usize).copied()))
    }

    /// Classifies given features.
    pub fn of_features(&self, model: &str, features: &Map<String, Value>) -> Result<Option<i32>> {
        let Some(stored) = &self.classifier else {
            return Err(SegrecError::NotClassifying {
                model: model.to_owned(),
                reason: "They are based on behaviour, which cannot be specified as features.",
            });
        };
        let fit = stored.classifier.classify(features).map_err(SegrecError::InvalidFeatures)?;
        Ok(fit.and_then(|fit| stored.segments.get(fit.segment as usize).copied()))
    }
}

/// Reads single rows of users; `None` if segments do not depend on their columns, or nothing leads to them.
fn live_classified(model: &Model, classifier: &Classifier) -> Result<Option<LiveRow>> {
    match classifier {
        Classifier::Rfm { .. } => Ok(None),
        Classifier::Label { .. } => live_user(model, classifier.reads(), Reader::Labels),
        Classifier::Attributes { .. } => live_user(model, classifier.reads(), Reader::Features),
    }
}

/// Reads these columns of single users as features.
pub fn live_features(model: &Model, columns: Vec<String>) -> Result<Option<LiveRow>> {
    live_user(model, columns, Reader::Features)
}

fn live_user(model: &Model, reads: Vec<String>, reader: Reader) -> Result<Option<LiveRow>> {
    let Some(users) = &model.users else {
        return Ok(None);
    };
    let relation = relations::hold(&model.name, "users", users.relation, &users.filter)?;
    let Some(access) = access::to_value(&relation, &users.key)? else { return Ok(None) };
    // Activity is not a column of users, and a column may have been dropped; both count as null.
    let read: Vec<String> = reads
        .into_iter()
        .filter(|name| {
            let column = relation.column(name).filter(|_| *name != users.key).map(SourceColumn::from);
            let labels = matches!(reader, Reader::Labels);
            column.is_some_and(|column| labels || column.feature_kind().is_some())
        })
        .collect();
    if read.is_empty() {
        return Ok(None);
    }
    let (wanted, labels) = match reader {
        Reader::Labels => (Vec::new(), read),
        Reader::Features => (read, Vec::new()),
    };
    let columns = attribute_columns(
        &model.name,
        "users",
        users,
        model.user_kind,
        &WantedColumns::Named(wanted),
        &labels,
    )?;
    Ok(Some(LiveRow::new(&columns, access, None)?))
}
