"""The local stack with books of its own: an owner with credits, keys, holds, orders and usage."""

import json
import os
import shutil
import urllib.request

from process import OUTPUT, ROOT, Background, Failed, run, until

PROGRAM = ROOT / "target/debug/hookledger"
DATA = OUTPUT / "api"
OWNER = "alice"


class Stack:
    def __enter__(self):
        shutil.rmtree(DATA, ignore_errors=True)
        # Settings of the surrounding environment are not those of the test.
        self.settings = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
        # More orders than a shop has open: each request for one may make another.
        self.settings |= {"USER": "tester", "MAX_OPEN_ORDERS": "0", "LOG_LEVEL": "warn"}
        self.background = Background("api-stack", PROGRAM, "--port", "0", "--data", DATA, env=self.settings)
        self.background.__enter__()
        self.url = until("the local stack", self.announced, 60, 0.1)
        self.owner_key = self.made("apiKey", "account", "api-key", OWNER)
        self.service_key = self.made("serviceKey", "key", "make", "shop", "--scopes", "admin")
        self.change(f"accounts/{OWNER}/grants", amount="1000000")
        return self

    def __exit__(self, *raised):
        self.background.__exit__(*raised)

    def announced(self):
        if not self.background.is_running():
            raise Failed(f"the local stack ended: {self.background.log.read_text()}")
        path = DATA / "local.json"
        running = json.loads(path.read_text()) if path.is_file() else {}
        return running.get("pid") == self.background.process.pid and running["base_url"]

    def command(self, *words):
        return run(PROGRAM, *words, "--data", DATA, env=self.settings, quiet=True)

    def made(self, member, *words):
        """A key. The note that it is shown once comes before the JSON."""
        printed = self.command(*words, "--reason", "a test", "--json")
        return json.loads(printed[printed.index("{") : printed.rindex("}") + 1])[member]

    def post(self, path, key, body, **headers):
        headers |= {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def change(self, path, **body):
        self.changes = getattr(self, "changes", 0) + 1
        headers = {"idempotency-key": f"seed-{self.changes}"}
        return self.post(f"/v1/{path}", self.service_key, {"reason": "a test", **body}, **headers)

    def hold(self):
        return self.change("holds", owner=OWNER, amount="2", ttlSeconds=86400)["id"]

    def order(self, **body):
        return self.post("/orders", self.owner_key, {"product": "credits-100", **body})["orderNumber"]
