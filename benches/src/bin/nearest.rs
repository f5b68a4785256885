//! Finds the 50 nearest of every item of a large catalogue by content, and compares a sample with exact search: the time,
//! the recall, and the peak memory beside the estimate. The items have planted topics and subtopics, and a vector whose
//! directions have variances that fall as those of sentence embeddings do, or eight words, half of them of their topic,
//! whose frequencies are inversely proportional to their ranks. Arguments: ITEMS DIMENSIONS WORDS.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use segrec_benches::Result;
use segrec_engine::features::{
    Cell, ColumnBuilder, ColumnKind, EncodedItems, ItemEncoder, Table, TermCounts,
};
use segrec_engine::interactions::{Interactions, SparseRows};
use segrec_engine::observer::Silent;
use segrec_engine::scorers::content::ContentIndex;
use segrec_engine::seed;
use segrec_engine::training::item_content;
use std::fs::read_to_string;
use std::time::Instant;

const TOPICS: usize = 500;
const SUBTOPICS: usize = 20_000;
/// The exponent by which the standard deviations of directions fall.
const EXPONENT: f32 = -0.6;
const VOCABULARY: usize = 200_000;
const TOPIC_WORDS: usize = 400;
const COUNT: usize = 50;
const SAMPLE: usize = 400;
const THREADS: usize = 2;

/// A vector with falling variances, the same for the same purpose and number.
fn add_direction(vector: &mut [f32], purpose: &str, number: usize, factor: f32) {
    let mut random = seed::random(number as u64, purpose);
    for (place, x) in vector.iter_mut().enumerate() {
        let draw: f32 = StandardNormal.sample(&mut random);
        *x += factor * draw * (1.0 + place as f32).powf(EXPONENT);
    }
}

fn ranked(random: &mut seed::Random, count: usize) -> usize {
    let draw: f64 = random.r#gen();
    ((count as f64 + 1.0).powf(draw) as usize - 1).min(count - 1)
}

fn words(item: usize, count: usize) -> Vec<String> {
    let mut random = seed::random(item as u64, "words");
    let topic = item % TOPICS;
    let word = |place: usize| match place % 2 {
        0 => format!("w{}", ranked(&mut random, VOCABULARY)),
        _ => format!("t{topic}.{}", ranked(&mut random, TOPIC_WORDS)),
    };
    (0..count).map(word).collect()
}

fn table(items: usize, dimensions: usize, words_of_item: usize) -> Result<Table> {
    let mut columns = Vec::new();
    if dimensions > 0 {
        let mut builder = ColumnBuilder::of_items("embedding", ColumnKind::Vector);
        for item in 0..items {
            let mut vector = vec![0.0; dimensions];
            add_direction(&mut vector, "topic", item % TOPICS, 1.0);
            add_direction(&mut vector, "subtopic", item % SUBTOPICS, 0.7);
            add_direction(&mut vector, "item", item, 0.7);
            builder.push(Cell::Vector(&vector))?;
        }
        columns.push(builder.finish());
    }
    if words_of_item > 0 {
        let mut builder = ColumnBuilder::of_items("title", ColumnKind::Text);
        let codes: Vec<u32> = (0..words_of_item as u32).collect();
        for item in 0..items {
            let names = words(item, words_of_item);
            builder.push(Cell::Terms(TermCounts::new(&codes, &vec![1; words_of_item], &names)))?;
        }
        columns.push(builder.finish());
    }
    Ok(Table::new(items, columns)?)
}

/// The peak memory of this process in megabytes.
fn peak() -> Result<u64> {
    let status = read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<u64>()? / 1024)
}

/// The mean share of the exact nearest that are found, where those with the least cosine of them are as good.
fn recall(items: &EncodedItems, nearest: &SparseRows) -> Result<f64> {
    let sample = seed::sample((0..items.rows() as u32).collect(), SAMPLE, 1);
    let exact = ContentIndex::with(items, |_| true, usize::MAX, &Silent)?;
    let exact = exact.nearest(&items.select(&sample, &Silent)?, COUNT + 1, false, &Silent)?;
    let found: Vec<f64> = sample
        .par_iter()
        .enumerate()
        .map(|(place, &item)| {
            let (others, cosines) = exact.row(place);
            let others = others.iter().zip(cosines).filter(|(other, _)| **other != item);
            let mut cosines: Vec<f32> = others.map(|(_, &cosine)| cosine).collect();
            cosines.sort_by(|a, b| b.total_cmp(a));
            cosines.truncate(COUNT);
            let least = cosines.last().copied().unwrap_or(0.0) - 1e-5;
            let hits = nearest.row(item as usize).1.iter().filter(|&&cosine| cosine >= least).count();
            hits.min(cosines.len()) as f64 / cosines.len().max(1) as f64
        })
        .collect();
    Ok(found.iter().sum::<f64>() / found.len() as f64)
}

fn main() -> Result<()> {
    let arguments: Vec<usize> =
        std::env::args().skip(1).map(|n| n.parse()).collect::<std::result::Result<_, _>>()?;
    let [items, dimensions, words] = arguments[..] else {
        return Err("usage: nearest ITEMS DIMENSIONS WORDS".into());
    };
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).build_global()?;
    let table = table(items, dimensions, words)?;
    let estimate = (table.memory() + item_content::memory(&table, THREADS)) >> 20;
    let events = SparseRows::new(items, vec![0; 2], Vec::new(), Vec::new())?;
    let begin = Instant::now();
    let encoder = ItemEncoder::fit(&table, &Interactions::new(events), 1, &Silent)?;
    let encoded = encoder.encode(&table, &Silent)?;
    let encoding = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let index = ContentIndex::new(&encoded, |_| true, &Silent)?;
    let arranging = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let nearest = index.nearest(&encoded, COUNT, true, &Silent)?;
    let searching = begin.elapsed().as_secs_f64();
    drop(index);
    let peak = peak()?;
    println!(
        "{items} items, {dimensions} numbers, {words} words: encoding {encoding:.1} s, arranging {arranging:.1} s, \
         searching {searching:.1} s, recall@{COUNT} {:.3}, peak {peak} MB, estimated {estimate} MB",
        recall(&encoded, &nearest)?
    );
    Ok(())
}
