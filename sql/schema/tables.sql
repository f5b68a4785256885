-- The tables of models and versions. Only their owner reads and writes them; functions and views act on behalf of the
-- caller after checking the caller's rights.
--
-- Every table has a primary key, as the replica identity of logical replication. None has foreign keys, because a
-- parallel restore loads these tables in any order, when their constraints exist already. src/catalog/removal.rs lists
-- the dependents of models and versions to delete, and adding rows to a model locks it against being dropped.

CREATE TABLE segrec_catalog.models (
    model_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    events regclass,
    user_column text,
    item_column text,
    weight_column text,
    time_column text,
    type_column text,
    users regclass,
    users_key text,
    items regclass,
    items_key text,
    user_id_kind text NOT NULL CHECK (user_id_kind IN ('bigint', 'uuid', 'text')),
    item_id_kind text CHECK (item_id_kind IN ('bigint', 'uuid', 'text')),
    options jsonb NOT NULL,
    last_version integer NOT NULL DEFAULT 0,
    last_segment integer NOT NULL DEFAULT 0,
    deployed_version_id bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    events_name text,
    users_name text,
    items_name text,
    rules_generation bigint NOT NULL DEFAULT 0,
    live_by_plan boolean,
    plan_reason text,
    CHECK (num_nulls(events, user_column, item_column, item_id_kind) IN (0, 4)),
    CHECK (num_nulls(events, users) < 2)
);
COMMENT ON TABLE segrec_catalog.models IS 'one row per model';
COMMENT ON COLUMN segrec_catalog.models.deployed_version_id IS
    'the key of the deployed version in segrec_catalog.versions';

COMMENT ON COLUMN segrec_catalog.models.events_name IS
    'the name of the relation when it was bound to the model, which another relation may have now; likewise users_name and items_name';
COMMENT ON COLUMN segrec_catalog.models.live_by_plan IS
    'whether the rows of one user of a view are read at calls, as judged by their plan when the model was last defined or trained; null if the relation is no view; plan_reason says why';
COMMENT ON COLUMN segrec_catalog.models.rules_generation IS
    'a number of the last change of the model''s rules that no other change has, even if one was rolled back; 0 if there was none';

CREATE TABLE segrec_catalog.model_owners (
    model_id bigint PRIMARY KEY,
    owner regrole NOT NULL
);
COMMENT ON TABLE segrec_catalog.model_owners IS 'the role that owns each model; models without one belong to the owner of the catalog';

CREATE TABLE segrec_catalog.model_grants (
    model_id bigint NOT NULL,
    grantee regrole NOT NULL,
    privilege text NOT NULL CHECK (privilege IN ('use', 'label', 'train')),
    grantor regrole NOT NULL,
    PRIMARY KEY (model_id, grantee, privilege)
);
COMMENT ON TABLE segrec_catalog.model_grants IS 'the privileges granted on each model; grantee is 0 for public';

CREATE TABLE segrec_catalog.versions (
    version_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id bigint NOT NULL,
    version integer NOT NULL,
    state text NOT NULL CHECK (state IN ('ready', 'failed', 'history')),
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    deployed_at timestamptz,
    users bigint,
    items bigint,
    events bigint,
    segments integer,
    split text,
    metric text,
    value float8,
    baseline float8,
    previous float8,
    reason text,
    options jsonb NOT NULL,
    decided jsonb,
    classifier bytea,
    median_weight real,
    anchor bigint,
    item_gram real[],
    event_rows bigint,
    item_generation bigint NOT NULL DEFAULT 0,
    items_added bigint NOT NULL DEFAULT 0,
    as_of timestamptz,
    UNIQUE (model_id, version)
);
ALTER TABLE segrec_catalog.versions ALTER reason SET STATISTICS 0;
COMMENT ON TABLE segrec_catalog.versions IS 'one row per training; decided contains the values that it determined for options such as auto; classifier assigns segments to rows of users; median_weight, anchor (microseconds since 2000) and item_gram (k x k) are required for fold-in; event_rows is the number of rows read from events; item_generation is a number of the last change of its items since the training that no other change has, even if one was rolled back; items_added counts those that were added then; as_of is the time of the latest event of the training; of a version in state history only what was found is left, and its key is another one than before';

CREATE TABLE segrec_catalog.segments (
    version_id bigint NOT NULL,
    segment integer NOT NULL,
    name text,
    rule text,
    rule_precision float8,
    rule_recall float8,
    users bigint NOT NULL,
    own_factors boolean NOT NULL,
    gain float8,
    gain_error float8,
    since_version integer NOT NULL,
    centroid real[] NOT NULL,
    item_gram real[],
    profile_name text,
    PRIMARY KEY (version_id, segment)
);
COMMENT ON TABLE segrec_catalog.segments IS 'the segments of each version; name is the label of its users, profile_name a name from the profile that the segment had when it was new, own_factors was decided by gain and gain_error, item_gram (k x k) is required for fold-in';

CREATE TABLE segrec_catalog.segment_labels (
    model_id bigint NOT NULL,
    segment integer NOT NULL,
    label text NOT NULL,
    PRIMARY KEY (model_id, segment)
);
COMMENT ON TABLE segrec_catalog.segment_labels IS 'the labels assigned to segments by segrec_label_segment; they outlive versions';

CREATE TABLE segrec_catalog.rules (
    model_id bigint NOT NULL,
    rule_id bigint GENERATED ALWAYS AS IDENTITY,
    action text NOT NULL CHECK (action IN ('block', 'pin', 'boost', 'bury', 'require')),
    items text[],
    condition jsonb,
    segment integer,
    place integer CHECK (place >= 1),
    value float8,
    valid_from timestamptz,
    valid_to timestamptz,
    reason text,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (model_id, rule_id),
    CHECK (num_nonnulls(items, condition) = 1),
    CHECK (CASE action WHEN 'pin' THEN items IS NOT NULL ELSE place IS NULL END),
    CHECK (CASE action
               WHEN 'boost' THEN value IS NOT NULL AND value > 1 AND value <= 1000
               WHEN 'bury' THEN value IS NOT NULL AND value >= 0.001 AND value < 1
               WHEN 'require' THEN value IS NOT NULL AND value BETWEEN 1 AND 10000 AND value = floor(value)
               ELSE value IS NULL END),
    CHECK (valid_from < valid_to)
);
COMMENT ON TABLE segrec_catalog.rules IS 'the rules that decide what lists of a model show: items or a condition on columns of items say which items they are about, segment for whose lists they are; they outlive versions. Every change also changes rules_generation of the model';

CREATE TABLE segrec_catalog.segment_profiles (
    version_id bigint NOT NULL,
    segment integer NOT NULL,
    place integer NOT NULL,
    feature text NOT NULL,
    kind text NOT NULL,
    value float8 NOT NULL,
    overall float8 NOT NULL,
    lift float8,
    share float8 NOT NULL,
    PRIMARY KEY (version_id, segment, place)
);
COMMENT ON TABLE segrec_catalog.segment_profiles IS 'the profile of each segment, the most distinctive feature first';

CREATE TABLE segrec_catalog.segment_choices (
    version_id bigint NOT NULL,
    segments integer NOT NULL,
    silhouette float8,
    davies_bouldin float8,
    calinski_harabasz float8,
    held_out float8,
    chosen boolean NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (version_id, segments)
);
COMMENT ON TABLE segrec_catalog.segment_choices IS 'the numbers of segments that a training tried';

CREATE TABLE segrec_catalog.algorithm_choices (
    version_id bigint NOT NULL,
    place integer NOT NULL,
    algorithm text NOT NULL,
    value float8,
    seconds float8 NOT NULL,
    chosen boolean NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (version_id, place)
);
COMMENT ON TABLE segrec_catalog.algorithm_choices IS 'the algorithms that a training tried, ordered by place; value is that of the version''s deciding metric';

CREATE TABLE segrec_catalog.segment_transitions (
    version_id bigint NOT NULL,
    place integer NOT NULL,
    from_version integer NOT NULL,
    from_segment integer,
    to_segment integer,
    users bigint NOT NULL,
    PRIMARY KEY (version_id, place)
);
COMMENT ON TABLE segrec_catalog.segment_transitions IS 'the transitions of users from the version that was deployed when each version was trained';

CREATE TABLE segrec_catalog.segment_drift (
    version_id bigint NOT NULL,
    place integer NOT NULL,
    from_version integer NOT NULL,
    measure text NOT NULL,
    feature text,
    value float8 NOT NULL,
    PRIMARY KEY (version_id, place)
);
COMMENT ON TABLE segrec_catalog.segment_drift IS 'the drift of segments and features from the version that was deployed when each version was trained';

CREATE TABLE segrec_catalog.segment_trees (
    version_id bigint PRIMARY KEY,
    tree bytea NOT NULL
);
COMMENT ON TABLE segrec_catalog.segment_trees IS 'the merge tree of each version with hierarchical segments, for segrec_cut';

CREATE TABLE segrec_catalog.segment_history (
    model_id bigint NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    segment integer NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    PRIMARY KEY (model_id, user_id, valid_from)
);
-- Forgetting a user should not require a search of the planner's statistics. For a model newer than they are,
-- statistics would also suggest that it has no rows, and plans made for no rows take quadratic time.
ALTER TABLE segrec_catalog.segment_history ALTER user_id SET STATISTICS 0, ALTER model_id SET STATISTICS 0;
COMMENT ON TABLE segrec_catalog.segment_history IS 'the history of the segment of every user in the deployed versions; valid_to is null for the current segment';

CREATE TABLE segrec_catalog.deployments (
    model_id bigint NOT NULL,
    deployed_at timestamptz NOT NULL,
    version integer NOT NULL,
    as_of timestamptz,
    PRIMARY KEY (model_id, deployed_at)
);
COMMENT ON TABLE segrec_catalog.deployments IS 'the deployments of each model, which say by deployed_at which version made the changes in segrec_catalog.segment_history; they outlive versions';

CREATE TABLE segrec_catalog.metrics (
    version_id bigint NOT NULL,
    place integer NOT NULL,
    metric text NOT NULL,
    k integer NOT NULL,
    segment integer,
    value float8,
    ci_low float8,
    ci_high float8,
    baseline float8,
    users bigint NOT NULL,
    history integer,
    PRIMARY KEY (version_id, place)
);
COMMENT ON TABLE segrec_catalog.metrics IS 'the metrics of each version on its holdout; segment and history are null for all users';

CREATE TABLE segrec_catalog.training_log (
    version_id bigint NOT NULL,
    entry integer NOT NULL,
    phase text NOT NULL,
    step integer NOT NULL,
    loss float8,
    metric text,
    value float8,
    seconds float8 NOT NULL,
    PRIMARY KEY (version_id, entry)
);
COMMENT ON TABLE segrec_catalog.training_log IS 'the log of each training; seconds are counted from its start';

CREATE TABLE segrec_catalog.studies (
    study_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id bigint NOT NULL,
    space jsonb NOT NULL,
    metric text NOT NULL,
    search text NOT NULL,
    trials integer NOT NULL,
    options jsonb NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
COMMENT ON TABLE segrec_catalog.studies IS 'one row per study of options; a call resumes a study with the same space, metric, search, trials and options (the model''s own when the study started)';

CREATE TABLE segrec_catalog.trials (
    study_id bigint NOT NULL,
    trial integer NOT NULL,
    share float8 NOT NULL,
    options jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'done', 'failed')),
    value float8,
    error text,
    seconds float8,
    PRIMARY KEY (study_id, trial)
);
ALTER TABLE segrec_catalog.trials ALTER error SET STATISTICS 0;
COMMENT ON TABLE segrec_catalog.trials IS 'the finished and waiting trials of each study; options are the changes to the model''s own options';

CREATE TABLE segrec_catalog.schedules (
    model_id bigint PRIMARY KEY,
    cron text NOT NULL,
    min_new_events bigint NOT NULL CHECK (min_new_events >= 0),
    role regrole NOT NULL,
    job bigint NOT NULL,
    paused boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE segrec_catalog.schedules IS 'the schedules of models; job is the pg_cron job, which runs as role';

CREATE TABLE segrec_catalog.schedule_runs (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id bigint NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('trained', 'skipped', 'failed')),
    new_events bigint,
    version integer,
    error text
);
ALTER TABLE segrec_catalog.schedule_runs ALTER error SET STATISTICS 0;
COMMENT ON TABLE segrec_catalog.schedule_runs IS 'the latest runs of schedules, up to 100 of each model';
CREATE INDEX ON segrec_catalog.schedule_runs (model_id, run_id);

-- The rows of a version are written by its training in the order of the primary key, and deleted with it. No column has
-- statistics. Those of user ids would keep copies of forgotten users, those of arrays are the most expensive to
-- collect, and those of keys would suggest that newer versions have no rows. Without statistics the planner assumes a
-- fixed share of the table, which suits a table of many versions, and full keys are looked up by index. Arrays are not
-- compressed, since factors do not compress.
CREATE TABLE segrec_catalog.version_users (
    version_id bigint NOT NULL,
    place integer NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    segment integer NOT NULL,
    distance real NOT NULL,
    confidence real NOT NULL,
    noise boolean NOT NULL,
    leaf integer,
    probabilities real[],
    factors real[] NOT NULL,
    items integer[] NOT NULL,
    confidences real[] NOT NULL,
    ranks real[],
    seen integer[],
    row_items integer[],
    row_weights real[],
    repeats real[],
    left_out integer[],
    left_out_ages real[],
    PRIMARY KEY (version_id, place),
    UNIQUE (version_id, user_id)
);
ALTER TABLE segrec_catalog.version_users
    ALTER probabilities SET STORAGE EXTERNAL, ALTER factors SET STORAGE EXTERNAL, ALTER items SET STORAGE EXTERNAL,
    ALTER confidences SET STORAGE EXTERNAL, ALTER ranks SET STORAGE EXTERNAL, ALTER seen SET STORAGE EXTERNAL,
    ALTER row_items SET STORAGE EXTERNAL, ALTER row_weights SET STORAGE EXTERNAL, ALTER repeats SET STORAGE EXTERNAL,
    ALTER left_out SET STORAGE EXTERNAL, ALTER left_out_ages SET STORAGE EXTERNAL;
COMMENT ON TABLE segrec_catalog.version_users IS 'the users of each version, ordered by segment and id, with their items as of the training; ranks are the numbers of the later items of the user, if their order counts; row_items and row_weights are the row that a scorer keeps for the user; repeats are three numbers per item, if lists may have what a user takes again: how often the user took it, the seconds from the first to the last time, and those since; seen also contains the items that do not count, if there are any; left_out has the items that lists leave out, if that is not all of them for ever, and left_out_ages the seconds since they were seen, if it is not for ever; leaf is the micro-cluster in the merge tree, probabilities are in the order of segments';

CREATE TABLE segrec_catalog.version_items (
    version_id bigint NOT NULL,
    item integer NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    users integer NOT NULL,
    popularity real NOT NULL,
    factors real[] NOT NULL,
    listed boolean,
    PRIMARY KEY (version_id, item),
    UNIQUE (version_id, item_id)
);
ALTER TABLE segrec_catalog.version_items ALTER factors SET STORAGE EXTERNAL;
COMMENT ON TABLE segrec_catalog.version_items IS 'the items of each version with the backbone''s factors, those of the training in the order of their ids, then those added later; listed says whether the relation of items had a row when it was last read, false only for an item that once had one and is therefore withdrawn';

CREATE TABLE segrec_catalog.version_sections (
    version_id bigint NOT NULL,
    section integer NOT NULL,
    scorer text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('sparse', 'dense', 'opaque')),
    columns integer,
    rows bigint NOT NULL,
    content bytea,
    PRIMARY KEY (version_id, section)
);
ALTER TABLE segrec_catalog.version_sections ALTER content SET STORAGE EXTERNAL;
COMMENT ON TABLE segrec_catalog.version_sections IS 'the sections of each version that store its scorers, besides factors: sparse ones have items with weights for every item and dense ones a row of fixed length, in segrec_catalog.version_item_rows; content is the data of opaque ones';

CREATE TABLE segrec_catalog.version_item_rows (
    version_id bigint NOT NULL,
    section integer NOT NULL,
    item integer NOT NULL,
    items integer[],
    weights real[] NOT NULL,
    PRIMARY KEY (version_id, section, item)
);
ALTER TABLE segrec_catalog.version_item_rows ALTER items SET STORAGE EXTERNAL, ALTER weights SET STORAGE EXTERNAL;
COMMENT ON TABLE segrec_catalog.version_item_rows IS 'the rows of the sections of each version by item; items (numbers in ascending order) is null in dense sections, and sparse sections omit empty rows';

CREATE TABLE segrec_catalog.version_segment_items (
    version_id bigint NOT NULL,
    segment integer NOT NULL,
    item integer NOT NULL,
    users integer NOT NULL,
    popularity real NOT NULL,
    recent real,
    factors real[],
    PRIMARY KEY (version_id, segment, item)
);
ALTER TABLE segrec_catalog.version_segment_items ALTER factors SET STORAGE EXTERNAL;
COMMENT ON TABLE segrec_catalog.version_segment_items IS 'the items that occur in each segment, with the segment''s own factors if it has any; recent is how many of its users chose an item lately, null unless lists of segments depend on that';

CREATE TABLE segrec_catalog.segment_reachability (
    version_id bigint NOT NULL,
    place integer NOT NULL,
    user_place integer NOT NULL,
    reachability float8,
    core_distance float8,
    PRIMARY KEY (version_id, place)
);
COMMENT ON TABLE segrec_catalog.segment_reachability IS 'the reachability plot of each version with the method optics; place is the position in the plot, user_place the place in segrec_catalog.version_users';

CREATE TABLE segrec_catalog.item_features (
    version_id bigint NOT NULL,
    place integer NOT NULL,
    column_name text NOT NULL,
    kind text NOT NULL,
    weight float8 NOT NULL,
    reason text,
    PRIMARY KEY (version_id, place)
);
COMMENT ON TABLE segrec_catalog.item_features IS 'the columns that describe the items of each version, in the order of the relation';

CREATE TABLE segrec_catalog.scorers (
    version_id bigint NOT NULL,
    place integer NOT NULL,
    scorer text NOT NULL,
    weight float8 NOT NULL,
    share float8 NOT NULL,
    gain float8,
    gain_error float8,
    seconds float8,
    bytes bigint NOT NULL,
    PRIMARY KEY (version_id, place)
);
COMMENT ON TABLE segrec_catalog.scorers IS 'the scorers of each version''s algorithm, those that were left out with weight 0; gain is what the deciding metric loses on the holdout without the scorer, seconds are those that it adds to a list';

-- A dropped version leaves dead rows. Vacuum starts when they make up a twentieth of the table rather than a fifth;
-- with the five versions kept by default it would otherwise only follow every second training.
DO $$
DECLARE
    stored record;
BEGIN
    FOR stored IN
        SELECT attrelid::pg_catalog.regclass AS of_table,
               pg_catalog.string_agg(pg_catalog.format('ALTER %I SET STATISTICS 0', attname), ', ') AS changes
        FROM pg_catalog.pg_attribute
        WHERE attrelid IN ('segrec_catalog.version_users'::pg_catalog.regclass, 'segrec_catalog.version_items'::pg_catalog.regclass,
                           'segrec_catalog.version_item_rows'::pg_catalog.regclass,
                           'segrec_catalog.version_segment_items'::pg_catalog.regclass, 'segrec_catalog.segment_reachability'::pg_catalog.regclass)
          AND attnum > 0
        GROUP BY attrelid
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s %s, SET (autovacuum_vacuum_scale_factor = 0.05, '
            'toast.autovacuum_vacuum_scale_factor = 0.05)', stored.of_table, stored.changes);
    END LOOP;
END
$$;

CREATE TABLE segrec_catalog.model_functions (
    model_id bigint NOT NULL,
    schema text NOT NULL,
    name text NOT NULL,
    arguments text NOT NULL,
    PRIMARY KEY (model_id, schema, name, arguments)
);
COMMENT ON TABLE segrec_catalog.model_functions IS 'the functions created by segrec_create_functions, by name because a restored dump assigns other oids; they are dropped with the model';

-- Background jobs belong to a server and are not dumped.
CREATE SEQUENCE segrec_catalog.jobs_job_seq;
CREATE TABLE segrec_catalog.jobs (
    job bigint PRIMARY KEY,
    model_id bigint NOT NULL,
    role regrole NOT NULL,
    pid integer,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('waiting', 'running', 'finished', 'failed', 'cancelled')),
    started_at timestamptz DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    version integer,
    error text,
    asked_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    orders text,
    CHECK (state <> 'waiting' OR orders IS NOT NULL)
);
ALTER TABLE segrec_catalog.jobs ALTER error SET STATISTICS 0;
COMMENT ON TABLE segrec_catalog.jobs IS 'background trainings; a running one holds an object lock on (this table, job), and the process that starts waiting ones holds one on (this table, 0); orders contains the instructions for the process of a waiting one';
COMMENT ON SEQUENCE segrec_catalog.jobs_job_seq IS 'the numbers of jobs';

-- The planner assumes ten pages for a table that was never analyzed, some two hundred rows of models, and would prefer
-- other plans to lookups by key.
ANALYZE segrec_catalog.models, segrec_catalog.model_owners, segrec_catalog.model_grants;

-- The contents belong to the database rather than to the extension, so pg_dump includes them.
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.models', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.models_model_id_seq', '');
-- Exclude owners and grants of dropped roles: restored by oid, they might belong to other roles.
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.model_owners',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles WHERE pg_roles.oid OPERATOR(pg_catalog.=) owner::pg_catalog.oid)');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.model_grants',
    'WHERE grantee::pg_catalog.oid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
        OR EXISTS (SELECT FROM pg_catalog.pg_roles WHERE pg_roles.oid OPERATOR(pg_catalog.=) grantee::pg_catalog.oid)');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.model_functions', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.versions', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.versions_version_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.segments', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.segment_labels', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.rules', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.rules_rule_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.segment_profiles', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.segment_choices', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.algorithm_choices', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.segment_transitions', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.segment_drift', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.segment_trees', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.segment_reachability', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.item_features', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.scorers', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.segment_history', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.deployments', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.metrics', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.training_log', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.version_users', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.version_items', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.version_sections', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.version_item_rows', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.version_segment_items', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.studies', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.studies_study_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.trials', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.schedules', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.schedule_runs', '');
SELECT pg_catalog.pg_extension_config_dump('segrec_catalog.schedule_runs_run_id_seq', '');
