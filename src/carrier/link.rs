//! One account's links to a gateway: a [`Provider`] whose requests leave over them, and the stream of what comes back.
//!
//! # What happens to a message
//! A request's messages stand in one queue; each connection takes from it as its window has room, so several connections
//! share the work and one that is down holds nobody up. The segments of a message leave in order over one connection. A
//! submit is written once: unanswered means in doubt, whatever the papers say of sending again (S3). The time after which
//! the carrier may not deliver is set on every submit, from the gate's clearance.
//!
//! # What is not kept over a restart
//! Parts of long replies that were not whole: they were not acknowledged, so the gateway tells them again.
//!
//! # Lines
//! The protocols have no TLS. Carriers give a leased line or a VPN; see [`crate::guide::carrier`].

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpSocket, lookup_host};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::assemble::{Assembler, Limits};
use super::coding::{Coding, Reference, header};
use super::dialect::{self, Arrival, Dialect, Letter, LoginFault, Number, Papers};
use super::job::{CancelOnDrop, Job, Queued};
use super::pdu::FieldError;
use super::places::{ASK_AGAIN, Places, Retirement, hold};
use super::session::{Backlog, End, Session, Stream};
use super::split::{Segment, SplitError, split};
use super::valid::ValidTime;
use super::{cmpp, sgip, smgp};
use crate::clock::{Clock, Sleep, Timestamp};
use crate::inbound::{Callback, HttpCall, Inbound, InboundError, Reply, Report};
use crate::phone::Phone;
use crate::provider::wire::{Class, CodeRow, event_id};
use crate::provider::{
    Answer, Asked, Back, Blame, Consequence, Documented, Form, Found, Lookup, Profile, Provider, Request, Verdict,
    Verdicts, Why, Writer,
};
use crate::secret::MissingVariable;

/// Replies and reports that wait for the host; one more is not acknowledged, so that the gateway tells it again.
const INBOX: usize = 4096;
/// A login that was refused for good is tried again no sooner. Without anything to send, each further time after twice as
/// long, as replies wait at the gateway meanwhile; no later than after an hour.
const REFUSED_FOR: Duration = Duration::from_secs(60);
const REFUSED_MOST: Duration = Duration::from_secs(3600);

/// Why an account cannot be read from the environment.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// A value does not fit its field.
    #[error("a setting of the carrier account does not fit: {0}")]
    Field(#[from] FieldError),
    /// A variable is unset.
    #[error(transparent)]
    Missing(#[from] MissingVariable),
}

/// Why a link cannot be opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// A setting is out of its range.
    #[error("{what} must be {range}")]
    Range {
        /// Which.
        what: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// There is no tokio runtime to run the connections on.
    #[error("open the link inside a tokio runtime")]
    Runtime,
}

/// How a gateway is reached and what it allows.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    address: String,
    bind: Option<SocketAddr>,
    connections: usize,
    pub(crate) window: usize,
    heartbeat: Option<Duration>,
    answer_within: Option<Duration>,
    pub(crate) login_within: Duration,
    pub(crate) tries: u8,
    reconnect: (Duration, Duration),
    pub(crate) strict_proof: bool,
    pub(crate) ids_count_on: bool,
    per_second: u32,
    receivers: usize,
    people: u16,
    wide_reference: bool,
    codes: Vec<(u32, Meaning)>,
    places: Option<Arc<dyn Places>>,
}

/// What an account's own code means, where the papers leave it to the vendor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Meaning {
    /// The account's fault: its rows go back, and it is held until a person lifts it.
    Account,
    /// The text's: ends here.
    Content,
    /// The person's: ends here.
    Person,
    /// The person is on the carrier's list: a stop for everyone.
    Stopped,
    /// Too fast, and not taken: goes back, and the account rests for half a second.
    TooFast,
}

impl LinkSettings {
    /// A gateway at `host:port`: one connection, a window of 16, a heartbeat after 3 minutes and 60 s for an answer (SGIP:
    /// 30 s each), three tries, one receiver a submit, 100 people a request, no limit of speed; 1 s, doubled up to a
    /// minute, between tries to connect.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            bind: None,
            connections: 1,
            window: 16,
            heartbeat: None,
            answer_within: None,
            login_within: Duration::from_secs(10),
            tries: 3,
            reconnect: (Duration::from_secs(1), Duration::from_secs(60)),
            strict_proof: false,
            ids_count_on: true,
            per_second: 0,
            receivers: 1,
            people: 100,
            wide_reference: false,
            codes: Vec::new(),
            places: None,
        }
    }

    /// The address, and port unless 0, that connections are opened from: the one on the leased line or in the tunnel.
    #[must_use]
    pub fn bind(mut self, from: SocketAddr) -> Self {
        self.bind = Some(from);
        self
    }

    /// Connections of this process, no more than the operator allows. With a fixed source port only one can be open.
    #[must_use]
    pub fn connections(mut self, n: usize) -> Self {
        self.connections = n;
        self
    }

    /// Where several processes use the account: the connections that the operator allows all of them together. One that
    /// has no place waits ([`Status::Waiting`]) until another is ended; a process that dies holds its places for 15 s.
    #[must_use]
    pub fn places(mut self, allowed: Arc<dyn Places>) -> Self {
        self.places = Some(allowed);
        self
    }

    /// Submits that may be unanswered, on each connection.
    #[must_use]
    pub fn window(mut self, n: usize) -> Self {
        self.window = n;
        self
    }

    /// C: after so long without a byte either way the gateway is asked whether it is there (SGIP: the link is ended).
    #[must_use]
    pub fn heartbeat(mut self, c: Duration) -> Self {
        self.heartbeat = Some(c);
        self
    }

    /// T: a submit that is not answered so long after it was written is in doubt; a heartbeat is repeated.
    #[must_use]
    pub fn answer_within(mut self, t: Duration) -> Self {
        self.answer_within = Some(t);
        self
    }

    /// N: so many heartbeats without a byte of the gateway end the connection.
    #[must_use]
    pub fn tries(mut self, n: u8) -> Self {
        self.tries = n;
        self
    }

    /// Waits between tries to connect: about the first, doubled up to the second. A fast login loop gets an account locked.
    #[must_use]
    pub fn reconnect(mut self, first: Duration, longest: Duration) -> Self {
        self.reconnect = (first, longest.max(first));
        self
    }

    /// Connecting, logging in and ending may take so long each.
    #[must_use]
    pub fn login_within(mut self, t: Duration) -> Self {
        self.login_within = t;
        self
    }

    /// Refuses a gateway that does not prove that it knows the secret. Many real ones do not.
    #[must_use]
    pub fn strict_proof(mut self, yes: bool) -> Self {
        self.strict_proof = yes;
        self
    }

    /// Submits to one receiver a second over the connections of this process; 0 is no limit. Each segment counts. The pace
    /// of the account ([`AccountSettings`](crate::optin::AccountSettings)) holds for all processes of a store.
    #[must_use]
    pub fn per_second(mut self, n: u32) -> Self {
        self.per_second = n;
        self
    }

    /// Receivers of one submit when all get the same text, to 100 (SGIP: 84 have room). Only where the operator says that it works.
    #[must_use]
    pub fn receivers(mut self, n: usize) -> Self {
        self.receivers = n;
        self
    }

    /// Whether the ids of later receivers of a submit count on from the first, as the papers say; some gateways give all
    /// the same.
    #[must_use]
    pub fn ids_count_on(mut self, yes: bool) -> Self {
        self.ids_count_on = yes;
        self
    }

    /// People of one request of the ledger: one begin, one settle. More is faster, and more is in doubt after a crash: the
    /// requests under way, which are two more than fill the windows twice.
    #[must_use]
    pub fn people_per_request(mut self, n: u16) -> Self {
        self.people = n;
        self
    }

    /// Long messages with a reference of two bytes; where a text then needs more segments than it is billed for, one byte
    /// is used all the same.
    #[must_use]
    pub fn wide_reference(mut self, yes: bool) -> Self {
        self.wide_reference = yes;
        self
    }

    /// What a code of this gateway means; stands over the papers' table.
    #[must_use]
    pub fn code_means(mut self, code: u32, meaning: Meaning) -> Self {
        self.codes.push((code, meaning));
        self
    }

    /// Where a connection stands that is not made: without a place nothing is begun here.
    fn unmade(&self) -> Status {
        if self.places.is_some() { Status::Waiting } else { Status::Down }
    }

    fn check(&self) -> Result<(), LinkError> {
        let range = |ok: bool, what, range| if ok { Ok(()) } else { Err(LinkError::Range { what, range }) };
        range((1..=64).contains(&self.connections), "connections", "1 to 64")?;
        range((1..=1024).contains(&self.window), "window", "1 to 1024")?;
        range((1..=100).contains(&self.receivers), "receivers", "1 to 100")?;
        range((1..=1000).contains(&self.people), "people_per_request", "1 to 1000")?;
        range(self.tries > 0, "tries", "above 0")?;
        let times = [self.heartbeat, self.answer_within, Some(self.login_within), Some(self.reconnect.0)];
        let long = times.into_iter().flatten().all(|t| t >= Duration::from_millis(1));
        range(long, "heartbeat, answer_within, login_within and reconnect", "1 ms and more")
    }
}

/// An account of one of the three carriers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CarrierAccount {
    /// China Mobile.
    Cmpp(cmpp::Account),
    /// China Unicom.
    Sgip(sgip::Account),
    /// China Telecom.
    Smgp(smgp::Account),
}

impl From<cmpp::Account> for CarrierAccount {
    fn from(account: cmpp::Account) -> Self {
        Self::Cmpp(account)
    }
}

impl From<sgip::Account> for CarrierAccount {
    fn from(account: sgip::Account) -> Self {
        Self::Sgip(account)
    }
}

impl From<smgp::Account> for CarrierAccount {
    fn from(account: smgp::Account) -> Self {
        Self::Smgp(account)
    }
}

/// Where one connection stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// Connecting, logging in, or waiting to try again.
    Down,
    /// Not needed at the moment (SGIP).
    Idle,
    /// The gateway refused the login with this status; a person must mend the account.
    Refused(u32),
    /// Logged in.
    Up,
    /// Like `Down`, where [`places`](LinkSettings::places) are shared: others may be connected, so nothing is begun here.
    Waiting,
}

/// What the connections of a link share.
pub(crate) struct Shared {
    pub(crate) dialect: Box<dyn Dialect>,
    pub(crate) settings: LinkSettings,
    /// The settings' times and room, or else the papers'.
    pub(crate) agreed: Papers,
    pub(crate) clock: Arc<dyn Clock>,
    queue: Mutex<VecDeque<Queued>>,
    wakes: Vec<Arc<Notify>>,
    states: Mutex<Vec<Status>>,
    changed: Notify,
    refused_at: Mutex<Duration>,
    closing: AtomicBool,
    counter: AtomicU32,
    /// On the monotonic clock: no submit is written before.
    pace: Mutex<Duration>,
    inbox: mpsc::Sender<Raw>,
}

/// A reply or a report, and who is to be told that it is stored.
struct Raw {
    arrival: Arrival,
    ack: Ack,
}

struct Ack {
    to: Arc<Backlog>,
    bytes: Vec<u8>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn next_number(&self) -> Number {
        self.dialect.number(self.counter.fetch_add(1, Ordering::Relaxed), self.clock.now())
    }

    #[cfg(test)]
    pub(crate) fn count_from(&self, counter: u32) {
        self.counter.store(counter, Ordering::Relaxed);
    }

    pub(crate) fn verdict(&self, code: u32) -> Verdict {
        let text = code.to_string();
        let own = self.settings.codes.iter().rev().find(|(c, _)| *c == code);
        if let Some((_, meaning)) = own {
            let (blame, consequence) = match meaning {
                Meaning::Account => (Blame::Account, Consequence::Hold),
                Meaning::Content => (Blame::Content, Consequence::None),
                Meaning::Person => (Blame::Person, Consequence::None),
                Meaning::Stopped => (Blame::Person, Consequence::StopEveryone),
                Meaning::TooFast => return Verdict::unsent(text, dialect::TOO_FAST),
            };
            return Verdict::rejected(blame, consequence, text);
        }
        match self.dialect.codes().iter().find(|row| row.code == text) {
            Some(row) => row.verdict(None),
            None => Verdict::unknown(text),
        }
    }

    /// Whether one bad receiver's code refuses the message to all of its submit. So say the papers, of their own codes.
    pub(crate) fn refuses_whole(&self, code: u32) -> bool {
        self.dialect.refuses_whole() && !self.settings.codes.iter().any(|(own, _)| *own == code)
    }

    /// As [`verdict`](Self::verdict) reads it.
    fn explain(&self, code: &str) -> Option<Why> {
        let own = self.settings.codes.iter().rev().find(|(c, _)| c.to_string() == code);
        let class = match own.map(|(_, meaning)| meaning) {
            Some(Meaning::Account) => Class::InvalidRequest,
            Some(Meaning::Content) => Class::ContentRejected,
            Some(Meaning::Person) => Class::NumberInvalid,
            Some(Meaning::Stopped) => Class::NumberBlacklisted,
            Some(Meaning::TooFast) => Class::Throttled,
            None if code.starts_with("login_") => Class::Auth,
            None if code.starts_with("partly_taken_") => {
                return Some(Why::new(
                    "运营商网关只接收了长短信的一部分；不会重发。",
                    "The gateway took a part of the long message only; it is not sent again.",
                ));
            }
            None => return self.dialect.codes().iter().find(|row| row.code == code).map(CodeRow::why),
        };
        Some(class.why())
    }

    pub(crate) fn may_write_at(&self) -> Duration {
        *lock(&self.pace)
    }

    /// The gateway said "too fast": no connection writes a submit before.
    pub(crate) fn hold_back(&self, until: Duration) {
        let mut pace = lock(&self.pace);
        *pace = (*pace).max(until);
    }

    /// Notes that a submit to so many receivers was written.
    pub(crate) fn wrote(&self, receivers: usize, now: Duration) {
        if self.settings.per_second > 0 {
            let mut pace = lock(&self.pace);
            *pace = (*pace).max(now) + Duration::from_secs(receivers as u64) / self.settings.per_second;
        }
    }

    /// The next message that may still leave; those that may not are told so.
    pub(crate) fn pull(&self, now: Duration) -> Option<Queued> {
        loop {
            let queued = lock(&self.queue).pop_front()?;
            if queued.may_leave(now) {
                return Some(queued);
            }
        }
    }

    pub(crate) fn push(&self, letters: impl IntoIterator<Item = Queued>) {
        lock(&self.queue).extend(letters);
        self.wake();
    }

    /// Puts messages back where they were taken from; those that nobody waits for any more are told so.
    pub(crate) fn push_front(&self, letters: impl DoubleEndedIterator<Item = Queued>) {
        {
            let mut queue = lock(&self.queue);
            let now = self.clock.mono();
            letters.rev().filter(|letter| letter.may_leave(now)).for_each(|letter| queue.push_front(letter));
        }
        self.wake();
    }

    /// Messages of a job that no connection has taken are not sent, nor those that a connection puts back later.
    pub(crate) fn withdraw(&self, job: &Arc<Job>, why: &str) {
        let verdict = Verdict::unsent(why, Consequence::None);
        let mut queue = lock(&self.queue);
        job.cancel();
        queue.retain(|queued| {
            let its = Arc::ptr_eq(&queued.job, job);
            if its {
                queued.settle(&verdict);
            }
            !its
        });
    }

    fn wake(&self) {
        self.wakes.iter().for_each(|w| w.notify_one());
    }

    /// A reply or a report came.
    pub(crate) fn arrived(&self, arrival: Arrival, answer: Vec<u8>, backlog: &Arc<Backlog>) {
        let ack = Ack { to: Arc::clone(backlog), bytes: answer };
        if self.inbox.try_send(Raw { arrival, ack }).is_err() {
            tracing::warn!("more came from the gateway than is being stored; it will tell it again");
        }
    }

    fn set(&self, index: usize, to: Status) {
        if let Some(state) = lock(&self.states).get_mut(index) {
            *state = to;
        }
        self.changed.notify_waiters();
    }

    /// The status of a login that was refused for good, while no connection is up.
    fn refused(&self) -> Option<u32> {
        let states = lock(&self.states);
        let refused = states.iter().find_map(|s| if let Status::Refused(code) = s { Some(*code) } else { None });
        refused.filter(|_| !states.contains(&Status::Up))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.dialect.name(), self.settings.address)
    }
}

/// One account's connections. Dropping it ends them at once; [`Link::close`] ends them in order.
pub struct Link {
    shared: Arc<Shared>,
    profile: Profile,
    tasks: Vec<JoinHandle<()>>,
    incoming: tokio::sync::Mutex<Incoming>,
    references: AtomicU32,
}

struct Incoming {
    inbox: mpsc::Receiver<Raw>,
    long: Assembler<(Phone, String), Long>,
    ready: VecDeque<Arrived>,
}

/// What is kept with a segment of a long reply.
struct Long {
    id: String,
    at: Option<Timestamp>,
    ack: Ack,
}

/// A reply or a report that the gateway waits to have acknowledged.
#[must_use = "the gateway tells again what is not acknowledged"]
pub struct Arrived {
    event: Inbound,
    acks: Vec<Ack>,
}

impl Arrived {
    /// What came.
    pub fn event(&self) -> &Inbound {
        &self.event
    }

    /// Tells the gateway that it is stored. Dropped instead, the gateway tells it again.
    pub fn acknowledge(self) {
        self.acks.iter().for_each(|ack| ack.to.push(&ack.bytes));
    }
}

impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arrived({:?})", self.event)
    }
}

/// How a connection is made.
#[async_trait::async_trait]
pub(crate) trait Dial: Send + Sync {
    async fn dial(&self, settings: &LinkSettings) -> std::io::Result<Box<dyn Stream>>;
}

struct Tcp;

#[async_trait::async_trait]
impl Dial for Tcp {
    async fn dial(&self, settings: &LinkSettings) -> std::io::Result<Box<dyn Stream>> {
        let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
        for address in lookup_host(&settings.address).await? {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if let Some(from) = settings.bind {
                socket.set_reuseaddr(true)?;
                socket.bind(from)?;
            }
            match socket.connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Box::new(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Link {
    /// Opens the connections of an account and keeps them open; they log in meanwhile.
    ///
    /// # Errors
    /// [`LinkError`]; nothing was opened.
    pub fn open(
        account: impl Into<CarrierAccount>,
        settings: LinkSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LinkError> {
        Self::open_by(account.into(), settings, clock, Arc::new(Tcp))
    }

    pub(crate) fn open_by(
        account: CarrierAccount,
        settings: LinkSettings,
        clock: Arc<dyn Clock>,
        dial: Arc<dyn Dial>,
    ) -> Result<Self, LinkError> {
        settings.check()?;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| LinkError::Runtime)?;
        let dialect: Box<dyn Dialect> = match account {
            CarrierAccount::Cmpp(account) => Box::new(account),
            CarrierAccount::Sgip(account) => Box::new(account),
            CarrierAccount::Smgp(account) => Box::new(account),
        };
        let papers = dialect.papers();
        let agreed = Papers {
            heartbeat: settings.heartbeat.unwrap_or(papers.heartbeat),
            answer_within: settings.answer_within.unwrap_or(papers.answer_within),
            receivers: settings.receivers.min(papers.receivers),
        };
        let mut seed = [0; 8];
        clock.fill(&mut seed);
        let [a, b, c, d, reference @ ..] = seed;
        let profile = profile(dialect.name(), settings.people);
        let (inbox, incoming) = mpsc::channel(INBOX);
        let n = settings.connections;
        let unmade = settings.unmade();
        let shared = Arc::new(Shared {
            dialect,
            settings,
            agreed,
            clock,
            queue: Mutex::default(),
            wakes: (0..n).map(|_| Arc::default()).collect(),
            states: Mutex::new(vec![unmade; n]),
            changed: Notify::new(),
            refused_at: Mutex::default(),
            closing: AtomicBool::new(false),
            counter: AtomicU32::new(u32::from_be_bytes([a, b, c, d])),
            pace: Mutex::default(),
            inbox,
        });
        let keep = |index| runtime.spawn(keep(Arc::clone(&shared), Arc::clone(&dial), index));
        let tasks = (0..n).map(keep).collect();
        // Acknowledged in time, so before the gateway tells it again.
        let limits = Limits { wait: papers.answer_within * 3 / 4, ..Limits::default() };
        let incoming = Incoming { inbox: incoming, long: Assembler::new(limits), ready: VecDeque::new() };
        Ok(Self {
            shared,
            profile,
            tasks,
            incoming: tokio::sync::Mutex::new(incoming),
            references: AtomicU32::new(u32::from_be_bytes(reference)),
        })
    }

    /// Where each connection stands.
    pub fn status(&self) -> Vec<Status> {
        lock(&self.shared.states).clone()
    }

    /// Waits until some connection is logged in, or refused for good.
    pub async fn settled(&self) -> Status {
        loop {
            let changed = self.shared.changed.notified();
            let found = self.status().into_iter().find(|s| matches!(s, Status::Up | Status::Refused(_)));
            match found {
                Some(status) => return status,
                None => changed.await,
            }
        }
    }

    /// The next reply or report. Store it, then acknowledge it; [`Optin106::attend`](crate::Optin106::attend) does both.
    /// Dropping the wait loses nothing. `None` never comes while the link lives.
    pub async fn arrived(&self) -> Option<Arrived> {
        let mut incoming = self.incoming.lock().await;
        let clock = &self.shared.clock;
        loop {
            if let Some(ready) = incoming.ready.pop_front() {
                return Some(ready);
            }
            let now = clock.mono();
            let raw = match incoming.long.deadline() {
                None => Some(incoming.inbox.recv().await?),
                Some(until) => {
                    let sleep = clock.sleep(until.saturating_sub(now));
                    match futures_util::future::select(std::pin::pin!(incoming.inbox.recv()), sleep).await {
                        futures_util::future::Either::Left((raw, _)) => Some(raw?),
                        futures_util::future::Either::Right(_) => None,
                    }
                }
            };
            match raw {
                Some(raw) => self.receive(raw, &mut incoming),
                None => {
                    let late = incoming.long.expire(clock.mono());
                    incoming.ready.extend(late.into_iter().map(|reply| self.assembled(reply)));
                }
            }
        }
    }

    fn receive(&self, Raw { arrival, ack }: Raw, incoming: &mut Incoming) {
        let clock = &self.shared.clock;
        let now = clock.now();
        match arrival {
            Arrival::Report { event, id, phone, code, delivered, at } => {
                let at = at.unwrap_or(now);
                let report =
                    Report { event_id: event, phone, provider_id: Some(id), reference: None, code, delivered, at };
                incoming.ready.push_back(Arrived { event: Inbound::Report(report), acks: vec![ack] });
            }
            Arrival::Reply { id, phone, to, coding, content, flagged, at } => {
                let (place, body) = header(&content, flagged);
                let Some(place) = place else {
                    let text = coding.decode(body);
                    let reply = self.reply(vec![(id, at)], phone, &to.text(), text);
                    incoming.ready.push_back(Arrived { event: reply, acks: vec![ack] });
                    return;
                };
                let key = (phone, to.text().into_owned());
                let long = Long { id, at, ack };
                let offered = incoming.long.offer(clock.mono(), key, coding, place, body.to_vec(), long);
                // The earlier copy's acknowledgement: the gateway did not wait for it any longer.
                drop(offered.repeated);
                incoming.ready.extend(offered.done.into_iter().map(|reply| self.assembled(reply)));
            }
        }
    }

    fn assembled(&self, reply: super::assemble::Assembled<(Phone, String), Long>) -> Arrived {
        let text = reply.text();
        let (phone, to) = reply.key;
        let (mut ids, mut acks) = (Vec::new(), Vec::new());
        for part in reply.segments.into_values() {
            ids.push((part.tag.id, part.tag.at));
            acks.push(part.tag.ack);
        }
        Arrived { event: self.reply(ids, phone, &to, text), acks }
    }

    fn reply(&self, ids: Vec<(String, Option<Timestamp>)>, phone: Phone, to: &str, text: String) -> Inbound {
        let at = ids.iter().find_map(|(_, at)| *at).unwrap_or(self.shared.clock.now());
        let mut parts: Vec<&str> = ids.iter().map(|(id, _)| id.as_str()).collect();
        let national = phone.national();
        parts.extend([national.as_str(), to, &text]);
        let event_id = event_id("reply", &parts);
        let extension = dialect::extension(to, self.shared.dialect.access());
        Inbound::Reply(Reply { event_id, phone, text, extension, signature: None, at })
    }

    /// The inbox of a listener for what the gateway opens to us.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Takes nothing more, waits for the open answers, ends each connection as the papers want it.
    pub async fn close(mut self) {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.wake();
        for task in std::mem::take(&mut self.tasks) {
            // A task that panicked has nothing open any more.
            drop(task.await);
        }
        let left: Vec<Queued> = lock(&self.shared.queue).drain(..).collect();
        left.iter().for_each(|queued| queued.settle(&Verdict::unsent("link_closed", Consequence::None)));
    }

    fn reference(&self, wide: bool) -> Reference {
        let next = self.references.fetch_add(1, Ordering::Relaxed);
        if wide { Reference::Word(next as u16) } else { Reference::Byte(next as u8) }
    }

    fn segments(&self, text: &str) -> Result<Arc<[Segment]>, SplitError> {
        let wide = self.shared.settings.wide_reference;
        match split(text, Coding::UCS2, self.reference(wide)) {
            Err(SplitError::MoreParts { .. }) if wide => split(text, Coding::UCS2, self.reference(false)),
            done => done,
        }
        .map(Into::into)
    }

    /// The messages of a request; `None` when a text or number cannot be carried.
    fn letters(&self, request: &Request<'_>, job: &Arc<Job>) -> Option<Vec<Queued>> {
        let rendition = request.rendition();
        let source = dialect::source(self.shared.dialect.access(), rendition.extension()).ok()?;
        let together = if request.is_personal() { 1 } else { self.shared.agreed.receivers };
        let same = if request.is_personal() { None } else { Some(self.segments(rendition.text()).ok()?) };
        let mut letters = Vec::with_capacity(request.tickets().len().div_ceil(together));
        for (n, tickets) in request.tickets().chunks(together).enumerate() {
            let segments = match (&same, tickets[0].text()) {
                (Some(same), _) => Arc::clone(same),
                (None, Some(text)) => self.segments(text).ok()?,
                (None, None) => return None,
            };
            let until = tickets.iter().map(|t| t.clearance().until()).min()?;
            let valid = Some(ValidTime::before(until).ok()?);
            let to = tickets.iter().map(crate::ticket::Ticket::phone).collect();
            let places = n * together..n * together + tickets.len();
            let letter = Letter { to, segments, source, valid };
            letters.push(Queued { job: Arc::clone(job), places, letter });
        }
        Some(letters)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({:?}, {:?})", self.shared, self.status())
    }
}

fn profile(name: &'static str, people: u16) -> Profile {
    Profile {
        name,
        form: Form::FreeText,
        same_text_max: people,
        personal_max: people,
        signature: Writer::Caller,
        words: Writer::Caller,
        window: None,
        caps: &[],
        all_or_nothing: false,
        // A gateway may find a copy by its number, and may not.
        idempotent: false,
        lookup: Lookup::None,
        reports: Back::Push,
        replies: Back::Push,
        report_due: Duration::from_secs(72 * 3600),
        calls_per_second: 0,
        documented: Documented::High,
        source: "the protocol papers of the carrier",
    }
}

#[async_trait::async_trait]
impl Provider for Link {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn explain(&self, code: &str) -> Option<Why> {
        self.shared.explain(code)
    }

    /// No, while the operator's connections are shared with other processes and none of this one's is made.
    fn is_ready(&self) -> bool {
        lock(&self.shared.states).iter().any(|s| *s != Status::Waiting)
    }

    /// What fills the windows twice over, and one that is being settled.
    fn at_once(&self) -> usize {
        let settings = &self.shared.settings;
        let open = settings.window * settings.connections * self.shared.agreed.receivers;
        (2 * open).div_ceil(usize::from(settings.people)) + 2
    }

    fn counts_segments(&self) -> bool {
        true
    }

    async fn submit(&self, request: Request<'_>) -> Answer {
        let same = |v| Answer { verdicts: Verdicts::Same(v), first_byte: None };
        let clock = &self.shared.clock;
        if let Some(code) = self.shared.refused() {
            let again = clock.mono().saturating_sub(*lock(&self.shared.refused_at)) >= REFUSED_FOR;
            if !again {
                return same(Verdict::rejected(Blame::Account, Consequence::Hold, format!("login_{code}")));
            }
            self.shared.wake();
        }
        if self.shared.is_closing() {
            return same(Verdict::unsent("link_closed", Consequence::None));
        }
        let deadline = clock.mono() + request.time_left(&**clock);
        let job = Job::new(request.tickets().len(), deadline);
        let Some(letters) = self.letters(&request, &job) else {
            return same(Verdict::rejected(Blame::Content, Consequence::None, "text_not_carried"));
        };
        let _cancel = CancelOnDrop(Arc::clone(&job));
        self.shared.push(letters);
        let sleep = clock.sleep(deadline.saturating_sub(clock.mono()));
        if let futures_util::future::Either::Right(_) =
            futures_util::future::select(std::pin::pin!(job.finished()), sleep).await
        {
            let why = if self.status().contains(&Status::Up) { "deadline_passed" } else { "no_connection" };
            self.shared.withdraw(&job, why);
            job.finished().await;
        }
        let (verdicts, first_byte) = job.answers();
        Answer { verdicts: Verdicts::Each(verdicts), first_byte }
    }

    async fn lookup(&self, asked: &[Asked<'_>]) -> Vec<Found> {
        vec![Found::Unclear; asked.len()]
    }

    fn inbound(&self, _: &HttpCall) -> Result<Callback, InboundError> {
        Err(InboundError::NotOffered)
    }
}

/// Keeps one connection open, or opens it when there is something to send.
async fn keep(shared: Arc<Shared>, dial: Arc<dyn Dial>, index: usize) {
    let wake = Arc::clone(&shared.wakes[index]);
    let (first, longest) = shared.settings.reconnect;
    let (mut wait, mut low, mut without_place, mut refusals) = (first, false, false, 0);
    loop {
        let has_no_work = || !shared.dialect.keeps_open() && lock(&shared.queue).is_empty();
        // Whoever waits for a place has no work, as nothing is begun here meanwhile: it asks on.
        while !shared.is_closing() && !without_place && has_no_work() {
            shared.set(index, Status::Idle);
            wake.notified().await;
        }
        if shared.is_closing() {
            shared.set(index, Status::Down);
            return;
        }
        let mut place = None;
        if let Some(places) = &shared.settings.places {
            place = places.take().await;
            if place.is_none() {
                without_place = true;
                shared.set(index, Status::Waiting);
                pause(&shared, &wake, ASK_AGAIN).await;
                continue;
            }
        }
        if std::mem::take(&mut without_place)
            && has_no_work()
            && let Some(place) = place.take()
        {
            place.leave().await;
            continue;
        }
        let retires = Retirement::new();
        let connected = connection(&shared, &*dial, &wake, low, &retires, || shared.set(index, Status::Up));
        let held = hold(place.as_deref(), &*shared.clock, &retires, &wake);
        let (end, useful) = match futures_util::future::select(std::pin::pin!(connected), std::pin::pin!(held)).await {
            futures_util::future::Either::Left((ended, _)) => ended,
            futures_util::future::Either::Right((never, _)) => match never {},
        };
        if useful {
            (wait, refusals) = (first, 0);
        }
        shared.set(index, shared.settings.unmade());
        if let Some(place) = place {
            place.leave().await;
        }
        match end {
            Some(End::Refused(_, LoginFault::TooHigh)) if !low => {
                low = true;
                continue;
            }
            Some(End::Refused(status, LoginFault::Lasting | LoginFault::TooHigh)) => {
                tracing::warn!(status, "the gateway refused the login");
                *lock(&shared.refused_at) = shared.clock.mono();
                shared.set(index, Status::Refused(status));
                refused(&shared, &wake, refusals).await;
                refusals += 1;
            }
            Some(End::Done) if shared.dialect.keeps_open() || shared.is_closing() => {}
            Some(End::Done) => continue,
            Some(other) => tracing::warn!(end = ?other, "a connection to the carrier's gateway ended"),
            None => {}
        }
        // Half of a pause is chance.
        let least = if let Some(End::Refused(_, LoginFault::Later(by))) = end { by * 2 } else { wait };
        pause(&shared, &wake, wait.max(least)).await;
        wait = (wait * 2).min(longest);
    }
}

/// One connection from its first byte to its end: how it ended, `None` when it was not made, and whether it was of use.
async fn connection(
    shared: &Shared,
    dial: &dyn Dial,
    wake: &Arc<Notify>,
    low: bool,
    retires: &Retirement,
    up: impl Fn(),
) -> (Option<End>, bool) {
    let within = shared.clock.sleep(shared.settings.login_within);
    let stream = match futures_util::future::select(dial.dial(&shared.settings), within).await {
        futures_util::future::Either::Left((Ok(stream), _)) => stream,
        futures_util::future::Either::Left((Err(error), _)) => {
            tracing::warn!(%error, "the carrier's gateway cannot be reached");
            return (None, false);
        }
        futures_util::future::Either::Right(_) => return (None, false),
    };
    // Its place may have been lost meanwhile.
    if retires.cut().is_some() {
        return (None, false);
    }
    let mut session = Session::new(shared, wake, low, retires);
    let end = session.run(stream, up).await;
    (Some(end), session.useful || end == End::Done)
}

/// Waits until a login may be tried again, and there is something to send or it is time to hear of replies.
async fn refused(shared: &Shared, wake: &Notify, before: u32) {
    let at = *lock(&shared.refused_at);
    let anyway = at + REFUSED_FOR.saturating_mul(1 << before.min(6)).min(REFUSED_MOST);
    while !shared.is_closing() {
        let now = shared.clock.mono();
        let sleep: Sleep = if !shared.dialect.keeps_open() {
            Box::pin(std::future::pending())
        } else if now < anyway {
            shared.clock.sleep(anyway - now)
        } else {
            return;
        };
        let notified = std::pin::pin!(wake.notified());
        let woken =
            matches!(futures_util::future::select(notified, sleep).await, futures_util::future::Either::Left(_));
        if woken && shared.clock.mono() >= at + REFUSED_FOR {
            return;
        }
    }
}

/// Waits before the next try: at least half of `wait`, more by chance, so that many do not come at once.
async fn pause(shared: &Shared, wake: &Notify, wait: Duration) {
    let mut chance = [0; 1];
    shared.clock.fill(&mut chance);
    let until = shared.clock.mono() + wait / 2 + wait / 2 * u32::from(chance[0]) / 256;
    while !shared.is_closing() {
        let left = until.saturating_sub(shared.clock.mono());
        if left.is_zero() {
            return;
        }
        let sleep = shared.clock.sleep(left);
        futures_util::future::select(std::pin::pin!(wake.notified()), sleep).await;
    }
}

/// The codes of a protocol's answers to submits, with what each proves and what to do.
#[must_use]
pub fn codes(protocol: super::Protocol) -> &'static [CodeRow] {
    match protocol {
        super::Protocol::Cmpp(_) => cmpp::CODES,
        super::Protocol::Sgip => sgip::CODES,
        super::Protocol::Smgp => smgp::CODES,
    }
}
