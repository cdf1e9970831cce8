//! A purchase is no consent: there is no such method.
use optin106::{Method, OptIn, Phone, Purpose};

fn consent(buyer: Phone) -> OptIn {
    OptIn::new(buyer, [Purpose::Promotion], Method::Purchase)
}

fn main() {}
