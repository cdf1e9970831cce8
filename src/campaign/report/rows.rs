//! One row per entry, as CSV that a spreadsheet opens without harm.

use super::{State, Why};
use crate::clock::Timestamp;
use crate::id::{AccountId, VariantName};
use crate::money::Money;
use crate::phone::Phone;
use std::borrow::Cow;
use std::fmt;
use std::io;

/// What became of one entry.
#[derive(Clone)]
pub struct ReportRow {
    /// Zero-based place in the audience.
    pub position: u64,
    /// Line of the file, from 1.
    pub line: Option<u64>,
    /// Whom; `None` where the number was bad or has been erased.
    pub phone: Option<Phone>,
    /// The caller's own reference.
    pub caller_ref: Option<String>,
    /// Where it stands; `None` for a record that was never an entry (bad or repeated), whose `code` says why.
    pub state: Option<State>,
    /// Stable code of the reason.
    pub code: Option<String>,
    /// The reason in words.
    pub why: Why,
    /// Which text.
    pub variant: Option<VariantName>,
    /// By which account.
    pub account: Option<AccountId>,
    /// The platform's message id.
    pub provider_id: Option<String>,
    /// When it was begun.
    pub begun_at: Option<Timestamp>,
    /// When its outcome was known.
    pub settled_at: Option<Timestamp>,
    /// Billed parts.
    pub parts: Option<u32>,
    /// Price of the parts.
    pub price: Option<Money>,
}

impl fmt::Debug for ReportRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReportRow({}, {:?}, {:?})", self.position, self.state, self.code)
    }
}

impl ReportRow {
    /// A row of which only the place is known.
    pub fn at(position: u64) -> Self {
        Self {
            position,
            line: None,
            phone: None,
            caller_ref: None,
            state: None,
            code: None,
            why: Why::default(),
            variant: None,
            account: None,
            provider_id: None,
            begun_at: None,
            settled_at: None,
            parts: None,
            price: None,
        }
    }
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum NumberStyle {
    /// In full: the file is then personal data.
    Full,
    /// `138****8000`.
    #[default]
    Masked,
}

const HEADER: [&str; 15] = [
    "position",
    "line",
    "number",
    "caller_ref",
    "state",
    "code",
    "reason_zh",
    "reason_en",
    "variant",
    "account",
    "provider_id",
    "begun_at",
    "settled_at",
    "parts",
    "price_yuan",
];

/// Writes report rows as CSV in UTF-8, with a byte order mark and CRLF (so that Excel shows Chinese), to any writer.
///
/// A cell of text that a spreadsheet would run as a formula (beginning, after blanks, with `= + - @`, their full-width
/// forms, a tab or a line end) gets an apostrophe before it.
pub struct ReportWriter<W: io::Write> {
    out: csv::Writer<W>,
    numbers: NumberStyle,
}

impl<W: io::Write> fmt::Debug for ReportWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReportWriter({:?})", self.numbers)
    }
}

impl<W: io::Write> ReportWriter<W> {
    /// Writes the mark and the header.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(mut out: W, numbers: NumberStyle) -> io::Result<Self> {
        out.write_all("\u{feff}".as_bytes())?;
        Self::without_mark(out, numbers)
    }

    /// Writes the header only, for programs that do not know the mark.
    ///
    /// # Errors
    /// What the writer says.
    pub fn without_mark(out: W, numbers: NumberStyle) -> io::Result<Self> {
        let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        out.write_record(HEADER)?;
        Ok(Self { out, numbers })
    }

    /// Writes one row.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&mut self, row: &ReportRow) -> io::Result<()> {
        let text = |s: Option<&str>| harmless(s.unwrap_or("")).into_owned();
        let time = |t: Option<Timestamp>| t.map_or_else(String::new, |t| t.to_string());
        let number = row.phone.map(|p| match self.numbers {
            NumberStyle::Full => p.national().to_string(),
            NumberStyle::Masked => masked(&p.national().to_string()),
        });
        self.out.write_record([
            row.position.to_string(),
            row.line.map_or_else(String::new, |n| n.to_string()),
            text(number.as_deref()),
            text(row.caller_ref.as_deref()),
            row.state.map_or("", State::as_str).to_owned(),
            text(row.code.as_deref()),
            text(Some(&row.why.zh)),
            text(Some(&row.why.en)),
            text(row.variant.as_ref().map(VariantName::as_str)),
            text(row.account.as_ref().map(AccountId::as_str)),
            text(row.provider_id.as_deref()),
            time(row.begun_at),
            time(row.settled_at),
            row.parts.map_or_else(String::new, |n| n.to_string()),
            row.price.map_or_else(String::new, Money::yuan),
        ])?;
        Ok(())
    }

    /// Flushes and gives the writer back. Rows may be lost without it.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> io::Result<W> {
        self.out.into_inner().map_err(|e| io::Error::new(e.error().kind(), e.error().to_string()))
    }
}

/// First three and last four of eleven digits; shorter or longer ones keep less.
fn masked(number: &str) -> String {
    let chars: Vec<char> = number.chars().collect();
    let (head, tail) = if chars.len() >= 11 { (chars.len() - 8, 4) } else { (0, chars.len().min(7) / 3) };
    let hidden = chars.len() - head - tail;
    let hide = |(i, c): (usize, &char)| if (head..head + hidden).contains(&i) { '*' } else { *c };
    chars.iter().enumerate().map(hide).collect()
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection).
fn harmless(cell: &str) -> Cow<'_, str> {
    let starts = |s: &str| s.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if cell.starts_with(['\t', '\r', '\n']) || starts(cell.trim_start()) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}
