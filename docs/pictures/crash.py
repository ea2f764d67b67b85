#!/usr/bin/env python3
"""Draws docs/pictures/crash.svg from a real run: 2,000 events, each sent twice, and the server killed in the middle of it.

`cargo build && python3 docs/pictures/crash.py` (or with the path of another binary as its argument). It fails if the balance is not exact.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_suffix(".svg")
EVENTS, COST, START = 2000, Decimal("0.00234"), Decimal(1000)
SEND = f"send usage --count {EVENTS} --duplicate --concurrency 32 --id bulk"
# Long enough for some hundreds of events, and far from enough for all.
KILLED_AFTER_S = 0.6
LINE, LEFT, TOP, WIDTH = 20, 24, 58, 900
STYLE = """
    .card { fill: #0d1117; stroke: #3d444d } text { fill: #d1d7e0; font: 14px ui-monospace, Menlo, Consolas, monospace; white-space: pre }
    .command { fill: #79c0ff } .note { fill: #8b949e } .exact { fill: #7ee787 }"""


class Stack:
    """The program, serving a folder; its second start finds the books of the first."""

    def __init__(self, program, data):
        self.program, self.data, self.process = program, data, None

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "--port", "0", "--data", self.data], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        if "hookledger is at" not in self.process.stdout.readline():
            raise SystemExit("the stack does not start")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def command(self, words):
        return [self.program, *words.split(), "--data", self.data]

    def run(self, words):
        done = subprocess.run(self.command(words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        return done.stdout.splitlines()


def total(lines):
    return next(line for line in lines if line.startswith("booked ")).split(";")[0]


def booked(line):
    return int(line.split(",")[0].removeprefix("booked "))


def scene(program, data):
    """Each line of the picture, with the class that it is drawn in."""
    stack = Stack(program, data)
    stack.start()
    yield "command", f"$ cargo run -- {SEND}"
    sender = subprocess.Popen(stack.command(SEND), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    time.sleep(KILLED_AFTER_S)
    stack.kill()
    yield "note", "  # in the middle of it:"
    yield "command", r"""$ kill -9 $(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' .hookledger/local.json)"""
    first = total(sender.communicate()[0].splitlines())
    yield "", first
    if "no reply 0" in first:
        raise SystemExit("it was killed too late: every delivery had its reply")
    stack.start()
    yield "note", "  # started again, and the same 4,000 deliveries sent again:"
    yield "command", f"$ cargo run -- {SEND}"
    second = total(stack.run(SEND))
    yield "", second
    unanswered = EVENTS - booked(first) - booked(second)
    yield "note", f"  # {booked(first):,} + {booked(second):,} + {unanswered} booked before the kill without a reply = {EVENTS:,}"
    yield "command", "$ cargo run -- account show demo"
    shown = stack.run("account show demo")
    for line in shown[:2]:
        yield "", line
    balance = Decimal(re.search(r"balance +([\d.]+)", "\n".join(shown)).group(1))
    expected = START - EVENTS * COST
    if balance != expected:
        raise SystemExit(f"the balance is {balance}, and not {expected}")
    yield "exact", f"  # exact: {START} - {EVENTS:,} x {COST} = {balance}"
    yield "command", "$ cargo run -- audit"
    for line in stack.run("audit")[-1:]:
        yield "", line
    stack.kill()


def picture(lines):
    height = TOP + LINE * len(lines)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    yield "<!-- Made by docs/pictures/crash.py from a real run: run that. -->"
    yield "<title>Two thousand events are sent twice, the server is killed, and the balance is exact</title>"
    yield f"<style>{STYLE}\n</style>"
    yield f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>'
    for number, color in enumerate(["#ff5f57", "#febc2e", "#28c840"]):
        yield f'<circle cx="{LEFT + 6 + 20 * number}" cy="22" r="6" fill="{color}"/>'
    for number, (style, line) in enumerate(lines):
        yield f'<text class="{style}" xml:space="preserve" x="{LEFT}" y="{TOP + LINE * number}">{escape(line)}</text>'
    yield "</svg>"


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/debug/hookledger")
    if not os.access(program, os.X_OK):
        raise SystemExit(f"there is no {program}: run cargo build first")
    with tempfile.TemporaryDirectory() as data:
        lines = list(scene(program, data))
    FILE.write_text("\n".join(picture(lines)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
