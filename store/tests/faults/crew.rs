//! Processes of our own: the test's own program, started again with one worker as its only test.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use stanchion::{Policy, Timestamp};
use stanchion_store::{KeyHandle, Options, Store};

/// What a worker is told, by its environment.
pub(crate) const JOB: &str = "STANCHION_WORKER_JOB";
const FILE: &str = "STANCHION_WORKER_FILE";
const POLICY: &str = "STANCHION_WORKER_POLICY";
const WAIT_MS: &str = "STANCHION_WORKER_WAIT_MS";

/// How often a fault test is run: once, or as often as `STANCHION_ROUNDS` says.
pub(crate) fn rounds() -> usize {
    std::env::var("STANCHION_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}

/// What all processes of a test share.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) file: PathBuf,
    pub(crate) policy: String,
    pub(crate) wait: Duration,
}

impl Site {
    pub(crate) fn new(dir: &Path, policy: &str) -> Self {
        Self { file: dir.join("made").join("state"), policy: policy.to_owned(), wait: Duration::from_secs(20) }
    }

    /// The site that a worker was started for.
    pub(crate) fn of_worker() -> Self {
        let var = |name| std::env::var(name).expect("a worker is told everything");
        let wait = Duration::from_millis(var(WAIT_MS).parse().expect("a number of milliseconds"));
        Self { file: var(FILE).into(), policy: var(POLICY), wait }
    }

    pub(crate) fn store(&self) -> Store {
        self.store_with(Options::new())
    }

    pub(crate) fn store_with(&self, options: Options) -> Store {
        Store::open(&self.file, options.wait(self.wait)).expect("the store opens")
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::from_json(&self.policy).expect("a policy")
    }

    pub(crate) fn handle(&self) -> KeyHandle {
        self.handle_with(Options::new())
    }

    pub(crate) fn handle_with(&self, options: Options) -> KeyHandle {
        self.store_with(options).gate(self.policy(), "upstream").expect("a key")
    }
}

/// A process of a crew. Dropped, it is killed.
pub(crate) struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    pub(crate) said: Receiver<String>,
}

impl Worker {
    /// Starts one job. `shell` runs before it in the same process, where a limit has to be set.
    pub(crate) fn start(site: &Site, job: &str, shell: &str) -> Self {
        Self::start_as(site, job, shell, None)
    }

    /// The same as another user.
    pub(crate) fn start_as(site: &Site, job: &str, shell: &str, user: Option<(u32, &Path)>) -> Self {
        let exe = std::env::current_exe().expect("a test has a path");
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(format!("{shell}\nexec \"$@\"")).arg("sh");
        command.arg(user.map_or(exe.as_path(), |(_, copy)| copy));
        command.args(["--ignored", "--exact", "worker", "--nocapture", "--test-threads=1"]);
        if let Some((uid, _)) = user {
            command.uid(uid).gid(uid).current_dir("/");
        }
        command.env(JOB, job).env(FILE, &site.file).env(POLICY, &site.policy);
        command.env(WAIT_MS, site.wait.as_millis().to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process starts");
        let output = BufReader::new(child.stdout.take().expect("its output is ours"));
        let (tell, said) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The line of the test harness begins before the first of ours ends.
                if let Some((_, ours)) = line.split_once("> ") {
                    let _ = tell.send(ours.to_owned());
                }
            }
        });
        let input = child.stdin.take();
        Self { child, input, said }
    }

    /// Waits for one line.
    pub(crate) fn hear(&self) -> String {
        self.said.recv_timeout(Duration::from_mins(1)).expect("the worker says something within a minute")
    }

    /// Sends one line: "go on".
    pub(crate) fn nudge(&mut self) {
        let input = self.input.as_mut().expect("its input is ours");
        writeln!(input, "go").and_then(|()| input.flush()).expect("the worker listens");
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status().expect("kill runs");
        assert!(status.success(), "kill {name} {pid}");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("and waited for");
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_some()
    }

    /// Waits for its end and returns the rest of what it said.
    pub(crate) fn finish(mut self) -> Vec<String> {
        drop(self.input.take());
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "a worker failed: {status}");
        self.said.iter().collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// For workers: says one line, at once.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "> {line}").and_then(|()| out.flush()).expect("the test listens");
}

/// For workers: waits for a nudge.
pub(crate) fn listen() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the test speaks");
}

/// Starts `count` workers that all wait, and nudges them together.
pub(crate) fn start_together(site: &Site, job: &str, count: usize) -> Vec<Worker> {
    let mut crew: Vec<Worker> = (0..count).map(|_| Worker::start(site, job, "")).collect();
    for worker in &crew {
        assert_eq!(worker.hear(), "ready");
    }
    for worker in &mut crew {
        worker.nudge();
    }
    crew
}

/// The instant of a permit, of which it keeps only the lower 48 bits.
pub(crate) fn whole_instant(acquired_at_us: u64) -> u64 {
    let now = Timestamp::from_system_clock().as_micros();
    (now >> 48 << 48) | acquired_at_us
}
