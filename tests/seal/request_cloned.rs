//! One request is one call.
use optin106::ticket::Request;

fn double(request: Request<'_>) -> Request<'_> {
    Clone::clone(&request)
}

fn main() {}
