-- Privileges on the schemas and their relations: only the owner has any, except for those granted here. Revoke first,
-- since default privileges of the role that creates the extension may have granted some on new objects.

DO $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT DISTINCT opened.kind, opened.name,
               CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(acl.grantee)) END AS grantee
        FROM (
            SELECT 'SCHEMA' AS kind, pg_catalog.quote_ident(nspname) AS name, nspacl AS acl, nspowner AS owner
            FROM pg_catalog.pg_namespace WHERE nspname IN ('segrec', 'segrec_catalog')
            UNION ALL
            SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::pg_catalog.regclass::text, relacl, relowner
            FROM pg_catalog.pg_class
            WHERE relnamespace IN ('segrec'::pg_catalog.regnamespace, 'segrec_catalog'::pg_catalog.regnamespace)
        ) AS opened, pg_catalog.aclexplode(opened.acl) AS acl
        WHERE acl.grantee <> opened.owner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s CASCADE', given.kind, given.name, given.grantee);
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA segrec, segrec_catalog TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA segrec TO PUBLIC;
GRANT SELECT ON segrec_catalog.usable_models, segrec_catalog.usable_jobs TO PUBLIC;
