//! Output: tables and sentences for the terminal, JSON for scripts.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use kanso_client::View;
use kanso_client::domain::entries::Entry;
use kanso_client::domain::habits::Habit;
use kanso_client::protocol::entries::EntryRecord;
use kanso_client::protocol::habits::HabitRecord;
use owo_colors::{OwoColorize as _, Stream, Style};
use serde_json::{Value, json};

/// Width of the output where there is no terminal: the usual width of one.
const WIDTH: u16 = 80;

/// Form of a command's output.
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

    /// Prints data to stdout: `value` with `--json`, else `text`.
    pub(crate) fn data(self, value: &Value, text: impl FnOnce() -> String) {
        if self.is_json {
            print(&format!("{value:#}"));
            return;
        }
        // The text is computed here, because formatting tables is useless work with `--json`.
        let text = text();
        if !text.is_empty() {
            print(text.trim_end());
        }
    }

    /// Confirms a change: prints `value` to stdout with `--json`, else `text` to stderr.
    pub(crate) fn done(self, value: &Value, text: &str) {
        if self.is_json {
            print(&format!("{value:#}"));
        } else {
            eprintln!("{text}");
        }
    }
}

/// Prints a message to stderr.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Prints to stdout. A closed pipe, as of `kanso list | head`, is not an error of the command.
fn print(text: &str) {
    // `println!` would panic if the reader has closed the pipe.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Returns true if stdout shows colours: it is a terminal and `NO_COLOR` is not set.
fn has_colors() -> bool {
    // `owo-colors` does not expose its decision, so apply it to a sample and compare.
    let plain = "x";
    plain
        .if_supports_color(Stream::Stdout, |text| text.bold())
        .to_string()
        != plain
}

/// Creates a table without borders, as wide as the terminal, or 80 columns without one.
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
    // Output to a pipe or a file must be the same on every machine, so it has a fixed width and no
    // escape codes.
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

/// Formats a heading in bold.
pub(crate) fn strong(text: &str) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.bold())
        .to_string()
}

/// Meaning of a colour. Colours only repeat the text: output stays readable without them.
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
    /// Formats a table cell in this tone.
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

    /// Formats a text in this tone.
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

/// Formats a line with a name and a value.
pub(crate) fn line(name: &str, value: &str) -> String {
    format!("{}{value}", strong(&format!("{name:<11}")))
}

/// Formats a heading with details beside it; long details wrap.
pub(crate) fn heading(text: &str, details: &[String]) -> String {
    let details: Vec<&str> = details.iter().map(String::as_str).collect();
    // An empty detail would leave a separator without a text.
    let details: Vec<&str> = details.into_iter().filter(|it| !it.is_empty()).collect();
    let mut heading = blank();
    heading.add_row([
        Cell::new(text).add_attribute(Attribute::Bold),
        Tone::Faint.cell(details.join(" | ")),
    ]);
    pad(&mut heading);
    heading.trim_fmt()
}

/// Returns a habit as JSON: the record of the wire and the member `pending`.
pub(crate) fn habit_json(habit: &Habit, is_pending: bool) -> Value {
    with_pending(json!(HabitRecord::from(habit)), is_pending)
}

/// Returns an entry as JSON: the record of the wire and the member `pending`.
pub(crate) fn entry_json(view: &View<Entry>) -> Value {
    with_pending(json!(EntryRecord::from(&view.record)), view.is_pending)
}

fn with_pending(mut record: Value, is_pending: bool) -> Value {
    if let Some(members) = record.as_object_mut() {
        members.insert("pending".to_owned(), Value::Bool(is_pending));
    }
    record
}
