//! What the three dialects make of a gateway's PDUs, and say to it.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Notify, mpsc};

use super::coding::{Coding, Reference};
use super::dialect::{Arrival, Dialect, Given, Heard, Letter, LoginFault};
use super::job::{Job, Queued};
use super::link::{Dial, Link, LinkSettings};
use super::pdu::{FieldError, Octets, Receivers, Sequence};
use super::session::{Backlog, Stream};
use super::session_tests::{sgip_account, sgip_pdu};
use super::split::{Segment, split};
use super::{CarrierAccount, cmpp, sgip, smgp};
use crate::clock::{Clock, Timestamp};
use crate::delivery::classify;
use crate::phone::Phone;
use crate::provider::{Blame, Consequence, Outcome, Provider};
use crate::secret::Secret;
use crate::testing::ManualClock;

const NUMBER: sgip::Number = sgip::Number { node: 1, time: 2, counter: 3 };

fn phone() -> Phone {
    Phone::from_u64(13_800_000_000).unwrap()
}

fn now() -> Timestamp {
    "2026-12-11T10:00:00+08:00".parse().unwrap()
}

fn cmpp() -> cmpp::Account {
    cmpp::Account::new("901234", Secret::new("shared01"), "MKT", "10690001").unwrap()
}

fn sgip() -> sgip::Account {
    let CarrierAccount::Sgip(account) = sgip_account() else { panic!() };
    account
}

fn smgp() -> smgp::Account {
    smgp::Account::new("901234", Secret::new("shared01"), "MKT", "10690001").unwrap()
}

fn cmpp_bytes(body: cmpp::Body) -> Vec<u8> {
    super::dialect::encoded(|out| cmpp::Pdu { sequence: Sequence(7), body }.encode(out))
}

fn smgp_bytes(body: smgp::Body) -> Vec<u8> {
    super::dialect::encoded(|out| smgp::Pdu { sequence: Sequence(7), body }.encode(out))
}

fn sgip_bytes(body: sgip::Body) -> Vec<u8> {
    super::dialect::encoded(|out| sgip::Pdu { sequence: NUMBER, body }.encode(out))
}

/// The code of a report, and whether it says delivered; `None` when it is no news.
fn told(heard: Heard) -> Option<(String, Option<bool>)> {
    match heard {
        Heard::Arrival { arrival: Arrival::Report { code, delivered, .. }, .. } => Some((code, delivered)),
        _ => None,
    }
}

fn smgp_told(stat: &str, err: &str) -> Option<(String, Option<bool>)> {
    let report = smgp::Report {
        id: smgp::MsgId([1; 10]),
        id_form: smgp::IdForm::Raw,
        sub: Octets::new("001").unwrap(),
        dlvrd: Octets::new("001").unwrap(),
        submit_date: Octets::new("2612111000").unwrap(),
        done_date: Octets::new("2612111001").unwrap(),
        stat: Octets::new(stat).unwrap(),
        err: Octets::new(err).unwrap(),
        text: Octets::EMPTY,
    };
    let mut content = Vec::new();
    report.write(&mut content);
    told(smgp().hear(&smgp_bytes(smgp::Body::Deliver(smgp_deliver(content))), false))
}

fn smgp_deliver(content: Vec<u8>) -> smgp::Deliver {
    smgp::Deliver {
        msg_id: smgp::MsgId([9; 10]),
        is_report: 1,
        msg_format: Coding::ASCII,
        recv_time: Octets::EMPTY,
        src_term_id: Octets::national(phone()),
        dest_term_id: Octets::new("10690001").unwrap(),
        content: smgp::Content::new(content).unwrap(),
        reserve: Octets::EMPTY,
        tlvs: smgp::Tlvs::default(),
    }
}

fn cmpp_deliver(stat: &str) -> cmpp::Deliver {
    let report =
        cmpp::Report { msg_id: cmpp::MsgId(5), stat: Octets::new(stat).unwrap(), detail: None, odd: Vec::new() };
    let mut content = Vec::new();
    report.write(&mut content);
    cmpp::Deliver {
        msg_id: cmpp::MsgId(0x0102_0304_0506_0708),
        dest_id: Octets::new("10690001").unwrap(),
        service_id: Octets::EMPTY,
        tp_pid: 0,
        tp_udhi: 0,
        msg_fmt: Coding::ASCII,
        registered_delivery: 1,
        content: cmpp::Content::new(content).unwrap(),
        origin: cmpp::Origin::V30 {
            src_terminal_id: Octets::national(phone()),
            src_terminal_type: 0,
            link_id: Octets::EMPTY,
        },
    }
}

#[test]
fn every_listed_error_of_sgip_is_found_from_the_byte_of_its_report() {
    let mut rows = 0;
    for line in include_str!("../../data/delivery_codes.csv").lines() {
        let mut cells = line.split(',');
        let (code, route) = (cells.next().unwrap(), cells.next().unwrap_or_default());
        let number = code.strip_prefix("SGIP:").unwrap_or(code);
        if !route.starts_with("China Unicom") || number.parse::<u8>().is_err() {
            continue;
        }
        let report = sgip::Report {
            submit_sequence: NUMBER,
            report_type: 0,
            user_number: sgip::user_number(phone()),
            state: 2,
            error_code: number.parse().unwrap(),
            reserve: Octets::EMPTY,
        };
        let (said, delivered) = told(sgip().hear(&sgip_bytes(sgip::Body::Report(report)), false)).unwrap();
        let (found, wanted) = (classify(&said, Some("sgip")), classify(code, Some(route)));
        assert_eq!((found.class, delivered), (wanted.class, Some(false)), "{code}");
        assert!(found.row.is_some(), "{code}");
        rows += 1;
    }
    assert!(rows >= 24, "{rows}");
    assert!(classify("69", Some("sgip")).class.is_stop());
}

#[test]
fn a_report_of_smgp_has_the_code_that_the_table_lists() {
    for (stat, err, code) in [
        // The papers' errors.
        ("DELIVRD", "000", "DELIVRD"),
        ("EXPIRED", "001", "EXPIRED"),
        ("EXPIRED", "002", "EXPIRED"),
        ("UNDELIV", "003", "UNDELIV"),
        ("UNDELIV", "004", "UNDELIV"),
        ("UNDELIV", "005", "BLACK"),
        ("UNDELIV", "006", "UNDELIV"),
        ("EXPIRED", "007", "EXPIRED"),
        ("UNDELIV", "010", "UNDELIV"),
        ("UNKNOWN", "999", "UNKNOWN"),
        ("DELETED", "", "DELETED"),
        // A status and its error, an error alone, a status alone.
        ("UNDELIV", "701", "UNDELIV_701"),
        ("REJECTD", "006", "REJECTD_006"),
        ("UNDELIV", "640", "640"),
        ("XX", "713", "713"),
        ("MK:0013", "013", "MK:0013"),
        ("TUIDING", "100", "TUIDING"),
        ("HIGRISK", "001", "HIGRISK"),
        ("DB:0144", "144", "DB:0144"),
        // A stop stands over an error that is listed as less.
        ("TUIDING", "601", "TUIDING"),
        ("XBLACK", "601", "XBLACK_601"),
        // Listed nowhere, or by a family only: both are kept.
        ("MI:9999", "123", "MI:9999_123"),
        ("ZZ", "123", "ZZ_123"),
    ] {
        let (said, _) = smgp_told(stat, err).unwrap();
        assert_eq!(said, code, "{stat} {err}");
    }
    for (stat, err) in
        [("TUIDING", "100"), ("HIGRISK", "001"), ("DB:0144", "144"), ("TUIDING", "601"), ("XBLACK", "601")]
    {
        let (said, _) = smgp_told(stat, err).unwrap();
        assert!(classify(&said, Some("smgp")).class.is_stop(), "{stat} {err}");
    }
}

#[test]
fn a_status_that_is_not_known_is_not_a_failure() {
    let cmpp = |stat| told(cmpp().hear(&cmpp_bytes(cmpp::Body::Deliver(cmpp_deliver(stat))), false));
    let said = |code: &str, delivered| Some((code.to_owned(), delivered));
    assert_eq!(cmpp("UNKNOWN"), said("UNKNOWN", None));
    assert_eq!(cmpp("DELIVRD"), said("DELIVRD", Some(true)));
    assert_eq!(cmpp("UNDELIV"), said("UNDELIV", Some(false)));
    assert_eq!(cmpp("ACCEPTD"), None);
    assert_eq!(smgp_told("UNKNOWN", "999"), said("UNKNOWN", None));
    assert_eq!(smgp_told("DELIVRD", "000"), said("DELIVRD", Some(true)));
    assert_eq!(smgp_told("EXPIRED", "001"), said("EXPIRED", Some(false)));
}

#[test]
fn the_version_of_a_login_is_the_accounts() {
    let connect = |account: &cmpp::Account, low| {
        let mut out = Vec::new();
        account.login(1, now(), low, &mut out);
        let Ok(cmpp::Pdu { body: cmpp::Body::Connect(connect), .. }) = cmpp::Pdu::decode(&out, cmpp::Version::V30)
        else {
            panic!()
        };
        connect.version
    };
    let old = cmpp().version(cmpp::Version::V20).version_byte(0);
    assert_eq!((connect(&cmpp(), false), connect(&cmpp(), true), connect(&old, false)), (0x30, 0x20, 0));
    assert_eq!(connect(&cmpp().version_byte(0x31), true), 0x20, "the lower version is asked for by its own byte");
    let login = |account: &smgp::Account, low| {
        let mut out = Vec::new();
        account.login(1, now(), low, &mut out);
        let Ok(smgp::Pdu { body: smgp::Body::Login(login), .. }) = smgp::Pdu::decode(&out) else { panic!() };
        login.client_version
    };
    assert_eq!((login(&smgp(), false), login(&smgp(), true)), (0x30, 0x13));
    assert_eq!(smgp().login_fault(22), LoginFault::TooHigh);
    assert_eq!(smgp().client_version(0x13).login_fault(22), LoginFault::Lasting);
}

fn letter(text: &str, coding: Coding) -> Letter {
    let segments: Vec<Segment> = split(text, coding, Reference::Byte(7)).unwrap();
    Letter { to: vec![phone()], segments: segments.into(), source: Octets::new("10690001").unwrap(), valid: None }
}

fn submit(dialect: &dyn Dialect, letter: &Letter, low: bool) -> Result<Vec<u8>, FieldError> {
    let mut out = Vec::new();
    dialect.submit(1, letter, &letter.segments[0], low, &mut out).map(|()| out)
}

#[test]
fn who_pays_is_said_in_the_submit() {
    let letter = letter("你好", Coding::UCS2);
    let payer = cmpp().fee_number("13900000000").unwrap();
    for (low, version) in [(true, cmpp::Version::V20), (false, cmpp::Version::V30)] {
        let wire = submit(&payer, &letter, low).unwrap();
        let Ok(cmpp::Pdu { body: cmpp::Body::Submit(said), .. }) = cmpp::Pdu::decode(&wire, version) else { panic!() };
        let number = match &said.terminals {
            cmpp::Terminals::V20 { fee_terminal_id, .. } => fee_terminal_id.text(),
            cmpp::Terminals::V30 { fee_terminal_id, .. } => fee_terminal_id.text(),
        };
        assert_eq!((said.fee_user_type, &*number), (3, "13900000000"));
    }
    let long = cmpp().fee_number("1234567890123456789012").unwrap();
    assert_eq!(submit(&long, &letter, true), Err(FieldError::TooLong { bytes: 22, max: 21 }));
    assert!(submit(&long, &letter, false).is_ok());

    let service = smgp::Service {
        fixed_fee: Octets::new("500").unwrap(),
        submit_msg_type: Some(5),
        ..smgp::Service::new("MKT").unwrap()
    };
    let payer = smgp().service(service).fee_number("13900000000").unwrap();
    let wire = submit(&payer, &letter, false).unwrap();
    let Ok(smgp::Pdu { body: smgp::Body::Submit(said), .. }) = smgp::Pdu::decode(&wire) else { panic!() };
    assert_eq!((said.fixed_fee.as_bytes(), said.charge_term_id.as_bytes()), (&b"500"[..], &b"13900000000"[..]));
    let tags = [smgp::tag::CHARGE_USER_TYPE, smgp::tag::SUBMIT_MSG_TYPE].map(|tag| said.tlvs.byte(tag));
    assert_eq!(tags, [Some(3), Some(5)]);
    let Ok(smgp::Pdu { body: smgp::Body::Submit(plain), .. }) =
        smgp::Pdu::decode(&submit(&smgp(), &letter, false).unwrap())
    else {
        panic!()
    };
    assert_eq!(plain.tlvs.as_slice().len(), 0, "what nobody set is not sent");
}

#[test]
fn more_than_a_segment_is_not_submitted() {
    let (fits, too_long) = (letter(&"a".repeat(140), Coding::ASCII), letter(&"a".repeat(141), Coding::ASCII));
    for dialect in [&sgip() as &dyn Dialect, &smgp()] {
        assert!(submit(dialect, &fits, false).is_ok());
        assert_eq!(submit(dialect, &too_long, false), Err(FieldError::TooLong { bytes: 141, max: 140 }));
    }
    assert!(submit(&cmpp(), &too_long, false).is_ok(), "159 of ASCII there");
    // What is made by hand keeps within what a peer of ours reads.
    assert!(sgip::SubmitContent::new(vec![0; 1854]).is_err());
    let Ok(sgip::Pdu { body: sgip::Body::Submit(mut largest), .. }) =
        sgip::Pdu::decode(&submit(&sgip(), &fits, false).unwrap())
    else {
        panic!()
    };
    largest.user_number = Receivers::new(vec![sgip::user_number(phone()); 100]).unwrap();
    largest.content = sgip::SubmitContent::new(vec![0; 1853]).unwrap();
    assert_eq!(sgip_bytes(sgip::Body::Submit(largest)).len(), 4096);
}

#[test]
fn an_id_that_is_no_number_is_every_receivers() {
    let odd = smgp::MsgId([0xAB; 10]);
    let given = Given::Smgp(odd);
    assert_eq!([0, 1, 99].map(|n| given.of_receiver(1, n, true)), [0; 3].map(|_| Some("ab".repeat(10))));
    assert_eq!(Given::Smgp(smgp::MsgId([1; 10])).of_receiver(1, 1, true), Some(format!("{}02", "01".repeat(9))));
    assert_eq!(Given::Smgp(smgp::MsgId::default()).of_receiver(1, 1, true), None);
}

#[test]
fn a_deliver_that_cannot_be_read_is_answered_as_such() {
    let cut = |mut wire: Vec<u8>, to: usize| {
        wire.truncate(to);
        let length = (wire.len() as u32).to_be_bytes();
        wire[..4].copy_from_slice(&length);
        wire
    };
    let answer = |heard| match heard {
        Heard::Other { answer } => answer,
        _ => panic!("it is skipped"),
    };
    let wire = cmpp_bytes(cmpp::Body::Deliver(cmpp_deliver("DELIVRD")));
    for (low, version) in [(true, cmpp::Version::V20), (false, cmpp::Version::V30)] {
        for (to, id) in [(60, 0x0102_0304_0506_0708), (15, 0)] {
            let said = answer(cmpp().hear(&cut(wire.clone(), to), low));
            let wanted = cmpp::Answer { msg_id: cmpp::MsgId(id), result: cmpp::ResultCode::new(version, 1) };
            assert_eq!(said, cmpp_bytes(cmpp::Body::DeliverResp(wanted)));
        }
    }
    let wire = smgp_bytes(smgp::Body::Deliver(smgp_deliver(vec![0; 20])));
    for (to, id) in [(60, [9; 10]), (15, [0; 10])] {
        let said = answer(smgp().hear(&cut(wire.clone(), to), false));
        assert_eq!(said, smgp_bytes(smgp::Body::DeliverResp(smgp::Answer { msg_id: smgp::MsgId(id), status: 10 })));
    }
    // Nothing else is answered: an answer that cannot be read is nobody's request.
    let wire = cmpp_bytes(cmpp::Body::SubmitResp(cmpp::Answer {
        msg_id: cmpp::MsgId(1),
        result: cmpp::ResultCode::new(cmpp::Version::V30, 0),
    }));
    assert!(answer(cmpp().hear(&cut(wire, 14), false)).is_empty());
}

#[test]
fn a_request_of_the_wrong_direction_is_answered_as_not_allowed() {
    let letter = letter("你好", Coding::UCS2);
    let Ok(sgip::Pdu { body: submit, .. }) = sgip::Pdu::decode(&submit(&sgip(), &letter, false).unwrap()) else {
        panic!()
    };
    let trace =
        sgip::Trace { submit_sequence: NUMBER, user_number: sgip::user_number(phone()), reserve: Octets::EMPTY };
    let bind = sgip::Bind {
        login_type: 2,
        login_name: Octets::EMPTY,
        login_password: sgip::Password::new(&Secret::new("word")).unwrap(),
        reserve: Octets::EMPTY,
    };
    for request in [submit, sgip::Body::Trace(trace), sgip::Body::Bind(bind)] {
        let command = request.command();
        let Heard::Other { answer } = sgip().hear(&sgip_bytes(request), false) else { panic!() };
        let said = sgip::Pdu::decode(&answer).unwrap();
        assert_eq!((said.sequence, said.body.command()), (NUMBER, command | 1 << 31));
        match said.body {
            sgip::Body::SubmitResp(answer) | sgip::Body::BindResp(answer) => assert_eq!(answer.result, 10),
            sgip::Body::TraceResp(way) => assert!(way.nodes().iter().all(|node| node.result == 10)),
            other => panic!("{other:?}"),
        }
    }
    let stray = sgip::Body::DeliverResp(sgip::Answer { result: 0, reserve: Octets::EMPTY });
    assert!(matches!(sgip().hear(&sgip_bytes(stray), false), Heard::Other { answer } if answer.is_empty()));
}

#[test]
fn refusals_that_the_papers_list_are_no_doubt() {
    let of = |codes: &'static [crate::provider::wire::CodeRow], code: &str| {
        let row = codes.iter().find(|row| row.code == code).unwrap();
        let verdict = row.verdict(None);
        (verdict.outcome, verdict.consequence)
    };
    let person = (Outcome::Rejected(Blame::Person), Consequence::None);
    let account = (Outcome::Rejected(Blame::Account), Consequence::Hold);
    assert_eq!(of(sgip::CODES, "30"), account);
    let rest = Consequence::Rest(Duration::from_secs(60));
    assert_eq!(of(smgp::CODES, "37"), (account.0, rest), "as it may be in the last second of a window");
    for (codes, code) in [(smgp::CODES, "39"), (sgip::CODES, "22"), (sgip::CODES, "23"), (sgip::CODES, "31")] {
        assert_eq!(of(codes, code), person, "{code}");
    }
    assert_eq!(of(sgip::CODES, "88").0, Outcome::Unsent);
    // From any moment of 09:00 to 20:00 the rest ends after 20:00, or on the next day.
    let half_a_day = Consequence::Rest(Duration::from_secs(12 * 3600));
    assert_eq!(of(smgp::CODES, "75"), (Outcome::Rejected(Blame::Account), half_a_day));
}

struct Pipes(mpsc::UnboundedSender<DuplexStream>);

#[async_trait::async_trait]
impl Dial for Pipes {
    async fn dial(&self, _: &LinkSettings) -> std::io::Result<Box<dyn Stream>> {
        let (ours, theirs) = duplex(1 << 16);
        self.0.send(theirs).map_err(|_| std::io::Error::from(std::io::ErrorKind::ConnectionRefused))?;
        Ok(Box::new(ours))
    }
}

fn link() -> (Link, ManualClock, mpsc::UnboundedReceiver<DuplexStream>) {
    let clock = ManualClock::new(now());
    let (to, pipes) = mpsc::unbounded_channel();
    let settings = LinkSettings::new("unused:1");
    let link = Link::open_by(sgip_account(), settings, Arc::new(clock.clone()), Arc::new(Pipes(to))).unwrap();
    (link, clock, pipes)
}

async fn advance(clock: &ManualClock, by: u64) {
    clock.advance(Duration::from_secs(by));
    for _ in 0..40 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_gateway_that_is_logged_in_to_too_often_is_left_alone_for_a_minute() {
    let (link, clock, mut pipes) = link();
    let job = Job::new(1, clock.mono() + Duration::from_secs(3600));
    link.shared().push([Queued { job, places: 0..1, letter: letter("你好", Coding::UCS2) }]);
    let mut gateway = pipes.recv().await.unwrap();
    let bind = sgip_pdu(&mut gateway).await.unwrap();
    let answer = sgip::Body::BindResp(sgip::Answer { result: 34, reserve: Octets::EMPTY });
    let mut wire = Vec::new();
    sgip::Pdu { sequence: bind.sequence, body: answer }.encode(&mut wire);
    gateway.write_all(&wire).await.unwrap();
    advance(&clock, 0).await;
    advance(&clock, 59).await;
    assert!(pipes.try_recv().is_err(), "before a minute is over");
    advance(&clock, 61).await;
    assert!(pipes.try_recv().is_ok());
    assert!(link.is_ready());
}

#[tokio::test]
async fn a_long_reply_over_sgip_is_acknowledged_before_the_gateway_tells_it_again() {
    let (link, clock, _pipes) = link();
    let backlog = Arc::new(Backlog::new(Arc::new(Notify::new())));
    let reply = Arrival::Reply {
        id: "1".to_owned(),
        phone: phone(),
        to: Octets::new("10690001").unwrap(),
        coding: Coding::UCS2,
        content: vec![5, 0, 3, 1, 2, 1, 0, b'R'],
        flagged: true,
        at: None,
    };
    link.shared().arrived(reply, vec![1], &backlog);
    let waits = tokio::spawn(async move { link.arrived().await.unwrap().acknowledge() });
    advance(&clock, 0).await;
    advance(&clock, 22).await;
    assert!(!waits.is_finished(), "the other part may come");
    advance(&clock, 1).await;
    assert!(waits.is_finished());
    let mut acks = Vec::new();
    backlog.take(&mut acks);
    assert_eq!(acks, [1]);
}
