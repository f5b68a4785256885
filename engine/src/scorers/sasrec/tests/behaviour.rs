//! What a training does, and what it does not depend on.

use crate::error::{EngineError, Result};
use crate::matrix::{Matrix, Rows};
use crate::observer::{CancelAfter, Observer, Progress, Silent};
use crate::scorers::sasrec::forward::{Packed, Pass};
use crate::scorers::sasrec::loss::Loss;
use crate::scorers::sasrec::table::Table;
use crate::scorers::sasrec::{
    SasrecAdapter, SasrecAdapterShape, SasrecCourse, SasrecInput, SasrecNetwork, SasrecOptions,
    SasrecScratch, SasrecSequences, SasrecShape, SasrecWeights, train, train_adapter,
};
use crate::seed::mix;
use std::sync::atomic::{AtomicUsize, Ordering};

const ITEMS: usize = 30;

/// Users who go around a circle of all items, each from another item on.
struct Circle {
    starts: Vec<usize>,
    items: Vec<u32>,
}

impl Circle {
    fn new(users: usize, step: usize) -> Self {
        let length = |user: usize| 3 + mix(user as u64) as usize % 25;
        let mut starts = vec![0];
        let mut items = Vec::new();
        for user in 0..users {
            items.extend((0..length(user)).map(|place| ((7 * user + step * place) % ITEMS) as u32));
            starts.push(items.len());
        }
        Self { starts, items }
    }

    fn sequences(&self) -> SasrecSequences<'_> {
        SasrecSequences::new(&self.starts, &self.items, ITEMS).unwrap()
    }
}

fn small() -> SasrecOptions {
    let shape = SasrecShape { width: 16, heads: 2, hidden: 24, blocks: 1, window: 10 };
    SasrecOptions { shape, epochs: 30, warm_up: 10, learning_rate: Some(1e-2), seed: 5, ..Default::default() }
}

fn first(circle: &Circle, options: &SasrecOptions) -> SasrecWeights {
    SasrecWeights::first(options.shape, &circle.sequences().events(), 0, options.seed).unwrap()
}

fn trained(circle: &Circle, options: &SasrecOptions) -> (SasrecWeights, SasrecCourse) {
    let input = SasrecInput { sequences: circle.sequences(), features: None };
    train(input, options, first(circle, options), None, &Silent).unwrap()
}

/// The item with the largest score for a user.
fn predicted(network: &SasrecNetwork, rows: &Matrix, items: &[u32]) -> u32 {
    let mut user = network.represent(rows.view(), items, &mut SasrecScratch::default()).unwrap();
    user.push(1.0);
    let score = |item: usize| user.iter().zip(rows.row(item)).map(|(h, x)| h * x).sum::<f32>();
    (0..rows.rows()).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap() as u32
}

/// How often the next item of the circle is predicted.
fn right(network: &SasrecNetwork, rows: &Matrix, step: usize) -> usize {
    let history =
        |item: usize| (0..6).map(|place| ((item + step * place) % ITEMS) as u32).collect::<Vec<_>>();
    let next = |item: usize| ((item + step * 6) % ITEMS) as u32;
    (0..ITEMS).filter(|&item| predicted(network, rows, &history(item)) == next(item)).count()
}

#[test]
fn a_planted_circle_is_learned_with_all_items_and_with_drawn_ones() {
    let circle = Circle::new(100, 1);
    let (weights, course) = trained(&circle, &small());
    assert_eq!(right(weights.network(), &weights.item_rows(None).unwrap(), 1), ITEMS);
    assert_eq!((course.losses.len(), course.best_epoch, course.out_of_time), (30, 30, false));
    let drawn = SasrecOptions { full_softmax_items: 0, negatives: 8, ..small() };
    let (weights, _) = trained(&circle, &drawn);
    assert_eq!(right(weights.network(), &weights.item_rows(None).unwrap(), 1), ITEMS);
}

#[test]
fn with_a_horizon_targets_are_any_of_the_next_items() {
    let circle = Circle::new(100, 1);
    let (weights, course) = trained(&circle, &SasrecOptions { horizon: 3, ..small() });
    let rows = weights.item_rows(None).unwrap();
    let ahead = (0..ITEMS as u32).map(|item| {
        let history: Vec<u32> = (0..6).map(|place| (item + place) % ITEMS as u32).collect();
        (predicted(weights.network(), &rows, &history) + ITEMS as u32 - item - 5) % ITEMS as u32
    });
    let ahead: Vec<u32> = ahead.collect();
    assert!(ahead.iter().filter(|&&ahead| (1..=3).contains(&ahead)).count() > ITEMS * 9 / 10, "{ahead:?}");
    assert!(course.losses.last().unwrap() > &0.9, "three targets are equally likely");
}

#[test]
fn a_later_item_never_changes_an_earlier_representation() {
    let options = SasrecOptions { shape: SasrecShape { blocks: 2, ..small().shape }, ..small() };
    let weights = first(&Circle::new(9, 1), &options);
    let rows = weights.item_rows(None).unwrap();
    let mut pass = Pass::default();
    let mut of = |items: &[u32]| {
        let packed = Packed { inputs: items, lengths: &[3, items.len() - 3] };
        pass.forward(weights.network(), rows.view(), packed, None);
        pass.representations().to_vec()
    };
    let (before, after) = (of(&[1, 2, 3, 4, 5, 6, 7, 8]), of(&[1, 2, 3, 4, 5, 6, 9, 8]));
    let unequal = before.chunks(16).zip(after.chunks(16)).map(|(before, after)| before != after);
    assert_eq!(unequal.collect::<Vec<_>>(), [false, false, false, false, false, false, true, true]);
}

#[test]
fn the_result_is_the_same_on_any_number_of_threads() {
    let circle = Circle::new(100, 1);
    for full_softmax_items in [0, 5_000] {
        let options = SasrecOptions { epochs: 2, full_softmax_items, negatives: 8, ..small() };
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| trained(&circle, &options).0.to_bytes().unwrap())
        };
        assert!(on(1) == on(3) && on(1) == on(4));
        let other = SasrecOptions { seed: 6, ..options.clone() };
        assert!(trained(&circle, &other).0.to_bytes().unwrap() != on(1));
    }
}

#[test]
fn the_best_weights_by_validation_are_kept_and_training_stops_after_them() {
    let circle = Circle::new(60, 1);
    let options = SasrecOptions { patience: 2, ..small() };
    let mut seen = Vec::new();
    let mut validate = |weights: &SasrecWeights| -> Result<f64> {
        seen.push(weights.clone());
        Ok([0.0, 1.0, 3.0, 2.0, 2.5, 9.0][seen.len() - 1])
    };
    let input = SasrecInput { sequences: circle.sequences(), features: None };
    let (weights, course) =
        train(input, &options, first(&circle, &options), Some(&mut validate), &Silent).unwrap();
    assert_eq!((course.best_epoch, course.metrics), (2, vec![1.0, 3.0, 2.0, 2.5]));
    assert!(weights == seen[2] && seen[0] == first(&circle, &options));
}

#[test]
fn it_stops_at_every_step_when_cancelled() {
    let circle = Circle::new(60, 1);
    let options = SasrecOptions { epochs: 2, ..small() };
    let counting = CancelAfter::new(usize::MAX);
    let input = SasrecInput { sequences: circle.sequences(), features: None };
    let (_, course) = train(input, &options, first(&circle, &options), None, &counting).unwrap();
    assert!(counting.asked() > course.steps && course.steps > 2);
    for patience in 0..counting.asked() {
        let stopped = train(input, &options, first(&circle, &options), None, &CancelAfter::new(patience));
        assert_eq!(stopped.unwrap_err(), EngineError::Cancelled);
    }
}

/// A clock that advances by a second whenever it is read.
struct Ticking(AtomicUsize);

impl Observer for Ticking {
    fn report(&self, _: Progress) {}
    fn is_cancelled(&self) -> bool {
        false
    }
    fn seconds(&self) -> f64 {
        self.0.fetch_add(1, Ordering::Relaxed) as f64
    }
}

#[test]
fn it_ends_when_the_time_is_over() {
    let circle = Circle::new(60, 1);
    let options = SasrecOptions { seconds: Some(3.0), ..small() };
    let input = SasrecInput { sequences: circle.sequences(), features: None };
    let clock = Ticking(AtomicUsize::new(0));
    let (_, course) = train(input, &options, first(&circle, &options), None, &clock).unwrap();
    assert_eq!((course.steps, course.out_of_time), (3, true));
}

#[test]
fn the_loss_with_drawn_items_approximates_that_with_all() {
    let circle = Circle::new(60, 1);
    let weights = trained(&circle, &SasrecOptions { epochs: 5, ..small() }).0;
    let inputs: Vec<u32> = circle.items[..200].to_vec();
    let targets: Vec<u32> = (0..200).map(|token| ((inputs[token] as usize + token) % ITEMS) as u32).collect();
    let rows = weights.item_rows(None).unwrap();
    let mut pass = Pass::default();
    pass.forward(weights.network(), rows.view(), Packed { inputs: &inputs, lengths: &[10; 20] }, None);
    let mut table = Table::default();
    let mut loss = |negatives: Option<usize>, key: u64| {
        match negatives {
            Some(count) => table.choose(ITEMS, count, key, targets.iter().copied()),
            None => table.choose_all(ITEMS),
        }
        table.read(&weights, None, 0.0, 0);
        let places: Vec<u32> = targets.iter().map(|&item| table.place(item)).collect();
        Loss::default().run(pass.representations(), &places, &table, 1.0, None) / 200.0
    };
    let all = loss(None, 0);
    assert!((loss(Some(ITEMS), 1) - all).abs() < 1e-5 * all, "draws of all items are no approximation");
    let mean = |negatives, loss: &mut dyn FnMut(Option<usize>, u64) -> f64| {
        (0..200).map(|key| loss(Some(negatives), key)).sum::<f64>() / 200.0
    };
    let (few, many) = (mean(5, &mut loss), mean(20, &mut loss));
    assert!((many - all).abs() < 0.01 * all && (few - all).abs() < 0.1 * all, "{few} {many} {all}");
}

#[test]
fn an_adapter_begins_as_the_shared_network_and_learns_what_a_segment_does_otherwise() {
    let (circle, backwards) = (Circle::new(100, 1), Circle::new(40, ITEMS - 1));
    let options = small();
    let weights = trained(&circle, &options).0;
    let rows = weights.item_rows(None).unwrap();
    let shape = SasrecAdapterShape::default();
    let start = SasrecAdapter::first(options.shape, shape, 3).unwrap();
    assert_eq!(start.adapted(weights.network()).unwrap(), *weights.network());
    assert_eq!(start.parameters(), 2 * 2 * 4 * 16);
    let input = SasrecInput { sequences: backwards.sequences(), features: None };
    let before = right(weights.network(), &rows, ITEMS - 1);
    let options = SasrecOptions { epochs: 60, ..options };
    let (adapter, course) = train_adapter(input, &options, &weights, start, None, &Silent).unwrap();
    assert!(course.losses.last().unwrap() < &(0.5 * course.losses[0]), "{:?}", course.losses);
    let after = right(&adapter.adapted(weights.network()).unwrap(), &rows, ITEMS - 1);
    assert!(before < 3 && after > before + 5, "{before} {after}");
}

#[test]
fn a_new_item_enters_by_its_features() {
    // Items are in five groups by their feature; users go from each group to the next.
    const GROUPS: usize = 5;
    let mut features = Matrix::zeros(ITEMS, GROUPS);
    (0..ITEMS).for_each(|item| features.row_mut(item)[item % GROUPS] = 1.0);
    let (mut starts, mut items) = (vec![0], Vec::new());
    for user in 0..200usize {
        let item = |place: usize| {
            let any = mix((user * 100 + place) as u64) as usize % (ITEMS / GROUPS);
            (GROUPS * any + (user + place) % GROUPS) as u32
        };
        items.extend((0..12).map(item));
        starts.push(items.len());
    }
    let sequences = SasrecSequences::new(&starts, &items, ITEMS).unwrap();
    let options = SasrecOptions { item_dropout: 0.3, ..small() };
    let start = SasrecWeights::first(options.shape, &sequences.events(), GROUPS, 1).unwrap();
    let input = SasrecInput { sequences, features: Some(features.view()) };
    let (weights, _) = train(input, &options, start, None, &Silent).unwrap();
    let known = weights.item_rows(Some(features.view())).unwrap();
    let identity: Vec<f32> = (0..GROUPS * GROUPS).map(|place| f32::from(place % (GROUPS + 1) == 0)).collect();
    let new = weights.new_item_rows(Rows::new(GROUPS, &identity).unwrap()).unwrap();
    let rows = Matrix::from_data(known.columns(), [known.data(), new.data()].concat()).unwrap();
    for group in 0..GROUPS {
        // A history that consists of a new item only, and scores of new items only.
        let history = [(ITEMS + group) as u32];
        let mut user =
            weights.network().represent(rows.view(), &history, &mut SasrecScratch::default()).unwrap();
        user.push(1.0);
        let score = |group: usize| rows.row(ITEMS + group).iter().zip(&user).map(|(x, h)| x * h).sum::<f32>();
        let best = (0..GROUPS).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap();
        assert_eq!(best, (group + 1) % GROUPS);
    }
}

#[test]
fn a_representation_is_that_of_the_pass_of_the_training() {
    for blocks in [1, 2] {
        let shape = SasrecShape { blocks, heads: 4, ..small().shape };
        let weights = SasrecWeights::first(shape, &[3; ITEMS], 0, 1).unwrap();
        let rows = weights.item_rows(None).unwrap();
        for tokens in [1, 2, 10] {
            let items: Vec<u32> = (0..tokens).map(|place| (7 * place) % ITEMS as u32).collect();
            let mut pass = Pass::default();
            let packed = Packed { inputs: &items, lengths: &[items.len()] };
            pass.forward(weights.network(), rows.view(), packed, None);
            let expected = pass.representations().chunks(16).last().unwrap();
            let found =
                weights.network().represent(rows.view(), &items, &mut SasrecScratch::default()).unwrap();
            assert!(found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-4), "{found:?} {expected:?}");
        }
    }
}

#[test]
fn weights_survive_serialization_and_damaged_ones_do_not() {
    let weights = first(&Circle::new(9, 1), &small());
    let bytes = weights.to_bytes().unwrap();
    assert_eq!(SasrecWeights::from_bytes(&bytes).unwrap(), weights);
    let network = weights.network();
    assert_eq!(&SasrecNetwork::from_bytes(&network.to_bytes().unwrap()).unwrap(), network);
    assert!(SasrecWeights::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    let mut not_finite = bytes.clone();
    let end = bytes.len() - 10;
    not_finite[end - 400..end].fill(0xff);
    assert!(SasrecWeights::from_bytes(&not_finite).is_err());
    let values = network.values().to_vec();
    assert!(SasrecNetwork::new(SasrecShape { window: 11, ..network.shape() }, values.clone()).is_err());
    assert!(SasrecNetwork::new(SasrecShape { heads: 3, ..network.shape() }, values).is_err());
    assert!(SasrecShape { width: 0, ..network.shape() }.check().is_err());
}

#[test]
fn a_user_is_represented_by_the_last_items_and_wrong_items_are_errors() {
    let weights = first(&Circle::new(9, 1), &small());
    let rows = weights.item_rows(None).unwrap();
    let mut scratch = SasrecScratch::default();
    let mut of = |items: &[u32]| weights.network().represent(rows.view(), items, &mut scratch);
    let long: Vec<u32> = (0..25).collect();
    assert_eq!(of(&long).unwrap(), of(&long[15..]).unwrap());
    assert_eq!(of(&[]).unwrap(), vec![0.0; 16]);
    assert!(of(&[ITEMS as u32]).is_err());
    assert!(SasrecSequences::new(&[0, 2], &[1, 99], ITEMS).is_err());
    assert!(SasrecSequences::new(&[0, 3], &[1, 2], ITEMS).is_err());
}
