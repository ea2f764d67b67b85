"""OpenAI's own clients, of Python and of Node, call the chat API of the local stack: answers whole and in parts, tools, formats, every
class of error, a reader of a byte a second, and one that leaves."""

import contextlib
import decimal
import json
import os
import secrets
import shutil
import socket
import time
import urllib.request

import openai
from process import OUTPUT, ROOT, Background, Failed, check, free_port, run, say, until

PROGRAM = ROOT / "target/debug/hookledger"
NODE = ROOT / "tests/gateways/openai/client.mjs"
MODULES = OUTPUT / "openai-node"
DATA = OUTPUT / "openai"
PORT = free_port()
WHOLE = f"http://127.0.0.1:{PORT}/v1"
STREAMED = f"http://127.0.0.1:{PORT}/lambda-url/chat/v1"
MODEL = "gpt-4o-mini"
# The card of the catalog, for a million tokens; a hundred credits a dollar, and a markup of a fifth.
USD = {"input": decimal.Decimal("0.15"), "output": decimal.Decimal("0.60")}
CREDITS_PER_USD = decimal.Decimal(120)
NANO = decimal.Decimal("1e-9")
FAILURES = {
    "fail-400": (openai.BadRequestError, "upstream_refused"),
    "fail-401": (openai.InternalServerError, "upstream_key_refused"),
    "fail-429": (openai.RateLimitError, "upstream_rate_limited"),
    "fail-500": (openai.InternalServerError, "upstream_failed"),
    "garbage": (openai.InternalServerError, "upstream_failed"),
    "hangs": (openai.InternalServerError, "upstream_timeout"),
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def cost(usage):
    usd = (usage.prompt_tokens * USD["input"] + usage.completion_tokens * USD["output"]) / 10**6
    return (usd * CREDITS_PER_USD).quantize(NANO, decimal.ROUND_CEILING)


def account(owner):
    return json.loads(run(PROGRAM, "account", "show", owner, "--json", "--data", DATA, quiet=True))


def balance(owner):
    return decimal.Decimal(str(account(owner)["state"]["balance"]))


def by_hand(*command):
    # Without an id the command prints the one that it makes.
    by = ("--author", "suite", "--reason", "a test", "--id", f"suite-{secrets.token_hex(4)}", "--data", DATA, "--json")
    return json.loads(run(PROGRAM, *command, *by, quiet=True))


def new_owner(owner, credits):
    by_hand("account", "credit", owner, credits, "--new")
    return by_hand("account", "api-key", owner)["apiKey"]


def start(stacks):
    settings = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    # A short time, so that a time-out is seen in a test; and a model for each failure, which opens the breaker of its own.
    models = ",".join([MODEL, "gpt-4o", *(dated(word) for word in FAILURES)])
    settings |= {"LOG_LEVEL": "error", "LLM_TIMEOUT_MS": "4000", "LLM_MODELS": models}
    stack = stacks.enter_context(
        Background("openai-stack", PROGRAM, "--port", str(PORT), "--data", DATA, "--memory", env=settings)
    )

    def announced():
        if not stack.is_running():
            raise Failed(f"the local stack ended: {stack.log.read_text()}")
        path = DATA / "local.json"
        found = json.loads(path.read_text()) if path.is_file() else {}
        return found if found.get("pid") == stack.process.pid else None

    return until("the local stack", announced, 60, 0.1)


def dated(word):
    """Another name of the model, at the main upstream alone."""
    return f"{MODEL}-{word}"


def messages(text):
    return [{"role": "user", "content": text}]


class Shop:
    """An owner with both clients, and what its requests have cost by their usage."""

    def __init__(self, owner, credits):
        self.owner, self.key = owner, new_owner(owner, credits)
        self.whole = openai.OpenAI(base_url=WHOLE, api_key=self.key, max_retries=0)
        self.streamed = openai.OpenAI(base_url=STREAMED, api_key=self.key, max_retries=0)
        self.credits, self.spent = decimal.Decimal(credits), decimal.Decimal(0)

    def complete(self, text, client=None, model=MODEL, **more):
        client = client or self.whole
        completion = client.chat.completions.create(model=model, messages=messages(text), **more)
        self.spent += cost(completion.usage)
        return completion

    def stream(self, text, includes_usage=True, model=MODEL, **more):
        options = {"stream_options": {"include_usage": True}} if includes_usage else {}
        chunks = list(
            self.streamed.chat.completions.create(
                model=model, messages=messages(text), stream=True, **options, **more
            )
        )
        usages = [chunk.usage for chunk in chunks if chunk.usage]
        if includes_usage:
            check("usage comes once, in the last chunk", (len(usages), chunks[-1].choices), (1, []))
            self.spent += cost(usages[0])
        else:
            check("usage comes only where it is wanted", usages, [])
        return [chunk.choices[0] for chunk in chunks if chunk.choices]

    def check_books(self, what):
        check(f"{what}: charged what was used", self.credits - balance(self.owner), self.spent)
        check(f"{what}: no hold stays open", account(self.owner)["holds"], [])


def answers(shop):
    say("answers, whole and in parts")
    for client in (shop.whole, shop.streamed):
        completion = shop.complete("hello there", client)
        check("the text of an answer", completion.choices[0].message.content, "You wrote: hello there")
    choices = shop.stream("hello there")
    check("the text in parts", "".join(choice.delta.content or "" for choice in choices), "You wrote: hello there")
    check("why it ends", choices[-1].finish_reason, "stop")
    completion = shop.complete("one two three four five", max_completion_tokens=3)
    check("a limit", completion.choices[0].finish_reason, "length")
    shop.check_books("answers")

    before = balance(shop.owner)
    shop.stream("hello there", includes_usage=False)
    usage = openai.types.CompletionUsage(prompt_tokens=10, completion_tokens=4, total_tokens=14)
    check("a stream without usage costs the same", before - balance(shop.owner), cost(usage))
    shop.spent += cost(usage)


def passed_through(shop):
    say("what the upstream gets")
    more = {"metadata": {"a": "1.50"}, "unknown_field": [{"b": 2}], "top_k": 3}
    echo = shop.complete("echo caf\u00e9 \U0001f600", temperature=0.25, extra_body=more)
    request = json.loads(echo.choices[0].message.content)
    for name, value in {**more, "temperature": 0.25, "messages": messages("echo caf\u00e9 \U0001f600")}.items():
        check(f"{name} is passed on", request.get(name), value)
    image = [{"type": "text", "text": "echo"}, {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]
    completion = shop.whole.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": image}])
    shop.spent += cost(completion.usage)
    check("an image", json.loads(completion.choices[0].message.content)["messages"][0]["content"], image)


def tools(shop):
    say("tools and formats")
    completion = shop.complete("the weather", tools=TOOLS)
    call = completion.choices[0].message.tool_calls[0]
    check("a call of a tool", (call.function.name, call.function.arguments), ("weather", '{"city":"fake"}'))
    choices = shop.stream("the weather", tools=TOOLS)
    arguments = "".join((choice.delta.tool_calls or [call])[0].function.arguments for choice in choices[:-1])
    check("its arguments in parts", arguments, '{"city":"fake"}')
    turns = [*messages("the weather"), completion.choices[0].message.model_dump(exclude_none=True)]
    turns.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
    completion = shop.whole.chat.completions.create(model=MODEL, messages=turns, tools=TOOLS)
    shop.spent += cost(completion.usage)
    check("the answer to its result", completion.choices[0].message.content, "The tool returned: sunny")
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    completion = shop.complete("hello", response_format=schema)
    check("a format", completion.choices[0].message.content, '{"ok":true}')
    shop.check_books("tools")


def models(shop):
    say("models")
    for client in (shop.whole, shop.streamed):
        listed = [model.id for model in client.models.list()]
        check("the list has the models with a price", MODEL in listed and "gpt-4o" in listed, True)


def error(what, kind, call, code=None):
    """The error that a call raises; one of OpenAI's form has a code."""
    try:
        call()
    except openai.APIError as raised:
        check(what, type(raised), kind)
        if code:
            check(f"{what}: its code", raised.code, code)
        return raised
    raise Failed(f"{what}: no error")


def errors(shop):
    say("errors")
    of_request = [
        ("no message", openai.BadRequestError, {"messages": []}),
        ("two answers", openai.BadRequestError, {"n": 2}),
        ("an unknown model", openai.BadRequestError, {"model": "no-one-knows-me"}),
        ("a wrong type", openai.BadRequestError, {"max_tokens": "many"}),
        ("too many tokens", openai.BadRequestError, {"max_tokens": 10**9}),
    ]
    for what, kind, wrong in of_request:
        fields = {"model": MODEL, "messages": messages("hello"), **wrong}
        for client in (shop.whole, shop.streamed):
            raised = error(what, kind, lambda: client.chat.completions.create(**fields))  # noqa: B023
            check(f"{what}: the field", raised.param, next(iter(wrong)))
    for word, (kind, code) in FAILURES.items():
        for call in (shop.complete, shop.stream):
            raised = error(word, kind, lambda: call(word, model=dated(word)), code)  # noqa: B023
            if word == "fail-429":
                check("it says when to try again", raised.response.headers.get("retry-after"), "7")
    shop.check_books("errors")

    say("a failure that passes, one of the first upstream alone, and a model that fails all the time")
    for word in ("fail-500-once", "fail-500@main"):
        shop.complete(f"{word} of a request")
    model = dated("fail-500")
    for _ in range(8):
        raised = error("a failure", openai.InternalServerError, lambda: shop.complete("fail-500", model=model))
    check("the breaker is open", (raised.status_code, raised.code), (503, "upstream_unavailable"))
    check("it says when to try again", 0 < int(raised.response.headers["retry-after"]) <= 30, True)
    shop.check_books("failures")

    other = openai.OpenAI(base_url=WHOLE, api_key="hk_no_such_key", max_retries=0)
    error("an unknown key", openai.AuthenticationError, lambda: Shop.complete(shop, "hello", other))
    poor = Shop("poor", "0.000000001")
    for call in (poor.complete, poor.stream):
        raised = error("no credits", openai.APIStatusError, lambda: call("hello"), "insufficient_credits")  # noqa: B023
        check("no credits: the status", raised.status_code, 402)


def broken_streams(shop):
    say("streams that end early")
    for word in ("errs-midway", "breaks", "stalls"):
        # With a pause, so that the first parts are on their way when it ends.
        before, read = balance(shop.owner), []

        def stream():
            chunks = shop.streamed.chat.completions.create(model=MODEL, messages=messages(f"{word} trickle a b"), stream=True)  # noqa: B023
            read.extend(chunks)  # noqa: B023

        error(word, openai.APIError, stream)
        check(f"{word}: no hold stays open", account(shop.owner)["holds"], [])
        charged = before - balance(shop.owner)
        if not 0 < charged < cost(openai.types.CompletionUsage(prompt_tokens=200, completion_tokens=200, total_tokens=400)):
            raise Failed(f"{word}: charged {charged}")
        shop.spent += charged


def upstream_calls():
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/mock/openai/totals", timeout=10) as totals:
        return json.load(totals)["calls"]


def retries(shop):
    say("the retries that the package makes by itself")
    client = openai.OpenAI(base_url=WHOLE, api_key=shop.key)
    check("it makes two", client.max_retries, 2)

    def timed(call):
        calls, began = upstream_calls(), time.monotonic()
        result = call()
        return result, upstream_calls() - calls, time.monotonic() - began

    _, calls, took = timed(lambda: shop.complete("fail-429-once of Python", client))
    check("429: it waits as long as Retry-After says", (calls, 7 <= took < 12), (2, True))
    model = dated("fail-401")
    _, calls, took = timed(
        lambda: error("fail-401", openai.InternalServerError, lambda: shop.complete("fail-401", client, model))
    )
    check("a refused key: x-should-retry stops it", (calls, took < 2), (1, True))
    raised, _, took = timed(lambda: error("fail-400", openai.BadRequestError, lambda: shop.complete("fail-400", client)))
    check("400: it is not sent again", (raised.status_code, took < 2), (400, True))
    # Its breaker is open for half a minute at most.
    model = dated("fail-500")
    for _ in range(2):
        raised = error("a failure", openai.InternalServerError, lambda: shop.complete("fail-500", model=model))
    check("the breaker is open", raised.status_code, 503)
    _, _, took = timed(lambda: shop.complete("hello again", client, model))
    check("503: it waits until the breaker lets one through", 1 <= took < 60, True)
    shop.check_books("retries")


def raw(shop, text):
    """A request over a socket of its own, for a reader that reads as it likes."""
    body = json.dumps({"model": MODEL, "messages": messages(text), "stream": True})
    head = (
        f"POST /lambda-url/chat/v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{PORT}\r\n"
        f"authorization: Bearer {shop.key}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    connection = socket.socket()
    # So that it does not read ahead.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", PORT))
    connection.sendall((head + body).encode())
    return connection


def slow_reader(shop):
    say("a reader of a byte a second")
    before, spent = balance(shop.owner), shop.spent
    with contextlib.closing(raw(shop, "long")) as connection:
        for _ in range(8):
            if not connection.recv(1):
                raise Failed("the stream ended")
            began = time.monotonic()
            shop.complete("hello meanwhile")
            if time.monotonic() - began > 2:
                raise Failed("others wait for it")
            time.sleep(1)
        say("  ok  others do not wait for it")
        rest = b""
        while part := connection.recv(65536):
            rest += part
    check("it gets all of it", b"data: [DONE]" in rest and b"error" not in rest, True)
    until("the end of its hold", lambda: not account(shop.owner)["holds"], 30)
    meanwhile = shop.spent - spent
    whole = openai.types.CompletionUsage(prompt_tokens=0, completion_tokens=100, total_tokens=100)
    check("and pays for it", before - balance(shop.owner) - meanwhile > cost(whole), True)


def leaver(shop):
    say("a reader that leaves")
    until("the end of earlier holds", lambda: not account(shop.owner)["holds"], 30)
    before = balance(shop.owner)
    with contextlib.closing(raw(shop, "long trickle again")) as connection:
        received = b""
        while received.count(b"data: ") < 10:
            received += connection.recv(4096)
    until("the charge", lambda: not account(shop.owner)["holds"] and balance(shop.owner) < before, 20)
    charged = before - balance(shop.owner)
    whole = openai.types.CompletionUsage(prompt_tokens=11, completion_tokens=400, total_tokens=411)
    tenth = openai.types.CompletionUsage(prompt_tokens=0, completion_tokens=5, total_tokens=5)
    if not cost(tenth) < charged < cost(whole):
        raise Failed(f"charged {charged}, of {cost(whole)} for the whole")
    say(f"  ok  charged for what was generated: {charged}, and not {cost(whole)}")


def node(shop):
    say("Node")
    MODULES.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(NODE.parent / name, MODULES / name)
    run("npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", MODULES, quiet=True)
    env = {**os.environ, "WHOLE": WHOLE, "STREAMED": STREAMED, "KEY": shop.key, "MODEL": MODEL}
    before = balance(shop.owner)
    printed = json.loads(run("node", MODULES / "client.mjs", env=env, quiet=True).splitlines()[-1])
    for what, seen, expected in printed["checks"]:
        check(what, seen, expected)
    spent = sum(cost(openai.types.CompletionUsage(**usage)) for usage in printed["usages"])
    check("Node: charged what was used", before - balance(shop.owner), spent)


def main():
    shutil.rmtree(DATA, ignore_errors=True)
    with contextlib.ExitStack() as stacks:
        start(stacks)
        shop = Shop("shop", "100")
        for test in (answers, passed_through, tools, models, errors):
            test(shop)
        broken_streams(shop)
        retries(shop)
        node(shop)
        slow_reader(shop)
        leaver(shop)
        totals = urllib.request.urlopen(f"http://127.0.0.1:{PORT}/mock/openai/totals", timeout=10)
        say(f"the fake upstream has counted {totals.read().decode()}")


main()
