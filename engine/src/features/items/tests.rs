//! What encoders of items promise, on items in groups of which each user likes one.

use super::*;
use crate::error::EngineError;
use crate::features::table::{Cell, Column, Table, Values};
use crate::features::{ColumnBuilder, ColumnKind, SparseVector, TermCounts};
use crate::interactions::{Interactions, SparseRows};
use crate::observer::{CancelAfter, Silent};
use crate::seed::mix;

const ITEMS: usize = 120;
const GROUPS: usize = 6;

fn uniform(seed: u64) -> f64 {
    (mix(seed) >> 11) as f64 / (1u64 << 53) as f64
}

/// 400 users who have half of the items of a group and a few others.
fn interactions() -> Interactions {
    let (mut starts, mut columns) = (vec![0], Vec::new());
    for user in 0..400u64 {
        let likes = |item: &usize| {
            let chance = if item % GROUPS == user as usize % GROUPS { 0.5 } else { 0.04 };
            uniform(user << 32 | *item as u64) < chance
        };
        columns.extend((0..ITEMS).filter(likes).map(|item| item as u32));
        starts.push(columns.len());
    }
    let values = vec![1.0; columns.len()];
    Interactions::new(SparseRows::new(ITEMS, starts, columns, values).unwrap())
}

fn terms(name: &str, kind: ColumnKind, rows: impl Iterator<Item = Vec<String>>) -> Column {
    let mut builder = ColumnBuilder::new(name, kind);
    for row in rows {
        let codes: Vec<u32> = (0..row.len() as u32).collect();
        builder.push(Cell::Terms(TermCounts::new(&codes, &vec![1; row.len()], &row))).unwrap();
    }
    builder.finish()
}

/// Columns of every kind that tell the group, and some that tell nothing.
fn table() -> Table {
    let group = |item: usize| item % GROUPS;
    let column = |name: &str, values| Column { name: name.to_owned(), values };
    let levels = (0..GROUPS).map(|group| format!("level {group}")).collect();
    let codes = (0..ITEMS).map(|item| if item == 7 { u32::MAX } else { group(item) as u32 }).collect();
    let vector = |item: usize, place: usize| {
        f32::from(u8::from(place == group(item))) + uniform((item * 10 + place) as u64) as f32
    };
    let vectors =
        (0..ITEMS * 8).map(|at| if at / 8 == 3 { f32::NAN } else { vector(at / 8, at % 8) }).collect();
    let categories = (0..ITEMS).map(|item| match item {
        5 => Vec::new(),
        item => vec![format!("c{}", group(item)), format!("d{}", group(item) / 2)],
    });
    let words =
        (0..ITEMS).map(|item| vec![format!("w{}", group(item)), "the".to_owned(), format!("only{item}")]);
    let noise = (0..ITEMS).map(|item| uniform(item as u64 + 999)).collect();
    let columns = vec![
        column("level", Values::Category { codes, levels }),
        column("half", Values::Boolean((0..ITEMS).map(|item| Some(group(item) < 3)).collect())),
        Column::numbers("number", (0..ITEMS).map(|item| group(item) as f64).collect()),
        column(
            "moment",
            Values::Moment((0..ITEMS).map(|item| group(item) as i64 * 86_400_000_000).collect()),
        ),
        terms("categories", ColumnKind::Categories, categories),
        terms("words", ColumnKind::Text, words),
        column("vector", Values::Vector { dimensions: 8, data: vectors }),
        Column::numbers("noise", noise),
    ];
    Table::new(ITEMS, columns).unwrap()
}

fn fit(table: &Table) -> ItemEncoder {
    ItemEncoder::fit(table, &interactions(), 1, &Silent).unwrap()
}

fn only(column: Column) -> Table {
    Table::new(column.rows(), vec![column]).unwrap()
}

#[test]
fn columns_that_tell_what_users_choose_together_get_the_weight() {
    let encoder = fit(&table());
    let weight = |name: &str| encoder.columns().iter().find(|column| column.name == name).unwrap().weight;
    let total: f64 = encoder.columns().iter().map(|column| column.weight).sum();
    assert!((total - 1.0).abs() < 1e-9);
    assert!(weight("noise") < 0.02, "{:?}", encoder.columns());
    let telling = ["level", "categories", "words", "vector", "number", "moment"];
    assert!(telling.iter().map(|name| weight(name)).sum::<f64>() > 0.9);
    let alone = fit(&only(table().column("noise").unwrap().clone()));
    let weights = [encoder, alone];
    for column in weights.iter().flat_map(|encoder| encoder.columns()) {
        assert_eq!(column.weight > 0.0, column.reason.is_none());
    }
}

#[test]
fn rows_have_length_one_and_known_items_of_a_group_are_near() {
    let table = table();
    let items = fit(&table).encode(&table, &Silent).unwrap();
    assert_eq!((items.rows(), items.columns()), (ITEMS, fit(&table).dimensions()));
    for item in 0..ITEMS {
        assert!((items.cosine(item, &items, item) - 1.0).abs() < 1e-5);
        let near = items.cosine(item, &items, (item + GROUPS) % ITEMS);
        assert!(near > items.cosine(item, &items, (item + 1) % ITEMS));
    }
}

#[test]
fn the_parts_of_a_cosine_by_column_add_up_to_it_and_columns_without_agreement_have_none() {
    let table = table();
    // Without events all columns weigh the same.
    let rows = SparseRows::new(ITEMS, vec![0; 11], Vec::new(), Vec::new()).unwrap();
    let encoder = ItemEncoder::fit(&table, &Interactions::new(rows), 1, &Silent).unwrap();
    let items = encoder.encode(&table, &Silent).unwrap();
    let others = items.select(&[6, 7, 8], &Silent).unwrap();
    for item in 0..ITEMS {
        for other in 0..3 {
            let parts = encoder.cosine_by_column(&items, item, &others, other);
            let sum: f32 = parts.iter().map(|(_, part)| part).sum();
            assert!((sum - items.cosine(item, &others, other)).abs() < 1e-5, "{item} {other}");
            assert!(
                parts
                    .iter()
                    .all(|(name, part)| *part != 0.0 && encoder.reads().contains(&(*name).to_owned()))
            );
        }
    }
    let has =
        |item, name| encoder.cosine_by_column(&items, item, &others, 0).iter().any(|part| part.0 == name);
    // Item 0 is of the group of item 6, and item 1 of another; the vector of item 3 is null.
    assert!(has(0, "level") && has(0, "categories") && has(0, "vector"));
    assert!(!has(1, "level") && !has(3, "vector") && has(2, "vector"));
}

#[test]
fn an_item_of_which_nothing_is_known_has_no_vector() {
    let mut columns = table().into_columns();
    columns.truncate(1);
    let table = Table::new(ITEMS, columns).unwrap();
    let items = fit(&table).encode(&table, &Silent).unwrap();
    assert!(!items.is_known(7) && items.is_known(8));
    assert_eq!([items.cosine(7, &items, 7), items.cosine(7, &items, 8)], [0.0; 2]);
}

#[test]
fn a_stored_encoder_gives_a_single_row_the_same_vector() {
    let table = table();
    let encoder = fit(&table);
    let read = ItemEncoder::from_bytes(&encoder.to_bytes().unwrap()).unwrap();
    assert_eq!(read, encoder);
    let items = encoder.encode(&table, &Silent).unwrap();
    for item in 0..ITEMS {
        let reads = encoder.reads();
        let cells: Vec<Cell<'_>> = reads.iter().map(|name| table.column(name).unwrap().cell(item)).collect();
        assert_eq!(read.encode_row(&cells).unwrap(), items.select(&[item as u32], &Silent).unwrap());
        let row = read.encode_first(&table.select(&[item as u32])).unwrap();
        assert_eq!(row, Some(items.select(&[item as u32], &Silent).unwrap()));
    }
    assert_eq!(read.encode_first(&Table::of_rows(0)).unwrap(), None);
    // A row that names its terms in another order, repeatedly, and with some that are unknown.
    let names = ["new", "d1", "c2"].map(str::to_owned);
    let other = Cell::Terms(TermCounts::new(&[2, 0, 1], &[1, 1, 1], &names));
    let categories = only(table.column("categories").unwrap().clone());
    let encoder = fit(&categories);
    assert_eq!(
        encoder.encode_row(&[other]).unwrap(),
        encoder.encode(&categories, &Silent).unwrap().select(&[2], &Silent).unwrap()
    );
}

/// Sparse vectors of 1,000 dimensions: a number at a place of the group, one at a place of the item alone, and one at a
/// place that many items share.
fn sparse() -> Column {
    let mut builder = ColumnBuilder::new("sparse", ColumnKind::SparseVector);
    for item in 0..ITEMS {
        let places = [(item % GROUPS) as u32, 100 + item as u32, 500 + (item % 7) as u32];
        let vector = SparseVector { dimensions: 1_000, places: &places, values: &[3.0, 9.0, -4.0] };
        builder.push(if item == 3 { Cell::Null } else { Cell::SparseVector(vector) }).unwrap();
    }
    builder.finish()
}

#[test]
fn a_sparse_vector_counts_by_its_direction_in_places_that_items_share() {
    let column = sparse();
    assert_eq!((column.kind(), column.rows(), column.cell(3)), (ColumnKind::SparseVector, ITEMS, Cell::Null));
    let table = only(column);
    let encoder = fit(&table);
    assert_eq!(encoder.columns()[0].weight, 1.0);
    assert_eq!(encoder.dimensions(), GROUPS + 7);
    let items = encoder.encode(&table, &Silent).unwrap();
    assert!(!items.is_known(3));
    // (3, −4) by the place of the group and the other one.
    for (other, cosine) in [(1, 0.0), (6, 0.36), (7, 0.64), (42, 1.0)] {
        assert!((items.cosine(0, &items, other) - cosine).abs() < 1e-6, "{other}");
    }
    let stored: ItemEncoder = serde_json::from_str(&serde_json::to_string(&encoder).unwrap()).unwrap();
    for item in [0, 3, 119] {
        let row = stored.encode_row(&[table.columns()[0].cell(item)]).unwrap();
        assert_eq!(row, items.select(&[item as u32], &Silent).unwrap());
    }
    let other = SparseVector { dimensions: 999, places: &[1], values: &[1.0] };
    let error = stored.encode_row(&[Cell::SparseVector(other)]);
    assert!(matches!(error, Err(EngineError::Shape { expected: 1_000, found: 999, .. })));
    let mut builder = ColumnBuilder::new("sparse", ColumnKind::SparseVector);
    builder.push(Cell::SparseVector(other)).unwrap();
    let error = stored.encode(&only(builder.finish()), &Silent).unwrap_err().to_string();
    assert!(error.ends_with("a sparse vector of 1000 dimensions"), "{error}");
}

#[test]
fn sparse_vectors_that_are_not_finite_are_null_and_those_of_other_dimensions_are_refused() {
    let mut builder = ColumnBuilder::new("v", ColumnKind::SparseVector);
    let vector = |dimensions, values| Cell::SparseVector(SparseVector { dimensions, places: &[1], values });
    for values in [&[f32::NAN], &[f32::INFINITY], &[0.0], &[2.0]] {
        builder.push(vector(4, values)).unwrap();
    }
    builder.push(Cell::Null).unwrap();
    let error = builder.push(vector(5, &[1.0])).unwrap_err();
    assert_eq!(error.to_string(), "column \"v\" has vectors with 4 and 5 dimensions");
    assert_eq!(builder.not_finite(), 2);
    let column = builder.finish();
    assert_eq!(column.rows(), 5);
    assert_eq!([0, 1, 2, 4].map(|row| column.cell(row)), [Cell::Null; 4]);
    assert_eq!(column.cell(3), vector(4, &[2.0]));
}

#[test]
fn columns_of_no_use_are_left_out_for_a_reason() {
    let column = |name: &str, values| Column { name: name.to_owned(), values };
    let many = (0..ITEMS).map(|item| (0..60).map(|n| format!("{item} {n}")).collect());
    let mut alone = ColumnBuilder::new("alone", ColumnKind::SparseVector);
    for item in 0..ITEMS {
        let vector = SparseVector { dimensions: ITEMS, places: &[item as u32], values: &[1.0] };
        alone.push(Cell::SparseVector(vector)).unwrap();
    }
    let columns = vec![
        Column::numbers("null", vec![f64::NAN; ITEMS]),
        Column::numbers("same", vec![3.0; ITEMS]),
        column("true", Values::Boolean(vec![Some(true); ITEMS])),
        column("zero", Values::Vector { dimensions: 3, data: vec![0.0; 3 * ITEMS] }),
        column("no vector", Values::Vector { dimensions: 3, data: vec![f32::NAN; 3 * ITEMS] }),
        terms("ids", ColumnKind::Categories, many),
        terms("prose", ColumnKind::Text, (0..ITEMS).map(|item| vec![format!("word{item}")])),
        terms("empty", ColumnKind::Text, (0..ITEMS).map(|_| Vec::new())),
        terms("tag", ColumnKind::Categories, (0..ITEMS).map(|_| vec!["all".to_owned()])),
        alone.finish(),
    ];
    let table = Table::new(ITEMS, columns).unwrap();
    let encoder = fit(&table);
    let reasons: Vec<&str> =
        encoder.columns().iter().map(|column| column.reason.as_deref().unwrap()).collect();
    let same = "is the same in every row";
    assert_eq!(
        reasons,
        [
            "is null in every row",
            "has the lowest value in nine tenths of the rows",
            same,
            same,
            "is null in every row",
            "has more than 5000 distinct values, which suggests ids",
            "has no word that two items share",
            "is null in every row",
            same,
            "has no number at a place that two items share",
        ]
    );
    assert_eq!((encoder.dimensions(), encoder.reads().len()), (0, 0));
    let items = encoder.encode(&table, &Silent).unwrap();
    assert_eq!((items.rows(), items.columns(), items.is_known(0)), (ITEMS, 0, false));
}

#[test]
fn with_few_items_that_have_events_all_blocks_weigh_the_same() {
    for items in [0, 1, 4] {
        let rows = SparseRows::new(items, vec![0; 11], Vec::new(), Vec::new()).unwrap();
        let table = table().select(&(0..items as u32).collect::<Vec<_>>());
        let encoder = ItemEncoder::fit(&table, &Interactions::new(rows), 1, &Silent).unwrap();
        let weights: Vec<f64> =
            encoder.columns().iter().map(|column| column.weight).filter(|&weight| weight > 0.0).collect();
        assert!(weights.iter().all(|weight| (weight - 1.0 / weights.len() as f64).abs() < 1e-12));
        assert_eq!(encoder.encode(&table, &Silent).unwrap().rows(), items);
    }
}

#[test]
fn tables_of_another_shape_are_refused() {
    let short = table().select(&[0, 1]);
    let error = ItemEncoder::fit(&short, &interactions(), 1, &Silent).unwrap_err();
    assert!(matches!(error, EngineError::Shape { expected: ITEMS, found: 2, .. }));
    let encoder = fit(&table());
    let levels = fit(&only(table().column("level").unwrap().clone()));
    let other = only(Column::numbers("level", vec![1.0]));
    assert!(matches!(levels.encode(&other, &Silent), Err(EngineError::Column { .. })));
    assert!(matches!(levels.encode_first(&other), Err(EngineError::Column { .. })));
    let vectors = only(table().column("vector").unwrap().clone());
    let shorter = fit(&vectors).encode_row(&[Cell::Vector(&[1.0])]);
    assert!(matches!(shorter, Err(EngineError::Shape { expected: 8, found: 1, .. })));
    // A missing column, and one that is null, say nothing.
    let nothing = encoder.encode(&Table::of_rows(2), &Silent).unwrap();
    assert!(!nothing.is_known(1) && !encoder.encode_row(&[]).unwrap().is_known(0));
}

#[test]
fn threads_change_nothing_and_cancelling_ends_the_work() {
    let (table, interactions) = (table(), interactions());
    let encoder = fit(&table);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| fit(&table)), encoder);
    }
    let counting = CancelAfter::new(usize::MAX);
    ItemEncoder::fit(&table, &interactions, 1, &counting).unwrap();
    for patience in 0..counting.asked().min(30) {
        let stopped = ItemEncoder::fit(&table, &interactions, 1, &CancelAfter::new(patience));
        assert_eq!(stopped, Err(EngineError::Cancelled));
    }
}
