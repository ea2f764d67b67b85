"""Runs the commands of docs/deploy.md and docs/operate.md that call AWS, as the pages have them, on the emulated stage.
`cli/tests/stack/documented.rs` lists every block of the docs with what runs it."""

import gzip
import json
import re
import secrets
import time

from deployment import documented as deploying
from pages import bash, block, inline, with_values
from process import OUTPUT, ROOT, check, say, until
from fakes import DATA
from repairs import audited

FOLDER = OUTPUT / "documented"
DEPLOY, OPERATE = "docs/deploy.md", "docs/operate.md"
API_LOG = "/aws/vendedlogs/hookledger-dev-api"
RETRIED_WITHIN_S = 120
# What the repair of an order writes beside the row of the backup.
REWRITTEN = ("version", "updated_at", "written_by", "fulfilled_at")
# Those that the page exports.
EXPORTED = ("accounts", "journal", "orders", "holds")
TABLES = (*EXPORTED, "bodies", "subscriptions")


def page(deployment, program, script, **settings):
    """Runs commands of a page on the suite's stage in place of `prod`."""
    script = script.replace("hookledger-prod", f"hookledger-{deployment.stage}").replace("--stage prod", f"--stage {deployment.stage}")
    return bash(script, FOLDER, program, DATA, {**deployment.cloud.settings, **settings})


def secrets_filled(deployment, program):
    """Empties two secrets, and fills them with the page's commands and an editor that writes the same keys."""
    say(f"{DEPLOY}: secrets are filled")
    # The emulator ignores ExcludePunctuation: its secret can have a quote, which no secret of AWS's has.
    deployment.put_secret("usage", {"WEBHOOK_SECRET": secrets.token_hex(24)})
    FOLDER.mkdir(parents=True, exist_ok=True)
    editor, before = FOLDER / "editor", {name: deployment.secret(name) for name in ("stripe", "checkout")}
    editor.write_text('#!/bin/sh\ncat "$1" >> seen && cp "${1%.json}.new" "$1"\n')
    editor.chmod(0o700)
    for name, stored in before.items():
        (FOLDER / f"{name}.new").write_text(json.dumps(stored))
        deployment.put_secret(name, {**dict.fromkeys(stored, ""), "EMPTY": name})
    printed = page(deployment, program, block(DEPLOY, "fill stripe"), EDITOR=str(editor))
    check("the gateway's secret is printed", deployment.secret("usage")["WEBHOOK_SECRET"] in printed, True)
    seen = (FOLDER / "seen").read_text()
    check("the editor begins with what is stored", [f'"EMPTY": "{name}"' in seen for name in before], [True, True])
    check("what it writes is stored", {name: deployment.secret(name) for name in before}, before)
    check("no file with a secret is left", list(FOLDER.glob("*.json")), [])
    for name in ("seen", *(f"{name}.new" for name in before)):
        (FOLDER / name).unlink()


def first_event(shop):
    say(f"{DEPLOY}: the first event")
    functions = block(DEPLOY, "fill stripe").split("secret usage")[0]
    commands = with_values(
        block(DEPLOY, "account key alice 1"), {"https://<api-id>.execute-api.<region>.amazonaws.com": shop.url}
    )
    printed = page(shop.deployment, shop.program, functions + commands)
    check("it is booked", bool(re.search(r'^200 .*  first  .*"success":true', printed, re.MULTILINE)), True)
    check("its cost is deducted", "balance    99.99766\n" in printed, True)
    logged = page(shop.deployment, shop.program, block(DEPLOY, "aws logs tail"))
    check("the log has a line of it", "first" in logged and "booked" in logged, True)


def operated(shop):
    """The commands of docs/operate.md, each on a row that needs it."""
    say(f"{OPERATE}: the commands that call AWS")
    opened_again(shop)
    decided(shop)
    set_back(shop)
    restored(shop)
    exported(shop)
    senders(shop)
    command = inline(OPERATE, "sam deploy --config-env dev-watch").split()
    check("the stack of alarms is deployed by its command", command in deploying(), True)
    check("the books agree after every command", audited(shop, "--yes")[:2], (0, []))


def opened_again(shop):
    """A refused event that was closed is opened, and retried."""
    deployment, client = shop.deployment, shop.deployment.client("dynamodb")
    event = shop.named("evt-closed")
    shop.send("stripe/payment_intent_succeeded", event)
    row = {"TableName": deployment.table("journal"), "Key": {"id": {"S": f"stripe#{event}"}}}
    client.update_item(**row, UpdateExpression="REMOVE attention, due_at", ConditionExpression="attribute_exists(attention)")
    page(deployment, shop.program, with_values(block(OPERATE, "SET attention = :s"), {"stripe#evt_…": f"stripe#{event}"}))

    def of(attribute):
        return client.get_item(**row, ConsistentRead=True)["Item"][attribute]["S"]

    check("a closed event is open again", of("attention"), "stripe")

    def is_retried():
        deployment.invoke("ReconcileFunction", {"sweep": "refused"})
        return of("due_at") > "2026-01-01T00:00:00.000Z"

    until("a sweep retries it", is_retried, RETRIED_WITHIN_S, pause_s=5)
    say("  ok  a sweep retries it")


def decided(shop):
    """Flagged orders are listed; two refused payments are accepted, and a third is cleared."""
    buyer = shop.named("flagged-buyer")
    key = shop.open_account(buyer)
    number = shop.ask("POST", "/orders", key, {"product": "credits-100", "provider": "stripe"})[1]["orderNumber"]
    for payment in (f"pi_{place}{shop.run}" for place in range(1, 5)):
        intent = ["--set", f"data.object.id={payment}"]
        shop.send("stripe/payment_intent_succeeded", shop.named(f"evt-{payment}"), *intent, order=number)
    listed = page(shop.deployment, shop.program, block(OPERATE, "orders --anomalies --limit")).splitlines()
    flagged = ["duplicate_payment" in line.lower() for line in listed if number in line]
    check("the flagged order is listed", flagged, [True])
    affected = page(shop.deployment, shop.program, block(OPERATE, "since=2026-01-01"))
    check("it is among the orders of an incident", "duplicate_payment" in affected.lower() and number in affected, True)
    payments = (f"stripe#pi_{place}{shop.run}" for place in (2, 3))
    commands = block(OPERATE, "order accept N").replace(" N ", f" {number} ").splitlines()
    accepted = [with_values(line, {"stripe#pi_2": payment}) for line, payment in zip(commands, payments)]
    printed = page(shop.deployment, shop.program, "\n".join([*accepted, *commands[2:]]))
    check("each command is done", printed.count("done: manual#"), 3)
    check("its credits are there", shop.balance(f"{buyer}/credits"), "280000000000")
    listed = page(shop.deployment, shop.program, block(OPERATE, "orders --anomalies --limit"))
    check("the order is listed no more", number in listed, False)


def set_back(shop):
    """An order that a row says is paid, and that no payment has paid, is unpaid again."""
    deployment = shop.deployment
    key = shop.open_account(shop.named("unproven-buyer"))
    number = shop.ask("POST", "/orders", key, {"product": "credits-100", "provider": "stripe"})[1]["orderNumber"]
    deployment.client("dynamodb").update_item(
        TableName=deployment.table("orders"),
        Key={"id": {"S": number}},
        UpdateExpression="SET payment = :paid, paid_by = :by, paid_at = :at ADD version :one",
        ExpressionAttributeValues={
            ":paid": {"S": "paid"}, ":by": {"S": "stripe#pi_planted"}, ":at": {"S": "2026-01-01T00:00:00.000Z"}, ":one": {"N": "1"}
        },
    )
    check("a row says that it is paid", shop.order(number, key)["payment"], "paid")
    page(deployment, shop.program, with_values(block(OPERATE, "SET payment = :unpaid"), {"HL…": number}))
    check("it is unpaid again", shop.order(number, key)["payment"], "unpaid")


def restored(shop):
    """A deleted order comes back from a restored copy of its table."""
    deployment = shop.deployment
    key = shop.open_account(shop.named("deleted-buyer"))
    number = shop.ask("POST", "/orders", key, {"product": "credits-100", "provider": "stripe"})[1]["orderNumber"]
    shop.send("stripe/payment_intent_succeeded", shop.named("evt-deleted"), order=number)
    before = deployment.rows("orders")[number]
    commands = with_values(block(OPERATE, "restore-table-to-point-in-time"), {"HL…": number})
    restore, copy = commands.split("aws dynamodb get-item", 1)
    named = inline(DEPLOY, "aws dynamodb restore-table-to-point-in-time")
    check("both pages restore by the same command", restore.startswith(named), True)
    # The emulator restores the present rows.
    page(deployment, shop.program, restore)
    deployment.client("dynamodb").delete_item(TableName=deployment.table("orders"), Key={"id": {"S": number}})
    printed = page(deployment, shop.program, f"aws dynamodb get-item{copy}")
    check("a deleted order is repaired", printed.count("done: repair#"), 1)
    after = deployment.rows("orders")[number]
    check("its row is what it was", {**before, **dict.fromkeys(REWRITTEN)}, {**after, **dict.fromkeys(REWRITTEN)})
    tables = deployment.client("dynamodb").list_tables()["TableNames"]
    check("the copy of the table is gone", "orders-restored" in tables, False)


def exported(shop):
    """The books are audited from an export of the tables, which the suite writes in the emulator's place."""
    deployment, bucket = shop.deployment, "hookledger-exports"
    s3, known = deployment.client("s3"), {"BUCKET": bucket, "ACCOUNT": "000000000000"}
    s3.create_bucket(Bucket=bucket)
    export, rest = block(OPERATE, "export-table-to-point-in-time").split("# When each is COMPLETED (")
    query, read = rest.split("):\n")
    page(deployment, shop.program, export, **known)
    listed = page(deployment, shop.program, query)
    check("four tables are exported", len(json.loads(listed)["ExportSummaries"]), len(EXPORTED))
    for table in EXPORTED:
        lines = "\n".join(json.dumps({"Item": row}) for row in deployment.rows(table).values())
        name = f"{table}/AWSDynamoDB/01/data/part.json.gz"
        s3.put_object(Bucket=bucket, Key=name, Body=gzip.compress(lines.encode()))
    printed = page(deployment, shop.program, read, **known)
    check("the export agrees", "differences  0\n" in printed, True)


def senders(shop):
    """The refused requests of each sender, from lines such as API Gateway writes; the emulator writes none."""
    logs, at = shop.deployment.client("logs"), int(time.time() * 1000)
    logs.create_log_stream(logGroupName=API_LOG, logStreamName="documented")
    line = json.dumps({"ip": "192.0.2.7", "route": "POST /api/webhooks/events", "status": "401"})
    logs.put_log_events(logGroupName=API_LOG, logStreamName="documented", logEvents=[{"timestamp": at, "message": line}])
    query = block(OPERATE, "aws logs start-query")
    page(shop.deployment, shop.program, query)
    log = query.splitlines()[0]
    tail = inline(OPERATE, 'aws logs tail "$log"')
    tailed = page(shop.deployment, shop.program, f"{log}\n{tail}")
    check("a refused request is found by its status", "192.0.2.7" in tailed, True)


def removed(deployment, program):
    """The stacks are deleted; then the tables and secrets, which stay behind."""
    say(f"{DEPLOY}: everything is removed")
    names = [deployment.table(table) for table in TABLES]
    stored = [f"hookledger/{deployment.stage}/{name}" for name in deployment.secrets()]

    def left():
        tables = deployment.client("dynamodb").list_tables()["TableNames"]
        rows = {row["Name"] for row in deployment.client("secretsmanager").list_secrets()["SecretList"]}
        return [name for name in names if name in tables], [name for name in stored if name in rows]

    # The commands read samconfig.toml.
    page(deployment, program, f"cd {ROOT}\n{block(DEPLOY, 'sam delete')}")
    stacks = deployment.client("cloudformation").list_stacks()["StackSummaries"]
    ours = [stack["StackName"] for stack in stacks if stack["StackName"].startswith(f"hookledger-{deployment.stage}")]
    gone = {stack["StackName"] for stack in stacks if stack["StackStatus"] == "DELETE_COMPLETE"}
    check("no stack is left", set(ours) - gone, set())
    check("tables and secrets stay", left(), (names, stored))
    page(deployment, program, block(DEPLOY, "delete-secret"))
    check("then they are gone", left(), ([], []))
