//! Reader of CSV files that finds columns by name, because versions of Loop have other columns.

use csv::ByteRecord;

/// Rows of a CSV file with named columns.
#[derive(Debug)]
pub(super) struct CsvTable {
    columns: Vec<String>,
    pub(super) rows: Vec<CsvLine>,
}

/// A row and its line number in the file.
#[derive(Debug)]
pub(super) struct CsvLine {
    pub(super) number: u64,
    cells: ByteRecord,
}

/// Normalises a column name: `Target Type`, `target_type` and `TargetType` are the same.
fn normal(name: &str) -> String {
    let kept = name.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

impl CsvTable {
    /// Reads a file. If its first row satisfies `is_data`, it has no header, and its columns are
    /// `columns`.
    pub(super) fn read(
        bytes: &[u8],
        columns: &[&str],
        is_data: impl Fn(&ByteRecord) -> bool,
    ) -> Self {
        // Spreadsheet programs write a byte order mark, which would become part of the first name.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            // A row of another length is still readable; a missing cell counts as absent.
            .flexible(true)
            .from_reader(bytes);
        let mut rows: Vec<CsvLine> = reader
            .byte_records()
            .filter_map(Result::ok)
            .map(|cells| CsvLine {
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

    /// Returns the cell in the first of the columns `names` that the file has; `None` if it has none
    /// of them or if the row is too short.
    pub(super) fn cell<'a>(
        &self,
        line: &'a CsvLine,
        names: &[&str],
    ) -> Result<Option<&'a str>, String> {
        // Versions of Loop name the same column differently, so several names are tried.
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
