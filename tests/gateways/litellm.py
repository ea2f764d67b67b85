"""The real LiteLLM reports requests to the local stack in each of its forms, through an outage and a change of the key. It also
answers the stack's chat, and reports that."""

import asyncio
import contextlib
import decimal
import hashlib
import http.server
import json
import os
import shutil
import threading
import urllib.request
import uuid

os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "CRITICAL"}

import litellm  # noqa: E402
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger  # noqa: E402
from process import OUTPUT, ROOT, Background, Failed, check, free_port, run, say, until  # noqa: E402

PROGRAM = ROOT / "target/debug/hookledger"
DATA = OUTPUT / "litellm"
PORT = free_port()
ENDPOINT = f"http://127.0.0.1:{PORT}/api/webhooks/litellm"
# As LiteLLM's proxy has it of a key.
HASH = hashlib.sha256(b"sk-of-a-shop").hexdigest()
# Our own key there, with which chat calls it. It is no owner's.
OURS = hashlib.sha256(b"sk-of-the-stack").hexdigest()
PROXY_PORT = free_port()
NANO = decimal.Decimal(10**9)
# The card of the catalog: a hundred credits a dollar, and a markup of a fifth.
CREDITS_PER_USD = decimal.Decimal("120")


class Stack:
    def __init__(self, stacks):
        self.stacks = stacks

    def start(self):
        settings = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ} | {"LOG_LEVEL": "error"}
        settings |= {"LLM_BASE_URL": f"http://127.0.0.1:{PROXY_PORT}/v1", "OPENAI_API_KEY": "sk-of-the-stack-0123456789"}
        settings |= {"LLM_MODELS": "gpt-4o", "LLM_REPORTED_BY": "litellm", "LLM_REPORTED_KEY": OURS}
        command = [PROGRAM, "--port", str(PORT), "--data", DATA]
        self.background = self.stacks.enter_context(Background("litellm-stack", *command, env=settings))

        def announced():
            if not self.background.is_running():
                raise Failed(f"the local stack ended: {self.background.log.read_text()}")
            path = DATA / "local.json"
            found = json.loads(path.read_text()) if path.is_file() else {}
            return found if found.get("pid") == self.background.process.pid else None

        return until("the local stack", announced, 60, 0.1)

    def stop(self):
        self.background.process.kill()
        self.background.process.wait()


def balance(owner):
    printed = run(PROGRAM, "account", "show", owner, "--json", "--data", DATA, quiet=True)
    return decimal.Decimal(str(json.loads(printed)["state"]["balance"]))


def by_hand(*command):
    run(PROGRAM, *command, "--author", "suite", "--reason", "a test", "--data", DATA, quiet=True)


class Gateway:
    """What LiteLLM knows of a shop's requests, and what they cost."""

    def __init__(self, key, **settings):
        headers = {"Authorization": f"Bearer {key}"}
        self.logger = GenericAPILogger(
            endpoint=ENDPOINT, headers=headers, max_retries=6, retry_delay=0.5, flush_interval=3600, **settings
        )
        # LiteLLM would go on with an earlier one of the same settings.
        litellm.logging_callback_manager._reset_all_callbacks()
        litellm.callbacks = [self.logger]
        self.spent = decimal.Decimal(0)

    async def ask(self, model="openai/gpt-4o", **changes):
        metadata = {"user_api_key_hash": HASH, "user_api_key_user_id": "user-1", "user_api_key_team_id": "team-1"}
        messages = [{"role": "user", "content": "a prompt that no one else may read"}]
        reply = await litellm.acompletion(
            model=model, messages=messages, metadata=metadata, mock_response="an answer", api_key="none", **changes
        )
        if changes.get("stream"):
            async for _ in reply:
                pass
            return
        usd = decimal.Decimal(repr(reply._hidden_params["response_cost"] or 0.0))
        # Behind the fifteenth decimal is the noise of floats.
        usd = usd.quantize(decimal.Decimal("1e-15"))
        self.spent += (usd * CREDITS_PER_USD * NANO).to_integral_value(decimal.ROUND_CEILING) / NANO

    async def reported(self, events):
        """Waits until LiteLLM has made its events, and has it send them."""
        for _ in range(200):
            if len(self.logger.log_queue) >= events:
                break
            await asyncio.sleep(0.05)
        check("LiteLLM has an event of each request", len(self.logger.log_queue), events)
        await self.logger.async_send_batch()


async def failed():
    with contextlib.suppress(litellm.RateLimitError):
        await litellm.acompletion(
            model="openai/gpt-4o",
            messages=[{"role": "user", "content": "a prompt"}],
            mock_response="litellm.RateLimitError",
            api_key="none",
            num_retries=0,
            metadata={"user_api_key_hash": HASH},
        )


async def form(key, log_format):
    say(f"{log_format}: uses, a failure, and a model whose price LiteLLM does not know")
    before = balance("shop")
    gateway = Gateway(key, log_format=log_format)
    for _ in range(5):
        await gateway.ask()
    # A caller may choose its id. Two requests are two uses.
    for _ in range(2):
        await gateway.ask(litellm_call_id="the-same")
    await failed()
    await gateway.ask(model="openai/no-one-knows-me")
    await gateway.reported(9)
    if gateway.spent == 0:
        raise Failed("LiteLLM reported no cost")
    check("each use is charged once, at its own cost", before - balance("shop"), gateway.spent)


async def repeat(key):
    say("a batch that is sent again, and one with an event that could not be built")
    before = balance("shop")
    gateway = Gateway(key)
    for _ in range(20):
        await gateway.ask()
    for _ in range(200):
        if len(gateway.logger.log_queue) >= 20:
            break
        await asyncio.sleep(0.05)
    events = list(gateway.logger.log_queue)
    gateway.logger.log_queue[:] = [*events, None, {**events[0], "id": "not-a-number", "response_time": float("nan")}]
    await gateway.logger.async_send_batch()
    gateway.logger.log_queue[:] = events
    await gateway.logger.async_send_batch()
    once = gateway.spent + gateway.spent / 20
    check("each event is charged once", before - balance("shop"), once)


async def outage(key, stack):
    say("an outage of the stack")
    before = balance("shop")
    gateway = Gateway(key)
    stack.stop()
    for _ in range(10):
        await gateway.ask()
    sending = asyncio.create_task(gateway.reported(10))
    await asyncio.sleep(2)
    await asyncio.to_thread(stack.start)
    await sending
    check("what was made in it is charged once", before - balance("shop"), gateway.spent)


class Proxy(http.server.BaseHTTPRequestHandler):
    """LiteLLM's proxy around its library: the id of a call is in a header, and the library's answer in the body."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answered = asyncio.run_coroutine_threadsafe(self.server.answer(request), self.server.loop)
        call, body = answered.result(60)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if request.get("stream") else "application/json")
        self.send_header("x-litellm-call-id", call)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def proxy(answer):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PROXY_PORT), Proxy)
    server.answer, server.loop = answer, asyncio.get_running_loop()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def chat(api_key, is_stream):
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "a prompt"}], "stream": is_stream}
    headers = {"authorization": f"Bearer {api_key}", "content-type": "application/json"}
    url = f"http://127.0.0.1:{PORT}/v1/chat/completions"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=60) as reply:
        return reply.read().decode()


async def chats(key, api_key):
    say("chats that LiteLLM answers and reports: before the answer, and after it")
    for is_stream in (False, True):
        for is_reported_first in (False, True):
            gateway = Gateway(key)

            async def answer(request):
                call = str(uuid.uuid4())
                more = {"stream": True, "stream_options": {"include_usage": True}} if request.get("stream") else {}
                reply = await litellm.acompletion(
                    model="openai/gpt-4o",
                    messages=request["messages"],
                    metadata={"user_api_key_hash": OURS},
                    mock_response="an answer",
                    api_key="none",
                    litellm_call_id=call,
                    **more,
                )
                if more:
                    parts = [chunk.model_dump_json(exclude_none=True, exclude_unset=True) async for chunk in reply]
                    body = "".join(f"data: {part}\n\n" for part in [*parts, "[DONE]"])
                else:
                    body = reply.model_dump_json(exclude_none=True)
                if is_reported_first:  # noqa: B023
                    await gateway.reported(1)  # noqa: B023
                return call, body

            before = balance("talker")
            with proxy(answer):
                text = await asyncio.to_thread(chat, api_key, is_stream)
            check("the answer is LiteLLM's", "chatcmpl-" in text and "error" not in text, True)
            charged = before - balance("talker")
            check("the caller is charged", charged > 0, True)
            if not is_reported_first:
                await gateway.reported(1)
            check("a report charges nothing more", before - balance("talker"), charged)


async def forged():
    say("another key")
    before = balance("shop")
    gateway = Gateway("another-key-0123456789abcdef0123456789")
    await gateway.ask()
    await gateway.reported(1)
    check("it charges nothing", balance("shop"), before)


async def report(stacks):
    stack = Stack(stacks)
    key = stack.start()["secrets"]["LITELLM_KEY"]
    by_hand("account", "credit", "shop", "10000", "--new", "--id", "credit-of-the-shop")
    by_hand("account", "key", "shop", HASH, "--id", "key-of-the-shop")
    for log_format in ("json_array", "ndjson", "single"):
        await form(key, log_format)
    await repeat(key)
    await outage(key, stack)
    by_hand("account", "credit", "talker", "100", "--new", "--id", "credit-of-the-talker")
    made = run(PROGRAM, "account", "api-key", "talker", "--author", "suite", "--reason", "a test", "--id", "key-of-the-talker",
               "--data", DATA, "--json", quiet=True)
    await chats(key, json.loads(made)["apiKey"])
    await forged()
    kept = "".join(path.read_text(errors="replace") for path in DATA.glob("*.log"))
    if key in kept or "no one else may read" in kept or key in stack.background.log.read_text():
        raise Failed("a log has the key or a prompt")
    run(PROGRAM, "audit", "--data", DATA)


def main():
    shutil.rmtree(DATA, ignore_errors=True)
    litellm.suppress_debug_info = True
    litellm.standard_logging_payload_excluded_fields = ["messages", "response", "model_map_information"]
    with contextlib.ExitStack() as stacks:
        asyncio.run(report(stacks))


if __name__ == "__main__":
    main()
