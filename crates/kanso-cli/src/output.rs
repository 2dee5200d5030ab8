//! What is printed: tables and sentences for people, JSON for scripts.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use kanso_client::Shown;
use kanso_client::domain::entries::Entry;
use kanso_client::domain::habits::Habit;
use kanso_client::protocol::entries::EntryRecord;
use kanso_client::protocol::habits::HabitRecord;
use owo_colors::{OwoColorize as _, Stream};
use serde_json::{Value, json};

/// Readable on the narrowest terminal.
const WIDTH: u16 = 80;

/// How a command talks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    is_json: bool,
}

impl Output {
    pub(crate) const fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Prints what was asked for: `value` for a script, `text` for a person.
    pub(crate) fn data(self, value: &Value, text: impl FnOnce() -> String) {
        if self.is_json {
            print(&format!("{value:#}"));
            return;
        }
        let text = text();
        if !text.is_empty() {
            print(text.trim_end());
        }
    }

    /// Says what was done, and prints `value` for a script.
    pub(crate) fn done(self, value: &Value, text: &str) {
        if self.is_json {
            print(&format!("{value:#}"));
        } else {
            eprintln!("{text}");
        }
    }
}

/// Says something beside what was asked for.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Whoever reads stdout may have gone away; that is no failure of the command.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Whether stdout shows colours: a terminal, and nobody said `NO_COLOR`.
fn has_colors() -> bool {
    let plain = "x";
    plain
        .if_supports_color(Stream::Stdout, |text| text.bold())
        .to_string()
        != plain
}

/// A table without lines, as wide as the terminal and at most 80 columns where there is none.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() || !has_colors() {
        table.force_no_tty().set_width(WIDTH);
    }
    let cells = header
        .iter()
        .map(|name| Cell::new(name).add_attribute(Attribute::Bold));
    table.set_header(cells);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A heading or a word that should stand out.
pub(crate) fn strong(text: &str) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.bold())
        .to_string()
}

/// A habit for a script: as on the wire, and whether it waits to be synced.
pub(crate) fn habit_json(habit: &Habit, is_pending: bool) -> Value {
    with_pending(json!(HabitRecord::from(habit)), is_pending)
}

/// An entry for a script: as on the wire, and whether it waits to be synced.
pub(crate) fn entry_json(shown: &Shown<Entry>) -> Value {
    with_pending(json!(EntryRecord::from(&shown.record)), shown.is_pending)
}

fn with_pending(mut record: Value, is_pending: bool) -> Value {
    if let Some(members) = record.as_object_mut() {
        members.insert("pending".to_owned(), Value::Bool(is_pending));
    }
    record
}
