//! The network as a scorer: what it reads, and with parts for segments.

use crate::error::Result;
use crate::features::{Column, ItemEncoder, Table};
use crate::interactions::{Interactions, SparseRows};
use crate::observer::{CancelAfter, Observer, Silent};
use crate::options::checked::Options;
use crate::options::parse_options;
use crate::scorers::factors::Segments;
use crate::scorers::method::{FitInput, Fitted, ItemContent, KnownUser, Method, SegmentView};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::sasrec::method::Sasrec;
use crate::scorers::sections::{Decoded, NewSection, StoredSection, StoredSections};
use crate::seed::mix;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::sync::Arc;

const USERS: usize = 60;
const ITEMS: usize = 30;

/// Users who go around a circle of items in steps of three, so that all items of a user have one remainder; each takes
/// `length` of them.
fn interactions(length: usize) -> Interactions {
    let (mut starts, mut items, mut ranks) = (vec![0], Vec::new(), Vec::new());
    for user in 0..USERS {
        let mut own: Vec<(u32, f32)> = (0..length)
            .map(|place| (((7 * user + 3 * place) % ITEMS) as u32, (length - 1 - place) as f32))
            .collect();
        own.sort_unstable_by_key(|own| own.0);
        items.extend(own.iter().map(|own| own.0));
        ranks.extend(own.iter().map(|own| own.1));
        starts.push(items.len());
    }
    let values = vec![1.0; items.len()];
    Interactions::new(SparseRows::new(ITEMS, starts, items, values).unwrap()).ranked(Some(ranks))
}

fn options(sasrec: Value) -> Options {
    let mut all = json!({"epochs": 4, "window": 8});
    crate::options::merge_options(&mut all, &sasrec);
    parse_options(&json!({"algorithm": "sasrec", "sasrec": all})).unwrap()
}

fn input<'a>(interactions: &'a Interactions, content: Option<&'a ItemContent>) -> FitInput<'a> {
    FitInput { interactions, content, users: None, held_out: None }
}

fn fitted(input: FitInput<'_>, options: &Options) -> Arc<dyn Fitted> {
    Sasrec.fit(input, options, &Silent).unwrap().unwrap()
}

fn bytes(fitted: &dyn Fitted) -> Vec<Vec<u8>> {
    let of = |(_, section): &(&str, NewSection<'_>)| match section {
        NewSection::Opaque(bytes) => bytes.clone(),
        NewSection::Dense(rows) => rows.data().iter().flat_map(|value| value.to_le_bytes()).collect(),
        NewSection::Sparse(_) => Vec::new(),
    };
    fitted.sections().unwrap().iter().map(of).collect()
}

fn scores(fitted: &dyn Fitted, own_part: Option<u32>) -> Vec<f32> {
    let view = SegmentView { items: ITEMS, own_part, ..SegmentView::default() };
    let user = KnownUser { items: &[2, 5, 8], ranks: &[2.0, 1.0, 0.0], ..KnownUser::default() };
    let scratch = RefCell::new(NeighbourScratch::default());
    fitted.scorer(view, user, &scratch).scores(&(0..ITEMS as u32).collect::<Vec<_>>())
}

#[test]
fn contrast_changes_a_fit() {
    let part = interactions(7);
    let of = |sasrec: Value| bytes(&*fitted(input(&part, None), &options(sasrec)));
    assert!(of(json!({"contrast": 0.1})) != of(json!({})));
}

#[test]
fn what_is_known_about_items_is_read_if_the_options_say_so() {
    let part = interactions(7);
    let kinds = Column::numbers("kind", (0..ITEMS).map(|item| (item % 3) as f64).collect());
    let table = Table::new(ITEMS, vec![kinds]).unwrap();
    let encoder = ItemEncoder::fit(&table, &part, 0, &Silent).unwrap();
    assert!(encoder.dimensions() > 0);
    let items = encoder.encode(&table, &Silent).unwrap();
    let nearest = SparseRows::new(ITEMS, vec![0; ITEMS + 1], Vec::new(), Vec::new()).unwrap();
    let content = ItemContent { encoder, items, nearest };
    let of = |sasrec: Value, content| bytes(&*fitted(input(&part, content), &options(sasrec)));
    let without = of(json!({}), None);
    assert_eq!(of(json!({}), Some(&content)), without);
    let with = of(json!({"features": true}), Some(&content));
    assert!(with != without);
    assert!(of(json!({"features": true, "item_dropout": 0.5}), Some(&content)) != with);
}

/// Segments of even and odd users.
fn segments(interactions: &Interactions) -> Segments {
    Segments::new((0..USERS as u32).map(|user| user % 2).collect(), 2, interactions)
}

fn with_segments(
    fitted: &dyn Fitted,
    own: &[bool],
    observer: &dyn Observer,
) -> Result<Option<Arc<dyn Fitted>>> {
    let all = interactions(8);
    fitted.with_segments(&segments(&all), own, input(&all, None), &options(json!({})), observer)
}

#[test]
fn a_segment_with_an_adapter_is_scored_by_it_also_when_stored() {
    let all = interactions(8);
    let shared = fitted(input(&all, None), &options(json!({})));
    let with = with_segments(&*shared, &[false, true], &Silent).unwrap().unwrap();
    let expected = scores(&*shared, None);
    assert_eq!(scores(&*with, None), expected);
    assert_eq!(scores(&*with, Some(0)), expected, "the gate has refused it");
    let own = scores(&*with, Some(1));
    assert!(own != expected);
    assert!(with_segments(&*shared, &[false, false], &Silent).unwrap().is_none());
    let known = KnownUser { items: &[2, 5, 8], ranks: &[2.0, 1.0, 0.0], ..KnownUser::default() };
    let view = |own_part| SegmentView { items: ITEMS, own_part, ..SegmentView::default() };
    let represented = |own_part| with.representation(view(own_part), known).unwrap();
    assert!(represented(Some(1)) != represented(None) && represented(Some(0)) == represented(None));

    let sections = with.sections().unwrap();
    let decoded: Vec<Decoded> = sections.iter().map(|_| Decoded::default()).collect();
    let mut all_sections = Vec::new();
    for ((name, section), decoded) in sections.iter().zip(&decoded) {
        let section = match section {
            NewSection::Dense(rows) => StoredSection::Dense(rows.view()),
            NewSection::Opaque(bytes) => StoredSection::Opaque(bytes, decoded),
            NewSection::Sparse(_) => panic!("there are no sparse sections"),
        };
        all_sections.push((*name, section));
    }
    let opened = Sasrec.open(&StoredSections::new(all_sections.clone())).unwrap();
    assert_eq!([None, Some(0), Some(1), Some(9)].map(|own| scores(&*opened, own)), {
        [expected.clone(), expected.clone(), own, expected]
    });
    all_sections.retain(|(name, _)| *name != "adapters");
    assert!(Sasrec.open(&StoredSections::new(all_sections)).is_err());
    assert_eq!(sections.len(), Sasrec.sections(0).len());
}

#[test]
fn an_adapter_learns_what_the_same_item_leads_to_in_its_segment() {
    const MANY: usize = 3_000;
    // Two items that say nothing, one of five triggers, and what follows it in the user's segment.
    let of_user = |user: usize| {
        let (segment, trigger) = (user % 2, user / 2 % 5);
        let noise = |n: u64| (mix(10 * user as u64 + n) % 5) as u32 + 5 * n as u32;
        [noise(0), noise(1), 10 + trigger as u32, (15 + 5 * segment + trigger) as u32]
    };
    let items: Vec<u32> = (0..MANY).flat_map(of_user).collect();
    let ranks = [3.0, 2.0, 1.0, 0.0].repeat(MANY);
    let starts = (0..=MANY).map(|user| 4 * user).collect();
    let values = vec![1.0; items.len()];
    let rows = SparseRows::new(ITEMS, starts, items, values).unwrap();
    let interactions = Interactions::new(rows).ranked(Some(ranks));
    let segments = Segments::new((0..MANY as u32).map(|user| user % 2).collect(), 2, &interactions);
    let options = options(json!({"epochs": 5}));
    let shared = fitted(input(&interactions, None), &options);
    let with = shared.with_segments(&segments, &[true, true], input(&interactions, None), &options, &Silent);
    let with = with.unwrap().unwrap();
    // How much more the item of segment 1 is expected than that of segment 0.
    let leaning = |own_part| {
        let of_trigger = |trigger: u32| {
            let view = SegmentView { items: ITEMS, own_part, ..SegmentView::default() };
            let items = [1, 6, 10 + trigger];
            let user = KnownUser { items: &items, ranks: &[2.0, 1.0, 0.0], ..KnownUser::default() };
            let scratch = RefCell::new(NeighbourScratch::default());
            let scores = with.scorer(view, user, &scratch).scores(&[15 + trigger, 20 + trigger]);
            scores[1] - scores[0]
        };
        (0..5).map(of_trigger).sum::<f32>() / 5.0
    };
    let [neither, first, second] = [None, Some(0), Some(1)].map(leaning);
    assert!(neither.abs() < 0.3, "the network cannot know: {neither}");
    assert!(first < neither - 0.2 && second > neither + 0.2, "{first} {neither} {second}");
}

#[test]
fn adapters_stop_at_every_step_when_cancelled() {
    let all = interactions(8);
    let shared = fitted(input(&all, None), &options(json!({})));
    let counting = CancelAfter::new(usize::MAX);
    with_segments(&*shared, &[true, true], &counting).unwrap();
    assert!(counting.asked() > 4);
    for patience in 0..counting.asked() {
        assert!(with_segments(&*shared, &[true, true], &CancelAfter::new(patience)).is_err());
    }
}
