//! Who a campaign is for: a stream of entries, from a CSV file, an iterator or an async stream.
//!
//! Every record becomes either an [`Entry`] or a [`BadRow`] with its position, line, column and code; none is dropped
//! and none is taken in part. Errors and bad rows never carry what was in the row. Memory is bounded by the chunk that
//! is asked for, however long the audience.

mod csv;

pub use self::csv::{CsvOptions, Delimiter, Encoding, Header, Params};

use crate::phone::{Phone, PhoneError};
use futures_core::Stream;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The longest value of one field or parameter, in bytes.
pub const FIELD_MAX: usize = 4 << 10;
/// The longest record, in bytes.
pub const ROW_MAX: usize = 64 << 10;
/// The most fields or parameters of one record.
pub const COLUMNS_MAX: usize = 256;

/// One person that the campaign is to reach.
#[derive(Clone, Eq, PartialEq)]
pub struct Entry {
    /// Zero-based place among all records of the audience, bad ones included.
    pub position: u64,
    /// The line of a file on which the record starts, from 1.
    pub line: Option<u64>,
    /// Whom to reach.
    pub phone: Phone,
    /// Values for the text's placeholders, by name.
    pub params: Vec<(Arc<str>, String)>,
    /// The caller's own reference, given back in the report.
    pub caller_ref: Option<Box<str>>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, line {:?}, {} parameters)", self.position, self.line, self.params.len())
    }
}

/// A record that cannot be an entry; it is counted and reported, never sent to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadRow {
    /// Zero-based place among all records of the audience.
    pub position: u64,
    /// The line of a file on which the record starts, from 1.
    pub line: Option<u64>,
    /// The column at fault, from 1, where it is one.
    pub column: Option<u32>,
    /// What is wrong.
    pub fault: Fault,
}

impl BadRow {
    /// Stable name of what is wrong, such as `bad_encoding`, or the number's own code.
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}")?,
            None => write!(f, "entry {}", self.position)?,
        }
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.fault)
    }
}

/// What is wrong with a record.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Bytes that are no text in the file's encoding.
    #[error("bytes that are no text in the file's encoding; save the file as UTF-8")]
    BadEncoding,
    /// The number's field is empty.
    #[error("no number; fill the field in or delete the row")]
    EmptyNumber,
    /// A spreadsheet has turned the number into a float (`1.38E+10`): digits may be lost.
    #[error("the spreadsheet has turned the number into a float; format the column as text and export again")]
    ExcelNumber,
    /// A field over [`FIELD_MAX`].
    #[error("a field has more than 4096 bytes; check for a missing quote")]
    FieldTooLong,
    /// A NUL byte.
    #[error("a NUL byte; the file is damaged, or UTF-16 without a byte order mark")]
    NulByte,
    /// The number was not taken.
    #[error(transparent)]
    Number(#[from] PhoneError),
    /// Another number of fields than the first row.
    #[error("another number of fields than the first row; quote values that contain the delimiter")]
    Ragged,
    /// A record over [`ROW_MAX`].
    #[error("a record has more than 65536 bytes; check for a missing quote")]
    RowTooLong,
    /// Text between a closing quote and the next delimiter.
    #[error("text after a closing quote; double the quotes inside a quoted value")]
    StrayQuote,
    /// More than [`COLUMNS_MAX`] fields or parameters.
    #[error("more than 256 fields; leave out columns that the text does not use")]
    TooManyColumns,
}

impl Fault {
    /// Stable name, as stored and reported.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadEncoding => "bad_encoding",
            Self::EmptyNumber => "empty_number",
            Self::ExcelNumber => "excel_number",
            Self::FieldTooLong => "field_too_long",
            Self::NulByte => "nul_byte",
            Self::Number(e) => e.code(),
            Self::Ragged => "ragged",
            Self::RowTooLong => "row_too_long",
            Self::StrayQuote => "stray_quote",
            Self::TooManyColumns => "too_many_columns",
        }
    }

    /// One Chinese sentence for the merchant, with what to do; `None` for a number's own fault.
    pub fn zh(&self) -> Option<&'static str> {
        Some(match self {
            Self::BadEncoding => "含有无法按文件编码识别的字节，请另存为 UTF-8 后重新导入",
            Self::EmptyNumber => "手机号为空，请补全或删除该行",
            Self::ExcelNumber => "手机号被表格软件转成了科学计数或小数，请把该列设为文本格式后重新导出",
            Self::FieldTooLong => "单个字段超过 4096 字节，请检查是否缺少引号",
            Self::NulByte => "含有空字节，文件已损坏或为无 BOM 的 UTF-16",
            Self::Number(_) => return None,
            Self::Ragged => "列数与首行不一致，含分隔符的内容请加引号",
            Self::RowTooLong => "单行超过 65536 字节，请检查是否缺少引号",
            Self::StrayQuote => "引号之后还有文字，引号内的引号请写两遍",
            Self::TooManyColumns => "超过 256 列",
        })
    }
}

/// An entry, or the record that could not be one.
pub type Item = Result<Entry, BadRow>;

/// What an iterator or stream gives: one person, not yet checked.
///
/// ```
/// use optin106::campaign::audience::Person;
/// let person = Person::from("13800138000").param("name", "小王").caller_ref("order-7");
/// ```
#[derive(Clone)]
pub struct Person {
    number: Number,
    params: Vec<(Arc<str>, String)>,
    caller_ref: Option<Box<str>>,
}

#[derive(Clone)]
enum Number {
    Checked(Phone),
    Raw(String),
}

impl Person {
    /// A person by number as written; it is checked when the audience is read.
    pub fn new(number: impl Into<String>) -> Self {
        Self { number: Number::Raw(number.into()), params: Vec::new(), caller_ref: None }
    }

    /// Adds a value for the placeholder `name`.
    #[must_use]
    pub fn param(mut self, name: impl Into<Arc<str>>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Sets the caller's own reference, given back in the report.
    #[must_use]
    pub fn caller_ref(mut self, reference: impl Into<Box<str>>) -> Self {
        self.caller_ref = Some(reference.into());
        self
    }

    fn check(self, position: u64) -> Item {
        let bad = |fault| BadRow { position, line: None, column: None, fault };
        let lengths =
            || self.params.iter().map(|(k, v)| k.len() + v.len()).chain(self.caller_ref.as_ref().map(|r| r.len()));
        if self.params.len() > COLUMNS_MAX {
            return Err(bad(Fault::TooManyColumns));
        }
        if lengths().any(|n| n > FIELD_MAX) {
            return Err(bad(Fault::FieldTooLong));
        }
        if lengths().sum::<usize>() > ROW_MAX {
            return Err(bad(Fault::RowTooLong));
        }
        let phone = match self.number {
            Number::Checked(phone) => phone,
            Number::Raw(raw) => number(&raw).map_err(bad)?,
        };
        Ok(Entry { position, line: None, phone, params: self.params, caller_ref: self.caller_ref })
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Person({} parameters)", self.params.len())
    }
}

impl From<&str> for Person {
    fn from(number: &str) -> Self {
        Self::new(number)
    }
}

impl From<String> for Person {
    fn from(number: String) -> Self {
        Self::new(number)
    }
}

impl From<Phone> for Person {
    fn from(phone: Phone) -> Self {
        Self { number: Number::Checked(phone), params: Vec::new(), caller_ref: None }
    }
}

/// Why an audience could not be read to its end. A plan made of what came before must be discarded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudienceError {
    /// The header row cannot be read.
    #[error("the header on line {line} cannot be read: {fault}")]
    BadHeader {
        /// Its line.
        line: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A column that is asked for stands twice in the header.
    #[error("column {name:?} stands twice, at {first} and {second}; rename one")]
    DuplicateHeader {
        /// The header, shortened, digits hidden.
        name: String,
        /// First column, from 1.
        first: u32,
        /// Second column, from 1.
        second: u32,
    },
    /// Not a single record, not even a header.
    #[error("the file is empty; export it again with a header and at least one number")]
    Empty,
    /// Neither UTF-8 nor GBK.
    #[error(
        "neither UTF-8 nor GBK at byte {offset}; save the file as UTF-8, or name its encoding to have single rows refused"
    )]
    Encoding {
        /// Bytes from the start of the file.
        offset: u64,
    },
    /// An earlier call failed; there is no more to read.
    #[error("reading this audience has failed before; give plan a new one")]
    Failed,
    /// The file or reader failed.
    #[error("the audience cannot be read; check that the file is there and may be read, then plan again")]
    Io(#[source] io::Error),
    /// No column has a header that is looked for.
    #[error("no column is named {}; the header has {}; rename a column, or say which one holds the number", wanted.join(", "), found.join(", "))]
    MissingColumn {
        /// Headers that would do.
        wanted: Vec<String>,
        /// Headers that are there (at most 20), shortened, digits hidden.
        found: Vec<String>,
    },
    /// The first row of several columns holds data.
    #[error("the first row looks like data, not a header; name the number's column by its position")]
    NoHeader,
    /// The caller's iterator or reader panicked.
    #[error("the source of the audience panicked; nothing was planned, mend it and plan again")]
    Panicked,
    /// The caller's stream gave an error.
    #[error("the stream of the audience failed at entry {position}; nothing was planned, plan again")]
    Stream {
        /// How many records came before.
        position: u64,
        /// What the stream said.
        #[source]
        source: BoxError,
    },
    /// A quoted value is never closed: the file was cut, or a quote stands by mistake. How many records the quote has
    /// swallowed cannot be known.
    #[error("the quote opened on line {line} is never closed; the file was cut, or a quote stands there by mistake")]
    UnclosedQuote {
        /// Where the quote opens.
        line: u64,
    },
}

/// An error of the caller's own.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A blocking source: fills `out` with at most `max` more items; adding none is the end.
trait Source: Send {
    fn fill(&mut self, max: usize, out: &mut Vec<Item>) -> Result<(), AudienceError>;
}

type Read1 = (Box<dyn Source>, Result<Vec<Item>, AudienceError>);

enum Kind {
    Blocking(Box<dyn Source>),
    /// A chunk is being read by a blocking thread. It stays here, so that a dropped `next_chunk` loses nothing.
    Reading(JoinHandle<Read1>),
    Stream {
        stream: Pin<Box<dyn Stream<Item = Result<Person, BoxError>> + Send>>,
        ready: Vec<Item>,
        position: u64,
    },
    Ended,
    Failed,
}

/// The people of a campaign, read in chunks.
///
/// # Guarantee
/// Items come in order, positions count up from 0 without a gap, and cancelling [`Audience::next_chunk`] loses none.
pub struct Audience(Kind);

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Blocking(_) | Kind::Reading(_) => "Audience(blocking)",
            Kind::Stream { .. } => "Audience(stream)",
            Kind::Ended => "Audience(ended)",
            Kind::Failed => "Audience(failed)",
        })
    }
}

impl Audience {
    /// A CSV file with a header such as `手机号` or `phone`, or one number per line; see [`CsvOptions`].
    ///
    /// The file is opened at the first read.
    pub fn csv_path(path: impl Into<PathBuf>) -> Self {
        Self::csv_path_with(path, CsvOptions::default())
    }

    /// A CSV file, read as `options` say.
    pub fn csv_path_with(path: impl Into<PathBuf>, options: CsvOptions) -> Self {
        Self(Kind::Blocking(Box::new(csv::Csv::new(csv::Input::Path(path.into()), options))))
    }

    /// CSV from a blocking reader; unbuffered is fine.
    pub fn csv_reader(reader: impl Read + Send + 'static) -> Self {
        Self::csv_reader_with(reader, CsvOptions::default())
    }

    /// CSV from a blocking reader, read as `options` say.
    pub fn csv_reader_with(reader: impl Read + Send + 'static, options: CsvOptions) -> Self {
        Self(Kind::Blocking(Box::new(csv::Csv::new(csv::Input::Reader(Box::new(reader)), options))))
    }

    /// People from an iterator, which may block.
    pub fn iter<I>(people: I) -> Self
    where
        I: IntoIterator<Item: Into<Person>>,
        I::IntoIter: Send + 'static,
    {
        Self(Kind::Blocking(Box::new(Iter { people: people.into_iter().fuse(), position: 0 })))
    }

    /// People from an async stream, such as rows of a database. Its first error ends the audience.
    pub fn stream<S, E>(people: S) -> Self
    where
        S: Stream<Item = Result<Person, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let stream = Box::pin(MapErr(Box::pin(people)));
        Self(Kind::Stream { stream, ready: Vec::new(), position: 0 })
    }

    /// Whether the source is an async stream, so that only [`Audience::next_chunk`] can read it.
    pub fn is_stream(&self) -> bool {
        matches!(self.0, Kind::Stream { .. })
    }

    /// The next items, at most `max` (at least one is taken for 0); empty at the end.
    ///
    /// A blocking source is read by tokio's blocking threads, or in place where no tokio runtime runs. Cancelling is
    /// safe. Memory is that of the items: ask for a few thousand.
    ///
    /// # Errors
    /// [`AudienceError`]; afterwards every call gives [`AudienceError::Failed`].
    pub async fn next_chunk(&mut self, max: usize) -> Result<Vec<Item>, AudienceError> {
        let max = max.max(1);
        match &mut self.0 {
            Kind::Stream { .. } => return self.next_of_stream(max).await,
            Kind::Reading(_) => {}
            Kind::Blocking(_) | Kind::Ended | Kind::Failed => {
                let Ok(runtime) = tokio::runtime::Handle::try_current() else { return self.next_chunk_blocking(max) };
                let mut source = match std::mem::replace(&mut self.0, Kind::Failed) {
                    Kind::Blocking(source) => source,
                    other => {
                        self.0 = other;
                        return self.after_end();
                    }
                };
                self.0 = Kind::Reading(runtime.spawn_blocking(move || {
                    let chunk = read_one(source.as_mut(), max);
                    (source, chunk)
                }));
            }
        }
        let Kind::Reading(handle) = &mut self.0 else { return Err(AudienceError::Failed) };
        let read = handle.await;
        self.0 = Kind::Failed;
        let (source, chunk) = read.map_err(|_| AudienceError::Panicked)?;
        self.keep(source, chunk)
    }

    /// The next items, for a thread that may block; empty at the end. An async stream cannot be read so.
    ///
    /// # Errors
    /// As [`Audience::next_chunk`]; [`AudienceError::Failed`] for a stream, or while an async read is under way.
    pub fn next_chunk_blocking(&mut self, max: usize) -> Result<Vec<Item>, AudienceError> {
        match std::mem::replace(&mut self.0, Kind::Failed) {
            Kind::Blocking(mut source) => {
                let chunk = read_one(source.as_mut(), max.max(1));
                self.keep(source, chunk)
            }
            other => {
                self.0 = other;
                self.after_end()
            }
        }
    }

    fn after_end(&self) -> Result<Vec<Item>, AudienceError> {
        if matches!(self.0, Kind::Ended) { Ok(Vec::new()) } else { Err(AudienceError::Failed) }
    }

    fn keep(
        &mut self,
        source: Box<dyn Source>,
        chunk: Result<Vec<Item>, AudienceError>,
    ) -> Result<Vec<Item>, AudienceError> {
        self.0 = match &chunk {
            Err(_) => Kind::Failed,
            Ok(items) if items.is_empty() => Kind::Ended,
            Ok(_) => Kind::Blocking(source),
        };
        chunk
    }

    async fn next_of_stream(&mut self, max: usize) -> Result<Vec<Item>, AudienceError> {
        let Kind::Stream { stream, ready, position } = &mut self.0 else { return Err(AudienceError::Failed) };
        while ready.len() < max {
            match poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                Some(Ok(person)) => {
                    ready.push(person.check(*position));
                    *position += 1;
                }
                Some(Err(source)) => {
                    let position = *position;
                    self.0 = Kind::Failed;
                    return Err(AudienceError::Stream { position, source });
                }
                None => {
                    let rest = std::mem::take(ready);
                    // An empty chunk is what says "end"; a stream is not asked again after it.
                    self.0 = Kind::Ended;
                    return Ok(rest);
                }
            }
        }
        // A cancelled call with a larger `max` may have left more than are asked for now.
        let rest = ready.split_off(max);
        Ok(std::mem::replace(ready, rest))
    }
}

fn read_one(source: &mut dyn Source, max: usize) -> Result<Vec<Item>, AudienceError> {
    let mut out = Vec::with_capacity(max.min(8 << 10));
    source.fill(max, &mut out)?;
    Ok(out)
}

struct Iter<I> {
    people: std::iter::Fuse<I>,
    position: u64,
}

impl<I: Iterator<Item: Into<Person>> + Send> Source for Iter<I> {
    fn fill(&mut self, max: usize, out: &mut Vec<Item>) -> Result<(), AudienceError> {
        for person in self.people.by_ref().take(max) {
            out.push(person.into().check(self.position));
            self.position += 1;
        }
        Ok(())
    }
}

struct MapErr<S>(Pin<Box<S>>);

impl<S: Stream<Item = Result<Person, E>>, E: Into<BoxError>> Stream for MapErr<S> {
    type Item = Result<Person, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx).map(|item| item.map(|r| r.map_err(Into::into)))
    }
}

/// Reads a number as spreadsheets leave it: `="138…"`, a leading apostrophe, blanks around.
fn number(raw: &str) -> Result<Phone, Fault> {
    let mut s = raw.trim();
    if let Some(inner) = s.strip_prefix("=\"").and_then(|s| s.strip_suffix('"')) {
        s = inner.trim();
    }
    s = s.strip_prefix(['\'', '’', '‘']).unwrap_or(s).trim_start();
    if s.is_empty() {
        return Err(Fault::EmptyNumber);
    }
    if is_float(s) {
        return Err(Fault::ExcelNumber);
    }
    Ok(Phone::parse(s)?)
}

/// `1.38E+10`, `1.38e10`, `13800138000.0`, `#####`: what a spreadsheet makes of a number.
fn is_float(s: &str) -> bool {
    // The usual number has none of these and leaves at once.
    if !s.bytes().any(|b| matches!(b, b'.' | b'e' | b'E' | b'#')) {
        return false;
    }
    if s.bytes().all(|b| b == b'#') {
        return true;
    }
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match s.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix('+').unwrap_or(e))),
        None => (s, None),
    };
    let decimal = mantissa.split_once('.');
    let plain = decimal.map_or(digits(mantissa), |(w, p)| digits(w) && (p.is_empty() || digits(p)));
    plain && exponent.map_or(decimal.is_some(), digits)
}

#[cfg(test)]
mod tests;
