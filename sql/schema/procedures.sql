-- The procedures that commit: tuning, and the runs of schedules. A procedure that commits cannot have a fixed search
-- path, so all functions, operators and types in the bodies are schema-qualified. Everyone may call their helper
-- functions, each of which checks that the caller may train the model.

-- Tuning commits after every trial, so that others see the results so far, and an interrupted study resumes where it
-- stopped.

CREATE FUNCTION segrec_catalog.begin_study(model text, space anycompatible, trials bigint, metric text, search text,
        apply boolean)
    RETURNS bigint VOLATILE PARALLEL UNSAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'begin_study_wrapper';
CREATE FUNCTION segrec_catalog.run_trial(study bigint) RETURNS boolean
    VOLATILE PARALLEL UNSAFE COST 10000000 LANGUAGE c AS 'MODULE_PATHNAME', 'run_trial_wrapper';
CREATE FUNCTION segrec_catalog.finish_study(study bigint, apply boolean) RETURNS void
    VOLATILE PARALLEL UNSAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'finish_study_wrapper';

CREATE PROCEDURE @extschema@.segrec_tune(model text, space anycompatible, trials bigint DEFAULT 20,
        metric text DEFAULT 'ndcg@10', search text DEFAULT 'random', apply boolean DEFAULT false)
LANGUAGE plpgsql AS $$
DECLARE
    study pg_catalog.int8;
BEGIN
    study := segrec_catalog.begin_study(model, space, trials, metric, search, apply);
    COMMIT;
    WHILE segrec_catalog.run_trial(study) LOOP
        COMMIT;
    END LOOP;
    PERFORM segrec_catalog.finish_study(study, apply);
END
$$;
COMMENT ON PROCEDURE @extschema@.segrec_tune(text, anycompatible, bigint, text, text, boolean)
    IS 'tunes options of a model on its holdout by grid, random or halving search; see segrec.trials';
COMMENT ON FUNCTION segrec_catalog.begin_study(text, anycompatible, bigint, text, text, boolean)
    IS 'part of segrec_tune: starts a study or resumes an unfinished one; returns its number';
COMMENT ON FUNCTION segrec_catalog.run_trial(bigint) IS 'part of segrec_tune: runs the next trial; returns false if none is left';
COMMENT ON FUNCTION segrec_catalog.finish_study(bigint, boolean)
    IS 'part of segrec_tune: reports the best trial and applies it if requested';

-- Runs of schedules keep the error of a failed run, although its changes were rolled back.

CREATE FUNCTION segrec_catalog.run_scheduled(model text, min_new_events bigint) RETURNS void
    VOLATILE PARALLEL UNSAFE COST 10000000 LANGUAGE c AS 'MODULE_PATHNAME', 'run_scheduled_wrapper';
CREATE FUNCTION segrec_catalog.record_failure(model text, error text) RETURNS void
    VOLATILE PARALLEL UNSAFE COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'record_failure_wrapper';

CREATE PROCEDURE segrec_catalog.run_schedule(model text, min_new_events bigint DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    problem pg_catalog.text;
    fact pg_catalog.text;
    advice pg_catalog.text;
    code pg_catalog.text;
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
        DETAIL = CASE WHEN fact OPERATOR(pg_catalog.<>) '' THEN fact ELSE 'The training was started by a schedule.' END,
        HINT = CASE WHEN advice OPERATOR(pg_catalog.<>) '' THEN advice ELSE 'See the view segrec.schedule_runs.' END;
END
$$;
COMMENT ON PROCEDURE segrec_catalog.run_schedule(text, bigint)
    IS 'part of segrec_run_schedule, and called by pg_cron; it is in this schema so that the owner of the other schema cannot replace it';

CREATE PROCEDURE @extschema@.segrec_run_schedule(model text, min_new_events bigint DEFAULT NULL)
LANGUAGE plpgsql AS $$
BEGIN
    CALL segrec_catalog.run_schedule(model, min_new_events);
END
$$;
COMMENT ON PROCEDURE @extschema@.segrec_run_schedule(text, bigint)
    IS 'trains a model if there are enough new events since its deployed version was trained, and records the run';
COMMENT ON FUNCTION segrec_catalog.run_scheduled(text, bigint) IS 'part of segrec_run_schedule: trains or skips';
COMMENT ON FUNCTION segrec_catalog.record_failure(text, text) IS 'part of segrec_run_schedule: records the error of a failed run';
