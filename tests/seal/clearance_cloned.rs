//! One yes is one message.
use optin106::gate::Clearance;

fn double(clearance: &Clearance) -> Clearance {
    clearance.clone()
}

fn main() {}
