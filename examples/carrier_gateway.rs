//! A fake carrier's gateway on a port: `cargo run --features carrier,testing --example carrier_gateway -- --protocol cmpp30`.
//!
//! The account is name `901234`, secret `shared01`, service `MKT`, access number `10690001`; SGIP: enterprise code `12345`,
//! node 3010012345. The first line of standard output is the address; on end of standard input it prints its counts and
//! ends.
//!
//! | option | |
//! |---|---|
//! | `--protocol cmpp20\|cmpp30\|sgip12\|smgp30` | cmpp30 without it |
//! | `--at ADDRESS` | 127.0.0.1:0 without it: any free port |
//! | `--per-second N` | submits; more are answered as too fast |
//! | `--window N` | unanswered submits on a connection, 16 without it; what is above is counted |
//! | `--refuse-above-window` | and answered as too fast |
//! | `--answer-within MS` | a submit that is never answered leaves the window after so long |
//! | `--delay MS` | each answer comes after a random time up to this |
//! | `--reports` | each segment is reported as delivered |
//! | `--reports-to ADDRESS` | SGIP: the SP's listener |
//! | `--faults N` | one submit in N meets one, each kind in turn |
//! | `--fault NAME` | only this kind, such as `WrongId`, `NoId`, `CutsAnswer`: the names of `Fault` |
//! | `--cut-at BYTE` | so many bytes of a cut answer come; a random number without it |
//! | `--counts` | keep counts only |

use optin106::clock::SystemClock;
use optin106::testing::carrier::{CarrierGateway, Fault, GatewaySettings, PROTOCOLS, protocol};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut settings = GatewaySettings::new(PROTOCOLS[1].1);
    let (mut at, mut faults, mut push_to) = ("127.0.0.1:0".to_owned(), 0usize, None);
    let mut kinds = Fault::ALL.to_vec();
    let mut changes: Vec<Box<dyn Fn(GatewaySettings) -> GatewaySettings>> = Vec::new();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--protocol" => {
                let name = value()?;
                let names = PROTOCOLS.map(|(name, _)| name);
                settings = GatewaySettings::new(
                    protocol(&name).ok_or(format!("no such protocol: {name}; there are {names:?}"))?,
                );
            }
            "--at" => at = value()?,
            "--per-second" => {
                let n = value()?.parse()?;
                changes.push(Box::new(move |s| s.per_second(n)));
            }
            "--window" => {
                let n = value()?.parse()?;
                changes.push(Box::new(move |s| s.window(n)));
            }
            "--refuse-above-window" => changes.push(Box::new(|s| s.refuses_above_window(true))),
            "--answer-within" => {
                let t = Duration::from_millis(value()?.parse()?);
                changes.push(Box::new(move |s| s.answer_within(t)));
            }
            "--delay" => {
                let t = Duration::from_millis(value()?.parse()?);
                changes.push(Box::new(move |s| s.delay(t)));
            }
            "--cut-at" => {
                let n = value()?.parse()?;
                changes.push(Box::new(move |s| s.cut_at(n)));
            }
            "--fault" => {
                let name = value()?;
                kinds.retain(|fault| format!("{fault:?}").eq_ignore_ascii_case(&name));
                if kinds.is_empty() {
                    return Err(format!("no such fault: {name}; there are {:?}", Fault::ALL).into());
                }
            }
            "--reports" => changes.push(Box::new(|s| s.reports(true))),
            "--reports-to" => push_to = Some(value()?.parse()?),
            "--faults" => faults = value()?.parse()?,
            "--counts" => changes.push(Box::new(|s| s.record(false))),
            other => return Err(format!("no such option: {other}; see the first lines of the example").into()),
        }
    }
    let settings = changes.iter().fold(settings, |settings, change| change(settings));
    let gateway = CarrierGateway::start_at(&at, settings, Arc::new(SystemClock::new())).await?;
    if let Some(to) = push_to {
        gateway.push_to(to);
    }
    if faults > 0 {
        let script =
            kinds.into_iter().cycle().flat_map(|fault| std::iter::repeat_n(None, faults - 1).chain([Some(fault)]));
        gateway.script(script.take(10_000_000.min(faults * 100_000)));
    }
    let mut out = std::io::stdout();
    writeln!(out, "{}", gateway.address())?;
    out.flush()?;
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    writeln!(out, "{:?}", gateway.counts())?;
    Ok(())
}
