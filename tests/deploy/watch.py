"""Runs the commands of docs/local-lambda.md for one function, and compares the replies with the page."""

import functools
import json
import os
import re

from pages import block
from process import OUTPUT, ROOT, TOOLS, Background, Failed, check, environment, free_port, run, say, until
from shop import Shop
from fakes import DATA, Fakes
from suite import PROGRAM

PAGE = "docs/local-lambda.md"
# A build of one function compiles its dependencies with other features than the workspace.
COMPILED_WITHIN_S = 1800


def main():
    port = str(free_port())
    with Fakes(PROGRAM) as stack:
        # Replaces the page's ports and folder with the suite's, and `cargo run` with the built program.
        here = {
            "http://127.0.0.1:9000": stack.base,
            "9002": port,
            ".hookledger/": f"{DATA}/",
            "cargo run -q --": f"{PROGRAM} --data {DATA}",
        }
        terminal, other = blocks(here)
        with Background("watch", "bash", "-euc", terminal, env=environment(AWS_ENDPOINT_URL="")) as watch:
            def is_listening():
                if not watch.is_running():
                    raise Failed(watch.log.read_text())
                return "Runtime server" in watch.log.read_text()

            until("the function is compiled", is_listening, COMPILED_WITHIN_S)
            for command, shown in commands(other):
                check(f"$ {command}", masked(bash(command)), masked(shown))
            key = json.loads((DATA / "local.json").read_text())["api_keys"]["demo"]
            paid(Shop(PROGRAM, None, stack.base, {}), key, next(command for command, _ in commands(other)))
        built()


def paid(shop, key, command):
    """Runs the first command for an order, which it pays."""
    number = shop.ask("POST", "/orders", key, {"product": "credits-100"})[1]["orderNumber"]
    answered = bash(command.replace("succeeded", f"succeeded --order {number}"))
    check("an event about an order is accepted", json.loads(answered)["statusCode"], 200)
    check("the event pays the order", shop.order(number, key)["payment"], "paid")


def built():
    """Builds the function for a container, and writes its event. To run it takes an engine for containers, which CI has not."""
    section = block(PAGE, "sam local invoke").replace("cargo run -q --", f"{PROGRAM} --data {DATA}")
    made = section.replace(".hookledger/", f"{DATA}/").replace("event.json", str(OUTPUT / "event.json"))
    steps = [command for command, _ in commands(made)]
    # Last, since cargo-lambda looks for Zig in the Python that comes first.
    path = f"{os.environ['PATH']}:{TOOLS / 'sam/bin'}"
    run("bash", "-euc", "\n".join(steps[:-1]), env=environment(PATH=path), quiet=True)
    event = json.loads((OUTPUT / "event.json").read_text())
    check("the event of the sample is written", json.loads(event["body"])["eventId"], "sam_1")
    check("the function is built", (ROOT / ".aws-sam/local/UsageFunction/bootstrap").exists(), True)
    check("only the container is left", steps[-1].startswith("sam local invoke --config-env local UsageFunction -e "), True)


def blocks(here):
    """The commands for the first and for the second terminal."""
    found = [block(PAGE, words) for words in ("cargo lambda watch", "cargo lambda invoke")]
    for example in here:
        if not any(example in one for one in found):
            raise Failed(f"{PAGE} has no {example}")
    return [functools.reduce(lambda text, pair: text.replace(*pair), here.items(), one) for one in found]


def commands(text):
    """Each command with the output that the page shows below it."""
    for part in text.split("$ ")[1:]:
        command, shown = part.split("\n", 1)
        yield command, shown


def masked(text):
    """Masks durations, which differ in each run."""
    return re.sub(r"[\d.]+ ms", "_ ms", text).strip()


def bash(command):
    return run("bash", "-euo", "pipefail", "-c", command, quiet=True)


if __name__ == "__main__":
    try:
        main()
        say(f"== the commands of {PAGE} reply as the page shows")
    except Failed as failed:
        raise SystemExit(f"{failed}\nThe logs are in {OUTPUT}") from None
