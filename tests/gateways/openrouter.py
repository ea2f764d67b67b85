"""The OpenTelemetry SDK exports traces to the local stack in the form of OpenRouter's broadcast: with attempts, repeats, forged
attributes, the empty test of a destination, and another key."""

import contextlib
import decimal
import json
import os
import shutil
import urllib.error
import urllib.request

from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from process import OUTPUT, ROOT, Background, Failed, check, free_port, run, say, until

PROGRAM = ROOT / "target/debug/hookledger"
DATA = OUTPUT / "openrouter"
PORT = free_port()
ENDPOINT = f"http://127.0.0.1:{PORT}/api/webhooks/openrouter"
# The card of the catalog: a hundred credits a dollar, and a markup of a fifth.
CREDITS_PER_USD = decimal.Decimal("120")
USD = "0.000234"


class Broadcast:
    """Makes the spans of requests, and exports them in one body."""

    def __init__(self, key):
        provider = TracerProvider(resource=Resource({"service.name": "openrouter", "openrouter.trace.id": "gen-1"}))
        self.made = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(self.made))
        self.tracer = provider.get_tracer("openrouter")
        self.exporter = OTLPSpanExporter(endpoint=ENDPOINT, headers={"Authorization": f"Bearer {key}"}, timeout=20)

    def request(self, generation, key="a-shop", usd=USD, fails=False, **more):
        """A generation with one attempt at a provider below it."""
        span = self.tracer.start_span("LLM Generation", kind=SpanKind.CLIENT)
        span.set_attributes(
            {
                "span.type": "generation",
                "gen_ai.request.model": "openai/gpt-4o",
                "gen_ai.response.id": generation,
                "gen_ai.prompt": "a prompt that no one else may read",
                "trace.metadata.openrouter.api_key_name": key,
            }
        )
        if fails:
            span.set_status(Status(StatusCode.ERROR))
        else:
            span.set_attributes({"gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 30})
        if usd is not None:
            span.set_attribute("gen_ai.usage.total_cost", float(usd))
        span.set_attributes(more)
        attempt = self.tracer.start_span("attempt", context=set_span_in_context(span))
        attempt.set_attributes({"span.type": "span", "gen_ai.response.id": f"{generation}:attempt-0"})
        attempt.end()
        span.end()

    def export(self, again=False):
        spans = self.made.get_finished_spans()
        results = [self.exporter.export(spans) for _ in range(2 if again else 1)]
        self.made.clear()
        return results


def balance(owner):
    printed = run(PROGRAM, "account", "show", owner, "--json", "--data", DATA, quiet=True)
    return decimal.Decimal(str(json.loads(printed)["state"]["balance"]))


def by_hand(*command):
    run(PROGRAM, *command, "--author", "suite", "--reason", "a test", "--data", DATA, quiet=True)


def start(stacks):
    settings = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ} | {"LOG_LEVEL": "error"}
    command = [PROGRAM, "--port", str(PORT), "--data", DATA]
    background = stacks.enter_context(Background("openrouter-stack", *command, env=settings))

    def announced():
        if not background.is_running():
            raise Failed(f"the local stack ended: {background.log.read_text()}")
        path = DATA / "local.json"
        return json.loads(path.read_text()) if path.is_file() else None

    return until("the local stack", announced, 60, 0.1), background


def status(body, key):
    headers = {"content-type": "application/json", "x-test-connection": "true", "authorization": f"Bearer {key}"}
    request = urllib.request.Request(ENDPOINT, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status
    except urllib.error.HTTPError as refused:
        return refused.code


def report(stacks):
    found, background = start(stacks)
    key = found["secrets"]["OPENROUTER_KEY"]
    by_hand("account", "credit", "shop", "1000", "--new", "--id", "credit-of-the-shop")
    by_hand("account", "key", "shop", "a-shop", "--id", "key-of-the-shop")
    done, cost = SpanExportResult.SUCCESS, decimal.Decimal(USD) * CREDITS_PER_USD

    say("the empty test of a destination")
    check("it is accepted under the key", status(b'{"resourceSpans":[]}', key), 200)
    check("and under no other", status(b'{"resourceSpans":[]}', "another-key-0123456789abcdef0123456789"), 401)

    say("requests with attempts, of which one failed, sent twice")
    before, broadcast = balance("shop"), Broadcast(key)
    for n in range(50):
        broadcast.request(f"gen-{n}")
    broadcast.request("gen-failed", usd=None, fails=True)
    check("both are accepted", broadcast.export(again=True), [done, done])
    check("each generation is charged once", before - balance("shop"), 50 * cost)

    say("a use with a provider's key of one's own, which the rate card prices")
    before = balance("shop")
    own = {"trace.metadata.openrouter_generation.is_byok": True, "gen_ai.request.model": "gpt-4o"}
    broadcast.request("gen-own", usd="0.0000117", **own)
    check("it is accepted", broadcast.export(), [done])
    # 120 tokens at 2.50 and 30 at 10 dollars a million.
    check("its tokens are charged", before - balance("shop"), decimal.Decimal("0.0006") * CREDITS_PER_USD)

    say("a caller's metadata, and a key that no one has")
    before = balance("shop")
    broadcast.request("gen-forged", key="unknown", **{"trace.metadata.api_key_name": "a-shop", "user.id": "a-shop"})
    check("it is accepted", broadcast.export(), [done])
    check("it charges no one else", balance("shop"), before)

    say("another key")
    stranger = Broadcast("another-key-0123456789abcdef0123456789")
    stranger.request("gen-of-a-stranger")
    check("it is not accepted", stranger.export(), [SpanExportResult.FAILURE])
    check("it charges nothing", balance("shop"), before)
    log = background.log.read_text()
    if key in log or "no one else may read" in log:
        raise Failed("the log has the key or a prompt")
    run(PROGRAM, "audit", "--data", DATA)


def main():
    shutil.rmtree(DATA, ignore_errors=True)
    with contextlib.ExitStack() as stacks:
        report(stacks)


if __name__ == "__main__":
    main()
