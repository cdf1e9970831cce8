#!/usr/bin/env bash
# Official SDKs against the gateways, unchanged but for the endpoint: tests/clients/run.sh. Not part of CI: it installs
# from PyPI into target/clients (OPTIN106_CLIENTS names another virtual environment, which is then used as it is).
set -uo pipefail
cd "$(dirname "$0")/../.."
venv=${OPTIN106_CLIENTS:-target/clients}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv" || exit 1
    "$venv/bin/pip" install -q -r tests/clients/requirements.txt || exit 1
fi
cargo build -q --features testing --example gateway || exit 1
gateway=${CARGO_TARGET_DIR:-target}/debug/examples/gateway
failed=0
for name in aliyun tencent volcengine baidu ucloud qiniu jdcloud; do
    first=$(mktemp)
    "$gateway" --provider "$name" --port 0 >"$first" &
    pid=$!
    for _ in $(seq 100); do [ -s "$first" ] && break; sleep 0.1; done
    address=$(sed 's,^http://,,' "$first")
    taken() { "$venv/bin/python" -c "import json,urllib.request as u;print(json.load(u.urlopen('http://$address/__gateway/totals'))['messages'])"; }
    for key in wrong right; do
        timeout 60 "$venv/bin/python" tests/clients/send.py "$name" "$address" "$key" 2>"$first.err"
        got=$?
        want=$([ "$key" = right ] && echo "0 1" || echo "3 0")
        if [ "$got $(taken)" != "$want" ]; then
            echo "$name, $key key: exit and messages taken are $got $(taken), wanted $want"; tail -3 "$first.err"; failed=1
        fi
    done
    kill "$pid"; wait "$pid" 2>/dev/null; rm -f "$first" "$first.err"
done
exit $failed
