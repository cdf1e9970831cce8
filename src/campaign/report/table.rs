//! Plain text in columns that line up where Han characters take two cells.

use std::fmt;

/// Cells that `text` takes on a terminal: Han, kana, hangul, full-width forms and emoji two, combining marks none.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(cells).sum()
}

/// After UAX #11 (East Asian Width W and F), by blocks.
fn cells(c: char) -> usize {
    match u32::from(c) {
        0x00..=0x1f | 0x7f..=0x9f | 0x300..=0x36f | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2064 => 0,
        0xfe00..=0xfe0f | 0xfeff => 0,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xa960..=0xa97c | 0xac00..=0xd7a3 => 2,
        0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff01..=0xff60 | 0xffe0..=0xffe6 => 2,
        0x1f300..=0x1f64f | 0x1f680..=0x1f6ff | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Rows whose cells line up; two blanks between columns, none at the end of a line.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    /// A table with a head; an empty head is none.
    pub(super) fn new<'a>(head: impl IntoIterator<Item = &'a str>) -> Self {
        let mut table = Self { rows: Vec::new(), right: Vec::new() };
        table.row(head);
        table
    }

    /// Aligns a column to the right.
    pub(super) fn right(mut self, column: usize) -> Self {
        self.right.push(column);
        self
    }

    pub(super) fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        // A line end or escape in a cell would break the table, or the terminal.
        let clean = |s: &str| s.chars().filter(|c| !c.is_control()).collect();
        let row: Vec<String> = cells.into_iter().map(clean).collect();
        if !row.is_empty() {
            self.rows.push(row);
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |i: usize| self.rows.iter().filter_map(|r| r.get(i)).map(|c| width(c)).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (i, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[i] - width(cell));
                let gap = if i == 0 { "" } else { "  " };
                let (before, after) = if self.right.contains(&i) { (pad.as_str(), "") } else { ("", pad.as_str()) };
                line.extend([gap, before, cell, after]);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
