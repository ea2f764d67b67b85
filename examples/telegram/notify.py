#!/usr/bin/env python3
"""Tells a Telegram chat what became of an owner's orders. Needs Python 3.9 and nothing else; README.md says how to run it."""

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

API = os.environ.get("HOOKLEDGER_API", "http://127.0.0.1:9000").rstrip("/")
BOT = os.environ.get("TELEGRAM_API", "https://api.telegram.org").rstrip("/")
KEY, TOKEN, CHAT = os.environ["OWNER_KEY"], os.environ["TELEGRAM_TOKEN"], os.environ["TELEGRAM_CHAT"]
STATE = os.environ.get("STATE_FILE", "sent.json")
SECONDS = float(os.environ.get("POLL_SECONDS", "15"))
NEWS = {"paid": "is paid", "refunded": "was refunded", "partly_refunded": "was refunded in part", "failed": "was not paid"}


def call(url, headers=None, form=None):
    body = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}), timeout=15) as answer:
        return json.load(answer)


def orders():
    """The newest hundred: what happens to older ones is not sent."""
    return call(f"{API}/v1/orders?limit=100", {"Authorization": f"Bearer {KEY}"})["orders"]


def keep(sent):
    """Whole or not at all, also if the machine stops."""
    with open(STATE + ".tmp", "w") as file:
        json.dump(sent, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(STATE + ".tmp", STATE)


def tell_news(sent):
    for order in reversed(orders()):
        number, payment = order["orderNumber"], order["payment"]
        if sent.get(number) != payment:
            if payment in NEWS:
                text = f"Order {number} ({order['product']}) {NEWS[payment]}: {order['amount']} {order['currency']}"
                call(f"{BOT}/bot{TOKEN}/sendMessage", form={"chat_id": CHAT, "text": text})
            # After the message: a crash in between repeats it, and loses none.
            sent[number] = payment
            keep(sent)


def main():
    if os.path.exists(STATE):
        with open(STATE) as file:
            sent = json.load(file)
    else:
        keep(sent := {order["orderNumber"]: order["payment"] for order in orders()})
    while True:
        pause = SECONDS
        try:
            tell_news(sent)
        except urllib.error.HTTPError as error:  # Its text would have the bot's token, and so would a traceback.
            print("refused with", error.code, flush=True)
            pause = max(pause, float(error.headers.get("Retry-After") or 0))
        except (OSError, ValueError) as error:
            print("no answer:", type(error).__name__, flush=True)
        time.sleep(pause)


if __name__ == "__main__":
    main()
