"""Chat: an answer in parts by the function's URL, whole by the API, each paid from the account; and one that is not paid for."""

import json

from process import check, say

COMPLETIONS = "/v1/chat/completions"
# Ten tokens of the prompt and four of the answer, by the rate card.
COST_UNITS = 468_000


def answered(shop):
    say("chat: in parts by the function's URL, and whole by the API")
    owner, url = shop.named("talker"), shop.deployment.cloud.function_url(shop.deployment.output("ChatUrl"))
    key = shop.open_account(owner, credits="1")
    request = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello there"}], "max_tokens": 100}
    status, text = shop.ask("POST", COMPLETIONS, key, {**request, "stream": True}, url=url)
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    streamed = "".join(delta.get("content") or "" for delta in deltas)
    check("the answer in parts", (status, streamed, events[-1]), (200, "You wrote: hello there", "[DONE]"))
    check("it is paid for", shop.balance(f"{owner}/credits"), str(10**9 - COST_UNITS))
    for at in (url, shop.url):
        status, whole = shop.ask("POST", COMPLETIONS, key, request, url=at)
        check("the answer whole", (status, whole["choices"][0]["message"]["content"]), (200, "You wrote: hello there"))
        status, models = shop.ask("GET", "/v1/models", key, url=at)
        check("the models", (status, "gpt-4o-mini" in [model["id"] for model in models["data"]]), (200, True))
    check("they are paid for", shop.balance(f"{owner}/credits"), str(10**9 - 3 * COST_UNITS))

    poor = shop.open_account(shop.named("silent"))
    for at in (url, shop.url):
        status, refused = shop.ask("POST", COMPLETIONS, poor, request, url=at)
        check("without credits", (status, refused["error"]["code"]), (402, "insufficient_credits"))
        check("without a key", shop.ask("POST", COMPLETIONS, None, request, url=at)[0], 401)
