//! A fake platform on a port: `cargo run --features testing --example gateway -- --provider aliyun --port 0`.
//!
//! Options: `--provider NAME` (any in the README's table), `--port N` (0: any free one), `--record FILE` (a line
//! `number,reference` per message taken, written before the answer), `--counts` (remember counts only),
//! `--no-signature-check`, `--hours` (refuse marketing at night as the platform does; else clients can be tested at any
//! hour). The first line of standard output is the address.
//!
//! Faults, each for one valid send: `--then LIST` plays steps in order (`reset,refuse_isv.AMOUNT_NOT_ENOUGH,http_503`), then
//! `--script LIST` draws by weight (`accept=98,hold=1,slow_200=1`), the same for the same `--seed N`; `Step::parse` lists the
//! steps. `--refuse NUMBER=CODE`, as often as needed, refuses one number whenever it comes.
//!
//! `--reports-to URL` pushes a report on each message that is taken, in the platform's form and with its signature;
//! `--report-code CODE` is what it says (`DELIVRD`). `--replies-to URL` is where replies go; one is made by
//! `curl -d number=13800000001 --data-urlencode text=R http://ADDRESS/__gateway/reply`, and
//! `curl -d number=13800000001 -d code=MK:0001 http://ADDRESS/__gateway/report` reports on the last message once more.
//! Both answer when the push is over. A push is repeated with the same bytes until the answer is the one that the platform
//! documents, `--push-tries N` times at most (6), the first time after `--push-pause MS` (1000) and then twice as late each
//! time. `GET /__gateway/pushes` counts, `GET /__gateway/totals` counts what was taken. Default accounts expect callbacks
//! at the path `/callback/5f4dcc3b5aa765d61d8327deb882cf99`.

use optin106::clock::SystemClock;
use optin106::testing::gateway::{Account, Gateway, Pushing, Record, Script, Step, serve};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (mut account, mut port, mut record) = (Account::aliyun(), 0u16, Record::All);
    let (mut then, mut refused) = (Vec::new(), Vec::new());
    let (mut script, mut seed, mut check, mut pushing) = (Script::new(), 1u64, true, Pushing::new());
    let mut hours = false;
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
            "--script" => script = Script::parse(&value()?).ok_or("--script is not a list of step=weight")?,
            "--then" => {
                let steps: Option<Vec<_>> = value()?.split(',').map(Step::parse).collect();
                then.extend(steps.ok_or("--then is not a list of steps")?);
            }
            "--refuse" => {
                let pair = value()?;
                let (number, code) = pair.split_once('=').ok_or("--refuse is not number=code")?;
                refused.push((number.parse()?, code.to_owned()));
            }
            "--seed" => seed = value()?.parse()?,
            "--no-signature-check" => check = false,
            "--hours" => hours = true,
            "--reports-to" => pushing = pushing.reports_to(&value()?)?,
            "--report-code" => pushing = pushing.code(value()?),
            "--replies-to" => pushing = pushing.replies_to(&value()?)?,
            "--push-tries" => pushing = pushing.tries(value()?.parse()?),
            "--push-pause" => pushing = pushing.pause(Duration::from_millis(value()?.parse()?)),
            other => return Err(format!("no such option: {other}").into()),
        }
    }
    let gateway = Gateway::new(account).check_signature(check).keep_hours(hours).pushing(pushing)?.record(record)?;
    let script = then.into_iter().fold(script.seed(seed), Script::then);
    gateway.script(refused.into_iter().fold(script, |s, (number, code): (u64, String)| s.refuse_number(number, code)));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let mut out = std::io::stdout();
    writeln!(out, "http://{}", listener.local_addr()?)?;
    out.flush()?;
    serve(listener, gateway, Arc::new(SystemClock::new())).await?;
    Ok(())
}
