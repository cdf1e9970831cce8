//! A yes ends when the gate said.
use optin106::Timestamp;
use optin106::gate::Clearance;

fn prolong(clearance: &mut Clearance) {
    clearance.until = Timestamp::FAR;
}

fn main() {}
