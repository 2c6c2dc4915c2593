//! Serving a disk to the kernel. One thread takes all requests in their order; only a sync that is delayed is
//! answered by a thread of its own, so that the rest goes on.
//!
//! Nothing is cached by name or attribute (their time to live is 0), and the kernel drops what it knows of a file's
//! content when the file is opened: so a power failure need not tell it anything. Writes go through to this thread at
//! once, since the writeback cache is not asked for.

use std::ffi::OsStr;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry,
    ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use nix::errno::Errno;

use super::image::Ino;
use super::{Disk, Refusal, State};

/// Names and attributes are asked for anew each time.
const TTL: Duration = Duration::ZERO;
const BLOCK: u64 = 512;
/// How often a sync on a stalled disk looks whether it may go on.
const STALL_POLL: Duration = Duration::from_millis(2);
/// `FALLOC_FL_KEEP_SIZE` of fallocate(2).
const KEEP_SIZE: i32 = 1;
/// `RENAME_NOREPLACE` of rename(2).
const NO_REPLACE: u32 = 1;

/// Serves a disk.
pub(super) struct Server {
    disk: Disk,
    owner: (u32, u32),
}

/// What a request does, as far as a disk may refuse it.
#[derive(Clone, Copy)]
enum Doing {
    /// Letting a file grow.
    Growing,
    /// Anything else that reaches the disk.
    Using,
}

impl State {
    /// Lets a request pass, or not.
    fn admit(&mut self, by: &Request, doing: Doing) -> Result<(), Errno> {
        match (self.refusal, doing) {
            (Some(refusal @ Refusal::Growth), Doing::Growing) | (Some(refusal @ Refusal::Everything), _) => {
                self.refused += u64::from(!is_own(by));
                Err(refusal.errno())
            }
            _ => Ok(()),
        }
    }

    /// A handle is good until the next power failure.
    fn is_open(&self, handle: FileHandle) -> Result<(), Errno> {
        match handle.0 == self.image.epoch {
            true => Ok(()),
            false => Err(Errno::EIO),
        }
    }

    /// Whether a sync has to wait still: one that power failed for has not.
    fn is_stalled(&self, handle: FileHandle) -> bool {
        self.stalled && self.is_open(handle).is_ok()
    }

    fn write(
        &mut self,
        by: &Request,
        ino: Ino,
        handle: FileHandle,
        at: u64,
        bytes: &[u8],
    ) -> Result<(), Errno> {
        self.is_open(handle)?;
        let grows = at.saturating_add(bytes.len() as u64) > self.image.get(ino)?.len();
        self.admit(by, if grows { Doing::Growing } else { Doing::Using })?;
        self.image.write(ino, at, bytes)
    }

    fn resize(&mut self, by: &Request, ino: Ino, len: u64) -> Result<(), Errno> {
        let grows = len > self.image.get(ino)?.len();
        self.admit(by, if grows { Doing::Growing } else { Doing::Using })?;
        self.image.resize(ino, len)
    }

    fn open(&mut self, by: &Request, ino: Ino) -> Result<FileHandle, Errno> {
        self.admit(by, Doing::Using)?;
        self.image.opened(ino)?;
        Ok(FileHandle(self.image.epoch))
    }

    fn make(
        &mut self,
        by: &Request,
        parent: Ino,
        name: &OsStr,
        is_folder: bool,
        mode: u32,
    ) -> Result<Ino, Errno> {
        // A name takes room as well.
        self.admit(by, Doing::Growing)?;
        let ino = self.image.make(parent, name, is_folder, (mode & 0o7777) as u16)?;
        self.image.looked_up(ino);
        Ok(ino)
    }
}

/// Whether a request is the harness's: the id that it bears is that of a thread.
fn is_own(request: &Request) -> bool {
    Path::new(&format!("/proc/self/task/{}", request.pid())).exists()
}

fn errno(errno: Errno) -> fuser::Errno {
    fuser::Errno::from_i32(errno as i32)
}

fn finish(result: Result<(), Errno>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(error)),
    }
}

impl Server {
    pub(super) fn new(disk: Disk) -> Self {
        let owner = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
        Self { disk, owner }
    }

    fn attr(&self, state: &State, ino: Ino) -> Result<FileAttr, Errno> {
        let inode = state.image.get(ino)?;
        let (kind, links) = match inode.is_folder() {
            true => (FileType::Directory, 2),
            false => (FileType::RegularFile, 1),
        };
        // Nothing here depends on times; that of the epoch makes nobody think otherwise.
        let time = SystemTime::UNIX_EPOCH;
        Ok(FileAttr {
            ino: INodeNo(ino),
            size: inode.len(),
            blocks: inode.len().div_ceil(BLOCK),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm: inode.mode,
            nlink: links,
            uid: self.owner.0,
            gid: self.owner.1,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn entry(&self, found: Result<FileAttr, Errno>, reply: ReplyEntry) {
        match found {
            Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn sync(&self, by: &Request, ino: Ino, handle: FileHandle, reply: ReplyEmpty) {
        let (admitted, delay) = {
            let mut state = self.disk.state();
            let admitted = state.is_open(handle).and_then(|()| state.admit(by, Doing::Using));
            (
                admitted,
                state.sync_delay.or(state.stalled.then_some(Duration::ZERO)),
            )
        };
        let (disk, waiting) = (self.disk.clone(), self.disk.clone());
        let sync = move || {
            let mut state = disk.state();
            // Power may have failed meanwhile.
            state.is_open(handle)?;
            state.image.sync(ino)
        };
        match (admitted, delay) {
            (Ok(()), Some(delay)) => {
                // As many at once as programs wait for, and no more.
                thread::spawn(move || {
                    thread::sleep(delay);
                    while waiting.state().is_stalled(handle) {
                        thread::sleep(STALL_POLL);
                    }
                    finish(sync(), reply);
                });
            }
            (Ok(()), None) => finish(sync(), reply),
            (refused, _) => finish(refused, reply),
        }
    }
}

impl Filesystem for Server {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let mut state = self.disk.state();
        let found = state.image.find(parent.0, name).and_then(|ino| {
            let attr = self.attr(&state, ino)?;
            state.image.looked_up(ino);
            Ok(attr)
        });
        self.entry(found, reply);
    }

    fn forget(&self, _: &Request, ino: INodeNo, times: u64) {
        self.disk.state().image.forget(ino.0, times);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attr(&self.disk.state(), ino.0) {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn setattr(
        &self,
        by: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut state = self.disk.state();
        let set = match (mode, size) {
            (Some(mode), _) => state.image.set_mode(ino.0, (mode & 0o7777) as u16),
            (None, Some(size)) => state.resize(by, ino.0, size),
            (None, None) => Ok(()),
        };
        match set.and_then(|()| self.attr(&state, ino.0)) {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn mkdir(&self, by: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let mut state = self.disk.state();
        let made = state.make(by, parent.0, name, true, mode & !umask);
        let made = made.and_then(|ino| self.attr(&state, ino));
        self.entry(made, reply);
    }

    fn unlink(&self, by: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut state = self.disk.state();
        let removed = state.admit(by, Doing::Using);
        finish(
            removed.and_then(|()| state.image.remove(parent.0, name, false)),
            reply,
        );
    }

    fn rmdir(&self, by: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut state = self.disk.state();
        let removed = state.admit(by, Doing::Using);
        finish(
            removed.and_then(|()| state.image.remove(parent.0, name, true)),
            reply,
        );
    }

    fn rename(
        &self,
        by: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if flags.bits() & !NO_REPLACE != 0 {
            return reply.error(fuser::Errno::EINVAL);
        }
        let mut state = self.disk.state();
        let renamed = state.admit(by, Doing::Using).and_then(|()| {
            let replace = flags.bits() & NO_REPLACE == 0;
            state
                .image
                .rename((parent.0, name), (new_parent.0, new_name), replace)
        });
        finish(renamed, reply);
    }

    fn open(&self, by: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.disk.state().open(by, ino.0) {
            Ok(handle) => reply.opened(handle, FopenFlags::empty()),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn create(
        &self,
        by: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let mut state = self.disk.state();
        let made = state
            .make(by, parent.0, name, false, mode & !umask)
            .and_then(|ino| {
                let handle = state.open(by, ino)?;
                Ok((self.attr(&state, ino)?, handle))
            });
        match made {
            Ok((attr, handle)) => reply.created(&TTL, &attr, Generation(0), handle, FopenFlags::empty()),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn read(
        &self,
        by: &Request,
        ino: INodeNo,
        handle: FileHandle,
        at: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut state = self.disk.state();
        let admitted = state.is_open(handle).and_then(|()| state.admit(by, Doing::Using));
        match admitted.and_then(|()| state.image.read(ino.0, at, size as usize)) {
            Ok(bytes) => reply.data(bytes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn write(
        &self,
        by: &Request,
        ino: INodeNo,
        handle: FileHandle,
        at: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.disk.state().write(by, ino.0, handle, at, bytes) {
            Ok(()) => reply.written(bytes.len() as u32),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        // close(2) promises nothing.
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.disk.state().image.released(ino.0);
        reply.ok();
    }

    fn fsync(&self, by: &Request, ino: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(by, ino.0, handle, reply);
    }

    fn opendir(&self, by: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.disk.state().open(by, ino.0) {
            Ok(handle) => reply.opened(handle, FopenFlags::empty()),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn readdir(&self, by: &Request, ino: INodeNo, _: FileHandle, at: u64, mut reply: ReplyDirectory) {
        let mut state = self.disk.state();
        if let Err(error) = state.admit(by, Doing::Using) {
            return reply.error(errno(error));
        }
        let folder = match state.image.folder(ino.0) {
            Ok(folder) => folder,
            Err(error) => return reply.error(errno(error)),
        };
        let dots = [(OsStr::new("."), ino.0), (OsStr::new(".."), folder.parent.max(1))];
        let names = folder.now.iter().map(|(name, ino)| (name.as_os_str(), *ino));
        for (number, (name, ino)) in (1_u64..).zip(dots.into_iter().chain(names)).skip(at as usize) {
            let is_folder = state.image.get(ino).is_ok_and(super::image::Inode::is_folder);
            let kind = match is_folder {
                true => FileType::Directory,
                false => FileType::RegularFile,
            };
            if reply.add(INodeNo(ino), number, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.disk.state().image.released(ino.0);
        reply.ok();
    }

    fn fsyncdir(&self, by: &Request, ino: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(by, ino.0, handle, reply);
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let state = self.disk.state();
        let blocks = state.image.capacity() / BLOCK;
        let free = match state.refusal {
            Some(Refusal::Growth) => 0,
            _ => blocks - state.image.used().div_ceil(BLOCK),
        };
        reply.statfs(
            blocks,
            free,
            free,
            1 << 20,
            1 << 19,
            BLOCK as u32,
            255,
            BLOCK as u32,
        );
    }

    fn fallocate(
        &self,
        by: &Request,
        ino: INodeNo,
        handle: FileHandle,
        at: u64,
        len: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let mut state = self.disk.state();
        let end = at.saturating_add(len);
        let allocated = state.is_open(handle).and_then(|()| match mode {
            0 if end > state.image.get(ino.0)?.len() => state.resize(by, ino.0, end),
            0 | KEEP_SIZE => state.admit(by, Doing::Growing),
            _ => Err(Errno::EOPNOTSUPP),
        });
        finish(allocated, reply);
    }
}
