//! One connection on a clock that stands until it is moved.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

use super::coding::{Coding, Reference};
use super::dialect::Letter;
use super::frame::Framer;
use super::job::{Job, Queued};
use super::link::{Dial, Link, LinkSettings, Meaning, Status};
use super::login::Authenticator;
use super::pdu::{Octets, Sequence};
use super::places::{Kept, Place, Places};
use super::session::Stream;
use super::split::split;
use super::{CarrierAccount, Protocol, cmpp, sgip};
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

/// The gateway's end of one connection.
struct Gateway {
    stream: DuplexStream,
    framer: Framer,
    came: VecDeque<cmpp::Pdu>,
}

impl Gateway {
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
                self.came.push_back(cmpp::Pdu::decode(pdu, cmpp::Version::V30).unwrap());
            }
            settle().await;
        }
    }

    async fn next(&mut self) -> Option<cmpp::Pdu> {
        if self.came.is_empty() {
            self.read().await;
        }
        self.came.pop_front()
    }

    async fn say(&mut self, sequence: Sequence, body: cmpp::Body) {
        let mut out = Vec::new();
        cmpp::Pdu { sequence, body }.encode(&mut out);
        self.stream.write_all(&out).await.unwrap();
        settle().await;
    }

    async fn log_in(&mut self, status: u8) {
        let Some(cmpp::Pdu { sequence, body: cmpp::Body::Connect(_) }) = self.next().await else { panic!("no login") };
        let status = cmpp::ResultCode::new(cmpp::Version::V30, status);
        let (authenticator_ismg, version) = (Authenticator::EMPTY, 0x30);
        self.say(sequence, cmpp::Body::ConnectResp(cmpp::ConnectResp { status, authenticator_ismg, version })).await;
    }

    async fn answer(&mut self, sequence: Sequence, result: u8) {
        let result = cmpp::ResultCode::new(cmpp::Version::V30, result);
        let msg_id = cmpp::MsgId(0x7424_1080_0000_0000 | u64::from(sequence.0));
        self.say(sequence, cmpp::Body::SubmitResp(cmpp::Answer { msg_id, result })).await;
    }

    /// The submits that have come by now.
    async fn submits(&mut self) -> Vec<Sequence> {
        self.read().await;
        let submit = |pdu: cmpp::Pdu| matches!(pdu.body, cmpp::Body::Submit(_)).then_some(pdu.sequence);
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
    pipes: mpsc::UnboundedReceiver<DuplexStream>,
}

fn settings() -> LinkSettings {
    LinkSettings::new("unused:1").window(4)
}

fn account() -> CarrierAccount {
    cmpp::Account::new("901234", Secret::new("shared01"), "MKT", "10690001").unwrap().into()
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
        Self::of(account(), settings, room)
    }

    fn sgip(settings: LinkSettings) -> Self {
        Self::of(sgip_account(), settings, 1 << 16)
    }

    fn of(account: CarrierAccount, settings: LinkSettings, room: usize) -> Self {
        let clock = ManualClock::new("2026-12-11T10:00:00+08:00".parse().unwrap());
        let (to, pipes) = mpsc::unbounded_channel();
        let dial = Arc::new(Pipes { to, room });
        let link = Link::open_by(account, settings, Arc::new(clock.clone()), dial).unwrap();
        Self { clock, link, pipes }
    }

    /// The next connection, if one was made by now.
    async fn try_connection(&mut self) -> Option<Gateway> {
        settle().await;
        let stream = self.pipes.try_recv().ok()?;
        Some(Gateway { stream, framer: Framer::new(Protocol::Cmpp(cmpp::Version::V30)), came: VecDeque::new() })
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
}

/// Gives a link one message a person.
fn hand_over(link: &Link, people: usize, text: &str, deadline: Duration) -> Arc<Job> {
    let job = Job::new(people, deadline);
    let segments: Arc<[_]> = split(text, Coding::UCS2, Reference::Byte(7)).unwrap().into();
    let letters = (0..people).map(|place| Queued {
        job: Arc::clone(&job),
        places: place..place + 1,
        letter: Letter {
            to: vec![Phone::from_u64(13_800_000_000 + place as u64).unwrap()],
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
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_window_is_never_exceeded_and_everyone_is_answered(
        window in 1usize..6,
        people in 1usize..40,
        draws in proptest::collection::vec(any::<u8>(), 200),
    ) {
        run(async {
            let mut bench = Bench::new(settings().window(window));
            let mut gateway = bench.up().await;
            let job = bench.send(people, "你好", S(5)).await;
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

#[test]
fn a_heartbeat_comes_after_c_again_after_t_and_n_of_them_end_the_link() {
    run(async {
        let mut bench = Bench::new(settings());
        let mut gateway = bench.up().await;
        bench.advance(S(179)).await;
        assert!(gateway.next().await.is_none(), "not before C");
        bench.advance(S(1)).await;
        let test = gateway.next().await.expect("a heartbeat after C");
        assert_eq!(test.body, cmpp::Body::ActiveTest);
        gateway.say(test.sequence, cmpp::Body::ActiveTestResp { reserved: 0 }).await;
        // Any byte is life: here a PDU that is skipped.
        bench.advance(S(100)).await;
        gateway.say(Sequence(1), cmpp::Body::Unknown { command: 0x99, body: vec![] }).await;
        bench.advance(S(179)).await;
        assert!(gateway.next().await.is_none());
        bench.advance(S(1)).await;
        for n in 0..3 {
            assert_eq!(gateway.next().await.map(|p| p.body), Some(cmpp::Body::ActiveTest), "try {n}");
            assert_eq!(bench.link.status(), [Status::Up]);
            bench.advance(S(59)).await;
            assert!(gateway.next().await.is_none(), "not before T");
            bench.advance(S(1)).await;
        }
        assert_eq!(bench.link.status(), [Status::Down], "after N tries");
    });
}

#[test]
fn a_heartbeat_of_the_gateway_is_answered_while_the_window_is_full() {
    run(async {
        let mut bench = Bench::new(settings());
        let mut gateway = bench.up().await;
        bench.send(9, "你好", S(5)).await;
        assert_eq!(gateway.submits().await.len(), 4);
        gateway.say(Sequence(77), cmpp::Body::ActiveTest).await;
        let answer = gateway.next().await.unwrap();
        assert_eq!((answer.sequence, answer.body), (Sequence(77), cmpp::Body::ActiveTestResp { reserved: 0 }));
    });
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
    run(async {
        let mut bench = Bench::new(settings());
        let mut gateway = bench.up().await;
        let job = bench.send(10, "你好", S(50)).await;
        let mut seen: Vec<Sequence> = gateway.submits().await;
        assert_eq!(seen.len(), 4);
        drop(gateway);
        settle().await;
        bench.advance(S(2)).await;
        let mut gateway = bench.up().await;
        let rest = gateway.submits().await;
        assert_eq!(rest.len(), 4, "those that had not left");
        seen.extend(&rest);
        for sequence in rest {
            gateway.answer(sequence, 0).await;
        }
        for sequence in gateway.submits().await {
            seen.push(sequence);
            gateway.answer(sequence, 0).await;
        }
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 10, "ten submits, ten numbers");
        let found = outcomes(&job);
        assert_eq!(found[..4], all(4, Outcome::Unknown, "connection_lost"));
        assert_eq!(found[4..], all(6, Outcome::Accepted, ""));
    });
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
        bench.advance(S(2)).await;
        bench.connection().await.log_in(0).await;
        let found = outcomes(&job);
        assert_eq!(found[0], (Outcome::Unknown, "connection_lost".to_owned()), "some bytes of the first left");
        assert_eq!(found[1..], all(2, Outcome::Unsent, "deadline_passed"), "no byte of the others did");
        let mut left = Vec::new();
        gateway.stream.read_to_end(&mut left).await.unwrap();
        assert_eq!(left.len(), 100);
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
fn a_refused_login_is_not_tried_in_a_loop() {
    run(async {
        let mut bench = Bench::new(settings());
        bench.connection().await.log_in(3).await;
        assert_eq!(bench.link.status(), [Status::Refused(3)]);
        for _ in 0..10 {
            bench.advance(S(3600)).await;
            assert!(bench.try_connection().await.is_none(), "not while there is nothing to send");
        }
        // There is something to send, and a person may have mended it.
        bench.send(1, "你好", S(5)).await;
        bench.advance(S(2)).await;
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
        let end = gateway.next().await.unwrap();
        assert_eq!(end.body, cmpp::Body::Terminate);
        gateway.say(end.sequence, cmpp::Body::TerminateResp).await;
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
        let end = gateway.next().await.unwrap();
        assert_eq!(end.body, cmpp::Body::Terminate);
        gateway.say(end.sequence, cmpp::Body::TerminateResp).await;
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
            gateway.say(Sequence(0), cmpp::Body::TerminateResp).await;
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
            let link = Link::open_by(account(), settings, Arc::new(clock.clone()), dial).unwrap();
            let mut bench = Bench { clock, link, pipes };
            for _ in 0..20 {
                settle().await;
                bench.advance(S(1)).await;
            }
            let mut gateway = bench.connection().await;
            let connects = matches!(gateway.next().await, Some(cmpp::Pdu { body: cmpp::Body::Connect(_), .. }));
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
    for says in [Some(Kept::Lost), Some(Kept::Unknown), None] {
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
            // Within the 15 s for which it was kept last.
            for _ in 0..14 {
                bench.advance(S(1)).await;
            }
            for sequence in open {
                gateway.answer(sequence, 0).await;
            }
            assert!(gateway.submits().await.is_empty(), "{says:?}: nothing new leaves without a place");
            assert_eq!(cap.free.load(SeqCst), 0, "{says:?}: held until the end is agreed");
            gateway.say(Sequence(0), cmpp::Body::TerminateResp).await;
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
