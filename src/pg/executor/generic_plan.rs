//! What the planner says of a query that is planned once, whatever its parameters: what it costs, and what stands in the
//! way of running it at every call. PostgreSQL keeps the plan, and makes another one when a relation that it reads, an
//! index or their statistics have changed.

use super::query::{Query, first};
use super::relation::is_populated;
use crate::error::{Result, SegrecError};
use pgrx::pg_sys;

/// What a plan costs, in the units of the planner, and what stands in its way.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanFacts {
    /// What it costs until the first row.
    pub startup_cost: f64,
    /// What it costs to the last row.
    pub total_cost: f64,
    /// What stands in the way of running it at every call, if anything does.
    pub obstacle: Option<PlanObstacle>,
    /// Whether which rows there are may depend on more than the role and what is stored: row-level security applies, or a
    /// function is not IMMUTABLE, which may read a setting.
    pub depends_on_session: bool,
}

/// What stands in the way of running a plan at every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanObstacle {
    /// A function may change what it reads, or the rows themselves.
    VolatileFunction,
    /// It asks another server.
    ForeignTable,
    /// A materialized view has no rows yet.
    UnpopulatedView,
}

/// The plan as it is now.
pub struct GenericPlan {
    /// Another number for each time that it is planned.
    pub generation: i32,
    /// Whether the current role may read all that it reads.
    pub is_permitted: bool,
    /// `None` if it has the generation that is known already.
    pub facts: Option<PlanFacts>,
}

impl Query {
    /// Plans the query for all parameters, unless that is done, with the rights of the current user; nothing is executed but
    /// what the planner computes in advance. The facts are those of a plan of another generation than `known`.
    pub fn generic_plan(&self, known: Option<i32>) -> Result<GenericPlan> {
        self.with_generic_plan(|plan, source| {
            // SAFETY: the plan is held. The one statement of a SELECT has a plan, and its query is the rewritten one, which
            // contains views and policies.
            unsafe {
                let Some(statement) = first::<pg_sys::PlannedStmt>(plan.stmt_list) else {
                    return Err(SegrecError::Internal("a query has no plan".to_owned()));
                };
                let query = source.query_list.cast::<pg_sys::Node>();
                let facts = (known != Some(plan.generation)).then(|| PlanFacts {
                    startup_cost: (*(*statement).planTree).startup_cost,
                    total_cost: (*(*statement).planTree).total_cost,
                    obstacle: obstacle(query, (*statement).rtable),
                    depends_on_session: source.dependsOnRLS || pg_sys::contain_mutable_functions(query),
                });
                Ok(GenericPlan { generation: plan.generation, is_permitted: is_permitted(statement), facts })
            }
        })
    }
}

/// What stands in the way of a plan of a query, whose tables are these.
///
/// # Safety
/// Both are held.
unsafe fn obstacle(query: *mut pg_sys::Node, tables: *mut pg_sys::List) -> Option<PlanObstacle> {
    // SAFETY: guaranteed by the caller; a list is read within its length, and this one has nodes of one type.
    unsafe {
        if pg_sys::contain_volatile_functions(query) {
            return Some(PlanObstacle::VolatileFunction);
        }
        (0..pg_sys::list_length(tables)).find_map(|place| {
            let table: *mut pg_sys::RangeTblEntry = pg_sys::list_nth(tables, place).cast();
            if (*table).rtekind != pg_sys::RTEKind::RTE_RELATION {
                return None;
            }
            match (*table).relkind as u8 {
                pg_sys::RELKIND_FOREIGN_TABLE => Some(PlanObstacle::ForeignTable),
                pg_sys::RELKIND_MATVIEW if !is_populated((*table).relid) => {
                    Some(PlanObstacle::UnpopulatedView)
                }
                _ => None,
            }
        })
    }
}

/// Whether the current role may read all that a plan reads: as itself, or as the owners of views.
///
/// # Safety
/// The plan is held.
unsafe fn is_permitted(statement: *mut pg_sys::PlannedStmt) -> bool {
    // SAFETY: guaranteed by the caller.
    unsafe {
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        return pg_sys::ExecCheckRTPerms((*statement).rtable, false);
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        return pg_sys::ExecCheckPermissions((*statement).rtable, (*statement).permInfos, false);
    }
}
