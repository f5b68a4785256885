-- Segments of any rows, without a model: the types, the functions on them, and the aggregates with their support
-- functions. The latter are in segrec_catalog, since users do not call them directly.
--
-- The state of every aggregate has the ordinary type segrec_summary, so that it can be sent between parallel workers
-- and between servers. SSPACE is the size of the state of a large group, so that the planner does not choose a hashed
-- GROUP BY whose states would not fit into memory.

CREATE TYPE @extschema@.segrec_clusters;
CREATE TYPE @extschema@.segrec_summary;

-- Input and output --------------------------------------------------------------------------------

CREATE FUNCTION segrec_catalog.clusters_in(cstring) RETURNS @extschema@.segrec_clusters
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_clusters_in_wrapper';
CREATE FUNCTION segrec_catalog.clusters_out(@extschema@.segrec_clusters) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_clusters_out_wrapper';
CREATE FUNCTION segrec_catalog.clusters_receive(internal) RETURNS @extschema@.segrec_clusters
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_clusters_receive_wrapper';
CREATE FUNCTION segrec_catalog.clusters_send(@extschema@.segrec_clusters) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_clusters_send_wrapper';

CREATE FUNCTION segrec_catalog.summary_in(cstring) RETURNS @extschema@.segrec_summary
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_summary_in_wrapper';
CREATE FUNCTION segrec_catalog.summary_out(@extschema@.segrec_summary) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_summary_out_wrapper';
CREATE FUNCTION segrec_catalog.summary_receive(internal) RETURNS @extschema@.segrec_summary
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_summary_receive_wrapper';
CREATE FUNCTION segrec_catalog.summary_send(@extschema@.segrec_summary) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_summary_send_wrapper';

CREATE TYPE @extschema@.segrec_clusters (
    INPUT = segrec_catalog.clusters_in, OUTPUT = segrec_catalog.clusters_out,
    RECEIVE = segrec_catalog.clusters_receive, SEND = segrec_catalog.clusters_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
CREATE TYPE @extschema@.segrec_summary (
    INPUT = segrec_catalog.summary_in, OUTPUT = segrec_catalog.summary_out,
    RECEIVE = segrec_catalog.summary_receive, SEND = segrec_catalog.summary_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);

COMMENT ON TYPE @extschema@.segrec_clusters IS 'clusters found by k-means: the size and centroid of each, the largest first';
COMMENT ON TYPE @extschema@.segrec_summary IS 'transition state of pg_segrec''s aggregates';

COMMENT ON FUNCTION segrec_catalog.clusters_in(cstring) IS 'reads clusters from JSON';
COMMENT ON FUNCTION segrec_catalog.clusters_out(@extschema@.segrec_clusters) IS 'writes clusters as JSON';
COMMENT ON FUNCTION segrec_catalog.clusters_receive(internal) IS 'reads clusters from the binary protocol';
COMMENT ON FUNCTION segrec_catalog.clusters_send(@extschema@.segrec_clusters) IS 'writes clusters to the binary protocol';
COMMENT ON FUNCTION segrec_catalog.summary_in(cstring) IS 'reads a state from text';
COMMENT ON FUNCTION segrec_catalog.summary_out(@extschema@.segrec_summary) IS 'writes a state as text';
COMMENT ON FUNCTION segrec_catalog.summary_receive(internal) IS 'reads a state from the binary protocol';
COMMENT ON FUNCTION segrec_catalog.summary_send(@extschema@.segrec_summary) IS 'writes a state to the binary protocol';

-- Functions on clusters ---------------------------------------------------------------------------
-- COST is in units of cpu_operator_cost, some nanoseconds: a call computes a few distances.

-- Features are arrays of any numeric type. Each type has its own declaration, since PostgreSQL does not cast double
-- precision[] to real[] implicitly; the C function distinguishes them. The one of type text accepts untyped literals
-- and parameters.

CREATE FUNCTION @extschema@.segrec_assign(clusters @extschema@.segrec_clusters, features real[]) RETURNS integer
    IMMUTABLE STRICT PARALLEL SAFE COST 20 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_assign_wrapper';
CREATE FUNCTION @extschema@.segrec_assign(clusters @extschema@.segrec_clusters, features double precision[]) RETURNS integer
    IMMUTABLE STRICT PARALLEL SAFE COST 20 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_assign_wrapper';
CREATE FUNCTION @extschema@.segrec_assign(clusters @extschema@.segrec_clusters, features smallint[]) RETURNS integer
    IMMUTABLE STRICT PARALLEL SAFE COST 20 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_assign_wrapper';
CREATE FUNCTION @extschema@.segrec_assign(clusters @extschema@.segrec_clusters, features integer[]) RETURNS integer
    IMMUTABLE STRICT PARALLEL SAFE COST 20 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_assign_wrapper';
CREATE FUNCTION @extschema@.segrec_assign(clusters @extschema@.segrec_clusters, features bigint[]) RETURNS integer
    IMMUTABLE STRICT PARALLEL SAFE COST 20 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_assign_wrapper';
CREATE FUNCTION @extschema@.segrec_assign(clusters @extschema@.segrec_clusters, features numeric[]) RETURNS integer
    IMMUTABLE STRICT PARALLEL SAFE COST 20 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_assign_wrapper';
CREATE FUNCTION @extschema@.segrec_assign(clusters @extschema@.segrec_clusters, features text) RETURNS integer
    IMMUTABLE STRICT PARALLEL SAFE COST 20 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_assign_written_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_assign(@extschema@.segrec_clusters, real[])
    IS 'the segment whose centroid is nearest to the features';
COMMENT ON FUNCTION @extschema@.segrec_assign(@extschema@.segrec_clusters, double precision[])
    IS 'the segment whose centroid is nearest to the features';
COMMENT ON FUNCTION @extschema@.segrec_assign(@extschema@.segrec_clusters, smallint[])
    IS 'the segment whose centroid is nearest to the features';
COMMENT ON FUNCTION @extschema@.segrec_assign(@extschema@.segrec_clusters, integer[])
    IS 'the segment whose centroid is nearest to the features';
COMMENT ON FUNCTION @extschema@.segrec_assign(@extschema@.segrec_clusters, bigint[])
    IS 'the segment whose centroid is nearest to the features';
COMMENT ON FUNCTION @extschema@.segrec_assign(@extschema@.segrec_clusters, numeric[])
    IS 'the segment whose centroid is nearest to the features';
COMMENT ON FUNCTION @extschema@.segrec_assign(@extschema@.segrec_clusters, text)
    IS 'the segment whose centroid is nearest to the features, given as the text of an array, as in {1,2.5}';

CREATE FUNCTION @extschema@.segrec_centroids(clusters @extschema@.segrec_clusters)
    RETURNS TABLE (segment integer, size bigint, centroid real[])
    IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 10
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_centroids_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_centroids(@extschema@.segrec_clusters) IS 'the size and the centroid of each segment';

-- Parts of aggregates -----------------------------------------------------------------------------

CREATE FUNCTION segrec_catalog.summary_merge(@extschema@.segrec_summary, @extschema@.segrec_summary) RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_summary_merge_wrapper';
COMMENT ON FUNCTION segrec_catalog.summary_merge(@extschema@.segrec_summary, @extschema@.segrec_summary)
    IS 'part of aggregates: combines the states of two workers';

CREATE FUNCTION segrec_catalog.kmeans_step(@extschema@.segrec_summary, anyarray, bigint) RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 100 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_kmeans_step_wrapper';
CREATE FUNCTION segrec_catalog.kmeans_step(@extschema@.segrec_summary, text, bigint) RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 100 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_kmeans_step_written_wrapper';
CREATE FUNCTION segrec_catalog.kmeans_final(@extschema@.segrec_summary) RETURNS @extschema@.segrec_clusters
    IMMUTABLE STRICT PARALLEL SAFE COST 1000000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_kmeans_final_wrapper';
COMMENT ON FUNCTION segrec_catalog.kmeans_step(@extschema@.segrec_summary, anyarray, bigint) IS 'part of segrec_kmeans: transition function';
COMMENT ON FUNCTION segrec_catalog.kmeans_step(@extschema@.segrec_summary, text, bigint) IS 'part of segrec_kmeans: transition function';
COMMENT ON FUNCTION segrec_catalog.kmeans_final(@extschema@.segrec_summary) IS 'part of segrec_kmeans: final function';

CREATE FUNCTION segrec_catalog.labelled_step(@extschema@.segrec_summary, anyarray, bigint) RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_labelled_step_wrapper';
CREATE FUNCTION segrec_catalog.labelled_step(@extschema@.segrec_summary, text, bigint) RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_labelled_step_written_wrapper';
CREATE FUNCTION segrec_catalog.silhouette_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 1000000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_silhouette_final_wrapper';
CREATE FUNCTION segrec_catalog.davies_bouldin_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_davies_bouldin_final_wrapper';
COMMENT ON FUNCTION segrec_catalog.labelled_step(@extschema@.segrec_summary, anyarray, bigint)
    IS 'part of segrec_silhouette and segrec_davies_bouldin: transition function';
COMMENT ON FUNCTION segrec_catalog.labelled_step(@extschema@.segrec_summary, text, bigint)
    IS 'part of segrec_silhouette and segrec_davies_bouldin: transition function';
COMMENT ON FUNCTION segrec_catalog.silhouette_final(@extschema@.segrec_summary) IS 'part of segrec_silhouette: final function';
COMMENT ON FUNCTION segrec_catalog.davies_bouldin_final(@extschema@.segrec_summary)
    IS 'part of segrec_davies_bouldin: final function';

CREATE FUNCTION segrec_catalog.pairs_step(@extschema@.segrec_summary, bigint, bigint) RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_pairs_step_bigint_wrapper';
CREATE FUNCTION segrec_catalog.pairs_step(@extschema@.segrec_summary, text, text) RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 20 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_pairs_step_text_wrapper';
CREATE FUNCTION segrec_catalog.adjusted_rand_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_adjusted_rand_final_wrapper';
COMMENT ON FUNCTION segrec_catalog.pairs_step(@extschema@.segrec_summary, bigint, bigint)
    IS 'part of segrec_adjusted_rand: transition function';
COMMENT ON FUNCTION segrec_catalog.pairs_step(@extschema@.segrec_summary, text, text) IS 'part of segrec_adjusted_rand: transition function';
COMMENT ON FUNCTION segrec_catalog.adjusted_rand_final(@extschema@.segrec_summary)
    IS 'part of segrec_adjusted_rand: final function';

-- Aggregates --------------------------------------------------------------------------------------

CREATE AGGREGATE @extschema@.segrec_kmeans(features real[], k bigint) (
    SFUNC = segrec_catalog.kmeans_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.kmeans_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_kmeans(features double precision[], k bigint) (
    SFUNC = segrec_catalog.kmeans_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.kmeans_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_kmeans(features smallint[], k bigint) (
    SFUNC = segrec_catalog.kmeans_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.kmeans_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_kmeans(features integer[], k bigint) (
    SFUNC = segrec_catalog.kmeans_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.kmeans_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_kmeans(features bigint[], k bigint) (
    SFUNC = segrec_catalog.kmeans_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.kmeans_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_kmeans(features numeric[], k bigint) (
    SFUNC = segrec_catalog.kmeans_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.kmeans_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_kmeans(features text, k bigint) (
    SFUNC = segrec_catalog.kmeans_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.kmeans_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_kmeans(real[], bigint)
    IS 'clusters rows into k segments by k-means';
COMMENT ON AGGREGATE @extschema@.segrec_kmeans(double precision[], bigint)
    IS 'clusters rows into k segments by k-means';
COMMENT ON AGGREGATE @extschema@.segrec_kmeans(smallint[], bigint)
    IS 'clusters rows into k segments by k-means';
COMMENT ON AGGREGATE @extschema@.segrec_kmeans(integer[], bigint)
    IS 'clusters rows into k segments by k-means';
COMMENT ON AGGREGATE @extschema@.segrec_kmeans(bigint[], bigint)
    IS 'clusters rows into k segments by k-means';
COMMENT ON AGGREGATE @extschema@.segrec_kmeans(numeric[], bigint)
    IS 'clusters rows into k segments by k-means';
COMMENT ON AGGREGATE @extschema@.segrec_kmeans(text, bigint)
    IS 'clusters rows into k segments by k-means';

CREATE AGGREGATE @extschema@.segrec_silhouette(features real[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.silhouette_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_silhouette(features double precision[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.silhouette_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_silhouette(features smallint[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.silhouette_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_silhouette(features integer[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.silhouette_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_silhouette(features bigint[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.silhouette_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_silhouette(features numeric[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.silhouette_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_silhouette(features text, segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.silhouette_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_silhouette(real[], bigint)
    IS 'mean silhouette coefficient of the rows, from -1 to 1, higher is better';
COMMENT ON AGGREGATE @extschema@.segrec_silhouette(double precision[], bigint)
    IS 'mean silhouette coefficient of the rows, from -1 to 1, higher is better';
COMMENT ON AGGREGATE @extschema@.segrec_silhouette(smallint[], bigint)
    IS 'mean silhouette coefficient of the rows, from -1 to 1, higher is better';
COMMENT ON AGGREGATE @extschema@.segrec_silhouette(integer[], bigint)
    IS 'mean silhouette coefficient of the rows, from -1 to 1, higher is better';
COMMENT ON AGGREGATE @extschema@.segrec_silhouette(bigint[], bigint)
    IS 'mean silhouette coefficient of the rows, from -1 to 1, higher is better';
COMMENT ON AGGREGATE @extschema@.segrec_silhouette(numeric[], bigint)
    IS 'mean silhouette coefficient of the rows, from -1 to 1, higher is better';
COMMENT ON AGGREGATE @extschema@.segrec_silhouette(text, bigint)
    IS 'mean silhouette coefficient of the rows, from -1 to 1, higher is better';

CREATE AGGREGATE @extschema@.segrec_davies_bouldin(features real[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.davies_bouldin_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_davies_bouldin(features double precision[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.davies_bouldin_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_davies_bouldin(features smallint[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.davies_bouldin_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_davies_bouldin(features integer[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.davies_bouldin_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_davies_bouldin(features bigint[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.davies_bouldin_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_davies_bouldin(features numeric[], segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.davies_bouldin_final, PARALLEL = SAFE
);
CREATE AGGREGATE @extschema@.segrec_davies_bouldin(features text, segment bigint) (
    SFUNC = segrec_catalog.labelled_step, STYPE = @extschema@.segrec_summary, SSPACE = 1048576,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.davies_bouldin_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_davies_bouldin(real[], bigint)
    IS 'Davies-Bouldin index of the segments, from 0, lower is better';
COMMENT ON AGGREGATE @extschema@.segrec_davies_bouldin(double precision[], bigint)
    IS 'Davies-Bouldin index of the segments, from 0, lower is better';
COMMENT ON AGGREGATE @extschema@.segrec_davies_bouldin(smallint[], bigint)
    IS 'Davies-Bouldin index of the segments, from 0, lower is better';
COMMENT ON AGGREGATE @extschema@.segrec_davies_bouldin(integer[], bigint)
    IS 'Davies-Bouldin index of the segments, from 0, lower is better';
COMMENT ON AGGREGATE @extschema@.segrec_davies_bouldin(bigint[], bigint)
    IS 'Davies-Bouldin index of the segments, from 0, lower is better';
COMMENT ON AGGREGATE @extschema@.segrec_davies_bouldin(numeric[], bigint)
    IS 'Davies-Bouldin index of the segments, from 0, lower is better';
COMMENT ON AGGREGATE @extschema@.segrec_davies_bouldin(text, bigint)
    IS 'Davies-Bouldin index of the segments, from 0, lower is better';

CREATE AGGREGATE @extschema@.segrec_adjusted_rand(a bigint, b bigint) (
    SFUNC = segrec_catalog.pairs_step, STYPE = @extschema@.segrec_summary, SSPACE = 16384,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.adjusted_rand_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_adjusted_rand(bigint, bigint)
    IS 'adjusted Rand index of two segmentations of the same rows, 1 for identical ones, 0 for chance';

CREATE AGGREGATE @extschema@.segrec_adjusted_rand(a text, b text) (
    SFUNC = segrec_catalog.pairs_step, STYPE = @extschema@.segrec_summary, SSPACE = 16384,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.adjusted_rand_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_adjusted_rand(text, text)
    IS 'adjusted Rand index of two segmentations of the same rows, 1 for identical ones, 0 for chance';
