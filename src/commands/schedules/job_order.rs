//! What the process of a job is told, and how many jobs there may be beside it.

use crate::commands::training::deployment_decision::DeployPolicy;
use crate::error::{Result, SegrecError};
use crate::pg::process::background::Identity;
use crate::pg::process::lock::Shared;
use crate::pg::security::rights::is_superuser;
use crate::settings;
use serde::{Deserialize, Serialize};

/// What the process of a job is told. Its text has at most 120 of the 127 bytes that PostgreSQL passes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub job: i64,
    pub model_id: i64,
    /// The role that asked for it.
    pub identity: Identity,
    /// When its version is deployed.
    pub deploy: DeployPolicy,
    /// `segrec.training_memory` of whoever asked, in MB.
    pub memory: u64,
    pub threads: usize,
    /// How many jobs there may be beside it.
    pub limits: Limits,
}

/// How many jobs may run at once; none where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub role: Option<u16>,
    pub database: Option<u16>,
}

impl Limits {
    /// Those of the current role. Like PostgreSQL's limits of connections they do not hold for superusers.
    pub fn here() -> Self {
        match is_superuser() {
            true => Self::default(),
            false => Self { role: settings::jobs_per_role(), database: settings::jobs() },
        }
    }

    /// The limits that there are, with what each limits.
    pub fn each(self, role: u32) -> impl Iterator<Item = (Shared, u16)> {
        let limits = [(Shared::Role(role.into()), self.role), (Shared::Database, self.database)];
        limits.into_iter().filter_map(|(of, most)| Some((of, most?)))
    }
}

impl Order {
    /// The text that the process is started with and that a job which waits is stored with.
    ///
    /// # Errors
    /// None that is known: all that an order holds can be written.
    pub fn text(&self) -> Result<String> {
        postcard::to_stdvec(self).map(hex::encode).map_err(|error| SegrecError::Internal(error.to_string()))
    }

    /// Parses the text of an order.
    ///
    /// # Errors
    /// Where the text is not that of an order.
    pub fn parse(text: &str) -> Result<Self> {
        let order = hex::decode(text).ok().and_then(|bytes| postcard::from_bytes(&bytes).ok());
        order.ok_or_else(|| SegrecError::Internal(format!("{text:?} is not the order of a job")))
    }
}
