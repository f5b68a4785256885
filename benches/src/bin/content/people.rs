//! Lists of users of whom only attributes are known, against what is popular, with everybody and in segments.

use super::data::Data;
use super::print;
use super::split::interactions;
use segrec_benches::Result;
use segrec_engine::Silent;
use segrec_engine::features::EncoderSettings;
use segrec_engine::scorers::attributes::AttributePoints;
use segrec_engine::scorers::attributes::gate::{HeldOutUsers, held_out_gain};

pub fn measure(data: &Data) -> Result<()> {
    let Some((table, segments)) = &data.people else { return Ok(()) };
    let interactions = interactions(data.users.len(), data.items.len(), data.events.iter().copied())?;
    let attributes = AttributePoints::fit(table, &EncoderSettings::at(0), &Silent)?.encode(table, &Silent)?;
    let everybody = vec![0; segments.len()];
    for (what, segments) in [("what is popular", &everybody), ("what is popular by gender and age", segments)]
    {
        let users = HeldOutUsers { interactions: &interactions, segments, weighed: false };
        let measured = held_out_gain(&attributes, users, 1, &Silent)?;
        let (name, baseline) = (data.name, measured.row.as_ref().map_or(0.0, |row| row.baseline));
        print(&format!("{name}, new users: {what}"), baseline, None);
        print(&format!("{name}, new users: attributes against {what}"), measured.gain, Some(measured.error));
    }
    Ok(())
}
