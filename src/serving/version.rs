//! A deployed version as a session holds it: ids and segments at once, a segment's rows and the
//! backbone's when a call first needs them.

use super::segments::{ServedSegments, live_features};
use crate::catalog::events::LiveEvents;
use crate::catalog::factors::{self, parse_id};
use crate::catalog::models::{EventsSource, Model};
use crate::catalog::relations;
use crate::catalog::segments;
use crate::catalog::users::LiveUser;
use crate::catalog::versions::{self, DeployedVersion};
use crate::error::{Result, SegrecError};
use segrec_engine::factorization::FoldIn;
use segrec_engine::interactions::{Id, IdKind, IdMap, Ids, Weighting};
use segrec_engine::neighbours::{NeighbourScratch, Neighbours};
use segrec_engine::ranking::{Popularity, Scoring};
use segrec_engine::rating::AttributeEncoder;
use segrec_engine::recipe::rated::Rated;
use segrec_engine::recipe::{Decided, Options, parse_options};
use segrec_engine::{EngineError, Matrix, Silent};
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// A deployed version.
pub struct ServedVersion {
    id: i64,
    /// The checked options it was trained with.
    pub options: Options,
    /// What was decided where these leave it open.
    pub decided: Decided,
    /// What ratings need besides factors.
    pub rated: Option<Rated>,
    /// Reads what is known about a user besides ratings.
    pub attributes: Option<LiveUser>,
    /// The weight that became a confidence of 1.
    pub median_weight: f32,
    /// How events are weighted.
    pub weighting: Weighting,
    user_kind: IdKind,
    items: IdMap,
    /// segments × k.
    pub centroids: Matrix,
    /// How popular each item is, and the items in that order.
    pub item_popularity: Vec<f32>,
    /// What is popular with everybody.
    pub popularity: Popularity,
    /// Its segments, and who is in them.
    pub members: Rc<ServedSegments>,
    /// Reads a user's events now; only where an index makes that quick.
    pub live: Option<LiveEvents>,
    stored: DeployedVersion,
    backbone: OnceCell<Rc<Backbone>>,
    neighbours: OnceCell<Rc<Neighbours>>,
    /// Space for sums over neighbours.
    pub scratch: RefCell<NeighbourScratch>,
    segments: Vec<OnceCell<Rc<Segment>>>,
    fold_in: OnceCell<FoldIn>,
}

/// The backbone's item factors.
pub struct Backbone {
    /// items × k.
    pub item_factors: Matrix,
}

/// The rows of a segment.
pub struct Segment {
    /// The items that occur in it, ascending.
    pub items: Vec<u32>,
    /// Its own factors of these; `None` where the gate refused it.
    pub own: Option<OwnFactors>,
    /// What is popular in it, with everybody's popularity where it is small.
    pub popularity: Popularity,
    /// Whether it is ranked by a part of its own.
    pub has_own_part: bool,
}

/// A segment's own factors.
pub struct OwnFactors {
    /// Its items × k.
    pub item_factors: Matrix,
    /// Folds users in against them.
    pub fold_in: FoldIn,
}

impl ServedVersion {
    /// Loads a version. The events are looked at again: an index may have come or gone.
    pub fn load(model: &Model, source: &EventsSource, members: Rc<ServedSegments>) -> Result<Self> {
        let version_id = members.id();
        let (stored, centroids) = versions::load(version_id)?;
        let options = parse_options(&stored.options).map_err(SegrecError::InvalidOptions)?;
        let decided = stored.decided;
        let rated: Option<Rated> = stored.rated.as_deref().map(segments::decode).transpose()?;
        let reads = rated.as_ref().and_then(|rated| rated.encoder.as_ref()).map(AttributeEncoder::reads);
        let attributes = reads.map(|reads| live_features(model, reads)).transpose()?.flatten();
        let (ids, item_popularity) = factors::load_items(version_id, source.item_kind)?;
        let columns = relations::event_columns(&model.name, source.relation, &source.columns)?;
        let live = relations::has_leading_index(source.relation, &source.columns.user)?
            .then(|| LiveEvents::new(&columns, options.events.type_weights.clone(), options.is_explicit()))
            .transpose()?;
        let popularity = Popularity::new((0..).zip(item_popularity.iter().copied()));
        Ok(Self {
            id: version_id,
            median_weight: stored.median_weight,
            weighting: options.weighting(stored.anchor),
            user_kind: model.user_kind,
            items: IdMap::from_ids(ids),
            item_popularity,
            popularity,
            members,
            live,
            segments: (0..centroids.rows()).map(|_| OnceCell::new()).collect(),
            centroids,
            options,
            decided,
            rated,
            attributes,
            stored,
            backbone: OnceCell::new(),
            neighbours: OnceCell::new(),
            scratch: RefCell::default(),
            fold_in: OnceCell::new(),
        })
    }

    /// The version's key.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Numbers of items by id.
    pub fn items(&self) -> &IdMap {
        &self.items
    }

    /// Ids of items by number.
    pub fn item_ids(&self) -> &Ids {
        self.items.ids()
    }

    /// k.
    pub fn factors(&self) -> usize {
        self.decided.als.factors
    }

    /// What items say for others, loaded when first needed.
    pub fn neighbours(&self) -> Result<Rc<Neighbours>> {
        if let Some(neighbours) = self.neighbours.get() {
            return Ok(Rc::clone(neighbours));
        }
        let neighbours = Rc::new(factors::load_neighbours(self.id)?);
        Ok(Rc::clone(self.neighbours.get_or_init(|| neighbours)))
    }

    /// The backbone, loaded when first needed.
    pub fn backbone(&self) -> Result<Rc<Backbone>> {
        if let Some(backbone) = self.backbone.get() {
            return Ok(Rc::clone(backbone));
        }
        let backbone = Rc::new(Backbone { item_factors: factors::load_backbone(self.id, self.factors())? });
        Ok(Rc::clone(self.backbone.get_or_init(|| backbone)))
    }

    /// The backbone's factors of some items (ascending): from memory, or just these rows.
    pub fn backbone_rows(&self, items: &[u32]) -> Result<Matrix> {
        match self.backbone.get() {
            Some(backbone) => Ok(backbone.item_factors.select(items)),
            None => factors::load_backbone_rows(self.id, items, self.factors()),
        }
    }

    /// What having rated some items (ascending) says about a user.
    pub fn patterns(&self, items: &[u32]) -> Result<Matrix> {
        factors::load_patterns(self.id, items, self.factors().saturating_sub(1))
    }

    /// What is known about a user besides ratings, as features.
    pub fn attributes_of(&self, user: Id<'_>) -> Result<Vec<u32>> {
        let encoder = self.rated.as_ref().and_then(|rated| rated.encoder.as_ref());
        let (Some(encoder), Some(live)) = (encoder, &self.attributes) else {
            return Ok(Vec::new());
        };
        let Some(row) = live.find(user)? else {
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
            Id::Text(text) => parse_id(text, self.user_kind),
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
    pub fn fold_in(&self) -> &FoldIn {
        self.fold_in
            .get_or_init(|| FoldIn::new(&self.stored.item_gram, self.item_ids().len(), self.decided.als))
    }

    /// The number of a segment by its id.
    pub fn segment_number(&self, id: i32) -> Result<u32> {
        let number = self.members.ids.binary_search(&id);
        number
            .map(|number| number as u32)
            .map_err(|_| SegrecError::Internal(format!("there is no segment {id}")))
    }

    /// A segment (from 0), loaded when first needed.
    pub fn segment(&self, segment: u32) -> Result<Rc<Segment>> {
        let cell = self
            .segments
            .get(segment as usize)
            .ok_or_else(|| SegrecError::Internal(format!("there is no segment number {segment}")))?;
        if let Some(segment) = cell.get() {
            return Ok(Rc::clone(segment));
        }
        let stored = &self.stored.segments[segment as usize];
        let (items, popularity, matrix) = factors::load_segment_items(self.id, stored.id, self.factors())?;
        let own = match (&stored.item_gram, stored.own_factors) {
            (Some(gram), true) => Some(OwnFactors {
                item_factors: matrix,
                fold_in: FoldIn::new(gram, self.item_ids().len(), self.decided.als),
            }),
            _ => None,
        };
        let popularity = Popularity::of_segment(
            &items,
            &popularity,
            stored.users as usize,
            &self.item_popularity,
            self.stored.users as usize,
        );
        let loaded = Rc::new(Segment { items, own, popularity, has_own_part: stored.own_factors });
        Ok(Rc::clone(cell.get_or_init(|| loaded)))
    }
}

impl Segment {
    /// What its users are scored against, where it has its own factors.
    pub fn scoring(&self) -> Option<Scoring<'_>> {
        self.own.as_ref().map(|own| Scoring { item_factors: &own.item_factors, items: Some(&self.items) })
    }
}
