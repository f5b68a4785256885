//! Lists that are filled up with popular items.

use super::recommended::Recommended;
use super::version::{Segment, ServedVersion};
use crate::error::Result;
use crate::pg::process::workers::run_alone;
use segrec_engine::ranking::{Scored, Source};

/// Fills up a list with items that it lacks: those popular in the segment, then those popular now, if that is known, then
/// those popular overall; only `candidates` if these are given, none of which is excluded. Their score is their number of
/// users relative to the most popular item. It is at most 1 and never rises, so it cannot be mistaken for a product of
/// factors.
pub fn fill_with_popular(
    items: &mut Vec<Recommended>,
    version: &ServedVersion,
    segment: Option<&Segment<'_>>,
    excluded: &[u32],
    candidates: Option<&[u32]>,
    n: usize,
) -> Result<()> {
    let n = candidates.map_or(n, |candidates| n.min(candidates.len()));
    if items.len() >= n {
        return Ok(());
    }
    let allowed = |item: u32| {
        candidates.is_none_or(|candidates| candidates.binary_search(&item).is_ok())
            && excluded.binary_search(&item).is_err()
    };
    if let Some(segment) = segment {
        fill(items, segment.popular.items(), Source::SegmentPopular, allowed, n);
    }
    if items.len() < n
        && let Some(recent) = version.recent()?
    {
        fill(items, recent.ranked().into_iter(), Source::PopularNow, allowed, n);
    }
    fill(items, version.popular().items(), Source::Popular, allowed, n);
    Ok(())
}

/// Items between two checks for interrupts: some 10 ms.
const PATIENCE: usize = 1 << 16;

/// Fills up a list from a sequence of distinct popular items.
fn fill(
    items: &mut Vec<Recommended>,
    popular: impl Iterator<Item = Scored>,
    source: Source,
    allowed: impl Fn(u32) -> bool,
    n: usize,
) {
    if items.len() >= n {
        return;
    }
    let mut taken: Vec<u32> = items.iter().map(|item| item.item).collect();
    taken.sort_unstable();
    let (mut most, highest) =
        (0.0f32, items.last().filter(|last| last.source.fills()).map_or(1.0, |last| last.score));
    run_alone(|observer| {
        for (place, Scored { item, score }) in popular.enumerate() {
            if items.len() >= n || place % PATIENCE == PATIENCE - 1 && observer.is_cancelled() {
                break;
            }
            most = most.max(score);
            if allowed(item) && taken.binary_search(&item).is_err() {
                items.push(Recommended { item, score: highest * score / most, source });
            }
        }
    });
}
