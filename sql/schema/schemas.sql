-- The two schemas beside the one that the functions are installed in, and the search path of the whole script.
--
-- Whoever creates the extension chooses that schema and may own it, while the script may run as the bootstrap
-- superuser. So nothing is looked for there: every name and operator below is one of pg_catalog or says its schema.

SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA segrec;
COMMENT ON SCHEMA segrec IS 'pg_segrec: views for people and BI tools';

CREATE SCHEMA segrec_catalog;
COMMENT ON SCHEMA segrec_catalog IS 'pg_segrec: the tables behind the views; read them through the schema segrec';
