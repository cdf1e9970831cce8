//! A gateway on a socket: bare hyper, where a reset is a reset; or wiremock.

use super::{Call, Fault, Gateway, Reply};
use crate::clock::Clock;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long an answer that never comes is held.
const HOLD: Duration = Duration::from_secs(600);

/// Serves a gateway until the task is dropped, and pushes as [`Gateway::pushing`] says. Beside the platform's own paths:
///
/// - `GET /__gateway/totals` and `GET /__gateway/pushes` answer [`Gateway::totals`] and [`Gateway::pushes_made`] as JSON.
/// - `POST /__gateway/reply` with the form `number=…&text=…&extension=…&signature=…` (the last two may be left out) pushes
///   a reply, `POST /__gateway/report` with `number=…&code=…` a report on the last message to that number. Both answer
///   when the push is over: 200 and `{"tries":1}`, or 502 and `{"error":"…"}`.
///
/// # Errors
/// The listener's, when it can accept no more.
pub async fn serve(listener: TcpListener, gateway: Gateway, clock: Arc<dyn Clock>) -> std::io::Result<()> {
    tokio::select! {
        ended = accept(listener, &gateway, &clock) => ended,
        () = gateway.push_reports(clock.clone()) => Ok(()),
    }
}

async fn accept(listener: TcpListener, gateway: &Gateway, clock: &Arc<dyn Clock>) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, gateway.clone(), clock.clone()));
    }
}

type Answered = Pin<Box<dyn Future<Output = Result<hyper::Response<Payload>, Broken>> + Send>>;

/// The connection is to be reset.
#[derive(Debug, thiserror::Error)]
#[error("reset")]
struct Broken;

async fn connection(stream: TcpStream, gateway: Gateway, clock: Arc<dyn Clock>) {
    let reset = Arc::new(AtomicBool::new(false));
    let told = reset.clone();
    let service = hyper::service::service_fn(move |request| -> Answered {
        Box::pin(answer(request, gateway.clone(), clock.clone(), told.clone()))
    });
    let mut conn = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ = std::future::poll_fn(|cx| conn.poll_without_shutdown(cx)).await;
    let stream = conn.into_parts().io.into_inner();
    if reset.load(Ordering::Acquire) {
        // Closed with bytes thrown away: the peer sees RST, not an orderly end.
        let _ = stream.set_zero_linger();
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    gateway: Gateway,
    clock: Arc<dyn Clock>,
    reset: Arc<AtomicBool>,
) -> Result<hyper::Response<Payload>, Broken> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    if let Some(what) = head.uri.path().strip_prefix("/__gateway/") {
        return Ok(response(told(&gateway, what, &body, &*clock).await));
    }
    let reply = gateway.handle(
        &Call {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: head.headers.iter().filter_map(|(n, v)| Some((n.as_str(), v.to_str().ok()?))).collect(),
            body: &body,
        },
        clock.now(),
    );
    match reply.fault {
        Fault::Delay(by) => tokio::time::sleep(by).await,
        Fault::Hold => tokio::time::sleep(HOLD).await,
        Fault::Reset => {
            reset.store(true, Ordering::Release);
            return Err(Broken);
        }
        Fault::HalfBody | Fault::None => {}
    }
    Ok(response(reply))
}

/// What is asked of the gateway itself.
async fn told(gateway: &Gateway, what: &str, body: &[u8], clock: &dyn Clock) -> Reply {
    let form = std::str::from_utf8(body).ok().and_then(crate::provider::sign::form_pairs).unwrap_or_default();
    let field = |name: &str| form.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
    let number = super::number(field("number"));
    let no = |status, why: &str| Reply::json(status, serde_json::json!({ "error": why }).to_string());
    let pushed = match (what, number) {
        ("totals", _) => return Reply::json(200, serde_json::json!(gateway.totals()).to_string()),
        ("pushes", _) => return Reply::json(200, serde_json::json!(gateway.pushes_made()).to_string()),
        ("reply" | "report", None) => return no(400, "number is not a mobile number"),
        ("reply", Some(number)) => {
            let answered = (field("extension"), field("signature"));
            gateway.push_reply(number, field("text"), answered, clock.now()).await
        }
        ("report", Some(number)) => match gateway.messages_of(number).last() {
            Some(message) => gateway.push_report(message, field("code"), clock.now()).await,
            None => return no(404, "no message to that number was taken"),
        },
        _ => return no(404, "no such thing to ask"),
    };
    match pushed {
        Ok(tries) => Reply::json(200, serde_json::json!({ "tries": tries }).to_string()),
        Err(e) => no(502, &e.to_string()),
    }
}

fn response(reply: Reply) -> hyper::Response<Payload> {
    let mut response =
        hyper::Response::new(Payload { half: reply.fault == Fault::HalfBody, bytes: Some(reply.body.into()) });
    *response.status_mut() = hyper::StatusCode::from_u16(reply.status).unwrap_or(hyper::StatusCode::IM_A_TEAPOT);
    for (name, value) in reply.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// An answer's bytes; of a half one, the rest never comes although its length was told.
struct Payload {
    bytes: Option<Bytes>,
    half: bool,
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let half = self.half;
        Poll::Ready(match self.bytes.take() {
            Some(bytes) if half => Some(Ok(Frame::data(bytes.slice(..bytes.len() / 2)))),
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None if half => Some(Err(Broken)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.half
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |b| b.len() as u64))
    }
}

pub(super) async fn mount(gateway: Gateway, server: &wiremock::MockServer, clock: Arc<dyn Clock>) {
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(Mounted { gateway, clock }).mount(server).await;
}

struct Mounted {
    gateway: Gateway,
    clock: Arc<dyn Clock>,
}

impl wiremock::Respond for Mounted {
    fn respond(&self, request: &wiremock::Request) -> wiremock::ResponseTemplate {
        let reply = self.gateway.handle(
            &Call {
                method: request.method.as_str(),
                path: request.url.path(),
                query: request.url.query().unwrap_or_default(),
                headers: request.headers.iter().filter_map(|(n, v)| Some((n.as_str(), v.to_str().ok()?))).collect(),
                body: &request.body,
            },
            self.clock.now(),
        );
        let mut body = reply.body;
        if reply.fault == Fault::HalfBody {
            body.truncate(body.len() / 2);
        }
        let mut template = wiremock::ResponseTemplate::new(reply.status).set_body_bytes(body);
        for (name, value) in reply.headers {
            template = template.insert_header(name, value.as_str());
        }
        match reply.fault {
            Fault::Delay(by) => template.set_delay(by),
            Fault::Hold | Fault::Reset => template.set_delay(HOLD),
            Fault::HalfBody | Fault::None => template,
        }
    }
}
