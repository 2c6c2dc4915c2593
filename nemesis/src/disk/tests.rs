//! The model against a naive one, without a kernel.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use proptest::prelude::*;

use super::image::{Ino, Lost};
use super::*;

fn image() -> Image {
    Image::new(1_000_000)
}

fn lose(image: &mut Image, tail: Tail, seed: u64) -> Lost {
    image.lose_power(tail, &mut rng::from_seed(seed))
}

fn file(image: &mut Image, folder: Ino, name: &str) -> Ino {
    image.make(folder, name.as_ref(), false, 0o644).unwrap()
}

fn content(image: &Image, name: &str) -> Option<Vec<u8>> {
    let ino = image.find(ROOT, name.as_ref()).ok()?;
    Some(image.file(ino).unwrap().now.clone())
}

#[test]
fn content_is_durable_once_synced_and_a_name_once_its_folder_is() {
    let mut disk = image();
    let named = file(&mut disk, ROOT, "named");
    disk.write(named, 0, b"never synced").unwrap();
    disk.sync(ROOT).unwrap();
    let unnamed = file(&mut disk, ROOT, "unnamed");
    disk.write(unnamed, 0, b"synced").unwrap();
    disk.sync(unnamed).unwrap();
    let lost = lose(&mut disk, Tail::Lost, 1);
    assert_eq!(content(&disk, "named"), Some(Vec::new()));
    assert_eq!(content(&disk, "unnamed"), None);
    assert_eq!((lost.bytes, lost.names), (12, 1));
}

#[test]
fn a_rename_is_undone_unless_its_folder_was_synced_and_never_leaves_a_mixture() {
    let mut disk = image();
    for name in ["old", "new"] {
        let ino = file(&mut disk, ROOT, name);
        disk.write(ino, 0, name.as_bytes()).unwrap();
        disk.sync(ino).unwrap();
    }
    disk.sync(ROOT).unwrap();
    for synced in [false, true] {
        let rename = disk.rename((ROOT, OsStr::new("new")), (ROOT, OsStr::new("old")), true);
        assert_eq!(rename, Ok(()));
        if synced {
            disk.sync(ROOT).unwrap();
        }
        lose(&mut disk, Tail::Lost, 1);
        let expected = if synced { "new" } else { "old" };
        assert_eq!(content(&disk, "old").unwrap(), expected.as_bytes());
        assert_eq!(content(&disk, "new").is_none(), synced);
    }
}

#[test]
fn a_rename_between_folders_is_durable_in_both_or_in_neither() {
    for synced in [0, 1] {
        let mut disk = image();
        let folders = ["a", "b"].map(|name| disk.make(ROOT, name.as_ref(), true, 0o755).unwrap());
        let ino = file(&mut disk, folders[0], "x");
        disk.sync(ino).unwrap();
        disk.sync(folders[0]).unwrap();
        disk.sync(ROOT).unwrap();
        let (from, to) = ((folders[0], OsStr::new("x")), (folders[1], OsStr::new("y")));
        disk.rename(from, to, true).unwrap();
        disk.sync(folders[synced]).unwrap();
        lose(&mut disk, Tail::Lost, 1);
        assert!(disk.find(folders[0], OsStr::new("x")).is_err());
        assert_eq!(disk.find(folders[1], OsStr::new("y")), Ok(ino));
    }
}

#[test]
fn a_removed_file_comes_back_unless_its_folder_was_synced() {
    let mut disk = image();
    let ino = file(&mut disk, ROOT, "x");
    disk.write(ino, 0, b"here").unwrap();
    disk.sync(ino).unwrap();
    disk.sync(ROOT).unwrap();
    disk.remove(ROOT, OsStr::new("x"), false).unwrap();
    lose(&mut disk, Tail::Lost, 1);
    assert_eq!(content(&disk, "x").unwrap(), b"here");
    disk.remove(ROOT, OsStr::new("x"), false).unwrap();
    disk.sync(ROOT).unwrap();
    lose(&mut disk, Tail::Lost, 1);
    assert_eq!(content(&disk, "x"), None);
    assert_eq!(disk.used(), 0, "what nobody can reach takes no room");
    assert!(disk.get(ino).is_err());
}

#[test]
fn a_disk_that_is_full_takes_no_more_and_stays_whole() {
    let mut disk = Image::new(10);
    let ino = file(&mut disk, ROOT, "x");
    assert_eq!(disk.write(ino, 0, b"0123456789"), Ok(()));
    assert_eq!(disk.write(ino, 10, b"a"), Err(Errno::ENOSPC));
    assert_eq!(disk.write(ino, 9, b"9"), Ok(()));
    assert_eq!(disk.resize(ino, 4), Ok(()));
    assert_eq!(disk.write(ino, 4, b"456789"), Ok(()));
    assert_eq!(disk.used(), 10);
}

#[test]
fn a_tear_always_loses_something_and_sometimes_keeps_something() {
    let (mut kept, mut garbled) = (0, 0);
    for seed in 0..100 {
        let mut disk = image();
        let ino = file(&mut disk, ROOT, "x");
        disk.write(ino, 0, b"synced").unwrap();
        disk.sync(ino).unwrap();
        disk.sync(ROOT).unwrap();
        disk.write(ino, 6, b"first").unwrap();
        disk.write(ino, 11, b"second").unwrap();
        let lost = lose(&mut disk, Tail::Torn, seed);
        assert!(lost.bytes > 0 && lost.bytes + lost.kept == 11);
        let found = content(&disk, "x").unwrap();
        assert_eq!(found.len() as u64, 6 + lost.kept);
        let sound = found.len() - lost.garbled as usize;
        assert_eq!(found[..sound], b"syncedfirstsecond"[..sound]);
        assert!(sound >= 6, "what was synced is never touched");
        assert_eq!(found == b"syncedfirstsecond"[..found.len()], lost.garbled == 0);
        kept += u64::from(lost.kept > 0);
        garbled += lost.garbled;
    }
    assert!(kept > 50 && garbled > 20, "{kept} kept, {garbled} garbled");
}

#[test]
fn corruption_is_undone_unless_the_file_was_changed() {
    let disk = Disk {
        state: Arc::new(Mutex::new(State {
            image: image(),
            refusal: None,
            refused: 0,
            sync_delay: None,
            stalled: false,
            corrupted: false,
        })),
        root: PathBuf::from("/"),
    };
    let data = disk.state().image.make(ROOT, DATA.as_ref(), true, 0o755).unwrap();
    assert!(disk.corrupt(Corruption::Truncation, 1).unwrap().is_none());
    let ino = file(&mut disk.state().image, data, "log");
    let whole = vec![7; 2 * FLIP_MIN];
    disk.state().image.write(ino, 0, &whole).unwrap();
    for corruption in [Corruption::BitFlip, Corruption::Truncation] {
        let now = || disk.state().image.file(ino).unwrap().now.clone();
        let corrupted = disk.corrupt(corruption, 3).unwrap().unwrap();
        let flipped: u32 = now().iter().zip(&whole).map(|(a, b)| (a ^ b).count_ones()).sum();
        match corruption {
            Corruption::BitFlip => assert_eq!((now().len(), flipped), (whole.len(), 1)),
            Corruption::Truncation => assert!(now().is_empty()),
        }
        assert!(disk.restore(&corrupted));
        assert_eq!(now(), whole);
    }
    let corrupted = disk.corrupt(Corruption::BitFlip, 3).unwrap().unwrap();
    disk.state().image.write(ino, 0, b"changed").unwrap();
    assert!(!disk.restore(&corrupted));
}

/// What a program may do with the files `0` to `2` of one folder.
#[derive(Clone, Debug)]
enum Step {
    Make(usize),
    Write(usize, u8, Vec<u8>),
    Resize(usize, u8),
    Remove(usize),
    Rename(usize, usize),
    Sync(usize),
    SyncFolder,
    LosePower,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (which, bytes) = (0..3_usize, prop::collection::vec(any::<u8>(), 1..8));
    prop::collection::vec(
        prop_oneof![
            which.clone().prop_map(Step::Make),
            (which.clone(), 0..20_u8, bytes).prop_map(|(file, at, bytes)| Step::Write(file, at, bytes)),
            (which.clone(), 0..20_u8).prop_map(|(file, len)| Step::Resize(file, len)),
            which.clone().prop_map(Step::Remove),
            (which.clone(), which.clone()).prop_map(|(from, to)| Step::Rename(from, to)),
            which.prop_map(Step::Sync),
            Just(Step::SyncFolder),
            Just(Step::LosePower),
        ],
        0..60,
    )
}

/// The naive model: two whole copies of everything.
#[derive(Clone, Default)]
struct Naive {
    names: [BTreeMap<OsString, usize>; 2],
    contents: [Vec<Vec<u8>>; 2],
}

proptest! {
    #[test]
    fn the_image_agrees_with_two_whole_copies(steps in steps()) {
        let mut disk = image();
        let mut naive = Naive::default();
        let name = |file: usize| OsString::from(file.to_string());
        for step in steps {
            let at = |naive: &Naive, file| naive.names[0].get(&name(file)).copied();
            match step {
                Step::Make(file) => {
                    let made = disk.make(ROOT, &name(file), false, 0o644);
                    prop_assert_eq!(made.is_ok(), at(&naive, file).is_none());
                    if made.is_ok() {
                        naive.names[0].insert(name(file), naive.contents[0].len());
                        naive.contents.iter_mut().for_each(|contents| contents.push(Vec::new()));
                    }
                }
                Step::Write(file, offset, bytes) => if let Some(at) = at(&naive, file) {
                    let ino = disk.find(ROOT, &name(file)).unwrap();
                    disk.write(ino, u64::from(offset), &bytes).unwrap();
                    let content = &mut naive.contents[0][at];
                    let end = usize::from(offset) + bytes.len();
                    content.resize(content.len().max(end), 0);
                    content[usize::from(offset)..end].copy_from_slice(&bytes);
                },
                Step::Resize(file, len) => if let Some(at) = at(&naive, file) {
                    let ino = disk.find(ROOT, &name(file)).unwrap();
                    disk.resize(ino, u64::from(len)).unwrap();
                    naive.contents[0][at].resize(usize::from(len), 0);
                },
                Step::Remove(file) => {
                    let removed = disk.remove(ROOT, &name(file), false);
                    prop_assert_eq!(removed.is_ok(), naive.names[0].remove(&name(file)).is_some());
                }
                Step::Rename(from, to) => {
                    let (from, to) = (name(from), name(to));
                    let renamed = disk.rename((ROOT, &from), (ROOT, &to), true);
                    prop_assert_eq!(renamed.is_ok(), naive.names[0].contains_key(&from));
                    if let Some(at) = naive.names[0].remove(&from) {
                        naive.names[0].insert(to, at);
                    }
                }
                Step::Sync(file) => if let Some(at) = at(&naive, file) {
                    disk.sync(disk.find(ROOT, &name(file)).unwrap()).unwrap();
                    naive.contents[1][at] = naive.contents[0][at].clone();
                },
                Step::SyncFolder => {
                    disk.sync(ROOT).unwrap();
                    naive.names[1] = naive.names[0].clone();
                }
                Step::LosePower => {
                    disk.lose_power(Tail::Lost, &mut rng::from_seed(1));
                    naive.names[0] = naive.names[1].clone();
                    naive.contents[0] = naive.contents[1].clone();
                }
            }
            let seen: BTreeMap<OsString, Vec<u8>> = disk
                .folder(ROOT)
                .unwrap()
                .now
                .iter()
                .map(|(name, ino)| (name.clone(), disk.file(*ino).unwrap().now.clone()))
                .collect();
            let expected: BTreeMap<OsString, Vec<u8>> = naive.names[0]
                .iter()
                .map(|(name, at)| (name.clone(), naive.contents[0][*at].clone()))
                .collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
