//! An account at a CMPP gateway, as the session engine speaks for it. Source: sections 1, 6, 7, 10 and 11.

use super::{
    Answer, Body, Connect, DELIVER, MsgId, Pdu, Report, ResultCode, Service, Terminal, Version, source_authenticator,
};
use crate::carrier::Protocol;
use crate::carrier::dialect::{
    self, Arrival, Dialect, Given, Heard, Letter, LoginFault, Number, TAKEN, busy, content, doubled, encoded, moment,
    ours, person, sequence, variable,
};
use crate::carrier::login::{self, Authenticator, LoginTime, NameForm};
use crate::carrier::pdu::{FieldError, Octets, head};
use crate::carrier::split::Segment;
use crate::clock::Timestamp;
use crate::phone::Phone;
use crate::provider::Consequence;
use crate::provider::wire::{CodeRow, event_id};
use crate::secret::Secret;

/// An account at a China Mobile gateway. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Account {
    /// The enterprise code (SP_Id), mostly six digits.
    name: Octets<6>,
    secret: Secret,
    access: String,
    service: Service,
    version: Version,
    version_byte: Option<u8>,
    name_form: NameForm,
    lower_allowed: bool,
}

impl Account {
    /// An account: SP_Id, shared secret, service code, and the access number that every number of ours begins with. It
    /// speaks 3.0, and goes down to 2.0 where the gateway asks for it.
    ///
    /// # Errors
    /// [`FieldError`] when a code does not fit its field.
    pub fn new(sp_id: &str, secret: Secret, service_id: &str, access_number: &str) -> Result<Self, FieldError> {
        Octets::<21>::new(access_number)?;
        Ok(Self {
            name: Octets::new(sp_id)?,
            secret,
            access: access_number.to_owned(),
            service: Service::new(sp_id, service_id)?,
            version: Version::V30,
            version_byte: None,
            name_form: NameForm::Padded,
            lower_allowed: true,
        })
    }

    /// Reads `CMPP_SP_ID`, `CMPP_SECRET`, `CMPP_SERVICE_ID` and `CMPP_ACCESS_NUMBER`.
    ///
    /// # Errors
    /// [`AccountError`](crate::carrier::link::AccountError) naming what is unset or does not fit.
    pub fn from_env() -> Result<Self, crate::carrier::link::AccountError> {
        let (id, secret) = (variable("CMPP_SP_ID")?, Secret::from_env("CMPP_SECRET")?);
        Ok(Self::new(&id, secret, &variable("CMPP_SERVICE_ID")?, &variable("CMPP_ACCESS_NUMBER")?)?)
    }

    /// Speaks 2.0 only, or 3.0 first.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The version byte of the login, where the gateway wants another than the version's own: 0x21, or 0 on a link for
    /// messages and 1 on a link for replies at an older family. The layout is that of [`version`](Self::version).
    #[must_use]
    pub fn version_byte(mut self, byte: u8) -> Self {
        self.version_byte = Some(byte);
        self
    }

    /// The number that pays for the messages, where that is neither the SP nor the receiver; see [`Service`].
    ///
    /// # Errors
    /// [`FieldError`] when it does not fit its field.
    pub fn fee_number(mut self, number: &str) -> Result<Self, FieldError> {
        self.service.fee_terminal_id = Octets::new(number)?;
        self.service.fee_user_type = 3;
        Ok(self)
    }

    /// Whether a login that is refused as "version too high" is tried once with 2.0; yes unless told otherwise.
    #[must_use]
    pub fn lower_version(mut self, allowed: bool) -> Self {
        self.lower_allowed = allowed;
        self
    }

    /// How an SP_Id of fewer than six characters stands in the login's hash; gateways differ.
    #[must_use]
    pub fn name_form(mut self, form: NameForm) -> Self {
        self.name_form = form;
        self
    }

    /// What every submit says alike: fees and level.
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        self.service = service;
        self
    }

    const fn speaks(&self, low: bool) -> Version {
        if low { Version::V20 } else { self.version }
    }
}

/// The answers to a submit. Everything else leaves the message in doubt.
pub const CODES: &[CodeRow] = &[
    TAKEN,
    ours("1", "The gateway cannot read our submit: check the version with it."),
    ours("2", "The account may not submit: ask the operator."),
    doubled("3"),
    ours("4", "The gateway reads another layout: check the version with it."),
    ours("5", "The fee code is not the agreed one: set it in the service."),
    content("6", "Shorten the text."),
    ours("7", "The service code is not the agreed one: set it in the service."),
    busy("8", "Too fast: set the pace of the account to the agreed one."),
    ours("9", "The fee number is not served: ask the operator who pays."),
    ours("10", "The number we send from is not ours: check the access number."),
    dialect::login("11", "The enterprise code is wrong: check SP_Id."),
    ours("12", "The fee number is wrong: set it in the service."),
    person("13", Consequence::None, "The gateway does not serve this number: check its carrier."),
];

impl Dialect for Account {
    fn protocol(&self) -> Protocol {
        Protocol::Cmpp(self.version)
    }

    fn name(&self) -> &'static str {
        "cmpp"
    }

    fn access(&self) -> &str {
        &self.access
    }

    fn keeps_open(&self) -> bool {
        true
    }

    fn refuses_whole(&self) -> bool {
        true
    }

    fn codes(&self) -> &'static [CodeRow] {
        CODES
    }

    fn login_fault(&self, status: u32) -> LoginFault {
        match status {
            1..=3 => LoginFault::Lasting,
            4 if self.lower_allowed && self.version > Version::V20 => LoginFault::TooHigh,
            4 => LoginFault::Lasting,
            _ => LoginFault::Passing,
        }
    }

    fn number(&self, counter: u32, _: Timestamp) -> Number {
        counter.into()
    }

    fn login(&self, number: Number, now: Timestamp, low: bool, out: &mut Vec<u8>) -> Authenticator {
        let timestamp = LoginTime::at(now);
        let proof = source_authenticator(&self.name, self.name_form, &self.secret, timestamp);
        let version = self.version_byte.filter(|_| !low).unwrap_or(self.speaks(low).byte());
        let connect = Connect { source_addr: self.name, authenticator_source: proof, version, timestamp };
        Pdu { sequence: sequence(number), body: Body::Connect(connect) }.encode(out);
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
        low: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), FieldError> {
        let submit = self.service.submit(self.speaks(low), letter.source, &letter.to, segment, letter.valid)?;
        Pdu { sequence: sequence(number), body: Body::Submit(submit) }.encode(out);
        Ok(())
    }

    fn heartbeat(&self, number: Number, out: &mut Vec<u8>) -> bool {
        Pdu { sequence: sequence(number), body: Body::ActiveTest }.encode(out);
        true
    }

    fn end(&self, number: Number, out: &mut Vec<u8>) {
        Pdu { sequence: sequence(number), body: Body::Terminate }.encode(out);
    }

    fn hear(&self, pdu: &[u8], low: bool) -> Heard {
        let version = self.speaks(low);
        let Ok(Pdu { sequence, body }) = Pdu::decode(pdu, version) else {
            tracing::warn!(bytes = pdu.len(), "an unreadable CMPP PDU was skipped");
            return Heard::Other { answer: refusal(pdu, version) };
        };
        let answered = |body| encoded(|out| Pdu { sequence, body }.encode(out));
        match body {
            Body::ActiveTest => Heard::AreYouThere { answer: answered(Body::ActiveTestResp { reserved: 0 }) },
            Body::ActiveTestResp { .. } => Heard::Alive,
            Body::ConnectResp(said) => Heard::Login {
                status: said.status.value(),
                proof: said.authenticator_ismg,
                // A gateway of 2.0 answers in its own width, whatever it was asked.
                low: said.status.version() == Version::V20,
            },
            Body::Deliver(deliver) => {
                let result = ResultCode::new(version, 0);
                let answer = answered(Body::DeliverResp(Answer { msg_id: deliver.msg_id, result }));
                match arrival(&deliver) {
                    Some(arrival) => Heard::Arrival { arrival, answer },
                    None => Heard::Other { answer },
                }
            }
            Body::SubmitResp(said) => Heard::Answer {
                number: sequence.0.into(),
                result: said.result.value(),
                given: Given::Cmpp(said.msg_id),
            },
            Body::Terminate => Heard::Ends { answer: answered(Body::TerminateResp) },
            Body::TerminateResp => Heard::Ended,
            Body::Cancel { .. }
            | Body::CancelResp { .. }
            | Body::Connect(_)
            | Body::DeliverResp(_)
            | Body::Query(_)
            | Body::QueryResp(_)
            | Body::Submit(_)
            | Body::Unknown { .. } => Heard::Other { answer: Vec::new() },
        }
    }
}

/// The answer to a deliver that cannot be read: bad structure. The gateway may tell it again, and its operator sees why
/// not.
fn refusal(pdu: &[u8], version: Version) -> Vec<u8> {
    let Some((DELIVER, sequence)) = head(pdu) else { return Vec::new() };
    let msg_id = pdu.get(12..20).and_then(|id| id.try_into().ok()).map_or(MsgId(0), |id| MsgId(u64::from_be_bytes(id)));
    let answer = Answer { msg_id, result: ResultCode::new(version, 1) };
    encoded(|out| Pdu { sequence, body: Body::DeliverResp(answer) }.encode(out))
}

/// `None` for what says nothing final, or comes from no mainland mobile.
fn arrival(deliver: &super::Deliver) -> Option<Arrival> {
    let outer = deliver.msg_id.to_string();
    if !deliver.is_report() {
        let (phone, content) = (deliver.origin.phone().ok()?, deliver.content.as_bytes().to_vec());
        let (to, coding, flagged) = (deliver.dest_id, deliver.msg_fmt, deliver.tp_udhi == 1);
        return Some(Arrival::Reply { id: outer, phone, to, coding, content, flagged, at: None });
    }
    let report = Report::read(deliver.content.as_bytes()).ok()?;
    let (code, id) = (report.stat.text().into_owned(), report.msg_id.to_string());
    // The gateway should keep it to itself; it is not the end.
    if code == "ACCEPTD" {
        return None;
    }
    let named = report.detail.as_ref().and_then(|d| Phone::parse(&terminal(&d.dest_terminal_id)).ok());
    let phone = named.or_else(|| deliver.origin.phone().ok())?;
    let done = report.detail.as_ref().map(|d| d.done_time);
    let event = event_id("report", &[&outer, &id, &code, &phone.national(), &done.unwrap_or_default().text()]);
    let (delivered, at) = (dialect::delivered(&code), done.and_then(|d| moment(d.as_bytes())));
    Some(Arrival::Report { event, id, phone, code, delivered, at })
}

fn terminal(field: &Terminal) -> String {
    String::from_utf8_lossy(field.as_bytes()).into_owned()
}
