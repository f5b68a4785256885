//! Measures the errors of predicted ratings, compared with biases alone and with the mean, in the format of MovieLens
//! 100k.
//!
//! - `rating BASE TEST [USERS ITEMS]` trains on a file of lines `user item rating time`, separated by tabs, and
//!   predicts another one
//! - `rating latest SHARE RATINGS [USERS ITEMS]` trains on all but the latest share of the ratings
//!
//! USERS has lines `id|age|gender|occupation|…`, ITEMS `id|title|date|…|…|genre…`. Prints `what rmse mae seconds`.

use segrec_benches::Result;
use segrec_engine::Silent;
use segrec_engine::features::{Cell, Column, ColumnBuilder, ColumnKind, Table};
use segrec_engine::interactions::{Interactions, SparseRows};
use segrec_engine::scorers::ratings::{AttributeEncoder, Attributes, RatingModel, RatingOptions};
use std::time::Instant;

struct Rating {
    user: usize,
    item: usize,
    rating: f32,
    time: i64,
}

fn read_ratings(path: &str) -> Result<Vec<Rating>> {
    let text = std::fs::read_to_string(path)?;
    let parse = |line: &str| -> Result<Rating> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [user, item, rating, time] = fields[..] else { return Err(format!("{line:?}").into()) };
        Ok(Rating { user: user.parse()?, item: item.parse()?, rating: rating.parse()?, time: time.parse()? })
    };
    text.lines().map(parse).collect()
}

/// Reads columns of a file of `id|…`, with a row for each id below `rows`.
fn read_table(path: &str, rows: usize, columns: &[(usize, ColumnKind)]) -> Result<Table> {
    let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
    let mut lines: Vec<Vec<&str>> = vec![Vec::new(); rows];
    for fields in text.lines().map(|line| line.split('|').collect::<Vec<_>>()) {
        let id: usize = fields.first().ok_or("no id")?.parse()?;
        *lines.get_mut(id).ok_or("an id that is too large")? = fields;
    }
    let read = |&(field, kind): &(usize, ColumnKind)| -> Result<Column> {
        let mut builder = ColumnBuilder::new(format!("column {field}"), kind);
        for line in &lines {
            let text = line.get(field).copied().unwrap_or_default();
            // Of a date such as 01-Jan-1995, only the year is read.
            let number = || text.rsplit('-').next().and_then(|last| last.parse().ok()).map(Cell::Number);
            builder.push(match kind {
                _ if text.is_empty() => Cell::Null,
                ColumnKind::Number => number().unwrap_or(Cell::Null),
                ColumnKind::Boolean => Cell::Boolean(text == "1"),
                _ => Cell::Text(text),
            })?;
        }
        Ok(builder.finish())
    };
    Ok(Table::new(rows, columns.iter().map(read).collect::<Result<_>>()?)?)
}

fn interactions(ratings: &[Rating], users: usize, items: usize) -> Result<Interactions> {
    let mut rows: Vec<Vec<(u32, f32)>> = vec![Vec::new(); users];
    ratings.iter().for_each(|r| rows[r.user].push((r.item as u32, r.rating)));
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for mut row in rows {
        row.sort_unstable_by_key(|entry| entry.0);
        columns.extend(row.iter().map(|entry| entry.0));
        values.extend(row.iter().map(|entry| entry.1));
        starts.push(columns.len());
    }
    Ok(Interactions::new(SparseRows::new(items, starts, columns, values)?))
}

/// Fits μ, b_u and b_i by alternating ridge regressions.
fn biases(train: &[Rating], users: usize, items: usize) -> (f32, Vec<f32>, Vec<f32>) {
    let mean = (train.iter().map(|r| f64::from(r.rating)).sum::<f64>() / train.len().max(1) as f64) as f32;
    let (mut user_bias, mut item_bias) = (vec![0.0; users], vec![0.0; items]);
    for _ in 0..20 {
        let fit = |bias: &mut Vec<f32>, pull: f32, pair: &dyn Fn(&Rating) -> (usize, f32)| {
            let mut counts = vec![pull; bias.len()];
            bias.fill(0.0);
            for (row, rest) in train.iter().map(pair) {
                bias[row] += rest;
                counts[row] += 1.0;
            }
            bias.iter_mut().zip(counts).for_each(|(bias, count)| *bias /= count);
        };
        fit(&mut user_bias, 4.8, &|r| (r.user, r.rating - mean - item_bias[r.item]));
        fit(&mut item_bias, 4.8, &|r| (r.item, r.rating - mean - user_bias[r.user]));
    }
    (mean, user_bias, item_bias)
}

fn print(what: &str, test: &[Rating], seconds: f64, predict: impl Fn(&Rating) -> f32) {
    let count = test.len().max(1) as f64;
    let errors: Vec<f64> = test.iter().map(|r| f64::from(predict(r).clamp(1.0, 5.0) - r.rating)).collect();
    let rmse = (errors.iter().map(|error| error * error).sum::<f64>() / count).sqrt();
    let mae = errors.iter().map(|error| error.abs()).sum::<f64>() / count;
    println!("{what} {rmse:.4} {mae:.4} {seconds:.2}");
}

fn compare(train: &[Rating], test: &[Rating], described: &[&str]) -> Result<()> {
    let all = || train.iter().chain(test);
    let least = if described.is_empty() { (0, 0) } else { (944, 1683) };
    let users = all().map(|r| r.user + 1).max().unwrap_or(0).max(least.0);
    let items = all().map(|r| r.item + 1).max().unwrap_or(0).max(least.1);
    let encoded = |path: &str, rows, columns: &[_]| -> Result<Attributes> {
        let table = read_table(path, rows, columns)?;
        Ok(AttributeEncoder::fit(&table, &Silent)?.encode(&table, &Silent)?)
    };
    let (user_attributes, item_attributes) = match described {
        [] => (None, None),
        [user_path, item_path] => {
            let about_users = [(1, ColumnKind::Number), (2, ColumnKind::Category), (3, ColumnKind::Category)];
            let genres = (5..24).map(|field| (field, ColumnKind::Boolean));
            let about_items: Vec<_> = [(2, ColumnKind::Number)].into_iter().chain(genres).collect();
            (Some(encoded(user_path, users, &about_users)?), Some(encoded(item_path, items, &about_items)?))
        }
        _ => return Err("usage: see the head of benches/src/bin/rating.rs".into()),
    };
    print("mean", test, 0.0, {
        let mean = train.iter().map(|r| r.rating).sum::<f32>() / train.len().max(1) as f32;
        move |_| mean
    });
    let (mean, user_bias, item_bias) = biases(train, users, items);
    print("biases", test, 0.0, |r| mean + user_bias[r.user] + item_bias[r.item]);
    let ratings = interactions(train, users, items)?;
    let options = RatingOptions::default();
    let start = Instant::now();
    // It runs on a pool, as in the extension.
    let train_model = || {
        RatingModel::train(
            &ratings,
            user_attributes.as_ref(),
            item_attributes.as_ref(),
            &options,
            42,
            &Silent,
        )
    };
    let model = rayon::ThreadPoolBuilder::new().build()?.install(train_model)?;
    print("model", test, start.elapsed().as_secs_f64(), |r| model.predict(r.user, r.item));
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["latest", share, path, described @ ..] => {
            let mut ratings = read_ratings(path)?;
            ratings.sort_by_key(|r| (r.time, r.user, r.item));
            let kept = ((1.0 - share.parse::<f64>()?) * ratings.len() as f64).round() as usize;
            let (train, test) = ratings.split_at(kept.min(ratings.len()));
            compare(train, test, described)
        }
        [base, test, described @ ..] => compare(&read_ratings(base)?, &read_ratings(test)?, described),
        _ => Err("usage: see the head of benches/src/bin/rating.rs".into()),
    }
}
