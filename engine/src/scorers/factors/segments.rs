//! Which users and items belong to which segment.

use crate::interactions::Interactions;
use rayon::prelude::*;

/// Which users and items belong to each segment. All numbers count from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Segments {
    /// The segment of each user.
    pub of_user: Vec<u32>,
    /// The users of each segment, ascending.
    pub users: Vec<Vec<u32>>,
    /// The items with at least one user in the segment, ascending, per segment.
    pub items: Vec<Vec<u32>>,
    /// For each entry of [`Self::items`], how many users of the segment have that item.
    pub item_users: Vec<Vec<u32>>,
}

impl Segments {
    /// Collects the users and items of `count` segments.
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

    /// The number of segments.
    pub fn count(&self) -> usize {
        self.users.len()
    }
}
