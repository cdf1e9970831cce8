//! Fake platforms: they check requests as the real ones do, fail as told, and remember what they took.
//!
//! [`Gateway::handle`] is the whole platform as one function of a request and the time. It can be mounted on wiremock
//! ([`Gateway::mount_wiremock`]) or served by itself ([`serve`]), where also resets and half answers are real.

mod aliyun;
mod counts;
mod script;
mod server;
mod yunpian;

pub use script::{Script, Step};
pub use server::serve;

use crate::clock::Timestamp;
use counts::Counts;
use std::collections::{BTreeMap, HashMap, HashSet};
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

/// The account that a gateway knows.
#[derive(Clone)]
pub enum Account {
    /// Aliyun.
    Aliyun {
        /// AccessKey id.
        key_id: String,
        /// AccessKey secret.
        key_secret: String,
        /// Approved signatures, without brackets.
        signatures: Vec<String>,
        /// Approved templates: code, and text with `${name}` for variables.
        templates: BTreeMap<String, String>,
    },
    /// Yunpian.
    Yunpian {
        /// The apikey.
        apikey: String,
        /// Approved signatures, without brackets.
        signatures: Vec<String>,
        /// Whether `uid` is opened.
        uid: bool,
    },
}

impl Account {
    /// Key `testAccessKeyId000001`, secret `testAccessKeySecret000001`, signature 测试签名, templates `SMS_000000001`
    /// (with `${name}`) and `SMS_000000002`.
    pub fn aliyun() -> Self {
        let template = |code: &str, text: &str| (code.to_owned(), text.to_owned());
        Self::Aliyun {
            key_id: "testAccessKeyId000001".into(),
            key_secret: "testAccessKeySecret000001".into(),
            signatures: vec!["测试签名".into()],
            templates: BTreeMap::from([
                template("SMS_000000001", "会员${name}，新品8折。拒收请回复R"),
                template("SMS_000000002", "会员，新品8折。拒收请回复R"),
            ]),
        }
    }

    /// Apikey `FAKE0000yunpian0000apikey000dev`, signature 测试签名, `uid` opened.
    pub fn yunpian() -> Self {
        Self::Yunpian {
            apikey: "FAKE0000yunpian0000apikey000dev".into(),
            signatures: vec!["测试签名".into()],
            uid: true,
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aliyun { .. } => "Account::Aliyun",
            Self::Yunpian { .. } => "Account::Yunpian",
        })
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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    script: Script,
    keep_all: bool,
    file: Option<std::fs::File>,
    messages: Vec<AcceptedMessage>,
    by_number: HashMap<u64, Vec<u32>>,
    counts: Counts,
    requests: u64,
    taken: u64,
    nonces: [HashSet<Box<str>>; 2],
}

/// Nonces remembered per generation; there are two.
const NONCES: usize = 500_000;

impl Gateway {
    /// A gateway that takes every valid request and remembers every message.
    pub fn new(account: Account) -> Self {
        let state = State { keep_all: true, ..State::default() };
        Self { shared: Arc::new(Shared { account, check_signature: true, state: Mutex::new(state) }) }
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
        match &self.shared.account {
            Account::Aliyun { key_id, key_secret, signatures, templates } => {
                aliyun::Platform { gateway: self, serial, key_id, key_secret, signatures, templates }.handle(call, now)
            }
            Account::Yunpian { apikey, signatures, uid } => {
                yunpian::Platform { gateway: self, serial, apikey, signatures, uid: *uid }.handle(call, now)
            }
        }
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

    /// Takes messages; they are on file before this returns.
    fn take(&self, order: &Order<'_>, now: Timestamp) {
        let mut state = self.state();
        if let Some(file) = &mut state.file {
            let mut lines = String::with_capacity(order.messages.len() * 48);
            for m in order.messages {
                lines.push_str(&m.number.to_string());
                lines.push(',');
                lines.push_str(order.reference);
                lines.push('\n');
            }
            // A gateway that cannot write its record proves nothing; it stops instead of answering.
            file.write_all(lines.as_bytes()).expect("the record file takes a line");
        }
        state.taken += order.messages.len() as u64;
        let (reference, template): (Arc<str>, Option<Arc<str>>) =
            (order.reference.into(), order.template.map(Into::into));
        for m in order.messages {
            state.counts.add(m.number);
            if state.keep_all {
                let index = state.messages.len() as u32;
                state.by_number.entry(m.number).or_default().push(index);
                state.messages.push(AcceptedMessage {
                    number: m.number,
                    reference: reference.clone(),
                    template: template.clone(),
                    text: m.text.clone(),
                    at: now,
                    request: order.serial,
                    id: m.id.clone(),
                });
            }
        }
    }

    fn messages_of(&self, number: u64) -> Vec<AcceptedMessage> {
        let state = self.state();
        let indices = state.by_number.get(&number).map(Vec::as_slice).unwrap_or_default();
        indices.iter().filter_map(|i| state.messages.get(*i as usize).cloned()).collect()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("account", &self.shared.account).field("totals", &self.totals()).finish()
    }
}

/// What one request asks to take.
struct Order<'a> {
    /// Which request, counted from 1.
    serial: u64,
    reference: &'a str,
    template: Option<&'a str>,
    messages: &'a [Wanted],
}

struct Wanted {
    number: u64,
    text: Arc<str>,
    id: Arc<str>,
}

/// Eleven digits of a mobile number in any spelling that the platforms take.
fn number(s: &str) -> Option<u64> {
    let s = s.trim();
    let n = ["+86", "0086", "86"].iter().find_map(|p| s.strip_prefix(p).filter(|r| r.len() == 11)).unwrap_or(s);
    let is_mobile =
        n.len() == 11 && n.starts_with('1') && n.as_bytes()[1] >= b'3' && n.bytes().all(|b| b.is_ascii_digit());
    is_mobile.then(|| n.parse().ok()).flatten()
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
