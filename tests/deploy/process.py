"""What every part of the suite does: run a program, wait for something, say what was seen."""

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
# Whatever is left behind by a run: logs, the fakes' data, certificates.
LEFT = ROOT / "target/deploy"


class Failed(Exception):
    """What was to be seen was not."""


def say(text):
    print(text, flush=True)


def check(what, seen, expected):
    """One fact that the suite proves."""
    if seen != expected:
        raise Failed(f"{what}: {seen!r} and not {expected!r}")
    say(f"  ok  {what}")


def run(*command, env=None, quiet=False):
    """Runs a program to its end, and returns what it wrote. What fails is shown."""
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
    """Waits for something to become true, and returns it."""
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
    """A program that runs beside the suite, and ends with it. Its output goes to a file."""

    def __init__(self, name, *command, env=None):
        LEFT.mkdir(parents=True, exist_ok=True)
        self.log = LEFT / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
                # With what it starts itself it can be ended as a whole.
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


def at_once(shop, *stories):
    """Stories that mostly wait, run at the same time. The first that fails fails the suite."""
    with concurrent.futures.ThreadPoolExecutor(len(stories)) as pool:
        for story in [pool.submit(story, shop) for story in stories]:
            story.result()


def environment(**more):
    """This one's, with what is set beside it; an empty value takes one away."""
    merged = {**os.environ, **more}
    return {name: value for name, value in merged.items() if value}


if sys.version_info < (3, 10):
    raise SystemExit("the deploy suite needs Python 3.10 or newer")
# A stop of the suite stops what runs beside it.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
