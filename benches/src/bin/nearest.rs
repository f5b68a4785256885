//! Finds the 50 nearest of every item of a large catalogue by content, and compares a sample with exact search: the time,
//! the recall, and the peak memory beside the estimate. The items have planted topics and subtopics, and a vector whose
//! directions have variances that fall as those of sentence embeddings do, or eight words, half of them of their topic,
//! whose frequencies are inversely proportional to their ranks. Arguments: ITEMS DIMENSIONS WORDS; with `write` before
//! them, the items are written to the standard output instead, as COPY reads them in its binary format: the id, the words
//! and the vector, each of which is null if it has no length.

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
use std::io::{BufWriter, Write, stdout};
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
/// The oid of `real`.
const FLOAT4: i32 = 700;

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

fn vector(item: usize, dimensions: usize, shared: &Shared) -> Vec<f32> {
    let mut vector = vec![0.0; dimensions];
    let parts = [(&shared.topics[item % TOPICS], 1.0), (&shared.subtopics[item % SUBTOPICS], 0.7)];
    for (part, factor) in parts {
        vector.iter_mut().zip(part).for_each(|(x, part)| *x += factor * part);
    }
    add_direction(&mut vector, "item", item, 0.7);
    vector
}

/// What the vectors of several items have in common.
struct Shared {
    topics: Vec<Vec<f32>>,
    subtopics: Vec<Vec<f32>>,
}

impl Shared {
    fn new(dimensions: usize) -> Self {
        let direction = |purpose: &str, number: usize| {
            let mut vector = vec![0.0; dimensions];
            add_direction(&mut vector, purpose, number, 1.0);
            vector
        };
        Self {
            topics: (0..TOPICS).map(|topic| direction("topic", topic)).collect(),
            subtopics: (0..SUBTOPICS).map(|subtopic| direction("subtopic", subtopic)).collect(),
        }
    }
}

/// Writes the items as COPY reads them in its binary format.
fn write(items: usize, dimensions: usize, words_of_item: usize) -> Result<()> {
    let mut to = BufWriter::with_capacity(1 << 20, stdout().lock());
    let shared = Shared::new(dimensions);
    to.write_all(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0")?;
    for item in 0..items {
        to.write_all(&3i16.to_be_bytes())?;
        to.write_all(&8i32.to_be_bytes())?;
        to.write_all(&(item as i64).to_be_bytes())?;
        let text = words(item, words_of_item).join(" ");
        let length = if words_of_item > 0 { text.len() as i32 } else { -1 };
        to.write_all(&length.to_be_bytes())?;
        to.write_all(text.as_bytes())?;
        if dimensions == 0 {
            to.write_all(&(-1i32).to_be_bytes())?;
            continue;
        }
        // Dimensions, a flag for nulls, the type of the elements, the length and the lower bound.
        for number in [20 + 8 * dimensions as i32, 1, 0, FLOAT4, dimensions as i32, 1] {
            to.write_all(&number.to_be_bytes())?;
        }
        for x in vector(item, dimensions, &shared) {
            to.write_all(&4i32.to_be_bytes())?;
            to.write_all(&x.to_be_bytes())?;
        }
    }
    to.write_all(&(-1i16).to_be_bytes())?;
    Ok(to.flush()?)
}

fn table(items: usize, dimensions: usize, words_of_item: usize) -> Result<Table> {
    let mut columns = Vec::new();
    if dimensions > 0 {
        let mut builder = ColumnBuilder::of_items("embedding", ColumnKind::Vector);
        let shared = Shared::new(dimensions);
        for item in 0..items {
            builder.push(Cell::Vector(&vector(item, dimensions, &shared)))?;
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
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let writes = arguments.first().is_some_and(|argument| argument == "write");
    let numbers = arguments.drain(usize::from(writes)..).map(|number| number.parse());
    let numbers: Vec<usize> = numbers.collect::<std::result::Result<_, _>>()?;
    let [items, dimensions, words] = numbers[..] else {
        return Err("usage: nearest [write] ITEMS DIMENSIONS WORDS".into());
    };
    if writes {
        return write(items, dimensions, words);
    }
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).build_global()?;
    let table = table(items, dimensions, words)?;
    let content = item_content::memory(&table, THREADS);
    let estimate = (table.memory() + content.kept + content.search) >> 20;
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
