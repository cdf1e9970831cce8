//! A fake platform on a port: `cargo run --features testing --example gateway -- --provider aliyun --port 0`.
//!
//! Options: `--provider aliyun|yunpian`, `--port N` (0: any free one), `--record FILE` (a line `number,reference` per
//! message taken, written before the answer), `--counts` (remember counts only), `--script LIST` (see `Script::parse`),
//! `--seed N`, `--no-signature-check`. The first line of standard output is the address.

use optin106::clock::SystemClock;
use optin106::testing::gateway::{Account, Gateway, Record, Script, serve};
use std::io::Write;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (mut account, mut port, mut record) = (Account::aliyun(), 0u16, Record::All);
    let (mut script, mut seed, mut check) = (Script::new(), 1u64, true);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--provider" => {
                let name = value()?;
                let names: Vec<_> = Account::names().collect();
                account = Account::named(&name).ok_or(format!("no such provider: {name}; there are {names:?}"))?;
            }
            "--port" => port = value()?.parse()?,
            "--record" => record = Record::File(value()?.into()),
            "--counts" => record = Record::Counts,
            "--script" => script = Script::parse(&value()?).ok_or("--script is not a list of name=weight")?,
            "--seed" => seed = value()?.parse()?,
            "--no-signature-check" => check = false,
            other => return Err(format!("no such option: {other}").into()),
        }
    }
    let gateway = Gateway::new(account).check_signature(check).record(record)?;
    gateway.script(script.seed(seed));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let mut out = std::io::stdout();
    writeln!(out, "http://{}", listener.local_addr()?)?;
    out.flush()?;
    serve(listener, gateway, Arc::new(SystemClock::new())).await?;
    Ok(())
}
