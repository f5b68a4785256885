//! What attributes promise, on users whose age and country say what they like, and on users of whom they say nothing.

use super::gate::{HeldOutUsers, held_out_gain};
use super::ranking::{SCORER, sections};
use super::*;
use crate::error::EngineError;
use crate::features::{Cell, Column, ColumnBuilder, ColumnKind, EncoderSettings, Table, Values};
use crate::interactions::{Interactions, SparseRows};
use crate::matrix::Matrix;
use crate::observer::{CancelAfter, Silent};
use crate::scorers::sections::{Decoded, NewSection, StoredSection, StoredSections};
use crate::seed::mix;

const USERS: usize = 400;
const ITEMS: usize = 60;

fn uniform(seed: u64) -> f64 {
    (mix(seed) >> 11) as f64 / (1u64 << 53) as f64
}

fn country(user: usize) -> usize {
    (mix(user as u64) % 3) as usize
}

fn interactions(telling: bool) -> Interactions {
    let (mut starts, mut columns) = (vec![0], Vec::new());
    for user in 0..USERS {
        let likes = |item: &usize| {
            let own = telling && item % 3 == country(user);
            uniform((user << 32 | item) as u64) < if own { 0.4 } else { 0.1 + 0.002 * *item as f64 }
        };
        columns.extend((0..ITEMS).filter(likes).map(|item| item as u32));
        starts.push(columns.len());
    }
    let values = vec![1.0; columns.len()];
    Interactions::new(SparseRows::new(ITEMS, starts, columns, values).unwrap())
}

fn table() -> Table {
    let codes = (0..USERS).map(|user| country(user) as u32).collect();
    let levels = ["DE", "FR", "IT"].map(str::to_owned).to_vec();
    let columns = vec![
        Column { name: "country".to_owned(), values: Values::Category { codes, levels } },
        Column::numbers("age", (0..USERS).map(|user| 20.0 + 50.0 * uniform(user as u64)).collect()),
        Column::numbers("nothing", vec![f64::NAN; USERS]),
    ];
    Table::new(USERS, columns).unwrap()
}

fn attributes() -> Matrix {
    let points = AttributePoints::fit(&table(), &EncoderSettings::at(0), &Silent).unwrap();
    assert_eq!(points.dimensions(), 3 + 10 + 1);
    assert_eq!(points.left_out().iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["nothing"]);
    points.encode(&table(), &Silent).unwrap()
}

#[test]
fn the_map_satisfies_the_equations_of_the_ridge_regression() {
    let (attributes, interactions) = (attributes(), interactions(true));
    let map = AttributeMap::fit(&attributes, &interactions, |_| true, &Silent).unwrap();
    let columns = attributes.columns();
    let mean: Vec<f64> = (0..columns)
        .map(|c| (0..USERS).map(|user| f64::from(attributes.row(user)[c])).sum::<f64>() / USERS as f64)
        .collect();
    let centred = |user: usize, column: usize| f64::from(attributes.row(user)[column]) - mean[column];
    for item in [0usize, 7, 59] {
        let has = |user: usize| interactions.by_user().row(user).0.binary_search(&(item as u32)).is_ok();
        let popularity = interactions.by_item().row_len(item) as f64 / USERS as f64;
        // V_j from the scores of unit steps, (AᵀA + 100·I) V_j = AᵀR_j.
        let origin: Vec<f32> = mean.iter().map(|&mean| mean as f32).collect();
        assert!((f64::from(map.scores(&origin).unwrap()[item]) - popularity).abs() < 1e-5);
        let weight = |column: usize| {
            let mut step = origin.clone();
            step[column] += 1.0;
            f64::from(map.scores(&step).unwrap()[item]) - popularity
        };
        let weights: Vec<f64> = (0..columns).map(weight).collect();
        for column in 0..columns {
            let product = |user: usize| (0..columns).map(|c| centred(user, c) * weights[c]).sum::<f64>();
            let left: f64 = (0..USERS).map(|user| centred(user, column) * product(user)).sum();
            let right: f64 = (0..USERS).filter(|&user| has(user)).map(|user| centred(user, column)).sum();
            assert!((left + 100.0 * weights[column] - right).abs() < 0.02 * right.abs().max(1.0));
        }
    }
}

#[test]
fn the_gate_passes_attributes_that_tell_and_no_others() {
    let attributes = attributes();
    let gain = |segments: &[u32], interactions: &Interactions| {
        held_out_gain(&attributes, HeldOutUsers { interactions, segments, weighed: false }, 1, &Silent)
            .unwrap()
    };
    let all = vec![0; USERS];
    let telling = gain(&all, &interactions(true));
    assert!(telling.passes() && telling.gain > 0.05, "{telling:?}");
    let row = telling.row.clone().unwrap();
    assert!(row.users == USERS && (row.value - row.baseline - telling.gain).abs() < 1e-9, "{row:?}");
    let silent = gain(&all, &interactions(false));
    assert!(silent.gain < 0.01, "{silent:?}");
    // What the segments say already is no gain of the attributes.
    let segments: Vec<u32> = (0..USERS).map(|user| country(user) as u32).collect();
    let known = gain(&segments, &interactions(true));
    assert!(known.gain < telling.gain / 2.0, "{known:?}");
}

#[test]
fn without_attributes_scores_are_popularity() {
    let interactions = interactions(true);
    let map = AttributeMap::fit(&Matrix::default(), &interactions, |_| true, &Silent).unwrap();
    let scores = map.scores(&[]).unwrap();
    assert_eq!(scores[5], interactions.by_item().row_len(5) as f32 / USERS as f32);
    assert!(matches!(map.scores(&[1.0]), Err(EngineError::Shape { .. })));
    let constant = Matrix::from_data(1, vec![3.0; USERS]).unwrap();
    let map = AttributeMap::fit(&constant, &interactions, |_| true, &Silent).unwrap();
    assert_eq!(map.scores(&[9.0]).unwrap(), scores);
    let nobody = AttributeMap::fit(&constant, &interactions, |_| false, &Silent).unwrap();
    assert!(nobody.scores(&[3.0]).unwrap().iter().all(|&score| score == 0.0));
}

#[test]
fn threads_change_nothing_and_cancelling_ends_the_work() {
    let (attributes, interactions) = (attributes(), interactions(true));
    let fit = || AttributeMap::fit(&attributes, &interactions, |_| true, &Silent).unwrap();
    let expected = fit();
    let stored = serde_json::to_string(&expected).unwrap();
    assert_eq!(serde_json::from_str::<AttributeMap>(&stored).unwrap(), expected);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(fit), expected);
    }
    let fewer = attributes.select(&[0, 1]);
    let refused = AttributeMap::fit(&fewer, &interactions, |_| true, &Silent);
    assert!(matches!(refused, Err(EngineError::Shape { .. })));
    for patience in [0, 1, 5] {
        let users = HeldOutUsers { interactions: &interactions, segments: &[0; USERS], weighed: false };
        let stopped = held_out_gain(&attributes, users, 1, &CancelAfter::new(patience));
        assert_eq!(stopped, Err(EngineError::Cancelled));
    }
}

fn column(name: &str, kind: ColumnKind, cells: &[Cell<'_>]) -> Column {
    let mut builder = ColumnBuilder::new(name, kind);
    cells.iter().for_each(|&cell| builder.push(cell).unwrap());
    builder.finish()
}

fn one_row(columns: Vec<Column>) -> Table {
    Table::new(1, columns).unwrap()
}

#[test]
fn a_stored_ranking_ranks_rows_as_the_map_does_whatever_became_of_their_columns() {
    let (attributes, interactions) = (attributes(), interactions(true));
    let points = AttributePoints::fit(&table(), &EncoderSettings::at(0), &Silent).unwrap();
    let map = AttributeMap::fit(&attributes, &interactions, |_| true, &Silent).unwrap();
    let ranking = AttributeRanking::new(points, map.clone());
    let contents = ranking.sections().unwrap();
    let kinds: Vec<_> = contents.iter().map(|(_, name, content)| (*name, content.kind())).collect();
    assert_eq!(kinds, sections(ranking.columns()));
    let decoded = Decoded::default();
    let stored = contents.iter().map(|(scorer, name, content)| {
        assert_eq!(*scorer, SCORER);
        let content = match content {
            NewSection::Opaque(bytes) => StoredSection::Opaque(bytes, &decoded),
            NewSection::Dense(rows) => StoredSection::Dense(rows.view()),
            NewSection::Sparse(_) => unreachable!("there is no sparse section"),
        };
        (*name, content)
    });
    let opened = OpenedAttributes::open(&StoredSections::new(stored.collect())).unwrap();
    assert_eq!(opened.reads(), ["age", "country"]);
    let point = |columns| opened.point(one_row(columns)).unwrap();
    for user in [0u32, 7, 399] {
        let point = opened.point(table().select(&[user])).unwrap();
        let scores = map.scores(attributes.row(user as usize)).unwrap();
        let list = opened.best(&point, &[3], None, 5);
        assert!(list.iter().all(|scored| (scored.score - scores[scored.item as usize]).abs() < 1e-5));
        assert!(list.iter().all(|scored| scored.item as usize % 3 == country(user as usize)), "{list:?}");
        let only = opened.best(&point, &[3], Some(&[3, 4, 5]), 5);
        let mut chosen: Vec<u32> = only.iter().map(|scored| scored.item).collect();
        chosen.sort_unstable();
        assert_eq!(chosen, [4, 5]);
        // Popularity and columns add up to the score.
        let (popularity, columns) = opened.contributions(&point, 9);
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["country", "age"]);
        let sum = popularity + columns.iter().map(|(_, own)| own).sum::<f64>();
        assert!((sum - f64::from(scores[9])).abs() < 1e-5, "{sum}");
        assert!(columns[0].1.abs() > columns[1].1.abs(), "{columns:?}");
    }
    // A column that is gone, of another type or not finite is null, and the others still count.
    let age = || Column::numbers("age", vec![30.0]);
    let expected = point(vec![age()]);
    assert_eq!(point(vec![age(), Column::numbers("country", vec![1.0])]), expected);
    let vector = column("country", ColumnKind::Vector, &[Cell::Vector(&[1.0, 2.0])]);
    assert_eq!(point(vec![age(), vector]), expected);
    let nothing = point(Vec::new());
    for age in [f64::NAN, f64::INFINITY] {
        assert_eq!(point(vec![Column::numbers("age", vec![age])]), nothing);
    }
    let text = column("age", ColumnKind::Category, &[Cell::Text("old")]);
    assert_eq!(point(vec![text]), nothing);
    let never = column("country", ColumnKind::Category, &[Cell::Text("XX")]);
    assert_eq!(point(vec![never]), nothing);
    let far = point(vec![Column::numbers("age", vec![1e300])]);
    assert!(opened.best(&far, &[], None, 60).iter().all(|scored| scored.score.is_finite()));
}

#[test]
fn flags_and_embeddings_are_attributes_and_ids_are_none() {
    let ids: Vec<String> = (0..USERS).map(|user| format!("user {user}")).collect();
    let cells: Vec<Cell<'_>> = ids.iter().map(|id| Cell::Text(id)).collect();
    let flags: Vec<Cell<'_>> =
        (0..USERS).map(|user| if user % 3 == 0 { Cell::Boolean(true) } else { Cell::Null }).collect();
    let tastes: Vec<[f32; 2]> = (0..USERS).map(|user| [(user % 7) as f32, 1.0]).collect();
    let vectors: Vec<Cell<'_>> = tastes.iter().map(|taste| Cell::Vector(taste)).collect();
    let columns = vec![
        column("name", ColumnKind::Category, &cells),
        column("vip", ColumnKind::Boolean, &flags),
        column("taste", ColumnKind::Vector, &vectors),
    ];
    let table = Table::new(USERS, columns).unwrap();
    let points = AttributePoints::fit(&table, &EncoderSettings::at(0), &Silent).unwrap();
    assert_eq!(points.reads(), ["taste", "vip"]);
    assert_eq!(points.left_out().iter().map(|left| left.name.as_str()).collect::<Vec<_>>(), ["name"]);
    assert!(points.dimensions() <= AttributePoints::most_dimensions(&table));
    let encoded = points.encode(&table, &Silent).unwrap();
    assert_ne!(encoded.row(0)[..1], encoded.row(1)[..1]);
    for user in [0u32, 1, 399] {
        let alone = points.encode_first(table.select(&[user])).unwrap();
        assert_eq!(alone, encoded.row(user as usize));
    }
}
