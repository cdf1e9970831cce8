//! The door: open a store, register shops and accounts, set the policy.
//!
//! [`Optin106`] is the whole database; [`ShopHandle`] is one shop in it and sees its own rows only.

mod accounts;
mod bulk;
#[cfg(feature = "carrier")]
mod connections;
mod consents;
pub(crate) mod extensions;
mod find;
mod import;
mod proof;
mod retention;
mod shop;
pub(crate) mod stops;
pub(crate) mod told;
mod why;

pub use accounts::{AccountSettings, Accounts};
pub use consents::{RecordError, Recorded};
pub use extensions::{EXTENSION_REST_DAYS, ExtensionError, ShopExtension};
pub use find::{FactsAt, FoundRow, History, Standing, StandingStop};
pub use import::{ImportError, ImportReport, ImportedRow, PastSendRow, StopExport, StopRow};
pub use proof::ProofError;
pub use retention::{Retained, RetentionPolicy};
pub use shop::{AccountSignature, Filing, Owner, OwnerError, Shop, ShopError, ShopHandle};
pub use stops::{Case, Complaint, Erased, Erasure, FIRST_BYTE_WITHIN, OptOut, StopScope, Stopped, Via};

use crate::clock::Clock;
use crate::id::{AccountId, OwnerId, ShopId};
use crate::policy::Policy;
use crate::provider::Provider;
use crate::store::{AccountRow, Store, StoreError, Subject};
use accounts::Registry;
use consents::KnownNotices;
use shop::Senders;
use std::sync::{Arc, Mutex};

/// Why the store could not be opened, set up or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stored policy is of another version of this crate.
    #[error("the stored policy cannot be read by this version; set it again with set_policy")]
    Policy(#[source] serde_json::Error),
    /// The stored settings of a shop or account are of another version of this crate.
    #[error("the stored settings of a {what} cannot be read by this version; register it again")]
    Settings {
        /// Of what.
        what: &'static str,
        /// What the reader said.
        #[source]
        source: serde_json::Error,
    },
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such shop.
    #[error("no shop of this id is registered; register it with Optin106::shop")]
    UnknownShop,
}

impl Error {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Policy(_) => "policy_unreadable",
            Self::Settings { .. } => "settings_unreadable",
            Self::Store(e) => e.code(),
            Self::UnknownShop => "unknown_shop",
        }
    }
}

/// One database of consents, stops and campaigns. Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub struct Optin106 {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    registry: Registry,
    resolver: Option<Arc<dyn Accounts>>,
    notices: Mutex<KnownNotices>,
    senders: Mutex<Option<Senders>>,
    /// One pull at a time.
    pulling: tokio::sync::Mutex<()>,
}

impl Optin106 {
    /// Opens a store: what dead workers left open is put where the evidence puts it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open(store: impl Store + 'static) -> Result<Self, Error> {
        Self::open_shared(Arc::new(store), None).await
    }

    /// As [`open`](Self::open), with a store that is shared and a resolver that is asked for accounts which were not
    /// given to [`add_account`](Self::add_account).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open_shared(store: Arc<dyn Store>, resolver: Option<Arc<dyn Accounts>>) -> Result<Self, Error> {
        store.recover().await?;
        let inner = Inner {
            store,
            registry: Registry::default(),
            resolver,
            notices: Mutex::default(),
            senders: Mutex::default(),
            pulling: tokio::sync::Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    pub(crate) fn pulling(&self) -> &tokio::sync::Mutex<()> {
        &self.inner.pulling
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        self.inner.store.clock()
    }

    /// The policy in force for every shop of this store; the default until one is set.
    ///
    /// # Errors
    /// [`Error::Policy`] when a newer version wrote it; [`Error::Store`].
    pub async fn policy(&self) -> Result<Policy, Error> {
        match self.inner.store.setting(POLICY).await? {
            Some(json) => serde_json::from_str(&json).map_err(Error::Policy),
            None => Ok(Policy::default()),
        }
    }

    /// Sets the policy for every shop of this store. No begin goes on under the old one, in any process: a campaign that
    /// was opened before waits (`rules held`) until it is opened again.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn set_policy(&self, policy: &Policy) -> Result<(), Error> {
        let json = serde_json::to_string(policy).map_err(Error::Policy)?;
        Ok(self.inner.store.put_setting(POLICY, json).await?)
    }

    /// Registers an account and the provider that speaks for it in this process.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn add_account(
        &self,
        id: &AccountId,
        provider: Arc<dyn Provider>,
        settings: AccountSettings,
    ) -> Result<AccountRow, Error> {
        let settings = settings.named(provider.profile().name);
        let row = self.put_account(id, settings).await?;
        self.inner.registry.put(id.clone(), provider);
        Ok(row)
    }

    /// Registers an account that other processes send through, or changes its settings. Hold and rest stay.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn put_account(&self, id: &AccountId, settings: AccountSettings) -> Result<AccountRow, Error> {
        let json = serde_json::to_string(&settings).map_err(|source| Error::Settings { what: "account", source })?;
        Ok(self.inner.store.put_account(id, json, settings.pace).await?)
    }

    /// The provider of an account, where this process has one.
    pub fn resolve(&self, id: &AccountId) -> Option<Arc<dyn Provider>> {
        self.inner.registry.resolve(id).or_else(|| self.inner.resolver.as_ref()?.resolve(id))
    }

    /// Holds something: nothing is begun for it until [`lift`](Self::lift), whatever else says yes.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn hold(&self, on: Subject, reason: impl Into<String> + Send) -> Result<(), Error> {
        Ok(self.inner.store.set_hold(on, Some(reason.into())).await?)
    }

    /// Lifts a hold.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn lift(&self, on: Subject) -> Result<(), Error> {
        Ok(self.inner.store.set_hold(on, None).await?)
    }

    /// Registers a shop, or brings its settings up to date.
    ///
    /// # Errors
    /// [`Error::Store`], also when the shop is registered for another owner.
    pub async fn shop(&self, shop: Shop) -> Result<ShopHandle, Error> {
        let settings =
            serde_json::to_string(&shop.settings).map_err(|source| Error::Settings { what: "shop", source })?;
        let row = self.inner.store.put_shop(&shop.id, &shop.owner.id, settings).await?;
        self.forget_senders();
        ShopHandle::new(self.clone(), row)
    }

    /// A shop that was registered before.
    ///
    /// # Errors
    /// [`Error::UnknownShop`]; [`Error::Store`].
    pub async fn shop_by_id(&self, id: &ShopId) -> Result<ShopHandle, Error> {
        let row = self.inner.store.shop(id).await?.ok_or(Error::UnknownShop)?;
        ShopHandle::new(self.clone(), row)
    }

    /// Makes two owners one, for ever: stops, caps and promises of both hold for all their shops.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn merge_owners(&self, from: &OwnerId, into: &OwnerId) -> Result<(), Error> {
        self.inner.store.merge_owners(from, into).await?;
        self.forget_senders();
        Ok(())
    }
}

pub(crate) const POLICY: &str = "policy";
