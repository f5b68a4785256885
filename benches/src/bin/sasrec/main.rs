//! Measures SASRec, without the rest of a training.
//!
//! - `sasrec export FILE` writes weights, sequences, features, loss and gradient as JSON, which the Python peer compares
//! - `sasrec train RATINGS [NAME=VALUE…]` trains on lines of user, item, rating and time: it leaves the last two items
//!   of each user out, stops by ndcg@10 of the last but one, and prints that of the last, with all unseen items ranked.
//!   With `split=time` the two parts are the last tenths of all events. Run with RAYON_NUM_THREADS=1 to measure the time
//!   of a token.
//!   - `segments=8` also says what adapters of so many segments add, `adapt_epochs=1,2` after a fixed number of epochs
//!   - `features=FILE` takes features of items: lines of item and numbers; with `cold=FILE`, lines of item and fold, items
//!     of folds 0 and 1 are hidden and ranked among each other by their features
//!   - `final=1,4` compares a fresh training on everything but the test part with one of so many epochs that goes on from
//!     the weights of the training without the validation part
//! - `sasrec represent` prints the median microseconds of a representation
//! - `sasrec codes` compares lists of 20,000 items by their rows with lists by codes of 8 bits

mod adapt;
mod codes;
mod data;
mod final_fit;
mod measure;
mod new_items;

use adapt::{Adapting, adapt};
use data::{Data, Division, User};
use measure::{mean, ndcg};
use segrec_engine::scorers::sasrec::{
    AdaptedMatrix, SasrecAdapterShape, SasrecInput, SasrecNetwork, SasrecOptions, SasrecScratch,
    SasrecSequences, SasrecShape, SasrecWeights, loss_and_gradient, token_multiply_adds, train,
    training_bytes,
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

fn train_network(path: &str, settings: &[String]) -> Result<()> {
    let mut options = SasrecOptions { seed: 1, ..Default::default() };
    let mut adapting =
        Adapting { segments: 0, shape: SasrecAdapterShape::default(), epochs: Vec::new(), rate: None };
    let (mut division, mut features, mut cold, mut after) = (Division::Last, None, None, Vec::new());
    let numbers =
        |value: &str| value.split(',').map(str::parse).collect::<std::result::Result<Vec<usize>, _>>();
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or("a setting is NAME=VALUE")?;
        match name {
            "seed" => options.seed = value.parse()?,
            "epochs" => options.epochs = value.parse()?,
            "patience" => options.patience = value.parse()?,
            "dropout" => options.dropout = value.parse()?,
            "item_dropout" => options.item_dropout = value.parse()?,
            "averaging" => options.averaging = value.parse()?,
            "contrast" => options.contrast = value.parse()?,
            "horizon" => options.horizon = value.parse()?,
            "full" => options.full_softmax_items = value.parse()?,
            "negatives" => options.negatives = value.parse()?,
            "rate" => options.learning_rate = Some(value.parse()?),
            "blocks" => options.shape.blocks = value.parse()?,
            "width" => options.shape.width = value.parse()?,
            "window" => options.shape.window = value.parse()?,
            "segments" => adapting.segments = value.parse()?,
            "adapt_epochs" => adapting.epochs = numbers(value)?,
            "adapt_rate" => adapting.rate = Some(value.parse()?),
            "adapt" => {
                let matrix = |letter| match letter {
                    'q' => Ok(AdaptedMatrix::Query),
                    'k' => Ok(AdaptedMatrix::Key),
                    'v' => Ok(AdaptedMatrix::Value),
                    'o' => Ok(AdaptedMatrix::Out),
                    _ => Err("adapt takes letters of qkvo"),
                };
                adapting.shape.matrices = value.chars().map(matrix).collect::<std::result::Result<_, _>>()?;
            }
            "split" if value == "time" => division = Division::Time,
            "split" => return Err("the only other split is time".into()),
            "features" => features = Some(value),
            "cold" => cold = Some(value),
            "final" => after = numbers(value)?,
            _ => return Err(format!("there is no setting {name:?}").into()),
        }
    }
    let data = Data::read(path, division)?;
    let count = data.ids.len();
    let hidden = cold.map_or_else(|| Ok(vec![false; count]), |path| data.folds(path))?;
    let features = features.map(|path| data.features(path)).transpose()?;
    let users: Vec<&User> = data.users.iter().collect();
    let (starts, items) = data.sequences(&users, 1, &hidden);
    let sequences = SasrecSequences::new(&starts, &items, count)?;
    let columns = features.as_ref().map_or(0, Matrix::columns);
    let bytes = training_bytes(&options, users.len(), count, items.len(), columns);
    println!("{} users, {count} items, {} events", users.len(), items.len());
    println!("{} multiply-adds a token, {} MB", token_multiply_adds(&options, count), bytes >> 20);
    let of_features = features.as_ref().map(Matrix::view);
    let measured = |weights: &SasrecWeights, part: usize| -> Result<Vec<f64>> {
        let rows = weights.item_rows(of_features)?;
        ndcg(weights.network(), &rows, &users, part, (&hidden, false))
    };
    let clock = Clock(Instant::now());
    let mut measuring = 0.0;
    let begin = processor_seconds()?;
    let mut validate = |weights: &SasrecWeights| {
        let begin = Instant::now();
        let gains = measured(weights, 1);
        measuring += begin.elapsed().as_secs_f64();
        Ok(gains.map_or(0.0, |gains| mean(&gains).0))
    };
    let start = SasrecWeights::first(options.shape, &sequences.events(), columns, options.seed)?;
    let input = SasrecInput { sequences, features: of_features };
    let (weights, course) = train(input, &options, start, Some(&mut validate), &clock)?;
    let spent = processor_seconds()? - begin - measuring;
    let best = course.metrics.iter().copied().fold(0.0, f64::max);
    println!("epochs {} best {} validation {best:.4}", course.losses.len(), course.best_epoch);
    println!("{spent:.1} CPU s, {:.1} µs a token", spent / course.tokens as f64 * 1e6);
    let (test, error) = mean(&measured(&weights, 2)?);
    println!("test ndcg@10 {test:.4} ({error:.4})");
    if let (Some(_), Some(features)) = (cold, &features) {
        new_items::compare(&weights, features, &sequences.events(), &users, &hidden)?;
    }
    if adapting.segments > 0 {
        let rows = weights.item_rows(of_features)?;
        adapt((&data, &users), (&weights, &rows, features.as_ref()), &adapting, &options)?;
    }
    if !after.is_empty() {
        final_fit::compare((&data, &users), (&weights, of_features), &options, course.best_epoch, &after)?;
    }
    Ok(())
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
        ["codes"] => codes::compare(),
        _ => Err("usage: sasrec export FILE | train RATINGS [NAME=VALUE…] | represent | codes".into()),
    }
}
