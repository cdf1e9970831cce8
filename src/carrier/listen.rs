//! SGIP's other direction: replies and reports come over connections that the gateway opens to us.
//!
//! Source: SGIP sections 1, 6 and 7. A connection is served when its address is on the list and it logs in with the name and
//! password that we gave the operator; what comes over it is the [`Link`]'s, and acknowledged as there.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};

use super::Protocol;
use super::dialect::{Heard, encoded};
use super::frame::Framer;
use super::link::{Link, Shared};
use super::pdu::{FieldError, Octets};
use super::session::Backlog;
use super::sgip::{Answer, Body, Number, Pdu, arrived, head};
use crate::provider::Network;
use crate::secret::Secret;

/// Connections that have not logged in, beside those that may; one more is dropped at once.
const UNBOUND: usize = 16;

/// Who may connect, and what for.
#[derive(Clone)]
pub struct ListenSettings {
    name: Octets<16>,
    password: Secret,
    sources: Vec<Network>,
    connections: usize,
    idle: Duration,
    login_within: Duration,
}

impl ListenSettings {
    /// The login that we gave the operator: its name and password for connections to us. Any address may connect, eight
    /// connections at a time, each dropped after ten idle minutes.
    ///
    /// # Errors
    /// [`FieldError`] when a value does not fit its field.
    pub fn new(login_name: &str, password: Secret) -> Result<Self, FieldError> {
        super::sgip::Password::new(&password)?;
        Ok(Self {
            name: Octets::new(login_name)?,
            password,
            sources: Vec::new(),
            connections: 8,
            idle: Duration::from_secs(600),
            login_within: Duration::from_secs(10),
        })
    }

    /// Addresses that may connect; the operator tells them.
    #[must_use]
    pub fn sources(mut self, sources: impl IntoIterator<Item = Network>) -> Self {
        self.sources = sources.into_iter().collect();
        self
    }

    /// Connections that are logged in at a time; more are refused with result 3.
    #[must_use]
    pub fn connections(mut self, n: usize) -> Self {
        self.connections = n.max(1);
        self
    }

    /// A connection without a byte for so long is ended.
    #[must_use]
    pub fn idle(mut self, after: Duration) -> Self {
        self.idle = after;
        self
    }

    fn admits(&self, peer: IpAddr) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|network| network.contains(peer))
    }
}

impl fmt::Debug for ListenSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListenSettings({} sources, {} connections)", self.sources.len(), self.connections)
    }
}

/// Serves the gateway's connections until it is dropped.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens at an address for the gateway of `link`, whose stream of [arrivals](Link::arrived) it feeds.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn bind(at: SocketAddr, settings: ListenSettings, link: &Link) -> io::Result<Self> {
        let listener = TcpListener::bind(at).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(serve(listener, Arc::new(settings), Arc::clone(link.shared())));
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, settings: Arc<ListenSettings>, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(settings.connections));
    let mut open = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of descriptors, mostly: there will be some again.
            shared.clock.sleep(Duration::from_millis(100)).await;
            continue;
        };
        if !settings.admits(peer.ip()) {
            tracing::warn!("an address that is not on the list connected to the SGIP listener");
            continue;
        }
        while open.try_join_next().is_some() {}
        if open.len() >= settings.connections + UNBOUND {
            tracing::warn!("a connection to the SGIP listener was dropped: too many are open");
            continue;
        }
        let (settings, shared, places) = (Arc::clone(&settings), Arc::clone(&shared), Arc::clone(&places));
        open.spawn(async move {
            if let Err(error) = connection(stream, &settings, &shared, places).await {
                tracing::debug!(%error, "a connection of the SGIP gateway ended");
            }
        });
    }
}

/// What follows from a PDU.
enum Then {
    /// Go on.
    On,
    /// Write what is to be written, then end.
    End,
}

struct Conversation<'a> {
    settings: &'a ListenSettings,
    shared: &'a Shared,
    backlog: Arc<Backlog>,
    places: Arc<Semaphore>,
    /// Held once it is logged in.
    place: Option<OwnedSemaphorePermit>,
    out: Vec<u8>,
}

async fn connection(
    mut stream: TcpStream,
    settings: &ListenSettings,
    shared: &Shared,
    places: Arc<Semaphore>,
) -> io::Result<()> {
    let wake = Arc::new(Notify::new());
    let backlog = Arc::new(Backlog::new(Arc::clone(&wake)));
    let mut talk = Conversation { settings, shared, backlog, places, place: None, out: Vec::new() };
    let mut framer = Framer::new(Protocol::Sgip);
    let mut buffer = vec![0; 16 << 10];
    let mut until = shared.clock.mono() + settings.login_within;
    loop {
        talk.backlog.take(&mut talk.out);
        if !talk.out.is_empty() {
            talk.write(&mut stream).await?;
        }
        let read = {
            let sleep = shared.clock.sleep(until.saturating_sub(shared.clock.mono()));
            let (read, woken) = (std::pin::pin!(stream.read(&mut buffer)), std::pin::pin!(wake.notified()));
            let either = futures_util::future::select(futures_util::future::select(read, woken), sleep).await;
            match either {
                futures_util::future::Either::Left((futures_util::future::Either::Left((n, _)), _)) => Some(n?),
                futures_util::future::Either::Left((futures_util::future::Either::Right(_), _)) => None,
                futures_util::future::Either::Right(_) => return Ok(()),
            }
        };
        let Some(n) = read else { continue };
        let mut input = &buffer[..n];
        if input.is_empty() {
            return Ok(());
        }
        let mut then = Then::On;
        while let (Then::On, Some(pdu)) =
            (&then, framer.next(&mut input).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?)
        {
            then = talk.take(pdu);
        }
        if let Then::End = then {
            talk.write(&mut stream).await?;
            return stream.shutdown().await;
        }
        if talk.place.is_some() {
            until = shared.clock.mono() + settings.idle;
        }
    }
}

impl Conversation<'_> {
    async fn write(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let sleep = self.shared.clock.sleep(self.settings.login_within);
        let written = std::pin::pin!(stream.write_all(&self.out));
        match futures_util::future::select(written, sleep).await {
            futures_util::future::Either::Left((written, _)) => written?,
            futures_util::future::Either::Right(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
        self.out.clear();
        Ok(())
    }

    fn answer(&mut self, sequence: Number, body: Body) {
        self.out.extend_from_slice(&encoded(|out| Pdu { sequence, body }.encode(out)));
    }

    fn take(&mut self, bytes: &[u8]) -> Then {
        let Ok(pdu) = Pdu::decode(bytes) else {
            // By the papers a bad PDU ends the connection; it was not acknowledged, so it comes again.
            tracing::warn!(command = head(bytes).map(|h| h.0), "an unreadable SGIP PDU ended a connection");
            return Then::End;
        };
        let sequence = pdu.sequence;
        let result = |result| Answer { result, reserve: Octets::EMPTY };
        match (&pdu.body, self.place.is_some()) {
            (Body::Bind(bind), false) => {
                let known = (bind.login_name == self.settings.name) & bind.login_password.is(&self.settings.password);
                if bind.login_type == 2 && known {
                    self.place = Arc::clone(&self.places).try_acquire_owned().ok();
                }
                let code = match bind.login_type {
                    2 if !known => 1,
                    2 if self.place.is_none() => 3,
                    2 => 0,
                    _ => 4,
                };
                self.answer(sequence, Body::BindResp(result(code)));
                if code == 0 { Then::On } else { Then::End }
            }
            (Body::Bind(_), true) => {
                self.answer(sequence, Body::BindResp(result(2)));
                Then::On
            }
            (Body::Unbind, _) => {
                self.answer(sequence, Body::UnbindResp);
                Then::End
            }
            (_, false) => Then::End,
            (body, true) => match arrived(sequence, body) {
                Heard::Arrival { arrival, answer } => {
                    self.shared.arrived(arrival, answer, &self.backlog);
                    Then::On
                }
                Heard::Other { answer } => {
                    self.out.extend_from_slice(&answer);
                    if matches!(body, Body::Unknown { .. }) { Then::End } else { Then::On }
                }
                _ => Then::On,
            },
        }
    }
}
