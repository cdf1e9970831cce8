//! Opt-in: what a person agreed to, how, on which notice, with which promise, and what proves it.
//!
//! What is not consent (a purchase, a pre-ticked box, terms alone, silence, a bought list) has no [`Method`]; as data it
//! is refused by code. Sources: PIPL art. 13–17; rules R-CONSENT-1 to R-CONSENT-14.

use crate::clock::Timestamp;
use crate::phone::Phone;
use crate::policy::law::Code;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// What a marketing message is for. All are marketing; consent to one is not consent to another (R-CONSENT-10).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// 生日祝福
    Birthday,
    /// 节日祝福
    Holiday,
    /// 新品上架
    NewArrival,
    /// 积分与会员
    Points,
    /// 促销活动
    Promotion,
    /// 邀请评价
    ReviewRequest,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 6] =
        [Self::Birthday, Self::Holiday, Self::NewArrival, Self::Points, Self::Promotion, Self::ReviewRequest];

    /// The stable name, such as `new_arrival`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Birthday => "birthday",
            Self::Holiday => "holiday",
            Self::NewArrival => "new_arrival",
            Self::Points => "points",
            Self::Promotion => "promotion",
            Self::ReviewRequest => "review_request",
        }
    }

    pub(crate) fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A purpose that is none of [`Purpose::ALL`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no such purpose; use birthday, holiday, new_arrival, points, promotion or review_request")]
pub struct PurposeError;

impl FromStr for Purpose {
    type Err = PurposeError;

    fn from_str(s: &str) -> Result<Self, PurposeError> {
        Self::ALL.into_iter().find(|p| p.as_str() == s).ok_or(PurposeError)
    }
}

/// A set of purposes.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Purposes(pub(crate) u8);

impl Purposes {
    /// Whether `p` is in the set.
    pub fn contains(self, p: Purpose) -> bool {
        self.0 & p.bit() != 0
    }

    /// Whether no purpose is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The purposes of the set, in the order of [`Purpose::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Purpose> {
        Purpose::ALL.into_iter().filter(move |p| self.contains(*p))
    }
}

impl<I: IntoIterator<Item = Purpose>> From<I> for Purposes {
    fn from(all: I) -> Self {
        Self(all.into_iter().fold(0, |m, p| m | p.bit()))
    }
}

impl fmt::Debug for Purposes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// How agreement was expressed. Only explicit acts have a name here (R-CONSENT-2, R-CONSENT-8).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A sign-up confirmed by a second act.
    DoubleOptIn,
    /// A recorded call.
    RecordedCall,
    /// A mobile-originated reply to a consent request that named type, frequency and period.
    Reply,
    /// A signed paper.
    SignedPaper,
    /// A box that was empty and that the person ticked.
    UntickedCheckbox,
}

impl Method {
    /// The stable name, such as `unticked_checkbox`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DoubleOptIn => "double_opt_in",
            Self::RecordedCall => "recorded_call",
            Self::Reply => "reply",
            Self::SignedPaper => "signed_paper",
            Self::UntickedCheckbox => "unticked_checkbox",
        }
    }
}

/// The method is not consent: a purchase, a pre-ticked box, terms alone, silence, a bought list, or anything unknown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "not consent (not_consent); ask the person: unticked_checkbox, double_opt_in, reply, signed_paper, recorded_call"
)]
pub struct NotConsent;

impl FromStr for Method {
    type Err = NotConsent;

    fn from_str(s: &str) -> Result<Self, NotConsent> {
        [Self::DoubleOptIn, Self::RecordedCall, Self::Reply, Self::SignedPaper, Self::UntickedCheckbox]
            .into_iter()
            .find(|m| m.as_str() == s)
            .ok_or(NotConsent)
    }
}

/// The notice that the person was shown: version, text, SHA-256 of the text (R-CONSENT-3).
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Notice {
    /// The shop's own version word.
    pub version: String,
    /// The whole text as shown.
    pub text: String,
}

impl Notice {
    /// A notice of at most 64 KiB.
    pub fn new(version: impl Into<String>, text: impl Into<String>) -> Self {
        Self { version: version.into(), text: text.into() }
    }

    /// SHA-256 of the text.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }
}

/// A number of days of 24 hours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Days(pub u16);

/// At most `max` marketing messages in any `days` × 24 hours, over all shops of the owner (R-CONSENT-4, R-FREQ-1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Promise {
    /// How many, at least 1.
    pub max: u16,
    /// In how many days, 1 to 366.
    pub days: u16,
}

/// What proves the act (R-CONSENT-6).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// Bytes that the store seals and keeps, at most 64 KiB in all per opt-in.
    Bytes {
        /// What they are: `page`, `recording`, `scan`, …
        kind: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A reference to something kept elsewhere, with its SHA-256.
    Reference {
        /// What it is: `page`, `recording`, `scan`, …
        kind: String,
        /// Where it is found.
        reference: String,
        /// SHA-256 of what is found there.
        sha256: [u8; 32],
    },
}

impl Evidence {
    /// At most this many bytes ride along with one opt-in.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Something kept elsewhere.
    pub fn reference(kind: impl Into<String>, reference: impl Into<String>, sha256: [u8; 32]) -> Self {
        Self::Reference { kind: kind.into(), reference: reference.into(), sha256 }
    }

    /// Bytes to seal and keep.
    pub fn bytes(kind: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes { kind: kind.into(), bytes: bytes.into() }
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { kind, bytes } => write!(f, "Evidence({kind}, {} bytes)", bytes.len()),
            Self::Reference { kind, .. } => write!(f, "Evidence({kind}, reference)"),
        }
    }
}

/// One act of agreement, as the shop records it. Every part that the law wants is a call of its own; [`crate::Shop`]
/// refuses to record it while one is missing, by a code that names the part.
#[derive(Clone, Debug)]
pub struct OptIn {
    pub(crate) phone: Phone,
    pub(crate) purposes: Purposes,
    pub(crate) method: Method,
    pub(crate) at: Option<Timestamp>,
    pub(crate) notice: Option<Notice>,
    pub(crate) promise: Option<Promise>,
    pub(crate) valid_until: Option<Timestamp>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) guardian: Option<Evidence>,
    pub(crate) age: Option<u8>,
    pub(crate) personalised: bool,
    pub(crate) sensitive: bool,
    pub(crate) envelope: Envelope,
}

/// Where an event comes from. The same (source, event id) for the same person is recorded once; a repeat returns the
/// first answer.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Envelope {
    /// The system that tells: `api` when empty.
    pub source: String,
    /// That system's id of the event; derived from the content when empty.
    pub event_id: String,
    /// Who acted (a clerk, a job); never a phone number.
    pub actor: String,
}

impl fmt::Debug for Envelope {
    /// Without its ids: tellers make them of phone numbers too. They are stored as hashes then.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope(event id of {} bytes)", self.event_id.len())
    }
}

impl OptIn {
    /// A person agreed, by an explicit act, to messages for these purposes.
    pub fn new(phone: Phone, purposes: impl Into<Purposes>, method: Method) -> Self {
        Self {
            phone,
            purposes: purposes.into(),
            method,
            at: None,
            notice: None,
            promise: None,
            valid_until: None,
            evidence: Vec::new(),
            guardian: None,
            age: None,
            personalised: false,
            sensitive: false,
            envelope: Envelope::default(),
        }
    }

    /// When the person acted; the moment of recording when not called.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// The notice that was shown.
    #[must_use]
    pub fn notice(mut self, notice: Notice) -> Self {
        self.notice = Some(notice);
        self
    }

    /// The frequency that was promised.
    #[must_use]
    pub fn promise(mut self, max: u16, days: Days) -> Self {
        self.promise = Some(Promise { max, days: days.0 });
        self
    }

    /// The end of the period that was told; excluded.
    #[must_use]
    pub fn valid_until(mut self, end: Timestamp) -> Self {
        self.valid_until = Some(end);
        self
    }

    /// One more artefact that proves the act.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// The guardian's consent, needed under 14 (R-MINOR-1).
    #[must_use]
    pub fn guardian(mut self, evidence: Evidence) -> Self {
        self.guardian = Some(evidence);
        self
    }

    /// The person's age in whole years, where known.
    #[must_use]
    pub fn age(mut self, years: u8) -> Self {
        self.age = Some(years);
        self
    }

    /// The person also agreed to personalised messages (R-CONSENT-14).
    #[must_use]
    pub fn personalised(mut self) -> Self {
        self.personalised = true;
        self
    }

    /// The person separately agreed to the use of sensitive segments (R-SENS-1).
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Source, event id and actor.
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.envelope = envelope;
        self
    }

    /// The first part that is missing or not allowed, by code.
    pub(crate) fn missing(&self) -> Option<Code> {
        if self.purposes.is_empty() {
            return Some(Code::NoNotice);
        }
        match &self.notice {
            Some(n) if !n.text.trim().is_empty() && !n.version.trim().is_empty() && n.text.len() <= 65_536 => {}
            _ => return Some(Code::NoNotice),
        }
        match (self.promise, self.valid_until) {
            (Some(p), Some(end)) if p.max >= 1 && (1..=366).contains(&p.days) && self.at.is_none_or(|at| at < end) => {}
            _ => return Some(Code::NoPromise),
        }
        let bytes: usize = self.evidence.iter().chain(&self.guardian).map(evidence_len).sum();
        if self.evidence.is_empty() || self.evidence.iter().any(is_empty) || bytes > Evidence::MAX_BYTES {
            return Some(Code::NoEvidence);
        }
        if self.age.is_some_and(|a| a < 14) && self.guardian.as_ref().is_none_or(is_empty) {
            return Some(Code::MinorWithoutGuardian);
        }
        None
    }
}

fn evidence_len(e: &Evidence) -> usize {
    match e {
        Evidence::Bytes { bytes, .. } => bytes.len(),
        Evidence::Reference { .. } => 0,
    }
}

fn is_empty(e: &Evidence) -> bool {
    match e {
        Evidence::Bytes { bytes, .. } => bytes.is_empty(),
        Evidence::Reference { reference, sha256, .. } => reference.trim().is_empty() || *sha256 == [0; 32],
    }
}

/// An opt-in as it comes as data: text fields that may say anything. [`OptInRow::read`] refuses what is not consent.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct OptInRow {
    /// The number, in any spelling.
    pub phone: String,
    /// Names of [`Purpose`]s.
    pub purposes: Vec<String>,
    /// The name of a [`Method`]; anything else is not consent.
    pub method: String,
    /// When the person acted, RFC 3339.
    pub at: Option<Timestamp>,
    /// The notice shown.
    pub notice: Option<Notice>,
    /// The promise made.
    pub promise: Option<Promise>,
    /// The end of the period told.
    pub valid_until: Option<Timestamp>,
    /// What proves it.
    pub evidence: Vec<EvidenceRow>,
    /// The guardian's consent.
    pub guardian: Option<serde_json::Value>,
    /// Age in whole years.
    pub minor: Option<u8>,
    /// Agreed to personalised messages.
    pub personalised: bool,
    /// Agreed separately to sensitive segments.
    pub sensitive: bool,
    /// The telling system's id of the event.
    pub event_id: String,
    /// Who acted.
    pub actor: String,
}

impl fmt::Debug for OptInRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OptInRow({})", self.method)
    }
}

/// A reference to evidence, as data.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct EvidenceRow {
    /// What it is.
    pub kind: String,
    /// Where it is found.
    #[serde(rename = "ref")]
    pub reference: String,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// Why a row of data is not an opt-in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// The number is none of a mainland mobile.
    #[error("the phone number is refused: {0}")]
    Phone(crate::phone::PhoneError),
    /// A field of the law is missing or says something that is not consent.
    #[error("refused: {0:?}")]
    Refused(Code),
}

impl RowError {
    /// The refusal code.
    pub fn code(self) -> Code {
        match self {
            Self::Phone(_) => Code::InvalidNumber,
            Self::Refused(code) => code,
        }
    }
}

impl From<std::convert::Infallible> for RowError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl OptInRow {
    /// Reads the row.
    ///
    /// # Errors
    /// [`RowError`]: `not_consent` for any method that is no explicit act, `no_evidence` for an unreadable hash.
    pub fn read(&self) -> Result<OptIn, RowError> {
        let phone = self.phone.parse().map_err(RowError::Phone)?;
        let method = self.method.parse::<Method>().map_err(|_| RowError::Refused(Code::NotConsent))?;
        let purposes = self.purposes.iter().map(|p| p.parse::<Purpose>()).collect::<Result<Vec<_>, _>>();
        let purposes = purposes.map_err(|_| RowError::Refused(Code::PurposeNotConsented))?;
        let mut o = OptIn::new(phone, purposes, method);
        o.at = self.at;
        o.notice = self.notice.clone();
        o.promise = self.promise;
        o.valid_until = self.valid_until;
        o.evidence = self.evidence.iter().map(EvidenceRow::read).collect::<Result<_, _>>()?;
        if let Some(guardian) = self.guardian.as_ref().filter(|v| v.as_object().is_some_and(|o| !o.is_empty())) {
            o.guardian = Some(Evidence::bytes("guardian", guardian.to_string()));
        }
        o.age = self.minor;
        o.personalised = self.personalised;
        o.sensitive = self.sensitive;
        o.envelope = Envelope { source: String::new(), event_id: self.event_id.clone(), actor: self.actor.clone() };
        Ok(o)
    }
}

impl EvidenceRow {
    fn read(&self) -> Result<Evidence, RowError> {
        let hash = crate::id::unhex(&self.sha256).and_then(|v| <[u8; 32]>::try_from(v).ok());
        let hash = hash.ok_or(RowError::Refused(Code::NoEvidence))?;
        Ok(Evidence::reference(&self.kind, &self.reference, hash))
    }
}

impl TryFrom<OptInRow> for OptIn {
    type Error = RowError;

    fn try_from(row: OptInRow) -> Result<Self, RowError> {
        row.read()
    }
}
