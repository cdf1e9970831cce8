//! SUBMAIL: codes, sends in all six forms and three ways of signing, rows, the log, hooks.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::cloud_tests::{
    asks, batch_for, claims_only_what_is_so, flips, id, personal_batch, pushes, sent, survives, table, takes,
};
use super::super::wire::tests::clearance;
use super::*;
use crate::message::rendition::TemplateBinding;
use crate::testing::gateway::{Account, CALLBACK_PATH, FakeSubmail, Gateway, Script, Step as Do};
use crate::ticket::Batch;
use proptest::prelude::*;
use std::sync::Arc;

const SAME: &str = "【测试签名】会员，新品8折。拒收请回复R";

fn account() -> Submail {
    with("fake0submail0appkey0dev")
}

fn with(appkey: &str) -> Submail {
    Submail::new("10000", Secret::new(appkey))
        .subhook_key(Secret::new("fake0subhook0key0dev"))
        .callbacks(Door::at(Secret::new(CALLBACK_PATH)))
}

fn fake() -> Account {
    FakeSubmail::default().into()
}

/// A text with two variables, one of them twice, for so many people.
fn own(count: usize) -> Batch {
    let names: Vec<String> = (0..count).map(|i| format!("第{i}位\"+&=%,;")).collect();
    let people: Vec<_> = names.iter().map(|name| vec![("off", "8折"), ("name", name.as_str())]).collect();
    personal_batch("{name}您好，{{新品}}{off}，{name}再来", &people)
}

fn filed(mut batch: Batch, code: &str, filed: &str) -> Batch {
    let binding = TemplateBinding { code: code.into(), filed: filed.into() };
    Arc::make_mut(&mut batch.rendition).template = Some(binding);
    batch
}

fn own_by_template(count: usize) -> Batch {
    let names: Vec<String> = (0..count).map(|i| format!("第{i}位🎉")).collect();
    let people: Vec<_> = names.iter().map(|name| vec![("who", name.as_str())]).collect();
    let batch = personal_batch("会员{who}，新品8折。", &people);
    filed(batch, "FaKe01", "【测试签名】会员@var(name)，新品8折。拒收请回复R")
}

fn own_texts(batch: &Batch) -> impl Fn(usize) -> String + '_ {
    |i| batch.tickets[i].text().unwrap().to_owned()
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/submail/errors.json"));
}

#[tokio::test]
async fn sends_are_taken_as_meant_in_every_form_and_signature() {
    for signing in [Signing::Normal, Signing::Md5, Signing::Sha1] {
        for short in [false, true] {
            let wire = || account().signing(signing).sign_version_2(short);
            for count in [1, 50] {
                takes(wire(), fake(), &batch_for("", count, false), |_| SAME.into()).await;
                takes(wire().templates(), fake(), &batch_for("FaKe02", count, false), |_| SAME.into()).await;
                let own = own(count as usize);
                takes(wire(), fake(), &own, own_texts(&own)).await;
                let own = own_by_template(count as usize);
                takes(wire().templates(), fake(), &own, own_texts(&own)).await;
            }
        }
    }
    let most = own_by_template(200);
    takes(account().templates(), fake(), &most, own_texts(&most)).await;
}

#[test]
fn an_answer_for_the_most_numbers_is_read_within_the_usual_size() {
    let (batch, stamp) = (batch_for("", 10_000, false), Stamp { at: Timestamp::EPOCH, nonce: String::new() });
    let out = account().request(&batch.request(), "h", &stamp).unwrap();
    let call = crate::testing::gateway::Call {
        method: "POST",
        path: &out.path,
        query: "",
        headers: out.headers.iter().map(|(n, v)| (*n, v.as_ref())).collect(),
        body: &out.body,
    };
    let answer = Gateway::new(fake()).handle(&call, stamp.at).body;
    assert!(answer.len() < 1 << 20, "{}", answer.len());
    let verdicts = account().outcome(&batch.request(), Incoming { status: 200, body: &answer });
    assert!((0..10_000).all(|i| verdicts.get(i).outcome == Outcome::Accepted));
    assert!((0..10_000).map(|i| verdicts.get(i).id).collect::<HashSet<_>>().len() == 10_000);
}

#[tokio::test]
async fn what_is_claimed_is_what_happened() {
    for signing in [Signing::Normal, Signing::Md5, Signing::Sha1] {
        let (right, wrong) = (account().signing(signing), with("x").signing(signing));
        for batch in [batch_for("", 1, false), batch_for("", 2, false), own(2)] {
            claims_only_what_is_so(right.clone(), wrong.clone(), fake, &batch).await;
        }
        let (right, wrong) = (right.templates(), wrong.templates());
        for batch in [batch_for("FaKe02", 1, false), batch_for("FaKe02", 2, false), own_by_template(2)] {
            claims_only_what_is_so(right.clone(), wrong.clone(), fake, &batch).await;
        }
    }
}

#[tokio::test]
async fn the_platform_refuses_what_it_would() {
    let first = async |wire: Submail, batch: &Batch, script| {
        let (answer, gateway) = sent(wire, fake(), script, batch).await;
        (answer.verdicts.get(0), gateway.totals().messages)
    };
    let mut foreign = batch_for("", 2, false);
    Arc::make_mut(&mut foreign.rendition).text = "【别家】新品。拒收请回复R".into();
    assert_eq!(first(account(), &foreign, Script::new()).await.0.code, "116");
    let unknown = batch_for("FaKe99", 2, false);
    assert_eq!(first(account().templates(), &unknown, Script::new()).await.0.code, "306");
    let (later, taken) = first(account(), &batch_for("", 2, false), Script::new().then(Do::Throttle)).await;
    assert_eq!((later.outcome, taken), (Outcome::Unsent, 0));
    assert_eq!(first(account(), &own(51), Script::new()).await.0.code, "410");
    // A signed call that took more than six seconds.
    let stamp = Stamp { at: Timestamp::from_millis(1_764_000_000_000), nonce: String::new() };
    let batch = batch_for("", 1, false);
    let handled = |wire: Submail, later: u64| {
        let out = wire.request(&batch.request(), "h", &stamp).unwrap();
        let headers = out.headers.iter().map(|(n, v)| (*n, v.as_ref())).collect();
        let call =
            crate::testing::gateway::Call { method: "POST", path: &out.path, query: "", headers, body: &out.body };
        let reply = Gateway::new(fake()).handle(&call, stamp.at.plus(Duration::from_secs(later)));
        wire.outcome(&batch.request(), Incoming { status: reply.status, body: &reply.body }).get(0)
    };
    assert_eq!(handled(account().signing(Signing::Md5), 6).outcome, Outcome::Accepted);
    assert_eq!(handled(account().signing(Signing::Md5), 7).code, "152");
    assert_eq!(handled(account(), 7).outcome, Outcome::Accepted);
}

#[test]
fn what_the_text_cannot_carry_does_not_leave() {
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: String::new() };
    let refused = |wire: Submail, batch: &Batch| wire.request(&batch.request(), "h", &stamp).unwrap_err().get(0);
    for (source, name) in [("{name}您好@var(x)", "王"), ("{name}您好", "@var(name)")] {
        let verdict = refused(account(), &personal_batch(source, &[vec![("name", name)]]));
        assert_eq!((verdict.outcome, verdict.code.as_str()), (CONTENT, "reserved_text"));
    }
    let two = filed(own(1), "FaKe01", "【测试签名】会员@var(name)，新品8折。拒收请回复R");
    assert_eq!(refused(account().templates(), &two).code, "template_differs");
    assert_eq!(refused(account().templates(), &own(1)).code, "no_template");
    // One person's value is that person's alone, in both forms.
    let names = |second: &'static [(&'static str, &'static str)]| {
        let people = [vec![("name", "王")], second.to_vec(), vec![("name", "李")]];
        personal_batch("{name}您好", &people)
    };
    let spoiled = names(&[("name", "@var(name)")]);
    let mut short = filed(names(&[("name", "张")]), "FaKe01", "【测试签名】@var(who)您好拒收请回复R");
    short.tickets.remove(1);
    short.push(phone_of("13800000002").unwrap(), Vec::new(), Some(String::new()), clearance());
    for (wire, batch, at, code) in
        [(account(), &spoiled, 1, "reserved_text"), (account().templates(), &short, 2, "missing_parameter")]
    {
        let verdicts = wire.request(&batch.request(), "h", &stamp).unwrap_err();
        for i in 0..3 {
            let verdict = verdicts.get(i);
            let wanted = if i == at { (CONTENT, code) } else { (Outcome::Unsent, "not_with_others") };
            assert_eq!((verdict.outcome, verdict.code.as_str()), wanted, "{i}");
        }
    }
}

fn judged(count: u64, status: u16, body: &str) -> Vec<Verdict> {
    let batch = batch_for("", count, false);
    let verdicts = account().outcome(&batch.request(), Incoming { status, body: body.as_bytes() });
    (0..count as usize).map(|i| verdicts.get(i)).collect()
}

fn taken(i: u64) -> String {
    format!(r#"{{"status":"success","to":"{}","send_id":"id{i}","fee":1}}"#, 13_800_000_001 + i)
}

fn no(code: &str) -> String {
    format!(r#"{{"status":"error","code":{code},"msg":"…"}}"#)
}

#[test]
fn rows_are_matched_by_number_and_nameless_ones_only_where_they_agree() {
    let batch = |rows: &[String]| format!(r#"{{"status":"success","responses":[{}]}}"#, rows.join(","));
    let list = |rows: &[String]| format!("[{}]", rows.join(","));
    let outcomes = |body: &str, count| judged(count, 200, body).into_iter().map(|v| v.outcome).collect::<Vec<_>>();
    let (a, d, p) = (Outcome::Accepted, Outcome::Unknown, PERSON);
    for form in [batch as fn(&[String]) -> String, list] {
        assert_eq!(outcomes(&form(&[taken(1), taken(0)]), 2), [a, a]);
        assert_eq!(judged(2, 200, &form(&[taken(1), taken(0)]))[0].id.as_deref(), Some("id0"));
        assert_eq!(outcomes(&form(&[no("253"), taken(1)]), 2), [p, a], "whoever is left is meant");
        assert_eq!(outcomes(&form(&[taken(1), no("\"253\"")]), 2), [p, a], "in any order");
        assert_eq!(outcomes(&form(&[no("253"), no("253"), taken(0)]), 3), [a, p, p]);
        assert_eq!(outcomes(&form(&[no("253"), no("251"), taken(0)]), 3), [a, d, d], "whose is which is not told");
        assert_eq!(outcomes(&form(&[no("253"), taken(0)]), 3), [a, d, d], "a row is missing");
        assert_eq!(outcomes(&form(&[no("253"), taken(0), taken(0)]), 3), [a, d, d], "a row came twice");
        assert_eq!(outcomes(&form(&[no("253"), taken(7)]), 2), [d, d], "an answer to others");
        assert_eq!(outcomes(&form(&[no("999"), taken(0)]), 2), [a, d]);
    }
    assert_eq!(outcomes(r#"{"status":"error","code":"253","responses":[]}"#, 2), [d, d]);
    let many = list(&vec![taken(0); 10_001]);
    assert_eq!(outcomes(&many, 1), [d]);
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let ok = r#"{"status":"success","send_id":"c2f0","fee":1}"#;
    assert_eq!(judged(1, 200, ok), [Verdict::accepted("c2f0")]);
    assert_eq!(judged(1, 400, &no("\"253\""))[0].outcome, PERSON);
    for (count, status, body) in [
        (1, 400, ok),
        (2, 200, ok),
        (1, 200, r#"{"status":"success","fee":1}"#),
        (1, 200, r#"{"status":"success","send_id":""}"#),
        (1, 200, r#"{"status":"success","to":"13800000009","send_id":"c2f0"}"#),
        (1, 200, r#"{"status":"Success","send_id":"c2f0"}"#),
        (1, 200, r#"{"status":"success","status":"error","send_id":"c2f0"}"#),
        (1, 200, r#"{"status":"error","code":"success","send_id":"c2f0"}"#),
        (1, 400, r#"{"status":"error","code":"9999"}"#),
        (2, 400, r#"{"status":"error","code":"253"}"#),
        (1, 200, r#"{"send_id":"c2f0"}"#),
        (1, 200, r#"{"status":"success","send_id":"c2f0"} trailing"#),
        (1, 200, r#"{"status":"success","send_id":"c2f0","responses":[]}"#),
        (1, 200, "[]"),
        (1, 200, "<html>"),
        (1, 200, "null"),
        (1, 200, ""),
    ] {
        assert!(judged(count, status, body).iter().all(|v| v.outcome == Outcome::Unknown), "{body}");
    }
    let rested = judged(2, 400, &no("901"));
    assert_eq!(
        (rested[0].outcome, rested[0].consequence),
        (Outcome::Unsent, Consequence::Rest(Duration::from_secs(3600)))
    );
}

#[tokio::test]
async fn the_log_settles_only_what_it_tells() {
    let batch = batch_for("", 1, false);
    assert_eq!(asks(account(), fake(), &batch, SAME).await, Found::Unclear, "as documented it names no text");
    let talkative = || Account::from(FakeSubmail { log_says_more: true, ..FakeSubmail::default() });
    assert!(matches!(asks(account().signing(Signing::Sha1), talkative(), &batch, SAME).await, Found::Accepted { .. }));
    let found = |cursor, body: &str, text| {
        let asked = Asked {
            phone: batch.tickets[0].phone(),
            reference: batch.reference,
            provider_id: Some("id7"),
            begun_at: batch.begun,
            text,
        };
        let body = body.replace("OURS", &batch.reference.to_string());
        account().found(&asked, cursor, Incoming { status: 200, body: body.as_bytes() })
    };
    let log = |rows: &str| format!(r#"{{"status":"success","total":1,"data":[{rows}]}}"#);
    let row = |more: &str| log(&format!(r#"{{"sendID":"id1","to":"13800000001"{more}}}"#));
    let yes = |id: &str| Step::Done(Found::Accepted { id: id.into() });
    let (absent, unclear) = (Step::Done(Found::Absent), Step::Done(Found::Unclear));
    assert_eq!(found(0, &log(r#"{"sendID":"id7","to":"13800000001"}"#), None), yes("id7"));
    assert_eq!(found(0, &row(r#","tag":"OURS""#), None), yes("id1"));
    assert_eq!(found(0, &row(r#","tag":"another","content":"same""#), Some("same")), absent);
    assert_eq!(found(0, &row(r#","content":"same""#), Some("same")), yes("id1"));
    assert_eq!(found(0, &row(r#","content":"other""#), Some("same")), absent);
    assert_eq!(found(0, &row(r#","content":"other""#), None), unclear);
    assert_eq!(found(0, &row(""), Some("same")), unclear);
    assert_eq!(found(0, &log(""), Some("same")), absent);
    assert_eq!(found(0, &log(r#"{"sendID":"id1","to":"13800000002"}"#), None), absent);
    let full = vec![r#"{"sendID":"id1","to":"13800000001","tag":"x"}"#; PAGE].join(",");
    assert_eq!(found(3, &log(&full), None), Step::More(4));
    for broken in ["", "{}", r#"{"status":"success"}"#, r#"{"status":"error","code":"101","data":[]}"#, "[]"] {
        assert_eq!(found(0, broken, None), unclear, "{broken}");
    }
}

#[tokio::test]
async fn hooks_are_proven_by_every_bit_of_token_and_digest() {
    let (report, reply) = pushes(account(), fake(), &batch_for("", 1, false)).await;
    let told = account().inbound(&report).unwrap();
    assert_eq!((told.answer.status, &*told.answer.body), (200, "SUCCESS"));
    for call in [&report, &reply] {
        let body = String::from_utf8(call.body.clone()).unwrap();
        let (fields, proof) = body.split_once("&token=").unwrap();
        let (token, digest) = proof.split_once("&signature=").unwrap();
        let signed = [token, digest].concat();
        for turned in flips(signed.as_bytes()) {
            let (token, digest) = turned.split_at(token.len());
            let value = |v: &[u8]| v.iter().map(|b| format!("%{b:02x}")).collect::<String>();
            let body = format!("{fields}&token={}&signature={}", value(token), value(digest));
            let forged = HttpCall { body: body.into_bytes(), ..call.clone() };
            assert!(account().inbound(&forged).is_err());
        }
        let elsewhere = HttpCall { path: "/callback/elsewhere".into(), ..call.clone() };
        assert_eq!(account().inbound(&elsewhere).unwrap_err(), InboundError::Forged, "the path is asked for too");
        let open = account().callbacks(Door::default());
        assert!(open.inbound(&elsewhere).is_ok(), "where there is one");
        let far = account().callbacks(Door::default().only_from(["203.0.113.7".parse().unwrap()]));
        assert_eq!(far.inbound(call).unwrap_err(), InboundError::Forged);
        let keyless = Submail::new("10000", Secret::new("k")).callbacks(Door::at(Secret::new(CALLBACK_PATH)));
        assert_eq!(keyless.inbound(call).unwrap_err(), InboundError::NotOffered);
    }
    let big = HttpCall::new("POST", CALLBACK_PATH, "", vec![b' '; HttpCall::MAX_BODY + 1]);
    assert!(matches!(account().inbound(&big), Err(InboundError::TooLarge { .. })));
}

fn hook(fields: &str, token: &str) -> Result<Callback, InboundError> {
    let digest = sign::md5_hex(format!("{token}fake0subhook0key0dev").as_bytes());
    account().inbound(&HttpCall::new("POST", CALLBACK_PATH, "", format!("{fields}&token={token}&signature={digest}")))
}

#[test]
fn a_token_comes_with_what_it_first_came_with() {
    let wire = account();
    let told = |token: &str, fields: &str| {
        let digest = sign::md5_hex(format!("{token}fake0subhook0key0dev").as_bytes());
        let body = format!("{fields}&token={token}&signature={digest}");
        wire.clone().inbound(&HttpCall::new("POST", CALLBACK_PATH, "", body)).map(|read| read.events.len())
    };
    let mo = "events=mo&address=13800000001&timestamp=1764000000&content=TD";
    assert_eq!((told("t0", mo), told("t0", mo)), (Ok(1), Ok(1)), "told again");
    let request = "events=request&address=13800000001&timestamp=1764000000";
    assert_eq!(told("t1", request), Ok(0));
    for other in [mo.replace("TD", "Y"), mo.replace("0001", "0002"), mo.replace("1764", "1765"), request.into()] {
        assert_eq!(told("t0", &other), Err(InboundError::Forged), "{other}");
    }
    assert_eq!(told("t1", mo), Err(InboundError::Forged), "a step's token is no reply's");
    for n in 2..=Tokens::MOST + 1 {
        told(&format!("t{n}"), mo).unwrap();
    }
    let seen = wire.tokens.0.lock().unwrap();
    assert_eq!((seen.content.len(), seen.in_order.len()), (Tokens::MOST, Tokens::MOST));
}

#[test]
fn hooks_are_read_as_documented() {
    let told = |fields: &str| {
        let read = hook(fields, "t1").unwrap();
        let [Inbound::Report(r)] = &read.events[..] else { panic!("{:?}", read.events) };
        (r.code.clone(), r.delivered, r.provider_id.clone(), r.at.to_string())
    };
    let one = "address=13800000001&send_id=s1&timestamp=1764000000";
    let at = "2025-11-25T00:00:00+08:00".to_owned();
    let id1 = Some("s1".to_owned());
    assert_eq!(told(&format!("events=delivered&{one}")), ("delivered".into(), Some(true), id1.clone(), at.clone()));
    let dropped = told(&format!("events=dropped&report=MK%3A0012&{one}"));
    assert_eq!(dropped, ("MK:0012".into(), Some(false), id1.clone(), at.clone()));
    for kind in ["unknown", "unkown"] {
        assert_eq!(told(&format!("events={kind}&{one}")), (kind.into(), None, id1.clone(), at.clone()));
    }
    // A retry under another token is the same event; another word on the same message is not.
    let first = |fields: &str, token| id(&hook(fields, token).unwrap().events[0]).to_owned();
    let delivered = format!("events=delivered&{one}");
    assert_eq!(first(&delivered, "t1"), first(&delivered, "t2"));
    assert_ne!(first(&delivered, "t1"), first(&format!("events=unknown&{one}"), "t1"));
    for kind in ["request", "sending", "template_accept", "template_reject", "never_heard_of"] {
        assert!(hook(&format!("events={kind}&{one}"), "t").unwrap().events.is_empty());
    }
    assert!(hook("events=mo&address=02112345678&content=TD&timestamp=1", "t").unwrap().events.is_empty());
    assert!(matches!(hook("events=mo&address=13800000001&content=TD", "t"), Err(InboundError::Malformed { .. })));
    // A refusal without a readable time counts from when it came.
    let now = Timestamp::from_millis(1_764_000_000_000);
    let digest = sign::md5_hex(b"tfake0subhook0key0dev");
    let body = format!("events=mo&address=13800000001&content=TD&timestamp=soon&token=t&signature={digest}");
    let call = HttpCall { received_at: Some(now), ..HttpCall::new("POST", CALLBACK_PATH, "", body) };
    let read = account().inbound(&call).unwrap();
    let [Inbound::Reply(r)] = &read.events[..] else { panic!() };
    assert_eq!((r.text.as_str(), r.at), ("TD", now));
}

#[test]
fn nothing_secret_is_printed() {
    let batch = batch_for("", 1, false);
    for signing in [Signing::Normal, Signing::Sha1] {
        let wire = with("s3cret").signing(signing);
        let out = wire.request(&batch.request(), "h", &Stamp { at: Timestamp::EPOCH, nonce: String::new() }).unwrap();
        let shown = format!("{wire:?} {out:?}");
        for secret in ["s3cret", "subhook0", CALLBACK_PATH, "13800000001"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), CALLBACK_PATH, &body, status);
    }

    #[test]
    fn odd_hooks_never_panic(kind in "delivered|dropped|mo|[a-z]{0,6}", time in "-?[0-9]{0,25}", word in any::<String>()) {
        let fields = [("events", &*kind), ("address", "13800000001"), ("content", &word), ("timestamp", &time),
            ("report", &word), ("tag", &word)];
        let _ = hook(&sign::form(&fields), "t");
    }
}
