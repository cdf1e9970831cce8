//! Whom a reply answers. Replies rarely name a message, and doubt about a stop means a wider stop.

use crate::clock::Timestamp;
use crate::facts::{Event, OwnerKey, ShopKey};
use crate::id::{AccountId, Extension, Rid};
use crate::inbound::Reply;
use crate::optin::Optin106;
use crate::optin::extensions::free_from;
use crate::optin::stops::{SENDERS_DAYS, days};
use crate::store::{ExtensionRow, StoreError};

/// By what it was known whom a reply answers, in the order in which it is asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Attribution {
    /// The host said which shop ([`ShopHandle::reply`](crate::ShopHandle::reply)).
    Shop,
    /// The sub-port extension that was answered is this shop's, or was its last within 180 days
    /// ([`ShopHandle::assign_extension`](crate::ShopHandle::assign_extension)).
    Extension,
    /// The signature that was answered is of these shops at the account.
    Signature,
    /// These owners sent to the number through the account in the 31 days before. Messages of earlier systems count
    /// ([`import_past_sends`](crate::Optin106::import_past_sends)): through which account they went is not known.
    SentThroughAccount,
    /// Nothing tells: a stop reaches every owner of the store.
    Everyone,
}

impl Attribution {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Shop, Self::Extension, Self::Signature, Self::SentThroughAccount, Self::Everyone];

    /// The stable name, such as `sent_through_account`: the member `attribution` of the recorded event's detail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Extension => "extension",
            Self::SentThroughAccount => "sent_through_account",
            Self::Shop => "shop",
            Self::Signature => "signature",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == name)
    }
}

/// Whom a reply answers, and by what it is known.
pub(super) struct Attributed {
    /// None for everyone.
    pub(super) owners: Vec<OwnerKey>,
    /// Where it is one shop.
    pub(super) shop: Option<ShopKey>,
    pub(super) by: Attribution,
}

impl Attributed {
    fn to(mut owners: Vec<OwnerKey>, shop: Option<ShopKey>, by: Attribution) -> Option<Self> {
        owners.sort_unstable();
        owners.dedup();
        (!owners.is_empty()).then_some(Self { owners, shop, by })
    }
}

impl Optin106 {
    /// Whom a reply to `account` answers: the first of extension, signature and sends that names anybody.
    pub(super) async fn attribute(
        &self,
        account: &AccountId,
        rid: Rid,
        reply: &Reply,
    ) -> Result<Attributed, StoreError> {
        let at = reply.at.min(self.clock().now());
        let found = match self.by_extension(account, reply.extension.as_deref(), at).await? {
            None => self.by_signature(account, reply.signature.as_deref()).await?,
            found => found,
        };
        let found = match found {
            None => self.by_sends(account, rid, at).await?,
            found => found,
        };
        Ok(found.unwrap_or(Attributed { owners: Vec::new(), shop: None, by: Attribution::Everyone }))
    }

    async fn by_extension(
        &self,
        account: &AccountId,
        told: Option<&str>,
        at: Timestamp,
    ) -> Result<Option<Attributed>, StoreError> {
        let Some(extension) = told.and_then(|t| Extension::new(t.trim()).ok()) else { return Ok(None) };
        let row = self.store().extension(account, &extension).await?.filter(|r| was_its(r, at));
        let Some(row) = row else { return Ok(None) };
        let shop = self.store().shop_by_key(row.shop).await?;
        Ok(shop.and_then(|s| Attributed::to(vec![s.owner], Some(s.key), Attribution::Extension)))
    }

    async fn by_signature(&self, account: &AccountId, told: Option<&str>) -> Result<Option<Attributed>, StoreError> {
        let Some(signature) = told else { return Ok(None) };
        let signing = self.shops_signing(account, signature).await?;
        let shop = if let [(_, shop)] = signing[..] { Some(shop) } else { None };
        let owners = signing.into_iter().map(|(owner, _)| owner).collect();
        Ok(Attributed::to(owners, shop, Attribution::Signature))
    }

    async fn by_sends(&self, account: &AccountId, rid: Rid, at: Timestamp) -> Result<Option<Attributed>, StoreError> {
        let from = at.minus(days(SENDERS_DAYS));
        let mut owners = self.store().senders(rid, Some(account.clone()), from).await?;
        let events = self.store().events(rid).await?;
        owners.extend(events.iter().flat_map(|row| &row.events).filter_map(|event| match event {
            Event::PastSend { owner, at } if *at >= from => Some(*owner),
            Event::Ask { .. }
            | Event::Erase { .. }
            | Event::OptIn { .. }
            | Event::PastSend { .. }
            | Event::Report { .. }
            | Event::Stop { .. } => None,
        }));
        Ok(Attributed::to(owners, None, Attribution::SentThroughAccount))
    }
}

/// Whether an extension was the row's shop's at that moment: not before it came to it, nor after its rest.
fn was_its(row: &ExtensionRow, at: Timestamp) -> bool {
    row.since <= at && free_from(row).is_none_or(|end| at < end)
}
