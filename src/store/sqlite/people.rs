//! Shops, accounts, holds; persons, consents, events.

use super::{SqliteStore, Tx, all, error, guarded, one};
use crate::clock::Timestamp;
use crate::facts::{Event, Facts, Grant, OwnerKey, Person, ShopKey};
use crate::id::{AccountId, OwnerId, Rid, ShopId};
use crate::store::{AccountRow, Change, Changed, EventRow, Lane, Load, Loaded, Result, ShopRow, StoreError, Subject};
use rusqlite::{Connection, Row};

pub(super) fn corrupt() -> StoreError {
    StoreError::Corrupt(None)
}

fn shop_row(conn: &Connection, row: (u32, String, u32, String)) -> Result<ShopRow> {
    let (key, id, owner, settings) = row;
    // Merges form chains; the root is the owner, and everything below it is one group.
    let root: u32 = one(
        conn,
        "WITH RECURSIVE up(id, merged) AS (SELECT id, merged FROM owner WHERE id = ?1
           UNION SELECT o.id, o.merged FROM owner o JOIN up ON o.id = up.merged)
         SELECT id FROM up WHERE merged IS NULL",
        [owner],
        |r| r.get(0),
    )?
    .ok_or_else(corrupt)?;
    let owners: Vec<u32> = all(
        conn,
        "WITH RECURSIVE down(id) AS (SELECT ?1 UNION SELECT o.id FROM owner o JOIN down ON o.merged = down.id)
         SELECT id FROM down ORDER BY id",
        [root],
        |r| r.get(0),
    )?;
    let mut siblings = Vec::new();
    for o in &owners {
        siblings.extend(all(conn, "SELECT id FROM shop WHERE owner = ?1", [o], |r| r.get(0).map(ShopKey))?);
    }
    let name: String = one(conn, "SELECT name FROM owner WHERE id = ?1", [root], |r| r.get(0))?.ok_or_else(corrupt)?;
    Ok(ShopRow {
        key: ShopKey(key),
        id: ShopId::new(id).map_err(|_| corrupt())?,
        owner: OwnerKey(root),
        owner_id: OwnerId::new(name).map_err(|_| corrupt())?,
        owners: owners.into_iter().map(OwnerKey).collect(),
        siblings,
        settings,
    })
}

const SHOP: &str = "SELECT id, name, owner, settings FROM shop";

fn four(r: &Row<'_>) -> rusqlite::Result<(u32, String, u32, String)> {
    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
}

fn owner_key(tx: &Tx<'_>, id: &OwnerId) -> Result<u32> {
    tx.run("INSERT INTO owner (name) VALUES (?1) ON CONFLICT DO NOTHING", [id.as_str()])?;
    tx.one("SELECT id FROM owner WHERE name = ?1", [id.as_str()], |r| r.get(0))?.ok_or_else(corrupt)
}

/// The root of an owner's merges.
fn root(conn: &Connection, owner: u32) -> Result<u32> {
    let mut at = owner;
    while let Some(Some(next)) =
        one(conn, "SELECT merged FROM owner WHERE id = ?1", [at], |r| r.get::<_, Option<u32>>(0))?
    {
        at = next;
    }
    Ok(at)
}

impl SqliteStore {
    pub(super) async fn put_shop_(&self, id: &ShopId, owner: &OwnerId, settings: String) -> Result<ShopRow> {
        let (id, owner) = (id.clone(), owner.clone());
        self.write(Lane::Normal, 1, move |tx| {
            let owner = owner_key(tx, &owner)?;
            let known = tx.one(&format!("{SHOP} WHERE name = ?1"), [id.as_str()], four)?;
            if let Some(row) = known {
                if root(tx.conn, row.2)? != root(tx.conn, owner)? {
                    return Err(StoreError::Conflict);
                }
                tx.run("UPDATE shop SET settings = ?2 WHERE id = ?1", (row.0, &settings))?;
            } else {
                let insert = "INSERT INTO shop (name, owner, settings) VALUES (?1, ?2, ?3)";
                tx.run(insert, (id.as_str(), owner, &settings))?;
            }
            let row = tx.one(&format!("{SHOP} WHERE name = ?1"), [id.as_str()], four)?.ok_or_else(corrupt)?;
            shop_row(tx.conn, row)
        })
        .await
    }

    pub(super) async fn shop_(&self, id: &ShopId) -> Result<Option<ShopRow>> {
        let id = id.clone();
        self.read(move |conn| {
            one(conn, &format!("{SHOP} WHERE name = ?1"), [id.as_str()], four)?.map(|r| shop_row(conn, r)).transpose()
        })
        .await
    }

    pub(super) async fn shop_by_key_(&self, key: ShopKey) -> Result<Option<ShopRow>> {
        self.read(move |conn| {
            one(conn, &format!("{SHOP} WHERE id = ?1"), [key.0], four)?.map(|r| shop_row(conn, r)).transpose()
        })
        .await
    }

    pub(super) async fn shops_(&self) -> Result<Vec<ShopRow>> {
        self.read(|conn| all(conn, SHOP, [], four)?.into_iter().map(|r| shop_row(conn, r)).collect()).await
    }

    pub(super) async fn merge_owners_(&self, from: &OwnerId, into: &OwnerId) -> Result<()> {
        let (from, into) = (from.clone(), into.clone());
        self.write(Lane::Urgent, 1, move |tx| {
            let (from, into) = (root(tx.conn, owner_key(tx, &from)?)?, root(tx.conn, owner_key(tx, &into)?)?);
            if from != into {
                tx.run("UPDATE owner SET merged = ?2 WHERE id = ?1", (from, into))?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn put_account_(&self, id: &AccountId, settings: String, pace: u32) -> Result<AccountRow> {
        let id = id.clone();
        self.write(Lane::Normal, 1, move |tx| {
            tx.run(
                "INSERT INTO account (name, settings, pace) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET settings = ?2, pace = ?3",
                (id.as_str(), &settings, pace),
            )?;
            account(tx.conn, &id)?.ok_or_else(corrupt)
        })
        .await
    }

    pub(super) async fn account_(&self, id: &AccountId) -> Result<Option<AccountRow>> {
        let id = id.clone();
        self.read(move |conn| account(conn, &id)).await
    }

    pub(super) async fn set_hold_(&self, on: Subject, reason: Option<String>) -> Result<()> {
        self.write(Lane::Urgent, 1, move |tx| {
            let (n, what) = match &on {
                Subject::Account(id) => {
                    // Lifting also ends rest and breaker: a person looked at it.
                    let sql =
                        "UPDATE account SET hold = ?2, rest_until = CASE WHEN ?2 IS NULL THEN 0 ELSE rest_until END,
                               unknown_run = 0, unsent_run = 0 WHERE name = ?1";
                    (tx.run(sql, (id.as_str(), &reason))?, "account")
                }
                Subject::Campaign(c) => {
                    (tx.run("UPDATE campaign SET hold = ?2 WHERE id = ?1", (c.0, &reason))?, "campaign")
                }
                Subject::Owner(o) => (tx.run("UPDATE owner SET hold = ?2 WHERE id = ?1", (o.0, &reason))?, "owner"),
                Subject::Shop(s) => (tx.run("UPDATE shop SET hold = ?2 WHERE id = ?1", (s.0, &reason))?, "shop"),
                Subject::Store => {
                    let sql = "INSERT INTO meta VALUES ('hold', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1";
                    (tx.run(sql, [&reason])?, "store")
                }
            };
            if n == 0 { Err(StoreError::Unknown { what }) } else { Ok(()) }
        })
        .await
    }

    pub(super) async fn setting_(&self, name: &'static str) -> Result<Option<String>> {
        self.read(move |conn| one(conn, "SELECT value FROM meta WHERE name = 'setting.' || ?1", [name], |r| r.get(0)))
            .await
    }

    pub(super) async fn put_setting_(&self, name: &'static str, value: String) -> Result<()> {
        self.write(Lane::Urgent, 1, move |tx| {
            let sql = "INSERT INTO meta VALUES ('setting.' || ?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
            tx.run(sql, (name, &value)).map(drop)
        })
        .await
    }

    pub(super) async fn put_notice_(&self, hash: [u8; 32], version: String, text: String) -> Result<()> {
        self.write(Lane::Normal, 1, move |tx| {
            let sql = "INSERT INTO notice VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            tx.run(sql, (&hash[..], &version, &text)).map(drop)
        })
        .await
    }

    pub(super) async fn notice_(&self, hash: [u8; 32]) -> Result<Option<(String, String)>> {
        self.read(move |conn| {
            let sql = "SELECT version, text FROM notice WHERE hash = ?1";
            one(conn, sql, [&hash[..]], |r| Ok((r.get(0)?, r.get(1)?)))
        })
        .await
    }

    pub(super) async fn change_(&self, lane: Lane, changes: Vec<Change>) -> Result<Vec<Changed>> {
        let weight = changes.len();
        self.write(lane, weight, move |tx| {
            let mut writer = PeopleWriter::new(tx)?;
            let done = changes.into_iter().map(|c| writer.change(c)).collect::<Result<Vec<_>>>()?;
            writer.end()?;
            Ok(done)
        })
        .await
    }

    pub(super) async fn person_(&self, rid: Rid, shops: Vec<ShopKey>) -> Result<Option<Loaded>> {
        let now = self.clock.now();
        self.read(move |conn| {
            let Some(person) = load(conn, rid)? else { return Ok(None) };
            let mut grants = grants_of(conn, rid)?;
            if !shops.is_empty() {
                grants.retain(|(s, _)| shops.contains(s));
            }
            Ok(Some(Loaded { person, grants, now }))
        })
        .await
    }

    pub(super) async fn events_(&self, rid: Rid) -> Result<Vec<EventRow>> {
        self.read(move |conn| events(conn, rid)).await
    }

    pub(super) async fn events_of_(&self, kind: &'static str, after: i64, limit: usize) -> Result<Vec<EventRow>> {
        self.read(move |conn| {
            // The partial index serves the kinds that people list; a bulk kind would scan.
            let sql = format!("{EVENT} WHERE kind = ?1 AND seq > ?2 AND kind NOT IN ('opt_in', 'import_stop', 'past_send', 'report') ORDER BY seq LIMIT ?3");
            all(conn, &sql, (kind, after, limit as i64), |r| Ok(event_row(r)))?.into_iter().collect()
        })
        .await
    }

    pub(super) async fn stopped_after_(&self, after: Option<Rid>, limit: usize) -> Result<Vec<(Rid, Person)>> {
        self.read(move |conn| {
            let mut found = Vec::new();
            let mut after = after.map_or_else(Vec::new, |r| r.as_bytes().to_vec());
            while found.len() < limit {
                let sql = "SELECT rid, facts FROM recipient WHERE rid > ?1 ORDER BY rid LIMIT 2000";
                let page = all(conn, sql, [&after], |r| Ok((r.get::<_, Vec<u8>>(0)?, r.get::<_, Vec<u8>>(1)?)))?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.0);
                for (rid, facts) in page {
                    let rid = Rid::from_slice(&rid).ok_or_else(corrupt)?;
                    let person = guarded::person(rid, &facts)?;
                    if found.len() < limit && !person.stops.is_empty() {
                        found.push((rid, person));
                    }
                    if found.len() == limit {
                        break;
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    pub(super) async fn sends_of_(&self, rid: Rid) -> Result<Vec<(OwnerKey, Timestamp)>> {
        self.read(move |conn| sends_of(conn, rid)).await
    }

    pub(super) async fn rebuild_(&self) -> Result<u64> {
        let mut after: Option<Rid> = None;
        let mut differed = 0;
        loop {
            let (last, n) = self
                .write(Lane::Normal, 500, move |tx| {
                    // Each side stops at a page by itself: else every page would sort all that is left.
                    let sql = "SELECT rid FROM (SELECT rid FROM recipient WHERE rid > ?1 ORDER BY rid LIMIT 500) UNION
                               SELECT rid FROM (SELECT DISTINCT rid FROM event WHERE rid > ?1 ORDER BY rid LIMIT 500)
                               ORDER BY rid LIMIT 500";
                    let from = after.map_or_else(Vec::new, |r| r.as_bytes().to_vec());
                    let rids = all(tx.conn, sql, [from], |r| r.get::<_, Vec<u8>>(0))?;
                    let mut n = 0;
                    let mut last = None;
                    for rid in rids {
                        let rid = Rid::from_slice(&rid).ok_or_else(corrupt)?;
                        n += u64::from(rebuild_one(tx, rid)?);
                        last = Some(rid);
                    }
                    Ok((last, n))
                })
                .await?;
            differed += n;
            match last {
                Some(_) => after = last,
                None => return Ok(differed),
            }
        }
    }

    pub(super) async fn destroy_(&self, rid: Rid, shops: Vec<ShopKey>, before: Timestamp) -> Result<u64> {
        self.write(Lane::Normal, 50, move |tx| {
            let mut n = 0;
            for shop in &shops {
                n += tx.run(
                    "UPDATE event SET sealed = NULL WHERE rid = ?1 AND shop = ?2 AND recorded < ?3 AND sealed IS NOT NULL",
                    (&rid.0[..], shop.0, before.millis()),
                )?;
                n += tx.run(
                    "UPDATE message SET sealed = x'' WHERE rid = ?1 AND state NOT IN (0, 1, 8, 9) AND length(sealed) > 0
                     AND campaign IN (SELECT id FROM campaign WHERE shop = ?2 AND last_begun < ?3)",
                    (&rid.0[..], shop.0, before.millis()),
                )?;
            }
            Ok(n as u64)
        })
        .await
    }
}

fn account(conn: &Connection, id: &AccountId) -> Result<Option<AccountRow>> {
    let sql = "SELECT settings, pace, hold, rest_until FROM account WHERE name = ?1";
    one(conn, sql, [id.as_str()], |r| {
        Ok(AccountRow {
            id: id.clone(),
            settings: r.get(0)?,
            pace: r.get(1)?,
            hold: r.get(2)?,
            rest_until: Timestamp::from_millis(r.get(3)?),
        })
    })
}

fn load(conn: &Connection, rid: Rid) -> Result<Option<Person>> {
    let facts: Option<Vec<u8>> = one(conn, "SELECT facts FROM recipient WHERE rid = ?1", [&rid.0[..]], |r| r.get(0))?;
    facts.map(|b| guarded::person(rid, &b)).transpose()
}

fn grants_of(conn: &Connection, rid: Rid) -> Result<Vec<(ShopKey, Vec<Grant>)>> {
    let rows = all(conn, "SELECT shop, grants FROM consent WHERE rid = ?1 ORDER BY shop", [&rid.0[..]], |r| {
        Ok((r.get::<_, u32>(0)?, r.get::<_, Vec<u8>>(1)?))
    })?;
    let mut out = Vec::with_capacity(rows.len());
    for (shop, bytes) in rows {
        let mut grants = Vec::new();
        guarded::consents(rid, shop, &bytes, &mut grants)?;
        out.push((ShopKey(shop), grants));
    }
    Ok(out)
}

const EVENT: &str =
    "SELECT rid, key, seq, kind, shop, claimed, recorded, source, event_id, actor, body, sealed FROM event";

#[derive(serde::Deserialize, serde::Serialize)]
struct Body {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fold: Vec<Event>,
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    more: serde_json::Value,
}

fn event_row(r: &Row<'_>) -> Result<EventRow> {
    let get = || -> rusqlite::Result<_> {
        let rid: Vec<u8> = r.get(0)?;
        let body: String = r.get(10)?;
        let row = EventRow {
            rid: Rid([0; 16]),
            seq: r.get(2)?,
            kind: r.get(3)?,
            shop: r.get::<_, Option<u32>>(4)?.map(ShopKey),
            claimed: Timestamp::from_millis(r.get(5)?),
            recorded: Timestamp::from_millis(r.get(6)?),
            source: r.get(7)?,
            event_id: r.get(8)?,
            actor: r.get(9)?,
            events: Vec::new(),
            detail: serde_json::Value::Null,
            sealed: r.get(11)?,
        };
        Ok((rid, body, row))
    };
    let (rid, body, mut row) = get().map_err(error)?;
    let body: Body = serde_json::from_str(&body).map_err(|_| corrupt())?;
    row.rid = Rid::from_slice(&rid).ok_or_else(corrupt)?;
    row.events = body.fold;
    row.detail = body.more;
    Ok(row)
}

fn events(conn: &Connection, rid: Rid) -> Result<Vec<EventRow>> {
    let sql = format!("{EVENT} WHERE rid = ?1 ORDER BY seq");
    all(conn, &sql, [&rid.0[..]], |r| Ok(event_row(r)))?.into_iter().collect()
}

fn sends_of(conn: &Connection, rid: Rid) -> Result<Vec<(OwnerKey, Timestamp)>> {
    // A row keeps its request as long as its charge counts; one that went back has none.
    let sql = "SELECT s.owner, q.begun FROM campaign c CROSS JOIN message m ON m.campaign = c.id AND m.rid = ?1
               JOIN request q ON q.id = m.request JOIN shop s ON s.id = c.shop ORDER BY q.begun";
    let rows = all(conn, sql, [&rid.0[..]], |r| Ok((r.get::<_, u32>(0)?, r.get::<_, i64>(1)?)))?;
    rows.into_iter().map(|(o, t)| Ok((OwnerKey(root(conn, o)?), Timestamp::from_millis(t)))).collect()
}

/// Folds everything that is recorded of one person anew; whether what was kept ready differed.
fn rebuild_one(tx: &Tx<'_>, rid: Rid) -> Result<bool> {
    let mut fresh = Person::default();
    let mut grants: Vec<(ShopKey, Vec<Grant>)> = Vec::new();
    for row in events(tx.conn, rid)? {
        for event in &row.events {
            fresh.apply(event, &mut |shop, f| with_grants(&mut grants, shop, f));
        }
    }
    for (owner, at) in sends_of(tx.conn, rid)? {
        fresh.charge(owner, at);
    }
    let mut kept = load(tx.conn, rid)?.unwrap_or_default();
    let tidy = |p: &mut Person| -> Result<()> {
        p.prune(tx.now, 0);
        for send in &mut p.sends {
            // Owners may have merged since.
            send.owner = OwnerKey(root(tx.conn, send.owner.0)?);
        }
        p.sends.sort_by_key(|s| (s.at, s.owner));
        Ok(())
    };
    tidy(&mut fresh)?;
    tidy(&mut kept)?;
    grants.retain(|(_, g)| !g.is_empty());
    grants.sort_by_key(|(s, _)| *s);
    let same = fresh == kept && grants == grants_of(tx.conn, rid)?;
    if !same {
        store_person(tx, rid, &fresh, &mut Vec::new())?;
        tx.run("DELETE FROM consent WHERE rid = ?1", [&rid.0[..]])?;
        for (shop, g) in &grants {
            store_grants(tx, rid, *shop, g, &mut Vec::new())?;
        }
    }
    Ok(!same)
}

fn with_grants(all: &mut Vec<(ShopKey, Vec<Grant>)>, shop: ShopKey, f: &mut dyn FnMut(&mut Vec<Grant>)) {
    let i = match all.iter().position(|(s, _)| *s == shop) {
        Some(i) => i,
        None => {
            all.push((shop, Vec::new()));
            all.len() - 1
        }
    };
    f(&mut all[i].1);
}

/// Writes a person's row: the serialisation point.
pub(super) fn store_person(tx: &Tx<'_>, rid: Rid, person: &Person, buffer: &mut Vec<u8>) -> Result<()> {
    guarded::encode_person(rid, person, buffer);
    let sql = "INSERT INTO recipient VALUES (?1, 1, ?2) ON CONFLICT (rid) DO UPDATE SET ver = ver + 1, facts = ?2";
    tx.run(sql, (&rid.0[..], &buffer[..])).map(drop)
}

fn store_grants(tx: &Tx<'_>, rid: Rid, shop: ShopKey, grants: &[Grant], buffer: &mut Vec<u8>) -> Result<()> {
    if grants.is_empty() {
        return tx.run("DELETE FROM consent WHERE rid = ?1 AND shop = ?2", (&rid.0[..], shop.0)).map(drop);
    }
    guarded::encode_consents(rid, shop.0, grants, buffer);
    let sql = "INSERT INTO consent VALUES (?1, ?2, ?3) ON CONFLICT (rid, shop) DO UPDATE SET grants = ?3";
    tx.run(sql, (&rid.0[..], shop.0, &buffer[..])).map(drop)
}

/// Applies changes of one transaction; the sequence of events is read once and written once.
pub(super) struct PeopleWriter<'a> {
    tx: &'a Tx<'a>,
    seq: i64,
    buffer: Vec<u8>,
}

impl<'a> PeopleWriter<'a> {
    pub(super) fn new(tx: &'a Tx<'a>) -> Result<Self> {
        let seq = tx.one("SELECT value FROM meta WHERE name = 'seq'", [], |r| r.get(0))?.ok_or_else(corrupt)?;
        Ok(Self { tx, seq, buffer: Vec::new() })
    }

    pub(super) fn end(self) -> Result<()> {
        self.tx.run("UPDATE meta SET value = ?1 WHERE name = 'seq'", [self.seq]).map(drop)
    }

    pub(super) fn change(&mut self, c: Change) -> Result<Changed> {
        let (tx, rid, key) = (self.tx, c.rid, c.key as i64);
        let known = "SELECT recorded FROM event WHERE rid = ?1 AND key = ?2";
        if let Some(at) = tx.one(known, (&rid.0[..], key), |r| r.get(0))? {
            return Ok(Changed::Repeated { at: Timestamp::from_millis(at) });
        }
        let person = load(tx.conn, rid)?.unwrap_or_default();
        let mut loaded = Loaded { person, grants: Vec::new(), now: tx.now };
        if let Load::Shops(shops) = &c.load {
            for shop in shops {
                let grants = self.grants(rid, *shop)?;
                loaded.grants.push((*shop, grants));
            }
        }
        let effect = match (c.decide)(&loaded) {
            Ok(effect) => effect,
            Err(code) => return Ok(Changed::Refused(code)),
        };
        self.fold(rid, &mut loaded, &effect.events)?;
        self.seq += 1;
        let body = Body { fold: effect.events, more: effect.detail };
        let body = serde_json::to_string(&body).map_err(|e| StoreError::Backend(Box::new(e)))?;
        let claimed = c.claimed.unwrap_or(tx.now).millis();
        tx.run(
            "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            rusqlite::params![
                &rid.0[..],
                key,
                self.seq,
                c.kind,
                c.shop.map(|s| s.0),
                claimed,
                tx.now.millis(),
                c.envelope.source,
                c.envelope.event_id,
                c.envelope.actor,
                body,
                effect.sealed,
            ],
        )?;
        Ok(Changed::Recorded { at: tx.now })
    }

    fn grants(&self, rid: Rid, shop: ShopKey) -> Result<Vec<Grant>> {
        let sql = "SELECT grants FROM consent WHERE rid = ?1 AND shop = ?2";
        let mut grants = Vec::new();
        if let Some(bytes) = self.tx.one(sql, (&rid.0[..], shop.0), |r| r.get::<_, Vec<u8>>(0))? {
            guarded::consents(rid, shop.0, &bytes, &mut grants)?;
        }
        Ok(grants)
    }

    fn fold(&mut self, rid: Rid, loaded: &mut Loaded, events: &[Event]) -> Result<()> {
        let mut touched = Vec::new();
        for event in events {
            let shops: &[ShopKey] = match event {
                Event::OptIn { shop, .. } => std::slice::from_ref(shop),
                Event::Erase { shops, .. } => shops,
                Event::Ask { .. } | Event::PastSend { .. } | Event::Report { .. } | Event::Stop { .. } => &[],
            };
            for shop in shops {
                if !loaded.grants.iter().any(|(s, _)| s == shop) {
                    loaded.grants.push((*shop, self.grants(rid, *shop)?));
                }
                touched.push(*shop);
            }
            loaded.person.apply(event, &mut |shop, f| with_grants(&mut loaded.grants, shop, f));
        }
        store_person(self.tx, rid, &loaded.person, &mut self.buffer)?;
        for (shop, grants) in loaded.grants.iter().filter(|(s, _)| touched.contains(s)) {
            store_grants(self.tx, rid, *shop, grants, &mut self.buffer)?;
        }
        Ok(())
    }
}

/// Reads a person for a row of a joined query: columns of facts and grants may be absent.
pub(super) fn joined_facts(
    rid: Rid,
    shop: ShopKey,
    facts: rusqlite::types::ValueRef<'_>,
    grants: rusqlite::types::ValueRef<'_>,
    out: &mut Vec<Grant>,
) -> Result<Option<Person>> {
    out.clear();
    if let Some(bytes) = grants.as_blob_or_null().map_err(|_| corrupt())? {
        guarded::consents(rid, shop.0, bytes, out)?;
    }
    let facts = facts.as_blob_or_null().map_err(|_| corrupt())?;
    facts.map(|b| guarded::person(rid, b)).transpose()
}

/// The facts of a person of whom nothing is recorded.
pub(super) fn nobody() -> Person {
    Person::default()
}

pub(super) fn facts<'a>(person: &'a Person, grants: &'a [Grant]) -> Facts<'a> {
    Facts { person, grants }
}
