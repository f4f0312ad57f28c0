//! What tidies up when the tests were killed before they could.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits until whoever holds its standard input is gone; then ends the server whose id is in the folder, unless it has been
/// ended, and removes the folder. What is frozen has to be thawed first, or it would not hear; what was started by a shell in
/// the background does not hear anyway.
const SCRIPT: &str = r#"
cat >/dev/null
if pid=$(cat "$1/pid"); then
    kill -CONT "$pid" $(cat "/proc/$pid/task/$pid/children")
    kill -QUIT "$pid"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 "$pid" || break
        sleep 0.2
    done
    kill -KILL "$pid"
fi
rm -rf "$1"
"#;

/// A process that outlives this one if need be, and then ends what this one started. Its standard input is a pipe from here,
/// which closes when this is dropped or when the kernel ends this process.
#[derive(Debug)]
pub struct Guard {
    process: Child,
}

impl Guard {
    /// A guard over the process whose id is in the file `pid` of this folder when this process ends. The folder goes with it.
    ///
    /// # Panics
    /// When there is no shell.
    #[must_use]
    pub fn over(folder: &Path) -> Self {
        let process = Command::new("sh")
            .args(["-c", SCRIPT, "guard"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("sh does not start: {error}"));
        Self { process }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It removes what is there no longer, at worst.
        let _ = self.process.wait();
    }
}
