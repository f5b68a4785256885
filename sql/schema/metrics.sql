-- Metrics of any lists and rows, without a model.

-- Lists -------------------------------------------------------------------------------------------
-- A single function computes all list metrics; the planner inlines the functions that are named after them. COST is in
-- units of cpu_operator_cost: a call sorts a few dozen ids.

CREATE FUNCTION segrec_catalog.list_metric(metric text, recommended bigint[], relevant bigint[], k bigint) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_list_metric_bigint_wrapper';
CREATE FUNCTION segrec_catalog.list_metric(metric text, recommended uuid[], relevant uuid[], k bigint) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_list_metric_uuid_wrapper';
CREATE FUNCTION segrec_catalog.list_metric(metric text, recommended text[], relevant text[], k bigint) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_list_metric_text_wrapper';
COMMENT ON FUNCTION segrec_catalog.list_metric(text, bigint[], bigint[], bigint)
    IS 'part of segrec_precision and its like: a metric, by its name, of one list';
COMMENT ON FUNCTION segrec_catalog.list_metric(text, uuid[], uuid[], bigint)
    IS 'part of segrec_precision and its like: a metric, by its name, of one list';
COMMENT ON FUNCTION segrec_catalog.list_metric(text, text[], text[], bigint)
    IS 'part of segrec_precision and its like: a metric, by its name, of one list';

CREATE FUNCTION @extschema@.segrec_precision(recommended bigint[], relevant bigint[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('precision', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_precision(recommended uuid[], relevant uuid[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('precision', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_precision(recommended text[], relevant text[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('precision', recommended, relevant, k);
COMMENT ON FUNCTION @extschema@.segrec_precision(bigint[], bigint[], bigint)
    IS 'the share of the list''s items that are relevant';
COMMENT ON FUNCTION @extschema@.segrec_precision(uuid[], uuid[], bigint)
    IS 'the share of the list''s items that are relevant';
COMMENT ON FUNCTION @extschema@.segrec_precision(text[], text[], bigint)
    IS 'the share of the list''s items that are relevant';

CREATE FUNCTION @extschema@.segrec_recall(recommended bigint[], relevant bigint[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('recall', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_recall(recommended uuid[], relevant uuid[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('recall', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_recall(recommended text[], relevant text[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('recall', recommended, relevant, k);
COMMENT ON FUNCTION @extschema@.segrec_recall(bigint[], bigint[], bigint)
    IS 'the share of the relevant items that are in the list';
COMMENT ON FUNCTION @extschema@.segrec_recall(uuid[], uuid[], bigint)
    IS 'the share of the relevant items that are in the list';
COMMENT ON FUNCTION @extschema@.segrec_recall(text[], text[], bigint)
    IS 'the share of the relevant items that are in the list';

CREATE FUNCTION @extschema@.segrec_f1(recommended bigint[], relevant bigint[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('f1', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_f1(recommended uuid[], relevant uuid[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('f1', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_f1(recommended text[], relevant text[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('f1', recommended, relevant, k);
COMMENT ON FUNCTION @extschema@.segrec_f1(bigint[], bigint[], bigint)
    IS 'the harmonic mean of precision and recall';
COMMENT ON FUNCTION @extschema@.segrec_f1(uuid[], uuid[], bigint)
    IS 'the harmonic mean of precision and recall';
COMMENT ON FUNCTION @extschema@.segrec_f1(text[], text[], bigint)
    IS 'the harmonic mean of precision and recall';

CREATE FUNCTION @extschema@.segrec_hit_rate(recommended bigint[], relevant bigint[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('hit_rate', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_hit_rate(recommended uuid[], relevant uuid[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('hit_rate', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_hit_rate(recommended text[], relevant text[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('hit_rate', recommended, relevant, k);
COMMENT ON FUNCTION @extschema@.segrec_hit_rate(bigint[], bigint[], bigint)
    IS '1 where the list has a relevant item, else 0';
COMMENT ON FUNCTION @extschema@.segrec_hit_rate(uuid[], uuid[], bigint)
    IS '1 where the list has a relevant item, else 0';
COMMENT ON FUNCTION @extschema@.segrec_hit_rate(text[], text[], bigint)
    IS '1 where the list has a relevant item, else 0';

CREATE FUNCTION @extschema@.segrec_ndcg(recommended bigint[], relevant bigint[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('ndcg', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_ndcg(recommended uuid[], relevant uuid[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('ndcg', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_ndcg(recommended text[], relevant text[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('ndcg', recommended, relevant, k);
COMMENT ON FUNCTION @extschema@.segrec_ndcg(bigint[], bigint[], bigint)
    IS 'how high the list has its relevant items, discounted by rank: 1 where they are all at its top';
COMMENT ON FUNCTION @extschema@.segrec_ndcg(uuid[], uuid[], bigint)
    IS 'how high the list has its relevant items, discounted by rank: 1 where they are all at its top';
COMMENT ON FUNCTION @extschema@.segrec_ndcg(text[], text[], bigint)
    IS 'how high the list has its relevant items, discounted by rank: 1 where they are all at its top';

CREATE FUNCTION @extschema@.segrec_average_precision(recommended bigint[], relevant bigint[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('average_precision', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_average_precision(recommended uuid[], relevant uuid[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('average_precision', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_average_precision(recommended text[], relevant text[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('average_precision', recommended, relevant, k);
COMMENT ON FUNCTION @extschema@.segrec_average_precision(bigint[], bigint[], bigint)
    IS 'the mean over relevant items of the precision at the rank of each; averaged over users it is MAP';
COMMENT ON FUNCTION @extschema@.segrec_average_precision(uuid[], uuid[], bigint)
    IS 'the mean over relevant items of the precision at the rank of each; averaged over users it is MAP';
COMMENT ON FUNCTION @extschema@.segrec_average_precision(text[], text[], bigint)
    IS 'the mean over relevant items of the precision at the rank of each; averaged over users it is MAP';

CREATE FUNCTION @extschema@.segrec_reciprocal_rank(recommended bigint[], relevant bigint[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('reciprocal_rank', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_reciprocal_rank(recommended uuid[], relevant uuid[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('reciprocal_rank', recommended, relevant, k);
CREATE FUNCTION @extschema@.segrec_reciprocal_rank(recommended text[], relevant text[], k bigint DEFAULT NULL) RETURNS double precision
    IMMUTABLE PARALLEL SAFE COST 50 LANGUAGE sql
    RETURN segrec_catalog.list_metric('reciprocal_rank', recommended, relevant, k);
COMMENT ON FUNCTION @extschema@.segrec_reciprocal_rank(bigint[], bigint[], bigint)
    IS '1 / the rank of the first relevant item, 0 without one; averaged over users it is MRR';
COMMENT ON FUNCTION @extschema@.segrec_reciprocal_rank(uuid[], uuid[], bigint)
    IS '1 / the rank of the first relevant item, 0 without one; averaged over users it is MRR';
COMMENT ON FUNCTION @extschema@.segrec_reciprocal_rank(text[], text[], bigint)
    IS '1 / the rank of the first relevant item, 0 without one; averaged over users it is MRR';

-- Parts of aggregates -----------------------------------------------------------------------------

CREATE FUNCTION segrec_catalog.errors_step(@extschema@.segrec_summary, double precision, double precision) RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_errors_step_wrapper';
CREATE FUNCTION segrec_catalog.rmse_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_rmse_final_wrapper';
CREATE FUNCTION segrec_catalog.mae_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_mae_final_wrapper';
CREATE FUNCTION segrec_catalog.mse_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_mse_final_wrapper';
CREATE FUNCTION segrec_catalog.auc_step(@extschema@.segrec_summary, double precision, boolean) RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_auc_step_wrapper';
CREATE FUNCTION segrec_catalog.auc_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_auc_final_wrapper';
CREATE FUNCTION segrec_catalog.gini_step(@extschema@.segrec_summary, double precision) RETURNS @extschema@.segrec_summary
    IMMUTABLE PARALLEL SAFE COST 10 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_gini_step_wrapper';
CREATE FUNCTION segrec_catalog.gini_final(@extschema@.segrec_summary) RETURNS double precision
    IMMUTABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'segrec_gini_final_wrapper';
COMMENT ON FUNCTION segrec_catalog.errors_step(@extschema@.segrec_summary, double precision, double precision) IS 'part of segrec_rmse, segrec_mae and segrec_mse: one more row';
COMMENT ON FUNCTION segrec_catalog.rmse_final(@extschema@.segrec_summary) IS 'part of segrec_rmse: the figure of all rows';
COMMENT ON FUNCTION segrec_catalog.mae_final(@extschema@.segrec_summary) IS 'part of segrec_mae: the figure of all rows';
COMMENT ON FUNCTION segrec_catalog.mse_final(@extschema@.segrec_summary) IS 'part of segrec_mse: the figure of all rows';
COMMENT ON FUNCTION segrec_catalog.auc_step(@extschema@.segrec_summary, double precision, boolean) IS 'part of segrec_auc: one more row';
COMMENT ON FUNCTION segrec_catalog.auc_final(@extschema@.segrec_summary) IS 'part of segrec_auc: the figure of all rows';
COMMENT ON FUNCTION segrec_catalog.gini_step(@extschema@.segrec_summary, double precision) IS 'part of segrec_gini: one more row';
COMMENT ON FUNCTION segrec_catalog.gini_final(@extschema@.segrec_summary) IS 'part of segrec_gini: the figure of all rows';

CREATE TYPE @extschema@.segrec_bounds AS (low double precision, high double precision);
COMMENT ON TYPE @extschema@.segrec_bounds IS 'the bounds of an interval';

-- The state is that of PostgreSQL's own avg and stddev: count, sum, and sum of squared differences from the mean.
CREATE FUNCTION segrec_catalog.interval_final(state double precision[]) RETURNS @extschema@.segrec_bounds
    IMMUTABLE STRICT PARALLEL SAFE COST 10 LANGUAGE sql
    RETURN CASE WHEN state[1] >= 2 THEN (
        state[2] / state[1] - 1.959963984540054 * sqrt(state[3] / (state[1] * (state[1] - 1))),
        state[2] / state[1] + 1.959963984540054 * sqrt(state[3] / (state[1] * (state[1] - 1)))
    )::@extschema@.segrec_bounds END;
COMMENT ON FUNCTION segrec_catalog.interval_final(double precision[]) IS 'part of segrec_interval: the bounds of all rows';

-- Aggregates --------------------------------------------------------------------------------------

CREATE AGGREGATE @extschema@.segrec_rmse(predicted double precision, actual double precision) (
    SFUNC = segrec_catalog.errors_step, STYPE = @extschema@.segrec_summary, SSPACE = 1024,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.rmse_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_rmse(double precision, double precision)
    IS 'how far predictions are off, large errors counting more: the root of the mean squared error';

CREATE AGGREGATE @extschema@.segrec_mae(predicted double precision, actual double precision) (
    SFUNC = segrec_catalog.errors_step, STYPE = @extschema@.segrec_summary, SSPACE = 1024,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.mae_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_mae(double precision, double precision)
    IS 'how far predictions are off: the mean absolute error';

CREATE AGGREGATE @extschema@.segrec_mse(predicted double precision, actual double precision) (
    SFUNC = segrec_catalog.errors_step, STYPE = @extschema@.segrec_summary, SSPACE = 1024,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.mse_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_mse(double precision, double precision)
    IS 'how far predictions are off: the mean squared error';

CREATE AGGREGATE @extschema@.segrec_auc(score double precision, relevant boolean) (
    SFUNC = segrec_catalog.auc_step, STYPE = @extschema@.segrec_summary, SSPACE = 16384,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.auc_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_auc(double precision, boolean)
    IS 'the probability that a relevant row scores higher than another, ties counting half: the area under the ROC curve';

CREATE AGGREGATE @extschema@.segrec_gini(value double precision) (
    SFUNC = segrec_catalog.gini_step, STYPE = @extschema@.segrec_summary, SSPACE = 16384,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.gini_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_gini(double precision)
    IS 'how unequal values are: 0 where they are equal, near 1 where one has everything: the Gini coefficient';

CREATE AGGREGATE @extschema@.segrec_interval(value double precision) (
    SFUNC = float8_accum, STYPE = double precision[], INITCOND = '{0,0,0}',
    COMBINEFUNC = float8_combine, FINALFUNC = segrec_catalog.interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_interval(double precision)
    IS 'the bounds that the mean of many such values is between 95 times of 100: 1.96 standard errors on either side';
