"""Requests made from the OpenAPI document, by schemathesis, against the local stack.

No answer may be a 5xx or differ from its schema, no method may work that the document lacks, and each operation must succeed
at least once. The seed is fixed, and the number of requests bounded."""

import collections
import json
import os
import subprocess
import sys
import time

from process import OUTPUT, ROOT, Failed, environment, say
from stack import OWNER, Stack

HERE = ROOT / "tests/api"
SEED = 1
EXAMPLES_MAX = 25
HOLDS = 40
ORDERS = 5
USES = 20
CODES = 20
KEYS = 20
SECONDS_MAX = 180
# Read by schemathesis itself, which then leaves it out.
DOCUMENT = "GET /v1/openapi.json"


def seeds(stack):
    uses = [f"use-{number}" for number in range(USES)]
    for use in uses:
        stack.command("send", "usage", "--id", use)
    return {
        "owner": OWNER,
        "owner_key": stack.owner_key,
        "service_key": stack.service_key,
        "holds": [stack.hold() for _ in range(HOLDS)],
        "orders": [stack.order() for _ in range(ORDERS)],
        "wechat_orders": [stack.order(product="credits-1000", provider="wechat") for _ in range(ORDERS)],
        "epay_product": "credits-1000",
        "uses": uses,
        "campaign": "spring",
        "codes": [made["code"] for made in stack.change("codes", campaign="spring", credits="1", count=CODES)["codes"]],
        "keys": [stack.change("keys", kind="owner", owner=OWNER)["key"] for _ in range(KEYS)],
    }


def operations(document):
    methods = {"get", "post", "put", "patch", "delete"}
    return [f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item if method in methods]


def coverage(counts):
    """Prints how often each operation gave which status, and returns those that never succeeded."""
    by_operation = collections.defaultdict(dict)
    for name, count in counts.items():
        operation, status = name.rsplit(" ", 1)
        by_operation[operation][status] = count
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    missing = []
    for operation in sorted(set(operations(document)) - {DOCUMENT}):
        statuses = by_operation.get(operation, {})
        say(f"  {operation}: " + (", ".join(f"{count} x {status}" for status, count in sorted(statuses.items())) or "never"))
        if not any(status.startswith("2") for status in statuses):
            missing.append(operation)
    return missing


def main():
    with Stack() as stack:
        files = {"API_SEEDS": OUTPUT / "api-seeds.json", "API_COUNTS": OUTPUT / "api-counts.json"}
        files["API_SEEDS"].write_text(json.dumps(seeds(stack)))
        files["API_COUNTS"].write_text("{}")
        began = time.monotonic()
        command = ["schemathesis", "--config-file", HERE / "schemathesis.toml", "run", f"{stack.url}/v1/openapi.json"]
        command += ["--seed", SEED, "--max-examples", EXAMPLES_MAX, *sys.argv[1:]]
        settings = environment(SCHEMATHESIS_HOOKS="hooks", PYTHONPATH=str(HERE), **{k: str(v) for k, v in files.items()})
        ended = subprocess.run([str(word) for word in command], cwd=OUTPUT, env=settings, check=False)
        took = time.monotonic() - began
        missing = coverage(json.loads(files["API_COUNTS"].read_text()))
        say(f"  {took:.0f} s of at most {SECONDS_MAX}")
        if ended.returncode != 0:
            raise Failed("schemathesis found failures")
        if missing:
            raise Failed(f"these operations never succeeded: {', '.join(missing)}")
        if took > SECONDS_MAX:
            raise Failed("it took too long")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"failed: {failed}")
