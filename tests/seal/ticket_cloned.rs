//! One ticket is one message.
use optin106::ticket::Ticket;

fn double(ticket: &Ticket) -> [Ticket; 2] {
    [ticket.clone(), ticket.clone()]
}

fn main() {}
