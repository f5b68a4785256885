//! Measures what is known about items: lists of items without any event, and what content adds where there are events.
//! The argument is a folder with `ml-100k/` and `online-retail/`, unpacked. Prints lines `what|value|standard error`.
//!
//! Protocol: items are cold in two of ten folds by MD5, in five pairs of folds; of the events on other items a fifth is
//! withheld, and the rest are trained on. Cold lists rank the cold items only, for all of a user's events on them; warm
//! lists rank all items that the user has not, for what was withheld. The measure is ndcg@20, its mean and standard error
//! those over the five pairs; differences are paired by user over all of them. By time, items without an event before a
//! day are cold, and what came before it is trained on. New users are held out whole, in five parts.

mod cold;
mod data;
mod md5;
mod people;
mod split;
mod warm;

use data::Data;
use segrec_benches::Result;
use segrec_engine::evaluation::standard_error::mean_and_error;
use segrec_engine::features::{ItemEncoder, Table};
use segrec_engine::scorers::factors::AlsOptions;
use segrec_engine::{Silent, seed};
use split::Split;
use std::path::Path;
use std::time::Instant;

const PAIRS: [[u32; 2]; 5] = [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, only @ ..] = arguments.as_slice() else { return Err("usage: content FOLDER".into()) };
    let folder = Path::new(folder);
    let als = |factors, unobserved_weight| AlsOptions {
        factors,
        sweeps: 16,
        regularization: 0.03,
        unobserved_weight,
        frequency_exponent: 1.0,
        sharing: 0.1,
    };
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| word == name);
    if wanted("movies") {
        measure(&data::movies(&folder.join("ml-100k"))?, als(32, 0.1))?;
    }
    if wanted("shop") {
        measure(&data::shop(&folder.join("online-retail"))?, als(64, 0.03))?;
    }
    Ok(())
}

fn print(what: &str, value: f64, error: Option<f64>) {
    let error = error.map(|error| format!("{error:.4}")).unwrap_or_default();
    println!("{what}|{value:.4}|{error}");
}

/// Measures one data set with and without embeddings.
fn measure(data: &Data, als: AlsOptions) -> Result<()> {
    let name = data.name;
    people::measure(data)?;
    let started = Instant::now();
    let splits: Vec<Split> =
        PAIRS.iter().map(|pair| Split::of_folds(data, *pair, &als)).collect::<Result<_>>()?;
    eprintln!("{name}: {} users, {} items", data.users.len(), data.items.len());
    for split in &splits {
        eprintln!("{} cold items, {} events to train on", split.cold.len(), split.interactions.entries());
    }
    eprintln!("fits {:.1} s", started.elapsed().as_secs_f64());
    let columns = data.table.columns();
    let without = Table::new(data.table.rows(), columns[..columns.len() - 1].to_vec())?;
    for (features, table) in [("without embeddings", &without), ("with embeddings", &data.table)] {
        let mut of_lists: Vec<(&str, Vec<f64>)> = Vec::new();
        let mut differences = warm::Differences::default();
        let started = Instant::now();
        for split in &splits {
            let encoder = ItemEncoder::fit(table, &split.all, seed::mix(1), &Silent)?;
            for column in encoder.columns() {
                let reason = column.reason.as_deref().unwrap_or_default();
                eprint!("{} {:.3} {reason}; ", column.name, column.weight);
            }
            eprintln!("{} columns", encoder.dimensions());
            let items = encoder.encode(table, &Silent)?;
            for (place, (what, value)) in cold::measure(data, split, &items)?.into_iter().enumerate() {
                if of_lists.len() <= place {
                    of_lists.push((what, Vec::new()));
                }
                of_lists[place].1.push(value);
            }
            warm::measure(split, &items, &mut differences)?;
        }
        eprintln!("{:.1} s", started.elapsed().as_secs_f64());
        for (what, values) in of_lists {
            let (mean, error) = mean_and_error(&values);
            print(&format!("{name}, {features}: cold, {what}"), mean, Some(error));
        }
        differences.print(&format!("{name}, {features}: "));
    }
    let started = Instant::now();
    if let Some(split) = Split::by_time(data, &als)? {
        for (features, table) in [("without embeddings", &without), ("with embeddings", &data.table)] {
            let encoder = ItemEncoder::fit(table, &split.all, seed::mix(1), &Silent)?;
            let items = encoder.encode(table, &Silent)?;
            for (what, value) in cold::measure(data, &split, &items)? {
                print(&format!("{name} by time, {features}: new, {what}"), value, None);
            }
        }
        eprintln!("by time: {} new items, {:.1} s", split.cold.len(), started.elapsed().as_secs_f64());
    }
    Ok(())
}
