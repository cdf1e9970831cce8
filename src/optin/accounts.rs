//! Accounts: which provider speaks for which id. Secrets live in the provider value, never in the store.

use crate::consent::Purpose;
use crate::id::AccountId;
use crate::phone::Carrier;
use crate::provider::Provider;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Finds the provider of an account when a worker needs it.
///
/// # Contract
/// Quick and without side effects. `None` makes the account's rows wait; it never fails them.
pub trait Accounts: std::fmt::Debug + Send + Sync {
    /// The provider that speaks for `id`, where this process has its credentials.
    fn resolve(&self, id: &AccountId) -> Option<Arc<dyn Provider>>;
}

/// The public settings of an account.
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct AccountSettings {
    /// The provider's name; filled in by [`Optin106::add_account`](crate::Optin106::add_account).
    pub provider: String,
    /// At most so many numbers a second over all workers, over a carrier's line so many segments; 0 is no limit.
    pub pace: u32,
    /// The price of one part, in ten-thousandths of a yuan (0.039 yuan is 390).
    pub price: u32,
    /// At most so many calls under way over all workers of the store; 0 is no limit. A process sees a change when it opens
    /// the campaign again.
    pub concurrency: u32,
    /// At most so many calls a second over all workers of the store; 0 is no limit. What the platform's documents allow
    /// where nothing is said: say it where the contract allows more.
    pub calls_per_second: Option<u32>,
    /// What it may be used for; everything when empty. A campaign for something else is refused before plan.
    pub purposes: Vec<Purpose>,
    /// The only carriers that it serves, such as the one whose line it is; all when empty. A number whose prefix hints at
    /// another does not go through it. Numbers change carriers: it is a hint.
    pub carriers: Vec<Carrier>,
    /// Somebody reads the replies at the platform and records each with `ShopHandle::reply` or `opt_out`. Needed where the
    /// platform hands none over: without it nothing is sent there, since the words 拒收请回复R would promise what nobody keeps.
    pub replies_by_hand: bool,
}

impl AccountSettings {
    /// At most `numbers` a second over all workers.
    #[must_use]
    pub fn pace(mut self, numbers: u32) -> Self {
        self.pace = numbers;
        self
    }

    /// The price of one part, in ten-thousandths of a yuan: 390 is 0.039 yuan.
    ///
    /// Funnel and budget count this for each part of the text as seen (70 characters, or 67 each of a longer one), for all
    /// seventeen platforms alike. No fact sheet says that one charges otherwise; Aliyun's alone names these numbers.
    #[must_use]
    pub fn price(mut self, price: u32) -> Self {
        self.price = price;
        self
    }

    /// At most `calls` under way over all workers.
    #[must_use]
    pub fn concurrency(mut self, calls: u32) -> Self {
        self.concurrency = calls;
        self
    }

    /// At most `calls` begun a second over all workers, instead of what the platform's documents allow.
    #[must_use]
    pub fn calls_per_second(mut self, calls: u32) -> Self {
        self.calls_per_second = Some(calls);
        self
    }

    /// Only for these purposes.
    #[must_use]
    pub fn only(mut self, purposes: impl IntoIterator<Item = Purpose>) -> Self {
        self.purposes = purposes.into_iter().collect();
        self
    }

    /// Only for numbers of these carriers, as far as prefixes tell.
    #[must_use]
    pub fn carriers(mut self, carriers: impl IntoIterator<Item = Carrier>) -> Self {
        self.carriers = carriers.into_iter().collect();
        self
    }

    /// Says that replies at this platform are read and recorded by hand.
    #[must_use]
    pub fn replies_by_hand(mut self) -> Self {
        self.replies_by_hand = true;
        self
    }

    pub(super) fn named(mut self, provider: &str) -> Self {
        provider.clone_into(&mut self.provider);
        self
    }
}

/// The accounts that this process was given.
#[derive(Debug, Default)]
pub(super) struct Registry(RwLock<HashMap<AccountId, Arc<dyn Provider>>>);

impl Registry {
    pub(super) fn put(&self, id: AccountId, provider: Arc<dyn Provider>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id, provider);
    }
}

impl Accounts for Registry {
    fn resolve(&self, id: &AccountId) -> Option<Arc<dyn Provider>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}
