//! Writes a version: assigns segment ids that are stable across versions, and stores its rows and the transitions of
//! users.

use super::deployment_decision::DeploymentDecision;
use super::read::TrainingData;
use super::training_log::TrainingLog;
use crate::catalog::models::{self, Model};
use crate::catalog::versions::item_features::insert_item_features;
use crate::catalog::versions::items::{NewItems, NewSegmentItems};
use crate::catalog::versions::reachability::insert_plot;
use crate::catalog::versions::scorers::insert_scorers;
use crate::catalog::versions::segments::{self, KnownSegments, NewSegment, Past, StoredClassifier, encode};
use crate::catalog::versions::users::NewUser;
use crate::catalog::versions::{self, NewRecommender, NewVersion};
use crate::catalog::versions::{items, sections, users};
use crate::error::{Result, SegrecError};
use crate::pg::process::memory::ask;
use segrec_engine::interactions::IdMap;
use segrec_engine::options::parse::set;
use segrec_engine::options::{OPTIONS, Options};
use segrec_engine::scorers::method::UserRow;
use segrec_engine::scorers::popular_now::counts::counted_in_segments;
use segrec_engine::scorers::popularity::{item_popularity, segment_popularity};
use segrec_engine::scorers::registry::{DESCRIBER, ENCODER, reads_ranks, repeats};
use segrec_engine::scorers::sections::NewSection;
use segrec_engine::segmentation::description::names;
use segrec_engine::segmentation::identity::{match_segments, movements, needed_by_matching, share_moved};
use segrec_engine::segmentation::quality::adjusted_rand;
use segrec_engine::training::{Measurement, Members, SegmentReport, Segmented, Trained};
use std::collections::{BTreeMap, BTreeSet};

/// The result of a training.
pub enum Outcome {
    /// A training on events, which yields a version that recommends.
    Trained(Box<Trained>),
    /// A training on users alone, which yields only segments.
    Segmented(Box<Segmented>),
}

impl Outcome {
    pub fn members(&self) -> &Members {
        match self {
            Self::Trained(trained) => &trained.members,
            Self::Segmented(segmented) => &segmented.members,
        }
    }

    fn choices(&self) -> &[segrec_engine::segmentation::quality::Choice] {
        match self {
            Self::Trained(trained) => &trained.choices,
            Self::Segmented(segmented) => &segmented.choices,
        }
    }

    fn trained(&self) -> Option<&Trained> {
        match self {
            Self::Trained(trained) => Some(trained),
            Self::Segmented(_) => None,
        }
    }

    /// The name of the deciding metric, of rankings or of segments.
    pub fn metric(&self) -> &'static str {
        match self {
            Self::Trained(trained) => trained.measurement.metric,
            Self::Segmented(_) => "silhouette",
        }
    }

    /// The values of the version and of the baseline.
    pub fn reached(&self) -> [Option<f64>; 2] {
        match self {
            Self::Trained(trained) => {
                let row = trained.measurement.deciding_row();
                [row.map(|row| row.value), row.map(|row| row.baseline)]
            }
            Self::Segmented(segmented) => {
                let chosen = segmented.choices.iter().find(|choice| choice.chosen);
                [chosen.and_then(|choice| choice.scores.silhouette), None]
            }
        }
    }
}

/// Everything that is needed to write a version.
pub struct Writing<'a> {
    pub model: &'a Model,
    /// The options of the training.
    pub options: &'a Options,
    /// The data of the training.
    pub data: &'a TrainingData,
    /// The result of the training.
    pub outcome: &'a Outcome,
    /// Profiles and rules of the segments.
    pub reading: &'a SegmentReport,
    /// Whether the version is deployed.
    pub decision: &'a DeploymentDecision,
    /// The segments of the deployed version.
    pub past: Option<&'a Past>,
    /// The steps of the training.
    pub log: &'a TrainingLog,
}

/// Writes the version and returns its key and number.
pub fn write(writing: &Writing<'_>) -> Result<(i64, i32)> {
    let Writing { model, outcome, reading, .. } = writing;
    let known = segments::known(model.id)?;
    let members = outcome.members();
    let ids = segment_ids(model, members, writing.past, &known)?;
    let (version_id, version) = insert_version(writing, members, &ids)?;
    models::set_found(model.id, writing.data.found.clone())?;
    let names = profile_names(writing, &ids, &known)?;
    segments::insert(version_id, new_segments(writing, &ids, &known, version, names))?;
    segments::insert_profiles(version_id, &ids, &reading.profiles)?;
    segments::insert_choices(version_id, outcome.choices())?;
    if let Some((tree, _)) = &members.tree {
        segments::insert_tree(version_id, tree)?;
    }
    if !members.plot.is_empty() {
        insert_plot(version_id, &members.plot, &places(members, &ids))?;
    }
    if let Some(past) = writing.past {
        write_movement(writing, version_id, &ids, past)?;
    }
    if let Some(trained) = outcome.trained() {
        let Measurement { rows, by_history, .. } = &trained.measurement;
        versions::insert_metrics(version_id, &ids, rows, by_history)?;
        versions::insert_attempts(version_id, &trained.attempts)?;
        insert_scorers(version_id, &trained.scorers)?;
        if !trained.item_columns.is_empty() {
            insert_item_features(version_id, &trained.item_columns)?;
        }
    }
    versions::insert_log(version_id, &writing.log.entries)?;

    if let Some(trained) = outcome.trained() {
        write_items(version_id, writing, trained, &ids)?;
    }
    write_users(version_id, writing, &ids)?;
    Ok((version_id, version))
}

/// The id of each segment: that of its name, or of the previous segment that shares most members, or a new one.
fn segment_ids(
    model: &Model,
    members: &Members,
    past: Option<&Past>,
    known: &KnownSegments,
) -> Result<Vec<i32>> {
    let mut ids: Vec<Option<i32>> =
        members.names.iter().map(|name| known.by_name.get(name.as_ref()?).copied()).collect();
    if let Some(past) = past {
        let current: Vec<Option<u32>> = members.fits.iter().map(|fit| Some(fit.segment)).collect();
        let former = past.of_member.iter().flatten().collect::<BTreeSet<_>>().len();
        ask("the matching of segments", needed_by_matching(former, members.count(), current.len()))?;
        let matched = match_segments(&past.of_member, &current, members.count());
        for place in 0..ids.len() {
            // A named segment never inherits the id of a segment with another name.
            let free = matched[place].filter(|id| !ids.contains(&Some(*id)));
            if members.names[place].is_none() {
                ids[place] = free;
            }
        }
    }
    let missing = ids.iter().filter(|id| id.is_none()).count();
    let mut next = segments::take_ids(model.id, missing)?;
    Ok(ids
        .into_iter()
        .map(|id| {
            id.unwrap_or_else(|| {
                next += 1;
                next
            })
        })
        .collect())
}

fn insert_version(writing: &Writing<'_>, members: &Members, ids: &[i32]) -> Result<(i64, i32)> {
    let Writing { model, options, data, outcome, decision, .. } = writing;
    let mut given =
        serde_json::to_value(options).map_err(|error| SegrecError::Internal(error.to_string()))?;
    // Keep a duration as it was written, for example "90 days".
    for entry in OPTIONS.iter().filter(|entry| entry.kind.is_duration()) {
        let path = format!("/{}", entry.name.replace('.', "/"));
        if let Some(written) = model.options.pointer(&path) {
            set(&mut given, entry.name, written.clone());
        }
    }
    let recommender = match (outcome.trained(), &data.events) {
        (Some(trained), Some(events)) => Some(NewRecommender {
            items: events.items().len() as i64,
            events: events.len() as i64,
            event_rows: data.event_rows as i64,
            split: trained.held_out.split.name(),
            decided: serde_json::to_value(&trained.decided)
                .map_err(|error| SegrecError::Internal(error.to_string()))?,
            median_weight: trained.interactions.scale().median,
            anchor: trained.weighting.anchor,
            as_of: events.is_timed().then(|| events.latest()),
            item_gram: trained.fit.item_gram.clone(),
        }),
        _ => None,
    };
    let [value, baseline] = outcome.reached();
    versions::insert(NewVersion {
        model_id: model.id,
        users: data.ids.len() as i64,
        segments: members.count() as i32,
        recommender,
        metric: outcome.metric(),
        values: [value, baseline, decision.previous],
        reason: decision.reason.clone(),
        options: given,
        classifier: members
            .classifier
            .clone()
            .map(|classifier| {
                let places = places(members, ids);
                let classifier = classifier.owned(|member| places[member as usize]);
                encode(&StoredClassifier { classifier, segments: ids.to_vec() })
            })
            .transpose()?,
    })
}

/// The names that profiles give segments, if their method does not name them. A segment keeps its name, and no other
/// segment of the model gets it, in any version.
fn profile_names(writing: &Writing<'_>, ids: &[i32], known: &KnownSegments) -> Result<Vec<Option<String>>> {
    let Writing { model, outcome, reading, .. } = writing;
    if outcome.members().names.iter().any(Option::is_some) {
        return Ok(vec![None; ids.len()]);
    }
    let named: Vec<Option<String>> = ids.iter().map(|id| known.profile_names.get(id).cloned()).collect();
    let mut taken = segments::given_labels(model.id)?;
    let of_others = known.profile_names.iter().filter(|(id, _)| !ids.contains(id));
    taken.extend(of_others.map(|(_, name)| name.clone()).chain(known.by_name.keys().cloned()));
    Ok(names(&reading.profiles, &named, &taken).into_iter().map(Some).collect())
}

fn new_segments(
    writing: &Writing<'_>,
    ids: &[i32],
    known: &KnownSegments,
    version: i32,
    names: Vec<Option<String>>,
) -> Vec<NewSegment> {
    let members = writing.outcome.members();
    let mut users = vec![0i64; ids.len()];
    members.fits.iter().for_each(|fit| users[fit.segment as usize] += 1);
    let trained = writing.outcome.trained();
    ids.iter()
        .enumerate()
        .zip(names)
        .map(|((segment, &id), profile_name)| NewSegment {
            id,
            name: members.names[segment].clone(),
            profile_name,
            rule: writing.reading.rules.get(segment).cloned().flatten(),
            users: users[segment],
            own_factors: trained.is_some_and(|trained| trained.fit.own_factors[segment]),
            gain: trained
                .and_then(|trained| trained.measurement.gates.get(segment))
                .filter(|gate| gate.users > 0 && gate.error.is_finite())
                .map(|gate| (gate.shrunken_gain, gate.error)),
            since_version: known.since.get(&id).copied().unwrap_or(version),
            centroid: trained
                .map_or_else(Vec::new, |trained| trained.fit.membership.centroids.row(segment).to_vec()),
            item_gram: trained.and_then(|trained| trained.fit.segment_grams[segment].clone()),
        })
        .collect()
}

/// Stores the transitions of users since the deployed version, and the drift of their features.
fn write_movement(writing: &Writing<'_>, version_id: i64, ids: &[i32], past: &Past) -> Result<()> {
    let members = writing.outcome.members();
    let now: Vec<Option<i32>> = members.fits.iter().map(|fit| Some(ids[fit.segment as usize])).collect();
    let mut came = BTreeMap::new();
    for (before, now) in past.of_member.iter().zip(&now) {
        if let (None, Some(now)) = (before, now) {
            *came.entry(*now).or_insert(0) += 1;
        }
    }
    let moved = movements(&past.of_member, &now);
    segments::insert_transitions(version_id, past.version, &moved, &came, &past.gone)?;

    let both: Vec<(u32, u32)> = past
        .of_member
        .iter()
        .zip(&now)
        .filter_map(|(before, now)| Some((before.as_ref().copied()? as u32, now.as_ref().copied()? as u32)))
        .collect();
    let (before, after): (Vec<u32>, Vec<u32>) = both.into_iter().unzip();
    let mut drift = Vec::new();
    if !before.is_empty() {
        drift.push(("share_moved", None, share_moved(&moved)));
        drift.push(("adjusted_rand", None, adjusted_rand(&before, &after)));
    }
    drift.extend(writing.reading.stability.iter().map(|(name, psi)| ("psi", Some(name.clone()), *psi)));
    segments::insert_drift(version_id, past.version, &drift)
}

fn write_items(version_id: i64, writing: &Writing<'_>, trained: &Trained, ids: &[i32]) -> Result<()> {
    let Trained { interactions, fit, attributes, item_encoder, item_describer, .. } = trained;
    let weighed = writing.options.weighs_popularity();
    if let Some(events) = &writing.data.events {
        let is_listed = |known: &IdMap| {
            let ids = events.items();
            (0..ids.len()).map(|item| known.find(ids.get(item)).is_some()).collect::<Vec<_>>()
        };
        let listed = writing.data.listed.as_ref().map(is_listed);
        let items = NewItems {
            ids: events.items(),
            interactions,
            popularity: &item_popularity(interactions, weighed),
            factors: &fit.backbone.item_factors,
            listed: listed.as_deref(),
        };
        items::write_items(version_id, &items)?;
        let mut stored = fit.sections()?;
        if let Some(attributes) = attributes {
            stored.extend(attributes.sections()?);
        }
        if let Some(encoder) = item_encoder {
            let (scorer, name, _) = ENCODER;
            stored.push((scorer, name, NewSection::Opaque(encoder.to_bytes()?)));
        }
        if let Some(describer) = item_describer {
            let (scorer, name, _) = DESCRIBER;
            stored.push((scorer, name, NewSection::Opaque(describer.to_bytes()?)));
        }
        sections::insert(version_id, &stored)?;
    }
    let popularity = segment_popularity(interactions, &fit.segments, weighed);
    let counted = || counted_in_segments(interactions, &fit.segments.users, trained.decided.popular_now);
    let recent = trained.decided.popular_now_by_segment.then(counted).flatten();
    for (segment, &id) in ids.iter().enumerate() {
        let own = &fit.factors.item_factors[segment];
        let items = &fit.segments.items[segment];
        let own_recent = recent.as_ref().map(|recent| &recent[segment]);
        let own_recent: Option<Vec<f32>> =
            own_recent.map(|recent| items.iter().map(|&item| recent.count(item)).collect());
        let items = NewSegmentItems {
            segment: id,
            items,
            users: &fit.segments.item_users[segment],
            popularity: &popularity[segment],
            recent: own_recent.as_deref(),
            factors: (own.rows() > 0).then_some(own),
        };
        items::write_segment_items(version_id, &items)?;
    }
    Ok(())
}

/// The members in stored order: segment by segment, in the order of the segments' ids.
fn order(members: &Members, ids: &[i32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..members.fits.len() as u32).collect();
    order.sort_by_key(|&member| (ids[members.fits[member as usize].segment as usize], member));
    order
}

/// The place of each member in that order.
fn places(members: &Members, ids: &[i32]) -> Vec<u32> {
    let mut places = vec![0; members.fits.len()];
    (0..).zip(order(members, ids)).for_each(|(place, member)| places[member as usize] = place);
    places
}

/// Writes the members in stored order.
fn write_users(version_id: i64, writing: &Writing<'_>, ids: &[i32]) -> Result<()> {
    let members = writing.outcome.members();
    let trained = writing.outcome.trained();
    let order = order(members, ids);
    // Segments ordered by id, which is also the order of the probabilities.
    let mut by_id: Vec<usize> = (0..ids.len()).collect();
    by_id.sort_by_key(|&segment| ids[segment]);
    let users: Vec<NewUser<'_>> = order
        .into_iter()
        .map(|user| {
            let member = user as usize;
            let fit = members.fits[member];
            let eventful = trained.filter(|trained| member < trained.interactions.users());
            let (items, confidences) =
                eventful.map_or((&[][..], &[][..]), |trained| trained.interactions.by_user().row(member));
            let probabilities = members.probabilities.as_ref().and_then(|(probabilities, rows)| {
                let row = probabilities.row(rows[member]? as usize);
                Some(by_id.iter().map(|&segment| row[segment]).collect())
            });
            NewUser {
                user,
                segment: ids[fit.segment as usize],
                distance: fit.distance,
                confidence: fit.confidence,
                noise: members.noise[member],
                leaf: members.tree.as_ref().map(|(_, leaves)| leaves[member]),
                probabilities: probabilities.unwrap_or_default(),
                factors: eventful.map_or(&[][..], |trained| trained.fit.factors.user_factors.row(member)),
                items,
                confidences,
                ranks: eventful
                    .filter(|trained| reads_ranks(&trained.decided))
                    .map_or(&[][..], |trained| trained.interactions.ranks_of(member)),
                repeats: eventful
                    .filter(|trained| repeats(&trained.decided.blend))
                    .map_or(&[][..], |trained| trained.interactions.repeats_of(member)),
                seen: eventful
                    .and_then(|trained| trained.interactions.seen_besides(member))
                    .unwrap_or_default(),
                left_out: eventful.and_then(|trained| Some(trained.interactions.withheld()?.of_user(member))),
                row: eventful
                    .and_then(|trained| trained.fit.user_rows(member).next())
                    .map_or_else(UserRow::default, |(_, row)| row),
            }
        })
        .collect();
    users::write_users(version_id, &writing.data.ids, &users)
}
