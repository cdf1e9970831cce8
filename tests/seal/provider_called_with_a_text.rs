//! A provider takes tickets, never a number and a text.
use optin106::provider::Provider;

async fn blast(provider: &dyn Provider) {
    provider.submit("13800138000: 双12今晚0点开抢").await;
}

fn main() {}
