//! What every provider here must show against its own gateway, over real connections.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::wire::tests::{batch, served, settings, system};
use super::wire::{Http, Incoming, Wire};
use super::{Answer, Outcome};
use crate::inbound::{HttpCall, Inbound, Pull};
use crate::message::rendition::TemplateBinding;
use crate::testing::gateway::{Account, Gateway, Script, Step};
use crate::ticket::Batch;
use std::sync::Arc;

/// A batch for this template of the fake platform.
pub(super) fn batch_for(template: &str, count: u64, personal: bool) -> Batch {
    let mut batch = batch(&*system(), count, personal);
    Arc::make_mut(&mut batch.rendition).template =
        Some(TemplateBinding { code: template.into(), filed: String::new() });
    batch
}

/// A personal batch as a campaign makes it: this text with its holes, and the values of each person.
pub(super) fn personal_batch(source: &str, people: &[Vec<(&str, &str)>]) -> Batch {
    use crate::message::{Params, Signature, Template, UNSUBSCRIBE, compose};
    let template = Template::parse(source).unwrap();
    let mut batch = batch_for("", 0, false);
    let rendition = Arc::make_mut(&mut batch.rendition);
    let signature = Signature::parse(&rendition.signature).unwrap();
    rendition.text = format!("【{}】{source}{UNSUBSCRIBE}", signature.as_str());
    rendition.template = None;
    for (i, values) in people.iter().enumerate() {
        let params = values.iter().fold(Params::new(), |all, (k, v)| all.with(k, v).unwrap());
        let text = compose(&signature, &template.render(&params).unwrap()).unwrap().text().to_owned();
        let phone = super::wire::phone_of(&(13_800_000_001 + i).to_string()).unwrap();
        let values = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        batch.push(phone, values, Some(text), super::wire::tests::clearance());
    }
    batch
}

/// Sends a batch over HTTP to a gateway of this account.
pub(super) async fn sent<W: Wire>(wire: W, account: Account, script: Script, batch: &Batch) -> (Answer, Gateway) {
    let (gateway, address) = served(account, script).await;
    let http = Http::new(wire, settings(&address), system()).unwrap();
    (super::Provider::submit(&http, batch.request()).await, gateway)
}

/// A valid send is taken as it was meant: everyone accepted with the id of their own message, text and reference.
pub(super) async fn takes<W: Wire>(wire: W, account: Account, batch: &Batch, texts: impl Fn(usize) -> String) {
    let (answer, gateway) = sent(wire, account, Script::new(), batch).await;
    let taken = gateway.accepted();
    assert_eq!(taken.len(), batch.tickets.len(), "{:?}", answer.verdicts.get(0));
    for (i, (ticket, message)) in batch.tickets.iter().zip(&taken).enumerate() {
        let verdict = answer.verdicts.get(i);
        assert_eq!((verdict.outcome, verdict.id.as_deref()), (Outcome::Accepted, Some(&*message.id)));
        assert_eq!(ticket.phone().national(), message.number.to_string());
        assert_eq!(*message.text, *texts(i));
        assert_eq!(*message.reference, *batch.reference.to_string());
    }
}

/// A wrong key is refused, and everything that was taken and badly answered is unknown, in one attempt. Only where the
/// same bytes are one message is there a second, which settles it.
pub(super) async fn claims_only_what_is_so<W: Wire + Clone>(
    wire: W,
    wrong: W,
    make: impl Fn() -> Account,
    batch: &Batch,
) {
    let (answer, gateway) = sent(wrong, make(), Script::new(), batch).await;
    let verdict = answer.verdicts.get(0);
    assert_eq!(verdict.consequence, super::Consequence::Hold, "{verdict:?}");
    assert_eq!((verdict.outcome, gateway.totals().messages), (Outcome::Rejected(super::Blame::Account), 0));
    for step in [Step::Reset, Step::HalfBody, Step::Garbage, Step::ServerError(503), Step::UnknownCode] {
        let (answer, gateway) = sent(wire.clone(), make(), Script::new().then(step.clone()), batch).await;
        let count = batch.tickets.len();
        let (wanted, calls) = if wire.profile().idempotent { (Outcome::Accepted, 2) } else { (Outcome::Unknown, 1) };
        assert!((0..count).all(|i| answer.verdicts.get(i).outcome == wanted), "{step:?}");
        assert_eq!((gateway.totals().requests, gateway.totals().messages), (calls, count as u64), "{step:?}");
    }
}

/// The gateway's pushes, read by the provider: a report on the batch's first message and a reply.
pub(super) async fn pushes<W: Wire + Clone>(wire: W, account: Account, batch: &Batch) -> (HttpCall, HttpCall) {
    let (_, gateway) = sent(wire.clone(), account, Script::new(), batch).await;
    let message = gateway.accepted().swap_remove(0);
    let now = crate::clock::Clock::now(&*system());
    let stamped = |call: HttpCall| HttpCall { received_at: Some(now), ..call };
    let report = stamped(gateway.report(&message, "DELIVRD", now, "shop.example").unwrap());
    let read = wire.inbound(&report).unwrap();
    let [Inbound::Report(told)] = &read.events[..] else { panic!("{:?}", read.events) };
    // By our reference, or where a push does not echo it by the platform's id.
    let joins = told.reference.map_or(told.provider_id.as_deref() == Some(&*message.id), |r| r == batch.reference);
    assert!(joins && told.phone == batch.tickets[0].phone(), "{told:?}");
    assert!(told.code == "DELIVRD" || told.delivered == Some(true), "{told:?}");
    assert!(told.at.since(now).as_secs() < 2 && now.since(told.at).as_secs() < 2);
    let reply = stamped(gateway.reply(message.number, "R", ("1069", "测试签名"), now, "shop.example").unwrap());
    let again = wire.inbound(&reply).unwrap();
    let [Inbound::Reply(said)] = &again.events[..] else { panic!("{:?}", again.events) };
    assert_eq!((said.text.as_str(), said.phone), ("R", batch.tickets[0].phone()));
    // A replay tells the same event, and the two are not taken for each other.
    assert_eq!(id(&wire.inbound(&reply).unwrap().events[0]), id(&again.events[0]));
    assert_ne!(id(&read.events[0]), id(&again.events[0]));
    (report, reply)
}

pub(super) fn id(event: &Inbound) -> &str {
    match event {
        Inbound::Reply(r) => &r.event_id,
        Inbound::Report(r) => &r.event_id,
    }
}

/// No bytes make a reader panic, and junk proves nothing.
pub(super) fn survives(wire: &dyn Wire, path: &str, body: &[u8], status: u16) {
    let batch = batch_for("t", 2, false);
    let verdicts = wire.outcome(&batch.request(), Incoming { status, body });
    assert!((0..2).all(|i| verdicts.get(i).outcome != Outcome::Accepted));
    let _ = wire.inbound(&HttpCall::new("POST", path, "", body));
    let asked = super::Asked {
        phone: batch.tickets[0].phone(),
        reference: batch.reference,
        provider_id: None,
        begun_at: batch.begun,
        text: None,
    };
    let _ = wire.found(&asked, 0, Incoming { status, body });
    for what in [Pull::Replies, Pull::Reports] {
        assert!(wire.pulled(what, Incoming { status, body }, batch.begun).map_or(true, |p| p.events.is_empty()));
    }
}

/// Every bit of these bytes, turned over one at a time.
pub(super) fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut turned = bytes.to_vec();
        turned[bit / 8] ^= 1 << (bit % 8);
        turned
    })
}

/// The table agrees with the sheet's list, names every code once, and says what to do.
pub(super) fn table(codes: &[super::wire::CodeRow], sheet: &str) {
    let sheet: serde_json::Value = serde_json::from_str(sheet).unwrap();
    for listed in sheet["codes"].as_array().unwrap() {
        let name = listed["code"].as_str().unwrap();
        let row = codes.iter().find(|r| r.code == name).unwrap_or_else(|| panic!("{name} is not listed"));
        assert_eq!(row.class.as_str(), listed["class"].as_str().unwrap(), "{name}");
        if listed["send_may_have_happened"] == true {
            assert!(matches!(row.outcome, Outcome::Unknown | Outcome::Accepted), "{name}");
        }
    }
    assert!(codes.iter().all(|r| r.remedy.ends_with('.')));
    let mut names: Vec<_> = codes.iter().map(|r| r.code).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), codes.len());
}

/// What a lookup finds of a batch whose answer was lost, when this text is asked for.
pub(super) async fn asks<W: Wire>(wire: W, account: Account, batch: &Batch, text: &str) -> super::Found {
    let (gateway, address) = served(account, Script::new().then(Step::Reset)).await;
    let http = Http::new(wire, settings(&address), system()).unwrap();
    let answer = super::Provider::submit(&http, batch.request()).await;
    assert_eq!((answer.verdicts.get(0).outcome, gateway.totals().messages), (Outcome::Unknown, 1));
    let asked = super::Asked {
        phone: batch.tickets[0].phone(),
        reference: batch.reference,
        provider_id: None,
        begun_at: batch.begun,
        text: Some(text),
    };
    let found = super::Provider::lookup(&http, &[asked]).await.swap_remove(0);
    assert_eq!(gateway.totals().messages, 1, "asking sends nothing");
    found
}
