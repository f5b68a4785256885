//! Compares our k-means with linfa's on the same points, and measures how well any clusters fit.
//!
//! - `kmeans factors EVENTS COLUMNS POINTS` trains a backbone with COLUMNS factors on `user,item` lines and writes the
//!   directions of its users
//! - `kmeans customers TRANSACTIONS POINTS` writes three columns for each customer of Online Retail: days since the
//!   last purchase, log(1 + invoices) and log(1 + money spent), each with mean 0 and variance 1
//! - `kmeans spherical POINTS COLUMNS CLUSTERS STARTS ITERATIONS SEED LABELS` clusters points (our own limit of 300
//!   iterations applies)
//! - `kmeans euclidean …` and `kmeans linfa …` do the same
//! - `kmeans fit POINTS COLUMNS LABELS` prints the inertia Σ‖x − m‖², where m is the mean of the cluster of x, and the
//!   same by direction, Σ‖x‖ (1 − cosine of x and m): each is what one of the geometries minimizes
//!
//! The commands that cluster print seconds, after a first run on some of the rows that starts the threads. The Python
//! peer reads and writes the same files.

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_clustering::KMeans;
use ndarray::Array2;
use segrec_benches::{Result, read_labels, read_points, write_labels, write_points};
use segrec_engine::linalg::vector::normalize;
use segrec_engine::scorers::factors::{AlsOptions, Backbone, Start};
use segrec_engine::segmentation::kmeans::{Geometry, KmeansSettings, kmeans};
use segrec_engine::{Matrix, Silent, seed};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// The number of rows of the first run.
const WARMING_ROWS: u32 = 1000;

fn factors(events: &str, columns: &str, path: &str) -> Result<()> {
    let interactions = segrec_benches::read_interactions(events.as_ref())?;
    let als = AlsOptions {
        factors: columns.parse()?,
        sweeps: 8,
        regularization: 0.003,
        unobserved_weight: 0.01,
        frequency_exponent: 1.0,
        sharing: 0.1,
    };
    let mut points = Backbone::train(&interactions, &als, Start::Random(42), &Silent)?.user_factors;
    for row in 0..points.rows() {
        normalize(points.row_mut(row));
    }
    write_points(path, &points)
}

/// The purchases of a customer.
#[derive(Default)]
struct Customer {
    last_day: f64,
    invoices: BTreeSet<String>,
    money: f64,
}

/// Returns the days since a fixed day, of `YYYY-MM-DD hh:mm:ss` (Hinnant's days from civil).
fn days(moment: &str) -> Result<f64> {
    let part =
        |from: usize, to: usize| -> Result<i64> { Ok(moment.get(from..to).ok_or("no time")?.parse()?) };
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let whole = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Ok(whole as f64 + (part(11, 13)? * 60 + part(14, 16)?) as f64 / 1440.0)
}

fn customers(transactions: &str, path: &str) -> Result<()> {
    let text = std::fs::read_to_string(transactions)?;
    let mut customers: BTreeMap<String, Customer> = BTreeMap::new();
    for line in text.lines().skip(1) {
        // Only the description, the third of eight fields, may contain commas.
        let fields: Vec<&str> = line.rsplitn(6, ',').collect();
        let [_, customer, price, moment, quantity, invoice] = fields[..] else { continue };
        let (price, quantity): (f64, f64) = (price.parse()?, quantity.parse()?);
        if customer.is_empty() || quantity <= 0.0 || price <= 0.0 {
            continue;
        }
        let invoice = invoice.split(',').next().unwrap_or_default();
        let known = customers.entry(customer.to_owned()).or_default();
        known.last_day = known.last_day.max(days(moment)?);
        known.money += quantity * price;
        known.invoices.insert(invoice.to_owned());
    }
    let latest = customers.values().map(|customer| customer.last_day).fold(0.0, f64::max);
    let columns = [
        |customer: &Customer, latest: f64| latest - customer.last_day,
        |customer: &Customer, _: f64| (customer.invoices.len() as f64).ln_1p(),
        |customer: &Customer, _: f64| customer.money.ln_1p(),
    ];
    let mut points = Matrix::zeros(customers.len(), columns.len());
    for (column, value) in columns.iter().enumerate() {
        let values: Vec<f64> = customers.values().map(|customer| value(customer, latest)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / values.len() as f64;
        for (row, x) in values.iter().enumerate() {
            points.row_mut(row)[column] = ((x - mean) / variance.sqrt()) as f32;
        }
    }
    write_points(path, &points)
}

/// The parameters of a clustering, which are the same for each implementation.
struct Task {
    clusters: usize,
    starts: usize,
    iterations: u64,
    seed: u64,
}

fn ours(points: &Matrix, geometry: Geometry, task: &Task) -> Result<Vec<u32>> {
    let settings =
        KmeansSettings { geometry, n_clusters: task.clusters, min_cluster_size: 1, n_init: task.starts };
    // It runs on a pool, as in the extension: a call from outside would switch threads at each step.
    let pool = rayon::ThreadPoolBuilder::new().build()?;
    let run = || kmeans(points, None, &settings, None, task.seed, &Silent);
    Ok(pool.install(run)?.of_row)
}

fn linfa(points: &Matrix, task: &Task) -> Result<Vec<u32>> {
    let records = Array2::from(points.clone());
    let dataset = DatasetBase::from(records);
    let model = KMeans::params_with_rng(task.clusters, seed::random(task.seed, "linfa"))
        .n_runs(task.starts)
        .max_n_iterations(task.iterations)
        .fit(&dataset)?;
    Ok(model.predict(dataset.records()).iter().map(|&cluster| cluster as u32).collect())
}

fn cluster(method: &str, points: &Matrix, task: &Task) -> Result<Vec<u32>> {
    match method {
        "spherical" => ours(points, Geometry::Spherical, task),
        "euclidean" => ours(points, Geometry::Euclidean, task),
        "linfa" => linfa(points, task),
        _ => Err("usage: see the head of benches/src/bin/kmeans.rs".into()),
    }
}

fn fit(points: &Matrix, labels: &[u32]) -> Result<(f64, f64)> {
    if labels.len() != points.rows() {
        return Err(format!("{} labels for {} points", labels.len(), points.rows()).into());
    }
    let clusters = labels.iter().max().map_or(0, |&most| most as usize + 1);
    let mut sums = vec![vec![0.0f64; points.columns()]; clusters];
    let mut sizes = vec![0.0f64; clusters];
    let (mut squares, mut lengths) = (0.0, 0.0);
    for (row, &label) in labels.iter().enumerate() {
        let sum = &mut sums[label as usize];
        sum.iter_mut().zip(points.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
        sizes[label as usize] += 1.0;
        let square: f64 = points.row(row).iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        squares += square;
        lengths += square.sqrt();
    }
    // Σ‖x − m‖² = Σ‖x‖² − Σ‖s‖²/n and Σ‖x‖ cosine = Σ‖s‖, where s is the sum of a cluster of n rows.
    for (sum, size) in sums.iter().zip(sizes).filter(|(_, size)| *size > 0.0) {
        let square: f64 = sum.iter().map(|s| s * s).sum();
        squares -= square / size;
        lengths -= square.sqrt();
    }
    Ok((squares, lengths))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["factors", events, columns, path] => factors(events, columns, path),
        ["customers", transactions, path] => customers(transactions, path),
        ["fit", path, columns, labels] => {
            let (inertia, by_direction) = fit(&read_points(path, columns)?, &read_labels(labels)?)?;
            println!("{inertia:.3} {by_direction:.3}");
            Ok(())
        }
        [method, path, columns, clusters, starts, iterations, seed, labels] => {
            let points = read_points(path, columns)?;
            let (clusters, starts) = (clusters.parse()?, starts.parse()?);
            let task = Task { clusters, starts, iterations: iterations.parse()?, seed: seed.parse()? };
            let some: Vec<u32> = (0..WARMING_ROWS.min(points.rows() as u32)).collect();
            cluster(method, &points.select(&some), &Task { starts: 1, ..task })?;
            let start = Instant::now();
            let found = cluster(method, &points, &task)?;
            println!("{:.5}", start.elapsed().as_secs_f64());
            write_labels(labels, found.into_iter())
        }
        _ => Err("usage: see the head of benches/src/bin/kmeans.rs".into()),
    }
}
