//! Everything ends: each function and aggregate that an unprivileged role can call is ended by statement_timeout, even
//! on the worst input of a few megabytes that the role can create. The list is compared with the catalog, so that none
//! is forgotten.

use segrec_tests::{Cluster, Session, SqlState};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The longest time of a statement whose timeout is one second.
const ENDED: Duration = Duration::from_secs(2);
/// The number of attempts: a busy machine may be late once, but code that does not check for interrupts is late every
/// time.
const ATTEMPTS: usize = 3;

/// The relations that the statements read, created by the unprivileged role.
const WORLD: &str = r#"
    CREATE TABLE own.wide AS SELECT (g * 7919::bigint + k * 13) % 20011 AS user_id, g::bigint AS item_id
        FROM generate_series(1, 200000) g, LATERAL generate_series(1, 1 + g % 3) k;
    CREATE TABLE own.deep AS SELECT user_id, item_id % 20000 AS item_id FROM own.wide;
    CREATE TABLE own.people AS SELECT u::bigint AS user_id, (u * 37 % 101)::float8 AS age, (u * 53 % 1009)::float8 AS income
        FROM generate_series(1, 2000) u;
    SELECT segrec_create_model('wide', 'own.wide', options => '{"algorithm": "popularity", "segmentation": {"method": "none"}}');
    SELECT segrec_create_model('deep', 'own.deep', options => '{"algorithm": "als", "als": {"factors": 64, "sweeps": 1}, "segmentation": {"method": "none"}}');
    SELECT segrec_create_model('people', users => 'own.people', options => '{"segmentation": {"segments": 4}}');
    SELECT segrec_create_model('tree', users => 'own.people', options => '{"segmentation": {"method": "hierarchical", "segments": 4}}');
    SELECT segrec_create_model('empty', 'own.wide');
    SELECT segrec_train(m, 'always') FROM unnest('{wide,deep,people,tree}'::text[]) m;
    CREATE TABLE own.titles AS SELECT g::bigint AS item_id, ARRAY['a' || g % 300, 'b' || g % 70] AS words FROM generate_series(0, 3999) g;
    CREATE TABLE own.bought AS SELECT user_id % 4000 AS user_id, item_id % 4000 AS item_id FROM own.wide WHERE item_id < 20000;
    SELECT segrec_create_model('titles', 'own.bought', items => 'own.titles', options => '{"algorithm": "als", "als": {"factors": 8, "sweeps": 1}, "segmentation": {"method": "none"}, "items": {"new_items": 1}}');
    CREATE TABLE own.dated AS SELECT user_id, item_id, now() - (user_id * 37 + item_id) % 9000 * interval '1 hour' AS at FROM own.bought;
    SELECT segrec_create_model('dated', 'own.dated', time_column => 'at', items => 'own.titles',
        options => '{"algorithm": "popularity", "segmentation": {"method": "none"}, "items": {"added_column": "item_id"}}');
    SELECT segrec_train(m, 'always') FROM unnest('{titles,dated}'::text[]) m;
    INSERT INTO own.titles SELECT g, ARRAY['a' || g % 300, 'b' || g % 70] FROM generate_series(4000, 800000) g;
    CREATE TABLE own.input AS SELECT
        (SELECT array_agg((g * 48271::bigint) % 200003) FROM generate_series(1, 500000) g) AS numbers,
        (SELECT array_agg(md5(g::text)) FROM generate_series(1, 100000) g) AS texts,
        (SELECT array_agg(md5(g::text)::uuid) FROM generate_series(1, 200000) g) AS uuids,
        (SELECT array_agg((g * 48271::bigint % 200003)::text) FROM generate_series(1, 200000) g) AS ids,
        (SELECT jsonb_object_agg('k' || g, g) FROM generate_series(1, 100000) g) AS keys,
        (SELECT jsonb_build_object('segmentation.columns', jsonb_agg('c' || g)) FROM generate_series(1, 200000) g) AS listed,
        (SELECT jsonb_build_object('als.factors', r, 'als.sweeps', r, 'neighbours.kept', r, 'ease.kept', r,
             'rating.factors', r, 'rating.sweeps', r) FROM (SELECT jsonb_agg(8) AS r FROM generate_series(1, 100000)) _) AS grid,
        (SELECT jsonb_build_object('als.factors', jsonb_agg(g % 900 + 1), 'als.regularization', jsonb_agg(1 + g / 1e6))
             FROM generate_series(1, 100000) g) AS large_grid,
        (SELECT jsonb_build_object('als.factors', jsonb_agg('x' || g)) FROM generate_series(1, 100000) g) AS bad_grid,
        '{"dimensions": 1, "rows": 0, "inertia": 0, "segments": [' || rtrim(repeat('{"size": 0, "centroid": [1]}, ', 200000), ', ') || ']}' AS clusters,
        '{"dimensions": 1000, "rows": 0, "inertia": 0, "segments": [' || rtrim(repeat('{"size": 0, "centroid": [' || rtrim(repeat('1,', 1000), ',') || ']}, ', 2000), ', ') || ']}' AS centroids;
    CREATE TABLE own.rows AS SELECT g, g % 2 = 0 AS yes, md5(g::text) AS label,
        (g * 7919::bigint % 1000003)::float8 AS x FROM generate_series(1, 400000) g;
    CREATE TABLE own.points AS SELECT g,
        (SELECT array_agg(sin(g * 31.0 + d))::real[] FROM generate_series(1, 100) d) AS features
        FROM generate_series(1, 10000) g;
    CREATE TABLE own.long_points AS SELECT g,
        (SELECT array_agg(sin(g * 31.0 + d))::real[] FROM generate_series(1, 16000) d) AS features
        FROM generate_series(1, 60) g;
    CREATE TABLE own.stored AS SELECT segrec_kmeans(features, 64) AS clusters FROM own.points
"#;

/// Each function with the slowest call that is possible; if it exists for several types, with the slowest of these.
pub const WORST: &[(&str, &str)] = &[
    ("public.segrec_add_rule", "SELECT segrec_add_rule('deep', 'block', texts) FROM own.input"),
    ("public.segrec_adjusted_rand", "SELECT segrec_adjusted_rand(label, x::text) FROM own.rows"),
    ("public.segrec_adjusted_rand", "SELECT segrec_adjusted_rand(g, x::integer) FROM own.rows"),
    ("public.segrec_alter_model", "SELECT segrec_alter_model('wide', keys) FROM own.input"),
    ("public.segrec_alter_model", "SELECT segrec_alter_model('people', listed) FROM own.input"),
    ("public.segrec_apply_trial", "SELECT segrec_apply_trial('wide', 1, g) FROM own.rows"),
    (
        "public.segrec_assign",
        "SELECT sum(segrec_assign(clusters, features)) FROM own.stored, own.points, generate_series(1, 100)",
    ),
    ("public.segrec_auc", "SELECT segrec_auc(x, yes) FROM own.rows, generate_series(1, 3)"),
    ("public.segrec_audience", "SELECT count(*) FROM segrec_audience(17, 2000000000, 'deep', false)"),
    (
        "public.segrec_average_precision",
        "SELECT segrec_average_precision(numbers, numbers) FROM own.input, generate_series(1, 9)",
    ),
    ("public.segrec_cancel", "SELECT segrec_cancel(g) FROM own.rows"),
    (
        "public.segrec_centroids",
        "SELECT count(*) FROM own.input, segrec_centroids(centroids::segrec_clusters)",
    ),
    ("public.segrec_change_owner", "SELECT segrec_change_owner('wide', 'endless_nobody')"),
    ("public.segrec_classify", "SELECT segrec_classify('people', keys) FROM own.input"),
    (
        "public.segrec_classify",
        "SELECT segrec_classify('people', jsonb_build_object('age', g, 'income', x)) FROM own.rows",
    ),
    ("public.segrec_compare", "SELECT count(*) FROM segrec_compare('deep', 1, 1)"),
    (
        "public.segrec_create_model",
        "SELECT segrec_create_model('new', 'own.wide', options => keys) FROM own.input",
    ),
    (
        "public.segrec_create_model",
        "SELECT segrec_create_model('new', users => 'own.people', options => listed) FROM own.input",
    ),
    ("public.segrec_create_functions", "SELECT segrec_create_functions('wide', 'own') FROM own.rows"),
    ("public.segrec_cross_validate", "SELECT count(*) FROM segrec_cross_validate('deep', 100)"),
    ("public.segrec_describe_segment", "SELECT segrec_describe_segment('deep', 1) FROM own.rows"),
    ("public.segrec_cut", "SELECT count(*) FROM segrec_cut('tree', 2000)"),
    ("public.segrec_davies_bouldin", "SELECT segrec_davies_bouldin(features, g) FROM own.points"),
    ("public.segrec_deploy", "SELECT segrec_deploy('deep', 1)"),
    ("public.segrec_drop_model", "SELECT segrec_drop_model('deep')"),
    ("public.segrec_drop_rule", "SELECT segrec_drop_rule('deep', 1)"),
    ("public.segrec_drop_version", "SELECT segrec_drop_version('deep', 1)"),
    ("public.segrec_estimate", "SELECT count(*) FROM segrec_estimate('deep')"),
    ("public.segrec_example", "SELECT count(*) FROM own.rows, segrec_example('shop ' || g)"),
    (
        "public.segrec_evaluate",
        "SELECT count(*) FROM segrec_evaluate('deep', (SELECT array_agg(g) FROM own.rows))",
    ),
    (
        "public.segrec_evaluate",
        "SELECT count(*) FROM segrec_evaluate('deep', (SELECT array_agg(1 + g % 1000) FROM own.rows))",
    ),
    ("public.segrec_evaluate", "SELECT count(*) FROM segrec_evaluate('deep', '{1000}', test => 'own.wide')"),
    ("public.segrec_explain", "SELECT count(*) FROM segrec_explain(7, 17, 'deep')"),
    ("public.segrec_export", "SELECT count(*) FROM segrec_export('deep')"),
    ("public.segrec_f1", "SELECT segrec_f1(texts, texts) FROM own.input, generate_series(1, 9)"),
    ("public.segrec_forget_user", "SELECT segrec_forget_user('deep', 7)"),
    ("public.segrec_gini", "SELECT segrec_gini(x) FROM own.rows, generate_series(1, 3)"),
    ("public.segrec_grant", "SELECT segrec_grant('deep', 'endless_nobody', 'train')"),
    ("public.segrec_hit_rate", "SELECT segrec_hit_rate(uuids, uuids) FROM own.input, generate_series(1, 9)"),
    ("public.segrec_import", "SELECT segrec_import('empty', 'own.rows')"),
    ("public.segrec_interval", "SELECT segrec_interval(x) FROM own.rows, generate_series(1, 3)"),
    ("public.segrec_kmeans", "SELECT segrec_kmeans(features, 4096) FROM own.points"),
    (
        "public.segrec_kmeans",
        "SELECT segrec_kmeans(features, 4096) FROM own.long_points, generate_series(1, 30)",
    ),
    ("public.segrec_kmeans", "SELECT segrec_kmeans(ARRAY[x, g % 7]::real[], 4096) FROM own.rows"),
    ("public.segrec_label_segment", "SELECT segrec_label_segment('people', 1, repeat('x', 5000000))"),
    ("public.segrec_mae", "SELECT segrec_mae(x, g) FROM own.rows, generate_series(1, 3)"),
    ("public.segrec_mse", "SELECT segrec_mse(x, g) FROM own.rows, generate_series(1, 3)"),
    (
        "public.segrec_ndcg",
        "SELECT segrec_ndcg(numbers, numbers, 400000) FROM own.input, generate_series(1, 9)",
    ),
    ("public.segrec_ndcg", "SELECT segrec_ndcg(texts, texts) FROM own.input, generate_series(1, 9)"),
    ("public.segrec_pause_schedule", "SELECT segrec_pause_schedule('deep')"),
    (
        "public.segrec_precision",
        "SELECT segrec_precision(texts, texts) FROM own.input, generate_series(1, 9)",
    ),
    ("public.segrec_predict", "SELECT count(segrec_predict(g, 17, 'deep')) FROM own.rows"),
    ("public.segrec_rebind", "SELECT segrec_rebind('deep', events => 'own.wide')"),
    ("public.segrec_recall", "SELECT segrec_recall(texts, texts) FROM own.input, generate_series(1, 9)"),
    (
        "public.segrec_reciprocal_rank",
        "SELECT segrec_reciprocal_rank(numbers, numbers) FROM own.input, generate_series(1, 9)",
    ),
    ("public.segrec_recommend", "SELECT count(*) FROM segrec_recommend(7, 2000000000, 'wide')"),
    (
        "public.segrec_recommend",
        "SELECT count(*) FROM segrec_recommend(7, 2000000000, 'deep', diversity => 0.5)",
    ),
    (
        "public.segrec_recommend",
        "SELECT count(*) FROM segrec_recommend(7, 2000000000, 'deep', explore => 0.5)",
    ),
    (
        "public.segrec_recommend",
        "SELECT count(*) FROM own.input, segrec_recommend(7, 2000000000, 'deep', numbers)",
    ),
    (
        "public.segrec_recommend",
        "SELECT count(*) FROM own.input, segrec_recommend('7', 2000000000, 'wide', ids)",
    ),
    ("public.segrec_recommend_all", "SELECT count(*) FROM segrec_recommend_all('wide', 2000000000)"),
    ("public.segrec_recommend_all", "SELECT count(*) FROM segrec_recommend_all('deep', 2000000000)"),
    (
        "public.segrec_recommend_for",
        "SELECT count(*) FROM own.input, segrec_recommend_for(numbers, 2000000000, 'deep')",
    ),
    (
        "public.segrec_recommend_for",
        "SELECT count(*) FROM own.input, segrec_recommend_for(ids, 2000000000, 'wide', ids, explore => 0.5)",
    ),
    (
        "public.segrec_recommend_segment",
        "SELECT count(*) FROM own.input, segrec_recommend_segment(1, 2000000000, 'deep', ids)",
    ),
    (
        "public.segrec_recommend_segment",
        "SELECT count(*) FROM segrec_recommend_segment(1, 2000000000, 'wide')",
    ),
    (
        "public.segrec_trending",
        "SELECT count(*) FROM own.input, segrec_trending(2000000000, 'dated', '100 years', 1, ids)",
    ),
    ("public.segrec_latest", "SELECT count(*) FROM own.input, segrec_latest(2000000000, 'dated', ids)"),
    ("public.segrec_resume_schedule", "SELECT segrec_resume_schedule('deep')"),
    ("public.segrec_revoke", "SELECT segrec_revoke('deep', 'endless_nobody', 'train')"),
    ("public.segrec_rmse", "SELECT segrec_rmse(x, g) FROM own.rows, generate_series(1, 3)"),
    ("public.segrec_refresh_items", "SELECT segrec_refresh_items('titles')"),
    ("public.segrec_rollback", "SELECT segrec_rollback('deep')"),
    ("public.segrec_run_schedule", "CALL segrec_run_schedule('deep')"),
    ("public.segrec_schedule", "SELECT segrec_schedule('deep', repeat('1,', 2000000) || '1 * * * *')"),
    ("public.segrec_segment_of", "SELECT count(segrec_segment_of(g, 'people')) FROM own.rows"),
    ("public.segrec_silhouette", "SELECT segrec_silhouette(features, g % 2) FROM own.points"),
    (
        "public.segrec_silhouette",
        "SELECT segrec_silhouette(features, g) FROM own.long_points, generate_series(1, 30)",
    ),
    ("public.segrec_similar_items", "SELECT count(*) FROM segrec_similar_items(17, 2000000000, 'deep')"),
    ("public.segrec_similar_users", "SELECT count(*) FROM segrec_similar_users(7, 2000000000, 'deep')"),
    ("public.segrec_train", "SELECT segrec_train('wide', 'always')"),
    ("public.segrec_train", "SELECT segrec_train('deep', 'always')"),
    ("public.segrec_train_all", "SELECT count(*) FROM segrec_train_all('people')"),
    ("public.segrec_train_in_background", "SELECT segrec_train_in_background('people')"),
    ("public.segrec_tune", "CALL segrec_tune('deep', '{\"als.factors\": [8, 16, 32]}', 10)"),
    ("public.segrec_unschedule", "SELECT segrec_unschedule('deep')"),
    (
        "segrec_catalog.adjusted_rand_final",
        "SELECT segrec_catalog.adjusted_rand_final(repeat('00', 2000000)::segrec_summary)",
    ),
    (
        "segrec_catalog.auc_final",
        "SELECT segrec_catalog.auc_final(('0104' || repeat('00', 2000000))::segrec_summary)",
    ),
    ("segrec_catalog.auc_step", "SELECT segrec_catalog.auc_step(NULL, x, yes) FROM own.rows"),
    (
        "segrec_catalog.begin_study",
        "SELECT segrec_catalog.begin_study('deep', grid, 20, 'ndcg@10', 'grid', false) FROM own.input",
    ),
    (
        "segrec_catalog.begin_study",
        "SELECT segrec_catalog.begin_study('deep', large_grid, 10000, 'ndcg@10', 'grid', false) FROM own.input",
    ),
    (
        "segrec_catalog.begin_study",
        "SELECT segrec_catalog.begin_study('deep', large_grid, 10000, 'ndcg@10', 'random', false) FROM own.input",
    ),
    (
        "segrec_catalog.begin_study",
        "SELECT segrec_catalog.begin_study('deep', bad_grid, 20, 'ndcg@10', 'grid', false) FROM own.input",
    ),
    (
        "segrec_catalog.begin_study",
        "SELECT segrec_catalog.begin_study('deep', keys, 20, 'ndcg@10', 'grid', false) FROM own.input",
    ),
    ("segrec_catalog.clusters_in", "SELECT count(clusters::segrec_clusters) FROM own.input"),
    ("segrec_catalog.clusters_in", "SELECT count(centroids::segrec_clusters) FROM own.input"),
    ("segrec_catalog.clusters_out", "SELECT length(centroids::segrec_clusters::text) FROM own.input"),
    (
        "segrec_catalog.clusters_send",
        "SELECT length(segrec_catalog.clusters_send(centroids::segrec_clusters)) FROM own.input",
    ),
    (
        "segrec_catalog.davies_bouldin_final",
        "SELECT segrec_catalog.davies_bouldin_final(repeat('01', 2000000)::segrec_summary)",
    ),
    ("segrec_catalog.errors_step", "SELECT segrec_catalog.errors_step(NULL, x, x) FROM own.rows"),
    ("segrec_catalog.finish_study", "SELECT segrec_catalog.finish_study(1, false)"),
    (
        "segrec_catalog.gini_final",
        "SELECT segrec_catalog.gini_final(('010580897a' || repeat('00', 16000000))::segrec_summary)",
    ),
    ("segrec_catalog.gini_step", "SELECT segrec_catalog.gini_step(NULL, x) FROM own.rows"),
    (
        "segrec_catalog.interval_final",
        "SELECT segrec_catalog.interval_final((SELECT array_agg(x) FROM own.rows))",
    ),
    (
        "segrec_catalog.kmeans_final",
        "SELECT segrec_catalog.kmeans_final(('010001ffffffff0f0080897a' || repeat('00', 8000000) || '0000')::segrec_summary)",
    ),
    ("segrec_catalog.kmeans_step", "SELECT segrec_catalog.kmeans_step(NULL, features, 7) FROM own.points"),
    (
        "segrec_catalog.labelled_step",
        "SELECT segrec_catalog.labelled_step(NULL, features, 7) FROM own.points",
    ),
    ("segrec_catalog.last_of_job", "SELECT segrec_catalog.last_of_job(1)"),
    (
        "segrec_catalog.list_metric",
        "SELECT segrec_catalog.list_metric('ndcg', uuids, uuids, NULL) FROM own.input, generate_series(1, 9)",
    ),
    ("segrec_catalog.mae_final", "SELECT segrec_catalog.mae_final(repeat('01', 2000000)::segrec_summary)"),
    ("segrec_catalog.mse_final", "SELECT segrec_catalog.mse_final(repeat('01', 2000000)::segrec_summary)"),
    ("segrec_catalog.next_run", "SELECT segrec_catalog.next_run('0 0 31 2 *', '2026-01-01')"),
    ("segrec_catalog.next_run", "SELECT segrec_catalog.next_run('0 0 30 2 1', '0100-01-01 BC')"),
    (
        "segrec_catalog.next_run",
        "SELECT segrec_catalog.next_run(repeat('1,', 2000000) || '1 * * * *', '2026-01-01')",
    ),
    (
        "segrec_catalog.next_run",
        "SELECT segrec_catalog.next_run('0 0 29 2 1', '2026-01-01'::timestamp + g * interval '1 day') FROM own.rows",
    ),
    ("segrec_catalog.pairs_step", "SELECT segrec_catalog.pairs_step(NULL, label, label) FROM own.rows"),
    ("segrec_catalog.progress_reports", "SELECT segrec_catalog.progress_reports()"),
    ("segrec_catalog.record_failure", "SELECT segrec_catalog.record_failure('deep', repeat('x', 5000000))"),
    ("segrec_catalog.rmse_final", "SELECT segrec_catalog.rmse_final(repeat('01', 2000000)::segrec_summary)"),
    ("segrec_catalog.run_schedule", "CALL segrec_catalog.run_schedule('deep')"),
    ("segrec_catalog.run_scheduled", "SELECT segrec_catalog.run_scheduled('deep', 1)"),
    ("segrec_catalog.run_trial", "SELECT segrec_catalog.run_trial(1)"),
    ("segrec_catalog.scheduler_timezone", "SELECT segrec_catalog.scheduler_timezone()"),
    ("segrec_catalog.serving_counters", "SELECT segrec_catalog.serving_counters()"),
    (
        "segrec_catalog.silhouette_final",
        "SELECT segrec_catalog.silhouette_final(repeat('01', 2000000)::segrec_summary)",
    ),
    ("segrec_catalog.summary_in", "SELECT repeat('01', 4000000)::segrec_summary"),
    (
        "segrec_catalog.summary_merge",
        "SELECT segrec_catalog.summary_merge(repeat('01', 2000000)::segrec_summary, repeat('01', 2000000)::segrec_summary)",
    ),
    (
        "segrec_catalog.summary_out",
        "SELECT length(('010580897a' || repeat('00', 16000000))::segrec_summary::text)",
    ),
    (
        "segrec_catalog.summary_send",
        "SELECT length(segrec_catalog.summary_send(('010580897a' || repeat('00', 16000000))::segrec_summary))",
    ),
    ("public.segrec_ips", "SELECT segrec_ips(x, 0.5, 0.25, 1) FROM own.rows, generate_series(1, 9)"),
    (
        "public.segrec_ips_interval",
        "SELECT segrec_ips_interval(x, 0.5, 0.25, 1) FROM own.rows, generate_series(1, 9)",
    ),
    ("public.segrec_snips", "SELECT segrec_snips(x, 0.5, 0.25, 1) FROM own.rows, generate_series(1, 9)"),
    (
        "public.segrec_snips_interval",
        "SELECT segrec_snips_interval(x, 0.5, 0.25, 1) FROM own.rows, generate_series(1, 9)",
    ),
    ("public.segrec_dm", "SELECT segrec_dm(x) FROM own.rows, generate_series(1, 9)"),
    ("public.segrec_dm_interval", "SELECT segrec_dm_interval(x) FROM own.rows, generate_series(1, 9)"),
    ("public.segrec_dr", "SELECT segrec_dr(x, 0.5, 0.25, x, x, 1) FROM own.rows, generate_series(1, 9)"),
    (
        "public.segrec_dr_interval",
        "SELECT segrec_dr_interval(x, 0.5, 0.25, x, x, 1) FROM own.rows, generate_series(1, 9)",
    ),
    ("public.segrec_sndr", "SELECT segrec_sndr(x, 0.5, 0.25, x, x, 1) FROM own.rows, generate_series(1, 9)"),
    (
        "public.segrec_sndr_interval",
        "SELECT segrec_sndr_interval(x, 0.5, 0.25, x, x, 1) FROM own.rows, generate_series(1, 9)",
    ),
    (
        "public.segrec_switch_dr",
        "SELECT segrec_switch_dr(x, 0.5, 0.25, x, x, 1) FROM own.rows, generate_series(1, 9)",
    ),
    (
        "public.segrec_switch_dr_interval",
        "SELECT segrec_switch_dr_interval(x, 0.5, 0.25, x, x, 1) FROM own.rows, generate_series(1, 9)",
    ),
    (
        "public.segrec_effective_sample_size",
        "SELECT segrec_effective_sample_size(x, 0.5, 0.25, 1) FROM own.rows, generate_series(1, 9)",
    ),
    ("segrec_catalog.ips_step", "SELECT segrec_catalog.ips_step(NULL, x, 0.5, 0.25) FROM own.rows"),
    (
        "segrec_catalog.ips_clip_step",
        "SELECT segrec_catalog.ips_clip_step(NULL, x, 0.5, 0.25, 1) FROM own.rows",
    ),
    ("segrec_catalog.dr_step", "SELECT segrec_catalog.dr_step(NULL, x, 0.5, 0.25, x, x) FROM own.rows"),
    (
        "segrec_catalog.dr_clip_step",
        "SELECT segrec_catalog.dr_clip_step(NULL, x, 0.5, 0.25, x, x, 1) FROM own.rows",
    ),
    (
        "segrec_catalog.switch_dr_step",
        "SELECT segrec_catalog.switch_dr_step(NULL, x, 0.5, 0.25, x, x, 1) FROM own.rows",
    ),
    ("segrec_catalog.dm_step", "SELECT segrec_catalog.dm_step(NULL, x) FROM own.rows"),
    (
        "segrec_catalog.policy_mean_final",
        "SELECT segrec_catalog.policy_mean_final(repeat('01', 2000000)::segrec_summary)",
    ),
    (
        "segrec_catalog.policy_ratio_final",
        "SELECT segrec_catalog.policy_ratio_final(repeat('01', 2000000)::segrec_summary)",
    ),
    (
        "segrec_catalog.policy_mean_bounds",
        "SELECT segrec_catalog.policy_mean_bounds(repeat('01', 2000000)::segrec_summary)",
    ),
    (
        "segrec_catalog.policy_ratio_bounds",
        "SELECT segrec_catalog.policy_ratio_bounds(repeat('01', 2000000)::segrec_summary)",
    ),
    (
        "segrec_catalog.policy_mean_interval_final",
        "SELECT segrec_catalog.policy_mean_interval_final(repeat('01', 2000000)::segrec_summary)",
    ),
    (
        "segrec_catalog.policy_ratio_interval_final",
        "SELECT segrec_catalog.policy_ratio_interval_final(repeat('01', 2000000)::segrec_summary)",
    ),
    (
        "segrec_catalog.effective_sample_size_final",
        "SELECT segrec_catalog.effective_sample_size_final(repeat('01', 2000000)::segrec_summary)",
    ),
    (
        "segrec_catalog.policy_interval",
        "SELECT segrec_catalog.policy_interval((SELECT array_agg(x) FROM own.rows))",
    ),
];

/// Returns a database with the relations of the unprivileged role, and a session of that role.
pub fn world(cluster: &Cluster) -> (segrec_tests::Database<'_>, Session) {
    let database = cluster.database("endless");
    let mut owner = database.connect();
    owner.run("DROP ROLE IF EXISTS endless_nobody; CREATE ROLE endless_nobody LOGIN; CREATE SCHEMA own AUTHORIZATION endless_nobody");
    let mut session = database.connect_as("endless_nobody");
    session.run(WORLD);
    session.notices();
    (database, session)
}

#[test]
fn whatever_a_role_without_rights_can_call_has_its_worst_input_here() {
    let database = Cluster::shared().database("endless_list");
    let mut session = database.connect();
    session.run("CREATE ROLE endless_caller");
    // Functions with an argument of type internal can only be called by the server itself.
    let callable: BTreeSet<String> = session
        .column::<String>(
            "SELECT DISTINCT pronamespace::regnamespace || '.' || proname FROM pg_proc
             JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
             WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_segrec')
               AND 'internal'::regtype <> ALL (proargtypes)
               AND has_schema_privilege('endless_caller', pronamespace, 'USAGE')
               AND has_function_privilege('endless_caller', pg_proc.oid, 'EXECUTE')",
        )
        .into_iter()
        .collect();
    session.run("DROP ROLE endless_caller");
    let known: BTreeSet<String> = WORST.iter().map(|(name, _)| (*name).to_owned()).collect();
    let forgotten: Vec<_> = callable.difference(&known).collect();
    assert!(forgotten.is_empty(), "without a worst input: {forgotten:?}");
    let gone: Vec<_> = known.difference(&callable).collect();
    assert!(gone.is_empty(), "nobody can call {gone:?}");
}

#[test]
fn each_function_on_the_worst_input_of_a_few_megabytes_is_ended_by_statement_timeout() {
    let cluster = Cluster::start();
    let (database, mut session) = world(&cluster);
    let mut late = Vec::new();
    for (name, statement) in WORST {
        let mut slowest = Duration::MAX;
        for _ in 0..ATTEMPTS {
            // Procedures commit; everything else is rolled back.
            let is_procedure = statement.starts_with("CALL");
            session.run(if is_procedure {
                "SET statement_timeout = '1s'"
            } else {
                "BEGIN; SET LOCAL statement_timeout = '1s'"
            });
            let begun = Instant::now();
            let result = session.batch_execute(statement);
            slowest = slowest.min(begun.elapsed());
            if let Err(error) = result {
                let error = error
                    .as_db_error()
                    .unwrap_or_else(|| panic!("{statement}: {error:?}\n{}", cluster.log()));
                assert_ne!(error.code(), &SqlState::INTERNAL_ERROR, "{statement}: {error:?}");
            }
            let end = if is_procedure { "RESET statement_timeout" } else { "ROLLBACK" };
            // The timeout may also end a rollback, on a busy machine; then it has still to be done.
            if session.batch_execute(end).is_err() {
                session.run(end);
            }
            if slowest < ENDED {
                break;
            }
        }
        if slowest >= ENDED {
            late.push(format!("{name} {slowest:?}: {statement}"));
        }
    }
    drop(session);
    drop(database);
    assert!(late.is_empty(), "not ended in time:\n{}", late.join("\n"));
    assert!(!cluster.log().contains("terminated by signal"), "{}", cluster.log());
}
