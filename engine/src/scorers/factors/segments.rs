//! The users and items of segments.

use crate::interactions::Interactions;
use rayon::prelude::*;

/// Which users and items belong to each segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Segments {
    /// The segment of every user, from 0.
    pub of_user: Vec<u32>,
    /// The users of every segment, ascending.
    pub users: Vec<Vec<u32>>,
    /// The items that occur in every segment, ascending.
    pub items: Vec<Vec<u32>>,
    /// How many users of the segment have each of its items, beside [`Self::items`].
    pub item_users: Vec<Vec<u32>>,
}

impl Segments {
    /// Reads off the members and items of `count` segments.
    pub fn new(of_user: Vec<u32>, count: usize, interactions: &Interactions) -> Self {
        let mut users = vec![Vec::new(); count];
        for (user, &segment) in of_user.iter().enumerate() {
            users[segment as usize].push(user as u32);
        }
        let (items, item_users) = users
            .par_iter()
            .map(|members| {
                let mut counts = vec![0u32; interactions.items()];
                for &user in members {
                    for &item in interactions.by_user().row(user as usize).0 {
                        counts[item as usize] += 1;
                    }
                }
                let items: Vec<u32> = (0..counts.len() as u32).filter(|&i| counts[i as usize] > 0).collect();
                let item_users = items.iter().map(|&item| counts[item as usize]).collect();
                (items, item_users)
            })
            .unzip();
        Self { of_user, users, items, item_users }
    }

    /// Number of segments.
    pub fn count(&self) -> usize {
        self.users.len()
    }
}
