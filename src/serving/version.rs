//! A deployed version loaded by a session: its options and decisions, and the mapped file with everything else.

use super::cache::{self, CacheFile};
use super::described_items::{live_item, vector};
use super::followed::Followed;
use super::later_items::{LaterItems, Viewer, later_rows};
use super::popular_now::{self, SeenCounts, SegmentsOf};
use super::rule_cache::RuleCache;
use super::segments::{ServedSegments, live_features};
use crate::catalog::models::{EventsSource, Model, RelationRef};
use crate::catalog::sources::attributes::LiveRow;
use crate::catalog::sources::later_rows::LaterRows;
use crate::catalog::sources::live_events::LiveEvents;
use crate::catalog::sources::recent_events::RecentEvents;
use crate::catalog::sources::shown_rows::{ShownColumns, ShownRows};
use crate::catalog::versions::{self, DeployedVersion};
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::parse_id;
use pgrx::pg_sys;
use pgrx::prelude::statement_timestamp;
use segrec_engine::features::{EncodedItems, ItemEncoder, Table};
use segrec_engine::interactions::{Id, NumberedIds, SortedIds, Weighting};
use segrec_engine::options::algorithm::{Algorithm, Decided};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::ranking::Source;
use segrec_engine::scorers::Method;
use segrec_engine::scorers::attributes::{OpenedAttributes, ranking};
use segrec_engine::scorers::content::ItemDescriber;
use segrec_engine::scorers::factors::coded::Codes;
use segrec_engine::scorers::factors::{FoldIn, ItemFactors, ItemRows};
use segrec_engine::scorers::method::SegmentView;
use segrec_engine::scorers::neighbours::NeighbourScratch;
use segrec_engine::scorers::popular_now::RecentCounts;
use segrec_engine::scorers::popular_now::method::{COUNTS, PopularNow};
use segrec_engine::scorers::popularity::{Popular, SegmentPopular};
use segrec_engine::scorers::ratings::AttributeEncoder;
use segrec_engine::scorers::registry::{DESCRIBER, ENCODER, by_tastes};
use segrec_engine::scorers::sections::StoredSections;
use segrec_engine::{EngineError, Matrix, Rows, Silent};
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// The most viewers whose later items are kept.
const MOST_VIEWERS: usize = 8;

/// A deployed version that recommends.
pub struct ServedVersion {
    id: i64,
    /// The checked options of its training.
    pub options: Options,
    /// The choices that its training made where options leave them open.
    pub decided: Decided,
    attributes: Followed<LiveRow>,
    /// The weight that corresponds to a confidence of 1.
    pub median_weight: f32,
    /// The weighting of events.
    pub weighting: Weighting,
    model: Model,
    /// The centroids of the segments, segments × k.
    pub centroids: Matrix,
    /// The segments, and the lookup of their users.
    pub members: Rc<ServedSegments>,
    live: Followed<LiveEvents>,
    stored: DeployedVersion,
    cache: CacheFile,
    described: Followed<LiveRow>,
    later: Followed<LaterRows>,
    /// The items that this session has met besides those of the version.
    met: RefCell<Vec<Rc<LaterItems>>>,
    recent: Followed<RecentEvents>,
    /// What reads which items may be shown.
    shown: RefCell<Option<Rc<ShownRows>>>,
    /// The rules of the model.
    pub rules: RuleCache,
    /// What is popular now, as of the training, and as this session has seen it.
    counted: OnceCell<Arc<RecentCounts>>,
    seen: RefCell<SeenCounts>,
    /// The items without events, ascending; found on first use.
    new_items: OnceCell<Vec<u32>>,
    /// Scratch space for scores of neighbours.
    pub scratch: RefCell<NeighbourScratch>,
}

#[derive(Clone, Copy)]
pub struct Segment<'a> {
    /// The items that occur in the segment, ascending.
    pub items: &'a [u32],
    /// The segment's own factors; `None` if it has none, for example because the gate rejected them.
    pub own: Option<OwnFactors<'a>>,
    /// Popularity in the segment, smoothed by that among all users.
    pub popular: SegmentPopular<'a>,
    /// Whether the segment is ranked by its own part.
    pub has_own_part: bool,
    /// Its number.
    number: u32,
}

impl Segment<'_> {
    /// The number of the segment, if it is ranked by its own part.
    pub fn own_part(&self) -> Option<u32> {
        self.has_own_part.then_some(self.number)
    }
}

/// A segment's own factors.
#[derive(Clone, Copy)]
pub struct OwnFactors<'a> {
    /// The factors of its items, items × k.
    pub item_factors: Rows<'a>,
    /// The codes of these factors.
    pub codes: Codes<'a>,
    /// Fold-in against these factors.
    pub fold_in: FoldIn<'a>,
}

impl ServedVersion {
    /// Loads a version.
    pub fn load(model: &Model, source: &EventsSource, members: Rc<ServedSegments>) -> Result<Self> {
        let version_id = members.id();
        let Some((stored, centroids)) = versions::load(version_id)? else {
            return Err(SegrecError::VersionGone { model: model.name.clone() });
        };
        let options = parse_options(&stored.options).map_err(SegrecError::InvalidOptions)?;
        let decided = stored.decided.clone();
        let cache = cache::open(model, version_id, source.item_kind, &stored)?;
        Ok(Self {
            id: version_id,
            median_weight: stored.median_weight,
            weighting: Weighting { shift: decided.shift, ..options.weighting(stored.anchor) },
            model: model.clone(),
            members,
            live: Followed::default(),
            centroids,
            options,
            decided,
            attributes: Followed::default(),
            stored,
            cache,
            described: Followed::default(),
            later: Followed::default(),
            met: RefCell::default(),
            recent: Followed::default(),
            shown: RefCell::default(),
            rules: RuleCache::default(),
            counted: OnceCell::new(),
            seen: RefCell::default(),
            new_items: OnceCell::new(),
            scratch: RefCell::default(),
        })
    }

    /// The model's row when the version was loaded.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The key of the version.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// A reader of a user's current events; `None` without a suitable index.
    pub fn live(&self) -> Result<Option<Rc<LiveEvents>>> {
        let Some(source) = &self.model.events else { return Ok(None) };
        self.live.reader((&self.model.name, source.relation), || {
            let type_weights = self.options.events.type_weights.clone();
            LiveEvents::new(&self.model, source, type_weights, self.options.is_explicit())
        })
    }

    /// The item ids, by number.
    pub fn item_ids(&self) -> NumberedIds<'_> {
        self.cache.ids()
    }

    /// The items that the relation of items no longer has, ascending; no list contains them.
    pub fn withdrawn(&self) -> &[u32] {
        self.cache.withdrawn()
    }

    /// What a list leaves out if it leaves out `seen`: also the withdrawn items. Both are ascending.
    pub fn left_out<'a>(&'a self, seen: &'a [u32]) -> Cow<'a, [u32]> {
        match (seen, self.withdrawn()) {
            (seen, []) => Cow::Borrowed(seen),
            ([], withdrawn) => Cow::Borrowed(withdrawn),
            (seen, withdrawn) => {
                let mut all = [seen, withdrawn].concat();
                all.sort_unstable();
                Cow::Owned(all)
            }
        }
    }

    /// Popularity among all users.
    pub fn popular(&self) -> Popular<'_> {
        self.cache.popular()
    }

    /// The source of a scored item: whether it has no events, else the `usual` one.
    pub fn source_of(&self, item: u32, usual: Source) -> Source {
        if self.is_new(item) { Source::NewItem } else { usual }
    }

    /// Whether an item has no events, and is scored by what is known about it.
    pub fn is_new(&self, item: u32) -> bool {
        self.new_items().binary_search(&item).is_ok()
    }

    /// The items without events, ascending; none if these are not scored.
    pub fn new_items(&self) -> &[u32] {
        if self.decided.new_items <= 0.0 {
            return &[];
        }
        self.new_items.get_or_init(|| {
            let mut has_events = vec![false; self.item_ids().len()];
            let popular = self.popular().items().filter(|scored| scored.score > 0.0);
            popular.for_each(|scored| has_events[scored.item as usize] = true);
            (0..has_events.len() as u32).filter(|&item| !has_events[item as usize]).collect()
        })
    }

    /// Turns rows of the relation of items into vectors; `None` if scores do not depend on them.
    pub fn item_encoder(&self) -> Result<Option<&ItemEncoder>> {
        let (scorer, name, _) = ENCODER;
        let sections = self.sections(scorer)?;
        sections.has(name).then(|| Ok(sections.decoded(name, ItemEncoder::from_bytes)?)).transpose()
    }

    /// What describes items that come after the training; `None` if lists would not gain by them.
    pub fn item_describer(&self) -> Result<Option<(&ItemEncoder, &ItemDescriber)>> {
        let (scorer, name, _) = DESCRIBER;
        let sections = self.sections(scorer)?;
        match self.item_encoder()? {
            Some(encoder) if sections.has(name) => {
                Ok(Some((encoder, sections.decoded(name, ItemDescriber::from_bytes)?)))
            }
            _ => Ok(None),
        }
    }

    /// The current row of an item as a vector of `encoder`; `None` if it cannot be read as at the training.
    pub fn item_vector(&self, encoder: &ItemEncoder, item: Id<'_>) -> Result<Option<EncodedItems>> {
        let (model, config) = (&self.model, &self.options.items.text_config);
        let live = self.described.reader(model.items_relation(), || live_item(model, encoder, config))?;
        live.map_or(Ok(None), |live| vector(&live, encoder, item))
    }

    /// The items that were inserted after the training, as far as the caller may read them, and their reader; `None` if
    /// there are none, or they cannot be found by their keys.
    pub fn later_items(&self) -> Result<Option<(Rc<LaterItems>, Rc<LaterRows>)>> {
        let (Some((encoder, describer)), Some(items)) = (self.item_describer()?, &self.model.items) else {
            return Ok(None);
        };
        let known = self.item_ids();
        let write = || later_rows(&self.model.name, (items, known.kind()), &self.options.items);
        let Some(rows) = self.later.reader((&self.model.name, items.relation), write)? else {
            return Ok(None);
        };
        // What policies and some views show depends on more than the role, so it is not kept.
        let (viewer, keeps) = (Viewer::current(), !rows.depends_on_session()?);
        let of = |viewer: Viewer| self.met.borrow().iter().find(|met| met.viewer() == viewer).map(Rc::clone);
        let met = if keeps { of(viewer).or_else(|| of(viewer.without_writes())) } else { None };
        let met = match met {
            Some(met) => met,
            None => {
                let newest = match (&self.options.items.added_column, known.sorted) {
                    (None, SortedIds::Bigint(keys)) => Some(keys.last().copied().unwrap_or(i64::MIN)),
                    _ => None,
                };
                Rc::new(LaterItems::none(newest, known.kind(), known.len(), self.factors(), describer)?)
            }
        };
        let vector = |id: Id<'_>| self.item_vector(encoder, id);
        let newer = met.with_newer(viewer, &rows, describer, (known, self.backbone()?), &vector)?;
        let met = match newer.map(Rc::new) {
            Some(newer) => {
                if keeps {
                    let mut all = self.met.borrow_mut();
                    all.retain(|met| met.viewer() != viewer && met.viewer().is_of(viewer));
                    all.truncate(MOST_VIEWERS - 1);
                    all.insert(0, Rc::clone(&newer));
                }
                newer
            }
            None => met,
        };
        Ok((met.len() > 0).then_some((met, rows)))
    }

    /// What is popular now, with the events that came since the training, as far as the caller may read them; `None` if it is
    /// not part of the blend.
    pub fn recent(&self) -> Result<Option<Arc<RecentCounts>>> {
        if !self.decided.blend.has(PopularNow.name()) {
            return Ok(None);
        }
        let anchor = self.weighting.anchor;
        let trained = match self.counted.get() {
            Some(trained) => trained,
            None => {
                let rows = self.sections(PopularNow.name())?.dense(COUNTS).map_err(SegrecError::from)?;
                let counts = (0..rows.rows()).map(|item| rows.row(item)[0]).collect();
                let counts = RecentCounts::new(counts, self.decided.popular_now, anchor);
                let segments = match self.decided.popular_now_by_segment {
                    true => self.cache.recent_in_segments()?,
                    false => Vec::new(),
                };
                let counts = counts.by_segment(segments);
                self.counted.get_or_init(|| Arc::new(counts))
            }
        };
        let Some(source) = &self.model.events else { return Ok(Some(Arc::clone(trained))) };
        let Options { events, .. } = &self.options;
        let write = || {
            let (weights, signed) = (events.type_weights.clone(), self.options.is_explicit());
            RecentEvents::new(&self.model, source, weights, signed, popular_now::MOST)
        };
        let rows = self.recent.reader((&self.model.name, source.relation), write)?;
        let rows = match rows {
            Some(rows) if !rows.depends_on_session()? => rows,
            _ => return Ok(Some(Arc::clone(trained))),
        };
        let now = pg_sys::TimestampTz::from(statement_timestamp());
        let number = |id: Id<'_>| self.item_ids().find(id);
        let segments = |users| self.members.numbers(users);
        let segments: Option<SegmentsOf<'_>> = self.decided.popular_now_by_segment.then_some(&segments);
        // Taken out while the query runs, because what it calls may ask for a list itself.
        let mut seen = self.seen.take();
        let newer = seen.newer(&rows, (trained, anchor), now, (&number, segments));
        self.seen.replace(seen);
        newer.map(Some)
    }

    /// Reads which items of the relation may be shown. It is an error if that cannot be read, since what may not be shown
    /// must not be shown.
    pub fn shown_rows(
        &self,
        model: &str,
        items: &RelationRef,
        columns: &ShownColumns,
    ) -> Result<Rc<ShownRows>> {
        if let Some(rows) = self.shown.borrow().as_ref().filter(|rows| rows.is_current(items, columns)) {
            return Ok(Rc::clone(rows));
        }
        let rows = Rc::new(ShownRows::new(model, items, self.item_ids().kind(), columns)?);
        self.shown.replace(Some(Rc::clone(&rows)));
        Ok(rows)
    }

    /// Verifies all sections at once, for work that must not fail halfway.
    pub fn verify(&self) -> Result<()> {
        self.cache.verify_all()
    }

    /// k, the number of factors.
    pub fn factors(&self) -> usize {
        self.decided.als.factors
    }

    /// The moment as of which it is judged what a user takes again, whose events have these times: now, that is when the
    /// statement began. But if nothing has come from the user since the training, it is at most a half-life after the latest
    /// event of the training, so that the lists of a data set that has ended do not fade.
    pub fn moment(&self, mut times: impl Iterator<Item = i64>) -> i64 {
        let (now, anchor) = (pg_sys::TimestampTz::from(statement_timestamp()), self.weighting.anchor);
        if times.any(|time| anchor < time && time <= now) {
            return now;
        }
        now.min(anchor.saturating_add((self.decided.repeat * 1e6) as i64))
    }

    /// The seconds from the latest event of the training to [`Self::moment`] of users from whom nothing has come since.
    pub fn age(&self) -> f32 {
        let age = self.moment(std::iter::empty()).saturating_sub(self.weighting.anchor);
        (age.max(0) as f64 / 1e6) as f32
    }

    /// The age in seconds, at the training, from which on an item that a user saw may be in lists again; infinite if it may
    /// never.
    pub fn oldest_seen(&self) -> f64 {
        let Some(seconds) = self.options.events.seen_for else { return f64::INFINITY };
        let now = pg_sys::TimestampTz::from(statement_timestamp());
        seconds - now.saturating_sub(self.weighting.anchor).max(0) as f64 / 1e6
    }

    /// The stored sections of a scorer.
    pub fn sections(&self, scorer: &str) -> Result<StoredSections<'_>> {
        self.cache.sections(scorer)
    }

    /// The backbone's item factors, items × k.
    pub fn backbone(&self) -> Result<Rows<'_>> {
        Ok(self.cache.backbone()?.exact)
    }

    /// The version as a segment sees it, for scorers with taste factors.
    pub fn view<'a>(&'a self, segment: Option<Segment<'a>>) -> Result<SegmentView<'a>> {
        let backbone = self.cache.backbone()?;
        let (own, codes, fold_in) = match segment.and_then(|segment| Some((segment.items, segment.own?))) {
            Some((items, OwnFactors { item_factors, codes, fold_in })) => {
                (Some((items, item_factors)), codes, fold_in)
            }
            None => (None, Codes::default(), self.fold_in()?),
        };
        Ok(SegmentView {
            items: self.item_ids().len(),
            factors: ItemFactors {
                rows: ItemRows { backbone: backbone.exact, own },
                codes: Some([backbone.codes, codes]),
                fold_in: Some(fold_in),
            },
            ..SegmentView::default()
        })
    }

    /// The current row of a user, given by an id in the model's type or as text; `None` if it does not exist, or cannot
    /// be read by these columns or by the caller.
    fn row_of(&self, user: Id<'_>, reads: impl FnOnce() -> Vec<String>) -> Result<Option<Table>> {
        let model = &self.model;
        let user = match user {
            Id::Text(text) => parse_id(text, model.user_kind),
            user => Some(user),
        };
        let live = self.attributes.reader(model.users_relation(), || live_features(model, reads()))?;
        live.zip(user).map_or(Ok(None), |(live, user)| live.find(user))
    }

    /// The ranking of items by attributes, for users without events; `None` if these get what is popular.
    pub fn by_attributes(&self) -> Result<Option<OpenedAttributes<'_>>> {
        match self.decided.attributes {
            0 => Ok(None),
            _ => Ok(Some(OpenedAttributes::open(&self.sections(ranking::SCORER)?)?)),
        }
    }

    /// The current attributes of a user as a point of [`Self::by_attributes`]; `None` if these do not rank, or there is
    /// no row of users that the caller may read.
    pub fn point_of(&self, user: Id<'_>) -> Result<Option<Vec<f32>>> {
        let Some(by_attributes) = self.by_attributes()? else { return Ok(None) };
        let row = self.row_of(user, || by_attributes.reads())?;
        row.map(|row| Ok(by_attributes.point(row)?)).transpose()
    }

    /// The current attributes of a user, as the features that `encoder` makes of them.
    pub fn attributes_of(&self, encoder: &AttributeEncoder, user: Id<'_>) -> Result<Vec<u32>> {
        let Some(row) = self.row_of(user, || encoder.reads())? else { return Ok(Vec::new()) };
        match encoder.encode(&row, &Silent) {
            Ok(attributes) => Ok(attributes.row(0).to_vec()),
            // A column has changed its type since the training, so ignore the row.
            Err(EngineError::Column { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// The scorer whose factors represent the tastes of users.
    pub fn by_tastes(&self) -> &'static dyn Method {
        by_tastes(self.decided.blend.scorers())
    }

    /// Whether the version predicts ratings.
    pub fn predicts_ratings(&self) -> bool {
        self.decided.algorithm == Algorithm::Rating
    }

    /// The number of items of the training, whose factors users were fitted to.
    fn trained_items(&self) -> usize {
        (self.stored.items - self.stored.items_added) as usize
    }

    /// Fold-in against the backbone.
    fn fold_in(&self) -> Result<FoldIn<'_>> {
        Ok(FoldIn::new(self.cache.base()?, self.trained_items(), self.decided.als))
    }

    /// The number of a segment, by id.
    pub fn segment_number(&self, id: i32) -> Result<u32> {
        let number = self.members.ids.binary_search(&id);
        number
            .map(|number| number as u32)
            .map_err(|_| SegrecError::VersionDamaged { reason: format!("Segment {id} does not exist.") })
    }

    /// A segment, by number (from 0).
    pub fn segment(&self, segment: u32) -> Result<Segment<'_>> {
        let number = segment as usize;
        let (Some(stored), Some(parts)) = (self.stored.segments.get(number), self.cache.segment(number)?)
        else {
            return Err(SegrecError::VersionDamaged {
                reason: format!("Segment number {segment} does not exist."),
            });
        };
        let own = (!parts.base.is_empty()).then(|| OwnFactors {
            item_factors: parts.factors.exact,
            codes: parts.factors.codes,
            fold_in: FoldIn::new(parts.base, self.trained_items(), self.decided.als),
        });
        let (users, all_users) = (stored.users as usize, self.stored.users as usize);
        let popular = SegmentPopular::new(parts.popular, parts.items, users, self.popular(), all_users);
        Ok(Segment { items: parts.items, own, popular, has_own_part: stored.own_factors, number: segment })
    }
}
