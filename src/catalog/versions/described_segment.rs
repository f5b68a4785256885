//! What is stored about a segment of a deployed version, as facts for its description.

use crate::catalog::models::Model;
use crate::catalog::statement::{as_owner, query};
use crate::error::{Result, SegrecError};
use segrec_engine::segmentation::description::{FeatureFact, NamedSegmentId, SegmentChange, SegmentFacts};
use std::collections::BTreeMap;

/// The facts about a segment of a version; `None` if the version does not have the segment.
pub fn facts(model: &Model, version_id: i64, segment: i32) -> Result<Option<SegmentFacts>> {
    as_owner(|| {
        let labels = labels(model.id)?;
        let named = |id: i32| NamedSegmentId { id, label: labels.get(&id).cloned() };
        let found = query(
            "SELECT version.version, pg_catalog.to_char(version.as_of, 'FMDD FMMonth YYYY'), segment.users, \
                 (SELECT pg_catalog.sum(every.users)::bigint FROM segrec_catalog.segments every \
                  WHERE every.version_id = version.version_id), \
                 segment.rule, segment.rule_precision, segment.rule_recall \
             FROM segrec_catalog.versions version JOIN segrec_catalog.segments segment USING (version_id) \
             WHERE version.version_id = $1 AND segment.segment = $2",
            &[version_id.into(), segment.into()],
            |row| {
                let rule = match (row.get::<String>(5)?, row.get(6)?, row.get(7)?) {
                    (Some(text), Some(precision), Some(recall)) => Some((text, precision, recall)),
                    _ => None,
                };
                Ok(SegmentFacts {
                    segment: named(segment),
                    version: row.value(1)?,
                    as_of: row.get(2)?,
                    users: row.value::<i64>(3)? as u64,
                    all_users: row.value::<i64>(4)? as u64,
                    rule,
                    ..SegmentFacts::default()
                })
            },
        )?;
        let Some(mut facts) = found.into_iter().next() else { return Ok(None) };
        facts.features = features(version_id, segment)?;
        (facts.common, facts.typical) = items(&model.name, segment)?;
        facts.change = change(version_id, segment, &named)?;
        Ok(Some(facts))
    })
}

/// The labels of all segments of a model, in any version.
fn labels(model_id: i64) -> Result<BTreeMap<i32, String>> {
    let found = query(
        "SELECT segment, label FROM segrec_catalog.segment_names WHERE model_id = $1 AND label IS NOT NULL",
        &[model_id.into()],
        |row| Ok((row.value(1)?, row.value(2)?)),
    )?;
    Ok(found.into_iter().collect())
}

/// The most characteristic features, of those that are known for most users of the segment.
fn features(version_id: i64, segment: i32) -> Result<Vec<FeatureFact>> {
    query(
        "SELECT feature, kind, value, overall FROM segrec_catalog.segment_profiles \
         WHERE version_id = $1 AND segment = $2 AND share >= 0.5 ORDER BY place LIMIT 30",
        &[version_id.into(), segment.into()],
        |row| {
            let kind: String = row.value(2)?;
            Ok(FeatureFact {
                feature: row.value(1)?,
                kind: kind.parse().map_err(|_| SegrecError::VersionDamaged {
                    reason: format!("A profile has the kind \"{kind}\"."),
                })?,
                value: row.value(3)?,
                overall: row.value(4)?,
            })
        },
    )
}

/// Items with a number.
type Items = Vec<(String, f64)>;

/// The items that most users have, with their shares, and the most typical ones, with their lifts, as the view shows them.
fn items(model: &str, segment: i32) -> Result<(Items, Items)> {
    let ranked = |sql: &str| -> Result<Items> {
        query(sql, &[model.into(), segment.into()], |row| Ok((row.value(1)?, row.value(2)?)))
    };
    let common = "SELECT item_id, share FROM segrec.segment_items \
                  WHERE model = $1 AND segment = $2 AND rank <= 3 ORDER BY rank";
    let typical = "SELECT item_id, lift FROM segrec.segment_items \
                   WHERE model = $1 AND segment = $2 AND rank_by_lift <= 3 AND users >= 5 ORDER BY rank_by_lift";
    Ok((ranked(common)?, ranked(typical)?))
}

/// The moves since the version that was deployed when this one was trained; `None` if there was none.
fn change(
    version_id: i64,
    segment: i32,
    named: &dyn Fn(i32) -> NamedSegmentId,
) -> Result<Option<SegmentChange>> {
    let moves: Vec<(i32, Option<i32>, Option<i32>, i64)> = query(
        "SELECT from_version, from_segment, to_segment, users FROM segrec_catalog.segment_transitions \
         WHERE version_id = $1 ORDER BY users DESC, from_segment, to_segment",
        &[version_id.into()],
        |row| Ok((row.value(1)?, row.get(2)?, row.get(3)?, row.value(4)?)),
    )?;
    let Some(&(since, ..)) = moves.first() else { return Ok(None) };
    let mut change = SegmentChange { since, before: 0, came: Vec::new(), went: Vec::new() };
    for (_, from, to, users) in moves {
        let users = users as u64;
        let [is_from, is_to] = [from, to].map(|end| end == Some(segment));
        if is_from {
            change.before += users;
        }
        if is_to && !is_from {
            change.came.push((from.map(named), users));
        }
        if is_from && !is_to {
            change.went.push((to.map(named), users));
        }
    }
    Ok(Some(change))
}
