//! The gate alone says yes.
use optin106::Timestamp;
use optin106::gate::Clearance;

fn main() {
    let _ = Clearance { grant: 1, until: Timestamp::FAR };
}
