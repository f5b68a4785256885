//! The number of rounds of tests that repeat something random. `make soak` sets SEGREC_SOAK to a factor for it.

/// Returns `usual`, multiplied by the factor of a soak.
#[must_use]
pub fn rounds(usual: usize) -> usize {
    let longer = std::env::var("SEGREC_SOAK").ok();
    longer.map_or(usual, |times| usual * times.parse::<usize>().expect("SEGREC_SOAK is a whole number"))
}

/// Random numbers that are the same in each run, so that a failure can be reproduced; a soak draws different ones each
/// time. The seed is printed.
#[must_use]
pub fn draws(subject: &str) -> fastrand::Rng {
    let seed = match std::env::var("SEGREC_SEED") {
        Ok(seed) => seed.parse().expect("SEGREC_SEED is a whole number"),
        Err(_) if std::env::var_os("SEGREC_SOAK").is_some() => fastrand::u64(..),
        Err(_) => 42,
    };
    println!("{subject}: SEGREC_SEED={seed} draws this again");
    fastrand::Rng::with_seed(seed)
}
