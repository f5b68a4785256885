//! Exact top-n lists from a quarter of the memory traffic: factors quantized to 8 bits select the candidates, and
//! only those are scored exactly.
//!
//! Scoring is bound by memory: rows are not in the cache and take 4·k bytes each, or k bytes when quantized. A
//! code is q ≈ s·v with v in −127 … 127 and s = max|q| / 127, so no element is off by more than s/2 and no product
//! with p by more than s/2 · ‖p‖₁. Products are computed on integers, whose sums do not depend on the order and so
//! vectorize: p ≈ t·w with w in −8191 … 8191, which adds t/2 · s · 127 · k to the error. Let e be the sum of both
//! bounds and L the n-th largest (coded score − e). An item whose (coded score + e) is below L cannot be among the
//! best n; all others are scored exactly. The list is therefore identical to the exact one. Factors must be finite.
//!
//! A product is at most ‖q‖ · ‖p‖, so a row whose length already puts it below L is not read at all. With implicit
//! feedback the rows of rare items are short.

use super::item_rows::ItemRows;
use crate::ranking::{Scored, TopN};
use pulp::{Simd, WithSimd};

/// The largest absolute value of an item's code.
const LARGEST: f32 = 127.0;
/// The largest absolute value of a user's code; 2,000 products of such values still fit into 32 bits.
const USERS_LARGEST: f32 = 8191.0;
/// Values processed per iteration; the compiler turns the fixed-size inner loops into vector instructions.
const LANES: usize = 16;
/// Rows scored per batch. No branch inside a batch depends on a score, so the processor can fetch several rows at
/// once.
const BLOCK: usize = 64;
/// Slack for `f32` rounding in the bound ‖q‖ · ‖p‖.
const LONGER: f32 = 1.0 + 1e-4;
/// Slack for `f32` rounding in e, relative to the size of the products.
const ROUNDING: f32 = 1e-5;

/// Borrowed 8-bit codes of factor rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Codes<'a> {
    columns: usize,
    values: &'a [i8],
    measures: &'a [Measure],
}

/// The scale s of a row's code, and the row's Euclidean length.
pub type Measure = [f32; 2];

/// Appends the code of `row` to `values` and returns its scale and length.
pub fn encode(row: &[f32], values: &mut Vec<i8>) -> Measure {
    pulp::Arch::new().dispatch(Encoding { row, values })
}

struct Encoding<'a> {
    row: &'a [f32],
    values: &'a mut Vec<i8>,
}

impl WithSimd for Encoding<'_> {
    type Output = Measure;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Measure {
        simd.vectorize(
            #[inline(always)]
            || {
                let Self { row, values } = self;
                let (chunks, rest) = row.as_chunks::<LANES>();
                let mut largest = [0.0f32; LANES];
                for chunk in chunks {
                    for lane in 0..LANES {
                        largest[lane] = largest[lane].max(chunk[lane].abs());
                    }
                }
                let largest =
                    largest.into_iter().chain(rest.iter().map(|value| value.abs())).fold(0.0, f32::max);
                let scale = largest / LARGEST;
                let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
                let first = values.len();
                values.resize(first + row.len(), 0);
                for (code, value) in values[first..].iter_mut().zip(row) {
                    *code = (value * inverse).round_ties_even().clamp(-LARGEST, LARGEST) as i8;
                }
                [scale, length(row)]
            },
        )
    }
}

impl<'a> Codes<'a> {
    /// Wraps codes of `columns` values per row and the measures that [`encode`] returned for them; `None` if their
    /// lengths do not match.
    pub fn new(columns: usize, values: &'a [i8], measures: &'a [Measure]) -> Option<Self> {
        (values.len() == columns * measures.len()).then_some(Self { columns, values, measures })
    }

    #[inline(always)]
    fn row(&self, row: usize) -> &'a [i8] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }
}

/// Item factors, exact and quantized, as one user's segment sees them.
#[derive(Clone, Copy, Debug)]
pub struct CodedRows<'a> {
    /// The exact factors.
    pub exact: ItemRows<'a>,
    /// The codes of the backbone's factors, for all items.
    pub backbone: Codes<'a>,
    /// The codes of the segment's own rows; empty if it has none.
    pub own: Codes<'a>,
}

impl CodedRows<'_> {
    /// The best `n` of `items` (ascending), scored as the product with `user` plus `added`. `added` is either empty or
    /// has one value per item.
    pub fn best(
        &self,
        user: &[f32],
        items: impl Iterator<Item = u32>,
        added: &[f32],
        n: usize,
    ) -> Vec<Scored> {
        let Survivors { items, added } =
            pulp::Arch::new().dispatch(Surviving { rows: *self, user, items, added, n });
        let products = self.exact.scores(user, &items);
        let mut top = TopN::new(n);
        for ((item, product), added) in items.into_iter().zip(products).zip(added) {
            top.push(item, product + added);
        }
        top.finish()
    }
}

/// An item that passed the length bound and must be scored by its code.
struct Admitted<'a> {
    item: u32,
    added: f32,
    scale: f32,
    rounding: f32,
    code: &'a [i8],
}

/// Items that may be among the best n, ascending, and the offset `added` of each.
#[derive(Default)]
struct Survivors {
    items: Vec<u32>,
    added: Vec<f32>,
}

struct Surviving<'a, I> {
    rows: CodedRows<'a>,
    user: &'a [f32],
    items: I,
    added: &'a [f32],
    n: usize,
}

impl<I: Iterator<Item = u32>> WithSimd for Surviving<'_, I> {
    type Output = Survivors;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Survivors {
        simd.vectorize(
            #[inline(always)]
            || {
                let Self { rows, user, items, added, n } = self;
                let user_length = length(user);
                let sum: f32 = user.iter().map(|value| value.abs()).sum();
                let user_scale =
                    user.iter().fold(0.0f32, |most, value| most.max(value.abs())) / USERS_LARGEST;
                let inverse = if user_scale > 0.0 { 1.0 / user_scale } else { 0.0 };
                let coded = |value: &f32| {
                    (value * inverse).clamp(-USERS_LARGEST, USERS_LARGEST).round_ties_even() as i16
                };
                let user: Vec<i16> = user.iter().map(coded).collect();
                // The error bound e of a row with scale 1.
                let error = sum * (0.5 + LARGEST * ROUNDING) + 0.5 * user_scale * LARGEST * user.len() as f32;
                let own_items = rows.exact.own.map_or(&[][..], |own| own.0);
                let (mut next, mut lowest, mut found) = (0, TopN::new(n), Vec::new());
                let (mut block, mut scores) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
                let mut items = items.enumerate();
                loop {
                    block.clear();
                    for (place, item) in items.by_ref() {
                        while own_items.get(next).is_some_and(|&own| own < item) {
                            next += 1;
                        }
                        let (codes, row) = match own_items.get(next) {
                            Some(&own) if own == item => (rows.own, next),
                            _ => (rows.backbone, item as usize),
                        };
                        let added = added.get(place).copied().unwrap_or(0.0);
                        let [scale, length] = codes.measures[row];
                        let rounding = ROUNDING * added.abs();
                        if lowest.admits(user_length * length * LONGER + added + rounding) {
                            block.push(Admitted { item, added, scale, rounding, code: codes.row(row) });
                            if block.len() == BLOCK {
                                break;
                            }
                        }
                    }
                    if block.is_empty() {
                        break;
                    }
                    scores.clear();
                    // A plain loop, because a closure passed to an iterator adapter may be compiled without the enabled
                    // SIMD features.
                    for row in &block {
                        let product = product(&user, row.code) as f32;
                        scores.push(row.scale * (user_scale * product) + row.added);
                    }
                    for (row, score) in block.iter().zip(&scores) {
                        let error = row.scale * error + row.rounding;
                        // Not among the best so far implies not among the best overall.
                        if lowest.admits(score + error) {
                            lowest.push(row.item, score - error);
                            found.push((row.item, score + error, row.added));
                        }
                    }
                }
                let threshold =
                    lowest.finish().get(n.wrapping_sub(1)).map_or(f32::NEG_INFINITY, |last| last.score);
                let (items, added) = found
                    .into_iter()
                    .filter(|&(_, high, _)| high >= threshold)
                    .map(|(item, _, add)| (item, add))
                    .unzip();
                Survivors { items, added }
            },
        )
    }
}

/// The Euclidean length of a row, capped at the largest finite number.
#[inline(always)]
fn length(row: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut squares = [0.0f32; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            squares[lane] += chunk[lane] * chunk[lane];
        }
    }
    squares.into_iter().chain(rest.iter().map(|value| value * value)).sum::<f32>().sqrt().min(f32::MAX)
}

/// The integer dot product of two codes.
#[inline(always)]
fn product(user: &[i16], code: &[i8]) -> i32 {
    let mut sum = 0;
    for (&user, &code) in user.iter().zip(code) {
        sum += i32::from(user) * i32::from(code);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use proptest::prelude::*;

    fn codes(matrix: &Matrix) -> (Vec<i8>, Vec<Measure>) {
        let mut values = Vec::new();
        let measures = (0..matrix.rows()).map(|row| encode(matrix.row(row), &mut values)).collect();
        (values, measures)
    }

    proptest! {
        #[test]
        fn codes_give_the_exact_list(
            seed in 0u64..1000,
            k in 1usize..40,
            n in 0usize..30,
            spread in 0u32..4,
            weight in 0.0f32..2.0,
        ) {
            let value = |i: u64| {
                let uniform = (crate::seed::mix(i + seed * 1_000_003) >> 40) as f32 / 1e7 - 0.8;
                uniform * 10f32.powi((i % 7) as i32 * spread as i32 - 6)
            };
            let of = |rows: usize, offset: u64| -> Matrix {
                Matrix::from_data(k, (0..(rows * k) as u64).map(|i| value(i + offset)).collect()).unwrap()
            };
            let (backbone, own) = (of(300, 0), of(100, 50_000));
            let own_items: Vec<u32> = (0..100).map(|row| row * 3).collect();
            let user: Vec<f32> = (0..k as u64).map(|i| value(i + 90_000)).collect();
            let items: Vec<u32> = (0..300).filter(|item| item % 4 != 1).collect();
            let added: Vec<f32> = items.iter().map(|&item| weight * value(u64::from(item) + 95_000)).collect();
            let exact = ItemRows { backbone: backbone.view(), own: Some((&own_items, own.view())) };
            let mut expected = TopN::new(n);
            for ((&item, product), added) in items.iter().zip(exact.scores(&user, &items)).zip(&added) {
                expected.push(item, product + added);
            }
            let (all, segment) = (codes(&backbone), codes(&own));
            let coded = CodedRows {
                exact,
                backbone: Codes::new(k, &all.0, &all.1).unwrap(),
                own: Codes::new(k, &segment.0, &segment.1).unwrap(),
            };
            prop_assert_eq!(coded.best(&user, items.iter().copied(), &added, n), expected.finish());
        }
    }
}
