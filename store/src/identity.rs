//! Who a process is: boot, pid namespace, pid and start time together name one process and never another.

use std::fs;
use std::os::unix::fs::MetadataExt;

use stanchion::Holder;

/// A process, told apart from every other one that ever ran on this system.
///
/// A pid alone is given out again; a pid of another container or from before a reboot says nothing here. Two processes
/// are the same only where all four agree.
///
/// ```
/// use stanchion_store::ProcessIdentity;
///
/// let here = ProcessIdentity::current();
/// assert_eq!(here.pid, std::process::id());
/// assert_ne!(here, ProcessIdentity { pid: 1, ..here.clone() });
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "these four are the identity; with a fifth it would be another one")]
pub struct ProcessIdentity {
    /// The boot id of the system; zeros where it has none.
    pub boot_id: [u8; 16],
    /// The number of the pid namespace; 0 where the system has none.
    pub pid_namespace: u64,
    /// The process id in that namespace.
    pub pid: u32,
    /// When it started, in clock ticks since boot; 0 where the system does not say.
    pub started: u64,
}

impl ProcessIdentity {
    /// This process.
    ///
    /// ```
    /// use stanchion_store::ProcessIdentity;
    ///
    /// assert_eq!(ProcessIdentity::current(), ProcessIdentity::current());
    /// ```
    pub fn current() -> Self {
        let pid = std::process::id();
        Self { boot_id: boot_id(), pid_namespace: pid_namespace(), pid, started: started(pid).unwrap_or(0) }
    }

    /// Whether the process is known to be gone: it ran under this boot and in this pid namespace, and no process with its
    /// pid and start time is there now. `None` where that cannot be known from here; then its leases alone decide.
    ///
    /// ```
    /// use stanchion_store::ProcessIdentity;
    ///
    /// assert_ne!(ProcessIdentity::current().is_gone(), Some(true));
    /// ```
    pub fn is_gone(&self) -> Option<bool> {
        let here = self.boot_id == boot_id() && self.pid_namespace == pid_namespace();
        let can_tell = here && self.boot_id != [0; 16] && self.pid_namespace != 0 && self.started != 0;
        can_tell.then(|| started(self.pid) != Some(self.started))
    }

    /// A name for it, to be used as the holder of permits: `boot:namespace:pid:started` in hexadecimal digits.
    ///
    /// ```
    /// use stanchion_store::ProcessIdentity;
    ///
    /// assert_eq!(ProcessIdentity::current().to_name().split(':').count(), 4);
    /// ```
    pub fn to_name(&self) -> String {
        let boot = u128::from_be_bytes(self.boot_id);
        format!("{boot:032x}:{:x}:{:x}:{:x}", self.pid_namespace, self.pid, self.started)
    }

    /// The holder of that name: what this process acquires with, so that its slots can be told from those of others.
    ///
    /// ```
    /// use stanchion::{Acquire, Holder};
    /// use stanchion_store::ProcessIdentity;
    ///
    /// let here = ProcessIdentity::current();
    /// let wish = Acquire::new().holder(here.to_holder());
    /// assert_eq!(wish.holder, Some(Holder::named(&here.to_name())));
    /// ```
    pub fn to_holder(&self) -> Holder {
        Holder::named(&self.to_name())
    }

    /// The process of that name; `None` where it is none.
    ///
    /// ```
    /// use stanchion_store::ProcessIdentity;
    ///
    /// let here = ProcessIdentity::current();
    /// assert_eq!(ProcessIdentity::from_name(&here.to_name()), Some(here));
    /// assert_eq!(ProcessIdentity::from_name("worker-7"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        let mut parts = name.split(':');
        let identity = Self {
            boot_id: u128::from_str_radix(parts.next()?, 16).ok()?.to_be_bytes(),
            pid_namespace: u64::from_str_radix(parts.next()?, 16).ok()?,
            pid: u32::from_str_radix(parts.next()?, 16).ok()?,
            started: u64::from_str_radix(parts.next()?, 16).ok()?,
        };
        (parts.next().is_none() && identity.to_name() == name).then_some(identity)
    }
}

/// The boot id as 16 bytes; zeros where the system has none.
pub(crate) fn boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).unwrap_or(0).to_be_bytes()
}

fn pid_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino())
}

/// When a process started, in ticks since boot; `None` where there is none. The second field of the line is the
/// program's name in brackets and may hold anything, so what counts begins behind the last bracket.
fn started(pid: u32) -> Option<u64> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = line.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    // A zombie is gone: it holds nothing any more but its number.
    let state = fields.next()?;
    (state != "Z" && state != "X").then_some(())?;
    fields.nth(18)?.parse().ok()
}
