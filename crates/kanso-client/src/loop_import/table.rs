//! A CSV file whose columns are found by their names, since versions of Loop differ in them.

use csv::ByteRecord;

/// Rows below a header.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<String>,
    pub(super) rows: Vec<Line>,
}

/// A row and where it stands in the file.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    cells: ByteRecord,
}

/// `Target Type`, `target_type` and `TargetType` are one name.
fn normal(name: &str) -> String {
    let kept = name.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

impl Table {
    /// Reads a file. One whose first row satisfies `is_data` has no header: then it has
    /// `columns`.
    pub(super) fn read(
        bytes: &[u8],
        columns: &[&str],
        is_data: impl Fn(&ByteRecord) -> bool,
    ) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        let mut rows: Vec<Line> = reader
            .byte_records()
            .filter_map(Result::ok)
            .map(|cells| Line {
                number: cells.position().map_or(0, csv::Position::line),
                cells,
            })
            .collect();
        let headless = rows.first().is_none_or(|row| is_data(&row.cells));
        let columns = if headless {
            columns.iter().copied().map(normal).collect()
        } else {
            let header = rows.remove(0).cells;
            let names = header.iter().map(String::from_utf8_lossy);
            names.map(|name| normal(&name)).collect()
        };
        Self { columns, rows }
    }

    /// The cell under the first of `names` that the file has; `None` when it has none of them or
    /// the row is too short.
    pub(super) fn cell<'a>(
        &self,
        line: &'a Line,
        names: &[&str],
    ) -> Result<Option<&'a str>, String> {
        let column = names.iter().find_map(|name| {
            let name = normal(name);
            self.columns.iter().position(|column| *column == name)
        });
        let Some(cell) = column.and_then(|column| line.cells.get(column)) else {
            return Ok(None);
        };
        std::str::from_utf8(cell)
            .map(|text| Some(text.trim()))
            .map_err(|_| format!("line {}: {} is not UTF-8", line.number, names[0]))
    }
}
