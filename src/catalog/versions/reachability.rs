//! The reachability plot of a version: its users in the order in which OPTICS came to them.

use crate::catalog::statement::{as_owner, execute};
use crate::error::Result;
use crate::pg::datums::number_array::NumberArray;
use segrec_engine::segmentation::optics::Reached;

/// Stores a plot; `places` are those of members among the users of the version. The engine orders two thousand at most.
pub fn insert_plot(version_id: i64, plot: &[Reached], places: &[u32]) -> Result<()> {
    let users: Vec<i32> = plot.iter().map(|reached| places[reached.row as usize] as i32).collect();
    let reachability: Vec<Option<f64>> = plot.iter().map(|reached| reached.reachability).collect();
    let core_distances: Vec<Option<f64>> = plot.iter().map(|reached| reached.core_distance).collect();
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.segment_reachability (version_id, user_place, reachability, core_distance, place) \
             SELECT $1, * FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.int4[]), pg_catalog.unnest($3::pg_catalog.float8[]), \
                                          pg_catalog.unnest($4::pg_catalog.float8[])) WITH ORDINALITY",
            &[version_id.into(), NumberArray(users).into(), reachability.into(), core_distances.into()],
        )
    })
}

/// Takes the user at a place out of the plot.
pub fn forget_reached(version_id: i64, user_place: i32) -> Result<()> {
    as_owner(|| {
        execute(
            "DELETE FROM segrec_catalog.segment_reachability WHERE version_id = $1 AND user_place = $2",
            &[version_id.into(), user_place.into()],
        )
    })
}
