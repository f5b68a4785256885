//! Decides whether a trained version is deployed, and why.

use crate::catalog::versions;
use crate::error::{Result, SegrecError, warning};
use segrec_engine::training::Trained;
use serde::{Deserialize, Serialize};
use strum::EnumString;

/// The argument `deploy` of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum DeployPolicy {
    /// Deploy the version unless it is worse than the deployed one.
    IfBetter,
    /// Deploy the version in any case.
    Always,
    /// Keep the deployed version; `segrec_deploy` may deploy the new one later.
    Never,
}

impl DeployPolicy {
    /// Parses the argument `deploy`.
    ///
    /// # Errors
    /// [`SegrecError::NullArgument`], [`SegrecError::InvalidDeploy`].
    pub fn parse(value: Option<&str>) -> Result<Self> {
        let value = value.ok_or(SegrecError::NullArgument { argument: "deploy" })?;
        value.parse().map_err(|_| SegrecError::InvalidDeploy { value: value.to_owned() })
    }
}

/// The decision whether to deploy a version.
pub struct DeploymentDecision {
    pub deploy: bool,
    /// The value of the deployed version, for the result of the training.
    pub previous: Option<f64>,
    /// The reason, shown by the view `segrec.versions`.
    pub reason: String,
}

/// The amount of data in a training, to be compared with that of the deployed version.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    pub users: i64,
    /// The numbers of items and events; `None` without events.
    pub events: Option<[i64; 2]>,
}

/// The rule of `if_better`.
///
/// A version is not deployed if it has fewer than half of the users, items or events of the deployed version, or if it
/// could not be measured although the deployed version was. That indicates a partially failed load. If the options have
/// changed, the deployed ones are measured on the same holdout, and the new ones must not be worse, paired by user. If
/// the options are the same, there is only the earlier measurement to compare with: the version is deployed, because it
/// knows newer events, unless its value fell below the earlier one by more than its confidence interval, which
/// indicates damaged data. A version worse than its baseline by more than that interval never replaces another.
pub fn judge_version(
    deploy: DeployPolicy,
    deployed: Option<&versions::Version>,
    amounts: Amounts,
    trained: &Trained,
) -> DeploymentDecision {
    let measured = trained.measurement.deciding_row();
    let value = measured.map(|row| row.value);
    let metric = trained.measurement.metric;
    let decision = |deploy, previous, reason: String| DeploymentDecision { deploy, previous, reason };
    let refused = |previous, reason: String| {
        warn(&reason);
        DeploymentDecision { deploy: false, previous, reason }
    };
    let previous = match (&trained.previous, deployed) {
        (Some(previous), _) => previous.deciding_row().map(|row| row.value),
        (None, Some(deployed)) => deployed.value,
        (None, None) => None,
    };
    match (deploy, deployed) {
        (DeployPolicy::Never, _) => return decision(false, previous, "deploy is 'never'".to_owned()),
        (DeployPolicy::Always, Some(_)) => return decision(true, previous, "deploy is 'always'".to_owned()),
        (DeployPolicy::Always | DeployPolicy::IfBetter, _) => {}
    }
    // An algorithm worse than popularity has already been replaced by it, so this applies only to ratings and biases.
    let below =
        measured.filter(|_| deploy == DeployPolicy::IfBetter && trained.measurement.is_below_baseline());
    let below = below.map(|row| {
        format!(
            "{metric} is worse than that of the baseline by more than its confidence interval: {:.4} against {:.4}",
            row.value, row.baseline
        )
    });
    let Some(deployed) = deployed else {
        let though = match (below, value) {
            (Some(below), _) => {
                let reason = Some(below.clone());
                warning("the deployed version is worse than its baseline".to_owned(), reason, None);
                format!(", though {below}")
            }
            (None, None) => ", though no events could be held out to evaluate it".to_owned(),
            (None, Some(_)) => String::new(),
        };
        return decision(true, None, format!("the first version is always deployed{though}"));
    };
    if let Some(reason) = below {
        return refused(previous, reason);
    }
    let number = deployed.version;
    if let Some(reason) = amounts.shrank(deployed) {
        return refused(previous, reason);
    }
    let (Some(value), Some(before)) = (value, previous) else {
        if deployed.value.is_some() && value.is_none() {
            let reason =
                format!("no events could be held out to evaluate it, but version {number} was evaluated");
            return refused(previous, reason);
        }
        return decision(
            true,
            previous,
            "there are no held-out events on which to compare versions".to_owned(),
        );
    };
    if trained.previous.is_none() && deployed.metric.as_deref() != Some(metric) {
        let before = deployed.metric.clone().unwrap_or_default();
        return decision(
            true,
            None,
            format!("version {number} was evaluated by {before}, which cannot be compared with {metric}"),
        );
    }
    match &trained.previous {
        Some(rival) => {
            let (difference, error) = trained.measurement.paired_difference(rival);
            let better = difference >= 0.0;
            let word = if better { "not worse" } else { "worse" };
            decision(
                better,
                previous,
                format!(
                    "{metric} is {word} than with the options of version {number}: {value:.4} against {before:.4}, \
                     difference {difference:+.4} ± {error:.4}"
                ),
            )
        }
        None => {
            let margin = measured.and_then(|row| row.interval).map_or(0.0, |(low, high)| (high - low) / 2.0);
            let lost = if trained.measurement.higher_is_better() { before - value } else { value - before };
            let holds = lost <= margin;
            let what = match (holds, trained.measurement.higher_is_better()) {
                (true, _) => "holds",
                (false, true) => "fell",
                (false, false) => "rose",
            };
            decision(
                holds,
                previous,
                format!(
                    "{metric} {what}: {value:.4} against {before:.4} of version {number}, margin {margin:.4}"
                ),
            )
        }
    }
}

/// The rule for segments without events. There is no holdout on which to compare versions, so the newest data win,
/// unless fewer than half of the users are left.
pub fn judge_segments(
    deploy: DeployPolicy,
    deployed: Option<&versions::Version>,
    amounts: Amounts,
) -> DeploymentDecision {
    let previous = deployed.and_then(|version| version.value);
    let shrank = deployed.and_then(|version| amounts.shrank(version));
    let (deploy, reason) = match (deploy, deployed, shrank) {
        (DeployPolicy::Never, _, _) => (false, "deploy is 'never'".to_owned()),
        (DeployPolicy::Always, Some(_), _) => (true, "deploy is 'always'".to_owned()),
        (_, None, _) => (true, "the first version is always deployed".to_owned()),
        (DeployPolicy::IfBetter, Some(_), None) => (true, "segments follow the newest data".to_owned()),
        (DeployPolicy::IfBetter, Some(_), Some(reason)) => {
            warn(&reason);
            (false, reason)
        }
    };
    DeploymentDecision { deploy, previous, reason }
}

impl Amounts {
    /// Describes the amounts that are less than half of those of the deployed version, if any.
    fn shrank(self, deployed: &versions::Version) -> Option<String> {
        let now =
            [Some(self.users), self.events.map(|events| events[0]), self.events.map(|events| events[1])];
        let before = [deployed.users, deployed.items, deployed.events];
        let less: Vec<String> = ["users", "items", "events"]
            .into_iter()
            .zip(now.into_iter().zip(before))
            .filter_map(|(what, (now, before))| Some((what, now?, before?)))
            .filter(|(_, now, before)| 2 * now < *before)
            .map(|(what, now, before)| format!("{now} of {before} {what}"))
            .collect();
        (!less.is_empty()).then(|| {
            format!(
                "fewer than half of the data that version {} was trained on are left: {}",
                deployed.version,
                less.join(", ")
            )
        })
    }
}

/// Warns that the new version is not deployed.
fn warn(reason: &str) {
    warning(
        "the version is not deployed".to_owned(),
        Some(reason.to_owned()),
        Some("If the data are correct, call segrec_deploy, or train with deploy => 'always'.".to_owned()),
    );
}
