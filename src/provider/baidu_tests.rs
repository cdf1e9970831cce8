//! Baidu Cloud: codes, sends, the one repetition of a lost answer, pushes.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::Answer;
use super::super::cloud_tests::{batch_for, claims_only_what_is_so, flips, pushes, sent, survives, table, takes};
use super::*;
use crate::testing::gateway::{Account, Call, FakeBaidu, Gateway, Script, Step};
use crate::ticket::Batch;
use proptest::prelude::*;

const TEXT: &str = "【测试签名】会员，新品8折。拒收请回复R";
const FIXED: &str = "sms-tmpl-Test00000003";
const NAMED: &str = "sms-tmpl-Test00000001";
const DOOR: &str = crate::testing::gateway::CALLBACK_PATH;

fn make() -> Account {
    FakeBaidu::default().into()
}

fn keyed(secret: &str) -> Baidu {
    Baidu::new("testAccessKeyId000001", Secret::new(secret)).signature_id("测试签名", "sms-signTest00000001")
}

fn account() -> Baidu {
    keyed("testSecretAccessKey000001").push_token(Secret::new("testToken000001"))
}

async fn scripted(batch: &Batch, steps: &[Step]) -> (Answer, Gateway) {
    let script = steps.iter().fold(Script::new(), |script, step| script.then(step.clone()));
    sent(account(), make(), script, batch).await
}

fn outcomes(answer: &Answer, count: usize) -> Vec<Outcome> {
    (0..count).map(|i| answer.verdicts.get(i).outcome).collect()
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/baidu/errors.json"));
}

#[tokio::test]
async fn sends_are_taken_as_meant_in_both_forms() {
    for count in [1, 200] {
        takes(account(), make(), &batch_for(FIXED, count, false), |_| TEXT.into()).await;
    }
    let text = |i| format!("【测试签名】会员第{i}位\"+&=%，新品8折。拒收请回复R");
    takes(account(), make(), &batch_for(NAMED, 1, true), text).await;
    for (count, personal, template) in [(3, false, FIXED), (1, true, NAMED)] {
        let batch = batch_for(template, count, personal);
        claims_only_what_is_so(account(), keyed("wrong"), make, &batch).await;
    }
}

/// Taken and the answer lost: asked once more, everybody has the first message's id and nobody a second message.
#[tokio::test]
async fn a_lost_answer_is_asked_for_once_more() {
    let batch = batch_for(FIXED, 3, false);
    for lost in [
        Step::Hold,
        Step::Reset,
        Step::HalfBody,
        Step::Garbage,
        Step::Huge(10 << 20),
        Step::ServerError(500),
        Step::ServerError(503),
        Step::UnknownCode,
        Step::Slow(Duration::from_secs(2)),
    ] {
        let (answer, gateway) = scripted(&batch, std::slice::from_ref(&lost)).await;
        let (taken, totals) = (gateway.accepted(), gateway.totals());
        assert_eq!((totals.requests, totals.messages, totals.repeated), (2, 3, 0), "{lost:?}");
        for (i, message) in taken.iter().enumerate() {
            assert_eq!(answer.verdicts.get(i), Verdict::accepted(&*message.id), "{lost:?}");
        }
        // Both lost: in doubt, and not a third time.
        let (answer, gateway) = scripted(&batch, &[lost.clone(), lost.clone()]).await;
        assert_eq!(outcomes(&answer, 3), [Outcome::Unknown; 3], "{lost:?}");
        assert_eq!((gateway.totals().requests, gateway.totals().messages), (2, 3), "{lost:?}");
    }
}

/// Whether a token repeats a refusal is not documented: one in the second answer may be about the second call alone.
#[tokio::test]
async fn a_refusal_in_the_second_answer_takes_nothing_back() {
    let batch = batch_for(FIXED, 3, false);
    for second in [Step::Refuse("6012".into()), Step::Refuse("4508".into()), Step::Throttle] {
        let (answer, gateway) = scripted(&batch, &[Step::Reset, second.clone()]).await;
        assert_eq!((gateway.totals().requests, gateway.totals().messages), (2, 3), "{second:?}");
        let verdict = answer.verdicts.get(0);
        assert_eq!((verdict.outcome, verdict.consequence), (Outcome::Unknown, Consequence::None), "{second:?}");
        assert_eq!(verdict.code, "reset", "the first attempt's word");
    }
    // Whom the second answer leaves out or calls refused stays in doubt; whom it calls taken is.
    let script = Script::new().refuse_number(13_800_000_002, "4642").then(Step::Reset);
    let (answer, gateway) = sent(account(), make(), script, &batch).await;
    assert_eq!(outcomes(&answer, 3), [Outcome::Accepted, Outcome::Unknown, Outcome::Accepted]);
    assert_eq!((gateway.totals().requests, gateway.totals().messages), (2, 2));
    let (answer, _) = scripted(&batch, &[Step::Reset, Step::Unnamed]).await;
    assert_eq!(outcomes(&answer, 3), [Outcome::Unknown, Outcome::Accepted, Outcome::Unknown]);
}

#[tokio::test]
async fn a_clear_answer_is_not_asked_for_again() {
    let batch = batch_for(FIXED, 3, false);
    for clear in [Step::Accept, Step::Refuse("6012".into()), Step::Refuse("4641".into()), Step::DuplicateRows] {
        let (_, gateway) = scripted(&batch, std::slice::from_ref(&clear)).await;
        assert_eq!(gateway.totals().requests, 1, "{clear:?}");
    }
    let script = Script::new().refuse_number(13_800_000_002, "4642");
    let (answer, gateway) = sent(account(), make(), script, &batch).await;
    let refused = Outcome::Rejected(Blame::Person);
    assert_eq!(outcomes(&answer, 3), [Outcome::Accepted, refused, Outcome::Accepted]);
    assert_eq!(answer.verdicts.get(1).consequence, Consequence::StopOwner);
    assert_eq!((gateway.totals().requests, gateway.totals().messages), (1, 2));
}

#[test]
fn the_gateway_takes_a_token_once_and_only_with_the_same_bytes_and_time() {
    let gateway = Gateway::new(make());
    let now = Timestamp::from_millis(1_796_954_400_000);
    let stamp = Stamp { at: now, nonce: "n".into() };
    let batch = batch_for(FIXED, 1, false);
    let reference = batch.reference.to_string();
    let told = |body: &SendSms, token: &str, at: Timestamp| {
        let out = account().call("h", Some(token), body, &stamp);
        let length = out.body.len().to_string();
        let mut headers: Vec<(&str, &str)> = out.headers.iter().map(|(n, v)| (*n, v.as_ref())).collect();
        headers.extend([("host", "h"), ("content-length", &*length)]);
        let call = Call { method: "POST", path: super::PATH, query: &out.query, headers, body: &out.body };
        String::from_utf8(gateway.handle(&call, at).body).unwrap()
    };
    let body = |mobile: &str| SendSms {
        mobile: mobile.into(),
        template: FIXED.into(),
        signature_id: "sms-signTest00000001".into(),
        content_var: BTreeMap::new(),
        custom: Some(reference.clone()),
        user_ext_id: None,
        merchant_url_id: None,
    };
    let id = |s: &str| serde_json::from_str::<serde_json::Value>(s).unwrap()["data"][0]["messageId"].clone();
    let first = told(&body("13800000001"), &reference, now);
    assert!(id(&first).is_string());
    assert_eq!(id(&told(&body("13800000001"), &reference, now.plus(Duration::from_secs(1800)))), id(&first));
    assert!(told(&body("13800000002"), &reference, now).contains("IdempotentParameterMismatch"));
    assert!(told(&body("13800000001"), &reference, now.plus(Duration::from_secs(1801))).contains("RequestExpired"));
    assert_eq!(gateway.totals().messages, 1);
    assert_ne!(id(&told(&body("13800000001"), "another", now)), id(&first));
    assert_eq!(gateway.totals().messages, 2);
}

#[tokio::test]
async fn what_cannot_be_said_here_does_not_leave() {
    let mut foreign = batch_for(FIXED, 1, false);
    std::sync::Arc::make_mut(&mut foreign.rendition).signature = "别家".into();
    let mut bracket = batch_for(NAMED, 0, false);
    let values = vec![("name".to_owned(), "王[1]".to_owned())];
    let phone = phone_of("13800000001").unwrap();
    bracket.push(phone, values, Some(TEXT.into()), super::super::wire::tests::clearance());
    let many = batch_for(NAMED, 2, true);
    for (batch, code) in [(foreign, "no_signature_id"), (bracket, "bracket_in_value"), (many, "one_person_a_call")] {
        let (answer, gateway) = sent(account(), make(), Script::new(), &batch).await;
        assert_eq!(answer.verdicts.get(0).code, code);
        assert_eq!(gateway.totals().requests, 0);
    }
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let batch = batch_for(FIXED, 1, false);
    let of =
        |status, body: &str| account().outcome(&batch.request(), Incoming { status, body: body.as_bytes() }).get(0);
    let answer = |whole: &str, code: &str, mobile: &str, id: &str| {
        let row = format!(r#"{{"code":"{code}","mobile":"{mobile}","messageId":{id}}}"#);
        format!(r#"{{"requestId":"r","code":"{whole}","data":[{row}]}}"#)
    };
    let taken = answer("1000", "1000", "13800000001", "\"m\"");
    assert_eq!(of(200, &taken), Verdict::accepted("m"));
    assert_eq!(of(200, &answer("1000", "1000", "+8613800000001", "\"m\"")), Verdict::accepted("m"));
    for (status, body) in [
        (400, taken.clone()),
        (200, answer("1000", "1000", "13800000001", "\"\"")),
        (200, answer("1000", "1000", "13800000001", "null")),
        (200, answer("1000", "1000", "13800000009", "\"m\"")),
        (200, answer("1000", "9999", "13800000001", "\"m\"")),
        (200, answer("1000", "B:00012", "13800000001", "null")),
        (200, answer("4501", "1000", "13800000001", "\"m\"")),
        (200, answer("InternalError", "4642", "13800000001", "null")),
        (200, r#"{"code":"1000","data":[]}"#.into()),
        (200, r#"{"code":"1000"}"#.into()),
        (403, r#"{"code":"IdempotentParameterMismatch"}"#.into()),
        (200, format!("{taken} trailing")),
        (200, "{}".into()),
        (200, "null".into()),
        (200, String::new()),
    ] {
        assert_eq!(of(status, &body).outcome, Outcome::Unknown, "{status} {body}");
    }
    // A refusal in a refused request stands.
    let stop = of(200, &answer("4642", "4642", "13800000001", "null"));
    assert_eq!((stop.outcome, stop.consequence), (Outcome::Rejected(Blame::Person), Consequence::StopOwner));
}

#[tokio::test]
async fn pushes_are_proven_by_their_signature() {
    let (report, reply) = pushes(account(), make(), &batch_for(FIXED, 1, false)).await;
    for call in [report, reply] {
        for body in flips(&call.body) {
            assert_eq!(account().inbound(&HttpCall { body, ..call.clone() }).unwrap_err(), InboundError::Forged);
        }
        let with = |name: &str, value: &str| {
            let mut call = call.clone();
            call.headers.retain(|(n, _)| n != name);
            call.with_header(name, value)
        };
        let time = call.header("timestamp").unwrap().to_owned();
        for turned in flips(time.as_bytes()) {
            let turned = String::from_utf8_lossy(&turned).into_owned();
            assert_eq!(account().inbound(&with("timestamp", &turned)).unwrap_err(), InboundError::Forged);
        }
        // A digit moved from the time to the body leaves the signed bytes as they were.
        let (head, tail) = time.split_at(12);
        let moved = HttpCall { body: [tail.as_bytes(), &call.body].concat(), ..with("timestamp", head) };
        assert_eq!(account().inbound(&moved).unwrap_err(), InboundError::Forged);
        assert_eq!(account().inbound(&with("signature", "")).unwrap_err(), InboundError::Forged);
        let other = keyed("s").push_token(Secret::new("other"));
        assert_eq!(other.inbound(&call).unwrap_err(), InboundError::Forged);
        // Another push id is not another event: it is not signed.
        let (once, again) = (account().inbound(&call).unwrap(), account().inbound(&with("requestId", "9")).unwrap());
        let id = super::super::cloud_tests::id;
        assert_eq!(id(&once.events[0]), id(&again.events[0]));
        let now = call.received_at.unwrap();
        for (received, fresh) in [
            (now.plus(Duration::from_secs(10 * 3600)), true),
            (now.plus(Duration::from_secs(25 * 3600)), false),
            (now.minus(Duration::from_secs(16 * 60)), false),
        ] {
            let read = account().inbound(&HttpCall { received_at: Some(received), ..call.clone() });
            assert_eq!(read.is_ok(), fresh, "{read:?}");
            assert!(fresh || matches!(read, Err(InboundError::Stale)));
        }
        // Without a token the secret path is the proof.
        let behind = keyed("s").callbacks(Door::at(Secret::new(DOOR)));
        assert_eq!(behind.inbound(&call).unwrap().events.len(), 1);
        let elsewhere = HttpCall { path: "/cb".into(), ..call.clone() };
        assert_eq!(behind.inbound(&elsewhere).unwrap_err(), InboundError::Forged);
        assert_eq!(keyed("s").inbound(&call).unwrap_err(), InboundError::NotOffered);
    }
}

#[test]
fn odd_pushes() {
    let behind = keyed("s").callbacks(Door::at(Secret::new(DOOR)));
    let read = |body: &str| {
        let call = HttpCall::new("POST", DOOR, "", body);
        behind.inbound(&HttpCall { received_at: Some(Timestamp::EPOCH), ..call })
    };
    for body in ["", "{}", "[]", r#"{"mobile":"13800000001"}"#, r#"{"mobile":"13800000001","content":{}}"#] {
        assert!(matches!(read(body), Err(InboundError::Malformed { .. })), "{body}");
    }
    assert!(read(r#"{"mobile":"+12025550100","content":"R"}"#).unwrap().events.is_empty());
    let failed = read(r#"{"mobile":"13800000001","code":"2","carrierCode":"","deliverTime":"soon"}"#).unwrap();
    let [Inbound::Report(failed)] = &failed.events[..] else { panic!("{:?}", failed.events) };
    assert_eq!((failed.code.as_str(), failed.delivered, failed.at), ("2", Some(false), Timestamp::EPOCH));
}

#[test]
fn nothing_secret_is_printed() {
    let batch = batch_for(FIXED, 1, false);
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: "n".into() };
    let out = account().request(&batch.request(), "h", &stamp).unwrap();
    let shown = format!("{:?} {out:?}", account().callbacks(Door::at(Secret::new(DOOR))));
    for secret in ["testSecretAccessKey", "testToken", DOOR, "13800000001"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        let behind = keyed("s").callbacks(Door::at(Secret::new(DOOR)));
        survives(&behind, DOOR, &body, status);
        survives(&account(), DOOR, &body, status);
    }
}
