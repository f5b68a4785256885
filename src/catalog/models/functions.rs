//! The functions created for one model in a schema of its users: they contain the model's name and have the model's id
//! types. They are ordinary functions, owned by the role that creates them.
//!
//! References in their bodies are resolved once, at creation (BEGIN ATOMIC), so no other function can be substituted
//! later. PostgreSQL records the dependency, and a dump restores them after the extension. They are SECURITY DEFINER.

use crate::catalog::statement::{as_owner, define, execute, query};
use crate::error::{Result, SegrecError};
use pgrx::pg_sys;
use pgrx::spi::quote_literal;
use segrec_engine::interactions::IdKind;

/// A function to be created.
#[derive(Clone, Debug)]
pub struct Function {
    name: &'static str,
    /// The parameters with names and defaults.
    parameters: String,
    /// The parameter types alone, as written by `oidvectortypes`.
    pub types: String,
    returns: String,
    parallel: &'static str,
    cost: u32,
    rows: Option<u32>,
    body: String,
    comment: &'static str,
}

impl Function {
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// The schema in which functions are created.
#[derive(Clone, Debug)]
pub struct Place {
    pub schema: String,
    /// The schema's name, quoted if necessary.
    pub quoted: String,
    /// The name of the extension's schema, quoted if necessary.
    extension: String,
}

/// Looks up a schema; `None` if it does not exist.
pub fn place(schema: pg_sys::Oid) -> Result<Option<Place>> {
    let found = query(
        "SELECT nspname::text, pg_catalog.quote_ident(nspname), pg_catalog.quote_ident(own.own) \
         FROM pg_catalog.pg_namespace CROSS JOIN \
             (SELECT (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = extnamespace) AS own \
              FROM pg_catalog.pg_extension WHERE extname = 'pg_segrec') AS own \
         WHERE oid = $1",
        &[schema.into()],
        |row| Ok(Place { schema: row.value(1)?, quoted: row.value(2)?, extension: row.value(3)? }),
    )?;
    Ok(found.into_iter().next())
}

/// The parameters that all list functions share.
const WISHES: &str = "exclude_seen boolean DEFAULT true, diversity double precision DEFAULT 0, explore double precision DEFAULT 0";

/// The functions of a model with ids of these types; a model without items has only functions about segments.
pub fn of_model(model: &str, user: IdKind, item: Option<IdKind>, place: &Place) -> Vec<Function> {
    let extension = &place.extension;
    let model = format!("{}::text", quote_literal(model));
    let user = user.name();
    let mut functions = vec![Function {
        name: "segment_of",
        parameters: format!("user_id {user}"),
        types: user.to_owned(),
        returns: "integer".to_owned(),
        parallel: "SAFE",
        cost: 500,
        rows: None,
        body: format!("SELECT {extension}.segrec_segment_of($1, {model})"),
        comment: "the segment of a user; null if nothing is known about the user",
    }];
    let Some(item) = item.map(IdKind::name) else {
        return functions;
    };
    // Use the type of both ids if they are the same; functions on text accept any combination.
    let both = if user == item { user } else { "text" };
    let filter = format!("candidates {item}[] DEFAULT '[0:0]={{NULL}}'");
    let others =
        format!("exclude {item}[] DEFAULT NULL, max_per_group bigint DEFAULT NULL, skip bigint DEFAULT 0");
    let list = format!("TABLE (rank integer, item_id {item}, score real, source text)");
    let lines = format!("list.rank, list.item_id::{item}, list.score, list.source");
    let listed = |name, whom: String, types: String, cost, body, comment| Function {
        name,
        parameters: format!("{whom}, n bigint DEFAULT 10, {filter}, {WISHES}, {others}"),
        types: format!(
            "{types}, bigint, {item}[], boolean, double precision, double precision, {item}[], bigint, bigint"
        ),
        returns: list.clone(),
        parallel: "SAFE",
        cost,
        rows: Some(10),
        body,
        comment,
    };
    functions.extend([
        listed(
            "recommend",
            format!("user_id {user}"),
            user.to_owned(),
            2000,
            format!("SELECT {lines} FROM {extension}.segrec_recommend($1::{both}, $2, {model}, $3::{both}[], $4, $5, $6, $7::{both}[], $8, $9) list"),
            "recommends items to a user",
        ),
        listed(
            "recommend_for",
            format!("items {item}[]"),
            format!("{item}[]"),
            2000,
            format!("SELECT {lines} FROM {extension}.segrec_recommend_for($1, $2, {model}, $3, $4, $5, $6, $7, $8, $9) list"),
            "recommends items for a list of items, such as those of a guest, a basket or a session",
        ),
        Function {
            name: "recommend_segment",
            parameters: format!("segment bigint, n bigint DEFAULT 10, {filter}, {others}"),
            types: format!("bigint, bigint, {item}[], {item}[], bigint, bigint"),
            returns: list.clone(),
            parallel: "SAFE",
            cost: 50_000,
            rows: Some(10),
            body: format!("SELECT {lines} FROM {extension}.segrec_recommend_segment($1, $2, {model}, $3::text[], $4::text[], $5, $6) list"),
            comment: "the items with the highest mean score for the members of a segment, as of the training",
        },
        Function {
            name: "trending",
            parameters: format!("n bigint DEFAULT 10, half_life interval DEFAULT '7 days', segment bigint DEFAULT NULL, {others}"),
            types: format!("bigint, interval, bigint, {item}[], bigint, bigint"),
            returns: format!("TABLE (rank integer, item_id {item}, score real, recent real, expected real)"),
            parallel: "SAFE",
            cost: 1_000_000,
            rows: Some(10),
            body: format!(
                "SELECT list.rank, list.item_id::{item}, list.score, list.recent, list.expected \
                 FROM {extension}.segrec_trending($1, {model}, $2, $3, $4::text[], $5, $6) list"
            ),
            comment: "the items on which more happens now than before, by the events as they are now",
        },
        Function {
            name: "latest",
            parameters: format!("n bigint DEFAULT 10, {others}"),
            types: format!("bigint, {item}[], bigint, bigint"),
            returns: format!("TABLE (rank integer, item_id {item}, added_at timestamptz)"),
            parallel: "SAFE",
            cost: 2000,
            rows: Some(10),
            body: format!(
                "SELECT list.rank, list.item_id::{item}, list.added_at FROM {extension}.segrec_latest($1, {model}, $2::text[], $3, $4) list"
            ),
            comment: "the newest items that may be shown, by their rows as they are now",
        },
        Function {
            name: "recommend_all",
            parameters: format!("n bigint DEFAULT 10, {filter}, exclude {item}[] DEFAULT NULL, max_per_group bigint DEFAULT NULL"),
            types: format!("bigint, {item}[], {item}[], bigint"),
            returns: format!("TABLE (user_id {user}, rank integer, item_id {item}, score real, source text)"),
            parallel: "RESTRICTED",
            cost: 1_000_000,
            rows: Some(100_000),
            body: format!("SELECT list.user_id::{user}, {lines} FROM {extension}.segrec_recommend_all({model}, $1, $2::text[], $3::text[], $4) list"),
            comment: "the recommendations of every user, as of the training",
        },
        Function {
            name: "similar_items",
            parameters: format!("item_id {item}, n bigint DEFAULT 10, {filter}, {others}"),
            types: format!("{item}, bigint, {item}[], {item}[], bigint, bigint"),
            returns: format!("TABLE (rank integer, item_id {item}, score real)"),
            parallel: "SAFE",
            cost: 500,
            rows: Some(10),
            body: format!(
                "SELECT list.rank, list.item_id, list.score FROM {extension}.segrec_similar_items($1, $2, {model}, $3, $4, $5, $6) list"
            ),
            comment: "the items most similar to an item",
        },
        Function {
            name: "similar_users",
            parameters: format!("user_id {user}, n bigint DEFAULT 10"),
            types: format!("{user}, bigint"),
            returns: format!("TABLE (rank integer, user_id {user}, similarity real)"),
            parallel: "SAFE",
            cost: 500_000,
            rows: Some(10),
            body: format!(
                "SELECT list.rank, list.user_id, list.similarity FROM {extension}.segrec_similar_users($1, $2, {model}) list"
            ),
            comment: "the users most similar to a user, as of the training",
        },
        Function {
            name: "audience",
            parameters: format!("item_id {item}, n bigint DEFAULT 100, exclude_seen boolean DEFAULT true, candidates {user}[] DEFAULT '[0:0]={{NULL}}', exclude {user}[] DEFAULT NULL"),
            types: format!("{item}, bigint, boolean, {user}[], {user}[]"),
            returns: format!("TABLE (rank integer, user_id {user}, score real)"),
            parallel: "SAFE",
            cost: 500_000,
            rows: Some(100),
            body: format!(
                "SELECT list.rank, list.user_id::{user}, list.score FROM {extension}.segrec_audience($1, $2, {model}, $3, $4::text[], $5::text[]) list"
            ),
            comment: "the users most likely to want an item, as of the training",
        },
        Function {
            name: "explain",
            parameters: format!("user_id {user}, item_id {item}"),
            types: format!("{user}, {item}"),
            returns: format!("TABLE (item_id {item}, contribution real, factors real, neighbours real, by_scorer jsonb, features jsonb, weight real, rules bigint[])"),
            parallel: "SAFE",
            cost: 2000,
            rows: Some(30),
            body: format!(
                "SELECT list.item_id::{item}, list.contribution, list.factors, list.neighbours, list.by_scorer, list.features, list.weight, list.rules \
                 FROM {extension}.segrec_explain($1::{both}, $2::{both}, {model}) list"
            ),
            comment: "the contributions of a user's own items to the score of an item, which add up to the score",
        },
        Function {
            name: "predict",
            parameters: format!("user_id {user}, item_id {item}"),
            types: format!("{user}, {item}"),
            returns: "real".to_owned(),
            parallel: "SAFE",
            cost: 1000,
            rows: None,
            body: format!("SELECT {extension}.segrec_predict($1::{both}, $2::{both}, {model})"),
            comment: "the score of an item for a user",
        },
    ]);
    functions
}

/// Creates a function, which only the current role may call. `path` is the search path it runs with: names in
/// the owner's own views must not be resolved by the caller's setting.
pub fn create(function: &Function, place: &Place, replace: bool, path: &[String]) -> Result<()> {
    let Function { name, parameters, types, returns, parallel, cost, rows, body, comment } = function;
    let schema = &place.quoted;
    let or_replace = if replace { "OR REPLACE " } else { "" };
    let rows = rows.map_or_else(String::new, |rows| format!("ROWS {rows} "));
    let path: Vec<String> = path.iter().map(pgrx::spi::quote_identifier).collect();
    let path = path.iter().map(String::as_str).chain(["pg_temp"]).collect::<Vec<_>>().join(", ");
    define(&format!(
        "CREATE {or_replace}FUNCTION {schema}.{name}({parameters}) RETURNS {returns} \
         STABLE PARALLEL {parallel} COST {cost} {rows}SECURITY DEFINER SET search_path = {path} LANGUAGE sql \
         BEGIN ATOMIC {body}; END"
    ))?;
    let comment = quote_literal(comment);
    define(&format!("COMMENT ON FUNCTION {schema}.{name}({types}) IS {comment}"))?;
    match replace {
        // Keep existing grants.
        true => Ok(()),
        false => define(&format!("REVOKE ALL ON FUNCTION {schema}.{name}({types}) FROM PUBLIC")),
    }
}

/// Records that a function belongs to a model.
pub fn record(model_id: i64, place: &Place, function: &Function) -> Result<()> {
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.model_functions (model_id, schema, name, arguments) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
            &[
                model_id.into(),
                place.schema.as_str().into(),
                function.name.into(),
                function.types.as_str().into(),
            ],
        )
    })
}

/// An existing function that was created for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub schema: String,
    pub name: String,
    /// The types of its arguments.
    pub arguments: String,
    /// The signature for DROP FUNCTION.
    pub signature: String,
    /// Whether the current role may act for its owner.
    pub is_own: bool,
    pub owner: String,
}

/// The functions created for a model that are still the same: with that name, SECURITY DEFINER, and calling the
/// extension for this model. Functions that replaced one are not ours.
pub fn made_for(model_id: i64, model: &str) -> Result<Vec<Made>> {
    let recorded: Vec<(String, String, String)> = as_owner(|| {
        query(
            "SELECT schema, name, arguments FROM segrec_catalog.model_functions WHERE model_id = $1",
            &[model_id.into()],
            |row| Ok((row.value(1)?, row.value(2)?, row.value(3)?)),
        )
    })?;
    // The literal as written with standard_conforming_strings on, and off.
    let plain = format!("'{}'::text", model.replace('\'', "''"));
    let escaped = plain.replace('\\', "\\\\");
    let mut made = Vec::new();
    for (schema, name, arguments) in recorded {
        let found = query(
            "SELECT pg_catalog.format('%I.%I(%s)', nspname, proname, $3), pg_catalog.pg_has_role(proowner, 'USAGE'), \
                    pg_catalog.pg_get_userbyid(proowner)::text \
             FROM pg_catalog.pg_proc made \
             JOIN pg_catalog.pg_namespace schema ON schema.oid = pronamespace \
             JOIN pg_catalog.pg_language language ON language.oid = prolang \
             WHERE nspname = $1::name AND proname = $2::name AND pg_catalog.oidvectortypes(proargtypes) = $3 \
               AND prosecdef AND lanname = 'sql' \
               AND (pg_catalog.strpos(pg_catalog.pg_get_function_sqlbody(made.oid), $4) > 0 \
                    OR pg_catalog.strpos(pg_catalog.pg_get_function_sqlbody(made.oid), $5) > 0) \
               AND EXISTS (SELECT FROM pg_catalog.pg_depend needs \
                           JOIN pg_catalog.pg_depend member ON member.classid = needs.refclassid AND member.objid = needs.refobjid \
                                AND member.deptype = 'e' AND member.refclassid = 'pg_catalog.pg_extension'::regclass \
                           JOIN pg_catalog.pg_extension extension ON extension.oid = member.refobjid AND extname = 'pg_segrec' \
                           WHERE needs.classid = 'pg_catalog.pg_proc'::regclass AND needs.objid = made.oid \
                             AND needs.refclassid = 'pg_catalog.pg_proc'::regclass)",
            &[
                schema.as_str().into(),
                name.as_str().into(),
                arguments.as_str().into(),
                plain.as_str().into(),
                escaped.as_str().into(),
            ],
            |row| Ok((row.value::<String>(1)?, row.value::<bool>(2)?, row.value::<String>(3)?)),
        )?;
        let found = found.into_iter().next();
        made.extend(found.map(|(signature, is_own, owner)| Made {
            schema,
            name,
            arguments,
            signature,
            is_own,
            owner,
        }));
    }
    Ok(made)
}

/// Drops a function as the current role.
pub fn drop(made: &Made) -> Result<()> {
    define(&format!("DROP FUNCTION {}", made.signature))
}

/// Deletes the record of a model's functions.
pub fn forget(model_id: i64) -> Result<()> {
    as_owner(|| execute("DELETE FROM segrec_catalog.model_functions WHERE model_id = $1", &[model_id.into()]))
}

/// The error for a schema that does not exist.
pub fn no_such(schema: pg_sys::Oid) -> SegrecError {
    SegrecError::NoSuchSchema { oid: schema.to_u32() }
}
