//! Random numbers. Every use derives a generator from the model's seed and the name of its purpose, so that the same
//! data and seed give the same result regardless of other uses.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The random number generator used throughout.
pub type Random = Xoshiro256PlusPlus;

/// Creates the generator for a purpose.
pub fn random(seed: u64, purpose: &str) -> Random {
    Random::seed_from_u64(hash_bytes(seed, purpose.as_bytes()))
}

/// Mixes the bits of a number (the finaliser of SplitMix64, Steele et al. 2014).
#[inline]
pub fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A sample of at most `most` of the given ascending numbers, chosen by the seed, in ascending order.
pub fn sample(mut numbers: Vec<u32>, most: usize, seed: u64) -> Vec<u32> {
    if numbers.len() > most {
        numbers.sort_unstable_by_key(|&number| mix(seed ^ u64::from(number)));
        numbers.truncate(most);
        numbers.sort_unstable();
    }
    numbers
}

/// A hash of bytes that is the same on all machines and in all releases, because holdouts depend on it.
pub fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = mix(seed ^ bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = mix(state ^ u64::from_le_bytes(word));
    }
    state
}
