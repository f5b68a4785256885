//! Neighbours of users as a [`Method`].

use super::new_targets::extended;
use super::options::UserNeighbourOptions;
use super::rows;
use super::scorer::UserRowScorer;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::interactions::{Interactions, Size, SparseRows, SparseView};
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::scorers::method::{FitInput, Fitted, KnownUser, Method, SegmentSizes, SegmentView, UserRow};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::new_items::NewItemShares;
use crate::scorers::scorer::Scorer;
use crate::scorers::sections::{NewSection, SectionKind, StoredSections};
use std::cell::RefCell;
use std::sync::Arc;

/// Sparse rows of items by user, from a regression of each user on others.
pub struct UserNeighbours;

/// The section with the new items that resemble each item.
pub const NEW_ITEMS: &str = "new_items";

/// With fewer users, each would be regressed on all others, and what a holdout of them says is mostly chance: the part is
/// left out unless the options give its share.
pub const FEWEST_USERS: usize = 200;
/// The most users for whom rows are kept unless the options give the share: 200 items of each take 350 MB of
/// tables.
pub const MOST_USERS: usize = 200_000;
/// The most pairs of users that are summed in the search for neighbours, Σ d_i², unless the options give the share:
/// about half a minute of a processor. Gowalla has 61 million.
pub const MOST_PAIRS: u64 = 1 << 34;

impl UserNeighbours {
    /// Whether a training on that many users may fit it. Ratings are predicted, not ranked by.
    fn is_wanted(options: &Options, users: usize) -> bool {
        let wanted = match options.user_neighbours.share {
            AutoOr::Given(share) => share > 0.0,
            AutoOr::Auto => (FEWEST_USERS..=MOST_USERS).contains(&users),
        };
        wanted && !options.is_explicit()
    }

    fn pairs(interactions: &Interactions) -> u64 {
        let by_item = interactions.by_item();
        (0..by_item.rows()).map(|item| (by_item.row_len(item) as u64).pow(2)).sum()
    }
}

impl Method for UserNeighbours {
    fn name(&self) -> &'static str {
        "user_neighbours"
    }

    fn memory(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        let Size { users, items, events, threads, .. } = size;
        match Self::is_wanted(options, users) {
            true => rows::memory(users, items, events, &options.user_neighbours.options(0.0), threads),
            false => 0,
        }
    }

    /// An item and a weight for each entry of a row, in two arrays of the user's row in tables.
    fn stored(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        match Self::is_wanted(options, size.users) {
            true => ((8 * self.user_row_entries(options).min(size.items) + 128) * size.users) as u64,
            false => 0,
        }
    }

    fn share(&self, options: &Options) -> AutoOr<f64> {
        options.user_neighbours.share
    }

    /// One of those that blending tries. With it the hybrid reaches .2337/.1378 (recall/ndcg@20) on Gowalla's validation
    /// split, with .3 .2319/.1369, and with .1 and rows of 100 or 500 items .2324/.1370 and .2326/.1368. Only a few hundred
    /// items of a user have a score at all, so what varies over all items is less than with the other parts.
    fn usual_share(&self) -> f32 {
        0.2
    }

    fn user_row_entries(&self, options: &Options) -> usize {
        options.user_neighbours.kept
    }

    fn learns_recency(&self) -> bool {
        true
    }

    fn fit(
        &self,
        FitInput { interactions, users, .. }: FitInput<'_>,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        let is_auto = options.user_neighbours.share == AutoOr::Auto;
        if !Self::is_wanted(options, interactions.users())
            || is_auto && Self::pairs(interactions) > MOST_PAIRS
        {
            return Ok(None);
        }
        let recency = options.order.weight.unwrap_or_else(|| 0.0);
        let options: UserNeighbourOptions = options.user_neighbours.options(recency);
        Ok(Some(Arc::new(UserRows::new(rows::train(interactions, users, &options, observer)?)?)))
    }

    fn sections(&self, _: usize) -> Vec<(&'static str, SectionKind)> {
        vec![(NEW_ITEMS, SectionKind::Sparse)]
    }

    /// The rows of users are stored with these.
    fn open<'a>(&self, sections: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>> {
        Ok(Box::new(StoredUserRows { new: sections.sparse(NEW_ITEMS)? }))
    }
}

/// The rows of the users of a training, users × items.
#[derive(Clone, Debug, PartialEq)]
pub struct UserRows {
    rows: Arc<SparseRows>,
    /// For each item the new items that resemble it, and their shares of its score.
    new: SparseRows,
}

impl UserRows {
    /// Rows of users, without new items.
    ///
    /// # Errors
    /// [`crate::EngineError::Shape`].
    pub fn new(rows: SparseRows) -> Result<Self> {
        let items = rows.width();
        Ok(Self {
            rows: Arc::new(rows),
            new: SparseRows::new(items, vec![0; items + 1], Vec::new(), Vec::new())?,
        })
    }
}

impl Fitted for UserRows {
    fn scorer<'a>(
        &'a self,
        view: SegmentView<'a>,
        KnownUser { items, row, .. }: KnownUser<'a>,
        scratch: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        let new = (self.new.entries() > 0).then_some(&self.new);
        Box::new(UserRowScorer::new(row, (items.len(), view.items), new, scratch))
    }

    fn user_row(&self, user: usize) -> Option<UserRow<'_>> {
        if user >= self.rows.rows() || self.rows.row_len(user) == 0 {
            return None;
        }
        let (items, weights) = self.rows.row(user);
        Some(UserRow { items, weights })
    }

    fn sections(&self) -> Result<Vec<(&'static str, NewSection<'_>)>> {
        Ok(vec![(NEW_ITEMS, NewSection::Sparse(&self.new))])
    }

    fn with_new_items(
        &self,
        new: &NewItemShares<'_>,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        observer.check()?;
        Ok(Some(Arc::new(Self { rows: Arc::clone(&self.rows), new: extended(&&self.new, new)? })))
    }
}

/// A fit whose rows are stored with the users.
#[derive(Clone, Copy, Debug)]
struct StoredUserRows<'a> {
    new: SparseView<'a>,
}

impl Fitted for StoredUserRows<'_> {
    fn scorer<'a>(
        &'a self,
        view: SegmentView<'a>,
        KnownUser { items, row, .. }: KnownUser<'a>,
        scratch: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        let new = (!self.new.words.is_empty()).then_some(self.new);
        Box::new(UserRowScorer::new(row, (items.len(), view.items), new, scratch))
    }

    fn with_new_items(
        &self,
        new: &NewItemShares<'_>,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        observer.check()?;
        let rows = SparseRows::new(0, vec![0], Vec::new(), Vec::new())?;
        Ok(Some(Arc::new(UserRows { rows: Arc::new(rows), new: extended(&self.new, new)? })))
    }
}
