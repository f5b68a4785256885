//! `segrec_export` and `segrec_import`: transfer a version to another database. Imported rows are validated before they
//! become part of a model, because serving relies on the consistency that a training guarantees.

use super::deploy::find_version;
use crate::catalog::models::Model;
use crate::catalog::versions;
use crate::catalog::versions::sections;
use crate::catalog::versions::transfer::{self, FORMAT, VersionRows};
use crate::commands::access::privileges::{owned_and_locked, owner_of};
use crate::commands::models::create::readable;
use crate::error::{Result, SegrecError, notice, or_raise};
use crate::pg::executor::visibility::stable;
use crate::pg::security::rights::is_superuser;
use pgrx::pg_sys;
use segrec_engine::options::algorithm::Decided;
use segrec_engine::options::table::MOST_EXPONENT;
use segrec_engine::options::{Algorithm, parse_options};
use segrec_engine::scorers::attributes::ranking;
use segrec_engine::scorers::registry::sections_of;
use segrec_engine::scorers::sections::SectionKind;
use serde_json::Value;

/// The maximum number of factor columns: 1024, plus two for ratings.
const MOST_COLUMNS: usize = 1026;
/// The largest weight of what is known about items, as options allow it.
const MOST_CONTENT: f64 = 100.0;
/// The largest factor of the scores of items without events, as options allow it.
const MOST_BOOST: f64 = 10.0;
/// The maximum number of columns of the ranking by attributes: 1,600 columns of users with 1,000 levels each.
const MOST_ATTRIBUTES: usize = 1_600_000;
/// The maximum number of bytes of a version's own row from an untrusted caller: twice the size of the largest Gramian.
const MOST_BYTES: usize = 32 << 20;

/// Iterates over the rows of a version.
pub struct Export {
    rows: VersionRows,
    waiting: std::vec::IntoIter<(String, String)>,
    finished: bool,
}

/// Exports a version, by default the deployed one.
pub fn export(model: Option<&str>, version: Option<i32>) -> Result<Export> {
    let model = owner_of(model)?;
    let version_id = match (version, model.deployed_version_id) {
        (None, Some(deployed)) => deployed,
        (None, None) => return Err(SegrecError::NotTrained { model: model.name }),
        (version, _) => find_version(&model, version)?.version_id,
    };
    if versions::seen(version_id)?.is_none() {
        return Err(SegrecError::VersionGone { model: model.name });
    }
    let rows = transfer::export(version_id, kinds(&model));
    Ok(Export { rows, waiting: Vec::new().into_iter(), finished: false })
}

impl Iterator for Export {
    type Item = (String, String);

    fn next(&mut self) -> Option<Self::Item> {
        if self.waiting.as_slice().is_empty() && !self.finished {
            let rows = or_raise(stable(|| self.rows.next()));
            self.finished = rows.is_empty();
            self.waiting = rows.into_iter();
        }
        self.waiting.next()
    }
}

/// The types of user and item ids.
fn kinds(model: &Model) -> [Option<&'static str>; 2] {
    [Some(model.user_kind.name()), model.events.as_ref().map(|events| events.item_kind.name())]
}

/// Imports a version from a relation of exported rows, and returns its number.
pub fn import(model: Option<&str>, relation: Option<pg_sys::Oid>) -> Result<i32> {
    let relation = relation.ok_or(SegrecError::NullArgument { argument: "relation" })?;
    owned_and_locked(model, |model| import_into(&model, relation))
}

fn import_into(model: &Model, relation: pg_sys::Oid) -> Result<i32> {
    let relation = readable(relation)?;
    let name = relation.name.clone();
    let wrong = |reason: String| SegrecError::NotImportable { relation: name.clone(), reason };
    if let Some(problem) = transfer::columns_problem(&relation) {
        return Err(wrong(problem.to_owned()));
    }
    let trusted = is_superuser();
    let row = match transfer::version_row(&relation)? {
        (Some(row), 1) => row,
        (_, count) => {
            return Err(wrong(format!("It has {count} rows of the part \"version\" instead of one.")));
        }
    };
    if !trusted && row.len() > MOST_BYTES {
        return Err(wrong(format!("Its row of the part \"version\" has {} bytes.", row.len())));
    }
    let mut version: Value = serde_json::from_str(&row).map_err(|error| wrong(error.to_string()))?;
    let mut decided = checked(&version, model).map_err(&wrong)?;
    let untrusted = decided.as_mut().filter(|decided| !trusted && decided.attributes > 0);
    let loses_attributes = untrusted.is_some();
    if let Some(decided) = untrusted {
        decided.attributes = 0;
        version["decided"]["attributes"] = 0.into();
        notice(
            "the version is imported without the ranking of new users by their attributes".to_owned(),
            Some("Only superusers may import that part, because it cannot be validated.".to_owned()),
            Some("Train the model here, or ask a superuser to import the version.".to_owned()),
        );
    }
    let expected = decided.as_ref().map_or_else(Vec::new, |Decided { blend, als, attributes, .. }| {
        sections_of(blend, als.factors, *attributes)
    });
    if !trusted {
        if expected.iter().any(|(_, _, kind)| *kind == SectionKind::Opaque) {
            return Err(SegrecError::NotTrusted { relation: name });
        }
        if !version["classifier"].take().is_null() {
            notice(
                "the version is imported without the classifier for new users".to_owned(),
                Some("Only superusers may import that part, because it cannot be validated.".to_owned()),
                Some("Train the model here, or ask a superuser to import the version.".to_owned()),
            );
        }
    }
    let columns = decided.map_or(0, |decided| decided.als.factors);
    let (version_id, number) = transfer::insert_version(model.id, version)?;
    transfer::insert_parts(&relation, version_id, number, trusted)?;
    if loses_attributes {
        sections::remove(version_id, ranking::SCORER)?;
    }
    if !trusted && sections::delete_dispensable(version_id)? {
        notice(
            "the version is imported without what describes items: lists lack those that come after its training, and explanations name no features".to_owned(),
            Some("Only superusers may import that part, because it cannot be validated.".to_owned()),
            Some("Train the model here, or ask a superuser to import the version.".to_owned()),
        );
    }
    if !sections::are_those(version_id, &expected)? {
        return Err(wrong("Its sections do not match its scorers.".to_owned()));
    }
    if let Some(problem) = transfer::problem(version_id, kinds(model), columns)? {
        return Err(wrong(problem.to_owned()));
    }
    Ok(number)
}

/// The choices of the training, if the version's row belongs to such a model; else what is wrong with it.
fn checked(version: &Value, model: &Model) -> Result<Option<Decided>, String> {
    if version["format"] != FORMAT {
        return Err(format!(
            "Its format is {}, but this version of pg_segrec requires {FORMAT}.",
            version["format"]
        ));
    }
    let of_version = ["user_id_kind", "item_id_kind"].map(|kind| version[kind].as_str());
    if of_version != kinds(model) {
        let words = |kinds: [Option<&str>; 2]| kinds.map(|kind| kind.unwrap_or("none")).join(" and ");
        return Err(format!(
            "Its ids of users and items are {}, but those of the model are {}.",
            words(of_version),
            words(kinds(model))
        ));
    }
    if parse_options(&version["options"]).is_err() {
        return Err("Its options are not valid in this version of pg_segrec.".to_owned());
    }
    if version["decided"].is_null() {
        return Ok(None);
    }
    let decided: Decided =
        serde_json::from_value(version["decided"].clone()).map_err(|error| error.to_string())?;
    let Decided {
        algorithm,
        als,
        blend,
        content,
        order,
        popular_now,
        popular_now_by_segment,
        segment_factors: _,
        repeat,
        epochs: _,
        adapters: _,
        horizon,
        new_items,
        attributes,
        short_histories,
        shift,
    } = &decided;
    let weights: Vec<f64> = blend.0.iter().map(|own| f64::from(own.weight)).collect();
    let shares = blend.0.iter().map(|own| f64::from(own.share)).chain([als.frequency_exponent, als.sharing]);
    let names: Vec<&str> = blend.0.iter().map(|own| own.scorer.as_str()).collect();
    let sound = *algorithm != Algorithm::Auto
        && !names.is_empty()
        && names.iter().all(|name| algorithm.scorers().contains(name))
        && names.iter().enumerate().all(|(place, name)| !names[..place].contains(name))
        && als.factors <= MOST_COLUMNS
        && als.regularization > 0.0
        && als.unobserved_weight >= 0.0
        && shift.is_finite()
        && short_histories.is_finite()
        && [order.weight, order.distance].iter().all(|own| (0.0..=MOST_EXPONENT).contains(own))
        && *horizon > 0
        && popular_now.is_finite()
        && (*popular_now > 0.0) == blend.has("popular_now")
        && (*popular_now > 0.0 || !popular_now_by_segment)
        && repeat.is_finite()
        && (*repeat > 0.0) == blend.has("repeat")
        && (0.0..=MOST_CONTENT).contains(content)
        && (0.0..=MOST_BOOST).contains(new_items)
        && *attributes <= MOST_ATTRIBUTES
        && weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
        && [als.regularization, als.unobserved_weight].iter().all(|x| x.is_finite())
        && shares.into_iter().all(|share| (0.0..=1.0).contains(&share));
    if sound {
        Ok(Some(decided))
    } else {
        Err("The values determined by its training are out of range.".to_owned())
    }
}
