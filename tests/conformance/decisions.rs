//! Scenarios: a history, a campaign at one moment, the answer for each number. `OPTIN106_DECISIONS` names another folder.
//!
//! Everything goes through the public API: events as a host tells them, a campaign as a shop plans it. What the preview
//! clears is then sent through a double of a provider, which must see exactly these numbers.

use crate::support::Double;
use crate::table::{Tally, place};
use futures_util::{TryStreamExt, stream};
use optin106::campaign::Preview;
use optin106::clock::Timestamp;
use optin106::consent::{OptInRow, Purpose};
use optin106::id::{AccountId, ShopId};
use optin106::keyring::Keyring;
use optin106::optin::{
    AccountSettings, Complaint, Erasure, ImportReport, OptOut, Owner, PastSendRow, RecordError, Shop, StopRow,
    StopScope, Via,
};
use optin106::store::SqliteStore;
use optin106::testing::ManualClock;
use optin106::{Audience, Envelope, OptIn, Optin106, Phone, Policy, ShopHandle};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

type Fault = Box<dyn std::error::Error>;

#[derive(Deserialize)]
struct Scenario {
    name: String,
    policy: Option<PolicySpec>,
    shops: Vec<ShopSpec>,
    #[serde(default)]
    history: Vec<Step>,
    campaign: CampaignSpec,
    audience: Vec<String>,
    expect: BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
struct PolicySpec {
    preset: Option<String>,
    set: Option<serde_json::Map<String, Value>>,
}

#[derive(Deserialize)]
struct ShopSpec {
    id: String,
    group: String,
    signature: String,
    contact: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Step {
    at: Option<Timestamp>,
    #[serde(rename = "do")]
    verb: String,
    shop: Option<String>,
    phone: String,
    scope: Option<String>,
    via: Option<String>,
    text: Option<String>,
    list: Option<String>,
    campaign: Option<String>,
    code: Option<Value>,
    carrier: Option<String>,
    refused_as: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct CampaignSpec {
    shop: String,
    id: String,
    purpose: Purpose,
    text: String,
    at: Timestamp,
    personalised: Option<bool>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    decision: String,
    rule: Option<String>,
    until: Option<Timestamp>,
}

impl Expected {
    fn of(preview: Preview) -> Self {
        let (decision, rule, until) = match preview {
            Preview::Cleared => ("cleared", None, None),
            Preview::Deferred { until, code } => ("deferred", Some(code), Some(until)),
            Preview::Refused { code } => ("refused", Some(code), None),
        };
        Self { decision: decision.to_owned(), rule: rule.map(|c| c.as_str().to_owned()), until }
    }
}

#[test]
fn decisions() {
    let (folder, own) = place("OPTIN106_DECISIONS", "decisions");
    let mut files = scenarios(&folder);
    if own {
        files.extend(scenarios(&place("", "decisions_own").0));
    }
    let mut tally = Tally::new("decisions", folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for path in files {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let scenario: Scenario = match serde_json::from_str(&text) {
            Ok(scenario) => scenario,
            Err(e) => {
                tally.case(&file, &[format!("unreadable: {e}")]);
                continue;
            }
        };
        let faults = runtime.block_on(judge(&scenario)).unwrap_or_else(|e| vec![e.to_string()]);
        tally.case(&format!("{file} ({})", scenario.name), &faults);
    }
    tally.finish();
}

/// Every JSON file of the folder and of folders in it, in order.
fn scenarios(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.sort();
    let files = |path: PathBuf| {
        if path.is_dir() { scenarios(&path) } else { vec![path] }
            .into_iter()
            .filter(|p| p.extension().is_some_and(|e| e == "json"))
    };
    paths.into_iter().flat_map(files).collect()
}

struct Stage {
    optin: Optin106,
    clock: ManualClock,
    provider: Arc<Double>,
    shops: HashMap<String, ShopHandle>,
    _folder: tempfile::TempDir,
}

async fn judge(scenario: &Scenario) -> Result<Vec<String>, Fault> {
    let stage = Stage::set(scenario).await?;
    let mut faults = Vec::new();
    let first = scenario.history.iter().find_map(|s| s.at).unwrap_or(scenario.campaign.at);
    // An event without a time of its own happens when it is told: after the one before it.
    stage.clock.set(first.minus(Duration::from_secs(1)));
    for (i, step) in scenario.history.iter().enumerate() {
        if let Some(at) = step.at {
            stage.clock.set(at);
        }
        let did = stage.tell(i, step).await?;
        if did.as_deref() != step.refused_as.as_deref() {
            faults.push(format!("event {i} ({}): refused as {did:?}, wanted {:?}", step.verb, step.refused_as));
        }
    }
    faults.extend(stage.ask(scenario).await?);
    let differ = stage.optin.store().rebuild().await?;
    if differ > 0 {
        faults.push(format!("{differ} persons are not the fold of their events"));
    }
    Ok(faults)
}

fn policy(spec: Option<&PolicySpec>) -> Result<Policy, Fault> {
    let preset = match spec.and_then(|s| s.preset.as_deref()) {
        None | Some("china_default") => Policy::china_default(),
        Some("china_strict") => Policy::china_strict(),
        Some(other) => return Err(format!("no such preset: {other}").into()),
    };
    let mut json = serde_json::to_value(preset)?;
    for (name, value) in spec.and_then(|s| s.set.as_ref()).into_iter().flatten() {
        json[name] = value.clone();
    }
    Ok(serde_json::from_value(json)?)
}

fn account() -> AccountId {
    AccountId::new("double").expect("a valid id")
}

impl Stage {
    async fn set(scenario: &Scenario) -> Result<Self, Fault> {
        let folder = tempfile::tempdir()?;
        let clock = ManualClock::new(scenario.campaign.at).auto();
        let keyring = Keyring::generate(&clock);
        let store = SqliteStore::open_with(folder.path().join("shop.db"), keyring, Arc::new(clock.clone()))?;
        let optin = Optin106::open(store).await?;
        optin.set_policy(&policy(scenario.policy.as_ref())?).await?;
        let provider = Double::new(200);
        let platform: Arc<dyn optin106::provider::Provider> = provider.clone();
        optin.add_account(&account(), platform, AccountSettings::default()).await?;
        let mut shops = HashMap::new();
        for spec in &scenario.shops {
            let mut shop = Shop::new(&spec.id, Owner::new(&spec.group)?, &spec.signature)?;
            if let Some(contact) = &spec.contact {
                shop = shop.contact(contact);
            }
            shops.insert(spec.id.clone(), optin.shop(shop).await?);
        }
        Ok(Self { optin, clock, provider, shops, _folder: folder })
    }

    fn shop(&self, step: &Step) -> Result<&ShopHandle, Fault> {
        let id = step.shop.as_ref().ok_or("the event names no shop")?;
        self.shops.get(id).ok_or_else(|| format!("no such shop: {id}").into())
    }

    /// Tells one event; the code of a refusal.
    async fn tell(&self, i: usize, step: &Step) -> Result<Option<String>, Fault> {
        let at = step.at.unwrap_or_else(|| optin106::clock::Clock::now(&self.clock));
        let envelope = Envelope { source: "scenario".into(), event_id: format!("event-{i}"), actor: String::new() };
        let phone: Phone = step.phone.parse()?;
        match step.verb.as_str() {
            "opt_in" => return self.opt_in(step, envelope).await,
            "ask" => {
                let purposes: Vec<Purpose> = serde_json::from_value(step.rest["purposes"].clone())?;
                match self.shop(step)?.record_ask(phone, purposes, Some(at), envelope).await {
                    // A request that may not be sent was not sent.
                    Ok(_) | Err(RecordError::Refused(_)) => {}
                    Err(e) => return Err(e.into()),
                }
            }
            "opt_out" => {
                let opt_out = OptOut::new(scope(step)?, via(step)?).at(at).envelope(envelope);
                match &step.shop {
                    Some(_) => self.shop(step)?.opt_out(phone, opt_out).await?,
                    None => self.optin.opt_out_everyone(phone, opt_out).await?,
                };
            }
            "reply" => {
                let text = step.text.as_deref().unwrap_or_default();
                self.shop(step)?.reply(phone, text, Some(at), envelope).await?;
            }
            "complaint" => {
                let mut complaint = Complaint::new(phone, "12321").at(at).envelope(envelope);
                if let Some(id) = &step.shop {
                    complaint = complaint.shop(ShopId::new(id)?);
                }
                self.optin.complaint(complaint).await?;
            }
            "report" => {
                let code = step
                    .code
                    .as_ref()
                    .map_or_else(String::new, |c| c.as_str().map_or_else(|| c.to_string(), str::to_owned));
                self.shop(step)?.report(phone, &code, step.carrier.as_deref(), Some(at), envelope).await?;
            }
            "erase" => {
                self.shop(step)?.erase(phone, Erasure::new().at(at).envelope(envelope)).await?;
            }
            "sent" => {
                let row = PastSendRow {
                    phone: step.phone.clone(),
                    shop: step.shop.clone().unwrap_or_default(),
                    at: at.to_string(),
                    campaign: step.campaign.clone().unwrap_or_default(),
                    line: None,
                };
                let rows = stream::iter([Ok(row)]);
                taken(ImportReport::of(self.optin.import_past_sends(rows)).await)?;
            }
            "import_stop" => {
                let row = StopRow {
                    phone: step.phone.clone(),
                    scope: step.scope.clone().unwrap_or_default(),
                    shop: step.shop.clone().unwrap_or_default(),
                    at: step.at.map(|at| at.to_string()).unwrap_or_default(),
                    line: None,
                };
                let list = step.list.as_deref().unwrap_or("list");
                taken(ImportReport::of(self.optin.import_stops(list, stream::iter([Ok(row)]))).await)?;
            }
            other => return Err(format!("no such verb: {other}").into()),
        }
        Ok(None)
    }

    async fn opt_in(&self, step: &Step, envelope: Envelope) -> Result<Option<String>, Fault> {
        let mut json = step.rest.clone();
        json.retain(|_, value| !value.is_null());
        json.insert("phone".into(), step.phone.clone().into());
        json.insert("at".into(), serde_json::to_value(step.at)?);
        let row: OptInRow = serde_json::from_value(json.into())?;
        let opt_in: OptIn = match row.read() {
            Ok(opt_in) => opt_in.envelope(envelope),
            Err(e) => return Ok(Some(e.code().as_str().to_owned())),
        };
        match self.shop(step)?.record(opt_in).await {
            Ok(_) => Ok(None),
            Err(RecordError::Refused(refusal)) => Ok(Some(refusal.code.as_str().to_owned())),
            Err(e) => Err(e.into()),
        }
    }

    /// Plans the campaign, compares every answer, and sends.
    async fn ask(&self, scenario: &Scenario) -> Result<Vec<String>, Fault> {
        let spec = &scenario.campaign;
        self.clock.set(spec.at);
        let shop = self.shops.get(&spec.shop).ok_or("the campaign's shop is not listed")?;
        // It ends before any window can open, so that what is deferred is never sent here.
        let end = spec.at.plus(Duration::from_millis(1));
        let mut builder = shop.campaign(&spec.id, spec.purpose).text(&spec.text).ends(end).via(account());
        if spec.personalised == Some(true) {
            builder = builder.personalised();
        }
        let campaign = builder.plan(Audience::iter(scenario.audience.clone())).await?;
        let told: BTreeMap<u64, Preview> = campaign.preview().try_collect().await?;
        let (mut faults, mut cleared) = (Vec::new(), BTreeSet::new());
        let mut seen: HashMap<&str, u32> = HashMap::new();
        let mut asked = BTreeSet::new();
        for (position, number) in scenario.audience.iter().enumerate() {
            let nth = seen.entry(number).or_default();
            *nth += 1;
            let name = if *nth == 1 { number.clone() } else { format!("{number}#{nth}") };
            let got = told.get(&(position as u64)).map(|p| Expected::of(*p));
            if got.as_ref().is_some_and(|g| g.decision == "cleared") {
                cleared.insert(number.parse::<Phone>()?);
            }
            match scenario.expect.get(&name) {
                Some(wanted) if got.as_ref() == Some(wanted) => {}
                Some(wanted) => faults.push(format!("{name}: got {got:?}, wanted {wanted:?}")),
                None => faults.push(format!("{name}: nothing is expected of it, got {got:?}")),
            }
            asked.insert(name);
        }
        if told.len() != scenario.audience.len() {
            faults.push(format!("{} answers for {} entries", told.len(), scenario.audience.len()));
        }
        faults.extend(
            scenario.expect.keys().filter(|k| !asked.contains(*k)).map(|k| format!("{k}: not in the audience")),
        );
        campaign.run().await?;
        let sent: Vec<Phone> = self.provider.sent.lock().unwrap().iter().map(|s| s.phone).collect();
        let once: BTreeSet<Phone> = sent.iter().copied().collect();
        if once != cleared || once.len() != sent.len() {
            let numbers = |set: BTreeSet<Phone>| set.iter().map(Phone::national).collect::<Vec<_>>();
            faults.push(format!(
                "cleared {:?}, sent {:?}",
                numbers(cleared),
                sent.iter().map(Phone::national).collect::<Vec<_>>()
            ));
        }
        Ok(faults)
    }
}

fn taken(report: ImportReport) -> Result<(), Fault> {
    match report.failures.into_iter().next() {
        Some(e) => Err(e.into()),
        None => Ok(()),
    }
}

fn scope(step: &Step) -> Result<StopScope, Fault> {
    match step.scope.as_deref() {
        None | Some("group") => Ok(StopScope::Owner),
        Some("everyone") => Ok(StopScope::Everyone),
        Some(other) => match other.strip_prefix("purpose:") {
            Some(purpose) => Ok(StopScope::Purpose(purpose.parse()?)),
            None => Err(format!("no such scope: {other}").into()),
        },
    }
}

fn via(step: &Step) -> Result<Via, Fault> {
    let all = [Via::Page, Via::Regulator, Via::Reply, Via::ServiceDesk];
    let named = step.via.as_deref().unwrap_or("page");
    all.into_iter().find(|v| v.as_str() == named).ok_or_else(|| format!("no such way: {named}").into())
}
