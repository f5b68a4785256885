//! `segrec_add_rule`, `segrec_drop_rule`: rules that decide what lists show.

use crate::catalog::models::Model;
use crate::catalog::rules::{
    self, ConditionMatcher, ItemCondition, KnownColumn, NewRule, RuleAction, Usage, WrongCondition,
};
use crate::catalog::sources::shown_rows::condition_columns;
use crate::catalog::versions::segments;
use crate::commands::access::privileges::owned;
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::{id_text, parse_id};
use crate::pg::process::workers::look;
use crate::pg::security::rights::current_role;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use segrec_engine::interactions::IdKind;
use segrec_engine::name_similarity::name_similarity;
use serde_json::Value;
use std::collections::HashSet;
use strum::VariantNames;

/// The most items of a rule.
const MOST_ITEMS: usize = 10_000;
/// The most bytes of an id.
const MOST_ID_BYTES: usize = 2500;
/// The most that all rules of a model may take, which every session keeps in memory.
const MOST: Usage = Usage { rules: 10_000, items: 100_000, bytes: 16 << 20 };
/// The most and the least that a rule multiplies scores by.
const MOST_FACTOR: f64 = 1000.0;
const LEAST_FACTOR: f64 = 0.001;
/// The most items that a rule requires.
const MOST_REQUIRED: f64 = 10_000.0;
/// The least similarity of the name of a column to one that is suggested.
const LEAST_SIMILARITY: f64 = 0.5;

/// The arguments of a new rule.
#[derive(Clone, Debug)]
pub struct RuleArguments {
    pub action: Option<String>,
    pub items: Option<Vec<Option<String>>>,
    pub condition: Option<Value>,
    pub segment: Option<i32>,
    pub place: Option<i32>,
    pub valid_from: Option<TimestampWithTimeZone>,
    pub valid_to: Option<TimestampWithTimeZone>,
    pub reason: Option<String>,
    pub value: Option<f64>,
}

/// Adds a rule to a model and returns its id.
pub fn add_rule(model: Option<&str>, arguments: RuleArguments) -> Result<i64> {
    let role = current_role();
    let model = owned(model)?;
    let new = checked(&model, arguments)?;
    rules::touch(model.id)?;
    let used = rules::usage(model.id)?;
    let own =
        Usage { rules: 1, items: new.items.as_ref().map_or(0, Vec::len) as i64, bytes: bytes(&new) as i64 };
    for (what, used, own, most) in [
        ("rules", used.rules, own.rules, MOST.rules),
        ("items in rules", used.items, own.items, MOST.items),
        ("bytes in rules", used.bytes, own.bytes, MOST.bytes),
    ] {
        if used.saturating_add(own) > most {
            return Err(SegrecError::TooManyRules { model: model.name, what, count: used + own, most });
        }
    }
    rules::insert(model.id, new, role)
}

/// Drops a rule of a model.
pub fn drop_rule(model: Option<&str>, rule: Option<i64>) -> Result<()> {
    let model = owned(model)?;
    let rule = rule.ok_or(SegrecError::NullArgument { argument: "rule" })?;
    rules::touch(model.id)?;
    match rules::delete(model.id, rule)? {
        true => Ok(()),
        false => Err(SegrecError::UnknownRule { model: model.name, rule }),
    }
}

fn bytes(new: &NewRule) -> usize {
    let items: usize = new.items.iter().flatten().map(|id| id.len() + 3).sum();
    let condition = new.condition.as_ref().map_or(0, |condition| condition.to_string().len());
    items + condition + new.reason.as_ref().map_or(0, String::len)
}

/// An argument that cannot be used.
fn wrong<T>(
    argument: &'static str,
    problem: impl Into<String>,
    detail: Option<String>,
    hint: impl Into<String>,
) -> Result<T> {
    Err(SegrecError::InvalidRule { argument, problem: problem.into(), detail, hint: hint.into() })
}

fn checked(model: &Model, arguments: RuleArguments) -> Result<NewRule> {
    let RuleArguments { action, items, condition, segment, place, valid_from, valid_to, reason, value } =
        arguments;
    let action = action.ok_or(SegrecError::NullArgument { argument: "action" })?;
    let Ok(action) = action.parse::<RuleAction>() else {
        let actions = RuleAction::VARIANTS.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>();
        let hint = format!("\"action\" must be one of {}.", actions.join(", "));
        let action: String = action.chars().take(100).collect();
        return wrong("action", format!("is \"{action}\""), None, hint);
    };
    let Some(kind) = model.events.as_ref().map(|events| events.item_kind) else {
        return Err(SegrecError::NoEvents { model: model.name.clone() });
    };
    let items = items.map(|items| checked_items(items, kind)).transpose()?;
    match (&items, &condition, action) {
        (Some(_), Some(_), _) => {
            return wrong(
                "items",
                "cannot be combined with \"condition\"",
                None,
                "Add a rule for the items and another one for the condition.",
            );
        }
        (None, _, RuleAction::Pin) => {
            return wrong(
                "items",
                "must not be null if \"action\" is \"pin\"",
                Some("A place belongs to one item.".to_owned()),
                "Name the items, as in items => '{7,12}'.",
            );
        }
        (None, None, _) => {
            return wrong(
                "items",
                "and \"condition\" are both null",
                None,
                "Name items as in items => '{7,12}', or a condition as in condition => '{\"category\": \"alcohol\"}'.",
            );
        }
        _ => {}
    }
    if let Some(condition) = &condition {
        check_condition(model, condition)?;
    }
    if let Some(place) = place {
        if action != RuleAction::Pin {
            return wrong(
                "place",
                format!("cannot be combined with the action \"{action}\""),
                None,
                "Omit it; only what is pinned has a place.",
            );
        }
        if place < 1 {
            return wrong(
                "place",
                format!("is {place}"),
                None,
                "\"place\" must be an integer of at least 1.",
            );
        }
    }
    check_value(action, value)?;
    if let Some(segment) = segment
        && !segments::known(model.id)?.since.contains_key(&segment)
    {
        let existing = model.deployed_version_id.map(segments::ids).transpose()?.unwrap_or_default();
        return Err(SegrecError::UnknownSegment { model: model.name.clone(), segment, existing });
    }
    let moment = |moment: TimestampWithTimeZone| pg_sys::TimestampTz::from(moment);
    if let (Some(from), Some(to)) = (valid_from, valid_to)
        && moment(from) >= moment(to)
    {
        return wrong("valid_to", "is not after \"valid_from\"", None, "Specify a later moment.");
    }
    Ok(NewRule { action, items, condition, segment, place, value, valid_from, valid_to, reason })
}

/// Returns an error if an action has no such value.
fn check_value(action: RuleAction, value: Option<f64>) -> Result<()> {
    let (is_valid, range): (fn(f64) -> bool, _) = match action {
        RuleAction::Boost => (
            |value| 1.0 < value && value <= MOST_FACTOR,
            format!("a factor above 1 and of at most {MOST_FACTOR}, as in value => 1.5"),
        ),
        RuleAction::Bury => (
            |value| (LEAST_FACTOR..1.0).contains(&value),
            format!("a factor of at least {LEAST_FACTOR} and below 1, as in value => 0.5"),
        ),
        RuleAction::Require => (
            |value| (1.0..=MOST_REQUIRED).contains(&value) && value.fract() == 0.0,
            format!("a whole number from 1 to {MOST_REQUIRED}, as in value => 3"),
        ),
        RuleAction::Block | RuleAction::Pin => {
            return match value {
                None => Ok(()),
                Some(_) => wrong(
                    "value",
                    format!("cannot be combined with the action \"{action}\""),
                    None,
                    "Omit it; only what boosts, buries or requires has a value.",
                ),
            };
        }
    };
    let hint = format!("\"value\" must be {range}.");
    match value {
        Some(value) if is_valid(value) => Ok(()),
        Some(value) => wrong("value", format!("is {value}"), None, hint),
        None => wrong("value", format!("must not be null if \"action\" is \"{action}\""), None, hint),
    }
}

/// The distinct ids as the model writes them.
fn checked_items(items: Vec<Option<String>>, kind: IdKind) -> Result<Vec<String>> {
    if items.len() > MOST_ITEMS {
        let hint =
            format!("Add several rules, each with at most {MOST_ITEMS} items, or a rule with a condition.");
        return wrong("items", format!("has {} elements", items.len()), None, hint);
    }
    if items.is_empty() {
        return wrong("items", "is empty", None, "Name at least one item, as in items => '{7,12}'.");
    }
    let (mut ids, mut known) = (Vec::with_capacity(items.len()), HashSet::with_capacity(items.len()));
    for item in items {
        look();
        let Some(item) = item else {
            return wrong(
                "items",
                "contains null",
                None,
                "Leave nulls out, as with array_remove(items, NULL).",
            );
        };
        let id = parse_id(&item, kind).filter(|_| item.len() <= MOST_ID_BYTES).map(id_text);
        let Some(id) = id else {
            let shown: String = item.chars().take(100).collect();
            return wrong(
                "items",
                format!("contains \"{shown}\""),
                Some(format!("The item ids of the model are of type {}.", kind.name())),
                "Specify ids as lists return them.",
            );
        };
        if known.insert(id.clone()) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Returns an error if a condition cannot be on the relation of items as it is now.
fn check_condition(model: &Model, condition: &Value) -> Result<()> {
    let unusable = |WrongCondition { problem, hint }| SegrecError::InvalidRule {
        argument: "condition",
        problem: "cannot be used".to_owned(),
        detail: Some(problem),
        hint,
    };
    let parsed = ItemCondition::parse(condition).map_err(unusable)?;
    let Some(items) = &model.items else {
        return Err(SegrecError::Unbound { model: model.name.clone(), argument: "items" });
    };
    let columns = condition_columns(&model.name, items)?;
    for (name, _) in &parsed.tests {
        look();
        if columns.iter().all(|column| column.name != *name) {
            let shown: String = name.chars().take(100).collect();
            return wrong(
                "condition",
                format!("names the column \"{shown}\", which \"items\" does not have"),
                None,
                suggestion(&shown, &columns),
            );
        }
    }
    ConditionMatcher::new([&parsed], &columns).map(|_| ()).map_err(unusable)
}

/// The column whose name is the most similar, or all of them.
fn suggestion(name: &str, columns: &[KnownColumn]) -> String {
    let similarity = |column: &KnownColumn| name_similarity(name, &column.name);
    match columns.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b))) {
        Some(best) if similarity(best) >= LEAST_SIMILARITY => format!("Did you mean \"{}\"?", best.name),
        _ => {
            let names: Vec<String> =
                columns.iter().take(20).map(|column| format!("\"{}\"", column.name)).collect();
            format!("Name one of its columns, such as {}.", names.join(", "))
        }
    }
}
