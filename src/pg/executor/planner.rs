//! A planner support function that estimates how many rows a call returns, and the unit of the planner's costs.

use pgrx::{FromDatum, Internal, pg_sys};

/// What the planner assumes that it costs to read one page out of order.
pub fn random_page_cost() -> f64 {
    // SAFETY: a setting, which only this thread changes.
    unsafe { pg_sys::random_page_cost }
}

/// Answers the planner's request for the number of rows of a call whose argument at `place` (from 0) is that number, as
/// `generate_series_int8_support` does. The result is the request itself, or a null pointer, which is not an SQL null,
/// if there is no answer.
pub fn rows_of(mut question: Internal, place: usize) -> Internal {
    // SAFETY: the planner passes a node. It is a question about rows only where its tag says so.
    let answered = unsafe {
        question.get::<pg_sys::Node>().is_some_and(|node| node.type_ == pg_sys::NodeTag::T_SupportRequestRows)
            && question
                .get_mut::<pg_sys::SupportRequestRows>()
                .is_some_and(|question| answer(question, place))
    };
    if answered { question } else { Internal::from(Some(pg_sys::Datum::null())) }
}

/// Writes the number of rows to the request; false if it is not known at planning time.
///
/// # Safety
///
/// `question` must be a request from the planner.
unsafe fn answer(question: &mut pg_sys::SupportRequestRows, place: usize) -> bool {
    // SAFETY: every pointer is to a node of the query that is being planned, and is looked at only as what its tag
    // says it is.
    unsafe {
        let call = question.node;
        if call.is_null() || (*call).type_ != pg_sys::NodeTag::T_FuncExpr {
            return false;
        }
        let arguments = (*call.cast::<pg_sys::FuncExpr>()).args;
        // By then the planner has put named arguments in order and filled in defaults.
        for position in 0..pg_sys::list_length(arguments) {
            let argument: *mut pg_sys::Node = pg_sys::list_nth(arguments, position).cast();
            if (*argument).type_ == pg_sys::NodeTag::T_NamedArgExpr {
                return false;
            }
        }
        if place >= pg_sys::list_length(arguments) as usize {
            return false;
        }
        let argument = pg_sys::list_nth(arguments, place as i32).cast();
        let value = pg_sys::estimate_expression_value(question.root, argument);
        if (*value).type_ != pg_sys::NodeTag::T_Const {
            return false;
        }
        let value = &*value.cast::<pg_sys::Const>();
        if value.consttype != pg_sys::INT8OID {
            return false;
        }
        match i64::from_datum(value.constvalue, value.constisnull) {
            Some(rows) if rows >= 0 => question.rows = rows as f64,
            _ => return false,
        }
        true
    }
}
