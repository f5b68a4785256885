//! Runs work on blocks of rows: on the caller's thread pool, or on the calling thread if it is not on a pool. A SQL
//! aggregate runs on PostgreSQL's own thread, from which rayon would otherwise start its global pool.

use crate::error::Result;
use rayon::prelude::*;

/// Returns the results of `work` for each block, in the order of blocks, so that the result is the same on any number
/// of threads. A task has at least `least` blocks, and `room` creates the scratch space of a task.
pub(super) fn map_blocks<B: Send, S, T: Send>(
    blocks: impl Iterator<Item = B>,
    least: usize,
    room: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, B) -> Result<T> + Sync + Send,
) -> Result<Vec<T>> {
    if rayon::current_thread_index().is_none() {
        let mut room = room();
        return blocks.map(|block| work(&mut room, block)).collect();
    }
    let blocks: Vec<B> = blocks.collect();
    blocks.into_par_iter().with_min_len(least).map_init(room, work).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn outside_a_pool_the_calling_thread_does_all_and_inside_the_order_is_kept() {
        let run = || map_blocks(0..1000, 1, || (), |(), block| Ok((block, thread::current().id()))).unwrap();
        let own = thread::current().id();
        assert!(run().into_iter().enumerate().all(|(at, (block, thread))| at == block && thread == own));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let found = pool.install(run);
        assert!(found.into_iter().enumerate().all(|(at, (block, thread))| at == block && thread != own));
    }
}
