//! A scorer that is defined only in this file: it is trained, blended, ranked, explained and served from its stored
//! sections without a change anywhere else.

use segrec_engine::interactions::{Events, Id, IdKind, RawEvents};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::scorers::method::{FitInput, KnownUser, SegmentView};
use segrec_engine::scorers::neighbours::NeighbourScratch;
use segrec_engine::scorers::sections::{Decoded, NewSection, SectionKind, StoredSection, StoredSections};
use segrec_engine::scorers::{Contributions, Fitted, Items, Method, Scorer};
use segrec_engine::training::ranker::Ranker;
use segrec_engine::training::{Given, UserData, train};
use segrec_engine::{Observer, Result, Silent};
use serde_json::json;
use std::{cell::RefCell, sync::Arc};

/// A scorer by which users who have an item want the next one.
struct Next;

#[derive(Debug)]
struct NextOf(u32);

struct NextOfUser<'a>(u32, &'a [u32]);

impl Method for Next {
    fn name(&self) -> &'static str {
        "next"
    }

    fn fit(&self, given: FitInput<'_>, _: &Options, _: &dyn Observer) -> Result<Option<Arc<dyn Fitted>>> {
        Ok(Some(Arc::new(NextOf(given.interactions.items() as u32))))
    }

    fn sections(&self, _: usize) -> Vec<(&'static str, SectionKind)> {
        vec![("items", SectionKind::Opaque)]
    }

    fn open<'a>(&self, sections: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>> {
        let decode = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.try_into().ok()?));
        Ok(Box::new(NextOf(*sections.decoded("items", decode)?)))
    }
}

impl Fitted for NextOf {
    fn scorer<'a>(
        &'a self,
        _: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        Box::new(NextOfUser(self.0, user.items))
    }

    fn sections(&self) -> Result<Vec<(&'static str, NewSection<'_>)>> {
        Ok(vec![("items", NewSection::Opaque(self.0.to_le_bytes().to_vec()))])
    }
}

impl Scorer for NextOfUser<'_> {
    fn covers(&self) -> Items<'_> {
        Items::all(self.0 as usize)
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        let comes_next = |&item: &u32| self.1.iter().any(|own| (own + 1) % self.0 == item);
        items.iter().map(|item| f32::from(u8::from(comes_next(item)))).collect()
    }

    fn contributions(&self, target: u32, _: &dyn Observer) -> Contributions {
        let of_item = |&own: &u32| f64::from(u8::from((own + 1) % self.0 == target));
        Contributions { base: 0.0, of_items: self.1.iter().map(of_item).collect() }
    }
}

#[test]
fn a_way_to_score_that_is_one_folder_trains_blends_ranks_explains_and_is_served() {
    let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, false);
    for user in 0..300i64 {
        (0..8).for_each(|step| raw.push(Id::Bigint(user), Id::Bigint((user * 7 + step) % 400), 1.0, 0));
    }
    let options =
        json!({"algorithm": "als", "als": {"factors": 8, "sweeps": 2}, "segmentation": {"method": "none"}});
    let options = parse_options(&options).unwrap();
    let events = Events::new(raw, options.events.limits(), &Silent).unwrap();
    let described = UserData::users_of(&events);
    let given = Given { beside: &[&Next], ..Given::new(&events, &described) };
    let trained = train(given, &options, None, &Silent).unwrap();
    assert!(trained.decided.blend.has("next"), "{:?}", trained.decided.blend);
    let ranker = Ranker::new(&trained.fit, &trained.interactions, false);
    let scratch = RefCell::default();
    let blended = ranker.blended(5, true, &ranker.blend, &scratch);
    let best = blended.best(ranker.seen(5), None, 1)[0];
    let history = ranker.history(5);
    assert!(history.contains(&(best.item - 1)), "{best:?} after {history:?}");
    let parts = blended.contributions(best.item, &Silent);
    let spoken_by = parts.iter().flat_map(|part| history.iter().zip(&part.of_items));
    assert!(spoken_by.max_by(|a, b| a.1.total_cmp(b.1)).is_some_and(|(item, _)| item + 1 == best.item));

    let stored = trained.fit.sections().unwrap();
    let of_next = stored.iter().filter(|(scorer, _, _)| *scorer == Next.name());
    let kept = Decoded::default();
    let stored = of_next.filter_map(|(_, name, section)| match section {
        NewSection::Opaque(bytes) => Some((*name, StoredSection::Opaque(bytes, &kept))),
        _ => None,
    });
    let served = Next.open(&StoredSections::new(stored.collect())).unwrap();
    let user = KnownUser { items: history, ..KnownUser::default() };
    assert_eq!(served.scorer(SegmentView::default(), user, &scratch).scores(&[best.item]), [1.0]);
    assert!(Next.open(&StoredSections::default()).is_err());
}
