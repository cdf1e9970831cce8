//! Sub-port extensions (扩展码): which shop's messages come from which, and whose replies come back to it.

use super::ShopHandle;
use super::stops::days;
use crate::clock::Timestamp;
use crate::id::{AccountId, Extension};
use crate::store::{Assignment, ExtensionAsk, ExtensionRow, StoreError};

/// An extension is not given to another shop for so many days after it was given up, or last used if that was later:
/// until then people answer what the former shop sent.
pub const EXTENSION_REST_DAYS: u16 = 180;

/// Why an extension was not assigned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// Another shop has it.
    #[error("another shop has this extension; take another one, or let that shop give it up first")]
    Held,
    /// Another shop had it, and people may still answer what that shop sent.
    #[error("another shop had this extension, and it is free again on {free_from}; take another one until then")]
    Resting {
        /// From when it may be assigned to another shop; later if the former shop still sends from it.
        free_from: Timestamp,
    },
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ExtensionError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Held => "extension_held",
            Self::Resting { .. } => "extension_resting",
            Self::Store(e) => e.code(),
        }
    }
}

/// An extension that a shop has, or was the last to have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShopExtension {
    /// Of which account.
    pub account: AccountId,
    /// The digits.
    pub extension: Extension,
    /// When it came to the shop first.
    pub since: Timestamp,
    /// From when another shop may take it; `None` while this shop has it. Until then replies to it are this shop's.
    pub free_from: Option<Timestamp>,
}

impl ShopExtension {
    fn new(row: ExtensionRow) -> Self {
        let free_from = free_from(&row);
        Self { account: row.account, extension: row.extension, since: row.since, free_from }
    }
}

/// When an extension's rest ends; `None` while a shop has it.
pub(crate) fn free_from(row: &ExtensionRow) -> Option<Timestamp> {
    row.idle_since.map(|t| t.plus(days(EXTENSION_REST_DAYS)))
}

impl ShopHandle {
    /// Assigns a sub-port extension of an account to this shop: replies to it are replies to this shop, and campaigns that
    /// are opened from now on send from it. Of several at one account the one assigned last is sent from. The platform must
    /// have opened extensions for the account; some take none and refuse the request then.
    ///
    /// # Errors
    /// [`ExtensionError::Held`], [`ExtensionError::Resting`]; the store's: call again then, a repeat is harmless.
    pub async fn assign_extension(
        &self,
        account: &AccountId,
        extension: &Extension,
    ) -> Result<ShopExtension, ExtensionError> {
        let (shop, rest) = (self.row().key, days(EXTENSION_REST_DAYS));
        let ask = ExtensionAsk { account: account.clone(), extension: extension.clone(), shop, rest };
        match self.optin().store().assign_extension(ask).await? {
            Assignment::Given(row) => Ok(ShopExtension::new(row)),
            Assignment::Held => Err(ExtensionError::Held),
            Assignment::Resting { until } => Err(ExtensionError::Resting { free_from: until }),
        }
    }

    /// Gives an extension up. Replies to it stay this shop's, and no other shop gets it, for [`EXTENSION_REST_DAYS`]; this
    /// shop may take it again at any time before. Campaigns that are open go on sending from it, which prolongs the rest.
    /// `None`, and no change, when it is not this shop's.
    ///
    /// # Errors
    /// The store's; call again then, a repeat is harmless.
    pub async fn release_extension(
        &self,
        account: &AccountId,
        extension: &Extension,
    ) -> Result<Option<ShopExtension>, StoreError> {
        let row = self.optin().store().release_extension(account, extension, self.row().key).await?;
        Ok(row.map(ShopExtension::new))
    }

    /// Extensions that this shop has, and those that it gave up and no other shop has taken since.
    ///
    /// # Errors
    /// The store's.
    pub async fn extensions(&self) -> Result<Vec<ShopExtension>, StoreError> {
        let rows = self.optin().store().extensions(self.row().key).await?;
        Ok(rows.into_iter().map(ShopExtension::new).collect())
    }

    /// The extension that messages through this account are sent from.
    pub(crate) async fn sends_from(&self, account: &AccountId) -> Result<Option<Extension>, StoreError> {
        let rows = self.optin().store().extensions(self.row().key).await?;
        let has = rows.into_iter().filter(|r| r.idle_since.is_none() && r.account == *account);
        Ok(has.max_by_key(|r| r.assigned).map(|r| r.extension))
    }
}
