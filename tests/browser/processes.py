"""The processes of the suite: the local stack, the shop, and a gateway between them that loses answers."""

import contextlib
import csv
import http.client
import http.server
import json
import os
import pathlib
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/hookledger"
SECONDS = 30


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(is_ready, process):
    until = time.monotonic() + SECONDS
    while not is_ready():
        if time.monotonic() > until or process.poll() is not None:
            sys.exit(f"{process.args} did not start")
        time.sleep(0.05)


def listens(port):
    with socket.socket() as stream:
        return stream.connect_ex(("127.0.0.1", port)) == 0


def downloaded(path):
    """The rows of a file, once the browser has written it: it makes an empty one of that name first."""
    until = time.monotonic() + SECONDS
    while not (path.exists() and path.stat().st_size) and time.monotonic() < until:
        time.sleep(0.1)
    with path.open(newline="") as file:
        return list(csv.reader(file))


class Stack:
    """`cargo run`, whose fake of Stripe sends buyers back to this shop."""

    def __init__(self, folder, shop_url, settings=None):
        self.data, self.port = folder / "data", free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        pages = {}
        if shop_url:
            pages = {"CHECKOUT_SUCCESS_URL": f"{shop_url}/paid", "CHECKOUT_CANCEL_URL": f"{shop_url}/"}
        command = [PROGRAM, "--data", self.data, "--port", str(self.port)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env={**os.environ, **pages, **(settings or {})}, **quiet)
        wait_for((self.data / "local.json").exists, self.process)

    def run(self, *words):
        command = [PROGRAM, *words, "--data", self.data, "--json"]
        # The author of what is done by hand.
        environment = {**os.environ, "USER": "suite"}
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)

    def balance(self, owner):
        return self.run("account", "show", owner)["state"]["balance"]

    @contextlib.contextmanager
    def without(self, table):
        """Meanwhile each call of the store about this table fails, as when the store is down."""
        name = f"hookledger-local-{table}"
        self.rename_tables(name, f"{name}-away")
        try:
            yield
        finally:
            self.rename_tables(f"{name}-away", name)

    def rename_tables(self, old, new):
        """A table, and those of its indexes."""
        with contextlib.closing(sqlite3.connect(self.data / "store.db", timeout=SECONDS)) as store:
            names = [name for name, in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                if name == old or name.startswith(f"{old}::"):
                    store.execute(f'ALTER TABLE "{name}" RENAME TO "{new}{name[len(old):]}"')
            store.commit()

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Shop:
    def __init__(self, folder, port, api, service_key):
        self.port, self.url, self.log = port, f"http://127.0.0.1:{port}", folder / "shop.log"
        self.data = folder / "shop.db"
        self.settings = {
            "HOOKLEDGER_API": api, "SERVICE_KEY": service_key,
            "SHOP_URL": self.url, "SHOP_LISTEN": f"//127.0.0.1:{port}", "SHOP_DATA": str(self.data),
        }
        self.start()

    def start(self):
        command = [sys.executable, "-B", ROOT / "examples/shop/shop.py"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, env={**os.environ, **self.settings}, stderr=log)
        wait_for(lambda: listens(self.port), self.process)

    def kill(self):
        self.process.kill()
        self.process.wait()


class LossyGateway:
    """Passes each request on to the stack, and drops the answers of changes whose path ends with `loses`, if it is set."""

    def __init__(self, port):
        self.loses, self.lost = None, []
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers.get("content-length") or 0)
                onward = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
                headers = {name.lower(): value for name, value in self.headers.items()}
                headers["host"] = f"127.0.0.1:{port}"
                if "origin" in headers:
                    headers["origin"] = f"http://{headers['host']}"
                onward.request(self.command, self.path, self.rfile.read(length), headers)
                answer = onward.getresponse()
                content = answer.read()
                path = urllib.parse.urlsplit(self.path).path
                if gateway.loses is not None and self.command == "POST" and path.endswith(gateway.loses):
                    gateway.lost.append(path)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                self.send_header("content-type", answer.headers.get("content-type", ""))
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
