//! pg_segrec: recommendations and user segments inside PostgreSQL.
//!
//! Arrows point down only: [`api`], [`worker`] → [`aggregates`], [`commands`], [`serving`] → [`catalog`], the engine → [`pg`],
//! [`error`], [`settings`]. See ARCHITECTURE.md.

use pgrx::prelude::*;

mod aggregates;
mod api;
mod catalog;
mod commands;
mod error;
mod pg;
mod serving;
mod settings;
mod worker;

pgrx::pg_module_magic!(name, version);

pgrx::extension_sql_file!("../sql/schema/schemas.sql", name = "schemas", bootstrap);
pgrx::extension_sql_file!("../sql/schema/tables.sql", name = "tables", requires = ["schemas"]);
pgrx::extension_sql_file!("../sql/schema/views.sql", name = "views", requires = ["tables"]);
pgrx::extension_sql_file!("../sql/schema/health.sql", name = "health", requires = ["views"]);
pgrx::extension_sql_file!("../sql/schema/privileges.sql", name = "privileges", requires = ["health"]);
pgrx::extension_sql_file!("../sql/schema/comments.sql", name = "comments", requires = ["privileges"]);
pgrx::extension_sql_file!("../sql/schema/aggregates.sql", name = "aggregates", requires = ["comments"]);
pgrx::extension_sql_file!("../sql/schema/metrics.sql", name = "metrics", requires = ["aggregates"]);
pgrx::extension_sql_file!("../sql/schema/off_policy.sql", name = "off_policy", requires = ["metrics"]);
pgrx::extension_sql_file!("../sql/schema/functions.sql", name = "functions", requires = ["off_policy"]);
pgrx::extension_sql_file!("../sql/schema/procedures.sql", name = "procedures", requires = ["functions"]);
pgrx::extension_sql_file!("../sql/schema/closed.sql", name = "closed", requires = ["procedures"]);

/// Called when the library is loaded.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    pg::process::allocator::reserve();
    segrec_engine::memory::ask_first(pg::process::memory::gives);
    pg::process::backtraces::take_none();
    pg::process::workers::keep_to_this_thread();
    settings::register();
}
