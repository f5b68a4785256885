-- What the planner, the reader and the grants need to know of the functions: rows and cost, comments.
--
-- COST is in units of cpu_operator_cost, .0025 of a page: a recommendation is two index look-ups and
-- a scan of some thousand short vectors. ROWS is for an n that the planner does not know; else
-- rows_of_n says n.

CREATE FUNCTION segrec_catalog.rows_of_n(internal) RETURNS internal
    IMMUTABLE STRICT PARALLEL SAFE COST 1 LANGUAGE c AS 'MODULE_PATHNAME', 'rows_of_n_wrapper';
COMMENT ON FUNCTION segrec_catalog.rows_of_n(internal)
    IS 'planner support: a function whose second argument is n returns n rows';

ALTER FUNCTION segrec_recommend(bigint, integer, text, bigint[], boolean, real, real) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 2000;
ALTER FUNCTION segrec_recommend(uuid, integer, text, uuid[], boolean, real, real) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 2000;
ALTER FUNCTION segrec_recommend(text, integer, text, text[], boolean, real, real) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 2000;
ALTER FUNCTION segrec_recommend_for(bigint[], integer, text, bigint[], boolean, real, real) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 2000;
ALTER FUNCTION segrec_recommend_for(uuid[], integer, text, uuid[], boolean, real, real) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 2000;
ALTER FUNCTION segrec_recommend_for(text[], integer, text, text[], boolean, real, real) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 2000;
ALTER FUNCTION segrec_recommend_all(text, integer) ROWS 100000 COST 1000000;
-- These read users by the thousands: of a segment at most ten thousand, of similar users and audiences all.
ALTER FUNCTION segrec_recommend_segment(integer, integer, text, text[]) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 50000;
ALTER FUNCTION segrec_similar_users(bigint, integer, text) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 500000;
ALTER FUNCTION segrec_similar_users(uuid, integer, text) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 500000;
ALTER FUNCTION segrec_similar_users(text, integer, text) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 500000;
ALTER FUNCTION segrec_audience(bigint, integer, text, boolean) SUPPORT segrec_catalog.rows_of_n ROWS 100 COST 500000;
ALTER FUNCTION segrec_audience(uuid, integer, text, boolean) SUPPORT segrec_catalog.rows_of_n ROWS 100 COST 500000;
ALTER FUNCTION segrec_audience(text, integer, text, boolean) SUPPORT segrec_catalog.rows_of_n ROWS 100 COST 500000;
ALTER FUNCTION segrec_predict(bigint, bigint, text) COST 1000;
ALTER FUNCTION segrec_explain(bigint, bigint, text) ROWS 30 COST 2000;
ALTER FUNCTION segrec_similar_items(bigint, integer, text) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 500;
ALTER FUNCTION segrec_predict(uuid, uuid, text) COST 1000;
ALTER FUNCTION segrec_explain(uuid, uuid, text) ROWS 30 COST 2000;
ALTER FUNCTION segrec_similar_items(uuid, integer, text) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 500;
ALTER FUNCTION segrec_predict(text, text, text) COST 1000;
ALTER FUNCTION segrec_explain(text, text, text) ROWS 30 COST 2000;
ALTER FUNCTION segrec_similar_items(text, integer, text) SUPPORT segrec_catalog.rows_of_n ROWS 10 COST 500;
ALTER FUNCTION segrec_segment_of(bigint, text) COST 500;
ALTER FUNCTION segrec_segment_of(uuid, text) COST 500;
ALTER FUNCTION segrec_segment_of(text, text) COST 500;
ALTER FUNCTION segrec_classify(text, jsonb) COST 200;
ALTER FUNCTION segrec_cut(text, integer) ROWS 100000 COST 100000;
ALTER FUNCTION segrec_train(text, text) ROWS 1 COST 10000000;
ALTER FUNCTION segrec_forget_user(text, bigint) ROWS 2 COST 100000;
ALTER FUNCTION segrec_forget_user(text, uuid) ROWS 2 COST 100000;
ALTER FUNCTION segrec_forget_user(text, text) ROWS 2 COST 100000;
ALTER FUNCTION segrec_estimate(text) ROWS 1 COST 1000000;
ALTER FUNCTION segrec_train_in_background(text, text) COST 100000;
ALTER FUNCTION segrec_evaluate(text, integer[], regclass, boolean) ROWS 25 COST 10000000;
ALTER FUNCTION segrec_cross_validate(text, integer) ROWS 150 COST 10000000;
ALTER FUNCTION segrec_compare(text, integer, integer) ROWS 14 COST 10000000;

COMMENT ON FUNCTION segrec_create_model(text, regclass, text, text, text, text, text, regclass, text, regclass, text, jsonb)
    IS 'creates a model: which relation holds the events, which columns, which options';
COMMENT ON FUNCTION segrec_alter_model(text, jsonb) IS 'merges options into those of a model; null brings a default back';
COMMENT ON FUNCTION segrec_drop_model(text) IS 'drops a model with all its versions';
COMMENT ON FUNCTION segrec_grant(text, text, text) IS 'lets a role, or public for everybody, use or train a model';
COMMENT ON FUNCTION segrec_revoke(text, text, text) IS 'takes a privilege on a model back from a role';
-- Numbers are written with all digits they have.
ALTER FUNCTION segrec_export(text, integer) ROWS 100000 COST 100000 SET extra_float_digits = 1;
ALTER FUNCTION segrec_import(text, regclass) COST 10000000;
COMMENT ON FUNCTION segrec_export(text, integer) IS 'a version of a model as rows of text, for COPY; null takes the deployed one';
COMMENT ON FUNCTION segrec_import(text, regclass)
    IS 'makes a version of a model from the rows that segrec_export gave; gives its number, and does not deploy it';
COMMENT ON FUNCTION segrec_change_owner(text, text) IS 'gives a model to another role';
COMMENT ON FUNCTION segrec_train(text, text)
    IS 'trains a model, measures it on held-out events, and deploys it if_better, always or never';
COMMENT ON FUNCTION segrec_train_in_background(text, text)
    IS 'starts segrec_train in a process of its own; gives the job, which segrec.jobs shows';
COMMENT ON FUNCTION segrec_cancel(bigint) IS 'stops a training in the background; true where it was running';
COMMENT ON FUNCTION segrec_estimate(text)
    IS 'what a training would read, and the bytes of memory and of disk it would take';
COMMENT ON FUNCTION segrec_deploy(text, integer) IS 'lets a version of a model answer';
COMMENT ON FUNCTION segrec_rollback(text) IS 'lets the newest earlier version answer that was once deployed; gives its number';
COMMENT ON FUNCTION segrec_drop_version(text, integer) IS 'drops a version that is not deployed';
COMMENT ON FUNCTION segrec_forget_user(text, bigint) IS 'deletes what is stored of a user in all versions of a model';
COMMENT ON FUNCTION segrec_forget_user(text, uuid) IS 'deletes what is stored of a user in all versions of a model';
COMMENT ON FUNCTION segrec_forget_user(text, text)
    IS 'deletes what is stored of a user in all versions of a model; text ids work for every model';
COMMENT ON FUNCTION segrec_recommend(bigint, integer, text, bigint[], boolean, real, real) IS 'recommends items to a user';
COMMENT ON FUNCTION segrec_recommend(uuid, integer, text, uuid[], boolean, real, real) IS 'recommends items to a user';
COMMENT ON FUNCTION segrec_recommend(text, integer, text, text[], boolean, real, real)
    IS 'recommends items to a user; text ids work for every model';
COMMENT ON FUNCTION segrec_recommend_for(bigint[], integer, text, bigint[], boolean, real, real)
    IS 'recommends items to whoever has the given ones: a guest, a basket, a session';
COMMENT ON FUNCTION segrec_recommend_for(uuid[], integer, text, uuid[], boolean, real, real)
    IS 'recommends items to whoever has the given ones: a guest, a basket, a session';
COMMENT ON FUNCTION segrec_recommend_for(text[], integer, text, text[], boolean, real, real)
    IS 'recommends items to whoever has the given ones; text ids work for every model';
COMMENT ON FUNCTION segrec_recommend_all(text, integer) IS 'the recommendations of every user, as of the training';
COMMENT ON FUNCTION segrec_recommend_segment(integer, integer, text, text[])
    IS 'the items with the highest mean score for the members of a segment, as of the training';
COMMENT ON FUNCTION segrec_similar_users(bigint, integer, text) IS 'the users most like another, as of the training';
COMMENT ON FUNCTION segrec_similar_users(uuid, integer, text) IS 'the users most like another, as of the training';
COMMENT ON FUNCTION segrec_similar_users(text, integer, text)
    IS 'the users most like another, as of the training; text ids work for every model';
COMMENT ON FUNCTION segrec_audience(bigint, integer, text, boolean)
    IS 'the users most likely to want an item, as of the training';
COMMENT ON FUNCTION segrec_audience(uuid, integer, text, boolean)
    IS 'the users most likely to want an item, as of the training';
COMMENT ON FUNCTION segrec_audience(text, integer, text, boolean)
    IS 'the users most likely to want an item, as of the training; text ids work for every model';
COMMENT ON FUNCTION segrec_predict(bigint, bigint, text) IS 'the score of an item for a user';
COMMENT ON FUNCTION segrec_explain(bigint, bigint, text)
    IS 'which of a user''s own items speak for another, and how much; the contributions add up to the score';
COMMENT ON FUNCTION segrec_similar_items(bigint, integer, text) IS 'the items most like another';
COMMENT ON FUNCTION segrec_predict(uuid, uuid, text) IS 'the score of an item for a user';
COMMENT ON FUNCTION segrec_explain(uuid, uuid, text)
    IS 'which of a user''s own items speak for another, and how much; the contributions add up to the score';
COMMENT ON FUNCTION segrec_similar_items(uuid, integer, text) IS 'the items most like another';
COMMENT ON FUNCTION segrec_predict(text, text, text) IS 'the score of an item for a user; text ids work for every model';
COMMENT ON FUNCTION segrec_explain(text, text, text)
    IS 'which of a user''s own items speak for another, and how much; the contributions add up to the score; text ids work for every model';
COMMENT ON FUNCTION segrec_similar_items(text, integer, text) IS 'the items most like another; text ids work for every model';
COMMENT ON FUNCTION segrec_segment_of(bigint, text) IS 'the segment of a user; null where nothing is known of them';
COMMENT ON FUNCTION segrec_segment_of(uuid, text) IS 'the segment of a user; null where nothing is known of them';
COMMENT ON FUNCTION segrec_segment_of(text, text)
    IS 'the segment of a user; null where nothing is known of them; text ids work for every model';
COMMENT ON FUNCTION segrec_classify(text, jsonb) IS 'the segment that features belong to, without a training';
COMMENT ON FUNCTION segrec_cut(text, integer)
    IS 'every user in another number of segments, from the merge tree of a hierarchical segmentation';
COMMENT ON FUNCTION segrec_label_segment(text, integer, text)
    IS 'names a segment; the name survives retraining, null takes it away';
COMMENT ON FUNCTION segrec_evaluate(text, integer[], regclass, boolean)
    IS 'measures the deployed version: its recipe fitted again without the holdout, or itself on events it was not trained on';
COMMENT ON FUNCTION segrec_cross_validate(text, integer)
    IS 'trains with the options of a model once for each fold and measures every fold on what it left out';
COMMENT ON FUNCTION segrec_compare(text, integer, integer)
    IS 'compares the recipes of two versions on the same held-out events, user by user';
COMMENT ON FUNCTION segrec_apply_trial(text, bigint, integer) IS 'merges the options of a trial into those of its model';

-- Tuning. A procedure, since it commits after every trial: others see what was tried, and what was broken off
-- goes on where it stopped. A procedure that commits cannot pin its search path, so every name in it has its
-- schema, and its few expressions have no operators. Its parts may be called by everybody: each checks that the
-- caller may train the model.

CREATE FUNCTION segrec_catalog.begin_study(model text, space jsonb, trials integer, metric text, search text,
                                           apply boolean)
    RETURNS bigint VOLATILE PARALLEL UNSAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'begin_study_wrapper';
CREATE FUNCTION segrec_catalog.run_trial(study bigint) RETURNS boolean
    VOLATILE PARALLEL UNSAFE COST 10000000 LANGUAGE c AS 'MODULE_PATHNAME', 'run_trial_wrapper';
CREATE FUNCTION segrec_catalog.finish_study(study bigint, apply boolean) RETURNS void
    VOLATILE PARALLEL UNSAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'finish_study_wrapper';

CREATE PROCEDURE segrec_tune(model text, space jsonb, trials integer DEFAULT 20, metric text DEFAULT 'ndcg@10',
                             search text DEFAULT 'random', apply boolean DEFAULT false)
LANGUAGE plpgsql AS $$
DECLARE
    study bigint;
BEGIN
    study := segrec_catalog.begin_study(model, space, trials, metric, search, apply);
    COMMIT;
    WHILE segrec_catalog.run_trial(study) LOOP
        COMMIT;
    END LOOP;
    PERFORM segrec_catalog.finish_study(study, apply);
END
$$;
COMMENT ON PROCEDURE segrec_tune(text, jsonb, integer, text, text, boolean)
    IS 'tries options of a model on its holdout, by grid, random or halving search; trials are in segrec.trials';
COMMENT ON FUNCTION segrec_catalog.begin_study(text, jsonb, integer, text, text, boolean)
    IS 'part of segrec_tune: begins a study or finds the same one unfinished; gives its number';
COMMENT ON FUNCTION segrec_catalog.run_trial(bigint) IS 'part of segrec_tune: runs the next trial; false where none is left';
COMMENT ON FUNCTION segrec_catalog.finish_study(bigint, boolean)
    IS 'part of segrec_tune: says which trial is the best and applies it if asked';

-- Schedules. A procedure, since what a failed run says is kept while what it did is rolled back. Its names have their
-- schemas for the same reason as those of segrec_tune; its parts may be called by everybody: each checks that the
-- caller may train the model.

CREATE FUNCTION segrec_catalog.run_scheduled(model text, min_new_events bigint) RETURNS void
    VOLATILE PARALLEL UNSAFE COST 10000000 LANGUAGE c AS 'MODULE_PATHNAME', 'run_scheduled_wrapper';
CREATE FUNCTION segrec_catalog.record_failure(model text, error text) RETURNS void
    VOLATILE PARALLEL UNSAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'record_failure_wrapper';

CREATE PROCEDURE segrec_run_schedule(model text, min_new_events bigint DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    problem text;
    fact text;
    advice text;
    code text;
BEGIN
    COMMIT; -- inside a transaction block this says so before any work
    BEGIN
        PERFORM segrec_catalog.run_scheduled(model, min_new_events);
        RETURN;
    EXCEPTION WHEN query_canceled OR others THEN
        GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, fact = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT,
                                code = RETURNED_SQLSTATE;
    END;
    PERFORM segrec_catalog.record_failure(model, problem);
    COMMIT;
    RAISE EXCEPTION USING
        MESSAGE = problem, ERRCODE = code,
        DETAIL = CASE WHEN fact OPERATOR(pg_catalog.<>) '' THEN fact ELSE 'the training was started by a schedule' END,
        HINT = CASE WHEN advice OPERATOR(pg_catalog.<>) '' THEN advice ELSE 'see the view segrec.schedule_runs' END;
END
$$;
COMMENT ON PROCEDURE segrec_run_schedule(text, bigint)
    IS 'trains a model where enough events are new since its deployed version was trained, and writes down what it did';
COMMENT ON FUNCTION segrec_catalog.run_scheduled(text, bigint) IS 'part of segrec_run_schedule: trains or skips';
COMMENT ON FUNCTION segrec_catalog.record_failure(text, text) IS 'part of segrec_run_schedule: writes down why a run failed';
COMMENT ON FUNCTION segrec_schedule(text, text, bigint)
    IS 'has pg_cron train a model at the times of a cron expression, where enough events are new';
COMMENT ON FUNCTION segrec_unschedule(text) IS 'ends the schedule of a model';
COMMENT ON FUNCTION segrec_pause_schedule(text) IS 'lets the runs of a schedule do nothing until it is resumed';
COMMENT ON FUNCTION segrec_resume_schedule(text) IS 'lets a paused schedule go on';
