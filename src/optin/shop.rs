//! Shops, their owners, and the signature of each at each account.

use super::{Error, Optin106};
use crate::facts::{OwnerKey, ShopKey};
use crate::id::{AccountId, IdError, OwnerId, ShopId};
use crate::message::rendition::TemplateBinding;
use crate::message::{Signature, TextError};
use crate::phone::Carrier;
use crate::store::{ShopRow, StoreError, Subject};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// The legal entity behind shops: stops, caps and promises hold for all of its shops (R-OPT-4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owner {
    pub(super) id: OwnerId,
}

/// Why a registration id was not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the owner's registration id is refused: {0}")]
pub struct OwnerError(#[from] IdError);

impl Owner {
    /// An owner by registration id: the unified social credit code (统一社会信用代码) where there is one.
    ///
    /// # Errors
    /// [`OwnerError`] naming the position of the first character that is not allowed.
    pub fn new(registration_id: impl AsRef<str>) -> Result<Self, OwnerError> {
        Ok(Self { id: OwnerId::new(registration_id.as_ref().trim())? })
    }

    /// The registration id.
    pub fn id(&self) -> &OwnerId {
        &self.id
    }
}

/// Why a shop was not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ShopError {
    /// Its id.
    #[error("the shop's id is refused: {0}")]
    Id(#[from] IdError),
    /// Its signature.
    #[error("the shop's signature is refused: {0}")]
    Signature(#[from] TextError),
}

/// One storefront of an owner, as it is registered.
#[derive(Clone, Debug)]
pub struct Shop {
    pub(super) id: ShopId,
    pub(super) owner: Owner,
    pub(super) settings: ShopSettings,
}

impl Shop {
    /// A shop that signs its messages with `signature` (签名, with or without brackets).
    ///
    /// # Errors
    /// [`ShopError`].
    pub fn new(id: impl AsRef<str>, owner: Owner, signature: impl AsRef<str>) -> Result<Self, ShopError> {
        let signature = Signature::parse(signature.as_ref().trim())?.as_str().to_owned();
        let settings = ShopSettings { signature, contact: None, accounts: BTreeMap::new() };
        Ok(Self { id: ShopId::new(id)?, owner, settings })
    }

    /// Where a person reaches the shop.
    #[must_use]
    pub fn contact(mut self, contact: impl Into<String>) -> Self {
        self.settings.contact = Some(contact.into());
        self
    }

    /// How the shop signs at one account, where it differs.
    #[must_use]
    pub fn at_account(mut self, account: AccountId, signature: AccountSignature) -> Self {
        self.settings.accounts.insert(account, signature);
        self
    }
}

/// How far the filing (报备) of a signature has come at a carrier. Only what is filed is sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filing {
    /// 已报备.
    #[default]
    Filed,
    /// 报备中.
    Pending,
    /// 未通过.
    Refused,
}

/// A shop's signature at one account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AccountSignature {
    /// The filed spelling, without brackets.
    signature: String,
    /// Whether the platform has approved it.
    filed: bool,
    /// Per carrier, where it is not as above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    carriers: BTreeMap<Carrier, Filing>,
    /// Templates filed there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    templates: Vec<TemplateBinding>,
}

impl AccountSignature {
    /// A signature that the platform has approved.
    ///
    /// # Errors
    /// [`TextError`].
    pub fn new(signature: impl AsRef<str>) -> Result<Self, TextError> {
        let signature = Signature::parse(signature.as_ref().trim())?.as_str().to_owned();
        Ok(Self { signature, filed: true, carriers: BTreeMap::new(), templates: Vec::new() })
    }

    /// The platform has not approved it yet: nothing is sent through this account.
    #[must_use]
    pub fn not_filed(mut self) -> Self {
        self.filed = false;
        self
    }

    /// How far its filing at one carrier has come, through this account; filed where nothing is said.
    ///
    /// A number whose prefix hints at a carrier for which it is not filed is not sent to through this account. The prefix
    /// is only a hint: since 2019 people keep their number when they change carrier (携号转网), so some of those numbers
    /// would have been reached, and some others are refused by their carrier all the same.
    #[must_use]
    pub fn at_carrier(mut self, carrier: Carrier, filing: Filing) -> Self {
        self.carriers.insert(carrier, filing);
        self
    }

    /// One more template filed at this account: its code, and its text with the platform's placeholders.
    #[must_use]
    pub fn template(mut self, code: impl Into<String>, filed: impl Into<String>) -> Self {
        self.templates.push(TemplateBinding { code: code.into(), filed: filed.into() });
        self
    }

    /// The filed spelling, without brackets.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// Whether the platform has approved it, and at least one carrier.
    pub fn is_filed(&self) -> bool {
        self.filed && Carrier::ALL.iter().any(|c| self.filing(*c) == Filing::Filed)
    }

    /// How far its filing at a carrier has come.
    pub fn filing(&self, carrier: Carrier) -> Filing {
        self.carriers.get(&carrier).copied().unwrap_or_default()
    }

    /// The templates filed at this account.
    pub fn templates(&self) -> &[TemplateBinding] {
        &self.templates
    }
}

/// A shop's public settings, as stored.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ShopSettings {
    signature: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    accounts: BTreeMap<AccountId, AccountSignature>,
}

impl ShopSettings {
    fn read(row: &ShopRow) -> Result<Self, Error> {
        serde_json::from_str(&row.settings).map_err(|source| Error::Settings { what: "shop", source })
    }

    fn at(&self, account: &AccountId) -> AccountSignature {
        self.accounts.get(account).cloned().unwrap_or_else(|| AccountSignature {
            signature: self.signature.clone(),
            filed: true,
            carriers: BTreeMap::new(),
            templates: Vec::new(),
        })
    }
}

/// One registered shop: what it records, asks and sends. It sees its own rows only. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ShopHandle {
    optin: Optin106,
    row: Arc<ShopRow>,
    settings: Arc<ShopSettings>,
}

impl ShopHandle {
    pub(super) fn new(optin: Optin106, row: ShopRow) -> Result<Self, Error> {
        let settings = Arc::new(ShopSettings::read(&row)?);
        Ok(Self { optin, row: Arc::new(row), settings })
    }

    /// The row as it was when this handle was made.
    pub(crate) fn row(&self) -> &ShopRow {
        &self.row
    }

    pub(crate) fn optin(&self) -> &Optin106 {
        &self.optin
    }

    /// The row as it is now: owners may have merged meanwhile, here or in another process.
    pub(crate) async fn current(&self) -> Result<ShopRow, StoreError> {
        self.optin.store().shop_by_key(self.row.key).await?.ok_or(StoreError::Unknown { what: "shop" })
    }

    /// The shop's id.
    pub fn id(&self) -> &ShopId {
        &self.row.id
    }

    /// The owner's id.
    pub fn owner_id(&self) -> &OwnerId {
        &self.row.owner_id
    }

    /// Where a person reaches the shop.
    pub fn contact(&self) -> Option<&str> {
        self.settings.contact.as_deref()
    }

    /// The shop's own signature, without brackets.
    pub fn signature(&self) -> &str {
        &self.settings.signature
    }

    /// The signature as filed at `account`; the shop's own, taken for filed, where nothing else was registered.
    pub fn signature_at(&self, account: &AccountId) -> AccountSignature {
        self.settings.at(account)
    }

    /// This shop, to be held or lifted.
    pub fn subject(&self) -> Subject {
        Subject::Shop(self.row.key)
    }

    /// Its owner with every shop, to be held or lifted.
    pub fn owner_subject(&self) -> Subject {
        Subject::Owner(self.row.owner)
    }
}

type Signs = (OwnerKey, ShopKey, ShopSettings);

/// Who signs how at which account: a reply may name its sender by signature.
#[derive(Debug)]
pub(super) struct Senders {
    read: Duration,
    shops: Arc<Vec<Signs>>,
}

/// A change of signatures in another process is seen after this long; until then a reply may reach further than needed.
const SENDERS_KEPT: Duration = Duration::from_secs(5);

impl Optin106 {
    pub(super) fn forget_senders(&self) {
        *self.inner.senders.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn senders(&self) -> Result<Arc<Vec<Signs>>, StoreError> {
        let now = self.clock().mono();
        {
            let kept = self.inner.senders.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(s) = kept.as_ref().filter(|s| now.saturating_sub(s.read) < SENDERS_KEPT) {
                return Ok(Arc::clone(&s.shops));
            }
        }
        let rows = self.store().shops().await?;
        // Settings that this version cannot read name nobody: the reply then reaches further, never less far.
        let shops = rows.iter().filter_map(|r| Some((r.owner, r.key, ShopSettings::read(r).ok()?))).collect();
        let shops = Arc::new(shops);
        let kept = Senders { read: now, shops: Arc::clone(&shops) };
        *self.inner.senders.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(shops)
    }

    /// The shops that sign so at this account, with their owners; empty when nobody does.
    pub(crate) async fn shops_signing(
        &self,
        account: &AccountId,
        signature: &str,
    ) -> Result<Vec<(OwnerKey, ShopKey)>, StoreError> {
        let shops = self.senders().await?;
        let signs = |s: &ShopSettings| signature == s.at(account).signature || signature == s.signature;
        Ok(shops.iter().filter(|(.., s)| signs(s)).map(|(owner, shop, _)| (*owner, *shop)).collect())
    }
}
