//! A composed text comes out of `compose`, which adds signature and unsubscribe words.
use optin106::message::Composed;

fn main() {
    let _ = Composed { text: "双12今晚0点开抢".to_owned() };
}
