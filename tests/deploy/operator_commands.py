"""What an operator asks of a running stage, and stops there: the commands that go through the AWS CLI, and those of the books."""

from process import check, say, until

# A function reads what is paused beside an event, at most every ten seconds.
PAUSED_WITHIN_S = 60
LETTER_WITHIN_S = 60


def asked(shop):
    doctored(shop)
    smoked(shop)
    explained(shop)
    listed(shop)
    paused(shop)


def doctored(shop):
    say("doctor: the stage is examined")
    report = shop.asked("doctor")
    for found in report["findings"]:
        say(f"      {found['grade']:6}  {found['check']}: {found['says']}")
    # The emulator tells no state of an index and makes no metrics of log lines, by which a sweep shows that it has run; and for
    # queues the first version of the AWS CLI calls AWS itself.
    unread = ("tables", "schedules", "dead letters") if shop.deployment.cloud.has_fakes else ()
    for name in {"tables", "secrets", "schedules", "dead letters"}.difference(unread):
        grades = {found["grade"] for found in report["findings"] if found["check"] == name}
        check(f"{name}: nothing is wrong", grades, {"green"})


def smoked(shop):
    say("smoke: a use and a purchase, from end to end and back")
    steps = shop.asked("smoke", "--url", shop.url)["steps"]
    check("it has steps", len(steps) > 5, True)
    for step in steps:
        check(f"{step['step']}: {step['says']}", step["isDone"], True)


def explained(shop):
    say("explain, event show, events: a refused use")
    owner, key, event = shop.named("asker"), shop.named("asker-key"), shop.named("evt-asked")
    shop.open_account(owner)
    shop.by_hand("account", "key", owner, key)
    words = ["--set", f"data.remoteKeyId={key}", "--set", "data.creditCost=3"]
    check("a use without credits is refused", shop.send("usage", event, *words)[0], 402)
    stopped = shop.asked("explain", event)["stopped"]
    check("explain says where it stopped, and why", [(halt["before"], halt["reason"]) for halt in stopped],
          [("recorded", "insufficient_credits")])
    shown = shop.asked("event", "show", f"usage#{event}")
    check("event show has its reason and its body", (shown["status"], shown["kept"]), ("insufficient_credits", True))

    def is_listed():
        return any(f"usage#{event}" == row["event"] for row in shop.asked("events", "--failed", "--limit", "1000")["events"])

    until("events --failed lists it", is_listed, PAUSED_WITHIN_S)
    say("  ok  events --failed lists it")


def listed(shop):
    """The order of `sources.stripe` is paid by now."""
    say("stats, orders, events, statement --all, export: the newest of all")
    owner, giver = shop.named("buyer"), shop.named("giver")
    shop.by_hand("account", "credit", giver, "3", "--new")
    shop.by_hand("transfer", giver, shop.named("taker"), "1", "--new")

    def order():
        orders = shop.asked("orders", "--since", "1h", "--status", "paid", "--limit", "1000")["orders"]
        return next((found for found in orders if found["owner"] == owner), None)

    # The indexes of a real account lag behind their tables.
    found = until("orders lists it as paid", order, PAUSED_WITHIN_S)
    check("orders has its product, its price and its state",
          (found["product"], found["amount"], found["currency"], found["fulfilment"]), ("credits-100", "9.99", "USD", "done"))
    check("orders --owner has the same", [one["orderNumber"] for one in shop.asked("orders", "--owner", owner)["orders"]],
          [found["orderNumber"]])

    events = shop.asked("events", "--since", "1h", "--limit", "1000")["events"]
    check("events lists the order and the change by hand",
          {"order", "transfer"} <= {row["kind"] for row in events if row["status"] == "processed"}, True)
    check("events --failed lists no booked one",
          "processed" in {row["status"] for row in shop.asked("events", "--failed", "--limit", "1000")["events"]}, False)

    def moved():
        lines = shop.asked("statement", "--all", "--since", "1h", "--limit", "500")["lines"]
        return {(line["account"], line["change"]) for line in lines}

    expected = {(f"{owner}/credits", "100"), (f"{giver}/credits", "-1"), (f"{shop.named('taker')}/credits", "1")}
    until("statement --all has the payment and both sides of a transfer", lambda: expected <= moved(), PAUSED_WITHIN_S)
    say("  ok  statement --all has the payment and both sides of a transfer")

    rows = [line.split(",") for line in shop.books("export", "--since", "1d").splitlines()]
    check("export has it once", [row[14] for row in rows if found["orderNumber"] in row], ["payment"])

    stats = shop.asked("stats", "--since", "1h", "--by", "source,status")
    check("stats counts orders that are paid by now", float(stats["payments"]["successPercent"]) > 0, True)
    check("stats knows how late payments were booked", stats["sync"]["orders"] > 0, True)
    waiting = {(found["what"], found["of"]): found for found in stats["waiting"]}
    check("stats has what waits, and since when", all(found["since"] for found in waiting.values()), True)
    check("the refused use waits in its lane", ("lanes", "usage") in waiting, True)
    # The emulator makes no metrics of log lines.
    if not shop.deployment.cloud.has_fakes:
        check("stats counts usage", "usage" in {found["source"] for found in stats["sources"]}, True)


def paused(shop):
    say("pause and resume: a source is stopped, and keeps nothing out for good")
    owner, key = shop.named("pauser"), shop.named("pauser-key")
    shop.open_account(owner, credits="10")
    shop.by_hand("account", "key", owner, key)
    words = ["--set", f"data.remoteKeyId={key}", "--set", "data.creditCost=1"]
    counted = iter(range(1000))

    def answer():
        return shop.send("usage", shop.named(f"evt-paused-{next(counted)}"), *words)[0]

    def balance():
        return shop.balance(f"{owner}/credits")

    check("before, it is booked", answer(), 200)
    shop.by_hand("pause", "usage")
    until("its sender is turned away", lambda: answer() == 503, PAUSED_WITHIN_S, pause_s=3)
    before = balance()
    check("three times in a row", [answer() for _ in range(3)], [503, 503, 503])
    check("nothing is charged meanwhile", balance(), before)
    shop.by_hand("resume", "usage")
    until("it is booked again", lambda: answer() == 200, PAUSED_WITHIN_S, pause_s=3)
    say("  ok  it is booked again")


def redriven(shop):
    """The dead letter of a stream is tried again, and deleted."""

    def listed():
        return [letter for letter in shop.asked("dlq", "list")["messages"] if letter["queue"] == "fulfil"]

    # It may still be hidden by the call that received it last.
    letters = until("dlq list has the dead letter", listed, LETTER_WITHIN_S, pause_s=3)
    shown = shop.asked("dlq", "show", "fulfil", letters[0]["message"])["messages"]
    check("dlq show prints it", shown[0]["body"]["DDBStreamBatchInfo"]["batchSize"] >= 1, True)
    redriven = shop.asked("dlq", "redrive", "fulfil")["redriven"]
    check("dlq redrive has it done", {letter["isDone"] for letter in redriven}, {True})
    check("no dead letter is left", listed(), [])
