"""Clients of the deployed API: buyers and the operator of the shop, and the providers, for which `hookledger send` signs."""

import json
import re
import secrets
import subprocess
import urllib.error
import urllib.request

from process import ROOT, TOOLS, Failed, environment, run
from fakes import DATA, STRANGER


class Shop:
    def __init__(self, program, deployment, url, keys):
        self.program, self.deployment, self.url, self.keys = program, deployment, url.rstrip("/"), keys
        # A suffix of its own for each run, so that runs on the same stage do not collide.
        self.run = secrets.token_hex(3)
        self.api_keys = []

    def named(self, name):
        return f"{name}-{self.run}"

    # -------------------------------------------------------------------------------------------------- its commands

    def command(self, *words, data=DATA):
        """Runs `cargo run -- …` with the environment of the deployment."""
        settings = environment(**self.deployment.cloud.settings)
        return run(self.program, *words, "--data", data, env=settings, quiet=True)

    def books(self, *words):
        return self.command(*words, "--aws", "--stage", self.deployment.stage)

    def asked(self, *words):
        """Its answer as JSON, whatever its exit code: a finding is an answer too. The AWS CLI is at hand, as an operator has it."""
        path = f"{TOOLS / 'aws/bin'}:{environment()['PATH']}"
        settings = environment(**self.deployment.cloud.settings, PATH=path, USER="suite")
        words = [*words, "--aws", "--stage", self.deployment.stage, "--json", "--data", DATA]
        ended = subprocess.run(
            [str(word) for word in (self.program, *words)], cwd=ROOT, env=settings, text=True, capture_output=True, check=False
        )
        try:
            return json.loads(ended.stdout)
        except ValueError:
            raise Failed(f"{words} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}") from None

    def by_hand(self, *words):
        return self.books(*words, "--reason", "the deploy suite", "--author", "suite")

    def open_account(self, owner, credits=None):
        """Creates an owner with an API key and, if given, credits."""
        if credits:
            self.by_hand("account", "credit", owner, credits, "--new")
        key = re.search(r"hk_\w+", self.by_hand("account", "api-key", owner)).group()
        self.api_keys.append(key)
        return key

    def balance(self, account):
        row = self.deployment.rows("accounts").get(account)
        return row["balance_units"]["N"] if row else "0"

    # ------------------------------------------------------------------------------------------------------ a buyer

    def ask(self, method, path, key=None, body=None, headers=None, url=None):
        """Sends a request; returns the status and body of any reply."""
        sent = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request((url or self.url) + path, content, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=35) as answer:
                return answer.status, read(answer.read())
        except urllib.error.HTTPError as answer:
            return answer.code, read(answer.read())

    def order(self, number, key):
        return self.ask("GET", f"/orders/{number}", key)[1]

    # --------------------------------------------------------------------------------------------------- a provider

    def send(self, sample, name, *words, secret=None, order=None):
        """Signs a sample and posts it to the deployed API; returns the status and body of the reply."""
        words = [*words, "--id", name, "--url", self.url, f"--secret={secret or self.keys[sample.split('/')[0]]}"]
        if order:
            words += ["--order", order, "--aws", "--stage", self.deployment.stage]
        try:
            printed = self.command("send", sample, *words)
        except Failed as refused:
            # `send` fails without a 2xx reply, which is a valid result here.
            printed = str(refused)
        # An outcome stands before a body that has one for each event, and its stderr follows the reply.
        reply = r"^(\d{3})  [\d.]+ ms  \S+(?:  [a-z][a-z_ ]*(?=  ))? ?(.*?)(?:\nhookledger: .*)?\Z"
        answer = re.search(reply, printed, re.MULTILINE | re.DOTALL)
        if not answer:
            raise Failed(f"{sample}: {printed}")
        return int(answer.group(1)), read(answer.group(2).strip().encode())

    def sent(self, sample, name, *words):
        """The outcome of each event of a batch."""
        words = [*words, "--id", name, "--url", self.url, f"--secret={self.keys[sample]}"]
        try:
            printed = self.command("send", sample, *words)
        except Failed as refused:
            printed = str(refused)
        return re.findall(r"^\d{3}  [\d.]+ ms  \S+  ([a-z_ ]+)$", printed, re.MULTILINE)

    def stranger(self, source):
        """Keys of another deployment, for forged signatures, in the format of the source's own keys."""
        if not (STRANGER / "secrets.json").exists():
            self.command("event", "usage", data=STRANGER)
        return json.loads((STRANGER / "secrets.json").read_text())[SETTINGS[source]]


# The setting with which the local stack signs for each provider.
SETTINGS = {
    "usage": "WEBHOOK_SECRET",
    "litellm": "LITELLM_KEY",
    "openrouter": "OPENROUTER_KEY",
    "stripe": "STRIPE_WEBHOOK_SECRET",
    "wechat": "WECHAT_LOCAL",
    "epay": "EPAY_LOCAL",
    "fireblocks": "FIREBLOCKS_LOCAL",
}


def read(content):
    """Parses JSON, and returns other content as text."""
    try:
        return json.loads(content)
    except ValueError:
        return content.decode()
