//! Who is let in by the SGIP listener, over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::link::{Link, LinkSettings};
use super::listen::{ListenSettings, Listener};
use super::pdu::Octets;
use super::session_tests::{sgip_account, sgip_pdu};
use super::sgip::{Bind, Body, Number, Password, Pdu, Trace};
use crate::clock::SystemClock;
use crate::provider::Network;
use crate::secret::Secret;

const SEQUENCE: Number = Number { node: 1, time: 2, counter: 3 };

fn settings() -> ListenSettings {
    ListenSettings::new("gateway", Secret::new("word")).unwrap()
}

struct Bench {
    listener: Listener,
    /// What comes goes here; it is not read in these tests.
    _link: Link,
}

impl Bench {
    async fn new(settings: ListenSettings) -> Self {
        let account = sgip_account();
        let link = Link::open(account, LinkSettings::new("127.0.0.1:1"), Arc::new(SystemClock::new())).unwrap();
        let at = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = Listener::bind(at, settings, &link).await.unwrap();
        Self { listener, _link: link }
    }

    async fn connect(&self) -> Caller {
        Caller(TcpStream::connect(self.listener.address()).await.unwrap())
    }
}

/// The gateway, or somebody who says so.
struct Caller(TcpStream);

impl Caller {
    async fn say(&mut self, body: Body) {
        let mut out = Vec::new();
        Pdu { sequence: SEQUENCE, body }.encode(&mut out);
        self.0.write_all(&out).await.unwrap();
    }

    async fn bind(&mut self, name: &str, word: &str, login_type: u8) -> Option<u8> {
        let login_password = Password::new(&Secret::new(word)).unwrap();
        let login_name = Octets::new(name).unwrap();
        self.say(Body::Bind(Bind { login_type, login_name, login_password, reserve: Octets::EMPTY })).await;
        match self.hear().await? {
            Body::BindResp(answer) => Some(answer.result),
            _ => None,
        }
    }

    /// The next answer; `None` when the connection has ended.
    async fn hear(&mut self) -> Option<Body> {
        let Pdu { sequence, body } = sgip_pdu(&mut self.0).await?;
        assert_eq!(sequence, SEQUENCE, "an answer has the number of what it answers");
        Some(body)
    }

    async fn is_ended(&mut self) -> bool {
        self.hear().await.is_none()
    }
}

#[tokio::test]
async fn only_the_agreed_login_is_let_in() {
    let bench = Bench::new(settings()).await;
    for (name, word, login_type, result) in
        [("gateway", "other", 2, 1), ("other", "word", 2, 1), ("gateway", "", 2, 1), ("gateway", "word", 1, 4)]
    {
        let mut caller = bench.connect().await;
        assert_eq!(caller.bind(name, word, login_type).await, Some(result), "{name} {login_type}");
        assert!(caller.is_ended().await, "refused is over");
    }
    let mut gateway = bench.connect().await;
    assert_eq!(gateway.bind("gateway", "word", 2).await, Some(0));
    assert_eq!(gateway.bind("gateway", "word", 2).await, Some(2), "it has logged in already");
    gateway.say(Body::Unbind).await;
    assert_eq!(gateway.hear().await, Some(Body::UnbindResp));
    assert!(gateway.is_ended().await);
}

#[tokio::test]
async fn nothing_is_taken_before_the_login() {
    let bench = Bench::new(settings()).await;
    for body in [Body::Unknown { command: 9, body: Vec::new() }, Body::UnbindResp] {
        let mut caller = bench.connect().await;
        caller.say(body).await;
        assert!(caller.is_ended().await);
    }
    let mut caller = bench.connect().await;
    caller.0.write_all(&[0, 0, 0, 20, 0xff, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
    assert!(caller.is_ended().await, "an unknown command");
}

#[tokio::test]
async fn what_only_we_may_ask_is_answered_as_not_allowed() {
    let bench = Bench::new(settings()).await;
    let mut gateway = bench.connect().await;
    assert_eq!(gateway.bind("gateway", "word", 2).await, Some(0));
    let user_number = Octets::new("8613800000000").unwrap();
    gateway.say(Body::Trace(Trace { submit_sequence: SEQUENCE, user_number, reserve: Octets::EMPTY })).await;
    let Some(Body::TraceResp(way)) = gateway.hear().await else { panic!() };
    assert_eq!(way.nodes().iter().map(|node| node.result).collect::<Vec<_>>(), [10]);
    gateway.say(Body::Unbind).await;
    assert_eq!(gateway.hear().await, Some(Body::UnbindResp), "the link stays");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_a_place_becomes_free() {
    let bench = Bench::new(settings().connections(1)).await;
    let mut first = bench.connect().await;
    assert_eq!(first.bind("gateway", "word", 2).await, Some(0));
    assert_eq!(bench.connect().await.bind("gateway", "word", 2).await, Some(3));
    assert_eq!(bench.connect().await.bind("gateway", "wrong", 2).await, Some(1), "nothing is told to a stranger");
    first.say(Body::Unbind).await;
    assert_eq!(first.hear().await, Some(Body::UnbindResp));
    assert!(first.is_ended().await);
    for _ in 0..500 {
        if bench.connect().await.bind("gateway", "word", 2).await == Some(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the place stays taken");
}

#[tokio::test]
async fn an_address_that_is_not_on_the_list_hears_nothing() {
    let elsewhere: Network = "10.1.0.0/16".parse().unwrap();
    let bench = Bench::new(settings().sources([elsewhere])).await;
    let mut caller = bench.connect().await;
    assert!(caller.is_ended().await);
    let here: Network = "127.0.0.0/8".parse().unwrap();
    let bench = Bench::new(settings().sources([elsewhere, here])).await;
    assert_eq!(bench.connect().await.bind("gateway", "word", 2).await, Some(0));
}

#[tokio::test]
async fn a_silent_connection_is_ended() {
    let bench = Bench::new(settings().idle(Duration::from_millis(30))).await;
    let mut gateway = bench.connect().await;
    assert_eq!(gateway.bind("gateway", "word", 2).await, Some(0));
    assert!(gateway.is_ended().await);
}

/// Who has not logged in takes no place, and there is an end to how many may wait.
#[tokio::test]
async fn strangers_that_say_nothing_keep_nobody_out() {
    let bench = Bench::new(settings().connections(1)).await;
    let mut strangers = Vec::new();
    for _ in 0..16 {
        strangers.push(bench.connect().await);
    }
    let mut gateway = bench.connect().await;
    assert_eq!(gateway.bind("gateway", "word", 2).await, Some(0));
    let mut one_more = bench.connect().await;
    assert!(one_more.is_ended().await, "dropped at once");
    drop(strangers);
}
