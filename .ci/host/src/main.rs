//! One process, one SQLite library, two users of it: the host's own table through sqlx, consents through optin106.
//! `cargo run --locked --manifest-path .ci/host/Cargo.toml`

use optin106::clock::SystemClock;
use optin106::keyring::Keyring;
use optin106::store::SqliteStore;
use optin106::{Days, Evidence, Method, Notice, OptIn, Optin106, Owner, Purpose, Shop, Timestamp};
use sqlx::Connection;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut own = sqlx::SqliteConnection::connect("sqlite::memory:").await?;
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut own).await?;

    let folder = std::env::temp_dir().join(format!("optin106-host-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let done = record(&folder.join("shop.db")).await;
    std::fs::remove_dir_all(&folder)?;
    done?;
    println!("one SQLite {version} for sqlx and optin106 ({})", SqliteStore::engine());
    assert_eq!(version, SqliteStore::engine(), "two SQLite libraries in one process");
    Ok(())
}

async fn record(db: &std::path::Path) -> Result<(), Error> {
    let optin = Optin106::open(SqliteStore::open(db, Keyring::generate(&SystemClock::new()))?).await?;
    let shop = optin.shop(Shop::new("shop-42", Owner::new("91330100MA00000001")?, "示例旗舰店")?).await?;
    let opt_in = OptIn::new("13800138000".parse()?, [Purpose::Promotion], Method::UntickedCheckbox)
        .notice(Notice::new("v1", "同意接收本店促销短信，每30天不超过4条"))
        .promise(4, Days(30))
        .valid_until(Timestamp::parse_beijing("2027-12-31 00:00")?)
        .evidence(Evidence::reference("page", "checkout#sms", [7; 32]));
    let recorded = shop.record(opt_in).await?;
    assert!(!recorded.repeated);
    Ok(())
}
