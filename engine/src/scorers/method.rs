//! A scorer as a training sees it: what resources it needs, how it is fitted, and how the fit scores for a user.
//!
//! To add a scorer, write a folder with a [`Method`] whose fit returns a [`Scorer`] for each user, and list it in
//! [`super::registry`].

use super::factors::{ItemFactors, Segments};
use super::neighbours::NeighbourScratch;
use super::new_items::NewItemShares;
use super::popular_now::RecentCounts;
use super::popularity::{Popular, SegmentPopular};
use super::ratings::AttributeEncoder;
use super::scorer::Scorer;
use super::sections::{NewSection, SectionKind, StoredSections};
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::Holdout;
use crate::features::{EncodedItems, ItemEncoder};
use crate::interactions::{Interactions, Repeat, Size, SparseRows};
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::ranking::Source;
use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Arc;

/// A kind of scorer that can be fitted. All methods but [`Method::name`] have defaults.
pub trait Method: Sync {
    /// The name under which blends and training decisions refer to it.
    fn name(&self) -> &'static str;

    /// An upper estimate of the bytes of memory that this scorer adds to the peak of a training.
    fn memory(&self, _size: Size, _segments: SegmentSizes, _options: &Options) -> u64 {
        0
    }

    /// An upper estimate of the bytes on disk that this scorer adds, in tables and in the shared file.
    fn stored(&self, _size: Size, _segments: SegmentSizes, _options: &Options) -> u64 {
        0
    }

    /// Whether it scores by the factors of users and items, so that users can be segmented by them.
    fn has_taste_factors(&self) -> bool {
        false
    }

    /// Whether scores depend on the weights of the items in a history, and so on their order.
    fn weighs_history(&self) -> bool {
        false
    }

    /// Whether its fit depends on how much more recent items count in histories.
    fn learns_recency(&self) -> bool {
        false
    }

    /// Whether it reads the ranks of a user's items.
    fn reads_ranks(&self) -> bool {
        false
    }

    /// Whether its fit depends on the closeness of items in their users' order.
    fn reads_order(&self, _options: &Options) -> bool {
        false
    }

    /// How many of the `columns` of a user's factors are tastes; the others are constants and biases.
    fn taste_columns(&self, columns: usize) -> usize {
        columns
    }

    /// The source that lists name if this scorer is the first of their blend.
    fn source(&self) -> Source {
        Source::Scorer(self.name())
    }

    /// Whether its fit depends on the weight β of what is known about items.
    fn reads_content(&self, _options: &Options) -> bool {
        false
    }

    /// The scorer's share of a blend, if the options fix it.
    fn share(&self, _options: &Options) -> AutoOr<f64> {
        AutoOr::Auto
    }

    /// The share of a blend that it gets unless the options fix it or another is better by a standard error. The default is
    /// that of neighbours: on Gowalla's validation split it reaches .2340/.1371 (recall/ndcg@20), .2 reaches .2323/.1358, .5
    /// .2329/.1369, and .65 .2310/.1361.
    fn usual_share(&self) -> f32 {
        0.35
    }

    /// Whether only the latest events can say what it is worth, since others hold out what is earlier than what is known.
    fn needs_latest(&self) -> bool {
        false
    }

    /// Whether it can rank without others, which it cannot if it knows only items that the user has.
    fn ranks_alone(&self) -> bool {
        true
    }

    /// The most entries of the row that the scorer keeps for each user, see [`Fitted::user_row`]; 0 if it keeps none. A
    /// scorer with such rows knows nothing of people who came after the training, so a blend never consists of it alone.
    fn user_row_entries(&self, _options: &Options) -> usize {
        0
    }

    /// Fits the scorer to interactions; `None` if the training fits it before users are segmented, because it has taste
    /// factors, or if it would cost more than it is worth.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    fn fit(
        &self,
        _input: FitInput<'_>,
        _options: &Options,
        _observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        Ok(None)
    }

    /// The names and kinds of the sections in which a fit is stored, if factors have `columns` columns.
    fn sections(&self, _columns: usize) -> Vec<(&'static str, SectionKind)> {
        Vec::new()
    }

    /// Opens a stored fit without copying its sections.
    ///
    /// # Errors
    /// [`crate::EngineError::Encoding`] if a section is missing or of another kind.
    fn open<'a>(&self, sections: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>>;
}

/// What a scorer is fitted to.
#[derive(Clone, Copy, Debug)]
pub struct FitInput<'a> {
    /// Who chose what.
    pub interactions: &'a Interactions,
    /// What is known about the items; `None` if nothing tells them apart.
    pub content: Option<&'a ItemContent>,
    /// The users that will be scored, ascending; `None` for all. Others need no [`Fitted::user_row`].
    pub users: Option<&'a [u32]>,
    /// The holdout whose training part the interactions are, for a fit that stops when it ranks no better; `None` in the
    /// fit to everything.
    pub held_out: Option<&'a Holdout>,
}

/// What is known about the items of a training.
#[derive(Clone, Debug)]
pub struct ItemContent {
    /// Turns rows of the table of items into vectors.
    pub encoder: ItemEncoder,
    /// The vectors of the items, items × m.
    pub items: EncodedItems,
    /// For each item, those with the largest cosines, and the cosines (items × items).
    pub nearest: SparseRows,
}

/// A fitted scorer, from a training or opened from storage.
pub trait Fitted: Debug + Send + Sync {
    /// The scorer for one user, who sees items as `view` says.
    fn scorer<'a>(
        &'a self,
        view: SegmentView<'a>,
        user: KnownUser<'a>,
        scratch: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a>;

    /// The contents to store, keyed by the names in [`Method::sections`].
    ///
    /// # Errors
    /// [`crate::EngineError::Encoding`].
    fn sections(&self) -> Result<Vec<(&'static str, NewSection<'_>)>> {
        Ok(Vec::new())
    }

    /// The row that the scorer keeps for a user of the training: to be stored with the user, and passed to
    /// [`Self::scorer`] in [`KnownUser::row`]. `None` if it keeps none of this user.
    fn user_row(&self, _user: usize) -> Option<UserRow<'_>> {
        None
    }

    /// What the scorer makes of a user, for means over users, if its scores are linear in that and not in the user's items.
    fn representation(&self, _view: SegmentView<'_>, _user: KnownUser<'_>) -> Option<Vec<f32>> {
        None
    }

    /// The same fit with a part of its own for each segment that is marked in `own`, which users see by
    /// [`SegmentView::own_part`]; `None` if there are no such parts.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    fn with_segments(
        &self,
        _segments: &Segments,
        _own: &[bool],
        _input: FitInput<'_>,
        _options: &Options,
        _observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        Ok(None)
    }

    /// The number of epochs of the fit; 0 if it has none.
    fn epochs(&self) -> usize {
        0
    }

    /// The factors of a user, computed from their items and attributes without training; `None` if nothing is known of
    /// the user, or the scorer has no factors. If `observer` requests cancellation, the result is meaningless.
    fn fold_in(
        &self,
        _view: SegmentView<'_>,
        _user: KnownUser<'_>,
        _observer: &dyn Observer,
    ) -> Option<Vec<f32>> {
        None
    }

    /// Encodes the attributes of users that the scorer reads; `None` if it reads none.
    fn encoder(&self) -> Option<&AttributeEncoder> {
        None
    }

    /// The score as it is shown to users, in units of their own where it has any.
    fn shown(&self, score: f32) -> f32 {
        score
    }

    /// The same fit, extended by items without events, which resemble others; `None` if it cannot score such items, or
    /// scores them already.
    ///
    /// # Errors
    /// [`crate::EngineError::Shape`], [`crate::EngineError::Cancelled`].
    fn with_new_items(
        &self,
        _new: &NewItemShares<'_>,
        _observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        Ok(None)
    }

    /// What each item in a history adds to the score of `target`, if scores are sums of such weights. Otherwise `None`,
    /// and users are scored one by one.
    fn column(&self, _target: u32) -> Option<Vec<f32>> {
        None
    }

    /// The items similar to another, ascending, and the similarities; `None` if the scorer has no notion of them.
    fn similar(&self, _item: u32) -> Option<(&[u32], &[f32])> {
        None
    }
}

/// What a fit is told about a user it scores for.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownUser<'a> {
    /// The user's items that the model uses, ascending.
    pub items: &'a [u32],
    /// The confidences of `items`; empty if no explanation is needed.
    pub confidences: &'a [f32],
    /// The weights of `items` in the history, if they are not all 1.
    pub weights: Option<&'a [f32]>,
    /// The ranks of `items` in the order of time; empty if that is not known, or does not matter.
    pub ranks: &'a [f32],
    /// How often the user took each of `items`; empty if that is not known, or lists have nothing that the user has.
    pub repeats: &'a [Repeat],
    /// What a scorer with representations makes of the user, if it shall not look at `items`; else empty.
    pub representation: &'a [f32],
    /// The user's factors; empty if no scorer has taste factors.
    pub factors: &'a [f32],
    /// The user's attributes as features of [`Fitted::encoder`], ascending; only fold-in and explanations read them.
    pub attributes: &'a [u32],
    /// The row that this fit keeps for the user; empty for whoever came after the training, and for fits without rows.
    pub row: UserRow<'a>,
}

/// A sparse row of items that a scorer keeps for one user.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UserRow<'a> {
    /// The items, ascending.
    pub items: &'a [u32],
    /// One weight per item.
    pub weights: &'a [f32],
}

/// A model from the point of view of one segment, or of nobody's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SegmentView<'a> {
    /// The number of items.
    pub items: usize,
    /// The item factors; empty if no scorer of the blend has taste factors.
    pub factors: ItemFactors<'a>,
    /// Popularity among all users.
    pub everybody: Popular<'a>,
    /// The number of the segment, if it is ranked by parts of its own.
    pub own_part: Option<u32>,
    /// What is popular now, in a stored version whose blend has it.
    pub recent: Option<&'a RecentCounts>,
    /// Popularity in the segment; `None` unless the segment is ranked by it.
    pub segment: Option<SegmentPopular<'a>>,
}

/// The largest segmentation that a training considers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSizes {
    /// The number of segments.
    pub count: usize,
    /// The number of (segment, item) pairs that occur.
    pub pairs: u64,
}

impl SegmentSizes {
    /// The upper limit that options and data permit.
    pub fn most(size: Size, options: &Options) -> Self {
        let Size { users, events, spread, .. } = size;
        let most = match events {
            0 => options.segmentation.readable_target(users),
            _ => options.segmentation.recommending_target(users, events, options.als.most_factors()),
        };
        let count = most.counts.last().copied().unwrap_or(1);
        Self { count, pairs: if count > 1 { spread.pairs(count) } else { 0 } }
    }
}
