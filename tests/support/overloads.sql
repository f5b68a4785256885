-- Plants a schema with a rival of each name in a text of SQL; overloads.rs says what for. It is one statement, which
-- reads the text and the name of the schema from settings of the transaction.
--
-- An operator has a rival for each pair of available types, and so has a function of two arguments. Any function has
-- rivals with its own arguments, with each of them replaced by every other type, and with polymorphic ones. The rival
-- of a type is a domain, that of a system relation a view. A rival reports that it was called in a warning and returns
-- null.
DO $plant$
DECLARE
    source text := current_setting('overloads.source');
    place text := quote_ident(current_setting('overloads.place'));
    words text[] := ARRAY(SELECT DISTINCT lower(word[1]) FROM regexp_matches(source, '[[:alpha:]_][[:alnum:]_]*', 'g') AS word)
        || '{int2,int4,int8,float4,float8,bool,numeric,varchar,bpchar}'; -- of the grammar, too
    called text[] := ARRAY(SELECT DISTINCT lower(word[1]) FROM regexp_matches(source, '([[:alpha:]_][[:alnum:]_]*)\s*\(', 'g') AS word)
        || ARRAY(SELECT DISTINCT word[1] FROM regexp_matches(source, 'FUNC = ([[:alnum:]_]+)', 'g') AS word)
        || '{timezone,like,notlike}'; -- what the grammar calls by other names
    signs text[] := ARRAY(SELECT DISTINCT sign[1] FROM regexp_matches(source, '[-+*/<>=~!@#%^&|`?]+', 'g') AS sign)
        || '{=,<>,<,<=,>,>=,~~,!~~}';
    system_relations oid[] := ARRAY(
        SELECT oid FROM pg_class
        WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') AND relname = ANY (words));
    scalars oid[] := ARRAY(
        SELECT oid FROM pg_type
        WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typcategory <> 'A'
          AND (typname = ANY (words)
               OR oid IN (SELECT atttypid FROM pg_attribute WHERE attrelid = ANY (system_relations) AND attnum > 0)));
    arrays oid[] := ARRAY(SELECT typarray FROM pg_type WHERE oid = ANY (scalars) AND typarray <> 0);
    made record;
BEGIN
    PERFORM set_config('check_function_bodies', 'off', true);
    EXECUTE format('CREATE FUNCTION %s.noted(what text) RETURNS boolean IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS %L', place,
        format('BEGIN RAISE WARNING %L, what, current_user; RETURN true; END',
               replace(current_setting('overloads.place'), '%', '%%') || ' was called: % as %'));

    -- Operators: a function for each pair of types and result, and each operator that could be called with them.
    FOR made IN
        WITH polymorphic AS (
            SELECT unnest('{anyelement,anyarray,anynonarray,anycompatible,anycompatiblearray}'::regtype[])::oid AS type
        ),
        pairs AS (
            SELECT l AS l, r AS r FROM unnest(scalars) AS l, unnest(scalars) AS r
            UNION ALL SELECT a, a FROM unnest(arrays) AS a
            UNION ALL SELECT typarray, oid FROM pg_type WHERE typarray = ANY (arrays)
            UNION ALL SELECT oid, typarray FROM pg_type WHERE typarray = ANY (arrays)
            UNION ALL SELECT one.type, other.type FROM polymorphic AS one, polymorphic AS other
            UNION ALL SELECT 0, s FROM unnest(scalars || arrays) AS s
            UNION ALL SELECT 0, type FROM polymorphic
        ),
        called AS (
            SELECT DISTINCT oprname AS name, oprleft = 0 AS prefix,
                   bool_and(oprresult = 'bool'::regtype) OVER (PARTITION BY oprname) AS compares
            FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprname = ANY (signs)
        )
        SELECT l, r, called.name,
               coalesce(own.oprresult, CASE WHEN compares OR r = ANY (SELECT type FROM polymorphic) THEN 'bool'::regtype::oid ELSE r END) AS result
        FROM pairs JOIN called ON prefix = (l = 0)
        LEFT JOIN pg_operator own ON own.oprname = called.name AND own.oprnamespace = 'pg_catalog'::regnamespace
              AND own.oprleft = l AND own.oprright = r AND own.oprresult = ANY (scalars || arrays)
    LOOP
        DECLARE
            arguments text := concat_ws(', ', CASE WHEN made.l <> 0 THEN made.l::regtype END, made.r::regtype);
            called text := format('%s.%I', place, 'gives_' || made.result);
        BEGIN
            IF to_regprocedure(format('%s(%s)', called, arguments)) IS NULL THEN
                EXECUTE format('CREATE FUNCTION %s(%s) RETURNS %s IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS %L',
                    called, arguments, made.result::regtype,
                    format('BEGIN PERFORM %s.noted(%L); RETURN NULL; END', place, 'an operator of ' || arguments));
            END IF;
            EXECUTE format('CREATE OPERATOR %s.%s (FUNCTION = %s, %sRIGHTARG = %s)', place, made.name, called,
                CASE WHEN made.l <> 0 THEN format('LEFTARG = %s, ', made.l::regtype) END, made.r::regtype);
        END;
    END LOOP;

    -- Functions: rivals of the built-in functions that the text calls.
    FOR made IN
        WITH builtin AS (
            SELECT proname AS name, string_to_array(proargtypes::text, ' ')::oid[] AS types, pronargs AS arity, provariadic <> 0 AS is_variadic,
                   CASE WHEN prorettype = ANY (scalars || arrays || 'void'::regtype::oid) THEN prorettype ELSE 'text'::regtype END AS result,
                   proretset AS rows
            FROM pg_proc
            WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY (called) AND prokind IN ('f', 'a', 'w')
              AND NOT EXISTS (SELECT FROM unnest(proargtypes) AS a JOIN pg_type ON pg_type.oid = a
                              WHERE typtype = 'p' AND typname !~ '^any')
        ),
        arities AS (
            SELECT DISTINCT name, arity + extra AS arity FROM builtin, generate_series(0, CASE WHEN is_variadic THEN 4 ELSE 0 END) AS extra
        ),
        signatures AS (
            SELECT name, types, result, rows FROM builtin WHERE '"any"'::regtype <> ALL (types)
            UNION ALL
            SELECT name, types[:position - 1] || other || types[position + 1:], result, rows
            FROM builtin, generate_series(1, arity) AS position, unnest(scalars || arrays) AS other
            WHERE '"any"'::regtype <> ALL (types)
            UNION ALL
            SELECT name, ARRAY[one, other], result, rows FROM builtin, unnest(scalars) AS one, unnest(scalars) AS other
            WHERE arity = 2 AND '"any"'::regtype <> ALL (types)
            UNION ALL
            SELECT arities.name, assigned.types, 'text'::regtype, false
            FROM arities, LATERAL (
                SELECT ARRAY(SELECT CASE WHEN assignment >> position & 1 = 1 THEN 'anyelement'::regtype ELSE 'anycompatible'::regtype END::oid
                             FROM generate_series(0, arity - 1) AS position) AS types
                FROM generate_series(0, (1 << least(arity, 6)) - 1) AS assignment) AS assigned
            WHERE arity > 0
        )
        SELECT DISTINCT ON (name, types) name, result, rows,
               array_to_string(ARRAY(SELECT format_type(type, NULL) FROM unnest(types) WITH ORDINALITY AS argument (type, position) ORDER BY position), ', ') AS arguments
        FROM signatures ORDER BY name, types
    LOOP
        EXECUTE format('CREATE FUNCTION %s.%I(%s) RETURNS %s%s IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS %L',
            place, made.name, made.arguments, CASE WHEN made.rows THEN 'SETOF ' END, made.result::regtype,
            format('BEGIN PERFORM %s.noted(%L); RETURN%s; END', place, format('%s(%s)', made.name, made.arguments),
                CASE WHEN NOT made.rows AND made.result <> 'void'::regtype THEN ' NULL' END));
    END LOOP;

    -- Types and system relations: a domain or a view of the same name.
    FOR made IN SELECT oid, typname AS name FROM pg_type WHERE oid = ANY (scalars) LOOP
        EXECUTE format('CREATE DOMAIN %s.%I AS pg_catalog.%2$I CHECK (%1$s.noted(%3$L))', place, made.name, 'type ' || made.name);
    END LOOP;
    FOR made IN
        SELECT relname AS name, string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND atttypid <> 'anyarray'::regtype
        WHERE pg_class.oid = ANY (system_relations) GROUP BY relname
    LOOP
        EXECUTE format('CREATE VIEW %s.%I AS SELECT %s FROM pg_catalog.%2$I WHERE %1$s.noted(%4$L)',
            place, made.name, made.columns, 'relation ' || made.name);
    END LOOP;
END
$plant$
