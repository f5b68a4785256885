//! Counters shared by all sessions of a database, without `shared_preload_libraries`: a small mapped file in the
//! directory of
//! [`super::shared_file`], deleted when the server starts. Errors are ignored; then nothing is counted, but calls never
//! fail because of it.

use super::shared_file::{Unfinished, database_file, remove_dropped, remove_older};
use pgrx::pg_sys;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Magic bytes; the last one is the format version.
const MAGIC: u64 = u64::from_le_bytes(*b"segrec#\x02");
/// The number of counters per key.
pub const COUNTERS: usize = 8;
/// The key of a freed slot. It is not 0, so that lookups continue beyond it.
const FREED: i64 = -1;
/// The maximum number of keys; further ones are not counted. A slot is 72 bytes, 36 kB in all.
const SLOTS: usize = 512;

#[repr(C)]
struct Slot {
    /// 0 if the slot has never been used.
    key: AtomicI64,
    counters: [AtomicU64; COUNTERS],
}

#[repr(C)]
struct Layout {
    magic: u64,
    /// When the file was created, in microseconds since 2000.
    since: i64,
    slots: [Slot; SLOTS],
}

/// The mapped counters of this database.
pub struct Counters(memmap2::MmapRaw);

impl Counters {
    /// Maps the file, creating it if `make` is set; `None` if there is no file. `of` distinguishes installations of the
    /// extension.
    pub fn open(of: pg_sys::Oid, make: bool) -> Option<Self> {
        let path = database_file("counters", of);
        if make {
            remove_dropped();
        }
        if make && !path.exists() {
            let mut bytes = vec![0; size_of::<Layout>()];
            bytes[..8].copy_from_slice(&MAGIC.to_ne_bytes());
            // SAFETY: reads a clock.
            bytes[8..16].copy_from_slice(&unsafe { pg_sys::GetCurrentTimestamp() }.to_ne_bytes());
            let mut unfinished = Unfinished::create(&path).ok()?;
            // Write the whole file: accessing an unallocated block through the mapping could fail on a full disk.
            unfinished.file.write_all(&bytes).ok()?;
            // Unlike a rename, linking fails if another session was faster, so both use the same file.
            let _ = fs::hard_link(unfinished.path(), &path);
            remove_older("counters", of);
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        if file.metadata().ok()?.len() != size_of::<Layout>() as u64 {
            return None;
        }
        let counters = Self(memmap2::MmapRaw::map_raw(&file).ok()?);
        (counters.layout().magic == MAGIC).then_some(counters)
    }

    fn layout(&self) -> &Layout {
        // SAFETY: the mapping has the length of a layout and begins at a page; all who map it change only atomics, and
        // nobody shortens it.
        unsafe { &*self.0.as_ptr().cast::<Layout>() }
    }

    /// When counting started, in microseconds since 2000.
    pub fn since(&self) -> i64 {
        self.layout().since
    }

    fn slot(&self, key: i64, claim: bool) -> Option<&Slot> {
        let slots = &self.layout().slots;
        // Keys are mostly consecutive numbers, so they rarely collide.
        let first = key.rem_euclid(SLOTS as i64) as usize;
        let mut free = None;
        for slot in slots[first..].iter().chain(&slots[..first]) {
            let found = slot.key.load(Ordering::Relaxed);
            if found == key {
                return Some(slot);
            }
            if found == 0 || found == FREED {
                free.get_or_insert((slot, found));
            }
            if found == 0 {
                break;
            }
        }
        let (slot, was) = free.filter(|_| claim)?;
        match slot.key.compare_exchange(was, key, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Some(slot),
            Err(other) if other == key => Some(slot),
            // Another session has taken the slot for another key.
            Err(_) => self.slot(key, claim),
        }
    }

    /// Frees the slot of a key that is no longer used.
    pub fn free(&self, key: i64) {
        if let Some(slot) = self.slot(key, false) {
            slot.counters.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
            slot.key.store(FREED, Ordering::Release);
        }
    }

    /// Increments counters of a key.
    pub fn add(&self, key: i64, counters: impl IntoIterator<Item = usize>) {
        let Some(slot) = self.slot(key, true) else { return };
        for counter in counters {
            if let Some(counter) = slot.counters.get(counter) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The values of the counters of a key.
    pub fn get(&self, key: i64) -> [u64; COUNTERS] {
        self.slot(key, false).map_or([0; COUNTERS], |slot| {
            std::array::from_fn(|counter| slot.counters[counter].load(Ordering::Relaxed))
        })
    }
}
