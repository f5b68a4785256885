-- The last statement of the script verifies that its objects depend only on each other and on built-in ones. The owner
-- of the chosen schema could rename it while the script runs, and substitute another one with malicious types.

DO $$
DECLARE
    others text;
BEGIN
    WITH RECURSIVE extension AS (
        SELECT oid, extnamespace FROM pg_catalog.pg_extension WHERE extname = 'pg_segrec'
    ),
    own (class, object) AS (
        SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass::oid, oid FROM extension
        UNION
        SELECT part.classid, part.objid
        FROM own JOIN pg_catalog.pg_depend part ON part.refclassid = own.class AND part.refobjid = own.object
        WHERE part.deptype IN ('e', 'i', 'a', 'P', 'S')
    )
    SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_describe_object(used.refclassid, used.refobjid, 0), ', ')
    INTO others
    FROM own JOIN pg_catalog.pg_depend used ON used.classid = own.class AND used.objid = own.object
    WHERE used.refobjid >= 16384 -- FirstNormalObjectId: initdb made all before
      AND used.refclassid <> 'pg_catalog.pg_language'::pg_catalog.regclass
      AND (used.refclassid, used.refobjid) NOT IN (SELECT class, object FROM own)
      AND (used.refclassid, used.refobjid) NOT IN (
          SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, extnamespace FROM extension);
    IF others IS NOT NULL THEN
        RAISE EXCEPTION 'pg_segrec would depend on objects that do not belong to it: %', others
            USING HINT = 'Prevent changes of the schema while CREATE EXTENSION runs.';
    END IF;
END
$$;
