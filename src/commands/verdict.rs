//! Whether a training is deployed, and why.

use crate::catalog::versions;
use crate::error::{Result, SegrecError};
use segrec_engine::recipe::Trained;

/// When a training is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deploy {
    /// If it is not worse than the deployed version.
    IfBetter,
    /// In any case.
    Always,
    /// Not now.
    Never,
}

impl Deploy {
    /// From the argument.
    pub fn parse(value: Option<&str>) -> Result<Self> {
        match value {
            Some("if_better") => Ok(Self::IfBetter),
            Some("always") => Ok(Self::Always),
            Some("never") => Ok(Self::Never),
            None => Err(SegrecError::NullArgument { argument: "deploy" }),
            Some(other) => Err(SegrecError::InvalidDeploy { value: other.to_owned() }),
        }
    }

    /// As the argument has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IfBetter => "if_better",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// Whether to deploy, and why.
pub struct Verdict {
    /// Whether to deploy.
    pub deploy: bool,
    /// What the deployed version reached.
    pub previous: Option<f64>,
    /// Why.
    pub reason: String,
}

/// The rule of `if_better`.
///
/// A changed recipe is measured beside the deployed one on the same holdout, paired by user, and must
/// not be worse. The same recipe on newer data has no rival but its own past: it is deployed, because
/// it knows newer events, unless it fell below what was measured then by more than the interval of
/// the measurement, which points to damaged data.
pub fn judge_version(deploy: Deploy, deployed: Option<&versions::Version>, trained: &Trained) -> Verdict {
    let measured = trained.measurement.deciding_row();
    let value = measured.map(|row| row.value);
    let verdict = |deploy, previous, reason: String| Verdict { deploy, previous, reason };
    let Some(deployed) = deployed else {
        let reason = "the first version is always deployed".to_owned();
        return match deploy {
            Deploy::Never => verdict(false, None, "deploy is 'never'".to_owned()),
            _ => verdict(true, None, reason),
        };
    };
    let previous = match &trained.previous {
        Some(previous) => previous.deciding_row().map(|row| row.value),
        None => deployed.value,
    };
    let forced = match deploy {
        Deploy::Always => Some((true, "deploy is 'always'")),
        Deploy::Never => Some((false, "deploy is 'never'")),
        Deploy::IfBetter => None,
    };
    if let Some((deploy, reason)) = forced {
        return verdict(deploy, previous, reason.to_owned());
    }
    let (Some(value), Some(before)) = (value, previous) else {
        return verdict(true, previous, "there is no held-out event to compare versions on".to_owned());
    };
    let number = deployed.version;
    let metric = trained.measurement.metric;
    if trained.previous.is_none() && deployed.metric.as_deref() != Some(metric) {
        let before = deployed.metric.clone().unwrap_or_default();
        return verdict(
            true,
            None,
            format!("version {number} was measured by {before}, which {metric} cannot be held against"),
        );
    }
    match &trained.previous {
        Some(rival) => {
            let (difference, error) = trained.measurement.paired_difference(rival);
            let better = difference >= 0.0;
            let word = if better { "not worse" } else { "worse" };
            verdict(
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
            verdict(
                holds,
                previous,
                format!(
                    "{metric} {what}: {value:.4} against {before:.4} of version {number}, margin {margin:.4}"
                ),
            )
        }
    }
}

/// The rule for segments without events: there is nothing held out to compare versions on, so the newest
/// data win.
pub fn judge_segments(deploy: Deploy, deployed: Option<&versions::Version>) -> Verdict {
    let previous = deployed.and_then(|version| version.value);
    let (deploy, reason) = match (deploy, deployed) {
        (Deploy::Never, _) => (false, "deploy is 'never'"),
        (Deploy::Always, Some(_)) => (true, "deploy is 'always'"),
        (_, None) => (true, "the first version is always deployed"),
        (Deploy::IfBetter, Some(_)) => (true, "segments follow the newest data"),
    };
    Verdict { deploy, previous, reason: reason.to_owned() }
}
