"""Starts the emulator with support for the policy condition `dynamodb:LeadingKeys`: it passes the keys of each call."""

import json
import sys

from ministack.app import main
from ministack.core import iam_actions, iam_evaluator

CONDITION = "dynamodb:LeadingKeys"

# The emulator's own functions. It resolves them at each request, so that the replacements below take effect.
checks_of_transaction = iam_actions.dynamodb_transaction_checks
context_of_call = iam_actions.dynamodb_service_context
enforce = iam_evaluator.enforce


class Keyed(str):
    """A table's ARN, with the key of the checked item."""

    key = None


def key_of(detail):
    """The key of an item; every table has the partition key `id`."""
    row = detail.get("Key") or detail.get("Item") or {}
    return row.get("id", {}).get("S")


def keyed_checks(action, body, region, account):
    found = checks_of_transaction(action, body, region, account)
    items = json.loads(body)["TransactItems"] if found else []
    details = [item[member] for item in items for member in iam_actions._DYNAMODB_TRANSACT_ITEM_ACTIONS if member in item]
    assert len(details) == len(found), "one check for each item"
    checks = []
    for (item_action, arn), detail in zip(found, details):
        keyed = Keyed(arn)
        keyed.key = key_of(detail)
        checks.append((item_action, keyed))
    return checks


def keyed_context(body):
    call = json.loads(body or b"{}")
    batch = [key for table in call.get("RequestItems", {}).values() if isinstance(table, dict) for key in table.get("Keys", [])]
    keys = [key_of(call)] if key_of(call) else [key["id"]["S"] for key in batch]
    return context_of_call(body) | ({CONDITION: keys} if keys else {})


def enforce_keyed(access_key, action, service, region, resource_arn="*", service_context=None):
    key = getattr(resource_arn, "key", None)
    if key is not None:
        service_context = (service_context or {}) | {CONDITION: [key]}
    return enforce(access_key, action, service, region, resource_arn=resource_arn, service_context=service_context)


iam_actions.dynamodb_transaction_checks = keyed_checks
iam_actions.dynamodb_service_context = keyed_context
iam_evaluator.enforce = enforce_keyed

if __name__ == "__main__":
    sys.exit(main())
