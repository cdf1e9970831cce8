//! What comes back: replies become stops, complaints or evidence; reports join their rows and rest dead numbers.
//!
//! Everything is recorded before the platform is answered, and may be told any number of times: the same (source, event
//! id) for the same person changes nothing.

mod attribution;

use attribution::Attributed;
pub use attribution::Attribution;

use crate::clock::Timestamp;
use crate::consent::Envelope;
use crate::delivery::{Class, Found, classify};
use crate::facts::{Event, Health, OwnerKey, Scope, ShopKey};
use crate::id::{AccountId, CampaignName, Reference, Rid, ShopId, hex};
use crate::inbound::{HttpAnswer, HttpCall, Inbound, InboundError, Pull, Reply, Report};
use crate::ledger::Payload;
use crate::optin::stops::{COMPLAINT, SENDERS_DAYS, StopChange, case_detail, days, quoted};
use crate::optin::told::{Told, seal};
use crate::optin::{Optin106, Recorded, ShopHandle};
use crate::phone::Phone;
use crate::provider::PullError;
use crate::stop::{Breadth, Intent, Reading};
use crate::store::{CampaignKey, Change, Changed, Effect, Joined, Lane, Load, Loaded, ReportAsk, StoreError};
use serde_json::json;
use sha2::Digest;
use std::fmt;

/// Why a callback was not taken in. Do not answer 200 then: the platform tells again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// The callback itself.
    #[error(transparent)]
    Inbound(#[from] InboundError),
    /// A page was pulled and forgotten by the platform, and the store did not take all of it: they are here, and nowhere else.
    #[error(
        "{} pulled events were not recorded and the platform has forgotten them: give each to Optin106::take_in once the \
         store can be written again ({source})", events.len()
    )]
    Lost {
        /// Those of the page that are not recorded.
        events: Vec<Inbound>,
        /// Why the store did not take them.
        source: StoreError,
    },
    /// The pull brought nothing.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// The store said no; what was recorded before is recorded, and telling again is harmless.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This process has no provider for the account.
    #[error("no provider is registered for this account in this process; give it to Optin106::add_account")]
    UnknownAccount,
}

impl IntakeError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Inbound(InboundError::Forged) => "callback_forged",
            Self::Inbound(InboundError::Stale) => "callback_stale",
            Self::Inbound(InboundError::TooLarge { .. }) => "callback_too_large",
            Self::Inbound(InboundError::NotOffered) => "callback_not_offered",
            Self::Inbound(_) => "callback_malformed",
            Self::Lost { .. } => "pull_lost",
            Self::Pull(PullError::NotOffered) => "pull_not_offered",
            Self::Pull(PullError::Refused { .. }) => "pull_refused",
            Self::Pull(_) => "pull_failed",
            Self::Store(e) => e.code(),
            Self::UnknownAccount => "unknown_account",
        }
    }

    /// The HTTP status to answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::Inbound(InboundError::Forged | InboundError::Stale) => 403,
            Self::Inbound(InboundError::TooLarge { .. }) => 413,
            Self::Inbound(InboundError::NotOffered) | Self::UnknownAccount => 404,
            Self::Inbound(_) => 400,
            Self::Lost { .. } | Self::Pull(_) | Self::Store(_) => 503,
        }
    }
}

/// A callback that is recorded.
#[derive(Debug)]
pub struct IntakeOutcome {
    /// To be sent to the platform, to the byte.
    pub answer: HttpAnswer,
    /// What was in it, in order.
    pub events: Vec<IntakeEvent>,
}

/// What a pull recorded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PullOutcome {
    /// Replies that refuse or complain.
    pub stops: u64,
    /// Other replies.
    pub replies: u64,
    /// Delivery reports.
    pub reports: u64,
    /// Whether more may wait: the most pages of one call were read.
    pub more: bool,
}

/// Pages that one call pulls at most.
const PAGES: usize = 100;
/// How often an event is offered to a store that is busy; nobody will tell it again.
const TRIES: u32 = 8;
/// Arrivals of a carrier's link that are stored at a time: they share a commit.
#[cfg(feature = "carrier")]
const ATTENDED: usize = 64;

/// One event that is recorded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum IntakeEvent {
    /// A reply.
    Reply(ReplyEvent),
    /// A delivery report.
    Report(ReportEvent),
}

/// A reply, as read and recorded.
#[derive(Clone)]
pub struct ReplyEvent {
    /// Who.
    pub phone: Phone,
    /// What it says, how far it reaches and by which rule.
    pub reading: Reading,
    /// When recorded, and whether it had been before.
    pub recorded: Recorded,
    /// By what it was known whom the reply answers, when it was recorded first.
    pub attribution: Attribution,
    /// The caller's own reference of the message that was answered: the last one of these owners, where there is one.
    pub caller_ref: Option<String>,
}

/// A delivery report, as read and recorded.
#[derive(Clone)]
pub struct ReportEvent {
    /// Whose handset.
    pub phone: Phone,
    /// The code as it came.
    pub code: String,
    /// What it means.
    pub meaning: Found,
    /// The shop whose message it is, where the row is known.
    pub shop: Option<ShopId>,
    /// Its campaign, where the row is known.
    pub campaign: Option<CampaignName>,
    /// Our reference, where the platform echoes it.
    pub reference: Option<Reference>,
    /// Whether it waits for the answer of its request.
    pub waiting: bool,
    /// Whether it had been told before.
    pub repeated: bool,
    /// The caller's own reference of the row, where the row is known.
    pub caller_ref: Option<String>,
}

impl fmt::Debug for ReplyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phone, reading, recorded) = (self.phone, &self.reading, self.recorded);
        write!(f, "ReplyEvent({phone:?}, {reading:?}, {recorded:?}, {})", self.attribution.as_str())
    }
}

impl fmt::Debug for ReportEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phone, code, meaning) = (self.phone, &self.code, &self.meaning);
        write!(f, "ReportEvent({phone:?}, {code:?}, {meaning:?}, {:?}, {:?})", self.shop, self.campaign)
    }
}

impl Optin106 {
    /// Takes a callback in. Give the answer only after this has returned.
    ///
    /// # Errors
    /// [`IntakeError`]; [`IntakeError::status`] is what to answer.
    pub async fn intake(&self, account: &AccountId, call: &HttpCall) -> Result<IntakeOutcome, IntakeError> {
        if call.body.len() > HttpCall::MAX_BODY {
            return Err(InboundError::TooLarge { bytes: call.body.len() }.into());
        }
        let provider = self.resolve(account).ok_or(IntakeError::UnknownAccount)?;
        let callback = match call.received_at {
            Some(_) => provider.inbound(call)?,
            None => provider.inbound(&HttpCall { received_at: Some(self.clock().now()), ..call.clone() })?,
        };
        let route = provider.profile().name;
        let mut events = Vec::with_capacity(callback.events.len());
        for event in callback.events {
            events.push(self.take_in(account, route, event).await?);
        }
        Ok(IntakeOutcome { answer: callback.answer, events })
    }

    /// Pulls what waits at the platform of an account and records it. Platforms forget what they have told, so each page is
    /// recorded before the next is asked for, and one pull at a time runs in this process; let no other process and no
    /// pushing interfere. At most a hundred pages a call. Dropping the call between answer and record loses that page.
    ///
    /// # Errors
    /// [`IntakeError`]; [`IntakeError::Lost`] has the events that the platform has forgotten and the store did not take: give
    /// each to [`take_in`](Self::take_in) once the store can be written again.
    pub async fn pull(&self, account: &AccountId, what: Pull) -> Result<PullOutcome, IntakeError> {
        let provider = self.resolve(account).ok_or(IntakeError::UnknownAccount)?;
        let route = provider.profile().name;
        let _alone = self.pulling().lock().await;
        let mut outcome = PullOutcome::default();
        for _ in 0..PAGES {
            let page = provider.pull(what).await?;
            outcome.more = page.more;
            let mut lost = None;
            for event in page.events {
                match self.record_surely(account, route, event.clone()).await {
                    Ok(IntakeEvent::Report(_)) => outcome.reports += 1,
                    Ok(IntakeEvent::Reply(r)) if matches!(r.reading.intent, Intent::Complaint | Intent::Stop) => {
                        outcome.stops += 1;
                    }
                    Ok(IntakeEvent::Reply(_)) => outcome.replies += 1,
                    // The others of the page are recorded all the same: there may be a refusal among them.
                    Err(source) => {
                        let (mut events, _) = lost.unwrap_or((Vec::new(), StoreError::Busy));
                        events.push(event);
                        lost = Some((events, source));
                    }
                }
            }
            if let Some((events, source)) = lost {
                return Err(IntakeError::Lost { events, source });
            }
            if !page.more {
                break;
            }
        }
        Ok(outcome)
    }

    async fn record_surely(&self, account: &AccountId, route: &str, event: Inbound) -> Result<IntakeEvent, StoreError> {
        let mut tries = 0;
        loop {
            match self.take_in(account, route, event.clone()).await {
                Err(StoreError::Busy | StoreError::Ambiguous) if tries < TRIES => {
                    tries += 1;
                    self.clock().sleep(std::time::Duration::from_millis(50 << tries.min(6))).await;
                }
                other => return other,
            }
        }
    }

    /// Takes in what a carrier's link brings, and acknowledges each reply and report once it is stored. Runs until it is
    /// dropped, which loses nothing: what was not acknowledged, the gateway tells again. One at a time for a link.
    ///
    /// # Errors
    /// The store's, when it takes nothing any more; what it did not take was not acknowledged. One event that it cannot take
    /// does not keep the others out.
    #[cfg(feature = "carrier")]
    pub async fn attend(&self, account: &AccountId, link: &crate::carrier::Link) -> Result<(), StoreError> {
        use futures_util::stream::{FuturesUnordered, unfold};
        use futures_util::{FutureExt, StreamExt};
        let route = crate::provider::Provider::profile(link).name;
        let mut arrivals = std::pin::pin!(unfold(link, |link| async move { Some((link.arrived().await?, link)) }));
        let mut open = FuturesUnordered::new();
        let mut failed = 0;
        let mut heed = |done: Result<(), StoreError>| match done {
            Ok(()) => {
                failed = 0;
                Ok(())
            }
            Err(error) => {
                failed += 1;
                tracing::warn!(%error, "what a carrier's gateway told was not stored, and is not acknowledged");
                if failed < ATTENDED { Ok(()) } else { Err(error) }
            }
        };
        loop {
            let store = |arrived: crate::carrier::Arrived| async move {
                self.record_surely(account, route, arrived.event().clone()).await.map(|_| arrived.acknowledge())
            };
            if open.len() >= ATTENDED {
                open.next().await.map_or(Ok(()), &mut heed)?;
                continue;
            }
            futures_util::select_biased! {
                done = open.select_next_some() => heed(done)?,
                arrived = arrivals.next().fuse() => match arrived {
                    Some(arrived) => open.push(store(arrived)),
                    None => break,
                },
            }
        }
        while let Some(done) = open.next().await {
            heed(done)?;
        }
        Ok(())
    }

    /// Takes one event in that came another way than by HTTP, such as over a carrier's connection.
    ///
    /// # Errors
    /// The store's.
    pub async fn take_in(&self, account: &AccountId, route: &str, event: Inbound) -> Result<IntakeEvent, StoreError> {
        match event {
            Inbound::Reply(reply) => self.account_reply(account, reply).await.map(IntakeEvent::Reply),
            Inbound::Report(report) => self.account_report(account, route, report).await.map(IntakeEvent::Report),
        }
    }

    async fn account_reply(&self, account: &AccountId, reply: Reply) -> Result<ReplyEvent, StoreError> {
        let rid = self.store().keyring().rid(reply.phone);
        let to = self.attribute(account, rid, &reply).await?;
        let envelope = Envelope { source: account.to_string(), event_id: reply.event_id, actor: String::new() };
        let said = Said { rid, phone: reply.phone, to, at: Some(reply.at), text: &reply.text };
        self.record_reply(said, None, envelope).await
    }

    /// `teller` is the shop whose ids the envelope counts in; `None` for an account's, so that a signature that is
    /// registered meanwhile makes no second event of one reply.
    async fn record_reply(
        &self,
        said: Said<'_>,
        teller: Option<ShopKey>,
        envelope: Envelope,
    ) -> Result<ReplyEvent, StoreError> {
        let reading = crate::stop::read(said.text);
        let kind = kind_of(reading.intent);
        let when = said.at.unwrap_or(self.clock().now());
        let told = Told::new(envelope, kind, teller, |h| {
            h.update(when.millis().to_be_bytes());
            h.update(said.text);
        });
        let envelope = told.envelope.clone();
        let (lane, change) = match reading.intent {
            Intent::Complaint | Intent::Stop => (Lane::Urgent, self.reply_stop(&said, reading, kind, told, when)),
            Intent::Other | Intent::Yes => (Lane::Normal, self.reply_note(&said, reading, kind, told)),
        };
        let recorded = recorded(self.change_one(lane, change).await?)?;
        let first = if recorded.repeated { self.kept(said.rid, &envelope, kind, teller).await? } else { None };
        let attribution = first.unwrap_or(said.to.by);
        let caller_ref = self.caller_ref(said.rid, None, &said.to.owners).await?;
        Ok(ReplyEvent { phone: said.phone, reading, recorded, attribution, caller_ref })
    }

    /// The attribution that a reply was recorded with: extensions and signatures may have changed since.
    async fn kept(
        &self,
        rid: Rid,
        envelope: &Envelope,
        kind: &str,
        teller: Option<ShopKey>,
    ) -> Result<Option<Attribution>, StoreError> {
        let events = self.store().events(rid).await?;
        let of = events.iter().filter(|r| r.kind == kind && r.source == envelope.source);
        let mut kept = of
            .filter(|r| r.event_id == envelope.event_id)
            .filter_map(|r| Attribution::parse(r.detail["attribution"].as_str()?));
        Ok(kept.find(|a| (*a == Attribution::Shop) == teller.is_some()))
    }

    fn reply_stop(&self, said: &Said<'_>, reading: Reading, kind: &'static str, told: Told, when: Timestamp) -> Change {
        let mut detail = if kind == COMPLAINT { case_detail("reply", when) } else { json!({}) };
        detail["rule"] = reading.rule.into();
        detail["attribution"] = said.to.by.as_str().into();
        let scopes = match reading.breadth {
            Breadth::Sender if !said.to.owners.is_empty() => said.to.owners.iter().copied().map(Scope::Owner).collect(),
            Breadth::Everyone | Breadth::Sender => vec![Scope::Everyone],
        };
        let sealed = self.seal_case(said.rid, told.key, None, Some(said.text));
        let (rid, shop, at, scopes) = (said.rid, said.to.shop, said.at, Some(scopes));
        StopChange { rid, told, kind, shop, at, scopes, detail, sealed: Some(sealed) }.change()
    }

    /// A reply that stops nothing. A yes is evidence for a consent that the shop records, never consent by itself.
    fn reply_note(&self, said: &Said<'_>, reading: Reading, kind: &'static str, told: Told) -> Change {
        let sealed = seal(self.store().keyring(), said.rid, told.key, quoted(said.text).as_bytes());
        let detail = json!({ "rule": reading.rule, "attribution": said.to.by.as_str() });
        Change {
            rid: said.rid,
            key: told.key,
            envelope: told.envelope,
            kind,
            shop: said.to.shop,
            claimed: said.at,
            load: Load::Nothing,
            decide: Box::new(move |_| Ok(Effect { events: Vec::new(), detail, sealed: Some(sealed) })),
        }
    }

    async fn account_report(
        &self,
        account: &AccountId,
        route: &str,
        report: Report,
    ) -> Result<ReportEvent, StoreError> {
        let rid = self.store().keyring().rid(report.phone);
        let meaning = classify(&report.code, Some(route));
        let envelope =
            Envelope { source: account.to_string(), event_id: report.event_id.clone(), actor: String::new() };
        let told = report_told(envelope, &report.code, report.at);
        let ask = ReportAsk {
            source: told.envelope.source.clone(),
            // One id may stand for a whole request; the store's is one person's.
            event_id: format!("{}:{}", told.envelope.event_id, hex(rid.as_bytes())),
            rid,
            account: Some(account.clone()),
            provider_id: report.provider_id.clone(),
            reference: report.reference,
            code: report.code.clone(),
            delivered: delivered(&meaning, report.delivered),
            at: report.at,
            wait: true,
        };
        let joined = self.store().report(ask).await?;
        let says = says(&meaning, report.delivered);
        // However many segments of a message say so, the number failed once, or came to life once. Over a carrier's line,
        // before the answer is there, reports of one minute are taken for those of one message.
        let one = match says {
            Says::Health(health) => match joined.in_segments {
                Some(request) => Some(format!("segments of {request}: {health:?}")),
                None if joined.waiting && self.counts_segments(account) => {
                    Some(format!("early, minute {}: {health:?}", report.at.millis() / 60_000))
                }
                None => None,
            },
            Says::Everyone | Says::Nothing | Says::Refused => None,
        };
        let told = match one {
            Some(event_id) => report_told(Envelope { event_id, ..told.envelope }, &report.code, report.at),
            None => told,
        };
        let reach = match says {
            Says::Refused => self.reach(account, rid, &joined, report.at).await?,
            Says::Everyone | Says::Health(_) | Says::Nothing => Vec::new(),
        };
        let change = report_change(rid, told, joined.shop, Some(report.at), &report.code, says, reach);
        let repeated = match change {
            Some(change) => recorded(self.change_one(Lane::Urgent, change).await?)?.repeated,
            None => joined.repeated,
        };
        let (shop, campaign) = self.names(&joined).await?;
        let caller_ref = match joined.campaign {
            Some(key) => self.caller_ref(rid, Some(key), &[]).await?,
            None => None,
        };
        let (phone, code, reference) = (report.phone, report.code, report.reference);
        let waiting = joined.waiting;
        Ok(ReportEvent { phone, code, meaning, shop, campaign, reference, waiting, repeated, caller_ref })
    }

    fn counts_segments(&self, account: &AccountId) -> bool {
        self.resolve(account).is_some_and(|provider| provider.counts_segments())
    }

    /// The caller's own reference of this person's row in a campaign, or of the last message that one of `owners` sent
    /// in 31 days.
    async fn caller_ref(
        &self,
        rid: Rid,
        campaign: Option<CampaignKey>,
        owners: &[OwnerKey],
    ) -> Result<Option<String>, StoreError> {
        let now = self.clock().now();
        let from = if campaign.is_some() { Timestamp::EPOCH } else { now.minus(days(SENDERS_DAYS)) };
        for (row, message) in self.store().find(rid, from, Timestamp::FAR).await? {
            let its = match campaign {
                Some(key) => row.key == key,
                None => {
                    let shop = self.store().shop_by_key(row.shop).await?;
                    message.begun.is_some() && shop.is_some_and(|s| owners.contains(&s.owner))
                }
            };
            if its && !message.sealed.is_empty() {
                // What is recorded stays recorded when a row cannot be opened any more.
                let payload = Payload::open(self.store().keyring(), row.key, rid, &message.sealed);
                return Ok(payload.ok().and_then(|p| p.caller_ref));
            }
        }
        Ok(None)
    }

    /// The owners whom a refusal in a report reaches: the row's, else whoever sent through the account.
    async fn reach(
        &self,
        account: &AccountId,
        rid: Rid,
        joined: &Joined,
        at: Timestamp,
    ) -> Result<Vec<OwnerKey>, StoreError> {
        if let Some(key) = joined.shop {
            let shop = self.store().shop_by_key(key).await?;
            return Ok(shop.map(|s| s.owner).into_iter().collect());
        }
        let from = at.min(self.clock().now()).minus(days(SENDERS_DAYS));
        self.store().senders(rid, Some(account.clone()), from).await
    }

    async fn names(&self, joined: &Joined) -> Result<(Option<ShopId>, Option<CampaignName>), StoreError> {
        let shop = match joined.shop {
            Some(key) => self.store().shop_by_key(key).await?.map(|s| s.id),
            None => None,
        };
        let campaign = match joined.campaign {
            Some(key) => self.store().campaign_by_key(key).await?.map(|c| c.name),
            None => None,
        };
        Ok((shop, campaign))
    }
}

impl ShopHandle {
    /// Takes in a reply to this shop's last message, where the host reads replies itself.
    ///
    /// # Errors
    /// The store's; call again then, a repeat is harmless.
    pub async fn reply(
        &self,
        phone: Phone,
        text: &str,
        at: Option<Timestamp>,
        envelope: Envelope,
    ) -> Result<ReplyEvent, StoreError> {
        let shop = self.current().await?;
        let rid = self.optin().store().keyring().rid(phone);
        let to = Attributed { owners: vec![shop.owner], shop: Some(shop.key), by: Attribution::Shop };
        let said = Said { rid, phone, to, at, text };
        self.optin().record_reply(said, Some(shop.key), envelope).await
    }

    /// Takes in a delivery report on this shop's last message, where the host reads reports itself. `carrier` names the
    /// route that it came over, where known: the same code may mean opposite things on two routes.
    ///
    /// # Errors
    /// The store's; call again then, a repeat is harmless.
    pub async fn report(
        &self,
        phone: Phone,
        code: &str,
        carrier: Option<&str>,
        at: Option<Timestamp>,
        envelope: Envelope,
    ) -> Result<ReportEvent, StoreError> {
        let shop = self.current().await?;
        let optin = self.optin();
        let rid = optin.store().keyring().rid(phone);
        let meaning = classify(code, carrier);
        let told = report_told(envelope, code, at.unwrap_or(optin.clock().now()));
        let says = says(&meaning, None);
        let change = report_change(rid, told, Some(shop.key), at, code, says, vec![shop.owner]);
        let repeated = match change {
            Some(change) => recorded(optin.change_one(Lane::Urgent, change).await?)?.repeated,
            None => false,
        };
        let code = code.to_owned();
        let shop = Some(shop.id);
        let (campaign, reference, caller_ref) = (None, None, None);
        Ok(ReportEvent { phone, code, meaning, shop, campaign, reference, waiting: false, repeated, caller_ref })
    }
}

/// A reply, and whom it answers.
struct Said<'a> {
    rid: Rid,
    phone: Phone,
    to: Attributed,
    at: Option<Timestamp>,
    text: &'a str,
}

fn kind_of(intent: Intent) -> &'static str {
    match intent {
        Intent::Complaint => COMPLAINT,
        Intent::Other => "reply",
        Intent::Stop => "reply_stop",
        Intent::Yes => "yes",
    }
}

fn recorded(changed: Changed) -> Result<Recorded, StoreError> {
    match changed {
        Changed::Recorded { at } => Ok(Recorded { at, repeated: false }),
        Changed::Repeated { at } => Ok(Recorded { at, repeated: true }),
        // Nothing refuses what a person said; a store that does is broken.
        Changed::Refused(_) => Err(StoreError::Corrupt(None)),
    }
}

/// The shop is no part of a report's key: told again, its row may be known by then, and it must not count twice.
fn report_told(envelope: Envelope, code: &str, at: Timestamp) -> Told {
    Told::new(envelope, REPORT, None, |h| {
        h.update(at.millis().to_be_bytes());
        h.update(code);
    })
}

const REPORT: &str = "report";

/// What a report means for the person.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Says {
    /// A carrier's, regulator's or platform's list.
    Everyone,
    /// Something about the number.
    Health(Health),
    /// Nothing that can be relied on.
    Nothing,
    /// The person refused this sender.
    Refused,
}

fn says(meaning: &Found, platform: Option<bool>) -> Says {
    match meaning.class {
        Class::BlockedByCarrier => Says::Everyone,
        Class::BlockedByRecipient => Says::Refused,
        Class::Dead => Says::Health(Health::Dead),
        Class::SoftFailure if meaning.counts_as_soft_failure => Says::Health(Health::SoftFailure),
        // A platform that contradicts its own code says nothing.
        Class::Delivered if platform != Some(false) => Says::Health(Health::Delivered),
        Class::Unknown if platform == Some(true) => Says::Health(Health::Delivered),
        // Refused for a reason that differs by gateway, such as REJECTD: not delivered, and repeated it rests the number.
        Class::Unknown if meaning.counts_as_soft_failure => Says::Health(Health::SoftFailure),
        Class::Content | Class::Delivered | Class::SoftFailure | Class::Unknown => Says::Nothing,
    }
}

/// What becomes of the row.
fn delivered(meaning: &Found, platform: Option<bool>) -> Option<bool> {
    match meaning.class {
        Class::Delivered => Some(platform.unwrap_or(true)),
        Class::Unknown => platform,
        Class::BlockedByCarrier | Class::BlockedByRecipient | Class::Content | Class::Dead | Class::SoftFailure => {
            Some(false)
        }
    }
}

/// The change of the person's facts; `None` when the report says nothing about the person: the row keeps the code.
fn report_change(
    rid: Rid,
    told: Told,
    shop: Option<ShopKey>,
    at: Option<Timestamp>,
    code: &str,
    says: Says,
    owners: Vec<OwnerKey>,
) -> Option<Change> {
    let code: String = code.chars().take(64).collect();
    let detail = json!({ "code": code });
    let scopes = match says {
        Says::Nothing => return None,
        Says::Everyone => Some(vec![Scope::Everyone]),
        Says::Refused if owners.is_empty() => None,
        Says::Refused => Some(owners.into_iter().map(Scope::Owner).collect()),
        Says::Health(health) => return Some(health_change(rid, told, shop, at, health, detail)),
    };
    Some(StopChange { rid, told, kind: REPORT, shop, at, scopes, detail, sealed: None }.change())
}

fn health_change(
    rid: Rid,
    told: Told,
    shop: Option<ShopKey>,
    at: Option<Timestamp>,
    says: Health,
    detail: serde_json::Value,
) -> Change {
    Change {
        rid,
        key: told.key,
        envelope: told.envelope,
        kind: REPORT,
        shop,
        claimed: at,
        load: Load::Nothing,
        decide: Box::new(move |loaded: &Loaded| {
            let at = at.unwrap_or(loaded.now).min(loaded.now);
            Ok(Effect { events: vec![Event::Report { says, at }], detail, sealed: None })
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_report_says() {
        for (code, platform, expected) in [
            ("DELIVRD", None, Says::Health(Health::Delivered)),
            ("DELIVRD", Some(false), Says::Nothing),
            ("MBBLACK", None, Says::Refused),
            ("no-such-code", None, Says::Nothing),
            ("REJECTD", None, Says::Health(Health::SoftFailure)),
            ("REJECTD", Some(true), Says::Health(Health::Delivered)),
            ("no-such-code", Some(true), Says::Health(Health::Delivered)),
        ] {
            let said = says(&classify(code, None), platform);
            let blocked = matches!(expected, Says::Refused) && matches!(said, Says::Everyone);
            assert!(said == expected || blocked, "{code}: {said:?}");
        }
    }
}
