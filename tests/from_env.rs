//! Accounts read from the environment: every provider, every variable.
//!
//! The test runs itself, as nobody may change the environment of a running process. Which variables a provider reads, and
//! which it needs, its source says; its documentation must name them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use optin106::provider::wire::Wire;
use optin106::secret::MissingVariable;

type FromEnv = fn() -> Result<Box<dyn Wire>, MissingVariable>;

macro_rules! all {
    ($($module:ident $provider:ident)*) => {
        const ALL: &[(&str, FromEnv)] =
            &[$((stringify!($module), || Ok(Box::new(optin106::provider::$module::$provider::from_env()?)))),*];
    };
}

all! {
    aliyun Aliyun
    baidu Baidu
    chuanglan Chuanglan
    cmcc_mas CmccMas
    ctyun Ctyun
    huawei Huawei
    jdcloud Jdcloud
    luosimao Luosimao
    montnets Montnets
    netease Netease
    qiniu Qiniu
    ronglian Ronglian
    submail Submail
    tencent Tencent
    ucloud Ucloud
    volcengine Volcengine
    yunpian Yunpian
}

/// The variables that a provider reads, and whether it cannot do without.
fn variables(provider: &str) -> Vec<(String, bool)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/provider/{provider}.rs"));
    let source = std::fs::read_to_string(path).unwrap();
    let (before, rest) = source.split_once("pub fn from_env(").unwrap();
    let (body, _) = rest.split_once("\n    }\n").unwrap();
    let docs = before.rsplit_once("\n\n").unwrap().1;
    let pieces: Vec<&str> = body.split('"').collect();
    let mut found = Vec::new();
    for (i, name) in pieces.iter().enumerate().skip(1).step_by(2) {
        if name.contains('_') && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
            let named = [format!("`{name}`"), format!("`{name}=")].iter().any(|n| docs.contains(n));
            assert!(named, "{provider}: the documentation of from_env does not name {name}");
            found.push(((*name).to_owned(), pieces[i + 1].starts_with(")?")));
        }
    }
    found
}

/// What every provider says when these variables are set.
fn said<'a>(all: &[String], set: impl Fn(&str) -> bool + 'a) -> BTreeMap<String, String> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["every_variable_is_documented_and_a_missing_one_is_named", "--exact", "--nocapture"]);
    child.env("OPTIN106_FROM_ENV", "1");
    for name in all {
        if set(name) {
            child.env(name, "1")
        } else {
            child.env_remove(name)
        };
    }
    let done = child.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let told = String::from_utf8(done.stdout).unwrap();
    let lines = told.lines().filter_map(|l| l.split_once(" says "));
    lines.map(|(name, said)| (name.rsplit(' ').next().unwrap().to_owned(), said.to_owned())).collect()
}

#[test]
#[allow(clippy::print_stdout, reason = "what the child says")]
fn every_variable_is_documented_and_a_missing_one_is_named() {
    if std::env::var_os("OPTIN106_FROM_ENV").is_some() {
        for (name, from_env) in ALL {
            match from_env() {
                Ok(wire) => println!("{name} says {}", wire.profile().name),
                Err(e) => println!("{name} says {e}"),
            }
        }
        return;
    }
    let read: Vec<(&str, Vec<(String, bool)>)> = ALL.iter().map(|(name, _)| (*name, variables(name))).collect();
    let every: Vec<String> = read.iter().flat_map(|(_, v)| v.iter().map(|(name, _)| name.clone())).collect();
    let missing = |name: &str| format!("set the environment variable {name}");
    let (complete, empty) = (said(&every, |_| true), said(&every, |_| false));
    for (provider, variables) in &read {
        assert_eq!(complete[*provider], *provider);
        let first = variables.iter().find(|(_, needed)| *needed).expect("a provider needs a credential");
        assert_eq!(empty[*provider], missing(&first.0));
    }
    // One of each provider's at a time.
    let needed = |variables: &[(String, bool)]| -> Vec<String> {
        variables.iter().filter(|(_, needed)| *needed).map(|(name, _)| name.clone()).collect()
    };
    let most = read.iter().map(|(_, v)| needed(v).len()).max().unwrap();
    for nth in 0..most {
        let left_out: Vec<String> = read.iter().filter_map(|(_, v)| needed(v).get(nth).cloned()).collect();
        let told = said(&every, |name| !left_out.iter().any(|l| l == name));
        for (provider, variables) in &read {
            let wanted = needed(variables).get(nth).map_or_else(|| (*provider).to_owned(), |name| missing(name));
            assert_eq!(told[*provider], wanted);
        }
    }
}
