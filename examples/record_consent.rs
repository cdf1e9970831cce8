//! The life of one consent: `cargo run --example record_consent`
//!
//! Recorded with evidence, exported as proof, withdrawn, asked for again, and at last erased. Nothing is sent.

use optin106::clock::{Clock, SystemClock};
use optin106::keyring::Keyring;
use optin106::optin::{Erasure, OptOut, RecordError, StopScope, Via};
use optin106::store::SqliteStore;
use optin106::{
    Days, Envelope, Evidence, Method, Notice, OptIn, Optin106, Owner, Phone, Purpose, Shop, ShopHandle, Timestamp,
};
use std::io::Write;
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    let clock = SystemClock::new();
    // The key file is made with rights 0600. Lose it and every number in the database is lost; keep it apart.
    let keyring = Keyring::open_or_create_file(folder.path().join("shop.key"), &clock)?;
    let optin = Optin106::open(SqliteStore::open(folder.path().join("shop.db"), keyring)?).await?;
    let owner = Owner::new("91330100MA00000001")?;
    let shop = optin.shop(Shop::new("shop-42", owner, "示例旗舰店")?.contact("400-000-0000")).await?;
    let phone: Phone = "+86 138-0013-8000".parse()?;
    let mut out = std::io::stdout();

    // 1. Agreed an hour ago, at checkout. A box that was ticked beforehand has no name in this API.
    let an_hour_ago = clock.now().minus(Duration::from_secs(3_600));
    let first = shop.record(opt_in(phone, an_hour_ago, "order-1001")).await?;
    let again = shop.record(opt_in(phone, an_hour_ago, "order-1001")).await?;
    writeln!(out, "recorded at {}; told again: repeated = {}", first.at, again.repeated)?;
    writeln!(out, "as data, \"pre_ticked\": {}", refusal_of("pre_ticked"))?;

    // 2. What a platform or an authority asks for: notice, evidence, source and times.
    writeln!(out, "\nproof: {:#}\n", shop.export_proof(phone).await?)?;

    // 3. The person refuses. It holds for every shop of the owner.
    let stopped = shop.opt_out(phone, OptOut::new(StopScope::Owner, Via::Page)).await?;
    writeln!(out, "stopped at {}, effective at {}", stopped.recorded_at, stopped.effective().await)?;

    // 4. An older agreement does not undo it; a newer one does.
    try_again(&mut out, &shop, opt_in(phone, an_hour_ago, "order-1002")).await?;
    clock.sleep(Duration::from_millis(5)).await;
    try_again(&mut out, &shop, opt_in(phone, clock.now(), "order-1003")).await?;

    // 5. The person asks to be deleted: consents end, the stop stays as a tombstone without a number.
    let erased = shop.erase(phone, Erasure::new()).await?;
    writeln!(out, "erased at {}; evidence is kept sealed until {}", erased.recorded_at, erased.kept_until)?;
    try_again(&mut out, &shop, opt_in(phone, an_hour_ago, "order-1004")).await?;
    writeln!(out, "stops that stand: {}", shop.lookup(phone).await?.stops.len())?;
    Ok(())
}

fn opt_in(phone: Phone, at: Timestamp, order: &str) -> OptIn {
    OptIn::new(phone, [Purpose::Promotion, Purpose::Points], Method::UntickedCheckbox)
        .at(at)
        .notice(Notice::new("v3", "同意接收本店促销短信，每30天不超过4条，有效期12个月，回复R可随时拒收"))
        .promise(4, Days(30))
        .valid_until(at.plus_days(365))
        .evidence(Evidence::bytes("page", *b"<html>the page as it was shown</html>"))
        .envelope(Envelope { source: "checkout".into(), event_id: order.into(), actor: "web".into() })
}

fn refusal_of(method: &str) -> String {
    method.parse::<Method>().map_or_else(|e| e.to_string(), |m| m.as_str().to_owned())
}

async fn try_again(out: &mut impl Write, shop: &ShopHandle, opt_in: OptIn) -> Result<(), Error> {
    match shop.record(opt_in).await {
        Ok(recorded) => writeln!(out, "a newer opt-in is taken at {}", recorded.at)?,
        Err(RecordError::Refused(refusal)) => writeln!(out, "refused: {}", refusal.explain())?,
        Err(e) => return Err(e.into()),
    }
    Ok(())
}
