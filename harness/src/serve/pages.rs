//! What each path of the server shows.

use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use hyper::{Response, StatusCode};
use splitbrain_reports::results::RunVerdict;
use splitbrain_reports::store::{self, Folder, FolderEntry, List, ListEntry, Other};

use super::answer::{self, Body, Kind as Look};
use super::files::{self, Entry as FileEntry, Found, Store};
use super::index::{Entry, Index, Kind};
use super::request::Asked;

/// How many there are on a page of the list.
const PAGE: usize = 50;
/// A page larger than this is none of ours.
const HTML_MAX: u64 = 64 << 20;

pub(super) fn answer(store: &Store, index: &Index, asked: &Asked) -> Response<Body> {
    match asked {
        Asked::List { query, page } => answer::list(StatusCode::OK, list(store, index, query, *page)),
        Asked::Path {
            names,
            without_scripts,
        } => match store.find(names) {
            Ok(Some(Found::Folder(entries))) => answer::list(StatusCode::OK, folder(names, &entries)),
            Ok(Some(Found::File { file, length })) => of_file(names, file, length, *without_scripts),
            Ok(None) => answer::said(StatusCode::NOT_FOUND, "There is nothing here that may be shown."),
            Err(error) => answer::said(StatusCode::FORBIDDEN, &format!("It cannot be read: {error}.")),
        },
    }
}

fn of_file(names: &[Vec<u8>], file: std::fs::File, length: u64, without_scripts: bool) -> Response<Body> {
    let look = files::kind(names.last().map_or(&[], Vec::as_slice));
    if look == Look::Page && !without_scripts && length <= HTML_MAX {
        let mut html = Vec::new();
        // What grows meanwhile is none of a page that was written whole.
        if let Err(error) = (&file).take(length).read_to_end(&mut html) {
            return answer::said(StatusCode::FORBIDDEN, &format!("It cannot be read: {error}."));
        }
        if !store::admits(&String::from_utf8_lossy(&html)) {
            let redraw = names[..names.len() - 1]
                .iter()
                .map(|name| String::from_utf8_lossy(name).into_owned());
            let redraw: Vec<String> = redraw.collect();
            return answer::list(
                StatusCode::OK,
                store::other_page(&Other {
                    path: &shown(names),
                    folder: &redraw.join("/"),
                }),
            );
        }
        return answer::of(StatusCode::OK, look, Body::Whole(Some(html.into())));
    }
    let file = tokio::fs::File::from_std(file);
    answer::of(StatusCode::OK, look, Body::File { file, left: length })
}

fn list(store: &Store, index: &Index, query: &str, page: usize) -> String {
    let (found, of) = index.search(store, query);
    let pages = found.len().div_ceil(PAGE).max(1);
    let page = page.min(pages);
    let entries = found.iter().skip((page - 1) * PAGE).take(PAGE).map(entry);
    store::list_page(&List {
        store: store.path().display().to_string(),
        query: query.to_owned(),
        found: found.len() as u64,
        of: of as u64,
        page: page as u64,
        pages: pages as u64,
        entries: entries.collect(),
    })
}

fn entry(entry: &Entry) -> ListEntry {
    let names = entry
        .folder
        .components()
        .map(|part| part.as_os_str().as_bytes().to_vec());
    let mut names: Vec<Vec<u8>> = names.collect();
    let is_run = entry.kind == Kind::Run;
    let folder = href(&names, true);
    let page = entry.page.as_ref().map(|page| {
        names.push(page.as_bytes().to_vec());
        href(&names, false)
    });
    ListEntry {
        kind: kind_name(entry.kind),
        name: entry.name.clone(),
        time: readable(&entry.time),
        about: entry.about.clone(),
        verdict: entry.verdict,
        reason: entry.reason.clone(),
        signatures: if is_run {
            entry.signatures.clone()
        } else {
            Vec::new()
        },
        path: Path::new(".").join(&entry.folder).display().to_string(),
        page,
        folder,
    }
}

/// `20260131T030012Z` as people write it.
fn readable(compact: &str) -> String {
    let part = |range: std::ops::Range<usize>| compact.get(range).unwrap_or_default();
    match compact.len() {
        16 => format!(
            "{}-{}-{} {}:{}:{}",
            part(0..4),
            part(4..6),
            part(6..8),
            part(9..11),
            part(11..13),
            part(13..15)
        ),
        _ => compact.to_owned(),
    }
}

fn folder(names: &[Vec<u8>], entries: &[FileEntry]) -> String {
    let entry = |entry: &FileEntry| {
        let mut path = names.to_vec();
        path.push(entry.name.clone());
        FolderEntry {
            name: String::from_utf8_lossy(&entry.name).into_owned(),
            href: href(&path, !entry.is_file),
            length: entry.is_file.then_some(entry.length),
        }
    };
    let ways = (0..=names.len()).map(|depth| {
        let name = match depth {
            0 => "store".to_owned(),
            _ => String::from_utf8_lossy(&names[depth - 1]).into_owned(),
        };
        (name, href(&names[..depth], true))
    });
    store::folder_page(&Folder {
        path: shown(names),
        ways: ways.collect(),
        entries: entries.iter().map(entry).collect(),
        is_cut: entries.len() >= files::ENTRIES_MAX,
    })
}

fn shown(names: &[Vec<u8>]) -> String {
    let names: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
    names.join("/")
}

/// The path of a file or folder on this server: each byte that could mean something is encoded.
fn href(names: &[Vec<u8>], is_folder: bool) -> String {
    let mut href = String::from("/files");
    for name in names {
        href.push('/');
        for byte in name {
            if byte.is_ascii_alphanumeric() || b"-_.".contains(byte) {
                href.push(char::from(*byte));
            } else {
                href.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    if is_folder {
        href.push('/');
    }
    href
}

pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Run => "run",
        Kind::Comparison => "comparison",
        Kind::Campaign => "campaign",
    }
}

pub(super) fn verdict_name(verdict: RunVerdict) -> &'static str {
    match verdict {
        RunVerdict::Pass => "pass",
        RunVerdict::Unknown => "unknown",
        RunVerdict::HarnessError => "harness-error",
        RunVerdict::Violation => "violation",
    }
}
