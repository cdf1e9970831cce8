//! What stands, what was sent, what was known: the questions of a service desk and of a court.

use super::{Optin106, ShopHandle};
use crate::clock::Timestamp;
use crate::entry::State;
use crate::facts::{Facts, Grant, Person, Scope, ShopKey};
use crate::id::{AccountId, CampaignName, OwnerId, Reference, Rid, ShopId};
use crate::ledger::Payload;
use crate::phone::Phone;
use crate::provider::Why;
use crate::store::{CampaignRow, EventRow, ScanRow, ShopRow, StoreError};
use std::collections::{BTreeMap, HashMap};

/// What stands against sending to a person.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Every stop, latest first. A consent counts only if given after those that cover it.
    pub stops: Vec<StandingStop>,
    /// A report said that the number is dead; nothing is sent until a newer consent.
    pub dead_since: Option<Timestamp>,
    /// Soft delivery failures in a row.
    pub soft_failures: u16,
}

/// One stop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StandingStop {
    /// How far it reaches.
    pub scope: Scope,
    /// Whose, where it is one owner's.
    pub owner: Option<OwnerId>,
    /// The moment that a consent must be newer than.
    pub since: Timestamp,
    /// What brought it: `opt_out`, `reply_stop`, `complaint`, `report`, `import_stop`, `verdict`, …
    pub reason: String,
}

/// What was found of a person's messages.
#[derive(Clone, Debug)]
#[must_use]
pub enum History {
    /// Nothing was sent to this number in that time, by nobody who is asked about; nor was it planned.
    NothingSent,
    /// Rows, newest first. [`FoundRow::was_sent`] tells sent from planned or refused.
    Rows(Vec<FoundRow>),
}

impl History {
    /// The rows; none when nothing was sent.
    pub fn rows(&self) -> &[FoundRow] {
        match self {
            Self::NothingSent => &[],
            Self::Rows(rows) => rows,
        }
    }

    /// Whether any message left, or may have.
    pub fn was_sent(&self) -> bool {
        self.rows().iter().any(FoundRow::was_sent)
    }
}

/// One message of one person.
#[derive(Clone)]
pub struct FoundRow {
    /// Whose, where the shop is still registered.
    pub shop: Option<ShopId>,
    /// The campaign.
    pub campaign: CampaignName,
    /// What became of it.
    pub state: State,
    /// Refusal code, provider code or report code.
    pub code: String,
    /// The code in words.
    pub why: Why,
    /// When it was begun.
    pub begun: Option<Timestamp>,
    /// When its outcome was known.
    pub settled: Option<Timestamp>,
    /// Through which account.
    pub account: Option<AccountId>,
    /// The platform's id.
    pub provider_id: Option<String>,
    /// Our reference of the platform call.
    pub reference: Option<Reference>,
    /// Position in the audience.
    pub position: u64,
    /// Line in the audience's file.
    pub line: Option<u64>,
    /// The caller's own reference, while the row's sealed values are kept.
    pub caller_ref: Option<String>,
    /// Billed parts.
    pub parts: u8,
    /// Price in ten-thousandths of a yuan.
    pub price: u32,
}

impl std::fmt::Debug for FoundRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (campaign, state, code) = (&self.campaign, self.state, &self.code);
        write!(f, "FoundRow({campaign}, row {}, {state}, {code:?}, begun {:?})", self.position, self.begun)
    }
}

impl FoundRow {
    /// Whether it left, or may have.
    pub fn was_sent(&self) -> bool {
        self.state.is_charged()
    }

    fn new(optin: &Optin106, shop: Option<ShopId>, campaign: CampaignRow, row: ScanRow) -> Self {
        // Values that were destroyed after an erasure do not open.
        let payload = Payload::open(optin.store().keyring(), campaign.key, row.rid, &row.sealed).ok();
        Self {
            caller_ref: payload.and_then(|p| p.caller_ref),
            shop,
            campaign: campaign.name,
            why: optin.why(row.state, &row.code, row.account.as_ref()),
            state: row.state,
            code: row.code,
            begun: row.begun,
            settled: row.settled,
            account: row.account,
            provider_id: row.provider_id,
            reference: row.reference,
            position: row.position,
            line: row.line,
            parts: row.parts,
            price: row.price,
        }
    }
}

/// What was known of a person at a moment: the fold of what had been recorded by then.
#[derive(Clone, Debug, Default)]
pub struct FactsAt {
    person: Person,
    grants: BTreeMap<ShopKey, Vec<Grant>>,
}

impl FactsAt {
    /// As [`judge`](crate::gate::judge) would have read it for a shop.
    pub fn of(&self, shop: &ShopHandle) -> Facts<'_> {
        let grants = self.grants.get(&shop.row().key).map_or(&[][..], Vec::as_slice);
        Facts { person: &self.person, grants }
    }

    /// The facts that hold over all shops.
    pub fn person(&self) -> &Person {
        &self.person
    }
}

impl Optin106 {
    /// What stands against sending to this person, over every owner of the store.
    ///
    /// # Errors
    /// The store's.
    pub async fn lookup(&self, phone: Phone) -> Result<Standing, StoreError> {
        let rid = self.store().keyring().rid(phone);
        let Some(loaded) = self.store().person(rid, Vec::new()).await? else {
            return Ok(Standing { stops: Vec::new(), dead_since: None, soft_failures: 0 });
        };
        let reasons = reasons(&self.store().events(rid).await?);
        let owners: HashMap<_, _> = self.store().shops().await?.into_iter().map(owner_of).collect();
        let mut stops: Vec<_> =
            loaded.person.stops().map(|(scope, since)| standing(scope, since, &reasons, &owners)).collect();
        stops.sort_by_key(|s| std::cmp::Reverse(s.since));
        let dead = loaded.person.dead_at;
        let dead_since = (dead > 0).then(|| Timestamp::from_millis(dead));
        Ok(Standing { stops, dead_since, soft_failures: loaded.person.soft })
    }

    /// Every message of a person over all shops, begun or planned between two moments (the end excluded).
    ///
    /// # Errors
    /// The store's.
    pub async fn find(&self, phone: Phone, from: Timestamp, to: Timestamp) -> Result<History, StoreError> {
        let rid = self.store().keyring().rid(phone);
        let rows = self.store().find(rid, from, to).await?;
        let shops: HashMap<_, _> = self.store().shops().await?.into_iter().map(|s| (s.key, s.id)).collect();
        let rows = rows.into_iter().map(|(c, r)| FoundRow::new(self, shops.get(&c.shop).cloned(), c, r)).collect();
        Ok(history(rows))
    }

    /// What was known of a person at `at`.
    ///
    /// # Errors
    /// The store's.
    pub async fn facts_at(&self, phone: Phone, at: Timestamp) -> Result<FactsAt, StoreError> {
        let rid = self.store().keyring().rid(phone);
        self.fold(rid, at).await
    }

    async fn fold(&self, rid: Rid, at: Timestamp) -> Result<FactsAt, StoreError> {
        let mut facts = FactsAt::default();
        let known = self.store().events(rid).await?.into_iter().filter(|r| r.recorded <= at);
        for event in known.flat_map(|r| r.events) {
            let grants = &mut facts.grants;
            facts.person.apply(&event, &mut |shop, change| change(grants.entry(shop).or_default()));
        }
        for (owner, sent) in self.store().sends_of(rid).await? {
            if sent <= at {
                facts.person.charge(owner, sent);
            }
        }
        Ok(facts)
    }
}

impl ShopHandle {
    /// As [`Optin106::find`], of this shop's messages only.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(&self, phone: Phone, from: Timestamp, to: Timestamp) -> Result<History, StoreError> {
        let optin = self.optin();
        let rows = optin.store().find(optin.store().keyring().rid(phone), from, to).await?;
        let own = rows.into_iter().filter(|(c, _)| c.shop == self.row().key);
        Ok(history(own.map(|(c, r)| FoundRow::new(optin, Some(self.id().clone()), c, r)).collect()))
    }

    /// As [`Optin106::lookup`], of stops that cover this shop.
    ///
    /// # Errors
    /// The store's.
    pub async fn lookup(&self, phone: Phone) -> Result<Standing, StoreError> {
        let owners = self.current().await?.owners;
        let mut standing = self.optin().lookup(phone).await?;
        standing.stops.retain(|s| match s.scope {
            Scope::Everyone => true,
            Scope::Owner(o) | Scope::Purpose(o, _) => owners.contains(&o),
        });
        Ok(standing)
    }
}

fn history(rows: Vec<FoundRow>) -> History {
    if rows.is_empty() { History::NothingSent } else { History::Rows(rows) }
}

fn owner_of(shop: ShopRow) -> (crate::facts::OwnerKey, OwnerId) {
    (shop.owner, shop.owner_id)
}

/// What brought the latest stop of each scope.
fn reasons(events: &[EventRow]) -> HashMap<Scope, (Timestamp, String)> {
    let mut latest: HashMap<Scope, (Timestamp, String)> = HashMap::new();
    for row in events {
        for event in &row.events {
            let crate::facts::Event::Stop { scope, at } = event else { continue };
            let kept = latest.entry(*scope).or_insert_with(|| (*at, row.kind.clone()));
            if *at > kept.0 {
                *kept = (*at, row.kind.clone());
            }
        }
    }
    latest
}

fn standing(
    scope: Scope,
    since: Timestamp,
    reasons: &HashMap<Scope, (Timestamp, String)>,
    owners: &HashMap<crate::facts::OwnerKey, OwnerId>,
) -> StandingStop {
    let owner = match scope {
        Scope::Everyone => None,
        Scope::Owner(o) | Scope::Purpose(o, _) => owners.get(&o).cloned(),
    };
    // A stop that a platform's answer brought is folded at settling and may have no event of its own.
    let reason = reasons.get(&scope).map_or_else(|| "verdict".to_owned(), |(_, kind)| kind.clone());
    StandingStop { scope, owner, since, reason }
}
