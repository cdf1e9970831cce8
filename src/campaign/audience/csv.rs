//! CSV as merchants have it: any of four delimiters, three line ends, UTF-8, UTF-16 or GBK, with a header or without.
//!
//! The reader is our own because a general one grows its record until the closing quote comes: one stray quote in a
//! file of 10 GB would take 10 GB. Here a record over its limit is passed over, counted and reported.

use super::{AudienceError, BadRow, COLUMNS_MAX, Entry, FIELD_MAX, Fault, Item, ROW_MAX, Source, is_float, number};
use crate::phone::Phone;
use encoding_rs::{Decoder, DecoderResult, GBK, UTF_16BE, UTF_16LE};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use unicode_normalization::UnicodeNormalization;

/// In which encoding a file is written. A byte order mark stands over all of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Encoding {
    /// UTF-8 or GBK, told from the first 64 KiB that hold more than ASCII.
    #[default]
    Auto,
    /// GBK, read as its superset GB 18030.
    Gbk,
    /// UTF-8.
    Utf8,
}

/// What separates fields.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Delimiter {
    /// The one of the others that is most frequent in the first row; a line `sep=;` before it is obeyed.
    #[default]
    Auto,
    /// `,`
    Comma,
    /// `|`
    Pipe,
    /// `;`
    Semicolon,
    /// Tab.
    Tab,
}

/// Whether the first row is a header.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Header {
    /// It is, unless its number's column holds a number.
    #[default]
    Auto,
    /// Every row is data.
    No,
    /// It is.
    Yes,
}

/// Which columns become parameters of the text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Params {
    /// Every column with a header beside the number's and the reference's; the header is the name.
    AllOthers,
    /// These: header, name.
    Named(Vec<(String, String)>),
    /// None.
    #[default]
    None,
}

/// How a CSV audience is read. Headers are matched without regard to case, width, blanks and punctuation.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    number: NumberColumn,
    reference: Option<String>,
    params: Params,
    encoding: Encoding,
    delimiter: Delimiter,
    header: Header,
}

#[derive(Clone, Debug)]
enum NumberColumn {
    At(usize),
    Named(Vec<String>),
}

/// Headers of a number's column, the surest first; already in the form that [`normal`] gives.
const NUMBER_HEADERS: &[&str] = &[
    "手机号",
    "手机号码",
    "手机",
    "收件人手机",
    "收件人手机号",
    "收货人手机",
    "收货人手机号",
    "会员手机",
    "会员手机号",
    "买家手机",
    "买家手机号",
    "联系手机",
    "mobile",
    "mobilephone",
    "mobilenumber",
    "cellphone",
    "msisdn",
    "phone",
    "phonenumber",
    "联系电话",
    "收件人电话",
    "收货人电话",
    "电话",
    "电话号码",
    "telephone",
    "tel",
    "号码",
    "number",
];

impl Default for CsvOptions {
    /// The number's column by its usual names, no reference, no parameters, everything else found out.
    fn default() -> Self {
        Self {
            number: NumberColumn::Named(NUMBER_HEADERS.iter().map(|s| (*s).to_owned()).collect()),
            reference: None,
            params: Params::None,
            encoding: Encoding::Auto,
            delimiter: Delimiter::Auto,
            header: Header::Auto,
        }
    }
}

impl CsvOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks for the number under this header only.
    #[must_use]
    pub fn number_header(self, name: impl Into<String>) -> Self {
        self.number_headers([name])
    }

    /// Looks for the number under these headers, the first that is there.
    #[must_use]
    pub fn number_headers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.number = NumberColumn::Named(names.into_iter().map(Into::into).collect());
        self
    }

    /// Takes the number from this column, counted from 1 (0 counts as 1).
    #[must_use]
    pub fn number_column(mut self, column: usize) -> Self {
        self.number = NumberColumn::At(column.saturating_sub(1));
        self
    }

    /// Takes the caller's own reference from the column with this header.
    #[must_use]
    pub fn reference_header(mut self, name: impl Into<String>) -> Self {
        self.reference = Some(name.into());
        self
    }

    /// Sets which columns become parameters.
    #[must_use]
    pub fn params(mut self, params: Params) -> Self {
        self.params = params;
        self
    }

    /// Adds the column with this header as parameter `name`.
    #[must_use]
    pub fn param(mut self, header: impl Into<String>, name: impl Into<String>) -> Self {
        let pair = (header.into(), name.into());
        match &mut self.params {
            Params::Named(named) => named.push(pair),
            Params::AllOthers | Params::None => self.params = Params::Named(vec![pair]),
        }
        self
    }

    /// Sets the encoding.
    #[must_use]
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Sets the delimiter.
    #[must_use]
    pub fn delimiter(mut self, delimiter: Delimiter) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Says whether the first row is a header.
    #[must_use]
    pub fn header(mut self, header: Header) -> Self {
        self.header = header;
        self
    }
}

pub(super) enum Input {
    Path(PathBuf),
    Reader(Box<dyn Read + Send>),
}

pub(super) struct Csv {
    options: CsvOptions,
    state: State,
    position: u64,
}

enum State {
    Ended,
    Fresh(Input),
    Open(Box<Rows>, Layout),
}

impl Csv {
    pub(super) fn new(input: Input, options: CsvOptions) -> Self {
        Self { options, state: State::Fresh(input), position: 0 }
    }

    fn open(&mut self, input: Input, out: &mut Vec<Item>) -> Result<(), AudienceError> {
        let reader: Box<dyn Read + Send> = match input {
            Input::Path(path) => Box::new(File::open(path).map_err(AudienceError::Io)?),
            Input::Reader(reader) => reader,
        };
        let mut rows = Box::new(Rows::new(Text::new(reader, self.options.encoding)));
        rows.find_delimiter(self.options.delimiter)?;
        if !rows.next_row()? {
            return Err(AudienceError::Empty);
        }
        let (mut layout, is_data) = Layout::of(&rows, &self.options)?;
        if is_data {
            out.push(layout.item(&rows, self.position));
            self.position += 1;
        }
        self.state = State::Open(rows, layout);
        Ok(())
    }
}

impl Source for Csv {
    fn fill(&mut self, max: usize, out: &mut Vec<Item>) -> Result<(), AudienceError> {
        if matches!(self.state, State::Fresh(_))
            && let State::Fresh(input) = std::mem::replace(&mut self.state, State::Ended)
        {
            self.open(input, out)?;
        }
        let State::Open(rows, layout) = &mut self.state else { return Ok(()) };
        while out.len() < max {
            if !rows.next_row()? {
                self.state = State::Ended;
                return Ok(());
            }
            out.push(layout.item(rows, self.position));
            self.position += 1;
        }
        Ok(())
    }
}

/// Which column means what.
struct Layout {
    number: usize,
    reference: Option<usize>,
    params: Vec<(usize, Arc<str>)>,
    /// Fields of every row, from the first whole one.
    width: Option<usize>,
}

impl Layout {
    /// Reads the first row; the flag says that it is data.
    fn of(rows: &Rows, options: &CsvOptions) -> Result<(Self, bool), AudienceError> {
        if options.header == Header::No {
            return Self::headerless(options).map(|l| (l, true));
        }
        let text = rows.text().map_err(|(fault, _)| AudienceError::BadHeader { line: rows.starts_on(), fault })?;
        let cells: Vec<Cow<'_, str>> = (0..rows.fields.len()).map(|i| rows.field(text, i)).collect();
        let names: Vec<String> = cells.iter().map(|c| normal(c)).collect();
        let head = Head { cells: &cells, names: &names };
        let auto = options.header == Header::Auto;
        let number = match &options.number {
            NumberColumn::At(i) if auto && cells.get(*i).is_some_and(|c| looks_like_data(c)) => None,
            NumberColumn::At(i) if *i < cells.len() => Some(*i),
            NumberColumn::At(i) => return Err(head.missing([format!("column {}", i + 1)])),
            NumberColumn::Named(wanted) => match head.first_of(wanted)? {
                None if auto && cells.len() == 1 && looks_like_data(&cells[0]) => None,
                None if cells.iter().any(|c| looks_like_data(c)) => return Err(AudienceError::NoHeader),
                None => return Err(head.missing(wanted.iter().take(8).cloned())),
                found => found,
            },
        };
        let Some(number) = number else { return Self::headerless(options).map(|l| (l, true)) };
        let reference = options.reference.as_ref().map(|r| head.exactly(r)).transpose()?;
        let params = head.params(&options.params, number, reference)?;
        Ok((Self { number, reference, params, width: Some(cells.len()) }, false))
    }

    fn headerless(options: &CsvOptions) -> Result<Self, AudienceError> {
        let named = match &options.params {
            Params::Named(named) => named.iter().map(|(header, _)| header.clone()).collect(),
            Params::AllOthers => vec!["(any)".to_owned()],
            Params::None => Vec::new(),
        };
        let wanted: Vec<String> = options.reference.iter().cloned().chain(named).collect();
        if !wanted.is_empty() {
            return Err(AudienceError::MissingColumn { wanted, found: Vec::new() });
        }
        let number = match options.number {
            NumberColumn::At(i) => i,
            NumberColumn::Named(_) => 0,
        };
        Ok(Self { number, reference: None, params: Vec::new(), width: None })
    }

    fn item(&mut self, rows: &Rows, position: u64) -> Item {
        let line = Some(rows.starts_on());
        self.entry(rows, position).map_err(|(fault, column)| {
            let column = column.map(|c| c as u32 + 1);
            BadRow { position, line, column, fault }
        })
    }

    fn entry(&mut self, rows: &Rows, position: u64) -> Result<Entry, (Fault, Option<usize>)> {
        let text = rows.text()?;
        if rows.fields.len() != *self.width.get_or_insert(rows.fields.len()) || self.number >= rows.fields.len() {
            return Err((Fault::Ragged, None));
        }
        let phone: Phone = number(&rows.field(text, self.number)).map_err(|fault| (fault, Some(self.number)))?;
        let params = self.params.iter().map(|(i, name)| (name.clone(), rows.field(text, *i).into_owned())).collect();
        let reference = self.reference.map(|i| rows.field(text, i));
        let caller_ref = reference.as_deref().map(str::trim).filter(|r| !r.is_empty()).map(Box::from);
        Ok(Entry { position, line: Some(rows.starts_on()), phone, params, caller_ref })
    }
}

/// A header row, as written and in normal form.
struct Head<'a> {
    cells: &'a [Cow<'a, str>],
    names: &'a [String],
}

impl Head<'_> {
    fn first_of(&self, wanted: &[String]) -> Result<Option<usize>, AudienceError> {
        for name in wanted {
            if let Some(i) = self.find(name)? {
                return Ok(Some(i));
            }
        }
        Ok(None)
    }

    fn exactly(&self, name: &str) -> Result<usize, AudienceError> {
        self.find(name)?.ok_or_else(|| self.missing([name.to_owned()]))
    }

    fn find(&self, name: &str) -> Result<Option<usize>, AudienceError> {
        let name = normal(name);
        let mut at = self.names.iter().enumerate().filter(|(_, n)| !name.is_empty() && **n == name).map(|(i, _)| i);
        match (at.next(), at.next()) {
            (Some(first), Some(second)) => Err(self.twice(first, second)),
            (first, _) => Ok(first),
        }
    }

    fn params(
        &self,
        params: &Params,
        number: usize,
        reference: Option<usize>,
    ) -> Result<Vec<(usize, Arc<str>)>, AudienceError> {
        match params {
            Params::None => Ok(Vec::new()),
            Params::Named(named) => {
                named.iter().map(|(h, name)| Ok((self.exactly(h)?, name.as_str().into()))).collect()
            }
            Params::AllOthers => {
                let others = |i: &usize| *i != number && Some(*i) != reference && !self.names[*i].is_empty();
                let mut out = Vec::new();
                for i in (0..self.cells.len()).filter(others) {
                    self.find(&self.names[i])?;
                    out.push((i, self.cells[i].trim().into()));
                }
                Ok(out)
            }
        }
    }

    #[cold]
    fn missing(&self, wanted: impl IntoIterator<Item = String>) -> AudienceError {
        let found = self.cells.iter().take(20).map(|c| shown(c)).collect();
        AudienceError::MissingColumn { wanted: wanted.into_iter().collect(), found }
    }

    #[cold]
    fn twice(&self, first: usize, second: usize) -> AudienceError {
        AudienceError::DuplicateHeader {
            name: shown(&self.cells[first]),
            first: first as u32 + 1,
            second: second as u32 + 1,
        }
    }
}

/// Full-width and compatibility forms folded, lower case, letters and digits only.
fn normal(header: &str) -> String {
    header.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

/// A header for an error: at most 32 characters, no control characters, and no digits where it may be a number after all.
fn shown(header: &str) -> String {
    let folded: String = header.trim().nfkc().take(32).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if folded.chars().filter(|c| c.is_numeric()).count() < 5 {
        return folded;
    }
    folded.chars().map(|c| if c.is_numeric() { '*' } else { c }).collect()
}

/// A number, what a spreadsheet made of one, or something with as many digits.
fn looks_like_data(cell: &str) -> bool {
    is_float(cell.trim()) || cell.nfkc().take(64).filter(char::is_ascii_digit).count() >= 5 || number(cell).is_ok()
}

#[derive(Clone, Copy)]
struct Span {
    /// Relative to the row, so that moving the buffer does not matter.
    from: u32,
    to: u32,
    doubled: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum At {
    /// Before the first character of a field.
    Start,
    Plain,
    Quoted,
    /// After a quote inside a quoted field: its end, or the first of two.
    Quote,
}

/// Cuts text into rows and rows into fields. Holds one row and one read at a time.
struct Rows {
    source: Text,
    delimiter: u8,
    buf: Vec<u8>,
    /// The present row is `buf[row_from..row_to]`, its fields are `fields`.
    row_from: usize,
    row_to: usize,
    row_line: u64,
    fields: Vec<Span>,
    columns: usize,
    overlong: bool,
    stray: Option<usize>,
    /// The next byte to look at, and its line.
    scan: usize,
    line: u64,
    /// The last row ended with CR: an LF that follows belongs to it.
    after_cr: bool,
}

impl Rows {
    fn new(source: Text) -> Self {
        Self {
            source,
            delimiter: b',',
            buf: Vec::new(),
            row_from: 0,
            row_to: 0,
            row_line: 1,
            fields: Vec::new(),
            columns: 0,
            overlong: false,
            stray: None,
            scan: 0,
            line: 1,
            after_cr: false,
        }
    }

    fn starts_on(&self) -> u64 {
        self.row_line
    }

    /// Looks ahead at the first row that is not blank.
    fn find_delimiter(&mut self, wanted: Delimiter) -> Result<(), AudienceError> {
        let blank = |b: &u8| matches!(b, b'\n' | b'\r');
        while self.buf.len() < ROW_MAX && !self.buf.iter().skip_while(|b| blank(b)).any(blank) {
            if !self.source.fill(&mut self.buf)? {
                break;
            }
        }
        let from = self.buf.iter().position(|b| !blank(b)).unwrap_or(self.buf.len());
        let rest = &self.buf[from..];
        let first_line = &rest[..rest.iter().position(blank).unwrap_or(rest.len())];
        let told = match first_line {
            [name @ .., b'=', d] if name.eq_ignore_ascii_case(b"sep") && b",;\t|".contains(d) => Some(*d),
            _ => None,
        };
        self.delimiter = match (wanted, told) {
            (Delimiter::Comma, _) => b',',
            (Delimiter::Pipe, _) => b'|',
            (Delimiter::Semicolon, _) => b';',
            (Delimiter::Tab, _) => b'\t',
            (Delimiter::Auto, Some(d)) => d,
            (Delimiter::Auto, None) => most_frequent(rest),
        };
        if told.is_some() {
            self.buf.drain(from..from + 5); // what stays is a blank line, and counts as one
        }
        Ok(())
    }

    /// Moves to the next row that is not blank; `false` at the end.
    fn next_row(&mut self) -> Result<bool, AudienceError> {
        self.row_from = self.scan;
        self.fields.clear();
        (self.columns, self.overlong, self.stray) = (0, false, None);
        self.row_line = self.line;
        let (mut at, mut from, mut doubled) = (At::Start, 0u32, false);
        let (mut quote_line, mut quoted_cr) = (0, false);
        loop {
            let Some(&b) = self.buf.get(self.scan) else {
                if self.more()? {
                    continue;
                }
                if at == At::Quoted {
                    return Err(AudienceError::UnclosedQuote { line: quote_line });
                }
                self.row_to = self.scan;
                let any = self.row_to > self.row_from || self.columns > 0 || self.overlong;
                if any {
                    self.end_field(from, at, doubled);
                }
                return Ok(any);
            };
            if at == At::Quoted {
                match b {
                    b'"' => at = At::Quote,
                    b'\n' if !quoted_cr => self.line += 1,
                    b'\r' => self.line += 1,
                    _ => {}
                }
                quoted_cr = b == b'\r';
                self.scan += 1;
                continue;
            }
            match b {
                b'\n' | b'\r' => {
                    let rest_of_end = b == b'\n' && self.after_cr && self.scan == self.row_from && self.blank_so_far();
                    self.after_cr = b == b'\r';
                    self.line += u64::from(!rest_of_end);
                    let blank = self.scan == self.row_from && self.blank_so_far();
                    if !blank {
                        self.end_field(from, at, doubled);
                    }
                    self.row_to = self.scan;
                    self.scan += 1;
                    if !blank {
                        return Ok(true);
                    }
                    (self.row_from, self.row_line) = (self.scan, self.line);
                }
                b if b == self.delimiter => {
                    self.end_field(from, at, doubled);
                    self.scan += 1;
                    (at, from, doubled) = (At::Start, (self.scan - self.row_from) as u32, false);
                }
                b'"' if at == At::Start => {
                    (at, quote_line, quoted_cr) = (At::Quoted, self.line, false);
                    self.scan += 1;
                    from = (self.scan - self.row_from) as u32;
                }
                b'"' if at == At::Quote => {
                    (at, doubled) = (At::Quoted, true);
                    self.scan += 1;
                }
                _ => {
                    if at == At::Quote {
                        self.stray.get_or_insert(self.columns);
                    }
                    at = At::Plain;
                    self.skip_plain();
                }
            }
        }
    }

    fn blank_so_far(&self) -> bool {
        self.columns == 0 && !self.overlong
    }

    /// Passes over everything that cannot end an unquoted field.
    fn skip_plain(&mut self) {
        let d = self.delimiter;
        let rest = self.buf.get(self.scan..).unwrap_or_default();
        self.scan += rest.iter().position(|&b| b == d || b == b'\n' || b == b'\r').unwrap_or(rest.len());
    }

    fn end_field(&mut self, from: u32, at: At, doubled: bool) {
        self.columns += 1;
        if self.overlong || self.fields.len() == COLUMNS_MAX {
            return;
        }
        // After a quote, `scan` stands one past the closing one.
        let to = (self.scan - self.row_from) as u32 - u32::from(at == At::Quote);
        self.fields.push(Span { from, to, doubled });
    }

    /// Reads on; gives up the bytes of rows that are done, and those of a row over its limit.
    fn more(&mut self) -> Result<bool, AudienceError> {
        if self.overlong || self.scan - self.row_from > ROW_MAX {
            self.overlong = true;
            self.row_from = self.scan;
        }
        self.buf.drain(..self.row_from);
        self.scan -= self.row_from;
        (self.row_from, self.row_to) = (0, 0);
        self.source.fill(&mut self.buf)
    }

    /// The present row as text, if it keeps within the limits; else what is wrong and in which column (from 0).
    fn text(&self) -> Result<&str, (Fault, Option<usize>)> {
        let row = &self.buf[self.row_from..self.row_to];
        if self.overlong || row.len() > ROW_MAX {
            return Err((Fault::RowTooLong, None));
        }
        if let Some(column) = self.stray {
            return Err((Fault::StrayQuote, Some(column)));
        }
        let cells = || self.fields.iter().map(|s| &row[s.from as usize..s.to as usize]);
        if row.contains(&0) {
            return Err((Fault::NulByte, cells().position(|c| c.contains(&0))));
        }
        let Ok(text) = std::str::from_utf8(row) else {
            return Err((Fault::BadEncoding, cells().position(|c| std::str::from_utf8(c).is_err())));
        };
        if self.columns > COLUMNS_MAX {
            return Err((Fault::TooManyColumns, None));
        }
        if row.len() > FIELD_MAX
            && let Some(column) = cells().position(|c| c.len() > FIELD_MAX)
        {
            return Err((Fault::FieldTooLong, Some(column)));
        }
        Ok(text)
    }

    fn field<'a>(&self, text: &'a str, i: usize) -> Cow<'a, str> {
        // Fields begin and end beside ASCII, so the slice is never off a character.
        let cell = self.fields.get(i).and_then(|s| Some((s, text.get(s.from as usize..s.to as usize)?)));
        match cell {
            Some((s, cell)) if s.doubled => Cow::Owned(cell.replace("\"\"", "\"")),
            Some((_, cell)) => Cow::Borrowed(cell),
            None => Cow::Borrowed(""),
        }
    }
}

/// The delimiter that stands most often in the first record, outside quotes; a comma when none does.
fn most_frequent(text: &[u8]) -> u8 {
    const CANDIDATES: [u8; 4] = [b',', b'\t', b';', b'|'];
    let (mut counts, mut quoted) = ([0usize; 4], false);
    for b in text {
        match b {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            _ => CANDIDATES.iter().zip(&mut counts).filter(|(c, _)| *c == b).for_each(|(_, n)| *n += 1),
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    counts.iter().position(|n| *n == most).map_or(b',', |i| CANDIDATES[i])
}

/// How much is read at once, and looked at to tell the encoding.
const WINDOW: usize = 64 << 10;
/// Stands where bytes are no text; never part of UTF-8, so that the row is refused and no other.
const NO_TEXT: u8 = 0xff;

/// Bytes of a file as UTF-8.
struct Text {
    input: Box<dyn Read + Send>,
    mode: Mode,
    raw: Vec<u8>,
    /// Bytes given out so far, for the offset in an error.
    passed: u64,
    eof: bool,
}

enum Mode {
    /// Only ASCII so far: still open.
    Ascii,
    Decode(Box<Decoder>),
    Start(Encoding),
    Utf8,
}

impl Text {
    fn new(input: Box<dyn Read + Send>, encoding: Encoding) -> Self {
        Self { input, mode: Mode::Start(encoding), raw: Vec::new(), passed: 0, eof: false }
    }

    /// Appends some more text; `false` at the end.
    fn fill(&mut self, out: &mut Vec<u8>) -> Result<bool, AudienceError> {
        let before = out.len();
        while out.len() == before {
            if self.eof && self.raw.is_empty() {
                return Ok(false);
            }
            match &self.mode {
                Mode::Start(encoding) => {
                    let encoding = *encoding;
                    self.read_window()?;
                    self.start(encoding);
                }
                Mode::Ascii => {
                    self.read_window()?;
                    self.decide(out)?;
                }
                Mode::Utf8 if self.raw.is_empty() => self.eof = read_some(&mut self.input, out)? == 0,
                Mode::Utf8 => {
                    self.passed += self.raw.len() as u64;
                    out.append(&mut self.raw);
                }
                Mode::Decode(_) => {
                    if self.raw.is_empty() {
                        self.eof = read_some(&mut self.input, &mut self.raw)? == 0;
                    }
                    self.decode(out);
                }
            }
        }
        Ok(true)
    }

    /// Fills the window, whatever pieces the reader gives.
    fn read_window(&mut self) -> Result<(), AudienceError> {
        while !self.eof && self.raw.len() < WINDOW {
            self.eof = read_some(&mut self.input, &mut self.raw)? == 0;
        }
        Ok(())
    }

    fn start(&mut self, encoding: Encoding) {
        let decoder = |e: &'static encoding_rs::Encoding| Mode::Decode(Box::new(e.new_decoder_without_bom_handling()));
        let (mark, mode) = match self.raw.as_slice() {
            [0xef, 0xbb, 0xbf, ..] => (3, Mode::Utf8),
            [0xff, 0xfe, ..] => (2, decoder(UTF_16LE)),
            [0xfe, 0xff, ..] => (2, decoder(UTF_16BE)),
            _ => match encoding {
                Encoding::Auto => (0, Mode::Ascii),
                Encoding::Gbk => (0, decoder(GBK)),
                Encoding::Utf8 => (0, Mode::Utf8),
            },
        };
        self.raw.drain(..mark);
        self.passed = mark as u64;
        self.mode = mode;
    }

    /// Tells the encoding from a window, or passes ASCII on and stays open.
    fn decide(&mut self, out: &mut Vec<u8>) -> Result<(), AudienceError> {
        let ascii = match std::str::from_utf8(&self.raw) {
            Ok(s) if s.is_ascii() => s.len(),
            Ok(_) => {
                self.mode = Mode::Utf8;
                return Ok(());
            }
            Err(e) => {
                let cut = e.error_len().is_none() && !self.eof;
                let valid = &self.raw[..e.valid_up_to()];
                match (cut, valid.is_ascii()) {
                    // The window ends inside the very first character that is not ASCII.
                    (true, true) => valid.len(),
                    (true, false) => {
                        self.mode = Mode::Utf8;
                        return Ok(());
                    }
                    (false, _) => return self.weigh(e.valid_up_to()),
                }
            }
        };
        self.passed += ascii as u64;
        out.extend(self.raw.drain(..ascii));
        Ok(())
    }

    /// The window is not clean UTF-8. GBK text holds hardly any three-byte UTF-8 characters, damaged UTF-8 of Chinese
    /// holds little else; and as GBK accepts most byte pairs, "it decodes" alone would turn a damaged file to garbage.
    fn weigh(&mut self, first: usize) -> Result<(), AudienceError> {
        let (mut wide, mut broken) = (0usize, 0usize);
        for chunk in self.raw.utf8_chunks() {
            wide += chunk.valid().chars().filter(|c| c.len_utf8() >= 3).count();
            broken += usize::from(!chunk.invalid().is_empty());
        }
        if wide > broken {
            self.mode = Mode::Utf8;
            return Ok(());
        }
        let mut text = Vec::new();
        let errors = decode_all(&mut GBK.new_decoder_without_bom_handling(), &self.raw, &mut text, self.eof);
        let good = text.utf8_chunks().map(|c| c.valid().chars().filter(|c| !c.is_ascii()).count()).sum::<usize>();
        if errors * 20 <= good {
            self.mode = Mode::Decode(Box::new(GBK.new_decoder_without_bom_handling()));
            return Ok(());
        }
        Err(AudienceError::Encoding { offset: self.passed + first as u64 })
    }

    fn decode(&mut self, out: &mut Vec<u8>) {
        let Mode::Decode(decoder) = &mut self.mode else { return };
        decode_all(decoder, &self.raw, out, self.eof);
        self.raw.clear();
        if self.eof {
            self.mode = Mode::Utf8; // a decoder that has been told the end must not be used again
        }
    }
}

/// Decodes all of `raw`, with [`NO_TEXT`] for each malformed sequence; gives their number.
fn decode_all(decoder: &mut Decoder, mut raw: &[u8], out: &mut Vec<u8>, last: bool) -> usize {
    let mut errors = 0;
    loop {
        let from = out.len();
        let room = decoder.max_utf8_buffer_length_without_replacement(raw.len()).unwrap_or(4 * WINDOW).max(16);
        out.resize(from + room, 0);
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(raw, &mut out[from..], last);
        out.truncate(from + written);
        raw = &raw[read..];
        match result {
            DecoderResult::InputEmpty => return errors,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                out.push(NO_TEXT);
                errors += 1;
            }
        }
    }
}

fn read_some(input: &mut dyn Read, out: &mut Vec<u8>) -> Result<usize, AudienceError> {
    let from = out.len();
    out.resize(from + WINDOW, 0);
    let read = loop {
        match input.read(&mut out[from..]) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    out.truncate(from + read.as_ref().map_or(0, |n| (*n).min(WINDOW)));
    read.map(|n| n.min(WINDOW)).map_err(AudienceError::Io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_end_takes_no_memory() {
        let head = io::Cursor::new(b"phone,a\n13800000001,\"".to_vec());
        let endless =
            head.chain(io::repeat(b',').take(10 << 20)).chain(&b"\"\n"[..]).chain(io::repeat(b',').take(10 << 20));
        let mut rows = Rows::new(Text::new(Box::new(endless), Encoding::Auto));
        rows.find_delimiter(Delimiter::Auto).unwrap();
        let mut faults = Vec::new();
        while rows.next_row().unwrap() {
            faults.push(rows.text().err().map(|(fault, _)| fault));
        }
        assert_eq!(faults, [None, Some(Fault::RowTooLong), Some(Fault::RowTooLong)]);
        assert!(rows.buf.capacity() + rows.source.raw.capacity() <= 6 * WINDOW, "{}", rows.buf.capacity());
        assert!(rows.fields.capacity() <= 2 * COLUMNS_MAX);
    }
}
