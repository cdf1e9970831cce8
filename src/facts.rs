//! What is known of one person: a fold of events.
//!
//! [`Person`] and the [`Grant`]s of each shop are what the store keeps ready for the gate. They are never edited, only
//! folded: [`Person::apply`] is the one place that says what an [`Event`] changes, and `rebuild` recomputes all of them
//! from the events. Stops are never removed by anything.

use crate::clock::{DAY_MS, Timestamp};
use crate::consent::{Promise, Purpose, Purposes};
use serde::{Deserialize, Serialize};

/// The store's own number of a shop.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct ShopKey(pub u32);

/// The store's own number of an owner.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct OwnerKey(pub u32);

/// How far a stop reaches.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every shop of every owner in this store.
    Everyone,
    /// Every shop of this owner (R-OPT-4).
    Owner(OwnerKey),
    /// One purpose, in every shop of this owner.
    Purpose(OwnerKey, Purpose),
}

/// One thing that happened to a person, as far as sending is concerned.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Event {
    /// A consent request was sent; it has not been answered.
    Ask {
        /// Who asked.
        shop: ShopKey,
        /// When.
        at: Timestamp,
    },
    /// The person asked an owner to delete their data. Consents end; stops stay.
    Erase {
        /// Whose data.
        owner: OwnerKey,
        /// The shops that the owner had then.
        shops: Vec<ShopKey>,
        /// When.
        at: Timestamp,
    },
    /// An explicit act of agreement.
    OptIn {
        /// Whose shop.
        shop: ShopKey,
        /// What was agreed.
        grant: Grant,
        /// Known to be under 18 until then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minor_until: Option<Timestamp>,
    },
    /// A marketing message sent by an earlier system.
    PastSend {
        /// Whose message.
        owner: OwnerKey,
        /// When.
        at: Timestamp,
    },
    /// A delivery report that says something about the number.
    Report {
        /// What it says.
        says: Health,
        /// When.
        at: Timestamp,
    },
    /// A refusal, whoever brought it.
    Stop {
        /// How far it reaches.
        scope: Scope,
        /// When; a consent counts only if given later.
        at: Timestamp,
    },
}

/// What a delivery report says about a number.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It does not exist any more.
    Dead,
    /// It took a message.
    Delivered,
    /// It did not, this time.
    SoftFailure,
}

/// One consent of one shop: what the gate reads.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Bit set of purposes.
    pub(crate) purposes: u8,
    /// When the person acted.
    pub(crate) given_at: Timestamp,
    /// The end of the period told, excluded.
    pub(crate) valid_until: Timestamp,
    /// The frequency told.
    pub(crate) promise: Promise,
    /// Agreed to personalised messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) personalised: bool,
    /// Agreed separately to sensitive segments.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) sensitive: bool,
    /// Which event; eight bytes of its key.
    pub(crate) event: u64,
}

impl Grant {
    /// A grant, for [`Event::OptIn`].
    pub fn new(purposes: impl Into<Purposes>, given_at: Timestamp, valid_until: Timestamp, promise: Promise) -> Self {
        let purposes = purposes.into().0;
        Self { purposes, given_at, valid_until, promise, personalised: false, sensitive: false, event: 0 }
    }

    fn names(&self, purpose: Purpose) -> bool {
        self.purposes & purpose.bit() != 0
    }
}

/// A marketing message that counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Send {
    pub(crate) owner: OwnerKey,
    pub(crate) at: i64,
}

/// The facts of one person that hold over all shops.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Person {
    /// The latest stop of each scope.
    pub(crate) stops: Vec<(Scope, i64)>,
    pub(crate) sends: Vec<Send>,
    pub(crate) soft: u16,
    pub(crate) soft_at: i64,
    pub(crate) dead_at: i64,
    pub(crate) minor_until: i64,
    /// Sends are kept at least this many days: the longest promise made.
    pub(crate) keep_days: u16,
    pub(crate) erased: Vec<(OwnerKey, i64)>,
    pub(crate) asked: Vec<(ShopKey, i64)>,
}

/// Sends are kept this long: the most that any cap or promise looks back. Not only as long as those of today do, since a
/// promise made tomorrow, or a stricter policy, counts what was sent before it.
pub(crate) const KEEP_DAYS: u16 = 366;

/// At most so many sends are kept per person; far beyond what any cap admits (imports may be odd).
const MAX_SENDS: usize = 4096;

/// Hands the consents of a shop to a change of them.
pub type Grants<'a> = dyn FnMut(ShopKey, &mut dyn FnMut(&mut Vec<Grant>)) + 'a;

impl Person {
    /// Folds one event. `grants` gives the consents of a shop, to be changed in place.
    pub fn apply(&mut self, event: &Event, grants: &mut Grants<'_>) {
        match event {
            Event::Ask { shop, at } => match self.asked.iter_mut().find(|(s, _)| s == shop) {
                Some((_, last)) => *last = (*last).max(at.millis()),
                None => self.asked.push((*shop, at.millis())),
            },
            Event::Erase { owner, shops, at } => {
                self.erased.retain(|(o, t)| o != owner || *t > at.millis());
                self.erased.push((*owner, at.millis()));
                for shop in shops {
                    grants(*shop, &mut |g| g.retain(|g| g.given_at > *at));
                }
            }
            Event::OptIn { shop, grant, minor_until } => {
                self.keep_days = self.keep_days.max(grant.promise.days);
                self.minor_until = self.minor_until.max(minor_until.map_or(0, Timestamp::millis));
                grants(*shop, &mut |g| add_grant(g, *grant));
            }
            Event::PastSend { owner, at } => self.charge(*owner, *at),
            Event::Report { says, at } => self.report(*says, at.millis()),
            Event::Stop { scope, at } => match self.stops.iter_mut().find(|(s, _)| s == scope) {
                Some((_, last)) => *last = (*last).max(at.millis()),
                None => self.stops.push((*scope, at.millis())),
            },
        }
    }

    fn report(&mut self, says: Health, at: i64) {
        match says {
            Health::Dead => self.dead_at = self.dead_at.max(at),
            Health::Delivered if at >= self.soft_at => self.soft = 0,
            Health::Delivered => {}
            Health::SoftFailure => {
                self.soft = self.soft.saturating_add(1);
                self.soft_at = self.soft_at.max(at);
            }
        }
    }

    /// Counts a send of `owner` at `at`.
    pub(crate) fn charge(&mut self, owner: OwnerKey, at: Timestamp) {
        if self.sends.len() >= MAX_SENDS {
            let oldest = self.sends.iter().enumerate().min_by_key(|(_, s)| s.at).map(|(i, _)| i);
            if let Some(i) = oldest {
                self.sends.swap_remove(i);
            }
        }
        self.sends.push(Send { owner, at: at.millis() });
    }

    /// Gives one charge back: proven unsent, or refused because of the account.
    pub(crate) fn give_back(&mut self, owner: OwnerKey, at: Timestamp) {
        if let Some(i) = self.sends.iter().position(|s| s.owner == owner && s.at == at.millis()) {
            self.sends.remove(i);
        }
    }

    /// Forgets sends that no cap or promise can count any more.
    pub(crate) fn prune(&mut self, now: Timestamp, policy_days: u16) {
        let days = self.keep_days.max(policy_days).max(KEEP_DAYS);
        let from = now.millis() - i64::from(days) * DAY_MS;
        self.sends.retain(|s| s.at > from);
    }

    /// The owners that sent within the last `days` days.
    pub fn senders_since(&self, from: Timestamp) -> Vec<OwnerKey> {
        let mut owners: Vec<_> = self.sends.iter().filter(|s| s.at >= from.millis()).map(|s| s.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// The latest stop that covers any shop of `owners`, for any of `purposes` (all when empty), with its scope.
    pub fn latest_stop(&self, owners: &[OwnerKey], purposes: Purposes) -> Option<Timestamp> {
        let covers = |scope: &Scope| match scope {
            Scope::Everyone => true,
            Scope::Owner(o) => owners.contains(o),
            Scope::Purpose(o, p) => owners.contains(o) && purposes.contains(*p),
        };
        self.stops.iter().filter(|(s, _)| covers(s)).map(|(_, at)| Timestamp::from_millis(*at)).max()
    }

    /// When the person last asked one of `owners` for deletion.
    pub fn erased_at(&self, owners: &[OwnerKey]) -> Option<Timestamp> {
        self.erased.iter().filter(|(o, _)| owners.contains(o)).map(|(_, at)| Timestamp::from_millis(*at)).max()
    }

    /// Every stop, with the moment that a consent must be newer than.
    pub fn stops(&self) -> impl Iterator<Item = (Scope, Timestamp)> + '_ {
        self.stops.iter().map(|(s, at)| (*s, Timestamp::from_millis(*at)))
    }

    /// How many marketing messages of all owners count in the `days` × 24 hours before `now`.
    pub fn sends_in(&self, days: u16, now: Timestamp) -> usize {
        let from = now.millis() - i64::from(days) * DAY_MS;
        self.sends.iter().filter(|s| s.at > from).count()
    }

    /// When this shop last asked for consent.
    pub fn asked_at(&self, shop: ShopKey) -> Option<Timestamp> {
        self.asked.iter().find(|(s, _)| *s == shop).map(|(_, at)| Timestamp::from_millis(*at))
    }
}

/// Keeps the list sorted by time and short: a grant all of whose purposes newer ones name is only kept while there is
/// room, for questions about the past.
fn add_grant(grants: &mut Vec<Grant>, grant: Grant) {
    const MAX: usize = 12;
    let at = grants.partition_point(|g| g.given_at <= grant.given_at);
    grants.insert(at, grant);
    while grants.len() > MAX {
        let mut newer = 0;
        let mut drop = 0;
        for (i, g) in grants.iter().enumerate().rev() {
            if g.purposes & !newer == 0 {
                drop = i;
            }
            newer |= g.purposes;
        }
        grants.remove(drop);
    }
}

/// The newest grant for `purpose` given at or before `now`.
pub(crate) fn newest(grants: &[Grant], purpose: Purpose, now: Timestamp) -> Option<&Grant> {
    grants.iter().rev().find(|g| g.given_at <= now && g.names(purpose))
}

/// What the gate reads of one person for one shop.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Over all shops.
    pub person: &'a Person,
    /// Of the campaign's shop, oldest first.
    pub grants: &'a [Grant],
}

/// A stored value that does not decode: the file was altered or belongs to another version.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a stored fact does not decode at byte {at}; stop, and restore the store from a backup")]
pub struct DecodeError {
    /// Offset in the stored value.
    pub at: usize,
}

const VERSION: u8 = 1;

impl Person {
    /// The stored form.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.push(VERSION);
        out.extend_from_slice(&self.keep_days.to_le_bytes());
        out.extend_from_slice(&self.soft.to_le_bytes());
        for t in [self.soft_at, self.dead_at, self.minor_until] {
            out.extend_from_slice(&t.to_le_bytes()[..6]);
        }
        for n in [self.stops.len(), self.sends.len(), self.erased.len(), self.asked.len()] {
            out.extend_from_slice(&(n.min(u16::MAX as usize) as u16).to_le_bytes());
        }
        for (scope, at) in &self.stops {
            let (kind, owner) = match scope {
                Scope::Everyone => (0xff, 0),
                Scope::Owner(o) => (0xfe, o.0),
                Scope::Purpose(o, p) => (*p as u8, o.0),
            };
            out.push(kind);
            mark(out, owner, *at);
        }
        for s in &self.sends {
            mark(out, s.owner.0, s.at);
        }
        for (o, at) in &self.erased {
            mark(out, o.0, *at);
        }
        for (s, at) in &self.asked {
            mark(out, s.0, *at);
        }
    }

    /// Reads the stored form.
    pub(crate) fn decode(b: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader { b, at: 0 };
        if r.byte()? != VERSION {
            return Err(DecodeError { at: 0 });
        }
        let mut p = Self { keep_days: r.u16()?, soft: r.u16()?, ..Self::default() };
        p.soft_at = r.time()?;
        p.dead_at = r.time()?;
        p.minor_until = r.time()?;
        let counts = [r.u16()?, r.u16()?, r.u16()?, r.u16()?].map(usize::from);
        let left = r.b.len() - r.at;
        if counts[0] * 11 + (counts[1] + counts[2] + counts[3]) * 10 != left {
            return Err(DecodeError { at: r.at });
        }
        p.stops.reserve_exact(counts[0]);
        for _ in 0..counts[0] {
            let kind = r.byte()?;
            let (owner, at) = r.mark()?;
            let scope = match kind {
                0xff => Scope::Everyone,
                0xfe => Scope::Owner(OwnerKey(owner)),
                k => Scope::Purpose(OwnerKey(owner), *Purpose::ALL.get(k as usize).ok_or(DecodeError { at: r.at })?),
            };
            p.stops.push((scope, at));
        }
        // Room for the send that a begin adds.
        p.sends.reserve_exact(counts[1] + 1);
        for _ in 0..counts[1] {
            let (owner, at) = r.mark()?;
            p.sends.push(Send { owner: OwnerKey(owner), at });
        }
        for _ in 0..counts[2] {
            let (owner, at) = r.mark()?;
            p.erased.push((OwnerKey(owner), at));
        }
        for _ in 0..counts[3] {
            let (shop, at) = r.mark()?;
            p.asked.push((ShopKey(shop), at));
        }
        Ok(p)
    }
}

fn mark(out: &mut Vec<u8>, key: u32, at: i64) {
    out.extend_from_slice(&key.to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes()[..6]);
}

struct Reader<'a> {
    b: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let part = self.b.get(self.at..self.at + N).ok_or(DecodeError { at: self.at })?;
        self.at += N;
        part.try_into().map_err(|_| DecodeError { at: self.at })
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.take::<1>().map(|[b]| b)
    }

    fn u16(&mut self) -> Result<u16, DecodeError> {
        self.take().map(u16::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        self.take().map(u64::from_le_bytes)
    }

    fn time(&mut self) -> Result<i64, DecodeError> {
        let six: [u8; 6] = self.take()?;
        let mut eight = [0; 8];
        eight[..6].copy_from_slice(&six);
        Ok(i64::from_le_bytes(eight))
    }

    fn mark(&mut self) -> Result<(u32, i64), DecodeError> {
        Ok((u32::from_le_bytes(self.take()?), self.time()?))
    }
}

/// The stored form of a shop's grants.
pub(crate) fn encode_grants(grants: &[Grant], out: &mut Vec<u8>) {
    out.clear();
    out.push(VERSION);
    for g in grants {
        out.push(g.purposes);
        out.push(u8::from(g.personalised) | u8::from(g.sensitive) << 1);
        out.extend_from_slice(&g.promise.max.to_le_bytes());
        out.extend_from_slice(&g.promise.days.to_le_bytes());
        out.extend_from_slice(&g.given_at.millis().to_le_bytes()[..6]);
        out.extend_from_slice(&g.valid_until.millis().to_le_bytes()[..6]);
        out.extend_from_slice(&g.event.to_le_bytes());
    }
}

/// Reads the stored form of a shop's grants into `out`.
pub(crate) fn decode_grants(b: &[u8], out: &mut Vec<Grant>) -> Result<(), DecodeError> {
    out.clear();
    let mut r = Reader { b, at: 0 };
    if r.byte()? != VERSION {
        return Err(DecodeError { at: 0 });
    }
    while r.at < b.len() {
        let purposes = r.byte()?;
        let flags = r.byte()?;
        out.push(Grant {
            purposes,
            personalised: flags & 1 != 0,
            sensitive: flags & 2 != 0,
            promise: Promise { max: r.u16()?, days: r.u16()? },
            given_at: Timestamp::from_millis(r.time()?),
            valid_until: Timestamp::from_millis(r.time()?),
            event: r.u64()?,
        });
    }
    Ok(())
}
