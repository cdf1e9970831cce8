//! Chuanglan: codes, sends in all three forms, pushes proven by path and pair, pulls.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::Provider;
use super::super::cloud_tests::{
    batch_for, claims_only_what_is_so, flips, personal_batch, pushes, sent, survives, table, takes,
};
use super::super::wire::Http;
use super::super::wire::tests::{served, settings, system};
use super::*;
use crate::message::rendition::TemplateBinding;
use crate::testing::gateway::{Account, CALLBACK_PATH, FakeChuanglan, Script, Step};
use crate::ticket::Batch;
use proptest::prelude::*;
use std::sync::Arc;

const SAME: &str = "【测试签名】会员，新品8折。拒收请回复R";

fn account() -> Chuanglan {
    with("FakePassdev1")
}

fn with(password: &str) -> Chuanglan {
    Chuanglan::new("N0000000_FAKEdev", Secret::new(password))
        .receiver(Secret::new("admin"), Secret::new("12345"))
        .callbacks(Door::at(Secret::new(CALLBACK_PATH)))
}

fn fake() -> Account {
    FakeChuanglan::default().into()
}

/// A text with two variables, one of them twice, for so many people.
fn own(count: usize) -> Batch {
    let names: Vec<String> = (0..count).map(|i| format!("第{i}位\"+&=%，；")).collect();
    let people: Vec<_> = names.iter().map(|name| vec![("off", "8折"), ("name", name.as_str())]).collect();
    personal_batch("{name}您好，{{新品}}{off}，{name}再来", &people)
}

fn one_by_template() -> Batch {
    let mut batch = personal_batch("会员{name}，新品8折。", &[vec![("name", "A&B=100%+\"'🎉")]]);
    let filed = "会员{param1}，新品8折。拒收请回复R".into();
    Arc::make_mut(&mut batch.rendition).template = Some(TemplateBinding { code: "1000000001".into(), filed });
    batch
}

fn own_texts(batch: &Batch) -> impl Fn(usize) -> String + '_ {
    |i| batch.tickets[i].text().unwrap().to_owned()
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/chuanglan/errors.json"));
}

#[tokio::test]
async fn sends_are_taken_as_meant_in_every_form() {
    for count in [1, 1000] {
        takes(account(), fake(), &batch_for("", count, false), |_| SAME.into()).await;
        let by_template = batch_for("1000000002", count, false);
        takes(account().templates(), fake(), &by_template, |_| SAME.into()).await;
        let own = own(count as usize);
        takes(account(), fake(), &own, own_texts(&own)).await;
    }
    let one = one_by_template();
    takes(account().templates(), fake(), &one, own_texts(&one)).await;
}

#[tokio::test]
async fn what_is_claimed_is_what_happened() {
    claims_only_what_is_so(account(), with("x"), fake, &batch_for("", 2, false)).await;
    claims_only_what_is_so(account(), with("x"), fake, &own(2)).await;
    let same = batch_for("1000000002", 2, false);
    claims_only_what_is_so(account().templates(), with("x").templates(), fake, &same).await;
    claims_only_what_is_so(account().templates(), with("x").templates(), fake, &one_by_template()).await;
}

fn refused(wire: &Chuanglan, batch: &Batch) -> (Outcome, String) {
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: "n".into() };
    let verdicts = wire.request(&batch.request(), "h", &stamp).unwrap_err();
    let verdict = verdicts.get(batch.tickets.len() - 1);
    (verdict.outcome, verdict.code)
}

#[test]
fn what_the_form_cannot_carry_does_not_leave() {
    for (source, value, code) in [
        ("{name}您好", "王,李", "separator_in_value"),
        ("{name}您好", "王;李", "separator_in_value"),
        ("{name}您好{{$var}}", "王", "reserved_text"),
        ("{name}您好", "{$var}", "reserved_text"),
    ] {
        let batch = personal_batch(source, &[vec![("name", "王")], vec![("name", value)]]);
        assert_eq!(refused(&account(), &batch), (CONTENT, code.into()), "{source} {value}");
    }
    // Whoever brings it is refused; the others go back, and the account has done nothing to rest for.
    let three = personal_batch("{name}您好", &["王", "王,李", "李"].map(|name| vec![("name", name)]));
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: "n".into() };
    let verdicts = account().request(&three.request(), "h", &stamp).unwrap_err();
    let unsent = Verdict::unsent("not_with_others", Consequence::Rest(Duration::ZERO));
    let refusal = Verdict::rejected(Blame::Content, Consequence::None, "separator_in_value");
    assert_eq!([0, 1, 2].map(|i| verdicts.get(i)), [unsent.clone(), refusal, unsent]);
    let many = "{a}，".repeat(21);
    assert_eq!(refused(&account(), &personal_batch(&many, &[vec![("a", "1")]])).1, "too_many_values");
    let two = personal_batch("会员{name}，新品8折。", &[vec![("name", "王")], vec![("name", "李")]]);
    assert_eq!(refused(&account().templates(), &two), (ACCOUNT, "no_template".into()));
    let mut two = two;
    Arc::make_mut(&mut two.rendition).template = Some(TemplateBinding { code: "1".into(), filed: String::new() });
    assert_eq!(refused(&account().templates(), &two), (ACCOUNT, "one_at_a_time".into()));
}

#[tokio::test]
async fn the_platform_refuses_what_it_would() {
    let verdict = async |batch: &Batch, script| {
        let (answer, gateway) = sent(account(), fake(), script, batch).await;
        (answer.verdicts.get(0), gateway.totals().messages)
    };
    let code = async |batch: &Batch| verdict(batch, Script::new()).await.0.code;
    assert_eq!(code(&batch_for("", 1001, false)).await, "108");
    let mut odd = batch_for("", 2, false);
    Arc::make_mut(&mut odd.rendition).extension = Some("12a".into());
    assert_eq!(code(&odd).await, "113");
    let mut foreign = batch_for("", 2, false);
    Arc::make_mut(&mut foreign.rendition).text = "【别家】新品。拒收请回复R".into();
    assert_eq!(code(&foreign).await, "116");
    let (later, taken) = verdict(&batch_for("", 2, false), Script::new().then(Step::Throttle)).await;
    assert_eq!((later.outcome, taken), (Outcome::Unsent, 0));
    // One person's fault is that person's when alone, and nobody's when told of many.
    let script = || Script::new().refuse_number(13_800_000_001, "107");
    assert_eq!(verdict(&batch_for("", 1, false), script()).await.0.outcome, PERSON);
    assert_eq!(verdict(&batch_for("", 2, false), script()).await.0.outcome, Outcome::Unknown);
    // Rows that failed without being named: everyone waits for a report.
    let (partial, taken) = verdict(&own(2), script()).await;
    assert_eq!((partial.outcome, partial.code.as_str(), taken), (Outcome::Unknown, "partial", 1));
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let judged = |count: u64, status: u16, body: &str| {
        let batch = batch_for("", count, false);
        account().outcome(&batch.request(), Incoming { status, body: body.as_bytes() }).get(0)
    };
    let counted = r#"{"code":"000000","msgId":"17","successNum":"2","failNum":"0"}"#;
    assert_eq!(judged(2, 200, counted), Verdict::accepted("17"));
    assert_eq!(judged(2, 200, r#"{"code":"0","msgId":"17"}"#), Verdict::accepted("17"));
    for (status, body) in [
        (400, counted),
        (200, r#"{"code":"0","msgId":""}"#),
        (200, r#"{"code":"0"}"#),
        (200, r#"{"code":0,"msgId":"17"}"#),
        (200, r#"{"code":"0","msgId":"17","failNum":"1"}"#),
        (200, r#"{"code":"0","msgId":"17","failNum":"x"}"#),
        (200, r#"{"code":"0","msgId":"17","successNum":"1","failNum":"0"}"#),
        (200, r#"{"code":"0","code":"109","msgId":"17"}"#),
        (200, r#"{"code":"0","msgId":"17"} trailing"#),
        (200, r#"{"code":"109","msgId":"17"}"#),
        (200, r#"{"code":"109","msgId":"","successNum":"1"}"#),
        (200, r#"{"code":"103","msgId":"","successNum":"x"}"#),
        (200, r#"{"code":"121","msgId":""}"#),
        (200, r#"{"code":"104","msgId":""}"#),
        (200, "<html>"),
        (200, "null"),
        (200, ""),
    ] {
        assert_eq!(judged(2, status, body).outcome, Outcome::Unknown, "{body}");
    }
}

#[test]
fn a_counted_failure_leaves_the_id_that_reports_name_and_a_code_stands_over_the_status() {
    let judged = |status, body: &str| {
        let batch = batch_for("", 2, false);
        super::super::wire::settle(&account(), &batch.request(), Incoming { status, body: body.as_bytes() }).get(0)
    };
    let partial = judged(200, r#"{"code":"0","msgId":"17","successNum":"1","failNum":"1"}"#);
    assert_eq!(partial, Verdict { id: Some("17".into()), ..Verdict::unknown("partial") });
    assert_eq!(judged(500, r#"{"code":"109","msgId":"","successNum":"0"}"#).consequence, Consequence::Hold);
    for body in [r#"{"code":"0","msgId":"17"}"#, r#"{"code":"103","msgId":""}"#, r#"{"code":"109","msgId":"17"}"#, ""] {
        assert_eq!(judged(500, body), Verdict::unknown("http_500"), "{body}");
    }
}

#[tokio::test]
async fn pushes_are_proven_by_path_and_pair() {
    for (wire, batch) in [(account(), batch_for("", 1, false)), (account().templates(), one_by_template())] {
        let (report, reply) = pushes(wire.clone(), fake(), &batch).await;
        assert_eq!(wire.inbound(&report).unwrap().answer.body, "{\"clcode\":\"000000\"}");
        let read = wire.inbound(&reply).unwrap();
        let [Inbound::Reply(said)] = &read.events[..] else { panic!() };
        assert_eq!(said.extension.as_deref(), Some("1069"));
        for call in [&report, &reply] {
            let elsewhere = HttpCall { path: "/callback/elsewhere".into(), ..call.clone() };
            assert_eq!(wire.inbound(&elsewhere).unwrap_err(), InboundError::Forged);
            // Every bit of the pair, as its bytes are after decoding.
            let (pair, rest) = call.query.split_at("receiver=admin&pswd=12345".len());
            assert_eq!(pair, "receiver=admin&pswd=12345");
            for turned in flips(b"admin12345") {
                let Ok(turned) = String::from_utf8(turned) else { continue };
                let (name, pswd) =
                    (turned.chars().take(5).collect::<String>(), turned.chars().skip(5).collect::<String>());
                let query = format!("{}{rest}", sign::form(&[("receiver", &*name), ("pswd", &*pswd)]));
                let forged = HttpCall { query, ..call.clone() };
                assert_eq!(wire.inbound(&forged).unwrap_err(), InboundError::Forged, "{turned}");
            }
        }
        let open = Chuanglan::new("a", Secret::new("p"));
        assert_eq!(open.inbound(&report).unwrap_err(), InboundError::NotOffered);
    }
}

fn push(query: &str) -> Result<Callback, InboundError> {
    let open = Chuanglan::new("a", Secret::new("p")).callbacks(Door::at(Secret::new("/p")));
    open.inbound(&HttpCall::new("GET", "/p", query, ""))
}

#[test]
fn events_are_read_as_documented() {
    let query = "receiver=&pswd=&msgid=17&reportTime=1704101038&mobile=13800000001&notifyTime=170410103838&uid=u\
                 &length=1&status=MBBLACK&statusDesc=%E9%BB%91";
    let read = push(query).unwrap();
    let [Inbound::Report(r)] = &read.events[..] else { panic!() };
    assert_eq!((r.code.as_str(), r.delivered, r.provider_id.as_deref()), ("MBBLACK", Some(false), Some("17")));
    assert_eq!((r.at.to_string().as_str(), r.reference), ("2017-04-10T10:38:38+08:00", None));
    // Told again a minute later it is the same event, at the end of its minute.
    let again = push(&query.replace("170410103838", "170410103939")).unwrap();
    let [Inbound::Report(a)] = &again.events[..] else { panic!() };
    assert_eq!((&a.event_id, a.at.to_string().as_str()), (&r.event_id, "2017-04-10T10:38:59+08:00"));
    // Two parts of one long reply are two events.
    let part = |n: u8| {
        let query = format!("moTime=1704142009&mobile=13800000001&msg=R&destcode=10690&spCode=10690&emshead=7,2,{n}");
        let read = push(&query).unwrap();
        let [Inbound::Reply(r)] = &read.events[..] else { panic!() };
        assert_eq!((r.text.as_str(), r.extension.as_deref()), ("R", None));
        r.event_id.clone()
    };
    assert_ne!(part(1), part(2));
    assert!(push("moTime=1704142009&mobile=02112345678&msg=R").unwrap().events.is_empty());
    for broken in [
        "",
        "a=%ff",
        "mobile=13800000001",
        "moTime=1704142009&status=x&mobile=13800000001",
        "moTime=1713142009&mobile=13800000001&msg=R",
        "moTime=17041420&mobile=13800000001&msg=R",
        "status=DELIVRD&mobile=13800000001&reportTime=",
    ] {
        assert!(matches!(push(broken), Err(InboundError::Malformed { .. })), "{broken}");
    }
    // A refusal without a readable time counts from the notice, or from when it came.
    let received = Timestamp::from_millis(1_764_000_000_000);
    let at = |query: &str| {
        let call = HttpCall::new("GET", "/p", query, "");
        let open = Chuanglan::new("a", Secret::new("p")).callbacks(Door::at(Secret::new("/p")));
        match &open.inbound(&HttpCall { received_at: Some(received), ..call }).unwrap().events[..] {
            [Inbound::Reply(r)] => r.at,
            [Inbound::Report(r)] => r.at,
            other => panic!("{other:?}"),
        }
    };
    for query in ["moTime=soon&mobile=13800000001&msg=TD", "status=MBBLACK&reportTime=&mobile=13800000001"] {
        assert_eq!(at(query), received);
        assert_eq!(at(&format!("{query}&notifyTime=170410103838")).to_string(), "2017-04-10T10:38:38+08:00");
    }
}

#[tokio::test]
async fn what_waits_is_pulled_once() {
    let waiting = FakeChuanglan::default();
    let replies = Arc::clone(&waiting.replies);
    let (_, address) = served(waiting.into(), Script::new()).await;
    let http = Http::new(account(), settings(&address), system()).unwrap();
    crate::provider::wire::tests::what_waits_is_pulled_once(&http, &replies).await;
    let refused = Http::new(with("x"), settings(&address), system()).unwrap().pull(Pull::Reports).await.unwrap_err();
    assert_eq!(refused, PullError::Refused { code: "1".into() });
    let templates = Http::new(account().templates(), settings(&address), system()).unwrap();
    assert_eq!(templates.pull(Pull::Replies).await.unwrap_err(), PullError::NotOffered);
}

#[test]
fn an_error_is_no_empty_page() {
    let at = Timestamp::from_millis(1_764_000_000_000);
    let of = |body: &str| pulled(Pull::Replies, Incoming { status: 200, body: body.as_bytes() }, at);
    assert!(of(r#"{"ret":0,"result":[]}"#).unwrap().events.is_empty());
    let row = r#"{"moTime":"1704151325","messageContent":"R","destCode":"1069","mobile":"13800000001"}"#;
    assert_eq!(of(&format!(r#"{{"ret":0,"result":[{{}},{row}]}}"#)).unwrap().events.len(), 1);
    let timeless = of(r#"{"ret":0,"result":[{"messageContent":"TD","mobile":"13800000001","moTime":{}}]}"#).unwrap();
    assert!(matches!(&timeless.events[..], [Inbound::Reply(r)] if r.at == at));
    for body in ["", "{}", "[]", r#"{"result":[]}"#, r#"{"ret":0,"result":{}}"#, r#"{"ret":0,"result":[{}]}"#] {
        assert!(matches!(of(body), Err(PullError::Unreadable { .. })), "{body}");
    }
    let many = format!(r#"{{"ret":0,"result":[{}]}}"#, vec!["{}"; 10_001].join(","));
    assert!(matches!(of(&many), Err(PullError::Unreadable { .. })));
}

#[test]
fn nothing_secret_is_printed() {
    let batch = batch_for("1000000002", 1, false);
    for wire in [with("s3cret"), with("s3cret").templates()] {
        let out = wire.request(&batch.request(), "h", &Stamp::fresh(&*system())).unwrap();
        let shown = format!("{wire:?} {out:?}");
        for secret in ["s3cret", CALLBACK_PATH, "13800000001", "admin", "12345"] {
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
    fn odd_pushes_never_panic(time in "[0-9 -]{0,13}", notified in any::<String>(), word in any::<String>()) {
        let _ = (moment(&time, &notified), moment(&word, &time));
        let query = sign::form(&[("moTime", &*time), ("mobile", "13800000001"), ("msg", &word), ("destcode", &word)]);
        let _ = push(&query);
    }
}
