//! The memory and the arithmetic of a training, before it begins.

use super::loss;
use super::options::SasrecOptions;
use super::step;
use super::windows::Window;

/// An upper estimate of the bytes that [`super::train()`] allocates, beside its input and what its validation allocates:
/// the weights four times (with the best ones, and both means of Adam), the items of a step, and for each part of a step a
/// gradient, the values of the passes, and the scores of a block of tokens.
pub fn training_bytes(
    options: &SasrecOptions,
    users: usize,
    items: usize,
    events: usize,
    features: usize,
) -> u64 {
    let item_count = items;
    let sizes = [users, items, events, features].map(|size| size as u64);
    let [users, items, events, features] = sizes;
    let shape = options.shape;
    let [width, heads, hidden, blocks, window] =
        [shape.width, shape.heads, shape.hidden, shape.blocks, shape.window].map(|size| size as u64);
    let network = shape.values() as u64;
    let weights = items * (width + 1) + network + features * width;
    let tokens = options.batch as u64 * window;
    let (outputs, rows) = match options.is_full(item_count) {
        true => (items, items),
        false => (options.negatives as u64, items.min(options.negatives as u64 + 2 * tokens)),
    };
    let table = rows * (width + features + 2) + items + features * width;
    // Each part has as many windows as any, and those of a batch are divided evenly.
    let parts = (options.batch as u64).min(step::PARTS as u64);
    let part_windows = (options.batch as u64).div_ceil(parts.max(1));
    let part_tokens = part_windows * window;
    let of_block = part_tokens * (11 * width + 2 + 2 * hidden) + part_windows * heads * window * window;
    let of_pass = part_tokens * (8 * width + 1 + (3 * width).max(hidden)) + window * window;
    let scores = part_tokens.min(loss::BLOCK as u64) * outputs;
    let passes = of_pass + blocks * of_block;
    let part = rows * (width + 1) + network + passes + scores;
    // A part of the contrast has two views of each window.
    let views = if options.contrast > 0.0 { rows * (width + 1) + network + 2 * passes } else { 0 };
    let copies = if options.averaging > 0.0 { 5 } else { 4 };
    let floats = copies * weights + table + parts * (part + views) + 8 * tokens;
    let windows = (events / window + 2 * users) * size_of::<Window>() as u64;
    // Vectors that grow may have twice the room that they need.
    4 * (floats + table + 3 * parts * passes) + windows * 3
}

/// The multiply-adds of a token in a step: three times those of the network, and of the scores of all outputs. At 40 to
/// 50 thousand million a second, a core takes 9 µs for a token of the default shape and 1,700 items.
pub fn token_multiply_adds(options: &SasrecOptions, items: usize) -> u64 {
    let shape = options.shape;
    let attention = 4 * shape.width * shape.width + shape.window * shape.width;
    let block = attention + 2 * shape.width * shape.hidden;
    let outputs = if options.is_full(items) { items } else { options.negatives };
    3 * (shape.blocks as u64 * block as u64 + outputs as u64 * shape.width as u64)
}
