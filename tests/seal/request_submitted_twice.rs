//! A submission takes the request; a retry has none.
use optin106::provider::{Provider, Request};

async fn retry(provider: &dyn Provider, request: Request<'_>) {
    provider.submit(request).await;
    provider.submit(request).await;
}

fn main() {}
