//! A deployed version as a session holds it: what was decided, and the mapped file that has all the rest.

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
    /// The checked options it was trained with.
    pub options: Options,
    /// What was decided where these leave it open.
    pub decided: Decided,
    /// What ratings need besides factors.
    pub rated: Option<Rated>,
    /// The columns of users that ratings are predicted from.
    reads: Vec<String>,
    attributes: Followed<LiveUser>,
    /// The weight that became a confidence of 1.
    pub median_weight: f32,
    /// How events are weighted.
    pub weighting: Weighting,
    model: Model,
    /// segments × k.
    pub centroids: Matrix,
    /// Its segments, and who is in them.
    pub members: Rc<ServedSegments>,
    live: Followed<LiveEvents>,
    stored: DeployedVersion,
    cache: CacheFile,
    /// Space for sums over neighbours.
    pub scratch: RefCell<NeighbourScratch>,
}

#[derive(Clone, Copy)]
pub struct Segment<'a> {
    /// The items that occur in it, ascending.
    pub items: &'a [u32],
    /// Its own factors of these; `None` where the gate refused it.
    pub own: Option<OwnFactors<'a>>,
    /// What is popular in it, with everybody's popularity where it is small.
    pub popular: SegmentPopular<'a>,
    /// Whether it is ranked by a part of its own.
    pub has_own_part: bool,
}

/// A segment's own factors.
#[derive(Clone, Copy)]
pub struct OwnFactors<'a> {
    /// Its items × k.
    pub item_factors: Rows<'a>,
    /// The same as codes.
    pub codes: Codes<'a>,
    /// Folds users in against them.
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

    /// The model as it was when the version was loaded.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The version's key.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// What reads a user's events now; none where no index makes that quick.
    pub fn live(&self) -> Result<Option<Rc<LiveEvents>>> {
        let Some(source) = &self.model.events else { return Ok(None) };
        self.live.reader(&self.model.name, || {
            let type_weights = self.options.events.type_weights.clone();
            LiveEvents::new(&self.model, source, type_weights, self.options.is_explicit())
        })
    }

    /// Ids of items by number, and numbers by id.
    pub fn item_ids(&self) -> SortedIds<'_> {
        self.cache.ids()
    }

    /// What is popular with everybody.
    pub fn popular(&self) -> Popular<'_> {
        self.cache.popular()
    }

    /// Reads all of the version once, for work that must not stop in the middle.
    pub fn verify(&self) -> Result<()> {
        self.cache.verify_all()
    }

    /// k.
    pub fn factors(&self) -> usize {
        self.decided.als.factors
    }

    /// The scorers of its blend, in that order, as they were stored; none for those that are factors of the backbone and
    /// of segments.
    pub fn fitted(&self) -> Result<Vec<Option<Box<dyn Fitted + '_>>>> {
        let open = |Weight { scorer, .. }: &Weight| match named(scorer) {
            Some(method) => Ok(method.open(&self.cache.sections(scorer)?)?),
            None => Ok(None),
        };
        self.decided.blend.0.iter().map(open).collect()
    }

    /// The backbone's item factors: items × k.
    pub fn backbone(&self) -> Result<Rows<'_>> {
        Ok(self.cache.backbone()?.exact)
    }

    /// The factors of items as a segment sees them.
    pub fn item_rows<'a>(&'a self, segment: Option<Segment<'a>>) -> Result<ItemRows<'a>> {
        let own = segment.and_then(|segment| segment.own.map(|own| (segment.items, own.item_factors)));
        Ok(ItemRows { backbone: self.backbone()?, own })
    }

    /// The same, also as codes.
    pub fn coded<'a>(&'a self, segment: Option<Segment<'a>>) -> Result<CodedRows<'a>> {
        let own = segment.and_then(|segment| segment.own).map_or_else(Codes::default, |own| own.codes);
        Ok(CodedRows { exact: self.item_rows(segment)?, backbone: self.cache.backbone()?.codes, own })
    }

    /// What having rated each item says about a user.
    pub fn all_patterns(&self) -> Result<Rows<'_>> {
        Ok(Rated::patterns(&self.cache.sections("ratings")?)?)
    }

    /// What having rated some items says about a user.
    pub fn patterns(&self, items: &[u32]) -> Result<Matrix> {
        Ok(self.all_patterns()?.select(items))
    }

    /// What is known about a user besides ratings, as features.
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
            // A column is not what it was at the training: the row says nothing.
            Err(EngineError::Column { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// The same for an id as a call gives it, also as text.
    pub fn attributes_of_text(&self, user: Id<'_>) -> Result<Vec<u32>> {
        let user = match user {
            Id::Text(text) => parse_id(text, self.model.user_kind),
            user => Some(user),
        };
        user.map_or_else(|| Ok(Vec::new()), |user| self.attributes_of(user))
    }

    /// How many columns of so many are tastes: of ratings the last two are a bias and 1.
    pub fn tastes(&self, columns: usize) -> usize {
        columns.saturating_sub(if self.rated.is_some() { 2 } else { 0 })
    }

    /// A score as it is shown: ratings in their own units.
    pub fn shown(&self, score: f32) -> f32 {
        self.rated.as_ref().map_or(score, |rated| rated.clip(rated.mean + f64::from(score)))
    }

    /// Folds users in against the backbone.
    pub fn fold_in(&self) -> Result<FoldIn<'_>> {
        Ok(FoldIn::new(self.cache.base()?, self.item_ids().len(), self.decided.als))
    }

    /// The number of a segment by its id.
    pub fn segment_number(&self, id: i32) -> Result<u32> {
        let number = self.members.ids.binary_search(&id);
        number
            .map(|number| number as u32)
            .map_err(|_| SegrecError::VersionDamaged { reason: format!("there is no segment {id}") })
    }

    /// A segment (from 0).
    pub fn segment(&self, segment: u32) -> Result<Segment<'_>> {
        let number = segment as usize;
        let (Some(stored), Some(parts)) = (self.stored.segments.get(number), self.cache.segment(number)?)
        else {
            return Err(SegrecError::VersionDamaged {
                reason: format!("there is no segment number {segment}"),
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
