//! Campaigns, their rows and entries; counts and searches.

use super::people::{corrupt, joined_facts, nobody};
use super::{SqliteStore, all, error, one};
use crate::clock::Timestamp;
use crate::entry::{RequestState, State};
use crate::facts::{KEEP_DAYS, OwnerKey, ShopKey};
use crate::id::{AccountId, CampaignName, Reference, Rid};
use crate::policy::law::Code;
use crate::store::{
    CampaignKey, CampaignRow, Lane, Phase, PlanRow, RefusedEntry, Result, ScanRow, Store, StoreError, Tally,
};
use rusqlite::{Connection, Row};
use std::collections::BTreeMap;
use std::time::Duration;

/// Due since 2004: at once. Six bytes that the begin gives back for its request's number, so that, with [`NO_GRANT`], no
/// begun row outgrows its place: planned pages are full, and each would be split.
const PLANNED_DUE: i64 = 1 << 40;
/// Eight bytes that stand for the consent's key until the begin knows it.
const NO_GRANT: i64 = i64::MIN + 1;

const CAMPAIGN: &str = "SELECT id, shop, name, phase, spec, content, entries, rows, spent, created FROM campaign";

fn phase(n: u8) -> Phase {
    match n {
        0 => Phase::Planning,
        1 => Phase::Ready,
        2 => Phase::Paused,
        _ => Phase::Cancelled,
    }
}

fn campaign_row(r: &Row<'_>) -> Result<CampaignRow> {
    let name: String = r.get(2).map_err(error)?;
    let content: Vec<u8> = r.get(5).map_err(error)?;
    Ok(CampaignRow {
        key: CampaignKey(r.get(0).map_err(error)?),
        shop: ShopKey(r.get(1).map_err(error)?),
        name: CampaignName::new(name).map_err(|_| corrupt())?,
        phase: phase(r.get(3).map_err(error)?),
        spec: r.get(4).map_err(error)?,
        content: content.try_into().map_err(|_| corrupt())?,
        entries: r.get::<_, i64>(6).map_err(error)? as u64,
        rows: r.get::<_, i64>(7).map_err(error)? as u64,
        spent: r.get::<_, i64>(8).map_err(error)? as u64,
        created: Timestamp::from_millis(r.get(9).map_err(error)?),
    })
}

fn by_name(conn: &Connection, shop: ShopKey, name: &CampaignName) -> Result<Option<CampaignRow>> {
    let sql = format!("{CAMPAIGN} WHERE shop = ?1 AND name = ?2");
    one(conn, &sql, (shop.0, name.as_str()), |r| Ok(campaign_row(r)))?.transpose()
}

pub(super) fn by_key(conn: &Connection, key: CampaignKey) -> Result<Option<CampaignRow>> {
    one(conn, &format!("{CAMPAIGN} WHERE id = ?1"), [key.0], |r| Ok(campaign_row(r)))?.transpose()
}

/// A code that this version does not know is kept as text in rows; entries always use ours.
fn code(s: &str) -> Code {
    s.parse().unwrap_or(Code::BadRow)
}

const SCAN: &str = "m.rid, m.position, m.line, m.variant, m.parts, m.state, m.code, m.sealed, m.settled, q.state,
    q.code, q.begun, q.settled, a.name, coalesce(q.provider_id, (SELECT h.provider_id FROM handle h
      WHERE h.request = m.request AND h.rid = m.rid AND h.segment = 1 LIMIT 1)), q.reference, q.price, m.grant_key";
const JOINS: &str = "LEFT JOIN request q ON q.id = m.request LEFT JOIN account a ON a.id = q.account";

fn scan_row(r: &Row<'_>) -> Result<ScanRow> {
    let get = || -> rusqlite::Result<_> {
        let rid: Vec<u8> = r.get(0)?;
        let own = r.get::<_, u8>(5)?;
        let request: Option<u8> = r.get(9)?;
        let account: Option<String> = r.get(13)?;
        let reference: Option<Vec<u8>> = r.get(15)?;
        let own_code: Option<String> = r.get(6)?;
        let request_code: Option<String> = r.get(10)?;
        let settled: Option<i64> = r.get(8)?;
        let request_settled: Option<i64> = r.get(12)?;
        let row = ScanRow {
            rid: Rid([0; 16]),
            position: r.get::<_, i64>(1)? as u64,
            line: r.get::<_, Option<i64>>(2)?.map(|n| n as u64),
            variant: r.get(3)?,
            parts: r.get(4)?,
            state: State::Planned,
            code: own_code.or_else(|| request_code.filter(|_| own == State::Begun.to_u8())).unwrap_or_default(),
            sealed: r.get(7)?,
            begun: r.get::<_, Option<i64>>(11)?.map(Timestamp::from_millis),
            settled: settled.or(request_settled).map(Timestamp::from_millis),
            account: None,
            provider_id: r.get(14)?,
            reference: None,
            price: 0,
            grant: r.get::<_, Option<i64>>(17)?.filter(|n| *n != NO_GRANT).map(|n| n as u64),
            facts: None,
        };
        Ok((rid, own, request, account, reference, r.get::<_, Option<u32>>(16)?, row))
    };
    let (rid, own, request, account, reference, price, mut row) = get().map_err(error)?;
    row.rid = Rid::from_slice(&rid).ok_or_else(corrupt)?;
    row.state = effective(own, request)?;
    row.account = account.map(|a| AccountId::new(a).map_err(|_| corrupt())).transpose()?;
    row.reference = reference.as_deref().and_then(Reference::from_slice);
    row.price = price.unwrap_or(0) * u32::from(row.parts);
    Ok(row)
}

/// A row in state begun takes its request's state.
pub(super) fn effective(own: u8, request: Option<u8>) -> Result<State> {
    match (State::from_u8(own).ok_or_else(corrupt)?, request) {
        (State::Begun, Some(q)) => Ok(RequestState::from_u8(q).ok_or_else(corrupt)?.of_row()),
        (state, _) => Ok(state),
    }
}

impl SqliteStore {
    pub(super) async fn open_campaign_(
        &self,
        shop: ShopKey,
        name: &CampaignName,
        spec: Vec<u8>,
    ) -> Result<CampaignRow> {
        let name = name.clone();
        let row = self
            .write(Lane::Normal, 10, move |tx| {
                if by_name(tx.conn, shop, &name)?.is_none() {
                    tx.run(
                        "INSERT INTO campaign (shop, name, phase, spec, content, entries, rows, shards, spent, created)
                         VALUES (?1, ?2, 0, ?3, zeroblob(32), 0, 0, 1, 0, ?4)",
                        (shop.0, name.as_str(), &spec, tx.now.millis()),
                    )?;
                }
                let row = by_name(tx.conn, shop, &name)?.ok_or_else(corrupt)?;
                if row.phase == Phase::Planning {
                    tx.run("UPDATE campaign SET spec = ?2 WHERE id = ?1", (row.key.0, &spec))?;
                }
                Ok(row)
            })
            .await?;
        if row.phase == Phase::Planning {
            self.empty(row.key).await?;
        }
        Ok(row)
    }

    /// Discards a plan that was cut, in steps that let others write in between.
    async fn empty(&self, campaign: CampaignKey) -> Result<()> {
        loop {
            let n = self
                .write(Lane::Normal, 2_000, move |tx| {
                    let mut n = tx.run(
                        "DELETE FROM message WHERE campaign = ?1 AND rid IN
                         (SELECT rid FROM message WHERE campaign = ?1 ORDER BY rid LIMIT 5000)",
                        [campaign.0],
                    )?;
                    n += tx.run(
                        "DELETE FROM entry_refused WHERE campaign = ?1 AND position IN
                         (SELECT position FROM entry_refused WHERE campaign = ?1 ORDER BY position LIMIT 5000)",
                        [campaign.0],
                    )?;
                    Ok(n)
                })
                .await?;
            if n == 0 {
                return Ok(());
            }
        }
    }

    pub(super) async fn campaign_(&self, shop: ShopKey, name: &CampaignName) -> Result<Option<CampaignRow>> {
        let name = name.clone();
        self.read(move |conn| by_name(conn, shop, &name)).await
    }

    pub(super) async fn campaign_by_key_(&self, key: CampaignKey) -> Result<Option<CampaignRow>> {
        self.read(move |conn| by_key(conn, key)).await
    }

    pub(super) async fn plan_(
        &self,
        campaign: CampaignKey,
        rows: Vec<PlanRow>,
        refused: Vec<RefusedEntry>,
    ) -> Result<()> {
        self.write(Lane::Normal, rows.len() + refused.len(), move |tx| {
            let planning = tx.one("SELECT phase FROM campaign WHERE id = ?1", [campaign.0], |r| r.get::<_, u8>(0))?;
            if planning != Some(0) {
                return Err(StoreError::Conflict);
            }
            let insert = "INSERT INTO message
                            (campaign, rid, state, due, grant_key, at_most, variant, parts, position, line, sealed)
                          VALUES (?1, ?2, 0, ?8, ?9, 0, ?3, ?4, ?5, ?6, ?7)
                          ON CONFLICT DO UPDATE SET position = ?5 WHERE position = ?5";
            let mut statement = tx.conn.prepare_cached(insert).map_err(error)?;
            for r in &rows {
                let line = r.line.map(|n| n as i64);
                let n = statement
                    .execute((
                        campaign.0,
                        &r.rid.0[..],
                        r.variant,
                        r.parts,
                        r.position as i64,
                        line,
                        &r.sealed,
                        PLANNED_DUE,
                        NO_GRANT,
                    ))
                    .map_err(error)?;
                if n == 0 {
                    // A repeat of the same call is harmless; one person twice is not.
                    return Err(StoreError::Conflict);
                }
            }
            for r in &refused {
                tx.run(
                    "INSERT INTO entry_refused VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                    (campaign.0, r.position as i64, r.line.map(|n| n as i64), r.column, r.code.as_str(), &r.detail),
                )?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn plan_ready_(
        &self,
        campaign: CampaignKey,
        content: [u8; 32],
        entries: u64,
    ) -> Result<CampaignRow> {
        self.write(Lane::Normal, 10, move |tx| {
            let rows: i64 =
                tx.one("SELECT count(*) FROM message WHERE campaign = ?1", [campaign.0], |r| r.get(0))?.unwrap_or(0);
            let shards = (rows / 8_000).clamp(1, 64);
            tx.run(
                "UPDATE campaign SET phase = 1, content = ?2, entries = ?3, rows = ?4, shards = ?5
                 WHERE id = ?1 AND phase = 0",
                (campaign.0, &content[..], entries as i64, rows, shards),
            )?;
            by_key(tx.conn, campaign)?.ok_or(StoreError::Unknown { what: "campaign" })
        })
        .await
    }

    pub(super) async fn set_phase_(&self, campaign: CampaignKey, to: Phase) -> Result<Phase> {
        self.write(Lane::Urgent, 1, move |tx| {
            let n = match to {
                Phase::Planning => 0,
                Phase::Ready => 1,
                Phase::Paused => 2,
                Phase::Cancelled => 3,
            };
            tx.run("UPDATE campaign SET phase = ?2 WHERE id = ?1 AND phase IN (1, 2)", (campaign.0, n))?;
            let row = by_key(tx.conn, campaign)?.ok_or(StoreError::Unknown { what: "campaign" })?;
            Ok(row.phase)
        })
        .await
    }

    pub(super) async fn scan_(
        &self,
        campaign: CampaignKey,
        after: Option<Rid>,
        limit: usize,
        facts_of: Option<ShopKey>,
    ) -> Result<Vec<ScanRow>> {
        self.read(move |conn| {
            let after = after.map_or_else(Vec::new, |r| r.0.to_vec());
            let (columns, joins) = match facts_of {
                Some(_) => (
                    ", r.facts, c.grants",
                    "LEFT JOIN recipient r ON r.rid = m.rid LEFT JOIN consent c ON c.rid = m.rid AND c.shop = ?4",
                ),
                None => ("", ""),
            };
            let sql = format!(
                "SELECT {SCAN}{columns} FROM message m {JOINS} {joins} WHERE m.campaign = ?1 AND m.rid > ?2
                 AND ?4 IS ?4 ORDER BY m.rid LIMIT ?3"
            );
            let mut grants = Vec::new();
            let mut statement = conn.prepare_cached(&sql).map_err(error)?;
            let mut found = statement.query((campaign.0, after, limit as i64, facts_of.map(|s| s.0))).map_err(error)?;
            let mut rows = Vec::with_capacity(limit.min(4_096));
            while let Some(r) = found.next().map_err(error)? {
                let mut row = scan_row(r)?;
                if let Some(shop) = facts_of {
                    let person = joined_facts(
                        row.rid,
                        shop,
                        r.get_ref(18).map_err(error)?,
                        r.get_ref(19).map_err(error)?,
                        &mut grants,
                    )?;
                    row.facts = Some((person.unwrap_or_else(nobody), grants.clone()));
                }
                rows.push(row);
            }
            Ok(rows)
        })
        .await
    }

    pub(super) async fn refused_entries_(
        &self,
        campaign: CampaignKey,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RefusedEntry>> {
        self.read(move |conn| {
            let sql = "SELECT position, line, col, code, detail FROM entry_refused
                       WHERE campaign = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
            let after = after.map_or(-1, |n| n as i64);
            all(conn, sql, (campaign.0, after, limit as i64), |r| {
                Ok(RefusedEntry {
                    position: r.get::<_, i64>(0)? as u64,
                    line: r.get::<_, Option<i64>>(1)?.map(|n| n as u64),
                    column: r.get(2)?,
                    code: code(&r.get::<_, String>(3)?),
                    detail: r.get(4)?,
                })
            })
        })
        .await
    }

    pub(super) async fn tally_(&self, campaign: CampaignKey) -> Result<Vec<Tally>> {
        self.read(move |conn| tally(conn, campaign)).await
    }

    pub(super) async fn tally_entries_(&self, campaign: CampaignKey) -> Result<Vec<(Code, u64)>> {
        self.read(move |conn| {
            let sql = "SELECT code, count(*) FROM entry_refused WHERE campaign = ?1 GROUP BY code ORDER BY code";
            all(conn, sql, [campaign.0], |r| Ok((code(&r.get::<_, String>(0)?), r.get::<_, i64>(1)? as u64)))
        })
        .await
    }

    pub(super) async fn planned_(&self, campaign: CampaignKey) -> Result<(u64, Option<Timestamp>)> {
        self.read(move |conn| {
            let sql = "SELECT count(*), min(due) FROM message WHERE campaign = ?1 AND state = 0";
            one(conn, sql, [campaign.0], |r| {
                Ok((r.get::<_, i64>(0)? as u64, r.get::<_, Option<i64>>(1)?.map(Timestamp::from_millis)))
            })?
            .ok_or_else(corrupt)
        })
        .await
    }

    pub(super) async fn open_requests_(&self, campaign: CampaignKey) -> Result<u64> {
        self.read(move |conn| {
            let sql = "SELECT count(*) FROM request WHERE state = 0 AND campaign = ?1";
            one(conn, sql, [campaign.0], |r| r.get::<_, i64>(0))?.map(|n| n as u64).ok_or_else(corrupt)
        })
        .await
    }

    pub(super) async fn open_for_(&self, rid: Rid, owners: Vec<OwnerKey>) -> Result<bool> {
        self.read(move |conn| {
            let sql = "SELECT s.owner FROM request q JOIN campaign c ON c.id = q.campaign JOIN shop s ON s.id = c.shop
                       JOIN message m ON m.campaign = q.campaign AND m.rid = ?1 AND m.request = q.id
                       WHERE q.state = 0";
            let open = all(conn, sql, [&rid.0[..]], |r| r.get(0).map(OwnerKey))?;
            Ok(open.iter().any(|o| owners.is_empty() || owners.contains(o)))
        })
        .await
    }

    pub(super) async fn find_(&self, rid: Rid, from: Timestamp, to: Timestamp) -> Result<Vec<(CampaignRow, ScanRow)>> {
        self.read(move |conn| {
            let sql = format!(
                "SELECT {SCAN}, m.campaign FROM campaign k CROSS JOIN message m ON m.campaign = k.id AND m.rid = ?1 {JOINS}
                 WHERE coalesce(q.begun, m.settled, k.created) BETWEEN ?2 AND ?3
                 ORDER BY coalesce(q.begun, m.settled, k.created) DESC"
            );
            let rows =
                all(conn, &sql, (&rid.0[..], from.millis(), to.millis()), |r| Ok((r.get::<_, i64>(18)?, scan_row(r))))?;
            rows.into_iter()
                .map(|(key, row)| Ok((by_key(conn, CampaignKey(key))?.ok_or_else(corrupt)?, row?)))
                .collect()
        })
        .await
    }

    pub(super) async fn senders_(
        &self,
        rid: Rid,
        account: Option<AccountId>,
        from: Timestamp,
    ) -> Result<Vec<OwnerKey>> {
        self.read(move |conn| {
            let sql = "SELECT DISTINCT s.owner FROM campaign k CROSS JOIN message m ON m.campaign = k.id AND m.rid = ?1
                       JOIN request q ON q.id = m.request JOIN account a ON a.id = q.account
                       JOIN shop s ON s.id = k.shop WHERE q.begun >= ?2 AND (?3 IS NULL OR a.name = ?3)";
            let account = account.as_ref().map(AccountId::as_str);
            all(conn, sql, (&rid.0[..], from.millis(), account), |r| r.get(0).map(OwnerKey))
        })
        .await
    }

    pub(super) async fn retain_(&self, before: Timestamp) -> Result<u64> {
        // Sends that still count are rebuilt from these rows.
        let counted = self.clock().now().minus(Duration::from_secs(u64::from(KEEP_DAYS) * 86_400));
        let before = before.min(counted);
        let old = self
            .read(move |conn| {
                let sql = "SELECT id FROM campaign k WHERE created < ?1 AND last_begun < ?1 AND NOT EXISTS
                           (SELECT 1 FROM request q WHERE q.campaign = k.id AND q.state = 0)";
                all(conn, sql, [before.millis()], |r| r.get(0).map(CampaignKey))
            })
            .await?;
        let mut removed = 0;
        for campaign in old {
            removed += self
                .read(move |conn| {
                    one(conn, "SELECT count(*) FROM message WHERE campaign = ?1", [campaign.0], |r| r.get::<_, i64>(0))
                })
                .await?
                .unwrap_or(0) as u64;
            self.empty(campaign).await?;
            self.write(Lane::Normal, 2_000, move |tx| {
                tx.run(
                    "DELETE FROM handle WHERE request IN (SELECT id FROM request WHERE campaign = ?1)",
                    [campaign.0],
                )?;
                tx.run("DELETE FROM request WHERE campaign = ?1", [campaign.0])?;
                tx.run("DELETE FROM lease WHERE campaign = ?1", [campaign.0])?;
                tx.run("DELETE FROM campaign WHERE id = ?1", [campaign.0]).map(drop)
            })
            .await?;
        }
        Ok(removed)
    }
}

/// One pass in key order; rows of one request stand near each other only by chance, so counts go by request first.
fn tally(conn: &Connection, campaign: CampaignKey) -> Result<Vec<Tally>> {
    type Line = (u8, Option<u8>, String, u8, Option<i64>);
    let sql = "SELECT m.state, q.state, coalesce(m.code, CASE WHEN m.state = 1 THEN q.code END), m.variant, q.account,
               m.parts, coalesce(q.price, 0) FROM message m LEFT JOIN request q ON q.id = m.request WHERE m.campaign = ?1";
    let mut statement = conn.prepare_cached(sql).map_err(error)?;
    let mut found = statement.query([campaign.0]).map_err(error)?;
    let mut lines: BTreeMap<Line, (u64, u64, u64)> = BTreeMap::new();
    let mut last: Option<(Line, (u64, u64, u64))> = None;
    while let Some(r) = found.next().map_err(error)? {
        let code = r.get_ref(2).map_err(error)?.as_str_or_null().map_err(|_| corrupt())?.unwrap_or("");
        let head = (r.get(0).map_err(error)?, r.get(1).map_err(error)?);
        let tail = (r.get(3).map_err(error)?, r.get(4).map_err(error)?);
        let parts: u64 = r.get::<_, u8>(5).map_err(error)?.into();
        let price: u64 = r.get::<_, u32>(6).map_err(error)?.into();
        match &mut last {
            Some((k, n)) if (k.0, k.1) == head && k.2 == code && (k.3, k.4) == tail => {
                *n = (n.0 + 1, n.1 + parts, n.2 + parts * price);
            }
            _ => {
                if let Some((k, n)) = last.take() {
                    add(&mut lines, k, n);
                }
                last = Some(((head.0, head.1, code.to_owned(), tail.0, tail.1), (1, parts, parts * price)));
            }
        }
    }
    if let Some((k, n)) = last {
        add(&mut lines, k, n);
    }
    lines
        .into_iter()
        .map(|((own, request, code, variant, account), (rows, parts, cost))| {
            let name = match account {
                Some(id) => one(conn, "SELECT name FROM account WHERE id = ?1", [id], |r| r.get::<_, String>(0))?,
                None => None,
            };
            let account = name.map(|n| AccountId::new(n).map_err(|_| corrupt())).transpose()?;
            Ok(Tally { state: effective(own, request)?, code, variant, account, rows, parts, cost })
        })
        .collect()
}

fn add<K: Ord>(lines: &mut BTreeMap<K, (u64, u64, u64)>, key: K, n: (u64, u64, u64)) {
    let sum = lines.entry(key).or_default();
    *sum = (sum.0 + n.0, sum.1 + n.1, sum.2 + n.2);
}
