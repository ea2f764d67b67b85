"""Hooks of schemathesis: the key that each operation takes, ids that exist, and a count of the answers."""

import atexit
import collections
import json
import os
from pathlib import Path

import schemathesis

SEEDS = json.loads(Path(os.environ["API_SEEDS"]).read_text())
COUNTS = collections.Counter()
TURNS = collections.Counter()


# Not kept: each operation takes a key of its own.
@schemathesis.auth(refresh_interval=None)
class Key:
    def get(self, case, _context):
        schemes = [name for one in case.operation.definition.raw.get("security", []) for name in one]
        return SEEDS["service_key"] if "serviceKey" in schemes else SEEDS["owner_key"]

    def set(self, case, key, _context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {key}"}


def turn(case, every=4):
    """Three of four requests name what exists; the others keep what was generated."""
    TURNS[case.operation.label] += 1
    return TURNS[case.operation.label] % every


def next_of(name):
    """The next of the seeded ids. The last ones are used again: a hold that is closed is refused."""
    TURNS[name] += 1
    return SEEDS[name][(TURNS[name] - 1) % len(SEEDS[name])]


@schemathesis.hook
def before_call(_context, case, _kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive or turn(case) == 0:
        return
    path, body = case.operation.path, case.body
    if case.path_parameters:
        if "{owner}" in path:
            case.path_parameters["owner"] = SEEDS["owner"]
        if "{id}" in path:
            case.path_parameters["id"] = next_of("keys" if "/keys/" in path else "holds")
        # A cursor that was generated leads nowhere.
        if "/owners/" in path:
            case.query = {}
        if "{campaign}" in path:
            case.path_parameters["campaign"] = SEEDS["campaign"]
        if "{number}" in path:
            case.path_parameters["number"] = next_of("orders")
    if isinstance(body, dict):
        name_what_exists(path, body)


def name_what_exists(path, body):
    if path == "/v1/holds":
        body.update(owner=SEEDS["owner"], amount="1")
        for name in ("key", "use", "charge"):
            body.pop(name, None)
    elif path == "/v1/transfers":
        body.update({"from": SEEDS["owner"], "to": "bob", "asset": "credits", "amount": "0.5"})
    elif path.endswith("/settle"):
        body["cost"] = "1.5"
    elif path.endswith(("/grants", "/debits")):
        body.update(asset="credits", amount="0.25")
        for name in ("expires", "priority", "kind"):
            body.pop(name, None)
    elif path == "/v1/keys":
        body.clear()
        body.update(kind="owner", owner=SEEDS["owner"], reason="a test")
    elif path == "/v1/keys/{id}" and "name" in body:
        body.update(name="laptop")
        body.pop("budget", None)
    elif path == "/v1/codes":
        body.update(campaign=SEEDS["campaign"], credits="1", count=1)
        for name in ("until", "expires", "priority", "kind"):
            body.pop(name, None)
    elif path == "/v1/redeem":
        body.update(code=next_of("codes"), owner=SEEDS["owner"])
    elif path == "/v1/reversals":
        body["use"] = next_of("uses")
        body.pop("amount", None)
    elif path == "/payment/create":
        body.clear()
        body["orderNumber"] = next_of("wechat_orders")
    elif "chat" in path:
        body.clear()
        body.update(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
    elif path.startswith("/api/pay/"):
        body.clear()
        body["product"] = "credits-100" if path.endswith("checkout") else SEEDS["epay_product"]
    elif path.endswith("orders") or path.endswith("orders/"):
        body.clear()
        body["tier_id" if "/v1/" in path else "product"] = "credits-100"


@schemathesis.check
def documented_error_code(_context, response, case):
    """A refusal has one of the codes that its operation documents."""
    responses = case.operation.definition.raw["responses"]
    documented = responses.get(str(response.status_code), {})
    if "$ref" in documented:
        name = documented["$ref"].rsplit("/", 1)[1]
        documented = case.operation.schema.raw_schema["components"]["responses"][name]
    if codes := documented.get("x-error-codes"):
        # Paths and methods that no route has are the gateway's to answer, without a code.
        error = response.json().get("error")
        # The chat API refuses in OpenAI's form.
        code = error.get("code") if isinstance(error, dict) else error
        assert code is None or code in codes, f"{code} is not a documented code of {response.status_code}: {codes}"


@schemathesis.check
def undeclared_method_is_refused(_context, response, case):
    """405 by a function; 404 by API Gateway, which answers first, and so by the gateway of the local stack."""
    declared = case.operation.schema.raw_schema["paths"][case.operation.path]
    if case.method.lower() not in (*declared, "head"):
        assert response.status_code in (404, 405), f"{case.method} is not declared, and gets {response.status_code}"


@schemathesis.hook
def after_call(_context, case, response):
    COUNTS[f"{case.method.upper()} {case.operation.path} {response.status_code}"] += 1


atexit.register(lambda: Path(os.environ["API_COUNTS"]).write_text(json.dumps(COUNTS)))
