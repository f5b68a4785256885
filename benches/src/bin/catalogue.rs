//! Generates events of many users on a catalogue of any size, as lines `user,item` after a header, with planted tastes.
//!
//! Each item belongs to a topic. The popularity of topics, and of the items of a topic, is inversely proportional to
//! their rank, as in shops and libraries. A user likes three topics; four out of five of their events are of these, the
//! fifth is of any topic. Users differ in activity: most have few events, and few have many. Each item has at least one
//! event, by a user who likes its topic. Arguments: USERS ITEMS EVENTS FILE.

use rand::Rng;
use segrec_benches::Result;
use segrec_engine::seed;
use std::fs::File;
use std::io::{BufWriter, Write};

/// The number of topics; in a catalogue of a million items, each has 2,000.
const TOPICS: usize = 500;
/// The number of topics that a user likes.
const LIKED: usize = 3;

/// Draws a rank below `count`, with probability inversely proportional to the rank.
fn ranked(random: &mut seed::Random, count: usize) -> usize {
    let draw: f64 = random.r#gen();
    ((count as f64 + 1.0).powf(draw) as usize - 1).min(count - 1)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [users, items, events, file] = arguments.as_slice() else {
        return Err("usage: catalogue USERS ITEMS EVENTS FILE".into());
    };
    let (users, items, events): (usize, usize, usize) = (users.parse()?, items.parse()?, events.parse()?);
    if users == 0 || items < TOPICS {
        return Err(format!("there must be a user and {TOPICS} items").into());
    }
    let mut random = seed::random(42, "catalogue");
    let liked: Vec<[usize; LIKED]> =
        (0..users).map(|_| std::array::from_fn(|_| ranked(&mut random, TOPICS))).collect();
    let mut fans = vec![Vec::new(); TOPICS];
    for (user, topics) in liked.iter().enumerate() {
        topics.iter().for_each(|&topic| fans[topic].push(user));
    }
    let mut lines = BufWriter::new(File::create(file)?);
    writeln!(lines, "user_id,item_id")?;
    for item in 0..items {
        let fans = &fans[item % TOPICS];
        let user =
            if fans.is_empty() { random.gen_range(0..users) } else { fans[random.gen_range(0..fans.len())] };
        writeln!(lines, "{user},{item}")?;
    }
    // The item of a rank in its topic is number topic + TOPICS · rank.
    let in_topic = items / TOPICS;
    for _ in items..events {
        // Squaring a uniform draw gives the most active hundredth of the users a tenth of the events.
        let user = (random.r#gen::<f64>().powi(2) * users as f64) as usize;
        let own = random.r#gen::<f64>() < 0.8;
        let topic = if own { liked[user][random.gen_range(0..LIKED)] } else { ranked(&mut random, TOPICS) };
        let item = topic + TOPICS * ranked(&mut random, in_topic);
        writeln!(lines, "{user},{item}")?;
    }
    Ok(lines.flush()?)
}
