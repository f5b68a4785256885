//! How the rows of one user or item are found at a call: by an index of the relation or, in a view, by the plan that
//! PostgreSQL makes for them, if it is cheap. A view has no index, but its tables have.
//!
//! The planner knows what an index of a table below a view, a join or a policy is worth. So a plan for all users is made
//! once, kept as long as PostgreSQL keeps it, and judged by its cost. What is judged so may be run at every call, by
//! anybody and in a parallel worker, so a plan with a volatile function is none, and neither is one that asks another server.

use super::filtered::Filtered;
use super::relations;
use crate::error::Result;
use crate::pg::executor::generic_plan::{PlanFacts, PlanObstacle};
use crate::pg::executor::planner::random_page_cost;
use crate::pg::executor::relation::Relation;
use pgrx::pg_sys;

/// A look-up by an index reads a page of the index and one of the table.
const LOOK_UP_PAGES: f64 = 2.0;
/// The look-ups that a plan may cost: 800 at the usual costs. A table of 47,000 narrow rows that is read as a whole costs as
/// much and takes 1.4 ms, a join that looks up 60 orders and their items a tenth of that.
const LOOK_UPS: f64 = 100.0;
/// The look-ups that it may cost where users have much: a join that looks up 100 orders and their items costs 1150 and takes
/// .2 ms, one of 700 orders costs 8000.
const MOST_LOOK_UPS: f64 = 1000.0;
/// It must then be cheaper than to read everything by this factor, so that no table is read as a whole: of two that are joined,
/// the smaller costs a quarter.
const TIMES_CHEAPER: f64 = 8.0;

/// How rows are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// An index leads to them.
    Index,
    /// The planner finds them, if that is cheap.
    Plan,
}

/// What of a plan is judged by its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostOf {
    /// All of its rows.
    AllRows,
    /// The first of its rows, in an order: whether nothing is sorted or gathered before.
    FirstRows,
}

/// Whether rows are read at every call, and why.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The plan costs so much.
    Cheap {
        cost: f64,
    },
    /// It costs more than it may.
    Costly {
        cost: f64,
        most: f64,
    },
    Obstructed(PlanObstacle),
}

/// How the rows with a value of a column are found; `None` if there is no way.
pub fn to_value(rows: &Filtered, column: &str) -> Result<Option<Access>> {
    found(rows, || relations::has_leading_index(rows, column))
}

/// How rows are found in the order of a column; `None` if there is no way.
pub fn in_order(rows: &Filtered, column: &str) -> Result<Option<Access>> {
    found(rows, || relations::has_ordered_index(rows, column))
}

fn found(relation: &Relation, has_index: impl FnOnce() -> Result<bool>) -> Result<Option<Access>> {
    if relation.is_out_of_reach {
        return Ok(None);
    }
    if relation.kind == pg_sys::RELKIND_VIEW {
        return Ok(Some(Access::Plan));
    }
    Ok(has_index()?.then_some(Access::Index))
}

impl Verdict {
    /// Judges a plan; `everything` is what it costs to read all rows of the relation, which is asked for if need be.
    pub fn of(facts: &PlanFacts, judged: CostOf, everything: impl FnOnce() -> Result<f64>) -> Result<Self> {
        if let Some(obstacle) = &facts.obstacle {
            return Ok(Self::Obstructed(obstacle.clone()));
        }
        let cost = match judged {
            CostOf::AllRows => facts.total_cost,
            CostOf::FirstRows => facts.startup_cost,
        };
        let look_up = LOOK_UP_PAGES * random_page_cost();
        let (usual, most) = (LOOK_UPS * look_up, MOST_LOOK_UPS * look_up);
        if cost <= usual || cost <= most && cost * TIMES_CHEAPER <= everything()? {
            return Ok(Self::Cheap { cost });
        }
        Ok(Self::Costly { cost, most: usual })
    }

    /// Whether the rows are read at every call.
    pub fn is_cheap(&self) -> bool {
        matches!(self, Self::Cheap { .. })
    }

    /// Why, as a fact about `rows`, such as `one user's rows`.
    pub fn reason(&self, rows: &str) -> String {
        match self {
            Self::Cheap { cost } => format!("the plan of {rows} costs {cost:.1}"),
            Self::Costly { cost, most } => {
                format!("the plan of {rows} costs {cost:.1}, which is more than {most:.0}")
            }
            Self::Obstructed(PlanObstacle::VolatileFunction) => {
                format!("the view calls a volatile function for {rows}")
            }
            Self::Obstructed(PlanObstacle::ForeignTable) => format!("a foreign table is read for {rows}"),
            Self::Obstructed(PlanObstacle::UnpopulatedView) => {
                format!("a materialized view without rows is read for {rows}")
            }
        }
    }

    /// The same as a sentence.
    pub fn sentence(&self, rows: &str) -> String {
        let reason = self.reason(rows);
        let mut letters = reason.chars();
        letters
            .next()
            .map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
    }
}
