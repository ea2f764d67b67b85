"""Operator commands on deployed books with `--aws`: decisions about refused payments; and for altered rows, `audit --full`
finds them, the documented commands repair them, and their findings end."""

import contextlib
import json
import os
import pty
import subprocess

from botocore.exceptions import ClientError

from process import ROOT, check, environment, say, until
from fakes import DATA

FINDINGS = "check#audit"
FOUND_WITHIN_S = 120


def repaired(shop):
    say("repairs: an account, a line, an order and a pointer, altered by hand")
    rows = prepared(shop)
    decided(shop, rows)
    check("nothing differs yet", audited(shop, "--yes")[:2], (0, []))
    altered(shop, rows)
    confirmed(shop, rows)
    kept_by_the_sweep(shop, rows)
    repaired_one_by_one(shop, rows)
    check("nothing differs any more", audited(shop, "--yes")[:2], (0, []))


def prepared(shop):
    """An account with usage, and a paid order with two further, refused payments."""
    spender, key, event = shop.named("spender"), shop.named("spender-key"), shop.named("evt-spent")
    shop.open_account(spender, credits="10")
    shop.by_hand("account", "key", spender, key)
    words = ["--set", f"data.remoteKeyId={key}", "--set", "data.creditCost=3"]
    check("usage is booked", shop.send("usage", event, *words)[0], 200)

    buyer = shop.named("repaired-buyer")
    key = shop.open_account(buyer)
    number = shop.ask("POST", "/orders", key, {"product": "credits-100", "provider": "stripe"})[1]["orderNumber"]
    payments = [f"pi_{payment}{shop.run}" for payment in ("first", "second", "third")]
    for payment in payments:
        intent = ["--set", f"data.object.id={payment}"]
        status, _ = shop.send("stripe/payment_intent_succeeded", shop.named(f"evt-{payment}"), *intent, order=number)
        check(f"{payment} is accepted", status, 200)
    return {
        "buyer": f"{buyer}/credits",
        "spender": f"{spender}/credits",
        "line": f"usage#{event}",
        "order": number,
        "payments": payments,
    }


def decided(shop, rows):
    """Accepts one of the refused payments, and clears the other."""
    number, (_, second, _) = rows["order"], rows["payments"]
    accepted = ["order", "accept", number, "--payment", f"stripe#{second}", "--credits", "50", "--id", shop.named("accept")]
    cleared = ["order", "clear", number, "--anomaly", "duplicate_payment", "--id", shop.named("clear")]
    for words in (accepted, cleared):
        name = f"manual#{words[-1]}"
        check(f"{words[1]} is done", shop.by_hand(*words).startswith(f"done: {name}"), True)
        check(f"{words[1]} happens once", shop.by_hand(*words).startswith(f"already done: {name}"), True)
    check("its credits are there", shop.balance(rows["buyer"]), "150000000000")


def altered(shop, rows):
    """Alters rows directly, as no command and no function does."""
    deployment = shop.deployment
    client = deployment.client("dynamodb")

    def of(table, key):
        return {"TableName": deployment.table(table), "Key": {"id": {"S": key}}}

    client.update_item(
        **of("accounts", rows["buyer"]),
        UpdateExpression="ADD balance_units :n, available_units :n",
        ExpressionAttributeValues={":n": {"N": "7"}},
    )
    client.delete_item(**of("journal", rows["line"]))
    client.update_item(
        **of("orders", rows["order"]),
        UpdateExpression="SET posted_units = :n",
        ExpressionAttributeValues={":n": {"N": "1"}},
    )
    client.delete_item(**of("orders", f"stripe#{rows['payments'][0]}"))


def differing(rows):
    """The differences that a full audit then finds."""
    number = rows["order"]
    return [("balance", rows["buyer"]), ("lines", rows["spender"]), ("pointer", number), ("stands", number)]


def confirmed(shop, rows):
    """The audit prints its cost first, and reads nothing before a person agrees."""
    for answer in (None, "no\n"):
        code, found, printed = audited(shop, answer=answer)
        who = "a person who types no" if answer else "a script without --yes"
        check(f"{who} sees the cost", "read units: " in printed.split("confirm with --yes")[0], True)
        check("nothing is read", (code, found, "confirm with --yes" in printed), (1, None, True))
        check("the question is for a person", "Type yes:" in printed.split("read units: ")[1], answer is not None)
    for who, words, answer in (("a person who types yes", [], "yes\n"), ("a script with --yes", ["--yes"], None)):
        code, found, printed = audited(shop, *words, answer=answer)
        check(f"{who} sees the cost", "read units: " in printed, True)
        check("all four differences are found", (code, found), (1, differing(rows)))


def kept_by_the_sweep(shop, rows):
    """The audit sweep stores its findings."""
    deployment = shop.deployment
    expected = set(differing(rows))

    def seen():
        # A pass begins once a day, so this moves the last one into the past.
        with contextlib.suppress(ClientError):
            deployment.client("dynamodb").update_item(
                TableName=deployment.table("accounts"),
                Key={"id": {"S": FINDINGS}},
                UpdateExpression="SET began_at = :long_ago ADD version :one",
                ConditionExpression="attribute_exists(ended_at)",
                ExpressionAttributeValues={":long_ago": {"S": "2020-01-01T00:00:00.000Z"}, ":one": {"N": "1"}},
            )
        deployment.invoke("ReconcileFunction", {"sweep": "audit"})
        return expected <= findings(shop)

    until("the audit sweep stores the findings", seen, FOUND_WITHIN_S, pause_s=5)
    say("  ok  the audit sweep stores the findings")


def repaired_one_by_one(shop, rows):
    """Each repair ends its finding at once."""
    number, nothing = rows["order"], "audit   nothing differs here"
    repairs = [
        (["account", "repair", rows["buyer"], "--to-lines"], ("balance", rows["buyer"]), nothing),
        (["account", "repair", rows["spender"], "--add-line", rows["line"]], ("lines", rows["spender"]), nothing),
        (["order", "repair", number, "--to-lines"], ("stands", number), f"differs pointer of {number}"),
        (["order", "repair", number, "--pointer"], ("pointer", number), nothing),
    ]
    for step, (words, found, remaining) in enumerate(repairs):
        name = shop.named(f"repair-{step}")
        printed = shop.by_hand(*words, "--id", name)
        lines = [line.strip() for line in printed.splitlines()]
        check(" ".join(words[:4]), lines[0], f"done: repair#{name}")
        check("both sides are shown", [line.split()[0] for line in lines[1:3]], ["before", "after"])
        ended = [line for line in lines if line.startswith("ended ")]
        # The stream of orders calls the audit as well, which may have ended the finding of an order first.
        expected = [[f"ended   {found[0]} of {found[1]}"], *([[]] if words[0] == "order" else [])]
        check("its finding has ended", ended in expected, True)
        check("its finding is no longer stored", found in findings(shop), False)
        check("the remaining difference is printed", any(line.startswith(remaining) for line in lines), True)
    again = shop.by_hand(*repairs[0][0], "--id", shop.named("repair-0"))
    check("a repair happens once", again.startswith(f"already done: repair#{shop.named('repair-0')}"), True)
    check("none of their findings remains", findings(shop) & set(differing(rows)), set())


def findings(shop):
    row = shop.deployment.rows("accounts").get(FINDINGS, {})
    open_ = [finding["M"] for finding in row.get("open", {}).get("L", [])]
    return {(found["difference_kind"]["S"], (found.get("order") or found["account"])["S"]) for found in open_}


def audited(shop, *words, answer=None):
    """Returns exit code, differences and stderr of a full audit. An answer is typed at a terminal."""
    audit = [shop.program, "audit", "--aws", "--stage", shop.deployment.stage, "--full", "--json", *words, "--data", DATA]
    ours, theirs = pty.openpty()
    try:
        if answer:
            os.write(ours, answer.encode())
        ended = subprocess.run(
            [str(word) for word in audit],
            cwd=ROOT,
            env=environment(**shop.deployment.cloud.settings),
            stdin=theirs if answer else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    if not ended.stdout:
        return ended.returncode, None, ended.stderr
    differences = json.loads(ended.stdout)["differences"]
    found = sorted((found["what"], found["orderNumber"] or found["account"]) for found in differences)
    return ended.returncode, found, ended.stderr
