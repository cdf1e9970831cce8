//! Tencent Cloud: codes, sends, pushes, pulls.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::cloud_tests::{batch_for, claims_only_what_is_so, pushes, sent, survives, table, takes};
use super::*;
use crate::inbound::HttpCall;
use crate::testing::gateway::{Account, Call, FakeTencent, Gateway, Script};
use proptest::prelude::*;

const TEXT: &str = "【测试签名】会员，新品8折。拒收请回复R";
const PATH: &str = crate::testing::gateway::CALLBACK_PATH;

/// Open all day, as the tests run at any time.
fn fake() -> FakeTencent {
    FakeTencent { hours: None, ..FakeTencent::default() }
}

fn make() -> Account {
    fake().into()
}

fn account() -> Tencent {
    let f = fake();
    Tencent::new(f.secret_id, Secret::new(f.secret_key), f.app_id).callbacks(Door::at(Secret::new(PATH)))
}

/// A filed template without variables.
fn fixed() -> String {
    let plain = fake().templates.into_iter().find(|(_, text)| !text.contains('{'));
    plain.map(|(id, _)| id).expect("the fake has a template without variables")
}

#[test]
fn every_code_is_listed_once_with_a_remedy_and_agrees_with_the_sheet() {
    table(CODES, include_str!("../../tests/vectors/providers/tencent/errors.json"));
}

#[tokio::test]
async fn a_valid_send_is_taken_as_it_was_meant_and_a_wrong_key_is_not() {
    for count in [1, 200] {
        takes(account(), make(), &batch_for(&fixed(), count, false), |_| TEXT.into()).await;
    }
    let f = fake();
    let wrong = Tencent::new(f.secret_id, Secret::new("wrong"), f.app_id);
    claims_only_what_is_so(account(), wrong, make, &batch_for(&fixed(), 3, false)).await;
}

#[tokio::test]
async fn each_number_has_its_own_verdict() {
    let script = Script::new().refuse_number(13_800_000_002, "FailedOperation.PhoneNumberInBlacklist");
    let (answer, gateway) = sent(account(), make(), script, &batch_for(&fixed(), 3, false)).await;
    let outcomes: Vec<Outcome> = (0..3).map(|i| answer.verdicts.get(i).outcome).collect();
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Rejected(Blame::Person), Outcome::Accepted]);
    assert_eq!(gateway.totals().messages, 2);
}

#[test]
fn only_a_success_with_an_id_is_accepted() {
    let batch = batch_for(&fixed(), 1, false);
    let of =
        |status, body: &str| account().outcome(&batch.request(), Incoming { status, body: body.as_bytes() }).get(0);
    let row = |serial: &str, code: &str, phone: &str| {
        format!(
            r#"{{"Response":{{"SendStatusSet":[{{"SerialNo":"{serial}","PhoneNumber":"{phone}","Code":"{code}"}}],"RequestId":"r"}}}}"#
        )
    };
    assert_eq!(of(200, &row("5000:1", "Ok", "+8613800000001")), Verdict::accepted("5000:1"));
    for body in [
        row("", "Ok", "+8613800000001"),
        row("5000:1", "Ok", "+8613800000009"),
        row("5000:1", "NeverHeardOf", "+8613800000001"),
        r#"{"Response":{"Error":{"Code":"NeverHeardOf","Message":""},"RequestId":"r"}}"#.into(),
        r#"{"Response":{"RequestId":"r"}}"#.into(),
        "{}".into(),
        String::new(),
    ] {
        assert_eq!(of(200, &body).outcome, Outcome::Unknown, "{body}");
    }
}

/// A request of ours, as the gateway gets it.
fn told(gateway: &Gateway, at: &str) -> Verdict {
    let (now, batch) = (at.parse().unwrap(), batch_for(&fixed(), 1, false));
    let out = account().request(&batch.request(), "h", &Stamp { at: now, nonce: "n".into() }).unwrap();
    let mut headers: Vec<(&str, &str)> = out.headers.iter().map(|(n, v)| (*n, v.as_ref())).collect();
    headers.push(("host", "h"));
    let call = Call { method: "POST", path: &out.path, query: &out.query, headers, body: &out.body };
    let answer = gateway.handle(&call, now);
    account().outcome(&batch.request(), Incoming { status: answer.status, body: &answer.body }).get(0)
}

#[test]
fn at_night_the_platform_takes_no_marketing_and_the_account_rests() {
    let gateway = Gateway::new(FakeTencent::default());
    for night in ["2026-12-11T07:59:59+08:00", "2026-12-11T22:00:00+08:00"] {
        let verdict = told(&gateway, night);
        assert_eq!((verdict.outcome, gateway.totals().messages), (ACCOUNT, 0), "{night}");
        assert!(matches!(verdict.consequence, Consequence::Rest(_)), "{night}");
    }
    assert_eq!(told(&gateway, "2026-12-11T08:00:00+08:00").outcome, Outcome::Accepted);
    assert_eq!(told(&gateway, "2026-12-11T21:59:59+08:00").outcome, Outcome::Accepted);
}

#[tokio::test]
async fn pushes_need_the_secret_path() {
    let (report, reply) = pushes(account(), make(), &batch_for(&fixed(), 1, false)).await;
    for call in [report, reply] {
        let call = HttpCall { path: PATH.into(), ..call };
        assert_eq!(account().inbound(&call).unwrap().events.len(), 1);
        let elsewhere = HttpCall { path: "/cb".into(), ..call.clone() };
        assert_eq!(account().inbound(&elsewhere).unwrap_err(), InboundError::Forged);
        let f = fake();
        let closed = Tencent::new(f.secret_id, Secret::new(f.secret_key), f.app_id);
        assert_eq!(closed.inbound(&call).unwrap_err(), InboundError::NotOffered);
    }
}

#[test]
fn a_time_that_cannot_be_read_is_when_it_came() {
    let now = Timestamp::from_millis(1_796_954_400_000);
    let push = r#"{"mobile":"13800000001","text":"R","time":"soon"}"#;
    let call = HttpCall { received_at: Some(now), ..HttpCall::new("POST", PATH, "", push) };
    let pulled = |what, set: &str| {
        let body = format!(r#"{{"Response":{{{set},"RequestId":"r"}}}}"#);
        account().pulled(what, Incoming { status: 200, body: body.as_bytes() }, now).unwrap().events
    };
    let mut events = account().inbound(&call).unwrap().events;
    events.extend(pulled(
        Pull::Replies,
        r#""PullSmsReplyStatusSet":[{"PhoneNumber":"+8613800000001","ReplyContent":"R"},
            {"PhoneNumber":"+8613800000002","ReplyContent":"R","ReplyTime":1.5}]"#,
    ));
    events.extend(pulled(
        Pull::Reports,
        r#""PullSmsSendStatusSet":[{"PhoneNumber":"+8613800000001","Description":"MX:0012"}]"#,
    ));
    assert_eq!(events.len(), 4);
    for event in events {
        assert_eq!(if let Inbound::Reply(r) = &event { r.at } else { now }, now);
        assert_eq!(if let Inbound::Report(r) = &event { r.at } else { now }, now);
    }
}

#[tokio::test]
async fn a_pull_tells_each_report_once() {
    use crate::clock::SystemClock;
    use crate::provider::Provider;
    use crate::provider::wire::{
        Http,
        tests::{served, settings},
    };
    let (_, address) = served(make(), Script::new()).await;
    let http = Http::new(account(), settings(&address), std::sync::Arc::new(SystemClock::new())).unwrap();
    let batch = batch_for(&fixed(), 3, false);
    assert_eq!(http.submit(batch.request()).await.verdicts.get(2).outcome, Outcome::Accepted);
    assert_eq!(http.pull(Pull::Reports).await.unwrap().events.len(), 3);
    assert_eq!(http.pull(Pull::Reports).await.unwrap().events.len(), 0);
}

#[test]
fn nothing_secret_is_printed() {
    let batch = batch_for(&fixed(), 1, false);
    let stamp = Stamp { at: Timestamp::EPOCH, nonce: "n".into() };
    let out = account().request(&batch.request(), "h", &stamp).unwrap();
    let shown = format!("{:?} {out:?}", account());
    let key = fake().secret_key;
    for secret in [key.as_str(), PATH, "13800000001"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn junk_proves_nothing(body in proptest::collection::vec(any::<u8>(), 0..200), status in 200u16..500) {
        survives(&account(), PATH, &body, status);
    }
}
