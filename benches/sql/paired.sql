-- The mean gain of test users by segments, and its standard error: recall, ndcg.

SELECT round(avg(gained.recall)::numeric, 4), round((stddev_samp(gained.recall) / sqrt(count(*)))::numeric, 4),
       round(avg(gained.ndcg)::numeric, 4), round((stddev_samp(gained.ndcg) / sqrt(count(*)))::numeric, 4)
FROM (
    SELECT a.recall - b.recall AS recall, a.ndcg - b.ndcg AS ndcg
    FROM measured a JOIN measured b USING (user_id)
    WHERE a.method = 'gowalla' AND b.method = 'backbone'
) AS gained;
