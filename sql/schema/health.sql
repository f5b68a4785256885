-- Whether models serve current data, the success of their trainings, and their size, for users and for monitoring.
-- These views read only PostgreSQL's catalogs and not the relations of models, so they neither fail nor block, whatever
-- happened to those relations. A view that a model reads would have to be planned, which locks its tables and runs its
-- IMMUTABLE functions, so they say what was found when the model was last defined or trained.

-- Why a model does not serve the current contents of its relations; the first reason that applies. Join it by name, so
-- that it is evaluated only for the models requested.
CREATE VIEW segrec_catalog.model_states WITH (security_barrier) AS
SELECT model.name,
       CASE
           WHEN model.last_version = 0 THEN 'it was never trained'
           WHEN model.deployed_version_id IS NULL THEN 'no version is deployed'
           WHEN NOT EXISTS (SELECT FROM segrec_catalog.versions version WHERE version.version_id = model.deployed_version_id)
               THEN 'the rows of the deployed version are missing: a restore omitted them'
           WHEN relation.oid IS NULL THEN pg_catalog.format('the %s relation does not exist', read.what)
           WHEN missing.names IS NOT NULL THEN pg_catalog.format('columns of %s do not exist: %s', read.what, missing.names)
           WHEN other.names IS NOT NULL THEN pg_catalog.format('columns of %s contain ids of another type: %s', read.what, other.names)
           WHEN relation.relkind = 'v' THEN
               CASE WHEN model.live_by_plan IS NOT TRUE
                    THEN COALESCE(model.plan_reason, 'how one user''s rows are found in the view is not known before the next training') END
           WHEN led.index IS NULL THEN
               pg_catalog.format('no index of %s leads with column %I', read.what, read.user_column)
               || CASE WHEN relation.relkind IN ('r', 'p', 'm')
                       THEN pg_catalog.format(': CREATE INDEX ON %s (%s)', relation.oid::regclass, pg_catalog.concat_ws(', ',
                           (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(compared), ', ' ORDER BY compared COLLATE "C")
                            FROM pg_catalog.jsonb_object_keys(read.filter) AS compared), pg_catalog.quote_ident(read.user_column)))
                       ELSE '' END
       END AS not_live,
       CASE WHEN relation.relkind = 'v' THEN model.plan_reason
            WHEN led.index IS NOT NULL THEN pg_catalog.format('index %I on %s leads with %s', led.index, relation.oid::regclass, led.columns)
       END AS live_by
FROM segrec_catalog.models model
CROSS JOIN LATERAL (
    SELECT COALESCE(model.events, model.users)::oid AS oid,
           CASE WHEN model.events IS NULL THEN 'users' ELSE 'events' END AS what,
           COALESCE(model.user_column, model.users_key) AS user_column,
           COALESCE(model.options #> ARRAY[CASE WHEN model.events IS NULL THEN 'users' ELSE 'events' END, 'filter'], '{}') AS filter) AS read
LEFT JOIN pg_catalog.pg_class relation ON relation.oid = read.oid
LEFT JOIN LATERAL (
    SELECT class.relname AS index, before.columns
    FROM pg_catalog.pg_index index
    JOIN pg_catalog.pg_class class ON class.oid = index.indexrelid
    JOIN pg_catalog.pg_am method ON method.oid = class.relam
    JOIN pg_catalog.pg_attribute attribute
        ON attribute.attrelid = index.indrelid AND attribute.attnum = ANY (index.indkey)
    -- The first columns of the index, up to the user column. The filter must compare all others.
    CROSS JOIN LATERAL (
        SELECT pg_catalog.min(place) AS place
        FROM pg_catalog.generate_series(0, index.indnkeyatts - 1) AS place
        WHERE index.indkey[place] = attribute.attnum) AS led
    CROSS JOIN LATERAL (
        SELECT pg_catalog.string_agg(pg_catalog.quote_ident(first_columns.attname), ', ' ORDER BY place) AS columns,
               pg_catalog.bool_and(COALESCE(place = led.place OR read.filter ? first_columns.attname::text, false)) AS compared
        FROM pg_catalog.generate_series(0, led.place) AS place
        LEFT JOIN pg_catalog.pg_attribute first_columns
            ON first_columns.attrelid = index.indrelid AND first_columns.attnum = index.indkey[place]) AS before
    WHERE index.indrelid = relation.oid AND attribute.attname = read.user_column::name
      AND index.indisvalid AND index.indpred IS NULL AND method.amname IN ('btree', 'hash')
      AND attribute.atttypid <> 'pg_catalog.bpchar'::pg_catalog.regtype AND before.compared
    ORDER BY class.relname LIMIT 1) AS led ON true
CROSS JOIN LATERAL (
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(named.name), ', ' ORDER BY named.place) AS names
    FROM (VALUES (1, read.user_column), (2, model.item_column), (3, model.weight_column), (4, model.time_column),
                 (5, model.type_column)
          UNION ALL
          SELECT 6, compared FROM pg_catalog.jsonb_object_keys(read.filter) AS compared) AS named (place, name)
    WHERE named.name IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute attribute
                      WHERE attribute.attrelid = read.oid AND attribute.attname = named.name::name
                        AND attribute.attnum > 0 AND NOT attribute.attisdropped)) AS missing
CROSS JOIN LATERAL (
    SELECT pg_catalog.string_agg(pg_catalog.format('%I is %s, not %s', named.name, pg_catalog.format_type(base.oid, NULL), named.kind), ', ') AS names
    FROM (VALUES (read.user_column, model.user_id_kind), (model.item_column, model.item_id_kind)) AS named (name, kind)
    JOIN pg_catalog.pg_attribute attribute
        ON attribute.attrelid = read.oid AND attribute.attname = named.name::name AND attribute.attnum > 0
    JOIN pg_catalog.pg_type type ON type.oid = attribute.atttypid
    -- Resolve a domain to its base type; nothing is reported for domains over domains.
    JOIN pg_catalog.pg_type base ON base.oid = CASE type.typtype WHEN 'd' THEN type.typbasetype ELSE type.oid END
    WHERE base.typtype <> 'd'
      AND named.kind <> CASE WHEN base.oid IN ('pg_catalog.int2'::pg_catalog.regtype, 'pg_catalog.int4'::pg_catalog.regtype,
                                               'pg_catalog.int8'::pg_catalog.regtype) THEN 'bigint'
                             WHEN base.oid = 'pg_catalog.uuid'::pg_catalog.regtype THEN 'uuid'
                             WHEN base.oid IN ('pg_catalog.text'::pg_catalog.regtype, 'pg_catalog.varchar'::pg_catalog.regtype,
                                               'pg_catalog.bpchar'::pg_catalog.regtype) THEN 'text'
                             ELSE '' END) AS other;
COMMENT ON VIEW segrec_catalog.model_states IS 'every model, with the reason why it does not serve the current contents of its relation, and how it finds those of one user if it does';

CREATE VIEW segrec.models WITH (security_barrier) AS
SELECT model.name AS model, model.owner, model.events, model.users, model.items, model.options,
       version.version AS deployed_version, version.finished_at AS trained_at, schedule.cron AS schedule,
       model.user_column, model.item_column, model.weight_column, model.time_column, model.type_column,
       model.created_at, state.not_live IS NULL AS live, COALESCE(state.not_live, state.live_by) AS live_reason
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.model_states state ON state.name = model.name
LEFT JOIN segrec_catalog.versions version ON version.version_id = model.deployed_version_id
LEFT JOIN segrec_catalog.schedules schedule ON schedule.model_id = model.model_id;
COMMENT ON VIEW segrec.models IS 'the models you may use';

-- The approximate size of every version, computed from its known numbers of rows.
CREATE VIEW segrec_catalog.model_sizes WITH (security_barrier) AS
SELECT version.model_id, pg_catalog.sum(version.users) AS users, pg_catalog.sum(version.items) AS items,
       pg_catalog.sum(version.items * version.segments) AS pairs
FROM segrec_catalog.versions version
WHERE version.state <> 'history'
GROUP BY version.model_id;
COMMENT ON VIEW segrec_catalog.model_sizes IS 'numbers of users and items in the versions of each model, and maximum numbers of pairs of a segment and an item';

-- Recorded trainings: versions, and failed runs of schedules.
CREATE VIEW segrec_catalog.attempts WITH (security_barrier) AS
SELECT version.model_id, version.finished_at,
       CASE WHEN version.state = 'failed' THEN 'failed' WHEN version.deployed_at IS NULL THEN 'not deployed' ELSE 'deployed' END AS outcome
FROM segrec_catalog.versions version
UNION ALL
SELECT run.model_id, run.finished_at, run.outcome
FROM segrec_catalog.schedule_runs run
WHERE run.outcome = 'failed';
COMMENT ON VIEW segrec_catalog.attempts IS 'recorded trainings and their outcomes';

CREATE VIEW segrec.health WITH (security_barrier) AS
SELECT model.name AS model, state.not_live IS NULL AS live, state.not_live AS live_reason,
       version.version AS deployed_version, pg_catalog.now() - version.finished_at AS deployed_age,
       last.finished_at AS last_training_at, last.outcome AS last_outcome,
       (SELECT pg_catalog.count(*) FROM segrec_catalog.attempts attempt
        WHERE attempt.model_id = model.model_id AND attempt.outcome = 'failed'
          AND attempt.finished_at > COALESCE(
              (SELECT pg_catalog.max(done.finished_at) FROM segrec_catalog.attempts done
               WHERE done.model_id = model.model_id AND done.outcome <> 'failed'), '-infinity')) AS failures_in_a_row,
       (SELECT pg_catalog.count(*) FROM segrec_catalog.versions newer
        WHERE newer.model_id = model.model_id AND newer.state = 'ready'
          AND newer.version > COALESCE(
              (SELECT pg_catalog.max(answered.version) FROM segrec_catalog.versions answered
               WHERE answered.model_id = model.model_id AND answered.deployed_at IS NOT NULL), 0)) AS not_deployed_in_a_row,
       CASE WHEN model.options #> '{events,filter}' <> '{}' THEN NULL
            WHEN counted.rows > version.event_rows THEN counted.rows - version.event_rows
            WHEN counted.rows IS NOT NULL AND version.event_rows IS NOT NULL THEN 0 END AS new_rows,
       (SELECT (COALESCE(size.users / NULLIF(every.users, 0) * pg_catalog.pg_total_relation_size('segrec_catalog.version_users'), 0)
              + COALESCE(size.items / NULLIF(every.items, 0)
                         * (pg_catalog.pg_total_relation_size('segrec_catalog.version_items')
                            + pg_catalog.pg_total_relation_size('segrec_catalog.version_item_rows')), 0)
              + COALESCE(size.pairs / NULLIF(every.pairs, 0) * pg_catalog.pg_total_relation_size('segrec_catalog.version_segment_items'), 0))::bigint
        FROM segrec_catalog.model_sizes size,
             (SELECT pg_catalog.sum(users) AS users, pg_catalog.sum(items) AS items, pg_catalog.sum(pairs) AS pairs
              FROM segrec_catalog.model_sizes) AS every
        WHERE size.model_id = model.model_id) AS disk,
       job.running AS jobs_running, job.waiting AS jobs_waiting
FROM segrec_catalog.owned_models model
JOIN segrec_catalog.model_states state ON state.name = model.name
LEFT JOIN segrec_catalog.versions version ON version.version_id = model.deployed_version_id
LEFT JOIN LATERAL (SELECT attempt.finished_at, attempt.outcome FROM segrec_catalog.attempts attempt
                   WHERE attempt.model_id = model.model_id AND attempt.finished_at IS NOT NULL
                   ORDER BY attempt.finished_at DESC LIMIT 1) AS last ON true
-- PostgreSQL's estimate of the rows of a table, summed over the partitions of a partitioned one; unknown for other
-- relations.
CROSS JOIN LATERAL (
    WITH RECURSIVE part (oid) AS (
        SELECT model.events::oid
        UNION
        SELECT child.inhrelid FROM part JOIN pg_catalog.pg_inherits child ON child.inhparent = part.oid)
    SELECT pg_catalog.sum(GREATEST(pg_catalog.pg_stat_get_live_tuples(stored.oid), stored.reltuples::bigint, 0))::bigint AS rows
    FROM part JOIN pg_catalog.pg_class stored ON stored.oid = part.oid
    WHERE stored.relkind IN ('r', 'm')) AS counted
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) FILTER (WHERE state = 'running') AS running,
           pg_catalog.count(*) FILTER (WHERE state = 'waiting') AS waiting
    FROM segrec_catalog.seen_jobs WHERE seen_jobs.model_id = model.model_id) AS job
WHERE pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
   OR EXISTS (SELECT FROM segrec_catalog.usable_models usable WHERE usable.model_id = model.model_id);
COMMENT ON VIEW segrec.health IS 'the state of models for monitoring: those you may use, and all models for members of pg_read_all_stats';
