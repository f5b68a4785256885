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
    IS 'part of segrec_precision and similar functions: computes a metric of a list by its name';
COMMENT ON FUNCTION segrec_catalog.list_metric(text, uuid[], uuid[], bigint)
    IS 'part of segrec_precision and similar functions: computes a metric of a list by its name';
COMMENT ON FUNCTION segrec_catalog.list_metric(text, text[], text[], bigint)
    IS 'part of segrec_precision and similar functions: computes a metric of a list by its name';

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
    IS 'precision: the fraction of the list''s items that are relevant';
COMMENT ON FUNCTION @extschema@.segrec_precision(uuid[], uuid[], bigint)
    IS 'precision: the fraction of the list''s items that are relevant';
COMMENT ON FUNCTION @extschema@.segrec_precision(text[], text[], bigint)
    IS 'precision: the fraction of the list''s items that are relevant';

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
    IS 'recall: the fraction of the relevant items that are in the list';
COMMENT ON FUNCTION @extschema@.segrec_recall(uuid[], uuid[], bigint)
    IS 'recall: the fraction of the relevant items that are in the list';
COMMENT ON FUNCTION @extschema@.segrec_recall(text[], text[], bigint)
    IS 'recall: the fraction of the relevant items that are in the list';

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
    IS 'F1 score: the harmonic mean of precision and recall';
COMMENT ON FUNCTION @extschema@.segrec_f1(uuid[], uuid[], bigint)
    IS 'F1 score: the harmonic mean of precision and recall';
COMMENT ON FUNCTION @extschema@.segrec_f1(text[], text[], bigint)
    IS 'F1 score: the harmonic mean of precision and recall';

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
    IS 'hit rate: 1 if the list contains a relevant item, else 0';
COMMENT ON FUNCTION @extschema@.segrec_hit_rate(uuid[], uuid[], bigint)
    IS 'hit rate: 1 if the list contains a relevant item, else 0';
COMMENT ON FUNCTION @extschema@.segrec_hit_rate(text[], text[], bigint)
    IS 'hit rate: 1 if the list contains a relevant item, else 0';

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
    IS 'normalized discounted cumulative gain: 1 if all relevant items are at the top of the list';
COMMENT ON FUNCTION @extschema@.segrec_ndcg(uuid[], uuid[], bigint)
    IS 'normalized discounted cumulative gain: 1 if all relevant items are at the top of the list';
COMMENT ON FUNCTION @extschema@.segrec_ndcg(text[], text[], bigint)
    IS 'normalized discounted cumulative gain: 1 if all relevant items are at the top of the list';

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
    IS 'average precision: the mean of the precision at the rank of each relevant item; its mean over users is MAP';
COMMENT ON FUNCTION @extschema@.segrec_average_precision(uuid[], uuid[], bigint)
    IS 'average precision: the mean of the precision at the rank of each relevant item; its mean over users is MAP';
COMMENT ON FUNCTION @extschema@.segrec_average_precision(text[], text[], bigint)
    IS 'average precision: the mean of the precision at the rank of each relevant item; its mean over users is MAP';

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
    IS 'reciprocal rank: 1 / the rank of the first relevant item, 0 if there is none; its mean over users is MRR';
COMMENT ON FUNCTION @extschema@.segrec_reciprocal_rank(uuid[], uuid[], bigint)
    IS 'reciprocal rank: 1 / the rank of the first relevant item, 0 if there is none; its mean over users is MRR';
COMMENT ON FUNCTION @extschema@.segrec_reciprocal_rank(text[], text[], bigint)
    IS 'reciprocal rank: 1 / the rank of the first relevant item, 0 if there is none; its mean over users is MRR';

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
COMMENT ON FUNCTION segrec_catalog.errors_step(@extschema@.segrec_summary, double precision, double precision) IS 'part of segrec_rmse, segrec_mae and segrec_mse: transition function';
COMMENT ON FUNCTION segrec_catalog.rmse_final(@extschema@.segrec_summary) IS 'part of segrec_rmse: final function';
COMMENT ON FUNCTION segrec_catalog.mae_final(@extschema@.segrec_summary) IS 'part of segrec_mae: final function';
COMMENT ON FUNCTION segrec_catalog.mse_final(@extschema@.segrec_summary) IS 'part of segrec_mse: final function';
COMMENT ON FUNCTION segrec_catalog.auc_step(@extschema@.segrec_summary, double precision, boolean) IS 'part of segrec_auc: transition function';
COMMENT ON FUNCTION segrec_catalog.auc_final(@extschema@.segrec_summary) IS 'part of segrec_auc: final function';
COMMENT ON FUNCTION segrec_catalog.gini_step(@extschema@.segrec_summary, double precision) IS 'part of segrec_gini: transition function';
COMMENT ON FUNCTION segrec_catalog.gini_final(@extschema@.segrec_summary) IS 'part of segrec_gini: final function';

CREATE TYPE @extschema@.segrec_bounds AS (low double precision, high double precision);
COMMENT ON TYPE @extschema@.segrec_bounds IS 'the bounds of an interval';

-- The state is that of PostgreSQL's own avg and stddev: count, sum, and sum of squared differences from the mean.
CREATE FUNCTION segrec_catalog.interval_final(state double precision[]) RETURNS @extschema@.segrec_bounds
    IMMUTABLE STRICT PARALLEL SAFE COST 10 LANGUAGE sql
    RETURN CASE WHEN state[1] >= 2 THEN (
        state[2] / state[1] - 1.959963984540054 * sqrt(state[3] / (state[1] * (state[1] - 1))),
        state[2] / state[1] + 1.959963984540054 * sqrt(state[3] / (state[1] * (state[1] - 1)))
    )::@extschema@.segrec_bounds END;
COMMENT ON FUNCTION segrec_catalog.interval_final(double precision[]) IS 'part of segrec_interval: final function';

-- Aggregates --------------------------------------------------------------------------------------

CREATE AGGREGATE @extschema@.segrec_rmse(predicted double precision, actual double precision) (
    SFUNC = segrec_catalog.errors_step, STYPE = @extschema@.segrec_summary, SSPACE = 1024,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.rmse_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_rmse(double precision, double precision)
    IS 'root mean squared error of predictions';

CREATE AGGREGATE @extschema@.segrec_mae(predicted double precision, actual double precision) (
    SFUNC = segrec_catalog.errors_step, STYPE = @extschema@.segrec_summary, SSPACE = 1024,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.mae_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_mae(double precision, double precision)
    IS 'mean absolute error of predictions';

CREATE AGGREGATE @extschema@.segrec_mse(predicted double precision, actual double precision) (
    SFUNC = segrec_catalog.errors_step, STYPE = @extschema@.segrec_summary, SSPACE = 1024,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.mse_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_mse(double precision, double precision)
    IS 'mean squared error of predictions';

CREATE AGGREGATE @extschema@.segrec_auc(score double precision, relevant boolean) (
    SFUNC = segrec_catalog.auc_step, STYPE = @extschema@.segrec_summary, SSPACE = 16384,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.auc_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_auc(double precision, boolean)
    IS 'area under the ROC curve: the probability that a relevant row scores higher than another, where ties count half';

CREATE AGGREGATE @extschema@.segrec_gini(value double precision) (
    SFUNC = segrec_catalog.gini_step, STYPE = @extschema@.segrec_summary, SSPACE = 16384,
    COMBINEFUNC = segrec_catalog.summary_merge, FINALFUNC = segrec_catalog.gini_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_gini(double precision)
    IS 'Gini coefficient of the values: 0 if they are equal, near 1 if one value makes up the total';

CREATE AGGREGATE @extschema@.segrec_interval(value double precision) (
    SFUNC = float8_accum, STYPE = double precision[], INITCOND = '{0,0,0}',
    COMBINEFUNC = float8_combine, FINALFUNC = segrec_catalog.interval_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.segrec_interval(double precision)
    IS '95 % confidence interval of the mean: 1.96 standard errors on either side';
