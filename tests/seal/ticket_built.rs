//! A ticket is made by the ledger for a row that is recorded as begun, and by nobody else.
use optin106::Phone;
use optin106::gate::Clearance;
use optin106::ticket::Ticket;

fn forge(phone: Phone, clearance: Clearance) -> Ticket {
    Ticket { phone, params: Vec::new(), text: None, clearance }
}

fn main() {}
