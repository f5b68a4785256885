-- The two schemas beside the one the functions are installed in.

CREATE SCHEMA segrec;
COMMENT ON SCHEMA segrec IS 'pg_segrec: views for people and BI tools';
GRANT USAGE ON SCHEMA segrec TO PUBLIC;

CREATE SCHEMA segrec_catalog;
COMMENT ON SCHEMA segrec_catalog IS 'pg_segrec: the tables behind the views; read them through the schema segrec';
GRANT USAGE ON SCHEMA segrec_catalog TO PUBLIC;
