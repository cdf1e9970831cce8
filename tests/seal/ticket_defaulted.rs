//! There is no empty ticket.
use optin106::ticket::Ticket;

fn main() {
    let _ = Ticket::default();
}
