//! Recording opt-ins and requests for consent.

use super::bulk::next_chunk;
use super::told::{Told, seal};
use super::{Optin106, ShopHandle};
use crate::clock::Timestamp;
use crate::consent::{Envelope, Evidence, Notice, OptIn, Purposes, RowError};
use crate::facts::{Event, Grant};
use crate::gate::Refusal;
use crate::id::hex;
use crate::phone::Phone;
use crate::policy::law::Code;
use crate::store::{Change, Changed, Effect, Lane, Load, Loaded, ShopRow, StoreError};
use futures_core::Stream;
use futures_util::{StreamExt, stream};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// What was recorded, now or before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Recorded {
    /// When it was recorded first, by the store's clock.
    pub at: Timestamp,
    /// Whether the same event was recorded before; nothing changed then.
    pub repeated: bool,
}

/// Why nothing was recorded.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Dated after the store's own clock.
    #[error("dated {ahead_ms} ms after the store's clock; set the clocks, or give the time at which the person acted")]
    InFuture {
        /// By how much.
        ahead_ms: i64,
    },
    /// The law, or a stop, says no. [`Refusal::explain`] says which, and what to do, by the law of the consent's day.
    #[error("refused as {}: {}", .0.code.as_str(), .0.explain().remedy_en)]
    Refused(Refusal),
    /// The store said no.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

impl RecordError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InFuture { .. } => "in_future",
            Self::Refused(r) => r.code.as_str(),
            Self::Store(e) => e.code(),
        }
    }
}

impl From<StoreError> for RecordError {
    fn from(e: StoreError) -> Self {
        Self::Store(Arc::new(e))
    }
}

/// Clocks of two machines differ by less than this.
pub(super) const CLOCK_SLACK: Duration = Duration::from_secs(300);

/// A person whom nobody answered for may be asked again after so many days.
const ASK_AGAIN_DAYS: u16 = 180;

/// Notices whose text is known to be stored.
pub(super) type KnownNotices = HashSet<[u8; 32]>;

/// A forgotten notice costs one more write; the set never grows past this.
const MAX_KNOWN: usize = 4096;

const KIND: &str = "opt_in";

/// An opt-in that only lacks the transaction.
struct Prepared {
    change: Change,
    /// When the person acted, as near as is known before the transaction.
    given: Timestamp,
    /// Whether the event id was made from the content.
    derived: bool,
    purposes: Purposes,
}

impl ShopHandle {
    /// Records that a person agreed. Repeating the same (source, event id) changes nothing and says so.
    ///
    /// # Errors
    /// [`RecordError::Refused`] with the first part that is missing (`no_notice`, `no_promise`, `no_evidence`,
    /// `minor_without_guardian`), or `not_newer_than_stop` when it is dated at or before the latest stop that covers this
    /// shop and any of the purposes, or an erasure. Nothing is recorded then.
    pub async fn record(&self, opt_in: OptIn) -> Result<Recorded, RecordError> {
        let shop = self.current().await?;
        let (prepared, notice) = self.prepare(&shop, opt_in)?;
        self.optin().keep_notice(notice).await?;
        let Prepared { change, given, derived, purposes } = prepared;
        let rid = change.rid;
        match self.optin().change_one(Lane::Normal, change).await? {
            Changed::Recorded { at } => Ok(Recorded { at, repeated: false }),
            Changed::Refused(code) => Err(refused(code, given)),
            Changed::Repeated { .. } if derived && self.superseded(&shop, rid, given, purposes).await? => {
                Err(refused(Code::NotNewerThanStop, given))
            }
            Changed::Repeated { at } => Ok(Recorded { at, repeated: true }),
        }
    }

    /// Records many, in the order of the stream within each person; one answer per row, by zero-based position. Rows
    /// are typed ([`OptIn`]) or data ([`OptInRow`](crate::consent::OptInRow)). Memory is bounded; answers of a few
    /// thousand rows come together, in order.
    pub fn record_all<'a, S>(&'a self, rows: S) -> impl Stream<Item = (u64, Result<Recorded, RecordError>)> + Unpin + 'a
    where
        S: Stream + Unpin + 'a,
        S::Item: TryInto<OptIn>,
        <S::Item as TryInto<OptIn>>::Error: Into<RowError>,
    {
        let rows = rows.map(|row| row.try_into().map_err(Into::into));
        let answers = stream::unfold((rows, 0u64), move |(mut rows, from)| async move {
            let chunk = next_chunk(&mut rows, held).await;
            let count = chunk.len() as u64;
            if count == 0 {
                return None;
            }
            let answers = self.record_chunk(chunk).await;
            let numbered = answers.into_iter().enumerate().map(move |(i, a)| (from + i as u64, a));
            Some((stream::iter(numbered), (rows, from + count)))
        });
        Box::pin(answers.flatten())
    }

    async fn record_chunk(&self, chunk: Vec<Result<OptIn, RowError>>) -> Vec<Result<Recorded, RecordError>> {
        let shop = match self.current().await {
            Ok(shop) => shop,
            Err(e) => {
                let e = RecordError::from(e);
                return chunk.iter().map(|_| Err(e.clone())).collect();
            }
        };
        let now = self.optin().clock().now();
        let mut answers: Vec<Result<Recorded, RecordError>> = Vec::with_capacity(chunk.len());
        let mut changes = Vec::with_capacity(chunk.len());
        let mut again = Vec::new();
        let mut given = Vec::with_capacity(chunk.len());
        for (i, row) in chunk.into_iter().enumerate() {
            let read = row.map_err(|e| refused(e.code(), now)).and_then(|o| self.prepare(&shop, o));
            let kept = match read {
                Ok((prepared, notice)) => match self.optin().keep_notice(notice).await {
                    Ok(()) => Ok(prepared),
                    Err(e) => Err(e.into()),
                },
                Err(e) => Err(e),
            };
            given.push((now, Purposes::default(), false));
            match kept {
                Ok(p) => {
                    given[i] = (p.given, p.purposes, p.derived);
                    changes.push((i, p.change));
                    answers.push(Ok(Recorded { at: now, repeated: false }));
                }
                Err(e) => answers.push(Err(e)),
            }
        }
        let rids: Vec<_> = changes.iter().map(|(i, c)| (*i, c.rid)).collect();
        self.optin()
            .apply(Lane::Normal, changes, |i, changed| {
                answers[i] = match changed {
                    Ok(Changed::Recorded { at }) => Ok(Recorded { at, repeated: false }),
                    Ok(Changed::Repeated { at }) => {
                        if given[i].2 {
                            again.push(i);
                        }
                        Ok(Recorded { at, repeated: true })
                    }
                    Ok(Changed::Refused(code)) => Err(refused(code, given[i].0)),
                    Err(e) => Err(RecordError::Store(e)),
                };
            })
            .await;
        for i in again {
            let (at, purposes, _) = given[i];
            let Ok(n) = rids.binary_search_by_key(&i, |(i, _)| *i) else { continue };
            match self.superseded(&shop, rids[n].1, at, purposes).await {
                Ok(false) => {}
                Ok(true) => answers[i] = Err(refused(Code::NotNewerThanStop, at)),
                Err(e) => answers[i] = Err(e.into()),
            }
        }
        answers
    }

    /// Whether a stop or an erasure came after what was recorded before from the same content: the teller gave no event
    /// id, so this may as well be an old list told again, which must not look as if it counted.
    async fn superseded(
        &self,
        shop: &ShopRow,
        rid: crate::id::Rid,
        given: Timestamp,
        purposes: Purposes,
    ) -> Result<bool, StoreError> {
        let loaded = self.optin().store().person(rid, vec![shop.key]).await?;
        Ok(loaded.is_some_and(|l| not_newer(shop, &l, given, purposes)))
    }

    fn prepare(&self, shop: &ShopRow, opt_in: OptIn) -> Result<(Prepared, Notice), RecordError> {
        let now = self.optin().clock().now();
        let told_at = opt_in.at.unwrap_or(now);
        if let Some(code) = opt_in.missing() {
            return Err(refused(code, told_at));
        }
        let ahead = told_at.since(now);
        if ahead > CLOCK_SLACK {
            return Err(RecordError::InFuture { ahead_ms: told_at.millis() - now.millis() });
        }
        let (Some(notice), Some(promise), Some(valid_until)) = (opt_in.notice, opt_in.promise, opt_in.valid_until)
        else {
            return Err(refused(Code::NoNotice, told_at));
        };
        let hash = notice.hash();
        let told = Told::new(opt_in.envelope, KIND, Some(shop.key), |h| {
            h.update(told_at.millis().to_be_bytes());
            h.update([opt_in.purposes.0, u8::from(opt_in.personalised), u8::from(opt_in.sensitive)]);
            h.update(opt_in.method.as_str());
            h.update(hash);
            h.update(promise.max.to_be_bytes());
            h.update(promise.days.to_be_bytes());
            h.update(valid_until.millis().to_be_bytes());
            for e in opt_in.evidence.iter().chain(&opt_in.guardian) {
                h.update(digest(e));
            }
        });
        let keyring = self.optin().store().keyring();
        let rid = keyring.rid(opt_in.phone);
        let sealed = seal(keyring, rid, told.key, &pack(&opt_in.evidence, opt_in.guardian.as_ref()));
        let detail = json!({
            "purposes": opt_in.purposes.iter().map(crate::consent::Purpose::as_str).collect::<Vec<_>>(),
            "method": opt_in.method.as_str(),
            "notice": { "version": notice.version, "sha256": hex(&hash) },
            "evidence": opt_in.evidence.iter().map(|e| hex(&digest(e))).collect::<Vec<_>>(),
            "guardian": opt_in.guardian.as_ref().map(|e| hex(&digest(e))),
        });
        let mut grant = Grant::new(opt_in.purposes.iter(), told_at, valid_until, promise);
        grant.personalised = opt_in.personalised;
        grant.sensitive = opt_in.sensitive;
        grant.event = told.key;
        let (given, purposes, derived) = (told_at, opt_in.purposes, told.derived);
        let act = Act { shop: shop.clone(), grant, at: opt_in.at, age: opt_in.age, purposes, detail, sealed };
        let change = Change {
            rid,
            key: told.key,
            envelope: told.envelope,
            kind: KIND,
            shop: Some(shop.key),
            claimed: opt_in.at,
            load: Load::Nothing,
            decide: Box::new(move |loaded| act.decide(loaded)),
        };
        Ok((Prepared { change, given, derived, purposes }, notice))
    }

    /// Asks whether a request for consent may be sent to this person now, and records that it is. A request is no
    /// marketing, and says nothing but who asks, for what, how often and until when.
    ///
    /// # Errors
    /// [`RecordError::Refused`] with `ask_blocked` when a stop stands, or when this owner asked within 180 days and
    /// nobody agreed since.
    pub async fn record_ask(
        &self,
        phone: Phone,
        purposes: impl Into<Purposes> + Send,
        at: Option<Timestamp>,
        envelope: Envelope,
    ) -> Result<Recorded, RecordError> {
        let shop = self.current().await?;
        let now = self.optin().clock().now();
        let purposes: Purposes = purposes.into();
        let asked = at.unwrap_or(now);
        let told = Told::new(envelope, "ask", Some(shop.key), |h| {
            h.update(asked.millis().to_be_bytes());
            h.update([purposes.0]);
        });
        let load = Load::Shops(shop.siblings.clone());
        let change = Change {
            rid: self.optin().store().keyring().rid(phone),
            key: told.key,
            envelope: told.envelope,
            kind: "ask",
            shop: Some(shop.key),
            claimed: at,
            load,
            decide: Box::new(move |loaded| {
                let at = at.unwrap_or(loaded.now).min(loaded.now);
                if ask_blocked(&shop, loaded, at) {
                    return Err(Code::AskBlocked);
                }
                let purposes: Vec<_> = purposes.iter().map(crate::consent::Purpose::as_str).collect();
                let detail = json!({ "purposes": purposes });
                Ok(Effect { events: vec![Event::Ask { shop: shop.key, at }], detail, sealed: None })
            }),
        };
        match self.optin().change_one(Lane::Normal, change).await? {
            Changed::Recorded { at } => Ok(Recorded { at, repeated: false }),
            Changed::Repeated { at } => Ok(Recorded { at, repeated: true }),
            Changed::Refused(code) => Err(refused(code, asked)),
        }
    }
}

/// An act of agreement, decided under the person's write.
struct Act {
    shop: ShopRow,
    grant: Grant,
    at: Option<Timestamp>,
    age: Option<u8>,
    purposes: Purposes,
    detail: serde_json::Value,
    sealed: Vec<u8>,
}

impl Act {
    fn decide(self, loaded: &Loaded) -> Result<Effect, Code> {
        let mut grant = self.grant;
        // A teller's clock that runs ahead must not outrun a stop that comes in the next minutes.
        grant.given_at = self.at.unwrap_or(loaded.now).min(loaded.now);
        if grant.given_at >= grant.valid_until {
            return Err(Code::NoPromise);
        }
        if not_newer(&self.shop, loaded, grant.given_at, self.purposes) {
            return Err(Code::NotNewerThanStop);
        }
        let minor_until = self.age.and_then(|age| eighteen(grant.given_at, age));
        let event = Event::OptIn { shop: self.shop.key, grant, minor_until };
        Ok(Effect { events: vec![event], detail: self.detail, sealed: Some(self.sealed) })
    }
}

/// Whether an act at `given` is at or before the latest stop that covers this shop and any of these purposes, or an
/// erasure asked of its owner.
fn not_newer(shop: &ShopRow, loaded: &Loaded, given: Timestamp, purposes: Purposes) -> bool {
    let stop = loaded.person.latest_stop(&shop.owners, purposes);
    let erased = loaded.person.erased_at(&shop.owners);
    stop.max(erased).is_some_and(|at| given <= at)
}

fn ask_blocked(shop: &ShopRow, loaded: &Loaded, now: Timestamp) -> bool {
    let agreed = loaded.grants.iter().flat_map(|(_, g)| g).map(|g| g.given_at).max();
    let every = Purposes::from(crate::consent::Purpose::ALL);
    let refused = loaded.person.latest_stop(&shop.owners, every).max(loaded.person.erased_at(&shop.owners));
    let asked = shop.siblings.iter().filter_map(|s| loaded.person.asked_at(*s)).max();
    let silent = asked.is_some_and(|at| now < at.plus_days(ASK_AGAIN_DAYS) && agreed.is_none_or(|g| g < at));
    let no = refused.is_some_and(|at| agreed.is_none_or(|g| g <= at));
    silent || no
}

/// When someone of `age` whole years is 18 at the latest; `None` for adults.
fn eighteen(at: Timestamp, age: u8) -> Option<Timestamp> {
    let years = 18i16 - i16::from(age);
    if years <= 0 {
        return None;
    }
    let day = at.civil().checked_add(jiff::Span::new().years(years));
    Some(day.map_or(Timestamp::FAR, Timestamp::from_civil))
}

fn refused(code: Code, at: Timestamp) -> RecordError {
    RecordError::Refused(Refusal { code, at })
}

/// About how many bytes a row holds in memory.
fn held(row: &Result<OptIn, RowError>) -> usize {
    let evidence = |e: &Evidence| match e {
        Evidence::Bytes { bytes, .. } => bytes.len(),
        Evidence::Reference { reference, .. } => reference.len(),
    };
    row.as_ref().map_or(0, |o| {
        let notice = o.notice.as_ref().map_or(0, |n| n.text.len() + n.version.len());
        256 + notice + o.evidence.iter().chain(&o.guardian).map(evidence).sum::<usize>()
    })
}

impl Optin106 {
    /// Keeps the text of a notice once.
    async fn keep_notice(&self, notice: Notice) -> Result<(), StoreError> {
        let hash = notice.hash();
        if self.inner.notices.lock().unwrap_or_else(PoisonError::into_inner).contains(&hash) {
            return Ok(());
        }
        self.store().put_notice(hash, notice.version, notice.text).await?;
        let mut known = self.inner.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(hash);
        Ok(())
    }
}

/// SHA-256 of what an artefact shows: of its bytes, or as told for something kept elsewhere.
fn digest(e: &Evidence) -> [u8; 32] {
    match e {
        Evidence::Bytes { bytes, .. } => Sha256::digest(bytes).into(),
        Evidence::Reference { sha256, .. } => *sha256,
    }
}

/// The sealed form of evidence: per artefact a head (guardian's, reference), kind, hash, content.
fn pack(evidence: &[Evidence], guardian: Option<&Evidence>) -> Vec<u8> {
    let mut out = Vec::new();
    let all = evidence.iter().map(|e| (e, false)).chain(guardian.map(|e| (e, true)));
    for (e, of_guardian) in all {
        let (kind, content, is_reference) = match e {
            Evidence::Bytes { kind, bytes } => (kind, bytes.as_slice(), false),
            Evidence::Reference { kind, reference, .. } => (kind, reference.as_bytes(), true),
        };
        out.push(u8::from(of_guardian) | u8::from(is_reference) << 1);
        let kind = &kind.as_bytes()[..kind.len().min(255)];
        out.push(kind.len() as u8);
        out.extend_from_slice(kind);
        out.extend_from_slice(&digest(e));
        out.extend_from_slice(&(content.len() as u32).to_be_bytes());
        out.extend_from_slice(content);
    }
    out
}

/// One artefact as kept.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Artefact {
    pub(super) of_guardian: bool,
    pub(super) is_reference: bool,
    pub(super) kind: String,
    pub(super) sha256: [u8; 32],
    pub(super) content: Vec<u8>,
}

/// Reads what [`pack`] wrote. `None` when it is something else.
pub(super) fn unpack(mut b: &[u8]) -> Option<Vec<Artefact>> {
    let mut all = Vec::new();
    while !b.is_empty() {
        let (head, rest) = b.split_first()?;
        let (len, rest) = rest.split_first()?;
        let (kind, rest) = rest.split_at_checked(usize::from(*len))?;
        let (sha256, rest) = rest.split_first_chunk::<32>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (content, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        all.push(Artefact {
            of_guardian: head & 1 != 0,
            is_reference: head & 2 != 0,
            kind: String::from_utf8_lossy(kind).into_owned(),
            sha256: *sha256,
            content: content.to_vec(),
        });
        b = rest;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_comes_back_as_it_was_packed() {
        let page = Evidence::reference("page", "checkout#sms", [7; 32]);
        let scan = Evidence::bytes("scan", *b"paper");
        let guardian = Evidence::bytes("guardian", *b"mother");
        let packed = pack(&[page, scan], Some(&guardian));
        let all = unpack(&packed).unwrap();
        assert_eq!(all.len(), 3);
        assert!(all[0].is_reference && all[0].content == b"checkout#sms" && all[0].sha256 == [7; 32]);
        assert!(!all[1].is_reference && all[1].content == b"paper");
        assert!(all[2].of_guardian && all[2].kind == "guardian");
        for cut in 1..packed.len() {
            // No prefix panics; most say that it is something else.
            let _ = unpack(&packed[..cut]);
        }
    }

    #[test]
    fn a_minor_is_one_until_eighteen_at_the_latest() {
        let at: Timestamp = "2026-02-28T10:00:00+08:00".parse().unwrap();
        assert_eq!(eighteen(at, 18), None);
        assert_eq!(eighteen(at, 16).unwrap(), "2028-02-28T10:00:00+08:00".parse().unwrap());
    }
}
