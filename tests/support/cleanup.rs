//! Cleans up after a cluster, however its test ends.
//!
//! A keeper is a small shell process that waits for the end of its standard input. The test process holds the other end
//! and never writes. When it drops the cluster, exits, is interrupted or is killed, the kernel closes that end, and the
//! keeper stops the server and removes the folder. (PR_SET_PDEATHSIG would not work: it fires when the *thread* that
//! started the server ends, and tests run in threads.)

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Searches for processes with the folder in their command line until there are none, because the test may end while
/// initdb or pg_ctl is still running.
const SCRIPT: &str = r#"
read -r _
for attempt in $(seq 200); do
    found=
    for process in $(grep -lsF -- "$0/" /proc/[0-9]*/cmdline | cut -d/ -f3); do
        case $(cat "/proc/$process/comm" 2>/dev/null) in
            postgres) signal=QUIT ;;
            initdb | pg_ctl | pg_basebackup) signal=TERM ;;
            *) continue ;;
        esac
        [ "$attempt" -gt 100 ] && signal=KILL
        kill "-$signal" "$process"
        found=yes
    done
    [ -z "$found" ] && rm -rf "$0" && break
    sleep 0.05
done
"#;

/// Stops the server in a folder and removes the folder, when dropped or when this process ends.
pub(crate) struct Keeper(Child);

impl Keeper {
    pub(crate) fn of(directory: &Path) -> Self {
        let child = Command::new("sh")
            .arg("-c")
            .arg(SCRIPT)
            .arg(directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // Ctrl-C reaches the tests, not the keeper
            .spawn()
            .expect("cannot start sh");
        Self(child)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
