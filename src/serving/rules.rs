//! Which rules hold for a list.

use super::ids::item_numbers;
use super::rule_cache::{ActiveRules, ModelRules};
use super::version::ServedVersion;
use crate::catalog::models::Model;
use crate::catalog::rules::{self, ConditionMatcher, KnownColumn, ListRule, RuleAction, WrongCondition};
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::id_text;
use crate::pg::process::memory::ask;
use crate::pg::process::workers::look;
use pgrx::pg_sys;
use pgrx::prelude::statement_timestamp;
use segrec_engine::interactions::Id;
use std::collections::HashSet;
use std::rc::Rc;

/// Bytes of an item of a rule.
const ITEM_BYTES: usize = 64;

/// The rules of a model that hold at the time of the statement for lists of a segment, given by id, or for those of nobody's;
/// none without a model. Rules that were added or dropped are noticed by the model's row, which each call looks up.
pub fn active_rules(
    version: &ServedVersion,
    model: Option<&Model>,
    segment: Option<i32>,
) -> Result<Rc<ActiveRules>> {
    let Some(model) = model.filter(|model| model.rules_generation != 0) else {
        return Ok(version.rules.none());
    };
    let now = pg_sys::TimestampTz::from(statement_timestamp());
    let generation = model.rules_generation;
    if let Some(active) = version.rules.active(generation, segment, now) {
        return Ok(active);
    }
    let all = model_rules(version, model)?;
    let active = Rc::new(resolve(version, &all, segment, now)?);
    version.rules.keep_active(&active);
    Ok(active)
}

/// The segments for whose lists a model has rules.
pub fn segments_with_rules(version: &ServedVersion, model: &Model) -> Result<Vec<i32>> {
    if model.rules_generation == 0 {
        return Ok(Vec::new());
    }
    let all = model_rules(version, model)?;
    let mut segments: Vec<i32> = all.rules.iter().filter_map(|rule| rule.segment).collect();
    segments.sort_unstable();
    segments.dedup();
    Ok(segments)
}

fn model_rules(version: &ServedVersion, model: &Model) -> Result<Rc<ModelRules>> {
    if let Some(rules) = version.rules.model(model.rules_generation) {
        return Ok(rules);
    }
    let (generation, rules) = (model.rules_generation, rules::of_model(model.id)?);
    let rules = Rc::new(ModelRules { generation, rules });
    version.rules.keep_model(&rules);
    Ok(rules)
}

fn resolve(version: &ServedVersion, all: &ModelRules, segment: Option<i32>, now: i64) -> Result<ActiveRules> {
    let holds = |rule: &&ListRule| rule.valid.0 <= now && now < rule.valid.1;
    // Until the next moment at which a rule begins or ends to hold.
    let moments = || all.rules.iter().flat_map(|rule| [rule.valid.0, rule.valid.1]);
    let mut active = ActiveRules {
        generation: all.generation,
        segment,
        valid: (
            moments().filter(|&moment| moment <= now).max().unwrap_or(i64::MIN),
            moments().filter(|&moment| moment > now).min().unwrap_or(i64::MAX),
        ),
        ..ActiveRules::default()
    };
    let conditions = all.rules.iter().filter(holds).filter_map(|rule| rule.condition.as_ref());
    active.columns = conditions.flat_map(|own| own.tests.iter().map(|(name, _)| name.clone())).collect();
    active.columns.sort_unstable();
    active.columns.dedup();
    let is_for = |rule: &&ListRule| rule.segment.is_none() || rule.segment == segment;
    for rule in all.rules.iter().filter(holds).filter(is_for) {
        look();
        ask("the rules of a model", ITEM_BYTES * (active.blocked.len() + rule.items.len()))?;
        let known = |id: &String| item_numbers(version, &[Id::Text(id)]).first().copied();
        let numbers = rule.items.iter().map(|id| (id, known(id)));
        match (rule.action, &rule.condition) {
            (RuleAction::Block, Some(condition)) => active.blocking.push(condition.clone()),
            (RuleAction::Block, None) => {
                for (id, number) in numbers {
                    match number {
                        Some(number) => active.blocked.push(number),
                        None => active.blocked_unknown.push(id.clone()),
                    }
                }
            }
            (RuleAction::Pin, _) => {
                let places = (rule.place..).zip(numbers);
                active.pins.extend(places.filter_map(|(place, (_, number))| Some((place, number?))));
            }
        }
    }
    active.blocked.sort_unstable();
    active.blocked.dedup();
    active.blocked_unknown.sort_unstable();
    active.pins.sort_by_key(|&(place, _)| place);
    let mut pinned = HashSet::with_capacity(active.pins.len());
    active.pins.retain(|(_, item)| pinned.insert(*item));
    Ok(active)
}

impl ActiveRules {
    /// Whether an item that the version does not know is blocked.
    pub fn blocks_unknown(&self, id: Id<'_>) -> bool {
        !self.blocked_unknown.is_empty() && self.blocked_unknown.binary_search(&id_text(id)).is_ok()
    }

    /// What finds the conditions that hold for a row of these columns.
    pub fn matcher(&self, model: &str, columns: &[KnownColumn]) -> Result<Rc<ConditionMatcher>> {
        if let Some((known, matcher)) = &*self.matcher.borrow()
            && known == columns
        {
            return Ok(Rc::clone(matcher));
        }
        let unusable =
            |WrongCondition { problem, .. }| SegrecError::UnusableRule { model: model.to_owned(), problem };
        let matcher = Rc::new(ConditionMatcher::new(&self.blocking, columns).map_err(unusable)?);
        self.matcher.replace(Some((columns.to_vec(), Rc::clone(&matcher))));
        Ok(matcher)
    }
}
