//! The store suite: over the embedded store, over one behind a slow line, and over one that loses answers to COMMIT.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use optin106::clock::{Clock, SystemClock};
use optin106::keyring::Keyring;
use optin106::store::{SqliteStore, Store};
use optin106::store_suite;
use optin106::testing::Faulty;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Opens one fresh database again and again.
fn sqlite() -> impl Fn(Arc<dyn Clock>) -> Arc<SqliteStore> + Send + Sync + 'static {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keyring::generate(&SystemClock::new()).to_text();
    move |clock| {
        let keyring = Keyring::from_text(keys.expose()).unwrap();
        Arc::new(SqliteStore::open_with(dir.path().join("store.db"), keyring, clock).unwrap())
    }
}

store_suite!(plain, sqlite());

store_suite!(slow, {
    let open = sqlite();
    move |clock| Arc::new(Faulty::new(open(clock) as Arc<dyn Store>).delay(Duration::from_micros(200)))
});

store_suite!(lossy, {
    let open = sqlite();
    let seed = AtomicU64::new(11);
    move |clock| {
        let seed = seed.fetch_add(2, Ordering::Relaxed);
        Arc::new(Faulty::new(open(clock) as Arc<dyn Store>).loses_commits(seed, 5))
    }
});

/// A file of schema 1, as the shipped text of that schema makes it, with the rows of a store that was used.
fn schema_1(folder: &std::path::Path, used: &std::path::Path) -> std::path::PathBuf {
    let path = folder.join("old.db");
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch(include_str!("../src/store/sqlite/schema.sql")).unwrap();
    raw.execute("ATTACH ?1 AS used", [used.to_str().unwrap()]).unwrap();
    let tables = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut tables = raw.prepare(tables).unwrap();
    let names = tables.query_map([], |r| r.get::<_, String>(0)).unwrap();
    let mut names: Vec<String> = names.map(Result::unwrap).filter(|n| n != "worker").collect();
    // What others refer to goes first.
    names.sort_by_key(|n| (n != "owner", n != "shop"));
    for name in names {
        let only = if name == "meta" { "WHERE name <> 'oldest_reader'" } else { "" };
        // Later schemas gave some more columns.
        let of = "SELECT group_concat(name) FROM pragma_table_info(?1, 'main')";
        let columns: String = raw.query_row(of, [&name], |r| r.get(0)).unwrap();
        let copy = format!("INSERT INTO main.{name} ({columns}) SELECT {columns} FROM used.{name} {only}");
        raw.execute_batch(&copy).unwrap();
    }
    raw.pragma_update(None, "application_id", 0x4f31_3036).unwrap();
    raw.pragma_update(None, "user_version", 1).unwrap();
    path
}

fn number(raw: &rusqlite::Connection, sql: &str) -> i64 {
    raw.query_row(sql, [], |r| r.get(0)).unwrap()
}

#[tokio::test]
async fn a_database_of_schema_1_is_brought_forward_with_its_rows_and_bound_extensions() {
    use optin106::facts::Scope;
    use optin106::id::{AccountId, Extension, ShopId};
    use optin106::optin::{OptOut, StopScope, Via};
    use optin106::{Optin106, Owner, Phone, Shop};
    let folder = tempfile::tempdir().unwrap();
    let used = folder.path().join("used.db");
    let keys = Keyring::generate(&SystemClock::new()).to_text();
    let key = || Keyring::from_text(keys.expose()).unwrap();
    let person: Phone = "13800138000".parse().unwrap();
    {
        let optin = Optin106::open(SqliteStore::open(&used, key()).unwrap()).await.unwrap();
        for (shop, owner) in [("shop-a", "owner-1"), ("shop-b", "owner-2"), ("shop-c", "owner-3")] {
            let shop = Shop::new(shop, Owner::new(owner).unwrap(), "示例店").unwrap();
            let stop = OptOut::new(StopScope::Owner, Via::Page);
            optin.shop(shop).await.unwrap().opt_out(person, stop).await.unwrap();
        }
    }
    let old = schema_1(folder.path(), &used);
    let raw = rusqlite::Connection::open(&old).unwrap();
    let waits = "INSERT INTO inbound VALUES ('a', '1', NULL, 'id', NULL, zeroblob(16), 'DELIVRD', 1, 1234)";
    raw.execute_batch(waits).unwrap();
    // As schema 1 kept them: 01 is one shop's, 02 two shops', 3x is no extension.
    let bind = |shop: &str, bound: &[(&str, &str)], more: &str| {
        let one = |(account, digits): &(&str, &str)| {
            format!(r#""{account}":{{"signature":"示例店","filed":true,"extension":"{digits}"}}"#)
        };
        let bound: Vec<_> = bound.iter().map(one).collect();
        let settings = format!(r#"{{"signature":"示例店","accounts":{{{}{more}}}}}"#, bound.join(","));
        let n = raw.execute("UPDATE shop SET settings = ?2 WHERE name = ?1", (shop, settings)).unwrap();
        assert_eq!(n, 1);
    };
    bind("shop-a", &[("acc-1", "01"), ("acc-2", "02")], "");
    bind("shop-b", &[("acc-1", "3x"), ("acc-2", "02")], r#","acc-3":"odd""#);
    raw.execute("UPDATE shop SET settings = 'no json' WHERE name = 'shop-c'", []).unwrap();

    // With another key it is refused, and left as it was.
    let e = SqliteStore::open(&old, Keyring::generate(&SystemClock::new())).unwrap_err();
    assert_eq!(e.code(), "key_mismatch");
    assert_eq!(number(&raw, "PRAGMA user_version"), 1);
    assert_eq!(number(&raw, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'extension%'"), 0);

    for _ in 0..2 {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&old, key()).unwrap());
        let optin = Optin106::open_shared(Arc::clone(&store), None).await.unwrap();
        let stops = optin.lookup(person).await.unwrap().stops;
        assert_eq!(stops.len(), 3);
        assert!(stops.iter().all(|s| matches!(s.scope, Scope::Owner(_)) && s.reason == "opt_out"));
        assert_eq!(store.rebuild().await.unwrap(), 0);
        let shop = optin.shop_by_id(&ShopId::new("shop-a").unwrap()).await.unwrap();
        let its = shop.extensions().await.unwrap();
        let its: Vec<_> = its.iter().map(|e| (e.account.as_str(), e.extension.as_str(), e.free_from)).collect();
        assert_eq!(its, [("acc-1", "01", None)]);
        let (account, two) = (AccountId::new("acc-2").unwrap(), Extension::new("02").unwrap());
        assert_eq!(store.extension(&account, &two).await.unwrap(), None, "bound twice: nobody's");
    }
    assert_eq!(number(&raw, "SELECT count(*) FROM extension"), 1);
    assert_eq!(number(&raw, "SELECT recorded FROM inbound"), 1234);
    assert_eq!(number(&raw, "PRAGMA user_version"), 2);
    assert_eq!(number(&raw, "SELECT value FROM meta WHERE name = 'oldest_reader'"), 2);

    // Newer ones are refused and left alone: by the schema, and by what reads it.
    for (set, undo) in [
        (
            "UPDATE meta SET value = 3 WHERE name = 'oldest_reader'",
            "UPDATE meta SET value = 2 WHERE name = 'oldest_reader'",
        ),
        ("PRAGMA user_version = 3", "PRAGMA user_version = 2"),
    ] {
        raw.execute_batch(set).unwrap();
        assert_eq!(SqliteStore::open(&old, key()).unwrap_err().code(), "schema_newer");
        raw.execute_batch(undo).unwrap();
    }
    SqliteStore::open(&old, key()).unwrap();
}
