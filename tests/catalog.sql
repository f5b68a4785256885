-- Everything that belongs to the extension, as one text per object, in an order that does not depend on oids: the
-- contract in tests/snapshots/catalog.snap. The text is the same on each tested major, so what only some of them have
-- is left out: the MAINTAIN privilege (17), NOT NULL as a constraint (18), the bodies of views (printed differently).
WITH
member AS (
    SELECT classid, objid
    FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass
      AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_segrec')
      AND deptype = 'e'
),

privileges AS (
    SELECT object.classid, object.objid,
           coalesce(string_agg(granted.grantee || ': ' || granted.privileges, '; ' ORDER BY granted.grantee), 'nobody') AS text
    FROM (
        SELECT 'pg_proc'::regclass AS classid, oid AS objid, proowner AS owner, coalesce(proacl, acldefault('f', proowner)) AS acl FROM pg_proc
        UNION ALL
        SELECT 'pg_class'::regclass, oid, relowner, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) FROM pg_class
        UNION ALL
        SELECT 'pg_type'::regclass, oid, typowner, coalesce(typacl, acldefault('T', typowner)) FROM pg_type
        UNION ALL
        SELECT 'pg_namespace'::regclass, oid, nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace
    ) AS object
    JOIN member USING (classid, objid)
    LEFT JOIN LATERAL (
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' WHEN object.owner THEN 'owner' ELSE pg_get_userbyid(grantee)::text END AS grantee,
               string_agg(privilege_type, ', ' ORDER BY privilege_type) AS privileges
        FROM aclexplode(object.acl)
        WHERE privilege_type <> 'MAINTAIN'
        GROUP BY 1
    ) AS granted ON true
    GROUP BY object.classid, object.objid
),

remark AS (
    SELECT classid, objid, coalesce(obj_description(objid, classid::regclass::name), '(none)') AS text
    FROM member
),

schemas AS (
    SELECT 1 AS kind, nspname::text AS name, concat_ws(E'\n    ',
        'schema ' || nspname,
        'privileges  ' || privileges.text,
        'comment     ' || remark.text) AS text
    FROM pg_namespace
    JOIN privileges ON (privileges.classid, privileges.objid) = ('pg_namespace'::regclass, oid)
    JOIN remark ON (remark.classid, remark.objid) = ('pg_namespace'::regclass, oid)
),

types AS (
    SELECT 2, format_type(oid, NULL), concat_ws(E'\n    ',
        format('type %s.%I (%s)', typnamespace::regnamespace, typname,
               CASE typtype WHEN 'b' THEN 'base, ' || CASE typlen WHEN -1 THEN 'variable length' ELSE typlen || ' bytes' END
                            WHEN 'e' THEN 'enum' WHEN 'c' THEN 'composite' WHEN 'd' THEN 'domain' ELSE typtype::text END),
        'labels      ' || (SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = pg_type.oid),
        'storage     ' || CASE typtype WHEN 'b' THEN typstorage::text END,
        'privileges  ' || privileges.text,
        'comment     ' || remark.text)
    FROM pg_type
    JOIN privileges ON (privileges.classid, privileges.objid) = ('pg_type'::regclass, oid)
    JOIN remark ON (remark.classid, remark.objid) = ('pg_type'::regclass, oid)
    -- Row types and array types belong to their relations and types; only some majors list them as members.
    WHERE NOT EXISTS (SELECT FROM pg_class WHERE pg_class.oid = typrelid AND relkind <> 'c')
      AND NOT EXISTS (SELECT FROM pg_type AS element WHERE element.typarray = pg_type.oid)
),

functions AS (
    SELECT 3, format('%s.%I(%s)', pronamespace::regnamespace, proname, pg_get_function_identity_arguments(oid)), concat_ws(E'\n    ',
        format('%s %s.%I(%s)', CASE prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' WHEN 'w' THEN 'window function' ELSE 'function' END,
               pronamespace::regnamespace, proname, pg_get_function_arguments(oid)),
        'returns     ' || pg_get_function_result(oid),
        'attributes  ' || concat_ws(', ',
            (SELECT lanname FROM pg_language WHERE pg_language.oid = prolang),
            CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
            'parallel ' || CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END,
            CASE WHEN proisstrict THEN 'strict' END,
            'cost ' || procost,
            CASE WHEN proretset THEN 'rows ' || prorows END,
            CASE WHEN proleakproof THEN 'leakproof' END,
            CASE WHEN prosecdef THEN 'SECURITY DEFINER' END,
            'support ' || nullif(prosupport::text, '-')),
        'combines    ' || (SELECT concat_ws(', ', 'by ' || nullif(aggcombinefn::text, '-'), 'serialised by ' || nullif(aggserialfn::text, '-'))
                           FROM pg_aggregate WHERE aggfnoid = pg_proc.oid),
        'settings    ' || array_to_string(proconfig, ', '),
        'privileges  ' || privileges.text,
        'comment     ' || remark.text)
    FROM pg_proc
    JOIN privileges ON (privileges.classid, privileges.objid) = ('pg_proc'::regclass, oid)
    JOIN remark ON (remark.classid, remark.objid) = ('pg_proc'::regclass, oid)
),

columns AS (
    SELECT attrelid, string_agg(concat_ws(' ',
               '    ' || quote_ident(attname), format_type(atttypid, atttypmod),
               CASE WHEN attnotnull THEN 'NOT NULL' END,
               CASE attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY' WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END,
               CASE attgenerated WHEN 's' THEN 'GENERATED AS ' ELSE 'DEFAULT ' END || pg_get_expr(adbin, adrelid),
               'granted ' || nullif(attacl::text, ''),
               '-- ' || col_description(attrelid, attnum)), E'\n    ' ORDER BY attnum) AS text
    FROM pg_attribute
    LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
    WHERE attnum > 0 AND NOT attisdropped
    GROUP BY attrelid
),

relations AS (
    SELECT 4, relation.oid::regclass::text, concat_ws(E'\n    ',
        format('%s %s.%I', CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                                        WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index' WHEN 'c' THEN 'composite type' ELSE relkind::text END,
               relnamespace::regnamespace, relname),
        CASE WHEN relkind <> 'S' THEN 'columns' || E'\n    ' || columns.text END,
        'storage     ' || nullif(concat_ws(', ', CASE relpersistence WHEN 'u' THEN 'unlogged' END, array_to_string(reloptions, ', ')), ''),
        'dumped      ' || CASE WHEN relkind IN ('r', 'p', 'S') THEN
            coalesce((SELECT CASE WHEN extcondition[position] = '' THEN 'yes' ELSE extcondition[position] END
                      FROM pg_extension, array_position(extconfig, relation.oid) AS position
                      WHERE extname = 'pg_segrec' AND position IS NOT NULL), 'no') END,
        'rows        ' || CASE WHEN relrowsecurity THEN concat_ws(', ', 'row security', CASE WHEN relforcerowsecurity THEN 'forced' END) END,
        (SELECT string_agg(concat_ws(' ', 'policy      ' || polname, 'for', CASE polcmd WHEN '*' THEN 'all' WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' ELSE 'delete' END,
                    'using (' || pg_get_expr(polqual, polrelid) || ')', 'check (' || pg_get_expr(polwithcheck, polrelid) || ')'), E'\n    ' ORDER BY polname)
         FROM pg_policy WHERE polrelid = relation.oid),
        (SELECT string_agg('constraint  ' || conname || ' ' || pg_get_constraintdef(oid), E'\n    ' ORDER BY conname)
         FROM pg_constraint WHERE conrelid = relation.oid AND contype <> 'n'),
        (SELECT string_agg('index       ' || pg_get_indexdef(indexrelid), E'\n    ' ORDER BY indexrelid::regclass::text)
         FROM pg_index WHERE indrelid = relation.oid),
        (SELECT string_agg('trigger     ' || pg_get_triggerdef(oid), E'\n    ' ORDER BY tgname)
         FROM pg_trigger WHERE tgrelid = relation.oid AND NOT tgisinternal),
        'privileges  ' || privileges.text,
        'comment     ' || remark.text)
    FROM pg_class AS relation
    JOIN privileges ON (privileges.classid, privileges.objid) = ('pg_class'::regclass, relation.oid)
    JOIN remark ON (remark.classid, remark.objid) = ('pg_class'::regclass, relation.oid)
    LEFT JOIN columns ON attrelid = relation.oid
),

others AS (
    SELECT 5, pg_describe_object(classid, objid, 0), concat_ws(E'\n    ',
        pg_describe_object(classid, objid, 0),
        'comment     ' || remark.text)
    FROM member
    JOIN remark USING (classid, objid)
    WHERE classid NOT IN ('pg_namespace'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_class'::regclass)
),

settings AS (
    SELECT 6, name, concat_ws(E'\n    ',
        format('setting %s (%s)', name, vartype),
        'default     ' || coalesce(nullif(boot_val, ''), '(empty)') || coalesce(' ' || unit, ''),
        'range       ' || coalesce(array_to_string(enumvals, ', '), min_val || ' to ' || max_val),
        'set by      ' || context,
        'comment     ' || concat_ws(' ', short_desc, extra_desc))
    FROM pg_settings
    WHERE name LIKE 'segrec.%'
)

SELECT text
FROM (
    TABLE schemas UNION ALL TABLE types UNION ALL TABLE functions
    UNION ALL TABLE relations UNION ALL TABLE others UNION ALL TABLE settings
) AS everything
ORDER BY kind, name COLLATE "C", text COLLATE "C"
