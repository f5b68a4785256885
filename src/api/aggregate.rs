//! `segrec_kmeans`, `segrec_assign`, `segrec_centroids`, `segrec_silhouette`, `segrec_davies_bouldin`,
//! `segrec_adjusted_rand` and the types `segrec_clusters` and `segrec_summary`. Most are parts of aggregates
//! and types: `sql/schema/aggregates.sql`.

use crate::aggregates::clusters::{self, StoredClusters};
use crate::aggregates::state::{self, State};
use crate::error::or_raise;
use crate::pg::datums::features::{Features, WrittenFeatures};
use crate::pg::datums::integer::{Integer, number};
use crate::pg::datums::varlena::{ReceivedBytes, StableVarlena, Varlena, VarlenaValue};
use crate::pg::executor::aggregate::{Aggregate, Carried, Carry, Held};
use crate::pg::process::memory::ask;
use pgrx::prelude::*;
use std::ffi::{CStr, CString};

/// Converts a text of ours, which contains no zero bytes, to a C string.
fn text_out(text: String) -> CString {
    CString::new(text).unwrap_or_default()
}

#[pg_extern(sql = false)]
fn segrec_kmeans_step(
    state: Option<Carried<'_, State>>,
    features: Option<Features<'_>>,
    k: Option<Integer>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    or_raise(state::add_features(state, features, number(k), &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_kmeans_step_written(
    state: Option<Carried<'_, State>>,
    features: Option<WrittenFeatures<'_>>,
    k: Option<Integer>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    or_raise(state::add_features(state, features.map(|written| written.0), number(k), &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_labelled_step(
    state: Option<Carried<'_, State>>,
    features: Option<Features<'_>>,
    segment: Option<Integer>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    or_raise(state::add_labelled(state, features, number(segment), &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_labelled_step_written(
    state: Option<Carried<'_, State>>,
    features: Option<WrittenFeatures<'_>>,
    segment: Option<Integer>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    or_raise(state::add_labelled(state, features.map(|written| written.0), number(segment), &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_pairs_step_bigint(
    state: Option<Carried<'_, State>>,
    a: Option<i64>,
    b: Option<i64>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    let pair = a.zip(b).map(|(a, b)| (a as u64, b as u64));
    or_raise(state::add_pair(state, pair, &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_pairs_step_text(
    state: Option<Carried<'_, State>>,
    a: Option<&[u8]>,
    b: Option<&[u8]>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    let pair = a.zip(b).map(|(a, b)| (state::label(a), state::label(b)));
    or_raise(state::add_pair(state, pair, &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_summary_merge(
    state: Option<Carried<'_, State>>,
    other: Option<Carried<'_, State>>,
    aggregate: Aggregate,
) -> Option<Held<State>> {
    or_raise(state::merge(state, other, &aggregate))
}

#[pg_extern(sql = false)]
fn segrec_kmeans_final(state: Carried<'_, State>) -> VarlenaValue {
    VarlenaValue(or_raise(state::clusters(&state)))
}

#[pg_extern(sql = false)]
fn segrec_silhouette_final(state: Carried<'_, State>) -> Option<f64> {
    or_raise(state::silhouette(&state))
}

#[pg_extern(sql = false)]
fn segrec_davies_bouldin_final(state: Carried<'_, State>) -> Option<f64> {
    or_raise(state::davies_bouldin(&state))
}

#[pg_extern(sql = false)]
fn segrec_adjusted_rand_final(state: Carried<'_, State>) -> f64 {
    or_raise(state::adjusted_rand(&state))
}

#[pg_extern(sql = false)]
fn segrec_assign(clusters: StableVarlena<'_>, features: Features<'_>) -> i32 {
    or_raise(StoredClusters::read(clusters.0).and_then(|clusters| clusters.assign(features.values()?)))
}

#[pg_extern(sql = false)]
fn segrec_assign_written(clusters: StableVarlena<'_>, features: WrittenFeatures<'_>) -> i32 {
    or_raise(StoredClusters::read(clusters.0).and_then(|clusters| clusters.assign(features.0.values()?)))
}

#[pg_extern(sql = false)]
fn segrec_centroids(
    clusters: Varlena<'_>,
) -> TableIterator<'static, (name!(segment, i32), name!(size, i64), name!(centroid, Vec<f32>))> {
    or_raise(ask("segrec_centroids", 2 * clusters.0.len()));
    let clusters = or_raise(StoredClusters::read(clusters.0));
    let rows: Vec<_> =
        clusters.segments().map(|(segment, size, centroid)| (segment, size, centroid.to_vec())).collect();
    TableIterator::new(rows)
}

#[pg_extern(sql = false)]
fn segrec_clusters_in(text: &CStr) -> VarlenaValue {
    VarlenaValue(or_raise(clusters::parse(&text.to_string_lossy())))
}

#[pg_extern(sql = false)]
fn segrec_clusters_out(clusters: Varlena<'_>) -> CString {
    text_out(or_raise(StoredClusters::read(clusters.0).and_then(|clusters| clusters.to_text())))
}

#[pg_extern(sql = false)]
fn segrec_clusters_receive(message: ReceivedBytes<'_>) -> VarlenaValue {
    VarlenaValue(or_raise(clusters::receive(message.0)))
}

#[pg_extern(sql = false)]
fn segrec_clusters_send(clusters: Varlena<'_>) -> Vec<u8> {
    clusters.0.to_vec()
}

#[pg_extern(sql = false)]
fn segrec_summary_in(text: &CStr) -> VarlenaValue {
    VarlenaValue(or_raise(state::parse(&text.to_string_lossy())))
}

#[pg_extern(sql = false)]
fn segrec_summary_out(state: Carried<'_, State>) -> CString {
    let bytes = or_raise(state.bytes());
    // Two digits per byte, held once here and twice more until it is a text.
    or_raise(ask("the text form of a summary", 6 * bytes.len()));
    text_out(hex::encode(bytes))
}

#[pg_extern(sql = false)]
fn segrec_summary_receive(message: ReceivedBytes<'_>) -> VarlenaValue {
    or_raise(State::unflatten(message.0));
    VarlenaValue(message.0.to_vec())
}

#[pg_extern(sql = false)]
fn segrec_summary_send(state: Carried<'_, State>) -> Vec<u8> {
    or_raise(state.bytes()).into_owned()
}
