//! What the suites over tables share: where the file is, its rows by column, and the count of failures.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The file or folder that `variable` names, else the project's own; and whether it is the project's own.
pub(crate) fn place(variable: &str, own: &str) -> (PathBuf, bool) {
    match std::env::var_os(variable) {
        Some(named) => (named.into(), false),
        None => (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(own), true),
    }
}

/// One record: its line, and its fields by the name of the column.
pub(crate) struct Row {
    pub(crate) line: u64,
    fields: HashMap<String, String>,
}

impl Row {
    /// The field of a column; empty where there is none.
    pub(crate) fn get(&self, column: &str) -> &str {
        self.fields.get(column).map_or("", String::as_str)
    }
}

pub(crate) fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let strip = |name: &str| name.trim_start_matches('\u{feff}').trim().to_owned();
    let header: Vec<String> = reader.headers().unwrap().iter().map(strip).collect();
    let record = |record: csv::Result<csv::StringRecord>| {
        let record = record.unwrap();
        let line = record.position().map_or(0, csv::Position::line);
        let fields = header.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        Row { line, fields }
    };
    reader.records().map(record).collect()
}

/// Counts cases and names every failure.
pub(crate) struct Tally {
    suite: &'static str,
    place: PathBuf,
    cases: usize,
    failed: Vec<String>,
}

impl Tally {
    pub(crate) fn new(suite: &'static str, place: PathBuf) -> Self {
        Self { suite, place, cases: 0, failed: Vec::new() }
    }

    pub(crate) fn case(&mut self, name: &str, faults: &[String]) {
        self.cases += 1;
        if !faults.is_empty() {
            self.failed.push(name.to_owned());
        }
        for fault in faults {
            println!("FAILED {} {name}: {fault}", self.suite);
        }
    }

    /// Prints the suite's line, and fails when a case failed or none was found.
    pub(crate) fn finish(self) {
        println!("{}: {} cases, {} failed", self.suite, self.cases, self.failed.len());
        assert!(self.cases > 0, "{}: no case found in {}", self.suite, self.place.display());
        assert!(self.failed.is_empty(), "{}: {:#?}", self.suite, self.failed);
    }
}

/// A fault that says what differs; none when equal.
pub(crate) fn differs<T: PartialEq + std::fmt::Debug>(what: &str, got: T, wanted: T) -> Option<String> {
    (got != wanted).then(|| format!("{what}: got {got:?}, wanted {wanted:?}"))
}
