-- What each column of the views means. A column means the same in every view it occurs in, so its
-- sentence stands here once; the few that differ name their view.

DO $$
DECLARE
    meaning record;
    viewed record;
BEGIN
    FOR viewed IN
        SELECT relation.oid::pg_catalog.regclass AS relation, relation.relname AS view, attribute.attname AS name
        FROM pg_catalog.pg_attribute attribute
        JOIN pg_catalog.pg_class relation ON relation.oid = attribute.attrelid
        JOIN pg_catalog.pg_namespace namespace ON namespace.oid = relation.relnamespace
        WHERE namespace.nspname IN ('segrec', 'segrec_catalog') AND relation.relkind = 'v' AND attribute.attnum > 0
    LOOP
        SELECT INTO meaning * FROM (VALUES
            ('model', NULL, 'the name of the model'),
            ('owner', NULL, 'the role that owns the model'),
            ('events', NULL, 'how many events it was trained on'),
            ('events', 'models', 'the relation that holds the events'),
            ('events', 'usable_models', 'the relation that holds the events'),
            ('users', NULL, 'how many users'),
            ('users', 'models', 'the relation that describes the users'),
            ('users', 'usable_models', 'the relation that describes the users'),
            ('items', NULL, 'how many items'),
            ('items', 'models', 'the relation that describes the items'),
            ('items', 'usable_models', 'the relation that describes the items'),
            ('options', NULL, 'the options, with defaults filled in'),
            ('options', 'models', 'the options that were given'),
            ('options', 'usable_models', 'the options that were given'),
            ('deployed_version', NULL, 'the version that answers'),
            ('trained_at', NULL, 'when the deployed version was finished'),
            ('schedule', NULL, 'when it is trained by itself'),
            ('user_column', NULL, 'the column of events with the user''s id'),
            ('item_column', NULL, 'the column of events with the item''s id'),
            ('weight_column', NULL, 'the column of events with the weight'),
            ('time_column', NULL, 'the column of events with the time'),
            ('type_column', NULL, 'the column of events with the type'),
            ('created_at', NULL, 'when the model was created'),
            ('version', NULL, 'the number of the training: 1, 2, 3, …'),
            ('state', NULL, 'ready: it is complete'),
            ('deployed', NULL, 'whether this version answers'),
            ('started_at', NULL, 'when the training began'),
            ('finished_at', NULL, 'when it ended'),
            ('segments', NULL, 'how many segments'),
            ('metric', NULL, 'the name of the metric'),
            ('value', NULL, 'what the version reached'),
            ('value', 'training_log', 'the value of the metric'),
            ('baseline', NULL, 'what popularity reached for the same users and held-out events'),
            ('previous', NULL, 'what the version deployed before reached'),
            ('split', NULL, 'how held-out events were chosen: time or random'),
            ('reason', NULL, 'why it was deployed or was not'),
            ('segment', NULL, 'the number of the segment'),
            ('segment', 'metrics', 'the segment whose users were measured; null for all'),
            ('segment', 'item_factors', 'the segment; null for the backbone'),
            ('label', NULL, 'the name given to the segment'),
            ('rule', NULL, 'who is in the segment, in words'),
            ('share', NULL, 'the share of all users'),
            ('share', 'segment_items', 'the share of the segment''s users that have the item'),
            ('since_version', NULL, 'the first version that had the segment'),
            ('own_factors', NULL, 'whether the segment passed the gate and uses its own factors'),
            ('gain', NULL, 'how much its own factors gained over the backbone in ndcg@20, per held-out user'),
            ('gain_error', NULL, 'the standard error that the gain was held against'),
            ('user_id', NULL, 'the user''s id, as text'),
            ('item_id', NULL, 'the item''s id, as text'),
            ('distance', NULL, '1 − cosine with the segment''s centroid'),
            ('confidence', NULL, 'how clearly the user belongs here: 1 − distance / distance to the next segment'),
            ('rank', NULL, '1 is the item most of the segment''s users have'),
            ('lift', NULL, 'how many times as often as among all users'),
            ('factors', NULL, 'the factor vector'),
            ('k', NULL, 'the length of the lists that were measured'),
            ('ci_low', NULL, 'the lower bound of the 95 % interval'),
            ('ci_high', NULL, 'the upper bound of the 95 % interval'),
            ('phase', NULL, 'the part of the training'),
            ('step', NULL, 'the step of the phase'),
            ('loss', NULL, 'the loss after the step'),
            ('seconds', NULL, 'seconds since the training began'),
            ('model_id', NULL, 'the key of the model'),
            ('name', NULL, 'the name of the model'),
            ('is_owner', NULL, 'whether the current role is a member of the owner'),
            ('users_key', NULL, 'the column of users with the user''s id'),
            ('items_key', NULL, 'the column of items with the item''s id'),
            ('user_id_kind', NULL, 'the kind of the users'' ids: bigint, uuid or text'),
            ('item_id_kind', NULL, 'the kind of the items'' ids: bigint, uuid or text'),
            ('last_version', NULL, 'the number of the newest version ever'),
            ('deployed_version_id', NULL, 'the key of the version that answers'),
            ('version_id', NULL, 'the key of the version'),
            ('deployed_at', NULL, 'when it was deployed last'),
            ('als', NULL, 'the settings of alternating least squares that were decided where options say auto'),
            ('median_weight', NULL, 'the weight that became a confidence of 1'),
            ('anchor', NULL, 'the moment from which age is counted, in microseconds since 2000'),
            ('item_gram', NULL, 'the Gramian of the backbone''s item factors, k × k')
        ) AS meanings (name, view, sentence)
        WHERE meanings.name = viewed.name AND (meanings.view IS NULL OR meanings.view = viewed.view)
        ORDER BY meanings.view NULLS LAST
        LIMIT 1;
        EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', viewed.relation, viewed.name, meaning.sentence);
    END LOOP;
END
$$;
