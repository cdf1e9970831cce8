//! A campaign over a carrier's own protocol: `cargo run --release --features carrier,testing --example carrier`.
//!
//! A shop texts 5,000 people over CMPP 3.0 through a gateway on this machine that checks the login, keeps the window,
//! reports what it delivered and, with `--faults`, fails on one submit in a hundred as real gateways do. Meanwhile one
//! person in a hundred replies R. At the end everything is checked: the planned people are the sum of the outcomes, nobody
//! was taken twice, nobody was begun after their R was recorded, and no window was exceeded. It fails when anything is not
//! so.
//!
//! Options: `--people N`, `--protocol cmpp20|cmpp30|sgip12|smgp30`, `--faults`, `--per-request N` (200), `--db FOLDER` (kept;
//! a temporary one otherwise), `--bench` (the gateway in a process of its own, no reports, faults or replies; the speed of
//! the run on the last line).

use futures_util::{StreamExt, TryStreamExt, stream};
use optin106::carrier::listen::{ListenSettings, Listener};
use optin106::carrier::{Link, LinkSettings, Protocol};
use optin106::clock::{Clock, SystemClock};
use optin106::entry::State;
use optin106::id::AccountId;
use optin106::intake::IntakeEvent;
use optin106::keyring::Keyring;
use optin106::optin::{AccountSettings, AccountSignature};
use optin106::provider::Provider;
use optin106::secret::Secret;
use optin106::store::{SqliteStore, Subject};
use optin106::testing::ShiftedClock;
use optin106::testing::carrier::{CarrierGateway, Fault, GatewaySettings, NAME, SECRET, account, protocol};
use optin106::{
    Audience, Campaign, Days, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Purpose, Shop, ShopHandle,
    Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const TEXT: &str = "双12今晚8点开抢，会员满200减25，详情见店铺首页。";
const SIGNATURE: &str = "示例旗舰店";

struct Options {
    people: u64,
    protocol: Protocol,
    name: String,
    faults: bool,
    per_request: u16,
    db: Option<PathBuf>,
    bench: bool,
}

fn options() -> Result<Options> {
    let name = "cmpp30".to_owned();
    let protocol_of = |name: &str| protocol(name).ok_or(format!("no such protocol: {name}"));
    let (protocol, faults, bench, db) = (protocol_of(&name)?, false, false, None);
    let mut o = Options { people: 5_000, protocol, name, faults, per_request: 200, db, bench };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--people" => o.people = value()?.parse()?,
            "--protocol" => {
                o.name = value()?;
                o.protocol = protocol_of(&o.name)?;
            }
            "--faults" => o.faults = true,
            "--per-request" => o.per_request = value()?.parse()?,
            "--db" => o.db = Some(value()?.into()),
            "--bench" => o.bench = true,
            other => return Err(format!("no such option: {other}; see the first lines of the example").into()),
        }
    }
    Ok(o)
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").map_err(Into::into)
}

fn phone(i: u64) -> Result<Phone> {
    Ok(Phone::from_u64(13_800_000_000 + i)?)
}

fn via() -> Result<AccountId> {
    Ok(AccountId::new("line")?)
}

/// The gateway: in this process, or another one for a bench.
enum Gateway {
    Here(CarrierGateway),
    There(std::process::Child, String),
}

impl Gateway {
    async fn start(o: &Options) -> Result<Self> {
        if !o.bench {
            let settings = GatewaySettings::new(o.protocol).reports(true).late(Duration::from_millis(600));
            // Less than the link's own time, which begins before the submit comes here.
            let settings = settings.answer_within(Duration::from_millis(if o.faults { 200 } else { 10_000 }));
            return Ok(Self::Here(CarrierGateway::start(settings).await?));
        }
        let beside = std::env::current_exe()?.with_file_name("carrier_gateway");
        let mut child = std::process::Command::new(beside)
            .args(["--protocol", &o.name, "--counts"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .map_err(|e| format!("build the example carrier_gateway first: {e}"))?;
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self::There(child, line.trim().to_owned()))
    }

    fn address(&self) -> String {
        match self {
            Self::Here(gateway) => gateway.address(),
            Self::There(_, address) => address.clone(),
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Self::There(child, _) = self {
            drop(child.kill());
        }
    }
}

async fn open(folder: &Path, clock: &Arc<dyn Clock>) -> Result<Optin106> {
    let keyring = Keyring::open_or_create_file(folder.join("shop.key"), &SystemClock::new())?;
    Ok(Optin106::open(SqliteStore::open_with(folder.join("shop.db"), keyring, Arc::clone(clock))?).await?)
}

async fn consents(shop: &ShopHandle, people: u64) -> Result<()> {
    let given: Timestamp = "2026-11-01T10:00:00+08:00".parse()?;
    let phones = (0..people).map(phone).collect::<std::result::Result<Vec<_>, _>>()?;
    let rows = stream::iter(phones).map(|phone| {
        OptIn::new(phone, [Purpose::Promotion], Method::UntickedCheckbox)
            .at(given)
            .notice(Notice::new("v1", "同意接收本店促销短信,每30天不超过4条,有效期12个月,回复R可随时拒收"))
            .promise(4, Days(30))
            .valid_until(given.plus_days(360))
            .evidence(Evidence::reference("page", "checkout#marketing-sms", [7; 32]))
    });
    let mut answers = std::pin::pin!(shop.record_all(rows));
    while let Some((_, answer)) = answers.next().await {
        answer?;
    }
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let o = options()?;
    let clock: Arc<dyn Clock> = Arc::new(ShiftedClock::starting_at("2026-12-12T10:00:00+08:00".parse()?));
    let temporary = tempfile::tempdir()?;
    let folder = o.db.clone().unwrap_or_else(|| temporary.path().to_owned());
    let gateway = Gateway::start(&o).await?;
    let mut settings = LinkSettings::new(gateway.address()).people_per_request(o.per_request);
    if o.faults {
        settings = settings
            .connections(4)
            .answer_within(Duration::from_millis(400))
            .reconnect(Duration::from_millis(10), Duration::from_millis(50));
    }
    let link = Arc::new(Link::open(account(o.protocol), settings, Arc::clone(&clock))?);
    let optin = open(&folder, &clock).await?;
    optin.add_account(&via()?, Arc::clone(&link) as _, AccountSettings::default().price(390)).await?;
    let owner = Owner::new("91330100XXXXXXXXXX")?;
    let shop = Shop::new("shop-1", owner, SIGNATURE)?.contact("400-000-0000");
    let shop = optin.shop(shop.at_account(via()?, AccountSignature::new(SIGNATURE)?)).await?;
    let began = clock.mono();
    consents(&shop, o.people).await?;
    say(&format!("{} consents recorded in {:.1?}", o.people, clock.mono() - began))?;
    let people = (0..o.people).map(phone).collect::<Result<Vec<_>>>()?;
    let began = clock.mono();
    let campaign = shop.campaign("2026-double12", Purpose::Promotion).text(TEXT);
    let ends: Timestamp = "2026-12-12T19:00:00+08:00".parse()?;
    let campaign = campaign.ends(ends).via(via()?).plan(Audience::iter(people)).await?;
    say(&campaign.funnel().await?.to_string())?;
    let planned = clock.mono();
    match &gateway {
        Gateway::Here(gateway) => {
            story(&o, &optin, &link, &campaign, gateway).await?;
        }
        Gateway::There(..) => drop(campaign.run().await?),
    }
    let (plan, run) = ((planned - began).as_secs_f64(), (clock.mono() - planned).as_secs_f64());
    let report = campaign.report().await?;
    report.check()?;
    say(&report.to_string())?;
    if o.bench {
        let accepted = report.figures.count(State::Accepted);
        let (people, rate) = (o.people as f64, o.people as f64 / run);
        say(&format!(
            "{{\"protocol\":\"{}\",\"people\":{},\"accepted\":{accepted},\"run_s\":{run:.2},\"per_s\":{rate:.0},\
             \"with_plan_per_s\":{:.0}}}",
            o.name,
            o.people,
            people / (plan + run)
        ))?;
    }
    Ok(())
}

/// The run with reports, replies and faults, and what must hold afterwards.
async fn story(
    o: &Options,
    optin: &Optin106,
    link: &Arc<Link>,
    campaign: &Campaign,
    gateway: &CarrierGateway,
) -> Result<()> {
    let _listener = match o.protocol {
        Protocol::Sgip => {
            let login = ListenSettings::new(NAME, Secret::new(SECRET))?;
            let listener = Listener::bind("127.0.0.1:0".parse()?, login, link).await?;
            gateway.push_to(listener.address());
            Some(listener)
        }
        _ => None,
    };
    if o.faults {
        let people = usize::try_from(o.people)?;
        let each = Fault::ALL.into_iter().cycle().flat_map(|f| std::iter::repeat_n(None, 99).chain([Some(f)]));
        gateway.script(each.take(people));
    }
    // When the R of each was recorded.
    let stopped: Arc<Mutex<BTreeMap<u64, Timestamp>>> = Arc::default();
    let mut attending = Vec::new();
    for _ in 0..16 {
        let (optin, link, stopped, account) = (optin.clone(), Arc::clone(link), Arc::clone(&stopped), via()?);
        attending.push(tokio::spawn(async move {
            let route = link.profile().name;
            while let Some(arrived) = link.arrived().await {
                // What cannot be stored is not acknowledged, and comes again.
                let Ok(event) = optin.take_in(&account, route, arrived.event().clone()).await else { continue };
                if let IntakeEvent::Reply(reply) = event {
                    let mut stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
                    stopped.entry(reply.phone.to_u64()).or_insert(reply.recorded.at);
                }
                arrived.acknowledge();
            }
        }));
    }
    let replies = async {
        // One in a hundred, spread over everybody, so that many have not been sent to yet.
        for i in (0..o.people).step_by(100).map(|i| i * 7919 % o.people) {
            gateway.reply(phone(i)?, "10690001", "R");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        std::future::pending::<Result<()>>().await
    };
    let lift = async {
        // Faults hold and rest the account; an operator who watches lifts it.
        if !o.faults {
            return std::future::pending::<Result<()>>().await;
        }
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            optin.lift(Subject::Account(via()?)).await?;
        }
    };
    tokio::select! {
        done = campaign.run() => drop(done?),
        failed = replies => failed?,
        failed = lift => failed?,
    }
    // What the link had no room for is told again, once it has stored the rest.
    let mut quiet = 0;
    while quiet < 100 {
        let before = gateway.counts().acknowledged;
        tokio::time::sleep(Duration::from_millis(100)).await;
        quiet = if gateway.counts().acknowledged > before { 0 } else { quiet + 1 };
        if quiet > 0 && gateway.again() == 0 {
            break;
        }
    }
    attending.iter().for_each(tokio::task::JoinHandle::abort);
    let stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner).clone();
    check(o, campaign, gateway, &stopped).await
}

async fn check(
    o: &Options,
    campaign: &Campaign,
    gateway: &CarrierGateway,
    stopped: &BTreeMap<u64, Timestamp>,
) -> Result<()> {
    let (mut taken, mut doubles) = (BTreeSet::new(), 0u64);
    for t in gateway.taken() {
        doubles += u64::from(!taken.insert(t.phone));
    }
    let (mut rows, mut late, mut contradictions, mut spared) = (0u64, 0u64, 0u64, 0u64);
    let mut all = std::pin::pin!(campaign.report_rows());
    while let Some(row) = all.try_next().await? {
        let (Some(phone), Some(state)) = (row.phone, row.state) else { continue };
        rows += 1;
        if let (Some(recorded), Some(begun)) = (stopped.get(&phone.to_u64()), row.begun_at) {
            late += u64::from(begun > *recorded);
        }
        spared += u64::from(stopped.contains_key(&phone.to_u64()) && state == State::Refused);
        let was = taken.contains(&phone.to_u64());
        let doubt = matches!(state, State::Unknown | State::Unresolved);
        contradictions += u64::from(state.is_taken() != was && !doubt);
    }
    let planned = campaign.report().await?.planned;
    let over_window = gateway.counts().over_window;
    say(&format!(
        "gateway: {:?}\n{} replied R, {spared} of them before their turn; faults played: {}",
        gateway.counts(),
        stopped.len(),
        gateway.played().len()
    ))?;
    say(&format!(
        "planned {planned} = rows {rows}; taken twice {doubles}; begun after their R {late}; contradicting the gateway \
         {contradictions}"
    ))?;
    match planned == o.people && rows == planned && doubles + late + contradictions + over_window == 0 {
        true => Ok(()),
        false => Err("a promise was broken".into()),
    }
}
