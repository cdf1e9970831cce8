//! The connections that a carrier allows an account, over all processes.

use super::begin::LEASE;
use super::{SqliteStore, all};
use crate::id::{AccountId, Reference};
use crate::store::{Lane, Place, Result};

impl SqliteStore {
    pub(super) async fn take_place_(&self, account: &AccountId, of: u16, holder: Reference) -> Result<Option<Place>> {
        let account = account.clone();
        self.write(Lane::Normal, 1, move |tx| {
            let sql = "SELECT place, holder FROM place WHERE account = ?1 AND expires > ?2";
            let held = all(tx.conn, sql, (account.as_str(), tx.now.millis()), |r| {
                Ok((r.get::<_, u16>(0)?, r.get::<_, Vec<u8>>(1)?))
            })?;
            let is_free = |place: &u16| held.iter().all(|(p, _)| p != place);
            let mine = held.iter().find(|(_, by)| **by == holder.0).map(|(place, _)| *place);
            // Places beyond a cap that was lowered count until they are given back.
            let room = held.len() < usize::from(of);
            let Some(place) = mine.or_else(|| (0..of).find(is_free).filter(|_| room)) else { return Ok(None) };
            tx.run(
                "INSERT INTO place VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET holder = ?3, expires = ?4",
                (account.as_str(), place, &holder.0[..], tx.now.plus(LEASE).millis()),
            )?;
            Ok(Some(Place { account, place, holder }))
        })
        .await
    }

    pub(super) async fn keep_place_(&self, place: &Place) -> Result<bool> {
        let p = place.clone();
        self.write(Lane::Normal, 1, move |tx| {
            let sql =
                "UPDATE place SET expires = ?4 WHERE account = ?1 AND place = ?2 AND holder = ?3 AND expires > ?5";
            let (now, until) = (tx.now.millis(), tx.now.plus(LEASE).millis());
            Ok(tx.run(sql, (p.account.as_str(), p.place, &p.holder.0[..], until, now))? == 1)
        })
        .await
    }

    pub(super) async fn leave_place_(&self, place: &Place) -> Result<()> {
        let p = place.clone();
        self.write(Lane::Normal, 1, move |tx| {
            let sql = "DELETE FROM place WHERE account = ?1 AND place = ?2 AND holder = ?3";
            tx.run(sql, (p.account.as_str(), p.place, &p.holder.0[..])).map(drop)
        })
        .await
    }
}
