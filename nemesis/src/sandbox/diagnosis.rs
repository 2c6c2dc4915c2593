//! What a host can forbid, how to tell the reasons apart, and what mends each.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;

/// Why there is no sandbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// The program has already started threads: only one of them would get into the world.
    #[error("the sandbox must be entered before threads are started, but there are {0}")]
    Threads(usize),
    /// Ubuntu's restriction of unprivileged user namespaces.
    #[error("AppArmor forbids user namespaces to ordinary users ({step}: {errno})")]
    AppArmor {
        /// What was tried.
        step: &'static str,
        /// How it failed.
        errno: Errno,
    },
    /// Debian's old switch.
    #[error("user namespaces are switched off for ordinary users (kernel.unprivileged_userns_clone is 0)")]
    UserNamespacesOff,
    /// The limit on user namespaces is 0, or reached.
    #[error("the limit on user namespaces is reached (user.max_user_namespaces is {limit})")]
    UserNamespaceLimit {
        /// The limit.
        limit: u64,
    },
    /// A container's runtime forbids it, by seccomp, missing capabilities or masked parts of `/proc`.
    #[error("this container forbids {step} ({errno})")]
    Container {
        /// What was tried.
        step: &'static str,
        /// How it failed.
        errno: Errno,
    },
    /// The kernel lacks a kind of namespace or file system.
    #[error("this kernel does not support {step} ({errno})")]
    Kernel {
        /// What was tried.
        step: &'static str,
        /// How it failed.
        errno: Errno,
    },
    /// Anything else.
    #[error("{step} failed: {errno}")]
    System {
        /// What was tried.
        step: &'static str,
        /// How it failed.
        errno: Errno,
    },
}

impl SandboxError {
    /// The one line that mends it, where there is one.
    #[must_use]
    pub fn mend(&self) -> Option<&'static str> {
        match self {
            Self::AppArmor { .. } => Some("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
            Self::UserNamespacesOff => Some("sudo sysctl -w kernel.unprivileged_userns_clone=1"),
            Self::UserNamespaceLimit { .. } => Some("sudo sysctl -w user.max_user_namespaces=15000"),
            Self::Container { .. } => {
                Some("start the container with --privileged, or run splitbrain outside of it")
            }
            Self::Kernel { .. } => Some(
                "use a kernel with CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS and CONFIG_TMPFS \
                 (every distribution's has them)",
            ),
            Self::Threads(_) | Self::System { .. } => None,
        }
    }
}

/// The steps of creating a world, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Namespaces,
    ProcessGroup,
    DeathSignal,
    IdMaps,
    PrivateMounts,
    Proc,
    Run,
    Loopback,
    Fork,
}

impl Step {
    const ALL: [Self; 9] = [
        Self::Namespaces,
        Self::ProcessGroup,
        Self::DeathSignal,
        Self::IdMaps,
        Self::PrivateMounts,
        Self::Proc,
        Self::Run,
        Self::Loopback,
        Self::Fork,
    ];

    fn describe(self) -> &'static str {
        match self {
            Self::Namespaces => "creating namespaces",
            Self::ProcessGroup => "creating a process group",
            Self::DeathSignal => "tying the sandbox to its supervisor",
            Self::IdMaps => "mapping user ids",
            Self::PrivateMounts => "making mounts private",
            Self::Proc => "mounting /proc",
            Self::Run => "mounting /run",
            Self::Loopback => "bringing up the loopback interface",
            Self::Fork => "forking",
        }
    }
}

/// A failed step, as the world tells it to the supervisor: one byte for the step, four for the error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) step: Step,
    pub(super) errno: Errno,
}

impl Report {
    pub(super) fn send(self, to: &OwnedFd) {
        let mut bytes = vec![self.step as u8];
        bytes.extend((self.errno as i32).to_ne_bytes());
        // Where the supervisor is gone there is nobody to tell.
        let _ = nix::unistd::write(to.as_fd(), &bytes);
    }

    /// Waits for the world to be set up (`None`) or to fail.
    pub(super) fn receive(from: OwnedFd) -> Option<Self> {
        let mut bytes = Vec::new();
        File::from(from).read_to_end(&mut bytes).ok()?;
        let (step, errno) = bytes.split_first()?;
        let errno = i32::from_ne_bytes(errno.try_into().ok()?);
        Some(Self {
            step: *Step::ALL.get(usize::from(*step))?,
            errno: Errno::from_raw(errno),
        })
    }

    pub(super) fn diagnose(self) -> SandboxError {
        self.diagnose_with(&Host::read())
    }

    fn diagnose_with(self, host: &Host) -> SandboxError {
        let (step, errno) = (self.step.describe(), self.errno);
        let forbidden = matches!(errno, Errno::EPERM | Errno::EACCES);
        match errno {
            Errno::ENOSPC | Errno::EUSERS if self.step == Step::Namespaces => {
                match host.max_user_namespaces {
                    Some(limit) if host.is_ordinary_user => SandboxError::UserNamespaceLimit { limit },
                    _ => SandboxError::System { step, errno },
                }
            }
            Errno::EINVAL | Errno::ENODEV | Errno::ENOSYS => SandboxError::Kernel { step, errno },
            _ if forbidden && host.is_ordinary_user && host.userns_clone == Some(0) => {
                SandboxError::UserNamespacesOff
            }
            _ if forbidden && host.is_ordinary_user && host.apparmor_restricts == Some(1) => {
                SandboxError::AppArmor { step, errno }
            }
            _ if forbidden => SandboxError::Container { step, errno },
            _ => SandboxError::System { step, errno },
        }
    }
}

/// What the host says about user namespaces; `None` where it knows no such switch.
#[derive(Clone, Debug)]
struct Host {
    is_ordinary_user: bool,
    apparmor_restricts: Option<u64>,
    userns_clone: Option<u64>,
    max_user_namespaces: Option<u64>,
}

impl Host {
    fn read() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
        Self {
            is_ordinary_user: needs_user_namespace(),
            apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
        }
    }
}

/// Whether this process lacks the privilege (`CAP_SYS_ADMIN`) to create the other namespaces, and must become root
/// of a new user namespace first. Being user 0 is not enough: containers take capabilities away.
pub(super) fn needs_user_namespace() -> bool {
    const CAP_SYS_ADMIN: u32 = 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = effective
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    capabilities & (1 << CAP_SYS_ADMIN) == 0
}

pub(super) fn require_single_thread() -> Result<(), SandboxError> {
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads == 1 {
        Ok(())
    } else {
        Err(SandboxError::Threads(threads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Host = Host {
        is_ordinary_user: true,
        apparmor_restricts: Some(0),
        userns_clone: Some(1),
        max_user_namespaces: Some(9),
    };

    fn diagnose(step: Step, errno: Errno, host: &Host) -> SandboxError {
        Report { step, errno }.diagnose_with(host)
    }

    #[test]
    fn reasons_are_told_apart_and_each_has_its_mend() {
        let apparmor = Host {
            apparmor_restricts: Some(1),
            ..OPEN
        };
        // Ubuntu lets the namespace be created, and then withholds its capabilities.
        let error = diagnose(Step::IdMaps, Errno::EPERM, &apparmor);
        assert!(
            error
                .mend()
                .unwrap()
                .contains("apparmor_restrict_unprivileged_userns=0"),
            "{error}"
        );

        let debian = Host {
            userns_clone: Some(0),
            ..OPEN
        };
        let error = diagnose(Step::Namespaces, Errno::EPERM, &debian);
        assert_eq!(error, SandboxError::UserNamespacesOff);

        let limited = Host {
            max_user_namespaces: Some(0),
            ..OPEN
        };
        let error = diagnose(Step::Namespaces, Errno::ENOSPC, &limited);
        assert_eq!(error, SandboxError::UserNamespaceLimit { limit: 0 });

        let error = diagnose(Step::Namespaces, Errno::EPERM, &OPEN);
        assert!(matches!(error, SandboxError::Container { .. }));
        let error = diagnose(Step::Proc, Errno::EPERM, &OPEN);
        assert_eq!(
            error.to_string(),
            "this container forbids mounting /proc (EPERM: Operation not permitted)"
        );
        let error = diagnose(Step::Namespaces, Errno::EINVAL, &OPEN);
        assert!(matches!(error, SandboxError::Kernel { .. }));
    }

    #[test]
    fn switches_for_ordinary_users_do_not_explain_the_failures_of_root() {
        let host = Host {
            is_ordinary_user: false,
            apparmor_restricts: Some(1),
            userns_clone: Some(0),
            ..OPEN
        };
        assert!(matches!(
            diagnose(Step::Namespaces, Errno::EPERM, &host),
            SandboxError::Container { .. }
        ));
        assert!(matches!(
            diagnose(Step::Namespaces, Errno::ENOSPC, &host),
            SandboxError::System { .. }
        ));
    }

    #[test]
    fn reports_survive_the_pipe() {
        for step in Step::ALL {
            let (read, write) = nix::unistd::pipe().unwrap();
            let report = Report {
                step,
                errno: Errno::EACCES,
            };
            report.send(&write);
            drop(write);
            assert_eq!(Report::receive(read), Some(report));
        }
        let (read, write) = nix::unistd::pipe().unwrap();
        drop(write);
        assert_eq!(Report::receive(read), None);
    }
}
