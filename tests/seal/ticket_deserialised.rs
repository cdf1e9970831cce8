//! A ticket does not survive the process: after a restart the gate is asked again.
use optin106::ticket::Ticket;

fn main() {
    let _: Ticket = serde_json::from_str("{}").unwrap();
}
