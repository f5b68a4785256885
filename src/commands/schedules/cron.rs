//! When an expression of pg_cron is due next.

use crate::pg::executor::foreign_setting::read;
use chrono::{DateTime, Datelike, Duration, NaiveDateTime};
use croner::Cron;
use std::str::FromStr;

/// From 1970 to 2000, where PostgreSQL begins to count.
const EPOCH: i64 = 946_684_800_000_000;

/// Bytes that an expression has at most: each minute, hour, day and month by name and number, and more.
const LONGEST: usize = 1000;

/// The time zone of pg_cron's clock; none where the server has not loaded it.
pub fn timezone() -> Option<String> {
    // Before the setting there was, it was always this.
    read(c"cron.timezone").or_else(|| read(c"cron.database_name").map(|_| "GMT".to_owned()))
}

/// The first moment after `after` in which an expression is due, both in microseconds since 2000 on the clock that
/// pg_cron looks at; none where it never is, or where that cannot be told.
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

/// "30 seconds", which pg_cron counts from one run to the next; it takes 1 to 59.
fn seconds(expression: &str) -> Option<i64> {
    let (number, unit) = expression.trim().split_once(char::is_whitespace)?;
    let number = number.parse().ok().filter(|number| (1..60).contains(number))?;
    matches!(unit.trim(), "second" | "seconds").then_some(number)
}

fn on_the_calendar(expression: &str, after: NaiveDateTime) -> Option<NaiveDateTime> {
    // pg_cron writes $ for the last day of a month.
    Cron::from_str(&expression.replace('$', "L")).ok()?.find_next_occurrence(&after, false).ok()
}
