-- The views. A role sees a model if it is a member of the owner or of a role with a grant on the model, or if it may
-- read everything that the model reads: events, users and items are tables or materialized views in schemas that it may
-- use, and row-level security does not restrict what it sees of them. (Views and foreign tables may show each role
-- different rows.) Errors may quote values of rows, so only roles that may train the model see them. All views are
-- security barriers.

-- Nobody is a member of a dropped role, so its grants have no effect.
CREATE VIEW segrec_catalog.held_grants WITH (security_barrier) AS
SELECT model_id, privilege
FROM segrec_catalog.model_grants
WHERE grantee::oid = 0 OR pg_catalog.pg_has_role(grantee::oid, 'USAGE');
COMMENT ON VIEW segrec_catalog.held_grants IS 'the grants of the current role: its own, those of its memberships and those to public';

-- Roles can be dropped without our knowledge; what they owned then belongs to the owner of the catalog. That owner is
-- looked up only if needed, because every recommendation reads this view.
CREATE VIEW segrec_catalog.owned_models WITH (security_barrier) AS
SELECT model.*,
       COALESCE(role.oid, (SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'segrec_catalog.models'::regclass))::regrole AS owner
FROM segrec_catalog.models model
LEFT JOIN segrec_catalog.model_owners owned USING (model_id)
LEFT JOIN pg_catalog.pg_roles role ON role.oid = owned.owner::oid;
COMMENT ON VIEW segrec_catalog.owned_models IS 'every model with its owner';

CREATE VIEW segrec_catalog.open_relations WITH (security_barrier) AS
SELECT oid
FROM pg_catalog.pg_class
WHERE relkind IN ('r', 'p', 'm') AND NOT relrowsecurity
  AND pg_catalog.has_table_privilege(oid, 'SELECT') AND pg_catalog.has_schema_privilege(relnamespace, 'USAGE');
COMMENT ON VIEW segrec_catalog.open_relations IS 'the relations of which the current role can see every row';

CREATE VIEW segrec_catalog.usable_models WITH (security_barrier) AS
SELECT model.*,
       pg_catalog.pg_has_role(model.owner::oid, 'USAGE') AS is_owner,
       pg_catalog.pg_has_role(model.owner::oid, 'USAGE')
       OR EXISTS (SELECT FROM segrec_catalog.held_grants held
                  WHERE held.model_id = model.model_id AND held.privilege = 'train') AS may_train,
       pg_catalog.pg_has_role(model.owner::oid, 'USAGE')
       OR EXISTS (SELECT FROM segrec_catalog.held_grants held
                  WHERE held.model_id = model.model_id AND held.privilege = 'label') AS may_label
FROM segrec_catalog.owned_models model
WHERE pg_catalog.pg_has_role(model.owner::oid, 'USAGE')
   OR EXISTS (SELECT FROM segrec_catalog.held_grants held WHERE held.model_id = model.model_id)
   OR (model.events IS NULL OR EXISTS (SELECT FROM segrec_catalog.open_relations open WHERE open.oid = model.events::oid))
      AND (model.users IS NULL OR EXISTS (SELECT FROM segrec_catalog.open_relations open WHERE open.oid = model.users::oid))
      AND (model.items IS NULL OR EXISTS (SELECT FROM segrec_catalog.open_relations open WHERE open.oid = model.items::oid));
COMMENT ON VIEW segrec_catalog.usable_models IS 'the models that the current role may use';

CREATE VIEW segrec_catalog.usable_versions WITH (security_barrier) AS
SELECT model.name AS model, version.version_id, version.model_id, version.version, version.state, version.started_at,
       version.finished_at, version.deployed_at, version.users, version.items, version.events, version.segments,
       version.split, version.metric, version.value, version.baseline, version.previous,
       CASE WHEN version.state <> 'failed' OR model.may_train THEN version.reason
            ELSE 'the training failed; the reason is shown only to roles that may train the model' END AS reason,
       version.options, version.decided, version.classifier, version.median_weight, version.anchor,
       version.item_gram, version.event_rows,
       version.version_id = model.deployed_version_id IS TRUE AS deployed, version.as_of
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.versions version USING (model_id);
COMMENT ON VIEW segrec_catalog.usable_versions IS 'the versions of the models that the current role may use';

CREATE VIEW segrec.grants WITH (security_barrier) AS
SELECT model.name AS model,
       CASE WHEN granted.grantee::oid = 0 THEN 'public' ELSE granted.grantee::text END AS grantee,
       granted.privilege
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.model_grants granted USING (model_id)
WHERE granted.grantee::oid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_roles role WHERE role.oid = granted.grantee::oid);
COMMENT ON VIEW segrec.grants IS 'the privileges granted on the models you may use';

CREATE VIEW segrec.rules WITH (security_barrier) AS
SELECT rule.rule_id AS id, model.name AS model, rule.action, rule.items, rule.condition, rule.segment, rule.place,
       rule.valid_from, rule.valid_to, rule.reason, rule.created_by, rule.created_at, rule.value
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.rules rule USING (model_id);
COMMENT ON VIEW segrec.rules IS 'the rules that decide what lists of the models you may use show';

CREATE VIEW segrec_catalog.segment_names WITH (security_barrier) AS
SELECT DISTINCT ON (version.model_id, segment.segment) version.model_id, segment.segment,
       COALESCE(label.label, segment.name, segment.profile_name) AS label
FROM segrec_catalog.versions version
JOIN segrec_catalog.segments segment USING (version_id)
LEFT JOIN segrec_catalog.segment_labels label
    ON label.model_id = version.model_id AND label.segment = segment.segment
ORDER BY version.model_id, segment.segment, version.version DESC;
COMMENT ON VIEW segrec_catalog.segment_names IS 'the labels of all segments of every model, as in the newest version that has them';

CREATE VIEW segrec.versions WITH (security_barrier) AS
SELECT model, version, state, deployed, started_at, finished_at, users, items, events, segments,
       metric, value, baseline, reason, previous, split, options, decided, as_of, deployed_at
FROM segrec_catalog.usable_versions;
COMMENT ON VIEW segrec.versions IS 'the versions of the models you may use, with their results';

CREATE VIEW segrec.segments WITH (security_barrier) AS
SELECT model.name AS model, version.version, segment.segment, COALESCE(label.label, segment.name, segment.profile_name) AS label, segment.rule,
       segment.users,
       segment.users / pg_catalog.sum(segment.users) OVER (PARTITION BY model.name)::float8 AS share,
       segment.since_version, segment.own_factors, segment.gain, segment.gain_error,
       segment.rule_precision, segment.rule_recall,
       CASE WHEN label.label IS NOT NULL THEN 'given' WHEN segment.name IS NOT NULL THEN 'users'
            WHEN segment.profile_name IS NOT NULL THEN 'profile' END AS label_source
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.versions version ON version.version_id = model.deployed_version_id
JOIN segrec_catalog.segments segment ON segment.version_id = model.deployed_version_id
LEFT JOIN segrec_catalog.segment_labels label ON label.model_id = model.model_id AND label.segment = segment.segment;
COMMENT ON VIEW segrec.segments IS 'the segments of each deployed version';

-- The following views find the deployed version's rows by key, combined with any other key columns in the query.
CREATE VIEW segrec.segment_members WITH (security_barrier) AS
SELECT model.name AS model, member.user_id, member.segment, member.distance, member.confidence, member.noise
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.version_users member ON member.version_id = model.deployed_version_id;
COMMENT ON VIEW segrec.segment_members IS 'the segment of every user of each deployed version';

CREATE VIEW segrec.segment_probabilities WITH (security_barrier) AS
SELECT model.name AS model, member.user_id, segment.segment, segment.probability
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.version_users member ON member.version_id = model.deployed_version_id
CROSS JOIN LATERAL ROWS FROM (
    pg_catalog.unnest(ARRAY(SELECT own.segment FROM segrec_catalog.segments own
                            WHERE own.version_id = member.version_id ORDER BY own.segment)),
    pg_catalog.unnest(member.probabilities)) AS segment (segment, probability)
WHERE member.probabilities IS NOT NULL;
COMMENT ON VIEW segrec.segment_probabilities IS 'the probability that each user belongs to each segment, for the method mixture';

CREATE VIEW segrec.segment_reachability WITH (security_barrier) AS
SELECT model.name AS model, plot.place, member.user_id, member.segment, plot.reachability, plot.core_distance
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.segment_reachability plot ON plot.version_id = model.deployed_version_id
JOIN segrec_catalog.version_users member
    ON member.version_id = model.deployed_version_id AND member.place = plot.user_place;
COMMENT ON VIEW segrec.segment_reachability IS 'the reachability plot of each deployed version, for the method optics: every segment is a valley';

CREATE VIEW segrec.item_features WITH (security_barrier) AS
SELECT model.name AS model, feature.column_name, feature.kind, feature.weight, feature.reason
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.item_features feature ON feature.version_id = model.deployed_version_id;
COMMENT ON VIEW segrec.item_features IS 'the columns of items that each deployed version uses as features, and those that it does not use';

CREATE VIEW segrec.segment_profiles WITH (security_barrier) AS
SELECT model.name AS model, profile.segment, profile.feature, profile.kind, profile.value, profile.overall,
       profile.lift, profile.share, profile.place AS rank
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.segment_profiles profile ON profile.version_id = model.deployed_version_id;
COMMENT ON VIEW segrec.segment_profiles IS 'the profile of each segment, the most distinctive feature first';

CREATE VIEW segrec.version_profiles WITH (security_barrier) AS
SELECT version.model, version.version, version.as_of, profile.segment,
       COALESCE(label.label, segment.name, segment.profile_name) AS label, profile.feature, profile.kind, profile.value,
       profile.overall, profile.lift, profile.share, profile.place AS rank
FROM segrec_catalog.usable_versions version
JOIN segrec_catalog.segment_profiles profile USING (version_id)
LEFT JOIN segrec_catalog.segments segment
    ON segment.version_id = version.version_id AND segment.segment = profile.segment
LEFT JOIN segrec_catalog.segment_labels label
    ON label.model_id = version.model_id AND label.segment = profile.segment;
COMMENT ON VIEW segrec.version_profiles IS 'the profiles of the segments of every version, deployed or not';

CREATE VIEW segrec.segment_sizes WITH (security_barrier) AS
SELECT version.model, version.version, version.as_of, version.finished_at AS trained_at, version.deployed_at,
       version.deployed, segment.segment, COALESCE(label.label, segment.name, segment.profile_name) AS label, segment.users,
       segment.users / NULLIF(pg_catalog.sum(segment.users) OVER (PARTITION BY version.model, version.version), 0)::float8 AS share,
       segment.rule, segment.rule_precision, segment.rule_recall, segment.since_version
FROM segrec_catalog.usable_versions version
JOIN segrec_catalog.segments segment USING (version_id)
LEFT JOIN segrec_catalog.segment_labels label
    ON label.model_id = version.model_id AND label.segment = segment.segment;
COMMENT ON VIEW segrec.segment_sizes IS 'the segments of every version, deployed or not, with their sizes';

CREATE VIEW segrec.segment_choices WITH (security_barrier) AS
SELECT version.model, version.version, choice.segments, choice.silhouette, choice.davies_bouldin,
       choice.calinski_harabasz, choice.held_out, choice.chosen, choice.reason
FROM segrec_catalog.usable_versions version
JOIN segrec_catalog.segment_choices choice USING (version_id);
COMMENT ON VIEW segrec.segment_choices IS 'the numbers of segments that each training tried, with the reason for the choice';

CREATE VIEW segrec.segment_history WITH (security_barrier) AS
SELECT model.name AS model, history.user_id, history.segment, history.valid_from, history.valid_to
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.segment_history history USING (model_id);
COMMENT ON VIEW segrec.segment_history IS 'the history of the segment of every user in the deployed versions';

-- Everything of a model is looked up by its key, whatever other models there are. A row of the history begins with a
-- move, and ends with one if no other begins then. The labels are collected once for a model.
CREATE VIEW segrec.segment_moves WITH (security_barrier) AS
SELECT model.name AS model, period.user_id, deployment.version, move.moved_at, deployment.as_of,
       move.from_segment, move.to_segment,
       known.labels ->> move.from_segment::text AS from_label, known.labels ->> move.to_segment::text AS to_label
FROM segrec_catalog.usable_models model
CROSS JOIN LATERAL (
    SELECT (SELECT pg_catalog.min(deployed_at) FROM segrec_catalog.deployments
            WHERE deployments.model_id = model.model_id) AS first_deployed_at,
           (SELECT pg_catalog.jsonb_object_agg(named.segment, named.label) FROM segrec_catalog.segment_names named
            WHERE named.model_id = model.model_id) AS labels
    OFFSET 0) AS known
CROSS JOIN LATERAL (
    SELECT history.user_id, history.segment, history.valid_from, history.valid_to,
           pg_catalog.lag(history.segment) OVER of_user AS former,
           pg_catalog.lag(history.valid_to) OVER of_user AS former_to,
           pg_catalog.lead(history.valid_from) OVER of_user AS next_from
    FROM segrec_catalog.segment_history history
    WHERE history.model_id = model.model_id
    WINDOW of_user AS (PARTITION BY history.user_id ORDER BY history.valid_from)) AS period
CROSS JOIN LATERAL (VALUES
    (period.valid_from, CASE WHEN period.former_to = period.valid_from THEN period.former END, period.segment),
    (CASE WHEN period.next_from IS DISTINCT FROM period.valid_to THEN period.valid_to END, period.segment, NULL)
) AS move (moved_at, from_segment, to_segment)
LEFT JOIN segrec_catalog.deployments deployment
    ON deployment.model_id = model.model_id AND deployment.deployed_at = move.moved_at
WHERE move.moved_at > known.first_deployed_at;
COMMENT ON VIEW segrec.segment_moves IS 'the users whose segment changed with a deployment, after the first one';

CREATE VIEW segrec.segment_transitions WITH (security_barrier) AS
SELECT version.model, moved.from_version, version.version AS to_version, moved.from_segment, moved.to_segment,
       moved.users
FROM segrec_catalog.usable_versions version
JOIN segrec_catalog.segment_transitions moved USING (version_id);
COMMENT ON VIEW segrec.segment_transitions IS 'numbers of users that changed from one segment to another between versions';

CREATE VIEW segrec.segment_drift WITH (security_barrier) AS
SELECT version.model, drift.from_version, version.version AS to_version, drift.measure, drift.feature, drift.value
FROM segrec_catalog.usable_versions version
JOIN segrec_catalog.segment_drift drift USING (version_id);
COMMENT ON VIEW segrec.segment_drift IS 'the drift of segments and features between versions';

CREATE VIEW segrec.segment_items WITH (security_barrier) AS
SELECT ranked.*, pg_catalog.row_number() OVER (
           PARTITION BY model, segment
           ORDER BY CASE WHEN users >= 5 AND share >= 0.01 THEN lift ELSE 0 END DESC, users DESC, item_id) AS rank_by_lift
FROM (
    SELECT model.name AS model, own.segment,
           pg_catalog.row_number() OVER (PARTITION BY model.name, own.segment ORDER BY own.users DESC, own.item) AS rank,
           item.item_id, own.users,
           own.users / segment.users::float8 AS share,
           (own.users / segment.users::float8) / (item.users / version.users::float8) AS lift
    FROM segrec_catalog.usable_models model
    JOIN segrec_catalog.versions version ON version.version_id = model.deployed_version_id
    JOIN segrec_catalog.segments segment ON segment.version_id = model.deployed_version_id
    JOIN segrec_catalog.version_segment_items own
        ON own.version_id = model.deployed_version_id AND own.segment = segment.segment
    JOIN segrec_catalog.version_items item ON item.version_id = model.deployed_version_id AND item.item = own.item) AS ranked;
COMMENT ON VIEW segrec.segment_items IS 'the items of each segment, ranked by the number of its users that have them and by lift';

CREATE VIEW segrec.item_factors WITH (security_barrier) AS
SELECT model.name AS model, NULL::integer AS segment, item.item_id, item.factors
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.version_items item ON item.version_id = model.deployed_version_id
UNION ALL
SELECT model.name, own.segment, item.item_id, own.factors
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.segments segment ON segment.version_id = model.deployed_version_id
JOIN segrec_catalog.version_segment_items own
    ON own.version_id = model.deployed_version_id AND own.segment = segment.segment
JOIN segrec_catalog.version_items item ON item.version_id = model.deployed_version_id AND item.item = own.item
WHERE own.factors IS NOT NULL;
COMMENT ON VIEW segrec.item_factors IS 'the item factors: those of the backbone (segment is null) and those of each segment';

CREATE VIEW segrec.item_neighbours WITH (security_barrier) AS
SELECT model.name AS model, item.item_id, neighbour.item_id AS neighbour_id, named.weight
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.version_sections section
    ON section.version_id = model.deployed_version_id AND section.scorer = 'neighbours' AND section.name = 'weights'
JOIN segrec_catalog.version_item_rows own
    ON own.version_id = model.deployed_version_id AND own.section = section.section
JOIN segrec_catalog.version_items item ON item.version_id = model.deployed_version_id AND item.item = own.item
CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(own.items), pg_catalog.unnest(own.weights)) AS named (item, weight)
JOIN segrec_catalog.version_items neighbour
    ON neighbour.version_id = model.deployed_version_id AND neighbour.item = named.item;
COMMENT ON VIEW segrec.item_neighbours IS 'the neighbours of each item, with the weights that they add to scores';

CREATE VIEW segrec.algorithm_choices WITH (security_barrier) AS
SELECT version.model, version.version, choice.algorithm, version.metric, choice.value, choice.seconds,
       choice.chosen, choice.reason
FROM segrec_catalog.usable_versions version
JOIN segrec_catalog.algorithm_choices choice USING (version_id)
ORDER BY version.model, version.version, choice.place;
COMMENT ON VIEW segrec.algorithm_choices IS 'the algorithms that trainings with algorithm auto tried, and those that were replaced by popularity';

CREATE VIEW segrec.scorers WITH (security_barrier) AS
SELECT version.model, version.version, scorer.scorer, scorer.weight, scorer.share, version.metric, scorer.gain,
       scorer.gain - 1.96 * scorer.gain_error AS ci_low, scorer.gain + 1.96 * scorer.gain_error AS ci_high,
       1e6 * scorer.seconds AS microseconds, scorer.bytes / 1048576.0::float8 AS megabytes
FROM segrec_catalog.usable_versions version
JOIN segrec_catalog.scorers scorer USING (version_id)
ORDER BY version.model, version.version, scorer.place;
COMMENT ON VIEW segrec.scorers IS 'the scorers of every version''s algorithm: what each is worth on held-out events, what it adds to a call, and what it keeps';

CREATE VIEW segrec.user_factors WITH (security_barrier) AS
SELECT model.name AS model, member.user_id, member.segment, member.factors
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.version_users member ON member.version_id = model.deployed_version_id
WHERE member.factors <> '{}';
COMMENT ON VIEW segrec.user_factors IS 'the user factors, to be multiplied with the item factors of the user''s segment';

CREATE VIEW segrec.metrics WITH (security_barrier) AS
SELECT version.model, version.version, metric.metric, metric.k, metric.segment, metric.value,
       metric.ci_low, metric.ci_high, metric.baseline, metric.users, metric.history
FROM segrec_catalog.usable_versions version
JOIN segrec_catalog.metrics metric USING (version_id);
COMMENT ON VIEW segrec.metrics IS 'the metrics of every version on its holdout, compared with popularity (baseline)';

CREATE VIEW segrec.training_log WITH (security_barrier) AS
SELECT version.model, version.version, log.phase, log.step, log.loss, log.metric, log.value, log.seconds
FROM segrec_catalog.usable_versions version
JOIN segrec_catalog.training_log log USING (version_id)
ORDER BY version.model, version.version, log.entry;
COMMENT ON VIEW segrec.training_log IS 'the log of every training';

CREATE VIEW segrec.trials WITH (security_barrier) AS
SELECT model.name AS model, trial.study_id AS study, trial.trial, trial.share, trial.options, study.metric,
       trial.value, CASE WHEN model.may_train THEN trial.error END AS error, trial.seconds, trial.state,
       trial.share = 1 AND trial.value IS NOT NULL AND pg_catalog.row_number() OVER (
           PARTITION BY model.name, trial.study_id, trial.share, trial.value IS NULL
           ORDER BY CASE WHEN study.metric IN ('rmse', 'mae', 'mse') THEN trial.value ELSE -trial.value END,
                    trial.trial) = 1 AS best
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.studies study USING (model_id)
JOIN segrec_catalog.trials trial USING (study_id)
ORDER BY model.name, trial.study_id, trial.trial;
COMMENT ON VIEW segrec.trials IS 'the trials of every study by segrec_tune, including running ones';

-- Returns only counters of models that the caller may use; those of other models cannot be queried.
CREATE FUNCTION segrec_catalog.serving_counters()
    RETURNS TABLE (model text, calls bigint, stored bigint, folded_in bigint, attributes bigint, segment_popular bigint,
                   popular bigint, empty bigint, files_written bigint, since timestamptz)
    VOLATILE PARALLEL SAFE COST 1000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'serving_counters_wrapper';
COMMENT ON FUNCTION segrec_catalog.serving_counters() IS 'the counters shown by segrec.serving_statistics';

CREATE VIEW segrec.serving_statistics WITH (security_barrier) AS
SELECT model, calls, stored, folded_in, attributes, segment_popular, popular, empty, files_written, since
FROM segrec_catalog.serving_counters();
COMMENT ON VIEW segrec.serving_statistics IS 'numbers of lists returned by segrec_recommend and segrec_recommend_for in all sessions since the first call after the start of the server';

-- What pg_cron records about a job, if it is installed and the current role may read it, which it may for its own jobs.
CREATE FUNCTION segrec_catalog.last_of_job(job bigint)
    RETURNS TABLE (status text, message text, started_at timestamptz)
    STABLE PARALLEL SAFE ROWS 1 COST 1000 LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_cron') THEN
        RETURN;
    END IF;
    IF pg_catalog.has_schema_privilege('cron', 'USAGE') THEN
        RETURN QUERY EXECUTE 'SELECT status, return_message, start_time FROM cron.job_run_details
                              WHERE jobid = $1 ORDER BY runid DESC LIMIT 1' USING job;
    END IF;
END
$$;
COMMENT ON FUNCTION segrec_catalog.last_of_job(bigint) IS 'the latest run of a pg_cron job, if the current role may read it';

CREATE FUNCTION segrec_catalog.next_run(cron text, after timestamp) RETURNS timestamp
    STRICT IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'next_run_wrapper';
COMMENT ON FUNCTION segrec_catalog.next_run(text, timestamp) IS 'the next time of a cron expression, in the time zone of pg_cron';

CREATE FUNCTION segrec_catalog.scheduler_timezone() RETURNS text
    STABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'scheduler_timezone_wrapper';
COMMENT ON FUNCTION segrec_catalog.scheduler_timezone() IS 'the time zone of pg_cron';

CREATE VIEW segrec.schedules WITH (security_barrier) AS
SELECT model.name AS model, schedule.cron, schedule.min_new_events, schedule.paused, schedule.role,
       CASE WHEN NOT schedule.paused
            THEN segrec_catalog.next_run(schedule.cron, pg_catalog.now() AT TIME ZONE zone.name) AT TIME ZONE zone.name
       END AS next_run_at,
       last.started_at AS last_started_at, last.finished_at AS last_finished_at, last.outcome AS last_outcome,
       CASE WHEN model.may_train THEN last.error END AS last_error, schedule.job,
       cron.started_at AS job_started_at, cron.status AS job_status, cron.message AS job_message
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.schedules schedule USING (model_id)
CROSS JOIN segrec_catalog.scheduler_timezone() AS zone (name)
LEFT JOIN LATERAL (SELECT run.started_at, run.finished_at, run.outcome, run.error
                   FROM segrec_catalog.schedule_runs run
                   WHERE run.model_id = model.model_id
                   ORDER BY run.run_id DESC LIMIT 1) AS last ON true
LEFT JOIN LATERAL segrec_catalog.last_of_job(schedule.job) AS cron ON true;
COMMENT ON VIEW segrec.schedules IS 'the schedules of the models you may use, with their next and last runs';

CREATE VIEW segrec.schedule_runs WITH (security_barrier) AS
SELECT model.name AS model, run.started_at, run.finished_at, run.outcome, run.new_events, run.version,
       CASE WHEN model.may_train THEN run.error END AS error
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.schedule_runs run USING (model_id)
ORDER BY model.name, run.run_id DESC;
COMMENT ON VIEW segrec.schedule_runs IS 'the latest runs of schedules, up to 100 of each model';

-- A job marked as running without a process that holds its lock was ended by a shutdown or a crash. A replica cannot
-- see the locks of its primary.
CREATE VIEW segrec_catalog.seen_jobs WITH (security_barrier) AS
SELECT job.job, job.model_id, job.role, job.pid, job.started_at, job.finished_at, job.version,
       CASE WHEN ended.early THEN 'failed' ELSE job.state END AS state,
       CASE WHEN ended.early THEN 'its process ended: the server was shut down or crashed, or the process was terminated'
            ELSE job.error END AS error,
       job.asked_at
FROM segrec_catalog.jobs job, LATERAL (
    SELECT job.state = 'running' AND NOT pg_catalog.pg_is_in_recovery() AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_locks lock
        WHERE lock.locktype = 'object' AND lock.classid = 'segrec_catalog.jobs'::pg_catalog.regclass
          AND lock.objid = (job.job % 4294967296)::oid AND lock.granted AND lock.pid = job.pid
          AND lock.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
    ) AS early) ended;
COMMENT ON VIEW segrec_catalog.seen_jobs IS 'all jobs with their current states';

CREATE VIEW segrec_catalog.usable_jobs WITH (security_barrier) AS
SELECT model.name AS model, job.job, job.model_id, job.role, job.pid, job.started_at, job.finished_at, job.version,
       job.state, CASE WHEN model.may_train THEN job.error END AS error, job.asked_at
FROM segrec_catalog.usable_models model
JOIN segrec_catalog.seen_jobs job USING (model_id)
WHERE model.may_train OR pg_catalog.pg_has_role(job.role::oid, 'USAGE');
COMMENT ON VIEW segrec_catalog.usable_jobs IS 'the jobs that the current role may see and cancel';

-- Returns the progress of trainings of models that the current role may train.
CREATE FUNCTION segrec_catalog.progress_reports()
    RETURNS TABLE (pid integer, model_id bigint, job bigint, phase text, share float8, message text, started bigint, memory bigint)
    VOLATILE PARALLEL UNSAFE COST 1000 ROWS 3 LANGUAGE c AS 'MODULE_PATHNAME', 'progress_reports_wrapper';
COMMENT ON FUNCTION segrec_catalog.progress_reports() IS 'the progress of running trainings of models that the current role may train';

CREATE VIEW segrec.training_progress WITH (security_barrier) AS
SELECT model.name AS model, model.last_version + 1 AS version, report.job, report.phase, report.share, report.message,
       report.started_at,
       CASE WHEN report.share >= .05
            THEN report.started_at + (pg_catalog.clock_timestamp() - report.started_at) / report.share END AS estimated_end,
       report.memory, report.pid
FROM segrec_catalog.usable_models model
JOIN (SELECT *, timestamptz '2000-01-01 00:00:00+00' + started * interval '1 microsecond' AS started_at
      FROM segrec_catalog.progress_reports()) report USING (model_id)
WHERE EXISTS (
    SELECT FROM pg_catalog.pg_locks lock
    WHERE lock.locktype = 'object' AND lock.classid = 'segrec_catalog.models'::pg_catalog.regclass
      AND lock.objid = (model.model_id % 4294967296)::oid AND lock.granted AND lock.pid = report.pid
      AND lock.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()));
COMMENT ON VIEW segrec.training_progress IS 'the running trainings of models you may train';

CREATE VIEW segrec.jobs WITH (security_barrier) AS
SELECT job.job, job.model, job.state, progress.phase, job.started_at, job.finished_at, job.version, job.error, job.role,
       progress.share, progress.estimated_end, job.asked_at
FROM segrec_catalog.usable_jobs job
LEFT JOIN segrec.training_progress progress ON progress.job = job.job AND job.state = 'running'
ORDER BY job.job;
COMMENT ON VIEW segrec.jobs IS 'the background trainings of models you may train';
