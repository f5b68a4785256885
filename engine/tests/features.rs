//! Tests the guarantees of features for any table: points are finite and have balanced weights, a row on its own gives
//! the same point, also after the encoder was written to JSON and read, and cancellation ends the work.

#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use segrec_engine::features::scaling::FURTHEST;
use segrec_engine::features::{
    Activity, Cell, ColumnBuilder, ColumnKind, DAY, Encoder, EncoderSettings, Scale, Table, activity,
};
use segrec_engine::interactions::{EventLimits, Events, Id, IdKind, RawEvents};
use segrec_engine::linalg::vector::norm;
use segrec_engine::segmentation::rfm::rfm_values;
use segrec_engine::{CancelAfter, EngineError, Matrix, Silent};
use serde_json::{Map, Value, json};

fn fit(table: &Table) -> Encoder {
    Encoder::fit(table, &EncoderSettings::at(DAY), &Silent).unwrap()
}

/// Returns the sum over dimensions of the variance over rows.
fn variance(points: &Matrix, dimensions: std::ops::Range<usize>) -> f64 {
    let rows = points.rows() as f64;
    let of_dimension = |d: usize| {
        let values = || (0..points.rows()).map(move |row| f64::from(points.row(row)[d]));
        let mean = values().sum::<f64>() / rows;
        values().map(|x| (x - mean) * (x - mean)).sum::<f64>() / rows
    };
    dimensions.map(of_dimension).sum()
}

#[derive(Clone, Debug)]
struct Row {
    number: Option<f64>,
    boolean: Option<bool>,
    text: Option<String>,
    moment: Option<i64>,
    vector: Option<[f32; 3]>,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let number = prop_oneof![
        4 => -3i32..3,
        1 => Just(1_000),
        1 => Just(-1_000),
    ];
    let number = prop_oneof![
        5 => number.prop_map(f64::from),
        3 => -1.0f64..1.0,
        1 => prop::sample::select(vec![1e300, -1e300, f64::MAX, 1e-300, f64::INFINITY, f64::NAN]),
    ];
    let vector = prop::array::uniform3(prop_oneof![
        5 => -1.0f32..1.0,
        1 => prop::sample::select(vec![0.0, f32::MAX, f32::MIN, 1e-40, f32::INFINITY]),
    ]);
    let row = (
        prop::option::of(number),
        prop::option::of(any::<bool>()),
        prop::option::of("[a-e]"),
        prop::option::of(-DAY * 100..DAY * 100),
        prop::option::of(vector),
    );
    let row =
        row.prop_map(|(number, boolean, text, moment, vector)| Row { number, boolean, text, moment, vector });
    // In up to 60 rows no value can be 8 deviations from the mean, so every variance is exactly 1.
    (prop::collection::vec(row, 0..60), any::<bool>()).prop_map(|(mut rows, equal)| {
        if let (true, Some(first)) = (equal, rows.first().cloned()) {
            rows.fill(first);
        }
        rows
    })
}

fn table(rows: &[Row]) -> Table {
    use ColumnKind::{Boolean, Category, Moment, Number, Vector};
    let of = |name: &str, kind, cell: &dyn Fn(&Row) -> Option<Cell<'_>>| {
        let mut builder = ColumnBuilder::new(name, kind);
        rows.iter().for_each(|row| builder.push(cell(row).unwrap_or(Cell::Null)).unwrap());
        builder.finish()
    };
    let columns = vec![
        of("number", Number, &|row| row.number.map(Cell::Number)),
        of("boolean", Boolean, &|row| row.boolean.map(Cell::Boolean)),
        of("text", Category, &|row| row.text.as_deref().map(Cell::Text)),
        of("moment", Moment, &|row| row.moment.map(Cell::Moment)),
        of("vector", Vector, &|row| row.vector.as_ref().map(|vector| Cell::Vector(vector))),
    ];
    Table::new(rows.len(), columns).unwrap()
}

fn json_row(row: &Row) -> Map<String, Value> {
    let moment = |moment: i64| jiff::Timestamp::from_microsecond(moment + 946_684_800_000_000).unwrap();
    let finite = |vector: &[f32; 3]| vector.iter().all(|x| x.is_finite());
    let row = json!({
        "number": row.number,
        "boolean": row.boolean,
        "text": row.text,
        "moment": row.moment.map(|m| moment(m).to_string()),
        "vector": row.vector.filter(finite),
    });
    row.as_object().unwrap().clone()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The points of any table are finite and bounded, each column has variance 1, the encoder is unchanged when read
    /// back from JSON, and a single row is encoded as in the table.
    #[test]
    fn any_table_becomes_points(rows in rows(), robust in any::<bool>()) {
        let table = table(&rows);
        let scale = if robust { Scale::Robust } else { Scale::Standard };
        let settings = EncoderSettings { scale, ..EncoderSettings::at(DAY) };
        let encoder = Encoder::fit(&table, &settings, &Silent).unwrap();
        prop_assert_eq!(encoder.blocks().len() + encoder.left_out().len(), 5);
        prop_assert_eq!(encoder.names().len(), encoder.dimensions());
        let points = encoder.encode(&table, &Silent).unwrap();
        for (name, block) in encoder.blocks() {
            for row in 0..points.rows() {
                let length = norm(&points.row(row)[block.clone()]);
                prop_assert!(f64::from(length) <= FURTHEST + 1e-4, "{name} {length}");
            }
            let variance = variance(&points, block);
            prop_assert!(robust || (variance - 1.0).abs() < 1e-3, "{name} {variance} {encoder:?}");
        }
        let again: Encoder = serde_json::from_str(&serde_json::to_string(&encoder).unwrap()).unwrap();
        prop_assert_eq!(&again, &encoder);
        for (number, row) in rows.iter().enumerate().filter(|_| encoder.dimensions() > 0) {
            prop_assert_eq!(&again.encode_row(&json_row(row)).unwrap(), points.row(number));
        }
        prop_assert_eq!(encoder.shares(&table, &Silent).unwrap(), encoder.fitted_shares());
    }

    /// Only the centre of the vectors is summed in the order of rows.
    #[test]
    fn the_order_of_rows_does_not_matter(rows in rows()) {
        let without_vectors = |rows: &[Row]| {
            let rows: Vec<Row> = rows.iter().map(|row| Row { vector: None, ..row.clone() }).collect();
            fit(&table(&rows))
        };
        let backward: Vec<Row> = rows.iter().rev().cloned().collect();
        prop_assert_eq!(without_vectors(&rows), without_vectors(&backward));
    }
}

#[test]
fn everything_ends_when_cancelled() {
    let rows = Row { number: Some(1.0), boolean: None, text: None, moment: None, vector: None };
    let table = table(&[Row { number: Some(2.0), ..rows.clone() }, rows]);
    let encoder = fit(&table);
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
    raw.push(Id::Bigint(1), Id::Bigint(1), 1.0, 0);
    let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 1 };
    let events = Events::new(raw, limits, &Silent).unwrap();
    for error in [
        Encoder::fit(&table, &EncoderSettings::at(0), &CancelAfter::new(0)).err(),
        encoder.encode(&table, &CancelAfter::new(0)).err(),
        encoder.shares(&table, &CancelAfter::new(0)).err(),
        activity(&events, &[Activity::Events], 0, None, &CancelAfter::new(0)).err(),
        rfm_values(&events, 0, &CancelAfter::new(0)).err(),
    ] {
        assert_eq!(error, Some(EngineError::Cancelled));
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let rows: Vec<Row> = (0..3_000u32)
        .map(|n| Row {
            number: Some(f64::from(n * 7_919 % 1_009).powi(3)),
            boolean: Some(n % 3 == 0),
            text: Some(format!("level {}", n % 7)),
            moment: (n % 5 > 0).then_some(i64::from(n) * DAY / 9),
            vector: Some([n as f32, (n % 11) as f32, 0.1]),
        })
        .collect();
    let table = table(&rows);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (fit(&table), fit(&table).encode(&table, &Silent).unwrap()))
    };
    assert_eq!(on(1), on(3));
}
