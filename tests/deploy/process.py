"""Helpers of the suite: run a program, wait for a condition, check and print results."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "target/ci"
# The output of a run: logs, the fakes' data, certificates.
OUTPUT = ROOT / "target/deploy"


class Failed(Exception):
    """A check of the suite failed."""


def say(text):
    print(text, flush=True)


def check(what, seen, expected):
    """Checks one fact, and prints it."""
    if seen != expected:
        raise Failed(f"{what}: got {seen!r}, expected {expected!r}")
    say(f"  ok  {what}")


def run(*command, env=None, quiet=False):
    """Runs a program to its end, and returns its output. A failure shows the output."""
    command = [str(word) for word in command]
    ended = subprocess.run(
        command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if ended.returncode != 0:
        raise Failed(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}")
    if not quiet:
        say(ended.stdout.rstrip())
    return ended.stdout


def until(what, seen, within_s, pause_s=0.5):
    """Waits until a condition is true, and returns its value."""
    ends = time.monotonic() + within_s
    while True:
        found = seen()
        if found:
            return found
        if time.monotonic() > ends:
            raise Failed(f"{what}: not within {within_s} s, last seen {found!r}")
        time.sleep(pause_s)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Background:
    """A program that runs in the background, and ends with the suite. Its output goes to a file."""

    def __init__(self, name, *command, env=None):
        OUTPUT.mkdir(parents=True, exist_ok=True)
        self.log = OUTPUT / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A session of its own, so that it ends together with its child processes.
                start_new_session=True,
            )
        self.name = name

    def is_running(self):
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal_number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)


def at_once(shop, *tests):
    """Runs tests that mostly wait concurrently. The first failure fails the suite."""
    with concurrent.futures.ThreadPoolExecutor(len(tests)) as pool:
        for test in [pool.submit(test, shop) for test in tests]:
            test.result()


def environment(**more):
    """This process's environment with these changes; an empty value removes a variable."""
    merged = {**os.environ, **more}
    return {name: value for name, value in merged.items() if value}


if sys.version_info < (3, 10):
    raise SystemExit("the deploy suite needs Python 3.10 or newer")
# Stopping the suite stops its background programs.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
