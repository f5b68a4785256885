//! Names segments in a few words, from their profiles: `basic, late joined`.
//!
//! A name consists of at most two phrases, of the most characteristic features that say something in words: a category
//! or boolean that most users of the segment have, or a number that is clearly higher or lower than overall. Names are
//! for people who have not named a segment yet; they describe it, as it was when it was named, and do not define it.

use super::profiles::{ProfileKind, ProfileRow};
use std::collections::BTreeSet;

/// The smallest ratio between a segment and all users, or its inverse, that a name mentions.
const NOTICEABLE: f64 = 1.2;
/// The smallest share of the segment's users that have a category or boolean by which it is named.
const MOST_OF_THEM: f64 = 0.5;
/// The smallest share of the segment's users for whom the feature is known.
const KNOWN: f64 = 0.5;
/// The largest number of words in a name, and in the text of a category.
const WORDS: usize = 3;
/// The largest number of characters of a word.
const CHARACTERS: usize = 24;
/// The largest number of phrases that are combined; those of later features say little.
const PHRASES: usize = 12;

/// Names segments by their profiles, in the order of segments: a name for each that has none in `named`.
///
/// `profiles` are those of [`super::profiles()`]: within a segment, the most characteristic feature first. All names are
/// different from each other, from those in `named`, and from those in `taken`, regardless of case. A segment without a
/// noticeable feature is `average`, a single one `all users`; a number makes a name unique that would not be.
pub fn names(profiles: &[ProfileRow], named: &[Option<String>], taken: &BTreeSet<String>) -> Vec<String> {
    let mut used: BTreeSet<String> =
        taken.iter().chain(named.iter().flatten()).map(|name| name.to_lowercase()).collect();
    let of_segment = |segment: usize| profiles.iter().filter(move |row| row.segment as usize == segment);
    named
        .iter()
        .enumerate()
        .map(|(segment, own)| {
            let name = own.clone().unwrap_or_else(|| {
                let phrases = phrases(of_segment(segment));
                let otherwise = if named.len() == 1 { "all users" } else { "average" };
                new_name(&phrases, otherwise, &used)
            });
            used.insert(name.to_lowercase());
            name
        })
        .collect()
}

/// The first name that is not used: two phrases or one, those of the most characteristic features first, then numbers.
fn new_name(phrases: &[String], otherwise: &str, used: &BTreeSet<String>) -> String {
    let words = |phrase: &str| phrase.split(' ').count();
    let pairs = phrases.iter().enumerate().flat_map(|(place, first)| {
        let rest = phrases.iter().skip(place + 1);
        let fitting = rest.filter(move |second| words(first) + words(second) <= WORDS);
        fitting.map(move |second| format!("{first}, {second}")).chain([first.clone()])
    });
    let base = phrases.first().map_or(otherwise, String::as_str);
    let numbered = (2..).map(|number| format!("{base} {number}"));
    let plain = phrases.is_empty().then(|| otherwise.to_owned());
    let mut all = pairs.chain(plain).chain(numbered);
    all.find(|name| !used.contains(&name.to_lowercase())).unwrap_or_default()
}

/// What features say in words, in their order; of every column, and of everything that says how active users are, only
/// the first.
fn phrases<'a>(rows: impl Iterator<Item = &'a ProfileRow>) -> Vec<String> {
    let (mut phrases, mut subjects) = (Vec::new(), BTreeSet::new());
    for row in rows.filter(|row| row.share >= KNOWN) {
        if let Some((subject, phrase)) = phrase(row)
            && !phrase.is_empty()
            && subjects.insert(subject)
            && !phrases.contains(&phrase)
        {
            phrases.push(phrase);
        }
    }
    phrases.truncate(PHRASES);
    phrases
}

/// The subject of a feature, and what it says of the segment; `None` if it is not noticeable.
fn phrase(row: &ProfileRow) -> Option<(String, String)> {
    let of = |kind: ProfileKind| row.kind == kind.name();
    if of(ProfileKind::Category) {
        let (column, level) = row.feature.split_once(" = ")?;
        let is_typical = row.value >= MOST_OF_THEM && row.value >= NOTICEABLE * row.overall;
        return is_typical.then(|| (column.to_owned(), level_words(column, level)));
    }
    let name = row.feature.strip_suffix(" of events").unwrap_or(&row.feature);
    let subject = name.to_owned();
    if of(ProfileKind::Boolean) {
        let [has_not, none] = [1.0 - row.value, 1.0 - row.overall];
        let words = column_words(name);
        return if row.value >= MOST_OF_THEM && row.value >= NOTICEABLE * row.overall {
            Some((subject, words))
        } else if has_not >= MOST_OF_THEM && has_not >= NOTICEABLE * none {
            Some((subject, format!("no {words}")))
        } else {
            None
        };
    }
    let is_more = row.value > row.overall;
    let ratio = row.lift.unwrap_or(if is_more { f64::INFINITY } else { 0.0 });
    if ratio < NOTICEABLE && ratio > 1.0 / NOTICEABLE {
        return None;
    }
    let either = |more: &str, less: &str| if is_more { more.to_owned() } else { less.to_owned() };
    if of(ProfileKind::Age) {
        return Some((subject, format!("{} {}", either("early", "late"), column_words(name))));
    }
    if let Some(category) = name.strip_prefix("category ") {
        return is_more.then(|| (subject, level_words("category", category)));
    }
    if let Some(kind) = name.strip_prefix("events of type ") {
        return Some((subject, format!("{} {}", either("many", "few"), cut(kind))));
    }
    let phrase = match name {
        "events" | "frequency" | "active_days" => {
            return Some(("activity".to_owned(), either("frequent", "occasional")));
        }
        "recency" => either("lapsed", "recent"),
        "monetary" => either("high spending", "low spending"),
        _ => format!("{} {}", either("high", "low"), column_words(name)),
    };
    Some((subject, phrase))
}

/// The words of a category, after those of its column if they mean nothing alone, as `7` or `no`.
fn level_words(column: &str, level: &str) -> String {
    let speaks = level.chars().filter(|character| character.is_alphabetic()).count() > 3;
    if speaks { cut(level) } else { cut(&format!("{} {level}", column_words(column))) }
}

/// The name of a column as words: `signed_up_at` is `signed up`.
fn column_words(column: &str) -> String {
    let words = column.replace('_', " ");
    let rest = ["is ", "has "].iter().find_map(|prefix| words.strip_prefix(prefix)).unwrap_or(&words);
    let rest = [" at", " on", " date"].iter().find_map(|suffix| rest.strip_suffix(suffix)).unwrap_or(rest);
    cut(if rest.trim().is_empty() { column } else { rest })
}

/// The first words of a text, none of them too long.
fn cut(text: &str) -> String {
    let words = text.split(|character: char| character.is_whitespace() || character.is_control());
    let short = words.filter(|word| !word.is_empty()).take(WORDS);
    short.map(|word| word.chars().take(CHARACTERS).collect()).collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(segment: u32, feature: &str, kind: ProfileKind, value: f64, overall: f64) -> ProfileRow {
        let lift = (value * overall > 0.0).then(|| value / overall);
        ProfileRow {
            segment,
            feature: feature.to_owned(),
            kind: kind.name(),
            value,
            overall,
            lift,
            share: 1.0,
        }
    }

    fn fresh(profiles: &[ProfileRow], count: usize) -> Vec<String> {
        names(profiles, &vec![None; count], &BTreeSet::new())
    }

    use ProfileKind::{Age, Boolean, Category, Number};

    #[test]
    fn a_name_says_what_marks_the_segment_most() {
        let profiles = [
            row(0, "signed_up_at", Age, 414.0, 833.0),
            row(0, "plan = basic", Category, 0.84, 0.37),
            row(1, "country = FR", Category, 0.9, 0.3),
            row(1, "is_member", Boolean, 0.1, 0.5),
            row(2, "recency", Number, 90.0, 30.0),
            row(2, "events", Number, 2.0, 9.0),
            row(2, "active_days", Number, 2.0, 9.0),
            row(3, "category science fiction", Number, 0.6, 0.2),
            row(3, "balance", Number, -3.0, 5.0),
            row(4, "events of type view", Number, 30.0, 10.0),
            row(4, "has_children", Boolean, 0.8, 0.2),
        ];
        assert_eq!(
            fresh(&profiles, 5),
            ["late signed up", "country FR", "lapsed, occasional", "science fiction", "many view, children"]
                .map(str::to_owned)
                .to_vec()
        );
    }

    #[test]
    fn what_is_hardly_different_or_known_of_few_names_nothing() {
        let profiles = [
            row(0, "age", Number, 31.0, 30.0),
            row(0, "plan = basic", Category, 0.4, 0.1),
            row(0, "member", Boolean, 0.55, 0.5),
            ProfileRow { share: 0.2, ..row(0, "income", Number, 90.0, 10.0) },
            row(0, "category books", Number, 0.1, 0.4),
        ];
        assert_eq!(fresh(&profiles, 2), ["average", "average 2"]);
        assert_eq!(fresh(&profiles, 1), ["all users"]);
    }

    #[test]
    fn segments_with_the_same_most_characteristic_feature_are_told_apart_by_others() {
        let mut profiles = Vec::new();
        for segment in 0..4 {
            profiles.push(row(segment, "events", Number, 20.0, 5.0));
        }
        profiles.push(row(1, "plan = premium", Category, 0.9, 0.3));
        profiles.push(row(2, "plan = premium", Category, 0.8, 0.3));
        let found = fresh(&profiles, 4);
        assert_eq!(found, ["frequent", "frequent, premium", "premium", "frequent 2"]);
    }

    #[test]
    fn a_segment_keeps_its_name_and_no_other_gets_one_that_is_taken() {
        let profiles =
            [row(0, "plan = basic", Category, 0.9, 0.3), row(1, "plan = basic", Category, 0.8, 0.3)];
        let named = [None, Some("Basic".to_owned())];
        assert_eq!(names(&profiles, &named, &BTreeSet::new()), ["basic 2", "Basic"]);
        let taken = BTreeSet::from(["BASIC 2".to_owned()]);
        assert_eq!(names(&profiles, &named, &taken), ["basic 3", "Basic"]);
    }

    #[test]
    fn long_and_odd_texts_become_few_short_words() {
        let level = format!("plan = {} \n\t two three four", "x".repeat(90));
        let profiles = [
            row(0, &level, Category, 0.9, 0.1),
            row(1, "plan = 7", Category, 0.9, 0.1),
            row(2, "_at", Number, 9.0, 1.0),
        ];
        let expected = [format!("{} two three", "x".repeat(24)), "plan 7".to_owned(), "high _at".to_owned()];
        assert_eq!(fresh(&profiles, 3), expected);
    }

    proptest! {
        #[test]
        fn any_profiles_give_names_that_are_short_and_unique(
            rows in proptest::collection::vec((0..4u32, "(category |events of type )?\\PC{0,9}( = \\PC{0,9})?", 0..4usize, any::<f64>(), any::<f64>()), 0..20),
        ) {
            let kinds = [Number, Boolean, Category, Age];
            let profiles: Vec<ProfileRow> = rows
                .iter()
                .map(|(segment, feature, kind, value, overall)| row(*segment, feature, kinds[*kind], *value, *overall))
                .collect();
            let found = fresh(&profiles, 4);
            let unique: BTreeSet<String> = found.iter().map(|name| name.to_lowercase()).collect();
            prop_assert_eq!(unique.len(), 4);
            prop_assert!(found.iter().all(|name| !name.is_empty() && name.chars().count() <= 4 * CHARACTERS + 8));
            prop_assert!(found.iter().all(|name| !name.contains(char::is_control)));
        }
    }
}
