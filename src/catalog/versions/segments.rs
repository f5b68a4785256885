//! Stores the segments of versions: their names, profiles and drift, and the transitions of users.

use super::Version;
use crate::catalog::statement::{as_owner, execute, only, query};
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::parse_id;
use crate::pg::datums::number_array::NumberArray;
use segrec_engine::interactions::{IdKind, IdMap};
use segrec_engine::segmentation::description::{ProfileRow, Rule};
use segrec_engine::segmentation::hierarchical::MergeTree;
use segrec_engine::segmentation::identity::{Classifier, Movement};
use segrec_engine::segmentation::quality::Choice;
use std::collections::{BTreeMap, BTreeSet};

/// The contents of a new segment.
pub struct NewSegment {
    pub id: i32,
    /// The label from which it was made, if any.
    pub name: Option<String>,
    /// The name made from its profile, if it has no name of its own.
    pub profile_name: Option<String>,
    /// A readable rule for membership.
    pub rule: Option<Rule>,
    pub users: i64,
    /// Whether it uses its own factors.
    pub own_factors: bool,
    /// The gain over the backbone, and its standard error.
    pub gain: Option<(f64, f64)>,
    /// The number of the first version that had it.
    pub since_version: i32,
    /// The centroid of its users' factors; empty without events.
    pub centroid: Vec<f32>,
    /// The Gramian of its own item factors, if it has any.
    pub item_gram: Option<Vec<f64>>,
}

/// Stores the segments of a version.
pub fn insert(version_id: i64, segments: Vec<NewSegment>) -> Result<()> {
    as_owner(|| {
        for segment in segments {
            let (gain, error) = segment.gain.unzip();
            let figures = segment.rule.as_ref().map(|rule| (rule.precision, rule.recall)).unzip();
            execute(
                "INSERT INTO segrec_catalog.segments (version_id, segment, name, rule, rule_precision, rule_recall, \
                     users, own_factors, gain, gain_error, since_version, centroid, item_gram, \
                     profile_name) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
                &[
                    version_id.into(),
                    segment.id.into(),
                    segment.name.into(),
                    segment.rule.map(|rule| rule.text).into(),
                    figures.0.into(),
                    figures.1.into(),
                    segment.users.into(),
                    segment.own_factors.into(),
                    gain.into(),
                    error.into(),
                    segment.since_version.into(),
                    NumberArray(segment.centroid).into(),
                    segment
                        .item_gram
                        .map(|gram| NumberArray(gram.iter().map(|&x| x as f32).collect()))
                        .into(),
                    segment.profile_name.into(),
                ],
            )?;
        }
        Ok(())
    })
}

/// The segments of all versions of a model.
#[derive(Clone, Debug, Default)]
pub struct KnownSegments {
    /// The number of the first version of each segment, by id.
    pub since: BTreeMap<i32, i32>,
    /// The id of each name, as in the newest version that has it.
    pub by_name: BTreeMap<String, i32>,
    /// The names made from profiles, by id, as in the newest version that has one.
    pub profile_names: BTreeMap<i32, String>,
}

/// Loads the segments of all versions of a model.
pub fn known(model_id: i64) -> Result<KnownSegments> {
    let mut known = KnownSegments::default();
    as_owner(|| {
        query(
            "SELECT segment.segment, segment.name, segment.since_version, segment.profile_name \
             FROM segrec_catalog.segments segment JOIN segrec_catalog.versions version USING (version_id) \
             WHERE version.model_id = $1 ORDER BY version.version, segment.segment",
            &[model_id.into()],
            |row| {
                let id: i32 = row.value(1)?;
                let since: i32 = row.value(3)?;
                known.since.entry(id).and_modify(|first| *first = since.min(*first)).or_insert(since);
                if let Some(name) = row.get(2)? {
                    known.by_name.insert(name, id);
                }
                if let Some(name) = row.get(4)? {
                    known.profile_names.insert(id, name);
                }
                Ok(())
            },
        )
    })?;
    Ok(known)
}

/// Reserves `count` new segment ids; returns the last id that was taken before.
pub fn take_ids(model_id: i64, count: usize) -> Result<i32> {
    let taken = as_owner(|| {
        crate::catalog::statement::write(
            "UPDATE segrec_catalog.models SET last_segment = last_segment + $2 WHERE model_id = $1 \
             RETURNING last_segment - $2",
            &[model_id.into(), (count as i32).into()],
            |row| row.value(1),
        )
    })?;
    only(taken)
}

/// The segments of the deployed version, aligned with the members of a training.
pub struct Past {
    /// The number of the version.
    pub version: i32,
    /// The ids of its segments, ascending.
    pub ids: Vec<i32>,
    /// The id of each member's segment; `None` for members who were not part of it.
    pub of_member: Vec<Option<i32>>,
    /// The number of users per segment who are no longer members.
    pub gone: BTreeMap<i32, u64>,
    /// The classifier of user rows, if there is one.
    pub classifier: Option<Classifier>,
}

/// Loads the segments of a version, aligned with the members of a training.
pub fn load_past(version: &Version, members: &IdMap, kind: IdKind) -> Result<Past> {
    let mut of_member = vec![None; members.ids().len()];
    let mut gone = BTreeMap::new();
    let sql = "SELECT user_id, segment FROM segrec_catalog.version_users WHERE version_id = $1";
    as_owner(|| {
        query(sql, &[version.version_id.into()], |row| {
            let segment: i32 = row.value(2)?;
            let user: String = row.value(1)?;
            match parse_id(&user, kind).and_then(|id| members.find(id)) {
                Some(member) => of_member[member as usize] = Some(segment),
                None => *gone.entry(segment).or_insert(0) += 1,
            }
            Ok(())
        })
    })?;
    let ids = ids(version.version_id)?;
    let classifier = load_classifier(version.version_id)?.map(|stored| stored.classifier);
    Ok(Past { version: version.version, ids, of_member, gone, classifier })
}

/// A classifier of user rows, and the segments of its groups.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct StoredClassifier {
    /// Assigns rows to groups.
    pub classifier: Classifier,
    /// The segment id of each group.
    pub segments: Vec<i32>,
}

/// Loads the classifier of a version, if it has one.
pub fn load_classifier(version_id: i64) -> Result<Option<StoredClassifier>> {
    let found = as_owner(|| {
        query(
            "SELECT classifier FROM segrec_catalog.versions WHERE version_id = $1",
            &[version_id.into()],
            |row| row.get::<Vec<u8>>(1),
        )
    })?;
    found.into_iter().next().flatten().map(|bytes| decode(&bytes)).transpose()
}

/// Removes the user at a place from the examples of a version's classifier.
pub fn forget_examples(version_id: i64, place: i32) -> Result<()> {
    let Some(StoredClassifier { classifier, segments }) = load_classifier(version_id)? else {
        return Ok(());
    };
    let rest = classifier.without(place as u32);
    if rest.as_ref() == Some(&classifier) {
        return Ok(());
    }
    let rest = rest.map(|classifier| encode(&StoredClassifier { classifier, segments })).transpose()?;
    as_owner(|| {
        execute(
            "UPDATE segrec_catalog.versions SET classifier = $2 WHERE version_id = $1",
            &[version_id.into(), rest.into()],
        )
    })
}

/// Encodes a value for storage.
pub fn encode<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(value).map_err(|error| SegrecError::Internal(error.to_string()))
}

/// Decodes a value from [`encode`].
pub fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    postcard::from_bytes(bytes).map_err(|error| SegrecError::VersionDamaged { reason: error.to_string() })
}

/// The ids of a version's segments, ascending.
pub fn ids(version_id: i64) -> Result<Vec<i32>> {
    as_owner(|| {
        query(
            "SELECT segment FROM segrec_catalog.segments WHERE version_id = $1 ORDER BY segment",
            &[version_id.into()],
            |row| row.value(1),
        )
    })
}

/// Stores the profiles of segments; `ids` are the segments' ids.
pub fn insert_profiles(version_id: i64, ids: &[i32], rows: &[ProfileRow]) -> Result<()> {
    let (mut segments, mut places) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    let mut next = vec![0i32; ids.len()];
    for row in rows {
        let segment = row.segment as usize;
        next[segment] += 1;
        segments.push(ids[segment]);
        places.push(next[segment]);
    }
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.segment_profiles \
                 (version_id, segment, place, feature, kind, value, overall, lift, share) \
             SELECT $1, * FROM unnest($2::int[], $3::int[], $4::text[], $5::text[], $6::float8[], $7::float8[], \
                                      $8::float8[], $9::float8[])",
            &[
                version_id.into(),
                segments.into(),
                places.into(),
                rows.iter().map(|row| row.feature.clone()).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.kind.to_owned()).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.value).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.overall).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.lift).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.share).collect::<Vec<_>>().into(),
            ],
        )
    })
}

/// Stores the numbers of segments that were tried.
pub fn insert_choices(version_id: i64, choices: &[Choice]) -> Result<()> {
    // Several numbers may result in the same one if small segments are dissolved; keep the chosen one.
    let mut choices: Vec<&Choice> = choices.iter().collect();
    choices.sort_by_key(|choice| !choice.chosen);
    as_owner(|| {
        for choice in choices {
            execute(
                "INSERT INTO segrec_catalog.segment_choices \
                     (version_id, segments, silhouette, davies_bouldin, calinski_harabasz, held_out, chosen, reason) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (version_id, segments) DO NOTHING",
                &[
                    version_id.into(),
                    (choice.segments as i32).into(),
                    choice.scores.silhouette.into(),
                    choice.scores.davies_bouldin.into(),
                    choice.scores.calinski_harabasz.into(),
                    choice.held_out.into(),
                    choice.chosen.into(),
                    choice.reason.clone().into(),
                ],
            )?;
        }
        Ok(())
    })
}

/// Stores the transitions of users since another version. New users have no previous segment, users who left no new
/// one.
pub fn insert_transitions(
    version_id: i64,
    from_version: i32,
    movements: &[Movement],
    came: &BTreeMap<i32, u64>,
    gone: &BTreeMap<i32, u64>,
) -> Result<()> {
    let moved = movements.iter().map(|movement| (Some(movement.from), Some(movement.to), movement.users));
    let came = came.iter().map(|(&to, &users)| (None, Some(to), users));
    let gone = gone.iter().map(|(&from, &users)| (Some(from), None, users));
    let rows: Vec<(Option<i32>, Option<i32>, u64)> = moved.chain(came).chain(gone).collect();
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.segment_transitions (version_id, from_version, from_segment, to_segment, users, place) \
             SELECT $1, $2, * FROM unnest($3::int[], $4::int[], $5::bigint[]) WITH ORDINALITY",
            &[
                version_id.into(),
                from_version.into(),
                rows.iter().map(|row| row.0).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.1).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.2 as i64).collect::<Vec<_>>().into(),
            ],
        )
    })
}

/// Stores drift of segments and features, as (measure, feature, value).
pub fn insert_drift(
    version_id: i64,
    from_version: i32,
    rows: &[(&'static str, Option<String>, f64)],
) -> Result<()> {
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.segment_drift (version_id, from_version, measure, feature, value, place) \
             SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::float8[]) WITH ORDINALITY",
            &[
                version_id.into(),
                from_version.into(),
                rows.iter().map(|row| row.0.to_owned()).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.1.clone()).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.2).collect::<Vec<_>>().into(),
            ],
        )
    })
}

/// Stores the merge tree of a version.
pub fn insert_tree(version_id: i64, tree: &MergeTree) -> Result<()> {
    let bytes = encode(tree)?;
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.segment_trees (version_id, tree) VALUES ($1, $2)",
            &[version_id.into(), bytes.into()],
        )
    })
}

/// Loads the merge tree of a version, if it has one.
pub fn load_tree(version_id: i64) -> Result<Option<MergeTree>> {
    let found = as_owner(|| {
        query(
            "SELECT tree FROM segrec_catalog.segment_trees WHERE version_id = $1",
            &[version_id.into()],
            |row| row.value::<Vec<u8>>(1),
        )
    })?;
    found.into_iter().next().map(|bytes| decode(&bytes)).transpose()
}

/// The ids of all users of a version with their leaves of the merge tree, ordered by id.
pub fn load_leaves(version_id: i64) -> Result<Vec<(String, u32)>> {
    let sql = "SELECT user_id, leaf FROM segrec_catalog.version_users \
               WHERE version_id = $1 AND leaf IS NOT NULL ORDER BY user_id";
    as_owner(|| query(sql, &[version_id.into()], |row| Ok((row.value(1)?, row.value::<i32>(2)? as u32))))
}

/// The labels that were given to segments of a model.
pub fn given_labels(model_id: i64) -> Result<BTreeSet<String>> {
    let sql = "SELECT label FROM segrec_catalog.segment_labels WHERE model_id = $1";
    let labels = as_owner(|| query(sql, &[model_id.into()], |row| row.value(1)))?;
    Ok(labels.into_iter().collect())
}

/// Sets or removes the label of a segment.
pub fn set_label(model_id: i64, segment: i32, label: Option<&str>) -> Result<()> {
    as_owner(|| match label {
        Some(label) => execute(
            "INSERT INTO segrec_catalog.segment_labels (model_id, segment, label) VALUES ($1, $2, $3) \
             ON CONFLICT (model_id, segment) DO UPDATE SET label = EXCLUDED.label",
            &[model_id.into(), segment.into(), label.into()],
        ),
        None => execute(
            "DELETE FROM segrec_catalog.segment_labels WHERE model_id = $1 AND segment = $2",
            &[model_id.into(), segment.into()],
        ),
    })
}
