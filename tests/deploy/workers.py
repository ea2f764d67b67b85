"""Workers: fulfilment by the stream, scheduled sweeps, and dead letters of the stream."""

import json
import time

import operator_commands
from emulator import message
from process import check, say, until
from sources import FULFILLED_WITHIN_S

# A minute until an event is due, a minute until the next sweep, and a margin for a busy machine.
SWEPT_WITHIN_S = 180


def fulfilled(shop):
    say("fulfil: a report is bought through checkout and delivered, and its buyer's referrer earns")
    buyer, friend = shop.named("reader"), shop.named("friend")
    key = shop.open_account(buyer)
    shop.by_hand("account", "referrer", buyer, friend)
    status, order = shop.ask("POST", "/api/pay/checkout", key, {"product": "full-report"})
    check("checkout makes an order", (status, order["status"]), (201, "unpaid"))
    number = order["orderNumber"]
    paid = shop.send("stripe/checkout_session_completed", shop.named("evt-report"), order=number)
    check("it is paid", paid[0], 200)
    until("the stream fulfils it", lambda: shop.order(number, key)["fulfilment"] == "done", FULFILLED_WITHIN_S)
    check("the order shows the delivery", shop.order(number, key)["delivered"], {"report-full": "1"})
    check("the buyer has access", shop.balance(f"{buyer}/report-full"), "1")
    check("the friend has a tenth", shop.balance(f"{friend}/commission-usd"), "199")


def topped_up(shop):
    say("fulfil: a telephone is topped up, once")
    key = shop.open_account(shop.named("caller"))
    shop.by_hand("rate", "set", "MNT/CNY", "0.00204")
    airtime = {"productOperator": "UNITEL", "rechargeType": "VOICE", "productCode": "SD5000"}
    number = pay_for(shop, key, {"phoneNumber": "88000000", **airtime}, "evt-airtime")
    until("the operator is called", lambda: shop.order(number, key)["fulfilment"] == "done", FULFILLED_WITHIN_S)
    calls = shop.ask("GET", "/mock/unitel/calls", url=shop.fakes)[1]
    check("the operator was called once", calls[number]["calls"], 1)


def pay_for(shop, key, wanted, name):
    """Creates and pays an order; returns its number."""
    made = shop.ask("POST", "/orders", key, {"provider": "stripe", **wanted})
    check("an order is made", made[0], 201)
    number = made[1]["orderNumber"]
    paid = shop.send("stripe/payment_intent_succeeded", shop.named(name), order=number)
    check("and paid", paid[0], 200)
    return number


def swept(shop):
    """The scheduled sweep books a refused event once its owner has credits. The test does not invoke the function."""
    owner, key = shop.named("late"), shop.named("late-key")
    shop.open_account(owner)
    shop.by_hand("account", "key", owner, key)
    words = ["--set", f"data.remoteKeyId={key}", "--set", "data.creditCost=3"]
    check("an event before its credits is refused", shop.send("usage", shop.named("evt-late"), *words)[0], 402)
    shop.by_hand("account", "credit", owner, "5", "--new")
    until("the sweep books it", lambda: shop.balance(f"{owner}/credits") == "2000000000", SWEPT_WITHIN_S)
    say("  ok  the sweep has booked the refused event")


def held(shop):
    """A hold is settled, and the scheduled sweep charges another, which is left."""
    owner = shop.named("holder")
    shop.open_account(owner, credits="10")
    for name, more in (("settled", []), ("left", ["--charge", "0.5"])):
        shop.by_hand("hold", "open", owner, "4", "--id", shop.named(name), "--ttl", "5s", *more)
    shop.by_hand("hold", "settle", shop.named("settled"), "1.5")
    check("the settlement is charged", shop.balance(f"{owner}/credits"), "8500000000")
    until("the sweep charges the other", lambda: shop.balance(f"{owner}/credits") == "8000000000", SWEPT_WITHIN_S)
    say("  ok  the sweep has charged the hold that expired")


def scheduled(shop):
    """Runs every sweep with the input of its deployed schedule."""
    say("reconcile: every sweep runs")
    deployment = shop.deployment
    scheduler, prefix = deployment.client("scheduler"), f"hookledger-{deployment.stage}-"
    for listed in scheduler.list_schedules(NamePrefix=prefix)["Schedules"]:
        schedule = scheduler.get_schedule(Name=listed["Name"])
        # A failed run raises.
        deployment.invoke("ReconcileFunction", json.loads(schedule["Target"]["Input"]))
        check(f"{listed['Name']}, {schedule['ScheduleExpression']}", schedule["State"], "ENABLED")


def pulled(shop):
    """A gateway's log has a use that its webhook has reported, and one that it has not: both are charged once."""
    say("reconcile: the log of an LLM gateway is read")
    owner, token = shop.named("logged"), int(shop.run, 16)
    shop.open_account(owner, credits="10")
    shop.by_hand("account", "key", owner, str(token))
    # Rows of the last half minute may still be written.
    row = {"token_id": token, "created_at": int(time.time()) - 60}
    for name in ("reported", "unreported"):
        written = shop.ask("POST", "/mock/new-api/log", body={**row, "request_id": shop.named(name)}, url=shop.fakes)
        check(f"the gateway logs the use that is {name}", written[0], 200)
    words = ["--set", f"data.remoteKeyId={token}", "--set", "data.creditCost=0.234"]
    check("one is reported", shop.send("usage", f"new-api-{shop.named('reported')}-{token}", *words)[0], 200)
    for _ in range(2):
        report = shop.deployment.invoke("ReconcileFunction", {"sweep": "gateway_log"})["gateway_log"]
        check("a run reads the log", (report["failed"], report["is_cut_short"]), (0, False))
        check("each use is charged once", shop.balance(f"{owner}/credits"), str(10 * 10**9 - 2 * 234_000_000))


def given_up(shop):
    """A stream record that keeps failing becomes a dead letter; a sweep fulfils its order all the same."""
    deployment = shop.deployment
    queue, client = deployment.output("FulfilFailuresUrl"), deployment.client("sqs")
    records = [record("1", "HLUNKNOWN"), record("2", "no order's number")]
    answered = deployment.invoke("FulfilFunction", {"Records": records})
    check("only the record without an order is reported as failed", answered, {"batchItemFailures": [{"itemIdentifier": "2"}]})

    key = shop.open_account(shop.named("patient"))
    with deployment.broken("FulfilFunction"):
        number = pay_for(shop, key, {"product": "full-report"}, "evt-poisoned")
        letter = until("the queue has the dead letter", lambda: message(queue, client), SWEPT_WITHIN_S)
        check("the queue has the dead letter", letter["DDBStreamBatchInfo"]["batchSize"] >= 1, True)
        until("a sweep fulfils it", lambda: shop.order(number, key)["fulfilment"] == "done", SWEPT_WITHIN_S)
    check("a sweep has fulfilled its order", shop.order(number, key)["delivered"], {"report-full": "1"})
    # For queues the first version of the AWS CLI, which the emulator is called by, calls AWS itself.
    if not deployment.cloud.has_fakes:
        operator_commands.redriven(shop)
        check("a letter that is tried again delivers nothing again", shop.order(number, key)["delivered"], {"report-full": "1"})


def record(place, order):
    """A record of the orders stream, with the fields that the function reads."""
    return {"eventName": "MODIFY", "dynamodb": {"Keys": {"id": {"S": order}}, "SequenceNumber": place}}
