//! One text, one audience, one purpose: plan, look at the funnel, run, read the report.

pub mod audience;
mod build;
mod plan;
pub mod report;
mod route;
mod runner;
mod sort;
mod unknowns;

pub use audience::Audience;
pub use build::CampaignBuilder;
pub use plan::Preview;
pub use report::{Funnel, Report};
pub use route::Rank;
pub use runner::Progress;

use crate::clock::Timestamp;
use crate::consent::Purpose;
use crate::id::{AccountId, CampaignName, IdError, VariantName};
use crate::ledger::{Ledger, Leg};
use crate::message::{Drift, TextError};
use crate::money::Money;
use crate::optin::ShopHandle;
use crate::policy::Policy;
use crate::store::{CampaignRow, Phase, StoreError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Why a campaign cannot be planned, opened or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CampaignError {
    /// The account is not registered, or has no provider in this process.
    #[error("account {account} cannot send from this process; register it with add_account")]
    Account {
        /// Which.
        account: AccountId,
    },
    /// The audience as a whole cannot be read.
    #[error(transparent)]
    Audience(#[from] audience::AudienceError),
    /// The name exists with other content.
    #[error("a campaign of that name exists with other text or audience; choose another name")]
    Conflict,
    /// The filed template differs from the text as seen.
    #[error("no template filed at account {account} equals the text as seen; file it, or change the text")]
    Drift {
        /// Which account.
        account: AccountId,
        /// The first difference to the nearest template.
        #[source]
        source: Option<Drift>,
    },
    /// `ends` is not after `starts`.
    #[error("the campaign ends before it starts; set `ends` after `starts`")]
    Ends,
    /// The name is not allowed.
    #[error(transparent)]
    Name(#[from] IdError),
    /// The shop's settings cannot be read.
    #[error(transparent)]
    Shop(#[from] crate::optin::Error),
    /// No account was named.
    #[error("no account was named; call via(account)")]
    NoRoute,
    /// No text was given.
    #[error("no text was given; call text(…) or variant(…)")]
    NoText,
    /// The account's platform hands no replies over, and nobody has said that they are carried over by hand.
    #[error(
        "replies to account {account} never reach this store, so a refusal would be lost; record them by hand and say so \
         with AccountSettings::replies_by_hand, or use another account"
    )]
    NoReplies {
        /// Which.
        account: AccountId,
    },
    /// The account carries no text of one's own per person.
    #[error("account {account} cannot carry a text with parameters; use one text for all, or another account")]
    NotPersonal {
        /// Which.
        account: AccountId,
    },
    /// The account is not for this purpose.
    #[error("account {account} does not serve the purpose {}; use another account, or allow it with AccountSettings::only", .purpose.as_str())]
    Purpose {
        /// Which account.
        account: AccountId,
        /// The campaign's purpose.
        purpose: Purpose,
    },
    /// The signature is not filed at the account.
    #[error("the shop's signature is not filed at account {account}; file it there first")]
    SignatureNotFiled {
        /// Which.
        account: AccountId,
    },
    /// The plan could not be sorted on disk.
    #[error("the audience cannot be sorted on disk; make room in the folder for temporary files")]
    Sort(#[source] std::io::Error),
    /// The store.
    #[error(transparent)]
    Store(StoreError),
    /// The text is refused.
    #[error("the text of variant {variant} is refused")]
    Text {
        /// Which.
        variant: VariantName,
        /// Why, with its position.
        #[source]
        source: TextError,
    },
    /// No campaign of that name was planned.
    #[error("no campaign of that name; plan it first")]
    Unknown,
    /// More texts than can be told apart.
    #[error("at most 26 variants")]
    Variants,
    /// A weight of 0.
    #[error("account {account} has the weight 0; give it at least 1, or leave it out of the route")]
    Weight {
        /// Which.
        account: AccountId,
    },
    /// No hour is allowed by policy and provider.
    #[error("account {account} and the policy have no allowed hour in common")]
    Window {
        /// Which.
        account: AccountId,
    },
}

impl CampaignError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Account { .. } => "account_unresolved",
            Self::Audience(_) => "audience_unreadable",
            Self::Conflict => "campaign_conflict",
            Self::Drift { .. } => "template_drift",
            Self::Ends => "ends_before_starts",
            Self::Name(_) => "bad_name",
            Self::Shop(e) => e.code(),
            Self::NoReplies { .. } => "no_replies",
            Self::NoRoute => "no_route",
            Self::NoText => "no_text",
            Self::NotPersonal { .. } => "not_personal",
            Self::Purpose { .. } => "purpose_not_served",
            Self::SignatureNotFiled { .. } => "signature_not_filed",
            Self::Sort(_) => "sort_failed",
            Self::Store(e) => e.code(),
            Self::Text { source, .. } => source.code(),
            Self::Unknown => "campaign_unknown",
            Self::Variants => "too_many_variants",
            Self::Weight { .. } => "weight_zero",
            Self::Window { .. } => "no_window",
        }
    }
}

impl From<StoreError> for CampaignError {
    fn from(e: StoreError) -> Self {
        if matches!(e, StoreError::Conflict) { Self::Conflict } else { Self::Store(e) }
    }
}

/// Everything that makes a campaign what it is, beside its audience. Kept sealed.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub(crate) struct Spec {
    pub(crate) purpose: Purpose,
    pub(crate) variants: Vec<(VariantName, String)>,
    pub(crate) params: Vec<(String, crate::message::ParamKind)>,
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) personalised: bool,
    pub(crate) sensitive: bool,
    pub(crate) route: Vec<Rank>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cheapest: bool,
    pub(crate) budget: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) per_call: Option<u16>,
    pub(crate) policy: Option<Policy>,
}

/// A planned campaign. Cheap to clone; every handle sees the same rows.
#[derive(Clone)]
pub struct Campaign {
    inner: Arc<Inner>,
}

struct Inner {
    shop: ShopHandle,
    row: CampaignRow,
    spec: Spec,
    ledger: Ledger,
    /// In the order of their ranks.
    legs: Vec<Leg>,
    places: Vec<route::Place>,
    progress: tokio::sync::watch::Sender<Progress>,
}

impl std::fmt::Debug for Campaign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Campaign({}, {} rows)", self.inner.row.name, self.inner.row.rows)
    }
}

impl Campaign {
    /// Its name within the shop.
    pub fn name(&self) -> &CampaignName {
        &self.inner.row.name
    }

    /// Rows, one per person.
    pub fn rows(&self) -> u64 {
        self.inner.row.rows
    }

    /// Nothing is sent before.
    pub fn starts(&self) -> Timestamp {
        self.inner.spec.starts
    }

    /// Nothing is sent at or after; what is left expires.
    pub fn ends(&self) -> Timestamp {
        self.inner.spec.ends
    }

    /// The most it may cost.
    pub fn budget(&self) -> Option<Money> {
        self.inner.spec.budget.map(Money::from_ten_thousandths)
    }

    /// Stops new begins; what has left is settled. [`run`](Self::run) then returns.
    ///
    /// # Errors
    /// [`CampaignError::Store`].
    pub async fn pause(&self) -> Result<(), CampaignError> {
        self.phase(Phase::Paused).await
    }

    /// Lifts a pause; call [`run`](Self::run) again.
    ///
    /// # Errors
    /// [`CampaignError::Store`].
    pub async fn resume(&self) -> Result<(), CampaignError> {
        self.phase(Phase::Ready).await
    }

    /// Stops for good: planned rows expire, what has left is settled.
    ///
    /// # Errors
    /// [`CampaignError::Store`].
    pub async fn cancel(&self) -> Result<(), CampaignError> {
        self.phase(Phase::Cancelled).await?;
        self.store().expire(self.inner.row.key, crate::policy::law::Code::CampaignEnded).await?;
        Ok(())
    }

    async fn phase(&self, to: Phase) -> Result<(), CampaignError> {
        self.store().set_phase(self.inner.row.key, to).await?;
        Ok(())
    }

    fn store(&self) -> &Arc<dyn crate::store::Store> {
        &self.inner.ledger.store
    }

    fn now(&self) -> Timestamp {
        self.store().clock().now()
    }
}
