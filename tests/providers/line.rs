//! The line to a platform: plain HTTP/1.1 in front of a gateway, on which each call meets the fault that is its turn.

use super::draw::Draw;
use optin106::clock::Clock;
use optin106::testing::gateway::{Call, Gateway, Reply, Script, Step};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What a call meets. Unless said otherwise the platform takes the message; only the answer suffers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    DuplicateAnswer,
    Garbage,
    GzipBomb,
    HalfClose,
    Huge,
    PartialBulk,
    Redirect,
    Reordered,
    Reset,
    ServerError,
    SlowLoris,
    StaleSocket,
    Throttle,
    TimesOut,
    UnknownCode,
    WrongIds,
    WrongLength,
}

impl Kind {
    pub(crate) const ALL: [Self; 17] = [
        Self::DuplicateAnswer,
        Self::Garbage,
        Self::GzipBomb,
        Self::HalfClose,
        Self::Huge,
        Self::PartialBulk,
        Self::Redirect,
        Self::Reordered,
        Self::Reset,
        Self::ServerError,
        Self::SlowLoris,
        Self::StaleSocket,
        Self::Throttle,
        Self::TimesOut,
        Self::UnknownCode,
        Self::WrongIds,
        Self::WrongLength,
    ];
}

pub(crate) struct Line {
    pub(crate) gateway: Gateway,
    clock: Arc<dyn Clock>,
    /// Where redirects point; nobody may ever connect.
    trap: String,
    state: Mutex<State>,
}

struct State {
    /// `None` for a call that nothing befalls. Calls beyond the plan meet nothing.
    plan: VecDeque<Option<Kind>>,
    draw: Draw,
    /// The bytes of the last answer that said "taken".
    last: Option<Vec<u8>>,
    played: BTreeMap<Kind, u64>,
    /// How often the same bytes came to the platform.
    calls: BTreeMap<(String, Vec<u8>), u64>,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Line {
    pub(crate) fn new(gateway: Gateway, clock: Arc<dyn Clock>, trap: String, seed: u64) -> Arc<Self> {
        let state = State {
            plan: VecDeque::new(),
            draw: Draw(seed),
            last: None,
            played: BTreeMap::new(),
            calls: BTreeMap::new(),
        };
        Arc::new(Self { gateway, clock, trap, state: Mutex::new(state) })
    }

    /// What the next calls meet.
    pub(crate) fn plan(&self, kinds: impl IntoIterator<Item = Option<Kind>>) {
        self.state.lock().unwrap().plan = kinds.into_iter().collect();
    }

    pub(crate) fn played(&self) -> BTreeMap<Kind, u64> {
        self.state.lock().unwrap().played.clone()
    }

    /// How many calls came again with the same bytes, and how often the most frequent came.
    pub(crate) fn again(&self) -> (u64, u64) {
        let state = self.state.lock().unwrap();
        let times = || state.calls.values().copied();
        (times().map(|n| n - 1).sum(), times().max().unwrap_or_default())
    }

    /// Serves until dropped, and every connection with it.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let line = Arc::clone(&self);
            connections.spawn(async move {
                // However a connection ends, the platform goes on.
                let _ = line.connection(stream).await;
            });
        }
    }

    async fn connection(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut buffer, mut served) = (Vec::new(), 0);
        while let Some(length) = head(&mut stream, &mut buffer).await? {
            let (kind, coin) = self.turn(served);
            if kind == Some(Kind::SlowLoris) && coin {
                // The request is never read to its end, and so never taken.
                self.saw(Kind::SlowLoris);
                return gone(&mut stream).await;
            }
            let request = rest(&mut stream, &mut buffer, length).await?;
            if kind == Some(Kind::StaleSocket) && coin {
                self.saw(Kind::StaleSocket);
                return Ok(());
            }
            let answer = self.handle(&request, kind, coin);
            match kind {
                None
                | Some(
                    Kind::Garbage
                    | Kind::Huge
                    | Kind::PartialBulk
                    | Kind::Redirect
                    | Kind::Reordered
                    | Kind::ServerError
                    | Kind::Throttle
                    | Kind::UnknownCode
                    | Kind::WrongIds,
                ) => stream.write_all(&answer).await?,
                Some(Kind::DuplicateAnswer) if coin => stream.write_all(&answer).await?,
                Some(Kind::DuplicateAnswer) => stream.write_all(&[&answer[..], &answer].concat()).await?,
                Some(Kind::GzipBomb) => stream.write_all(&bomb()).await?,
                Some(Kind::HalfClose) => {
                    stream.write_all(&answer[..answer.len() - body_of(&answer).div_ceil(2)]).await?;
                    stream.shutdown().await?;
                    return gone(&mut stream).await;
                }
                Some(Kind::Reset) => {
                    stream.set_zero_linger()?;
                    return Ok(());
                }
                Some(Kind::SlowLoris) => {
                    for byte in answer.chunks(1) {
                        stream.write_all(byte).await?;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                Some(Kind::StaleSocket) => return Ok(()),
                Some(Kind::TimesOut) => return gone(&mut stream).await,
                Some(Kind::WrongLength) => {
                    stream.write_all(&resized(&answer, coin)).await?;
                    if coin {
                        stream.shutdown().await?;
                        return gone(&mut stream).await;
                    }
                }
            }
            served += 1;
        }
        Ok(())
    }

    /// What this call meets. A stale socket needs one that was used before, so its turn may be put off.
    fn turn(&self, served: u32) -> (Option<Kind>, bool) {
        let mut state = self.state.lock().unwrap();
        let coin = state.draw.coin();
        if served == 0 && state.plan.front() == Some(&Some(Kind::StaleSocket)) {
            let later = state.plan.iter().position(|k| *k != Some(Kind::StaleSocket));
            if let Some(other) = later {
                state.plan.swap(0, other);
            } else {
                return (None, coin);
            }
        }
        let kind = state.plan.pop_front().flatten();
        if kind == Some(Kind::StaleSocket) && served == 0 {
            return (None, coin);
        }
        // Nothing was answered yet that could be told to somebody else.
        if kind == Some(Kind::WrongIds) && state.last.is_none() {
            state.plan.push_back(kind);
            return (None, coin);
        }
        (kind, coin)
    }

    fn saw(&self, kind: Kind) {
        *self.state.lock().unwrap().played.entry(kind).or_default() += 1;
    }

    /// The gateway's answer to one call as bytes, with what happens to it on the gateway's side.
    fn handle(&self, request: &Request, kind: Option<Kind>, coin: bool) -> Vec<u8> {
        let mut state = self.state.lock().unwrap();
        *state.calls.entry((request.query.clone(), request.body.clone())).or_default() += 1;
        let step = match kind {
            Some(Kind::DuplicateAnswer) if coin => Step::DuplicateRows,
            Some(Kind::Garbage) => Step::Garbage,
            Some(Kind::Huge) => Step::Huge(10 << 20),
            // The first of three; turned round below, it is the last whom the answer calls refused.
            Some(Kind::PartialBulk) if coin => Step::Partial { every: 3, code: 10 },
            Some(Kind::PartialBulk) => Step::Unnamed,
            Some(Kind::Redirect) => Step::Redirect(self.trap.clone()),
            Some(Kind::ServerError) => Step::ServerError(500 + (state.draw.next() % 5) as u16),
            Some(Kind::Throttle) => Step::Throttle,
            Some(Kind::UnknownCode) => Step::UnknownCode,
            _ => Step::Accept,
        };
        self.gateway.script(Script::new().then(step));
        let before = self.gateway.totals().messages;
        let call = Call {
            method: &request.method,
            path: &request.path,
            query: &request.query,
            headers: request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect(),
            body: &request.body,
        };
        let mut reply = self.gateway.handle(&call, self.clock.now());
        let taken = self.gateway.totals().messages > before;
        self.gateway.script(Script::new());
        if let Some(kind) = kind
            && (taken || matches!(kind, Kind::Redirect | Kind::Throttle | Kind::PartialBulk))
        {
            *state.played.entry(kind).or_default() += 1;
        }
        if kind == Some(Kind::Reordered) || kind == Some(Kind::PartialBulk) && coin {
            reordered(&mut reply);
        }
        let bytes = written(&reply);
        match (kind, &state.last) {
            (Some(Kind::WrongIds), Some(last)) => last.clone(),
            _ => {
                if taken && kind.is_none() {
                    state.last = Some(bytes.clone());
                }
                bytes
            }
        }
    }
}

/// Reads up to the end of a request's head; the length of its body. `None` where the peer has gone in between.
async fn head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<usize>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    let length = text.lines().find_map(|l| l.strip_prefix("content-length:")).map_or(0, |n| n.trim().parse().unwrap());
    Ok(Some(length))
}

async fn rest(stream: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> std::io::Result<Request> {
    let end = buffer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    while buffer.len() < end + length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let text = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |l: &str| l.split_once(':').map(|(n, v)| (n.to_owned(), v.trim().to_owned()));
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: lines.filter_map(header).collect(),
        body: buffer[end..end + length].to_vec(),
    };
    buffer.drain(..end + length);
    Ok(request)
}

/// Waits until the peer has gone: its own time-out ends the call.
async fn gone(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

fn written(reply: &Reply) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {} -\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    let mut bytes = out.into_bytes();
    bytes.extend_from_slice(&reply.body);
    bytes
}

/// How many bytes of an answer are its body.
fn body_of(answer: &[u8]) -> usize {
    answer.len() - answer.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4)
}

/// The same answer with a length that promises more than comes, or less.
fn resized(answer: &[u8], more: bool) -> Vec<u8> {
    let (text, body) = answer.split_at(answer.len() - body_of(answer));
    let told = if more { body.len() + 64 } else { body.len() / 2 };
    let text = String::from_utf8_lossy(text);
    let lines = text.trim_end().lines().map(|l| match l.starts_with("content-length:") {
        true => format!("content-length: {told}"),
        false => l.to_owned(),
    });
    let head = lines.collect::<Vec<_>>().join("\r\n");
    [head.as_bytes(), b"\r\n\r\n", body].concat()
}

/// Every list of the answer in the other order.
fn reordered(reply: &mut Reply) {
    fn turn(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Array(list) => {
                list.iter_mut().for_each(turn);
                list.reverse();
            }
            serde_json::Value::Object(fields) => fields.values_mut().for_each(turn),
            _ => {}
        }
    }
    if let Ok(mut value) = serde_json::from_slice(&reply.body) {
        turn(&mut value);
        reply.body = value.to_string().into_bytes();
    }
}

/// An answer of 66 KB that says it is gzip and unpacks to ten megabytes of zeros.
fn bomb() -> Vec<u8> {
    let (mut bits, mut count, mut packed) = (0u32, 0, Vec::new());
    let mut put = |value: u32, width: u32| {
        bits |= value << count;
        count += width;
        while count >= 8 {
            packed.push(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    };
    // One last block of fixed codes: a zero, then "258 bytes from one before" over and over, then the end.
    put(0b011, 3);
    put(0b0000_1100, 8);
    for _ in 0..40_000 {
        put(0b1010_0011, 8);
        put(0, 5);
    }
    put(0, 7);
    put(0, 7);
    let body = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255][..], &packed, &[0; 8]].concat();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}
