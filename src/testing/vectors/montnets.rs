//! Montnets'.

use super::{BuiltRequest, Vectors, credential};
use crate::clock::Stamp;
use crate::inbound::{Callback, HttpCall, InboundError};
use crate::provider::montnets::{self, Montnets};
use crate::provider::wire::{Class, CodeRow, Incoming, Wire};
use crate::provider::{Door, Outcome, sign};
use crate::secret::Secret;
use serde_json::Value;

pub(super) struct Suite;

impl Vectors for Suite {
    fn request(
        &self,
        operation: &str,
        credentials: &Value,
        params: &Value,
        stamp: &Stamp,
    ) -> Result<BuiltRequest, String> {
        let known = ["send_single", "send_batch", "send_multi", "get_mo", "get_rpt", "get_balance"];
        if !known.contains(&operation) {
            return Err(format!("no such operation: {operation}"));
        }
        let account = account(credentials)?;
        let params = params.as_object().ok_or("params are no object")?;
        let fields: Vec<(&str, Value)> = params.iter().map(|(k, v)| (k.as_str(), carried(k, v))).collect();
        Ok(BuiltRequest::new(account.call(operation, &fields, stamp), account.endpoint()))
    }

    fn class(&self, _: &str, answer: Incoming<'_>) -> Class {
        montnets::class(answer)
    }

    fn outcomes(&self, answer: Incoming<'_>) -> Vec<(Option<String>, Class, Outcome)> {
        vec![(None, montnets::class(answer), montnets::settled(answer))]
    }

    fn code(&self, code: &str) -> Option<&'static CodeRow> {
        code.parse().ok().and_then(montnets::code)
    }

    fn callback(&self, credentials: &Value, call: &HttpCall) -> (Result<Callback, InboundError>, Option<Value>) {
        match account(credentials) {
            Ok(account) => (account.callbacks(Door::at(Secret::new(&*call.path))).inbound(call), None),
            Err(_) => (Err(InboundError::Forged), None),
        }
    }

    fn asker(&self) -> Option<Box<dyn Wire>> {
        Some(Box::new(Montnets::new("https://127.0.0.1", "", Secret::new(""))))
    }
}

/// A parameter as it travels: lists of numbers joined, texts encoded, also within rows.
fn carried(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("content", Value::String(s)) => sign::form_value(s).into(),
        ("mobile", Value::Array(numbers)) => {
            numbers.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",").into()
        }
        (_, Value::Array(rows)) => rows.iter().map(|row| carried(name, row)).collect(),
        (_, Value::Object(row)) => Value::Object(row.iter().map(|(k, v)| (k.clone(), carried(k, v))).collect()),
        (_, other) => other.clone(),
    }
}

fn account(credentials: &Value) -> Result<Montnets, String> {
    let gateway = credentials["base_url"].as_str().unwrap_or("https://127.0.0.1");
    let password = Secret::new(credential(credentials, "password")?);
    Ok(Montnets::new(gateway, credential(credentials, "userid")?, password))
}
