//! The search for rules that tell a segment's users from all others: a beam search for subgroups
//! (CN2, Clark & Niblett 1989; beam search for subgroups, Lavrač et al. 2004) on a sample.
//!
//! From the empty rule on, every rule of the beam is made longer by the best condition on every
//! column it does not have, and the best of the longer rules are the next beam. A condition is
//! judged by what the rule is chosen by in the end, F½ less [`WORTH`] for every bound and level
//! that has to be read, so that a rule is as short as it can be. For numbers all spans between two
//! bounds are tried; for categories all but one level, and sets that grow by the best level.
//!
//! A step costs beam · columns · (sampled rows + 64²/2) additions.

use super::conditions::{CODES, Coded, Condition, UNKNOWN, span};
use crate::error::Result;
use crate::observer::Observer;

/// Conditions of a rule: what a person still reads as one sentence.
const DEPTH: usize = 3;
/// Rules of the beam. The mean F½ of rules for 64 planted segments of 100,000 users with 30 columns
/// was 0.629 with 4, 0.648 with 8 and 0.651 with 16.
const BEAM: usize = 8;
/// Rows to learn from: at most so many of the segment and so many others. The same F½ was 0.607 with
/// 4,000, 0.648 with 16,000 and 0.651 with 32,000.
const SAMPLE_ROWS: usize = 16_000;
/// Rules to count over all rows: what the sample cannot tell apart.
const COUNTED: usize = 8;
/// How many levels one condition lists at most.
const MOST_LEVELS: usize = 3;
/// A bound or a level must raise F½ by this much: less is not worth reading.
const WORTH: f64 = 0.01;

/// How many rows a rule holds for.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// How many rows belong to the segment.
    pub size: f64,
    /// Rows the rule holds for.
    pub matched: f64,
    /// Those of them that are of the segment.
    pub right: f64,
    /// Bounds and levels of the rule.
    pub words: usize,
}

impl Score {
    /// The share of the rows the rule holds for that are of the segment; 0 of no rows.
    pub fn precision(self) -> f64 {
        if self.matched > 0.0 { self.right / self.matched } else { 0.0 }
    }

    /// The share of the segment's rows the rule holds for.
    pub fn recall(self) -> f64 {
        self.right / self.size
    }

    /// (1 + β²) · precision · recall / (β² · precision + recall) with β = ½ (van Rijsbergen 1979),
    /// less what reading the rule costs.
    pub fn worth(self) -> f64 {
        1.25 * self.right / (0.25 * self.size + self.matched) - WORTH * self.words as f64
    }
}

/// The number of bounds and levels of a rule.
pub fn words_of(rule: &[Condition]) -> usize {
    rule.iter().map(|condition| condition.words).sum()
}

/// Rows of a segment and of all others.
pub struct Sample<'a> {
    /// The columns, coded, that conditions may speak of.
    pub columns: &'a [Coded<'a>],
    /// The share of the segment among all rows.
    pub share: f64,
    members: Vec<u32>,
    others: Vec<u32>,
}

/// A rule and the sampled rows it holds for.
struct Candidate {
    rule: Vec<Condition>,
    members: Vec<u32>,
    others: Vec<u32>,
}

impl<'a> Sample<'a> {
    /// A sample for `segment`; `segments` has the segment of every row, rows being in random order.
    pub fn new(columns: &'a [Coded<'a>], segments: &[u32], segment: u32) -> Self {
        let first = |is_member: bool| -> Vec<u32> {
            let rows = (0..).zip(segments).filter(|&(_, &of_row)| (of_row == segment) == is_member);
            rows.take(SAMPLE_ROWS).map(|(row, _)| row).collect()
        };
        let size = segments.iter().filter(|&&of_row| of_row == segment).count();
        let share = size as f64 / segments.len().max(1) as f64;
        Self { columns, share, members: first(true), others: first(false) }
    }

    /// Rules worth counting over all rows, the best first.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn rules(&self, observer: &dyn Observer) -> Result<Vec<Vec<Condition>>> {
        let everybody =
            Candidate { rule: Vec::new(), members: self.members.clone(), others: self.others.clone() };
        let (mut beam, mut found): (_, Vec<(f64, Vec<Condition>)>) = (vec![everybody], Vec::new());
        for _ in 0..DEPTH {
            let mut longer: Vec<(f64, usize, Condition)> = Vec::new();
            for (parent, candidate) in beam.iter().enumerate() {
                observer.check()?;
                let is_free = |&column: &usize| candidate.rule.iter().all(|other| other.column != column);
                let best = |column| self.best_condition(column, candidate);
                let conditions = (0..self.columns.len()).filter(is_free).filter_map(best);
                longer.extend(conditions.map(|(worth, condition)| (worth, parent, condition)));
            }
            longer.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
            let mut next: Vec<Candidate> = Vec::new();
            for (worth, parent, condition) in longer {
                let rule = [&beam[parent].rule[..], &[condition]].concat();
                // The same conditions in another order are the same rule.
                let is_same = |other: &Candidate| rule.iter().all(|condition| other.rule.contains(condition));
                if next.len() < BEAM && !next.iter().any(is_same) {
                    found.push((worth, rule.clone()));
                    next.push(self.narrowed(&beam[parent], condition, rule));
                }
            }
            beam = next;
        }
        // Stable: of equally good ones the shorter come first.
        found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        found.truncate(COUNTED);
        Ok(found.into_iter().map(|(_, rule)| rule).collect())
    }

    /// The rows of a candidate for which one more condition holds.
    fn narrowed(&self, candidate: &Candidate, condition: Condition, rule: Vec<Condition>) -> Candidate {
        let codes = self.columns[condition.column].codes();
        let holds = |rows: &[u32]| -> Vec<u32> {
            rows.iter().copied().filter(|&row| condition.holds(codes[row as usize])).collect()
        };
        Candidate { rule, members: holds(&candidate.members), others: holds(&candidate.others) }
    }

    /// The condition on a column that is worth most after those of the candidate, and that worth.
    fn best_condition(&self, column: usize, candidate: &Candidate) -> Option<(f64, Condition)> {
        let coded = &self.columns[column];
        let count = |rows: &[u32], of: usize, share: f64| {
            let mut counts = [0.0; CODES];
            rows.iter().for_each(|&row| counts[coded.codes()[row as usize] as usize] += 1.0);
            counts.map(|count| count * share / of.max(1) as f64)
        };
        let members = count(&candidate.members, self.members.len(), self.share);
        let others = count(&candidate.others, self.others.len(), 1.0 - self.share);
        let before = words_of(&candidate.rule);
        let mut best: Option<(f64, Condition)> = None;
        let mut offer = |codes: u64, words: usize, right: f64, wrong: f64| {
            let score = Score { size: self.share, matched: right + wrong, right, words: before + words };
            if right > 0.0 && best.is_none_or(|(worth, _)| score.worth() > worth) {
                best = Some((score.worth(), Condition { column, codes, words }));
            }
        };
        let last = coded.last() as usize;
        offer(1 << UNKNOWN, 1, members[UNKNOWN as usize], others[UNKNOWN as usize]);
        let (all_right, all_wrong): (f64, f64) =
            (members[1..=last].iter().sum(), others[1..=last].iter().sum());
        offer(coded.known(), 1, all_right, all_wrong);
        if coded.is_ordered() {
            for low in 1..=last {
                let (mut right, mut wrong) = (0.0, 0.0);
                for high in low..=last {
                    right += members[high];
                    wrong += others[high];
                    let words = usize::from(low > 1) + usize::from(high < last);
                    if words > 0 {
                        offer(span(low as u8, high as u8), words, right, wrong);
                    }
                }
            }
        } else {
            let mut order: Vec<usize> = coded.levels().map(usize::from).collect();
            for &code in &order {
                offer(coded.known() & !(1 << code), 1, all_right - members[code], all_wrong - others[code]);
            }
            // Sets grow by the level that is worth most.
            let (mut codes, mut right, mut wrong) = (0u64, 0.0, 0.0);
            for words in 1..=MOST_LEVELS {
                let worth = |&code: &usize| {
                    let (right, wrong) = (right + members[code], wrong + others[code]);
                    Score { size: self.share, matched: right + wrong, right, words }.worth()
                };
                order.sort_by(|a, b| worth(a).total_cmp(&worth(b)));
                let Some(code) = order.pop() else { break };
                codes |= 1 << code;
                right += members[code];
                wrong += others[code];
                offer(codes, words, right, wrong);
            }
        }
        best
    }
}
