//! Computes when a cron expression is due next.

use crate::pg::executor::foreign_setting::read;
use chrono::{DateTime, Datelike, Duration, NaiveDateTime};
use croner::Cron;
use std::str::FromStr;

/// 2000-01-01, PostgreSQL's epoch, in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// The maximum length of an expression in bytes; enough to list every minute, hour, day and month by name and number.
const LONGEST: usize = 1000;

/// The time zone of pg_cron; `None` if the server has not loaded it.
pub fn timezone() -> Option<String> {
    // Versions without this setting always use GMT.
    read(c"cron.timezone").or_else(|| read(c"cron.database_name").map(|_| "GMT".to_owned()))
}

/// When an expression is due for the first time after `after`; both are microseconds since 2000 in pg_cron's time zone.
/// `None` if never, or if that cannot be determined.
pub fn next(expression: &str, after: i64) -> Option<i64> {
    if expression.len() > LONGEST {
        return None;
    }
    let after = DateTime::from_timestamp_micros(after.checked_add(EPOCH)?)?.naive_utc();
    if after.year() < 1 {
        return None; // before all calendars of cron
    }
    let next = match seconds(expression) {
        Some(seconds) => after.checked_add_signed(Duration::try_seconds(seconds)?)?,
        None => on_the_calendar(expression, after)?,
    };
    Some(next.and_utc().timestamp_micros() - EPOCH)
}

/// Parses intervals such as "30 seconds", from one run to the next; pg_cron accepts 1 to 59.
fn seconds(expression: &str) -> Option<i64> {
    let (number, unit) = expression.trim().split_once(char::is_whitespace)?;
    let number = number.parse().ok().filter(|number| (1..60).contains(number))?;
    matches!(unit.trim(), "second" | "seconds").then_some(number)
}

fn on_the_calendar(expression: &str, after: NaiveDateTime) -> Option<NaiveDateTime> {
    // pg_cron writes $ for the last day of the month.
    Cron::from_str(&expression.replace('$', "L")).ok()?.find_next_occurrence(&after, false).ok()
}
