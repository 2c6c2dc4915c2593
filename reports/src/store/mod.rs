//! The pages of `splitbrain serve`: what is in a store, and what a browser may make of the pages in it. They have no script.

use askama::Template;

use crate::assets;
use crate::format::{count, plural, quantity};
use crate::page::{Badge, verdict_badge};
use crate::results::RunVerdict;

/// A page of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Where the store is.
    pub store: String,
    /// What is searched for; empty for all.
    pub query: String,
    /// How much was found.
    pub found: u64,
    /// How much there is.
    pub of: u64,
    /// Which page this is, from 1.
    pub page: u64,
    /// How many pages there are.
    pub pages: u64,
    /// What is on it.
    pub entries: Vec<ListEntry>,
}

/// A run, a comparison or a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct ListEntry {
    /// Which of them: `run`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// When it began, for people.
    pub time: String,
    /// What was tested.
    pub about: String,
    /// The verdict; none if it says none.
    pub verdict: Option<RunVerdict>,
    /// Why.
    pub reason: String,
    /// The ids of its failures.
    pub signatures: Vec<String>,
    /// Its folder, from the store.
    pub path: String,
    /// A reference to its page, encoded; none if there is none.
    pub page: Option<String>,
    /// A reference to its folder, encoded.
    pub folder: String,
}

/// A folder of the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    /// Its path from the store.
    pub path: String,
    /// The folders on the way to it, each with its name and a reference, encoded.
    pub ways: Vec<(String, String)>,
    /// What lies in it.
    pub entries: Vec<FolderEntry>,
    /// Whether there is more than is listed.
    pub is_cut: bool,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct FolderEntry {
    /// Its name.
    pub name: String,
    /// A reference to it, encoded.
    pub href: String,
    /// How long it is, in bytes; none for a folder.
    pub length: Option<u64>,
}

/// A page that another version drew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other<'a> {
    /// Its path from the store.
    pub path: &'a str,
    /// The folder that it is in.
    pub folder: &'a str,
}

/// The list.
#[must_use]
pub fn list_page(list: &List) -> String {
    let page = ListTemplate {
        policy: list_policy(),
        styles: &assets::STORE_STYLES,
        scripts: &[],
        list,
        rows: list.entries.iter().map(Row::new).collect(),
        summary: if list.query.is_empty() {
            format!("{}, the newest first", plural(list.of, "entry", "entries"))
        } else {
            format!(
                "{} of {} found, the newest first",
                count(list.found),
                count(list.of)
            )
        },
    };
    page.render().expect("rendering into a String cannot fail")
}

/// What lies in a folder.
#[must_use]
pub fn folder_page(folder: &Folder) -> String {
    let page = FolderTemplate {
        policy: list_policy(),
        styles: &assets::STORE_STYLES,
        scripts: &[],
        folder,
    };
    page.render().expect("rendering into a String cannot fail")
}

/// What is shown in place of a page whose scripts are not this version's.
#[must_use]
pub fn other_page(other: &Other<'_>) -> String {
    let page = OtherTemplate {
        policy: list_policy(),
        styles: &assets::STORE_STYLES,
        scripts: &[],
        other,
    };
    page.render().expect("rendering into a String cannot fail")
}

/// The policy of these pages: no script at all, and a form that asks this server.
#[must_use]
pub fn list_policy() -> String {
    assets::policy(&[], &assets::STORE_STYLES).replace("form-action 'none'", "form-action 'self'")
}

/// The policy of the pages that runs leave: the scripts and styles of this version's own, and no other.
#[must_use]
pub fn pages_policy() -> String {
    assets::policy(&assets::all_scripts(), &assets::all_styles())
}

/// Whether that policy admits every script of a page.
#[must_use]
pub fn admits(html: &str) -> bool {
    let own = assets::all_scripts();
    let mut scripts = html
        .split("<script>")
        .skip(1)
        .filter_map(|rest| rest.split("</script>").next());
    scripts.all(|script| own.contains(&script))
}

#[derive(Template)]
#[template(path = "store.html")]
struct ListTemplate<'a> {
    policy: String,
    styles: &'static [&'static str],
    scripts: &'static [&'static str],
    list: &'a List,
    rows: Vec<Row<'a>>,
    summary: String,
}

impl ListTemplate<'_> {
    /// A reference to another page of the same search.
    fn turned(&self, page: u64) -> String {
        format!("/?q={}&page={page}", self.encoded(&self.list.query))
    }

    /// A text as a part of a reference.
    #[expect(clippy::unused_self, reason = "templates call methods")]
    fn encoded(&self, text: &str) -> String {
        let encode = |byte: u8| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(encode).collect()
    }
}

#[derive(Template)]
#[template(path = "store_folder.html")]
struct FolderTemplate<'a> {
    policy: String,
    styles: &'static [&'static str],
    scripts: &'static [&'static str],
    folder: &'a Folder,
}

#[derive(Template)]
#[template(path = "store_other.html")]
struct OtherTemplate<'a> {
    policy: String,
    styles: &'static [&'static str],
    scripts: &'static [&'static str],
    other: &'a Other<'a>,
}

struct Row<'a> {
    entry: &'a ListEntry,
    badge: Badge,
}

impl<'a> Row<'a> {
    fn new(entry: &'a ListEntry) -> Self {
        let none = Badge {
            class: "not-run",
            glyph: "–",
            text: "No verdict",
        };
        Self {
            entry,
            badge: entry.verdict.map_or(none, verdict_badge),
        }
    }
}

impl FolderEntry {
    /// Its length for people.
    fn size(&self) -> String {
        match self.length {
            None => String::new(),
            Some(bytes @ 0..1_000) => format!("{bytes} B"),
            Some(bytes @ 1_000..1_000_000) => format!("{} kB", quantity(bytes as f64 / 1e3)),
            Some(bytes) => format!("{} MB", quantity(bytes as f64 / 1e6)),
        }
    }
}
