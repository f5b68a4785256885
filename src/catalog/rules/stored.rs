//! The table of rules.

use super::condition::{ItemCondition, WrongCondition};
use crate::catalog::statement::{as_owner, execute, only, query, write};
use crate::error::{Result, SegrecError};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, pg_sys};
use serde_json::Value;
use std::str::FromStr;
use strum::{Display, EnumString, VariantNames};

/// What a rule does with its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum RuleAction {
    /// No list has them.
    Block,
    /// They have a place in lists.
    Pin,
    /// Their scores are raised by a factor.
    Boost,
    /// Their scores are lowered by a factor.
    Bury,
    /// Lists have so many of them.
    Require,
}

/// A rule as lists apply it.
#[derive(Clone, Debug)]
pub struct ListRule {
    pub id: i64,
    pub action: RuleAction,
    /// Ids of items in the order in which they were given.
    pub items: Vec<String>,
    /// In place of ids.
    pub condition: Option<ItemCondition>,
    /// The segment whose users it is for, if not all.
    pub segment: Option<i32>,
    /// The place of the first item that is pinned, from 1.
    pub place: usize,
    /// The factor of scores, or the number of items that are required; 1 for other actions.
    pub value: f64,
    /// The moments from which and until which it holds, the last one excluded, in microseconds since 2000.
    pub valid: (i64, i64),
}

/// The contents of a new rule.
#[derive(Clone, Debug)]
pub struct NewRule {
    pub action: RuleAction,
    pub items: Option<Vec<String>>,
    pub condition: Option<Value>,
    pub segment: Option<i32>,
    pub place: Option<i32>,
    pub value: Option<f64>,
    pub valid_from: Option<TimestampWithTimeZone>,
    pub valid_to: Option<TimestampWithTimeZone>,
    pub reason: Option<String>,
}

/// How much the rules of a model take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub rules: i64,
    /// The items that they name.
    pub items: i64,
    /// The bytes of all of their texts.
    pub bytes: i64,
}

/// Gives a model another number of its rules, by which every session notices that they have changed. The number comes from a
/// sequence, so that none comes twice, not even after a rollback. Other changes of the rules wait until the transaction ends.
pub fn touch(model_id: i64) -> Result<()> {
    let sql = "UPDATE segrec_catalog.models \
               SET rules_generation = pg_catalog.nextval('segrec_catalog.rules_rule_id_seq'::pg_catalog.regclass) \
               WHERE model_id = $1";
    as_owner(|| execute(sql, &[model_id.into()]))
}

/// What the rules of a model take.
pub fn usage(model_id: i64) -> Result<Usage> {
    let sql = "SELECT pg_catalog.count(*), COALESCE(pg_catalog.sum(pg_catalog.cardinality(items)), 0), \
                      COALESCE(pg_catalog.sum(pg_catalog.octet_length(pg_catalog.concat(items::text, condition::text, reason)))::bigint, 0) \
               FROM segrec_catalog.rules WHERE model_id = $1";
    let found = as_owner(|| {
        query(sql, &[model_id.into()], |row| {
            Ok(Usage { rules: row.value(1)?, items: row.value(2)?, bytes: row.value(3)? })
        })
    })?;
    only(found)
}

/// Stores a rule of a role and returns its id.
pub fn insert(model_id: i64, new: NewRule, role: pg_sys::Oid) -> Result<i64> {
    let sql = "INSERT INTO segrec_catalog.rules \
                   (model_id, action, items, condition, segment, place, value, valid_from, valid_to, reason, created_by) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, pg_catalog.pg_get_userbyid($11)::text) RETURNING rule_id";
    let inserted = as_owner(|| {
        write(
            sql,
            &[
                model_id.into(),
                new.action.to_string().into(),
                new.items.into(),
                new.condition.map(JsonB).into(),
                new.segment.into(),
                new.place.into(),
                new.value.into(),
                new.valid_from.into(),
                new.valid_to.into(),
                new.reason.into(),
                role.into(),
            ],
            |row| row.value(1),
        )
    })?;
    only(inserted)
}

/// Deletes a rule; false if the model has none with this id.
pub fn delete(model_id: i64, rule: i64) -> Result<bool> {
    let sql = "DELETE FROM segrec_catalog.rules WHERE model_id = $1 AND rule_id = $2 RETURNING rule_id";
    let deleted = as_owner(|| write(sql, &[model_id.into(), rule.into()], |row| row.value::<i64>(1)))?;
    Ok(!deleted.is_empty())
}

/// The rules of a model, the oldest first.
pub fn of_model(model_id: i64) -> Result<Vec<ListRule>> {
    let sql = "SELECT action, pg_catalog.to_jsonb(items), condition, segment, place, valid_from, valid_to, rule_id, value \
               FROM segrec_catalog.rules WHERE model_id = $1 ORDER BY rule_id";
    as_owner(|| {
        query(sql, &[model_id.into()], |row| {
            let action: String = row.value(1)?;
            let items = row.get::<JsonB>(2)?.map(|JsonB(items)| items);
            let items = items.iter().filter_map(Value::as_array).flatten();
            let condition = row.get::<JsonB>(3)?.map(|JsonB(condition)| ItemCondition::parse(&condition));
            let damaged = |WrongCondition { problem, .. }| SegrecError::Internal(problem);
            let moment = |column: usize, missing: i64| {
                let moment = row.get::<TimestampWithTimeZone>(column)?;
                Ok::<_, SegrecError>(moment.map_or(missing, pg_sys::TimestampTz::from))
            };
            Ok(ListRule {
                id: row.value(8)?,
                action: RuleAction::from_str(&action)
                    .map_err(|_| SegrecError::Internal(format!("unknown action {action:?}")))?,
                items: items.filter_map(|id| id.as_str().map(str::to_owned)).collect(),
                condition: condition.transpose().map_err(damaged)?,
                segment: row.get(4)?,
                place: row.get::<i32>(5)?.unwrap_or(1).max(1) as usize,
                value: row.get::<f64>(9)?.unwrap_or(1.0),
                valid: (moment(6, i64::MIN)?, moment(7, i64::MAX)?),
            })
        })
    })
}
