//! The content of a disk, twice: as programs see it, and as it would be found after a power failure.
//!
//! Pure data, without a kernel or a clock, so that the model can be tested by itself. See the [module](super) for what
//! it promises.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use nix::errno::Errno;
use rand_chacha::ChaCha8Rng;

use crate::rng;

/// A file or a folder, by number. Numbers are never used again.
pub(super) type Ino = u64;
/// The folder that all else is in.
pub(super) const ROOT: Ino = 1;

/// What becomes of what was written and not synced when power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// It is gone.
    Lost,
    /// Of each file a prefix of the changes is kept, the last of them cut at any byte; and in half of the cases the last
    /// byte kept is wrong.
    Torn,
}

/// What a power failure took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Bytes that had been written.
    pub bytes: u64,
    /// Names that had been given, changed or removed.
    pub names: u64,
    /// Bytes that had been written, not synced, and were kept.
    pub kept: u64,
    /// Files whose last byte kept is wrong.
    pub garbled: u64,
}

/// All files and folders.
#[derive(Debug)]
pub(super) struct Image {
    inodes: BTreeMap<Ino, Inode>,
    next: Ino,
    used: u64,
    capacity: u64,
    /// How often power has failed. What was opened before the last time is open no more.
    pub(super) epoch: u64,
}

/// A file or a folder.
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) body: Body,
    pub(super) mode: u16,
    /// Names that programs see, and names on the durable image.
    links: u32,
    links_durable: u32,
    opens: u64,
    /// How often the kernel was told of it, less what it has forgotten.
    lookups: u64,
}

#[derive(Debug)]
pub(super) enum Body {
    File(File),
    Folder(Folder),
}

#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) now: Vec<u8>,
    durable: Vec<u8>,
    /// What leads from `durable` to `now`.
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) now: BTreeMap<OsString, Ino>,
    durable: BTreeMap<OsString, Ino>,
    pub(super) parent: Ino,
    /// Folders with which a name was exchanged since either was synced.
    exchanged: BTreeSet<Ino>,
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
            Self::Resize(len) => content.resize(*len, 0),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Write { bytes, .. } => bytes.len(),
            Self::Resize(_) => 0,
        }
    }
}

impl File {
    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.unsynced.push(change);
    }

    /// Leaves of the changes that were not synced what `tail` says.
    fn lose(&mut self, tail: Tail, rng: &mut ChaCha8Rng, lost: &mut Lost) {
        let total: usize = self.unsynced.iter().map(Change::bytes).sum();
        let mut left = match tail {
            // At least a byte is always lost: a tear without one is none.
            Tail::Torn if total > 0 => rng::below(total as u64, rng) as usize,
            Tail::Lost | Tail::Torn => 0,
        };
        lost.bytes += (total - left) as u64;
        lost.kept += left as u64;
        let mut last = None;
        for change in std::mem::take(&mut self.unsynced) {
            if left == 0 {
                break;
            }
            match change {
                Change::Write { at, mut bytes } => {
                    bytes.truncate(left);
                    left -= bytes.len();
                    last = Some(at + bytes.len() - 1);
                    Change::Write { at, bytes }.apply(&mut self.durable);
                }
                resize @ Change::Resize(_) => resize.apply(&mut self.durable),
            }
        }
        if let Some(at) = last.filter(|at| *at < self.durable.len())
            && rng::below(2, rng) == 0
        {
            self.durable[at] ^= 1 << rng::below(8, rng);
            lost.garbled += 1;
        }
        self.now.clone_from(&self.durable);
    }
}

impl Inode {
    fn new(body: Body, mode: u16) -> Self {
        Self {
            body,
            mode,
            links: 0,
            links_durable: 0,
            opens: 0,
            lookups: 0,
        }
    }

    pub(super) fn len(&self) -> u64 {
        match &self.body {
            Body::File(file) => file.now.len() as u64,
            Body::Folder(_) => 0,
        }
    }

    pub(super) fn is_folder(&self) -> bool {
        matches!(self.body, Body::Folder(_))
    }
}

impl Image {
    /// An empty disk that holds at most `capacity` bytes.
    pub(super) fn new(capacity: u64) -> Self {
        let mut root = Inode::new(Body::Folder(Folder::default()), 0o755);
        (root.links, root.links_durable) = (1, 1);
        Self {
            inodes: BTreeMap::from([(ROOT, root)]),
            next: ROOT + 1,
            used: 0,
            capacity,
            epoch: 0,
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(super) fn get(&self, ino: Ino) -> Result<&Inode, Errno> {
        self.inodes.get(&ino).ok_or(Errno::ENOENT)
    }

    fn get_mut(&mut self, ino: Ino) -> Result<&mut Inode, Errno> {
        self.inodes.get_mut(&ino).ok_or(Errno::ENOENT)
    }

    pub(super) fn folder(&self, ino: Ino) -> Result<&Folder, Errno> {
        match &self.get(ino)?.body {
            Body::Folder(folder) => Ok(folder),
            Body::File(_) => Err(Errno::ENOTDIR),
        }
    }

    fn folder_mut(&mut self, ino: Ino) -> Result<&mut Folder, Errno> {
        match &mut self.get_mut(ino)?.body {
            Body::Folder(folder) => Ok(folder),
            Body::File(_) => Err(Errno::ENOTDIR),
        }
    }

    pub(super) fn file(&self, ino: Ino) -> Result<&File, Errno> {
        match &self.get(ino)?.body {
            Body::File(file) => Ok(file),
            Body::Folder(_) => Err(Errno::EISDIR),
        }
    }

    fn file_mut(&mut self, ino: Ino) -> Result<&mut File, Errno> {
        match &mut self.get_mut(ino)?.body {
            Body::File(file) => Ok(file),
            Body::Folder(_) => Err(Errno::EISDIR),
        }
    }

    /// The number behind a name.
    pub(super) fn find(&self, parent: Ino, name: &OsStr) -> Result<Ino, Errno> {
        self.folder(parent)?.now.get(name).copied().ok_or(Errno::ENOENT)
    }

    /// Every file that programs see below `folder`.
    pub(super) fn files_below(&self, folder: Ino) -> Vec<Ino> {
        let (mut found, mut folders) = (Vec::new(), vec![folder]);
        while let Some(folder) = folders.pop() {
            for ino in self
                .folder(folder)
                .map(|folder| folder.now.values())
                .into_iter()
                .flatten()
            {
                match self.inodes.get(ino).map(Inode::is_folder) {
                    Some(true) => folders.push(*ino),
                    Some(false) => found.push(*ino),
                    None => {}
                }
            }
        }
        found
    }

    /// The kernel was told of it.
    pub(super) fn looked_up(&mut self, ino: Ino) {
        if let Some(inode) = self.inodes.get_mut(&ino) {
            inode.lookups += 1;
        }
    }

    /// The kernel has forgotten it so many times.
    pub(super) fn forget(&mut self, ino: Ino, times: u64) {
        if let Some(inode) = self.inodes.get_mut(&ino) {
            inode.lookups = inode.lookups.saturating_sub(times);
        }
        self.drop_if_unused(ino);
    }

    pub(super) fn opened(&mut self, ino: Ino) -> Result<(), Errno> {
        self.get_mut(ino)?.opens += 1;
        Ok(())
    }

    pub(super) fn released(&mut self, ino: Ino) {
        if let Some(inode) = self.inodes.get_mut(&ino) {
            inode.opens = inode.opens.saturating_sub(1);
        }
        self.drop_if_unused(ino);
    }

    fn drop_if_unused(&mut self, ino: Ino) {
        let Some(inode) = self.inodes.get(&ino) else {
            return;
        };
        if inode.links == 0 && inode.links_durable == 0 && inode.opens == 0 && inode.lookups == 0 {
            self.used -= inode.len();
            self.inodes.remove(&ino);
        }
    }

    /// Makes a file or a folder.
    pub(super) fn make(
        &mut self,
        parent: Ino,
        name: &OsStr,
        is_folder: bool,
        mode: u16,
    ) -> Result<Ino, Errno> {
        if self.folder(parent)?.now.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        let body = if is_folder {
            Body::Folder(Folder {
                parent,
                ..Folder::default()
            })
        } else {
            Body::File(File::default())
        };
        let ino = self.next;
        self.next += 1;
        let mut inode = Inode::new(body, mode);
        inode.links = 1;
        self.inodes.insert(ino, inode);
        self.folder_mut(parent)?.now.insert(name.to_owned(), ino);
        Ok(ino)
    }

    /// Removes a name; of a folder only if it is empty.
    pub(super) fn remove(&mut self, parent: Ino, name: &OsStr, is_folder: bool) -> Result<(), Errno> {
        let ino = self.find(parent, name)?;
        match (&self.get(ino)?.body, is_folder) {
            (Body::File(_), true) => return Err(Errno::ENOTDIR),
            (Body::Folder(_), false) => return Err(Errno::EISDIR),
            (Body::Folder(folder), true) if !folder.now.is_empty() => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        self.folder_mut(parent)?.now.remove(name);
        self.get_mut(ino)?.links -= 1;
        self.drop_if_unused(ino);
        Ok(())
    }

    /// Gives something another name, in the place of what has that name, unless it must not `replace` anything.
    pub(super) fn rename(
        &mut self,
        (parent, name): (Ino, &OsStr),
        (new_parent, new_name): (Ino, &OsStr),
        replace: bool,
    ) -> Result<(), Errno> {
        let ino = self.find(parent, name)?;
        match self.find(new_parent, new_name) {
            Ok(same) if same == ino => return Ok(()),
            Ok(_) if !replace => return Err(Errno::EEXIST),
            Ok(_) => self.remove(new_parent, new_name, self.get(ino)?.is_folder())?,
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        self.folder_mut(parent)?.now.remove(name);
        self.folder_mut(new_parent)?.now.insert(new_name.to_owned(), ino);
        if parent != new_parent {
            self.folder_mut(parent)?.exchanged.insert(new_parent);
            self.folder_mut(new_parent)?.exchanged.insert(parent);
            if let Body::Folder(folder) = &mut self.get_mut(ino)?.body {
                folder.parent = new_parent;
            }
        }
        Ok(())
    }

    pub(super) fn set_mode(&mut self, ino: Ino, mode: u16) -> Result<(), Errno> {
        self.get_mut(ino)?.mode = mode;
        Ok(())
    }

    /// What lies there, or less at the end of the file.
    pub(super) fn read(&self, ino: Ino, at: u64, size: usize) -> Result<&[u8], Errno> {
        let now = &self.file(ino)?.now;
        let start = usize::try_from(at).map_or(now.len(), |at| at.min(now.len()));
        Ok(&now[start..now.len().min(start.saturating_add(size))])
    }

    /// Writes.
    pub(super) fn write(&mut self, ino: Ino, at: u64, bytes: &[u8]) -> Result<(), Errno> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = at.checked_add(bytes.len() as u64).ok_or(Errno::EFBIG)?;
        self.grow(ino, end)?;
        let at = usize::try_from(at).map_err(|_| Errno::EFBIG)?;
        let bytes = bytes.to_vec();
        self.file_mut(ino)?.change(Change::Write { at, bytes });
        Ok(())
    }

    /// Cuts a file, or appends zeros to it.
    pub(super) fn resize(&mut self, ino: Ino, len: u64) -> Result<(), Errno> {
        self.grow(ino, len)?;
        let before = self.file(ino)?.now.len() as u64;
        let size = usize::try_from(len).map_err(|_| Errno::EFBIG)?;
        self.file_mut(ino)?.change(Change::Resize(size));
        self.used -= before.saturating_sub(len);
        Ok(())
    }

    /// Accounts for a file's growth to `end`, if it is one.
    fn grow(&mut self, ino: Ino, end: u64) -> Result<(), Errno> {
        let more = end.saturating_sub(self.file(ino)?.now.len() as u64);
        let used = self.used.saturating_add(more);
        if used > self.capacity {
            return Err(Errno::ENOSPC);
        }
        self.used = used;
        Ok(())
    }

    /// Makes the content of a file, or the names in a folder, durable.
    pub(super) fn sync(&mut self, ino: Ino) -> Result<(), Errno> {
        if !self.get(ino)?.is_folder() {
            self.file_mut(ino)?.sync();
            return Ok(());
        }
        let mut synced = BTreeSet::new();
        let mut to_sync = vec![ino];
        while let Some(ino) = to_sync.pop() {
            if synced.insert(ino) && self.inodes.contains_key(&ino) {
                to_sync.extend(std::mem::take(&mut self.folder_mut(ino)?.exchanged));
                self.sync_names(ino)?;
            }
        }
        Ok(())
    }

    fn sync_names(&mut self, ino: Ino) -> Result<(), Errno> {
        let folder = self.folder_mut(ino)?;
        let now: Vec<Ino> = folder.now.values().copied().collect();
        let before = std::mem::replace(&mut folder.durable, folder.now.clone());
        for ino in now {
            self.get_mut(ino)?.links_durable += 1;
        }
        for ino in before.into_values() {
            if let Some(inode) = self.inodes.get_mut(&ino) {
                inode.links_durable -= 1;
            }
            self.drop_if_unused(ino);
        }
        Ok(())
    }

    /// Power fails, and comes back: what was durable is all there is. Nothing must be using the disk.
    pub(super) fn lose_power(&mut self, tail: Tail, rng: &mut ChaCha8Rng) -> Lost {
        let mut lost = Lost::default();
        self.epoch += 1;
        for inode in self.inodes.values_mut() {
            inode.links = inode.links_durable;
            match &mut inode.body {
                Body::File(file) => file.lose(tail, rng, &mut lost),
                Body::Folder(folder) => {
                    lost.names += changed_names(&folder.now, &folder.durable);
                    folder.now.clone_from(&folder.durable);
                    folder.exchanged.clear();
                }
            }
        }
        let parents: Vec<(Ino, Ino)> = self
            .inodes
            .iter()
            .filter_map(|(ino, inode)| match &inode.body {
                Body::Folder(folder) => Some(folder.now.values().map(|child| (*child, *ino))),
                Body::File(_) => None,
            })
            .flatten()
            .collect();
        for (child, parent) in parents {
            if let Some(Inode {
                body: Body::Folder(folder),
                ..
            }) = self.inodes.get_mut(&child)
            {
                folder.parent = parent;
            }
        }
        self.used = self.inodes.values().map(Inode::len).sum();
        let all: Vec<Ino> = self.inodes.keys().copied().collect();
        for ino in all {
            self.drop_if_unused(ino);
        }
        lost
    }

    /// Replaces the content of a file on both images, and returns what it was: nobody asked for it.
    pub(super) fn replace(&mut self, ino: Ino, content: Vec<u8>) -> Result<Vec<u8>, Errno> {
        let file = self.file_mut(ino)?;
        file.unsynced.clear();
        file.durable.clone_from(&content);
        let before = std::mem::replace(&mut file.now, content);
        self.used = self.inodes.values().map(Inode::len).sum();
        Ok(before)
    }
}

/// How many names are in one and not, or for something else, in the other.
fn changed_names(a: &BTreeMap<OsString, Ino>, b: &BTreeMap<OsString, Ino>) -> u64 {
    let names: BTreeSet<&OsString> = a.keys().chain(b.keys()).collect();
    names
        .into_iter()
        .filter(|name| a.get(*name) != b.get(*name))
        .count() as u64
}
