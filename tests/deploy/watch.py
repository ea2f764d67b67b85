"""The commands of docs/local-lambda.md, which run one function by itself, and the answers that the page shows."""

import json
import re

from process import LEFT, ROOT, Background, Failed, check, environment, free_port, run, say, until
from shop import Shop
from standins import DATA, Standins
from suite import PROGRAM

PAGE, HEADING = "docs/local-lambda.md", "With cargo-lambda"
# Dependencies of one function alone are compiled with other features than those of them all.
COMPILED_WITHIN_S = 1800


def main():
    port = str(free_port())
    with Standins(PROGRAM) as stack:
        # The page has the ports and the folder that a person would have; and `cargo run` is what was built already.
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


def paid(shop, key, command):
    """The first of the commands, about an order."""
    number = shop.ask("POST", "/orders", key, {"product": "credits-100"})[1]["orderNumber"]
    answered = bash(command.replace("succeeded", f"succeeded --order {number}"))
    check("an event about an order is accepted", json.loads(answered)["statusCode"], 200)
    check("and pays it", shop.order(number, key)["payment"], "paid")


def blocks(here):
    """What goes into the one terminal, and into the other."""
    section = (ROOT / PAGE).read_text().split(f"## {HEADING}\n")[1].split("\n## ")[0]
    for there, instead in here.items():
        if there not in section:
            raise Failed(f"{PAGE} has no {there} under {HEADING}")
        section = section.replace(there, instead)
    found = re.findall(r"^```(?:sh|console)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return found[0], found[1]


def commands(block):
    """Each with what is shown below it."""
    for part in block.split("$ ")[1:]:
        command, shown = part.split("\n", 1)
        yield command, shown


def masked(text):
    """What may differ from one time to the next is how long it took."""
    return re.sub(r"[\d.]+ ms", "_ ms", text).strip()


def bash(command):
    return run("bash", "-euo", "pipefail", "-c", command, quiet=True)


if __name__ == "__main__":
    try:
        main()
        say(f"== the commands of {PAGE} answer as it shows")
    except Failed as failed:
        raise SystemExit(f"{failed}\nThe logs are in {LEFT}") from None
