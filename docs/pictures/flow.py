#!/usr/bin/env python3
"""Draws docs/pictures/flow.svg, the path of a webhook: `python3 docs/pictures/flow.py`. With --check it fails if the file is another one."""

import sys
from pathlib import Path
from xml.sax.saxutils import escape

FILE = Path(__file__).with_suffix(".svg")
WIDTH, HEIGHT, ABOVE = 960, 384, 12
STYLE = """
    .card { fill: #ffffff; stroke: #d0d7de } .box { fill: #f6f8fa; stroke: #8c959f } .row { fill: #ffffff; stroke: #afb8c1 }
    .commit { fill: #ddf4ff; stroke: #0969da } text { fill: #1f2328; font: 14px ui-sans-serif, Helvetica, Arial, sans-serif }
    .small { fill: #59636e; font-size: 12px } .head { font-weight: 600 } .line { stroke: #59636e; fill: none; stroke-width: 1.5 }
    .reply { stroke-dasharray: 5 4 } .tip { fill: #59636e }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117; stroke: #3d444d } .box { fill: #151b23; stroke: #656c76 } .row { fill: #0d1117; stroke: #656c76 }
      .commit { fill: #121d2f; stroke: #4493f8 } text { fill: #f0f6fc } .small { fill: #9198a1 } .line { stroke: #9198a1 }
      .tip { fill: #9198a1 }
    }"""
SENDERS = ["Stripe", "WeChat Pay", "epay", "Fireblocks", "LLM gateway"]
VERIFY = ["signature and time", "our account and mode", "our order, amount,", "currency, provider"]
COMMIT = ["the receipt, which is the ledger entry", "the balance, under its guard", "the order, over the version read"]
FULFIL = ["tokens and access", "commissions", "on-chain transfer", "phone top-up, once"]
RECONCILE = [
    "retries each refused event, with backoff",
    "asks the provider about each unpaid order",
    "finishes each late delivery",
    "compares each balance with its entries",
]


def box(x, y, width, height, style="box"):
    return f'<rect class="{style}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>'


def text(x, y, words, style="", anchor="middle"):
    return f'<text class="{style}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


def arrow(points, style=""):
    path = "M" + " L".join(f"{x} {y}" for x, y in points)
    return f'<path class="line {style}" d="{path}" marker-end="url(#tip)"/>'


def stage(x, width, head, lines):
    """A column: a box from y 40 to 236 with its name and what it does."""
    yield box(x, 40, width, 196)
    yield text(x + width / 2, 66, head, "head")
    for number, line in enumerate(lines):
        yield text(x + width / 2, 112 + 26 * number, line, "small")


def shapes():
    yield box(0.5, 0.5 - ABOVE, WIDTH - 1, HEIGHT - 1, "card")
    for number, sender in enumerate(SENDERS):
        y = 40 + 41 * number
        yield box(24, y, 128, 32)
        yield text(88, y + 21, sender)
    yield from stage(204, 156, "verify", VERIFY)
    yield box(412, 40, 288, 196, "commit")
    yield text(556, 66, "one transaction", "head")
    for number, row in enumerate(COMMIT):
        y = 84 + 42 * number
        yield box(428, y, 256, 32, "row")
        yield text(556, y + 21, row, "small")
    yield text(556, 224, "all of it, or nothing", "small")
    yield from stage(752, 184, "fulfil", FULFIL)
    yield arrow([(154, 138), (200, 138)])
    yield arrow([(362, 138), (408, 138)])
    yield arrow([(702, 138), (748, 138)])
    yield arrow([(556, 38), (556, 20), (88, 20), (88, 36)], "reply")
    yield text(322, 12, "acknowledged only after the commit; a repeat gets the first answer", "small")
    yield box(204, 284, 732, 68)
    yield text(570, 306, "reconcile, every minute", "head")
    for number, line in enumerate(RECONCILE):
        yield text(220 + 366 * (number % 2), 326 + 17 * (number // 2), line, "small", "start")
    for x in (282, 556, 844):
        yield arrow([(x, 282), (x, 240)])


def picture():
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {-ABOVE} {WIDTH} {HEIGHT}" role="img">'
    title = "Webhooks are verified, booked in one transaction, fulfilled and reconciled"
    tip = (
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path class="tip" d="M0 0 L8 4 L0 8 z"/></marker>'
    )
    made = "<!-- Made by docs/pictures/flow.py: change that. -->"
    lines = [head, made, f"<title>{title}</title>", f"<style>{STYLE}\n</style>", f"<defs>{tip}</defs>", *shapes(), "</svg>"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        FILE.write_text(picture(), encoding="utf-8")
    elif FILE.read_text(encoding="utf-8") != picture():
        raise SystemExit("docs/pictures/flow.svg is not what flow.py draws: run python3 docs/pictures/flow.py")
