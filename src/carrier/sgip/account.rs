//! An account at an SGIP gateway, as the session engine speaks for it. Source: sections 1, 4, 5 and 6.

use std::time::Duration;

use super::{Answer, Bind, Body, Number as Own, Password, Pdu, Service, TraceResp};
use crate::carrier::Protocol;
use crate::carrier::dialect::{
    self, Arrival, Dialect, Given, Heard, Letter, LoginFault, Number, Papers, TAKEN, busy, doubled, encoded, number_of,
    ours, person, sgip_number, variable,
};
use crate::carrier::login::Authenticator;
use crate::carrier::pdu::{FieldError, Octets};
use crate::carrier::split::Segment;
use crate::clock::Timestamp;
use crate::provider::Consequence;
use crate::provider::wire::{CodeRow, event_id};
use crate::secret::Secret;

/// An account at a China Unicom gateway. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Account {
    name: Octets<16>,
    password: Password,
    node: u32,
    access: String,
    service: Service,
}

impl Account {
    /// An account: login name and password towards the gateway, our node id ([`sp_node`](super::sp_node), unless the
    /// operator assigned one), enterprise code, service code, and the access number that every number of ours begins
    /// with. The gateway's own login towards us is the [listener](crate::carrier::listen)'s.
    ///
    /// # Errors
    /// [`FieldError`] when a value does not fit its field.
    pub fn new(
        login_name: &str,
        password: &Secret,
        node: u32,
        corp_id: &str,
        service_type: &str,
        access_number: &str,
    ) -> Result<Self, FieldError> {
        Octets::<21>::new(access_number)?;
        Ok(Self {
            name: Octets::new(login_name)?,
            password: Password::new(password)?,
            node,
            access: access_number.to_owned(),
            service: Service::new(corp_id, service_type)?,
        })
    }

    /// Reads `SGIP_LOGIN_NAME`, `SGIP_PASSWORD`, `SGIP_NODE`, `SGIP_CORP_ID`, `SGIP_SERVICE_TYPE` and
    /// `SGIP_ACCESS_NUMBER`.
    ///
    /// # Errors
    /// [`AccountError`](crate::carrier::link::AccountError) naming what is unset or does not fit.
    pub fn from_env() -> Result<Self, crate::carrier::link::AccountError> {
        let (name, password) = (variable("SGIP_LOGIN_NAME")?, Secret::from_env("SGIP_PASSWORD")?);
        let node = variable("SGIP_NODE")?.parse().map_err(|_| FieldError::Range { what: "node id" })?;
        let (corp, kind, access) =
            (variable("SGIP_CORP_ID")?, variable("SGIP_SERVICE_TYPE")?, variable("SGIP_ACCESS_NUMBER")?);
        Ok(Self::new(&name, &password, node, &corp, &kind, &access)?)
    }

    /// What every submit says alike: who pays, fees, priority.
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        self.service = service;
        self
    }
}

/// The answers to a submit. Everything else leaves the message in doubt: 21 and 25 to 28 belong to reports, 32 means two
/// things in two versions.
pub const CODES: &[CodeRow] = &[
    TAKEN,
    dialect::login("1", "Login name or password is wrong."),
    ours("5", "The gateway cannot read a field: check the account's codes with the operator."),
    person("6", Consequence::None, "The gateway does not serve this number: check its carrier."),
    ours("7", "The gateway refuses our number: check the node id."),
    ours("8", "The gateway reads another layout: ask the operator for the version."),
    doubled("9"),
    ours("10", "The account may not submit: ask the operator."),
    busy("11", "The node is busy: set the pace of the account to the agreed one."),
    ours("13", "The service code is not assigned: check the service."),
    ours("14", "The fee is wrong: check the service."),
    ours("17", "The gateway wants a LinkID: the account is not for marketing."),
    ours("18", "The gateway wants a subscription: the account is not for marketing."),
    ours("19", "One receiver a submit: set the receivers of the link to 1."),
    person("22", Consequence::None, "The gateway has no way to this number: check its carrier."),
    person("23", Consequence::None, "The gateway has no way to this number: check its carrier."),
    ours("24", "The number that pays is wrong: check the service."),
    person("29", Consequence::SuspendNumber, "The number does not exist."),
    ours("30", "The account has not what the message asks for: ask the operator."),
    person("31", Consequence::None, "The network refuses this phone."),
    busy("33", "Too fast, or its queue is full: set the pace of the account to the agreed one."),
    ours("38", "A rule of billing or subscription: ask the operator."),
    ours("39", "A rule of billing or subscription: ask the operator."),
    ours("40", "A rule of billing or subscription: ask the operator."),
    ours("43", "A rule of billing or subscription: ask the operator."),
    ours("44", "A rule of billing or subscription: ask the operator."),
    busy("88", "Too fast: set the pace of the account to the agreed one."),
    ours("95", "A rule of billing or subscription: ask the operator."),
];

impl Dialect for Account {
    fn protocol(&self) -> Protocol {
        Protocol::Sgip
    }

    fn name(&self) -> &'static str {
        "sgip"
    }

    fn access(&self) -> &str {
        &self.access
    }

    /// The gateway drops a link that is idle for a minute, and there is no heartbeat.
    fn keeps_open(&self) -> bool {
        false
    }

    fn refuses_whole(&self) -> bool {
        false
    }

    fn names_messages(&self) -> bool {
        true
    }

    fn codes(&self) -> &'static [CodeRow] {
        CODES
    }

    /// A gateway drops a link that is idle for a minute; a message has 2048 bytes, of which a full segment takes 140.
    fn papers(&self) -> Papers {
        Papers { heartbeat: Duration::from_secs(30), answer_within: Duration::from_secs(30), receivers: 84 }
    }

    fn login_fault(&self, status: u32) -> LoginFault {
        match status {
            1 | 4 => LoginFault::Lasting,
            34 => LoginFault::Later(Duration::from_secs(60)),
            _ => LoginFault::Passing,
        }
    }

    fn number(&self, counter: u32, now: Timestamp) -> Number {
        number_of(Own::at(self.node, now, counter))
    }

    fn login(&self, number: Number, _: Timestamp, _: bool, out: &mut Vec<u8>) -> Authenticator {
        let bind = Bind {
            login_type: 1,
            login_name: self.name,
            login_password: self.password.clone(),
            reserve: Octets::EMPTY,
        };
        Pdu { sequence: sgip_number(number), body: Body::Bind(bind) }.encode(out);
        Authenticator::EMPTY
    }

    fn proves(&self, _: &Authenticator, _: u32, _: &Authenticator) -> Option<bool> {
        None
    }

    fn submit(
        &self,
        number: Number,
        letter: &Letter,
        segment: &Segment,
        _: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), FieldError> {
        let submit = self.service.submit(letter.source, &letter.to, segment, letter.valid)?;
        Pdu { sequence: sgip_number(number), body: Body::Submit(submit) }.encode(out);
        Ok(())
    }

    fn heartbeat(&self, _: Number, _: &mut Vec<u8>) -> bool {
        false
    }

    fn end(&self, number: Number, out: &mut Vec<u8>) {
        Pdu { sequence: sgip_number(number), body: Body::Unbind }.encode(out);
    }

    fn hear(&self, pdu: &[u8], _: bool) -> Heard {
        // By the papers the receiver of a bad PDU closes the link.
        let Ok(Pdu { sequence, body }) = Pdu::decode(pdu) else { return Heard::Broken };
        match body {
            Body::BindResp(said) => {
                Heard::Login { status: said.result.into(), proof: Authenticator::EMPTY, low: false }
            }
            Body::SubmitResp(said) => {
                Heard::Answer { number: number_of(sequence), result: said.result.into(), given: Given::Own }
            }
            Body::Unbind => Heard::Ends { answer: answer(sequence, Body::UnbindResp) },
            Body::UnbindResp => Heard::Ended,
            Body::Unknown { .. } => Heard::Broken,
            // On the link that we opened too: seen.
            other => arrived(sequence, &other),
        }
    }
}

fn answer(sequence: Own, body: Body) -> Vec<u8> {
    encoded(|out| Pdu { sequence, body }.encode(out))
}

/// What the gateway tells, on either link, with the answer to give once it is stored. A request of the wrong direction is
/// answered as not allowed, a stray answer is dropped.
pub(crate) fn arrived(sequence: Own, body: &Body) -> Heard {
    let stored = Answer { result: 0, reserve: Octets::EMPTY };
    let not_allowed = Answer { result: 10, reserve: Octets::EMPTY };
    let (arrival, stored) = match body {
        Body::Deliver(deliver) => {
            let reply = deliver.user_number.phone().ok().map(|phone| Arrival::Reply {
                id: sequence.to_string(),
                phone,
                to: deliver.sp_number,
                coding: deliver.message_coding,
                content: deliver.content.as_bytes().to_vec(),
                flagged: deliver.tp_udhi == 1,
                at: None,
            });
            (reply, Body::DeliverResp(stored))
        }
        Body::Report(report) => (told(sequence, report), Body::ReportResp(stored)),
        Body::UserRpt(_) => (None, Body::UserRptResp(stored)),
        Body::Bind(_) => (None, Body::BindResp(not_allowed)),
        Body::Submit(_) => (None, Body::SubmitResp(not_allowed)),
        Body::Trace(_) => (None, Body::TraceResp(TraceResp::refused(not_allowed.result))),
        _ => return Heard::Other { answer: Vec::new() },
    };
    let answer = answer(sequence, stored);
    match arrival {
        Some(arrival) => Heard::Arrival { arrival, answer },
        None => Heard::Other { answer },
    }
}

/// `None` for what is not final, not on a submit of ours, or of no mainland mobile.
fn told(sequence: Own, report: &super::Report) -> Option<Arrival> {
    let phone = report.user_number.phone().ok()?;
    if report.report_type != 0 || report.state == 1 {
        return None;
    }
    // The bare number is what the table of codes is kept by; it finds the rows under `SGIP:…` too.
    let delivered = report.state == 0;
    let code = if delivered { "DELIVRD".to_owned() } else { report.error_code.to_string() };
    let id = report.submit_sequence.to_string();
    let event = event_id("report", &[&sequence.to_string(), &id, &code, &phone.national()]);
    Some(Arrival::Report { event, id, phone, code, delivered: Some(delivered), at: None })
}
