//! Whether this is still the process that opened a file: a forked child shares the file's lock with its parent.
//!
//! The process's number would tell, but asking for it is a system call, a twentieth of what an operation takes. So it is asked once and
//! kept on a page that the kernel wipes in every child (`MADV_WIPEONFORK`, Linux 4.14). Where there is no such page, or an emulator
//! only says that there is, it is asked each time.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "no safe call maps a page that a fork wipes"))]

/// This process's number.
pub(crate) fn pid() -> u32 {
    #[cfg(target_os = "linux")]
    if let Some(page) = linux::page() {
        return linux::kept_on(page);
    }
    std::process::id()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::c_void;
    use std::ptr::null_mut;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

    /// No page is smaller, and the kernel takes whole ones.
    const LEN: usize = 4096;

    /// The one page of this process and all of its children; never unmapped.
    pub(super) fn page() -> Option<&'static AtomicU32> {
        static PAGE: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();
        *PAGE.get_or_init(map)
    }

    /// The number that is kept, which is 0 in a new process, as in one that was just forked.
    pub(super) fn kept_on(page: &AtomicU32) -> u32 {
        match page.load(Ordering::Relaxed) {
            0 => {
                let pid = std::process::id();
                page.store(pid, Ordering::Relaxed);
                pid
            }
            pid => pid,
        }
    }

    fn map() -> Option<&'static AtomicU32> {
        // Emulators of a processor (qemu before 8) take the advice for a hint and do nothing, also where a kernel refuses it: for a
        // page that is shared.
        if wiped(MapFlags::SHARED).is_some() {
            return None;
        }
        // SAFETY: zeroed, aligned to a page, and never unmapped. It is wiped only in a child, where a 0 is as good an `AtomicU32` as any.
        wiped(MapFlags::PRIVATE).map(|page| unsafe { &*page.cast::<AtomicU32>() })
    }

    /// A page that is said to be wiped in a child.
    fn wiped(flags: MapFlags) -> Option<*mut c_void> {
        // SAFETY: a new mapping wherever the kernel likes touches no memory of ours, and nobody has it yet where it is unmapped.
        unsafe {
            let page = mmap_anonymous(null_mut(), LEN, ProtFlags::READ | ProtFlags::WRITE, flags).ok()?;
            if madvise(page, LEN, Advice::LinuxWipeOnFork).is_err() {
                let _ = munmap(page, LEN);
                return None;
            }
            Some(page)
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_number_is_the_systems() {
        assert_eq!([super::pid(), super::pid()], [std::process::id(); 2]);
    }

    /// What a child finds on the page, which it makes its own: `bindings-c` forks for real.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_wiped_page_learns_the_number_anew() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let page = AtomicU32::new(0);
        assert_eq!(super::linux::kept_on(&page), std::process::id());
        page.store(7, Ordering::Relaxed);
        assert_eq!(super::linux::kept_on(&page), 7, "it is asked once");
    }
}
