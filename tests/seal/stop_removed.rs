//! Nothing removes a stop.
use optin106::facts::Person;

fn forget(person: &mut Person) {
    person.stops.clear();
}

fn main() {}
