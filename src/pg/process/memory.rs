//! Checks whether the system can provide more memory. Rust aborts on a failed allocation, which crashes the server, and
//! the kernel kills processes of a full control group. So large allocations are checked in advance.

use crate::error::{MemoryLimit, Result, SegrecError};
use memmap2::MmapOptions;
use std::fs;
use std::path::Path;

/// Smaller requests are not checked; the allocator's reserve covers them.
const LITTLE: u64 = 1 << 20;

/// What stays free in a control group: PostgreSQL itself allocates without asking while it runs the rest of the
/// statement, twice its default `work_mem` at most.
const RESERVE: u64 = 8 << 20;

/// Returns an error if the system cannot provide `bytes` for `work`, which names the work as the subject of a sentence.
///
/// # Errors
/// [`SegrecError::NoMemoryFor`].
pub fn ask(work: &'static str, bytes: usize) -> Result<()> {
    let needed = bytes as u64;
    let limit = if needed < LITTLE { None } else { limit_below(needed) };
    limit.map_or(Ok(()), |limit| Err(SegrecError::NoMemoryFor { work, needed, limit }))
}

/// The error for work whose request for memory was refused.
pub fn no_memory(work: &'static str, needed: u64) -> SegrecError {
    let limit = limit_below(needed).unwrap_or(MemoryLimit::Process);
    SegrecError::NoMemoryFor { work, needed, limit }
}

/// Whether the system can provide that many bytes.
pub fn gives(bytes: usize) -> bool {
    limit_below(bytes as u64).is_none()
}

/// The limit that prevents this process from taking that many more bytes, if any.
pub fn limit_below(bytes: u64) -> Option<MemoryLimit> {
    let given = usize::try_from(bytes).is_ok_and(|length| MmapOptions::new().len(length).map_anon().is_ok());
    if !given {
        return Some(MemoryLimit::Process);
    }
    group_gives().filter(|&left| left < bytes).map(MemoryLimit::Group)
}

/// The minimum that the control groups of this process still allow; `None` without a limit, or if it cannot be
/// determined.
fn group_gives() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    groups.lines().filter_map(of_hierarchy).min()
}

/// The files of a cgroup hierarchy: its possible roots, the limit, the usage, the reclaimable part of the usage, and
/// the part of that which must be written back first.
struct Files {
    roots: &'static [&'static str],
    limit: &'static str,
    used: &'static str,
    cached: &'static str,
    unwritten: [&'static str; 2],
}

const UNIFIED: Files = Files {
    roots: &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
    limit: "memory.max",
    used: "memory.current",
    cached: "inactive_file",
    unwritten: ["file_dirty", "file_writeback"],
};

const SEPARATE: Files = Files {
    roots: &["/sys/fs/cgroup/memory"],
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cached: "total_inactive_file",
    unwritten: ["total_dirty", "total_writeback"],
};

/// What the group in a line of `/proc/self/cgroup` (number:controllers:path) and its ancestors still allow.
fn of_hierarchy(line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let files = match controllers {
        "" => UNIFIED,
        _ if controllers.split(',').any(|controller| controller == "memory") => SEPARATE,
        _ => return None,
    };
    let group = Path::new(path.trim_start_matches('/'));
    let folders =
        files.roots.iter().flat_map(|root| group.ancestors().map(move |part| Path::new(root).join(part)));
    folders.filter_map(|folder| of_group(&folder, &files)).min()
}

fn of_group(folder: &Path, files: &Files) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let (limit, used) = (number(files.limit)?, number(files.used)?);
    let statistics = read("memory.stat").unwrap_or_default();
    let statistic = |name: &str| {
        let values = statistics.lines().filter_map(|line| line.split_once(' '));
        values.filter(|(key, _)| *key == name).find_map(|(_, value)| value.trim().parse::<u64>().ok())
    };
    let unwritten: u64 = files.unwritten.into_iter().filter_map(statistic).sum();
    let cached = statistic(files.cached).unwrap_or(0).saturating_sub(unwritten);
    Some(limit.saturating_sub(used.saturating_sub(cached)).saturating_sub(RESERVE))
}
