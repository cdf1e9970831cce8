//! Volcengine: codes, sends, the record of a number, pushes.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::cloud_tests::{batch_for, claims_only_what_is_so, pushes, sent as sent_to, survives, table, takes};
use super::*;
use crate::testing::gateway::{Account, FakeVolcengine, Script};
use proptest::prelude::*;

const TEXT: &str = "【测试签名】会员，新品8折。拒收请回复R";
const PATH: &str = crate::testing::gateway::CALLBACK_PATH;

fn with(secret: &str) -> Volcengine {
    let f = FakeVolcengine::default();
    Volcengine::new(f.key_id, Secret::new(secret), f.group).callbacks(Door::at(Secret::new(PATH)))
}

fn account() -> Volcengine {
    with(&FakeVolcengine::default().secret)
}

fn make() -> Account {
    FakeVolcengine::default().into()
}

fn of(count: u64, status: u16, body: &str) -> Vec<Outcome> {
    let batch = batch_for("ST_00000002", count, false);
    let verdicts = account().outcome(&batch.request(), Incoming { status, body: body.as_bytes() });
    (0..count as usize).map(|i| verdicts.get(i).outcome).collect()
}

fn ids(ids: &str) -> String {
    format!(r#"{{"ResponseMetadata":{{"RequestId":"r"}},"Result":{{"MessageID":[{ids}]}}}}"#)
}

fn refusal(code: &str) -> String {
    format!(r#"{{"ResponseMetadata":{{"RequestId":"r","Error":{{"Code":"{code}","Message":""}}}}}}"#)
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/volcengine/errors.json"));
}

#[tokio::test]
async fn a_valid_send_is_taken_as_it_was_meant_and_a_wrong_key_is_not() {
    for count in [1, 200] {
        takes(account(), make(), &batch_for("ST_00000002", count, false), |_| TEXT.into()).await;
    }
    claims_only_what_is_so(account(), with("wrong"), make, &batch_for("ST_00000002", 3, false)).await;
}

#[tokio::test]
async fn personal_texts_and_unfiled_templates_are_not_sent() {
    let (answer, gateway) = sent_to(account(), make(), Script::new(), &batch_for("ST_00000001", 1, true)).await;
    assert_eq!((answer.verdicts.get(0).code.as_str(), gateway.totals().requests), ("no_variables", 0));
    let (answer, gateway) = sent_to(account(), make(), Script::new(), &batch_for("ST_0", 1, false)).await;
    assert_eq!((answer.verdicts.get(0).outcome, gateway.totals().messages), (ACCOUNT, 0));
}

#[test]
fn only_an_id_for_each_is_an_acceptance() {
    assert_eq!(of(2, 200, &ids(r#""a","b""#)), [Outcome::Accepted; 2]);
    for body in [
        ids(r#""a""#),
        ids(r#""a","b","c""#),
        ids(r#""a","""#),
        ids(r#""a","a""#),
        ids(""),
        refusal("NeverHeardOf"),
        refusal("0"),
        refusal("CR:0201"),
        refusal("CR:0204"),
        refusal("NE:0100"),
        r#"{"ResponseMetadata":{"Error":{"Code":"RE:0010"}},"Result":{}}"#.into(),
        r#"{"ResponseMetadata":{"Error":{"Code":"RE:0010"}},"Result":{"MessageID":["a","b"]}}"#.into(),
        r#"{"ResponseMetadata":{"RequestId":"r"}}"#.into(),
        r#"{"Result":{"MessageID":["a","b"]}}"#.into(),
        "{}".into(),
        String::new(),
    ] {
        assert_eq!(of(2, 200, &body), [Outcome::Unknown; 2], "{body}");
    }
    assert_eq!(of(2, 400, &ids(r#""a","b""#)), [Outcome::Unknown; 2]);
}

#[test]
fn codes_of_receipts_prove_nothing_in_an_answer() {
    for row in CODES.iter().filter(|r| r.code.contains(':') && !r.code.starts_with("RE:")) {
        assert_eq!((row.outcome, row.consequence), (Outcome::Unknown, Consequence::None), "{}", row.code);
        assert_eq!(of(1, 200, &refusal(row.code)), [Outcome::Unknown], "{}", row.code);
    }
}

#[tokio::test]
async fn the_token_of_a_temporary_key_is_signed() {
    let wire = account().security_token(Secret::new("token"));
    let batch = batch_for("ST_00000002", 1, false);
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: "n".into() };
    let out = wire.request(&batch.request(), "h", &stamp).unwrap();
    let of = |name: &str| out.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()).unwrap();
    assert_eq!(of("x-security-token"), "token");
    assert!(of("authorization").contains("content-type;host;x-content-sha256;x-date;x-security-token"));
    takes(wire, make(), &batch, |_| TEXT.into()).await;
}

#[test]
fn a_persons_fault_told_of_many_blames_nobody() {
    assert_eq!(of(1, 200, &refusal("RE:0006")), [PERSON]);
    assert_eq!(of(2, 200, &refusal("RE:0006")), [Outcome::Unknown; 2]);
    assert_eq!(of(2, 400, &refusal("RE:0010")), [ACCOUNT; 2]);
}

#[test]
fn a_record_settles_by_id_or_by_its_only_text_of_that_time() {
    let batch = batch_for("ST_00000002", 1, false);
    let found_of = |mask: &str, text, provider_id, rows: &[(&str, &str, i64)]| {
        let row = |(id, content, after): &(&str, &str, i64)| {
            serde_json::json!({"messageId": id, "signature": "测试签名", "content": content, "phoneNumber": mask,
                "sendTime": batch.begun.millis() + after})
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        let body = serde_json::json!({"ResponseMetadata": {}, "Result": {"sendDetailsResults": rows}}).to_string();
        let (phone, reference, begun_at) = (batch.tickets[0].phone(), batch.reference, batch.begun);
        let asked = Asked { phone, reference, provider_id, begun_at, text };
        match account().found(&asked, 0, Incoming { status: 200, body: body.as_bytes() }) {
            Step::Done(found) => found,
            Step::More(_) => panic!("one page"),
        }
    };
    let found = |text, provider_id, rows: &[(&str, &str, i64)]| found_of("138****0001", text, provider_id, rows);
    let hit = |id: &str| Found::Accepted { id: id.into() };
    let content = TEXT.trim_start_matches("【测试签名】");
    assert_eq!(found(Some(TEXT), None, &[("other", "x", 0), ("a", content, 1000)]), hit("a"));
    assert_eq!(found(Some(TEXT), None, &[("a", TEXT, 1000)]), hit("a"));
    assert_eq!(found(None, Some("b"), &[("a", content, 0), ("b", "", 0)]), hit("b"));
    assert_eq!(found(Some(TEXT), None, &[("a", content, 1), ("b", content, 2)]), Found::Unclear);
    assert_eq!(found(Some(TEXT), None, &[("a", content, 24 * 3_600_000)]), Found::Unclear);
    assert_eq!(found(None, None, &[("a", content, 0)]), Found::Unclear);
    for another in ["138****0002", "138****001", ""] {
        assert_eq!(found_of(another, Some(TEXT), None, &[("a", content, 1)]), Found::Unclear);
        assert_eq!(found_of(another, None, Some("a"), &[("a", content, 1)]), Found::Unclear);
    }
    assert_eq!(found(Some(TEXT), None, &[]), Found::Unclear);
}

#[tokio::test]
async fn pushes_need_the_secret_path() {
    let (report, reply) = pushes(account(), make(), &batch_for("ST_00000002", 1, false)).await;
    for call in [report, reply] {
        let elsewhere = HttpCall { path: "/cb".into(), ..call.clone() };
        assert_eq!(account().inbound(&elsewhere).unwrap_err(), InboundError::Forged);
        let closed = Volcengine::new("", Secret::new(""), "");
        assert_eq!(closed.inbound(&call).unwrap_err(), InboundError::NotOffered);
        let cut = HttpCall { body: call.body[..call.body.len() - 1].to_vec(), ..call };
        assert!(matches!(account().inbound(&cut), Err(InboundError::Malformed { at, .. }) if at > 0));
    }
}

#[test]
fn nothing_secret_is_printed() {
    let batch = batch_for("ST_00000002", 1, false);
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: "n".into() };
    let out = account().request(&batch.request(), "h", &stamp).unwrap();
    let shown = format!("{:?} {out:?}", account());
    for secret in [FakeVolcengine::default().secret.as_str(), PATH, "13800000001"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), PATH, &body, status);
    }
}
