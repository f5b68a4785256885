//! The data of a measurement: users with their items in order, where those are divided, and the features of items.

use super::Result;
use segrec_engine::Matrix;
use std::fs;

/// The parts of a user's items: what is trained on, then what is validated on, then what is tested on.
pub const PARTS: usize = 3;

/// A user's items, oldest first.
pub struct User {
    pub items: Vec<u32>,
    /// Where each part ends.
    ends: [usize; PARTS],
}

impl User {
    /// What is known before a part begins, and the part.
    pub fn before(&self, part: usize) -> (&[u32], &[u32]) {
        let end = self.ends[part - 1];
        (&self.items[..end], &self.items[end..self.ends[part]])
    }

    /// The items of the first `parts` parts.
    pub fn first(&self, parts: usize) -> &[u32] {
        &self.items[..self.ends[parts - 1]]
    }
}

/// Users, and what is known about their items.
pub struct Data {
    pub users: Vec<User>,
    /// The ids of the items, ascending.
    pub ids: Vec<u32>,
}

/// How the items of users are divided.
#[derive(Clone, Copy)]
pub enum Division {
    /// The last item of each user is the test part, the one before it the validation part.
    Last,
    /// The last tenth of the events is the test part, the tenth before it the validation part.
    Time,
}

impl Data {
    /// Reads lines of user, item, rating and time; users are ordered by (time, item).
    pub fn read(path: &str, division: Division) -> Result<Self> {
        let mut rows: Vec<(u32, i64, u32)> = Vec::new();
        for line in fs::read_to_string(path)?.lines() {
            let fields: Vec<&str> = line.split([',', '\t']).collect();
            let [user, item, _, time] = fields[..] else {
                return Err(format!("{line:?} is no rating").into());
            };
            rows.push((user.parse()?, time.parse()?, item.parse()?));
        }
        rows.sort_unstable();
        let mut ids: Vec<u32> = rows.iter().map(|row| row.2).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut times: Vec<i64> = rows.iter().map(|row| row.1).collect();
        times.sort_unstable();
        let cutoffs = [8, 9].map(|tenths| times[times.len() * tenths / 10]);
        let number = |id: &u32| ids.binary_search(id).unwrap_or(0) as u32;
        let users = rows.chunk_by(|a, b| a.0 == b.0).map(|own| {
            let items: Vec<u32> = own.iter().map(|row| number(&row.2)).collect();
            let count = items.len();
            let ends = match division {
                Division::Last => [count.saturating_sub(2), count.saturating_sub(1), count],
                Division::Time => {
                    let [first, second] = cutoffs.map(|cutoff| own.partition_point(|row| row.1 < cutoff));
                    [first, second, count]
                }
            };
            User { items, ends }
        });
        Ok(Self { users: users.collect(), ids })
    }

    /// The sequences of the first `parts` parts without the items that `is_hidden`.
    pub fn sequences(&self, users: &[&User], parts: usize, is_hidden: &[bool]) -> (Vec<usize>, Vec<u32>) {
        let (mut starts, mut items) = (vec![0], Vec::new());
        for user in users {
            items.extend(user.first(parts).iter().copied().filter(|item| !is_hidden[*item as usize]));
            starts.push(items.len());
        }
        (starts, items)
    }

    /// The features of the items from lines of an item and numbers, scaled to rows of length one.
    pub fn features(&self, path: &str) -> Result<Matrix> {
        let text = fs::read_to_string(path)?;
        let columns = text.lines().next().map_or(0, |line| line.split(',').count() - 1);
        let mut features = Matrix::zeros(self.ids.len(), columns);
        for line in text.lines() {
            let mut fields = line.split(',');
            let Ok(place) = self.ids.binary_search(&fields.next().unwrap_or("").parse()?) else { continue };
            for (to, field) in features.row_mut(place).iter_mut().zip(fields) {
                *to = field.parse()?;
            }
            let length = features.row(place).iter().map(|value| value * value).sum::<f32>().sqrt();
            features.row_mut(place).iter_mut().for_each(|value| *value /= length.max(1e-6));
        }
        Ok(features)
    }

    /// The items of folds 0 and 1 in lines of item and fold.
    pub fn folds(&self, path: &str) -> Result<Vec<bool>> {
        let mut hidden = vec![false; self.ids.len()];
        for line in fs::read_to_string(path)?.lines().skip(1) {
            let (item, fold) = line.split_once(',').ok_or("a line is item,fold")?;
            if let Ok(place) = self.ids.binary_search(&item.parse()?) {
                hidden[place] = fold.trim().parse::<u32>()? < 2;
            }
        }
        Ok(hidden)
    }
}
