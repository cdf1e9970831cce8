//! The embedded store: SQLite in WAL mode, `synchronous=FULL`, one writer thread with group commit and a lane in which
//! stops overtake, a few reader threads.
//!
//! Several processes may share one file. A process that has a stop to record takes the lane file's lock first, so that a
//! busy campaign elsewhere lets it pass after its present transaction.

mod begin;
mod campaigns;
mod journal;
mod people;
mod settle;
mod threads;

use self::threads::Threads;
use super::{Lane, Result, StoreError};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::keyring::Keyring;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

const SCHEMA: i64 = 1;
/// "O106": the file is ours.
const APPLICATION_ID: i64 = 0x4f31_3036;
/// The first engine without the WAL-reset race between processes.
const SAFE_ENGINE: i32 = 3_051_003;
/// Later than this below the last recorded moment, the clock is in doubt.
const CLOCK_SLACK_MS: i64 = 1_000;

/// The embedded store.
pub struct SqliteStore {
    threads: Threads,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    journal: journal::Journal,
    /// Requests that someone in this process drives.
    driven: Mutex<HashSet<[u8; 16]>>,
    worker: i64,
    /// Whether reports may wait for an answer; saves a look-up per answer when none does.
    waiting: AtomicI64,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the database at `path`, or makes it, with the machine's clock.
    ///
    /// # Errors
    /// [`StoreError`]: a newer schema, another keyring, a file that cannot be opened, an unsafe engine.
    pub fn open(path: impl AsRef<Path>, keyring: Keyring) -> Result<Self> {
        Self::open_with(path, keyring, Arc::new(SystemClock::new()))
    }

    /// Opens the database at `path` with a clock of the caller's.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, keyring: Keyring, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = path.as_ref();
        if rusqlite::version_number() < SAFE_ENGINE {
            return Err(StoreError::UnsafeEngine { found: rusqlite::version().to_owned() });
        }
        let writer = connect(path)?;
        migrate(&writer, &keyring)?;
        let (worker, journal) = journal::register(&writer, path, clock.now())?;
        let waiting = writer.query_row("SELECT count(*) FROM inbound", [], |r| r.get(0)).map_err(error)?;
        let lane = lane_file(path)?;
        let mut readers = Vec::new();
        for _ in 0..2 {
            let reader = connect(path)?;
            reader.pragma_update(None, "query_only", true).map_err(error)?;
            readers.push(reader);
        }
        Ok(Self {
            threads: Threads::start(writer, readers, lane),
            keyring: Arc::new(keyring),
            clock,
            journal,
            driven: Mutex::new(HashSet::new()),
            worker,
            waiting: AtomicI64::new(waiting),
            path: path.into(),
        })
    }

    /// The version of the bundled engine.
    pub fn engine() -> &'static str {
        rusqlite::version()
    }

    async fn write<T, F>(&self, lane: Lane, weight: usize, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let clock = Arc::clone(&self.clock);
        let keyring = Arc::clone(&self.keyring);
        let worker = self.worker;
        self.threads
            .write(lane, weight, move |conn| {
                let now = marked_now(conn, &*clock)?;
                f(&Tx { conn, now, keyring: &keyring, worker })
            })
            .await
    }

    async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.threads.read(f).await
    }

    fn drive(&self, reference: &[u8; 16]) {
        self.driven.lock().unwrap_or_else(PoisonError::into_inner).insert(*reference);
    }

    fn undrive(&self, reference: &[u8; 16]) {
        self.driven.lock().unwrap_or_else(PoisonError::into_inner).remove(reference);
    }

    fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.path.display())
    }
}

/// One transaction: connection, moment, keys.
struct Tx<'a> {
    conn: &'a Connection,
    now: Timestamp,
    keyring: &'a Keyring,
    worker: i64,
}

impl Tx<'_> {
    fn run(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        self.conn.prepare_cached(sql).and_then(|mut s| s.execute(params)).map_err(error)
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        f: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        one(self.conn, sql, params, f)
    }
}

fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    f: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    conn.prepare_cached(sql).and_then(|mut s| s.query_row(params, f).optional()).map_err(error)
}

fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    f: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = conn.prepare_cached(sql).map_err(error)?;
    let rows = statement.query_map(params, f).map_err(error)?;
    rows.collect::<rusqlite::Result<_>>().map_err(error)
}

/// The store's clock: never more than a second behind the last recorded moment.
fn marked_now(conn: &Connection, clock: &dyn Clock) -> Result<Timestamp> {
    let now = clock.now();
    if clock.may_step_back() {
        return Ok(now);
    }
    let mark: i64 = one(conn, "SELECT value FROM meta WHERE name = 'clock'", [], |r| r.get(0))?.unwrap_or(0);
    if now.millis() < mark - CLOCK_SLACK_MS {
        return Err(StoreError::ClockBehind { behind_ms: mark - now.millis() });
    }
    if now.millis() > mark + CLOCK_SLACK_MS / 2 {
        conn.prepare_cached("INSERT INTO meta VALUES ('clock', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1")
            .and_then(|mut s| s.execute([now.millis()]))
            .map_err(error)?;
    }
    Ok(now)
}

fn lane_file(path: &Path) -> Result<std::fs::File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lane");
    std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|e| StoreError::Open(Some(Box::new(e))))
}

fn connect(path: &Path) -> Result<Connection> {
    let open = |e: rusqlite::Error| match error(e) {
        StoreError::Backend(e) => StoreError::Open(Some(e)),
        other => other,
    };
    let conn = Connection::open(path).map_err(open)?;
    // One millisecond between tries: a stop from another process must not sleep through the gaps of a busy campaign.
    conn.busy_handler(Some(|tries| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        tries < 15_000
    }))
    .map_err(open)?;
    conn.set_prepared_statement_cache_capacity(128);
    conn.pragma_update(None, "journal_mode", "WAL").map_err(open)?;
    conn.pragma_update(None, "synchronous", "FULL").map_err(open)?;
    conn.pragma_update(None, "wal_autocheckpoint", 8_000).map_err(open)?;
    conn.pragma_update(None, "journal_size_limit", 64 << 20).map_err(open)?;
    conn.pragma_update(None, "cache_size", -4_000).map_err(open)?;
    conn.pragma_update(None, "mmap_size", 0).map_err(open)?;
    conn.pragma_update(None, "foreign_keys", true).map_err(open)?;
    Ok(conn)
}

/// Forward-only: brings an older file to this version's schema, refuses a newer one.
fn migrate(conn: &Connection, keyring: &Keyring) -> Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE").map_err(error)?;
    let done = migrate_in(conn, keyring);
    conn.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).map_err(error)?;
    done
}

fn migrate_in(conn: &Connection, keyring: &Keyring) -> Result<()> {
    let pragma = |name: &str| conn.query_row(&format!("PRAGMA {name}"), [], |r| r.get::<_, i64>(0)).map_err(error);
    let found = pragma("user_version")?;
    let application = pragma("application_id")?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).map_err(error)?;
    if found == 0 && tables > 0 || found > 0 && application != APPLICATION_ID {
        return Err(StoreError::Corrupt(Some("the file belongs to another program".into())));
    }
    if found > SCHEMA {
        return Err(StoreError::NewerSchema { found, known: SCHEMA });
    }
    let id = keyring.index_id();
    if found == 0 {
        conn.execute_batch(include_str!("schema.sql")).map_err(error)?;
        conn.execute("INSERT INTO meta VALUES ('index_key', ?1), ('seq', 0)", [&id[..]]).map_err(error)?;
        conn.pragma_update(None, "application_id", APPLICATION_ID).map_err(error)?;
    }
    conn.pragma_update(None, "user_version", SCHEMA).map_err(error)?;
    let known: Vec<u8> =
        conn.query_row("SELECT value FROM meta WHERE name = 'index_key'", [], |r| r.get(0)).map_err(error)?;
    if known == id { Ok(()) } else { Err(StoreError::KeyMismatch) }
}

/// What the engine's error means to a caller. Its text may quote values, so it is reduced to its code.
fn error(e: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode as C;
    let Some(code) = e.sqlite_error_code() else {
        return StoreError::Backend(Box::new(Reduced(None)));
    };
    let reduced = || -> Box<dyn std::error::Error + Send + Sync> { Box::new(Reduced(e.sqlite_error().map(|x| x.extended_code))) };
    match code {
        C::DatabaseBusy | C::DatabaseLocked => StoreError::Busy,
        C::DatabaseCorrupt | C::NotADatabase => StoreError::Corrupt(Some(reduced())),
        C::DiskFull => StoreError::Full,
        C::CannotOpen | C::ReadOnly | C::PermissionDenied => StoreError::Open(Some(reduced())),
        _ => StoreError::Backend(reduced()),
    }
}

/// An engine error without its text.
#[derive(Debug)]
struct Reduced(Option<i32>);

impl fmt::Display for Reduced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(code) => write!(f, "SQLite result code {code}"),
            None => f.write_str("a stored value has another type than expected"),
        }
    }
}

impl std::error::Error for Reduced {}
