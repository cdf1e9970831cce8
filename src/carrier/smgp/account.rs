//! An account at an SMGP gateway, as the session engine speaks for it. Source: sections 1, 6, 8 and 9.

use std::time::Duration;

use super::{Answer, Body, DELIVER, Login, MsgId, Pdu, Report, Service, client_authenticator, tag};
use crate::carrier::Protocol;
use crate::carrier::dialect::{
    self, Arrival, Dialect, Given, Heard, Letter, LoginFault, Number, TAKEN, busy, content, doubled, encoded, moment,
    ours, person, sequence, variable,
};
use crate::carrier::login::{self, Authenticator, LoginTime, NameForm};
use crate::carrier::pdu::{FieldError, Octets, head};
use crate::carrier::split::Segment;
use crate::clock::Timestamp;
use crate::delivery::classify;
use crate::provider::wire::{Class, CodeRow, event_id, row};
use crate::provider::{Blame, Consequence, Outcome};
use crate::secret::Secret;

/// Which way a login is for. Some gateways want two links, one each; others only both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Replies and reports only.
    Receive,
    /// Messages only.
    Send,
    /// Both.
    Both,
}

/// An account at a China Telecom gateway. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Account {
    name: Octets<8>,
    secret: Secret,
    access: String,
    service: Service,
    mode: Mode,
    client_version: u8,
    name_form: NameForm,
}

impl Account {
    /// An account: client id, shared secret, service code, and the access number that every number of ours begins with.
    /// It logs in for both ways as version 3.0.
    ///
    /// # Errors
    /// [`FieldError`] when a code does not fit its field, or the secret is longer than the 15 bytes of the papers.
    pub fn new(client_id: &str, secret: Secret, service_id: &str, access_number: &str) -> Result<Self, FieldError> {
        Octets::<21>::new(access_number)?;
        if secret.expose().len() > 15 {
            return Err(FieldError::TooLong { bytes: secret.expose().len(), max: 15 });
        }
        Ok(Self {
            name: Octets::new(client_id)?,
            secret,
            access: access_number.to_owned(),
            service: Service::new(service_id)?,
            mode: Mode::Both,
            client_version: 0x30,
            name_form: NameForm::Bare,
        })
    }

    /// Reads `SMGP_CLIENT_ID`, `SMGP_SECRET`, `SMGP_SERVICE_ID` and `SMGP_ACCESS_NUMBER`.
    ///
    /// # Errors
    /// [`AccountError`](crate::carrier::link::AccountError) naming what is unset or does not fit.
    pub fn from_env() -> Result<Self, crate::carrier::link::AccountError> {
        let (id, secret) = (variable("SMGP_CLIENT_ID")?, Secret::from_env("SMGP_SECRET")?);
        Ok(Self::new(&id, secret, &variable("SMGP_SERVICE_ID")?, &variable("SMGP_ACCESS_NUMBER")?)?)
    }

    /// Which way the login is for.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The version byte of the login; 0x13 is seen.
    #[must_use]
    pub fn client_version(mut self, version: u8) -> Self {
        self.client_version = version;
        self
    }

    /// How a client id of fewer than eight characters stands in the login's hash; gateways differ.
    #[must_use]
    pub fn name_form(mut self, form: NameForm) -> Self {
        self.name_form = form;
        self
    }

    /// The number that pays for the messages, where that is neither the SP nor the receiver; see [`Service`].
    ///
    /// # Errors
    /// [`FieldError`] when it does not fit its field.
    pub fn fee_number(mut self, number: &str) -> Result<Self, FieldError> {
        self.service.charge_term_id = Octets::new(number)?;
        self.service.charge_user_type = Some(3);
        Ok(self)
    }

    /// What every submit says alike: fees, priority, product.
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        self.service = service;
        self
    }
}

/// What is asked for where the account's version is too high: 1.3, as in the papers' own example.
const LOWER_VERSION: u8 = 0x13;

const fn rests(code: &'static str, seconds: u64, remedy: &'static str) -> CodeRow {
    row(
        code,
        Class::Throttled,
        Outcome::Rejected(Blame::Account),
        Consequence::Rest(Duration::from_secs(seconds)),
        remedy,
    )
}

/// The answers to a submit. Everything else leaves the message in doubt.
pub const CODES: &[CodeRow] = &[
    TAKEN,
    busy("1", "The gateway is busy: set the pace of the account to the agreed one."),
    ours("10", "The gateway cannot read our submit: check the version with it."),
    ours("11", "The account may not submit: ask the operator."),
    doubled("12"),
    dialect::login("20", "The gateway does not know our address: tell it to the operator."),
    dialect::login("21", "Client id or secret is wrong."),
    dialect::login("22", "The version is too high: set the client version."),
    ours("30", "The message type is refused: ask the operator."),
    ours("31", "The priority is refused: set it in the service."),
    ours("32", "The fee type is refused: set it in the service."),
    ours("33", "The fee code is refused: set it in the service."),
    content("34", "The coding of the text is refused."),
    ours("35", "A time is refused: check this machine's clock."),
    content("36", "Shorten the text."),
    // In the last second before the window closes this is as it should be.
    rests(
        "37",
        60,
        "The validity had passed when it came: where that is not at the close of the window, check this machine's clock.",
    ),
    person("39", Consequence::None, "The gateway has no way to this number: check its carrier."),
    ours("40", "The fixed fee is refused: set it in the service."),
    ours("43", "The service code is refused: set it in the service."),
    ours("44", "The time of validity is refused: check this machine's clock."),
    ours("45", "The time of sending is refused: check this machine's clock."),
    ours("46", "The number we send from is not ours: check the access number."),
    person("47", Consequence::None, "The gateway does not serve this number: check its carrier."),
    ours("48", "The number that pays is refused: set it in the service."),
    ours("49", "The enterprise code is refused: check the service."),
    ours("73", "The product is refused: check MServiceID in the service."),
    rests("74", 900, "The gateway does not send at this hour: set the account's hours."),
    // From any hour of the sending window twelve hours lead past its end, and so to the next day's.
    rests("75", 12 * 3600, "The day's quota is used; it goes on the next day. Ask the operator for more."),
    dialect::login("76", "The account has expired: ask the operator."),
];

impl Dialect for Account {
    fn protocol(&self) -> Protocol {
        Protocol::Smgp
    }

    fn name(&self) -> &'static str {
        "smgp"
    }

    fn access(&self) -> &str {
        &self.access
    }

    fn keeps_open(&self) -> bool {
        true
    }

    fn refuses_whole(&self) -> bool {
        false
    }

    fn codes(&self) -> &'static [CodeRow] {
        CODES
    }

    fn login_fault(&self, status: u32) -> LoginFault {
        match status {
            22 if self.client_version > LOWER_VERSION => LoginFault::TooHigh,
            10 | 11 | 20..=22 | 76 => LoginFault::Lasting,
            _ => LoginFault::Passing,
        }
    }

    fn number(&self, counter: u32, _: Timestamp) -> Number {
        counter.into()
    }

    fn login(&self, number: Number, now: Timestamp, low: bool, out: &mut Vec<u8>) -> Authenticator {
        let timestamp = LoginTime::at(now);
        let proof = client_authenticator(&self.name, self.name_form, &self.secret, timestamp);
        let login = Login {
            client_id: self.name,
            authenticator_client: proof,
            login_mode: match self.mode {
                Mode::Send => 0,
                Mode::Receive => 1,
                Mode::Both => 2,
            },
            timestamp,
            client_version: if low { LOWER_VERSION } else { self.client_version },
        };
        Pdu { sequence: sequence(number), body: Body::Login(login) }.encode(out);
        proof
    }

    fn proves(&self, proof: &Authenticator, status: u32, sent: &Authenticator) -> Option<bool> {
        Some(login::server_proves(proof, status, sent, &self.secret).is_some())
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
        Pdu { sequence: sequence(number), body: Body::Submit(submit) }.encode(out);
        Ok(())
    }

    fn heartbeat(&self, number: Number, out: &mut Vec<u8>) -> bool {
        Pdu { sequence: sequence(number), body: Body::ActiveTest }.encode(out);
        true
    }

    fn end(&self, number: Number, out: &mut Vec<u8>) {
        Pdu { sequence: sequence(number), body: Body::Exit }.encode(out);
    }

    fn hear(&self, pdu: &[u8], _: bool) -> Heard {
        let Ok(Pdu { sequence, body }) = Pdu::decode(pdu) else {
            tracing::warn!(bytes = pdu.len(), "an unreadable SMGP PDU was skipped");
            return Heard::Other { answer: refusal(pdu) };
        };
        let answered = |body| encoded(|out| Pdu { sequence, body }.encode(out));
        match body {
            Body::ActiveTest => Heard::AreYouThere { answer: answered(Body::ActiveTestResp) },
            Body::ActiveTestResp => Heard::Alive,
            Body::LoginResp(said) => Heard::Login { status: said.status, proof: said.authenticator_server, low: false },
            Body::Deliver(deliver) => {
                let answer = answered(Body::DeliverResp(Answer { msg_id: deliver.msg_id, status: 0 }));
                match arrival(&deliver) {
                    Some(arrival) => Heard::Arrival { arrival, answer },
                    None => Heard::Other { answer },
                }
            }
            Body::SubmitResp(said) => {
                Heard::Answer { number: sequence.0.into(), result: said.status, given: Given::Smgp(said.msg_id) }
            }
            Body::Exit => Heard::Ends { answer: answered(Body::ExitResp) },
            Body::ExitResp => Heard::Ended,
            Body::DeliverResp(_)
            | Body::Login(_)
            | Body::Query(_)
            | Body::QueryResp(_)
            | Body::Submit(_)
            | Body::Unknown { .. } => Heard::Other { answer: Vec::new() },
        }
    }
}

/// The answer to a deliver that cannot be read: bad structure. The gateway may tell it again, and its operator sees why
/// not.
fn refusal(pdu: &[u8]) -> Vec<u8> {
    let Some((DELIVER, sequence)) = head(pdu) else { return Vec::new() };
    let msg_id = pdu.get(12..22).and_then(|id| id.try_into().ok()).map_or(MsgId::default(), MsgId);
    encoded(|out| Pdu { sequence, body: Body::DeliverResp(Answer { msg_id, status: 10 }) }.encode(out))
}

/// `None` for what says nothing final, or comes from no mainland mobile.
fn arrival(deliver: &super::Deliver) -> Option<Arrival> {
    let (outer, phone) = (deliver.msg_id.to_string(), deliver.src_term_id.phone().ok()?);
    if !deliver.is_report() {
        let received = String::from_utf8_lossy(deliver.recv_time.as_bytes()).into_owned();
        return Some(Arrival::Reply {
            id: outer,
            phone,
            to: deliver.dest_term_id,
            coding: deliver.msg_format,
            content: deliver.content.as_bytes().to_vec(),
            flagged: deliver.tlvs.byte(tag::TP_UDHI) == Some(1),
            at: received.get(2..14).and_then(|t| moment(t.as_bytes())),
        });
    }
    let report = Report::read(deliver.content.as_bytes()).ok()?;
    let (stat, err, id) = (report.stat.text().into_owned(), report.err.text(), report.id.to_string());
    if stat == "ACCEPTD" {
        return None;
    }
    let (delivered, code) = (dialect::delivered(&stat), code(stat, &err));
    let event = event_id("report", &[&outer, &id, &code, &phone.national(), &report.done_date.text()]);
    Some(Arrival::Report { event, id, phone, code, delivered, at: moment(report.done_date.as_bytes()) })
}

/// The code to look up for a status and the error beside it. 005 says black list by the papers. Other errors are the
/// centre's own: the table of codes keeps some with their status, some bare, and many by the status alone. The narrowest
/// that it lists stands, but a stop before anything else; of what it does not list, both are kept.
fn code(stat: String, err: &str) -> String {
    match err {
        "" | "000" => return stat,
        _ if stat == "DELIVRD" => return stat,
        "005" => return "BLACK".to_owned(),
        _ => {}
    }
    let both = format!("{stat}_{err}");
    let says = |code: &str| classify(code, Some("smgp"));
    let is_stop = |code: &&str| says(code).class.is_stop();
    let is_listed = |code: &&str| says(code).row.is_some_and(|row| !row.ends_with('*'));
    let readings = [&*both, err, &*stat];
    let found = readings.into_iter().find(is_stop).or_else(|| readings.into_iter().find(is_listed));
    found.unwrap_or(&both).to_owned()
}
