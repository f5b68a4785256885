//! The segment of a user, of given features, and of all users for another number of segments.

use super::history::History;
use super::ids::user_id;
use super::recommendation::fold_in;
use super::session;
use crate::catalog::versions::segments;
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::id_text;
use segrec_engine::features::RowProblem;
use segrec_engine::interactions::{Id, SeenRule};
use serde_json::Value;

/// The id of a user's segment: as of the training, else by their current attributes, else by their current events.
pub fn segment_of(user: Id<'_>, model: Option<&str>) -> Result<Option<i32>> {
    let model = session::model_of_segments(model)?;
    let Some(user) = user_id(user, &model)? else {
        return Ok(None);
    };
    let segments = session::segments(&model)?;
    if let Some(stored) = segments.user(&id_text(user))? {
        return Ok(Some(stored.segment));
    }
    if let Some(segment) = segments.of_row(user)? {
        return Ok(Some(segment));
    }
    if model.events.is_none() {
        return Ok(None);
    }
    let version = session::version(&model)?;
    match History::live(&version, user, None, &SeenRule::default())? {
        Some(history) => {
            let number = fold_in(&version, Some(user), history, None)?.segment;
            Ok(number.and_then(|number| segments.ids.get(number as usize).copied()))
        }
        None => Ok(None),
    }
}

/// The id of the segment of given features, which need not belong to a user.
pub fn classify(model: Option<&str>, features: &Value) -> Result<Option<i32>> {
    let model = session::model_of_segments(model)?;
    let Value::Object(features) = features else {
        return Err(SegrecError::InvalidFeatures(vec![RowProblem {
            name: String::new(),
            message: "features are not an object".to_owned(),
            hint: "Write features as an object such as {\"age\": 34}, or convert a row with to_jsonb."
                .to_owned(),
        }]));
    };
    session::segments(&model)?.of_features(&model.name, features)
}

/// Divides the users of a model's deployed version into `count` groups by cutting its merge tree, without a training.
pub fn cut(model: Option<&str>, count: i32) -> Result<Vec<(String, i32)>> {
    let model = session::model_of_segments(model)?;
    let count = usize::try_from(count).ok().filter(|&count| count > 0);
    let count = count.ok_or(SegrecError::InvalidSegments)?;
    let version_id = session::segments(&model)?.id();
    let Some(tree) = segments::load_tree(version_id)? else {
        return Err(SegrecError::NoTree { model: model.name.clone() });
    };
    let of_leaf = tree.cut(count);
    let leaves = segments::load_leaves(version_id)?;
    let group = |leaf: u32| of_leaf.get(leaf as usize).map(|&group| group as i32 + 1);
    Ok(leaves.into_iter().filter_map(|(user, leaf)| Some((user, group(leaf)?))).collect())
}
