//! Rows and transactions. A store does not know why a row is allowed: where a decision is needed it is handed a pure
//! function that makes it, inside the transaction, on facts read under the write of the person's row.

#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

use crate::clock::{Clock, Timestamp};
use crate::entry::{RequestState, State};
use crate::facts::{Event, Facts, Grant, OwnerKey, Person, ShopKey};
use crate::gate::{Clearance, Decision};
use crate::id::{AccountId, CampaignName, Extension, OwnerId, Reference, Rid, ShopId};
use crate::keyring::Keyring;
use crate::policy::law::Code;
use std::fmt;
use std::sync::Arc;

/// Why a store call changed nothing, or may have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The answer to COMMIT was lost: the change may or may not be there. Never taken for success.
    #[error("the store's answer to COMMIT was lost; repeat the call: repeating is harmless")]
    Ambiguous,
    /// Another process held the database for too long.
    #[error("the database is busy; try again, or look for a process that holds it")]
    Busy,
    /// The clock is behind the time at which this store last wrote.
    #[error("the clock stands {behind_ms} ms before the last recorded moment; set the clock, then try again")]
    ClockBehind {
        /// By how much.
        behind_ms: i64,
    },
    /// The store stopped after a fault of the disk or the file; see the first error.
    #[error("the store is closed after a fault; open it again once the cause is removed")]
    Closed,
    /// Another campaign of that shop has this name and other content.
    #[error("a campaign of that name exists with other content; choose another name")]
    Conflict,
    /// A stored value is not what was written.
    #[error("the database is damaged; stop, and restore it from a backup")]
    Corrupt(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The disk is full.
    #[error("the disk is full; make room, then open the store again")]
    Full,
    /// The database belongs to another index key.
    #[error("this keyring is not the one that the database was made with; open it with its own key file")]
    KeyMismatch,
    /// The shard is now another worker's.
    #[error("the lease was lost to another worker; nothing was begun")]
    LostLease,
    /// The file was written by a newer version of this crate.
    #[error("the database has schema {found}, this version reads up to {known}; upgrade optin106")]
    NewerSchema {
        /// In the file.
        found: i64,
        /// In this version.
        known: i64,
    },
    /// The file or its folder cannot be opened for writing.
    #[error("the database cannot be opened for writing; check the path, the rights and the disk")]
    Open(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The bundled engine is older than the first one that is safe with several processes.
    #[error(
        "SQLite {found} is older than 3.51.3 and may corrupt a database shared by processes; build with the bundled one"
    )]
    UnsafeEngine {
        /// Its version.
        found: String,
    },
    /// Anything else that the engine said.
    #[error("the database refused a statement")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A shop, owner, account or campaign is not registered.
    #[error("no such {what} is registered")]
    Unknown {
        /// Which kind of thing.
        what: &'static str,
    },
}

impl StoreError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ambiguous => "store_ambiguous",
            Self::Busy => "store_busy",
            Self::ClockBehind { .. } => "clock_behind",
            Self::Closed => "store_closed",
            Self::Conflict => "campaign_conflict",
            Self::Corrupt(_) => "store_corrupt",
            Self::Full => "disk_full",
            Self::KeyMismatch => "key_mismatch",
            Self::LostLease => "lease_lost",
            Self::NewerSchema { .. } => "schema_newer",
            Self::Open(_) => "store_open",
            Self::UnsafeEngine { .. } => "engine_unsafe",
            Self::Backend(_) => "store_backend",
            Self::Unknown { .. } => "not_registered",
        }
    }
}

impl From<crate::facts::DecodeError> for StoreError {
    fn from(e: crate::facts::DecodeError) -> Self {
        Self::Corrupt(Some(Box::new(e)))
    }
}

impl From<crate::keyring::Unsealable> for StoreError {
    fn from(e: crate::keyring::Unsealable) -> Self {
        Self::Corrupt(Some(Box::new(e)))
    }
}

/// What a store call gives.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A registered shop, its owner and everything that shares the owner's stops.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShopRow {
    /// The store's number of the shop.
    pub key: ShopKey,
    /// The shop's id.
    pub id: ShopId,
    /// The owner, after merges.
    pub owner: OwnerKey,
    /// The owner's id.
    pub owner_id: OwnerId,
    /// The owner and all that were merged into it.
    pub owners: Vec<OwnerKey>,
    /// Every shop of these owners.
    pub siblings: Vec<ShopKey>,
    /// Public settings, as JSON.
    pub settings: String,
}

/// A registered account. Secrets are never stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountRow {
    /// The account's id.
    pub id: AccountId,
    /// Public settings, as JSON.
    pub settings: String,
    /// At most so many numbers a second over all workers; 0 is no limit.
    pub pace: u32,
    /// Held by a person or by a verdict, with the reason.
    pub hold: Option<String>,
    /// No begin before this moment.
    pub rest_until: Timestamp,
}

/// A sub-port extension of an account, and the shop that has it or had it last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExtensionRow {
    /// Of which account.
    pub account: AccountId,
    /// The digits.
    pub extension: Extension,
    /// Whose.
    pub shop: ShopKey,
    /// When it came to this shop; giving up and taking again leaves it.
    pub since: Timestamp,
    /// When it was assigned last: a shop with several sends from the latest.
    pub assigned: Timestamp,
    /// When it was given up, or was last sent from after that, as far as known; `None` while the shop has it.
    pub idle_since: Option<Timestamp>,
}

/// Who wants an extension.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExtensionAsk {
    /// Of which account.
    pub account: AccountId,
    /// Which.
    pub extension: Extension,
    /// For which shop.
    pub shop: ShopKey,
    /// How long it must have been idle before another shop gets it.
    pub rest: std::time::Duration,
}

/// What became of an [`ExtensionAsk`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Assignment {
    /// The shop has it, from now or from before.
    Given(ExtensionRow),
    /// Another shop has it.
    Held,
    /// Another shop had it.
    Resting {
        /// From when it may be given.
        until: Timestamp,
    },
}

/// What a hold is put on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// An account.
    Account(AccountId),
    /// One campaign.
    Campaign(CampaignKey),
    /// All shops of an owner.
    Owner(OwnerKey),
    /// One shop.
    Shop(ShopKey),
    /// Everything in this store.
    Store,
}

/// The store's own number of a campaign.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CampaignKey(pub i64);

/// Which queue a write stands in: stops overtake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lane {
    /// Imports, plans, begins, settles.
    Normal,
    /// Stops, complaints, holds.
    Urgent,
}

/// Which consents a change needs to see.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Load {
    /// None.
    Nothing,
    /// Those of these shops.
    Shops(Vec<ShopKey>),
}

/// A person as loaded under the write.
#[derive(Debug)]
pub struct Loaded {
    /// The facts over all shops.
    pub person: Person,
    /// The consents of the shops that were asked for.
    pub grants: Vec<(ShopKey, Vec<Grant>)>,
    /// The moment of the transaction, by the store's clock.
    pub now: Timestamp,
}

/// What a change does to a person.
#[derive(Debug, Default)]
pub struct Effect {
    /// Folded in order.
    pub events: Vec<Event>,
    /// What else is worth keeping, as JSON without personal data.
    pub detail: serde_json::Value,
    /// Sealed evidence, quoted text and the like.
    pub sealed: Option<Vec<u8>>,
}

/// Decides a change on the facts; an error code records nothing.
pub type Decide = Box<dyn FnOnce(&Loaded) -> std::result::Result<Effect, Code> + Send>;

/// One event to record for one person.
pub struct Change {
    /// Who.
    pub rid: Rid,
    /// Eight bytes of SHA-256 over (source, event id): unique per person.
    pub key: u64,
    /// Source, event id and actor.
    pub envelope: crate::consent::Envelope,
    /// What kind of event, such as `opt_in`.
    pub kind: &'static str,
    /// The shop it belongs to.
    pub shop: Option<ShopKey>,
    /// When it happened, by the teller; the moment of recording when `None`.
    pub claimed: Option<Timestamp>,
    /// Which consents `decide` needs.
    pub load: Load,
    /// The pure decision.
    pub decide: Decide,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change({}, {:?})", self.kind, self.rid)
    }
}

/// Eight bytes of SHA-256 over (source, event id): the key of an event among those of one person.
pub fn event_key(source: &str, event_id: &str) -> u64 {
    use sha2::Digest;
    let mut hash = sha2::Sha256::new();
    hash.update(source.as_bytes());
    hash.update([0]);
    hash.update(event_id.as_bytes());
    hash.finalize().iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b))
}

/// What became of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Changed {
    /// Recorded now.
    Recorded {
        /// When, by the store's clock.
        at: Timestamp,
    },
    /// The same (source, event id) was recorded before; nothing changed.
    Repeated {
        /// When it was recorded first.
        at: Timestamp,
    },
    /// Not recorded, by code.
    Refused(Code),
}

/// One event as kept.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Whose.
    pub rid: Rid,
    /// Order of recording over the whole store.
    pub seq: i64,
    /// What kind.
    pub kind: String,
    /// The shop.
    pub shop: Option<ShopKey>,
    /// When it happened, by the teller.
    pub claimed: Timestamp,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// Who told it.
    pub source: String,
    /// The teller's id.
    pub event_id: String,
    /// Who acted.
    pub actor: String,
    /// What was folded.
    pub events: Vec<Event>,
    /// The rest.
    pub detail: serde_json::Value,
    /// Sealed bytes; open with [`Keyring::open`] and [`event_place`].
    pub sealed: Option<Vec<u8>>,
}

/// Where an event's sealed bytes live.
pub fn event_place(row: &[u8; 24]) -> crate::keyring::Place<'_> {
    crate::keyring::Place { column: "event.sealed", row }
}

/// The row key of an event: recipient id and event key.
pub fn event_row(rid: Rid, key: u64) -> [u8; 24] {
    let mut row = [0; 24];
    row[..16].copy_from_slice(rid.as_bytes());
    row[16..].copy_from_slice(&key.to_be_bytes());
    row
}

/// Whether a campaign can run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Rows are being written; a plan that was cut is discarded.
    Planning,
    /// Planned, perhaps begun.
    Ready,
    /// Stopped by the merchant; can be resumed.
    Paused,
    /// Stopped for good; planned rows are expired.
    Cancelled,
}

/// A campaign as kept.
#[derive(Clone, Debug)]
pub struct CampaignRow {
    /// The store's number.
    pub key: CampaignKey,
    /// Whose.
    pub shop: ShopKey,
    /// Its name within the shop.
    pub name: CampaignName,
    /// Whether it can run.
    pub phase: Phase,
    /// The specification, sealed.
    pub spec: Vec<u8>,
    /// SHA-256 of specification and audience.
    pub content: [u8; 32],
    /// Entries of the audience, good or bad.
    pub entries: u64,
    /// Rows, one per person.
    pub rows: u64,
    /// Ten-thousandths of a yuan reserved by begun rows.
    pub spent: u64,
    /// When it was created.
    pub created: Timestamp,
}

/// One person's row, as planned.
#[derive(Clone)]
pub struct PlanRow {
    /// Who.
    pub rid: Rid,
    /// Zero-based position in the audience.
    pub position: u64,
    /// Line in the file.
    pub line: Option<u64>,
    /// Which text.
    pub variant: u8,
    /// Billed parts of that text.
    pub parts: u8,
    /// Number, parameters and caller's reference, sealed.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for PlanRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlanRow({:?})", self.rid)
    }
}

/// Where a row's sealed number lives.
pub fn message_row(campaign: CampaignKey, rid: Rid) -> [u8; 24] {
    let mut row = [0; 24];
    row[..8].copy_from_slice(&campaign.0.to_be_bytes());
    row[8..].copy_from_slice(rid.as_bytes());
    row
}

/// The place of [`message_row`].
pub fn message_place(row: &[u8; 24]) -> crate::keyring::Place<'_> {
    crate::keyring::Place { column: "message.sealed", row }
}

/// An entry of the audience that became no row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefusedEntry {
    /// Zero-based position.
    pub position: u64,
    /// Line in the file.
    pub line: Option<u64>,
    /// Column in the file, from 1.
    pub column: Option<u32>,
    /// Why.
    pub code: Code,
    /// The finer reason, such as `privacy_number`.
    pub detail: String,
}

/// The right to one of an account's connections to its carrier.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Whose.
    pub account: AccountId,
    /// Which, counted from 0.
    pub place: u16,
    /// By whom it was taken.
    pub holder: Reference,
}

/// The right to begin rows of one shard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Which campaign.
    pub campaign: CampaignKey,
    /// Which of its shards.
    pub shard: u16,
    /// Of how many.
    pub shards: u16,
    /// Raised at every take-over.
    pub epoch: i64,
}

impl Lease {
    /// The first recipient id of the shard, and the first after it (`None` at the end).
    pub fn range(&self) -> (Rid, Option<Rid>) {
        let bound = |i: u16| {
            let high = ((u128::from(i)) << 64) / u128::from(self.shards.max(1));
            let mut b = [0; 16];
            b[..8].copy_from_slice(&(high as u64).to_be_bytes());
            Rid(b)
        };
        (bound(self.shard), (self.shard + 1 < self.shards).then(|| bound(self.shard + 1)))
    }
}

/// What to begin.
pub struct BeginAsk {
    /// The right to.
    pub lease: Lease,
    /// Through which account.
    pub account: AccountId,
    /// Rows before this id are left for the next pass.
    pub from: Rid,
    /// At most so many rows.
    pub limit: usize,
    /// At most so many numbers in one request.
    pub per_request: usize,
    /// At most so many calls of the account under way, over all workers of the store; 0 is no limit.
    pub concurrency: u32,
    /// At most so many calls of the account begun a second, over all workers of the store; 0 is no limit.
    pub calls_per_second: u32,
    /// 0 where the account's pace counts numbers. Where it counts segments: so many are expected of a number, and those of
    /// its row are counted.
    pub pace_each: u16,
    /// Budget of the campaign in ten-thousandths of a yuan; `None` is unlimited.
    pub budget: Option<u64>,
    /// Price of one part, in ten-thousandths of a yuan.
    pub price: u32,
    /// How long a begun request may wait for its first byte.
    pub first_byte_within: std::time::Duration,
    /// Who the sends are charged to.
    pub owner: OwnerKey,
    /// The owner and all that were merged into it, ascending, as the gate was told; a begin with others is held.
    pub owners: Vec<OwnerKey>,
    /// The setting `policy` that the gate was told; a begin under another is held.
    pub policy_setting: Option<String>,
    /// The campaign's shop.
    pub shop: ShopKey,
    /// Hash of the rendition per variant.
    pub renditions: Vec<[u8; 32]>,
    /// Hash of the policy in force.
    pub policy: [u8; 32],
    /// Days that charges are kept for.
    pub horizon: u16,
    /// A reference per request that may be made.
    pub references: Vec<Reference>,
    /// The pure gate.
    pub judge: Arc<JudgeFn>,
    /// Which rows may go through this account; `None` is all. What may not stays planned, for another account.
    pub carries: Option<Arc<CarriesFn>>,
}

impl fmt::Debug for BeginAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BeginAsk({:?}, at most {})", self.lease, self.limit)
    }
}

/// Decides one row on the facts read under its person's write.
pub type JudgeFn = dyn Fn(&Facts<'_>, Timestamp) -> Decision + Send + Sync;

/// Whether a row may go through the account that is asked for, by its id and what it seals. Quick, and without side effects.
pub type CarriesFn = dyn Fn(Rid, &[u8]) -> Result<bool> + Send + Sync;

/// What a begin did.
#[derive(Debug)]
pub enum Begun {
    /// Rows were looked at.
    Rows(BegunRows),
    /// A hold stands; nothing was begun.
    Held {
        /// On what.
        on: &'static str,
        /// Why.
        reason: String,
    },
    /// The account rests, its pace is used up, or its calls under way are as many as may be; nothing was begun.
    Wait {
        /// Whether it is well, and only its pace is used up.
        paced: bool,
        /// Until then.
        until: Timestamp,
    },
}

/// The rows that a begin recorded.
#[derive(Debug)]
pub struct BegunRows {
    /// The moment of the transaction.
    pub now: Timestamp,
    /// The requests to send.
    pub requests: Vec<BegunRequest>,
    /// Rows refused, by code.
    pub refused: Vec<(Code, u64)>,
    /// Rows put off.
    pub later: u64,
    /// Rows left planned, because they may not go through this account.
    pub left: u64,
    /// Where the next begin goes on; `None` when the shard's end was reached.
    pub next: Option<Rid>,
    /// The budget did not suffice for the next row.
    pub budget_exhausted: bool,
}

/// A request recorded as begun.
#[derive(Debug)]
pub struct BegunRequest {
    /// The store's number.
    pub key: i64,
    /// Our reference.
    pub reference: Reference,
    /// Which text.
    pub variant: u8,
    /// Its rows.
    pub rows: Vec<BegunRow>,
}

/// A row recorded as begun.
pub struct BegunRow {
    /// Who.
    pub rid: Rid,
    /// Number and parameters, sealed.
    pub sealed: Vec<u8>,
    /// What the gate said.
    pub clearance: Clearance,
}

impl fmt::Debug for BegunRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BegunRow({:?})", self.rid)
    }
}

/// What became of a begun request, to be recorded.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which request.
    pub key: i64,
    /// Its reference.
    pub reference: Reference,
    /// Its people, in the order of the verdicts.
    pub rids: Vec<Rid>,
    /// What the platform's answer proves.
    pub answer: crate::provider::Answer,
    /// Whether one person-side code for many may be split.
    pub all_or_nothing: bool,
    /// Whether each person has a text of their own: then one content code for many blames nobody either.
    pub personal: bool,
    /// When an accepted row without a report ends.
    pub report_due: Timestamp,
    /// When an unknown one is asked about first; `None` when it cannot be.
    pub lookup_at: Option<Timestamp>,
    /// What a hold says that a verdict puts on the account.
    pub hold: Option<String>,
}

/// What a settle did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settled {
    /// Rows accepted.
    pub accepted: u64,
    /// Rows ended as failed.
    pub failed: u64,
    /// Rows back to planned.
    pub back: u64,
    /// Rows in doubt.
    pub unknown: u64,
    /// Stops recorded.
    pub stops: u64,
}

/// A row as read for funnel, report, find.
pub struct ScanRow {
    /// Who.
    pub rid: Rid,
    /// Position in the audience.
    pub position: u64,
    /// Line in the file.
    pub line: Option<u64>,
    /// Which text.
    pub variant: u8,
    /// Billed parts.
    pub parts: u8,
    /// What became of it.
    pub state: State,
    /// Refusal code, provider code or report code.
    pub code: String,
    /// Number, parameters, caller's reference; sealed.
    pub sealed: Vec<u8>,
    /// When begun.
    pub begun: Option<Timestamp>,
    /// When settled.
    pub settled: Option<Timestamp>,
    /// Through which account.
    pub account: Option<AccountId>,
    /// The platform's id.
    pub provider_id: Option<String>,
    /// Our reference.
    pub reference: Option<Reference>,
    /// Price in ten-thousandths of a yuan, once begun.
    pub price: u32,
    /// The consent event that it rests on.
    pub grant: Option<u64>,
    /// The person's facts and this shop's consents, when asked for.
    pub facts: Option<(Person, Vec<Grant>)>,
}

impl fmt::Debug for ScanRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScanRow({:?}, {:?})", self.rid, self.state)
    }
}

/// One line of a campaign's count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tally {
    /// State.
    pub state: State,
    /// Code, for those states that have one.
    pub code: String,
    /// Which text.
    pub variant: u8,
    /// Through which account.
    pub account: Option<AccountId>,
    /// How many rows.
    pub rows: u64,
    /// Billed parts of these rows.
    pub parts: u64,
    /// Their price in ten-thousandths of a yuan.
    pub cost: u64,
}

/// An unknown request that is due to be asked about.
#[derive(Debug)]
pub struct UnknownRequest {
    /// The store's number.
    pub key: i64,
    /// Its campaign.
    pub campaign: CampaignKey,
    /// Our reference.
    pub reference: Reference,
    /// Through which account.
    pub account: AccountId,
    /// When begun.
    pub begun: Timestamp,
    /// How often it was asked about.
    pub asked: u32,
    /// Its rows in doubt, sealed.
    pub rows: Vec<(Rid, Vec<u8>, u8)>,
}

/// How a doubt was ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resolution {
    /// Taken by the platform.
    Accepted {
        /// The platform's id, if known.
        id: Option<String>,
        /// Without a report until then it ends as `no_report`.
        report_due: Timestamp,
    },
    /// Proven not taken: the charge is given back and the row may be sent again while the campaign runs.
    Absent,
    /// Ask again then.
    AskAgain {
        /// When.
        at: Timestamp,
    },
    /// No more questions; a person must resolve it.
    Unresolved,
    /// A person says that it was not taken and must not be sent again.
    Failed,
}

/// A delivery report to be joined to its row.
#[derive(Clone, Debug)]
pub struct ReportAsk {
    /// Who told it; with `event_id` unique.
    pub source: String,
    /// The teller's id.
    pub event_id: String,
    /// Whose handset.
    pub rid: Rid,
    /// Through which account.
    pub account: Option<AccountId>,
    /// The platform's id.
    pub provider_id: Option<String>,
    /// Our reference.
    pub reference: Option<Reference>,
    /// The code as it came.
    pub code: String,
    /// Whether it says delivered (true), not delivered (false) or nothing final.
    pub delivered: Option<bool>,
    /// When.
    pub at: Timestamp,
    /// Whether our own word is enough to wait for a row that is not there yet.
    pub wait: bool,
}

/// Which row a report belongs to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Joined {
    /// Whose shop, where the row is known.
    pub shop: Option<ShopKey>,
    /// Which campaign.
    pub campaign: Option<CampaignKey>,
    /// The request, where the report is on one of several segments of its message.
    pub in_segments: Option<i64>,
    /// Whether it was recorded before.
    pub repeated: bool,
    /// Whether it waits for the answer of its request.
    pub waiting: bool,
}

/// A worker's own number and journal, as recovery needs them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recovered {
    /// Requests proven never started: their rows are planned again.
    pub lapsed: u64,
    /// Requests in doubt.
    pub unknown: u64,
    /// Leases taken from dead workers.
    pub leases: u64,
}

/// Rows, transactions, leases and the send journal of one database.
///
/// # Contract
/// Each method is one transaction (or a read of one moment). An `Err` other than [`StoreError::Ambiguous`] changed
/// nothing. Every transaction that begins a send to, or changes consent or stops of, a person writes that person's row
/// first. Calls are safe to drop at any await.
///
/// # Guarantee
/// What a method returned `Ok` for survives death of the process and loss of power.
#[async_trait::async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// The keys of this store.
    fn keyring(&self) -> &Arc<Keyring>;

    /// The clock of this store.
    fn clock(&self) -> &Arc<dyn Clock>;

    /// Writes or updates a shop; a shop never changes its owner.
    async fn put_shop(&self, id: &ShopId, owner: &OwnerId, settings: String) -> Result<ShopRow>;

    /// Reads a shop by id.
    async fn shop(&self, id: &ShopId) -> Result<Option<ShopRow>>;

    /// Reads a shop by number.
    async fn shop_by_key(&self, key: ShopKey) -> Result<Option<ShopRow>>;

    /// Every shop.
    async fn shops(&self) -> Result<Vec<ShopRow>>;

    /// Makes two owners one, for ever.
    async fn merge_owners(&self, from: &OwnerId, into: &OwnerId) -> Result<()>;

    /// Writes or updates an account's public settings and pace; hold and rest are left as they are.
    async fn put_account(&self, id: &AccountId, settings: String, pace: u32) -> Result<AccountRow>;

    /// Reads an account.
    async fn account(&self, id: &AccountId) -> Result<Option<AccountRow>>;

    /// Gives an extension to a shop, unless another has it or its rest is not over. The same shop gets it again at once.
    async fn assign_extension(&self, ask: ExtensionAsk) -> Result<Assignment>;

    /// Takes an extension back from a shop; the first time counts. `None`, and no change, when it is not that shop's.
    async fn release_extension(
        &self,
        account: &AccountId,
        extension: &Extension,
        shop: ShopKey,
    ) -> Result<Option<ExtensionRow>>;

    /// Reads an extension of an account; `None` when no shop ever had it.
    async fn extension(&self, account: &AccountId, extension: &Extension) -> Result<Option<ExtensionRow>>;

    /// Extensions that a shop has, or was the last to have, by account and digits.
    async fn extensions(&self, shop: ShopKey) -> Result<Vec<ExtensionRow>>;

    /// Takes one of the `of` connections that a carrier allows an account; `None` while others hold them all. It is held
    /// for 15 s, and longer when it is [kept](Self::keep_place). A repeat with the same `holder`, which is drawn by chance,
    /// gives the same place. The account need not be registered.
    async fn take_place(&self, account: &AccountId, of: u16, holder: Reference) -> Result<Option<Place>>;

    /// Holds a place for another 15 s. `false`, and no change, when it was left, or its time is over.
    async fn keep_place(&self, place: &Place) -> Result<bool>;

    /// Leaves a place to others; no change when it is another's by now.
    async fn leave_place(&self, place: &Place) -> Result<()>;

    /// Puts a hold on something, or lifts it.
    async fn set_hold(&self, on: Subject, reason: Option<String>) -> Result<()>;

    /// Reads a small setting of the store.
    async fn setting(&self, name: &'static str) -> Result<Option<String>>;

    /// Writes a small setting of the store.
    async fn put_setting(&self, name: &'static str, value: String) -> Result<()>;

    /// Keeps the text of a notice once, by its SHA-256.
    async fn put_notice(&self, hash: [u8; 32], version: String, text: String) -> Result<()>;

    /// Reads a notice: version and text.
    async fn notice(&self, hash: [u8; 32]) -> Result<Option<(String, String)>>;

    /// Records changes, each in its order, all in one transaction; one answer per change.
    async fn change(&self, lane: Lane, changes: Vec<Change>) -> Result<Vec<Changed>>;

    /// Reads a person with the consents of `shops` (of every shop when empty). `None` when nothing was ever recorded.
    async fn person(&self, rid: Rid, shops: Vec<ShopKey>) -> Result<Option<Loaded>>;

    /// Reads a person's events in order of recording.
    async fn events(&self, rid: Rid) -> Result<Vec<EventRow>>;

    /// Reads events of one kind, oldest first, after `seq`.
    async fn events_of(&self, kind: &'static str, after: i64, limit: usize) -> Result<Vec<EventRow>>;

    /// Recipients that have a stop, after `after`, in order of id: for export.
    async fn stopped_after(&self, after: Option<Rid>, limit: usize) -> Result<Vec<(Rid, Person)>>;

    /// Recomputes every person and consent from events and begun rows; how many rows differed.
    async fn rebuild(&self) -> Result<u64>;

    /// A person's sends that count, from begun rows: (owner, begun at), oldest first.
    async fn sends_of(&self, rid: Rid) -> Result<Vec<(OwnerKey, Timestamp)>>;

    /// Opens a campaign for planning. One in `planning` is emptied; one that is further is returned as it is.
    async fn open_campaign(&self, shop: ShopKey, name: &CampaignName, spec: Vec<u8>) -> Result<CampaignRow>;

    /// Reads a campaign.
    async fn campaign(&self, shop: ShopKey, name: &CampaignName) -> Result<Option<CampaignRow>>;

    /// Reads a campaign by number.
    async fn campaign_by_key(&self, key: CampaignKey) -> Result<Option<CampaignRow>>;

    /// Writes planned rows, in ascending order of recipient id, and refused entries.
    async fn plan(&self, campaign: CampaignKey, rows: Vec<PlanRow>, refused: Vec<RefusedEntry>) -> Result<()>;

    /// Ends planning.
    async fn plan_ready(&self, campaign: CampaignKey, content: [u8; 32], entries: u64) -> Result<CampaignRow>;

    /// Pauses, resumes or cancels. A cancelled campaign stays cancelled.
    async fn set_phase(&self, campaign: CampaignKey, phase: Phase) -> Result<Phase>;

    /// Reads rows after `after` in order of recipient id, with facts for `facts_of` when given.
    async fn scan(
        &self,
        campaign: CampaignKey,
        after: Option<Rid>,
        limit: usize,
        facts_of: Option<ShopKey>,
    ) -> Result<Vec<ScanRow>>;

    /// Entries that became no row, by position.
    async fn refused_entries(
        &self,
        campaign: CampaignKey,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RefusedEntry>>;

    /// Counts rows by state, code, variant and account, and refused entries as [`State::Refused`] without variant.
    async fn tally(&self, campaign: CampaignKey) -> Result<Vec<Tally>>;

    /// Counts refused entries by code.
    async fn tally_entries(&self, campaign: CampaignKey) -> Result<Vec<(Code, u64)>>;

    /// Takes free shards of a campaign: never leased, given back, expired, or of a worker that is proven dead.
    async fn claim(&self, campaign: CampaignKey, most: usize) -> Result<Vec<Lease>>;

    /// Prolongs leases; those that were lost are left out of the answer.
    async fn beat(&self, leases: Vec<Lease>) -> Result<Vec<Lease>>;

    /// Gives leases back.
    async fn release(&self, leases: Vec<Lease>) -> Result<()>;

    /// Begins sends: see [`crate::ledger`]. One transaction.
    async fn begin(&self, ask: BeginAsk) -> Result<Begun>;

    /// Records that a request's first byte is about to leave. Local, survives death of the process.
    ///
    /// # Errors
    /// Any error: the request must not be sent.
    fn journal(&self, reference: Reference) -> Result<()>;

    /// Marks that nobody in this process drives the request any more.
    fn forget(&self, reference: Reference);

    /// Records what became of begun requests. One transaction.
    async fn settle(&self, done: Vec<Settlement>) -> Result<Settled>;

    /// Puts requests of dead workers, and of this one that nobody drives, where the evidence puts them.
    async fn recover(&self) -> Result<Recovered>;

    /// How many planned rows there are, and the earliest moment at which one is due.
    async fn planned(&self, campaign: CampaignKey) -> Result<(u64, Option<Timestamp>)>;

    /// How many requests are begun and without an outcome.
    async fn open_requests(&self, campaign: CampaignKey) -> Result<u64>;

    /// Whether any request that covers this person and one of `owners` (any when empty) is begun and open, and
    /// the latest moment by which its first byte must have left.
    async fn open_for(&self, rid: Rid, owners: Vec<OwnerKey>) -> Result<bool>;

    /// Ends planned rows as expired with this code.
    async fn expire(&self, campaign: CampaignKey, code: Code) -> Result<u64>;

    /// Ends accepted rows whose report is overdue as `no_report`, and drops reports that no answer has claimed for a week.
    async fn close_unreported(&self, now: Timestamp) -> Result<u64>;

    /// Unknown requests due to be asked about.
    async fn unknown_due(&self, campaign: CampaignKey, limit: usize) -> Result<Vec<UnknownRequest>>;

    /// Ends doubts of a request's rows (all that are in doubt when `rid` is `None`).
    async fn resolve(&self, request: i64, rid: Option<Rid>, to: Resolution) -> Result<u64>;

    /// Ends the doubt about one row; how many rows that were.
    async fn resolve_row(&self, campaign: CampaignKey, rid: Rid, to: Resolution) -> Result<u64>;

    /// Joins a delivery report to its row, or keeps it until the row's answer is there.
    async fn report(&self, ask: ReportAsk) -> Result<Joined>;

    /// Every row of a person over all campaigns, newest first, with campaign and shop.
    async fn find(&self, rid: Rid, from: Timestamp, to: Timestamp) -> Result<Vec<(CampaignRow, ScanRow)>>;

    /// Owners that sent to this person through this account since `from`.
    async fn senders(&self, rid: Rid, account: Option<AccountId>, from: Timestamp) -> Result<Vec<OwnerKey>>;

    /// Removes campaigns whose last row was begun before `messages_before`, their rows and requests; how many rows.
    ///
    /// Sends of the last 366 days stay whatever is asked: caps and promises are rebuilt from them.
    async fn retain(&self, messages_before: Timestamp) -> Result<u64>;

    /// Destroys a person's sealed evidence and numbers of one owner that need no longer be kept.
    async fn destroy(&self, rid: Rid, shops: Vec<ShopKey>, before: Timestamp) -> Result<u64>;

    /// A state of the request, for tests and audits.
    async fn request_state(&self, reference: Reference) -> Result<Option<RequestState>>;
}
