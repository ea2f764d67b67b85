"""examples/new-api, built with Go, reports to the local stack through an outage, a stop and a kill, and beside the pull."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request

from process import OUTPUT, ROOT, TOOLS, Background, Failed, check, environment, free_port, run, say, until

EXAMPLE = ROOT / "examples/new-api"
PROGRAM = ROOT / "target/debug/hookledger"
SEND = TOOLS / "new-api/send"
DATA = OUTPUT / "new-api"
OUTBOX = OUTPUT / "new-api-outbox"
PORT, GATEWAY_PORT = free_port(), free_port()
# Another local stack, whose fake is the gateway.
GATEWAY_DATA = OUTPUT / "new-api-gateway"
GATEWAY = {"NEW_API_BASE_URL": f"http://127.0.0.1:{GATEWAY_PORT}/mock/new-api", "NEW_API_ADMIN_TOKEN": "a-token-of-its-root"}
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


def stack(stacks, port=PORT, data=DATA, **settings):
    settings |= {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ} | {"LOG_LEVEL": "error"}
    command = [PROGRAM, "--port", str(port), "--data", data]
    background = stacks.enter_context(Background(f"{data.name}-stack", *command, env=settings))

    def announced():
        if not background.is_running():
            raise Failed(f"the local stack ended: {background.log.read_text()}")
        path = data / "local.json"
        found = json.loads(path.read_text()) if path.is_file() else {}
        return found if found.get("pid") == background.process.pid else None

    return background, until("the local stack", announced, 60, 0.1)


def refund(number, at=1767225600):
    """The log of a failed task: it has no request, and its task in a JSON text."""
    log = {"created_at": at + number, "type": 6, "user_id": 7, "token_id": 1, "model_name": "sora-2", "quota": QUOTA}
    return log | {"content": "failed", "other": json.dumps({"task_id": f"task_{number}"})}


def charge(number, at=1767225600):
    """A log of a gateway, as its API returns it."""
    log = {"created_at": at, "type": 2, "user_id": 7, "token_id": 1, "model_name": "gpt-4o", "quota": QUOTA}
    return {"request_id": f"2026112800{number:08d}", **log, "prompt_tokens": 120, "completion_tokens": 30, "content": ""}


class Sender:
    def __init__(self, secret, numbers, refunds=(), at=1767225600):
        settings = environment(WEBHOOK_URL=f"http://127.0.0.1:{PORT}/api/webhooks/events", WEBHOOK_SECRET=secret)
        command = [str(SEND), "-outbox", str(OUTBOX), "-wait", "2m"]
        self.process = subprocess.Popen(
            command, env=settings | {"CREDITS_PER_USD": "100"}, text=True, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        logs = [charge(number, at) for number in numbers] + [refund(number, at) for number in refunds]
        self.process.stdin.write("".join(json.dumps(log) + "\n" for log in logs))
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
    for folder in (DATA, GATEWAY_DATA, OUTBOX):
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
    background, _ = stack(stacks)
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
    pulled(stacks, background, secret)
    run(PROGRAM, "audit", "--data", DATA)


def write(log):
    """Writes a row of the fake gateway's log, which names a task by a field of its own."""
    task = json.loads(log.pop("other", "{}"))
    body = json.dumps(log | task | ({"prompt_tokens": 0, "completion_tokens": 0} if task else {})).encode()
    urllib.request.urlopen(f"{GATEWAY['NEW_API_BASE_URL']}/log", body, timeout=10).close()


def pulled(stacks, background, secret):
    """The stack reads the gateway's log when it starts. The sender has reported a part of it, and reports all of it later."""
    stack(stacks, GATEWAY_PORT, GATEWAY_DATA, **GATEWAY)
    # Rows of the last half minute may still be written.
    at, charges, refunds = int(time.time()) - 90, range(400, 410), range(10, 17)
    for log in [*(charge(number, at) for number in charges), *(refund(number, at) for number in refunds)]:
        write(log)
    check("a part of the log is reported", Sender(secret, charges[:5], refunds[:1], at).ended()[0], 0)
    spent("five uses and a refund", 301)
    background.process.terminate()
    background.process.wait()
    stack(stacks, **GATEWAY)
    until("the pull books the others", lambda: balance_nano() == DEMO_NANO - 300 * COST_NANO, 30)
    status, log = Sender(secret, charges, refunds, at).ended()
    check("all of it again is accepted", (status, log.count("webhook sent")), (0, 17))
    spent("and charges nothing", 300)


if __name__ == "__main__":
    main()
