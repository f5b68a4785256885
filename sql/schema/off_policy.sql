-- Off-policy evaluation of anybody's logs, without a model. Aggregates with the same transition function and arguments share
-- one state, so that an estimate, its interval and the effective sample size cost one pass.

CREATE TYPE @extschema@.segrec_policy_interval AS (low double precision, high double precision,
    bernstein_low double precision, bernstein_high double precision);
COMMENT ON TYPE @extschema@.segrec_policy_interval
    IS 'the bounds of two intervals of 95 %: by the bootstrap, and by the empirical Bernstein bound';

-- Transition functions -----------------------------------------------------------------------------

CREATE FUNCTION segrec_catalog.ips_step(@extschema@.segrec_summary, double precision, double precision, double precision)
    RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_ips_step_wrapper';
COMMENT ON FUNCTION segrec_catalog.ips_step(@extschema@.segrec_summary, double precision, double precision, double precision)
    IS 'part of segrec_ips, segrec_snips and segrec_effective_sample_size: transition function';
CREATE FUNCTION segrec_catalog.ips_clip_step(@extschema@.segrec_summary, double precision, double precision, double precision, double precision)
    RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_ips_clip_step_wrapper';
COMMENT ON FUNCTION segrec_catalog.ips_clip_step(@extschema@.segrec_summary, double precision, double precision, double precision, double precision)
    IS 'part of segrec_ips, segrec_snips and segrec_effective_sample_size with clip: transition function';
CREATE FUNCTION segrec_catalog.dr_step(@extschema@.segrec_summary, double precision, double precision, double precision, double precision, double precision)
    RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_dr_step_wrapper';
COMMENT ON FUNCTION segrec_catalog.dr_step(@extschema@.segrec_summary, double precision, double precision, double precision, double precision, double precision)
    IS 'part of segrec_dr and segrec_sndr: transition function';
CREATE FUNCTION segrec_catalog.dr_clip_step(@extschema@.segrec_summary, double precision, double precision, double precision, double precision, double precision, double precision)
    RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_dr_clip_step_wrapper';
COMMENT ON FUNCTION segrec_catalog.dr_clip_step(@extschema@.segrec_summary, double precision, double precision, double precision, double precision, double precision, double precision)
    IS 'part of segrec_dr and segrec_sndr with clip: transition function';
CREATE FUNCTION segrec_catalog.switch_dr_step(@extschema@.segrec_summary, double precision, double precision, double precision, double precision, double precision, double precision)
    RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_switch_dr_step_wrapper';
COMMENT ON FUNCTION segrec_catalog.switch_dr_step(@extschema@.segrec_summary, double precision, double precision, double precision, double precision, double precision, double precision)
    IS 'part of segrec_switch_dr: transition function';
CREATE FUNCTION segrec_catalog.dm_step(@extschema@.segrec_summary, double precision)
    RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_dm_step_wrapper';
COMMENT ON FUNCTION segrec_catalog.dm_step(@extschema@.segrec_summary, double precision)
    IS 'part of segrec_dm: transition function';

-- Final functions -------------------------------------------------------------------------------

CREATE FUNCTION segrec_catalog.policy_mean_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_policy_mean_final_wrapper';
COMMENT ON FUNCTION segrec_catalog.policy_mean_final(@extschema@.segrec_summary) IS 'part of segrec_ips, segrec_dm, segrec_dr and segrec_switch_dr: final function';
CREATE FUNCTION segrec_catalog.policy_ratio_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_policy_ratio_final_wrapper';
COMMENT ON FUNCTION segrec_catalog.policy_ratio_final(@extschema@.segrec_summary) IS 'part of segrec_snips and segrec_sndr: final function';
CREATE FUNCTION segrec_catalog.effective_sample_size_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_effective_sample_size_final_wrapper';
COMMENT ON FUNCTION segrec_catalog.effective_sample_size_final(@extschema@.segrec_summary) IS 'part of segrec_effective_sample_size: final function';
CREATE FUNCTION segrec_catalog.policy_mean_bounds(@extschema@.segrec_summary) RETURNS double precision[]
    IMMUTABLE STRICT PARALLEL SAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_policy_mean_bounds_wrapper';
COMMENT ON FUNCTION segrec_catalog.policy_mean_bounds(@extschema@.segrec_summary) IS 'part of intervals of means: computes their bounds';
CREATE FUNCTION segrec_catalog.policy_ratio_bounds(@extschema@.segrec_summary) RETURNS double precision[]
    IMMUTABLE STRICT PARALLEL SAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_policy_ratio_bounds_wrapper';
COMMENT ON FUNCTION segrec_catalog.policy_ratio_bounds(@extschema@.segrec_summary) IS 'part of intervals of self-normalized estimates: computes their bounds';
CREATE FUNCTION segrec_catalog.policy_interval(bounds double precision[]) RETURNS @extschema@.segrec_policy_interval
    IMMUTABLE STRICT PARALLEL SAFE COST 10 LANGUAGE sql
    RETURN CASE WHEN bounds IS NOT NULL THEN (bounds[1], bounds[2], bounds[3], bounds[4])::@extschema@.segrec_policy_interval END;
COMMENT ON FUNCTION segrec_catalog.policy_interval(double precision[]) IS 'part of intervals of policies: gives their bounds names';
CREATE FUNCTION segrec_catalog.policy_mean_interval_final(state @extschema@.segrec_summary) RETURNS @extschema@.segrec_policy_interval
    IMMUTABLE STRICT PARALLEL SAFE COST 100000 LANGUAGE sql
    RETURN segrec_catalog.policy_interval(segrec_catalog.policy_mean_bounds(state));
COMMENT ON FUNCTION segrec_catalog.policy_mean_interval_final(@extschema@.segrec_summary) IS 'part of intervals of policies: final function';
CREATE FUNCTION segrec_catalog.policy_ratio_interval_final(state @extschema@.segrec_summary) RETURNS @extschema@.segrec_policy_interval
    IMMUTABLE STRICT PARALLEL SAFE COST 100000 LANGUAGE sql
    RETURN segrec_catalog.policy_interval(segrec_catalog.policy_ratio_bounds(state));
COMMENT ON FUNCTION segrec_catalog.policy_ratio_interval_final(@extschema@.segrec_summary) IS 'part of intervals of policies: final function';

-- Aggregates --------------------------------------------------------------------------------------

CREATE AGGREGATE @extschema@.segrec_ips(reward double precision, propensity double precision, target double precision) (
    SFUNC = segrec_catalog.ips_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_ips(double precision, double precision, double precision)
    IS 'value of a policy by inverse propensity scores: the mean of reward times target / propensity';

CREATE AGGREGATE @extschema@.segrec_ips_interval(reward double precision, propensity double precision, target double precision) (
    SFUNC = segrec_catalog.ips_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_ips_interval(double precision, double precision, double precision)
    IS 'intervals of 95 % of segrec_ips';

CREATE AGGREGATE @extschema@.segrec_ips(reward double precision, propensity double precision, target double precision, clip double precision) (
    SFUNC = segrec_catalog.ips_clip_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_ips(double precision, double precision, double precision, double precision)
    IS 'the same with weights target / propensity of at most clip';

CREATE AGGREGATE @extschema@.segrec_ips_interval(reward double precision, propensity double precision, target double precision, clip double precision) (
    SFUNC = segrec_catalog.ips_clip_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_ips_interval(double precision, double precision, double precision, double precision)
    IS 'intervals of 95 % of segrec_ips';

CREATE AGGREGATE @extschema@.segrec_snips(reward double precision, propensity double precision, target double precision) (
    SFUNC = segrec_catalog.ips_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_ratio_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_snips(double precision, double precision, double precision)
    IS 'value of a policy by self-normalized inverse propensity scores';

CREATE AGGREGATE @extschema@.segrec_snips_interval(reward double precision, propensity double precision, target double precision) (
    SFUNC = segrec_catalog.ips_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_ratio_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_snips_interval(double precision, double precision, double precision)
    IS 'intervals of 95 % of segrec_snips';

CREATE AGGREGATE @extschema@.segrec_snips(reward double precision, propensity double precision, target double precision, clip double precision) (
    SFUNC = segrec_catalog.ips_clip_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_ratio_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_snips(double precision, double precision, double precision, double precision)
    IS 'the same with weights target / propensity of at most clip';

CREATE AGGREGATE @extschema@.segrec_snips_interval(reward double precision, propensity double precision, target double precision, clip double precision) (
    SFUNC = segrec_catalog.ips_clip_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_ratio_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_snips_interval(double precision, double precision, double precision, double precision)
    IS 'intervals of 95 % of segrec_snips';

CREATE AGGREGATE @extschema@.segrec_dm(expected double precision) (
    SFUNC = segrec_catalog.dm_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_dm(double precision)
    IS 'value of a policy by the direct method: the mean of what a model of rewards expects';

CREATE AGGREGATE @extschema@.segrec_dm_interval(expected double precision) (
    SFUNC = segrec_catalog.dm_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_dm_interval(double precision)
    IS 'intervals of 95 % of segrec_dm';

CREATE AGGREGATE @extschema@.segrec_dr(reward double precision, propensity double precision, target double precision, prediction double precision, expected double precision) (
    SFUNC = segrec_catalog.dr_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_dr(double precision, double precision, double precision, double precision, double precision)
    IS 'value of a policy, doubly robust: the direct method, corrected by weighted errors of its predictions';

CREATE AGGREGATE @extschema@.segrec_dr_interval(reward double precision, propensity double precision, target double precision, prediction double precision, expected double precision) (
    SFUNC = segrec_catalog.dr_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_dr_interval(double precision, double precision, double precision, double precision, double precision)
    IS 'intervals of 95 % of segrec_dr';

CREATE AGGREGATE @extschema@.segrec_dr(reward double precision, propensity double precision, target double precision, prediction double precision, expected double precision, clip double precision) (
    SFUNC = segrec_catalog.dr_clip_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_dr(double precision, double precision, double precision, double precision, double precision, double precision)
    IS 'the same with weights target / propensity of at most clip';

CREATE AGGREGATE @extschema@.segrec_dr_interval(reward double precision, propensity double precision, target double precision, prediction double precision, expected double precision, clip double precision) (
    SFUNC = segrec_catalog.dr_clip_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_dr_interval(double precision, double precision, double precision, double precision, double precision, double precision)
    IS 'intervals of 95 % of segrec_dr';

CREATE AGGREGATE @extschema@.segrec_sndr(reward double precision, propensity double precision, target double precision, prediction double precision, expected double precision) (
    SFUNC = segrec_catalog.dr_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_ratio_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_sndr(double precision, double precision, double precision, double precision, double precision)
    IS 'value of a policy, doubly robust with self-normalized weights';

CREATE AGGREGATE @extschema@.segrec_sndr_interval(reward double precision, propensity double precision, target double precision, prediction double precision, expected double precision) (
    SFUNC = segrec_catalog.dr_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_ratio_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_sndr_interval(double precision, double precision, double precision, double precision, double precision)
    IS 'intervals of 95 % of segrec_sndr';

CREATE AGGREGATE @extschema@.segrec_sndr(reward double precision, propensity double precision, target double precision, prediction double precision, expected double precision, clip double precision) (
    SFUNC = segrec_catalog.dr_clip_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_ratio_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_sndr(double precision, double precision, double precision, double precision, double precision, double precision)
    IS 'the same with weights target / propensity of at most clip';

CREATE AGGREGATE @extschema@.segrec_sndr_interval(reward double precision, propensity double precision, target double precision, prediction double precision, expected double precision, clip double precision) (
    SFUNC = segrec_catalog.dr_clip_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_ratio_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_sndr_interval(double precision, double precision, double precision, double precision, double precision, double precision)
    IS 'intervals of 95 % of segrec_sndr';

CREATE AGGREGATE @extschema@.segrec_switch_dr(reward double precision, propensity double precision, target double precision, prediction double precision, expected double precision, threshold double precision) (
    SFUNC = segrec_catalog.switch_dr_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_switch_dr(double precision, double precision, double precision, double precision, double precision, double precision)
    IS 'value of a policy, doubly robust where target / propensity is at most a threshold, by the direct method elsewhere';

CREATE AGGREGATE @extschema@.segrec_switch_dr_interval(reward double precision, propensity double precision, target double precision, prediction double precision, expected double precision, threshold double precision) (
    SFUNC = segrec_catalog.switch_dr_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.policy_mean_interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_switch_dr_interval(double precision, double precision, double precision, double precision, double precision, double precision)
    IS 'intervals of 95 % of segrec_switch_dr';

CREATE AGGREGATE @extschema@.segrec_effective_sample_size(reward double precision, propensity double precision, target double precision) (
    SFUNC = segrec_catalog.ips_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.effective_sample_size_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_effective_sample_size(double precision, double precision, double precision)
    IS 'number of rows with equal weights that would say as much as these';

CREATE AGGREGATE @extschema@.segrec_effective_sample_size(reward double precision, propensity double precision, target double precision, clip double precision) (
    SFUNC = segrec_catalog.ips_clip_step, STYPE = @extschema@.segrec_summary, SSPACE = 17408,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.effective_sample_size_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_effective_sample_size(double precision, double precision, double precision, double precision)
    IS 'the same with weights target / propensity of at most clip';
