//! What a platform can carry and what it limits, as plain words: the policy intersects it, an adapter states it.

use std::time::Duration;

/// Who writes a part of the text.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Writer {
    /// We do, in the text that is sent.
    Caller,
    /// The platform does, around what is sent.
    Platform,
    /// It stands in the filed template.
    Template,
}

/// What a platform is told.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Form {
    /// The text itself.
    FreeText,
    /// The code of a filed template, and parameters.
    Template,
}

/// How sure we are of an adapter's documents.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Documented {
    /// Vendor pages and an official SDK agree.
    High,
    /// Parts are inferred; the adapter's page says which.
    Medium,
}

/// Whether and how unknown outcomes can be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lookup {
    /// The platform cannot be asked; unknown stays for a person to resolve.
    None,
    /// By number, one question per call.
    ByNumber {
        /// At most so many calls a second.
        per_second: u16,
        /// Not found proves absence this long after the begin; `None` when the documents do not say so.
        absence_is_proof_after: Option<Duration>,
    },
}

/// How reports or replies come back.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Back {
    /// They do not.
    None,
    /// The platform is asked, and forgets what it told.
    Pull,
    /// The platform calls an address of ours.
    Push,
    /// Either way, as the account is set up; not both at once.
    PushOrPull,
}

impl Back {
    /// Whether the platform may be asked for them.
    pub fn is_pulled(self) -> bool {
        matches!(self, Self::Pull | Self::PushOrPull)
    }
}

/// What a platform can carry and what it limits. Limits intersect the policy; the strictest wins.
///
/// Prices are the account's own and no part of this; every platform is taken to charge by the part.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Stable lower-case name, such as `aliyun`.
    pub name: &'static str,
    /// Free text or filed template.
    pub form: Form,
    /// Numbers per call when all get the same text.
    pub same_text_max: u16,
    /// Numbers per call when each has its own text or parameters; 0 when it cannot.
    pub personal_max: u16,
    /// Who writes the signature.
    pub signature: Writer,
    /// Who writes the unsubscribe words.
    pub words: Writer,
    /// The platform's marketing hours, `(start, end)` in minutes after midnight Asia/Shanghai, half-open; a provider
    /// rule, not law.
    pub window: Option<(u16, u16)>,
    /// The platform's caps per number: at most `.0` in `.1` days; a provider rule, not law.
    pub caps: &'static [(u16, u16)],
    /// Whether a request is taken or refused as a whole, by its documents. Only then may one code for many be split,
    /// and one hit of a lookup settle all.
    pub all_or_nothing: bool,
    /// Whether the documents say that the same bytes sent twice make one message. Only then is an unknown outcome sent
    /// again, once, to the same platform, before the request's deadline.
    pub idempotent: bool,
    /// How unknown outcomes are asked for.
    pub lookup: Lookup,
    /// How delivery reports come back.
    pub reports: Back,
    /// How replies come back.
    pub replies: Back,
    /// An accepted row without a report after this long ends as `no_report`.
    pub report_due: Duration,
    /// Calls per second that the documents allow, or a careful guess where they say nothing; 0 is no limit. The store counts
    /// them over all workers.
    pub calls_per_second: u32,
    /// How sure we are.
    pub documented: Documented,
    /// What it was written after: the page, SDK or client; the adapter's page says more.
    pub source: &'static str,
}
