//! A deployed version loaded by a session: its options and decisions, and the mapped file with everything else.

use super::cache::{self, CacheFile};
use super::followed::Followed;
use super::segments::{ServedSegments, live_features};
use crate::catalog::models::{EventsSource, Model};
use crate::catalog::sources::attributes::LiveUser;
use crate::catalog::sources::live_events::LiveEvents;
use crate::catalog::versions::{self, DeployedVersion};
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::parse_id;
use segrec_engine::interactions::{Id, SortedIds, Weighting};
use segrec_engine::options::algorithm::Decided;
use segrec_engine::options::{Options, parse_options};
use segrec_engine::ranking::blended::Weight;
use segrec_engine::scorers::Fitted;
use segrec_engine::scorers::factors::FoldIn;
use segrec_engine::scorers::factors::ItemRows;
use segrec_engine::scorers::factors::coded::{CodedRows, Codes};
use segrec_engine::scorers::neighbours::NeighbourScratch;
use segrec_engine::scorers::popularity::{Popular, SegmentPopular};
use segrec_engine::scorers::ratings::AttributeEncoder;
use segrec_engine::scorers::ratings::rated::Rated;
use segrec_engine::scorers::registry::named;
use segrec_engine::{EngineError, Matrix, Rows, Silent};
use std::cell::RefCell;
use std::rc::Rc;

/// A deployed version that recommends.
pub struct ServedVersion {
    id: i64,
    /// The checked options of its training.
    pub options: Options,
    /// The choices that its training made where options leave them open.
    pub decided: Decided,
    /// The parts of a rating model besides factors.
    pub rated: Option<Rated>,
    /// The columns of users from which ratings are predicted.
    reads: Vec<String>,
    attributes: Followed<LiveUser>,
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
        let rated = match decided.blend.has("ratings") {
            true => Some(Rated::open(&cache.sections("ratings")?)?),
            false => None,
        };
        let reads = rated.as_ref().and_then(|rated| rated.encoder.as_ref()).map(AttributeEncoder::reads);
        let reads = reads.unwrap_or_default();
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
            rated,
            reads,
            attributes: Followed::default(),
            stored,
            cache,
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
        self.live.reader(&self.model.name, || {
            let type_weights = self.options.events.type_weights.clone();
            LiveEvents::new(&self.model, source, type_weights, self.options.is_explicit())
        })
    }

    /// The item ids; an item's number is its index.
    pub fn item_ids(&self) -> SortedIds<'_> {
        self.cache.ids()
    }

    /// Popularity among all users.
    pub fn popular(&self) -> Popular<'_> {
        self.cache.popular()
    }

    /// Verifies all sections at once, for work that must not fail halfway.
    pub fn verify(&self) -> Result<()> {
        self.cache.verify_all()
    }

    /// k, the number of factors.
    pub fn factors(&self) -> usize {
        self.decided.als.factors
    }

    /// The stored scorers of the blend, in order; `None` for scorers that use the factors of the backbone and the
    /// segments.
    pub fn fitted(&self) -> Result<Vec<Option<Box<dyn Fitted + '_>>>> {
        let open = |Weight { scorer, .. }: &Weight| match named(scorer) {
            // Sections of scorers that are factors hold what only folding in and explanations read.
            Some(method) if !method.has_taste_factors() => Ok(method.open(&self.cache.sections(scorer)?)?),
            _ => Ok(None),
        };
        self.decided.blend.0.iter().map(open).collect()
    }

    /// The backbone's item factors, items × k.
    pub fn backbone(&self) -> Result<Rows<'_>> {
        Ok(self.cache.backbone()?.exact)
    }

    /// The item factors as a segment sees them.
    pub fn item_rows<'a>(&'a self, segment: Option<Segment<'a>>) -> Result<ItemRows<'a>> {
        let own = segment.and_then(|segment| segment.own.map(|own| (segment.items, own.item_factors)));
        Ok(ItemRows { backbone: self.backbone()?, own })
    }

    /// The item factors as a segment sees them, exact and quantized.
    pub fn coded<'a>(&'a self, segment: Option<Segment<'a>>) -> Result<CodedRows<'a>> {
        let own = segment.and_then(|segment| segment.own).map_or_else(Codes::default, |own| own.codes);
        Ok(CodedRows { exact: self.item_rows(segment)?, backbone: self.cache.backbone()?.codes, own })
    }

    /// What having rated each item adds to a user's prior mean.
    pub fn all_patterns(&self) -> Result<Rows<'_>> {
        Ok(Rated::patterns(&self.cache.sections("ratings")?)?)
    }

    /// What having rated each of `items` adds to a user's prior mean.
    pub fn patterns(&self, items: &[u32]) -> Result<Matrix> {
        Ok(self.all_patterns()?.select(items))
    }

    /// The current attributes of a user, as features of the rating model.
    pub fn attributes_of(&self, user: Id<'_>) -> Result<Vec<u32>> {
        let encoder = self.rated.as_ref().and_then(|rated| rated.encoder.as_ref());
        let Some(encoder) = encoder else {
            return Ok(Vec::new());
        };
        let model = &self.model;
        let live = self.attributes.reader(&model.name, || live_features(model, self.reads.clone()))?;
        let Some(row) = live.map_or(Ok(None), |live| live.find(user))? else {
            return Ok(Vec::new());
        };
        match encoder.encode(&row, &Silent) {
            Ok(attributes) => Ok(attributes.row(0).to_vec()),
            // A column has changed its type since the training, so ignore the row.
            Err(EngineError::Column { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Like [`Self::attributes_of`], for an id given as text or in the model's type.
    pub fn attributes_of_text(&self, user: Id<'_>) -> Result<Vec<u32>> {
        let user = match user {
            Id::Text(text) => parse_id(text, self.model.user_kind),
            user => Some(user),
        };
        user.map_or_else(|| Ok(Vec::new()), |user| self.attributes_of(user))
    }

    /// The number of columns that are tastes; for ratings, the last two are a bias and 1.
    pub fn tastes(&self, columns: usize) -> usize {
        columns.saturating_sub(if self.rated.is_some() { 2 } else { 0 })
    }

    /// The score to display: ratings are returned in their own units.
    pub fn shown(&self, score: f32) -> f32 {
        self.rated.as_ref().map_or(score, |rated| rated.clip(rated.mean + f64::from(score)))
    }

    /// Fold-in against the backbone.
    pub fn fold_in(&self) -> Result<FoldIn<'_>> {
        Ok(FoldIn::new(self.cache.base()?, self.item_ids().len(), self.decided.als))
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
            fold_in: FoldIn::new(parts.base, self.item_ids().len(), self.decided.als),
        });
        let (users, all_users) = (stored.users as usize, self.stored.users as usize);
        let popular = SegmentPopular::new(parts.popular, parts.items, users, self.popular(), all_users);
        Ok(Segment { items: parts.items, own, popular, has_own_part: stored.own_factors })
    }
}
