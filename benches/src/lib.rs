//! Benches of the engine, without PostgreSQL. Each prints a table; `benches/run.sh` runs them beside
//! their peers.

use segrec_engine::interactions::{Interactions, SparseRows};
use std::error::Error;
use std::path::Path;

/// Reads lines `user,item` of small whole numbers, after a header line, as interactions of weight 1.
///
/// # Errors
/// Where the file cannot be read or a line is not two numbers.
pub fn read_interactions(path: &Path) -> Result<Interactions, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split(',');
        let mut number = || -> Result<u32, Box<dyn Error>> {
            Ok(fields.next().ok_or_else(|| format!("{line:?} has too few fields"))?.trim().parse()?)
        };
        pairs.push((number()?, number()?));
    }
    pairs.sort_unstable();
    pairs.dedup();
    let users = pairs.iter().map(|p| p.0 as usize + 1).max().unwrap_or(0);
    let items = pairs.iter().map(|p| p.1 as usize + 1).max().unwrap_or(0);
    let mut starts = vec![0; users + 1];
    for &(user, _) in &pairs {
        starts[user as usize + 1] += 1;
    }
    for user in 0..users {
        starts[user + 1] += starts[user];
    }
    let columns: Vec<u32> = pairs.iter().map(|p| p.1).collect();
    let values = vec![1.0; columns.len()];
    Ok(Interactions::new(SparseRows::new(items, starts, columns, values)?))
}
