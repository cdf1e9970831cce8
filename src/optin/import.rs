//! Imports of stops and of past sends. They only ever restrict, and may be run again.

use super::Optin106;
use super::bulk::next_chunk;
use super::consents::Recorded;
use super::stops::{StopChange, StopScope};
use super::told::Told;
use crate::clock::Timestamp;
use crate::consent::{Envelope, Purpose};
use crate::facts::{Event, OwnerKey};
use crate::id::{ShopId, hex};
use crate::phone::Phone;
use crate::store::{Change, Changed, Effect, Lane, Load, ShopRow, StoreError};
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use sha2::Digest;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

/// One row of a stop list, as data.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct StopRow {
    /// The number, in any spelling.
    pub phone: String,
    /// `everyone`, `group` or `purpose:<p>`; when empty `group` where a shop is named, else `everyone`.
    pub scope: String,
    /// The shop; needed for every scope but `everyone`.
    pub shop: String,
    /// When the person refused, RFC 3339 or Beijing time; the moment of the first import when empty.
    pub at: String,
    /// The line in its file, for answers.
    #[serde(skip)]
    pub line: Option<u64>,
}

/// One marketing message that an earlier system sent, as data.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct PastSendRow {
    /// The number, in any spelling.
    pub phone: String,
    /// The shop that sent it.
    pub shop: String,
    /// When, RFC 3339 or Beijing time.
    pub at: String,
    /// Its campaign: two messages of one moment are told apart by it.
    pub campaign: String,
    /// The line in its file, for answers.
    #[serde(skip)]
    pub line: Option<u64>,
}

impl std::fmt::Debug for StopRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StopRow({:?}, {})", self.line, self.scope)
    }
}

impl std::fmt::Debug for PastSendRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PastSendRow({:?}, {})", self.line, self.campaign)
    }
}

/// Why a row was not imported.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A field cannot be read.
    #[error(
        "line {line:?}, column {column}: {code}; correct the row and import the list again, rows taken before are not doubled"
    )]
    Row {
        /// Line in the file, from 1.
        line: Option<u64>,
        /// Column in the file, from 1, or of the field in the row's own order.
        column: u32,
        /// What is wrong: `phone_…`, `scope`, `shop_needed`, `unknown_shop`, `time`, `in_future`, `csv`.
        code: &'static str,
    },
    /// The store said no. Import the list again.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

impl ImportError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Row { code, .. } => code,
            Self::Store(e) => e.code(),
        }
    }
}

/// What became of one row.
#[derive(Clone, Debug)]
pub struct ImportedRow {
    /// Zero-based position.
    pub position: u64,
    /// Line in the file.
    pub line: Option<u64>,
    /// Recorded now or before, or why not.
    pub outcome: Result<Recorded, ImportError>,
}

/// The sum of an import.
#[derive(Clone, Debug, Default)]
pub struct ImportReport {
    /// Rows seen.
    pub rows: u64,
    /// Recorded now.
    pub recorded: u64,
    /// Recorded by an earlier run.
    pub repeated: u64,
    /// Not recorded.
    pub failed: u64,
    /// The first 1,000 failures.
    pub failures: Vec<ImportError>,
}

impl ImportReport {
    /// Runs an import to its end and counts.
    pub async fn of(rows: impl Stream<Item = ImportedRow>) -> Self {
        const KEPT: usize = 1_000;
        let mut report = Self::default();
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.next().await {
            report.rows += 1;
            match row.outcome {
                Ok(Recorded { repeated: false, .. }) => report.recorded += 1,
                Ok(Recorded { repeated: true, .. }) => report.repeated += 1,
                Err(e) => {
                    report.failed += 1;
                    if report.failures.len() < KEPT {
                        report.failures.push(e);
                    }
                }
            }
        }
        report
    }
}

/// One stop, for another system. Keyed pseudonyms: the store keeps no numbers with stops.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct StopExport {
    /// The person's pseudonym under this store's index key, 32 hexadecimal digits.
    pub pseudonym: String,
    /// `everyone`, `group` or `purpose:<p>`.
    pub scope: String,
    /// The owner's registration id, where it is one owner's.
    pub owner: Option<String>,
    /// The moment that a consent must be newer than.
    pub since: Timestamp,
}

/// A row that lacks only its shop.
struct Parsed {
    phone: Phone,
    at: Option<Timestamp>,
    shop: Option<ShopId>,
    line: Option<u64>,
}

/// Shops as met during an import. An unknown id is asked for again: it may be registered meanwhile.
#[derive(Default)]
struct Shops(HashMap<ShopId, Arc<ShopRow>>);

impl Shops {
    async fn get(&mut self, optin: &Optin106, id: &ShopId) -> Result<Option<Arc<ShopRow>>, StoreError> {
        if let Some(row) = self.0.get(id) {
            return Ok(Some(Arc::clone(row)));
        }
        let Some(row) = optin.store().shop(id).await?.map(Arc::new) else { return Ok(None) };
        self.0.insert(id.clone(), Arc::clone(&row));
        Ok(Some(row))
    }
}

type Taken<T> = Result<T, ImportError>;

impl Optin106 {
    /// Imports a stop list. Each row is a stop; a list that was cut is imported again whole, and rows that are there
    /// already keep their first date. Answers come in order, some thousands at a time; memory is bounded.
    ///
    /// `list` names the list for ever: a later edition that says more than the former about the same person needs a
    /// name of its own (`blacklist-2026-12`).
    pub fn import_stops<'a, S>(&'a self, list: &'a str, rows: S) -> impl Stream<Item = ImportedRow> + Unpin + 'a
    where
        S: Stream<Item = Result<StopRow, ImportError>> + Send + Unpin + 'a,
    {
        self.import(list, rows)
    }

    /// Imports a stop list in CSV, UTF-8 or GBK. Columns `phone`, and optionally `scope`, `shop`, `at`; without a header
    /// they stand in this order.
    pub fn import_stops_csv<'a>(
        &'a self,
        list: &'a str,
        csv: impl Read + Send + 'a,
    ) -> impl Stream<Item = ImportedRow> + Unpin + 'a {
        let rows = csv_rows(csv, &["phone", "scope", "shop", "at"], |line, mut f| StopRow {
            phone: f(0),
            scope: f(1),
            shop: f(2),
            at: f(3),
            line: Some(line),
        });
        self.import_stops(list, stream::iter(rows))
    }

    /// Imports marketing messages that an earlier system sent, so that caps, promises and pressure hold from the first
    /// day. Two rows of the same person, shop, moment and campaign are one.
    pub fn import_past_sends<'a, S>(&'a self, rows: S) -> impl Stream<Item = ImportedRow> + Unpin + 'a
    where
        S: Stream<Item = Result<PastSendRow, ImportError>> + Send + Unpin + 'a,
    {
        self.import("", rows)
    }

    /// Imports past sends in CSV, UTF-8 or GBK. Columns `phone`, `shop`, `at`, `campaign`; without a header they stand in
    /// this order.
    pub fn import_past_sends_csv<'a>(
        &'a self,
        csv: impl Read + Send + 'a,
    ) -> impl Stream<Item = ImportedRow> + Unpin + 'a {
        let rows = csv_rows(csv, &["phone", "shop", "at", "campaign"], |line, mut f| PastSendRow {
            phone: f(0),
            shop: f(1),
            at: f(2),
            campaign: f(3),
            line: Some(line),
        });
        self.import_past_sends(stream::iter(rows))
    }

    fn import<'a, R, S>(&'a self, list: &'a str, rows: S) -> impl Stream<Item = ImportedRow> + Unpin + 'a
    where
        R: Imported + Send + 'a,
        S: Stream<Item = Taken<R>> + Send + Unpin + 'a,
    {
        stream::unfold((rows, 0u64), move |(mut rows, from)| async move {
            let chunk = next_chunk(&mut rows, |_| 128).await;
            let count = chunk.len() as u64;
            if count == 0 {
                return None;
            }
            let mut shops = Shops::default();
            let mut answers = Vec::with_capacity(chunk.len());
            let mut changes = Vec::with_capacity(chunk.len());
            for (i, row) in chunk.into_iter().enumerate() {
                let line = line_of(&row);
                let made = match row {
                    Ok(row) => row.change(self, list, &mut shops).await,
                    Err(e) => Err(e),
                };
                let outcome = made.map(|change| {
                    changes.push((i, change));
                    Recorded { at: Timestamp::EPOCH, repeated: false }
                });
                answers.push(ImportedRow { position: from + i as u64, line, outcome });
            }
            let store_says = |i: usize, changed: Result<Changed, Arc<StoreError>>| {
                answers[i].outcome = match changed {
                    Ok(Changed::Recorded { at }) => Ok(Recorded { at, repeated: false }),
                    Ok(Changed::Repeated { at }) => Ok(Recorded { at, repeated: true }),
                    Ok(Changed::Refused(code)) => {
                        Err(ImportError::Row { line: answers[i].line, column: 1, code: code.as_str() })
                    }
                    Err(e) => Err(ImportError::Store(e)),
                };
            };
            self.apply(Lane::Normal, changes, store_says).await;
            Some((stream::iter(answers), (rows, from + count)))
        })
        .flatten()
        .boxed()
    }

    async fn stop_change(&self, list: &str, shops: &mut Shops, row: StopRow) -> Taken<Change> {
        let columns = Columns { phone: 1, shop: 3, at: 4 };
        let parsed = self.parse(&columns, &row.phone, &row.shop, &row.at, row.line)?;
        let bad = |column, code| ImportError::Row { line: row.line, column, code };
        let scope = match row.scope.trim() {
            "" if parsed.shop.is_some() => StopScope::Owner,
            "" | "everyone" => StopScope::Everyone,
            "group" => StopScope::Owner,
            other => match other.strip_prefix("purpose:").map(str::parse::<Purpose>) {
                Some(Ok(p)) => StopScope::Purpose(p),
                _ => return Err(bad(2, "scope")),
            },
        };
        if parsed.shop.is_none() && scope != StopScope::Everyone {
            return Err(bad(columns.shop, "shop_needed"));
        }
        let shop = self.shop_of(shops, &parsed, columns.shop).await?;
        let scope = scope.of(shop.as_ref().map_or(OwnerKey(0), |s| s.owner));
        let key = shop.as_ref().map(|s| s.key);
        let rid = self.store().keyring().rid(parsed.phone);
        let envelope = Envelope { source: format!("list:{list}"), ..Envelope::default() };
        let told = Told::new(envelope, "import_stop", key, |h| {
            h.update(rid.as_bytes());
            h.update(parsed.at.map_or(-1, Timestamp::millis).to_be_bytes());
            h.update(row.scope.trim());
        });
        let stop = StopChange {
            rid,
            told,
            kind: "import_stop",
            shop: key,
            at: parsed.at,
            scopes: Some(vec![scope]),
            detail: json!({}),
            sealed: None,
        };
        Ok(stop.change())
    }

    async fn past_send(&self, shops: &mut Shops, row: PastSendRow) -> Taken<Change> {
        let columns = Columns { phone: 1, shop: 2, at: 3 };
        let parsed = self.parse(&columns, &row.phone, &row.shop, &row.at, row.line)?;
        let bad = |column, code| ImportError::Row { line: row.line, column, code };
        let at = parsed.at.ok_or_else(|| bad(columns.at, "time"))?;
        if at > self.clock().now().plus(super::consents::CLOCK_SLACK) {
            return Err(bad(columns.at, "in_future"));
        }
        let shop = self.shop_of(shops, &parsed, columns.shop).await?.ok_or_else(|| bad(columns.shop, "shop_needed"))?;
        let rid = self.store().keyring().rid(parsed.phone);
        let envelope = Envelope { source: "past_sends".into(), ..Envelope::default() };
        let told = Told::new(envelope, "past_send", Some(shop.key), |h| {
            h.update(rid.as_bytes());
            h.update(at.millis().to_be_bytes());
            h.update(row.campaign.trim());
        });
        let owner = shop.owner;
        Ok(Change {
            rid,
            key: told.key,
            envelope: told.envelope,
            kind: "past_send",
            shop: Some(shop.key),
            claimed: Some(at),
            load: Load::Nothing,
            decide: Box::new(move |_| Ok(Effect { events: vec![Event::PastSend { owner, at }], ..Effect::default() })),
        })
    }

    fn parse(&self, columns: &Columns, phone: &str, shop: &str, at: &str, line: Option<u64>) -> Taken<Parsed> {
        let bad = |column, code| ImportError::Row { line, column, code };
        let phone = phone.parse::<Phone>().map_err(|e| bad(columns.phone, phone_code(&e)))?;
        let at = match at.trim() {
            "" => None,
            text => {
                Some(text.parse().or_else(|_| Timestamp::parse_beijing(text)).map_err(|_| bad(columns.at, "time"))?)
            }
        };
        let shop = match shop.trim() {
            "" => None,
            id => Some(ShopId::new(id).map_err(|_| bad(columns.shop, "unknown_shop"))?),
        };
        Ok(Parsed { phone, at, shop, line })
    }

    async fn shop_of(&self, shops: &mut Shops, row: &Parsed, column: u32) -> Taken<Option<Arc<ShopRow>>> {
        let Some(id) = &row.shop else { return Ok(None) };
        match shops.get(self, id).await {
            Ok(Some(shop)) => Ok(Some(shop)),
            Ok(None) => Err(ImportError::Row { line: row.line, column, code: "unknown_shop" }),
            Err(e) => Err(ImportError::Store(Arc::new(e))),
        }
    }

    /// Every stop of the store, in order of pseudonym.
    pub fn export_stops(&self) -> impl Stream<Item = Result<StopExport, StoreError>> + Unpin + '_ {
        const PAGE: usize = 1_000;
        let start = (None, None::<Arc<HashMap<OwnerKey, String>>>, false);
        stream::try_unfold(start, move |(after, owners, done)| async move {
            if done {
                return Ok(None);
            }
            let owners = match owners {
                Some(owners) => owners,
                None => Arc::new(
                    self.store()
                        .shops()
                        .await?
                        .into_iter()
                        .map(|s| (s.owner, s.owner_id.as_str().to_owned()))
                        .collect(),
                ),
            };
            let people = self.store().stopped_after(after, PAGE).await?;
            let (last, done) = (people.last().map(|(rid, _)| *rid), people.len() < PAGE);
            let mut rows = Vec::new();
            for (rid, person) in &people {
                for (scope, since) in person.stops() {
                    let (scope, owner) = words(scope);
                    let owner = owner.and_then(|o| owners.get(&o).cloned());
                    rows.push(Ok(StopExport { pseudonym: hex(rid.as_bytes()), scope, owner, since }));
                }
            }
            Ok::<_, StoreError>(Some((stream::iter(rows), (last, Some(owners), done))))
        })
        .try_flatten()
        .boxed()
    }
}

struct Columns {
    phone: u32,
    shop: u32,
    at: u32,
}

fn words(scope: crate::facts::Scope) -> (String, Option<OwnerKey>) {
    use crate::facts::Scope;
    match scope {
        Scope::Everyone => ("everyone".into(), None),
        Scope::Owner(o) => ("group".into(), Some(o)),
        Scope::Purpose(o, p) => (format!("purpose:{}", p.as_str()), Some(o)),
    }
}

fn phone_code(e: &crate::phone::PhoneError) -> &'static str {
    e.code()
}

/// A row that becomes a change.
trait Imported {
    fn line(&self) -> Option<u64>;

    fn change(self, optin: &Optin106, list: &str, shops: &mut Shops) -> impl Future<Output = Taken<Change>> + Send;
}

impl Imported for StopRow {
    fn line(&self) -> Option<u64> {
        self.line
    }

    async fn change(self, optin: &Optin106, list: &str, shops: &mut Shops) -> Taken<Change> {
        optin.stop_change(list, shops, self).await
    }
}

impl Imported for PastSendRow {
    fn line(&self) -> Option<u64> {
        self.line
    }

    async fn change(self, optin: &Optin106, _list: &str, shops: &mut Shops) -> Taken<Change> {
        optin.past_send(shops, self).await
    }
}

fn line_of<R: Imported>(row: &Taken<R>) -> Option<u64> {
    match row {
        Ok(row) => row.line(),
        Err(ImportError::Row { line, .. }) => *line,
        Err(ImportError::Store(_)) => None,
    }
}

/// At most so many bytes make one field.
const MAX_FIELD: usize = 4_096;

/// Rows of a CSV file with or without a header. `make` gets the line and a function from place in `names` to text.
fn csv_rows<'a, T>(
    csv: impl Read + Send + 'a,
    names: &'static [&'static str],
    make: impl Fn(u64, Box<dyn FnMut(usize) -> String + '_>) -> T + Send + 'a,
) -> impl Iterator<Item = Taken<T>> + Send + 'a {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(csv);
    let mut record = csv::ByteRecord::new();
    let mut places: Option<Vec<Option<usize>>> = None;
    let mut ended = false;
    std::iter::from_fn(move || {
        while !ended {
            match reader.read_byte_record(&mut record) {
                Ok(false) => ended = true,
                Err(e) => {
                    ended = e.is_io_error();
                    let line = e.position().map(csv::Position::line);
                    return Some(Err(ImportError::Row { line, column: 1, code: "csv" }));
                }
                Ok(true) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    if let Some(i) = record.iter().position(|f| f.len() > MAX_FIELD) {
                        return Some(Err(ImportError::Row { line: Some(line), column: i as u32 + 1, code: "csv" }));
                    }
                    let Some(places) = &places else {
                        let header = header(&record, names);
                        let is_header = header.is_some();
                        places = Some(header.unwrap_or_else(|| (0..names.len()).map(Some).collect()));
                        if is_header {
                            continue;
                        }
                        let all: Vec<_> = (0..names.len()).map(Some).collect();
                        return Some(Ok(make(line, Box::new(|i| field(&record, all[i])))));
                    };
                    return Some(Ok(make(line, Box::new(|i| field(&record, places[i])))));
                }
            }
        }
        None
    })
}

/// Where each name stands, when the record is a header: it names a `phone`.
fn header(record: &csv::ByteRecord, names: &[&str]) -> Option<Vec<Option<usize>>> {
    let found: Vec<String> = record.iter().map(|f| text(f).trim_start_matches('\u{feff}').to_lowercase()).collect();
    let place = |name: &str| found.iter().position(|f| f == name);
    place(names[0])?;
    Some(names.iter().map(|n| place(n)).collect())
}

fn field(record: &csv::ByteRecord, place: Option<usize>) -> String {
    place.and_then(|i| record.get(i)).map_or_else(String::new, |f| text(f).trim_start_matches('\u{feff}').to_owned())
}

/// UTF-8 where it is, else GBK: lists come from both worlds.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(s) => s.to_owned(),
        Err(_) => encoding_rs::GBK.decode(bytes).0.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(csv: &[u8]) -> Vec<Taken<StopRow>> {
        csv_rows(csv, &["phone", "scope", "shop", "at"], |line, mut f| StopRow {
            phone: f(0),
            scope: f(1),
            shop: f(2),
            at: f(3),
            line: Some(line),
        })
        .collect()
    }

    #[test]
    fn a_header_names_the_columns_in_any_order() {
        let rows = read("\u{feff}Shop,phone\nshop-a,13800138000\n".as_bytes());
        assert_eq!(rows.len(), 1);
        let row = rows[0].as_ref().unwrap();
        assert_eq!((row.phone.as_str(), row.shop.as_str(), row.line), ("13800138000", "shop-a", Some(2)));
    }

    #[test]
    fn without_a_header_the_first_row_counts() {
        let rows = read(b"13800138000\n13900139001,everyone\n");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].as_ref().unwrap().scope, "everyone");
    }

    #[test]
    fn gbk_shops_are_read() {
        let (gbk, _, _) = encoding_rs::GBK.encode("13800138000,group,示例店");
        assert_eq!(read(&gbk)[0].as_ref().unwrap().shop, "示例店");
    }
}
