//! Pushes over real HTTP: what a platform reports and hands over, in its own form, until the answer is the documented one.

use super::{AcceptedMessage, Gateway};
use crate::clock::{Clock, Timestamp};
use crate::inbound::HttpCall;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Reports under way at a time; the others wait.
const AT_A_TIME: usize = 64;
/// A longer answer is none.
const ANSWER: usize = 64 * 1024;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(60);

/// Where a gateway pushes to, and how often it tries.
///
/// A platform repeats a push for hours; here it is tried six times, after 1, 2, 4, 8 and 16 seconds, each time with the
/// same bytes.
#[derive(Clone, Debug)]
pub struct Pushing {
    reports: Option<Target>,
    replies: Option<Target>,
    code: String,
    tries: u32,
    pause: Duration,
}

impl Default for Pushing {
    fn default() -> Self {
        let pause = Duration::from_secs(1);
        Self { reports: None, replies: None, code: "DELIVRD".into(), tries: 6, pause }
    }
}

impl Pushing {
    /// Pushes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A report on each message that is taken goes to this address, such as `http://127.0.0.1:8080/sms/3f9c…`.
    ///
    /// # Errors
    /// [`PushError::Address`].
    pub fn reports_to(mut self, url: &str) -> Result<Self, PushError> {
        self.reports = Some(Target::parse(url)?);
        Ok(self)
    }

    /// Replies go to this address when [`Gateway::push_reply`] is called.
    ///
    /// # Errors
    /// [`PushError::Address`].
    pub fn replies_to(mut self, url: &str) -> Result<Self, PushError> {
        self.replies = Some(Target::parse(url)?);
        Ok(self)
    }

    /// What reports say, such as `DELIVRD` (so without this) or `MK:0001`.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// How often a push is tried, at least once.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// The pause before the second try; it doubles with each, up to a minute.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The addresses for reports and for replies, where given.
    pub(super) fn wants(&self) -> (bool, bool) {
        (self.reports.is_some(), self.replies.is_some())
    }
}

/// Why something was not pushed, or not taken by whom it was pushed to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// Not an address that can be pushed to.
    #[error("not an address such as http://127.0.0.1:8080/sms/3f9c; https is not offered")]
    Address,
    /// No try was answered as the platform wants it.
    #[error("given up after {tries} tries; the status of the last answer: {status:?}")]
    GivenUp {
        /// How often it was tried.
        tries: u32,
        /// The HTTP status of the last answer, where there was one.
        status: Option<u16>,
    },
    /// The gateway was given no address for this.
    #[error("the gateway was given no address for this")]
    NoAddress,
    /// The platform does not push this.
    #[error("this platform pushes nothing of the kind")]
    NotOffered,
}

/// What was pushed so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct Pushes {
    /// Pushes that were answered as the platform wants it.
    pub received: u64,
    /// Pushes that never were.
    pub given_up: u64,
    /// Calls made for them, and for those under way.
    pub calls: u64,
}

/// An address that is pushed to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    authority: String,
    path: String,
    query: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, PushError> {
        let uri: Uri = url.parse().map_err(|_| PushError::Address)?;
        let authority = uri.authority().filter(|a| uri.scheme_str() == Some("http") && !a.as_str().contains('@'));
        Ok(Self {
            authority: authority.ok_or(PushError::Address)?.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
        })
    }

    /// The push with this address in it.
    fn address(&self, mut push: HttpCall) -> HttpCall {
        push.path.clone_from(&self.path);
        let parts = [self.query.as_str(), &push.query];
        push.query = parts.iter().filter(|q| !q.is_empty()).copied().collect::<Vec<_>>().join("&");
        push
    }

    /// One call: status and body of the answer, whatever they are.
    async fn call(&self, push: &HttpCall) -> Option<(u16, Bytes)> {
        let port = if self.authority.rsplit(']').next()?.contains(':') { "" } else { ":80" };
        let stream = TcpStream::connect(format!("{}{port}", self.authority)).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        let path = if push.query.is_empty() { push.path.clone() } else { format!("{}?{}", push.path, push.query) };
        let mut request = hyper::Request::builder().method(push.method.as_str()).uri(path);
        if push.header("host").is_none() {
            request = request.header("host", &self.authority);
        }
        let request = push.headers.iter().fold(request, |r, (name, value)| r.header(name, value));
        let request = request.body(Full::new(Bytes::from(push.body.clone()))).ok()?;
        let answer = async {
            let (head, body) = sender.send_request(request).await.ok()?.into_parts();
            let body = Limited::new(body, ANSWER).collect().await.ok()?.to_bytes();
            Some((head.status.as_u16(), body))
        };
        tokio::pin!(answer, connection);
        tokio::select! {
            answer = &mut answer => answer,
            _ = &mut connection => answer.await,
        }
    }
}

impl Gateway {
    /// Pushes reports on what is taken while [`serve`](super::serve) serves it, and replies when told to. Call it before
    /// the gateway is cloned; under [`Record::Counts`](super::Record::Counts) there are no reports.
    ///
    /// # Errors
    /// [`PushError::NotOffered`] when an address is given for what the platform does not push.
    pub fn pushing(mut self, pushing: Pushing) -> Result<Self, PushError> {
        let (reports, replies) = pushing.wants();
        let sample = AcceptedMessage {
            number: 13_800_000_000,
            reference: "".into(),
            template: None,
            text: "".into(),
            at: Timestamp::EPOCH,
            request: 0,
            id: "0".into(),
        };
        let no_report = reports && self.report(&sample, "DELIVRD", Timestamp::EPOCH, "h").is_none();
        let no_reply = replies && self.reply(sample.number, "", ("", ""), Timestamp::EPOCH, "h").is_none();
        if no_report || no_reply {
            return Err(PushError::NotOffered);
        }
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.pushing = pushing;
        }
        Ok(self)
    }

    /// What was pushed so far.
    pub fn pushes_made(&self) -> Pushes {
        self.state().made
    }

    /// Pushes a report on a message to the address for reports; how many tries it took.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn push_report(&self, message: &AcceptedMessage, code: &str, now: Timestamp) -> Result<u32, PushError> {
        let to = self.shared.pushing.reports.as_ref().ok_or(PushError::NoAddress)?;
        let push = self.unsealed_report(message, code, now).ok_or(PushError::NotOffered)?;
        self.push(push, to, now).await
    }

    /// Pushes a person's reply to the address for replies; how many tries it took. Extension and signature may be empty.
    ///
    /// # Errors
    /// [`PushError`].
    pub async fn push_reply(
        &self,
        number: u64,
        text: &str,
        answered: (&str, &str),
        now: Timestamp,
    ) -> Result<u32, PushError> {
        let to = self.shared.pushing.replies.as_ref().ok_or(PushError::NoAddress)?;
        let push = self.unsealed_reply(number, text, answered, now).ok_or(PushError::NotOffered)?;
        self.push(push, to, now).await
    }

    /// The same bytes until they are answered as documented.
    async fn push(&self, push: HttpCall, to: &Target, now: Timestamp) -> Result<u32, PushError> {
        let platform = &self.shared.account.0;
        let push = platform.seal(to.address(push), &to.authority, now);
        let Pushing { tries, pause, .. } = self.shared.pushing;
        let (mut status, mut wait) = (None, pause);
        for nth in 1..=tries {
            if nth > 1 {
                tokio::time::sleep(wait.min(LONGEST)).await;
                wait = wait.saturating_mul(2);
            }
            self.state().made.calls += 1;
            let answer = tokio::time::timeout(PATIENCE, to.call(&push)).await.ok().flatten();
            if let Some((status, body)) = &answer
                && platform.is_received(&push, *status, body)
            {
                self.state().made.received += 1;
                return Ok(nth);
            }
            status = answer.map(|(status, _)| status);
        }
        self.state().made.given_up += 1;
        Err(PushError::GivenUp { tries, status })
    }

    /// Pushes a report on each message, from the first on, until it is dropped.
    pub(super) async fn push_reports(&self, clock: Arc<dyn Clock>) {
        let (mut from, mut under_way) = (0, JoinSet::new());
        loop {
            let fresh = match self.shared.pushing.reports {
                Some(_) => self.accepted_from(from, AT_A_TIME),
                None => Vec::new(),
            };
            if fresh.is_empty() {
                self.shared.taken.notified().await;
            }
            from += fresh.len();
            for message in fresh {
                if under_way.len() >= AT_A_TIME {
                    under_way.join_next().await;
                }
                let (gateway, now) = (self.clone(), clock.now());
                under_way.spawn(async move {
                    // Counted by the gateway.
                    let _ = gateway.push_report(&message, &gateway.shared.pushing.code, now).await;
                });
            }
            while under_way.try_join_next().is_some() {}
        }
    }
}
