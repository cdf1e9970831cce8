//! Bad files, keys, clocks and settings: a typed error that says what to do, nothing changed, nothing lost. Bad rows of
//! an audience are in `src/campaign/audience/tests.rs`, bad texts in `tests/text.rs`.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test that fails says so")]

mod common;

use common::*;
use optin106::clock::{Clock, SystemClock};
use optin106::keyring::{KeyError, Keyring};
use optin106::store::{SqliteStore, StoreError};
use optin106::testing::ManualClock;
use optin106::{Audience, Optin106, Purpose, Timestamp};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn key() -> Keyring {
    Keyring::generate(&SystemClock::new())
}

fn says_what_to_do(e: &impl std::fmt::Display) {
    let text = e.to_string();
    assert!(text.contains("; ") || text.contains("run:") || text.contains("again"), "no remedy in: {text}");
}

#[test]
fn a_key_file_must_be_there_well_formed_and_private_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.key");
    let missing = Keyring::open_file(&path).unwrap_err();
    assert!(matches!(missing, KeyError::File { .. }));
    says_what_to_do(&missing);
    let made = Keyring::create_file(&path, &SystemClock::new()).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Keyring::open_file(&path).unwrap().index_id(), made.index_id());
    let again = Keyring::create_file(&path, &SystemClock::new()).unwrap_err();
    assert!(matches!(again, KeyError::Exists { .. }));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = Keyring::open_file(&path).unwrap_err();
    assert!(matches!(open, KeyError::Rights { mode: 0o644, .. }));
    assert!(open.to_string().contains("chmod 600"));
    for text in ["", "{}", "{\"index\":\"zz\",\"seal\":{},\"current\":1}", "\u{0}"] {
        let e = Keyring::from_text(text).unwrap_err();
        assert!(matches!(e, KeyError::Malformed { .. }));
        says_what_to_do(&e);
    }
    assert!(matches!(Keyring::from_env("OPTIN106_NO_SUCH_KEY").unwrap_err(), KeyError::Missing(_)));
}

#[test]
fn another_key_a_newer_schema_and_another_programs_file_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let text = key().to_text();
    drop(SqliteStore::open(&path, Keyring::from_text(text.expose()).unwrap()).unwrap());
    let wrong = SqliteStore::open(&path, key()).unwrap_err();
    assert_eq!(wrong.code(), "key_mismatch");
    says_what_to_do(&wrong);

    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let newer = SqliteStore::open(&path, Keyring::from_text(text.expose()).unwrap()).unwrap_err();
    assert!(matches!(newer, StoreError::NewerSchema { found: 99, .. }));
    says_what_to_do(&newer);

    let other = folder.path().join("other.db");
    let raw = rusqlite::Connection::open(&other).unwrap();
    raw.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    drop(raw);
    assert_eq!(SqliteStore::open(&other, key()).unwrap_err().code(), "store_corrupt");
    let raw = rusqlite::Connection::open(&other).unwrap();
    assert_eq!(raw.query_row("SELECT count(*) FROM theirs", [], |r| r.get::<_, i64>(0)).unwrap(), 1);

    let text_file = folder.path().join("text.db");
    std::fs::write(&text_file, "not a database, ".repeat(500)).unwrap();
    assert_eq!(SqliteStore::open(&text_file, key()).unwrap_err().code(), "store_corrupt");
    assert_eq!(SqliteStore::open(folder.path().join("no/such/folder.db"), key()).unwrap_err().code(), "store_open");
}

#[tokio::test]
async fn a_locked_database_is_busy_and_nothing_is_lost() {
    let w = World::new().await;
    let raw = rusqlite::Connection::open(w.db()).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let optin = w.optin.clone();
    let busy = tokio::spawn(async move { optin.set_policy(&optin106::Policy::china_strict()).await });
    // The store waits its time; the answer is Busy, and a later call goes through.
    let busy = tokio::time::timeout(Duration::from_secs(40), busy).await.unwrap().unwrap().unwrap_err();
    assert_eq!(busy.code(), "store_busy");
    raw.execute_batch("ROLLBACK").unwrap();
    w.consents(1).await;
}

/// A clock that may not step back.
#[derive(Debug)]
struct Strict(ManualClock);

impl Clock for Strict {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn mono(&self) -> Duration {
        self.0.mono()
    }
    fn sleep(&self, for_: Duration) -> optin106::clock::Sleep {
        self.0.sleep(for_)
    }
    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_more_than_a_second_sends_nothing_until_it_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let manual = clock();
    let store = SqliteStore::open_with(db(&folder), key(), Arc::new(Strict(manual.clone()))).unwrap();
    let optin = Optin106::open(store).await.unwrap();
    let (aliyun, yunpian) = gateways();
    let shop = register(&optin, &aliyun, &yunpian, &manual).await;
    shop.record(opt_in(phone(1))).await.unwrap();
    let ends = at("2026-12-11T20:00:00+08:00");
    let builder = shop.campaign("c1", Purpose::Promotion).text(TEXT).ends(ends).via(account("aliyun"));
    let campaign = builder.starts(at("2026-12-11T09:00:00+08:00")).plan(Audience::iter([phone(1)])).await.unwrap();
    manual.set(at("2026-12-11T09:30:00+08:00"));
    let e = campaign.run().await.unwrap_err();
    assert_eq!(e.code(), "clock_behind");
    says_what_to_do(&e);
    assert_eq!(aliyun.totals().messages, 0);
    manual.set(at("2026-12-11T11:00:00+08:00"));
    campaign.run().await.unwrap();
    assert_eq!(aliyun.totals().messages, 1);
}

/// What can be read of a damaged file is right or refused: nobody without consent, nobody twice, no panic.
#[tokio::test]
async fn random_flips_in_the_file_never_send_to_the_wrong_person() {
    let w = World::new().await;
    w.consents(20).await;
    let builder = w.shop.campaign("c1", Purpose::Promotion).text(TEXT).via(account("aliyun"));
    let builder = builder.ends(at("2026-12-11T20:00:00+08:00"));
    drop(builder.plan(Audience::iter((0..30).map(phone))).await.unwrap());
    let folder = w.folder.path();
    rusqlite::Connection::open(w.db()).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let clean = std::fs::read(w.db()).unwrap();
    let key = std::fs::read_to_string(w.db().with_extension("key")).unwrap();
    let (mut opened, mut refused, mut state) = (0, 0, 7u64);
    for round in 0..60 {
        let copy = folder.join(format!("flip-{round}.db"));
        let mut bytes = clean.clone();
        for _ in 0..4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 20) as usize % bytes.len();
            bytes[at] ^= 1 << (state % 8);
        }
        std::fs::write(&copy, bytes).unwrap();
        match run_damaged(&copy, &key, &w.clock, round).await {
            Some(taken) => {
                opened += 1;
                let known: Vec<u64> = (0..20).map(|i| phone(i).to_u64()).collect();
                assert!(taken.iter().all(|n| known.contains(n)), "somebody without consent was texted");
                let mut once = taken.clone();
                once.dedup();
                assert_eq!(once, taken, "somebody was texted twice");
            }
            None => refused += 1,
        }
    }
    println!("flips: {opened} ran, {refused} refused by a typed error");
    assert!(opened > 0);
}

async fn run_damaged(db: &Path, key: &str, clock: &ManualClock, seed: u64) -> Option<Vec<u64>> {
    clock.set(at("2026-12-11T19:59:50+08:00"));
    let shared: Arc<dyn Clock> = Arc::new(clock.clone().seeded(1_000 + seed));
    let store = SqliteStore::open_with(db, Keyring::from_text(key).ok()?, shared).ok()?;
    let optin = Optin106::open(store).await.ok()?;
    let (aliyun, _) = gateways();
    let http = optin106::provider::wire::HttpSettings::new().endpoint(serve_gateway(&aliyun, clock).await);
    let wire = optin106::provider::aliyun::Aliyun::new("key", optin106::secret::Secret::new("secret"));
    let provider = optin106::provider::wire::Http::new(wire, http, Arc::new(clock.clone())).ok()?;
    let settings = optin106::optin::AccountSettings::default().price(390);
    optin.add_account(&account("aliyun"), Arc::new(provider), settings).await.ok()?;
    let shop = optin.shop_by_id(&optin106::id::ShopId::new("shop-a").ok()?).await.ok()?;
    let campaign = shop.open_campaign("c1").await.ok()?;
    let ran = campaign.run().await;
    let mut taken: Vec<u64> = aliyun.accepted().iter().map(|m| m.number).collect();
    taken.sort_unstable();
    ran.ok().map(|_| taken.clone()).or(if taken.is_empty() { None } else { Some(taken) })
}

/// The disk is full: the test runs itself under a limit of file size, where every further write fails.
#[test]
fn a_full_disk_is_a_typed_error_and_what_was_recorded_stays() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("shop.db");
    if let Some(db) = std::env::var_os("OPTIN106_FULL_DISK") {
        return until_full(Path::new(&db));
    }
    let me = std::env::current_exe().unwrap();
    let name = "a_full_disk_is_a_typed_error_and_what_was_recorded_stays";
    let script = format!("trap '' XFSZ; ulimit -f 600; exec '{}' {name} --exact --nocapture", me.display());
    let done =
        std::process::Command::new("bash").args(["-c", &script]).env("OPTIN106_FULL_DISK", &db).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{told}{}", String::from_utf8_lossy(&done.stderr));
    let recorded: u64 = told.lines().find_map(|l| l.strip_prefix("recorded ")?.parse().ok()).expect("it tells");
    let keyring = Keyring::open_file(db.with_extension("key")).unwrap();
    drop(SqliteStore::open(&db, keyring).unwrap());
    let raw = rusqlite::Connection::open(&db).unwrap();
    let kept: u64 = raw.query_row("SELECT count(*) FROM event", [], |r| r.get::<_, i64>(0)).unwrap() as u64;
    assert!(recorded > 0 && kept >= recorded, "{kept} of {recorded} acknowledged records are there");
}

#[tokio::main(flavor = "current_thread")]
async fn until_full(db: &Path) {
    let clock = clock();
    let optin = open(db, &clock, 1).await;
    let (aliyun, yunpian) = gateways();
    let shop = register(&optin, &aliyun, &yunpian, &clock).await;
    for i in 0..100_000 {
        if let Err(e) = shop.record(opt_in(phone(i))).await {
            assert!(
                ["disk_full", "store_closed", "store_ambiguous", "store_backend"].contains(&e.code()),
                "{}",
                e.code()
            );
            // Closed from now on: nothing can be sent.
            assert!(shop.record(opt_in(phone(i))).await.is_err());
            println!("recorded {i}");
            return;
        }
    }
    panic!("the disk never filled");
}

/// The file or its folder may not be written. Whoever runs the tests as root is let everything, so the test runs itself
/// as nobody then.
#[test]
fn a_read_only_database_is_refused_with_a_remedy_and_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    if let Some(db) = std::env::var_os("OPTIN106_READ_ONLY") {
        let e = SqliteStore::open(&db, Keyring::generate(&SystemClock::new())).unwrap_err();
        println!("refused {} {e}", e.code());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("shop.db");
    drop(SqliteStore::open(&db, key()).unwrap());
    let before = std::fs::read(&db).unwrap();
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        mode(&entry.unwrap().path(), 0o444);
    }
    mode(folder.path(), 0o555);
    let name = "a_read_only_database_is_refused_with_a_remedy_and_left_alone";
    let me = folder.path().with_extension("test");
    // The build's folder may be closed to others.
    std::fs::copy(std::env::current_exe().unwrap(), &me).unwrap();
    mode(&me, 0o755);
    let mut command = std::process::Command::new(&me);
    command.args([name, "--exact", "--nocapture"]).env("OPTIN106_READ_ONLY", &db).current_dir("/");
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if is_root {
        command.uid(65_534).gid(65_534);
    }
    let done = command.output();
    std::fs::remove_file(&me).unwrap();
    mode(folder.path(), 0o755);
    let done = done.unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    let refused = told.lines().find_map(|l| l.split_once("refused ").map(|(_, said)| said.to_owned()));
    let refused = refused.unwrap_or_else(|| panic!("{told}{}", String::from_utf8_lossy(&done.stderr)));
    assert!(refused.starts_with("store_open "), "{refused}");
    says_what_to_do(&refused);
    assert_eq!(std::fs::read(&db).unwrap(), before, "nothing was changed");
}

#[test]
fn settings_that_are_missing_are_named() {
    let e = optin106::secret::Secret::from_env("OPTIN106_NO_SUCH_SECRET").unwrap_err();
    assert!(e.to_string().contains("OPTIN106_NO_SUCH_SECRET"));
}
