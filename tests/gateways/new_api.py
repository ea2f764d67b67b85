"""examples/new-api, built with Go, reports logs to the local stack through an outage, a stop and a kill."""

import contextlib
import json
import os
import shutil
import signal
import subprocess

from process import OUTPUT, ROOT, TOOLS, Background, Failed, check, environment, free_port, run, say, until

EXAMPLE = ROOT / "examples/new-api"
PROGRAM = ROOT / "target/debug/hookledger"
SEND = TOOLS / "new-api/send"
DATA = OUTPUT / "new-api"
OUTBOX = OUTPUT / "new-api-outbox"
PORT = free_port()
# Of 500,000 quota a dollar, and 100 credits a dollar.
QUOTA, COST_NANO = 1170, 234_000_000
DEMO_NANO = 1000 * 10**9


def build():
    """With nothing but the standard library: no network, no other module."""
    settings = environment(GOFLAGS="-mod=mod", GOPROXY="off", GOTOOLCHAIN="local", CGO_ENABLED="0")
    for command in (["vet", "./..."], ["test", "./..."], ["build", "-o", SEND, "./send"]):
        ended = subprocess.run(["go", *map(str, command)], cwd=EXAMPLE, env=settings, text=True, capture_output=True)
        if ended.returncode != 0:
            raise Failed(f"go {command[0]}: {ended.stdout}{ended.stderr}")
        say(f"  ok  go {command[0]}")


def stack(stacks):
    settings = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ} | {"LOG_LEVEL": "error"}
    command = [PROGRAM, "--port", str(PORT), "--data", DATA]
    background = stacks.enter_context(Background("new-api-stack", *command, env=settings))

    def announced():
        if not background.is_running():
            raise Failed(f"the local stack ended: {background.log.read_text()}")
        path = DATA / "local.json"
        found = json.loads(path.read_text()) if path.is_file() else {}
        return found if found.get("pid") == background.process.pid else None

    return background, until("the local stack", announced, 60, 0.1)


def refund(number):
    """The log of a failed task: it has no request, and its task in a JSON text."""
    log = {"created_at": 1767225600 + number, "type": 6, "user_id": 7, "token_id": 1, "model_name": "sora-2"}
    task = json.dumps({"task_id": f"task_{number}"})
    return json.dumps(log | {"quota": QUOTA, "content": "failed", "other": task}) + "\n"


def rows(numbers):
    """Logs of a gateway, as its API returns them."""
    template = {"created_at": 1767225600, "type": 2, "user_id": 7, "token_id": 1, "model_name": "gpt-4o"}
    counts = {"quota": QUOTA, "prompt_tokens": 120, "completion_tokens": 30, "content": "", "is_stream": True}
    return "".join(json.dumps({"request_id": f"2026112800{n:08d}", **template, **counts}) + "\n" for n in numbers)


class Sender:
    def __init__(self, secret, numbers, refunds=()):
        settings = environment(WEBHOOK_URL=f"http://127.0.0.1:{PORT}/api/webhooks/events", WEBHOOK_SECRET=secret)
        command = [str(SEND), "-outbox", str(OUTBOX), "-wait", "2m"]
        self.process = subprocess.Popen(
            command, env=settings | {"CREDITS_PER_USD": "100"}, text=True, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.process.stdin.write(rows(numbers) + "".join(map(refund, refunds)))
        self.process.stdin.close()

    def ended(self):
        log = self.process.stderr.read()
        return self.process.wait(timeout=150), log


def waiting():
    return len(list((OUTBOX / "waiting").glob("*.json")))


def balance_nano():
    printed = run(PROGRAM, "account", "show", "demo", "--json", "--data", DATA, quiet=True)
    whole, _, part = str(json.loads(printed)["state"]["balance"]).partition(".")
    return int(whole) * 10**9 + int(part.ljust(9, "0") or 0)


def spent(what, events):
    check(what, balance_nano(), DEMO_NANO - events * COST_NANO)


def main():
    build()
    for folder in (DATA, OUTBOX):
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.ExitStack() as stacks:
        report(stacks)


def report(stacks):
    background, announced = stack(stacks)
    secret = announced["secrets"]["WEBHOOK_SECRET"]

    status, log = Sender(secret, range(50)).ended()
    check("fifty logs are accepted", (status, log.count("webhook sent"), waiting()), (0, 50, 0))
    spent("each is charged once", 50)

    background.process.kill()
    background.process.wait()
    sender = Sender(secret, range(50, 250))
    until("all is kept while the stack is down", lambda: waiting() == 200, 30, 0.05)
    sender.process.send_signal(signal.SIGTERM)
    check("it stops in the outage", sender.ended()[0], 0)
    sender = Sender(secret, range(250, 300))
    until("the next one keeps what it gets", lambda: waiting() == 250, 30, 0.05)
    sender.process.kill()
    sender.ended()
    sender = Sender(secret, [])
    stack(stacks)
    status, log = sender.ended()
    check("what stopped processes left is sent after the outage", (status, waiting()), (0, 0))
    spent("each of them is charged once", 300)

    status, log = Sender(secret, range(300)).ended()
    check("all of it again is accepted", (status, log.count("webhook sent")), (0, 300))
    spent("and charges nothing", 300)

    status, log = Sender(secret, [], refunds=[1, 2, 1, 3]).ended()
    check("refunds of tasks are accepted", (status, waiting()), (0, 0))
    spent("each gives its charge back, once", 297)

    status, log = Sender("another-secret-0123456789abcdef0", range(300, 302)).ended()
    refused = len(list((OUTBOX / "refused").glob("*.json")))
    check("a refused event is kept for a person", (status, refused, log.count("status 401")), (0, 2, 2))
    if secret in log or "promptTokens" in log:
        raise Failed("the log has a secret or a body")
    spent("and charges nothing either", 297)
    run(PROGRAM, "audit", "--data", DATA)


if __name__ == "__main__":
    main()
