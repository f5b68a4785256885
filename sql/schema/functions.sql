-- The functions that users call, except those that need no model. Their implementations are in src/api.
--
-- They are declared here rather than by pgrx, which does not support a schema chosen at CREATE EXTENSION.
--
-- Argument types are as wide as what drivers send: PostgreSQL widens numbers implicitly but never narrows them. JSON
-- documents are declared as anycompatible, to accept any JSON type that drivers send; untyped literals and parameters
-- arrive as text.
--
-- COST is in units of cpu_operator_cost, .0025 of a page: a recommendation takes two index lookups and a scan of some
-- thousand short vectors.

CREATE FUNCTION segrec_catalog.rows_of_n(internal) RETURNS internal
    IMMUTABLE STRICT PARALLEL SAFE COST 1 LANGUAGE c AS 'MODULE_PATHNAME', 'rows_of_n_wrapper';
COMMENT ON FUNCTION segrec_catalog.rows_of_n(internal)
    IS 'planner support: a function whose second argument is n returns n rows';

-- Models ---------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.segrec_create_model(model text, events regclass DEFAULT NULL,
        user_column text DEFAULT 'user_id', item_column text DEFAULT 'item_id', weight_column text DEFAULT NULL,
        time_column text DEFAULT NULL, type_column text DEFAULT NULL, users regclass DEFAULT NULL,
        users_key text DEFAULT 'user_id', items regclass DEFAULT NULL, items_key text DEFAULT 'item_id',
        options anycompatible DEFAULT '{}'::jsonb) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_create_model_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_create_model(text, regclass, text, text, text, text, text, regclass, text, regclass, text, anycompatible)
    IS 'creates a model: which relation holds the events, which columns, which options';

CREATE FUNCTION @extschema@.segrec_alter_model(model text, options anycompatible) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_alter_model_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_alter_model(text, anycompatible)
    IS 'merges options into those of a model; null brings a default back';

CREATE FUNCTION @extschema@.segrec_create_functions(model text, schema regnamespace) RETURNS TABLE (function text)
    VOLATILE PARALLEL UNSAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_create_functions_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_create_functions(text, regnamespace)
    IS 'makes functions of one model in a schema, with ids of their own types: recommend and the like, for which EXECUTE is the privilege';

CREATE FUNCTION @extschema@.segrec_rebind(model text, events regclass DEFAULT NULL, user_column text DEFAULT NULL,
        item_column text DEFAULT NULL, weight_column text DEFAULT NULL, time_column text DEFAULT NULL,
        type_column text DEFAULT NULL, users regclass DEFAULT NULL, users_key text DEFAULT NULL,
        items regclass DEFAULT NULL, items_key text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_rebind_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_rebind(text, regclass, text, text, text, text, text, regclass, text, regclass, text)
    IS 'points a model at other relations and columns of the same kinds; what is null stays';

CREATE FUNCTION @extschema@.segrec_drop_model(model text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_drop_model_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_drop_model(text) IS 'drops a model with all its versions and its functions';

CREATE FUNCTION @extschema@.segrec_grant(model text, role text, privilege text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_grant_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_grant(text, text, text)
    IS 'lets a role, or public for everybody, use or train a model';

CREATE FUNCTION @extschema@.segrec_revoke(model text, role text, privilege text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_revoke_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_revoke(text, text, text) IS 'takes a privilege on a model back from a role';

CREATE FUNCTION @extschema@.segrec_change_owner(model text, role text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_change_owner_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_change_owner(text, text) IS 'gives a model to another role';

-- Training and versions ------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.segrec_train(model text, deploy text DEFAULT 'if_better')
    RETURNS TABLE (version integer, users bigint, items bigint, events bigint, segments integer, metric text,
        value double precision, baseline double precision, previous double precision, deployed boolean,
        seconds double precision)
    VOLATILE PARALLEL UNSAFE COST 10000000 ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_train_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_train(text, text)
    IS 'trains a model, measures it on held-out events, and deploys it if_better, always or never';

CREATE FUNCTION @extschema@.segrec_train_in_background(model text, deploy text DEFAULT 'if_better') RETURNS bigint
    VOLATILE PARALLEL UNSAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_train_in_background_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_train_in_background(text, text)
    IS 'starts segrec_train in a process of its own; gives the job, which segrec.jobs shows';

CREATE FUNCTION @extschema@.segrec_cancel(job bigint) RETURNS boolean
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_cancel_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_cancel(bigint)
    IS 'stops a training in the background; true where it was running';

CREATE FUNCTION @extschema@.segrec_estimate(model text)
    RETURNS TABLE (users bigint, items bigint, events bigint, memory bigint, allowed bigint, disk bigint)
    STABLE PARALLEL UNSAFE COST 1000000 ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_estimate_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_estimate(text)
    IS 'what a training would read, and the bytes of memory and of disk it would take';

CREATE FUNCTION @extschema@.segrec_deploy(model text, version bigint) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_deploy_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_deploy(text, bigint) IS 'lets a version of a model answer';

CREATE FUNCTION @extschema@.segrec_rollback(model text) RETURNS integer
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_rollback_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_rollback(text)
    IS 'lets the newest earlier version answer that was once deployed; gives its number';

CREATE FUNCTION @extschema@.segrec_drop_version(model text, version bigint) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_drop_version_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_drop_version(text, bigint) IS 'drops a version that is not deployed';

CREATE FUNCTION @extschema@.segrec_apply_trial(model text, study bigint, trial bigint) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_apply_trial_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_apply_trial(text, bigint, bigint)
    IS 'merges the options of a trial into those of its model';

-- Recommendations ------------------------------------------------------------------------------------
-- The default of candidates is an array that no query would produce, to distinguish an omitted argument from null,
-- which means an empty list, since array_agg over no rows is null.
--
-- ROWS is used if the planner does not know n; otherwise rows_of_n returns n.

CREATE FUNCTION @extschema@.segrec_recommend(user_id bigint, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates bigint[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0)
    RETURNS TABLE (rank integer, item_id bigint, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend(bigint, bigint, text, bigint[], boolean, double precision, double precision)
    IS 'recommends items to a user';
CREATE FUNCTION @extschema@.segrec_recommend(user_id text, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates text[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0)
    RETURNS TABLE (rank integer, item_id text, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend(text, bigint, text, text[], boolean, double precision, double precision)
    IS 'recommends items to a user; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_recommend(user_id uuid, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates uuid[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0)
    RETURNS TABLE (rank integer, item_id uuid, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend(uuid, bigint, text, uuid[], boolean, double precision, double precision)
    IS 'recommends items to a user';

CREATE FUNCTION @extschema@.segrec_recommend_for(items bigint[], n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates bigint[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0)
    RETURNS TABLE (rank integer, item_id bigint, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_for_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_for(bigint[], bigint, text, bigint[], boolean, double precision, double precision)
    IS 'recommends items to whoever has the given ones: a guest, a basket, a session';
CREATE FUNCTION @extschema@.segrec_recommend_for(items text[], n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates text[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0)
    RETURNS TABLE (rank integer, item_id text, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_for_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_for(text[], bigint, text, text[], boolean, double precision, double precision)
    IS 'recommends items to whoever has the given ones; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_recommend_for(items uuid[], n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates uuid[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0)
    RETURNS TABLE (rank integer, item_id uuid, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_for_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_for(uuid[], bigint, text, uuid[], boolean, double precision, double precision)
    IS 'recommends items to whoever has the given ones: a guest, a basket, a session';

CREATE FUNCTION @extschema@.segrec_recommend_for(items text, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates text[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0)
    RETURNS TABLE (rank integer, item_id text, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_for_written_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_for(text, bigint, text, text[], boolean, double precision, double precision)
    IS 'recommends items to whoever has those that the text of an array names, as in {7,12}: for parameters and literals without a type';

CREATE FUNCTION @extschema@.segrec_recommend_all(model text DEFAULT NULL, n bigint DEFAULT 10)
    RETURNS TABLE (user_id text, rank integer, item_id text, score real, source text)
    STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_all_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_all(text, bigint)
    IS 'the recommendations of every user, as of the training';

CREATE FUNCTION @extschema@.segrec_recommend_segment(segment bigint, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates text[] DEFAULT '[0:0]={NULL}')
    RETURNS TABLE (rank integer, item_id text, score real, source text)
    STABLE PARALLEL SAFE COST 50000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_segment_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_segment(bigint, bigint, text, text[])
    IS 'the items with the highest mean score for the members of a segment, as of the training';

-- Scores, reasons and likeness -----------------------------------------------------------------------
-- Similar users and audiences read all users of a version.

CREATE FUNCTION @extschema@.segrec_predict(user_id bigint, item_id bigint, model text DEFAULT NULL) RETURNS real
    STABLE PARALLEL SAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_predict_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_predict(bigint, bigint, text) IS 'the score of an item for a user';
CREATE FUNCTION @extschema@.segrec_predict(user_id text, item_id text, model text DEFAULT NULL) RETURNS real
    STABLE PARALLEL SAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_predict_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_predict(text, text, text)
    IS 'the score of an item for a user; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_predict(user_id uuid, item_id uuid, model text DEFAULT NULL) RETURNS real
    STABLE PARALLEL SAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_predict_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_predict(uuid, uuid, text) IS 'the score of an item for a user';

CREATE FUNCTION @extschema@.segrec_explain(user_id bigint, item_id bigint, model text DEFAULT NULL)
    RETURNS TABLE (item_id bigint, contribution real, factors real, neighbours real, by_scorer jsonb)
    STABLE PARALLEL SAFE COST 2000 ROWS 30 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_explain_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_explain(bigint, bigint, text)
    IS 'which of a user''s own items speak for another, and how much; the contributions add up to the score';
CREATE FUNCTION @extschema@.segrec_explain(user_id text, item_id text, model text DEFAULT NULL)
    RETURNS TABLE (item_id text, contribution real, factors real, neighbours real, by_scorer jsonb)
    STABLE PARALLEL SAFE COST 2000 ROWS 30 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_explain_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_explain(text, text, text)
    IS 'which of a user''s own items speak for another, and how much; the contributions add up to the score; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_explain(user_id uuid, item_id uuid, model text DEFAULT NULL)
    RETURNS TABLE (item_id uuid, contribution real, factors real, neighbours real, by_scorer jsonb)
    STABLE PARALLEL SAFE COST 2000 ROWS 30 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_explain_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_explain(uuid, uuid, text)
    IS 'which of a user''s own items speak for another, and how much; the contributions add up to the score';

CREATE FUNCTION @extschema@.segrec_similar_items(item_id bigint, n bigint DEFAULT 10, model text DEFAULT NULL)
    RETURNS TABLE (rank integer, item_id bigint, score real)
    STABLE PARALLEL SAFE COST 500 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_items_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_items(bigint, bigint, text) IS 'the items most like another';
CREATE FUNCTION @extschema@.segrec_similar_items(item_id text, n bigint DEFAULT 10, model text DEFAULT NULL)
    RETURNS TABLE (rank integer, item_id text, score real)
    STABLE PARALLEL SAFE COST 500 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_items_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_items(text, bigint, text)
    IS 'the items most like another; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_similar_items(item_id uuid, n bigint DEFAULT 10, model text DEFAULT NULL)
    RETURNS TABLE (rank integer, item_id uuid, score real)
    STABLE PARALLEL SAFE COST 500 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_items_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_items(uuid, bigint, text) IS 'the items most like another';

CREATE FUNCTION @extschema@.segrec_similar_users(user_id bigint, n bigint DEFAULT 10, model text DEFAULT NULL)
    RETURNS TABLE (rank integer, user_id bigint, similarity real)
    STABLE PARALLEL SAFE COST 500000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_users_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_users(bigint, bigint, text)
    IS 'the users most like another, as of the training';
CREATE FUNCTION @extschema@.segrec_similar_users(user_id text, n bigint DEFAULT 10, model text DEFAULT NULL)
    RETURNS TABLE (rank integer, user_id text, similarity real)
    STABLE PARALLEL SAFE COST 500000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_users_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_users(text, bigint, text)
    IS 'the users most like another, as of the training; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_similar_users(user_id uuid, n bigint DEFAULT 10, model text DEFAULT NULL)
    RETURNS TABLE (rank integer, user_id uuid, similarity real)
    STABLE PARALLEL SAFE COST 500000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_users_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_users(uuid, bigint, text)
    IS 'the users most like another, as of the training';

CREATE FUNCTION @extschema@.segrec_audience(item_id bigint, n bigint DEFAULT 100, model text DEFAULT NULL,
        exclude_seen boolean DEFAULT true)
    RETURNS TABLE (rank integer, user_id text, score real)
    STABLE PARALLEL SAFE COST 500000 ROWS 100 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_audience_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_audience(bigint, bigint, text, boolean)
    IS 'the users most likely to want an item, as of the training';
CREATE FUNCTION @extschema@.segrec_audience(item_id text, n bigint DEFAULT 100, model text DEFAULT NULL,
        exclude_seen boolean DEFAULT true)
    RETURNS TABLE (rank integer, user_id text, score real)
    STABLE PARALLEL SAFE COST 500000 ROWS 100 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_audience_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_audience(text, bigint, text, boolean)
    IS 'the users most likely to want an item, as of the training; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_audience(item_id uuid, n bigint DEFAULT 100, model text DEFAULT NULL,
        exclude_seen boolean DEFAULT true)
    RETURNS TABLE (rank integer, user_id text, score real)
    STABLE PARALLEL SAFE COST 500000 ROWS 100 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_audience_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_audience(uuid, bigint, text, boolean)
    IS 'the users most likely to want an item, as of the training';

-- Segments -------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.segrec_segment_of(user_id bigint, model text DEFAULT NULL) RETURNS integer
    STABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_segment_of_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_segment_of(bigint, text)
    IS 'the segment of a user; null where nothing is known of them';
CREATE FUNCTION @extschema@.segrec_segment_of(user_id text, model text DEFAULT NULL) RETURNS integer
    STABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_segment_of_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_segment_of(text, text)
    IS 'the segment of a user; null where nothing is known of them; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_segment_of(user_id uuid, model text DEFAULT NULL) RETURNS integer
    STABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_segment_of_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_segment_of(uuid, text)
    IS 'the segment of a user; null where nothing is known of them';

CREATE FUNCTION @extschema@.segrec_classify(model text, features anycompatible) RETURNS integer
    STABLE PARALLEL SAFE COST 200 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_classify_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_classify(text, anycompatible)
    IS 'the segment that features belong to, without a training';

CREATE FUNCTION @extschema@.segrec_cut(model text, segments bigint)
    RETURNS TABLE (user_id text, segment integer)
    STABLE PARALLEL RESTRICTED COST 100000 ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_cut_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_cut(text, bigint)
    IS 'every user in another number of segments, from the merge tree of a hierarchical segmentation';

CREATE FUNCTION @extschema@.segrec_label_segment(model text, segment bigint, label text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_label_segment_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_label_segment(text, bigint, text)
    IS 'names a segment; the name survives retraining, null takes it away';

-- Measuring ------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.segrec_evaluate(model text, k bigint[] DEFAULT '{10,20}', test regclass DEFAULT NULL,
        per_segment boolean DEFAULT false)
    RETURNS TABLE (metric text, k integer, segment integer, value double precision, ci_low double precision,
        ci_high double precision, baseline double precision, users bigint)
    STABLE PARALLEL RESTRICTED COST 10000000 ROWS 25 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_evaluate_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_evaluate(text, bigint[], regclass, boolean)
    IS 'measures the deployed version: its recipe fitted again without the holdout, or itself on events it was not trained on';

CREATE FUNCTION @extschema@.segrec_cross_validate(model text, folds bigint DEFAULT 5)
    RETURNS TABLE (fold integer, metric text, k integer, value double precision, deviation double precision,
        baseline double precision, users bigint)
    STABLE PARALLEL RESTRICTED COST 10000000 ROWS 150
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_cross_validate_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_cross_validate(text, bigint)
    IS 'trains with the options of a model once for each fold and measures every fold on what it left out';

CREATE FUNCTION @extschema@.segrec_compare(model text, version bigint, other bigint)
    RETURNS TABLE (metric text, k integer, value double precision, other_value double precision,
        difference double precision, ci_low double precision, ci_high double precision, users bigint)
    STABLE PARALLEL RESTRICTED COST 10000000 ROWS 14 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_compare_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_compare(text, bigint, bigint)
    IS 'compares the recipes of two versions on the same held-out events, user by user';

-- Moving and forgetting ------------------------------------------------------------------------------
-- Exports contain numbers with all their digits.

CREATE FUNCTION @extschema@.segrec_export(model text, version bigint DEFAULT NULL)
    RETURNS TABLE (part text, content text)
    STABLE PARALLEL RESTRICTED COST 100000 ROWS 100000 SET extra_float_digits = 1
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_export_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_export(text, bigint)
    IS 'a version of a model as rows of text, for COPY; null takes the deployed one';

CREATE FUNCTION @extschema@.segrec_import(model text, relation regclass) RETURNS integer
    VOLATILE PARALLEL UNSAFE COST 10000000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_import_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_import(text, regclass)
    IS 'makes a version of a model from the rows that segrec_export gave; gives its number, and does not deploy it';

CREATE FUNCTION @extschema@.segrec_forget_user(model text, user_id bigint)
    RETURNS TABLE (relation text, rows bigint)
    VOLATILE PARALLEL UNSAFE COST 100000 ROWS 2 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_forget_user_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_forget_user(text, bigint)
    IS 'deletes what is stored of a user in all versions of a model';
CREATE FUNCTION @extschema@.segrec_forget_user(model text, user_id text)
    RETURNS TABLE (relation text, rows bigint)
    VOLATILE PARALLEL UNSAFE COST 100000 ROWS 2 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_forget_user_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_forget_user(text, text)
    IS 'deletes what is stored of a user in all versions of a model; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_forget_user(model text, user_id uuid)
    RETURNS TABLE (relation text, rows bigint)
    VOLATILE PARALLEL UNSAFE COST 100000 ROWS 2 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_forget_user_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_forget_user(text, uuid)
    IS 'deletes what is stored of a user in all versions of a model';

-- Schedules ------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.segrec_schedule(model text, cron text, min_new_events bigint DEFAULT 1) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_schedule_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_schedule(text, text, bigint)
    IS 'has pg_cron train a model at the times of a cron expression, where enough events are new';

CREATE FUNCTION @extschema@.segrec_unschedule(model text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_unschedule_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_unschedule(text) IS 'ends the schedule of a model';

CREATE FUNCTION @extschema@.segrec_pause_schedule(model text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_pause_schedule_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_pause_schedule(text)
    IS 'lets the runs of a schedule do nothing until it is resumed';

CREATE FUNCTION @extschema@.segrec_resume_schedule(model text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_resume_schedule_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_resume_schedule(text) IS 'lets a paused schedule go on';
