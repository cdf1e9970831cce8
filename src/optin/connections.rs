//! The connections that a carrier allows an account, counted over all processes of a store.

use super::Optin106;
use crate::carrier::places::{Kept, Place, Places};
use crate::id::{AccountId, Reference};
use crate::store::{self, Store, StoreError};
use std::fmt;
use std::sync::Arc;

impl Optin106 {
    /// The `allowed` connections of a carrier's account, shared by every process of this store: give them to the account's
    /// [`LinkSettings`](crate::carrier::LinkSettings::places) in each.
    #[must_use]
    pub fn connections(&self, account: &AccountId, allowed: u16) -> Arc<dyn Places> {
        Arc::new(Allowed { store: Arc::clone(self.store()), account: account.clone(), allowed })
    }
}

struct Allowed {
    store: Arc<dyn Store>,
    account: AccountId,
    allowed: u16,
}

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} connections of {}", self.allowed, self.account)
    }
}

#[async_trait::async_trait]
impl Places for Allowed {
    async fn take(&self) -> Option<Box<dyn Place>> {
        let holder = Reference::fresh(&**self.store.clock());
        let mut answer = self.store.take_place(&self.account, self.allowed, holder).await;
        if let Err(StoreError::Ambiguous | StoreError::Busy) = answer {
            answer = self.store.take_place(&self.account, self.allowed, holder).await;
        }
        match answer {
            Ok(row) => row.map(|row| Box::new(Held { store: Arc::clone(&self.store), row }) as Box<dyn Place>),
            Err(error) => {
                tracing::warn!(%error, "whether the carrier allows one more connection cannot be read");
                None
            }
        }
    }
}

struct Held {
    store: Arc<dyn Store>,
    row: store::Place,
}

#[async_trait::async_trait]
impl Place for Held {
    async fn keep(&self) -> Kept {
        match self.store.keep_place(&self.row).await {
            Ok(true) => Kept::Held,
            Ok(false) => Kept::Lost,
            Err(_) => Kept::Unknown,
        }
    }

    async fn leave(self: Box<Self>) {
        if let Err(error) = self.store.leave_place(&self.row).await {
            tracing::warn!(%error, "a place among the carrier's connections is kept until its time is over");
        }
    }
}
