//! Huawei Cloud: codes, sends under both signatures, pushes of which no bit may change.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::cloud_tests::{batch_for, claims_only_what_is_so, flips, id, pushes, sent, survives, table, takes};
use super::*;
use crate::testing::gateway::{Account, Call, FakeHuawei, Gateway, Script};
use proptest::prelude::*;

const TEMPLATE: &str = "0000000000000000000000000000000b";
const TEXT: &str = "【测试签名】会员，新品8折。拒收请回复R";
const PATH: &str = "/cb/0123456789abcdef";

fn account() -> Huawei {
    Huawei::new("testAppKey000001", Secret::new("testAppSecret000001"), "8820000000001")
        .callbacks(Door::at(Secret::new(PATH)))
}

fn keyed() -> Huawei {
    account().push_key("testPushAppKey000001", Secret::new("testPushAppSecret000001"))
}

/// Open all day, as the tests run at any time.
fn fake() -> Account {
    FakeHuawei { hours: None, ..FakeHuawei::default() }.into()
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/huawei/errors.json"));
}

#[tokio::test]
async fn sends_are_taken_as_meant_under_both_signatures() {
    for signing in [Signing::AkSk, Signing::Wsse] {
        for count in [1, 500] {
            takes(account().signing(signing), fake(), &batch_for(TEMPLATE, count, false), |_| TEXT.into()).await;
        }
        let wrong = Huawei::new("testAppKey000001", Secret::new("wrong"), "8820000000001").signing(signing);
        claims_only_what_is_so(account().signing(signing), wrong, fake, &batch_for(TEMPLATE, 2, false)).await;
    }
}

#[tokio::test]
async fn what_cannot_be_said_here_does_not_leave() {
    let personal = batch_for(TEMPLATE, 1, true);
    let mut extended = batch_for(TEMPLATE, 1, false);
    std::sync::Arc::make_mut(&mut extended.rendition).extension = Some("01".into());
    for (batch, code) in [(personal, "no_personal_form"), (extended, "no_extension")] {
        let (answer, gateway) = sent(account(), fake(), Script::new(), &batch).await;
        let verdict = answer.verdicts.get(0);
        assert_eq!((verdict.code.as_str(), verdict.consequence), (code, Consequence::Hold));
        assert_eq!(gateway.totals().requests, 0);
    }
}

#[tokio::test]
async fn rows_carry_their_own_verdicts() {
    let script = Script::new().refuse_number(13_800_000_002, "SC:0016");
    let batch = batch_for(TEMPLATE, 3, false);
    let (answer, _) = sent(account(), fake(), script, &batch).await;
    let verdict = answer.verdicts.get(1);
    assert_eq!((verdict.outcome, verdict.consequence), (PERSON, Consequence::StopOwner));
    assert!([0, 2].iter().all(|i| answer.verdicts.get(*i).outcome == Outcome::Accepted));
}

/// What the gateway answers to these numbers: each with its status.
fn told(gateway: &Gateway, at: &str, to: &str) -> Vec<(String, String)> {
    let now = at.parse().unwrap();
    let body = sign::form(&[("from", "8820000000001"), ("to", to), ("templateId", TEMPLATE), ("extend", "1")]);
    let out = account().call("h", "batchSendSms", body.into_bytes(), &Stamp { at: now, nonce: "n".into() });
    let mut headers: Vec<(&str, &str)> = out.headers.iter().map(|(n, v)| (*n, v.as_ref())).collect();
    headers.push(("host", "h"));
    let call = Call { method: "POST", path: &out.path, query: "", headers, body: &out.body };
    let answer: serde_json::Value = serde_json::from_slice(&gateway.handle(&call, now).body).unwrap();
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    answer["result"].as_array().into_iter().flatten().map(|r| (text(&r["originTo"]), text(&r["status"]))).collect()
}

#[test]
fn the_platform_sends_a_number_once_a_call_and_nothing_at_night() {
    let gateway = Gateway::new(FakeHuawei::default());
    for night in ["2026-12-11T07:59:59+08:00", "2026-12-11T22:00:00+08:00"] {
        assert!(told(&gateway, night, "+8613800000001").is_empty(), "{night}");
    }
    assert_eq!(gateway.totals().messages, 0);
    let rows = told(&gateway, "2026-12-11T08:00:00+08:00", "+8613800000001,13800000001,+8613800000002");
    let statuses = [("+8613800000001", "000000"), ("+8613800000002", "000000"), ("13800000001", "E200041")];
    assert_eq!(rows, statuses.map(|(n, s)| (n.to_owned(), s.to_owned())));
    assert_eq!(gateway.totals().messages, 2);
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let of = |status, body: &str| {
        let batch = batch_for(TEMPLATE, 1, false);
        account().outcome(&batch.request(), Incoming { status, body: body.as_bytes() }).get(0)
    };
    let row =
        |status: &str, id: &str| format!(r#"{{"originTo":"+8613800000001","smsMsgId":"{id}","status":"{status}"}}"#);
    let whole = |code: &str, rows: &str| format!(r#"{{"code":"{code}","result":[{rows}]}}"#);
    assert_eq!(of(200, &whole("000000", &row("000000", "x_1"))), Verdict::accepted("x_1"));
    let (ok, other) = (row("000000", "x_1"), row("E200041", "x_2"));
    for (status, body) in [
        (200, whole("000000", &row("000000", ""))),
        (200, whole("000000", "")),
        (400, whole("000000", &ok)),
        (400, whole("E000510", &ok)),
        (200, whole("E000101", &ok)),
        (200, whole("000000", &format!("{ok},{other}"))),
        (200, whole("000000", &ok.replace("0001", "0002"))),
        (200, whole("000000", r#"{"originTo":"+8613800000001"}"#)),
        (400, whole("E123456", "")),
        (400, r#"{"code":"E000000"}"#.into()),
        (200, format!("{} trailing", whole("000000", &ok))),
        (200, "null".into()),
        (200, String::new()),
    ] {
        assert_eq!(of(status, &body).outcome, Outcome::Unknown, "{body}");
    }
    let limited = of(400, &whole("E000510", &row("E200015", "x_1")));
    assert_eq!((limited.outcome, limited.consequence), (Outcome::Unsent, TEN_MINUTES));
}

#[tokio::test]
async fn a_signed_push_is_read_and_no_bit_of_it_may_change() {
    let (report, reply) = pushes(keyed(), fake(), &batch_for(TEMPLATE, 1, false)).await;
    for (call, may_stop) in [(report, false), (reply, true)] {
        let forged = |call: HttpCall| assert!(keyed().inbound(&call).is_err(), "{:?} {:?}", call.path, call.headers);
        for body in flips(&call.body) {
            forged(HttpCall { body, ..call.clone() });
        }
        let text = |bytes| String::from_utf8(bytes).ok();
        flips(call.path.as_bytes()).filter_map(text).for_each(|path| forged(HttpCall { path, ..call.clone() }));
        flips(call.method.as_bytes()).filter_map(text).for_each(|method| forged(HttpCall { method, ..call.clone() }));
        for at in 0..call.headers.len() {
            for value in flips(call.headers[at].1.as_bytes()).filter_map(text) {
                let mut turned = call.clone();
                turned.headers[at].1 = value;
                forged(turned);
            }
        }
        // A header that names the old body's hash does not carry a new body.
        let hash = sign::sha256_hex(&call.body);
        forged(
            HttpCall { body: b"from=13800000001&body=R".to_vec(), ..call.clone() }
                .with_header("x-sdk-content-sha256", hash),
        );
        forged(HttpCall { headers: Vec::new(), ..call.clone() });
        forged(HttpCall { query: "a=1".into(), ..call.clone() });
        let later = |secs| HttpCall {
            received_at: call.received_at.map(|t| t.plus(Duration::from_secs(secs))),
            ..call.clone()
        };
        assert!(keyed().inbound(&later(890)).is_ok());
        match keyed().inbound(&later(86_400)) {
            Ok(read) => {
                assert!(may_stop, "a stop counts at any age, and a replay is the same event");
                assert_eq!(id(&read.events[0]), id(&keyed().inbound(&call).unwrap().events[0]));
            }
            Err(e) => assert_eq!((e, may_stop), (InboundError::Stale, false)),
        }
    }
}

#[test]
fn an_unsigned_push_needs_the_path_and_no_key() {
    let body = "from=%2B8613800000001&to=1069&body=TD&smsMsgId=m1";
    let at = Some(Timestamp::from_millis(1_772_330_000_000));
    let call = HttpCall { received_at: at, ..HttpCall::new("POST", PATH, "", body) };
    let read = account().inbound(&call).unwrap();
    let [Inbound::Reply(reply)] = &read.events[..] else { panic!() };
    assert_eq!((reply.event_id.as_str(), Some(reply.at), read.answer.status), ("m1", at, 200));
    assert_eq!(keyed().inbound(&call).unwrap_err(), InboundError::Forged);
    let elsewhere = HttpCall { path: "/cb".into(), ..call.clone() };
    assert_eq!(account().inbound(&elsewhere).unwrap_err(), InboundError::Forged);
    let closed = Huawei::new("k", Secret::new("s"), "1");
    assert_eq!(closed.inbound(&call).unwrap_err(), InboundError::NotOffered);
    let many = format!("{{\"statusReportList\":[{}]}}", vec!["{}"; 10_001].join(","));
    for body in ["", "x=1", "status=", "{", "{}", &many, "from=13800000001&body=R", "status=DELIVRD&to=13800000001"] {
        let read = account().inbound(&HttpCall::new("POST", PATH, "", body));
        assert!(matches!(read, Err(InboundError::Malformed { .. })), "{body}");
    }
    let foreign = HttpCall::new("POST", PATH, "", "status=DELIVRD&to=%2B4915112345678");
    assert!(account().inbound(&foreign).unwrap().events.is_empty());
}

#[test]
fn nothing_secret_is_printed() {
    let account = keyed().status_callback(Secret::new(format!("https://shop.example{PATH}")));
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: "n".into() };
    let batch = batch_for(TEMPLATE, 1, false);
    let out = account.request(&batch.request(), "h", &stamp).unwrap();
    assert!(String::from_utf8_lossy(&out.body).contains("statusCallback=https%3A%2F%2Fshop.example%2Fcb"));
    let shown = format!("{account:?} {out:?}");
    for secret in ["testAppSecret", "testPushAppSecret", "0123456789abcdef", "13800000001"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), PATH, &body, status);
    }
}
