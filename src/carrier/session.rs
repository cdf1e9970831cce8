//! One connection to a gateway: login, window, heartbeats, deadlines, end. One task, no lock while it waits.
//!
//! # What it promises
//! - No more than the window's submits are unanswered; answers, heartbeats and acknowledgements are outside it.
//! - A submit is written once. What was written and not answered is in doubt, whatever ends the connection; what was not
//!   written goes back to the queue, or is told as unsent.
//! - No byte of a message is handed to the network after its job's deadline, also when the network did not take it before.
//! - A gateway that says nothing is asked whether it is there, and gets no more submits until it says something.
//! - A number is not used again while its answer is awaited.

use std::collections::{HashMap, VecDeque};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::dialect::{Given, Heard, LoginFault, Number, Papers};
use super::frame::Framer;
use super::job::{Job, Queued};
use super::link::Shared;
use super::login::Authenticator;
use super::places::Retirement;
use crate::clock::Sleep;
use crate::provider::{Blame, Consequence, Outcome, Verdict};

/// What a connection is: TCP, or a pipe in a test.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Bytes that wait for the network before no more messages are written.
const ENOUGH: usize = 64 << 10;
const READ: usize = 32 << 10;
/// After "too fast" nothing more is written for so long.
const PAUSE: Duration = Duration::from_millis(200);

/// Why a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// We ended it: nothing to do, or the link closes.
    Done,
    /// The gateway did.
    Gateway,
    /// The network did.
    Lost,
    /// The gateway does not answer.
    Silent,
    /// Its place among the connections that the operator allows is over.
    Retired,
    /// What came cannot be read on.
    Unreadable,
    /// The network takes no bytes any more.
    Stuck,
    /// The login was refused.
    Refused(u32, LoginFault),
    /// The gateway did not prove that it knows the secret, and must.
    Unproven,
}

/// Bytes that others want written: acknowledgements.
#[derive(Debug)]
pub(crate) struct Backlog {
    bytes: Mutex<Vec<u8>>,
    wake: Arc<Notify>,
}

impl Backlog {
    pub(crate) fn new(wake: Arc<Notify>) -> Self {
        Self { bytes: Mutex::default(), wake }
    }

    pub(crate) fn push(&self, bytes: &[u8]) {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        self.wake.notify_one();
    }

    pub(crate) fn take(&self, out: &mut Vec<u8>) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        out.append(&mut bytes);
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    LoggingIn,
    Open,
    /// Nothing more is sent; the open answers are awaited.
    Closing,
    /// The end was asked for at this moment.
    Ending(Duration),
}

/// What is known of one segment.
#[derive(Clone, Copy, Debug)]
enum Said {
    Accepted(Number, Given),
    /// The gateway's code.
    Code(u32),
    /// Written, and nothing heard.
    Doubt(Number, &'static str),
    /// No byte of it left.
    Unsent(&'static str),
}

struct Open {
    queued: Queued,
    said: Vec<Option<Said>>,
    /// The next segment to write.
    next: usize,
}

struct Sent {
    letter: u64,
    segment: usize,
}

/// A PDU in the buffer whose last byte the network has not taken.
struct Mark {
    start: u64,
    end: u64,
    number: Number,
    job: Arc<Job>,
}

enum Event {
    Ended(End),
    Nothing,
    Read(usize),
}

pub(crate) struct Session<'a> {
    shared: &'a Shared,
    wake: &'a Notify,
    backlog: Arc<Backlog>,
    framer: Framer,
    phase: Phase,
    /// Whether this connection is to end, while the link goes on.
    retires: &'a Retirement,
    low: bool,
    proof: Authenticator,
    out: Vec<u8>,
    /// Bytes of `out` that the network took, and bytes that it took before `out` began.
    written: usize,
    before: u64,
    marks: VecDeque<Mark>,
    letters: HashMap<u64, Open>,
    next_letter: u64,
    /// The message whose segments are being written.
    current: Option<u64>,
    /// Segments that the gateway took for too fast while others of their message were taken.
    again: VecDeque<(u64, usize)>,
    waiting: HashMap<Number, Sent>,
    order: VecDeque<(Duration, Number)>,
    /// Until when the speed of the account let nothing be written, when that was asked last.
    blocked: Option<Duration>,
    began: Duration,
    heard: Duration,
    tests: u8,
    test_at: Duration,
    timer: Option<(Duration, Sleep)>,
    /// Whether the gateway said anything after the login.
    pub(crate) useful: bool,
}

impl<'a> Session<'a> {
    pub(crate) fn new(shared: &'a Shared, wake: &'a Arc<Notify>, low: bool, retires: &'a Retirement) -> Self {
        let now = shared.clock.mono();
        Self {
            shared,
            wake,
            backlog: Arc::new(Backlog::new(Arc::clone(wake))),
            framer: Framer::new(shared.dialect.protocol()),
            phase: Phase::LoggingIn,
            retires,
            low,
            proof: Authenticator::EMPTY,
            out: Vec::with_capacity(ENOUGH),
            written: 0,
            before: 0,
            marks: VecDeque::new(),
            letters: HashMap::new(),
            next_letter: 0,
            current: None,
            again: VecDeque::new(),
            waiting: HashMap::new(),
            order: VecDeque::new(),
            blocked: None,
            began: now,
            heard: now,
            tests: 0,
            test_at: now,
            timer: None,
            useful: false,
        }
    }

    /// Logs in and works until the connection ends; `up` is told when the login has gone well.
    pub(crate) async fn run(&mut self, mut stream: impl Stream, up: impl Fn()) -> End {
        let number = self.number();
        self.proof = self.shared.dialect.login(number, self.shared.clock.now(), self.low, &mut self.out);
        let mut buffer = vec![0; READ];
        loop {
            if matches!(self.phase, Phase::Open | Phase::Closing) {
                self.fill();
                self.ending();
            }
            match self.event(&mut stream, &mut buffer).await {
                Event::Ended(end) => return end,
                Event::Nothing => {}
                Event::Read(n) => {
                    self.heard = self.shared.clock.mono();
                    self.tests = 0;
                    if let Some(end) = self.read(&buffer[..n], &up) {
                        return end;
                    }
                }
            }
            if let Some(end) = self.tick() {
                return end;
            }
        }
    }

    fn number(&self) -> Number {
        loop {
            let number = self.shared.next_number();
            // After four thousand million submits the counter comes round; an answer may still be awaited.
            if !self.waiting.contains_key(&number) {
                return number;
            }
        }
    }

    /// Writes what it can, then waits for bytes, for work, or for the time.
    async fn event(&mut self, stream: &mut impl Stream, buffer: &mut [u8]) -> Event {
        self.backlog.take(&mut self.out);
        self.arm();
        let mut woken = pin!(self.wake.notified());
        std::future::poll_fn(|cx| {
            // A connection that takes nothing more may still have brought answers: they are read first.
            let mut end = None;
            while self.written < self.out.len() && end.is_none() {
                if self.write_by().is_some_and(|by| by <= self.shared.clock.mono()) {
                    end = Some(End::Stuck);
                    break;
                }
                match Pin::new(&mut *stream).poll_write(cx, &self.out[self.written..]) {
                    Poll::Ready(Ok(0) | Err(_)) => end = Some(End::Lost),
                    Poll::Ready(Ok(n)) => self.took(n),
                    Poll::Pending => break,
                }
            }
            let mut into = ReadBuf::new(buffer);
            match Pin::new(&mut *stream).poll_read(cx, &mut into) {
                Poll::Ready(Ok(())) if !into.filled().is_empty() => {
                    return Poll::Ready(Event::Read(into.filled().len()));
                }
                Poll::Ready(Ok(())) => return Poll::Ready(Event::Ended(end.unwrap_or(End::Gateway))),
                Poll::Ready(Err(_)) => return Poll::Ready(Event::Ended(end.unwrap_or(End::Lost))),
                Poll::Pending => {}
            }
            if let Some(end) = end {
                return Poll::Ready(Event::Ended(end));
            }
            if woken.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Nothing);
            }
            if let Some((_, sleep)) = &mut self.timer
                && sleep.as_mut().poll(cx).is_ready()
            {
                self.timer = None;
                return Poll::Ready(Event::Nothing);
            }
            Poll::Pending
        })
        .await
    }

    /// The first deadline of what waits for the network: all of it may leave in one write.
    fn write_by(&self) -> Option<Duration> {
        self.marks.iter().map(|m| m.job.deadline).min()
    }

    fn took(&mut self, n: usize) {
        self.written += n;
        let at = self.before + self.written as u64;
        while let Some(mark) = self.marks.front().filter(|m| m.start < at) {
            mark.job.leaves(|| self.shared.clock.now());
            if mark.end > at {
                break;
            }
            self.marks.pop_front();
        }
        if self.written == self.out.len() || self.written > ENOUGH {
            self.before = at;
            self.out.drain(..self.written);
            self.written = 0;
        }
    }

    /// Sets the timer to the next moment at which something is due.
    fn arm(&mut self) {
        let (agreed, login_within) = (&self.shared.agreed, self.shared.settings.login_within);
        let now = self.shared.clock.mono();
        let mut next = match self.phase {
            Phase::LoggingIn => self.began + login_within,
            Phase::Ending(at) => at + login_within,
            Phase::Open | Phase::Closing => self.test_due().unwrap_or(now + agreed.answer_within),
        };
        if let Some((at, _)) = self.order.front() {
            next = next.min(*at + agreed.answer_within);
        }
        for by in self.write_by().into_iter().chain(self.retires.cut()) {
            next = next.min(by);
        }
        if let Some(at) = self.blocked {
            next = next.min(at);
        }
        match &self.timer {
            // One that goes off early is harmless.
            Some((at, _)) if *at <= next => {}
            _ => self.timer = Some((next, self.shared.clock.sleep(next.saturating_sub(now)))),
        }
    }

    /// Writes messages while the window has room.
    fn fill(&mut self) {
        let now = self.shared.clock.mono();
        self.blocked = None;
        // It has not said yet whether it is there.
        if self.tests > 0 {
            return;
        }
        while self.waiting.len() < self.shared.settings.window && self.out.len() - self.written < ENOUGH {
            let may_write_at = self.shared.may_write_at();
            if may_write_at > now {
                self.blocked = Some(may_write_at);
                return;
            }
            let Some((letter, segment)) = self.next_segment(now) else { return };
            self.write(letter, segment, now);
        }
    }

    fn next_segment(&mut self, now: Duration) -> Option<(u64, usize)> {
        if let Some(again) = self.again.pop_front() {
            return Some(again);
        }
        let letter = match self.current {
            Some(letter) => letter,
            None if self.phase == Phase::Closing || self.is_over() => return None,
            None => {
                let queued = self.shared.pull(now)?;
                let letter = self.next_letter;
                self.next_letter += 1;
                let said = vec![None; queued.letter.segments.len()];
                self.letters.insert(letter, Open { queued, said, next: 0 });
                letter
            }
        };
        let open = self.letters.get_mut(&letter)?;
        let segment = open.next;
        open.next += 1;
        self.current = (open.next < open.said.len()).then_some(letter);
        Some((letter, segment))
    }

    fn write(&mut self, letter: u64, segment: usize, now: Duration) {
        let number = self.number();
        let Some(open) = self.letters.get(&letter) else { return };
        let (job, part) = (&open.queued.job, &open.queued.letter.segments[segment]);
        if job.is_cancelled() || job.deadline <= now {
            return self.segment(letter, segment, Said::Unsent("deadline_passed"));
        }
        let start = self.out.len();
        if self.shared.dialect.submit(number, &open.queued.letter, part, self.low, &mut self.out).is_err() {
            self.out.truncate(start);
            return self.segment(letter, segment, Said::Unsent("does_not_fit"));
        }
        let (from, to) = (self.before + start as u64, self.before + self.out.len() as u64);
        let mark = Mark { start: from, end: to, number, job: Arc::clone(job) };
        self.shared.wrote(open.queued.letter.to.len(), now);
        self.marks.push_back(mark);
        self.waiting.insert(number, Sent { letter, segment });
        self.order.push_back((now, number));
    }

    fn is_over(&self) -> bool {
        self.shared.is_closing() || self.retires.cut().is_some()
    }

    /// Ends the connection when nothing more is to be done on it.
    fn ending(&mut self) {
        let idle = self.waiting.is_empty() && self.current.is_none() && self.again.is_empty();
        if self.phase == Phase::Open && self.is_over() {
            self.phase = Phase::Closing;
        }
        if self.phase == Phase::Closing && idle {
            let number = self.number();
            self.shared.dialect.end(number, &mut self.out);
            self.phase = Phase::Ending(self.shared.clock.mono());
        }
    }

    fn read(&mut self, mut input: &[u8], up: &impl Fn()) -> Option<End> {
        loop {
            let heard = match self.framer.next(&mut input) {
                Ok(Some(pdu)) => self.shared.dialect.hear(pdu, self.low),
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(%error, "a carrier's stream cannot be read on");
                    return Some(End::Unreadable);
                }
            };
            if let Some(end) = self.take(heard, up) {
                return Some(end);
            }
        }
    }

    fn take(&mut self, heard: Heard, up: &impl Fn()) -> Option<End> {
        if self.phase == Phase::LoggingIn {
            return match heard {
                Heard::Login { status, proof, low } => self.logged_in(status, &proof, low, up),
                Heard::AreYouThere { answer } => {
                    self.out.extend_from_slice(&answer);
                    None
                }
                Heard::Ends { .. } => Some(End::Gateway),
                Heard::Broken => Some(End::Unreadable),
                // Nothing may come before the login's answer; it is not acknowledged, so it comes again.
                Heard::Alive | Heard::Answer { .. } | Heard::Arrival { .. } | Heard::Ended | Heard::Other { .. } => {
                    None
                }
            };
        }
        match heard {
            Heard::Alive | Heard::Login { .. } => {}
            Heard::Answer { number, result, given } => return self.answer(number, result, given),
            Heard::Arrival { arrival, answer } => {
                self.useful = true;
                self.shared.arrived(arrival, answer, &self.backlog);
            }
            Heard::AreYouThere { answer } | Heard::Other { answer } => {
                self.out.extend_from_slice(&answer);
            }
            Heard::Broken => return Some(End::Unreadable),
            Heard::Ended => return Some(End::Done),
            Heard::Ends { answer } => {
                self.out.extend_from_slice(&answer);
                // It may still answer what is open; nothing more is written.
                self.current = None;
                self.again.clear();
                self.phase = Phase::Ending(self.shared.clock.mono());
            }
        }
        None
    }

    fn logged_in(&mut self, status: u32, proof: &Authenticator, low: bool, up: &impl Fn()) -> Option<End> {
        if status != 0 {
            return Some(End::Refused(status, self.shared.dialect.login_fault(status)));
        }
        match self.shared.dialect.proves(proof, status, &self.proof) {
            Some(false) if self.shared.settings.strict_proof => return Some(End::Unproven),
            Some(false) => tracing::warn!("the gateway did not prove that it knows the secret"),
            Some(true) | None => {}
        }
        self.low |= low;
        self.phase = Phase::Open;
        up();
        None
    }

    fn answer(&mut self, number: Number, result: u32, given: Given) -> Option<End> {
        if self.marks.iter().any(|m| m.number == number) {
            tracing::warn!("the gateway answered a submit that has not left: its numbers cannot be relied on");
            return Some(End::Unreadable);
        }
        // Late, doubled or never asked: what is settled stays settled.
        let Some(Sent { letter, segment }) = self.waiting.remove(&number) else {
            tracing::warn!("an answer to no open submit was skipped");
            return None;
        };
        self.useful = true;
        while self.order.front().is_some_and(|(_, n)| !self.waiting.contains_key(n)) {
            self.order.pop_front();
        }
        if self.order.len() > 2 * self.waiting.len() + 64 {
            // Behind one that stays silent the answered ones would pile up.
            self.order.retain(|(_, n)| self.waiting.contains_key(n));
        }
        let said = if result == 0 { Said::Accepted(number, given) } else { Said::Code(result) };
        // "Too fast" is the only code by which nothing is settled.
        let is_too_fast = result != 0 && self.shared.verdict(result).outcome == Outcome::Unsent;
        if is_too_fast {
            let until = self.shared.clock.mono() + PAUSE;
            self.shared.hold_back(until);
            // The others of a message that has begun: the gateway said "later" to this one, so it comes after.
            let begun = |open: &Open| open.said.iter().any(|s| matches!(s, Some(Said::Accepted(..))));
            let goes_on = |open: &Open| !open.queued.job.is_cancelled() && open.queued.job.deadline > until;
            if self.letters.get(&letter).is_some_and(|open| begun(open) && goes_on(open)) {
                self.again.push_back((letter, segment));
                return None;
            }
        }
        self.segment(letter, segment, said);
        None
    }

    /// What is known of a segment; once all of a message are, its people have their verdict.
    fn segment(&mut self, letter: u64, segment: usize, said: Said) {
        let Some(open) = self.letters.get_mut(&letter) else { return };
        open.said[segment] = Some(said);
        if !matches!(said, Said::Accepted(..)) && open.next < open.said.len() {
            // A message of which a part is refused is not gone on with.
            let rest = open.next..open.said.len();
            open.said[rest].fill(Some(Said::Unsent("not_gone_on")));
            open.next = open.said.len();
            if self.current == Some(letter) {
                self.current = None;
            }
        }
        if open.said.iter().all(Option::is_some)
            && let Some(open) = self.letters.remove(&letter)
        {
            self.settle(open);
        }
    }

    fn settle(&self, open: Open) {
        let said: Vec<Said> = open.said.into_iter().flatten().collect();
        let taken = said.iter().filter(|s| matches!(s, Said::Accepted(..))).count();
        let other = said.iter().find(|s| !matches!(s, Said::Accepted(..)));
        let doubt = said.iter().find_map(|s| match s {
            Said::Doubt(_, why) => Some(self.in_doubt(&said, why)),
            Said::Code(code) => Some(self.shared.verdict(*code)).filter(|v| v.outcome == Outcome::Unknown),
            Said::Accepted(..) | Said::Unsent(_) => None,
        });
        let queued = open.queued;
        match (doubt, other) {
            (Some(doubt), _) => queued.settle(&doubt),
            (None, None) => self.accepted(&queued, &said),
            (None, Some(Said::Unsent("does_not_fit"))) if taken == 0 => {
                queued.settle(&Verdict::rejected(Blame::Content, Consequence::None, "does_not_fit"));
            }
            (None, Some(Said::Code(code))) if taken == 0 => self.refused(queued, *code),
            (None, Some(Said::Unsent(why))) if taken == 0 => queued.settle(&Verdict::unsent(*why, Consequence::None)),
            (None, Some(other)) => {
                // A part is at the gateway: it must not come again, and nothing else is known to be wrong with it.
                let consequence = match other {
                    Said::Code(code) => self.shared.verdict(*code).consequence,
                    Said::Accepted(..) | Said::Doubt(..) | Said::Unsent(_) => Consequence::None,
                };
                let code = format!("partly_taken_{taken}_of_{}", said.len());
                queued.settle(&Verdict::rejected(Blame::Content, consequence, code));
            }
        }
    }

    /// With the ids by which reports settle it, where we chose them and every segment left.
    fn in_doubt(&self, said: &[Said], why: &str) -> Verdict {
        let left = |s: &Said| match s {
            Said::Accepted(number, _) | Said::Doubt(number, _) => Given::Own.of_receiver(*number, 0, false),
            Said::Code(_) | Said::Unsent(_) => None,
        };
        let ids = if self.shared.dialect.names_messages() { said.iter().map(left).collect() } else { None };
        named(Verdict::unknown(why), ids.unwrap_or_default())
    }

    fn accepted(&self, queued: &Queued, said: &[Said]) {
        let counts = self.shared.settings.ids_count_on;
        for (index, place) in queued.places.clone().enumerate() {
            let id = |s: &Said| match s {
                Said::Accepted(number, given) => given.of_receiver(*number, index, counts),
                Said::Code(_) | Said::Doubt(..) | Said::Unsent(_) => None,
            };
            let verdict = match said.iter().map(id).collect() {
                Some(ids) => named(Verdict::new(Outcome::Accepted, Consequence::None, String::new()), ids),
                None => Verdict::unknown("no_id"),
            };
            queued.job.settle(place, verdict);
        }
    }

    /// No segment was taken.
    fn refused(&self, queued: Queued, code: u32) {
        let verdict = self.shared.verdict(code);
        let many = queued.places.len() > 1;
        if many && verdict.outcome == Outcome::Rejected(Blame::Person) {
            if self.shared.refuses_whole(code) {
                // By the papers nobody's was taken: one by one it is seen whose number it was.
                self.shared.push_front(queued.singly().into_iter());
            } else {
                queued.settle(&Verdict::unknown(verdict.code));
            }
            return;
        }
        queued.settle(&verdict);
    }

    /// When the gateway is asked whether it is there.
    fn test_due(&self) -> Option<Duration> {
        let Papers { heartbeat, answer_within, .. } = self.shared.agreed;
        if self.tests > 0 {
            return Some(self.test_at + answer_within);
        }
        // Without heartbeats only an idle link has an end.
        let has_heartbeats = self.shared.dialect.keeps_open();
        let idle = self.phase == Phase::Open && self.waiting.is_empty();
        (has_heartbeats || idle).then_some(self.heard + heartbeat)
    }

    /// What the time has brought.
    fn tick(&mut self) -> Option<End> {
        let Papers { answer_within, .. } = self.shared.agreed;
        let (login_within, tries) = (self.shared.settings.login_within, self.shared.settings.tries);
        let now = self.shared.clock.mono();
        if self.retires.cut().is_some_and(|at| at <= now) {
            return Some(End::Retired);
        }
        let mut is_silent = false;
        while let Some((at, number)) = self.order.front().copied()
            && at + answer_within <= now
        {
            self.order.pop_front();
            if let Some(Sent { letter, segment }) = self.waiting.remove(&number) {
                is_silent |= self.heard <= at;
                self.segment(letter, segment, Said::Doubt(number, "timeout"));
            }
        }
        match self.phase {
            Phase::LoggingIn if self.began + login_within <= now => return Some(End::Silent),
            Phase::Ending(at) if at + login_within <= now => return Some(End::Done),
            Phase::LoggingIn | Phase::Ending(_) => return None,
            Phase::Open | Phase::Closing => {}
        }
        // A submit was not answered, and nothing else came since: not a moment more is waited.
        let asks_now = is_silent && self.tests == 0;
        if !asks_now && self.test_due().is_none_or(|due| due > now) {
            return None;
        }
        if self.tests >= tries {
            return Some(End::Silent);
        }
        let number = self.number();
        if self.shared.dialect.heartbeat(number, &mut self.out) {
            self.tests += 1;
            self.test_at = now;
        } else if asks_now {
            return Some(End::Silent);
        } else {
            // Without heartbeats an idle link is ended, and opened again when there is work.
            self.phase = Phase::Closing;
        }
        None
    }

    /// Nothing more can be heard: what left is in doubt, what did not is for another connection.
    fn abandon(&mut self) {
        let at = self.before + self.written as u64;
        let unwritten: Vec<Number> = self.marks.drain(..).filter(|m| m.start >= at).map(|m| m.number).collect();
        for number in unwritten {
            if let Some(Sent { letter, segment }) = self.waiting.remove(&number)
                && let Some(open) = self.letters.get_mut(&letter)
            {
                open.said[segment] = Some(Said::Unsent("connection_lost"));
            }
        }
        for (number, Sent { letter, segment }) in std::mem::take(&mut self.waiting) {
            if let Some(open) = self.letters.get_mut(&letter) {
                open.said[segment] = Some(Said::Doubt(number, "connection_lost"));
            }
        }
        for (_, mut open) in std::mem::take(&mut self.letters) {
            if open.said.iter().all(|s| matches!(s, None | Some(Said::Unsent(_)))) {
                self.shared.push_front(std::iter::once(open.queued));
                continue;
            }
            for said in &mut open.said {
                said.get_or_insert(Said::Unsent("connection_lost"));
            }
            self.settle(open);
        }
    }
}

/// A verdict with the ids of a message's segments.
fn named(verdict: Verdict, ids: Vec<String>) -> Verdict {
    let mut ids = ids.into_iter();
    Verdict { id: ids.next(), later_segments: ids.collect(), ..verdict }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.abandon();
    }
}
