//! What became of begun requests: verdicts, doubts, reports, recovery. Evidence only rises.

use super::campaigns::effective;
use super::people::{PeopleWriter, corrupt, store_person};
use super::{SqliteStore, Tx, all, begin, error, guarded, journal, one};
use crate::clock::Timestamp;
use crate::consent::Envelope;
use crate::entry::{RequestState, State};
use crate::facts::{Event, Health, OwnerKey, Scope, ShopKey};
use crate::id::{AccountId, Reference, Rid};
use crate::policy::law::Code;
use crate::provider::{Blame, Consequence, Outcome, Verdict, Verdicts};
use crate::store::{
    CampaignKey, Change, Changed, Effect, Joined, Lane, Load, Recovered, ReportAsk, Resolution, Result, Settled,
    Settlement, StoreError, UnknownRequest, event_key,
};
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A report waits so long for the answer that it belongs to; a doubt may be settled days later.
const WAITS: Duration = Duration::from_secs(7 * 86_400);

/// A request of a living worker whose first byte had to leave this long ago is in doubt: its call ended long since.
const STALE: Duration = Duration::from_secs(600);

/// A person said that it was not taken.
const RESOLVED_NOT_SENT: &str = "resolved_not_sent";

struct Call {
    key: i64,
    campaign: i64,
    account: i64,
    state: RequestState,
    begun: Timestamp,
    price: u32,
    owner: OwnerKey,
    /// The shop's own owner and every owner above it: a charge stands under the one that was the root at its begin.
    owners: Rc<[OwnerKey]>,
    shop: ShopKey,
}

/// The shop of each campaign and its owners, read once in a transaction.
type Shops = BTreeMap<i64, (ShopKey, Rc<[OwnerKey]>)>;

fn call(tx: &Tx<'_>, key: i64) -> Result<Call> {
    call_of(tx, key, &mut Shops::new())
}

fn call_of(tx: &Tx<'_>, key: i64, shops: &mut Shops) -> Result<Call> {
    let sql = "SELECT campaign, account, state, begun, price FROM request WHERE id = ?1";
    let (campaign, account, state, begun, price) = tx
        .one(sql, [key], |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, u8>(2)?, r.get(3)?, r.get(4)?)))?
        .ok_or(StoreError::Unknown { what: "request" })?;
    let (shop, owners) = match shops.get(&campaign) {
        Some(known) => known.clone(),
        None => shops.entry(campaign).or_insert(shop_of(tx, campaign)?).clone(),
    };
    Ok(Call {
        key,
        campaign,
        account,
        state: RequestState::from_u8(state).ok_or_else(corrupt)?,
        begun: Timestamp::from_millis(begun),
        price,
        owner: *owners.last().ok_or_else(corrupt)?,
        owners,
        shop,
    })
}

fn shop_of(tx: &Tx<'_>, campaign: i64) -> Result<(ShopKey, Rc<[OwnerKey]>)> {
    let shop: Option<u32> = tx.one("SELECT shop FROM campaign WHERE id = ?1", [campaign], |r| r.get(0))?;
    let shop = shop.ok_or(StoreError::Unknown { what: "request" })?;
    let owners = all(
        tx.conn,
        "WITH RECURSIVE up(id, merged) AS (SELECT o.id, o.merged FROM owner o JOIN shop s ON s.owner = o.id
           WHERE s.id = ?1 UNION SELECT o.id, o.merged FROM owner o JOIN up ON o.id = up.merged)
         SELECT id FROM up ORDER BY merged IS NULL",
        [shop],
        |r| r.get(0).map(OwnerKey),
    )?;
    Ok((ShopKey(shop), owners.into()))
}

/// Writes of one settling transaction.
struct Settler<'a> {
    tx: &'a Tx<'a>,
    people: PeopleWriter<'a>,
    done: Settled,
    buffer: Vec<u8>,
    shops: Shops,
    /// The account whose runs of bad answers were ended last.
    well: Option<i64>,
}

impl<'a> Settler<'a> {
    fn new(tx: &'a Tx<'a>) -> Result<Self> {
        let people = PeopleWriter::new(tx)?;
        Ok(Self { tx, people, done: Settled::default(), buffer: Vec::new(), shops: Shops::new(), well: None })
    }

    fn settle(&mut self, s: &Settlement, waiting: bool) -> Result<()> {
        let call = call_of(self.tx, s.key, &mut self.shops)?;
        if matches!(call.state, RequestState::Accepted | RequestState::Mixed | RequestState::NoReport) {
            return Ok(());
        }
        self.listed_in_doubt(&call, s)?;
        let was_doubt = matches!(call.state, RequestState::Unknown | RequestState::Unresolved);
        if was_doubt && leaves_all_in_doubt(s) {
            // Nothing new: the doubt stays as it is, and its account is not blamed again.
            return Ok(());
        }
        if was_doubt {
            self.raise(&call, s)?;
        }
        match &s.answer.verdicts {
            Verdicts::Same(v) => self.uniform(&call, s, v)?,
            Verdicts::Each(v) if s.rids.len() == 1 => {
                let v = v.first().cloned().unwrap_or_else(|| Verdict::unknown("not_named"));
                self.uniform(&call, s, &v)?;
            }
            Verdicts::Each(told) if leaves_all_in_doubt(s) => {
                for (rid, v) in s.rids.iter().zip(told) {
                    self.handles(&call, v, *rid)?;
                }
                let v = s.answer.verdicts.get(0);
                self.uniform(&call, s, &Verdict::new(v.outcome, v.consequence, v.code))?;
            }
            Verdicts::Each(told) => {
                self.answered(&call, s)?;
                self.each(&call, s, told)?;
            }
        }
        if waiting { self.waiting_reports(&call, s.reference) } else { Ok(()) }
    }

    /// Whom an answer names as listed or dead is that, whatever became of the message.
    fn listed_in_doubt(&mut self, call: &Call, s: &Settlement) -> Result<()> {
        let told = match &s.answer.verdicts {
            Verdicts::Same(v) if s.rids.len() == 1 => std::slice::from_ref(v),
            Verdicts::Same(_) => &[],
            Verdicts::Each(told) => told,
        };
        for (rid, v) in s.rids.iter().zip(told).filter(|(_, v)| v.outcome == Outcome::Unknown) {
            self.consequence(call, s.reference, *rid, v)?;
        }
        Ok(())
    }

    /// A late answer says that the platform took them: rows whose doubt was ended otherwise follow the request again.
    fn raise(&self, call: &Call, s: &Settlement) -> Result<()> {
        for (i, rid) in s.rids.iter().enumerate() {
            if s.answer.verdicts.get(i).outcome == Outcome::Accepted {
                let sql = "UPDATE message SET state = 1, code = NULL, settled = NULL WHERE campaign = ?1 AND rid = ?2
                           AND request = ?3 AND (state IN (8, 9) OR state = 5 AND code = ?4)";
                self.tx.run(sql, (call.campaign, &rid.0[..], call.key, RESOLVED_NOT_SENT))?;
            }
        }
        Ok(())
    }

    fn answered(&self, call: &Call, s: &Settlement) -> Result<()> {
        let sql = "UPDATE request SET settled = ?2, first_byte = ?3, ask_at = NULL WHERE id = ?1";
        let first_byte = s.answer.first_byte.map(Timestamp::millis);
        self.tx.run(sql, (call.key, self.tx.now.millis(), first_byte)).map(drop)
    }

    /// The common case of [`answered`](Self::answered) and [`request`](Self::request) in one statement.
    fn accepted(&self, call: &Call, s: &Settlement, v: &Verdict) -> Result<()> {
        let sql =
            "UPDATE request SET settled = ?2, first_byte = ?3, ask_at = NULL, state = 1, code = ?4, provider_id = ?5,
                   report_due = ?6 WHERE id = ?1";
        let code = Some(&v.code).filter(|c| !c.is_empty());
        let first_byte = s.answer.first_byte.map(Timestamp::millis);
        let now = self.tx.now.millis();
        self.tx.run(sql, (call.key, now, first_byte, code, id_of_all(v), s.report_due.millis())).map(drop)
    }

    /// One verdict for all: written once, on the request.
    fn uniform(&mut self, call: &Call, s: &Settlement, v: &Verdict) -> Result<()> {
        if v.outcome != Outcome::Accepted {
            self.answered(call, s)?;
        }
        if !v.later_segments.is_empty() {
            for rid in &s.rids {
                self.handles(call, v, *rid)?;
            }
        }
        let many = s.rids.len() > 1;
        match v.outcome {
            Outcome::Accepted => {
                self.accepted(call, s, v)?;
                self.done.accepted += s.rids.len() as u64;
                self.well(call.account)
            }
            _ if is_doubt(v, s) => {
                self.doubt(call, s, v)?;
                // Nobody is blamed, yet the account was told to wait.
                if matches!(v.consequence, Consequence::Rest(_)) { self.account(call.account, s, v) } else { Ok(()) }
            }
            Outcome::Unsent | Outcome::Rejected(Blame::Account) => {
                self.request(call, RequestState::Mixed, v, None)?;
                self.back(call, &s.rids, self.tx.now, None)?;
                self.account(call.account, s, v)
            }
            Outcome::Rejected(blame) if many && (blame == Blame::Person || s.personal && s.all_or_nothing) => {
                // One code for many people blames nobody: out again in halves until one remains.
                self.request(call, RequestState::Mixed, v, None)?;
                self.back(call, &s.rids, self.tx.now, Some(s.rids.len().div_ceil(2)))
            }
            Outcome::Rejected(_) | Outcome::Unknown => {
                self.request(call, RequestState::Mixed, v, None)?;
                for rid in &s.rids {
                    self.fail(call, *rid, v)?;
                }
                if !many && let Some(rid) = s.rids.first() {
                    self.consequence(call, s.reference, *rid, v)?;
                }
                self.account(call.account, s, v)
            }
        }
    }

    /// A verdict per person: those accepted follow the request, the others get a state of their own.
    fn each(&mut self, call: &Call, s: &Settlement, verdicts: &[Verdict]) -> Result<()> {
        let mut back = Vec::new();
        let mut unknown = false;
        let unnamed = Verdict::unknown("not_named");
        let of_each = || s.rids.iter().zip(verdicts.iter().chain(std::iter::repeat(&unnamed)));
        if of_each().any(|(_, v)| v.outcome == Outcome::Accepted) {
            self.well(call.account)?;
        }
        // One answer is one event in the account's life, however many rows it is about.
        let mut told: Vec<(Outcome, Consequence)> = Vec::new();
        for (rid, v) in of_each() {
            let ends_well = matches!(v.outcome, Outcome::Accepted | Outcome::Unknown);
            if !ends_well && !told.contains(&(v.outcome, v.consequence)) {
                told.push((v.outcome, v.consequence));
                self.account(call.account, s, v)?;
            }
            match v.outcome {
                Outcome::Accepted => {
                    self.done.accepted += 1;
                    self.handles(call, v, *rid)?;
                }
                Outcome::Unknown => {
                    unknown = true;
                    self.done.unknown += 1;
                    let state = if s.lookup_at.is_some() { State::Unknown } else { State::Unresolved };
                    self.row(call, *rid, state, &v.code)?;
                    self.handles(call, v, *rid)?;
                }
                Outcome::Unsent | Outcome::Rejected(Blame::Account) => {
                    back.push(*rid);
                }
                Outcome::Rejected(Blame::Person | Blame::Content) => {
                    self.fail(call, *rid, v)?;
                    self.consequence(call, s.reference, *rid, v)?;
                }
            }
        }
        self.back(call, &back, self.tx.now, None)?;
        let all = Verdict::new(Outcome::Accepted, Consequence::None, String::new());
        self.request(call, RequestState::Accepted, &all, Some(s.report_due))?;
        if unknown {
            self.people_of(call, &s.rids, s.lookup_at)?;
        }
        Ok(())
    }

    fn request(&self, call: &Call, state: RequestState, v: &Verdict, report_due: Option<Timestamp>) -> Result<()> {
        let code = Some(&v.code).filter(|c| !c.is_empty());
        let sql = "UPDATE request SET state = ?2, code = ?3, provider_id = ?4, report_due = coalesce(?5, report_due)
                   WHERE id = ?1";
        let due = report_due.map(Timestamp::millis);
        self.tx.run(sql, (call.key, state as u8, code, id_of_all(v), due)).map(drop)
    }

    /// By what reports will name a person's message, or its segments.
    fn handles(&self, call: &Call, v: &Verdict, rid: Rid) -> Result<()> {
        let of = v.later_segments.len() + 1;
        let sql = "INSERT INTO handle (account, provider_id, request, rid, segment, segments)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE
                   SET request = ?3, segment = ?5, segments = ?6, told = NULL WHERE request <> ?3";
        for (id, n) in v.id.iter().chain(&v.later_segments).zip(1_i64..) {
            self.tx.run(sql, (call.account, id, call.key, &rid.0[..], n, of as i64))?;
        }
        Ok(())
    }

    /// Gives a row a state of its own; one that is known to have been taken keeps that.
    fn row(&self, call: &Call, rid: Rid, state: State, code: &str) -> Result<usize> {
        let sql = "UPDATE message SET state = ?4, code = ?5, settled = ?6 WHERE campaign = ?1 AND rid = ?2
                   AND request = ?3 AND state NOT IN (2, 3, 4, 10)";
        let now = self.tx.now.millis();
        self.tx.run(sql, (call.campaign, &rid.0[..], call.key, state.to_u8(), code, now))
    }

    fn fail(&mut self, call: &Call, rid: Rid, v: &Verdict) -> Result<()> {
        self.done.failed += self.row(call, rid, State::Failed, &v.code)? as u64;
        Ok(())
    }

    fn doubt(&mut self, call: &Call, s: &Settlement, v: &Verdict) -> Result<()> {
        // Where nobody can be asked, only a report or a person can end it.
        let can_ask = s.lookup_at.is_some();
        self.request(call, if can_ask { RequestState::Unknown } else { RequestState::Unresolved }, v, None)?;
        self.people_of(call, &s.rids, s.lookup_at)?;
        self.done.unknown += s.rids.len() as u64;
        // An account that leaves us in doubt again and again rests; its doubts stay its own.
        self.well = None;
        self.tx.run(
            "UPDATE account SET unknown_run = unknown_run + 1, rest_until = CASE WHEN unknown_run + 1 >= ?2
             THEN max(rest_until, ?3 + min(30000 << min(unknown_run + 1 - ?2, 5), 900000)) ELSE rest_until END WHERE id = ?1",
            (call.account, begin::BREAKER, self.tx.now.millis()),
        )?;
        Ok(())
    }

    fn people_of(&self, call: &Call, rids: &[Rid], ask_at: Option<Timestamp>) -> Result<()> {
        let bytes: Vec<u8> = rids.iter().flat_map(|r| r.0).collect();
        let sql = "UPDATE request SET rids = ?2, ask_at = ?3 WHERE id = ?1";
        self.tx.run(sql, (call.key, bytes, ask_at.map(Timestamp::millis))).map(drop)
    }

    /// Rows proven unsent, or refused because of the account: planned again, charges and budget given back.
    fn back(&mut self, call: &Call, rids: &[Rid], due: Timestamp, at_most: Option<usize>) -> Result<()> {
        let mut parts = 0;
        for rid in rids {
            // Begun or in doubt: what is known to have been taken, or was ended by a person, stays.
            let sql = "SELECT parts FROM message WHERE campaign = ?1 AND rid = ?2 AND request = ?3
                       AND state IN (1, 8, 9)";
            let Some(p) = self.tx.one(sql, (call.campaign, &rid.0[..], call.key), |r| r.get::<_, i64>(0))? else {
                continue;
            };
            parts += p;
            self.done.back += 1;
            self.tx.run(
                "UPDATE message SET state = 0, request = NULL, grant_key = NULL, code = NULL, settled = NULL, due = ?3,
                 at_most = coalesce(?4, at_most) WHERE campaign = ?1 AND rid = ?2",
                (call.campaign, &rid.0[..], due.millis(), at_most.map(|n| n as i64)),
            )?;
            let sql = "SELECT facts FROM recipient WHERE rid = ?1";
            let facts: Vec<u8> = self.tx.one(sql, [&rid.0[..]], |r| r.get(0))?.ok_or_else(corrupt)?;
            let mut person = guarded::person(*rid, &facts)?;
            let charged = person.sends.len();
            for owner in call.owners.iter() {
                if person.sends.len() == charged {
                    person.give_back(*owner, call.begun);
                }
            }
            store_person(self.tx, *rid, &person, &mut self.buffer)?;
        }
        if parts > 0 {
            let sql = "UPDATE campaign SET spent = max(0, spent - ?2) WHERE id = ?1";
            self.tx.run(sql, (call.campaign, parts * i64::from(call.price)))?;
        }
        Ok(())
    }

    fn well(&mut self, account: i64) -> Result<()> {
        if self.well.replace(account) == Some(account) {
            return Ok(());
        }
        let sql = "UPDATE account SET unknown_run = 0, unsent_run = 0 WHERE id = ?1 AND unknown_run + unsent_run > 0";
        self.tx.run(sql, [account]).map(drop)
    }

    /// What a verdict means for its account.
    fn account(&mut self, account: i64, s: &Settlement, v: &Verdict) -> Result<()> {
        self.well = None;
        let now = self.tx.now.millis();
        match v.consequence {
            Consequence::Hold => {
                let sql = "UPDATE account SET hold = coalesce(hold, ?2) WHERE id = ?1";
                self.tx.run(sql, (account, s.hold.as_ref().unwrap_or(&v.code))).map(drop)
            }
            Consequence::Rest(by) => {
                let sql = "UPDATE account SET rest_until = max(rest_until, ?2) WHERE id = ?1";
                self.tx.run(sql, (account, self.tx.now.plus(by).millis())).map(drop)
            }
            _ if matches!(v.outcome, Outcome::Unsent | Outcome::Rejected(Blame::Account)) => {
                // Nobody told for how long: a second, doubled each time, at most a minute.
                let sql = "UPDATE account SET unsent_run = unsent_run + 1,
                           rest_until = max(rest_until, ?2 + min(1000 << min(unsent_run, 6), 60000)) WHERE id = ?1";
                self.tx.run(sql, (account, now)).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// What a verdict means for its person.
    fn consequence(&mut self, call: &Call, reference: Reference, rid: Rid, v: &Verdict) -> Result<()> {
        let now = self.tx.now;
        let event = match v.consequence {
            Consequence::StopOwner => Event::Stop { scope: Scope::Owner(call.owner), at: now },
            Consequence::StopEveryone => Event::Stop { scope: Scope::Everyone, at: now },
            Consequence::SuspendNumber => Event::Report { says: Health::Dead, at: now },
            Consequence::Hold | Consequence::None | Consequence::Rest(_) => return Ok(()),
        };
        self.done.stops += u64::from(matches!(event, Event::Stop { .. }));
        let event_id = format!("{reference}/{}", crate::id::hex(&rid.0));
        let detail = serde_json::json!({ "code": v.code });
        let changed = self.people.change(Change {
            rid,
            key: event_key("verdict", &event_id),
            envelope: Envelope { source: "verdict".into(), event_id, actor: "provider".into() },
            kind: "verdict",
            shop: Some(call.shop),
            claimed: None,
            load: Load::Nothing,
            decide: Box::new(move |_| Ok(Effect { events: vec![event], detail, sealed: None })),
        })?;
        debug_assert!(!matches!(changed, Changed::Refused(_)));
        Ok(())
    }

    /// Reports that came before this answer.
    fn waiting_reports(&mut self, call: &Call, reference: Reference) -> Result<()> {
        // Two searches, each by its own index: one with OR reads the whole table.
        let sql = "SELECT source, event_id, rid, code, delivered, provider_id FROM inbound WHERE reference = ?2
                   UNION SELECT source, event_id, rid, code, delivered, provider_id FROM inbound
                     WHERE account = ?1 AND provider_id IN
                       (SELECT provider_id FROM request WHERE id = ?3
                        UNION SELECT provider_id FROM handle WHERE account = ?1 AND request = ?3)";
        let found = all(self.tx.conn, sql, (call.account, &reference.0[..], call.key), |r| {
            Ok((
                r.get::<_, String>(0)?,
                r.get::<_, String>(1)?,
                r.get::<_, Vec<u8>>(2)?,
                r.get::<_, String>(3)?,
                r.get(4)?,
                r.get::<_, Option<String>>(5)?,
            ))
        })?;
        for (source, event_id, rid, code, delivered, id) in found {
            let rid = Rid::from_slice(&rid).ok_or_else(corrupt)?;
            let its = segment(self.tx, call, rid, id.as_deref())?;
            join_report(self.tx, call, rid, its.as_ref(), &code, delivered)?;
            self.tx.run("DELETE FROM inbound WHERE source = ?1 AND event_id = ?2", (source, event_id))?;
        }
        Ok(())
    }
}

/// Whether an answer says nothing of anyone.
fn leaves_all_in_doubt(s: &Settlement) -> bool {
    match &s.answer.verdicts {
        Verdicts::Same(v) => is_doubt(v, s),
        Verdicts::Each(v) => v.iter().take(s.rids.len()).all(|v| v.outcome == Outcome::Unknown),
    }
}

/// Whether a verdict leaves everyone of a call in doubt: also the fault of one person or of one's own text told of many,
/// where calls are not taken or refused as a whole.
fn is_doubt(v: &Verdict, s: &Settlement) -> bool {
    match v.outcome {
        Outcome::Unknown => true,
        Outcome::Rejected(Blame::Person) => s.rids.len() > 1 && !s.all_or_nothing,
        // Of texts of each person's own, one may be what is wrong.
        Outcome::Rejected(Blame::Content) => s.rids.len() > 1 && !s.all_or_nothing && s.personal,
        Outcome::Accepted | Outcome::Rejected(Blame::Account) | Outcome::Unsent => false,
    }
}

/// The id of everyone in a call: a long message has one for each segment, kept by person.
fn id_of_all(v: &Verdict) -> Option<&str> {
    v.id.as_deref().filter(|_| v.later_segments.is_empty())
}

/// What is known of one segment of a long message when a report on it comes.
struct Segment<'a> {
    id: &'a str,
    of: i64,
    told: Option<bool>,
}

/// `None` where the id is not one of several segments'.
fn segment<'a>(tx: &Tx<'_>, call: &Call, rid: Rid, id: Option<&'a str>) -> Result<Option<Segment<'a>>> {
    let Some(id) = id else { return Ok(None) };
    let sql = "SELECT segments, told FROM handle WHERE account = ?1 AND provider_id = ?2 AND rid = ?3 AND request = ?4
               AND segments > 1";
    tx.one(sql, (call.account, id, &rid.0[..], call.key), |r| Ok(Segment { id, of: r.get(0)?, told: r.get(1)? }))
}

/// Joins a report to its row, by way of the message where it is on one segment; whether it said something new.
fn join_report(
    tx: &Tx<'_>,
    call: &Call,
    rid: Rid,
    its: Option<&Segment<'_>>,
    code: &str,
    delivered: Option<bool>,
) -> Result<bool> {
    let Some(its) = its else { return apply_report(tx, call.campaign, call.key, rid, code, delivered) };
    // Nothing final, told before, or a delivery taken back.
    let Some(says) = delivered.filter(|says| its.told.is_none() || its.told == Some(false) && *says) else {
        return Ok(false);
    };
    let sql = "UPDATE handle SET told = ?5 WHERE account = ?1 AND provider_id = ?2 AND rid = ?3 AND request = ?4";
    tx.run(sql, (call.account, its.id, &rid.0[..], call.key, says))?;
    let sql = "SELECT count(*) FROM handle WHERE request = ?1 AND rid = ?2 AND told = ?3";
    let alike: i64 = tx.one(sql, (call.key, &rid.0[..], says), |r| r.get(0))?.unwrap_or(0);
    // The first failure is the message's.
    let whole = if says { alike == its.of } else { alike == 1 };
    if whole {
        apply_report(tx, call.campaign, call.key, rid, code, delivered)?;
    }
    Ok(true)
}

/// Puts a report on a message into its row; whether it said something new.
fn apply_report(
    tx: &Tx<'_>,
    campaign: i64,
    request: i64,
    rid: Rid,
    code: &str,
    delivered: Option<bool>,
) -> Result<bool> {
    let sql = "SELECT m.state, q.state, m.request, m.code FROM message m LEFT JOIN request q ON q.id = m.request
               WHERE m.campaign = ?1 AND m.rid = ?2";
    let row = tx.one(sql, (campaign, &rid.0[..]), |r| {
        Ok((r.get::<_, u8>(0)?, r.get(1)?, r.get::<_, Option<i64>>(2)?, r.get::<_, Option<String>>(3)?))
    })?;
    let Some((own, of_request, its, known)) = row else { return Ok(false) };
    let state = effective(own, of_request)?;
    let to = match (state, delivered) {
        // It was given back as unsent, and yet a handset reports: stop here, a person must look.
        (State::Planned, _) => State::Unresolved,
        _ if its != Some(request) => return Ok(false),
        (State::Refused | State::Expired, _) | (State::Failed | State::Delivered, Some(false)) => return Ok(false),
        // Nothing final, or nothing that is understood: what it says is kept.
        (State::Failed | State::Delivered | State::Undelivered, None) => return Ok(false),
        (_, None) => {
            let sql = "UPDATE message SET code = ?3 WHERE campaign = ?1 AND rid = ?2 AND code IS NOT ?3";
            return Ok(tx.run(sql, (campaign, &rid.0[..], code))? > 0);
        }
        // A handset's word stands over a platform's, and over a person's.
        (_, Some(true)) => State::Delivered,
        (_, Some(false)) => State::Undelivered,
    };
    if state == to && known.as_deref() == Some(code) {
        return Ok(false);
    }
    let sql = "UPDATE message SET state = ?3, code = ?4, settled = ?5, request = coalesce(request, ?6)
               WHERE campaign = ?1 AND rid = ?2";
    tx.run(sql, (campaign, &rid.0[..], to.to_u8(), code, tx.now.millis(), request))?;
    Ok(true)
}

impl SqliteStore {
    pub(super) async fn settle_(&self, done: Vec<Settlement>) -> Result<Settled> {
        let weight = done.iter().map(|s| s.rids.len() / 8 + 1).sum();
        let references: Vec<_> = done.iter().map(|s| s.reference.0).collect();
        let settled = self
            .write(Lane::Normal, weight, move |tx| {
                let mut settler = Settler::new(tx)?;
                // Asked here: another process, or a transaction just before this one, may have recorded one.
                let waiting = tx.one("SELECT 1 FROM inbound LIMIT 1", [], |_| Ok(()))?.is_some();
                for s in &done {
                    settler.settle(s, waiting)?;
                }
                settler.people.end()?;
                Ok(settler.done)
            })
            .await?;
        references.iter().for_each(|r| self.undrive(r));
        Ok(settled)
    }

    pub(super) async fn expire_(&self, campaign: CampaignKey, code: Code) -> Result<u64> {
        let mut total = 0;
        loop {
            let n = self
                .write(Lane::Normal, 2_000, move |tx| {
                    tx.run(
                        "UPDATE message SET state = 7, code = ?2, settled = ?3 WHERE campaign = ?1 AND rid IN
                         (SELECT rid FROM message WHERE campaign = ?1 AND state = 0 LIMIT 5000)",
                        (campaign.0, code.as_str(), tx.now.millis()),
                    )
                })
                .await?;
            total += n as u64;
            if n == 0 {
                return Ok(total);
            }
        }
    }

    pub(super) async fn close_unreported_(&self, now: Timestamp) -> Result<u64> {
        self.write(Lane::Normal, 100, move |tx| {
            let old = "DELETE FROM inbound WHERE (source, event_id) IN
                       (SELECT source, event_id FROM inbound WHERE recorded < ?1 LIMIT 1000)";
            tx.run(old, [now.minus(WAITS).millis()])?;
            // Rows whose doubt was ended have a state of their own.
            let sql = "SELECT id, campaign, rids FROM request WHERE report_due <= ?1 AND rids IS NOT NULL";
            let late = all(tx.conn, sql, [now.millis()], |r| {
                Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, Vec<u8>>(2)?))
            })?;
            let mut closed = 0;
            for (request, campaign, rids) in late {
                for rid in rids.chunks_exact(16) {
                    let sql = "UPDATE message SET state = 10 WHERE campaign = ?1 AND rid = ?2 AND request = ?3
                               AND state = 2";
                    closed += tx.run(sql, (campaign, rid, request))?;
                }
                tx.run("UPDATE request SET report_due = NULL WHERE id = ?1 AND state <> 1", [request])?;
            }
            let sql = "UPDATE request SET state = 5, report_due = NULL WHERE state = 1 AND report_due <= ?1";
            Ok((closed + tx.run(sql, [now.millis()])?) as u64)
        })
        .await
    }

    pub(super) async fn unknown_due_(&self, campaign: CampaignKey, limit: usize) -> Result<Vec<UnknownRequest>> {
        let now = self.clock.now();
        self.read(move |conn| {
            let sql = "SELECT q.id, q.reference, a.name, q.begun, q.asked, q.rids, q.state FROM request q
                       JOIN account a ON a.id = q.account WHERE q.campaign = ?1 AND q.ask_at <= ?2
                       ORDER BY q.ask_at LIMIT ?3";
            let found = all(conn, sql, (campaign.0, now.millis(), limit as i64), |r| {
                Ok((
                    r.get::<_, i64>(0)?,
                    r.get::<_, Vec<u8>>(1)?,
                    r.get::<_, String>(2)?,
                    r.get::<_, i64>(3)?,
                    r.get::<_, u32>(4)?,
                    r.get::<_, Option<Vec<u8>>>(5)?,
                    r.get::<_, u8>(6)?,
                ))
            })?;
            let mut out = Vec::new();
            for (key, reference, account, begun, asked, rids, state) in found {
                let mut rows = Vec::new();
                for rid in rids.unwrap_or_default().chunks_exact(16) {
                    let sql =
                        "SELECT state, sealed, variant FROM message WHERE campaign = ?1 AND rid = ?2 AND request = ?3";
                    let row = one(conn, sql, (campaign.0, rid, key), |r| {
                        Ok((r.get::<_, u8>(0)?, r.get::<_, Vec<u8>>(1)?, r.get::<_, u8>(2)?))
                    })?;
                    if let Some((own, sealed, variant)) = row
                        && effective(own, Some(state))? == State::Unknown
                    {
                        rows.push((Rid::from_slice(rid).ok_or_else(corrupt)?, sealed, variant));
                    }
                }
                out.push(UnknownRequest {
                    key,
                    campaign,
                    reference: Reference::from_slice(&reference).ok_or_else(corrupt)?,
                    account: AccountId::new(account).map_err(|_| corrupt())?,
                    begun: Timestamp::from_millis(begun),
                    asked,
                    rows,
                });
            }
            Ok(out)
        })
        .await
    }

    pub(super) async fn resolve_(&self, request: i64, rid: Option<Rid>, to: Resolution) -> Result<u64> {
        self.write(Lane::Normal, 100, move |tx| {
            let call = call(tx, request)?;
            let mut settler = Settler::new(tx)?;
            let n = resolve(&mut settler, &call, rid, &to)?;
            settler.people.end()?;
            Ok(n)
        })
        .await
    }

    pub(super) async fn resolve_row_(&self, campaign: CampaignKey, rid: Rid, to: Resolution) -> Result<u64> {
        let request = self
            .read(move |conn| {
                let sql = "SELECT request FROM message WHERE campaign = ?1 AND rid = ?2 AND request IS NOT NULL";
                one(conn, sql, (campaign.0, &rid.0[..]), |r| r.get::<_, i64>(0))
            })
            .await?;
        match request {
            Some(request) => self.resolve_(request, Some(rid), to).await,
            None => Ok(0),
        }
    }

    pub(super) async fn report_(&self, ask: ReportAsk) -> Result<Joined> {
        self.write(Lane::Normal, 1, move |tx| report(tx, &ask)).await
    }

    pub(super) async fn recover_(&self) -> Result<Recovered> {
        let path = self.path.clone();
        let driven = Arc::clone(&self.driven);
        let (done, dead) = self
            .write(Lane::Normal, 2_000, move |tx| {
                // Read inside the transaction: whatever was begun before it is driven by now, or by nobody.
                let driven = driven.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
                recover(tx, &path, &driven)
            })
            .await?;
        dead.into_iter().for_each(|worker| journal::remove(&self.path, worker));
        Ok(done)
    }

    pub(super) async fn request_state_(&self, reference: Reference) -> Result<Option<RequestState>> {
        self.read(move |conn| {
            let sql = "SELECT state FROM request WHERE reference = ?1";
            let state: Option<u8> = one(conn, sql, [&reference.0[..]], |r| r.get(0))?;
            Ok(state.and_then(RequestState::from_u8))
        })
        .await
    }
}

/// The rows of a request that are in doubt.
fn doubtful(tx: &Tx<'_>, call: &Call) -> Result<Vec<Rid>> {
    let sql = "SELECT rids FROM request WHERE id = ?1";
    let rids: Option<Vec<u8>> = tx.one(sql, [call.key], |r| r.get(0))?.flatten();
    let mut out = Vec::new();
    for rid in rids.unwrap_or_default().chunks_exact(16) {
        let sql = "SELECT state FROM message WHERE campaign = ?1 AND rid = ?2 AND request = ?3";
        let own: Option<u8> = tx.one(sql, (call.campaign, rid, call.key), |r| r.get(0))?;
        if let Some(own) = own
            && matches!(effective(own, Some(call.state as u8))?, State::Unknown | State::Unresolved)
        {
            out.push(Rid::from_slice(rid).ok_or_else(corrupt)?);
        }
    }
    Ok(out)
}

fn resolve(s: &mut Settler<'_>, call: &Call, rid: Option<Rid>, to: &Resolution) -> Result<u64> {
    let mut rids = doubtful(s.tx, call)?;
    if let Some(rid) = rid {
        rids.retain(|r| *r == rid);
    }
    match to {
        Resolution::AskAgain { at } => {
            let sql = "UPDATE request SET asked = asked + 1, ask_at = ?2 WHERE id = ?1";
            return s.tx.run(sql, (call.key, at.millis())).map(|_| 0);
        }
        Resolution::Absent => s.back(call, &rids, s.tx.now, None)?,
        Resolution::Accepted { id, report_due } => {
            for rid in &rids {
                s.row(call, *rid, State::Accepted, "")?;
                let v = Verdict { id: id.clone(), ..Verdict::accepted("") };
                s.handles(call, &v, *rid)?;
            }
            if rids.is_empty() {
                return Ok(0);
            }
            let sql = "UPDATE request SET report_due = max(coalesce(report_due, 0), ?2) WHERE id = ?1
                       RETURNING reference";
            let reference: Option<Vec<u8>> = s.tx.one(sql, (call.key, report_due.millis()), |r| r.get(0))?;
            let reference = reference.as_deref().and_then(Reference::from_slice).ok_or_else(corrupt)?;
            s.waiting_reports(call, reference)?;
        }
        Resolution::Failed => {
            for rid in &rids {
                s.row(call, *rid, State::Failed, RESOLVED_NOT_SENT)?;
            }
        }
        Resolution::Unresolved => {
            for rid in &rids {
                s.row(call, *rid, State::Unresolved, "unresolved")?;
            }
        }
    }
    if doubtful(s.tx, call)?.is_empty() || *to == Resolution::Unresolved {
        s.tx.run("UPDATE request SET ask_at = NULL WHERE id = ?1", [call.key])?;
    }
    Ok(rids.len() as u64)
}

fn report(tx: &Tx<'_>, ask: &ReportAsk) -> Result<Joined> {
    let account: Option<i64> = match &ask.account {
        Some(a) => tx.one("SELECT id FROM account WHERE name = ?1", [a.as_str()], |r| r.get(0))?,
        None => None,
    };
    let by_reference = match ask.reference {
        Some(r) => tx.one("SELECT id FROM request WHERE reference = ?1", [&r.0[..]], |r| r.get::<_, i64>(0))?,
        None => None,
    };
    let sql = "SELECT id FROM request WHERE account = ?1 AND provider_id = ?2
               UNION SELECT request FROM handle WHERE account = ?1 AND provider_id = ?2 AND rid = ?3 ORDER BY 1";
    let mut calls: Vec<i64> = by_reference.into_iter().collect();
    if let (true, Some(account), Some(id)) = (calls.is_empty(), account, &ask.provider_id) {
        calls = all(tx.conn, sql, (account, id, &ask.rid.0[..]), |r| r.get(0))?;
    }
    // An id may come again after a while: the row that this very request is about, the newest first.
    let mut found = Vec::new();
    for key in calls.iter().rev() {
        let call = call(tx, *key)?;
        let here = "SELECT request FROM message WHERE campaign = ?1 AND rid = ?2";
        if let Some(its) = tx.one(here, (call.campaign, &ask.rid.0[..]), |r| r.get::<_, Option<i64>>(0))? {
            found.push((its != Some(*key), call));
        }
    }
    found.sort_by_key(|(is_anothers, _)| *is_anothers);
    if let Some((_, call)) = found.first() {
        let its = segment(tx, call, ask.rid, ask.provider_id.as_deref())?;
        let new = join_report(tx, call, ask.rid, its.as_ref(), &ask.code, ask.delivered)?;
        return Ok(Joined {
            shop: Some(call.shop),
            campaign: Some(CampaignKey(call.campaign)),
            in_segments: its.map(|_| call.key),
            repeated: !new,
            waiting: false,
        });
    }
    let wait = ask.wait && calls.is_empty() && (ask.provider_id.is_some() || ask.reference.is_some());
    let mut new = 0;
    if wait {
        new = tx.run(
            "INSERT INTO inbound VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
            rusqlite::params![
                ask.source,
                ask.event_id,
                account,
                ask.provider_id,
                ask.reference.map(|r| r.0.to_vec()),
                &ask.rid.0[..],
                ask.code,
                ask.delivered,
                ask.at.millis(),
                tx.now.millis(),
            ],
        )?;
    }
    Ok(Joined { repeated: wait && new == 0, waiting: wait, ..Joined::default() })
}

/// Puts abandoned requests where the evidence puts them: not in the journal of a dead worker of this boot, never sent;
/// in it, or no such proof, in doubt.
fn recover(tx: &Tx<'_>, path: &std::path::Path, driven: &HashSet<[u8; 16]>) -> Result<(Recovered, Vec<i64>)> {
    let workers =
        all(tx.conn, "SELECT id, boot FROM worker", [], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?)))?;
    let mut done = Recovered::default();
    let mut dead = Vec::new();
    // Whether a worker's journal can be believed.
    let mut gone: BTreeMap<i64, bool> = BTreeMap::from([(tx.worker, true)]);
    for (worker, boot) in workers.into_iter().filter(|(w, _)| *w != tx.worker) {
        match journal::fate(path, worker, &boot) {
            journal::Fate::Alive => continue,
            journal::Fate::Dead => gone.insert(worker, true),
            journal::Fate::Lost => gone.insert(worker, false),
        };
        done.leases += tx.run("UPDATE lease SET worker = 0 WHERE worker = ?1", [worker])? as u64;
        tx.run("DELETE FROM worker WHERE id = ?1", [worker])?;
        dead.push(worker);
    }
    let sql = "SELECT id, reference, worker, campaign, deadline FROM request WHERE state = 0";
    let open = all(tx.conn, sql, [], |r| {
        Ok((
            r.get::<_, i64>(0)?,
            r.get::<_, Vec<u8>>(1)?,
            r.get::<_, i64>(2)?,
            r.get::<_, i64>(3)?,
            r.get::<_, i64>(4)?,
        ))
    })?;
    let mut abandoned: BTreeMap<i64, BTreeMap<i64, (Reference, bool)>> = BTreeMap::new();
    let mut of_journal: BTreeMap<i64, Vec<(i64, i64, Reference)>> = BTreeMap::new();
    for (key, reference, worker, campaign, deadline) in open {
        let reference = Reference::from_slice(&reference).ok_or_else(corrupt)?;
        match gone.get(&worker) {
            Some(_) if worker == tx.worker && driven.contains(&reference.0) => {}
            Some(true) => of_journal.entry(worker).or_default().push((campaign, key, reference)),
            Some(false) => drop(abandoned.entry(campaign).or_default().insert(key, (reference, true))),
            None if Timestamp::from_millis(deadline).plus(STALE) < tx.now => {
                abandoned.entry(campaign).or_default().insert(key, (reference, true));
            }
            None => {}
        }
    }
    for (worker, calls) in of_journal {
        let sent = journal::sent(path, worker, &calls.iter().map(|(.., r)| r.0).collect());
        for (campaign, key, reference) in calls {
            abandoned.entry(campaign).or_default().insert(key, (reference, sent.contains(&reference.0)));
        }
    }
    for (campaign, calls) in abandoned {
        recover_campaign(tx, campaign, &calls, &mut done)?;
    }
    Ok((done, dead))
}

fn recover_campaign(
    tx: &Tx<'_>,
    campaign: i64,
    calls: &BTreeMap<i64, (Reference, bool)>,
    done: &mut Recovered,
) -> Result<()> {
    let mut people: BTreeMap<i64, Vec<Rid>> = BTreeMap::new();
    {
        let sql = "SELECT rid, request FROM message WHERE campaign = ?1 AND state = 1 ORDER BY rid";
        let mut statement = tx.conn.prepare_cached(sql).map_err(error)?;
        let mut rows = statement.query([campaign]).map_err(error)?;
        while let Some(r) = rows.next().map_err(error)? {
            let request: i64 = r.get(1).map_err(error)?;
            if calls.contains_key(&request) {
                let rid: Vec<u8> = r.get(0).map_err(error)?;
                people.entry(request).or_default().push(Rid::from_slice(&rid).ok_or_else(corrupt)?);
            }
        }
    }
    let mut settler = Settler::new(tx)?;
    for (key, (_, sent)) in calls {
        let call = call(tx, *key)?;
        let rids = people.remove(key).unwrap_or_default();
        if *sent {
            done.unknown += 1;
            settler.request(&call, RequestState::Unknown, &Verdict::unknown("worker_died"), None)?;
            settler.people_of(&call, &rids, Some(tx.now.plus(Duration::from_secs(60))))?;
        } else {
            done.lapsed += 1;
            settler.request(&call, RequestState::Mixed, &Verdict::unsent("lapsed", Consequence::None), None)?;
            settler.back(&call, &rids, tx.now, None)?;
        }
    }
    settler.people.end()
}
