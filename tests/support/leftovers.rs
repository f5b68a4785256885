//! What interrupted trainings may leave on a server: half-written versions and their files.

use crate::{Cluster, Session};

/// Returns the number of half-written versions: ready without users, never finished, history with users, or rows without a
/// version.
#[must_use]
pub fn half_written(session: &mut Session) -> i64 {
    session.value(
        "SELECT count(*) FROM
             (SELECT DISTINCT version_id FROM segrec_catalog.version_users
              UNION SELECT version_id FROM segrec_catalog.version_items
              UNION SELECT version_id FROM segrec_catalog.version_sections
              UNION SELECT version_id FROM segrec_catalog.version_item_rows
              UNION SELECT version_id FROM segrec_catalog.version_segment_items
              UNION SELECT version_id FROM segrec_catalog.segments
              UNION SELECT version_id FROM segrec_catalog.metrics) stored
             FULL JOIN (SELECT * FROM segrec_catalog.versions WHERE state <> 'failed') versions USING (version_id)
         WHERE model_id IS NULL OR finished_at IS NULL
            OR CASE state WHEN 'history' THEN 0 ELSE users END
               <> (SELECT count(*) FROM segrec_catalog.version_users WHERE version_users.version_id = versions.version_id)
            OR CASE state WHEN 'history' THEN 0 ELSE items END
               <> (SELECT count(*) FROM segrec_catalog.version_items WHERE version_items.version_id = versions.version_id)",
    )
}

/// Returns the names of the files that sessions share, except that of the counters.
#[must_use]
pub fn shared_files(cluster: &Cluster) -> Vec<String> {
    let folder = std::fs::read_dir(cluster.data().join("base/pgsql_tmp"));
    let names = folder.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with("pgsql_tmp_segrec_counters.")).collect()
}
