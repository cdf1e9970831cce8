//! Montnets: codes, sends in both forms, pushes proven by their digest, pulls.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::Provider;
use super::super::cloud_tests::{batch_for, claims_only_what_is_so, flips, id, pushes, sent, survives, table, takes};
use super::super::wire::Http;
use super::super::wire::tests::{clearance, served, settings, system};
use super::*;
use crate::testing::gateway::{Account, CALLBACK_PATH, FakeMontnets, Script};
use proptest::prelude::*;
use std::sync::Arc;

fn account() -> Montnets {
    Montnets::new("https://127.0.0.1", "j10003", Secret::new("111111"))
}

fn fake() -> Account {
    FakeMontnets::default().into()
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/montnets/errors.json"));
    assert_eq!(code(-100_003).map(|r| r.code), code(100_003).map(|r| r.code));
    assert!(code(i64::MIN).is_none());
}

#[tokio::test]
async fn sends_are_taken_as_meant_in_both_forms() {
    let own = |i| format!("【测试签名】第{i}位会员，A&B=100%+,新品8折。拒收请回复R");
    for count in [1, 12, 1000] {
        takes(account(), fake(), &batch_for("", count, false), |_| "【测试签名】会员，新品8折。拒收请回复R".into())
            .await;
    }
    for count in [1, 500] {
        takes(account(), fake(), &batch_for("", count, true), own).await;
    }
    for personal in [false, true] {
        let wrong = Montnets::new("https://127.0.0.1", "J10003", Secret::new("wrong"));
        claims_only_what_is_so(account(), wrong, fake, &batch_for("", 2, personal)).await;
    }
}

#[tokio::test]
async fn the_platform_refuses_what_it_would() {
    let code = async |batch| sent(account(), fake(), Script::new(), &batch).await.0.verdicts.get(0).code;
    assert_eq!(code(batch_for("", 1001, false)).await, "100014");
    let mut foreign = batch_for("", 2, false);
    Arc::make_mut(&mut foreign.rendition).text = "【别家】新品。拒收请回复R".into();
    assert_eq!(code(foreign).await, "100058");
    let mut odd = batch_for("", 2, false);
    Arc::make_mut(&mut odd.rendition).extension = Some("12a".into());
    assert_eq!(code(odd).await, "extension", "refused before anything left");
}

#[test]
fn one_long_text_ends_nobody_elses() {
    let mut batch = batch_for("", 1, true);
    for (phone, text) in [("13800000002", "长".repeat(1001)), ("13800000003", "短".into())] {
        batch.push(phone_of(phone).unwrap(), Vec::new(), Some(text), clearance());
    }
    let verdicts = account().request(&batch.request(), "h", &Stamp { at: Timestamp::EPOCH, nonce: String::new() });
    let verdicts = verdicts.unwrap_err();
    let codes = [0, 1, 2].map(|i| (verdicts.get(i).outcome, verdicts.get(i).code));
    let back = (Outcome::Unsent, "not_with_others".to_owned());
    assert_eq!(codes, [back.clone(), (CONTENT, "too_long".into()), back]);
}

#[test]
fn what_the_platform_writes_is_left_out() {
    let batch = batch_for("", 1, false);
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: String::new() };
    let content = |wire: Montnets| {
        let out = wire.request(&batch.request(), "h", &stamp)?;
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        Ok::<_, Verdicts>(sign::form_decode(body["content"].as_str().unwrap()).unwrap())
    };
    assert_eq!(content(account()).unwrap(), "【测试签名】会员，新品8折。拒收请回复R");
    assert_eq!(content(account().signature_by_platform()).unwrap(), "会员，新品8折。拒收请回复R");
    assert_eq!(content(account().signature_by_platform().words_by_platform()).unwrap(), "会员，新品8折。");
}

fn judged(count: u64, status: u16, body: &str) -> Vec<Verdict> {
    let batch = batch_for("", count, false);
    let body = body.replace("OURS", &batch.reference.to_string());
    let verdicts = account().outcome(&batch.request(), Incoming { status, body: body.as_bytes() });
    (0..batch.tickets.len()).map(|i| verdicts.get(i)).collect()
}

#[test]
fn only_a_success_with_an_id_is_accepted_and_ids_count_up_over_the_end() {
    let ok = r#"{"result":0,"desc":"","msgid":9223372036854775807,"custid":"OURS"}"#;
    assert_eq!(
        judged(2, 200, ok),
        [Verdict::accepted("9223372036854775807"), Verdict::accepted("-9223372036854775808")]
    );
    assert_eq!(judged(1, 200, r#"{"result":0,"msgid":"-5"}"#), [Verdict::accepted("-5")]);
    for (status, body) in [
        (400, ok),
        (200, r#"{"result":0,"msgid":0,"custid":"OURS"}"#),
        (200, r#"{"result":0,"custid":"OURS"}"#),
        (200, r#"{"result":0,"msgid":7,"custid":"another"}"#),
        (200, r#"{"result":0,"msgid":1e30}"#),
        (200, r#"{"result":0,"msgid":7} trailing"#),
        (200, r#"{"result":0,"result":-100003,"msgid":7}"#),
        (200, r#"{"result":"0","msgid":7}"#),
        (200, r#"{"result":-100999,"msgid":0}"#),
        (200, r#"{"result":-100003,"msgid":7}"#),
        (200, r#"{"result":-100056,"msgid":"-7"}"#),
        (200, r#"{"result":-199999}"#),
        (200, "<html>"),
        (200, "null"),
        (200, ""),
    ] {
        assert!(judged(2, status, body).iter().all(|v| v.outcome == Outcome::Unknown), "{body}");
    }
}

#[test]
fn the_code_stands_whatever_the_status() {
    let verdict = |status, body: &str| {
        let batch = batch_for("", 2, false);
        super::super::wire::settle(&account(), &batch.request(), Incoming { status, body: body.as_bytes() }).get(1)
    };
    assert_eq!(verdict(500, r#"{"result":-100003,"msgid":0}"#).consequence, Consequence::Hold);
    for body in [r#"{"result":0,"msgid":7}"#, r#"{"result":-100056,"msgid":0}"#, r#"{"result":-100003,"msgid":7}"#, ""]
    {
        assert_eq!(verdict(500, body), Verdict::unknown("http_500"), "{body}");
    }
}

#[test]
fn operations_may_stand_elsewhere() {
    let wire = account().path("send_batch", "/sms/v2/std/batch_send");
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: String::new() };
    let path = |count| wire.request(&batch_for("", count, false).request(), "h", &stamp).unwrap().path;
    assert_eq!([path(1), path(2)], ["/sms/v2/std/send_single", "/sms/v2/std/batch_send"]);
}

fn read(push: &HttpCall) -> Result<Callback, InboundError> {
    account().inbound(push)
}

#[tokio::test]
async fn pushes_are_proven_by_every_bit_of_name_digest_and_time() {
    let (report, reply) = pushes(account(), fake(), &batch_for("", 1, false)).await;
    let told = read(&report).unwrap();
    assert_eq!(told.answer.body, "{\"cmd\":\"RPT_RESP\",\"seqid\":1,\"result\":0}");
    assert!(read(&reply).unwrap().answer.body.contains("MO_RESP"));
    let body = String::from_utf8(report.body.clone()).unwrap();
    let (signed, rest) = body.split_once("&cmd=").unwrap();
    for turned in flips(signed.as_bytes()) {
        let forged = HttpCall { body: [&turned[..], b"&cmd=", rest.as_bytes()].concat(), ..report.clone() };
        assert!(read(&forged).is_err(), "{}", String::from_utf8_lossy(&turned));
    }
    // The same as JSON, which the document hints at.
    let fields = sign::form_pairs(&body).unwrap().into_iter();
    let json = Value::Object(fields.map(|(k, v)| (k, v.into())).collect()).to_string();
    let again = read(&HttpCall { body: json.into_bytes(), ..report.clone() }).unwrap();
    assert_eq!(id(&again.events[0]), id(&told.events[0]));
    let elsewhere = account().callbacks(Door::default().only_from(["203.0.113.7".parse().unwrap()]));
    assert_eq!(elsewhere.inbound(&report).unwrap_err(), InboundError::Forged);
    // The digest does not cover what is pushed: a path that was set is asked for.
    let secret = |path: &str| account().callbacks(Door::at(Secret::new(path)));
    assert!(secret(CALLBACK_PATH).inbound(&report).is_ok());
    for call in [&report, &reply] {
        assert_eq!(secret("/elsewhere").inbound(call).unwrap_err(), InboundError::Forged);
    }
}

#[tokio::test]
async fn old_reports_are_stale_and_old_replies_count() {
    let (report, reply) = pushes(account(), fake(), &batch_for("", 1, false)).await;
    let at = |call: &HttpCall, later: Duration| {
        read(&HttpCall { received_at: call.received_at.map(|t| t.plus(later)), ..call.clone() })
    };
    assert!(at(&report, Duration::from_secs(14 * 60)).is_ok());
    assert_eq!(at(&report, Duration::from_secs(16 * 60)).unwrap_err(), InboundError::Stale);
    assert!(at(&reply, Duration::from_secs(90 * 24 * 3600)).is_ok());
    // What may be a stop counts at any age.
    let body = String::from_utf8(report.body.clone()).unwrap().replace("DELIVRD", "MBBLACK");
    let body =
        body.replace("%22status%22%3A0", "%22status%22%3A2").replace("%22status%22%3A%220", "%22status%22%3A%222");
    let black = at(&HttpCall { body: body.into_bytes(), ..report.clone() }, Duration::from_secs(16 * 60)).unwrap();
    let [Inbound::Report(r)] = &black.events[..] else { panic!() };
    assert_eq!((r.code.as_str(), r.delivered), ("MBBLACK", Some(false)));
    // Over the turn of the year, which the time does not carry.
    let new_year: Timestamp = "2027-01-01T00:05:00+08:00".parse().unwrap();
    assert_eq!(age("1231235900", new_year), Some(Duration::from_secs(6 * 60)));
    assert_eq!(age("0101000600", new_year), Some(Duration::ZERO));
    assert_eq!(age("0229000000", "2028-02-29T00:01:00+08:00".parse().unwrap()), Some(Duration::from_secs(60)));
    assert_eq!((age("", new_year), age("13310000００", new_year), age("9999999999", new_year)), (None, None, None));
}

#[test]
fn rows_are_bounded_and_odd_ones_left_out() {
    let at = Timestamp::from_millis(1_764_000_000_000);
    let timestamp = at.civil().strftime("%m%d%H%M%S").to_string();
    let pwd = account().digest(&timestamp);
    let push = |cmd: &str, name: &str, rows: &str| {
        let pairs = [
            ("userid", "J10003"),
            ("pwd", &pwd),
            ("timestamp", &timestamp),
            ("cmd", cmd),
            ("seqid", "a\"b"),
            (name, rows),
        ];
        let mut call = HttpCall::new("POST", "/x", "", sign::form(&pairs));
        call.received_at = Some(at);
        read(&call)
    };
    let rows = r#"[{"mobile":"02112345678","rtime":"2025-11-25 00:01:00","content":"x"},{"mobile":13800000001},7,
        {"mobile":13800000001,"content":"TD"},{"mobile":13800000001,"rtime":"soon","content":"TD"},
        {"msgid":1,"mobile":"13800000001","exno":"0006","rtime":"2025-11-25 00:01:00","content":"100%25%2BR+TD"},
        {"msgid":2,"mobile":"13800000001","rtime":"2025-11-25 00:01:00","content":"%ff"}]"#;
    let got = push("MO_REQ", "mos", rows).unwrap();
    let texts: Vec<_> =
        got.events.iter().map(|e| if let Inbound::Reply(r) = e { r.text.as_str() } else { "" }).collect();
    assert_eq!(texts, ["TD", "TD", "100%+R TD", "%ff"]);
    let timeless = |e: &&Inbound| matches!(e, Inbound::Reply(r) if r.at == at);
    assert_eq!(got.events.iter().filter(timeless).count(), 2, "they count from when they came");
    let black = r#"[{"mobile":"13800000001","status":2,"errcode":"MBBLACK","rtime":null,"stime":""}]"#;
    let [Inbound::Report(r)] = &push("RPT_REQ", "rpts", black).unwrap().events[..] else { panic!() };
    assert_eq!((r.code.as_str(), r.delivered, r.at), ("MBBLACK", Some(false), at));
    assert_eq!(got.answer.body, r#"{"cmd":"MO_RESP","seqid":"a\"b","result":0}"#);
    assert!(push("MO_REQ", "mos", "").unwrap().events.is_empty());
    let many = format!("[{}]", vec!["{}"; 10_001].join(","));
    for (cmd, name, rows) in [
        ("MO_REQ", "mos", many.as_str()),
        ("MO_REQ", "mos", "{}"),
        ("MO_REQ", "mos", "[7]"),
        ("MO_REQ", "rpts", "[]"),
        ("NO_REQ", "mos", "[]"),
        ("RPT_REQ", "rpts", &"[".repeat(100_000)),
    ] {
        assert!(matches!(push(cmd, name, rows), Err(InboundError::Malformed { .. })), "{cmd} {name}");
    }
}

#[test]
fn parts_of_a_long_message_lead_to_its_first() {
    let row = |msgid: i64, part: i64| {
        let row = serde_json::json!({"msgid": msgid, "custid": "00112233445566778899aabbccddeeff", "pknum": part,
            "mobile": "13800000001", "rtime": "2025-11-25 00:00:04", "status": "0", "errcode": ""});
        let Some(Inbound::Report(r)) = report(&row, None) else { panic!() };
        (r.provider_id, r.delivered, r.code, r.reference.is_some(), r.event_id)
    };
    let (first, delivered, code, ours, one) = row(i64::MAX, 1);
    assert_eq!((delivered, code.as_str(), ours), (Some(true), "0", true));
    let (second, .., two) = row(i64::MAX.wrapping_add(PART), 2);
    assert_eq!(first, second);
    assert_ne!(one, two);
}

#[tokio::test]
async fn what_waits_is_pulled_once() {
    let waiting = FakeMontnets::default();
    let replies = Arc::clone(&waiting.replies);
    let (gateway, address) = served(waiting.into(), Script::new()).await;
    let http = Http::new(account(), settings(&address), system()).unwrap();
    let batch = batch_for("", 600, false);
    http.submit(batch.request()).await;
    replies.lock().unwrap().push((13_800_000_001, "退订 100%+".into()));
    let mut told = 0;
    for more in [true, true, false] {
        let page = http.pull(Pull::Reports).await.unwrap();
        assert_eq!(page.more, more);
        told += page.events.len();
    }
    assert_eq!((told, gateway.totals().messages), (600, 600));
    let page = http.pull(Pull::Replies).await.unwrap();
    let [Inbound::Reply(r)] = &page.events[..] else { panic!("{:?}", page.events) };
    assert_eq!(r.text, "退订 100%+");
    assert!(!http.pull(Pull::Replies).await.unwrap().more);
    let wrong = Montnets::new("https://127.0.0.1", "J10003", Secret::new("wrong"));
    let refused = Http::new(wrong, settings(&address), system()).unwrap().pull(Pull::Reports).await.unwrap_err();
    assert_eq!(refused, PullError::Refused { code: "-100001".into() });
    for body in ["", "{}", r#"{"result":0}"#, r#"{"result":0,"rpts":{}}"#, r#"{"result":0,"mos":[]}"#] {
        let read = account().pulled(Pull::Reports, Incoming { status: 200, body: body.as_bytes() }, Timestamp::EPOCH);
        assert!(matches!(read, Err(PullError::Unreadable { .. })), "an error is no empty page: {body}");
    }
    let at = Timestamp::from_millis(1_764_000_000_000);
    let mos = |rows: &str| {
        let body = format!(r#"{{"result":0,"mos":[{rows}]}}"#);
        account().pulled(Pull::Replies, Incoming { status: 200, body: body.as_bytes() }, at)
    };
    for rows in ["7", "{}", r#"{"content":"TD"},{"mobile":"13800000001"}"#] {
        assert!(matches!(mos(rows), Err(PullError::Unreadable { .. })), "a page that is lost must be seen: {rows}");
    }
    let page = mos(r#"{},{"mobile":"13800000001","content":"TD"}"#).unwrap();
    assert!(matches!(&page.events[..], [Inbound::Reply(r)] if r.at == at) && page.more);
}

#[test]
fn nothing_secret_is_printed() {
    let wire =
        Montnets::new("https://h", "J10003", Secret::new("s3cret")).callbacks(Door::at(Secret::new(CALLBACK_PATH)));
    let batch = batch_for("", 1, false);
    let out = wire.request(&batch.request(), "h", &Stamp::fresh(&*system())).unwrap();
    let shown = format!("{wire:?} {out:?}");
    let digest = wire.digest(&system().now().civil().strftime("%m%d%H%M%S").to_string());
    for secret in ["s3cret", CALLBACK_PATH, "13800000001", &digest] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), CALLBACK_PATH, &body, status);
        let _ = list(Some(Value::String(String::from_utf8_lossy(&body).into_owned())));
    }

    #[test]
    fn odd_rows_never_panic(msgid in any::<i64>(), part in any::<i64>(), time in "[0-9 :-]{0,20}", word in any::<String>()) {
        let row = serde_json::json!({"msgid": msgid, "pknum": part, "mobile": "13800000001", "rtime": time,
            "content": word, "status": word});
        let _ = (report(&row, None), reply(&row, None), age(&time, Timestamp::EPOCH), age(&word, Timestamp::FAR));
    }
}
