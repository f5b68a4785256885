//! The rules of a model as a session has resolved them: for one segment, and for the time in which the same rules hold.

use crate::catalog::rules::{ConditionMatcher, ItemCondition, KnownColumn, ListRule};
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// The most segments whose rules a session keeps.
const MOST_KEPT: usize = 64;

/// The rules of a model with the number of their last change.
#[derive(Debug, Default)]
pub struct ModelRules {
    pub generation: i64,
    /// The oldest first.
    pub rules: Vec<ListRule>,
}

/// What a rule does with the items for which its condition holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    Block,
    /// Scores are changed by this factor.
    Factor(f64),
    /// They belong to the required group of this number.
    Require(usize),
}

/// A group of items of which lists must have some.
#[derive(Debug)]
pub struct Requirement {
    /// So many of the items of a page.
    pub least: usize,
    /// The numbers of its items, ascending; `None` if a condition says which.
    pub items: Option<Vec<u32>>,
}

/// What finds the conditions that hold for a row, and the largest factor that they can have together.
#[derive(Debug)]
pub struct PreparedConditions {
    pub matcher: ConditionMatcher,
    pub most: f64,
}

/// The rules that hold now for a segment, or for no segment.
#[derive(Debug, Default)]
pub struct ActiveRules {
    /// The number of the last change of the model's rules.
    pub generation: i64,
    pub segment: Option<i32>,
    /// The moments from which and until which these rules hold, the last one excluded.
    pub valid: (i64, i64),
    /// The numbers of blocked items, ascending.
    pub blocked: Vec<u32>,
    /// The ids of blocked items that the version does not know, as text, in order.
    pub blocked_unknown: Vec<String>,
    /// The conditions, and what is done with their items.
    pub conditions: Vec<ItemCondition>,
    pub effects: Vec<Effect>,
    /// What finds these conditions, for the columns that have been read last.
    pub prepared: RefCell<Option<(Vec<KnownColumn>, Rc<PreparedConditions>)>>,
    /// The factors of named items, ascending by number, and of those that the version does not know, by id.
    pub factors: Vec<(u32, f64)>,
    pub factors_unknown: Vec<(String, f64)>,
    /// The numbers of the items with a factor above 1, ascending.
    pub boosted: Vec<u32>,
    /// The largest factor of a named item, or 1, and of one that the version does not know.
    pub most: f64,
    pub most_unknown: f64,
    /// The groups of which lists must have some, the oldest first.
    pub required: Vec<Requirement>,
    /// The columns that the rules of any segment refer to now, in order.
    pub columns: Vec<String>,
    /// Pinned items with their places, from 1, in this order.
    pub pins: Vec<(usize, u32)>,
}

/// What a session keeps of the rules of a version's model.
#[derive(Debug, Default)]
pub struct RuleCache {
    model: RefCell<Rc<ModelRules>>,
    active: RefCell<Vec<Rc<ActiveRules>>>,
    none: OnceCell<Rc<ActiveRules>>,
}

impl RuleCache {
    /// No rules.
    pub fn none(&self) -> Rc<ActiveRules> {
        Rc::clone(self.none.get_or_init(|| {
            Rc::new(ActiveRules {
                valid: (i64::MIN, i64::MAX),
                most: 1.0,
                most_unknown: 1.0,
                ..ActiveRules::default()
            })
        }))
    }

    /// The rules of the model, if these are those of its last change.
    pub fn model(&self, generation: i64) -> Option<Rc<ModelRules>> {
        Some(Rc::clone(&self.model.borrow())).filter(|rules| rules.generation == generation)
    }

    /// Keeps the rules of the model.
    pub fn keep_model(&self, rules: &Rc<ModelRules>) {
        self.model.replace(Rc::clone(rules));
    }

    /// What has been resolved for a segment, if it still holds.
    pub fn active(&self, generation: i64, segment: Option<i32>, now: i64) -> Option<Rc<ActiveRules>> {
        let holds = |own: &&Rc<ActiveRules>| {
            own.generation == generation && own.segment == segment && own.valid.0 <= now && now < own.valid.1
        };
        self.active.borrow().iter().find(holds).map(Rc::clone)
    }

    /// Keeps what has been resolved, in place of what was known of the segment.
    pub fn keep_active(&self, active: &Rc<ActiveRules>) {
        let mut all = self.active.borrow_mut();
        all.retain(|own| own.generation == active.generation && own.segment != active.segment);
        all.truncate(MOST_KEPT - 1);
        all.insert(0, Rc::clone(active));
    }
}
