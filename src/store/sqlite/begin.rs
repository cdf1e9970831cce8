//! Leases and begin: the one transaction after which a send may leave.

use super::people::{corrupt, facts, joined_facts, nobody};
use super::{SqliteStore, Tx, all, error, guarded, one};
use crate::clock::Timestamp;
use crate::facts::Person;
use crate::gate::{Clearance, Decision};
use crate::id::Rid;
use crate::policy::law::Code;
use crate::store::{BeginAsk, Begun, BegunRequest, BegunRow, BegunRows, CampaignKey, Lane, Lease, Result, StoreError};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a lease stands without a beat.
pub(super) const LEASE: Duration = Duration::from_secs(15);

/// Calls in a row that ended in doubt, or never left, after which an account is left alone for a while.
pub(super) const BREAKER: i64 = 3;

/// How soon to look again where only a call under way stands in the way.
const BUSY: Duration = Duration::from_millis(50);

impl SqliteStore {
    /// Shards that nobody ever held are taken as they are. Only when there are none left, those given back are looked
    /// through for rows that are due, by a reader: a finished shard is not taken again, and no stop waits for the search.
    pub(super) async fn claim_(&self, campaign: CampaignKey, most: usize) -> Result<Vec<Lease>> {
        let taken = self.write(Lane::Normal, 10, move |tx| take(tx, campaign, most, None)).await?;
        if !taken.is_empty() {
            return Ok(taken);
        }
        let now = self.clock.now();
        let due = self
            .read(move |conn| {
                let mut due = Vec::new();
                for lease in free(conn, campaign, now)? {
                    if due.len() < most && has_planned(conn, &lease, now)? {
                        due.push(lease.shard);
                    }
                }
                Ok(due)
            })
            .await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        self.write(Lane::Normal, 10, move |tx| take(tx, campaign, most, Some(&due))).await
    }

    pub(super) async fn beat_(&self, leases: Vec<Lease>) -> Result<Vec<Lease>> {
        self.write(Lane::Normal, 10, move |tx| {
            let mut kept = Vec::new();
            for lease in leases {
                if beat(tx, &lease)? {
                    kept.push(lease);
                }
            }
            Ok(kept)
        })
        .await
    }

    pub(super) async fn release_(&self, leases: Vec<Lease>) -> Result<()> {
        self.write(Lane::Normal, 10, move |tx| {
            for l in &leases {
                tx.run(
                    "UPDATE lease SET worker = 0 WHERE campaign = ?1 AND shard = ?2 AND epoch = ?3 AND worker = ?4",
                    (l.campaign.0, l.shard, l.epoch, tx.worker),
                )?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn begin_(&self, ask: BeginAsk) -> Result<Begun> {
        let references: Vec<[u8; 16]> = ask.references.iter().map(|r| r.0).collect();
        // Driven before the rows exist: a recovery in between must not take them for abandoned.
        references.iter().for_each(|r| self.drive(r));
        let guard = Undrive { store: self, references };
        let begun = self.write(Lane::Normal, ask.limit, move |tx| begin(tx, ask)).await?;
        if let Begun::Rows(rows) = &begun {
            guard.keep(rows.requests.iter().map(|r| r.reference.0).collect());
        }
        Ok(begun)
    }
}

/// References that were not used, or whose begin failed or was dropped, are driven by nobody.
struct Undrive<'a> {
    store: &'a SqliteStore,
    references: Vec<[u8; 16]>,
}

impl Undrive<'_> {
    fn keep(mut self, used: std::collections::HashSet<[u8; 16]>) {
        self.references.retain(|r| !used.contains(r));
    }
}

impl Drop for Undrive<'_> {
    fn drop(&mut self) {
        self.references.iter().for_each(|r| self.store.undrive(r));
    }
}

/// The first key after the shard; the last shard's is longer than any key.
fn end_of(lease: &Lease) -> Vec<u8> {
    lease.range().1.map_or_else(|| vec![0xff; 17], |r| r.0.to_vec())
}

/// Whether a shard has rows that are due.
fn has_planned(conn: &Connection, lease: &Lease, now: Timestamp) -> Result<bool> {
    let (from, to) = (lease.range().0, end_of(lease));
    let sql =
        "SELECT 1 FROM message WHERE campaign = ?1 AND rid >= ?2 AND rid < ?3 AND state = 0 AND due <= ?4 LIMIT 1";
    Ok(one(conn, sql, (lease.campaign.0, &from.0[..], to, now.millis()), |_| Ok(()))?.is_some())
}

/// The shards of a campaign that nobody holds, with the epoch of the last holder; 0 is nobody ever.
fn free(conn: &Connection, campaign: CampaignKey, now: Timestamp) -> Result<Vec<Lease>> {
    let shards: Option<u16> = one(conn, "SELECT shards FROM campaign WHERE id = ?1", [campaign.0], |r| r.get(0))?;
    let shards = shards.ok_or(StoreError::Unknown { what: "campaign" })?;
    let sql = "SELECT shard, epoch, worker, expires FROM lease WHERE campaign = ?1";
    let held = all(conn, sql, [campaign.0], |r| {
        Ok((r.get::<_, u16>(0)?, (r.get::<_, i64>(1)?, r.get::<_, i64>(2)?, r.get::<_, i64>(3)?)))
    })?;
    let held: BTreeMap<_, _> = held.into_iter().collect();
    let lease = |shard: u16| match held.get(&shard) {
        Some((_, worker, expires)) if *worker != 0 && *expires > now.millis() => None,
        Some((epoch, ..)) => Some(Lease { campaign, shard, shards, epoch: *epoch }),
        None => Some(Lease { campaign, shard, shards, epoch: 0 }),
    };
    Ok((0..shards).filter_map(lease).collect())
}

/// Takes free shards: of those named, or of those that nobody ever held.
fn take(tx: &Tx<'_>, campaign: CampaignKey, most: usize, of: Option<&[u16]>) -> Result<Vec<Lease>> {
    let mut leases = free(tx.conn, campaign, tx.now)?;
    leases.retain(|l| of.map_or(l.epoch == 0, |of| of.contains(&l.shard)));
    leases.truncate(most);
    for lease in &mut leases {
        lease.epoch += 1;
        tx.run(
            "INSERT INTO lease VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET epoch = ?3, worker = ?4, expires = ?5",
            (campaign.0, lease.shard, lease.epoch, tx.worker, tx.now.plus(LEASE).millis()),
        )?;
    }
    Ok(leases)
}

fn beat(tx: &Tx<'_>, l: &Lease) -> Result<bool> {
    let n = tx.run(
        "UPDATE lease SET expires = ?5 WHERE campaign = ?1 AND shard = ?2 AND epoch = ?3 AND worker = ?4",
        (l.campaign.0, l.shard, l.epoch, tx.worker, tx.now.plus(LEASE).millis()),
    )?;
    Ok(n == 1)
}

struct Account {
    id: i64,
    pace: u32,
    tat: i64,
    /// So many calls in a row went wrong that one small one tries it first.
    probing: bool,
}

/// Everything that may forbid a begin besides the persons themselves.
fn allowed(tx: &Tx<'_>, ask: &BeginAsk) -> Result<std::result::Result<(Account, u64), Begun>> {
    let held = |on: &'static str, reason: Option<String>| reason.map(|reason| Begun::Held { on, reason });
    let store: Option<Option<String>> = tx.one("SELECT value FROM meta WHERE name = 'hold'", [], |r| r.get(0))?;
    if let Some(begun) = held("store", store.flatten()) {
        return Ok(Err(begun));
    }
    let sql = "SELECT c.phase, c.hold, s.hold, c.spent FROM campaign c JOIN shop s ON s.id = c.shop WHERE c.id = ?1";
    let row =
        tx.one(sql, [ask.lease.campaign.0], |r| Ok((r.get::<_, u8>(0)?, r.get(1)?, r.get(2)?, r.get::<_, i64>(3)?)))?;
    let (phase, campaign, shop, spent) = row.ok_or(StoreError::Unknown { what: "campaign" })?;
    let not_ready = (phase != 1).then(|| if phase == 2 { "paused" } else { "cancelled" }.to_owned());
    if let Some(begun) = held("campaign", not_ready.or(campaign)).or(held("shop", shop)) {
        return Ok(Err(begun));
    }
    // A hold on any owner that was merged into this one holds the whole group.
    let group = all(
        tx.conn,
        "WITH RECURSIVE down(id, hold, merged) AS (SELECT id, hold, merged FROM owner WHERE id = ?1
           UNION SELECT o.id, o.hold, o.merged FROM owner o JOIN down ON o.merged = down.id)
         SELECT id, hold, id = ?1 AND merged IS NOT NULL FROM down ORDER BY id",
        [ask.owner.0],
        |r| Ok((r.get::<_, u32>(0)?, r.get::<_, Option<String>>(1)?, r.get::<_, bool>(2)?)),
    )?;
    if let Some(begun) = held("owner", group.iter().find_map(|(_, hold, _)| hold.clone())) {
        return Ok(Err(begun));
    }
    // Judged on a group or a policy that is no longer the one in force: nothing, until the campaign is opened again.
    let merged =
        group.iter().any(|(.., merged)| *merged) || !group.iter().map(|g| g.0).eq(ask.owners.iter().map(|o| o.0));
    let policy: Option<String> = tx.one("SELECT value FROM meta WHERE name = 'setting.policy'", [], |r| r.get(0))?;
    if merged || policy != ask.policy_setting {
        let reason = if merged { "owners were merged" } else { "the store's policy changed" };
        return Ok(Err(Begun::Held { on: "rules", reason: format!("{reason}; open the campaign again") }));
    }
    let sql = "SELECT id, pace, tat, max(unknown_run, unsent_run), hold, rest_until FROM account WHERE name = ?1";
    let account = tx.one(sql, [ask.account.as_str()], |r| {
        let probing = r.get::<_, i64>(3)? >= BREAKER;
        let account = Account { id: r.get(0)?, pace: r.get(1)?, tat: r.get(2)?, probing };
        Ok((account, r.get::<_, Option<String>>(4)?, r.get::<_, i64>(5)?))
    })?;
    let (account, hold, rest) = account.ok_or(StoreError::Unknown { what: "account" })?;
    if let Some(begun) = held("account", hold) {
        return Ok(Err(begun));
    }
    if rest > tx.now.millis() {
        return Ok(Err(Begun::Wait { paced: false, until: Timestamp::from_millis(rest) }));
    }
    Ok(Ok((account, spent as u64)))
}

/// What one of so many a second takes, in microseconds; nothing where there is no limit.
fn each_us(per_second: u32) -> i64 {
    if per_second == 0 { 0 } else { (1_000_000 / i64::from(per_second)).max(1) }
}

/// How many that take `each_us` may be begun now, where those of `burst_us` may be at once: a bucket shared by all workers
/// of the store.
fn paced(account: &Account, now: Timestamp, each_us: i64, burst_us: i64) -> std::result::Result<usize, Timestamp> {
    if each_us == 0 {
        return Ok(usize::MAX);
    }
    let now_us = now.millis() * 1_000;
    let room_us = now_us + burst_us.max(each_us) - account.tat.max(now_us);
    match room_us / each_us {
        n if n < 1 => Err(now.plus(Duration::from_millis(((each_us - room_us) / 1_000 + 1) as u64))),
        n => Ok(n as usize),
    }
}

/// How many calls of the account may be begun now; `None` is no limit.
fn room(tx: &Tx<'_>, account: &Account, concurrency: u32) -> Result<Option<usize>> {
    // The breaker is half open: one call, and no other until it is settled.
    let most = if account.probing { 1 } else { i64::from(concurrency) };
    if most == 0 {
        return Ok(None);
    }
    let sql = "SELECT count(*) FROM request INDEXED BY request_open WHERE state = 0 AND account = ?1";
    let open: i64 = tx.one(sql, [account.id], |r| r.get(0))?.ok_or_else(corrupt)?;
    Ok(Some(usize::try_from(most - open).unwrap_or(0)))
}

struct Row {
    rid: Rid,
    variant: u8,
    parts: u8,
    at_most: usize,
    sealed: Vec<u8>,
    clearance: Clearance,
    person: Person,
}

fn begin(tx: &Tx<'_>, mut ask: BeginAsk) -> Result<Begun> {
    if !beat(tx, &ask.lease)? {
        return Err(StoreError::LostLease);
    }
    let (account, spent) = match allowed(tx, &ask)? {
        Ok(found) => found,
        Err(begun) => return Ok(begun),
    };
    match room(tx, &account, ask.concurrency)? {
        Some(0) => return Ok(Begun::Wait { paced: false, until: tx.now.plus(BUSY) }),
        Some(n) => ask.references.truncate(n),
        None => {}
    }
    let (unit_us, call_us) = (each_us(account.pace), each_us(ask.calls_per_second));
    let number_us = unit_us * i64::from(ask.pace_each.max(1));
    // A platform counts its calls over a second, so that only a tenth of a second's may come at once.
    let (numbers, calls) = (paced(&account, tx.now, number_us, 1_000_000), paced(&account, tx.now, call_us, 100_000));
    let mut limit = match (numbers, calls) {
        (Ok(numbers), Ok(calls)) => {
            ask.references.truncate(calls);
            ask.limit.min(numbers).min(ask.references.len().saturating_mul(ask.per_request.max(1)))
        }
        (Err(until), Ok(_)) | (Ok(_), Err(until)) => return Ok(Begun::Wait { paced: true, until }),
        (Err(numbers), Err(calls)) => return Ok(Begun::Wait { paced: true, until: numbers.max(calls) }),
    };
    if account.probing {
        limit = limit.min(1);
    }
    let mut out = BegunRows {
        now: tx.now,
        requests: Vec::new(),
        refused: Vec::new(),
        later: 0,
        left: 0,
        next: None,
        budget_exhausted: false,
    };
    let mut left = ask.budget.map(|b| b.saturating_sub(spent));
    let rows = decide(tx, &ask, limit, &mut left, &mut out)?;
    let (n, parts) = record(tx, &ask, &account, rows, &mut out)?;
    if n > 0 {
        let units = if ask.pace_each == 0 { n } else { parts };
        // One bucket for both limits: what takes longer empties it.
        let taken_us = (units as i64 * unit_us).max(out.requests.len() as i64 * call_us);
        if taken_us > 0 {
            let tat = account.tat.max(tx.now.millis() * 1_000) + taken_us;
            tx.run("UPDATE account SET tat = ?2 WHERE id = ?1", (account.id, tat))?;
        }
        tx.run(
            "UPDATE campaign SET spent = spent + ?2, last_begun = ?3 WHERE id = ?1",
            (ask.lease.campaign.0, (parts * u64::from(ask.price)) as i64, tx.now.millis()),
        )?;
    }
    Ok(Begun::Rows(out))
}

/// Reads due rows with their facts and asks the gate; refusals and deferrals are written here.
fn decide(tx: &Tx<'_>, ask: &BeginAsk, limit: usize, left: &mut Option<u64>, out: &mut BegunRows) -> Result<Vec<Row>> {
    let campaign = ask.lease.campaign.0;
    let end = end_of(&ask.lease);
    let mut rows = Vec::with_capacity(limit);
    let mut refused: Vec<(Rid, Code)> = Vec::new();
    let mut later: Vec<(Rid, Timestamp)> = Vec::new();
    {
        let mut statement = tx
            .conn
            .prepare_cached(
                "SELECT m.rid, m.variant, m.parts, m.at_most, m.sealed, r.facts, c.grants, m.request FROM message m
                 LEFT JOIN recipient r ON r.rid = m.rid LEFT JOIN consent c ON c.rid = m.rid AND c.shop = ?5
                 WHERE m.campaign = ?1 AND m.rid >= ?2 AND m.rid < ?3 AND m.state = 0 AND m.due <= ?4 ORDER BY m.rid",
            )
            .map_err(error)?;
        let mut found =
            statement.query((campaign, &ask.from.0[..], &end, tx.now.millis(), ask.shop.0)).map_err(error)?;
        let mut grants = Vec::new();
        let mut seen = 0;
        let mut last: Option<Rid> = None;
        while let Some(r) = found.next().map_err(error)? {
            let rid = r.get_ref(0).map_err(error)?.as_blob().ok().and_then(Rid::from_slice).ok_or_else(corrupt)?;
            if last.replace(rid) >= Some(rid) {
                // A key that is out of order is not found again by its key, and a row that is not found stays planned.
                return Err(corrupt());
            }
            if seen == limit {
                out.next = Some(rid);
                break;
            }
            seen += 1;
            if r.get_ref(7).map_err(error)? != rusqlite::types::ValueRef::Null {
                // Planned rows have no request: this one was begun, and its state is damaged.
                return Err(corrupt());
            }
            let person =
                joined_facts(rid, ask.shop, r.get_ref(5).map_err(error)?, r.get_ref(6).map_err(error)?, &mut grants)?;
            let known = person.is_some();
            let person = person.unwrap_or_else(nobody);
            match (ask.judge)(&facts(&person, &grants), tx.now) {
                // Without a row there is no consent and no serialisation point; the gate cannot have said yes.
                Decision::Go(_) if !known => return Err(corrupt()),
                Decision::Go(clearance) => {
                    let sealed = r.get_ref(4).map_err(error)?.as_blob().map_err(|_| corrupt())?;
                    if let Some(carries) = &ask.carries
                        && !carries(rid, sealed)?
                    {
                        out.left += 1;
                        continue;
                    }
                    let parts: u8 = r.get(2).map_err(error)?;
                    let price = u64::from(parts) * u64::from(ask.price);
                    if left.is_some_and(|l| l < price) {
                        out.budget_exhausted = true;
                        out.next = Some(rid);
                        break;
                    }
                    *left = left.map(|l| l - price);
                    rows.push(Row {
                        rid,
                        variant: r.get(1).map_err(error)?,
                        parts,
                        at_most: r.get::<_, u32>(3).map_err(error)? as usize,
                        sealed: sealed.to_vec(),
                        clearance,
                        person,
                    });
                }
                Decision::Later { until, .. } => later.push((rid, until)),
                Decision::Refused(refusal) => refused.push((rid, refusal.code)),
            }
        }
    }
    out.later = later.len() as u64;
    for (rid, until) in later {
        let sql = "UPDATE message SET due = ?3 WHERE campaign = ?1 AND rid = ?2";
        tx.run(sql, (campaign, &rid.0[..], until.millis()))?;
    }
    let mut counts: BTreeMap<Code, u64> = BTreeMap::new();
    for (rid, code) in refused {
        let sql = "UPDATE message SET state = 6, code = ?3, settled = ?4 WHERE campaign = ?1 AND rid = ?2";
        tx.run(sql, (campaign, &rid.0[..], code.as_str(), tx.now.millis()))?;
        *counts.entry(code).or_default() += 1;
    }
    out.refused = counts.into_iter().collect();
    Ok(rows)
}

/// Writes requests, rows and persons; the cost of all.
/// How many were begun, and their parts.
fn record(
    tx: &Tx<'_>,
    ask: &BeginAsk,
    account: &Account,
    mut rows: Vec<Row>,
    out: &mut BegunRows,
) -> Result<(u64, u64)> {
    // Rows of one text ride together; a row that was in a refused bulk rides with at most half as many.
    rows.sort_by_key(|r| (r.variant, r.at_most));
    let mut groups: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        let room = ask.per_request.min(if row.at_most == 0 { usize::MAX } else { row.at_most }).max(1);
        let fits = |g: &Vec<Row>| {
            g.last().is_some_and(|l| (l.variant, l.at_most) == (row.variant, row.at_most)) && g.len() < room
        };
        match groups.last_mut() {
            Some(group) if fits(group) => group.push(row),
            _ => groups.push(vec![row]),
        }
    }
    // More groups than calls may be made: the largest go. What is over stays planned, is looked at again, and has not
    // used up any budget.
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let over = groups.split_off(groups.len().min(ask.references.len()));
    if let Some(first) = over.iter().flatten().map(|row| row.rid).min() {
        out.next = Some(first);
        out.budget_exhausted = false;
    }
    let (mut n, mut parts) = (0, 0);
    let mut buffer = Vec::with_capacity(256);
    let prepare = |sql| tx.conn.prepare_cached(sql).map_err(error);
    let mut person = prepare("UPDATE recipient SET ver = ver + 1, facts = ?2 WHERE rid = ?1")?;
    // A row that is not longer than before stays in its page: see PLANNED_DUE.
    let mut message = prepare(
        "UPDATE message SET state = 1, due = 0, request = ?3, grant_key = ?4 WHERE campaign = ?1 AND rid = ?2
         AND state = 0 AND request IS NULL",
    )?;
    for (group, reference) in groups.into_iter().zip(&ask.references) {
        let Some(first) = group.first() else { continue };
        let variant = first.variant;
        let until = group.iter().map(|r| r.clearance.until()).min().unwrap_or(tx.now);
        let deadline = tx.now.plus(ask.first_byte_within).min(until);
        let rendition = ask.renditions.get(usize::from(variant)).ok_or_else(corrupt)?;
        tx.run(
            "INSERT INTO request (reference, campaign, account, worker, epoch, state, n, begun, deadline, price, variant,
             rendition, policy) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            rusqlite::params![
                &reference.0[..], ask.lease.campaign.0, account.id, tx.worker, ask.lease.epoch, group.len() as i64,
                tx.now.millis(), deadline.millis(), ask.price, variant, &rendition[..], &ask.policy[..],
            ],
        )?;
        let key = tx.conn.last_insert_rowid();
        let mut begun = Vec::with_capacity(group.len());
        for mut row in group {
            row.person.charge(ask.owner, tx.now);
            row.person.prune(tx.now, ask.horizon);
            guarded::encode_person(row.rid, &row.person, &mut buffer);
            // The gate said yes, so there is a row to write.
            if person.execute((&row.rid.0[..], &buffer[..])).map_err(error)? != 1 {
                return Err(corrupt());
            }
            let done = message
                .execute((ask.lease.campaign.0, &row.rid.0[..], key, row.clearance.grant() as i64))
                .map_err(error)?;
            if done != 1 {
                // Found by a scan and not by its key: in a damaged index it would be begun again and again.
                return Err(corrupt());
            }
            n += 1;
            parts += u64::from(row.parts);
            begun.push(BegunRow { rid: row.rid, sealed: row.sealed, clearance: row.clearance });
        }
        out.requests.push(BegunRequest { key, reference: *reference, variant, rows: begun });
    }
    Ok((n, parts))
}
