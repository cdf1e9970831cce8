//! What the conformance suite drives: the carriers' codecs, by names and JSON.
//!
//! A PDU's fields have the names of the papers, as the vectors write them: texts as strings, contents, authenticators and
//! ids of SMGP in hexadecimal, ids of CMPP as `0x…`. Every function gives `None` for a protocol that this crate does not
//! have.

use crate::carrier::coding::Coding;
use crate::carrier::login::{self, Authenticator, LoginTime, NameForm};
use crate::carrier::pdu::{Content, Octets, Receivers, Sequence};
use crate::carrier::{Protocol, cmpp, sgip, smgp};
use crate::secret::Secret;
use serde_json::{Map, Value, json};

/// A PDU as it was read.
#[derive(Clone, Debug)]
pub struct SeenPdu {
    /// Its name, such as `submit_resp`.
    pub pdu: String,
    /// Its fields.
    pub fields: Map<String, Value>,
    /// The bytes that its value is written as.
    pub again: Vec<u8>,
}

/// The protocol of a name: `cmpp20`, `cmpp30`, `sgip12`, `smgp30`.
#[must_use]
pub fn carrier_protocol(name: &str) -> Option<Protocol> {
    match name {
        "cmpp20" => Some(Protocol::Cmpp(cmpp::Version::V20)),
        "cmpp30" => Some(Protocol::Cmpp(cmpp::Version::V30)),
        "sgip12" => Some(Protocol::Sgip),
        "smgp30" => Some(Protocol::Smgp),
        _ => None,
    }
}

/// Reads one PDU.
#[must_use]
pub fn carrier_decode(protocol: &str, bytes: &[u8]) -> Option<Result<SeenPdu, String>> {
    Some(
        match carrier_protocol(protocol)? {
            Protocol::Cmpp(version) => {
                cmpp::Pdu::decode(bytes, version).map(|pdu| seen(&cmpp_name(&pdu), |out| pdu.encode(out)))
            }
            Protocol::Sgip => sgip::Pdu::decode(bytes).map(|pdu| seen(&sgip_name(&pdu), |out| pdu.encode(out))),
            Protocol::Smgp => smgp::Pdu::decode(bytes).map(|pdu| seen(&smgp_name(&pdu), |out| pdu.encode(out))),
        }
        .map_err(|e| e.to_string()),
    )
}

fn seen(named: &(&str, Map<String, Value>), encode: impl FnOnce(&mut Vec<u8>)) -> SeenPdu {
    let mut again = Vec::new();
    encode(&mut again);
    SeenPdu { pdu: named.0.to_owned(), fields: named.1.clone(), again }
}

/// Writes the PDU of a name and fields.
#[must_use]
pub fn carrier_encode(protocol: &str, pdu: &str, fields: &Value) -> Option<Result<Vec<u8>, String>> {
    let mut out = Vec::new();
    let done = match carrier_protocol(protocol)? {
        Protocol::Cmpp(version) => cmpp_of(version, pdu, fields).map(|pdu| pdu.encode(&mut out)),
        Protocol::Sgip => sgip_of(pdu, fields).map(|pdu| pdu.encode(&mut out)),
        Protocol::Smgp => smgp_of(pdu, fields).map(|pdu| pdu.encode(&mut out)),
    };
    Some(done.map(|()| out))
}

/// The authenticator of a login or of its answer, from its fields and `shared_secret`: in every reading, the usual first.
#[must_use]
pub fn carrier_authenticators(protocol: &str, pdu: &str, fields: &Value) -> Option<Result<Vec<String>, String>> {
    let protocol = carrier_protocol(protocol)?;
    Some(authenticators(protocol, pdu, fields).map(|all| all.iter().map(|a| crate::id::hex(&a.0)).collect()))
}

fn authenticators(protocol: Protocol, pdu: &str, fields: &Value) -> Result<Vec<Authenticator>, String> {
    let secret = Secret::new(fields["shared_secret"].as_str().ok_or("no shared_secret")?);
    if pdu.ends_with("_resp") {
        let ours = if protocol == Protocol::Smgp { "authenticator_client" } else { "authenticator_source" };
        let (status, sent) = (plain(fields, "status")?, plain(fields, ours)?);
        let widths = match protocol {
            Protocol::Cmpp(cmpp::Version::V20) => [login::StatusWidth::One, login::StatusWidth::Four],
            _ => [login::StatusWidth::Four, login::StatusWidth::One],
        };
        return Ok(widths.map(|width| login::server(status, width, &sent, &secret)).to_vec());
    }
    let at = plain(fields, "timestamp")?;
    Ok(match protocol {
        Protocol::Smgp => {
            let account = plain(fields, "client_id")?;
            let sum = |form| smgp::client_authenticator(&account, form, &secret, at);
            vec![sum(NameForm::Bare), sum(NameForm::Padded)]
        }
        Protocol::Cmpp(_) | Protocol::Sgip => {
            let account = plain(fields, "source_addr")?;
            let sum = |form| cmpp::source_authenticator(&account, form, &secret, at);
            vec![sum(NameForm::Padded), sum(NameForm::Bare)]
        }
    })
}

/// Reads the body of a status report: its fields, and the bytes that they are written as. SGIP's reports are PDUs.
#[must_use]
pub fn carrier_report(protocol: &str, content: &[u8]) -> Option<Result<(Value, Vec<u8>), String>> {
    let mut again = Vec::new();
    Some(match carrier_protocol(protocol)? {
        Protocol::Cmpp(_) => cmpp::Report::read(content).map_err(|e| e.to_string()).and_then(|report| {
            report.write(&mut again);
            let detail = report.detail.ok_or("a body of no known length")?;
            let fields = json!({
                "msg_id": report.msg_id.json(),
                "stat": report.stat.json(),
                "submit_time": detail.submit_time.json(),
                "done_time": detail.done_time.json(),
                "dest_terminal_id": String::from_utf8_lossy(detail.dest_terminal_id.as_bytes()),
                "smsc_sequence": detail.smsc_sequence,
            });
            Ok((fields, again))
        }),
        Protocol::Sgip => return None,
        Protocol::Smgp => smgp::Report::read(content).map_err(|e| e.to_string()).map(|report| {
            report.write(&mut again);
            let fields = json!({
                "id": report.id.json(),
                "sub": report.sub.json(),
                "dlvrd": report.dlvrd.json(),
                "submit_date": report.submit_date.json(),
                "done_date": report.done_date.json(),
                "stat": report.stat.json(),
                "err": report.err.json(),
                "text": report.text.json(),
            });
            (fields, again)
        }),
    })
}

/// Writes the body of a status report as the papers of the protocol have it.
#[must_use]
pub fn carrier_report_body(protocol: &str, fields: &Value) -> Option<Result<Vec<u8>, String>> {
    let mut out = Vec::new();
    let done = match carrier_protocol(protocol)? {
        Protocol::Cmpp(version) => cmpp_report(version, fields).map(|report| report.write(&mut out)),
        Protocol::Sgip => return None,
        Protocol::Smgp => smgp_report(fields).map(|report| report.write(&mut out)),
    };
    Some(done.map(|()| out))
}

fn cmpp_report(version: cmpp::Version, fields: &Value) -> Result<cmpp::Report, String> {
    let dest_terminal_id = match version {
        cmpp::Version::V20 => cmpp::Terminal::Narrow(plain(fields, "dest_terminal_id")?),
        cmpp::Version::V30 => cmpp::Terminal::Wide(plain(fields, "dest_terminal_id")?),
    };
    let detail = cmpp::Detail {
        submit_time: plain(fields, "submit_time")?,
        done_time: plain(fields, "done_time")?,
        dest_terminal_id,
        smsc_sequence: plain(fields, "smsc_sequence")?,
    };
    let (msg_id, stat) = (plain(fields, "msg_id")?, plain(fields, "stat")?);
    Ok(cmpp::Report { msg_id, stat, detail: Some(detail), odd: Vec::new() })
}

fn smgp_report(fields: &Value) -> Result<smgp::Report, String> {
    Ok(smgp::Report {
        id: plain(fields, "id")?,
        id_form: smgp::IdForm::Raw,
        sub: plain(fields, "sub")?,
        dlvrd: plain(fields, "dlvrd")?,
        submit_date: plain(fields, "submit_date")?,
        done_date: plain(fields, "done_date")?,
        stat: plain(fields, "stat")?,
        err: plain(fields, "err")?,
        text: plain(fields, "text")?,
    })
}

/// A value of one field in the vectors' words.
trait Plain: Sized {
    fn json(&self) -> Value;
    fn of(value: &Value) -> Result<Self, String>;
}

/// The field of a name; `content` is named `content_hex`. A missing text is an empty one.
fn plain<T: Plain>(fields: &Value, name: &str) -> Result<T, String> {
    T::of(&fields[key(name)]).map_err(|e| format!("{name}: {e}"))
}

fn key(name: &str) -> &str {
    if name == "content" { "content_hex" } else { name }
}

macro_rules! number {
    ($($int:ty)*) => { $(
        impl Plain for $int {
            fn json(&self) -> Value {
                (*self).into()
            }

            fn of(value: &Value) -> Result<Self, String> {
                let number = value.as_u64().ok_or("no number")?;
                number.try_into().map_err(|_| "too large".to_owned())
            }
        }
    )* };
}
number!(u8 u32);

fn string(value: &Value) -> Result<&str, String> {
    match value {
        Value::Null => Ok(""),
        other => other.as_str().ok_or("no text".to_owned()),
    }
}

fn bytes(value: &Value) -> Result<Vec<u8>, String> {
    let hex = string(value)?;
    let pair = |at: usize| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (0..hex.len()).step_by(2).map(|at| pair(at).ok_or(format!("no hexadecimal at {at}"))).collect()
}

impl<const N: usize> Plain for Octets<N> {
    fn json(&self) -> Value {
        self.text().into()
    }

    fn of(value: &Value) -> Result<Self, String> {
        Self::new(string(value)?).map_err(|e| e.to_string())
    }
}

impl<const MAX: usize> Plain for Content<MAX> {
    fn json(&self) -> Value {
        crate::id::hex(self.as_bytes()).into()
    }

    fn of(value: &Value) -> Result<Self, String> {
        Self::new(bytes(value)?).map_err(|e| e.to_string())
    }
}

impl<const N: usize> Plain for Receivers<N> {
    fn json(&self) -> Value {
        self.as_slice().iter().map(Plain::json).collect()
    }

    fn of(value: &Value) -> Result<Self, String> {
        let all = value.as_array().ok_or("no list")?;
        let all = all.iter().map(Octets::of).collect::<Result<_, _>>()?;
        Self::new(all).map_err(|e| e.to_string())
    }
}

impl Plain for cmpp::MsgId {
    fn json(&self) -> Value {
        format!("{:#x}", self.0).into()
    }

    fn of(value: &Value) -> Result<Self, String> {
        let hex = string(value)?.strip_prefix("0x").ok_or("no 0x")?;
        u64::from_str_radix(hex, 16).map(Self).map_err(|e| e.to_string())
    }
}

impl Plain for smgp::MsgId {
    fn json(&self) -> Value {
        self.to_string().into()
    }

    fn of(value: &Value) -> Result<Self, String> {
        Self::from_hex(string(value)?.as_bytes()).ok_or("no twenty digits".to_owned())
    }
}

impl Plain for Authenticator {
    fn json(&self) -> Value {
        crate::id::hex(&self.0).into()
    }

    fn of(value: &Value) -> Result<Self, String> {
        bytes(value)?.try_into().map(Self).map_err(|_| "not sixteen bytes".to_owned())
    }
}

impl Plain for LoginTime {
    fn json(&self) -> Value {
        self.0.json()
    }

    fn of(value: &Value) -> Result<Self, String> {
        u32::of(value).map(Self)
    }
}

impl Plain for Sequence {
    fn json(&self) -> Value {
        self.0.json()
    }

    fn of(value: &Value) -> Result<Self, String> {
        u32::of(value).map(Self)
    }
}

impl Plain for Coding {
    fn json(&self) -> Value {
        self.byte().json()
    }

    fn of(value: &Value) -> Result<Self, String> {
        u8::of(value).map(Self::of)
    }
}

impl Plain for sgip::Number {
    fn json(&self) -> Value {
        json!([self.node, self.time, self.counter])
    }

    fn of(value: &Value) -> Result<Self, String> {
        let part = |at: usize| u32::of(&value[at]);
        Ok(Self { node: part(0)?, time: part(1)?, counter: part(2)? })
    }
}

impl Plain for sgip::Password {
    fn json(&self) -> Value {
        Octets::from_wire(self.wire()).json()
    }

    fn of(value: &Value) -> Result<Self, String> {
        Self::new(&Secret::new(string(value)?)).map_err(|e| e.to_string())
    }
}

impl Plain for smgp::Tlvs {
    fn json(&self) -> Value {
        let one = |tlv: &smgp::Tlv| json!({"tag": tlv.tag(), "value_hex": crate::id::hex(tlv.value())});
        self.as_slice().iter().map(one).collect()
    }

    fn of(value: &Value) -> Result<Self, String> {
        let mut tlvs = Self::default();
        for one in value.as_array().into_iter().flatten() {
            let tag = u32::of(&one["tag"])?.try_into().map_err(|_| "tag too large")?;
            if !tlvs.set(tag, &bytes(&one["value_hex"])?) {
                return Err("too many".to_owned());
            }
        }
        Ok(tlvs)
    }
}

/// The fields of one body, all of them or the build fails.
trait Record: Sized {
    fn put(&self, out: &mut Map<String, Value>);
    fn take(fields: &Value) -> Result<Self, String>;
}

macro_rules! put {
    ($from:expr, $out:expr; $($field:ident)*) => { $( $out.insert(key(stringify!($field)).to_owned(), $from.$field.json()); )* };
}

macro_rules! records {
    ($( $type:ty: $($field:ident)*; )*) => { $(
        impl Record for $type {
            fn put(&self, out: &mut Map<String, Value>) {
                put!(self, out; $($field)*);
            }

            fn take(fields: &Value) -> Result<Self, String> {
                Ok(Self { $( $field: plain(fields, stringify!($field))?, )* })
            }
        }
    )* };
}

records! {
    cmpp::Connect: source_addr authenticator_source version timestamp;
    cmpp::Query: time query_type query_code reserve;
    cmpp::QueryResp: time query_type query_code mt_tlmsg mt_tlusr mt_scs mt_wt mt_fl mo_scs mo_wt mo_fl reserve;
    sgip::Answer: result reserve;
    sgip::Bind: login_type login_name login_password reserve;
    sgip::Deliver: user_number sp_number tp_pid tp_udhi message_coding content reserve;
    sgip::Report: submit_sequence report_type user_number state error_code reserve;
    sgip::Submit: sp_number charge_number user_number corp_id service_type fee_type fee_value given_value agent_flag
        morelateto_mt_flag priority expire_time schedule_time report_flag tp_pid tp_udhi message_coding message_type
        content reserve;
    sgip::Trace: submit_sequence user_number reserve;
    sgip::TraceNode: result node_id receive_time send_time reserve;
    sgip::UserRpt: sp_number user_number user_condition reserve;
    smgp::Answer: msg_id status;
    smgp::Deliver: msg_id is_report msg_format recv_time src_term_id dest_term_id content reserve tlvs;
    smgp::Login: client_id authenticator_client login_mode timestamp client_version;
    smgp::LoginResp: status authenticator_server server_version;
    smgp::Query: query_time query_type query_code;
    smgp::QueryResp: query_time query_type query_code mt_tlmsg mt_tlusr mt_scs mt_wt mt_fl mo_scs mo_wt mo_fl reserve;
    smgp::Submit: msg_type need_report priority service_id fee_type fee_code fixed_fee msg_format valid_time at_time
        src_term_id charge_term_id dest_term_id content reserve tlvs;
}

impl Record for sgip::TraceResp {
    fn put(&self, out: &mut Map<String, Value>) {
        let node = |node: &sgip::TraceNode| {
            let mut fields = Map::new();
            node.put(&mut fields);
            Value::from(fields)
        };
        out.insert("nodes".into(), self.nodes().iter().map(node).collect());
    }

    fn take(fields: &Value) -> Result<Self, String> {
        let nodes = fields["nodes"].as_array().into_iter().flatten();
        let nodes = nodes.map(sgip::TraceNode::take).collect::<Result<_, _>>()?;
        Self::new(nodes).map_err(|e| e.to_string())
    }
}

/// The fields that the two versions share, then those of one.
fn put_submit(submit: &cmpp::Submit, out: &mut Map<String, Value>) {
    put!(submit, out; msg_id pk_total pk_number registered_delivery msg_level service_id fee_user_type tp_pid tp_udhi
        msg_fmt msg_src fee_type fee_code valid_time at_time src_id content);
    let more = match &submit.terminals {
        cmpp::Terminals::V20 { fee_terminal_id, dest_terminal_id, reserve } => json!({
            "fee_terminal_id": fee_terminal_id.json(),
            "dest_terminal_id": dest_terminal_id.json(),
            "reserve": reserve.json(),
        }),
        cmpp::Terminals::V30 { fee_terminal_id, fee_terminal_type, dest_terminal_id, dest_terminal_type, link_id } => {
            json!({
                "fee_terminal_id": fee_terminal_id.json(),
                "fee_terminal_type": fee_terminal_type,
                "dest_terminal_id": dest_terminal_id.json(),
                "dest_terminal_type": dest_terminal_type,
                "link_id": link_id.json(),
            })
        }
    };
    out.extend(more.as_object().cloned().unwrap_or_default());
}

fn take_submit(version: cmpp::Version, f: &Value) -> Result<cmpp::Submit, String> {
    let terminals = match version {
        cmpp::Version::V20 => cmpp::Terminals::V20 {
            fee_terminal_id: plain(f, "fee_terminal_id")?,
            dest_terminal_id: plain(f, "dest_terminal_id")?,
            reserve: plain(f, "reserve")?,
        },
        cmpp::Version::V30 => cmpp::Terminals::V30 {
            fee_terminal_id: plain(f, "fee_terminal_id")?,
            fee_terminal_type: plain(f, "fee_terminal_type")?,
            dest_terminal_id: plain(f, "dest_terminal_id")?,
            dest_terminal_type: plain(f, "dest_terminal_type")?,
            link_id: plain(f, "link_id")?,
        },
    };
    Ok(cmpp::Submit {
        msg_id: plain(f, "msg_id")?,
        pk_total: plain(f, "pk_total")?,
        pk_number: plain(f, "pk_number")?,
        registered_delivery: plain(f, "registered_delivery")?,
        msg_level: plain(f, "msg_level")?,
        service_id: plain(f, "service_id")?,
        fee_user_type: plain(f, "fee_user_type")?,
        tp_pid: plain(f, "tp_pid")?,
        tp_udhi: plain(f, "tp_udhi")?,
        msg_fmt: plain(f, "msg_fmt")?,
        msg_src: plain(f, "msg_src")?,
        fee_type: plain(f, "fee_type")?,
        fee_code: plain(f, "fee_code")?,
        valid_time: plain(f, "valid_time")?,
        at_time: plain(f, "at_time")?,
        src_id: plain(f, "src_id")?,
        terminals,
        content: plain(f, "content")?,
    })
}

fn put_deliver(deliver: &cmpp::Deliver, out: &mut Map<String, Value>) {
    put!(deliver, out; msg_id dest_id service_id tp_pid tp_udhi msg_fmt registered_delivery content);
    let more = match &deliver.origin {
        cmpp::Origin::V20 { src_terminal_id, reserve } => {
            json!({"src_terminal_id": src_terminal_id.json(), "reserve": reserve.json()})
        }
        cmpp::Origin::V30 { src_terminal_id, src_terminal_type, link_id } => json!({
            "src_terminal_id": src_terminal_id.json(),
            "src_terminal_type": src_terminal_type,
            "link_id": link_id.json(),
        }),
    };
    out.extend(more.as_object().cloned().unwrap_or_default());
}

fn take_deliver(version: cmpp::Version, f: &Value) -> Result<cmpp::Deliver, String> {
    let origin = match version {
        cmpp::Version::V20 => {
            cmpp::Origin::V20 { src_terminal_id: plain(f, "src_terminal_id")?, reserve: plain(f, "reserve")? }
        }
        cmpp::Version::V30 => cmpp::Origin::V30 {
            src_terminal_id: plain(f, "src_terminal_id")?,
            src_terminal_type: plain(f, "src_terminal_type")?,
            link_id: plain(f, "link_id")?,
        },
    };
    Ok(cmpp::Deliver {
        msg_id: plain(f, "msg_id")?,
        dest_id: plain(f, "dest_id")?,
        service_id: plain(f, "service_id")?,
        tp_pid: plain(f, "tp_pid")?,
        tp_udhi: plain(f, "tp_udhi")?,
        msg_fmt: plain(f, "msg_fmt")?,
        registered_delivery: plain(f, "registered_delivery")?,
        content: plain(f, "content")?,
        origin,
    })
}

fn code(version: cmpp::Version, fields: &Value, name: &str) -> Result<cmpp::ResultCode, String> {
    Ok(match version {
        cmpp::Version::V20 => cmpp::ResultCode::V20(plain(fields, name)?),
        cmpp::Version::V30 => cmpp::ResultCode::V30(plain(fields, name)?),
    })
}

fn cmpp_name(pdu: &cmpp::Pdu) -> (&'static str, Map<String, Value>) {
    use cmpp::Body;
    let mut out = Map::from_iter([("sequence_id".to_owned(), pdu.sequence.json())]);
    let mut put = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    let name = match &pdu.body {
        Body::ActiveTest => "active_test",
        Body::ActiveTestResp { reserved } => {
            put("reserved", reserved.json());
            "active_test_resp"
        }
        Body::Cancel { msg_id } => {
            put("msg_id", msg_id.json());
            "cancel"
        }
        Body::CancelResp { success_id } => {
            put("success_id", success_id.value().into());
            "cancel_resp"
        }
        Body::Connect(body) => {
            body.put(&mut out);
            "connect"
        }
        Body::ConnectResp(body) => {
            put("status", body.status.value().into());
            put("authenticator_ismg", body.authenticator_ismg.json());
            put("version", body.version.json());
            "connect_resp"
        }
        Body::Deliver(body) => {
            put_deliver(body, &mut out);
            "deliver"
        }
        Body::DeliverResp(body) | Body::SubmitResp(body) => {
            put("msg_id", body.msg_id.json());
            put("result", body.result.value().into());
            if matches!(pdu.body, Body::DeliverResp(_)) { "deliver_resp" } else { "submit_resp" }
        }
        Body::Query(body) => {
            body.put(&mut out);
            "query"
        }
        Body::QueryResp(body) => {
            body.put(&mut out);
            "query_resp"
        }
        Body::Submit(body) => {
            put_submit(body, &mut out);
            "submit"
        }
        Body::Terminate => "terminate",
        Body::TerminateResp => "terminate_resp",
        Body::Unknown { command, body } => {
            put("command", (*command).into());
            put("body_hex", crate::id::hex(body).into());
            "unknown"
        }
    };
    (name, out)
}

fn cmpp_of(version: cmpp::Version, name: &str, f: &Value) -> Result<cmpp::Pdu, String> {
    use cmpp::Body;
    let answer = || -> Result<cmpp::Answer, String> {
        Ok(cmpp::Answer { msg_id: plain(f, "msg_id")?, result: code(version, f, "result")? })
    };
    let body = match name {
        "active_test" => Body::ActiveTest,
        "active_test_resp" => Body::ActiveTestResp { reserved: plain(f, "reserved")? },
        "cancel" => Body::Cancel { msg_id: plain(f, "msg_id")? },
        "cancel_resp" => Body::CancelResp { success_id: code(version, f, "success_id")? },
        "connect" => Body::Connect(Record::take(f)?),
        "connect_resp" => Body::ConnectResp(cmpp::ConnectResp {
            status: code(version, f, "status")?,
            authenticator_ismg: plain(f, "authenticator_ismg")?,
            version: plain(f, "version")?,
        }),
        "deliver" => Body::Deliver(take_deliver(version, f)?),
        "deliver_resp" => Body::DeliverResp(answer()?),
        "query" => Body::Query(Record::take(f)?),
        "query_resp" => Body::QueryResp(Record::take(f)?),
        "submit" => Body::Submit(take_submit(version, f)?),
        "submit_resp" => Body::SubmitResp(answer()?),
        "terminate" => Body::Terminate,
        "terminate_resp" => Body::TerminateResp,
        other => return Err(format!("no such PDU: {other}")),
    };
    Ok(cmpp::Pdu { sequence: plain(f, "sequence_id")?, body })
}

/// The bodies of SGIP and SMGP: a name for each, and its fields where it has any.
macro_rules! bodies {
    ($protocol:ident, $sequence:literal, $name_of:ident, $of_name:ident;
     $( $name:literal $variant:ident )*; $( $bare_name:literal $bare:ident )*) => {
        fn $name_of(pdu: &$protocol::Pdu) -> (&'static str, Map<String, Value>) {
            let mut out = Map::from_iter([($sequence.to_owned(), pdu.sequence.json())]);
            let name = match &pdu.body {
                $( $protocol::Body::$variant(body) => {
                    body.put(&mut out);
                    $name
                } )*
                $( $protocol::Body::$bare => $bare_name, )*
                $protocol::Body::Unknown { command, body } => {
                    out.insert("command".into(), (*command).into());
                    out.insert("body_hex".into(), crate::id::hex(body).into());
                    "unknown"
                }
            };
            (name, out)
        }

        fn $of_name(name: &str, fields: &Value) -> Result<$protocol::Pdu, String> {
            let body = match name {
                $( $name => $protocol::Body::$variant(Record::take(fields)?), )*
                $( $bare_name => $protocol::Body::$bare, )*
                other => return Err(format!("no such PDU: {other}")),
            };
            Ok($protocol::Pdu { sequence: plain(fields, $sequence)?, body })
        }
    };
}

bodies! { sgip, "sequence", sgip_name, sgip_of;
    "bind" Bind "bind_resp" BindResp "deliver" Deliver "deliver_resp" DeliverResp "report" Report
    "report_resp" ReportResp "submit" Submit "submit_resp" SubmitResp "trace" Trace "trace_resp" TraceResp
    "user_rpt" UserRpt "user_rpt_resp" UserRptResp;
    "unbind" Unbind "unbind_resp" UnbindResp
}

bodies! { smgp, "sequence_id", smgp_name, smgp_of;
    "deliver" Deliver "deliver_resp" DeliverResp "login" Login "login_resp" LoginResp "query" Query
    "query_resp" QueryResp "submit" Submit "submit_resp" SubmitResp;
    "active_test" ActiveTest "active_test_resp" ActiveTestResp "exit" Exit "exit_resp" ExitResp
}
