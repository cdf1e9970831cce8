//! A carrier's gateway on a port: CMPP 2.0 and 3.0, SGIP and SMGP, with the faults that real ones have.
//!
//! It checks the login, keeps the window and the speed, takes submits, gives ids, reports and replies, and plays a
//! [`Fault`] per submit. [`CarrierGateway::taken`] is what a phone would have got: one entry a receiver and segment.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use crate::carrier::coding::{Coding, header};
use crate::carrier::frame::Framer;
use crate::carrier::login::{self, LoginTime, NameForm, StatusWidth};
use crate::carrier::pdu::{Octets, Sequence};
use crate::carrier::valid::ValidTime;
use crate::carrier::{CarrierAccount, Protocol, cmpp, sgip, smgp};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::phone::Phone;
use crate::secret::Secret;

/// The name, secret, service code and access number of every fake account.
pub const NAME: &str = "901234";
/// See [`NAME`].
pub const SECRET: &str = "shared01";
/// See [`NAME`].
pub const SERVICE: &str = "MKT";
/// See [`NAME`].
pub const ACCESS: &str = "10690001";
/// The enterprise code of the SGIP account.
pub const CORP: &str = "12345";
/// The node id of the SGIP account.
pub const NODE: u32 = 3_010_012_345;

/// The fake account of a protocol.
#[must_use]
pub fn account(protocol: Protocol) -> CarrierAccount {
    account_with(protocol, Secret::new(SECRET))
}

/// The fake account with another secret, of 15 bytes at most.
///
/// # Panics
/// When the secret does not fit.
#[must_use]
pub fn account_with(protocol: Protocol, secret: Secret) -> CarrierAccount {
    const FITS: &str = "the fake account fits its fields";
    match protocol {
        Protocol::Cmpp(version) => {
            cmpp::Account::new(NAME, secret, SERVICE, ACCESS).expect(FITS).version(version).into()
        }
        Protocol::Sgip => sgip::Account::new(NAME, &secret, NODE, CORP, SERVICE, ACCESS).expect(FITS).into(),
        Protocol::Smgp => smgp::Account::new(NAME, secret, SERVICE, ACCESS).expect(FITS).into(),
    }
}

/// Every protocol, by the name that [`protocol`] takes.
pub const PROTOCOLS: [(&str, Protocol); 4] = [
    ("cmpp20", Protocol::Cmpp(cmpp::Version::V20)),
    ("cmpp30", Protocol::Cmpp(cmpp::Version::V30)),
    ("sgip12", Protocol::Sgip),
    ("smgp30", Protocol::Smgp),
];

/// The protocol of a name, such as `cmpp30`.
#[must_use]
pub fn protocol(name: &str) -> Option<Protocol> {
    PROTOCOLS.iter().find(|(n, _)| *n == name).map(|(_, p)| *p)
}

/// What the gateway does to one submit.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Fault {
    /// Not taken: the connection ends before the answer.
    ClosesFirst,
    /// Taken: the connection ends instead of the answer.
    Closes,
    /// Taken: some bytes of the answer come ([`GatewaySettings::cut_at`]), then the connection ends.
    CutsAnswer,
    /// Taken: the answer comes after a random time, an eighth of a late one's at most.
    Delayed,
    /// Taken: a PDU of ten million bytes is announced.
    Huge,
    /// Taken: the answer comes after the client has given up.
    Late,
    /// Taken: the answer has no id, all zeros (SGIP has none ever).
    NoId,
    /// Taken: bytes that are no PDU.
    Noise,
    /// Not taken: a code that stands for a wrong number.
    RefusesNumber,
    /// Taken: the answer comes behind the next one.
    Reordered,
    /// Taken: the connection is reset.
    Resets,
    /// Taken: nothing is ever said.
    Silent,
    /// Taken: the answer comes a byte at a time.
    Slow,
    /// Taken: the gateway ends the link before the answer.
    Terminates,
    /// Not taken: too fast.
    TooFast,
    /// Taken: the answer comes twice.
    Twice,
    /// Taken: a code that no table has.
    UnlistedCode,
    /// Taken: the answer has the id of an earlier submit (SGIP has none ever).
    WrongId,
    /// Taken: the answer has the number of another submit.
    WrongNumber,
    /// Taken, with PDUs around the answer that a client must skip or answer.
    Chatter,
    /// Taken: the length in the answer is four too many.
    WrongLength,
}

impl Fault {
    /// Every one.
    pub const ALL: [Self; 21] = [
        Self::ClosesFirst,
        Self::Closes,
        Self::CutsAnswer,
        Self::Delayed,
        Self::Huge,
        Self::Late,
        Self::NoId,
        Self::Noise,
        Self::RefusesNumber,
        Self::Reordered,
        Self::Resets,
        Self::Silent,
        Self::Slow,
        Self::Terminates,
        Self::TooFast,
        Self::Twice,
        Self::UnlistedCode,
        Self::WrongId,
        Self::WrongNumber,
        Self::Chatter,
        Self::WrongLength,
    ];

    /// Whether the message reaches the phone.
    #[must_use]
    pub const fn takes(self) -> bool {
        !matches!(self, Self::ClosesFirst | Self::RefusesNumber | Self::TooFast)
    }
}

/// One segment that the gateway took for one phone.
#[derive(Clone, Eq, PartialEq)]
pub struct Taken {
    /// The receiver, eleven digits.
    pub phone: u64,
    /// Which segment of how many.
    pub segment: (u8, u8),
    /// The reference that its segments share.
    pub reference: u16,
    /// Its text.
    pub text: String,
    /// The number that the phone shows.
    pub source: String,
    /// Not to be delivered after.
    pub valid: Option<Timestamp>,
    /// The id that was given, in the form to store.
    pub id: String,
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Taken(segment {} of {}, {})", self.segment.0, self.segment.1, self.id)
    }
}

/// How the gateway behaves.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    protocol: Protocol,
    secret: Secret,
    window: usize,
    per_second: u32,
    late: Duration,
    delay: Duration,
    answer_within: Duration,
    cut_at: Option<usize>,
    refuses_above_window: bool,
    reports: bool,
    record: bool,
    highest: cmpp::Version,
    proves: bool,
    narrow_reports: bool,
    first_report: bool,
}

impl GatewaySettings {
    /// A gateway of a protocol: window 16, no limit of speed, no reports.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            secret: Secret::new(SECRET),
            window: 16,
            per_second: 0,
            late: Duration::from_millis(400),
            delay: Duration::ZERO,
            answer_within: Duration::from_secs(if protocol == Protocol::Sgip { 30 } else { 60 }),
            cut_at: None,
            refuses_above_window: false,
            reports: false,
            record: true,
            highest: cmpp::Version::V30,
            proves: true,
            narrow_reports: false,
            first_report: false,
        }
    }

    /// The secret of both directions, instead of [`SECRET`].
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = secret;
        self
    }

    /// Submits that may be unanswered on a connection; [`Counts::over_window`] counts what is above.
    #[must_use]
    pub fn window(mut self, n: usize) -> Self {
        self.window = n;
        self
    }

    /// Whether a submit above the window is not taken, and answered as too fast.
    #[must_use]
    pub fn refuses_above_window(mut self, yes: bool) -> Self {
        self.refuses_above_window = yes;
        self
    }

    /// T: a submit that is never answered counts in the window for so long. A little less than the client's, whose time
    /// began before the submit came.
    #[must_use]
    pub fn answer_within(mut self, t: Duration) -> Self {
        self.answer_within = t;
        self
    }

    /// Each answer comes after a random time up to this, so that they overtake each other.
    #[must_use]
    pub fn delay(mut self, up_to: Duration) -> Self {
        self.delay = up_to;
        self
    }

    /// How many bytes of a [cut](Fault::CutsAnswer) answer come; without it a random number, 1 and more.
    #[must_use]
    pub fn cut_at(mut self, byte: usize) -> Self {
        self.cut_at = Some(byte);
        self
    }

    /// Submits a second; more are answered as too fast.
    #[must_use]
    pub fn per_second(mut self, n: u32) -> Self {
        self.per_second = n;
        self
    }

    /// How late a late answer is.
    #[must_use]
    pub fn late(mut self, by: Duration) -> Self {
        self.late = by;
        self
    }

    /// Reports every segment as delivered, behind its answer.
    #[must_use]
    pub fn reports(mut self, yes: bool) -> Self {
        self.reports = yes;
        self
    }

    /// Reports come before the answer.
    #[must_use]
    pub fn reports_first(mut self, yes: bool) -> Self {
        self.first_report = yes;
        self.reports |= yes;
        self
    }

    /// Whether [`CarrierGateway::taken`] lists everything; else only counts are kept.
    #[must_use]
    pub fn record(mut self, yes: bool) -> Self {
        self.record = yes;
        self
    }

    /// The highest version of CMPP that it speaks.
    #[must_use]
    pub fn highest(mut self, version: cmpp::Version) -> Self {
        self.highest = version;
        self
    }

    /// Whether it proves that it knows the secret, as most do not.
    #[must_use]
    pub fn proves(mut self, yes: bool) -> Self {
        self.proves = yes;
        self
    }

    /// CMPP report bodies of 60 bytes, whatever the version.
    #[must_use]
    pub fn narrow_reports(mut self, yes: bool) -> Self {
        self.narrow_reports = yes;
        self
    }
}

/// What a gateway has counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Submits that came.
    pub submits: u64,
    /// Receivers of submits that were taken.
    pub taken: u64,
    /// The most submits that were unanswered on one connection.
    pub most_open: usize,
    /// Submits that came while the window was full.
    pub over_window: u64,
    /// Heartbeats that came.
    pub heartbeats: u64,
    /// Logins that were refused.
    pub refused: u64,
    /// Logins that went well.
    pub logins: u64,
    /// Replies and reports that were acknowledged.
    pub acknowledged: u64,
}

#[derive(Default)]
struct World {
    taken: Vec<Taken>,
    faults: VecDeque<Option<Fault>>,
    played: Vec<Fault>,
    counts: Counts,
    /// Sends PDUs over each open connection of the SP.
    links: Vec<mpsc::UnboundedSender<Out>>,
    /// Told and not acknowledged, by outer number or id.
    told: BTreeMap<String, Vec<u8>>,
    window_start: Option<tokio::time::Instant>,
    in_window: u32,
}

impl World {
    fn acknowledged(&mut self, name: &str) {
        self.counts.acknowledged += 1;
        self.told.remove(name);
    }
}

struct Shared {
    settings: GatewaySettings,
    clock: Arc<dyn Clock>,
    world: Mutex<World>,
    serial: AtomicU64,
    pusher: Mutex<Option<(mpsc::UnboundedSender<Out>, JoinHandle<()>)>>,
}

/// What a connection's writer is told.
enum Out {
    Bytes(Vec<u8>),
    Answer(Numbered, Vec<u8>),
    /// An answer after so long.
    Later(Duration, Numbered, Vec<u8>),
    /// A byte every so often.
    Slowly(Numbered, Vec<u8>),
    Close,
    Reset,
}

/// A gateway that runs until it is dropped.
pub struct CarrierGateway {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for CarrierGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CarrierGateway({:?} at {})", self.shared.settings.protocol, self.address)
    }
}

impl Drop for CarrierGateway {
    fn drop(&mut self) {
        self.task.abort();
        if let Some((_, pushing)) = self.shared.pusher().take() {
            pushing.abort();
        }
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CarrierGateway {
    /// Listens on a free port of this machine.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn start(settings: GatewaySettings) -> std::io::Result<Self> {
        Self::start_at("127.0.0.1:0", settings, Arc::new(SystemClock::new())).await
    }

    /// Listens at an address, with another clock for ids and reports.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn start_at(at: &str, settings: GatewaySettings, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(at).await?;
        let address = listener.local_addr()?;
        let (world, serial) = (Mutex::default(), AtomicU64::new(1));
        let shared = Arc::new(Shared { settings, clock, world, serial, pusher: Mutex::default() });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            loop {
                while open.try_join_next().is_some() {}
                if let Ok((stream, _)) = listener.accept().await {
                    open.spawn(connection(stream, Arc::clone(&serving)));
                }
            }
        });
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Where the SP listens for SGIP's replies and reports; without it they go over the SP's own link.
    pub fn push_to(&self, address: SocketAddr) {
        let (sender, queue) = mpsc::unbounded_channel();
        let task = tokio::spawn(push(Arc::clone(&self.shared), address, queue));
        if let Some((_, old)) = self.shared.pusher().replace((sender, task)) {
            old.abort();
        }
    }

    /// What is done to the next submits, one each; then nothing.
    pub fn script(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        lock(&self.shared.world).faults = faults.into_iter().collect();
    }

    /// The faults that were played.
    #[must_use]
    pub fn played(&self) -> Vec<Fault> {
        lock(&self.shared.world).played.clone()
    }

    /// What phones would have got.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        lock(&self.shared.world).taken.clone()
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        lock(&self.shared.world).counts
    }

    /// Sends a reply of a phone to a number of the SP's, in as many delivers as its text needs; again until it is
    /// acknowledged, when [`again`](Self::again) is called.
    pub fn reply(&self, from: Phone, to: &str, text: &str) {
        let units: Vec<u16> = text.encode_utf16().collect();
        let long = units.len() > 70;
        let pieces: Vec<&[u16]> = units.chunks(if long { 67 } else { 70 }).collect();
        let reference = self.shared.serial.fetch_add(1, Ordering::Relaxed) as u8;
        for (n, piece) in pieces.iter().enumerate() {
            let mut content = Vec::new();
            if long {
                content.extend_from_slice(&[5, 0, 3, reference, pieces.len() as u8, n as u8 + 1]);
            }
            content.extend(piece.iter().flat_map(|u| u.to_be_bytes()));
            self.tell(self.shared.delivery(from, to, Some((content, long)), None));
        }
    }

    /// Reports on a message that was taken, with a status such as `DELIVRD` (SGIP: a number of the error, 0 for delivered).
    pub fn report(&self, taken: &Taken, stat: &str) {
        if let Some(told) = self.shared.report(taken, stat) {
            self.tell(told);
        }
    }

    /// Tells everything that was not acknowledged again; how many.
    pub fn again(&self) -> usize {
        let told = lock(&self.shared.world).told.clone();
        let n = told.len();
        told.into_iter().for_each(|(_, bytes)| self.send(bytes));
        n
    }

    /// Bytes, as they are, over every connection of the SP.
    pub fn send(&self, bytes: Vec<u8>) {
        if let Some((pusher, _)) = &*self.shared.pusher() {
            drop(pusher.send(Out::Bytes(bytes)));
            return;
        }
        // One connection is enough: an account's replies come over any of them.
        if let Some(link) = lock(&self.shared.world).links.iter().find(|l| !l.is_closed()) {
            drop(link.send(Out::Bytes(bytes)));
        }
    }

    fn tell(&self, (name, bytes): (String, Vec<u8>)) {
        lock(&self.shared.world).told.insert(name, bytes.clone());
        self.send(bytes);
    }

    /// Ends every connection.
    pub fn cut(&self) {
        for link in lock(&self.shared.world).links.drain(..) {
            drop(link.send(Out::Reset));
        }
    }
}

/// A submit as it came.
struct Submitted {
    phones: Vec<u64>,
    content: Vec<u8>,
    coding: Coding,
    flagged: bool,
    source: String,
    valid: Vec<u8>,
}

/// What a PDU of the SP is.
enum Came {
    Ended(Vec<u8>),
    Heartbeat(Vec<u8>),
    Login { answer: Vec<u8>, good: bool },
    Nothing,
    Stored(String),
    Submit(Submitted, Numbered),
    Unreadable,
}

#[derive(Clone, Copy, PartialEq)]
enum Numbered {
    Plain(Sequence),
    Sgip(sgip::Number),
}

fn digits<const N: usize>(field: &Octets<N>) -> u64 {
    field.phone().map_or(0, crate::Phone::to_u64)
}

fn encode_cmpp(sequence: Sequence, body: cmpp::Body) -> Vec<u8> {
    let mut out = Vec::new();
    cmpp::Pdu { sequence, body }.encode(&mut out);
    out
}

fn encode_smgp(sequence: Sequence, body: smgp::Body) -> Vec<u8> {
    let mut out = Vec::new();
    smgp::Pdu { sequence, body }.encode(&mut out);
    out
}

fn encode_sgip(sequence: sgip::Number, body: sgip::Body) -> Vec<u8> {
    let mut out = Vec::new();
    sgip::Pdu { sequence, body }.encode(&mut out);
    out
}

impl Shared {
    fn pusher(&self) -> MutexGuard<'_, Option<(mpsc::UnboundedSender<Out>, JoinHandle<()>)>> {
        self.pusher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, pdu: &[u8], version: &mut cmpp::Version) -> Came {
        match self.settings.protocol {
            Protocol::Cmpp(_) => self.read_cmpp(pdu, version),
            Protocol::Sgip => self.read_sgip(pdu),
            Protocol::Smgp => self.read_smgp(pdu),
        }
    }

    fn read_cmpp(&self, pdu: &[u8], version: &mut cmpp::Version) -> Came {
        let Ok(cmpp::Pdu { sequence, body }) = cmpp::Pdu::decode(pdu, *version) else { return Came::Unreadable };
        match body {
            cmpp::Body::Connect(connect) => {
                let secret = &self.settings.secret;
                let name = connect.source_addr;
                let wanted = cmpp::source_authenticator(&name, NameForm::Padded, secret, connect.timestamp);
                let asked = cmpp::Version::of(connect.version);
                let known = name.as_bytes() == NAME.as_bytes() && wanted.same(&connect.authenticator_source);
                let status = match () {
                    () if !known => 3,
                    () if asked > self.settings.highest => 4,
                    () => 0,
                };
                *version = asked.min(self.settings.highest);
                let proof = if self.settings.proves && status == 0 {
                    login::server(0, StatusWidth::Four, &connect.authenticator_source, secret)
                } else {
                    login::Authenticator::EMPTY
                };
                let answer = cmpp::ConnectResp {
                    status: cmpp::ResultCode::new(*version, status),
                    authenticator_ismg: proof,
                    version: self.settings.highest.byte(),
                };
                Came::Login { answer: encode_cmpp(sequence, cmpp::Body::ConnectResp(answer)), good: status == 0 }
            }
            cmpp::Body::ActiveTest => {
                Came::Heartbeat(encode_cmpp(sequence, cmpp::Body::ActiveTestResp { reserved: 0 }))
            }
            cmpp::Body::Terminate => Came::Ended(encode_cmpp(sequence, cmpp::Body::TerminateResp)),
            cmpp::Body::DeliverResp(answer) => Came::Stored(answer.msg_id.to_string()),
            cmpp::Body::Submit(submit) => {
                let phones = match &submit.terminals {
                    cmpp::Terminals::V20 { dest_terminal_id, .. } => {
                        dest_terminal_id.as_slice().iter().map(digits).collect()
                    }
                    cmpp::Terminals::V30 { dest_terminal_id, .. } => {
                        dest_terminal_id.as_slice().iter().map(digits).collect()
                    }
                };
                let submitted = Submitted {
                    phones,
                    content: submit.content.as_bytes().to_vec(),
                    coding: submit.msg_fmt,
                    flagged: submit.tp_udhi == 1,
                    source: submit.src_id.text().into_owned(),
                    valid: submit.valid_time.as_bytes().to_vec(),
                };
                Came::Submit(submitted, Numbered::Plain(sequence))
            }
            _ => Came::Nothing,
        }
    }

    fn read_smgp(&self, pdu: &[u8]) -> Came {
        let Ok(smgp::Pdu { sequence, body }) = smgp::Pdu::decode(pdu) else { return Came::Unreadable };
        match body {
            smgp::Body::Login(asked) => {
                let secret = &self.settings.secret;
                let wanted = smgp::client_authenticator(&asked.client_id, NameForm::Bare, secret, asked.timestamp);
                let good = asked.client_id.as_bytes() == NAME.as_bytes() && wanted.same(&asked.authenticator_client);
                let proof = if self.settings.proves && good {
                    login::server(0, StatusWidth::Four, &asked.authenticator_client, secret)
                } else {
                    login::Authenticator::EMPTY
                };
                let status = if good { 0 } else { 21 };
                let answer = smgp::LoginResp { status, authenticator_server: proof, server_version: 0x30 };
                Came::Login { answer: encode_smgp(sequence, smgp::Body::LoginResp(answer)), good }
            }
            smgp::Body::ActiveTest => Came::Heartbeat(encode_smgp(sequence, smgp::Body::ActiveTestResp)),
            smgp::Body::Exit => Came::Ended(encode_smgp(sequence, smgp::Body::ExitResp)),
            smgp::Body::DeliverResp(answer) => Came::Stored(answer.msg_id.to_string()),
            smgp::Body::Submit(submit) => {
                let submitted = Submitted {
                    phones: submit.dest_term_id.as_slice().iter().map(digits).collect(),
                    content: submit.content.as_bytes().to_vec(),
                    coding: submit.msg_format,
                    flagged: submit.tlvs.byte(smgp::tag::TP_UDHI) == Some(1),
                    source: submit.src_term_id.text().into_owned(),
                    valid: submit.valid_time.as_bytes().to_vec(),
                };
                Came::Submit(submitted, Numbered::Plain(sequence))
            }
            _ => Came::Nothing,
        }
    }

    fn read_sgip(&self, pdu: &[u8]) -> Came {
        let Ok(sgip::Pdu { sequence, body }) = sgip::Pdu::decode(pdu) else { return Came::Unreadable };
        match body {
            sgip::Body::Bind(bind) => {
                let good = bind.login_type == 1
                    && bind.login_name.as_bytes() == NAME.as_bytes()
                    && bind.login_password.is(&self.settings.secret);
                let answer = sgip::Answer { result: u8::from(!good), reserve: Octets::EMPTY };
                Came::Login { answer: encode_sgip(sequence, sgip::Body::BindResp(answer)), good }
            }
            sgip::Body::Unbind => Came::Ended(encode_sgip(sequence, sgip::Body::UnbindResp)),
            sgip::Body::DeliverResp(_) | sgip::Body::ReportResp(_) => Came::Stored(sequence.to_string()),
            sgip::Body::Submit(submit) => {
                let submitted = Submitted {
                    phones: submit.user_number.as_slice().iter().map(digits).collect(),
                    content: submit.content.as_bytes().to_vec(),
                    coding: submit.message_coding,
                    flagged: submit.tp_udhi == 1,
                    source: submit.sp_number.text().into_owned(),
                    valid: submit.expire_time.as_bytes().to_vec(),
                };
                Came::Submit(submitted, Numbered::Sgip(sequence))
            }
            _ => Came::Nothing,
        }
    }

    /// The answer to a submit, with the id of its first receiver as the protocol writes it; without a serial it has none.
    fn answer(&self, numbered: Numbered, code: u32, serial: Option<u64>, version: cmpp::Version) -> Vec<u8> {
        let serial = serial.filter(|_| code == 0);
        match (self.settings.protocol, numbered) {
            (Protocol::Cmpp(_), Numbered::Plain(sequence)) => {
                let result = cmpp::ResultCode::new(version, code as u8);
                let msg_id = serial.map_or(cmpp::MsgId(0), |s| self.cmpp_id(s));
                encode_cmpp(sequence, cmpp::Body::SubmitResp(cmpp::Answer { msg_id, result }))
            }
            (Protocol::Smgp, Numbered::Plain(sequence)) => {
                let msg_id = serial.map_or(smgp::MsgId::default(), smgp_id);
                encode_smgp(sequence, smgp::Body::SubmitResp(smgp::Answer { msg_id, status: code }))
            }
            (_, Numbered::Sgip(sequence)) => {
                let answer = sgip::Answer { result: code as u8, reserve: Octets::EMPTY };
                encode_sgip(sequence, sgip::Body::SubmitResp(answer))
            }
            (Protocol::Sgip, Numbered::Plain(_)) => Vec::new(),
        }
    }

    fn cmpp_id(&self, serial: u64) -> cmpp::MsgId {
        cmpp::MsgId(0x7424_1080_0000_0000 | (serial << 8 & 0xffff_ffff))
    }

    fn id(&self, numbered: Numbered, serial: u64, receiver: usize) -> String {
        match (self.settings.protocol, numbered) {
            (Protocol::Cmpp(_), _) => self.cmpp_id(serial).of_receiver(receiver as u16).to_string(),
            (Protocol::Smgp, _) => {
                smgp_id(serial).of_receiver(receiver as u16).map_or(String::new(), |id| id.to_string())
            }
            (Protocol::Sgip, Numbered::Sgip(number)) => number.to_string(),
            (Protocol::Sgip, Numbered::Plain(_)) => String::new(),
        }
    }

    fn serial(&self) -> u64 {
        self.serials(1)
    }

    /// As many as there are receivers, whose ids count on from the first.
    fn serials(&self, n: usize) -> u64 {
        self.serial.fetch_add(n as u64, Ordering::Relaxed)
    }

    /// A random time up to this.
    fn up_to(&self, longest: Duration) -> Duration {
        longest * u32::from(self.chance()) / 256
    }

    fn chance(&self) -> u8 {
        let mut byte = [0; 1];
        self.clock.fill(&mut byte);
        byte[0]
    }

    fn sgip_number(&self) -> sgip::Number {
        sgip::Number { node: 1_001_001, time: LoginTime::at(self.clock.now()).0, counter: self.serial() as u32 }
    }

    /// A deliver: a reply with its content, or a report's body; with the name that its acknowledgement repeats.
    fn delivery(
        &self,
        from: Phone,
        to: &str,
        content: Option<(Vec<u8>, bool)>,
        report: Option<Vec<u8>>,
    ) -> (String, Vec<u8>) {
        const FITS: &str = "the double's own fields fit";
        let is_report = report.is_some();
        let (content, flagged) = content.or(report.map(|r| (r, false))).unwrap_or_default();
        let coding = if is_report { Coding::ASCII } else { Coding::UCS2 };
        let to = Octets::new(to).expect(FITS);
        let serial = self.serial();
        let sequence = Sequence(serial as u32);
        match self.settings.protocol {
            Protocol::Cmpp(version) => {
                let version = version.min(self.settings.highest);
                let msg_id = cmpp::MsgId(0x1111_0000_0000_0000 | serial);
                let origin = match version {
                    cmpp::Version::V20 => {
                        cmpp::Origin::V20 { src_terminal_id: Octets::national(from), reserve: Octets::EMPTY }
                    }
                    cmpp::Version::V30 => cmpp::Origin::V30 {
                        src_terminal_id: Octets::national(from),
                        src_terminal_type: 0,
                        link_id: Octets::EMPTY,
                    },
                };
                let deliver = cmpp::Deliver {
                    msg_id,
                    dest_id: to,
                    service_id: Octets::new(SERVICE).expect(FITS),
                    tp_pid: 0,
                    tp_udhi: u8::from(flagged),
                    msg_fmt: coding,
                    registered_delivery: u8::from(is_report),
                    content: cmpp::Content::new(content).expect(FITS),
                    origin,
                };
                (msg_id.to_string(), encode_cmpp(sequence, cmpp::Body::Deliver(deliver)))
            }
            Protocol::Smgp => {
                let msg_id = smgp_id(500_000 + serial % 400_000);
                let mut tlvs = smgp::Tlvs::default();
                if flagged {
                    tlvs.set_byte(smgp::tag::TP_UDHI, 1);
                }
                let deliver = smgp::Deliver {
                    msg_id,
                    is_report: u8::from(is_report),
                    msg_format: coding,
                    recv_time: Octets::EMPTY,
                    src_term_id: Octets::national(from),
                    dest_term_id: to,
                    content: smgp::Content::new(content).expect(FITS),
                    reserve: Octets::EMPTY,
                    tlvs,
                };
                (msg_id.to_string(), encode_smgp(sequence, smgp::Body::Deliver(deliver)))
            }
            Protocol::Sgip => {
                let number = self.sgip_number();
                let deliver = sgip::Deliver {
                    user_number: sgip::user_number(from),
                    sp_number: to,
                    tp_pid: 0,
                    tp_udhi: u8::from(flagged),
                    message_coding: coding,
                    content: sgip::Content::new(content).expect(FITS),
                    reserve: Octets::EMPTY,
                };
                (number.to_string(), encode_sgip(number, sgip::Body::Deliver(deliver)))
            }
        }
    }

    fn report(&self, taken: &Taken, stat: &str) -> Option<(String, Vec<u8>)> {
        let phone = Phone::from_u64(taken.phone).ok()?;
        let minute = minute(self.clock.now());
        let time = Octets::new(&minute).ok()?;
        match self.settings.protocol {
            Protocol::Cmpp(version) => {
                let narrow = version == cmpp::Version::V20 || self.settings.narrow_reports;
                let dest_terminal_id = if narrow {
                    cmpp::Terminal::Narrow(Octets::national(phone))
                } else {
                    cmpp::Terminal::Wide(Octets::national(phone))
                };
                let detail = cmpp::Detail { submit_time: time, done_time: time, dest_terminal_id, smsc_sequence: 1 };
                let report = cmpp::Report {
                    msg_id: cmpp::MsgId(u64::from_str_radix(&taken.id, 16).ok()?),
                    stat: Octets::new(stat).ok()?,
                    detail: Some(detail),
                    odd: Vec::new(),
                };
                let mut body = Vec::new();
                report.write(&mut body);
                Some(self.delivery(phone, &taken.source, None, Some(body)))
            }
            Protocol::Smgp => {
                let report = smgp::Report {
                    id: smgp::MsgId::from_hex(taken.id.as_bytes())?,
                    id_form: smgp::IdForm::Raw,
                    sub: Octets::new("001").ok()?,
                    dlvrd: Octets::new("001").ok()?,
                    submit_date: time,
                    done_date: time,
                    stat: Octets::new(stat).ok()?,
                    err: Octets::new("000").ok()?,
                    text: Octets::EMPTY,
                };
                let mut body = Vec::new();
                report.write(&mut body);
                Some(self.delivery(phone, &taken.source, None, Some(body)))
            }
            Protocol::Sgip => {
                let number = self.sgip_number();
                let part = |at: usize| u32::from_str_radix(taken.id.get(at..at + 8)?, 16).ok();
                let error: u8 = if stat == "DELIVRD" { 0 } else { stat.parse().ok()? };
                let report = sgip::Report {
                    submit_sequence: sgip::Number { node: part(0)?, time: part(8)?, counter: part(16)? },
                    report_type: 0,
                    user_number: sgip::user_number(phone),
                    state: if error == 0 { 0 } else { 2 },
                    error_code: error,
                    reserve: Octets::EMPTY,
                };
                Some((number.to_string(), encode_sgip(number, sgip::Body::Report(report))))
            }
        }
    }

    /// A PDU that asks whether the SP is there, and one that no SP knows.
    fn chatter(&self) -> Vec<u8> {
        let sequence = Sequence(self.serial() as u32);
        match self.settings.protocol {
            Protocol::Cmpp(_) => {
                let mut both = encode_cmpp(sequence, cmpp::Body::ActiveTest);
                both.extend(encode_cmpp(sequence, cmpp::Body::Unknown { command: 0x7f, body: vec![1, 2, 3] }));
                both
            }
            Protocol::Smgp => {
                let mut both = encode_smgp(sequence, smgp::Body::ActiveTest);
                both.extend(encode_smgp(sequence, smgp::Body::Unknown { command: 0x7f, body: vec![1, 2, 3] }));
                both
            }
            // By the papers an unknown command ends the link; a stray answer is dropped.
            Protocol::Sgip => {
                let answer = sgip::Answer { result: 0, reserve: Octets::EMPTY };
                encode_sgip(self.sgip_number(), sgip::Body::ReportResp(answer))
            }
        }
    }

    fn goodbye(&self) -> Vec<u8> {
        let sequence = Sequence(self.serial() as u32);
        match self.settings.protocol {
            Protocol::Cmpp(_) => encode_cmpp(sequence, cmpp::Body::Terminate),
            Protocol::Smgp => encode_smgp(sequence, smgp::Body::Exit),
            Protocol::Sgip => encode_sgip(self.sgip_number(), sgip::Body::Unbind),
        }
    }

    /// The codes for too fast, and for a wrong number.
    const fn codes(&self) -> (u32, u32) {
        match self.settings.protocol {
            Protocol::Cmpp(_) => (8, 13),
            Protocol::Sgip => (33, 6),
            Protocol::Smgp => (1, 47),
        }
    }

    /// Whether the speed is above what was agreed.
    fn too_fast(&self, world: &mut World, receivers: usize) -> bool {
        if self.settings.per_second == 0 {
            return false;
        }
        let now = tokio::time::Instant::now();
        if world.window_start.is_none_or(|start| now - start >= Duration::from_secs(1)) {
            world.window_start = Some(now);
            world.in_window = 0;
        }
        world.in_window += receivers as u32;
        world.in_window > self.settings.per_second
    }
}

fn smgp_id(serial: u64) -> smgp::MsgId {
    let mut bytes = [0x01, 0x00, 0x61, 0x11, 0x24, 0x12, 0x00, 0, 0, 0];
    let (mut high, mut rest) = (serial / 1_000_000, serial % 1_000_000);
    for byte in bytes[7..].iter_mut().rev() {
        *byte = (((rest / 10 % 10) << 4) | (rest % 10)) as u8;
        rest /= 100;
    }
    // Beyond a million the minutes count on.
    for byte in bytes[3..7].iter_mut().rev() {
        let now = u64::from(*byte >> 4) * 10 + u64::from(*byte & 15) + high % 100;
        *byte = (((now / 10 % 10) << 4) | (now % 10)) as u8;
        high /= 100;
    }
    smgp::MsgId(bytes)
}

/// `YYMMDDhhmm` of Beijing.
fn minute(at: Timestamp) -> String {
    let at = at.civil();
    format!("{:02}{:02}{:02}{:02}{:02}", at.year() % 100, at.month(), at.day(), at.hour(), at.minute())
}

struct Talk {
    shared: Arc<Shared>,
    version: cmpp::Version,
    logged_in: bool,
    open: Vec<Open>,
    /// An answer that waits for the next one.
    behind: Option<(Numbered, Vec<u8>)>,
    later: mpsc::UnboundedSender<Out>,
}

/// A submit in the window: until its answer has been written, or T is over.
struct Open {
    numbered: Numbered,
    came: tokio::time::Instant,
    answered: bool,
}

async fn connection(mut stream: TcpStream, shared: Arc<Shared>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let version = match shared.settings.protocol {
        Protocol::Cmpp(version) => version,
        Protocol::Sgip | Protocol::Smgp => cmpp::Version::V30,
    };
    let (later, mut outs) = mpsc::unbounded_channel();
    let mut talk = Talk { version, logged_in: false, open: Vec::new(), behind: None, later, shared };
    let mut framer = Framer::new(talk.shared.settings.protocol);
    let mut buffer = vec![0; 64 << 10];
    let mut out = Vec::with_capacity(64 << 10);
    loop {
        tokio::select! {
            told = outs.recv() => match told {
                Some(Out::Bytes(bytes)) => out.extend_from_slice(&bytes),
                Some(Out::Answer(numbered, bytes)) => talk.answer(numbered, &bytes, &mut out),
                Some(Out::Later(by, numbered, bytes)) => {
                    let later = talk.later.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(by).await;
                        drop(later.send(Out::Answer(numbered, bytes)));
                    });
                }
                Some(Out::Slowly(numbered, bytes)) => {
                    talk.answer(numbered, &[], &mut out);
                    for byte in bytes {
                        if stream.write_all(&[byte]).await.is_err() {
                            return;
                        }
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                }
                Some(Out::Close) | None => {
                    drop(stream.shutdown().await);
                    return;
                }
                Some(Out::Reset) => {
                    reset(stream);
                    return;
                }
            },
            read = stream.read(&mut buffer) => {
                let Ok(n) = read else { return };
                let mut input = &buffer[..n];
                if input.is_empty() {
                    return;
                }
                loop {
                    match framer.next(&mut input) {
                        Ok(Some(pdu)) => match talk.take(pdu, &mut out) {
                            Next::On => {}
                            Next::Close => {
                                drop(stream.write_all(&out).await);
                                drop(stream.shutdown().await);
                                return;
                            }
                            Next::Reset => {
                                reset(stream);
                                return;
                            }
                        },
                        Ok(None) => break,
                        Err(_) => return,
                    }
                }
            }
        }
        if !out.is_empty() {
            if stream.write_all(&out).await.is_err() {
                return;
            }
            out.clear();
        }
        talk.open.retain(|open| !open.answered);
    }
}

/// Closes so that the other side sees a reset.
fn reset(stream: TcpStream) {
    #[allow(deprecated, reason = "a linger of zero is the point; it does not block")]
    drop(stream.set_linger(Some(Duration::ZERO)));
    drop(stream);
}

enum Next {
    Close,
    On,
    Reset,
}

impl Talk {
    fn take(&mut self, pdu: &[u8], out: &mut Vec<u8>) -> Next {
        let shared = Arc::clone(&self.shared);
        match shared.read(pdu, &mut self.version) {
            Came::Login { answer, good } => {
                out.extend_from_slice(&answer);
                let mut world = lock(&shared.world);
                self.logged_in = good;
                if good {
                    world.counts.logins += 1;
                    world.links.retain(|l| !l.is_closed());
                    world.links.push(self.later.clone());
                    return Next::On;
                }
                world.counts.refused += 1;
                Next::Close
            }
            Came::Heartbeat(answer) => {
                lock(&shared.world).counts.heartbeats += 1;
                out.extend_from_slice(&answer);
                Next::On
            }
            Came::Ended(answer) => {
                out.extend_from_slice(&answer);
                Next::Close
            }
            Came::Stored(name) => {
                lock(&shared.world).acknowledged(&name);
                Next::On
            }
            Came::Submit(submitted, numbered) if self.logged_in => self.submit(&submitted, numbered, out),
            Came::Nothing => Next::On,
            Came::Submit(..) | Came::Unreadable => Next::Close,
        }
    }

    /// Queues the answer to a submit, which has left the window once that is written.
    fn answer(&mut self, numbered: Numbered, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
        if let Some(open) = self.open.iter_mut().find(|open| open.numbered == numbered) {
            open.answered = true;
        }
    }

    fn submit(&mut self, submitted: &Submitted, numbered: Numbered, out: &mut Vec<u8>) -> Next {
        let shared = Arc::clone(&self.shared);
        let (too_fast, wrong_number) = shared.codes();
        let serial = shared.serials(submitted.phones.len());
        let (came, within) = (tokio::time::Instant::now(), shared.settings.answer_within);
        self.open.retain(|open| came - open.came < within);
        self.open.push(Open { numbered, came, answered: false });
        let (open, above) = (self.open.len(), self.open.len() > shared.settings.window);
        let fault = {
            let mut world = lock(&shared.world);
            world.counts.submits += 1;
            world.counts.most_open = world.counts.most_open.max(open);
            world.counts.over_window += u64::from(above);
            let mut fault = world.faults.pop_front().flatten();
            if above && shared.settings.refuses_above_window {
                fault = Some(Fault::TooFast);
            }
            if fault.is_none() && shared.too_fast(&mut world, submitted.phones.len()) {
                fault = Some(Fault::TooFast);
            }
            world.played.extend(fault);
            if fault.is_none_or(Fault::takes) {
                world.counts.taken += submitted.phones.len() as u64;
                if shared.settings.record || shared.settings.reports {
                    self.record(&mut world, submitted, numbered, serial, out);
                }
            }
            fault
        };
        let code = match fault {
            Some(Fault::TooFast) => too_fast,
            Some(Fault::RefusesNumber) => wrong_number,
            Some(Fault::UnlistedCode) => 77,
            _ => 0,
        };
        let id = match fault {
            Some(Fault::NoId) => None,
            Some(Fault::WrongId) => Some(1),
            _ => Some(serial),
        };
        let answer = shared.answer(numbered, code, id, self.version);
        let behind = self.behind.take();
        let next = self.play(fault, answer, numbered, out);
        if let Some((numbered, behind)) = behind {
            self.answer(numbered, &behind, out);
        }
        next
    }

    fn record(&self, world: &mut World, submitted: &Submitted, numbered: Numbered, serial: u64, out: &mut Vec<u8>) {
        let shared = &self.shared;
        let (place, body) = header(&submitted.content, submitted.flagged);
        let reference = place.map_or(0, |p| match p.reference() {
            crate::carrier::coding::Reference::Byte(b) => b.into(),
            crate::carrier::coding::Reference::Word(w) => w,
        });
        let valid = ValidTime::read(&submitted.valid).ok().map(|v| v.moment(shared.clock.now()));
        for (n, phone) in submitted.phones.iter().enumerate() {
            let taken = Taken {
                phone: *phone,
                segment: place.map_or((1, 1), |p| (p.number(), p.total())),
                reference,
                text: submitted.coding.decode(body),
                source: submitted.source.clone(),
                valid,
                id: shared.id(numbered, serial, n),
            };
            if shared.settings.reports
                && let Some((name, bytes)) = shared.report(&taken, "DELIVRD")
            {
                world.told.insert(name, bytes.clone());
                match &*shared.pusher() {
                    Some((pusher, _)) => drop(pusher.send(Out::Bytes(bytes))),
                    None if shared.settings.first_report => out.extend_from_slice(&bytes),
                    None => drop(self.later.send(Out::Bytes(bytes))),
                }
            }
            if shared.settings.record {
                world.taken.push(taken);
            }
        }
    }

    fn play(&mut self, fault: Option<Fault>, answer: Vec<u8>, numbered: Numbered, out: &mut Vec<u8>) -> Next {
        let shared = Arc::clone(&self.shared);
        let (late, delay) = (shared.settings.late, shared.settings.delay);
        let later = |by| drop(self.later.send(Out::Later(by, numbered, answer.clone())));
        match fault {
            Some(Fault::Delayed) => later(shared.up_to(late / 8)),
            None | Some(Fault::NoId | Fault::RefusesNumber | Fault::TooFast | Fault::UnlistedCode | Fault::WrongId) => {
                if delay.is_zero() {
                    self.answer(numbered, &answer, out);
                } else {
                    later(shared.up_to(delay));
                }
            }
            Some(Fault::Closes | Fault::ClosesFirst) => return Next::Close,
            Some(Fault::CutsAnswer) => {
                let random = 1 + usize::from(shared.chance()) % (answer.len() - 1);
                out.extend_from_slice(&answer[..shared.settings.cut_at.unwrap_or(random).min(answer.len())]);
                return Next::Close;
            }
            Some(Fault::Huge) => out.extend_from_slice(&10_000_000u32.to_be_bytes()),
            Some(Fault::Late) => later(late),
            Some(Fault::Noise) => out.extend_from_slice(&[0xff; 32]),
            Some(Fault::Reordered) => self.behind = Some((numbered, answer)),
            Some(Fault::Resets) => return Next::Reset,
            Some(Fault::Silent) => {}
            Some(Fault::Slow) => drop(self.later.send(Out::Slowly(numbered, answer))),
            Some(Fault::Terminates) => {
                out.extend_from_slice(&shared.goodbye());
                drop(self.later.send(Out::Close));
            }
            Some(Fault::Twice) => {
                self.answer(numbered, &answer, out);
                out.extend_from_slice(&answer);
            }
            Some(Fault::WrongNumber) => {
                let other = match numbered {
                    Numbered::Plain(Sequence(n)) => Numbered::Plain(Sequence(n ^ 0x4000_0000)),
                    Numbered::Sgip(n) => Numbered::Sgip(sgip::Number { counter: n.counter ^ 0x4000_0000, ..n }),
                };
                out.extend_from_slice(&shared.answer(other, 0, Some(shared.serial()), self.version));
            }
            Some(Fault::Chatter) => {
                out.extend_from_slice(&shared.chatter());
                self.answer(numbered, &answer, out);
                out.extend_from_slice(&shared.chatter());
            }
            Some(Fault::WrongLength) => {
                let length = answer.len() as u32 + 4;
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(&answer[4..]);
            }
        }
        Next::On
    }
}

/// SGIP: connects to the SP's listener, logs in, and tells what is to be told.
async fn push(shared: Arc<Shared>, to: SocketAddr, mut queue: mpsc::UnboundedReceiver<Out>) {
    let mut waiting: Option<Vec<u8>> = None;
    loop {
        let first = match waiting.take() {
            Some(bytes) => bytes,
            None => match queue.recv().await {
                Some(Out::Bytes(bytes)) => bytes,
                Some(_) => continue,
                None => return,
            },
        };
        if conversation(&shared, to, first.clone(), &mut queue).await.is_err() {
            waiting = Some(first);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn conversation(
    shared: &Shared,
    to: SocketAddr,
    first: Vec<u8>,
    queue: &mut mpsc::UnboundedReceiver<Out>,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    let refused = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let bind = sgip::Bind {
        login_type: 2,
        login_name: Octets::new(NAME).map_err(|_| refused())?,
        login_password: sgip::Password::new(&shared.settings.secret).map_err(|_| refused())?,
        reserve: Octets::EMPTY,
    };
    stream.write_all(&encode_sgip(shared.sgip_number(), sgip::Body::Bind(bind))).await?;
    let mut framer = Framer::new(Protocol::Sgip);
    let mut buffer = vec![0; 16 << 10];
    let (mut bound, mut first) = (false, Some(first));
    loop {
        tokio::select! {
            told = queue.recv(), if bound => match told {
                Some(Out::Bytes(bytes)) => stream.write_all(&bytes).await?,
                Some(_) => {}
                None => return Ok(()),
            },
            read = stream.read(&mut buffer) => {
                let n = read?;
                let mut input = &buffer[..n];
                if input.is_empty() {
                    return if bound { Ok(()) } else { Err(refused()) };
                }
                while let Ok(Some(pdu)) = framer.next(&mut input) {
                    match sgip::Pdu::decode(pdu) {
                        Ok(sgip::Pdu { body: sgip::Body::BindResp(answer), .. }) if answer.result == 0 => {
                            bound = true;
                            if let Some(first) = first.take() {
                                stream.write_all(&first).await?;
                            }
                        }
                        Ok(sgip::Pdu { body: sgip::Body::BindResp(_), .. }) => return Err(refused()),
                        Ok(sgip::Pdu { sequence, .. }) => {
                            lock(&shared.world).acknowledged(&sequence.to_string());
                        }
                        Err(_) => return Err(refused()),
                    }
                }
            }
        }
    }
}
