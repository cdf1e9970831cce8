//! Fake platforms: they check requests as the real ones do, fail as told, and remember what they took.
//!
//! [`Gateway::handle`] is the whole platform as one function of a request and the time. It can be mounted on wiremock
//! ([`Gateway::mount_wiremock`]) or served by itself ([`serve`]), where also resets and half answers are real.

/// What every account has in common: it is printed by its name alone, for it holds keys, and it makes an [`Account`].
macro_rules! account {
    ($fake:ident) => {
        impl std::fmt::Debug for $fake {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($fake))
            }
        }

        impl From<$fake> for super::Account {
            fn from(account: $fake) -> Self {
                Self(std::sync::Arc::new(account))
            }
        }
    };
}
use account;

mod aliyun;
mod baidu;
mod chuanglan;
mod cmcc_mas;
mod counts;
mod ctyun;
mod huawei;
mod jdcloud;
mod luosimao;
mod montnets;
mod netease;
mod push;
mod qiniu;
mod ronglian;
mod script;
mod server;
mod submail;
mod tencent;
mod ucloud;
mod volcengine;
mod yunpian;

pub use push::{PushError, Pushes, Pushing};
pub use script::{Script, Step};
pub use server::serve;

/// The fakes, and the accounts that [`Account::named`] gives.
macro_rules! platforms {
    ($($name:ident: $fake:ident,)*) => {
        $(pub use $name::$fake;)*

        const PLATFORMS: &[(&str, Maker)] = &[$((stringify!($name), || $fake::default().into()),)*];
    };
}
platforms! {
    aliyun: FakeAliyun,
    baidu: FakeBaidu,
    chuanglan: FakeChuanglan,
    cmcc_mas: FakeCmccMas,
    ctyun: FakeCtyun,
    huawei: FakeHuawei,
    jdcloud: FakeJdcloud,
    luosimao: FakeLuosimao,
    montnets: FakeMontnets,
    netease: FakeNetease,
    qiniu: FakeQiniu,
    ronglian: FakeRonglian,
    submail: FakeSubmail,
    tencent: FakeTencent,
    ucloud: FakeUcloud,
    volcengine: FakeVolcengine,
    yunpian: FakeYunpian,
}

#[cfg(feature = "http")]
use crate::clock::Clock;
use crate::clock::Timestamp;
use crate::inbound::HttpCall;
use crate::message::rendition::TemplateBinding;
#[cfg(feature = "http")]
use crate::provider::{
    Provider,
    wire::{HttpSettings, SettingsError},
};
use counts::Counts;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A request as it reached the gateway.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The raw query.
    pub query: &'a str,
    /// Names (any case) and values.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The body.
    pub body: &'a [u8],
}

impl Call<'_> {
    /// The first header of that name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| *v)
    }
}

/// What goes wrong with an answer on its way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fault {
    /// It comes this much later.
    Delay(Duration),
    /// Half of it comes, then the connection is closed.
    HalfBody,
    /// It never comes; the connection stays open.
    Hold,
    /// Nothing.
    #[default]
    None,
    /// The connection is reset.
    Reset,
}

/// The gateway's answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What goes wrong with it.
    pub fault: Fault,
}

impl Reply {
    fn json(status: u16, body: String) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json;charset=utf-8".into())],
            body: body.into_bytes(),
            fault: Fault::None,
        }
    }
}

/// A platform as a pure function: what one file here implements, and one line of `platforms!` names.
trait Platform: fmt::Debug + Send + Sync {
    /// The provider's name, as in its profile.
    fn name(&self) -> &'static str;

    /// Checks a request as the platform does, lets [`Desk::rule`] rule a valid send, and answers in its own form.
    fn handle(&self, desk: &Desk<'_>, call: &Call<'_>, now: Timestamp) -> Reply;

    /// Signatures that it has approved, without brackets.
    fn signatures(&self) -> Vec<String>;

    /// Templates that it has approved; none where it takes free text.
    fn templates(&self) -> Vec<TemplateBinding>;

    /// A provider with this account's credentials, whose door for callbacks is [`CALLBACK_PATH`].
    #[cfg(feature = "http")]
    fn provider(&self, settings: HttpSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingsError>;

    /// The push of a delivery report, its body signed where the platform signs bodies; `None` where it pushes none.
    fn report(&self, event: &PushedReport<'_>) -> Option<HttpCall> {
        let _ = event;
        None
    }

    /// The push of a reply, its body signed where the platform signs bodies; `None` where it pushes none.
    fn reply(&self, event: &PushedReply<'_>) -> Option<HttpCall> {
        let _ = event;
        None
    }

    /// Signs a push where the signature covers its address too; `host` is the authority that it goes to.
    fn seal(&self, push: HttpCall, host: &str, now: Timestamp) -> HttpCall {
        let _ = (host, now);
        push
    }

    /// Whether this answer to a push is the documented success; after any other one it is pushed again.
    fn is_received(&self, push: &HttpCall, status: u16, answer: &[u8]) -> bool {
        let _ = (push, answer);
        status == 200
    }
}

/// Where the accounts of [`Account::named`] expect their callbacks.
pub const CALLBACK_PATH: &str = "/callback/5f4dcc3b5aa765d61d8327deb882cf99";

/// A delivery report to be pushed.
struct PushedReport<'a> {
    message: &'a AcceptedMessage,
    /// The code as the carrier or platform writes it, such as `DELIVRD`.
    code: &'a str,
    now: Timestamp,
    /// Unique, for ids of the platform's own.
    serial: u64,
}

/// A reply to be pushed.
struct PushedReply<'a> {
    number: u64,
    text: &'a str,
    /// The sub-port extension that was answered; empty when there was none.
    extension: &'a str,
    /// The signature that was answered, without brackets; empty when not known.
    signature: &'a str,
    now: Timestamp,
    serial: u64,
}

/// The account that a gateway knows, and so the platform that it is.
#[derive(Clone, Debug)]
pub struct Account(Arc<dyn Platform>);

type Maker = fn() -> Account;

impl Account {
    /// The names of all platforms, as in their profiles.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PLATFORMS.iter().map(|(name, _)| *name)
    }

    /// The default account of a platform; its documentation tells the credentials.
    pub fn named(name: &str) -> Option<Self> {
        PLATFORMS.iter().find(|(n, _)| *n == name).map(|(_, make)| make())
    }

    /// [`FakeAliyun::default`].
    pub fn aliyun() -> Self {
        FakeAliyun::default().into()
    }

    /// [`FakeYunpian::default`].
    pub fn yunpian() -> Self {
        FakeYunpian::default().into()
    }

    /// The platform's name.
    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Signatures that the platform has approved, without brackets.
    pub fn signatures(&self) -> Vec<String> {
        self.0.signatures()
    }

    /// Templates that the platform has approved; none where it takes free text.
    pub fn templates(&self) -> Vec<TemplateBinding> {
        self.0.templates()
    }

    /// A provider with the credentials of this account; `settings` name the gateway's address. Its callbacks are
    /// expected at [`CALLBACK_PATH`].
    ///
    /// # Errors
    /// [`SettingsError`].
    #[cfg(feature = "http")]
    pub fn provider(&self, settings: HttpSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingsError> {
        self.0.provider(settings, clock)
    }
}

/// What a gateway remembers of the messages it took.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Record {
    /// Every message: [`Gateway::accepted`] and lookups work.
    #[default]
    All,
    /// How often each number was taken, in eight bytes a number. Lookups find nothing.
    Counts,
    /// As [`Record::All`], and a line `number,reference` per message in this file, written before the answer.
    File(PathBuf),
}

/// A message that was taken.
#[derive(Clone)]
pub struct AcceptedMessage {
    /// Eleven digits.
    pub number: u64,
    /// The caller's reference (`OutId`, `uid`); empty when there was none.
    pub reference: Arc<str>,
    /// The template, where there is one.
    pub template: Option<Arc<str>>,
    /// The text as the person sees it.
    pub text: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// Which request, counted from 1.
    pub request: u64,
    /// The id given back.
    pub id: Arc<str>,
}

impl fmt::Debug for AcceptedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcceptedMessage({} of request {}, at {})", self.id, self.request, self.at)
    }
}

/// What a gateway counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
pub struct Totals {
    /// Requests of any kind.
    pub requests: u64,
    /// Messages taken.
    pub messages: u64,
    /// Different numbers among them.
    pub numbers: u64,
    /// Numbers taken more than once.
    pub repeated: u64,
}

/// A fake platform. Clones share one memory.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

struct Shared {
    account: Account,
    check_signature: bool,
    keep_hours: bool,
    pushing: Pushing,
    state: Mutex<State>,
    once: Mutex<VecDeque<Once>>,
    /// Told of each request that was taken.
    taken: tokio::sync::Notify,
}

/// What a token of the caller's stands for.
struct Once {
    token: Box<str>,
    /// Of the request's body.
    hash: String,
    rows: Vec<Row>,
}

/// Tokens remembered.
const TOKENS: usize = 1024;

#[derive(Default)]
struct State {
    script: Script,
    keep_all: bool,
    file: Option<std::fs::File>,
    messages: Vec<AcceptedMessage>,
    by_number: HashMap<u64, Vec<u32>>,
    counts: Counts,
    requests: u64,
    pushes: u64,
    made: Pushes,
    taken: u64,
    nonces: [HashSet<Box<str>>; 2],
}

/// Nonces remembered per generation; there are two.
const NONCES: usize = 500_000;

impl Gateway {
    /// A gateway that takes every valid request and remembers every message.
    pub fn new(account: impl Into<Account>) -> Self {
        let state = State { keep_all: true, ..State::default() };
        let account = account.into();
        Self {
            shared: Arc::new(Shared {
                account,
                check_signature: true,
                keep_hours: true,
                pushing: Pushing::new(),
                state: Mutex::new(state),
                once: Mutex::default(),
                taken: tokio::sync::Notify::new(),
            }),
        }
    }

    /// The account that it knows.
    pub fn account(&self) -> &Account {
        &self.shared.account
    }

    /// The push by which the platform reports on a message that it took, such as `DELIVRD`; `None` where it pushes no
    /// reports. `host` is the authority that the push goes to.
    pub fn report(&self, message: &AcceptedMessage, code: &str, now: Timestamp, host: &str) -> Option<HttpCall> {
        self.unsealed_report(message, code, now).map(|push| self.shared.account.0.seal(push, host, now))
    }

    fn unsealed_report(&self, message: &AcceptedMessage, code: &str, now: Timestamp) -> Option<HttpCall> {
        let serial = self.pushes();
        self.shared.account.0.report(&PushedReport { message, code, now, serial })
    }

    /// The push by which the platform hands a person's reply over; `None` where it pushes no replies. Extension and
    /// signature may be empty.
    pub fn reply(
        &self,
        number: u64,
        text: &str,
        answered: (&str, &str),
        now: Timestamp,
        host: &str,
    ) -> Option<HttpCall> {
        self.unsealed_reply(number, text, answered, now).map(|push| self.shared.account.0.seal(push, host, now))
    }

    fn unsealed_reply(
        &self,
        number: u64,
        text: &str,
        (extension, signature): (&str, &str),
        now: Timestamp,
    ) -> Option<HttpCall> {
        let serial = self.pushes();
        self.shared.account.0.reply(&PushedReply { number, text, extension, signature, now, serial })
    }

    fn pushes(&self) -> u64 {
        let mut state = self.state();
        state.pushes += 1;
        state.pushes
    }

    /// What to remember. Call before the first request.
    ///
    /// # Errors
    /// The file of [`Record::File`] cannot be opened for appending.
    pub fn record(self, record: Record) -> std::io::Result<Self> {
        let mut state = self.state();
        state.keep_all = record != Record::Counts;
        if let Record::File(path) = record {
            state.file = Some(std::fs::OpenOptions::new().create(true).append(true).open(path)?);
        }
        drop(state);
        Ok(self)
    }

    /// How to answer from now on.
    pub fn script(&self, script: Script) {
        self.state().script = script;
    }

    /// Whether signatures are checked (they are, unless switched off before the gateway is cloned).
    #[must_use]
    pub fn check_signature(mut self, yes: bool) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.check_signature = yes;
        }
        self
    }

    /// Whether marketing is refused at the hours at which the platform refuses it (it is, unless switched off before the
    /// gateway is cloned).
    #[must_use]
    pub fn keep_hours(mut self, yes: bool) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.keep_hours = yes;
        }
        self
    }

    /// Every message taken so far; empty under [`Record::Counts`].
    pub fn accepted(&self) -> Vec<AcceptedMessage> {
        self.state().messages.clone()
    }

    /// How often a number was taken.
    pub fn count_of(&self, number: u64) -> u64 {
        self.state().counts.get(number)
    }

    /// Numbers taken more than once, and how often.
    pub fn repeated(&self) -> Vec<(u64, u64)> {
        self.state().counts.repeated()
    }

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        let state = self.state();
        Totals {
            requests: state.requests,
            messages: state.taken,
            numbers: state.counts.numbers(),
            repeated: state.counts.repeated().len() as u64,
        }
    }

    /// The whole platform: checks a request, acts by the script, remembers, answers.
    pub fn handle(&self, call: &Call<'_>, now: Timestamp) -> Reply {
        let serial = {
            let mut state = self.state();
            state.requests += 1;
            state.requests
        };
        self.shared.account.0.handle(&Desk { gateway: self, serial }, call, now)
    }

    /// Answers every request of a wiremock server.
    ///
    /// wiremock cannot break a connection: [`Fault::Reset`] never answers there, as [`Fault::Hold`], and
    /// [`Fault::HalfBody`] answers half a document.
    pub async fn mount_wiremock(&self, server: &wiremock::MockServer, clock: Arc<dyn crate::clock::Clock>) {
        server::mount(self.clone(), server, clock).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves counters, not invariants.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this nonce is new; it is remembered.
    fn fresh_nonce(&self, nonce: &str) -> bool {
        let mut state = self.state();
        if state.nonces.iter().any(|g| g.contains(nonce)) {
            return false;
        }
        if state.nonces[0].len() >= NONCES {
            state.nonces.swap(0, 1);
            state.nonces[0].clear();
        }
        state.nonces[0].insert(nonce.into())
    }

    fn next_step(&self) -> Step {
        self.state().script.next()
    }

    fn refusal_of(&self, number: u64) -> Option<String> {
        self.state().script.refusal_of(number).map(str::to_owned)
    }

    /// Whether any number has a refusal of its own: most scripts have none, and a thousand look-ups are saved.
    fn refuses_numbers(&self) -> bool {
        self.state().script.refuses_numbers()
    }

    /// Takes the rows that were not refused; they are on file before this returns.
    fn take(&self, serial: u64, reference: &str, template: Option<&str>, rows: &[Row], now: Timestamp) {
        let mut state = self.state();
        let taken = || rows.iter().filter(|r| r.refused.is_none());
        if let Some(file) = &mut state.file {
            let mut lines = String::with_capacity(rows.len() * 48);
            for row in taken() {
                lines.push_str(&row.number.to_string());
                lines.push(',');
                lines.push_str(reference);
                lines.push('\n');
            }
            // A gateway that cannot write its record proves nothing; it stops instead of answering.
            file.write_all(lines.as_bytes()).expect("the record file takes a line");
        }
        let (reference, template): (Arc<str>, Option<Arc<str>>) = (reference.into(), template.map(Into::into));
        for row in taken() {
            state.taken += 1;
            state.counts.add(row.number);
            if state.keep_all {
                let index = state.messages.len() as u32;
                state.by_number.entry(row.number).or_default().push(index);
                state.messages.push(AcceptedMessage {
                    number: row.number,
                    reference: reference.clone(),
                    template: template.clone(),
                    text: row.text.clone(),
                    at: now,
                    request: serial,
                    id: row.id.clone(),
                });
            }
        }
        drop(state);
        self.shared.taken.notify_one();
    }

    /// At most so many messages, from this one on.
    fn accepted_from(&self, from: usize, most: usize) -> Vec<AcceptedMessage> {
        self.state().messages.iter().skip(from).take(most).cloned().collect()
    }

    fn messages_of(&self, number: u64) -> Vec<AcceptedMessage> {
        let state = self.state();
        let indices = state.by_number.get(&number).map(Vec::as_slice).unwrap_or_default();
        indices.iter().filter_map(|i| state.messages.get(*i as usize).cloned()).collect()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("platform", &self.shared.account.name())
            .field("totals", &self.totals())
            .finish()
    }
}

/// One request at a gateway: what a platform may ask of it.
struct Desk<'a> {
    gateway: &'a Gateway,
    /// Which request, counted from 1: ids are made of it.
    serial: u64,
}

/// A valid send, before the script has ruled.
struct Order<'a> {
    /// The caller's reference; empty when there was none.
    reference: &'a str,
    template: Option<&'a str>,
    lines: Vec<Line>,
}

/// One number of a send.
struct Line {
    /// As the caller wrote it.
    written: String,
    /// The text as the person sees it.
    text: Arc<str>,
    /// The id that the platform gives.
    id: Arc<str>,
}

/// How one number of a send was ruled.
#[derive(Clone)]
struct Row {
    written: String,
    /// Eleven digits; 0 when it is no number.
    number: u64,
    text: Arc<str>,
    id: Arc<str>,
    /// The code that refused it.
    refused: Option<String>,
}

/// How a valid send was ruled.
enum Ruling {
    /// Taken, and answered in a way that no platform does.
    Broken(Reply),
    /// Refused as a whole, with this code.
    Refused(String),
    /// "Later", in the platform's own words.
    Throttled,
    /// Rows to be answered; the fault goes into the reply. Every row is taken but the refused ones.
    Taken(Vec<Row>, Fault),
    /// Taken, and answered with a code that no document lists.
    UnknownCode,
}

/// What a platform does with a number that it refuses.
#[derive(Clone, Copy)]
enum Refusals<'a> {
    /// Its row says so, the others are taken; a number that is none gets this code.
    Each(&'a str),
    /// The whole request is refused; a number that is none gets this code.
    Whole(&'a str),
}

impl Desk<'_> {
    fn checks_signature(&self) -> bool {
        self.gateway.shared.check_signature
    }

    /// Whether a platform with these hours takes no marketing now.
    fn is_closed(&self, hours: Option<(u16, u16)>, now: Timestamp) -> bool {
        let time = now.civil().time();
        let minute = time.hour() as u16 * 60 + time.minute() as u16;
        self.gateway.shared.keep_hours && hours.is_some_and(|(from, to)| !(from..to).contains(&minute))
    }

    /// Lets the script rule a send that the platform finds valid, and remembers what was taken.
    fn rule(&self, order: Order<'_>, refusals: Refusals<'_>, now: Timestamp) -> Ruling {
        self.taken(order, refusals, now).map_or_else(|ruling| ruling, |(rows, step)| answered(rows, step))
    }

    /// As [`Self::rule`], where the same bytes with the same token are one message: what was taken once is answered
    /// again, as the script says, and not taken again. `None` when the token came with other bytes. What was not taken is
    /// not remembered, and without a token nothing is.
    fn rule_once(
        &self,
        token: &str,
        bytes: &[u8],
        order: Order<'_>,
        refusals: Refusals<'_>,
        now: Timestamp,
    ) -> Option<Ruling> {
        if token.is_empty() {
            return Some(self.rule(order, refusals, now));
        }
        // Held all the while: of two calls at the same time one is the first.
        let mut once = self.gateway.shared.once.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = crate::provider::sign::sha256_hex(bytes);
        if let Some(known) = once.iter().find(|o| *o.token == *token) {
            let step = self.gateway.next_step();
            let again = || refused(&step).unwrap_or_else(|| answered(known.rows.clone(), step.clone()));
            return (known.hash == hash).then(again);
        }
        Some(match self.taken(order, refusals, now) {
            Err(ruling) => ruling,
            Ok((rows, step)) => {
                once.truncate(TOKENS - 1);
                once.push_front(Once { token: token.into(), hash, rows: rows.clone() });
                answered(rows, step)
            }
        })
    }

    /// The rows of what was taken and how it is to be answered; else how it was refused.
    fn taken(&self, order: Order<'_>, refusals: Refusals<'_>, now: Timestamp) -> Result<(Vec<Row>, Step), Ruling> {
        let picky = self.gateway.refuses_numbers();
        let (Refusals::Each(invalid) | Refusals::Whole(invalid)) = refusals;
        let mut rows = Vec::with_capacity(order.lines.len());
        for line in order.lines {
            let parsed = number(&line.written);
            let refused = match parsed {
                None => Some(invalid.to_owned()),
                Some(n) if picky => self.gateway.refusal_of(n),
                Some(_) => None,
            };
            if let (Some(code), Refusals::Whole(_)) = (&refused, refusals) {
                return Err(Ruling::Refused(code.clone()));
            }
            let number = parsed.unwrap_or_default();
            rows.push(Row { written: line.written, number, text: line.text, id: line.id, refused });
        }
        let step = self.gateway.next_step();
        if let Some(ruling) = refused(&step) {
            return Err(ruling);
        }
        if let (Step::Partial { every, code }, Refusals::Each(_)) = (&step, refusals) {
            for row in rows.iter_mut().step_by((*every).max(1)).filter(|r| r.refused.is_none()) {
                row.refused = Some(code.to_string());
            }
        }
        self.gateway.take(self.serial, order.reference, order.template, &rows, now);
        Ok((rows, step))
    }
}

/// How a step refuses a send; `None` for those that take it.
fn refused(step: &Step) -> Option<Ruling> {
    match step {
        Step::Refuse(code) => Some(Ruling::Refused(code.clone())),
        Step::Throttle => Some(Ruling::Throttled),
        Step::Redirect(_) => Some(broken(step).map_or(Ruling::Throttled, Ruling::Broken)),
        _ => None,
    }
}

/// How a step answers what was taken.
fn answered(mut rows: Vec<Row>, step: Step) -> Ruling {
    if step == Step::UnknownCode {
        return Ruling::UnknownCode;
    }
    if let Some(mut reply) = broken(&step) {
        reply.fault = fault_of(&step);
        return Ruling::Broken(reply);
    }
    match step {
        Step::DuplicateRows => rows.extend_from_within(..),
        Step::Unnamed => {
            let mut at = 0;
            rows.retain(|_| {
                at += 1;
                at % 2 == 0
            });
        }
        _ => {}
    }
    Ruling::Taken(rows, fault_of(&step))
}

/// Eleven digits of a mobile number in any spelling that the platforms take.
fn number(s: &str) -> Option<u64> {
    let s = s.trim();
    let n = ["+86", "0086", "86"].iter().find_map(|p| s.strip_prefix(p).filter(|r| r.len() == 11)).unwrap_or(s);
    let is_mobile =
        n.len() == 11 && n.starts_with('1') && n.as_bytes()[1] >= b'3' && n.bytes().all(|b| b.is_ascii_digit());
    is_mobile.then(|| n.parse().ok()).flatten()
}

/// Templates by code.
fn filed(templates: &[(&str, &str)]) -> BTreeMap<String, String> {
    templates.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned())).collect()
}

/// Templates as a shop registers them.
fn bindings(templates: &BTreeMap<String, String>) -> Vec<TemplateBinding> {
    templates.iter().map(|(code, filed)| TemplateBinding { code: code.clone(), filed: filed.clone() }).collect()
}

/// The answer to a push as JSON, where it came with HTTP 200; null otherwise.
fn answered_json(status: u16, answer: &[u8]) -> serde_json::Value {
    if status == 200 { serde_json::from_slice(answer).unwrap_or_default() } else { serde_json::Value::Null }
}

/// A push with a JSON body to [`CALLBACK_PATH`].
fn pushed_json(body: &serde_json::Value) -> HttpCall {
    HttpCall::new("POST", CALLBACK_PATH, "", body.to_string())
        .with_header("content-type", "application/json;charset=utf-8")
}

/// A push with a form body to [`CALLBACK_PATH`].
fn pushed_form(pairs: &[(&str, &str)]) -> HttpCall {
    HttpCall::new("POST", CALLBACK_PATH, "", crate::provider::sign::form(pairs))
        .with_header("content-type", "application/x-www-form-urlencoded;charset=utf-8")
}

/// The headers that `SignedHeaders=` of an `Authorization` names, with their values; `None` when one did not come, they
/// are not in order, or one of `needed` is not signed.
fn signed_headers<'a>(call: &'a Call<'a>, authorization: &'a str, needed: &[&str]) -> Option<Vec<(&'a str, &'a str)>> {
    let (_, rest) = authorization.split_once("SignedHeaders=")?;
    let names: Vec<&str> = rest.split(',').next()?.split(';').collect();
    if !names.is_sorted() || needed.iter().any(|n| !names.contains(n)) {
        return None;
    }
    names.into_iter().map(|n| call.header(n).map(|v| (n, v.trim()))).collect()
}

/// The decoded pairs of query and body; `None` when one is not readable.
fn params(call: &Call<'_>) -> Option<HashMap<String, String>> {
    let mut all = crate::provider::sign::form_pairs(call.query)?;
    let is_form = call
        .header("content-type")
        .is_some_and(|t| t.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
    if is_form {
        all.extend(crate::provider::sign::form_pairs(std::str::from_utf8(call.body).ok()?)?);
    }
    Some(all.into_iter().collect())
}

/// `20260301T212000Z`.
fn compact_utc(time: &str) -> Option<Timestamp> {
    let digits = time.is_ascii().then_some(time).filter(|t| t.len() == 16)?;
    let (day, clock) = digits.split_once('T').filter(|(day, _)| day.len() == 8)?;
    let (y, m, d) = (&day[..4], &day[4..6], &day[6..]);
    format!("{y}-{m}-{d}T{}:{}:{}", &clock[..2], &clock[2..4], &clock[4..]).parse().ok()
}

/// The answers that are the same on every platform; `None` when the platform's own answer is meant.
fn broken(step: &Step) -> Option<Reply> {
    let html = |status, body: &str| Reply {
        status,
        headers: vec![("content-type", "text/html".into())],
        body: body.into(),
        fault: Fault::None,
    };
    Some(match step {
        Step::Garbage => html(200, "<html><body>maintenance \u{0} {\"Code\":\"OK\"</body></html>"),
        Step::Huge(bytes) => html(200, &" ".repeat(*bytes)),
        Step::Redirect(to) => {
            let mut reply = html(307, "");
            reply.headers.push(("location", to.clone()));
            reply
        }
        Step::ServerError(status) => html(*status, "<html><body>bad gateway</body></html>"),
        Step::Accept
        | Step::DuplicateRows
        | Step::HalfBody
        | Step::Hold
        | Step::Partial { .. }
        | Step::Refuse(_)
        | Step::Reset
        | Step::Slow(_)
        | Step::Throttle
        | Step::UnknownCode
        | Step::Unnamed => return None,
    })
}

/// What happens to the answer of an accepted request.
fn fault_of(step: &Step) -> Fault {
    match step {
        Step::HalfBody => Fault::HalfBody,
        Step::Hold => Fault::Hold,
        Step::Reset => Fault::Reset,
        Step::Slow(by) => Fault::Delay(*by),
        Step::Accept
        | Step::DuplicateRows
        | Step::Garbage
        | Step::Huge(_)
        | Step::Partial { .. }
        | Step::Redirect(_)
        | Step::Refuse(_)
        | Step::ServerError(_)
        | Step::Throttle
        | Step::UnknownCode
        | Step::Unnamed => Fault::None,
    }
}
