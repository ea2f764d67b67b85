"""A headless Chromium, driven over W3C WebDriver: HTTP and JSON, so that the standard library is enough."""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

# The name under which the protocol returns an element.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
SECONDS = 15
# A browser that does not start says nothing about a page.
STARTS = 3
THEMES = ("light", "dark")
# `run` installs it.
AXE = pathlib.Path(__file__).resolve().parents[2] / "target/ci/axe/node_modules/axe-core/axe.min.js"


class Browser:
    """Closed at the end of a `with`. Waits for the page that a click leads to, as the protocol does."""

    def __init__(self, languages="en", width=1200, height=1000, dark=False):
        program = shutil.which("chromium") or shutil.which("google-chrome")
        options = {"args": arguments(languages, width, height, dark), "binary": program}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        for left in reversed(range(STARTS)):
            try:
                self.start({"capabilities": {"alwaysMatch": wanted}})
                break
            except AssertionError as error:
                print(f"Chromium did not start: {error}\n{self.log()}", flush=True)
                self.stop()
                if not left:
                    raise
        # An element is waited for, as a page is.
        self.call("POST", "/timeouts", {"implicit": 2_000})

    def start(self, session):
        # What it leaves behind, such as the profile of a browser that was killed.
        self.folder = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        command = ["chromedriver", "--port=0", "--verbose", f"--log-path={self.folder.name}/log"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.driver = subprocess.Popen(command, text=True, env={**os.environ, "TMPDIR": self.folder.name}, **pipes)
        for line in self.driver.stdout:
            if port := re.search(r"started successfully on port (\d+)", line):
                break
        self.url = f"http://127.0.0.1:{port.group(1)}/session"
        self.url += "/" + self.call("POST", "", session)["sessionId"]

    def stop(self):
        self.driver.terminate()
        self.driver.wait()
        self.folder.cleanup()

    def log(self):
        """The end of what the driver wrote, and the browser to it."""
        lines = pathlib.Path(self.folder.name, "log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-40:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", "")
        finally:
            self.stop()

    def call(self, method, path, body=None):
        content = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.url + path, content, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=2 * SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as answer:
            raise AssertionError(json.load(answer)["value"]["message"].splitlines()[0]) from None

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def back(self):
        self.call("POST", "/back")

    def address(self):
        return self.call("GET", "/url")

    def element(self, selector):
        using = "xpath" if selector[0] in "/(" else "css selector"
        return self.call("POST", "/element", {"using": using, "value": selector})[ELEMENT]

    def text(self, selector="body"):
        return self.call("GET", f"/element/{self.element(selector)}/text")

    def shows(self, text, selector="body"):
        """Waits until the text is shown: a click may return before the page that it leads to is there."""
        until, shown = time.monotonic() + SECONDS, ""
        while time.monotonic() < until:
            # The element may be of the page before.
            with contextlib.suppress(AssertionError):
                shown = self.text(selector)
                if text in (shown if selector == "body" else [shown]):
                    return
            time.sleep(0.05)
        raise AssertionError(f"{self.address()} does not show {text}, but {shown or self.text()}")

    def click(self, selector):
        self.call("POST", f"/element/{self.element(selector)}/click")

    def press(self, text):
        """Clicks the button with this text, or else the link."""
        named = f"[normalize-space()='{text}']"
        self.click(f"(//button{named} | //a{named}[not(//button{named})])[1]")

    def fill(self, selector, text):
        element = self.element(selector)
        self.call("POST", f"/element/{element}/clear")
        self.call("POST", f"/element/{element}/value", {"text": text})

    def keys(self, text):
        """Presses keys, wherever the focus is. A page is drawn first: a key that comes before may be lost."""
        drawn = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done));"
        self.call("POST", "/execute/async", {"script": drawn, "args": []})
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def focused(self):
        element = self.call("GET", "/element/active")[ELEMENT]
        return self.call("GET", f"/element/{element}/text")

    def width(self):
        """Of the page, and of the window that it is in."""
        script = "return [document.documentElement.scrollWidth, window.innerWidth]"
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def resize(self, width, height):
        """Of the page: a window of its own is never as narrow as a phone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": size})

    def use_theme(self, scheme):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": media})

    def download_to(self, folder):
        """What is downloaded from now on is a file there."""
        params = {"behavior": "allow", "downloadPath": str(folder)}
        self.call("POST", "/goog/cdp/execute", {"cmd": "Page.setDownloadBehavior", "params": params})

    def barriers(self):
        """What axe finds that keeps a person out, in light and in dark."""
        found = []
        for scheme in THEMES:
            self.use_theme(scheme)
            script = f"{AXE.read_text()}\nconst done = arguments[0]; axe.run().then((found) => done(found.violations));"
            for broken in self.call("POST", "/execute/async", {"script": script, "args": []}):
                places = [" ".join(map(str, node["target"])) for node in broken["nodes"]]
                found.append(f"{scheme}: {broken['id']}: {', '.join(places)}")
        return found

    def cookies(self):
        return self.call("GET", "/cookie")

    def complaints(self, expected=()):
        """What the browser logged, such as violations of a policy. A page with the status of a refusal is none of them."""
        messages = [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]
        fine = ("favicon.ico", "a status of 4", *expected)
        return [message for message in messages if not any(part in message for part in fine)]

    def run(self, script):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))


def arguments(languages, width, height, dark):
    chosen = ["--headless=new", "--hide-scrollbars", "--disable-dev-shm-usage"]
    chosen += [f"--window-size={width},{height}", f"--accept-lang={languages}"]
    # Its sandbox refuses to work for root.
    chosen += ["--no-sandbox"] if os.getuid() == 0 else []
    return chosen + (["--blink-settings=preferredColorScheme=0"] if dark else [])
