//! The versions this session has loaded: at most one of each model, exchanged when another is deployed.

use super::version::ServedVersion;
use crate::catalog::factors;
use crate::catalog::models::{self, Model};
use crate::error::{Result, SegrecError};
use crate::settings;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    static LOADED: RefCell<HashMap<i64, Rc<ServedVersion>>> = RefCell::new(HashMap::new());
}

/// The model a call means: the one it names, or `segrec.default_model`, or the only one there is.
pub fn model(name: Option<&str>) -> Result<Model> {
    let default = settings::default_model();
    let name = name.or(default.as_deref());
    let mut found = models::find(name)?;
    match (found.len(), found.pop(), name) {
        (1, Some(model), _) => Ok(model),
        (_, _, Some(name)) => {
            Err(SegrecError::UnknownModel { name: name.to_owned(), known: models::names()? })
        }
        (_, _, None) => Err(SegrecError::WhichModel { known: models::names()? }),
    }
}

/// The deployed version of a model, kept from being dropped to the end of the transaction.
pub fn version(model: &Model) -> Result<Rc<ServedVersion>> {
    let Some(version_id) = model.deployed_version_id else {
        return Err(SegrecError::NotTrained { model: model.name.clone() });
    };
    if !factors::hold(version_id) {
        LOADED.with(|loaded| loaded.borrow_mut().remove(&model.id));
        return Err(SegrecError::VersionGone { model: model.name.clone() });
    }
    let loaded = LOADED.with(|loaded| loaded.borrow().get(&model.id).cloned());
    match loaded {
        Some(version) if version.id() == version_id => Ok(version),
        _ => {
            // The old version goes first: a session never holds two of a model.
            LOADED.with(|loaded| loaded.borrow_mut().remove(&model.id));
            let version = Rc::new(ServedVersion::load(model, version_id)?);
            LOADED.with(|loaded| loaded.borrow_mut().insert(model.id, Rc::clone(&version)));
            Ok(version)
        }
    }
}
