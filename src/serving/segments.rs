//! The segments of a deployed version: of a user of the training, of a row of users that is newer, of
//! features that are nobody's yet.

use super::followed::Followed;
use crate::catalog::models::Model;
use crate::catalog::sources::attributes::{LiveUser, WantedColumns, attribute_columns};
use crate::catalog::sources::relations::{self, SourceColumn};
use crate::catalog::versions::segments::{self, StoredClassifier};
use crate::catalog::versions::users::{StoredUser, UserLookup};
use crate::catalog::versions::{self, SeenVersion};
use crate::error::{Result, SegrecError};
use segrec_engine::EngineError;
use segrec_engine::interactions::Id;
use segrec_engine::segmentation::identity::Classifier;
use serde_json::{Map, Value};

/// The segments of a version as a session holds them.
pub struct ServedSegments {
    /// The version, as it was when this was loaded: to forget somebody may change how a row of users finds its segment.
    pub version: SeenVersion,
    /// The ids of segments, ascending: places in this list are the numbers of segments in serving.
    pub ids: Vec<i32>,
    users: UserLookup,
    classifier: Option<StoredClassifier>,
    model: Model,
    live: Followed<LiveUser>,
}

/// Reads rows of users one at a time, by what they are read for.
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
            classifier: segments::load_classifier(version_id)?,
            model: model.clone(),
            live: Followed::default(),
        })
    }

    /// Whether they are those of that version, of a model that reads the same relations.
    pub fn are_current(&self, model: &Model, version: &SeenVersion) -> bool {
        self.version == *version && self.model.reads_as(model)
    }

    /// The version's key.
    pub fn id(&self) -> i64 {
        self.version.version_id
    }

    /// The user of the training with that id.
    pub fn user(&self, id: &str) -> Result<Option<StoredUser>> {
        let found = self.users.find(id)?;
        if found.is_none() {
            self.check_there()?;
        }
        Ok(found)
    }

    /// An error where the version was dropped while it was read, so that what was read is not all.
    pub fn check_there(&self) -> Result<()> {
        if versions::is_there(self.id())? {
            return Ok(());
        }
        Err(SegrecError::VersionGone { model: self.model.name.clone() })
    }

    /// The id of the segment of a row of users as it is now; `None` where there is no such row or it
    /// says nothing.
    pub fn of_row(&self, user: Id<'_>) -> Result<Option<i32>> {
        let (Some(stored), model) = (&self.classifier, &self.model) else {
            return Ok(None);
        };
        let live = self.live.reader(&model.name, || live_classified(model, &stored.classifier))?;
        let Some(row) = live.map_or(Ok(None), |live| live.find(user))? else {
            return Ok(None);
        };
        let fit = match stored.classifier.classify_table(&row) {
            // A column is not what it was at the training: the row says nothing.
            Err(EngineError::Column { .. }) => return Ok(None),
            fit => fit?,
        };
        Ok(fit.and_then(|fit| stored.segments.get(fit.segment as usize).copied()))
    }

    /// The id of the segment of features.
    pub fn of_features(&self, model: &str, features: &Map<String, Value>) -> Result<Option<i32>> {
        let Some(stored) = &self.classifier else {
            return Err(SegrecError::NotClassifying {
                model: model.to_owned(),
                reason: "they were found from behaviour, which is not a feature",
            });
        };
        let fit = stored.classifier.classify(features).map_err(SegrecError::InvalidFeatures)?;
        Ok(fit.and_then(|fit| stored.segments.get(fit.segment as usize).copied()))
    }
}

/// Reads rows of users one at a time: where the segments were found from their columns, and an index
/// makes it quick.
fn live_classified(model: &Model, classifier: &Classifier) -> Result<Option<LiveUser>> {
    match classifier {
        Classifier::Rfm { .. } => Ok(None),
        Classifier::Label { .. } => live_user(model, classifier.reads(), Reader::Labels),
        Classifier::Attributes { .. } => live_user(model, classifier.reads(), Reader::Features),
    }
}

/// Reads these columns of users, as features, one row at a time.
pub fn live_features(model: &Model, columns: Vec<String>) -> Result<Option<LiveUser>> {
    live_user(model, columns, Reader::Features)
}

fn live_user(model: &Model, reads: Vec<String>, reader: Reader) -> Result<Option<LiveUser>> {
    let Some(users) = &model.users else {
        return Ok(None);
    };
    let relation = relations::hold(&model.name, "users", users.relation)?;
    if relation.is_out_of_reach || !relations::has_leading_index(users.relation, &users.key)? {
        return Ok(None);
    }
    // Activity is read beside columns, and a column may be gone: both count as null.
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
    Ok(Some(LiveUser::new(&columns)?))
}
