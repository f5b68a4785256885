//! Measures SASRec, without the rest of a training.
//!
//! - `sasrec export FILE` writes weights, sequences, features, loss and gradient as JSON, which the Python peer compares
//! - `sasrec train RATINGS [NAME=VALUE…]` trains on lines of user, item, rating and time: it leaves the last two items
//!   of each user out, stops by ndcg@10 of the last but one, and prints that of the last, with all unseen items ranked;
//!   with `segments=8` also what adapters of so many segments add. Run with RAYON_NUM_THREADS=1 to measure the time of a
//!   token.
//! - `sasrec represent` prints the median microseconds of a representation

use segrec_engine::linalg::product::row_scores;
use segrec_engine::scorers::sasrec::{
    AdaptedMatrix, SasrecAdapter, SasrecAdapterShape, SasrecInput, SasrecNetwork, SasrecOptions,
    SasrecScratch, SasrecSequences, SasrecShape, SasrecWeights, loss_and_gradient, token_multiply_adds,
    train, train_adapter, training_bytes,
};
use segrec_engine::seed::mix;
use segrec_engine::{Matrix, Observer, Progress};
use serde_json::{Map, Value, json};
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A value between −1 and 1.
fn value(seed: u64, place: usize) -> f32 {
    (mix(mix(seed) ^ place as u64) >> 40) as f32 / (1 << 23) as f32 - 1.0
}

fn as_json(weights: &SasrecWeights) -> Value {
    let tensor = |columns: usize, values: &[f32]| json!({"columns": columns, "values": values});
    let network = weights.network();
    let mut tensors = Map::new();
    for of in network.shape().tensors() {
        tensors.insert(of.name, tensor(of.columns, &network.values()[of.range]));
    }
    tensors.insert("item_vectors".into(), tensor(weights.items().columns(), weights.items().data()));
    tensors.insert("item_bias".into(), tensor(weights.bias().len(), weights.bias()));
    tensors.insert("projection".into(), tensor(weights.projection().columns(), weights.projection().data()));
    Value::Object(tensors)
}

/// Writes random weights and sequences with their loss and gradient.
fn export(path: &str) -> Result<()> {
    const ITEMS: usize = 500;
    const FEATURES: usize = 7;
    let shape = SasrecShape { blocks: 2, ..Default::default() };
    let (mut starts, mut items) = (vec![0], Vec::new());
    for user in 0..40u64 {
        let length = 2 + mix(user) % 50;
        items.extend((0..length).map(|place| (mix(1000 * user + place + 7) % ITEMS as u64) as u32));
        starts.push(items.len());
    }
    let sequences = SasrecSequences::new(&starts, &items, ITEMS)?;
    let rows = |columns: usize, count: usize, size: f32, seed: u64| {
        Matrix::from_data(columns, (0..count * columns).map(|place| size * value(seed, place)).collect())
    };
    let features = rows(FEATURES, ITEMS, 1.0, 3)?;
    let first = SasrecWeights::first(shape, &sequences.events(), 0, 1)?;
    // Away from the start, so that no gradient is zero.
    let moved = first.network().values().iter().enumerate().map(|(place, x)| x + 0.1 * value(4, place));
    let network = SasrecNetwork::new(shape, moved.collect())?;
    let projection = rows(shape.width, FEATURES, 0.1, 5)?;
    let weights = SasrecWeights::new(network, first.items().clone(), first.bias().to_vec(), projection)?;
    let input = SasrecInput { sequences, features: Some(features.view()) };
    let options = SasrecOptions { shape, ..Default::default() };
    let (loss, gradient) = loss_and_gradient(input, &options, &weights)?;
    let sizes = json!({"width": shape.width, "heads": shape.heads, "hidden": shape.hidden,
        "blocks": shape.blocks, "window": shape.window});
    let of_users: Vec<&[u32]> = (0..sequences.users()).map(|user| sequences.of_user(user)).collect();
    let exported = json!({"shape": sizes, "weights": as_json(&weights), "gradient": as_json(&gradient),
        "loss": loss, "sequences": of_users,
        "features": {"columns": FEATURES, "values": features.data()}});
    Ok(fs::write(path, serde_json::to_string(&exported)?)?)
}

/// A clock, and nothing else.
struct Clock(Instant);

impl Observer for Clock {
    fn report(&self, _: Progress) {}
    fn is_cancelled(&self) -> bool {
        false
    }
    fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Processor seconds of the process.
fn processor_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let ticks = |place: usize| -> Result<f64> { Ok(fields.get(place).ok_or("no ticks")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// The items of each user by (time, item), and the number of items.
fn read(path: &str) -> Result<(Vec<Vec<u32>>, usize)> {
    let mut rows: Vec<(u32, i64, u32)> = Vec::new();
    for line in fs::read_to_string(path)?.lines() {
        let fields: Vec<&str> = line.split([',', '\t']).collect();
        let [user, item, _, time] = fields[..] else { return Err(format!("{line:?} is no rating").into()) };
        rows.push((user.parse()?, time.parse()?, item.parse()?));
    }
    rows.sort_unstable();
    let mut ids: Vec<u32> = rows.iter().map(|row| row.2).collect();
    ids.sort_unstable();
    ids.dedup();
    let number = |id: &u32| ids.binary_search(id).unwrap_or(0) as u32;
    let users = rows.chunk_by(|a, b| a.0 == b.0).map(|own| own.iter().map(|row| number(&row.2)).collect());
    Ok((users.collect(), ids.len()))
}

/// ndcg@10 of the item `back` places before the end, for each user.
fn ndcg(network: &SasrecNetwork, rows: &Matrix, users: &[&Vec<u32>], back: usize) -> Result<Vec<f64>> {
    let mut scratch = SasrecScratch::default();
    let mut scores = vec![0.0; rows.rows()];
    let mut gains = Vec::new();
    for items in users {
        let Some(end) = items.len().checked_sub(back).filter(|&end| end > 0) else { continue };
        let (seen, target) = (&items[..end], items[end] as usize);
        let mut user = network.represent(rows.view(), seen, &mut scratch)?;
        user.push(1.0);
        row_scores(&user, rows.view(), &mut scores);
        seen.iter().for_each(|&item| scores[item as usize] = f32::NEG_INFINITY);
        let rank = scores.iter().filter(|&&score| score > scores[target]).count();
        gains.push(if rank < 10 { (rank as f64 + 2.0).log2().recip() } else { 0.0 });
    }
    Ok(gains)
}

/// The mean and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(2) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / (count * (count - 1.0))).sqrt())
}

/// The sequences of some users without their last two items.
fn without_last(users: &[&Vec<u32>]) -> (Vec<usize>, Vec<u32>) {
    let (mut starts, mut items) = (vec![0], Vec::new());
    for own in users {
        items.extend_from_slice(&own[..own.len().saturating_sub(2)]);
        starts.push(items.len());
    }
    (starts, items)
}

fn train_network(path: &str, settings: &[String]) -> Result<()> {
    let mut options = SasrecOptions { seed: 1, ..Default::default() };
    let mut segments = 0;
    let mut adapters = SasrecAdapterShape::default();
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or("a setting is NAME=VALUE")?;
        match name {
            "seed" => options.seed = value.parse()?,
            "epochs" => options.epochs = value.parse()?,
            "patience" => options.patience = value.parse()?,
            "dropout" => options.dropout = value.parse()?,
            "averaging" => options.averaging = value.parse()?,
            "contrast" => options.contrast = value.parse()?,
            "horizon" => options.horizon = value.parse()?,
            "full" => options.full_softmax_items = value.parse()?,
            "negatives" => options.negatives = value.parse()?,
            "rate" => options.learning_rate = Some(value.parse()?),
            "blocks" => options.shape.blocks = value.parse()?,
            "width" => options.shape.width = value.parse()?,
            "window" => options.shape.window = value.parse()?,
            "segments" => segments = value.parse()?,
            "adapt" => {
                let matrix = |letter| match letter {
                    'q' => Ok(AdaptedMatrix::Query),
                    'k' => Ok(AdaptedMatrix::Key),
                    'v' => Ok(AdaptedMatrix::Value),
                    'o' => Ok(AdaptedMatrix::Out),
                    _ => Err("adapt takes letters of qkvo"),
                };
                adapters.matrices = value.chars().map(matrix).collect::<std::result::Result<_, _>>()?;
            }
            _ => return Err(format!("there is no setting {name:?}").into()),
        }
    }
    let (users, count) = read(path)?;
    let users: Vec<&Vec<u32>> = users.iter().collect();
    let (starts, items) = without_last(&users);
    let sequences = SasrecSequences::new(&starts, &items, count)?;
    let bytes = training_bytes(&options, users.len(), count, items.len(), 0);
    println!("{} users, {count} items, {} events", users.len(), items.len());
    println!("{} multiply-adds a token, {} MB", token_multiply_adds(&options, count), bytes >> 20);
    let clock = Clock(Instant::now());
    let mut measuring = 0.0;
    let begin = processor_seconds()?;
    let mut validate = |weights: &SasrecWeights| {
        let begin = Instant::now();
        let gains = weights.item_rows(None).map(|rows| ndcg(weights.network(), &rows, &users, 2));
        measuring += begin.elapsed().as_secs_f64();
        Ok(gains.map_or(0.0, |gains| gains.map_or(0.0, |gains| mean(&gains).0)))
    };
    let start = SasrecWeights::first(options.shape, &sequences.events(), 0, options.seed)?;
    let input = SasrecInput { sequences, features: None };
    let (weights, course) = train(input, &options, start, Some(&mut validate), &clock)?;
    let spent = processor_seconds()? - begin - measuring;
    let best = course.metrics.iter().copied().fold(0.0, f64::max);
    println!("epochs {} best {} validation {best:.4}", course.losses.len(), course.best_epoch);
    println!("{spent:.1} CPU s, {:.1} µs a token", spent / course.tokens as f64 * 1e6);
    let rows = weights.item_rows(None)?;
    let (test, error) = mean(&ndcg(weights.network(), &rows, &users, 1)?);
    println!("test ndcg@10 {test:.4} ({error:.4})");
    if segments > 0 {
        adapt(&weights, &rows, &users, segments, &adapters, &options)?;
    }
    Ok(())
}

/// Trains an adapter for each segment of users with similar representations, and compares with the network alone.
fn adapt(
    weights: &SasrecWeights,
    rows: &Matrix,
    users: &[&Vec<u32>],
    segments: usize,
    shape: &SasrecAdapterShape,
    options: &SasrecOptions,
) -> Result<()> {
    let network = weights.network();
    let labels = segmented(network, rows, users, segments)?;
    let begin = processor_seconds()?;
    let (mut validations, mut differences, mut epochs, mut parameters) = (Vec::new(), Vec::new(), 0, 0);
    for segment in 0..segments {
        let own: Vec<&Vec<u32>> = users
            .iter()
            .zip(&labels)
            .filter(|(_, label)| **label == segment)
            .map(|(items, _)| *items)
            .collect();
        let (starts, items) = without_last(&own);
        let input =
            SasrecInput { sequences: SasrecSequences::new(&starts, &items, rows.rows())?, features: None };
        let mut validate = |adapter: &SasrecAdapter| {
            let gains = ndcg(&adapter.adapted(network)?, rows, &own, 2);
            Ok(gains.map_or(0.0, |gains| mean(&gains).0))
        };
        let start = SasrecAdapter::first(network.shape(), shape.clone(), options.seed)?;
        parameters = start.parameters();
        let clock = Clock(Instant::now());
        let (adapter, course) = train_adapter(input, options, weights, start, Some(&mut validate), &clock)?;
        epochs += course.losses.len();
        let adapted = adapter.adapted(network)?;
        for (back, into) in [(2, &mut validations), (1, &mut differences)] {
            let (with, without) = (ndcg(&adapted, rows, &own, back)?, ndcg(network, rows, &own, back)?);
            into.extend(with.iter().zip(&without).map(|(with, without)| with - without));
        }
    }
    let spent = processor_seconds()? - begin;
    println!(
        "{segments} segments, {parameters} parameters each, {epochs} epochs, {spent:.1} CPU s with measuring"
    );
    let [(validation, of_validation), (test, of_test)] = [mean(&validations), mean(&differences)];
    println!(
        "adapters add {validation:.4} ({of_validation:.4}) on validation, {test:.4} ({of_test:.4}) on test"
    );
    Ok(())
}

/// k-means of the users' representations at the end of what is trained on, ten rounds from random users.
fn segmented(
    network: &SasrecNetwork,
    rows: &Matrix,
    users: &[&Vec<u32>],
    segments: usize,
) -> Result<Vec<usize>> {
    let mut scratch = SasrecScratch::default();
    let mut points = Vec::new();
    for items in users {
        points.push(network.represent(rows.view(), &items[..items.len().saturating_sub(2)], &mut scratch)?);
    }
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>();
    let start = |segment| points[mix(segment as u64) as usize % points.len()].clone();
    let mut centres: Vec<Vec<f32>> = (0..segments).map(start).collect();
    let mut labels = vec![0; points.len()];
    for _ in 0..10 {
        for (label, point) in labels.iter_mut().zip(&points) {
            let near = |&a: &usize, &b: &usize| {
                distance(point, &centres[a]).total_cmp(&distance(point, &centres[b]))
            };
            *label = (0..segments).min_by(near).unwrap_or(0);
        }
        for (segment, centre) in centres.iter_mut().enumerate() {
            let own =
                || labels.iter().zip(&points).filter(|(label, _)| **label == segment).map(|(_, point)| point);
            let count = own().count().max(1) as f32;
            centre.fill(0.0);
            own().for_each(|point| {
                centre.iter_mut().zip(point).for_each(|(sum, value)| *sum += value / count)
            });
        }
    }
    Ok(labels)
}

/// The median microseconds of a representation of 50 items, with the weights in the cache.
fn represent() -> Result<()> {
    for blocks in [1, 2] {
        let shape = SasrecShape { blocks, ..Default::default() };
        let weights = SasrecWeights::first(shape, &[5; 1682], 0, 1)?;
        let rows = weights.item_rows(None)?;
        let mut scratch = SasrecScratch::default();
        let mut seconds = Vec::new();
        for user in 0..2001u32 {
            let items: Vec<u32> = (0..50).map(|place| (31 * user + 17 * place) % 1682).collect();
            let begin = Instant::now();
            black_box(weights.network().represent(rows.view(), &items, &mut scratch)?);
            seconds.push(begin.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        println!("{blocks} blocks: {:.1} µs", seconds[1000] * 1e6);
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["export", path] => export(path),
        ["train", path, ..] => train_network(path, &arguments[2..]),
        ["represent"] => represent(),
        _ => Err("usage: sasrec export FILE | train RATINGS [NAME=VALUE…] | represent".into()),
    }
}
