"""The real LiteLLM reports requests to the local stack in each of its forms, through an outage and a change of the key."""

import asyncio
import contextlib
import decimal
import hashlib
import json
import os
import shutil

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
NANO = decimal.Decimal(10**9)
# The card of the catalog: a hundred credits a dollar, and a markup of a fifth.
CREDITS_PER_USD = decimal.Decimal("120")


class Stack:
    def __init__(self, stacks):
        self.stacks = stacks

    def start(self):
        settings = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ} | {"LOG_LEVEL": "error"}
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
