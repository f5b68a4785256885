//! A deployed version as a session holds it: ids and segments at once, a segment's rows and the
//! backbone's when a call first needs them.

use super::segments::ServedSegments;
use crate::catalog::events::LiveEvents;
use crate::catalog::factors;
use crate::catalog::models::{EventsSource, Model};
use crate::catalog::relations;
use crate::catalog::versions::{self, DeployedVersion};
use crate::error::{Result, SegrecError};
use segrec_engine::Matrix;
use segrec_engine::factorization::{AlsOptions, FoldIn};
use segrec_engine::interactions::{IdMap, Ids, Weighting};
use segrec_engine::ranking::{Popularity, Scoring};
use segrec_engine::recipe::{Options, parse_options};
use std::cell::OnceCell;
use std::rc::Rc;

/// A deployed version.
pub struct ServedVersion {
    id: i64,
    /// The checked options it was trained with.
    pub options: Options,
    als: AlsOptions,
    /// The weight that became a confidence of 1.
    pub median_weight: f32,
    /// How events are weighted.
    pub weighting: Weighting,
    items: IdMap,
    /// segments × k.
    pub centroids: Matrix,
    /// What is popular with everybody.
    pub popularity: Popularity,
    /// Its segments, and who is in them.
    pub members: Rc<ServedSegments>,
    /// Reads a user's events now; only where an index makes that quick.
    pub live: Option<LiveEvents>,
    stored: DeployedVersion,
    backbone: OnceCell<Rc<Backbone>>,
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
    /// What is popular in it.
    pub popularity: Popularity,
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
        let als: AlsOptions = serde_json::from_value(stored.als.clone())
            .map_err(|error| SegrecError::Internal(format!("the version's settings are damaged: {error}")))?;
        let (ids, item_users) = factors::load_items(version_id, source.item_kind)?;
        let columns = relations::event_columns(&model.name, source.relation, &source.columns)?;
        let live = relations::has_leading_index(source.relation, &source.columns.user)?
            .then(|| LiveEvents::new(&columns, options.events.type_weights.clone()))
            .transpose()?;
        let popularity =
            Popularity::new(item_users.iter().enumerate().map(|(item, &users)| (item as u32, users)));
        Ok(Self {
            id: version_id,
            median_weight: stored.median_weight,
            weighting: options.weighting(stored.anchor),
            items: IdMap::from_ids(ids),
            popularity,
            members,
            live,
            segments: (0..centroids.rows()).map(|_| OnceCell::new()).collect(),
            centroids,
            options,
            als,
            stored,
            backbone: OnceCell::new(),
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
        self.als.factors
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

    /// Folds users in against the backbone.
    pub fn fold_in(&self) -> &FoldIn {
        self.fold_in.get_or_init(|| FoldIn::new(&self.stored.item_gram, self.item_ids().len(), self.als))
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
        let (items, users, matrix) = factors::load_segment_items(self.id, stored.id, self.factors())?;
        let own = match (&stored.item_gram, stored.own_factors) {
            (Some(gram), true) => Some(OwnFactors {
                item_factors: matrix,
                fold_in: FoldIn::new(gram, self.item_ids().len(), self.als),
            }),
            _ => None,
        };
        let popularity = Popularity::new(items.iter().copied().zip(users));
        let loaded = Rc::new(Segment { items, own, popularity });
        Ok(Rc::clone(cell.get_or_init(|| loaded)))
    }
}

impl Segment {
    /// What its users are scored against, where it has its own factors.
    pub fn scoring(&self) -> Option<Scoring<'_>> {
        self.own.as_ref().map(|own| Scoring { item_factors: &own.item_factors, items: Some(&self.items) })
    }
}
