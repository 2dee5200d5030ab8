//! What is printed: tables and sentences for people, JSON for scripts.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use kanso_client::View;
use kanso_client::domain::entries::Entry;
use kanso_client::domain::habits::Habit;
use kanso_client::protocol::entries::EntryRecord;
use kanso_client::protocol::habits::HabitRecord;
use owo_colors::{OwoColorize as _, Stream, Style};
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

    pub(crate) const fn is_json(self) -> bool {
        self.is_json
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
    let mut table = blank();
    let cells = header
        .iter()
        .map(|name| Cell::new(name).add_attribute(Attribute::Bold));
    table.set_header(cells);
    pad(&mut table);
    table
}

fn blank() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() || !has_colors() {
        table.force_no_tty().set_width(WIDTH);
    }
    table
}

fn pad(table: &mut Table) {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
}

/// A heading or a word that should stand out.
pub(crate) fn strong(text: &str) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.bold())
        .to_string()
}

/// What a colour says. Whatever has one can be told apart without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Half,
    Bad,
    Rest,
    Now,
    Faint,
    Plain,
}

impl Tone {
    /// A cell of a table in this tone.
    pub(crate) fn cell(self, text: impl ToString) -> Cell {
        let cell = Cell::new(text);
        match self {
            Self::Good => cell.fg(Color::DarkGreen),
            Self::Half => cell.fg(Color::DarkYellow),
            Self::Bad => cell.fg(Color::DarkRed),
            Self::Rest => cell.fg(Color::DarkBlue),
            Self::Now => cell.fg(Color::DarkCyan),
            Self::Faint => cell.add_attribute(Attribute::Dim),
            Self::Plain => cell,
        }
    }

    /// A text in this tone.
    pub(crate) fn paint(self, text: &str) -> String {
        let style = match self {
            Self::Good => Style::new().green(),
            Self::Half => Style::new().yellow(),
            Self::Bad => Style::new().red(),
            Self::Rest => Style::new().blue(),
            Self::Now => Style::new().cyan(),
            Self::Faint => Style::new().dimmed(),
            Self::Plain => Style::new(),
        };
        text.if_supports_color(Stream::Stdout, |text| text.style(style))
            .to_string()
    }
}

/// A line with a name and a value, as a person looks it up.
pub(crate) fn line(name: &str, value: &str) -> String {
    format!("{}{value}", strong(&format!("{name:<11}")))
}

/// A heading, and beside it what there is to know; together they may be longer than a line.
pub(crate) fn heading(text: &str, details: &[String]) -> String {
    let details: Vec<&str> = details.iter().map(String::as_str).collect();
    let details: Vec<&str> = details.into_iter().filter(|it| !it.is_empty()).collect();
    let mut heading = blank();
    heading.add_row([
        Cell::new(text).add_attribute(Attribute::Bold),
        Tone::Faint.cell(details.join(" | ")),
    ]);
    pad(&mut heading);
    heading.trim_fmt()
}

/// A habit for a script: as on the wire, and whether it waits to be synced.
pub(crate) fn habit_json(habit: &Habit, is_pending: bool) -> Value {
    with_pending(json!(HabitRecord::from(habit)), is_pending)
}

/// An entry for a script: as on the wire, and whether it waits to be synced.
pub(crate) fn entry_json(shown: &View<Entry>) -> Value {
    with_pending(json!(EntryRecord::from(&shown.record)), shown.is_pending)
}

fn with_pending(mut record: Value, is_pending: bool) -> Value {
    if let Some(members) = record.as_object_mut() {
        members.insert("pending".to_owned(), Value::Bool(is_pending));
    }
    record
}
