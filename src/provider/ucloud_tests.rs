//! UCloud: codes, sends in both forms, those who are named and those who are only counted.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::cloud_tests::{
    batch_for, claims_only_what_is_so, personal_batch, pushes, sent, survives, table, takes,
};
use super::*;
use crate::message::rendition::TemplateBinding;
use crate::testing::gateway::{Account, FakeUcloud, Script};
use proptest::prelude::*;

const PATH: &str = crate::testing::gateway::CALLBACK_PATH;

fn account() -> Ucloud {
    Ucloud::new("FAKEpublic/key+dev==", Secret::new("FAKEprivate0key0dev"))
        .project("org-fakedev")
        .callbacks(Door::at(Secret::new(PATH)))
}

fn fake() -> Account {
    FakeUcloud::default().into()
}

fn template(personal: bool) -> &'static str {
    if personal { "UTAfake0001" } else { "UTAfake0002" }
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/ucloud/errors.json"));
}

#[tokio::test]
async fn sends_are_taken_as_meant_in_both_forms() {
    let text = |i| format!("【测试签名】会员第{i}位\"+&=%，新品8折。拒收请回复R");
    for count in [1, 12, 1000] {
        let same = |_| "【测试签名】会员，新品8折。拒收请回复R".to_owned();
        takes(account(), fake(), &batch_for(template(false), count, false), same).await;
        takes(account(), fake(), &batch_for(template(true), count, true), text).await;
    }
    for personal in [false, true] {
        let wrong = Ucloud::new("FAKEpublic/key+dev==", Secret::new("wrong")).project("org-fakedev");
        claims_only_what_is_so(account(), wrong, fake, &batch_for(template(personal), 2, personal)).await;
    }
}

/// What each target of a personal send is given for the platform's `{1}`, `{2}` …
fn values(filed: &str, source: &str, people: &[Vec<(&str, &str)>]) -> Result<Vec<Vec<String>>, Verdicts> {
    let mut batch = personal_batch(source, people);
    let binding = TemplateBinding { code: "UTAfake0001".into(), filed: filed.into() };
    std::sync::Arc::make_mut(&mut batch.rendition).template = Some(binding);
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: String::new() };
    let out = account().request(&batch.request(), "h", &stamp)?;
    let form = sign::form_pairs(std::str::from_utf8(&out.body).unwrap()).unwrap();
    let (_, content) = form.iter().find(|(name, _)| name == "TaskContent").unwrap();
    let json = base64::engine::general_purpose::STANDARD.decode(content).unwrap();
    let tasks: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let of = |target: &serde_json::Value| serde_json::from_value(target["TemplateParams"].clone()).unwrap();
    Ok(tasks[0]["Target"].as_array().unwrap().iter().map(of).collect())
}

#[test]
fn values_go_into_the_holes_they_are_meant_for() {
    // The audience's columns come in any order.
    let person = || vec![vec![("off", "25"), ("name", "王")]];
    let (two, one) = ([["王".to_owned(), "25".into()]], [["25".to_owned(), "王".into()]]);
    assert_eq!(values("{1}您好，减{2}拒收请回复R", "{name}您好，减{off}", &person()).unwrap(), two);
    assert_eq!(values("{2}您好，减{1}拒收请回复R", "{name}您好，减{off}", &person()).unwrap(), one);
    assert_eq!(values("{1}减{2}，{1}拒收请回复R", "{name}减{off}，{name}", &person()).unwrap(), two);
    assert_eq!(values("{who}您好，减{much}拒收请回复R", "{name}您好，减{off}", &person()).unwrap(), two);
    // Two columns that are one placeholder to the platform.
    let refused = values("{1}您好，减{1}拒收请回复R", "{name}您好，减{off}", &person()).unwrap_err();
    assert_eq!(refused.get(0).code, "template_differs");
}

#[tokio::test]
async fn those_who_failed_are_told_from_those_who_were_taken() {
    let script = Script::new().refuse_number(13_800_000_002, "phone in the black list");
    let (answer, gateway) = sent(account(), fake(), script, &batch_for(template(true), 3, true)).await;
    let outcomes: Vec<_> = (0..3).map(|i| answer.verdicts.get(i).outcome).collect();
    assert_eq!(outcomes, [Outcome::Accepted, PERSON, Outcome::Accepted]);
    assert_eq!(gateway.totals().messages, 2);
}

fn judged(personal: bool, count: u64, status: u16, body: &str) -> Vec<Outcome> {
    let batch = batch_for(template(personal), count, personal);
    let verdicts = account().outcome(&batch.request(), Incoming { status, body: body.as_bytes() });
    (0..batch.tickets.len()).map(|i| verdicts.get(i).outcome).collect()
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let ok = r#"{"RetCode":0,"SessionNo":"s1"}"#;
    assert_eq!(judged(false, 2, 200, ok), [Outcome::Accepted; 2]);
    for (status, body) in [
        (400, ok),
        (200, r#"{"RetCode":0}"#),
        (200, r#"{"RetCode":0,"SessionNo":""}"#),
        (200, r#"{"RetCode":0,"SessionNo":"s1","FailContent":[{"Target":[{"Phone":"13800000001"}]}]}"#),
        (200, r#"{"RetCode":"0","SessionNo":"s1"}"#),
        (200, r#"{"RetCode":18046,"SessionNo":"s1"}"#),
        (200, r#"{"RetCode":99999}"#),
        (200, r#"{"SessionNo":"s1"}"#),
        (200, r#"{"RetCode":0,"SessionNo":"s1"} trailing"#),
        (200, "null"),
        (200, ""),
    ] {
        assert_eq!(judged(false, 2, status, body), [Outcome::Unknown; 2], "{body}");
    }
}

#[test]
fn who_is_only_counted_is_taken_only_if_the_count_fits() {
    let body = |code: i64, count: &str, phones: &[&str]| {
        let target = |p: &&str| format!(r#"{{"Phone":"{p}","FailureDetails":"black list"}}"#);
        let targets = phones.iter().map(target).collect::<Vec<_>>().join(",");
        format!(r#"{{"RetCode":{code},"SessionNo":"s1"{count},"FailContent":[{{"Target":[{targets}]}}]}}"#)
    };
    let (yes, doubt) = (Outcome::Accepted, Outcome::Unknown);
    for code in [0, 18046] {
        let told = |count, phones: &[&str]| judged(true, 3, 200, &body(code, count, phones));
        assert_eq!(told(r#","SuccessCount":3"#, &[]), [yes, yes, yes]);
        assert_eq!(told(r#","SuccessCount":2"#, &["13800000002"]), [yes, PERSON, yes]);
        assert_eq!(told(r#","SuccessCount":2"#, &["13800000002", "13800000002"]), [yes, PERSON, yes]);
        assert_eq!(told(r#","SuccessCount":3"#, &["13800000002"]), [doubt, PERSON, doubt]);
        assert_eq!(told(r#","SuccessCount":2"#, &["13800000009"]), [doubt, doubt, doubt]);
        assert_eq!(told("", &["13800000002"]), [doubt, PERSON, doubt]);
    }
    let nameless = r#"{"RetCode":18046,"SessionNo":"s1","SuccessCount":2,"FailContent":[{"FailureDetails":"template","Target":[{"Phone":"13800000001","FailureDetails":""}]}]}"#;
    assert_eq!(judged(true, 3, 200, nameless), [doubt, yes, yes]);
}

#[tokio::test]
async fn pushes_need_the_secret_path_and_are_bounded() {
    let (report, _) = pushes(account(), fake(), &batch_for(template(false), 1, false)).await;
    let elsewhere = HttpCall { path: "/cb".into(), ..report.clone() };
    assert_eq!(account().inbound(&elsewhere).unwrap_err(), InboundError::Forged);
    let closed = Ucloud::new("k", Secret::new("s"));
    assert_eq!(closed.inbound(&report).unwrap_err(), InboundError::NotOffered);
    let many = format!("{{\"MsgType\":2,\"Data\":[{}]}}", vec!["{}"; 10_001].join(","));
    for body in ["", "{}", r#"{"MsgType":1,"Data":[]}"#, r#"{"MsgType":2,"Data":[1]}"#, &many, &"[".repeat(100_000)] {
        let read = account().inbound(&HttpCall::new("POST", PATH, "", body));
        assert!(matches!(read, Err(InboundError::Malformed { .. })), "{}", &body[..body.len().min(40)]);
    }
}

#[test]
fn a_refusal_without_a_readable_time_counts_from_when_it_came() {
    let received = Timestamp::from_millis(1_764_000_000_000);
    let read = |kind: u8, rows: &str| {
        let call = HttpCall::new("POST", PATH, "", format!(r#"{{"MsgType":{kind},"Data":[{rows}]}}"#));
        account().inbound(&HttpCall { received_at: Some(received), ..call }).unwrap().events
    };
    let foreign = r#"{"Phone":"(1)2025550100","ReplyContent":"R","ReplyTime":1573552778}"#;
    let told = r#"{"Phone":"(86)13800000001","ReplyContent":"R","ReplyTime":1573552778}"#;
    let odd = [r#""ReplyTime":9223372036854775807"#, r#""ReplyTime":-1"#, r#""ReplyTime":0"#, r#""ReplyTime":"soon""#];
    let odd = odd.into_iter().chain([r#""ReplyTime":{}"#, r#""ReplyTime":null"#, r#""ExtendCode":7"#]);
    let odd: Vec<String> = odd.map(|t| format!(r#"{{"Phone":"13800000001","ReplyContent":"TD",{t}}}"#)).collect();
    let replies = read(0, &format!("{foreign},1,{told},{}", odd.join(",")));
    let at = |event: &Inbound| match event {
        Inbound::Reply(r) => r.at,
        Inbound::Report(r) => r.at,
    };
    assert_eq!(replies.iter().filter(|e| at(e) == received).count(), odd.len());
    assert_eq!(replies.len(), odd.len() + 1);
    let long = "X".repeat(100);
    let fail = format!(r#"{{"Phone":13800000001,"SessionNo":7,"ReceiptResult":"发送失败","ReceiptCode":"{long}"}}"#);
    let [Inbound::Report(r)] = &read(2, &fail)[..] else { panic!() };
    assert_eq!((r.at, r.delivered, r.provider_id.as_deref()), (received, Some(false), Some("7")));
    assert_eq!(r.code, "X".repeat(64));
}

#[test]
fn a_list_in_the_words_about_a_number_is_a_stop() {
    let judged = |words: &str| {
        let body = format!(
            r#"{{"RetCode":18046,"SessionNo":"s1","SuccessCount":0,
                "FailContent":[{{"Target":[{{"Phone":"13800000001","FailureDetails":"{words}"}}]}}]}}"#
        );
        let batch = batch_for(template(true), 1, true);
        account().outcome(&batch.request(), Incoming { status: 200, body: body.as_bytes() }).get(0)
    };
    for words in ["phone in the black list", "Blacklist", "号码在黑名单", "用户已退订", "Unsubscribed"] {
        let verdict = judged(words);
        assert_eq!((verdict.outcome, verdict.consequence), (PERSON, Consequence::StopEveryone), "{words}");
    }
    assert_eq!((judged("invalid number").outcome, judged("invalid number").consequence), (PERSON, Consequence::None));
    assert_eq!(judged(" ").outcome, Outcome::Unknown);
}

#[test]
fn a_refusal_that_contradicts_itself_refuses_nobody() {
    let verdict = |status, body: &str| {
        let batch = batch_for(template(true), 2, true);
        super::super::wire::settle(&account(), &batch.request(), Incoming { status, body: body.as_bytes() }).get(0)
    };
    let target = r#""FailContent":[{"Target":[{"Phone":"13800000001","FailureDetails":"x"}]}]"#;
    for more in [r#""SuccessCount":1"#, target] {
        let told = verdict(200, &format!(r#"{{"RetCode":18013,{more}}}"#));
        assert_eq!((told.outcome, told.code.as_str()), (Outcome::Unknown, "contradiction"), "{more}");
    }
    let whole = r#"{"RetCode":18013,"SuccessCount":0,"FailContent":[]}"#;
    assert_eq!((verdict(200, whole).outcome, verdict(200, whole).consequence), (ACCOUNT, Consequence::Hold));
    // The code stands whatever the status; all but a refusal stays in doubt under a server error.
    assert_eq!(verdict(500, whole), verdict(200, whole));
    let stop = r#"{"RetCode":18046,"SessionNo":"s1","SuccessCount":1,
        "FailContent":[{"Target":[{"Phone":"13800000001","FailureDetails":"blacklist"}]}]}"#;
    assert_eq!(verdict(502, stop).consequence, Consequence::StopEveryone);
    for body in [r#"{"RetCode":0,"SessionNo":"s1","SuccessCount":2}"#, r#"{"RetCode":18007}"#, "<html>", ""] {
        assert_eq!(verdict(503, body), Verdict::unknown("http_503"), "{body}");
    }
}

#[test]
fn who_is_in_doubt_keeps_the_session_that_receipts_name() {
    let batch = batch_for(template(true), 2, true);
    let body = r#"{"RetCode":0,"SessionNo":"s1","SuccessCount":1}"#;
    let verdicts = account().outcome(&batch.request(), Incoming { status: 200, body: body.as_bytes() });
    let wanted = Verdict { id: Some("s1".into()), ..Verdict::unknown("not_named") };
    assert_eq!([verdicts.get(0), verdicts.get(1)], [wanted.clone(), wanted]);
}

#[test]
fn nothing_secret_is_printed() {
    let batch = batch_for(template(false), 1, false);
    let out = account().request(&batch.request(), "h", &Stamp { at: Timestamp::EPOCH, nonce: "n".into() }).unwrap();
    let shown = format!("{:?} {out:?}", account());
    for secret in ["FAKEprivate", PATH, "13800000001"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), PATH, &body, status);
    }
}
