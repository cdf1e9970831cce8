//! NetEase: codes, sends in both forms, copies proven to the bit.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::cloud_tests::{batch_for, claims_only_what_is_so, flips, id, sent, survives};
use super::super::wire::tests::system;
use super::*;
use crate::testing::gateway::{Account, CALLBACK_PATH, FakeNetease, Script};
use proptest::prelude::*;
use std::sync::Arc;

const SAME: &str = "【测试签名】会员，新品8折。拒收请回复R";

fn account() -> Netease {
    Netease::new("fake0netease0appkey0dev", Secret::new("fake0secretdev"))
}

fn fake() -> Account {
    FakeNetease::default().into()
}

fn template(personal: bool) -> &'static str {
    if personal { "19000001" } else { "3000002" }
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    let rows: Vec<CodeRow> = CODES.iter().map(|(_, row)| *row).collect();
    super::super::cloud_tests::table(&rows, include_str!("../../tests/vectors/providers/netease/errors.json"));
    assert!(CODES.iter().all(|(n, row)| n.to_string() == row.code));
}

#[tokio::test]
async fn sends_are_taken_as_meant_in_both_forms() {
    for (count, personal) in [(1, false), (100, false), (1, true)] {
        let batch = batch_for(template(personal), count, personal);
        let (answer, gateway) = sent(account(), fake(), Script::new(), &batch).await;
        let taken = gateway.accepted();
        assert_eq!(taken.len() as u64, count, "{:?}", answer.verdicts.get(0));
        for (i, (ticket, m)) in batch.tickets.iter().zip(&taken).enumerate() {
            let v = answer.verdicts.get(i);
            assert_eq!((v.outcome, v.id.as_deref()), (Outcome::Accepted, Some(&*m.id)));
            assert_eq!(ticket.phone().national(), m.number.to_string());
            let own = "【测试签名】会员第0位\"+&=%，新品8折。拒收请回复R";
            assert_eq!(&*m.text, if personal { own } else { SAME });
        }
    }
    for (count, personal) in [(2, false), (1, true)] {
        let wrong = Netease::new("fake0netease0appkey0dev", Secret::new("wrong"));
        claims_only_what_is_so(account(), wrong, fake, &batch_for(template(personal), count, personal)).await;
    }
}

#[tokio::test]
async fn refusals_carry_their_blame() {
    let code = async |batch| sent(account(), fake(), Script::new(), &batch).await.0.verdicts.get(0).code;
    assert_eq!(code(batch_for(template(false), 101, false)).await, "414");
    assert_eq!(code(batch_for("1", 2, false)).await, "404");
    assert_eq!(code(batch_for(template(true), 2, true)).await, "one_person_a_call");
    let mut extended = batch_for(template(false), 1, false);
    Arc::make_mut(&mut extended.rendition).extension = Some("12".into());
    assert_eq!(code(extended).await, "extension");
    let script = Script::new().refuse_number(13_800_000_001, "412");
    let (answer, gateway) = sent(account(), fake(), script, &batch_for(template(false), 1, false)).await;
    let v = answer.verdicts.get(0);
    assert_eq!((v.outcome, v.consequence, gateway.totals().messages), (PERSON, Consequence::StopOwner, 0));
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let judged = |status, body: &str| verdict(Incoming { status, body: body.as_bytes() });
    let ok = r#"{"code":200,"msg":"sendid","obj":18446744073709551615}"#;
    assert_eq!(judged(200, ok), Verdict::accepted("18446744073709551615"));
    assert_eq!(judged(200, r#"{"code":200,"obj":"7"}"#), Verdict::accepted("7"));
    for (status, body) in [
        (400, ok),
        (200, r#"{"code":200}"#),
        (200, r#"{"code":200,"obj":0}"#),
        (200, r#"{"code":200,"obj":"0"}"#),
        (200, r#"{"code":200,"obj":1.5}"#),
        (200, r#"{"code":200,"obj":[1]}"#),
        (200, r#"{"code":200,"code":412,"obj":1}"#),
        (200, r#"{"code":"200","obj":1}"#),
        (200, r#"{"code":200,"obj":1} trailing"#),
        (200, r#"{"code":500}"#),
        (200, r#"{"code":9999}"#),
        (200, "null"),
        (200, ""),
    ] {
        assert_eq!(judged(status, body).outcome, Outcome::Unknown, "{body}");
    }
}

/// A report and a reply as the gateway pushes them, and when.
async fn pushed() -> (HttpCall, HttpCall, Timestamp) {
    let (_, gateway) = sent(account(), fake(), Script::new(), &batch_for(template(false), 1, false)).await;
    let (now, message) = (system().now(), gateway.accepted().swap_remove(0));
    let stamped = |call: HttpCall| HttpCall { received_at: Some(now), ..call };
    let report = stamped(gateway.report(&message, "UNDELIV", now, "shop.example").unwrap());
    let read = account().inbound(&report).unwrap();
    let [Inbound::Report(told)] = &read.events[..] else { panic!("{:?}", read.events) };
    assert_eq!((told.provider_id.as_deref(), told.delivered), (Some(&*message.id), Some(false)));
    assert_eq!((told.code.as_str(), told.phone.to_u64()), ("UNDELIV", message.number));
    let reply = stamped(gateway.reply(message.number, "TD", ("", ""), now, "shop.example").unwrap());
    (report, reply, now)
}

#[tokio::test]
async fn copies_are_proven_by_every_bit() {
    let (report, reply, now) = pushed().await;
    let inbound = |call: &HttpCall| account().inbound(call);
    let [Inbound::Reply(said)] = &inbound(&reply).unwrap().events[..] else { panic!() };
    assert_eq!(said.text, "TD");
    assert!(said.at.since(now).as_secs() < 2 && now.since(said.at).as_secs() < 2);
    assert_eq!(id(&inbound(&reply).unwrap().events[0]), said.event_id);
    for call in [&report, &reply] {
        for body in flips(&call.body) {
            assert_eq!(inbound(&HttpCall { body, ..call.clone() }).unwrap_err(), InboundError::Forged);
        }
        for i in 0..call.headers.len() {
            let (name, value) = &call.headers[i];
            let signed = ["CurTime", "MD5", "CheckSum"].contains(&name.as_str());
            for turned in flips(value.as_bytes()).filter(|_| signed) {
                let Ok(turned) = String::from_utf8(turned) else { continue };
                let mut forged = call.clone();
                forged.headers[i].1 = turned;
                assert_eq!(inbound(&forged).unwrap_err(), InboundError::Forged, "{name}");
            }
            let mut without = call.clone();
            without.headers.remove(i);
            assert_eq!(inbound(&without).is_err(), signed, "{name}");
        }
    }
    let other = Netease::new("k", Secret::new("other"));
    assert_eq!(other.inbound(&report).unwrap_err(), InboundError::Forged);
    let elsewhere = account().callbacks(Door::default().only_from(["203.0.113.7".parse().unwrap()]));
    assert_eq!(elsewhere.inbound(&reply).unwrap_err(), InboundError::Forged);
}

/// The vector that was recorded, not one of our own gateway's.
#[test]
fn no_bit_of_the_recorded_copy_may_change() {
    let vector: Value =
        serde_json::from_str(include_str!("../../tests/vectors/providers/netease/callback_checksum.json")).unwrap();
    let told = &vector["input"]["request"];
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let mut call = HttpCall::new("POST", "/x", "", text(&told["body"]));
    for (name, value) in told["headers"].as_object().unwrap() {
        call = call.with_header(name, text(value));
    }
    let inbound = |call: &HttpCall| account().inbound(call);
    assert_eq!(inbound(&call).unwrap().events.len(), 1);
    for body in flips(&call.body) {
        assert_eq!(inbound(&HttpCall { body, ..call.clone() }).unwrap_err(), InboundError::Forged);
    }
    for i in 0..call.headers.len() {
        for value in flips(call.headers[i].1.as_bytes()).filter_map(|bytes| String::from_utf8(bytes).ok()) {
            let mut forged = call.clone();
            forged.headers[i].1 = value;
            assert_eq!(inbound(&forged).unwrap_err(), InboundError::Forged);
        }
    }
}

#[tokio::test]
async fn old_reports_are_stale_and_old_replies_count() {
    let (report, reply, now) = pushed().await;
    let at = |call: &HttpCall, minutes: u64| {
        let received_at = Some(now.plus(Duration::from_secs(minutes * 60)));
        account().inbound(&HttpCall { received_at, ..call.clone() })
    };
    // What may be a stop counts at any age; that it arrived does not.
    assert!([14, 16].iter().all(|minutes| at(&report, *minutes).is_ok()));
    assert!(at(&reply, 60 * 24 * 30).is_ok());
    let two = r#"{"eventType":11,"objects":[{"mobile":"13800000001","sendid":"1","result":"DELIVRD"},
        {"mobile":"13800000002","sendid":"1","result":"MBBLACK"}]}"#;
    let codes = |body: &str, minutes: i64| {
        let received_at = Some(Timestamp::from_millis(1_764_000_000_000 + minutes * 60_000));
        let read = account().inbound(&HttpCall { received_at, ..signed(body) })?;
        let events = read.events.into_iter();
        Ok(events.map(|e| if let Inbound::Report(r) = e { (r.code, r.at.millis()) } else { panic!() }).collect())
    };
    let (taken, listed) = (("DELIVRD".to_owned(), 1_764_000_000_000), ("MBBLACK".to_owned(), 1_764_000_000_000));
    assert_eq!(codes(two, 14), Ok(vec![taken, listed.clone()]), "of the time of the copy");
    assert_eq!(codes(two, 16), Ok(vec![listed]));
    assert_eq!(codes(&two.replace("MBBLACK", "DELIVRD"), 16), Err::<Vec<_>, _>(InboundError::Stale));
}

#[test]
fn a_reply_without_a_readable_time_is_of_the_time_of_the_copy() {
    let read = copy(r#"{"eventType":12,"objects":[{"mobile":"13800000001","content":"TD","receiveTime":"soon"}]}"#);
    let [Inbound::Reply(said)] = &read.unwrap().events[..] else { panic!() };
    assert_eq!((said.text.as_str(), said.at.millis()), ("TD", 1_764_000_000_000));
}

/// A body signed as the platform would.
fn signed(body: &str) -> HttpCall {
    let md5 = sign::md5_hex(body.as_bytes());
    let sum = checksum("fake0secretdev", &md5, "1764000000000");
    let call = HttpCall::new("POST", "/x", "", body).with_header("CURTIME", "1764000000000");
    call.with_header("md5", md5).with_header("checksum", sum)
}

fn copy(body: &str) -> Result<Callback, InboundError> {
    account().inbound(&signed(body))
}

#[test]
fn copies_are_bounded_and_words_or_numbers() {
    let got = copy(
        r#"{"eventType":11,"objects":[{"mobile":13800000001,"sendid":1490,"result":"DELIVRD","sendTime":"2025-11-25 00:00:00","reportTime":1764000004000},
        {"mobile":"+1-2025550100","sendid":"1","result":"DELIVRD","reportTime":"2025-11-25 00:00:04"},{"mobile":"13800000002","sendid":"1490"}]}"#,
    )
    .unwrap();
    let [Inbound::Report(r)] = &got.events[..] else { panic!("{:?}", got.events) };
    assert_eq!((r.provider_id.as_deref(), r.delivered), (Some("1490"), Some(true)));
    assert_eq!((got.answer.status, r.at.to_string()), (200, "2025-11-25T00:00:04+08:00".into()));
    let many = format!("{{\"eventType\":\"11\",\"objects\":[{}]}}", vec!["{}"; 10_001].join(","));
    for body in ["", "[]", "{}", r#"{"eventType":"1","objects":[]}"#, r#"{"eventType":"12","objects":[{}]}"#, &many] {
        assert!(matches!(copy(body), Err(InboundError::Malformed { .. })), "{}", &body[..body.len().min(40)]);
    }
}

#[test]
fn nothing_secret_is_printed() {
    let wire = account().callbacks(Door::at(Secret::new(CALLBACK_PATH)));
    let batch = batch_for(template(false), 1, false);
    let out = wire.request(&batch.request(), "h", &Stamp::fresh(&*system())).unwrap();
    let shown = format!("{wire:?} {out:?}");
    for secret in ["fake0secretdev", "fake0netease0appkey0dev", CALLBACK_PATH, "13800000001"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), CALLBACK_PATH, &body, status);
        let _ = copy(&String::from_utf8_lossy(&body));
    }
}
