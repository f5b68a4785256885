//! The order for the process of a job, and the limits on concurrent jobs.

use crate::commands::training::deployment_decision::DeployPolicy;
use crate::error::{Result, SegrecError};
use crate::pg::process::background::Identity;
use crate::pg::process::lock::Shared;
use crate::pg::security::rights::is_superuser;
use crate::settings;
use serde::{Deserialize, Serialize};

/// The order for the process of a job. Its text takes at most 120 of the 127 bytes that PostgreSQL can pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub job: i64,
    pub model_id: i64,
    /// The role that requested the job.
    pub identity: Identity,
    /// When to deploy the version.
    pub deploy: DeployPolicy,
    /// The requester's `segrec.training_memory`, in MB.
    pub memory: u64,
    pub threads: usize,
    /// The limits on concurrent jobs.
    pub limits: Limits,
}

/// Limits on the number of concurrent jobs; `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub role: Option<u16>,
    pub database: Option<u16>,
}

impl Limits {
    /// The limits of the current role. As with PostgreSQL's connection limits, superusers are exempt.
    pub fn here() -> Self {
        match is_superuser() {
            true => Self::default(),
            false => Self::set(),
        }
    }

    /// The limits as they are set, whoever the current role is.
    pub fn set() -> Self {
        Self { role: settings::jobs_per_role(), database: settings::jobs() }
    }

    /// The limits that exist, with what each applies to.
    pub fn each(self, role: u32) -> impl Iterator<Item = (Shared, u16)> {
        let limits = [(Shared::Role(role.into()), self.role), (Shared::Database, self.database)];
        limits.into_iter().filter_map(|(of, most)| Some((of, most?)))
    }
}

impl Order {
    /// Encodes the order as text, to start a process or to be stored in the queue.
    ///
    /// # Errors
    /// In theory, if encoding fails; every order can be encoded.
    pub fn text(&self) -> Result<String> {
        postcard::to_stdvec(self).map(hex::encode).map_err(|error| SegrecError::Internal(error.to_string()))
    }

    /// Decodes the text of an order.
    ///
    /// # Errors
    /// If the text is not a valid order.
    pub fn parse(text: &str) -> Result<Self> {
        let order = hex::decode(text).ok().and_then(|bytes| postcard::from_bytes(&bytes).ok());
        order.ok_or_else(|| SegrecError::Internal(format!("{text:?} is not the order of a job")))
    }
}
