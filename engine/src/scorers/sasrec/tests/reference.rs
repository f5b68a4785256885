//! The network once more, token by token in double precision, as the paper describes it: what the tests compare with.

use crate::scorers::sasrec::kernels::DropoutFactors;
use crate::scorers::sasrec::shape::SasrecShape;
use crate::seed::mix;
use std::ops::Range;

/// A network, its items and a batch.
#[derive(Clone)]
pub(super) struct Reference {
    pub shape: SasrecShape,
    pub network: Vec<f64>,
    /// The items' own vectors, items × d.
    pub items: Vec<f64>,
    pub bias: Vec<f64>,
    /// Features × d.
    pub projection: Vec<f64>,
    /// Items × features.
    pub features: Vec<f64>,
    /// Whether an item's own vector is left out.
    pub without_own: Vec<bool>,
    /// The items read and their targets, for each window.
    pub windows: Vec<(Vec<usize>, Vec<usize>)>,
    pub dropout: f32,
    pub keys: Vec<u64>,
    /// The items whose scores are compared, and what is added to them.
    pub outputs: Vec<usize>,
    pub correction: f64,
    /// Two changed forms of each window and their keys; an item beyond all is hidden.
    pub views: Vec<(Vec<usize>, u64)>,
    /// The weight of their contrast.
    pub contrast: f64,
}

impl Reference {
    /// x = e + F f.
    fn vector(&self, item: usize) -> Vec<f64> {
        let width = self.shape.width;
        let features = self.projection.len() / width;
        let own = if self.without_own[item] { 0.0 } else { 1.0 };
        let column = |d: usize| {
            let projected = |m: usize| self.features[item * features + m] * self.projection[m * width + d];
            own * self.items[item * width + d] + (0..features).map(projected).sum::<f64>()
        };
        (0..width).map(column).collect()
    }

    fn norm(&self, row: &[f64], gain: Range<usize>, offset: Range<usize>) -> Vec<f64> {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64;
        let scaled = row.iter().map(|x| (x - mean) / (variance + 1e-5).sqrt());
        scaled.zip(gain.zip(offset)).map(|(x, (g, o))| x * self.network[g] + self.network[o]).collect()
    }

    /// `row` times the matrix at `range`, of which it takes `width` columns from `first` on.
    fn product(&self, row: &[f64], range: Range<usize>, first: usize, width: usize) -> Vec<f64> {
        let columns = range.len() / row.len();
        let entry = |i: usize, j: usize| self.network[range.start + i * columns + first + j];
        (0..width).map(|j| row.iter().enumerate().map(|(i, x)| x * entry(i, j)).sum()).collect()
    }

    fn factors(&self, key: u64, tokens: usize, site: u64) -> Vec<f64> {
        let mut factors = vec![1.0; tokens * self.shape.width];
        if self.dropout > 0.0 {
            let key = mix(key ^ (site << 48));
            let dropout = DropoutFactors { factors: &mut factors, rate: self.dropout, key };
            pulp::Arch::new().dispatch(dropout);
        }
        factors.into_iter().map(f64::from).collect()
    }

    /// The representation at each token of a window.
    pub fn representations(&self, inputs: &[usize], key: u64) -> Vec<Vec<f64>> {
        let SasrecShape { width, heads, hidden, blocks, .. } = self.shape;
        let tokens = inputs.len();
        let position = |token: usize, d: usize| self.network[(tokens - 1 - token) * width + d];
        let factors = self.factors(key, tokens, 0);
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for (token, &item) in inputs.iter().enumerate() {
            let vector = if item < self.bias.len() { self.vector(item) } else { vec![0.0; width] };
            let value = |d: usize| (vector[d] + position(token, d)) * factors[token * width + d];
            rows.push((0..width).map(value).collect());
        }
        for block in 0..blocks {
            let at = self.shape.block(block);
            let normed: Vec<Vec<f64>> = rows
                .iter()
                .map(|row| self.norm(row, at.attention_gain.clone(), at.attention_offset.clone()))
                .collect();
            let part = |of: usize| -> Vec<Vec<f64>> {
                let of_row = |row: &Vec<f64>| self.product(row, at.attention_in.clone(), of * width, width);
                normed.iter().map(of_row).collect()
            };
            let (q, k, v) = (part(0), part(1), part(2));
            let factors = self.factors(key, tokens, 2 * block as u64 + 1);
            for token in 0..tokens {
                let mut attended = vec![0.0; width];
                for head in 0..heads {
                    let columns = head * width / heads..(head + 1) * width / heads;
                    let score = |other: usize| {
                        let product: f64 = columns.clone().map(|d| q[token][d] * k[other][d]).sum();
                        (product / (columns.len() as f64).sqrt()).exp()
                    };
                    let scores: Vec<f64> = (0..=token).map(score).collect();
                    let total: f64 = scores.iter().sum();
                    for d in columns.clone() {
                        attended[d] = (0..=token).map(|other| scores[other] / total * v[other][d]).sum();
                    }
                }
                let out = self.product(&attended, at.attention_out.clone(), 0, width);
                (0..width).for_each(|d| rows[token][d] += out[d] * factors[token * width + d]);
            }
            let factors = self.factors(key, tokens, 2 * block as u64 + 2);
            for (token, row) in rows.iter_mut().enumerate() {
                let normed = self.norm(row, at.hidden_gain.clone(), at.hidden_offset.clone());
                let mut inner = self.product(&normed, at.hidden_in.clone(), 0, hidden);
                let biases = at.hidden_in_bias.clone().map(|place| self.network[place]);
                inner.iter_mut().zip(biases).for_each(|(x, bias)| *x = (*x + bias).max(0.0));
                let out = self.product(&inner, at.hidden_out.clone(), 0, width);
                let bias = at.hidden_out_bias.start;
                for d in 0..width {
                    row[d] += (out[d] + self.network[bias + d]) * factors[token * width + d];
                }
            }
        }
        let last = |row: &Vec<f64>| self.norm(row, self.shape.final_gain(), self.shape.final_offset());
        rows.iter().map(last).collect()
    }

    /// The mean loss of a token.
    pub fn loss(&self) -> f64 {
        let (mut loss, mut tokens) = (0.0, 0);
        let vectors: Vec<Vec<f64>> = (0..self.bias.len()).map(|item| self.vector(item)).collect();
        for window in 0..self.windows.len() {
            let representations = self.representations(&self.windows[window].0, self.keys[window]);
            for (representation, &target) in representations.iter().zip(&self.windows[window].1) {
                let score = |item: usize| {
                    let product: f64 = representation.iter().zip(&vectors[item]).map(|(h, x)| h * x).sum();
                    product + self.bias[item]
                };
                let others = self.outputs.iter().filter(|&&item| item != target);
                let total: f64 = others.map(|&item| (score(item) + self.correction).exp()).sum();
                loss += (total + score(target).exp()).ln() - score(target);
                tokens += 1;
            }
        }
        loss / tokens as f64 + self.contrast * self.mean_contrast()
    }

    fn mean_contrast(&self) -> f64 {
        let last = |(inputs, key): &(Vec<usize>, u64)| {
            let row = self.representations(inputs, *key).pop().unwrap_or_default();
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.into_iter().map(|x| x / norm).collect::<Vec<f64>>()
        };
        let rows: Vec<Vec<f64>> =
            if self.contrast > 0.0 { self.views.iter().map(last).collect() } else { Vec::new() };
        let similarity =
            |a: usize, b: usize| (rows[a].iter().zip(&rows[b]).map(|(x, y)| x * y).sum::<f64>() / 0.2).exp();
        let of_row = |own: usize| {
            let others = (0..rows.len()).filter(|&other| other != own);
            (others.map(|other| similarity(own, other)).sum::<f64>() / similarity(own, own ^ 1)).ln()
        };
        (0..rows.len()).map(of_row).sum::<f64>() / rows.len().max(1) as f64
    }
}
