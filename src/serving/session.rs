//! The versions that this session has loaded: at most one per model, replaced when another is deployed.

use super::model_access::find_served;
use super::segments::ServedSegments;
use super::version::ServedVersion;
use crate::catalog::models::{self, Answers, Model, Wanted};
use crate::catalog::versions::{self, SeenVersion};
use crate::error::{Result, SegrecError};
use crate::pg::executor::visibility::stable;
use crate::settings;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    static VERSIONS: RefCell<HashMap<i64, Rc<ServedVersion>>> = RefCell::new(HashMap::new());
    static SEGMENTS: RefCell<HashMap<i64, Rc<ServedSegments>>> = RefCell::new(HashMap::new());
}

/// The model of a call for a list: the named one, or `segrec.default_model`, or the only one that can answer.
pub fn model(name: Option<&str>) -> Result<Rc<Model>> {
    answering(name, Answers::Lists)
}

/// The model of a call for segments, which models without events can answer as well.
pub fn model_of_segments(name: Option<&str>) -> Result<Rc<Model>> {
    answering(name, Answers::Segments)
}

fn answering(name: Option<&str>, answers: Answers) -> Result<Rc<Model>> {
    let default = settings::default_model()?;
    let wanted = name.or(default.as_deref()).map_or(Wanted::Only(answers), Wanted::Named);
    let mut found = find_served(wanted)?;
    match (found.pop(), found.is_empty(), wanted) {
        (Some(model), true, _) => Ok(model),
        (_, _, Wanted::Named(name)) => {
            Err(SegrecError::UnknownModel { name: name.to_owned(), known: models::names()? })
        }
        (_, _, Wanted::Only(_)) => {
            let (able, others) = models::names_by(answers)?;
            // If there is only one model, report what it lacks.
            if let ([], [only]) = (able.as_slice(), others.as_slice())
                && let Some(model) = find_served(Wanted::Named(only))?.pop()
            {
                return Ok(model);
            }
            Err(SegrecError::WhichModel { able, others })
        }
    }
}

/// The deployed version as seen by the statement.
fn deployed(model: &Model) -> Result<SeenVersion> {
    let Some(version_id) = model.deployed_version_id else {
        return Err(SegrecError::NotTrained { model: model.name.clone() });
    };
    versions::seen(version_id)?.ok_or_else(|| {
        forget(model.id);
        SegrecError::VersionGone { model: model.name.clone() }
    })
}

/// Runs `act` on loaded versions with the visibility of a STABLE function. If a cache file turns out to be damaged,
/// reloads the versions and retries once.
pub fn retry_after_cache_damage<T>(act: impl Fn() -> Result<T>) -> Result<T> {
    match stable(&act) {
        Err(SegrecError::CacheDamaged { .. }) => {
            VERSIONS.with(|loaded| loaded.borrow_mut().clear());
            stable(&act)
        }
        result => result,
    }
}

fn forget(model_id: i64) {
    VERSIONS.with(|loaded| loaded.borrow_mut().remove(&model_id));
    SEGMENTS.with(|loaded| loaded.borrow_mut().remove(&model_id));
}

/// The segments of a model's deployed version.
pub fn segments(model: &Model) -> Result<Rc<ServedSegments>> {
    let deployed = deployed(model)?;
    let loaded = SEGMENTS.with(|loaded| loaded.borrow().get(&model.id).cloned());
    match loaded {
        Some(segments) if segments.are_current(model, &deployed) => Ok(segments),
        _ => {
            // Drop the old version first, so that a session never holds two versions of a model.
            forget(model.id);
            let segments = Rc::new(ServedSegments::load(model, deployed)?);
            SEGMENTS.with(|loaded| loaded.borrow_mut().insert(model.id, Rc::clone(&segments)));
            Ok(segments)
        }
    }
}

/// The deployed version of a model that recommends.
pub fn version(model: &Model) -> Result<Rc<ServedVersion>> {
    let Some(source) = &model.events else {
        return Err(SegrecError::NoEvents { model: model.name.clone() });
    };
    let segments = segments(model)?;
    let loaded = VERSIONS.with(|loaded| loaded.borrow().get(&model.id).cloned());
    match loaded {
        Some(version) if Rc::ptr_eq(&version.members, &segments) => Ok(version),
        _ => {
            let version = Rc::new(ServedVersion::load(model, source, segments)?);
            VERSIONS.with(|loaded| loaded.borrow_mut().insert(model.id, Rc::clone(&version)));
            Ok(version)
        }
    }
}
