//! Which rules hold for a list.

use super::ids::item_numbers;
use super::rule_cache::{ActiveRules, Effect, ModelRules, PreparedConditions, Requirement};
use super::version::ServedVersion;
use crate::catalog::models::Model;
use crate::catalog::rules::{
    self, ConditionMatcher, ItemCondition, KnownColumn, ListRule, RuleAction, WrongCondition,
};
use crate::catalog::sources::shown_rows::{Shown, ShownColumns, ShownRows};
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::id_text;
use crate::pg::process::memory::ask;
use crate::pg::process::workers::look;
use pgrx::pg_sys;
use pgrx::prelude::statement_timestamp;
use segrec_engine::interactions::Id;
use std::collections::{HashMap, HashSet};
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
    active.columns = columns_of(all.rules.iter().filter(holds).filter_map(|rule| rule.condition.as_ref()));
    let (mut factors, mut unknown): (HashMap<u32, f64>, HashMap<String, f64>) = Default::default();
    for rule in all.rules.iter().filter(holds).filter(|rule| is_for(rule, segment)) {
        look();
        let count = active.blocked.len() + factors.len() + unknown.len() + rule.items.len();
        ask("the rules of a model", ITEM_BYTES * count)?;
        let known = |id: &String| item_numbers(version, &[Id::Text(id)]).first().copied();
        let numbers = rule.items.iter().map(|id| (id, known(id)));
        let mut on_condition = |effect: Effect| {
            active.conditions.extend(rule.condition.clone());
            active.effects.extend(rule.condition.as_ref().map(|_| effect));
        };
        match rule.action {
            RuleAction::Block => {
                on_condition(Effect::Block);
                for (id, number) in numbers {
                    match number {
                        Some(number) => active.blocked.push(number),
                        None => active.blocked_unknown.push(id.clone()),
                    }
                }
            }
            RuleAction::Pin => {
                let places = (rule.place..).zip(numbers);
                active.pins.extend(places.filter_map(|(place, (_, number))| Some((place, number?))));
            }
            RuleAction::Boost | RuleAction::Bury => {
                on_condition(Effect::Factor(rule.value));
                for (id, number) in numbers {
                    let own = match number {
                        Some(number) => factors.entry(number).or_insert(1.0),
                        None => unknown.entry(id.clone()).or_insert(1.0),
                    };
                    *own *= rule.value;
                }
            }
            RuleAction::Require => {
                on_condition(Effect::Require(active.required.len()));
                let mut items: Vec<u32> = numbers.filter_map(|(_, number)| number).collect();
                items.sort_unstable();
                let items = rule.condition.is_none().then_some(items);
                active.required.push(Requirement { least: rule.value as usize, items });
            }
        }
    }
    active.blocked.sort_unstable();
    active.blocked.dedup();
    active.blocked_unknown.sort_unstable();
    active.factors = factors.into_iter().collect();
    active.factors.sort_unstable_by_key(|own| own.0);
    active.factors_unknown = unknown.into_iter().collect();
    active.factors_unknown.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    active.boosted = active.factors.iter().filter(|own| own.1 > 1.0).map(|own| own.0).collect();
    active.most = active.factors.iter().fold(1.0, |most, own| own.1.max(most));
    active.most_unknown = active.factors_unknown.iter().fold(1.0, |most, own| own.1.max(most));
    active.pins.sort_by_key(|&(place, _)| place);
    let mut pinned = HashSet::with_capacity(active.pins.len());
    active.pins.retain(|(_, item)| pinned.insert(*item));
    Ok(active)
}

fn is_for(rule: &ListRule, segment: Option<i32>) -> bool {
    rule.segment.is_none() || rule.segment == segment
}

/// The ids of the rules that hold now for lists of a segment, given by id, or for those of nobody's, and are about an item,
/// ascending. The row of the item is read with the rights of the caller.
pub fn rules_about(
    version: &ServedVersion,
    model: &Model,
    segment: Option<i32>,
    item: Id<'_>,
) -> Result<Vec<i64>> {
    if model.rules_generation == 0 {
        return Ok(Vec::new());
    }
    let all = model_rules(version, model)?;
    let now = pg_sys::TimestampTz::from(statement_timestamp());
    let holds = |rule: &&ListRule| rule.valid.0 <= now && now < rule.valid.1 && is_for(rule, segment);
    let text = id_text(item);
    let mut found: Vec<i64> =
        all.rules.iter().filter(holds).filter(|own| own.items.contains(&text)).map(|own| own.id).collect();
    let (ids, conditions): (Vec<i64>, Vec<ItemCondition>) =
        all.rules.iter().filter(holds).filter_map(|own| Some((own.id, own.condition.clone()?))).unzip();
    if !conditions.is_empty() {
        let items = model.items.as_ref().ok_or_else(|| without_items(&model.name))?;
        let rows = ShownRows::new(
            &model.name,
            items,
            version.item_ids().kind(),
            &ShownColumns { conditions: columns_of(conditions.iter()), ..ShownColumns::default() },
        )?;
        let matcher = ConditionMatcher::new(&conditions, rows.conditions()).map_err(unusable(&model.name))?;
        rows.read(&[item], now, &mut |_, Shown { values, .. }| {
            found.extend(matcher.holding(&values).map(|number| ids[number as usize]));
        })?;
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The columns that conditions refer to, in order.
fn columns_of<'a>(conditions: impl Iterator<Item = &'a ItemCondition>) -> Vec<String> {
    let mut columns: Vec<String> =
        conditions.flat_map(|own| own.tests.iter().map(|(name, _)| name.clone())).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// The error of a model whose rules have conditions, but which reads no items.
pub fn without_items(model: &str) -> SegrecError {
    let problem = "The model reads no items, which a condition is on.".to_owned();
    SegrecError::UnusableRule { model: model.to_owned(), problem }
}

fn unusable(model: &str) -> impl Fn(WrongCondition) -> SegrecError + '_ {
    |WrongCondition { problem, .. }| SegrecError::UnusableRule { model: model.to_owned(), problem }
}

impl ActiveRules {
    /// Whether an item that the version does not know is blocked.
    pub fn blocks_unknown(&self, id: Id<'_>) -> bool {
        !self.blocked_unknown.is_empty() && self.blocked_unknown.binary_search(&id_text(id)).is_ok()
    }

    /// Whether any item may get another score.
    pub fn change_scores(&self) -> bool {
        !self.factors.is_empty()
            || !self.factors_unknown.is_empty()
            || self.effects.iter().any(|effect| matches!(effect, Effect::Factor(_)))
    }

    /// Whether items are blocked by conditions.
    pub fn block_by_condition(&self) -> bool {
        self.effects.contains(&Effect::Block)
    }

    /// The factor of an item by the rules that name it. `id` is asked for if the version may not know it.
    pub fn factor_of<'a>(&self, item: u32, id: impl Fn(u32) -> Id<'a>) -> f64 {
        if let Ok(place) = self.factors.binary_search_by_key(&item, |own| own.0) {
            return self.factors[place].1;
        }
        if self.factors_unknown.is_empty() {
            return 1.0;
        }
        let id = id_text(id(item));
        let found = self.factors_unknown.binary_search_by(|own| own.0.as_str().cmp(&id));
        found.map_or(1.0, |place| self.factors_unknown[place].1)
    }

    /// What finds the conditions that hold for a row of these columns.
    pub fn prepared(&self, model: &str, columns: &[KnownColumn]) -> Result<Rc<PreparedConditions>> {
        if let Some((known, prepared)) = &*self.prepared.borrow()
            && known == columns
        {
            return Ok(Rc::clone(prepared));
        }
        let matcher = ConditionMatcher::new(&self.conditions, columns).map_err(unusable(model))?;
        let factor = |number: u32| match self.effects[number as usize] {
            Effect::Factor(factor) => factor,
            Effect::Block | Effect::Require(_) => 1.0,
        };
        let most = matcher.most(factor);
        let prepared = Rc::new(PreparedConditions { matcher, most });
        self.prepared.replace(Some((columns.to_vec(), Rc::clone(&prepared))));
        Ok(prepared)
    }
}
