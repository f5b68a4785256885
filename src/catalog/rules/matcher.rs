//! Finds which of many conditions hold for a row, in a time that hardly grows with their number.

use super::condition::{BoundTest, ItemCondition, ItemValue, KnownColumn, WrongCondition};
use std::collections::HashMap;

/// Conditions on columns whose kinds are known.
#[derive(Debug, Default)]
pub struct ConditionMatcher {
    /// The tests of each condition, with the numbers of their columns.
    conditions: Vec<Vec<(usize, BoundTest)>>,
    /// By the number of a column and a text, the conditions that ask for this text in that column.
    by_text: Vec<(usize, HashMap<String, Vec<u32>>)>,
    /// The conditions that ask for no text.
    others: Vec<u32>,
}

impl ConditionMatcher {
    /// Prepares conditions, which have the numbers of their order, for rows of these columns.
    ///
    /// # Errors
    /// If a column is missing, or not of the kind that a condition asks for.
    pub fn new<'a>(
        conditions: impl IntoIterator<Item = &'a ItemCondition>,
        columns: &[KnownColumn],
    ) -> Result<Self, WrongCondition> {
        let mut matcher = Self::default();
        for (number, condition) in (0..).zip(conditions) {
            let test = |(name, test): &(String, _)| {
                let found = columns.iter().position(|column| column.name == *name);
                match found {
                    Some(place) => Ok((place, BoundTest::new(test, &columns[place])?)),
                    None => Err(WrongCondition {
                        problem: format!("There is no column \"{name}\"."),
                        hint: "Name a column of items.".to_owned(),
                    }),
                }
            };
            let tests: Vec<(usize, BoundTest)> =
                condition.tests.iter().map(test).collect::<Result<_, _>>()?;
            let texts = tests.iter().find_map(|(column, test)| match test {
                BoundTest::Texts(texts) => Some((*column, texts)),
                _ => None,
            });
            match texts {
                Some((column, texts)) => {
                    let own = matcher.texts_of(column);
                    for text in texts {
                        let asking = own.entry(text.clone()).or_default();
                        if asking.last() != Some(&number) {
                            asking.push(number);
                        }
                    }
                }
                None => matcher.others.push(number),
            }
            matcher.conditions.push(tests);
        }
        Ok(matcher)
    }

    /// The largest product that the factors of conditions which hold for one row can have. A row has one text in a column, so
    /// conditions on different ones do not add up.
    pub fn most(&self, factor: impl Fn(u32) -> f64) -> f64 {
        let product =
            |numbers: &[u32]| numbers.iter().map(|&number| factor(number).max(1.0)).product::<f64>();
        let of_column = |(_, texts): &(usize, HashMap<String, Vec<u32>>)| {
            texts.values().map(|numbers| product(numbers)).fold(1.0, f64::max)
        };
        self.by_text.iter().map(of_column).product::<f64>() * product(&self.others)
    }

    fn texts_of(&mut self, column: usize) -> &mut HashMap<String, Vec<u32>> {
        let known = self.by_text.iter().position(|(own, _)| *own == column);
        let place = known.unwrap_or_else(|| {
            self.by_text.push((column, HashMap::new()));
            self.by_text.len() - 1
        });
        &mut self.by_text[place].1
    }

    /// The numbers of the conditions that hold for a row, each once.
    pub fn holding<'a>(&'a self, row: &'a [Option<ItemValue>]) -> impl Iterator<Item = u32> + 'a {
        let of_texts = self.by_text.iter().filter_map(|(column, conditions)| match row.get(*column) {
            Some(Some(ItemValue::Text(text))) => conditions.get(text),
            _ => None,
        });
        let holds = |number: &u32| {
            let tests = &self.conditions[*number as usize];
            tests.iter().all(|(column, test)| test.holds(row.get(*column).and_then(Option::as_ref)))
        };
        of_texts.flatten().chain(&self.others).copied().filter(holds)
    }
}
