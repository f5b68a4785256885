//! What a server has of versions and their files, to be asked after something was interrupted.

use crate::{Cluster, Session};

/// How many versions are half-written: ready without tables, never finished, or tables without a version.
#[must_use]
pub fn half_written(session: &mut Session) -> i64 {
    session.value(
        "SELECT count(*) FROM
             (SELECT DISTINCT substring(relname FROM '^version_[a-z_]+_([0-9]+)$')::bigint AS version_id
              FROM pg_class WHERE relnamespace = 'segrec_catalog'::regnamespace AND relkind = 'r'
                  AND relname ~ '^version_[a-z_]+_[0-9]+$') tables
             FULL JOIN (SELECT * FROM segrec_catalog.versions WHERE state <> 'failed') versions USING (version_id)
         WHERE tables.version_id IS NULL OR model_id IS NULL OR finished_at IS NULL",
    )
}

/// The names of the files that sessions share, but for that of the counters.
#[must_use]
pub fn shared_files(cluster: &Cluster) -> Vec<String> {
    let folder = std::fs::read_dir(cluster.data().join("base/pgsql_tmp"));
    let names = folder.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with("pgsql_tmp_segrec_counters.")).collect()
}
