//! A task that outlives the submission cannot have the request.
use optin106::provider::Request;

fn later(request: Request<'_>) {
    tokio::spawn(async move { request.tickets().len() });
}

fn main() {}
