//! Memory limits on the process of a session, set while it runs.

use crate::cluster::Cluster;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Limits the address space of a process to its present size plus `more` bytes.
pub fn limit_addresses(cluster: &Cluster, pid: i32, more: u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    let limit = format!("--as={}:", size * 1024 + more);
    let pid = pid.to_string();
    let limited = cluster.as_server("prlimit").args(["--pid", &pid, &limit]).output().unwrap();
    assert!(limited.status.success(), "{}", String::from_utf8_lossy(&limited.stderr));
}

/// Creates a control group with a memory limit and moves a process into it; `None` if this machine does not allow it.
#[must_use]
pub fn limited_group(pid: i32, limit: u64) -> Option<PathBuf> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = |controllers: &str| {
        own.lines()
            .find_map(|line| line.split_once(':')?.1.strip_prefix(controllers)?.strip_prefix(":/"))
            .map(str::to_owned)
    };
    let (root, path, file) = match path("memory") {
        Some(path) => ("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"),
        None => ("/sys/fs/cgroup", path("")?, "memory.max"),
    };
    let group = Path::new(root).join(path).join(format!("segrec_test_{pid}"));
    // A group left over from a killed run has no processes.
    let _ = std::fs::remove_dir(&group);
    std::fs::create_dir(&group).ok()?;
    let written = std::fs::write(group.join(file), limit.to_string())
        .and_then(|()| std::fs::write(group.join("cgroup.procs"), pid.to_string()));
    if written.is_err() {
        std::fs::remove_dir(&group).ok()?;
        return None;
    }
    Some(group)
}

/// Removes a group once the process in it has ended.
///
/// # Panics
/// If the process does not end.
pub fn remove_group(group: &Path) {
    for _ in 0..100 {
        if std::fs::remove_dir(group).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{} stays", group.display());
}
