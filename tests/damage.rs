//! A file that was damaged on disk: what it still says is right or refused. Nobody without consent, nobody who refused,
//! nobody twice, no panic; an error has a code.
//!
//! `OPTIN106_FLIPS=30000 cargo test --all-features --test damage` damages as many copies; 1,000 by default.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test that fails says so")]

mod common;

use common::*;
use optin106::clock::Clock;
use optin106::keyring::Keyring;
use optin106::optin::{AccountSettings, OptOut, StopScope, Via};
use optin106::store::SqliteStore;
use optin106::testing::mock::MockProvider;
use optin106::{Audience, Days, Envelope, Optin106, Owner, Policy, Purpose, Shop, ShopHandle};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// 0..40 agreed, 0..20 were texted, 30..40 refused afterwards, 40..60 never agreed.
const PEOPLE: std::ops::Range<u64> = 0..60;

struct Base {
    clean: Vec<u8>,
    key: String,
}

async fn open_at(db: &Path, key: &str, mock: &MockProvider, seed: u64) -> Option<Optin106> {
    let clock: Arc<dyn Clock> = Arc::new(clock().seeded(seed));
    let store = SqliteStore::open_with(db, Keyring::from_text(key).ok()?, clock).ok()?;
    let optin = Optin106::open(store).await.ok()?;
    optin.add_account(&account("mock"), Arc::new(mock.clone()), AccountSettings::default()).await.ok()?;
    Some(optin)
}

async fn shop_of(optin: &Optin106) -> Option<ShopHandle> {
    let shop = Shop::new("shop-a", Owner::new("owner-1").unwrap(), SIGNATURE).unwrap();
    optin.shop(shop).await.ok()
}

async fn plan(shop: &ShopHandle, name: &str, people: std::ops::Range<u64>) -> optin106::Campaign {
    let builder = shop.campaign(name, Purpose::Promotion).text(TEXT).via(account("mock"));
    builder.ends(at("2026-12-11T20:00:00+08:00")).plan(Audience::iter(people.map(phone))).await.unwrap()
}

async fn base(folder: &Path) -> Base {
    // From a seed, so that a round's flips hit the same row again.
    let key = Keyring::generate(&clock().seeded(3)).to_text().expose().to_owned();
    let db = folder.join("shop.db");
    let mock = MockProvider::new("mock");
    let optin = open_at(&db, &key, &mock, 7).await.unwrap();
    let policy = Policy { caps: vec!["9/1".parse().unwrap()], pressure: vec![], ..Policy::default() };
    optin.set_policy(&policy).await.unwrap();
    let shop = shop_of(&optin).await.unwrap();
    for i in 0..40 {
        shop.record(opt_in(phone(i)).promise(99, Days(30))).await.unwrap();
    }
    plan(&shop, "sent", 0..20).await.run().await.unwrap();
    assert_eq!(mock.sent().len(), 20);
    for i in 30..40 {
        let told = Envelope { event_id: format!("out-{i}"), ..Envelope::default() };
        shop.opt_out(phone(i), OptOut::new(StopScope::Owner, Via::Page).envelope(told)).await.unwrap();
    }
    drop(plan(&shop, "next", PEOPLE).await);
    rusqlite::Connection::open(&db).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    Base { clean: std::fs::read(&db).unwrap(), key }
}

/// Runs both campaigns on a damaged copy: `None` when it does not open, else how many messages went out. What went to a
/// wrong person is told in `wrong`.
async fn run_damaged(
    db: &Path,
    key: &str,
    codes: &mut BTreeSet<&'static str>,
    seed: u64,
    wrong: &mut Vec<String>,
) -> Option<usize> {
    let mock = MockProvider::new("mock");
    let optin = open_at(db, key, &mock, 1_000 + seed).await?;
    let shop = shop_of(&optin).await?;
    for name in ["sent", "next"] {
        let before = mock.sent().len();
        let ran = match shop.open_campaign(name).await {
            // Some damage leaves rows waiting for ever; what was sent by then counts.
            Ok(c) => tokio::time::timeout(std::time::Duration::from_millis(400), c.run()).await.ok(),
            Err(e) => Some(Err(e)),
        };
        if let Some(Err(e)) = ran {
            codes.insert(e.code());
        }
        let mut once = BTreeSet::new();
        for m in &mock.sent()[before..] {
            let i = m.phone.to_u64() - phone(0).to_u64();
            if i >= 30 {
                wrong.push(format!("{name} went to person {i}, who did not agree or has refused"));
            }
            if !once.insert(i) || name == "sent" {
                wrong.push(format!("{name} went to person {i} twice, now in call {}", m.call));
            }
        }
    }
    Some(mock.sent().len())
}

fn spread(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 20) as usize
}

#[tokio::test]
async fn a_damaged_file_never_sends_to_the_wrong_person() {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let base = base(folder.path()).await;
    // Empty space is no target: every flip hits something that was written.
    let empty = |i: &usize| base.clean[i / 32 * 32..][..32].iter().all(|b| *b == 0);
    let written: Vec<usize> = (0..base.clean.len()).filter(|i| !empty(i)).collect();
    let rounds: u64 = std::env::var("OPTIN106_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let (mut opened, mut sent, mut codes, mut state) = (0, 0, BTreeSet::new(), 11);
    let control = folder.path().join("control.db");
    std::fs::write(&control, &base.clean).unwrap();
    assert_eq!(
        run_damaged(&control, &base.key, &mut codes, 0, &mut Vec::new()).await,
        Some(30),
        "an undamaged copy sends"
    );
    assert!(codes.is_empty());
    for round in 0..rounds {
        let mut bytes = base.clean.clone();
        match round % 8 {
            0 => bytes.truncate(written[spread(&mut state) % written.len()]),
            1 => {
                let at = spread(&mut state) % bytes.len() / 512 * 512;
                bytes[at..at + 512].fill(0);
            }
            _ => {
                for _ in 0..if round % 3 == 0 { 1 + round % 20 } else { 1 } {
                    let at = written[spread(&mut state) % written.len()];
                    bytes[at] ^= 1 << (spread(&mut state) % 8);
                }
            }
        }
        let db = folder.path().join(format!("damaged-{round}.db"));
        std::fs::write(&db, &bytes).unwrap();
        let mut wrong = Vec::new();
        if let Some(n) = run_damaged(&db, &base.key, &mut codes, round, &mut wrong).await {
            opened += 1;
            sent += n;
        }
        if !wrong.is_empty() {
            let differ = bytes.iter().zip(&base.clean).enumerate().filter(|(_, (a, b))| a != b);
            let where_: Vec<_> = differ
                .map(|(i, (a, b))| format!("page {} byte {}: {b:02x} to {a:02x}", i / 4096 + 1, i % 4096))
                .take(30)
                .collect();
            let keep = std::env::temp_dir().join("optin106-damaged.db");
            std::fs::write(&keep, &bytes).unwrap();
            panic!("round {round}: {wrong:?}; {where_:?}; kept as {}", keep.display());
        }
        for suffix in ["", "-wal", "-shm", ".lane", ".journal.1", ".journal.2", ".journal.3"] {
            let _ = std::fs::remove_file(folder.path().join(format!("damaged-{round}.db{suffix}")));
        }
    }
    println!("{rounds} damaged files: {opened} opened, {sent} messages; refused with {codes:?}");
    assert!(opened > 0 && codes.contains("store_corrupt"));
}
