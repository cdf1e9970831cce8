//! The embedded store: SQLite in WAL mode, `synchronous=FULL`, one writer thread with group commit and a lane in which
//! stops overtake, a few reader threads.
//!
//! Several processes may share one file. A process that has a stop to record takes the lane file's lock first, so that a
//! busy campaign elsewhere lets it pass after its present transaction.

mod begin;
mod campaigns;
mod extensions;
mod guarded;
mod journal;
mod people;
mod places;
mod settle;
mod threads;

use self::threads::Threads;
use super::*;
use crate::clock::SystemClock;
use crate::keyring::Keyring;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What brings a file from each schema to the next, from nothing on.
const STEPS: [&str; 2] = [include_str!("schema.sql"), include_str!("schema_2.sql")];
const SCHEMA: i64 = STEPS.len() as i64;
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
    driven: Arc<Mutex<HashSet<[u8; 16]>>>,
    worker: i64,
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
            driven: Arc::default(),
            worker,
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
        let worker = self.worker;
        self.threads
            .write(lane, weight, move |conn| {
                let now = marked_now(conn, &*clock)?;
                f(&Tx { conn, now, worker })
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
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.path.display())
    }
}

/// One transaction: connection and moment.
struct Tx<'a> {
    conn: &'a Connection,
    now: Timestamp,
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
    #[allow(unused_mut, reason = "from rusqlite 0.43 on a busy handler is set through `&mut`, before it through `&`")]
    let mut conn = Connection::open(path).map_err(open)?;
    // One millisecond between tries: a stop from another process must not sleep through the gaps of a busy campaign.
    conn.busy_handler(Some(|tries: i32| {
        std::thread::sleep(std::time::Duration::from_millis(1));
        tries < 15_000
    }))
    .map_err(open)?;
    conn.set_prepared_statement_cache_capacity(128);
    // The planner does not look at bound values: otherwise statements are prepared anew at each binding.
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(open)?;
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
    let done = usize::try_from(found).map_err(|_| StoreError::Corrupt(None))?;
    for step in STEPS.iter().skip(done) {
        conn.execute_batch(step).map_err(error)?;
    }
    let id = keyring.index_id();
    if found == 0 {
        conn.execute("INSERT INTO meta VALUES ('index_key', ?1), ('seq', 0)", [&id[..]]).map_err(error)?;
        conn.pragma_update(None, "application_id", APPLICATION_ID).map_err(error)?;
    }
    conn.pragma_update(None, "user_version", SCHEMA).map_err(error)?;
    let oldest: i64 =
        conn.query_row("SELECT value FROM meta WHERE name = 'oldest_reader'", [], |r| r.get(0)).map_err(error)?;
    if oldest > SCHEMA {
        return Err(StoreError::NewerSchema { found: oldest, known: SCHEMA });
    }
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
    let reduced =
        || -> Box<dyn std::error::Error + Send + Sync> { Box::new(Reduced(e.sqlite_error().map(|x| x.extended_code))) };
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

#[async_trait::async_trait]
impl super::Store for SqliteStore {
    fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn journal(&self, reference: Reference) -> Result<()> {
        self.journal.append(&reference.0)
    }

    fn forget(&self, reference: Reference) {
        self.undrive(&reference.0);
    }

    async fn put_shop(&self, id: &ShopId, owner: &OwnerId, settings: String) -> Result<ShopRow> {
        self.put_shop_(id, owner, settings).await
    }

    async fn shop(&self, id: &ShopId) -> Result<Option<ShopRow>> {
        self.shop_(id).await
    }

    async fn shop_by_key(&self, key: ShopKey) -> Result<Option<ShopRow>> {
        self.shop_by_key_(key).await
    }

    async fn shops(&self) -> Result<Vec<ShopRow>> {
        self.shops_().await
    }

    async fn merge_owners(&self, from: &OwnerId, into: &OwnerId) -> Result<()> {
        self.merge_owners_(from, into).await
    }

    async fn put_account(&self, id: &AccountId, settings: String, pace: u32) -> Result<AccountRow> {
        self.put_account_(id, settings, pace).await
    }

    async fn account(&self, id: &AccountId) -> Result<Option<AccountRow>> {
        self.account_(id).await
    }

    async fn assign_extension(&self, ask: ExtensionAsk) -> Result<Assignment> {
        self.assign_extension_(ask).await
    }

    async fn release_extension(
        &self,
        account: &AccountId,
        extension: &Extension,
        shop: ShopKey,
    ) -> Result<Option<ExtensionRow>> {
        self.release_extension_(account, extension, shop).await
    }

    async fn extension(&self, account: &AccountId, extension: &Extension) -> Result<Option<ExtensionRow>> {
        self.extension_(account, extension).await
    }

    async fn extensions(&self, shop: ShopKey) -> Result<Vec<ExtensionRow>> {
        self.extensions_(shop).await
    }

    async fn take_place(&self, account: &AccountId, of: u16, holder: Reference) -> Result<Option<Place>> {
        self.take_place_(account, of, holder).await
    }

    async fn keep_place(&self, place: &Place) -> Result<bool> {
        self.keep_place_(place).await
    }

    async fn leave_place(&self, place: &Place) -> Result<()> {
        self.leave_place_(place).await
    }

    async fn set_hold(&self, on: Subject, reason: Option<String>) -> Result<()> {
        self.set_hold_(on, reason).await
    }

    async fn setting(&self, name: &'static str) -> Result<Option<String>> {
        self.setting_(name).await
    }

    async fn put_setting(&self, name: &'static str, value: String) -> Result<()> {
        self.put_setting_(name, value).await
    }

    async fn change(&self, lane: Lane, changes: Vec<Change>) -> Result<Vec<Changed>> {
        self.change_(lane, changes).await
    }

    async fn person(&self, rid: Rid, shops: Vec<ShopKey>) -> Result<Option<Loaded>> {
        self.person_(rid, shops).await
    }

    async fn events(&self, rid: Rid) -> Result<Vec<EventRow>> {
        self.events_(rid).await
    }

    async fn events_of(&self, kind: &'static str, after: i64, limit: usize) -> Result<Vec<EventRow>> {
        self.events_of_(kind, after, limit).await
    }

    async fn stopped_after(&self, after: Option<Rid>, limit: usize) -> Result<Vec<(Rid, Person)>> {
        self.stopped_after_(after, limit).await
    }

    async fn rebuild(&self) -> Result<u64> {
        self.rebuild_().await
    }

    async fn sends_of(&self, rid: Rid) -> Result<Vec<(OwnerKey, Timestamp)>> {
        self.sends_of_(rid).await
    }

    async fn open_campaign(&self, shop: ShopKey, name: &CampaignName, spec: Vec<u8>) -> Result<CampaignRow> {
        self.open_campaign_(shop, name, spec).await
    }

    async fn campaign(&self, shop: ShopKey, name: &CampaignName) -> Result<Option<CampaignRow>> {
        self.campaign_(shop, name).await
    }

    async fn campaign_by_key(&self, key: CampaignKey) -> Result<Option<CampaignRow>> {
        self.campaign_by_key_(key).await
    }

    async fn plan(&self, campaign: CampaignKey, rows: Vec<PlanRow>, refused: Vec<RefusedEntry>) -> Result<()> {
        self.plan_(campaign, rows, refused).await
    }

    async fn set_phase(&self, campaign: CampaignKey, phase: Phase) -> Result<Phase> {
        self.set_phase_(campaign, phase).await
    }

    async fn scan(
        &self,
        campaign: CampaignKey,
        after: Option<Rid>,
        limit: usize,
        facts_of: Option<ShopKey>,
    ) -> Result<Vec<ScanRow>> {
        self.scan_(campaign, after, limit, facts_of).await
    }

    async fn refused_entries(
        &self,
        campaign: CampaignKey,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RefusedEntry>> {
        self.refused_entries_(campaign, after, limit).await
    }

    async fn tally(&self, campaign: CampaignKey) -> Result<Vec<Tally>> {
        self.tally_(campaign).await
    }

    async fn tally_entries(&self, campaign: CampaignKey) -> Result<Vec<(Code, u64)>> {
        self.tally_entries_(campaign).await
    }

    async fn claim(&self, campaign: CampaignKey, most: usize) -> Result<Vec<Lease>> {
        self.claim_(campaign, most).await
    }

    async fn beat(&self, leases: Vec<Lease>) -> Result<Vec<Lease>> {
        self.beat_(leases).await
    }

    async fn release(&self, leases: Vec<Lease>) -> Result<()> {
        self.release_(leases).await
    }

    async fn begin(&self, ask: BeginAsk) -> Result<Begun> {
        self.begin_(ask).await
    }

    async fn settle(&self, done: Vec<Settlement>) -> Result<Settled> {
        self.settle_(done).await
    }

    async fn recover(&self) -> Result<Recovered> {
        self.recover_().await
    }

    async fn planned(&self, campaign: CampaignKey) -> Result<(u64, Option<Timestamp>)> {
        self.planned_(campaign).await
    }

    async fn open_requests(&self, campaign: CampaignKey) -> Result<u64> {
        self.open_requests_(campaign).await
    }

    async fn open_for(&self, rid: Rid, owners: Vec<OwnerKey>) -> Result<bool> {
        self.open_for_(rid, owners).await
    }

    async fn expire(&self, campaign: CampaignKey, code: Code) -> Result<u64> {
        self.expire_(campaign, code).await
    }

    async fn close_unreported(&self, now: Timestamp) -> Result<u64> {
        self.close_unreported_(now).await
    }

    async fn unknown_due(&self, campaign: CampaignKey, limit: usize) -> Result<Vec<UnknownRequest>> {
        self.unknown_due_(campaign, limit).await
    }

    async fn resolve(&self, request: i64, rid: Option<Rid>, to: Resolution) -> Result<u64> {
        self.resolve_(request, rid, to).await
    }

    async fn report(&self, ask: ReportAsk) -> Result<Joined> {
        self.report_(ask).await
    }

    async fn find(&self, rid: Rid, from: Timestamp, to: Timestamp) -> Result<Vec<(CampaignRow, ScanRow)>> {
        self.find_(rid, from, to).await
    }

    async fn senders(&self, rid: Rid, account: Option<AccountId>, from: Timestamp) -> Result<Vec<OwnerKey>> {
        self.senders_(rid, account, from).await
    }

    async fn retain(&self, messages_before: Timestamp) -> Result<u64> {
        self.retain_(messages_before).await
    }

    async fn destroy(&self, rid: Rid, shops: Vec<ShopKey>, before: Timestamp) -> Result<u64> {
        self.destroy_(rid, shops, before).await
    }

    async fn request_state(&self, reference: Reference) -> Result<Option<RequestState>> {
        self.request_state_(reference).await
    }

    async fn put_notice(&self, hash: [u8; 32], version: String, text: String) -> Result<()> {
        self.put_notice_(hash, version, text).await
    }

    async fn notice(&self, hash: [u8; 32]) -> Result<Option<(String, String)>> {
        self.notice_(hash).await
    }

    async fn plan_ready(&self, campaign: CampaignKey, content: [u8; 32], entries: u64) -> Result<CampaignRow> {
        self.plan_ready_(campaign, content, entries).await
    }

    async fn resolve_row(&self, campaign: CampaignKey, rid: Rid, to: Resolution) -> Result<u64> {
        self.resolve_row_(campaign, rid, to).await
    }
}
