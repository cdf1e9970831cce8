//! A provider that sends nothing and remembers everything.
//!
//! In the CI of a shop: register it as an account, run the campaign, then assert what the law wants.
//!
//! ```no_run
//! # async fn demo(optin: optin106::Optin106) -> Result<(), Box<dyn std::error::Error>> {
//! use optin106::testing::mock::{Fault, MockProvider};
//! use optin106::id::AccountId;
//! use std::sync::Arc;
//!
//! let mock = MockProvider::new("mock");
//! optin.add_account(&AccountId::new("mock-1")?, Arc::new(mock.clone()), Default::default()).await?;
//! mock.next(Fault::UnknownTaken); // the first call times out, although the platform took it
//! // … plan and run a campaign via "mock-1" …
//! mock.assert_every_message_has_live_opt_in(&optin).await;
//! mock.assert_every_text_ends_with_the_words();
//! mock.assert_nobody_twice();
//! # Ok(())
//! # }
//! ```
//!
//! The author of a provider plugin asserts the same against the plugin's fake gateway; the mock shows what each verdict
//! makes the library do. What a failed assertion prints has counts and masked numbers only.

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::consent::{Purpose, Purposes};
use crate::facts::{Event, Grant, Person, ShopKey};
use crate::id::{AccountId, Reference};
use crate::inbound::{Callback, HttpCall, InboundError, Report};
use crate::message::UNSUBSCRIBE;
use crate::optin::Optin106;
use crate::phone::Phone;
use crate::provider::{
    Answer, Asked, Back, Blame, Consequence, Documented, Form, Found, Lookup, Profile, Provider, Request, Verdict,
    Verdicts, Writer,
};
use crate::store::{EventRow, Store};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What happens to one call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Everyone is taken.
    Accept,
    /// Everyone is taken; the answer comes so much later, by the mock's clock.
    Hang(Duration),
    /// Everyone is taken; the answer names only the first so many.
    MissingVerdicts(usize),
    /// The first so many are taken, the others refused because of the person.
    Partial(usize),
    /// Nobody is taken, with this code.
    Reject(Blame, Consequence, &'static str),
    /// These numbers are refused because of the person, with this code; the others are taken. A profile that is
    /// all-or-nothing refuses the whole call instead.
    RejectNumbers(Vec<Phone>, Consequence, &'static str),
    /// Nobody is taken: the platform's rate says "later", for so long.
    Throttle(Duration),
    /// Nobody is taken, and the answer is lost.
    UnknownLost,
    /// Everyone is taken, and the answer is lost.
    UnknownTaken,
    /// No byte leaves.
    Unsent,
}

/// One ticket that the mock was handed.
#[derive(Clone)]
pub struct Sent {
    /// The number.
    pub phone: Phone,
    /// The text as the person sees it.
    pub text: String,
    /// Our reference of the call.
    pub reference: Reference,
    /// The account that sent.
    pub account: AccountId,
    /// The sub-port extension that it was to be sent from.
    pub extension: Option<String>,
    /// When it was recorded as begun.
    pub begun_at: Timestamp,
    /// The consent event that it rests on.
    pub grant: u64,
    /// Which call it was part of, from 0.
    pub call: usize,
    /// The platform's id; `None` when it was not taken.
    pub id: Option<String>,
}

impl Sent {
    /// Whether the platform took it, whatever it answered.
    pub fn taken(&self) -> bool {
        self.id.is_some()
    }

    /// The delivery report that a platform would push for it.
    pub fn report(&self, code: impl Into<String>, delivered: Option<bool>, at: Timestamp) -> Report {
        Report {
            event_id: format!("{}-{}", self.id.as_deref().unwrap_or("none"), self.call),
            phone: self.phone,
            provider_id: self.id.clone(),
            reference: Some(self.reference),
            code: code.into(),
            delivered,
            at,
        }
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sent({:?}, call {}, taken: {})", self.phone, self.call, self.taken())
    }
}

/// One question that the mock was asked.
#[derive(Clone)]
pub struct LookedUp {
    /// The number.
    pub phone: Phone,
    /// Our reference of the call.
    pub reference: Reference,
    /// When it was begun.
    pub begun_at: Timestamp,
}

impl fmt::Debug for LookedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookedUp({:?})", self.phone)
    }
}

#[derive(Default)]
struct State {
    calls: usize,
    submitted: Vec<Sent>,
    lookups: Vec<LookedUp>,
    script: VecDeque<Fault>,
    unclear: usize,
    refused: HashMap<Phone, (Consequence, &'static str)>,
    /// State of the random mix; 0 is none.
    random: u64,
}

/// A provider that sends nothing and remembers everything. Cheap to clone; clones share what was sent and the script.
#[derive(Clone)]
pub struct MockProvider {
    profile: Profile,
    /// The store's clock, when given; only then is the deadline checked.
    clock: Option<Arc<dyn Clock>>,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for MockProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        write!(f, "MockProvider({}, {} calls, {} tickets)", self.profile.name, state.calls, state.submitted.len())
    }
}

impl MockProvider {
    /// A platform that takes free text, 1000 numbers a call, the same or each its own, and can be asked by number.
    pub fn new(name: &'static str) -> Self {
        let profile = Profile {
            name,
            form: Form::FreeText,
            same_text_max: 1_000,
            personal_max: 1_000,
            signature: Writer::Caller,
            words: Writer::Caller,
            window: None,
            caps: &[],
            all_or_nothing: false,
            lookup: Lookup::ByNumber { per_second: 100, absence_is_proof_after: Some(Duration::from_secs(3_600)) },
            idempotent: false,
            reports: Back::Push,
            replies: Back::Push,
            report_due: Duration::from_secs(72 * 3_600),
            calls_per_second: 0,
            documented: Documented::High,
            source: "none: it sends nothing",
        };
        Self { profile, clock: None, state: Arc::default() }
    }

    /// The same with another profile. Call it before cloning: clones keep the profile they have.
    #[must_use]
    pub fn profile(mut self, change: impl FnOnce(&mut Profile)) -> Self {
        change(&mut self.profile);
        self
    }

    /// The clock that [`Fault::Hang`] waits by, and that deadlines are checked on: the store's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Calls without a scripted fault draw one: about two in three are accepted. The same seed draws the same faults.
    #[must_use]
    pub fn random(self, seed: u64) -> Self {
        self.lock().random = seed | 1;
        self
    }

    /// Scripts the next call that has no fault yet.
    pub fn next(&self, fault: Fault) -> &Self {
        self.lock().script.push_back(fault);
        self
    }

    /// Scripts the next `times` calls.
    pub fn repeat(&self, times: usize, fault: &Fault) -> &Self {
        self.lock().script.extend(std::iter::repeat_n(fault, times).cloned());
        self
    }

    /// Refuses this number in every call from now on, because of the person.
    pub fn refuse(&self, phone: Phone, consequence: Consequence, code: &'static str) -> &Self {
        self.lock().refused.insert(phone, (consequence, code));
        self
    }

    /// Leaves the next `times` questions of lookups unanswered.
    pub fn unclear(&self, times: usize) -> &Self {
        self.lock().unclear = times;
        self
    }

    /// No more faults: every later call is accepted.
    pub fn heal(&self) -> &Self {
        let mut state = self.lock();
        state.script.clear();
        state.refused.clear();
        state.unclear = 0;
        state.random = 0;
        drop(state);
        self
    }

    /// Every ticket of every call, in order, taken or not.
    pub fn submitted(&self) -> Vec<Sent> {
        self.lock().submitted.clone()
    }

    /// Every ticket that the platform took, whatever it answered, in order.
    pub fn sent(&self) -> Vec<Sent> {
        self.lock().submitted.iter().filter(|s| s.taken()).cloned().collect()
    }

    /// How many calls were made.
    pub fn calls(&self) -> usize {
        self.lock().calls
    }

    /// Every question of every lookup, in order.
    pub fn lookups(&self) -> Vec<LookedUp> {
        self.lock().lookups.clone()
    }

    /// Every ticket rested on an opt-in that was recorded before its begin, had not ended, and had no newer stop.
    ///
    /// Reads the events of the store, not what the gate said. Ask before anything is erased.
    ///
    /// # Panics
    /// When one did not, or the store cannot be read.
    pub async fn assert_every_message_has_live_opt_in(&self, optin: &Optin106) {
        let store = optin.store();
        let mut without = Vec::new();
        for sent in self.submitted() {
            if !has_live_opt_in(store, &sent).await {
                without.push(sent);
            }
        }
        assert!(without.is_empty(), "{} messages without a live opt-in, such as {:?}", without.len(), without[0]);
    }

    /// Every text ends with the unsubscribe words.
    ///
    /// # Panics
    /// When one does not.
    pub fn assert_every_text_ends_with_the_words(&self) {
        let without: Vec<Sent> = self.submitted().into_iter().filter(|s| !s.text.ends_with(UNSUBSCRIBE)).collect();
        assert!(without.is_empty(), "{} texts do not end with the words, such as {:?}", without.len(), without[0]);
    }

    /// The platform took no text twice for one number. Campaigns are told apart by their texts.
    ///
    /// # Panics
    /// When it took one twice.
    pub fn assert_nobody_twice(&self) {
        let mut seen: HashMap<(Phone, String), usize> = HashMap::new();
        for sent in self.sent() {
            *seen.entry((sent.phone, sent.text)).or_default() += 1;
        }
        let twice: Vec<_> = seen.into_iter().filter(|(_, n)| *n > 1).map(|((phone, _), n)| (phone, n)).collect();
        assert!(twice.is_empty(), "{} people got a text more than once, such as {:?}", twice.len(), twice[0]);
    }

    /// No call was made.
    ///
    /// # Panics
    /// When one was.
    pub fn assert_nothing_sent(&self) {
        let state = self.lock();
        assert!(state.calls == 0, "{} calls with {} messages were made", state.calls, state.submitted.len());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain values; a panic elsewhere leaves them usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the call and decides it, in one step: what is taken is taken, even if nobody waits for the answer.
    fn take(&self, request: &Request<'_>) -> (Verdicts, Option<Duration>) {
        let mut state = self.lock();
        let fault = state.script.pop_front().unwrap_or_else(|| state.draw(request.tickets().len()));
        let call = state.calls;
        state.calls += 1;
        let judged: Vec<(Option<String>, Verdict)> = request
            .tickets()
            .iter()
            .enumerate()
            .map(|(i, t)| {
                let id = format!("{}-{call}", self.profile.name);
                state.judge(&fault, self.profile.all_or_nothing, request, (i, t.phone()), id)
            })
            .collect();
        for (ticket, (id, _)) in request.tickets().iter().zip(&judged) {
            state.submitted.push(Sent {
                phone: ticket.phone(),
                text: ticket.text().unwrap_or(request.rendition().text()).to_owned(),
                reference: request.reference(),
                account: request.account().clone(),
                extension: request.rendition().extension().map(str::to_owned),
                begun_at: request.begun_at(),
                grant: ticket.clearance().grant(),
                call,
                id: id.clone(),
            });
        }
        let hang = if let Fault::Hang(by) = fault { Some(by) } else { None };
        let mut verdicts: Vec<Verdict> = judged.into_iter().map(|(_, v)| v).collect();
        if let Fault::MissingVerdicts(named) = fault {
            verdicts.truncate(named);
        }
        let same = verdicts.len() == request.tickets().len() && verdicts.windows(2).all(|w| w[0] == w[1]);
        match verdicts.first() {
            Some(first) if same => (Verdicts::Same(first.clone()), hang),
            _ => (Verdicts::Each(verdicts), hang),
        }
    }
}

impl State {
    /// What the platform keeps of the ticket at `i`, and what it answers.
    fn judge(
        &self,
        fault: &Fault,
        all_or_nothing: bool,
        call: &Request<'_>,
        (i, phone): (usize, Phone),
        id: String,
    ) -> (Option<String>, Verdict) {
        let refused = |phone: &Phone| match fault {
            Fault::RejectNumbers(numbers, consequence, code) if numbers.contains(phone) => Some((*consequence, *code)),
            _ => self.refused.get(phone).copied(),
        };
        let found =
            if all_or_nothing { call.tickets().iter().find_map(|t| refused(&t.phone())) } else { refused(&phone) };
        match fault {
            Fault::Reject(blame, consequence, code) => (None, Verdict::rejected(*blame, *consequence, *code)),
            Fault::Throttle(by) => (None, Verdict::unsent("throttled", Consequence::Rest(*by))),
            Fault::UnknownLost => (None, Verdict::unknown("timeout")),
            Fault::Unsent => (None, Verdict::unsent("connect_failed", Consequence::None)),
            _ if let Some((consequence, code)) = found => (None, Verdict::rejected(Blame::Person, consequence, code)),
            Fault::Partial(first) if i >= *first => {
                (None, Verdict::rejected(Blame::Person, Consequence::None, "partial"))
            }
            Fault::UnknownTaken => (Some(id), Verdict::unknown("timeout")),
            Fault::Accept
            | Fault::Hang(_)
            | Fault::MissingVerdicts(_)
            | Fault::Partial(_)
            | Fault::RejectNumbers(..) => (Some(id.clone()), Verdict::accepted(id)),
        }
    }

    fn draw(&mut self, tickets: usize) -> Fault {
        if self.random == 0 {
            return Fault::Accept;
        }
        // Xorshift: the same seed draws the same faults.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        match self.random % 24 {
            0 => Fault::Reject(Blame::Account, Consequence::None, "balance"),
            1 => Fault::Throttle(Duration::from_secs(1)),
            2 => Fault::UnknownLost,
            3 => Fault::UnknownTaken,
            4 => Fault::Unsent,
            5 => Fault::Partial(tickets / 2),
            6 => Fault::MissingVerdicts(tickets / 2),
            7 => Fault::Hang(Duration::from_millis(300)),
            _ => Fault::Accept,
        }
    }
}

#[async_trait::async_trait]
impl Provider for MockProvider {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    async fn submit(&self, request: Request<'_>) -> Answer {
        // A call of its own always lets others run before and after: where a worker may die.
        tokio::task::yield_now().await;
        if self.clock.as_ref().is_some_and(|c| request.time_left(&**c).is_zero()) {
            let verdicts = Verdicts::Same(Verdict::unsent("deadline_passed", Consequence::None));
            return Answer { verdicts, first_byte: None };
        }
        let (verdicts, hang) = self.take(&request);
        match (hang, &self.clock) {
            (Some(by), Some(clock)) => clock.sleep(by).await,
            (Some(by), None) => SystemClock::new().sleep(by).await,
            (None, _) => tokio::task::yield_now().await,
        }
        Answer { verdicts, first_byte: Some(request.begun_at()) }
    }

    async fn lookup(&self, asked: &[Asked<'_>]) -> Vec<Found> {
        tokio::task::yield_now().await;
        let mut state = self.lock();
        asked
            .iter()
            .map(|a| {
                state.lookups.push(LookedUp { phone: a.phone, reference: a.reference, begun_at: a.begun_at });
                if state.unclear > 0 {
                    state.unclear -= 1;
                    return Found::Unclear;
                }
                let there = state.submitted.iter().find(|s| s.phone == a.phone && s.reference == a.reference);
                there.and_then(|s| s.id.clone()).map_or(Found::Absent, |id| Found::Accepted { id })
            })
            .collect()
    }

    fn inbound(&self, _: &HttpCall) -> Result<Callback, InboundError> {
        Err(InboundError::NotOffered)
    }
}

/// The facts of a person, folded from events.
#[derive(Default)]
struct Fold {
    person: Person,
    grants: HashMap<ShopKey, Vec<Grant>>,
}

impl Fold {
    fn of<'a>(events: impl Iterator<Item = &'a EventRow>) -> Self {
        let mut fold = Self::default();
        for event in events.flat_map(|row| &row.events) {
            let grants = &mut fold.grants;
            fold.person.apply(event, &mut |shop, change| change(grants.entry(shop).or_default()));
        }
        fold
    }
}

async fn has_live_opt_in(store: &Arc<dyn Store>, sent: &Sent) -> bool {
    let events = store.events(store.keyring().rid(sent.phone)).await.expect("the store can be read");
    let recorded = Fold::of(events.iter().filter(|e| e.recorded <= sent.begun_at));
    let before = |e: &&EventRow| e.recorded < sent.begun_at && e.events.iter().any(|e| matches!(e, Event::Stop { .. }));
    // A stop of the same millisecond may have come after the begin.
    let stops = Fold::of(events.iter().filter(before)).person;
    for (shop, grants) in &recorded.grants {
        let Some(grant) = grants.iter().find(|g| g.event == sent.grant) else { continue };
        let row = store.shop_by_key(*shop).await.expect("the store can be read").expect("the shop is registered");
        let live = grant.given_at <= sent.begun_at && sent.begun_at < grant.valid_until;
        let open = |p: Purpose| stops.latest_stop(&row.owners, Purposes::from([p])).is_none_or(|s| s < grant.given_at);
        return live && Purposes(grant.purposes).iter().any(open);
    }
    false
}
