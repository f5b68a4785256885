//! Describes a segment in a paragraph, as an analyst would: its size, what marks it, what its users have, and what
//! changed since the version before.

use super::profiles::ProfileKind;

/// The largest number of features, items and moves in a sentence: as many as a reader remembers.
const MOST: usize = 3;
/// The smallest difference between a segment and all users, relative to the latter, that is worth a mention.
const WORTH: f64 = 0.1;

/// What a paragraph tells about a segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SegmentFacts {
    /// The number and label of the segment.
    pub segment: NamedSegmentId,
    /// The number of the version.
    pub version: i32,
    /// The date of the latest event of the version, as it should be written; `None` if events have no times.
    pub as_of: Option<String>,
    /// The number of users of the segment.
    pub users: u64,
    /// The number of users of all segments.
    pub all_users: u64,
    /// The rule, its precision and its recall.
    pub rule: Option<(String, f64, f64)>,
    /// The features, the most characteristic first.
    pub features: Vec<FeatureFact>,
    /// The items that most users of the segment have, with their share, the most common first.
    pub common: Vec<(String, f64)>,
    /// The items that are most typical of the segment, with their lift, the most typical first.
    pub typical: Vec<(String, f64)>,
    /// The moves since the version before; `None` if there was none.
    pub change: Option<SegmentChange>,
}

/// A segment as it is named in a sentence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamedSegmentId {
    /// The number.
    pub id: i32,
    /// The label, if it has one.
    pub label: Option<String>,
}

/// A feature of a segment, as in its profile.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureFact {
    /// The name of the column, `column = level`, or an activity.
    pub feature: String,
    /// The kind of its values.
    pub kind: ProfileKind,
    /// The mean or share in the segment.
    pub value: f64,
    /// The mean or share among all users.
    pub overall: f64,
}

/// How users moved to and from a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentChange {
    /// The number of the version before.
    pub since: i32,
    /// The users that the segment had in that version.
    pub before: u64,
    /// Users of this version that have come from another segment, the most first; `None` for those that the version
    /// before did not have.
    pub came: Vec<(Option<NamedSegmentId>, u64)>,
    /// Users of the version before that have gone to another segment, the most first; `None` for those that this
    /// version does not have.
    pub went: Vec<(Option<NamedSegmentId>, u64)>,
}

/// Writes the paragraph: whole sentences, with shares in percent, and without what is not known.
pub fn paragraph(facts: &SegmentFacts) -> String {
    let mut sentences = vec![size(facts)];
    if facts.users < facts.all_users {
        sentences.extend(facts.rule.as_ref().map(rule));
        sentences.extend(differences(&facts.features));
    }
    sentences.extend(common(&facts.common));
    if facts.users < facts.all_users {
        sentences.extend(typical(&facts.typical));
    }
    sentences.push(change(facts));
    sentences.join(" ")
}

fn size(facts: &SegmentFacts) -> String {
    let (users, all) = (count(facts.users), count(facts.all_users));
    let share = facts.users as f64 / facts.all_users.max(1) as f64;
    let mut sentence = if facts.users == facts.all_users {
        format!("{} has all {all} users of version {}", start(&facts.segment), facts.version)
    } else {
        format!(
            "{} has {users} of the {all} users of version {}, that is {}",
            start(&facts.segment),
            facts.version,
            percent(share)
        )
    };
    if let Some(as_of) = &facts.as_of {
        sentence.push_str(&format!("; the latest event that the version knows is of {as_of}"));
    }
    sentence + "."
}

fn rule((text, precision, recall): &(String, f64, f64)) -> String {
    format!(
        "Of the users with {text}, {} are in this segment, and of its users {} are of that kind.",
        percent(*precision),
        percent(*recall)
    )
}

/// The features that differ most, each column once.
fn differences(features: &[FeatureFact]) -> Option<String> {
    let (mut columns, mut clauses) = (Vec::new(), Vec::new());
    let worth = |fact: &&FeatureFact| {
        let difference = (fact.value - fact.overall).abs();
        difference > 0.0 && difference >= WORTH * fact.overall.abs()
    };
    for fact in features.iter().filter(worth) {
        let column = fact.feature.split(" = ").next().unwrap_or_default();
        if !columns.contains(&column) && clauses.len() < MOST {
            columns.push(column);
            clauses.push(difference(fact));
        }
    }
    (!clauses.is_empty()).then(|| format!("Compared with all users, {}.", joined(&clauses)))
}

fn difference(fact: &FeatureFact) -> String {
    let FeatureFact { feature, kind, value, overall } = fact;
    let both = |write: fn(f64) -> String| format!("{} instead of {}", write(*value), write(*overall));
    match kind {
        ProfileKind::Category => match feature.split_once(" = ") {
            Some((column, level)) => format!("{column} is {level} for {}", both(percent)),
            None => format!("{feature} holds for {}", both(percent)),
        },
        ProfileKind::Boolean => format!("{feature} is true for {}", both(percent)),
        ProfileKind::Age => format!("{feature} is {} days ago on average", both(figure)),
        ProfileKind::Number => match feature.as_str() {
            "events" => format!("they have {} events on average", both(figure)),
            "active_days" => format!("they are active on {} days on average", both(figure)),
            "recency" => format!("their last event is {} days ago on average", both(figure)),
            name => match (name.strip_prefix("category "), name.strip_prefix("events of type ")) {
                (Some(category), _) => {
                    format!("{} of what they take is of the category {category}", both(percent))
                }
                (_, Some(kind)) => {
                    format!("they have {} events of the type {kind} on average", both(figure))
                }
                _ => format!("{name} is {} on average", both(figure)),
            },
        },
    }
}

fn common(items: &[(String, f64)]) -> Option<String> {
    let clauses: Vec<String> = items
        .iter()
        .take(MOST)
        .enumerate()
        .map(|(place, (item, share))| {
            let verb = if place == 0 { " have" } else { "" };
            format!("{}{verb} item {item}", percent(*share))
        })
        .collect();
    (!clauses.is_empty()).then(|| format!("Of its users, {}.", joined(&clauses)))
}

fn typical(items: &[(String, f64)]) -> Option<String> {
    let worth = items.iter().filter(|(_, lift)| *lift >= 1.0 + WORTH).take(MOST);
    let clauses: Vec<String> =
        worth.map(|(item, lift)| format!("item {item} ({} times as common)", figure(*lift))).collect();
    (!clauses.is_empty()).then(|| {
        format!("Most typical of them, compared with all users, {} {}.", be(&clauses), joined(&clauses))
    })
}

fn be(clauses: &[String]) -> &'static str {
    if clauses.len() == 1 { "is" } else { "are" }
}

fn change(facts: &SegmentFacts) -> String {
    let Some(SegmentChange { since, before, came, went }) = &facts.change else {
        return "There is no version before to compare it with.".to_owned();
    };
    let (before, now) = (*before, facts.users);
    let size = match now.cmp(&before) {
        _ if before == 0 => format!("Version {since} did not have this segment"),
        std::cmp::Ordering::Greater => {
            format!("Since version {since} it has grown from {} to {} users", count(before), count(now))
        }
        std::cmp::Ordering::Less => {
            format!("Since version {since} it has shrunk from {} to {} users", count(before), count(now))
        }
        std::cmp::Ordering::Equal => format!("It has as many users as in version {since}"),
    };
    let mut clauses: Vec<String> = came
        .iter()
        .take(MOST)
        .map(|(from, users)| match from {
            Some(from) => format!("{} came from {}", count(*users), named(from)),
            None => format!("{} {} new", count(*users), if *users == 1 { "is" } else { "are" }),
        })
        .collect();
    clauses.extend(went.iter().take(MOST).map(|(to, users)| match to {
        Some(to) => format!("{} went to {}", count(*users), named(to)),
        None => format!("{} {} gone", count(*users), if *users == 1 { "is" } else { "are" }),
    }));
    match clauses.is_empty() {
        true => format!("{size}, and nobody came or went."),
        false => format!("{size}: {}.", joined(&clauses)),
    }
}

fn named(segment: &NamedSegmentId) -> String {
    match &segment.label {
        Some(label) => format!("segment {} (\"{label}\")", segment.id),
        None => format!("segment {}", segment.id),
    }
}

fn start(segment: &NamedSegmentId) -> String {
    named(segment).replacen('s', "S", 1)
}

/// Clauses as one list: `a`, `a and b`, `a, b, and c`.
fn joined(clauses: &[String]) -> String {
    match clauses {
        [] => String::new(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
    }
}

/// A whole number with commas between thousands.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let grouped: Vec<String> = digits
        .chars()
        .rev()
        .collect::<Vec<char>>()
        .chunks(3)
        .rev()
        .map(|group| group.iter().rev().collect())
        .collect();
    grouped.join(",")
}

/// A number with three digits that count: `1,240`, `36.7`, `0.052`.
fn figure(number: f64) -> String {
    let size = number.abs();
    if !(1e-6..1e15).contains(&size) {
        return if size < 1e-6 { "0".to_owned() } else { format!("{number:.2e}") };
    }
    if size >= 999.5 {
        let sign = if number < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(size.round() as u64));
    }
    let decimals = (2 - size.log10().floor() as i32).clamp(0, 8) as usize;
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A share in percent, with a decimal where a whole number would say none or all.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let is_edge = (percent > 0.0 && percent < 1.0) || (percent > 99.0 && percent < 100.0);
    if is_edge { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(id: i32, label: &str) -> NamedSegmentId {
        NamedSegmentId { id, label: (!label.is_empty()).then(|| label.to_owned()) }
    }

    fn fact(feature: &str, kind: ProfileKind, value: f64, overall: f64) -> FeatureFact {
        FeatureFact { feature: feature.to_owned(), kind, value, overall }
    }

    fn students() -> SegmentFacts {
        SegmentFacts {
            segment: segment(1, "students"),
            version: 2,
            as_of: Some("30 June 2026".to_owned()),
            users: 1_540,
            all_users: 3_500,
            rule: Some(("age ≤ 26 and plan = basic".to_owned(), 0.973, 0.88)),
            features: vec![
                fact("joined", ProfileKind::Age, 414.34, 832.9),
                fact("plan = basic", ProfileKind::Category, 0.84, 0.37),
                fact("plan = family", ProfileKind::Category, 0.001, 0.34),
                fact("newsletter", ProfileKind::Boolean, 0.51, 0.5),
                fact("age", ProfileKind::Number, 21.98, 36.72),
            ],
            common: vec![("17".to_owned(), 0.45), ("33".to_owned(), 0.41)],
            typical: vec![("88".to_owned(), 6.24), ("33".to_owned(), 1.02)],
            change: Some(SegmentChange {
                since: 1,
                before: 1_480,
                came: vec![(None, 90), (Some(segment(2, "")), 1)],
                went: vec![(Some(segment(3, "retired")), 30), (None, 1)],
            }),
        }
    }

    #[test]
    fn a_segment_is_described_in_whole_sentences() {
        assert_eq!(
            paragraph(&students()),
            "Segment 1 (\"students\") has 1,540 of the 3,500 users of version 2, that is 44 %; the latest event that the \
             version knows is of 30 June 2026. Of the users with age ≤ 26 and plan = basic, 97 % are in this segment, and \
             of its users 88 % are of that kind. Compared with all users, joined is 414 instead of 833 days ago on \
             average, plan is basic for 84 % instead of 37 %, and age is 22 instead of 36.7 on average. Of its users, \
             45 % have item 17 and 41 % item 33. Most typical of them, compared with all users, is item 88 (6.24 times as \
             common). Since version 1 it has grown from 1,480 to 1,540 users: 90 are new, 1 came from segment 2, 30 went \
             to segment 3 (\"retired\"), and 1 is gone."
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let facts =
            SegmentFacts { segment: segment(4, ""), version: 1, users: 9, all_users: 9, ..students() };
        let facts = SegmentFacts { as_of: None, common: Vec::new(), change: None, ..facts };
        let expected =
            "Segment 4 has all 9 users of version 1. There is no version before to compare it with.";
        assert_eq!(paragraph(&facts), expected);
    }

    #[test]
    fn a_change_is_said_as_it_is() {
        let said = |before: u64, users: u64| {
            let change = SegmentChange { since: 6, before, came: Vec::new(), went: Vec::new() };
            let facts = SegmentFacts { users, change: Some(change), ..SegmentFacts::default() };
            super::change(&facts)
        };
        assert_eq!(said(5, 5), "It has as many users as in version 6, and nobody came or went.");
        assert_eq!(said(5, 4), "Since version 6 it has shrunk from 5 to 4 users, and nobody came or went.");
        assert_eq!(said(0, 4), "Version 6 did not have this segment, and nobody came or went.");
    }

    #[test]
    fn numbers_are_plain() {
        let figures = [0.0, 0.0523, 1.0, 6.24, -36.72, 99.97, 832.9, 999.7, 1_234_567.8, 1e-9];
        let expected = ["0", "0.0523", "1", "6.24", "-36.7", "100", "833", "1,000", "1,234,568", "0"];
        assert_eq!(figures.map(figure), expected);
        let shares = [0.0, 0.004, 0.01, 0.4449, 0.996, 1.0];
        assert_eq!(shares.map(percent), ["0 %", "0.4 %", "1 %", "44 %", "99.6 %", "100 %"]);
        assert_eq!([7, 1_000, 12_345_678].map(count), ["7", "1,000", "12,345,678"]);
    }

    proptest! {
        #[test]
        fn any_facts_become_sentences(
            values in proptest::collection::vec((any::<f64>(), any::<f64>(), 0..4usize), 0..6),
            users in any::<u64>(), all_users in any::<u64>(),
        ) {
            let kinds = [ProfileKind::Number, ProfileKind::Boolean, ProfileKind::Category, ProfileKind::Age];
            let features = values.iter().map(|&(value, overall, kind)| fact("x", kinds[kind], value, overall)).collect();
            let text = paragraph(&SegmentFacts { users, all_users, features, ..students() });
            prop_assert!(text.starts_with("Segment 1 (\"students\") has ") && text.ends_with("gone."));
        }
    }
}
