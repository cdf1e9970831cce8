//! One connection on a clock that stands until it is moved.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

use super::coding::{Coding, Reference};
use super::dialect::{Letter, Number, number_of, sgip_number};
use super::frame::Framer;
use super::job::{Job, Queued};
use super::link::{Dial, Link, LinkSettings, Meaning, Status};
use super::login::Authenticator;
use super::pdu::{Octets, Sequence};
use super::places::{Kept, Place, Places};
use super::session::Stream;
use super::split::split;
use super::{CarrierAccount, Protocol, cmpp, sgip, smgp};
use crate::clock::{Clock, Timestamp};
use crate::phone::Phone;
use crate::provider::{Blame, Consequence, Outcome, Provider, Verdict};
use crate::secret::Secret;
use crate::testing::ManualClock;

/// Pipes instead of TCP: the gateway's ends come out of a queue.
struct Pipes {
    to: mpsc::UnboundedSender<DuplexStream>,
    room: usize,
}

#[async_trait::async_trait]
impl Dial for Pipes {
    async fn dial(&self, _: &LinkSettings) -> std::io::Result<Box<dyn Stream>> {
        let (ours, theirs) = duplex(self.room);
        self.to.send(theirs).map_err(|_| std::io::Error::from(std::io::ErrorKind::ConnectionRefused))?;
        Ok(Box::new(ours))
    }
}

/// What a PDU says, in any of the protocols.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Word {
    End,
    EndAgreed,
    Here,
    Login,
    Submit,
    Test,
    /// A command that nobody knows.
    Unknown,
}

/// The gateway's end of one connection.
struct Gateway {
    stream: DuplexStream,
    protocol: Protocol,
    framer: Framer,
    came: VecDeque<(Number, Word)>,
}

impl Gateway {
    fn new(stream: DuplexStream, protocol: Protocol) -> Self {
        Self { stream, protocol, framer: Framer::new(protocol), came: VecDeque::new() }
    }

    fn hear(protocol: Protocol, pdu: &[u8]) -> (Number, Word) {
        let unheard = |body: &dyn std::fmt::Debug| panic!("an SP says {body:?}");
        match protocol {
            Protocol::Cmpp(version) => {
                let cmpp::Pdu { sequence, body } = cmpp::Pdu::decode(pdu, version).unwrap();
                let word = match body {
                    cmpp::Body::ActiveTest => Word::Test,
                    cmpp::Body::ActiveTestResp { reserved: 0 } => Word::Here,
                    cmpp::Body::Connect(_) => Word::Login,
                    cmpp::Body::Submit(_) => Word::Submit,
                    cmpp::Body::Terminate => Word::End,
                    body => unheard(&body),
                };
                (sequence.0.into(), word)
            }
            Protocol::Sgip => {
                let sgip::Pdu { sequence, body } = sgip::Pdu::decode(pdu).unwrap();
                let word = match body {
                    sgip::Body::Bind(_) => Word::Login,
                    sgip::Body::Submit(_) => Word::Submit,
                    sgip::Body::Unbind => Word::End,
                    body => unheard(&body),
                };
                (number_of(sequence), word)
            }
            Protocol::Smgp => {
                let smgp::Pdu { sequence, body } = smgp::Pdu::decode(pdu).unwrap();
                let word = match body {
                    smgp::Body::ActiveTest => Word::Test,
                    smgp::Body::ActiveTestResp => Word::Here,
                    smgp::Body::Exit => Word::End,
                    smgp::Body::Login(_) => Word::Login,
                    smgp::Body::Submit(_) => Word::Submit,
                    body => unheard(&body),
                };
                (sequence.0.into(), word)
            }
        }
    }

    /// What has come by now.
    async fn read(&mut self) {
        settle().await;
        let mut buffer = [0; 4096];
        loop {
            let read = std::pin::pin!(self.stream.read(&mut buffer));
            let Some(Ok(n)) = futures_util::FutureExt::now_or_never(read) else { break };
            if n == 0 {
                break;
            }
            let mut input = &buffer[..n];
            while let Some(pdu) = self.framer.next(&mut input).unwrap() {
                self.came.push_back(Self::hear(self.protocol, pdu));
            }
            settle().await;
        }
    }

    async fn next(&mut self) -> Option<(Number, Word)> {
        if self.came.is_empty() {
            self.read().await;
        }
        self.came.pop_front()
    }

    async fn next_word(&mut self) -> Option<Word> {
        self.next().await.map(|(_, word)| word)
    }

    async fn write(&mut self, cmpp: cmpp::Body, sgip: sgip::Body, smgp: smgp::Body, number: Number) {
        let (mut out, sequence) = (Vec::new(), Sequence(number as u32));
        match self.protocol {
            Protocol::Cmpp(_) => cmpp::Pdu { sequence, body: cmpp }.encode(&mut out),
            Protocol::Sgip => sgip::Pdu { sequence: sgip_number(number), body: sgip }.encode(&mut out),
            Protocol::Smgp => smgp::Pdu { sequence, body: smgp }.encode(&mut out),
        }
        self.stream.write_all(&out).await.unwrap();
        settle().await;
    }

    async fn say(&mut self, number: Number, word: Word) {
        let unknown = || (0x99, Vec::new());
        let of_cmpp = |(command, body)| cmpp::Body::Unknown { command, body };
        let of_sgip = |(command, body)| sgip::Body::Unknown { command, body };
        let of_smgp = |(command, body)| smgp::Body::Unknown { command, body };
        let (cmpp, sgip, smgp) = match word {
            Word::End => (cmpp::Body::Terminate, sgip::Body::Unbind, smgp::Body::Exit),
            Word::EndAgreed => (cmpp::Body::TerminateResp, sgip::Body::UnbindResp, smgp::Body::ExitResp),
            Word::Here => (cmpp::Body::ActiveTestResp { reserved: 0 }, of_sgip(unknown()), smgp::Body::ActiveTestResp),
            Word::Test => (cmpp::Body::ActiveTest, of_sgip(unknown()), smgp::Body::ActiveTest),
            Word::Unknown => (of_cmpp(unknown()), of_sgip(unknown()), of_smgp(unknown())),
            Word::Login | Word::Submit => panic!("an SP is not told {word:?}"),
        };
        self.write(cmpp, sgip, smgp, number).await;
    }

    fn version(&self) -> cmpp::Version {
        if let Protocol::Cmpp(version) = self.protocol { version } else { cmpp::Version::V30 }
    }

    async fn log_in(&mut self, status: u8) {
        let Some((number, Word::Login)) = self.next().await else { panic!("no login") };
        let authenticator_ismg = Authenticator::EMPTY;
        let version = self.version();
        let cmpp = cmpp::ConnectResp {
            status: cmpp::ResultCode::new(version, status),
            authenticator_ismg,
            version: version.byte(),
        };
        let smgp =
            smgp::LoginResp { status: status.into(), authenticator_server: Authenticator::EMPTY, server_version: 0x30 };
        let sgip = sgip::Answer { result: status, reserve: Octets::EMPTY };
        let (cmpp, sgip) = (cmpp::Body::ConnectResp(cmpp), sgip::Body::BindResp(sgip));
        self.write(cmpp, sgip, smgp::Body::LoginResp(smgp), number).await;
    }

    async fn answer(&mut self, number: Number, result: u8) {
        let msg_id = cmpp::MsgId(0x7424_1080_0000_0000 | u64::from(number as u32));
        let cmpp = cmpp::Answer { msg_id, result: cmpp::ResultCode::new(self.version(), result) };
        let mut id = [1; 10];
        id[6..].copy_from_slice(&(number as u32).to_be_bytes());
        let smgp = smgp::Answer { msg_id: smgp::MsgId(id), status: result.into() };
        let sgip = sgip::Answer { result, reserve: Octets::EMPTY };
        let (cmpp, sgip) = (cmpp::Body::SubmitResp(cmpp), sgip::Body::SubmitResp(sgip));
        self.write(cmpp, sgip, smgp::Body::SubmitResp(smgp), number).await;
    }

    /// The submits that have come by now.
    async fn submits(&mut self) -> Vec<Number> {
        self.read().await;
        let submit = |(number, word): (Number, Word)| (word == Word::Submit).then_some(number);
        self.came.drain(..).filter_map(submit).collect()
    }
}

/// Lets every task do what it can.
async fn settle() {
    for _ in 0..40 {
        tokio::task::yield_now().await;
    }
}

struct Bench {
    clock: ManualClock,
    link: Link,
    protocol: Protocol,
    pipes: mpsc::UnboundedReceiver<DuplexStream>,
}

const V20: Protocol = Protocol::Cmpp(cmpp::Version::V20);
const V30: Protocol = Protocol::Cmpp(cmpp::Version::V30);
const ALL: [Protocol; 4] = [V20, V30, Protocol::Sgip, Protocol::Smgp];

fn settings() -> LinkSettings {
    LinkSettings::new("unused:1").window(4)
}

fn account(protocol: Protocol) -> CarrierAccount {
    let secret = || Secret::new("shared01");
    match protocol {
        Protocol::Cmpp(version) => {
            cmpp::Account::new("901234", secret(), "MKT", "10690001").unwrap().version(version).into()
        }
        Protocol::Sgip => sgip_account(),
        Protocol::Smgp => smgp::Account::new("901234", secret(), "MKT", "10690001").unwrap().into(),
    }
}

pub(super) fn sgip_account() -> CarrierAccount {
    let secret = Secret::new("shared01");
    sgip::Account::new("901234", &secret, 3_010_012_345, "12345", "MKT", "10690001").unwrap().into()
}

impl Bench {
    fn new(settings: LinkSettings) -> Self {
        Self::with_room(settings, 1 << 16)
    }

    fn with_room(settings: LinkSettings, room: usize) -> Self {
        Self::of(V30, settings, room)
    }

    fn over(protocol: Protocol, settings: LinkSettings) -> Self {
        Self::of(protocol, settings, 1 << 16)
    }

    fn sgip(settings: LinkSettings) -> Self {
        Self::over(Protocol::Sgip, settings)
    }

    fn of(protocol: Protocol, settings: LinkSettings, room: usize) -> Self {
        let clock = ManualClock::new("2026-12-11T10:00:00+08:00".parse().unwrap());
        let (to, pipes) = mpsc::unbounded_channel();
        let dial = Arc::new(Pipes { to, room });
        let link = Link::open_by(account(protocol), settings, Arc::new(clock.clone()), dial).unwrap();
        Self { clock, link, protocol, pipes }
    }

    /// The next connection, if one was made by now.
    async fn try_connection(&mut self) -> Option<Gateway> {
        settle().await;
        let stream = self.pipes.try_recv().ok()?;
        Some(Gateway::new(stream, self.protocol))
    }

    async fn connection(&mut self) -> Gateway {
        self.try_connection().await.expect("a connection")
    }

    async fn up(&mut self) -> Gateway {
        let mut gateway = self.connection().await;
        gateway.log_in(0).await;
        assert_eq!(self.link.status(), [Status::Up]);
        gateway
    }

    /// Puts a message for each of so many people into the queue, and gives the connection that it leaves over.
    async fn up_with(&mut self, people: usize, text: &str, within: Duration) -> (Gateway, Arc<Job>) {
        if self.protocol == Protocol::Sgip {
            // Its links are made when there is something to send.
            let job = self.send(people, text, within).await;
            return (self.up().await, job);
        }
        let gateway = self.up().await;
        (gateway, self.send(people, text, within).await)
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        settle().await;
    }

    /// Puts a message for each of so many people into the queue.
    async fn send(&self, people: usize, text: &str, within: Duration) -> Arc<Job> {
        let job = hand_over(&self.link, people, text, self.clock.mono() + within);
        settle().await;
        job
    }

    /// Puts one message for all of so many people into the queue.
    async fn send_together(&self, people: usize, text: &str, within: Duration) -> Arc<Job> {
        let job = hand_over_by(&self.link, people, people, text, self.clock.mono() + within);
        settle().await;
        job
    }
}

/// Gives a link one message a person.
fn hand_over(link: &Link, people: usize, text: &str, deadline: Duration) -> Arc<Job> {
    hand_over_by(link, people, 1, text, deadline)
}

/// Gives a link one message for each `together` people.
fn hand_over_by(link: &Link, people: usize, together: usize, text: &str, deadline: Duration) -> Arc<Job> {
    let job = Job::new(people, deadline);
    let segments: Arc<[_]> = split(text, Coding::UCS2, Reference::Byte(7)).unwrap().into();
    let phone = |place: usize| Phone::from_u64(13_800_000_000 + place as u64).unwrap();
    let letters = (0..people).step_by(together).map(|place| Queued {
        job: Arc::clone(&job),
        places: place..place + together,
        letter: Letter {
            to: (place..place + together).map(phone).collect(),
            segments: Arc::clone(&segments),
            source: Octets::new("10690001").unwrap(),
            valid: None,
        },
    });
    link.shared().push(letters.collect::<Vec<_>>());
    job
}

const S: fn(u64) -> Duration = Duration::from_secs;

fn run<F: Future<Output = ()>>(test: F) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test);
}

fn outcomes(job: &Job) -> Vec<(Outcome, String)> {
    let known = |v: Verdict| (v.outcome, v.code);
    job.answers().0.into_iter().map(known).collect()
}

fn all(n: usize, outcome: Outcome, code: &str) -> Vec<(Outcome, String)> {
    vec![(outcome, code.to_owned()); n]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_window_is_never_exceeded_and_everyone_is_answered(
        window in 1usize..6,
        people in 1usize..40,
        protocol in proptest::sample::select(&ALL),
        draws in proptest::collection::vec(any::<u8>(), 200),
    ) {
        run(async {
            let mut bench = Bench::over(protocol, settings().window(window));
            let (mut gateway, job) = bench.up_with(people, "你好", S(5)).await;
            let (mut open, mut seen) = (Vec::new(), BTreeSet::new());
            let mut draws = draws.into_iter().cycle();
            for _ in 0..2 * people + 1 {
                for sequence in gateway.submits().await {
                    assert!(seen.insert(sequence), "a number twice");
                    open.push(sequence);
                }
                assert!(open.len() <= window);
                // As full as can be: what is not open was answered, or there is nothing more.
                assert_eq!(open.len(), window.min(people - (seen.len() - open.len())));
                if open.is_empty() {
                    break;
                }
                let which = usize::from(draws.next().unwrap()) % open.len();
                gateway.answer(open.swap_remove(which), 0).await;
            }
            assert_eq!(outcomes(&job), all(people, Outcome::Accepted, ""));
        });
    }
}

const TESTED: [Protocol; 3] = [V20, V30, Protocol::Smgp];

#[test]
fn a_heartbeat_comes_after_c_again_after_t_and_n_of_them_end_the_link() {
    for protocol in TESTED {
        run(async {
            let mut bench = Bench::over(protocol, settings());
            let mut gateway = bench.up().await;
            bench.advance(S(179)).await;
            assert!(gateway.next().await.is_none(), "{protocol:?}: not before C");
            bench.advance(S(1)).await;
            let (number, word) = gateway.next().await.expect("a heartbeat after C");
            assert_eq!(word, Word::Test);
            gateway.say(number, Word::Here).await;
            // Any byte is life: here a PDU that is skipped.
            bench.advance(S(100)).await;
            gateway.say(1, Word::Unknown).await;
            bench.advance(S(179)).await;
            assert!(gateway.next().await.is_none());
            bench.advance(S(1)).await;
            for n in 0..3 {
                assert_eq!(gateway.next_word().await, Some(Word::Test), "{protocol:?}: try {n}");
                assert_eq!(bench.link.status(), [Status::Up]);
                bench.advance(S(59)).await;
                assert!(gateway.next().await.is_none(), "{protocol:?}: not before T");
                bench.advance(S(1)).await;
            }
            assert_eq!(bench.link.status(), [Status::Down], "{protocol:?}: after N tries");
        });
    }
}

#[test]
fn a_heartbeat_of_the_gateway_is_answered_while_the_window_is_full() {
    for protocol in TESTED {
        run(async {
            let mut bench = Bench::over(protocol, settings());
            let (mut gateway, _job) = bench.up_with(9, "你好", S(5)).await;
            assert_eq!(gateway.submits().await.len(), 4);
            gateway.say(77, Word::Test).await;
            assert_eq!(gateway.next().await, Some((77, Word::Here)), "{protocol:?}");
        });
    }
}

/// Work does not hide that the gateway is gone: what it is given meanwhile would be in doubt for good.
#[test]
fn a_silent_gateway_gets_no_more_submits_and_loses_the_link() {
    for protocol in TESTED {
        run(async {
            let mut bench = Bench::over(protocol, settings());
            let (mut gateway, job) = bench.up_with(100, "你好", S(3600)).await;
            assert_eq!(gateway.submits().await.len(), 4);
            bench.advance(S(60)).await;
            assert_eq!(gateway.next_word().await, Some(Word::Test), "{protocol:?}: T is over");
            for _ in 0..2 {
                bench.advance(S(60)).await;
                assert_eq!(gateway.next_word().await, Some(Word::Test), "{protocol:?}: and nothing else");
            }
            bench.advance(S(60)).await;
            assert_eq!(bench.link.status(), [Status::Down], "{protocol:?}");
            bench.advance(S(2)).await;
            let mut gateway = bench.up().await;
            let mut sent = 0;
            loop {
                let open = gateway.submits().await;
                if open.is_empty() {
                    break;
                }
                for number in open {
                    sent += 1;
                    gateway.answer(number, 0).await;
                }
            }
            assert_eq!(sent, 96, "{protocol:?}: only those that had left are in doubt");
            let found = outcomes(&job);
            assert_eq!(found.iter().filter(|(outcome, _)| *outcome == Outcome::Unknown).count(), 4);
        });
    }
    // SGIP has no heartbeats: the silence itself ends the link.
    run(async {
        let mut bench = Bench::sgip(settings());
        let (mut gateway, _job) = bench.up_with(100, "你好", S(3600)).await;
        assert_eq!(gateway.submits().await.len(), 4);
        bench.advance(S(30)).await;
        assert_eq!(bench.link.status(), [Status::Down]);
    });
}

#[test]
fn an_answer_after_a_heartbeat_lets_submits_go_on() {
    run(async {
        let mut bench = Bench::new(settings());
        let (mut gateway, job) = bench.up_with(6, "你好", S(3600)).await;
        let first = gateway.submits().await;
        bench.advance(S(60)).await;
        let (number, word) = gateway.next().await.unwrap();
        assert_eq!(word, Word::Test);
        gateway.say(number, Word::Here).await;
        for number in gateway.submits().await {
            gateway.answer(number, 0).await;
        }
        let found = outcomes(&job);
        assert_eq!(found[..first.len()], all(4, Outcome::Unknown, "timeout"));
        assert_eq!(found[4..], all(2, Outcome::Accepted, ""));
    });
}

/// The counter of numbers comes round after four thousand million.
#[test]
fn a_number_whose_answer_is_awaited_is_not_used_again() {
    for protocol in [V20, V30, Protocol::Smgp] {
        run(async {
            let mut bench = Bench::over(protocol, settings());
            let mut gateway = bench.up().await;
            bench.link.shared().count_from(u32::MAX - 1);
            bench.send(3, "你好", S(5)).await;
            let open = gateway.submits().await;
            assert_eq!(open, [u32::MAX - 1, u32::MAX, 0].map(Number::from), "{protocol:?}");
            bench.link.shared().count_from(u32::MAX - 1);
            bench.send(1, "你好", S(5)).await;
            assert_eq!(gateway.submits().await, [1], "{protocol:?}: the three before are open");
        });
    }
}

#[test]
fn what_is_not_answered_within_t_is_in_doubt_and_leaves_the_window() {
    run(async {
        let mut bench = Bench::new(settings().window(2));
        let mut gateway = bench.up().await;
        let job = bench.send(3, "你好", S(100)).await;
        let first = gateway.submits().await;
        assert_eq!(first.len(), 2);
        bench.advance(S(59)).await;
        assert!(gateway.submits().await.is_empty(), "nothing is written again");
        // Another answer shows that it is there.
        gateway.say(1, Word::Unknown).await;
        bench.advance(S(1)).await;
        let third = gateway.submits().await;
        assert_eq!(third.len(), 1, "the window is free again");
        // Too late: what is settled stays settled.
        gateway.answer(first[0], 0).await;
        gateway.answer(third[0], 0).await;
        let found = outcomes(&job);
        assert_eq!(found[..2], all(2, Outcome::Unknown, "timeout"));
        assert_eq!(found[2].0, Outcome::Accepted);
    });
}

#[test]
fn a_connection_that_drops_with_a_full_window_loses_no_verdict_and_sends_nothing_again() {
    for protocol in ALL {
        run(async {
            let mut bench = Bench::over(protocol, settings());
            let (mut gateway, job) = bench.up_with(10, "你好", S(50)).await;
            let mut seen = gateway.submits().await;
            assert_eq!(seen.len(), 4);
            drop(gateway);
            settle().await;
            bench.advance(S(2)).await;
            let mut gateway = bench.up().await;
            let rest = gateway.submits().await;
            assert_eq!(rest.len(), 4, "{protocol:?}: those that had not left");
            seen.extend(&rest);
            for number in rest {
                gateway.answer(number, 0).await;
            }
            for number in gateway.submits().await {
                seen.push(number);
                gateway.answer(number, 0).await;
            }
            assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 10, "{protocol:?}: ten submits, ten numbers");
            let found = outcomes(&job);
            assert_eq!(found[..4], all(4, Outcome::Unknown, "connection_lost"), "{protocol:?}");
            assert_eq!(found[4..], all(6, Outcome::Accepted, ""), "{protocol:?}");
        });
    }
}

/// A gateway that answers and is gone before it has read: its answers count.
#[test]
fn answers_that_came_before_the_connection_broke_count() {
    for protocol in ALL {
        run(async {
            let mut bench = Bench::over(protocol, settings());
            let (mut gateway, job) = bench.up_with(4, "你好", S(50)).await;
            for number in gateway.submits().await {
                // Nothing is yielded to the link in between.
                futures_util::FutureExt::now_or_never(gateway.answer(number, 0));
            }
            bench.link.shared().push(Vec::new());
            drop(gateway);
            settle().await;
            assert_eq!(outcomes(&job), all(4, Outcome::Accepted, ""), "{protocol:?}");
        });
    }
}

/// The gateway ends the link: it may still answer what is open, and gets nothing new.
#[test]
fn an_end_that_the_gateway_wants_is_agreed_to_and_open_answers_are_heard() {
    for protocol in ALL {
        run(async {
            let mut bench = Bench::over(protocol, settings());
            let (mut gateway, job) = bench.up_with(6, "你好", S(50)).await;
            let open = gateway.submits().await;
            gateway.say(9, Word::End).await;
            // EndAgreed is an SP's word here.
            let mut agreed = vec![0; 64];
            settle().await;
            let n = futures_util::FutureExt::now_or_never(gateway.stream.read(&mut agreed)).unwrap().unwrap();
            assert!(n > 0, "{protocol:?}: agreed");
            for number in &open[..2] {
                gateway.answer(*number, 0).await;
            }
            drop(gateway);
            settle().await;
            bench.advance(S(2)).await;
            let mut gateway = bench.up().await;
            let rest = gateway.submits().await;
            assert_eq!(rest.len(), 2, "{protocol:?}: only those that had not left");
            for number in rest {
                gateway.answer(number, 0).await;
            }
            let found = outcomes(&job);
            assert_eq!(found[..2], all(2, Outcome::Accepted, ""), "{protocol:?}");
            assert_eq!(found[2..4], all(2, Outcome::Unknown, "connection_lost"), "{protocol:?}");
            assert_eq!(found[4..], all(2, Outcome::Accepted, ""), "{protocol:?}");
        });
    }
}

#[test]
fn no_byte_leaves_after_the_deadline() {
    run(async {
        let mut bench = Bench::new(settings().window(2));
        let mut gateway = bench.up().await;
        let job = bench.send(4, "你好", S(5)).await;
        let first = gateway.submits().await;
        bench.advance(S(5)).await;
        for sequence in first {
            gateway.answer(sequence, 0).await;
        }
        assert!(gateway.submits().await.is_empty());
        let found = outcomes(&job);
        assert_eq!(found[..2], all(2, Outcome::Accepted, ""));
        assert_eq!(found[2..], all(2, Outcome::Unsent, "deadline_passed"));
    });
}

#[test]
fn bytes_that_the_network_does_not_take_in_time_never_leave() {
    run(async {
        // A submit has 171 bytes and more: the network takes the login and no submit whole.
        let mut bench = Bench::with_room(settings(), 100);
        let mut gateway = bench.connection().await;
        gateway.log_in(0).await;
        let job = bench.send(3, "你好", S(5)).await;
        bench.advance(S(5)).await;
        assert_eq!(bench.link.status(), [Status::Down], "the connection cannot be used any more");
        let found = outcomes(&job);
        assert_eq!(found[0], (Outcome::Unknown, "connection_lost".to_owned()), "some bytes of the first left");
        assert_eq!(found[1..], all(2, Outcome::Unsent, "deadline_passed"), "no byte of the others did");
        let mut left = Vec::new();
        gateway.stream.read_to_end(&mut left).await.unwrap();
        assert_eq!(left.len(), 100);
    });
}

/// All that waits for the network leaves in one write: the earliest deadline of it is what counts.
#[test]
fn a_deadline_holds_for_bytes_that_wait_behind_later_ones() {
    run(async {
        let mut bench = Bench::with_room(settings(), 100);
        let mut gateway = bench.connection().await;
        gateway.log_in(0).await;
        let later = bench.send(1, "你好", S(50)).await;
        let sooner = bench.send(1, "你好", S(5)).await;
        bench.advance(S(5)).await;
        assert_eq!(bench.link.status(), [Status::Down]);
        assert_eq!(outcomes(&later), all(1, Outcome::Unknown, "connection_lost"));
        assert_eq!(outcomes(&sooner), all(1, Outcome::Unsent, "deadline_passed"));
        let mut left = Vec::new();
        gateway.stream.read_to_end(&mut left).await.unwrap();
        assert_eq!(left.len(), 100);
    });
}

#[test]
fn the_first_byte_is_noted_when_the_network_takes_it() {
    run(async {
        let mut bench = Bench::with_room(settings(), 64);
        let mut gateway = bench.connection().await;
        gateway.log_in(0).await;
        let [first, second] = [bench.send(1, "你好", S(50)).await, bench.send(1, "你好", S(50)).await];
        bench.advance(S(3)).await;
        gateway.read().await;
        let at = bench.clock.now();
        assert_eq!(first.answers().1.map(|t| at.since(t)), Some(S(3)));
        assert_eq!(second.answers().1, Some(at));
    });
}

/// An answer to what has not left answers something else: nothing of this connection can be believed.
#[test]
fn an_answer_to_a_submit_that_has_not_left_ends_the_connection() {
    run(async {
        let mut bench = Bench::with_room(settings(), 100);
        let mut gateway = bench.connection().await;
        gateway.log_in(0).await;
        bench.link.shared().count_from(50);
        let job = bench.send(2, "你好", S(5)).await;
        gateway.answer(51, 0).await;
        assert_eq!(bench.link.status(), [Status::Down]);
        bench.link.shared().withdraw(&job, "deadline_passed");
        let found = outcomes(&job);
        assert_eq!(found[0].0, Outcome::Unknown);
        assert_eq!(found[1], (Outcome::Unsent, "deadline_passed".to_owned()));
    });
}

/// What a connection puts back after its request was given up is told at once, also when no connection comes any more.
#[test]
fn a_request_that_was_given_up_ends_though_the_gateway_stays_away() {
    run(async {
        let mut bench = Bench::new(settings().window(1));
        let (gateway, job) = bench.up_with(3, &"测".repeat(150), S(5)).await;
        bench.clock.advance(S(5));
        bench.link.shared().withdraw(&job, "deadline_passed");
        drop((gateway, bench.pipes));
        settle().await;
        let found = outcomes(&job);
        assert_eq!(found[0].0, Outcome::Unknown);
        assert_eq!(found[1..], all(2, Outcome::Unsent, "deadline_passed"));
    });
}

#[test]
fn a_request_that_nobody_waits_for_any_more_is_not_sent() {
    run(async {
        let mut bench = Bench::new(settings());
        let mut gateway = bench.up().await;
        let job = bench.send(9, "你好", S(5)).await;
        let first = gateway.submits().await;
        job.cancel();
        for sequence in first {
            gateway.answer(sequence, 0).await;
        }
        assert!(gateway.submits().await.is_empty());
    });
}

#[test]
fn a_message_of_which_a_part_is_refused_is_not_gone_on_with() {
    run(async {
        let mut bench = Bench::new(settings().window(1));
        let mut gateway = bench.up().await;
        let job = bench.send(1, &"测".repeat(150), S(5)).await;
        let first = gateway.submits().await;
        gateway.answer(first[0], 0).await;
        let second = gateway.submits().await;
        gateway.answer(second[0], 6).await;
        assert!(gateway.submits().await.is_empty(), "the third segment stays");
        assert_eq!(outcomes(&job), all(1, Outcome::Rejected(Blame::Content), "partly_taken_1_of_3"));
    });
}

#[test]
fn a_part_that_came_too_fast_comes_after_the_others() {
    run(async {
        let mut bench = Bench::new(settings());
        let mut gateway = bench.up().await;
        let job = bench.send(1, &"测".repeat(150), S(5)).await;
        let parts = gateway.submits().await;
        assert_eq!(parts.len(), 3);
        for (sequence, result) in parts.into_iter().zip([0, 8, 0]) {
            gateway.answer(sequence, result).await;
        }
        assert!(gateway.submits().await.is_empty(), "not at once");
        bench.advance(Duration::from_millis(200)).await;
        let again = gateway.submits().await;
        assert_eq!(again.len(), 1);
        gateway.answer(again[0], 0).await;
        assert_eq!(outcomes(&job), all(1, Outcome::Accepted, ""));
    });
}

#[test]
fn a_message_that_came_too_fast_goes_back_whole() {
    run(async {
        let mut bench = Bench::new(settings());
        let mut gateway = bench.up().await;
        let job = bench.send(1, &"测".repeat(150), S(5)).await;
        for sequence in gateway.submits().await {
            gateway.answer(sequence, 8).await;
        }
        assert_eq!(outcomes(&job), all(1, Outcome::Unsent, "8"));
    });
}

#[test]
fn a_refused_login_is_not_tried_in_a_loop_and_not_given_up() {
    run(async {
        let mut bench = Bench::new(settings());
        let mut waits = Vec::new();
        bench.connection().await.log_in(3).await;
        assert_eq!(bench.link.status(), [Status::Refused(3)]);
        // Nothing is sent, and yet replies wait at the gateway.
        for _ in 0..9 {
            let from = bench.clock.now();
            let mut gateway = loop {
                match bench.try_connection().await {
                    Some(gateway) => break gateway,
                    None => bench.advance(S(1)).await,
                }
            };
            gateway.log_in(3).await;
            waits.push(bench.clock.now().since(from).as_secs());
        }
        // The wait after a refusal, and up to a minute that other connections that fail wait as well.
        for (n, waited) in waits.iter().enumerate() {
            let most = (60_u64 << n.min(6)).min(3600);
            assert!((most..=most + 61).contains(waited), "{waits:?}");
        }
        // There is something to send, and a person may have mended it.
        bench.advance(S(60)).await;
        bench.send(1, "你好", S(500)).await;
        bench.advance(S(60)).await;
        bench.up().await;
    });
}

#[test]
fn a_gateway_that_is_away_is_tried_less_and_less_often() {
    run(async {
        let mut bench = Bench::new(settings());
        let mut waits = Vec::new();
        let mut last = bench.clock.now();
        while waits.len() < 9 {
            if let Some(gone) = bench.try_connection().await {
                drop(gone);
                let now: Timestamp = bench.clock.now();
                waits.push(now.since(last).as_secs_f64());
                last = now;
            }
            bench.advance(Duration::from_millis(100)).await;
        }
        for (n, wait) in waits.iter().enumerate().skip(1) {
            let most = (1u64 << (n - 1)).min(60) as f64;
            assert!((most / 2.0 - 0.2..=most + 0.2).contains(wait), "try {n} after {wait} s: {waits:?}");
        }
    });
}

#[test]
fn closing_waits_for_the_open_answers_and_says_goodbye() {
    run(async {
        let mut bench = Bench::new(settings());
        let mut gateway = bench.up().await;
        let job = bench.send(6, "你好", S(50)).await;
        let first = gateway.submits().await;
        let closing = tokio::spawn(bench.link.close());
        settle().await;
        for sequence in first {
            assert!(gateway.next().await.is_none(), "neither a submit nor the end before the answers");
            gateway.answer(sequence, 0).await;
        }
        let (number, end) = gateway.next().await.unwrap();
        assert_eq!(end, Word::End);
        gateway.say(number, Word::EndAgreed).await;
        closing.await.unwrap();
        let found = outcomes(&job);
        assert_eq!(found[..4], all(4, Outcome::Accepted, ""));
        assert_eq!(found[4..], all(2, Outcome::Unsent, "link_closed"));
    });
}

#[test]
fn a_part_that_came_too_fast_is_sent_before_a_close() {
    run(async {
        let mut bench = Bench::new(settings());
        let mut gateway = bench.up().await;
        let job = bench.send(1, &"测".repeat(150), S(50)).await;
        let parts = gateway.submits().await;
        let clock = bench.clock.clone();
        let closing = tokio::spawn(bench.link.close());
        settle().await;
        for (sequence, result) in parts.into_iter().zip([0, 8, 0]) {
            gateway.answer(sequence, result).await;
        }
        assert!(gateway.next().await.is_none(), "neither the part nor the end at once");
        clock.advance(Duration::from_millis(200));
        let again = gateway.submits().await;
        assert_eq!(again.len(), 1, "with no other event to wake it");
        gateway.answer(again[0], 0).await;
        let (number, end) = gateway.next().await.unwrap();
        assert_eq!(end, Word::End);
        gateway.say(number, Word::EndAgreed).await;
        closing.await.unwrap();
        assert_eq!(outcomes(&job), all(1, Outcome::Accepted, ""));
    });
}

#[tokio::test]
async fn a_code_is_told_in_words_as_this_link_reads_it() {
    let link = Bench::new(settings().code_means(5, Meaning::Stopped)).link;
    let said = |code: &str| Provider::explain(&link, code).map(|why| why.zh.into_owned()).unwrap_or_default();
    assert!(said("5").contains("黑名单"), "the gateway's own list goes first: {}", said("5"));
    assert!(said("8").contains("频率"), "{}", said("8"));
    assert!(said("login_3").contains("密钥"));
    assert_eq!(said("4711"), "");
}

/// Nothing but 0 is an acceptance, and what goes back rests or waits for a person.
#[test]
fn each_code_has_one_row_and_says_what_to_do() {
    for protocol in [Protocol::Cmpp(cmpp::Version::V30), Protocol::Sgip, Protocol::Smgp] {
        let mut seen = BTreeSet::new();
        for row in super::link::codes(protocol) {
            let number: u32 = row.code.parse().unwrap();
            assert_eq!(number.to_string(), row.code, "{protocol:?}: as the engine spells it");
            assert!(seen.insert(number), "{protocol:?} has {number} twice");
            assert_eq!(row.outcome == Outcome::Accepted, number == 0, "{protocol:?} {number}");
            assert!(row.remedy.ends_with('.'), "{protocol:?} {number}");
            let rests = matches!(row.consequence, Consequence::Rest(_));
            match row.outcome {
                Outcome::Unsent => assert!(rests, "{protocol:?} {number} would be tried again at once"),
                Outcome::Rejected(Blame::Account) => {
                    assert!(rests || row.consequence == Consequence::Hold, "{protocol:?} {number}");
                }
                Outcome::Accepted | Outcome::Unknown | Outcome::Rejected(_) => {
                    assert!(!rests, "{protocol:?} {number}");
                }
            }
        }
    }
}

#[test]
fn an_sgip_link_that_is_idle_is_ended_and_opened_again() {
    run(async {
        let mut bench = Bench::sgip(settings());
        for _ in 0..2 {
            settle().await;
            assert!(bench.pipes.try_recv().is_err(), "not while there is nothing to send");
            let job = bench.send(1, "你好", S(5)).await;
            let mut stream = bench.pipes.try_recv().unwrap();
            assert!(matches!(sgip_next(&mut stream).await, sgip::Body::Bind(_)));
            assert!(matches!(sgip_next(&mut stream).await, sgip::Body::Submit(_)));
            settle().await;
            assert_eq!(outcomes(&job), all(1, Outcome::Accepted, ""));
            bench.advance(S(29)).await;
            assert_eq!(bench.link.status(), [Status::Up]);
            bench.advance(S(1)).await;
            assert!(matches!(sgip_next(&mut stream).await, sgip::Body::Unbind));
            settle().await;
            assert_eq!(bench.link.status(), [Status::Idle]);
        }
    });
}

/// SGIP's messages are named by the submit's own number: a report can be joined though the answer was lost.
#[test]
fn a_doubt_over_sgip_has_the_id_that_a_report_will_name() {
    run(async {
        let mut bench = Bench::sgip(settings());
        let (short, long) = ("你好".to_owned(), "测".repeat(100));
        for (text, segments) in [(short, 1), (long, 2)] {
            let job = bench.send(1, &text, S(5)).await;
            let mut stream = bench.pipes.try_recv().unwrap();
            assert!(matches!(sgip_next(&mut stream).await, sgip::Body::Bind(_)));
            let mut numbers = Vec::new();
            for _ in 0..segments {
                numbers.push(sgip_pdu(&mut stream).await.unwrap().sequence.to_string());
            }
            drop(stream);
            settle().await;
            let verdict = job.answers().0.remove(0);
            assert_eq!((verdict.outcome, verdict.code.as_str()), (Outcome::Unknown, "connection_lost"));
            assert_eq!(verdict.id.into_iter().chain(verdict.later_segments).collect::<Vec<_>>(), numbers);
            bench.advance(S(5)).await;
        }
    });
}

/// The next PDU of SGIP; `None` when the connection has ended.
pub(super) async fn sgip_pdu(stream: &mut (impl AsyncRead + Unpin)) -> Option<sgip::Pdu> {
    let mut pdu = vec![0; 4];
    stream.read_exact(&mut pdu).await.ok()?;
    pdu.resize(u32::from_be_bytes(pdu[..4].try_into().unwrap()) as usize, 0);
    stream.read_exact(&mut pdu[4..]).await.ok()?;
    Some(sgip::Pdu::decode(&pdu).unwrap())
}

/// What the SP said next, answered well.
async fn sgip_next(stream: &mut DuplexStream) -> sgip::Body {
    settle().await;
    let sgip::Pdu { sequence, body } = sgip_pdu(stream).await.unwrap();
    let well = sgip::Answer { result: 0, reserve: Octets::EMPTY };
    let answer = match &body {
        sgip::Body::Bind(_) => sgip::Body::BindResp(well),
        sgip::Body::Submit(_) => sgip::Body::SubmitResp(well),
        _ => sgip::Body::UnbindResp,
    };
    let mut out = Vec::new();
    sgip::Pdu { sequence, body: answer }.encode(&mut out);
    stream.write_all(&out).await.unwrap();
    settle().await;
    body
}

/// The operator's cap, and what keeping a place answers.
#[derive(Clone, Debug)]
struct Cap {
    free: Arc<AtomicUsize>,
    says: Arc<Mutex<Option<Kept>>>,
}

impl Cap {
    fn of(n: usize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(n)), says: Arc::new(Mutex::new(Some(Kept::Held))) }
    }
}

#[async_trait::async_trait]
impl Places for Cap {
    async fn take(&self) -> Option<Box<dyn Place>> {
        self.free.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).ok()?;
        Some(Box::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl Place for Cap {
    async fn keep(&self) -> Kept {
        let says = *self.says.lock().unwrap();
        match says {
            Some(kept) => kept,
            None => std::future::pending().await,
        }
    }

    async fn leave(self: Box<Self>) {
        self.free.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_connection_without_a_place_waits_until_one_is_free() {
    run(async {
        let cap = Cap::of(1);
        let mut bench = Bench::new(settings().connections(2).places(Arc::new(cap.clone())));
        let mut gateway = bench.connection().await;
        gateway.log_in(0).await;
        assert!(bench.try_connection().await.is_none());
        let mut found = bench.link.status();
        found.sort_by_key(|s| *s == Status::Waiting);
        assert_eq!(found, [Status::Up, Status::Waiting]);
        // The work of both goes over the one.
        let job = bench.send(3, "你好", S(5)).await;
        for sequence in gateway.submits().await {
            gateway.answer(sequence, 0).await;
        }
        assert_eq!(outcomes(&job), all(3, Outcome::Accepted, ""));
        cap.free.fetch_add(1, SeqCst);
        bench.advance(S(6)).await;
        let mut second = bench.connection().await;
        second.log_in(0).await;
        assert_eq!(bench.link.status(), [Status::Up; 2]);
        assert_eq!(cap.free.load(SeqCst), 0);
        let closing = tokio::spawn(bench.link.close());
        settle().await;
        for gateway in [&mut gateway, &mut second] {
            gateway.say(0, Word::EndAgreed).await;
        }
        closing.await.unwrap();
        assert_eq!(cap.free.load(SeqCst), 2, "places are given back");
    });
}

/// A connection that takes twenty seconds to be made.
struct Slow(Pipes, ManualClock);

#[async_trait::async_trait]
impl Dial for Slow {
    async fn dial(&self, settings: &LinkSettings) -> std::io::Result<Box<dyn Stream>> {
        self.1.sleep(S(20)).await;
        self.0.dial(settings).await
    }
}

#[test]
fn a_place_is_kept_while_a_connection_is_made_and_without_it_nobody_logs_in() {
    for says in [Kept::Held, Kept::Lost] {
        run(async {
            let cap = Cap::of(1);
            *cap.says.lock().unwrap() = Some(says);
            let clock = ManualClock::new("2026-12-11T10:00:00+08:00".parse().unwrap());
            let (to, pipes) = mpsc::unbounded_channel();
            let dial = Arc::new(Slow(Pipes { to, room: 1 << 16 }, clock.clone()));
            let settings = settings().login_within(S(60)).places(Arc::new(cap.clone()));
            let link = Link::open_by(account(V30), settings, Arc::new(clock.clone()), dial).unwrap();
            let mut bench = Bench { clock, link, protocol: V30, pipes };
            for _ in 0..20 {
                settle().await;
                bench.advance(S(1)).await;
            }
            let mut gateway = bench.connection().await;
            let connects = gateway.next_word().await == Some(Word::Login);
            assert_eq!(connects, says == Kept::Held);
            assert_eq!(cap.free.load(SeqCst), usize::from(says == Kept::Lost));
        });
    }
}

#[test]
fn an_sgip_link_without_a_place_asks_for_one_until_it_is_idle_again() {
    run(async {
        let cap = Cap::of(0);
        let mut bench = Bench::sgip(settings().places(Arc::new(cap.clone())));
        settle().await;
        assert_eq!((bench.link.status(), bench.link.is_ready()), (vec![Status::Idle], true));
        let job = bench.send(1, "你好", S(5)).await;
        assert_eq!((bench.link.status(), bench.link.is_ready()), (vec![Status::Waiting], false));
        bench.link.shared().withdraw(&job, "no_connection");
        for _ in 0..4 {
            bench.advance(S(5)).await;
            assert_eq!(bench.link.status(), [Status::Waiting], "nothing is begun while there is no place");
        }
        cap.free.fetch_add(1, SeqCst);
        bench.advance(S(5)).await;
        assert_eq!((bench.link.status(), bench.link.is_ready()), (vec![Status::Idle], true));
        assert_eq!(cap.free.load(SeqCst), 1, "a place is not kept without work");
        assert!(bench.pipes.try_recv().is_err());
    });
}

#[test]
fn a_connection_whose_place_is_lost_ends_in_order_and_in_time() {
    for says in [Some(Kept::Unknown), None] {
        run(async {
            let cap = Cap::of(1);
            let mut bench = Bench::new(settings().places(Arc::new(cap.clone())));
            let mut gateway = bench.up().await;
            for _ in 0..20 {
                bench.advance(S(4)).await;
            }
            assert_eq!(bench.link.status(), [Status::Up], "kept for 80 s");
            let job = bench.send(6, "你好", S(60)).await;
            let open = gateway.submits().await;
            *cap.says.lock().unwrap() = says;
            // It is cut 14 s after it was kept last.
            for _ in 0..13 {
                bench.advance(S(1)).await;
            }
            for sequence in open {
                gateway.answer(sequence, 0).await;
            }
            assert!(gateway.submits().await.is_empty(), "{says:?}: nothing new leaves without a place");
            assert_eq!(cap.free.load(SeqCst), 0, "{says:?}: held until the end is agreed");
            gateway.say(0, Word::EndAgreed).await;
            assert_eq!(cap.free.load(SeqCst), 1, "{says:?}");
            // The others of the request leave over the next connection.
            *cap.says.lock().unwrap() = Some(Kept::Held);
            bench.advance(S(2)).await;
            let mut gateway = bench.up().await;
            for sequence in gateway.submits().await {
                gateway.answer(sequence, 0).await;
            }
            assert_eq!(outcomes(&job), all(6, Outcome::Accepted, ""), "{says:?}");
        });
    }
}

/// The operator counts connections, not intentions: with answers open or not, the place is given up before it is over.
#[test]
fn a_connection_whose_place_is_lost_is_cut_before_another_may_have_it() {
    run(async {
        let cap = Cap::of(1);
        let mut bench = Bench::new(settings().places(Arc::new(cap.clone())));
        let mut gateway = bench.up().await;
        bench.advance(S(4)).await;
        let job = bench.send(6, "你好", S(60)).await;
        assert_eq!(gateway.submits().await.len(), 4);
        *cap.says.lock().unwrap() = Some(Kept::Unknown);
        for second in 1..=14 {
            assert_eq!(cap.free.load(SeqCst), 0, "after {second} s");
            bench.advance(S(1)).await;
        }
        assert_eq!(cap.free.load(SeqCst), 1, "kept last 14 s ago, and held for 15");
        assert_eq!(outcomes(&job)[..4], all(4, Outcome::Unknown, "connection_lost"));
    });
    // What came by then is heard; a place that is another's already is given up there and then.
    run(async {
        let cap = Cap::of(1);
        let mut bench = Bench::new(settings().places(Arc::new(cap.clone())));
        let mut gateway = bench.up().await;
        let job = bench.send(4, "你好", S(60)).await;
        let open = gateway.submits().await;
        *cap.says.lock().unwrap() = Some(Kept::Lost);
        gateway.answer(open[0], 0).await;
        bench.advance(S(4)).await;
        assert_eq!(cap.free.load(SeqCst), 1);
        assert_eq!(outcomes(&job).iter().filter(|(o, _)| *o == Outcome::Accepted).count(), 1);
    });
}

/// The speed is the account's: what one connection is told, the others heed.
#[test]
fn after_too_fast_no_connection_writes_for_a_while() {
    run(async {
        let mut bench = Bench::new(settings().connections(2).window(1));
        let mut gateways = [bench.connection().await, bench.connection().await];
        for gateway in &mut gateways {
            gateway.log_in(0).await;
        }
        let _job = bench.send(9, "你好", S(60)).await;
        let [one, two] = &mut gateways;
        let (first, second) = (one.submits().await, two.submits().await);
        one.answer(first[0], 8).await;
        two.answer(second[0], 0).await;
        assert!(one.submits().await.is_empty() && two.submits().await.is_empty());
        bench.advance(Duration::from_millis(200)).await;
        assert!(!one.submits().await.is_empty() && !two.submits().await.is_empty());
    });
}

/// A code that the operator told us the meaning of need not refuse the others of its submit.
#[test]
fn an_own_code_for_many_receivers_leaves_them_in_doubt() {
    for (own, left) in [(None, Outcome::Accepted), (Some(Meaning::Person), Outcome::Unknown)] {
        run(async {
            let settings = match own {
                Some(meaning) => settings().code_means(13, meaning),
                None => settings(),
            };
            let mut bench = Bench::new(settings);
            let mut gateway = bench.up().await;
            let job = bench.send_together(3, "你好", S(5)).await;
            let all_of_them = gateway.submits().await;
            assert_eq!(all_of_them.len(), 1);
            gateway.answer(all_of_them[0], 13).await;
            for number in gateway.submits().await {
                gateway.answer(number, 0).await;
            }
            assert!(outcomes(&job).iter().all(|(outcome, _)| *outcome == left), "{own:?}");
        });
    }
}

#[test]
fn the_speed_is_that_of_the_account() {
    run(async {
        let mut bench = Bench::new(settings().window(100).per_second(10));
        let mut gateway = bench.up().await;
        bench.send(35, "你好", S(60)).await;
        let mut sent = gateway.submits().await.len();
        for second in 1..=3 {
            for _ in 0..20 {
                bench.advance(Duration::from_millis(50)).await;
                sent += gateway.submits().await.len();
            }
            assert!((10 * second..=10 * second + 1).contains(&sent), "{sent} after {second} s");
        }
    });
}

/// What a session costs without ledger and store: one connection, window 16, a million submits to a gateway in a process of
/// its own. `benches/README.md` has the two commands.
#[cfg(feature = "testing")]
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "its output is the figure")]
fn session_costs() {
    let address = std::env::var("CARRIER_GATEWAY").expect("CARRIER_GATEWAY is the address of examples/carrier_gateway");
    let name = std::env::var("CARRIER_PROTOCOL").unwrap_or("cmpp30".into());
    let protocol = crate::testing::carrier::protocol(&name).expect("a protocol");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(crate::clock::SystemClock::new());
        let account = crate::testing::carrier::account(protocol);
        let link = Link::open(account, LinkSettings::new(address), Arc::clone(&clock)).unwrap();
        let text = "【测试签名】双12今晚8点开抢，满200减25。拒收请回复R";
        let job = |people| hand_over(&link, people, text, clock.mono() + S(600));
        job(1).finished().await;
        let began = clock.mono();
        let mut open = VecDeque::new();
        for _ in 0..1_000 {
            open.push_back(job(1_000));
            if open.len() >= 4 {
                let done = open.pop_front().unwrap();
                done.finished().await;
                assert!(done.answers().0.iter().all(|v| v.outcome == Outcome::Accepted));
            }
        }
        for job in open {
            job.finished().await;
        }
        println!("{name}: {:.0} submits a second", 1e6 / (clock.mono() - began).as_secs_f64());
    });
}
