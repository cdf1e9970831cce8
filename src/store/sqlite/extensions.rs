//! Sub-port extensions: whose they are, or were last.

use super::people::corrupt;
use super::{SqliteStore, all, one};
use crate::clock::Timestamp;
use crate::facts::ShopKey;
use crate::id::{AccountId, Extension};
use crate::store::{Assignment, ExtensionAsk, ExtensionRow, Lane, Result, StoreError};
use rusqlite::{Connection, Row};

/// A campaign that was created so long after the giving up cannot have been built with the extension.
const BUILT_MS: i64 = 86_400_000;

const EXTENSION: &str = "SELECT account, digits, shop, since, assigned, released FROM extension";

type Six = (String, String, u32, i64, i64, Option<i64>);

fn six(r: &Row<'_>) -> rusqlite::Result<Six> {
    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
}

/// A campaign that was built with the extension may have gone on sending from it after it was given up.
fn last_used(conn: &Connection, shop: u32, released: i64) -> Result<i64> {
    let sql = "SELECT max(last_begun) FROM campaign WHERE shop = ?1 AND created <= ?2";
    let last = one(conn, sql, (shop, released.saturating_add(BUILT_MS)), |r| r.get::<_, Option<i64>>(0))?;
    Ok(last.flatten().unwrap_or(0).max(released))
}

fn row(conn: &Connection, (account, digits, shop, since, assigned, released): Six) -> Result<ExtensionRow> {
    let idle = released.map(|at| last_used(conn, shop, at)).transpose()?;
    Ok(ExtensionRow {
        account: AccountId::new(account).map_err(|_| corrupt())?,
        extension: Extension::new(digits).map_err(|_| corrupt())?,
        shop: ShopKey(shop),
        since: Timestamp::from_millis(since),
        assigned: Timestamp::from_millis(assigned),
        idle_since: idle.map(Timestamp::from_millis),
    })
}

fn read(conn: &Connection, account: &AccountId, extension: &Extension) -> Result<Option<ExtensionRow>> {
    let sql = format!("{EXTENSION} WHERE account = ?1 AND digits = ?2");
    one(conn, &sql, (account.as_str(), extension.as_str()), six)?.map(|r| row(conn, r)).transpose()
}

impl SqliteStore {
    pub(super) async fn assign_extension_(&self, ask: ExtensionAsk) -> Result<Assignment> {
        self.write(Lane::Normal, 1, move |tx| {
            let known = tx.one("SELECT 1 FROM shop WHERE id = ?1", [ask.shop.0], |r| r.get::<_, i64>(0))?;
            known.ok_or(StoreError::Unknown { what: "shop" })?;
            let held = read(tx.conn, &ask.account, &ask.extension)?.filter(|r| r.shop != ask.shop);
            if let Some(other) = held {
                let Some(idle) = other.idle_since else { return Ok(Assignment::Held) };
                let until = idle.plus(ask.rest);
                if tx.now < until {
                    return Ok(Assignment::Resting { until });
                }
            }
            tx.run(
                "INSERT INTO extension VALUES (?1, ?2, ?3, ?4, ?4, NULL) ON CONFLICT (account, digits) DO UPDATE SET
                   since = CASE WHEN shop = ?3 THEN since ELSE ?4 END, shop = ?3, assigned = ?4, released = NULL",
                (ask.account.as_str(), ask.extension.as_str(), ask.shop.0, tx.now.millis()),
            )?;
            read(tx.conn, &ask.account, &ask.extension)?.map(Assignment::Given).ok_or_else(corrupt)
        })
        .await
    }

    pub(super) async fn release_extension_(
        &self,
        account: &AccountId,
        extension: &Extension,
        shop: ShopKey,
    ) -> Result<Option<ExtensionRow>> {
        let (account, extension) = (account.clone(), extension.clone());
        self.write(Lane::Normal, 1, move |tx| {
            tx.run(
                "UPDATE extension SET released = ?4 WHERE account = ?1 AND digits = ?2 AND shop = ?3
                 AND released IS NULL",
                (account.as_str(), extension.as_str(), shop.0, tx.now.millis()),
            )?;
            Ok(read(tx.conn, &account, &extension)?.filter(|r| r.shop == shop))
        })
        .await
    }

    pub(super) async fn extension_(&self, account: &AccountId, extension: &Extension) -> Result<Option<ExtensionRow>> {
        let (account, extension) = (account.clone(), extension.clone());
        self.read(move |conn| read(conn, &account, &extension)).await
    }

    pub(super) async fn extensions_(&self, shop: ShopKey) -> Result<Vec<ExtensionRow>> {
        self.read(move |conn| {
            let sql = format!("{EXTENSION} WHERE shop = ?1 ORDER BY account, digits");
            all(conn, &sql, [shop.0], six)?.into_iter().map(|r| row(conn, r)).collect()
        })
        .await
    }
}
