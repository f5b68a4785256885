-- The two schemas besides the one in which the functions are installed, and the search path of the whole script.
--
-- The role that creates the extension chooses that schema and may own it, while the script may run as the bootstrap
-- superuser. So nothing is ever looked up in it: every name and operator below is in pg_catalog or schema-qualified.

SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA segrec;
COMMENT ON SCHEMA segrec IS 'pg_segrec: views for users and BI tools';

CREATE SCHEMA segrec_catalog;
COMMENT ON SCHEMA segrec_catalog IS 'pg_segrec: the tables behind the views; read them through the schema segrec';
