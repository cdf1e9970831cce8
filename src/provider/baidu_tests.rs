//! Baidu: codes, sends, the one resend, pushes of which no bit may change.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::cloud_tests::{
    batch_for, claims_only_what_is_so, flips, pushes, sent as sent_to, survives, table, takes,
};
use super::*;
use crate::provider::Answer;
use crate::testing::gateway::{Account, FakeBaidu, Gateway, Record, Script, Step};
use crate::ticket::Batch;
use proptest::prelude::*;

const FIXED: &str = "sms-tmpl-Test00000003";
const NAMED: &str = "sms-tmpl-Test00000001";
const TEXT: &str = "【测试签名】会员，新品8折。拒收请回复R";
const DOOR: &str = crate::testing::gateway::CALLBACK_PATH;

fn with(secret: &str) -> Baidu {
    let f = FakeBaidu::default();
    Baidu::new(f.key_id, Secret::new(secret))
        .signature("测试签名", "sms-signTest00000001")
        .push_token(Secret::new(f.push_token))
}

fn account() -> Baidu {
    with(&FakeBaidu::default().secret)
}

fn make() -> Account {
    FakeBaidu::default().into()
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/baidu/errors.json"));
}

#[tokio::test]
async fn a_valid_send_is_taken_as_it_was_meant_and_a_wrong_key_is_not() {
    for count in [1, 200] {
        takes(account(), make(), &batch_for(FIXED, count, false), |_| TEXT.into()).await;
    }
    let text = |i| format!("【测试签名】会员第{i}位\"+&=%，新品8折。拒收请回复R");
    takes(account(), make(), &batch_for(NAMED, 1, true), text).await;
    for (count, personal, template) in [(3, false, FIXED), (1, true, NAMED)] {
        claims_only_what_is_so(account(), with("wrong"), make, &batch_for(template, count, personal)).await;
    }
}

async fn scripted(batch: &Batch, steps: &[Step]) -> (Answer, Gateway) {
    let script = steps.iter().fold(Script::new(), |script, step| script.then(step.clone()));
    sent_to(account(), make(), script, batch).await
}

fn outcomes(answer: &Answer, count: usize) -> Vec<Outcome> {
    (0..count).map(|i| answer.verdicts.get(i).outcome).collect()
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again_and_tells_the_ids_of_the_first() {
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

#[tokio::test]
async fn a_refusal_of_the_second_call_says_nothing_about_the_first() {
    // What is not taken is not remembered under its token; so the second call is refused by itself. That its one number is
    // on a list is so all the same; of several nobody is named.
    for (count, consequence) in [(1, Consequence::StopEveryone), (3, Consequence::None)] {
        let script = Script::new().then(Step::Redirect("http://127.0.0.1:9/".into())).then(Step::Refuse("4641".into()));
        let (answer, gateway) = sent_to(account(), make(), script, &batch_for(FIXED, count, false)).await;
        assert_eq!(outcomes(&answer, count as usize), vec![Outcome::Unknown; count as usize]);
        assert_eq!((answer.verdicts.get(0).consequence, gateway.totals().requests), (consequence, 2));
    }
    // Nor does it where the first was taken, whatever the second says.
    let batch = batch_for(FIXED, 3, false);
    for second in [Step::Refuse("6012".into()), Step::Refuse("4508".into()), Step::Throttle] {
        let (answer, gateway) = scripted(&batch, &[Step::Reset, second.clone()]).await;
        assert_eq!((gateway.totals().requests, gateway.totals().messages), (2, 3), "{second:?}");
        let verdict = answer.verdicts.get(0);
        assert_eq!((verdict.outcome, verdict.consequence), (Outcome::Unknown, Consequence::None), "{second:?}");
        assert_eq!(verdict.code, "reset", "the first attempt's word");
    }
    // Whom it leaves out or calls refused stays in doubt; whom it calls taken is.
    let script = Script::new().refuse_number(13_800_000_002, "4642").then(Step::Reset);
    let (answer, gateway) = sent_to(account(), make(), script, &batch).await;
    assert_eq!(outcomes(&answer, 3), [Outcome::Accepted, Outcome::Unknown, Outcome::Accepted]);
    let listed = answer.verdicts.get(1);
    assert_eq!((listed.code.as_str(), listed.consequence), ("4642", Consequence::StopOwner));
    assert_eq!((gateway.totals().requests, gateway.totals().messages), (2, 2));
    let (answer, _) = scripted(&batch, &[Step::Reset, Step::Unnamed]).await;
    assert_eq!(outcomes(&answer, 3), [Outcome::Unknown, Outcome::Accepted, Outcome::Unknown]);
}

/// However the gateway keeps its record: a token is one message.
#[test]
fn the_gateway_takes_a_token_once_and_only_with_the_same_bytes_and_time() {
    for record in [Record::All, Record::Counts] {
        let gateway = Gateway::new(make()).record(record).unwrap();
        let now = Timestamp::from_millis(1_796_954_400_000);
        let stamp = Stamp { at: now, nonce: "n".into() };
        let told = |mobile: &str, token: &str, after: u64| {
            let body = format!(
                r#"{{"mobile":"{mobile}","template":"{FIXED}","signatureId":"sms-signTest00000001","contentVar":{{}}}}"#
            );
            let out = account().call("h", Some(token), body.into_bytes(), &stamp);
            let length = out.body.len().to_string();
            let mut headers: Vec<(&str, &str)> = out.headers.iter().map(|(n, v)| (*n, v.as_ref())).collect();
            headers.extend([("host", "h"), ("content-length", &*length)]);
            let (query, body) = (&*out.query, &*out.body);
            let call = crate::testing::gateway::Call { method: "POST", path: PATH, query, headers, body };
            let answer = gateway.handle(&call, now.plus(Duration::from_secs(after))).body;
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            let id = answer["data"][0]["messageId"].as_str();
            id.map_or_else(|| answer["code"].to_string(), str::to_owned)
        };
        let first = told("13800000001", "a", 0);
        assert_eq!(told("13800000001", "a", 1800), first);
        assert_eq!(told("13800000001", "a", 1801), r#""RequestExpired""#);
        assert_eq!(told("13800000002", "a", 0), r#""IdempotentParameterMismatch""#);
        assert_eq!(gateway.totals().messages, 1);
        assert_ne!(told("13800000001", "b", 0), first);
        assert_eq!(gateway.totals().messages, 2);
    }
}

#[tokio::test]
async fn a_refusal_is_not_asked_for_again() {
    let script = Script::new().refuse_number(13_800_000_002, "4642");
    let (answer, gateway) = sent_to(account(), make(), script, &batch_for(FIXED, 3, false)).await;
    let outcomes: Vec<Outcome> = (0..3).map(|i| answer.verdicts.get(i).outcome).collect();
    assert_eq!(outcomes, [Outcome::Accepted, PERSON, Outcome::Accepted]);
    assert_eq!((gateway.totals().requests, gateway.totals().messages), (1, 2));
    // Told of all at once too: that leaves everyone in doubt, but it is an answer.
    for clear in [Step::Accept, Step::Refuse("6012".into()), Step::Refuse("4641".into()), Step::DuplicateRows] {
        let (_, gateway) = scripted(&batch_for(FIXED, 3, false), std::slice::from_ref(&clear)).await;
        assert_eq!(gateway.totals().requests, 1, "{clear:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_said_here_does_not_leave() {
    let unknown = Baidu::new("testAccessKeyId000001", Secret::new("testSecretAccessKey000001"));
    let (answer, gateway) = sent_to(unknown, make(), Script::new(), &batch_for(FIXED, 1, false)).await;
    assert_eq!((answer.verdicts.get(0).code.as_str(), gateway.totals().requests), ("no_signature_id", 0));
    let (answer, gateway) = sent_to(account(), make(), Script::new(), &batch_for(FIXED, 2, true)).await;
    assert_eq!((answer.verdicts.get(0).code.as_str(), gateway.totals().requests), ("one_person_a_call", 0));
    let mut bracket = batch_for(NAMED, 0, false);
    let values = vec![("name".to_owned(), "王[1]".to_owned())];
    let phone = phone_of("13800000001").unwrap();
    bracket.push(phone, values, Some(TEXT.into()), crate::provider::wire::tests::clearance());
    let (answer, gateway) = sent_to(account(), make(), Script::new(), &bracket).await;
    assert_eq!((answer.verdicts.get(0).code.as_str(), gateway.totals().requests), ("bracket_in_value", 0));
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let batch = batch_for(FIXED, 2, false);
    let of = |status, body: &str| {
        let verdicts = account().outcome(&batch.request(), Incoming { status, body: body.as_bytes() });
        verdicts.get(0).outcome
    };
    let row = |code: &str, id: &str| format!(r#"{{"code":"{code}","mobile":"13800000001","messageId":"{id}"}}"#);
    let whole = |code: &str, rows: &str| format!(r#"{{"requestId":"r","code":"{code}","data":[{rows}]}}"#);
    assert_eq!(of(200, &whole("1000", &row("1000", "a"))), Outcome::Accepted);
    assert_eq!(of(200, &whole("1000", &row("4507", ""))), PERSON);
    assert_eq!(of(200, &whole("6012", "")), ACCOUNT);
    // One person's fault, told of two, is theirs to be split or doubted by the ledger.
    assert_eq!(of(200, &whole("4641", "")), PERSON);
    for (status, body) in [
        (400, whole("1000", &row("1000", "a"))),
        (200, whole("1000", &row("1000", ""))),
        (200, whole("1000", &row("7777", "a"))),
        (200, whole("1000", "")),
        (200, whole("6012", &row("1000", "a"))),
        (200, whole("7777", "")),
        (200, "{}".into()),
        (200, String::new()),
    ] {
        assert_eq!(of(status, &body), Outcome::Unknown, "{body}");
    }
}

#[tokio::test]
async fn a_signed_push_is_read_and_no_bit_of_it_may_change() {
    let (report, reply) = pushes(account(), make(), &batch_for(FIXED, 1, false)).await;
    for call in [&report, &reply] {
        let forged = |call: HttpCall| assert!(account().inbound(&call).is_err());
        flips(&call.body).for_each(|body| forged(HttpCall { body, ..call.clone() }));
        let text = |bytes| String::from_utf8(bytes).ok();
        for name in ["timestamp", "signature"] {
            let at = call.headers.iter().position(|(n, _)| n == name).unwrap();
            for value in flips(call.headers[at].1.as_bytes()).filter_map(text) {
                let mut turned = call.clone();
                turned.headers[at].1 = value;
                forged(turned);
            }
        }
        let closed = Baidu::new("", Secret::new(""));
        assert_eq!(closed.inbound(call).unwrap_err(), InboundError::NotOffered);
    }
    // An old "delivered" is refused; what may be a stop is never too old.
    let late = |call: &HttpCall| HttpCall { received_at: call.received_at.map(|t| t.plus_days(2)), ..call.clone() };
    assert_eq!(account().inbound(&late(&report)).unwrap_err(), InboundError::Stale);
    assert_eq!(account().inbound(&late(&reply)).unwrap().events.len(), 1);
    let body = br#"{"mobile":"13800000001","code":"2","carrierCode":"B:00034","messageId":"m"}"#.to_vec();
    let mut listed = HttpCall { body, ..report.clone() };
    for (name, value) in &mut listed.headers {
        if name == "signature" {
            let time = report.header("timestamp").unwrap();
            *value = push_signature(&FakeBaidu::default().push_token, time, &listed.body);
        }
    }
    assert_eq!(account().inbound(&late(&listed)).unwrap().events.len(), 1);
}

#[test]
fn nothing_secret_is_printed() {
    let batch = batch_for(FIXED, 1, false);
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: "n".into() };
    let out = account().request(&batch.request(), "h", &stamp).unwrap();
    let shown = format!("{:?} {out:?}", account());
    let f = FakeBaidu::default();
    for secret in [f.secret.as_str(), &f.push_token, "13800000001"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), DOOR, &body, status);
    }
}
