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
    IS 'planner support: estimates n rows for functions whose second argument is n';

-- Models ---------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.segrec_create_model(model text, events regclass DEFAULT NULL,
        user_column text DEFAULT 'user_id', item_column text DEFAULT 'item_id', weight_column text DEFAULT NULL,
        time_column text DEFAULT NULL, type_column text DEFAULT NULL, users regclass DEFAULT NULL,
        users_key text DEFAULT 'user_id', items regclass DEFAULT NULL, items_key text DEFAULT 'item_id',
        options anycompatible DEFAULT '{}'::jsonb, if_exists text DEFAULT 'error') RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_create_model_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_create_model(text, regclass, text, text, text, text, text, regclass, text, regclass, text, anycompatible, text)
    IS 'creates a model from the relations and columns that it reads and its options; one that exists is an error, or is kept, or replaced';

CREATE FUNCTION @extschema@.segrec_alter_model(model text, options anycompatible) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_alter_model_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_alter_model(text, anycompatible)
    IS 'merges options into those of a model; null restores a default';

CREATE FUNCTION @extschema@.segrec_create_functions(model text, schema regnamespace) RETURNS TABLE (function text)
    VOLATILE PARALLEL UNSAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_create_functions_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_create_functions(text, regnamespace)
    IS 'creates functions for a model in a schema, such as recommend, with the types of its ids; the privilege EXECUTE controls their use';

CREATE FUNCTION @extschema@.segrec_rebind(model text, events regclass DEFAULT NULL, user_column text DEFAULT NULL,
        item_column text DEFAULT NULL, weight_column text DEFAULT NULL, time_column text DEFAULT NULL,
        type_column text DEFAULT NULL, users regclass DEFAULT NULL, users_key text DEFAULT NULL,
        items regclass DEFAULT NULL, items_key text DEFAULT NULL) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_rebind_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_rebind(text, regclass, text, text, text, text, text, regclass, text, regclass, text)
    IS 'binds a model to other relations and columns of the same kinds; null leaves them unchanged';

CREATE FUNCTION @extschema@.segrec_drop_model(model text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_drop_model_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_drop_model(text) IS 'drops a model with its versions and functions';

CREATE FUNCTION @extschema@.segrec_example(schema text DEFAULT 'example') RETURNS TABLE (relation text, rows bigint)
    VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 4 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_example_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_example(text)
    IS 'creates a schema with the tables of a sample shop, and fills them; returns the tables with the numbers of their rows';

CREATE FUNCTION @extschema@.segrec_grant(model text, role text, privilege text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_grant_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_grant(text, text, text)
    IS 'grants a role, or public, the privilege to use or train a model';

CREATE FUNCTION @extschema@.segrec_add_rule(model text, action text, items text[] DEFAULT NULL,
        condition anycompatible DEFAULT NULL::jsonb, segment bigint DEFAULT NULL, place bigint DEFAULT NULL,
        valid_from timestamptz DEFAULT NULL, valid_to timestamptz DEFAULT NULL, reason text DEFAULT NULL,
        value float8 DEFAULT NULL) RETURNS bigint
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_add_rule_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_add_rule(text, text, text[], anycompatible, bigint, bigint, timestamptz, timestamptz, text, float8)
    IS 'adds a rule that decides what lists of a model show, from the commit on, and returns its id';

CREATE FUNCTION @extschema@.segrec_drop_rule(model text, rule bigint) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_drop_rule_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_drop_rule(text, bigint) IS 'drops a rule of a model';

CREATE FUNCTION @extschema@.segrec_revoke(model text, role text, privilege text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_revoke_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_revoke(text, text, text) IS 'revokes a privilege on a model from a role';

CREATE FUNCTION @extschema@.segrec_change_owner(model text, role text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_change_owner_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_change_owner(text, text) IS 'changes the owner of a model';

-- Training and versions ------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.segrec_train(model text, deploy text DEFAULT 'if_better')
    RETURNS TABLE (version integer, users bigint, items bigint, events bigint, segments integer, metric text,
        value double precision, baseline double precision, previous double precision, deployed boolean,
        seconds double precision)
    VOLATILE PARALLEL UNSAFE COST 10000000 ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_train_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_train(text, text)
    IS 'trains a model, evaluates it on held-out events, and deploys it if_better, always or never';

CREATE FUNCTION @extschema@.segrec_train_in_background(model text, deploy text DEFAULT 'if_better') RETURNS bigint
    VOLATILE PARALLEL UNSAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_train_in_background_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_train_in_background(text, text)
    IS 'starts segrec_train in a background process; returns the job, see segrec.jobs';

CREATE FUNCTION @extschema@.segrec_train_all(pattern text DEFAULT '%', deploy text DEFAULT 'if_better')
    RETURNS TABLE (model text, job bigint)
    VOLATILE PARALLEL UNSAFE COST 100000 ROWS 50 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_train_all_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_train_all(text, text)
    IS 'requests a background training of every model that you may train and whose name is LIKE the pattern; returns the jobs';

CREATE FUNCTION @extschema@.segrec_cancel(job bigint) RETURNS boolean
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_cancel_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_cancel(bigint)
    IS 'cancels a background training; returns true if it was running';

CREATE FUNCTION @extschema@.segrec_estimate(model text)
    RETURNS TABLE (users bigint, items bigint, events bigint, memory bigint, allowed bigint, disk bigint)
    STABLE PARALLEL UNSAFE COST 1000000 ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_estimate_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_estimate(text)
    IS 'estimates the data that a training would read, and the memory and disk space that it would need, in bytes';

CREATE FUNCTION @extschema@.segrec_deploy(model text, version bigint) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_deploy_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_deploy(text, bigint) IS 'deploys a version of a model';

CREATE FUNCTION @extschema@.segrec_rollback(model text) RETURNS integer
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_rollback_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_rollback(text)
    IS 'deploys the newest earlier version that was deployed before; returns its number';

CREATE FUNCTION @extschema@.segrec_drop_version(model text, version bigint) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_drop_version_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_drop_version(text, bigint) IS 'drops a version that is not deployed';

CREATE FUNCTION @extschema@.segrec_refresh_items(model text, most_withdrawn double precision DEFAULT 0.5)
    RETURNS TABLE (added bigint, withdrawn bigint, restored bigint)
    VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_refresh_items_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_refresh_items(text, double precision)
    IS 'adds items to the deployed version that its relation of items has by now, and withdraws those whose rows are gone, if they are at most this share';

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
        explore double precision DEFAULT 0, exclude bigint[] DEFAULT NULL, max_per_group bigint DEFAULT NULL,
        skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id bigint, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend(bigint, bigint, text, bigint[], boolean, double precision, double precision, bigint[], bigint, bigint)
    IS 'recommends items to a user';
CREATE FUNCTION @extschema@.segrec_recommend(user_id text, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates text[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0, exclude text[] DEFAULT NULL, max_per_group bigint DEFAULT NULL,
        skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id text, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend(text, bigint, text, text[], boolean, double precision, double precision, text[], bigint, bigint)
    IS 'recommends items to a user; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_recommend(user_id uuid, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates uuid[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0, exclude uuid[] DEFAULT NULL, max_per_group bigint DEFAULT NULL,
        skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id uuid, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend(uuid, bigint, text, uuid[], boolean, double precision, double precision, uuid[], bigint, bigint)
    IS 'recommends items to a user';

CREATE FUNCTION @extschema@.segrec_recommend_for(items bigint[], n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates bigint[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0, exclude bigint[] DEFAULT NULL, max_per_group bigint DEFAULT NULL,
        skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id bigint, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_for_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_for(bigint[], bigint, text, bigint[], boolean, double precision, double precision, bigint[], bigint, bigint)
    IS 'recommends items for a list of items, such as those of a guest, a basket or a session';
CREATE FUNCTION @extschema@.segrec_recommend_for(items text[], n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates text[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0, exclude text[] DEFAULT NULL, max_per_group bigint DEFAULT NULL,
        skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id text, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_for_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_for(text[], bigint, text, text[], boolean, double precision, double precision, text[], bigint, bigint)
    IS 'recommends items for a list of items; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_recommend_for(items uuid[], n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates uuid[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0, exclude uuid[] DEFAULT NULL, max_per_group bigint DEFAULT NULL,
        skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id uuid, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_for_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_for(uuid[], bigint, text, uuid[], boolean, double precision, double precision, uuid[], bigint, bigint)
    IS 'recommends items for a list of items, such as those of a guest, a basket or a session';

CREATE FUNCTION @extschema@.segrec_recommend_for(items text, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates text[] DEFAULT '[0:0]={NULL}', exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0,
        explore double precision DEFAULT 0, exclude text[] DEFAULT NULL, max_per_group bigint DEFAULT NULL,
        skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id text, score real, source text)
    STABLE PARALLEL SAFE COST 2000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_for_written_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_for(text, bigint, text, text[], boolean, double precision, double precision, text[], bigint, bigint)
    IS 'recommends items for a list of items, given as the text of an array, as in {7,12}, for parameters and literals without a type';

CREATE FUNCTION @extschema@.segrec_recommend_all(model text DEFAULT NULL, n bigint DEFAULT 10,
        candidates text[] DEFAULT '[0:0]={NULL}', exclude text[] DEFAULT NULL, max_per_group bigint DEFAULT NULL)
    RETURNS TABLE (user_id text, rank integer, item_id text, score real, source text)
    STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_all_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_all(text, bigint, text[], text[], bigint)
    IS 'the recommendations of every user, as of the training';

CREATE FUNCTION @extschema@.segrec_recommend_segment(segment bigint, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates text[] DEFAULT '[0:0]={NULL}', exclude text[] DEFAULT NULL, max_per_group bigint DEFAULT NULL, skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id text, score real, source text)
    STABLE PARALLEL SAFE COST 50000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_recommend_segment_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_recommend_segment(bigint, bigint, text, text[], text[], bigint, bigint)
    IS 'the items with the highest mean score for the members of a segment, as of the training';

CREATE FUNCTION @extschema@.segrec_trending(n bigint DEFAULT 10, model text DEFAULT NULL, half_life interval DEFAULT '7 days',
        segment bigint DEFAULT NULL, exclude text[] DEFAULT NULL, max_per_group bigint DEFAULT NULL, skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id text, score real, recent real, expected real)
    STABLE PARALLEL SAFE COST 1000000 ROWS 10
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_trending_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_trending(bigint, text, interval, bigint, text[], bigint, bigint)
    IS 'the items on which more happens now than before, by the events as they are now';

CREATE FUNCTION @extschema@.segrec_latest(n bigint DEFAULT 10, model text DEFAULT NULL,
        exclude text[] DEFAULT NULL, max_per_group bigint DEFAULT NULL, skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id text, added_at timestamptz)
    STABLE PARALLEL SAFE COST 2000 ROWS 10
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_latest_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_latest(bigint, text, text[], bigint, bigint)
    IS 'the newest items that may be shown, by their rows as they are now';

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
    RETURNS TABLE (item_id bigint, contribution real, factors real, neighbours real, by_scorer jsonb, features jsonb, weight real,
        rules bigint[])
    STABLE PARALLEL SAFE COST 2000 ROWS 30 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_explain_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_explain(bigint, bigint, text)
    IS 'the contributions of a user''s own items to the score of an item, which add up to the score';
CREATE FUNCTION @extschema@.segrec_explain(user_id text, item_id text, model text DEFAULT NULL)
    RETURNS TABLE (item_id text, contribution real, factors real, neighbours real, by_scorer jsonb, features jsonb, weight real,
        rules bigint[])
    STABLE PARALLEL SAFE COST 2000 ROWS 30 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_explain_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_explain(text, text, text)
    IS 'the contributions of a user''s own items to the score of an item, which add up to the score; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_explain(user_id uuid, item_id uuid, model text DEFAULT NULL)
    RETURNS TABLE (item_id uuid, contribution real, factors real, neighbours real, by_scorer jsonb, features jsonb, weight real,
        rules bigint[])
    STABLE PARALLEL SAFE COST 2000 ROWS 30 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_explain_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_explain(uuid, uuid, text)
    IS 'the contributions of a user''s own items to the score of an item, which add up to the score';

CREATE FUNCTION @extschema@.segrec_similar_items(item_id bigint, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates bigint[] DEFAULT '[0:0]={NULL}', exclude bigint[] DEFAULT NULL, max_per_group bigint DEFAULT NULL, skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id bigint, score real)
    STABLE PARALLEL SAFE COST 500 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_items_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_items(bigint, bigint, text, bigint[], bigint[], bigint, bigint) IS 'the items most similar to an item';
CREATE FUNCTION @extschema@.segrec_similar_items(item_id text, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates text[] DEFAULT '[0:0]={NULL}', exclude text[] DEFAULT NULL, max_per_group bigint DEFAULT NULL, skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id text, score real)
    STABLE PARALLEL SAFE COST 500 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_items_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_items(text, bigint, text, text[], text[], bigint, bigint)
    IS 'the items most similar to an item; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_similar_items(item_id uuid, n bigint DEFAULT 10, model text DEFAULT NULL,
        candidates uuid[] DEFAULT '[0:0]={NULL}', exclude uuid[] DEFAULT NULL, max_per_group bigint DEFAULT NULL, skip bigint DEFAULT 0)
    RETURNS TABLE (rank integer, item_id uuid, score real)
    STABLE PARALLEL SAFE COST 500 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_items_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_items(uuid, bigint, text, uuid[], uuid[], bigint, bigint) IS 'the items most similar to an item';

CREATE FUNCTION @extschema@.segrec_similar_users(user_id bigint, n bigint DEFAULT 10, model text DEFAULT NULL)
    RETURNS TABLE (rank integer, user_id bigint, similarity real)
    STABLE PARALLEL SAFE COST 500000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_users_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_users(bigint, bigint, text)
    IS 'the users most similar to a user, as of the training';
CREATE FUNCTION @extschema@.segrec_similar_users(user_id text, n bigint DEFAULT 10, model text DEFAULT NULL)
    RETURNS TABLE (rank integer, user_id text, similarity real)
    STABLE PARALLEL SAFE COST 500000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_users_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_users(text, bigint, text)
    IS 'the users most similar to a user, as of the training; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_similar_users(user_id uuid, n bigint DEFAULT 10, model text DEFAULT NULL)
    RETURNS TABLE (rank integer, user_id uuid, similarity real)
    STABLE PARALLEL SAFE COST 500000 ROWS 10 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_similar_users_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_similar_users(uuid, bigint, text)
    IS 'the users most similar to a user, as of the training';

CREATE FUNCTION @extschema@.segrec_audience(item_id bigint, n bigint DEFAULT 100, model text DEFAULT NULL,
        exclude_seen boolean DEFAULT true, candidates text[] DEFAULT '[0:0]={NULL}', exclude text[] DEFAULT NULL)
    RETURNS TABLE (rank integer, user_id text, score real)
    STABLE PARALLEL SAFE COST 500000 ROWS 100 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_audience_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_audience(bigint, bigint, text, boolean, text[], text[])
    IS 'the users most likely to want an item, as of the training';
CREATE FUNCTION @extschema@.segrec_audience(item_id text, n bigint DEFAULT 100, model text DEFAULT NULL,
        exclude_seen boolean DEFAULT true, candidates text[] DEFAULT '[0:0]={NULL}', exclude text[] DEFAULT NULL)
    RETURNS TABLE (rank integer, user_id text, score real)
    STABLE PARALLEL SAFE COST 500000 ROWS 100 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_audience_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_audience(text, bigint, text, boolean, text[], text[])
    IS 'the users most likely to want an item, as of the training; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_audience(item_id uuid, n bigint DEFAULT 100, model text DEFAULT NULL,
        exclude_seen boolean DEFAULT true, candidates text[] DEFAULT '[0:0]={NULL}', exclude text[] DEFAULT NULL)
    RETURNS TABLE (rank integer, user_id text, score real)
    STABLE PARALLEL SAFE COST 500000 ROWS 100 SUPPORT segrec_catalog.rows_of_n
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_audience_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_audience(uuid, bigint, text, boolean, text[], text[])
    IS 'the users most likely to want an item, as of the training';

-- Segments -------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.segrec_segment_of(user_id bigint, model text DEFAULT NULL) RETURNS integer
    STABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_segment_of_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_segment_of(bigint, text)
    IS 'the segment of a user; null if nothing is known about the user';
CREATE FUNCTION @extschema@.segrec_segment_of(user_id text, model text DEFAULT NULL) RETURNS integer
    STABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_segment_of_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_segment_of(text, text)
    IS 'the segment of a user; null if nothing is known about the user; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_segment_of(user_id uuid, model text DEFAULT NULL) RETURNS integer
    STABLE PARALLEL SAFE COST 500 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_segment_of_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_segment_of(uuid, text)
    IS 'the segment of a user; null if nothing is known about the user';

CREATE FUNCTION @extschema@.segrec_classify(model text, features anycompatible) RETURNS integer
    STABLE PARALLEL SAFE COST 200 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_classify_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_classify(text, anycompatible)
    IS 'the segment that features belong to, in the deployed version';

CREATE FUNCTION @extschema@.segrec_cut(model text, segments bigint)
    RETURNS TABLE (user_id text, segment integer)
    STABLE PARALLEL RESTRICTED COST 100000 ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_cut_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_cut(text, bigint)
    IS 'cuts the merge tree of a hierarchical segmentation into another number of segments';

CREATE FUNCTION @extschema@.segrec_label_segment(model text, segment bigint, label text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_label_segment_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_label_segment(text, bigint, text)
    IS 'labels a segment; the label survives retraining, null removes it';

CREATE FUNCTION @extschema@.segrec_describe_segment(model text, segment bigint) RETURNS text
    STABLE PARALLEL RESTRICTED COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_describe_segment_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_describe_segment(text, bigint)
    IS 'describes a segment of the deployed version in a paragraph: its size, what marks it, what its users have, and what changed';

-- Measuring ------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.segrec_evaluate(model text, k bigint[] DEFAULT '{10,20}', test regclass DEFAULT NULL,
        per_segment boolean DEFAULT false, cold text DEFAULT NULL)
    RETURNS TABLE (metric text, k integer, segment integer, value double precision, ci_low double precision,
        ci_high double precision, baseline double precision, users bigint, scope text, ranked_by text)
    STABLE PARALLEL RESTRICTED COST 10000000 ROWS 25 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_evaluate_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_evaluate(text, bigint[], regclass, boolean, text)
    IS 'evaluates the deployed version: its options fitted again without the holdout, or without whole items or users, or the version itself on events it was not trained on';

CREATE FUNCTION @extschema@.segrec_cross_validate(model text, folds bigint DEFAULT 5, cold text DEFAULT NULL)
    RETURNS TABLE (fold integer, metric text, k integer, value double precision, deviation double precision,
        baseline double precision, users bigint, scope text, ranked_by text)
    STABLE PARALLEL RESTRICTED COST 10000000 ROWS 150
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_cross_validate_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_cross_validate(text, bigint, text)
    IS 'cross-validates the options of a model: trains once per fold and evaluates on the events, items or users of that fold';

CREATE FUNCTION @extschema@.segrec_compare(model text, version bigint, other bigint)
    RETURNS TABLE (metric text, k integer, value double precision, other_value double precision,
        difference double precision, ci_low double precision, ci_high double precision, users bigint)
    STABLE PARALLEL RESTRICTED COST 10000000 ROWS 14 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_compare_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_compare(text, bigint, bigint)
    IS 'compares the options of two versions on the same held-out events, paired by user';

-- Moving and forgetting ------------------------------------------------------------------------------
-- Exports contain numbers with all their digits.

CREATE FUNCTION @extschema@.segrec_export(model text, version bigint DEFAULT NULL)
    RETURNS TABLE (part text, content text)
    STABLE PARALLEL RESTRICTED COST 100000 ROWS 100000 SET extra_float_digits = 1
    LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_export_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_export(text, bigint)
    IS 'exports a version of a model as rows of text, for COPY; null exports the deployed version';

CREATE FUNCTION @extschema@.segrec_import(model text, relation regclass) RETURNS integer
    VOLATILE PARALLEL UNSAFE COST 10000000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_import_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_import(text, regclass)
    IS 'imports a version of a model from the rows of segrec_export, without deploying it; returns its number';

CREATE FUNCTION @extschema@.segrec_forget_user(model text, user_id bigint)
    RETURNS TABLE (relation text, rows bigint)
    VOLATILE PARALLEL UNSAFE COST 100000 ROWS 2 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_forget_user_bigint_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_forget_user(text, bigint)
    IS 'deletes the stored data of a user from all versions of a model';
CREATE FUNCTION @extschema@.segrec_forget_user(model text, user_id text)
    RETURNS TABLE (relation text, rows bigint)
    VOLATILE PARALLEL UNSAFE COST 100000 ROWS 2 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_forget_user_text_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_forget_user(text, text)
    IS 'deletes the stored data of a user from all versions of a model; text ids work for every model';
CREATE FUNCTION @extschema@.segrec_forget_user(model text, user_id uuid)
    RETURNS TABLE (relation text, rows bigint)
    VOLATILE PARALLEL UNSAFE COST 100000 ROWS 2 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_forget_user_uuid_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_forget_user(text, uuid)
    IS 'deletes the stored data of a user from all versions of a model';

-- Schedules ------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.segrec_schedule(model text, cron text, min_new_events bigint DEFAULT 1) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_schedule_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_schedule(text, text, bigint)
    IS 'schedules trainings of a model with pg_cron, to run if there are enough new events';

CREATE FUNCTION @extschema@.segrec_unschedule(model text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_unschedule_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_unschedule(text) IS 'drops the schedule of a model';

CREATE FUNCTION @extschema@.segrec_pause_schedule(model text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_pause_schedule_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_pause_schedule(text)
    IS 'pauses the schedule of a model';

CREATE FUNCTION @extschema@.segrec_resume_schedule(model text) RETURNS void
    VOLATILE PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_resume_schedule_wrapper';
COMMENT ON FUNCTION @extschema@.segrec_resume_schedule(text) IS 'resumes a paused schedule';
