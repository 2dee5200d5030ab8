//! Output: tables and sentences for the terminal, JSON for scripts.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use anyhow::Context as _;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use kanso_client::View;
use kanso_client::domain::entries::Entry;
use kanso_client::domain::habits::Habit;
use kanso_client::protocol::entries::EntryRecord;
use kanso_client::protocol::habits::HabitRecord;
use owo_colors::{OwoColorize as _, Stream, Style};
use serde_json::{Value, json};

use crate::escape;

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
    pub(crate) fn data(self, value: &Value, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.is_json {
            return print(&escape::json(&format!("{value:#}")));
        }
        // The text is computed here, because formatting tables is useless work with `--json`.
        let text = text();
        if text.is_empty() {
            return Ok(());
        }
        print(&escape::output(text.trim_end(), has_colors()))
    }

    /// Confirms a change: prints `value` to stdout with `--json`, else `text` to stderr.
    pub(crate) fn done(self, value: &Value, text: &str) -> anyhow::Result<()> {
        if self.is_json {
            return print(&escape::json(&format!("{value:#}")));
        }
        say(text);
        Ok(())
    }
}

/// Prints a message to stderr.
pub(crate) fn say(text: &str) {
    // `eprintln!` would panic if stderr is closed.
    let _ = writeln!(std::io::stderr(), "{}", escape::output(text, true));
}

/// Prints to stdout.
///
/// # Errors
/// The text could not be written, for example because the disk is full. A closed pipe, as of
/// `kanso list | head`, is not an error: the reader has what it wants.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    // `println!` would panic if the reader has closed the pipe.
    let mut stdout = std::io::stdout().lock();
    // Flushed here: an error at the end of the process would be lost.
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write the output")
        }
        _ => Ok(()),
    }
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
    #[expect(
        clippy::needless_pass_by_value,
        reason = "most callers pass a text that they have just made"
    )]
    pub(crate) fn cell(self, text: impl ToString) -> Cell {
        let cell = Cell::new(escape::plain(&text.to_string()));
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
    let value = escape::plain(value);
    format!("{}{value}", strong(&format!("{name:<11}")))
}

/// Formats a heading with details beside it; long details wrap.
pub(crate) fn heading(text: &str, details: &[String]) -> String {
    let details: Vec<&str> = details.iter().map(String::as_str).collect();
    // An empty detail would leave a separator without a text.
    let details: Vec<&str> = details.into_iter().filter(|it| !it.is_empty()).collect();
    let mut heading = blank();
    heading.add_row([
        Cell::new(escape::plain(text)).add_attribute(Attribute::Bold),
        Tone::Faint.cell(details.join(" | ")),
    ]);
    pad(&mut heading);
    heading.trim_fmt()
}

/// Returns a habit as JSON: the record of the wire and the member `pending`.
pub(crate) fn habit_json(habit: &Habit, is_pending: bool) -> Value {
    with_pending(json!(HabitRecord::from(habit)), is_pending)
}

/// Marks the JSON of a record that this version cannot read completely.
pub(crate) fn with_stand_in(mut record: Value, is_stand_in: bool) -> Value {
    if let (true, Some(members)) = (is_stand_in, record.as_object_mut()) {
        members.insert("needs_update".to_owned(), Value::Bool(true));
    }
    record
}

/// Returns an entry as JSON: the record of the wire and the member `pending`.
pub(crate) fn entry_json(view: &View<Entry>) -> Value {
    let record = with_pending(json!(EntryRecord::from(&view.record)), view.is_pending);
    with_stand_in(record, view.is_stand_in)
}

fn with_pending(mut record: Value, is_pending: bool) -> Value {
    if let Some(members) = record.as_object_mut() {
        members.insert("pending".to_owned(), Value::Bool(is_pending));
    }
    record
}
