//! A request borrows a batch, which only the ledger has.
use optin106::ticket::Request;

fn forge(request: Request<'_>) -> Request<'_> {
    Request { batch: request.batch }
}

fn main() {}
