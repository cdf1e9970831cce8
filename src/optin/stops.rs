//! Refusals by any way, complaints, deletion. Recorded first, effective once nothing begun is still open.

use super::told::{Told, seal};
use super::{Optin106, ShopHandle};
use crate::clock::Timestamp;
use crate::consent::{Envelope, Purpose};
use crate::facts::{Event, OwnerKey, Scope, ShopKey};
use crate::id::{Rid, ShopId, hex};
use crate::phone::Phone;
use crate::store::{Change, Changed, Effect, EventRow, Lane, Load, Loaded, ShopRow, StoreError};
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use sha2::Digest;
use std::time::Duration;

pub use crate::ledger::FIRST_BYTE_WITHIN;

/// A drain ends at the latest this long after W.
const DRAIN_SLACK: Duration = Duration::from_secs(1);

/// How often a drain looks.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// Complaints and replies whose shop is not known reach every owner that sent within so many days.
pub(crate) const SENDERS_DAYS: u16 = 31;

/// A complaint is answered within so many days (R-COMP-1).
const ANSWER_DAYS: u16 = 15;

/// How far a refusal reaches.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum StopScope {
    /// Every owner in this store.
    Everyone,
    /// Every shop of the owner: what a refusal means unless the person says less.
    Owner,
    /// One purpose, in every shop of the owner.
    Purpose(Purpose),
}

impl StopScope {
    pub(super) fn of(self, owner: OwnerKey) -> Scope {
        match self {
            Self::Everyone => Scope::Everyone,
            Self::Owner => Scope::Owner(owner),
            Self::Purpose(p) => Scope::Purpose(owner, p),
        }
    }
}

/// The way a refusal came.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Via {
    /// A page or a switch in an account.
    Page,
    /// A regulator or carrier told.
    Regulator,
    /// A reply that a person read.
    Reply,
    /// A call or a letter.
    ServiceDesk,
}

impl Via {
    /// The stable name, such as `service_desk`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Regulator => "regulator",
            Self::Reply => "reply",
            Self::ServiceDesk => "service_desk",
        }
    }
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct OptOut {
    scope: StopScope,
    via: Via,
    at: Option<Timestamp>,
    envelope: Envelope,
}

impl OptOut {
    /// A refusal of this reach, come this way.
    pub fn new(scope: StopScope, via: Via) -> Self {
        Self { scope, via, at: None, envelope: Envelope::default() }
    }

    /// When the person refused; the moment of recording when not called, or when it lies after it.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Source, event id and actor.
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.envelope = envelope;
        self
    }
}

/// A refusal that is recorded: no send that it covers is begun any more, by anyone, ever.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// When it was recorded first, by the store's clock.
    pub recorded_at: Timestamp,
    /// Whether the same event was recorded before.
    pub repeated: bool,
    drain: Drain,
}

impl Stopped {
    /// Waits until no request that was begun before can still put a byte on the wire, and says when that was: mostly at
    /// once, at the latest [`FIRST_BYTE_WITHIN`] and a second after recording. Safe to drop; the stop stands.
    pub async fn effective(&self) -> Timestamp {
        self.drain.ended().await.max(self.recorded_at)
    }
}

#[derive(Clone, Debug)]
struct Drain {
    optin: Optin106,
    rid: Rid,
    /// Any when empty.
    owners: Vec<OwnerKey>,
    /// On this process's monotonic clock, not before the commit.
    committed: Duration,
}

impl Drain {
    async fn ended(&self) -> Timestamp {
        let clock = self.optin.clock();
        loop {
            // A store that cannot be asked is no proof that nothing is open.
            let open = self.optin.store().open_for(self.rid, self.owners.clone()).await.unwrap_or(true);
            let waited = clock.mono().saturating_sub(self.committed);
            if !open || waited >= FIRST_BYTE_WITHIN + DRAIN_SLACK {
                return clock.now();
            }
            clock.sleep(DRAIN_POLL.min((FIRST_BYTE_WITHIN + DRAIN_SLACK).saturating_sub(waited))).await;
        }
    }
}

/// A complaint: a stop, and a case that must be answered.
#[derive(Clone)]
pub struct Complaint {
    phone: Phone,
    shop: Option<ShopId>,
    channel: String,
    external_number: Option<String>,
    quoted_text: Option<String>,
    at: Option<Timestamp>,
    envelope: Envelope,
}

impl std::fmt::Debug for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Complaint({:?} by {})", self.shop, self.channel)
    }
}

impl Complaint {
    /// A complaint of `phone` that came by `channel` (`12321`, `carrier`, `platform`, `phone`, …).
    pub fn new(phone: Phone, channel: impl Into<String>) -> Self {
        Self {
            phone,
            shop: None,
            channel: channel.into(),
            external_number: None,
            quoted_text: None,
            at: None,
            envelope: Envelope::default(),
        }
    }

    /// The shop that it is about, where known. Otherwise it stops every owner that sent to the person within 31 days,
    /// and everyone when none did.
    #[must_use]
    pub fn shop(mut self, shop: ShopId) -> Self {
        self.shop = Some(shop);
        self
    }

    /// The number of the case at the authority or platform.
    #[must_use]
    pub fn external_number(mut self, number: impl Into<String>) -> Self {
        self.external_number = Some(number.into());
        self
    }

    /// What the person wrote or said; kept sealed.
    #[must_use]
    pub fn quoted_text(mut self, text: impl Into<String>) -> Self {
        self.quoted_text = Some(text.into());
        self
    }

    /// When it was made; the moment of recording when not called.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Source, event id and actor.
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.envelope = envelope;
        self
    }
}

/// A complaint as a case: answer it by `due`.
#[derive(Clone)]
pub struct Case {
    /// Order of recording.
    pub seq: i64,
    /// The person's pseudonym, 32 hexadecimal digits; the number is not kept with it.
    pub pseudonym: String,
    /// The shop, where known.
    pub shop: Option<ShopId>,
    /// How it came; `reply` for one that a reply was read as.
    pub channel: String,
    /// The number at the authority or platform.
    pub external_number: Option<String>,
    /// What the person wrote.
    pub quoted_text: Option<String>,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Answer it by then.
    pub due: Timestamp,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Case({} by {}, due {})", self.seq, self.channel, self.due)
    }
}

/// A person asks to be deleted (PIPL 47).
#[derive(Clone, Debug, Default)]
pub struct Erasure {
    at: Option<Timestamp>,
    envelope: Envelope,
}

impl Erasure {
    /// Asked now.
    pub fn new() -> Self {
        Self::default()
    }

    /// When the person asked; the moment of recording when not called.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Source, event id and actor.
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.envelope = envelope;
        self
    }
}

/// What a deletion did, and what law obliges to keep, sealed and unread, until when.
#[derive(Clone, Debug)]
pub struct Erased {
    /// When it was recorded first. Every consent given to this owner before has ended.
    pub recorded_at: Timestamp,
    /// Whether the same event was recorded before.
    pub repeated: bool,
    /// Sealed values destroyed now.
    pub destroyed: u64,
    /// [`Optin106::retain`] destroys the rest on or after this moment. Stops stay, as keyed tombstones (R-OPT-9).
    pub kept_until: Timestamp,
    drain: Drain,
}

impl Erased {
    /// As [`Stopped::effective`].
    pub async fn effective(&self) -> Timestamp {
        self.drain.ended().await.max(self.recorded_at)
    }
}

/// A stop to record, before it is known whom it reaches.
pub(crate) struct StopChange {
    pub(crate) rid: Rid,
    pub(crate) told: Told,
    pub(crate) kind: &'static str,
    pub(crate) shop: Option<ShopKey>,
    pub(crate) at: Option<Timestamp>,
    /// As far as known outside the transaction; the person's own sends, else everyone, when `None`.
    pub(crate) scopes: Option<Vec<Scope>>,
    pub(crate) detail: serde_json::Value,
    pub(crate) sealed: Option<Vec<u8>>,
}

impl StopChange {
    pub(crate) fn change(self) -> Change {
        let Self { rid, told, kind, shop, at, scopes, mut detail, sealed } = self;
        Change {
            rid,
            key: told.key,
            envelope: told.envelope,
            kind,
            shop,
            claimed: at,
            load: Load::Nothing,
            decide: Box::new(move |loaded| {
                // A teller's clock that runs ahead must not lock out consents of the years to come.
                let at = at.unwrap_or(loaded.now).min(loaded.now);
                let (scopes, why) = scopes.map_or_else(|| whoever_sent(loaded, at), |s| (s, "told"));
                detail["reach"] = why.into();
                let events = scopes.into_iter().map(|scope| Event::Stop { scope, at }).collect();
                Ok(Effect { events, detail, sealed })
            }),
        }
    }
}

/// Every owner that sent within 31 days; everyone when none did.
fn whoever_sent(loaded: &Loaded, at: Timestamp) -> (Vec<Scope>, &'static str) {
    let owners = loaded.person.senders_since(at.minus(days(SENDERS_DAYS)));
    if owners.is_empty() {
        return (vec![Scope::Everyone], "nobody_sent_in_31_days");
    }
    (owners.into_iter().map(Scope::Owner).collect(), "sent_in_31_days")
}

pub(crate) fn days(n: u16) -> Duration {
    Duration::from_secs(u64::from(n) * 86_400)
}

impl ShopHandle {
    /// Records a refusal. It is durable when this returns; [`Stopped::effective`] says when it was effective.
    ///
    /// # Errors
    /// The store's; call again then, a repeat is harmless.
    pub async fn opt_out(&self, phone: Phone, opt_out: OptOut) -> Result<Stopped, StoreError> {
        let shop = self.current().await?;
        self.optin().stop(phone, Some(&shop), opt_out).await
    }

    /// Records a complaint about this shop: see [`Optin106::complaint`].
    ///
    /// # Errors
    /// The store's.
    pub async fn complaint(&self, complaint: Complaint) -> Result<Stopped, StoreError> {
        self.optin().complaint(complaint.shop(self.id().clone())).await
    }

    /// Records that the person asked this owner to delete their data: consents to all its shops end, an opt-in dated
    /// before is refused, stops stay. What may be destroyed now is.
    ///
    /// # Errors
    /// The store's; call again then, a repeat is harmless.
    pub async fn erase(&self, phone: Phone, erasure: Erasure) -> Result<Erased, StoreError> {
        let shop = self.current().await?;
        let optin = self.optin();
        let rid = optin.store().keyring().rid(phone);
        let Erasure { at, envelope } = erasure;
        let asked = at.unwrap_or(optin.clock().now());
        let told = Told::new(envelope, "erase", Some(shop.key), |h| h.update(asked.millis().to_be_bytes()));
        let (owner, shops) = (shop.owner, shop.siblings.clone());
        let change = Change {
            rid,
            key: told.key,
            envelope: told.envelope,
            kind: "erase",
            shop: Some(shop.key),
            claimed: at,
            load: Load::Shops(shop.siblings.clone()),
            decide: Box::new(move |loaded| {
                let at = at.unwrap_or(loaded.now).min(loaded.now);
                Ok(Effect { events: vec![Event::Erase { owner, shops, at }], ..Effect::default() })
            }),
        };
        let (recorded_at, repeated) = optin.record_stop(change).await?;
        let committed = optin.clock().mono();
        let kept = days(super::retention::CONSENT_DAYS);
        let destroyed = optin.store().destroy(rid, shop.siblings.clone(), recorded_at.minus(kept)).await?;
        let drain = Drain { optin: optin.clone(), rid, owners: shop.owners, committed };
        Ok(Erased { recorded_at, repeated, destroyed, kept_until: recorded_at.plus(kept), drain })
    }
}

impl Optin106 {
    /// Records that a person wants nothing from anyone in this store, whatever scope `opt_out` names.
    ///
    /// # Errors
    /// The store's; call again then, a repeat is harmless.
    pub async fn opt_out_everyone(&self, phone: Phone, opt_out: OptOut) -> Result<Stopped, StoreError> {
        self.stop(phone, None, OptOut { scope: StopScope::Everyone, ..opt_out }).await
    }

    async fn stop(&self, phone: Phone, shop: Option<&ShopRow>, opt_out: OptOut) -> Result<Stopped, StoreError> {
        let OptOut { scope, via, at, envelope } = opt_out;
        let key = shop.map(|s| s.key);
        let scope = scope.of(shop.map_or(OwnerKey(0), |s| s.owner));
        let when = at.unwrap_or(self.clock().now());
        let told = Told::new(envelope, "opt_out", key, |h| {
            h.update(when.millis().to_be_bytes());
            h.update(format!("{scope:?} {}", via.as_str()));
        });
        let stop = StopChange {
            rid: self.store().keyring().rid(phone),
            told,
            kind: "opt_out",
            shop: key,
            at,
            scopes: Some(vec![scope]),
            detail: json!({ "via": via.as_str() }),
            sealed: None,
        };
        let owners = match scope {
            Scope::Everyone => Vec::new(),
            Scope::Owner(_) | Scope::Purpose(..) => shop.map_or_else(Vec::new, |s| s.owners.clone()),
        };
        self.stop_and_drain(stop, owners).await
    }

    /// Records a complaint: a stop (of the shop's owner; of every owner that sent within 31 days when the shop is not
    /// known; of everyone when none did) and a [`Case`] to answer within 15 days. An unknown shop counts as not known.
    ///
    /// # Errors
    /// The store's; call again then, a repeat is harmless.
    pub async fn complaint(&self, complaint: Complaint) -> Result<Stopped, StoreError> {
        let Complaint { phone, shop, channel, external_number, quoted_text, at, envelope } = complaint;
        let shop = match &shop {
            Some(id) => self.store().shop(id).await?,
            None => None,
        };
        let key = shop.as_ref().map(|s| s.key);
        let when = at.unwrap_or(self.clock().now());
        let told = Told::new(envelope, COMPLAINT, key, |h| {
            h.update(when.millis().to_be_bytes());
            for part in [Some(&channel), external_number.as_ref(), quoted_text.as_ref()] {
                h.update(part.map_or("", String::as_str));
                h.update([0]);
            }
        });
        let rid = self.store().keyring().rid(phone);
        let sealed = self.seal_case(rid, told.key, external_number.as_deref(), quoted_text.as_deref());
        let stop = StopChange {
            rid,
            told,
            kind: COMPLAINT,
            shop: key,
            at,
            scopes: shop.as_ref().map(|s| vec![Scope::Owner(s.owner)]),
            detail: case_detail(&channel, when),
            sealed: Some(sealed),
        };
        self.stop_and_drain(stop, shop.map_or_else(Vec::new, |s| s.owners)).await
    }

    pub(crate) fn seal_case(&self, rid: Rid, key: u64, external: Option<&str>, text: Option<&str>) -> Vec<u8> {
        let plain = json!({ "external": external, "text": text.map(quoted) });
        seal(self.store().keyring(), rid, key, plain.to_string().as_bytes())
    }

    async fn stop_and_drain(&self, stop: StopChange, owners: Vec<OwnerKey>) -> Result<Stopped, StoreError> {
        let rid = stop.rid;
        let (recorded_at, repeated) = self.record_stop(stop.change()).await?;
        let committed = self.clock().mono();
        let drain = Drain { optin: self.clone(), rid, owners, committed };
        Ok(Stopped { recorded_at, repeated, drain })
    }

    async fn record_stop(&self, change: Change) -> Result<(Timestamp, bool), StoreError> {
        match self.change_one(Lane::Urgent, change).await? {
            Changed::Recorded { at } => Ok((at, false)),
            Changed::Repeated { at } => Ok((at, true)),
            // Nothing refuses a stop; a store that does is broken.
            Changed::Refused(_) => Err(StoreError::Corrupt(None)),
        }
    }

    /// Every complaint, oldest first.
    pub fn cases(&self) -> impl Stream<Item = Result<Case, StoreError>> + '_ {
        const PAGE: usize = 500;
        stream::try_unfold(Some(-1i64), move |after| async move {
            let Some(after) = after else { return Ok(None) };
            let rows = self.store().events_of(COMPLAINT, after, PAGE).await?;
            let next = rows.last().map(|r| r.seq).filter(|_| rows.len() == PAGE);
            let mut cases = Vec::with_capacity(rows.len());
            for row in &rows {
                cases.push(Ok(self.case(row).await?));
            }
            Ok::<_, StoreError>((!cases.is_empty()).then(|| (stream::iter(cases), next)))
        })
        .try_flatten()
        .boxed()
    }

    async fn case(&self, row: &EventRow) -> Result<Case, StoreError> {
        let shop = match row.shop {
            Some(key) => self.store().shop_by_key(key).await?.map(|s| s.id),
            None => None,
        };
        let sealed = super::told::open_sealed(self.store().keyring(), row);
        let sealed: serde_json::Value = sealed.and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        let text = |v: &serde_json::Value| v.as_str().map(str::to_owned);
        let due = row.detail["due"].as_str().and_then(|s| s.parse().ok());
        Ok(Case {
            seq: row.seq,
            pseudonym: hex(row.rid.as_bytes()),
            shop,
            channel: row.detail["channel"].as_str().unwrap_or_default().to_owned(),
            external_number: text(&sealed["external"]),
            quoted_text: text(&sealed["text"]),
            made_at: row.claimed,
            recorded_at: row.recorded,
            due: due.unwrap_or_else(|| row.claimed.plus_days(ANSWER_DAYS)),
        })
    }
}

/// The kind of every event that is a case.
pub(crate) const COMPLAINT: &str = "complaint";

/// What a case keeps readable.
pub(crate) fn case_detail(channel: &str, made: Timestamp) -> serde_json::Value {
    let channel: String = channel.chars().take(64).collect();
    json!({ "channel": channel, "due": made.plus_days(ANSWER_DAYS) })
}

/// A reply or quotation is kept up to 4,000 characters.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().take(4_000).collect()
}
