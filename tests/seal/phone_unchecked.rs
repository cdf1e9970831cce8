//! A number is read, and refused where it is no person's; it is not written down.
use optin106::Phone;

fn main() {
    let _ = Phone(10086);
}
