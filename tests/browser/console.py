"""The operator's console: a first sign-in, a failed event found and tried again, on a desktop and on a phone."""

import base64
import decimal
import hashlib
import hmac
import json
import struct
import subprocess
import time
import urllib.request

from front import opened
from processes import PROGRAM

PASSWORD = "correct horse battery"
# Longer than the sweep of refused events takes.
SECONDS = 100


def code_of(secret, now):
    key = base64.b32decode(secret)
    digest = hmac.new(key, struct.pack(">Q", int(now) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def signed_in(stack, browser):
    """By the link that the stack prints. Returns the secret of the codes."""
    return enrolled(browser, json.loads((stack.data / "local.json").read_text())["console_url"])


def enrolled(browser, link):
    browser.open(link)
    browser.shows("Your first sign-in", "h1")
    secret = browser.text("code.copy")
    browser.fill("#password", PASSWORD)
    browser.fill("#code", code_of(secret, time.time()))
    browser.press("Sign in")
    browser.shows("Overview", "h1")
    return secret


def fits(browser):
    page, window = browser.width()
    # A page that is too wide makes the window of a phone as wide.
    window = min(window, getattr(browser, "phone", window))
    assert page <= window, f"{browser.address()} is {page} wide in {window}"


def narrow(browser):
    browser.phone = 360
    browser.resize(browser.phone, 844)


def is_accessible(browser, path):
    """No barrier, in either theme."""
    barriers = browser.barriers()
    assert not barriers, (path, barriers)


def refused_event(stack):
    """A use of a key that no owner has, and then the owner."""
    command = [PROGRAM, "send", "usage", "--set", 'data.remoteKeyId="k-of-alice"', "--id", "evt_late"]
    subprocess.run([*command, "--data", stack.data], capture_output=True, check=False)


def event_is_found_and_tried_again(folder, width=1280, waits=True):
    with opened(folder, languages="en-US,en", width=width, height=900) as (stack, browser):
        signed_in(stack, browser)
        browser.shows("Every event of the last week is booked, or decided about.")
        fits(browser)
        refused_event(stack)
        # As a customer says it: the use is missing.
        browser.fill("#q", "evt_late")
        browser.press("Search")
        browser.shows("no owner has this key")
        browser.shows("stopped", ".badge")
        fits(browser)
        stack.run("account", "credit", "alice", "10", "--reason", "a test", "--new")
        stack.run("account", "key", "alice", "k-of-alice", "--reason", "a test")
        browser.open(f"{stack.url}/console/replay?of=usage%23evt_late")
        browser.shows("Try again now", "h1")
        fits(browser)
        browser.fill("#reason", "the key is bound")
        browser.press("Try again now")
        browser.shows("It is due now")
        until = time.monotonic() + SECONDS
        while waits and "all is well" not in browser.text() and time.monotonic() < until:
            time.sleep(1)
            browser.open(f"{stack.url}/console/explain?q=usage%23evt_late")
        if waits:
            browser.shows("all is well", ".badge")
        fits(browser)
        browser.press("Events")
        browser.shows("Events", "h1")
        browser.shows("replay")
        fits(browser)
        browser.press("Sign out")
        browser.shows("Sign in", "h1")


def event_is_found_and_tried_again_on_a_phone(folder):
    event_is_found_and_tried_again(folder, width=390, waits=False)


def money_is_moved_and_a_key_revoked(folder, is_phone=False):
    """A grant, a charge that is given back, an order that is decided about, and a key that ends: each with its reason."""
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        if is_phone:
            narrow(browser)
        signed_in(stack, browser)
        before = decimal.Decimal(stack.balance("demo"))
        browser.open(f"{stack.url}/console/owners?name=demo")
        browser.shows(f"{before.normalize():f}", ".sum")
        fits(browser)
        amount = "form[action='/console/grant'] input[name=amount]"
        browser.fill(amount, "five")
        browser.press("Grant credits …")
        # The form is not left, and says why.
        assert browser.run(f'return document.querySelector("{amount}").matches(":invalid")'), browser.address()
        browser.shows(f"{before.normalize():f}", ".sum")
        browser.fill(amount, "5")
        browser.press("Grant credits …")
        browser.shows("Grant credits", "h1")
        browser.shows(f"{before + 5:f}", ".facts strong")
        acts(browser, "Grant credits")
        browser.shows(f"{before + 5:f}", ".sum")
        stack.run("send", "usage", "--id", "evt_use")
        charged = before + 5 - decimal.Decimal(stack.balance("demo"))
        assert charged > 0
        browser.fill("#q", "usage#evt_use")
        browser.press("Search")
        browser.press("Give the charge back …")
        browser.shows(f"{charged.normalize():f}", ".facts strong")
        acts(browser, "Give the charge back")
        browser.shows(f"{before + 5:f}", ".sum")
        assert decimal.Decimal(stack.balance("demo")) == before + 5
        browser.press("Revoke …")
        acts(browser, "Revoke the key")
        browser.shows("revoked", ".badge.bad")
        flagged_order_is_decided(stack, browser)
        # The page that has booked it leads back to nothing that books again.
        browser.open(f"{stack.url}/console/events?from=console&since=1h")
        for kind in ("credit", "reverse", "revoke_key", "clear"):
            browser.shows(kind)
        fits(browser)


def flagged_order_is_decided(stack, browser):
    """Another amount is paid than an order costs: found in the list, and closed."""
    number = flagged(stack)
    browser.open(f"{stack.url}/console/orders?show=anomalies")
    browser.shows("another amount was paid than the order costs")
    fits(browser)
    browser.press(number)
    browser.press("Close it, once the provider has refunded it …")
    acts(browser, "Close the anomaly")
    browser.shows("The journal has it")
    browser.open(f"{stack.url}/console/orders?show=anomalies")
    browser.shows("No order needs a person.")


def flagged(stack):
    """An order of the demo, which a payment of another amount flags."""
    key = stack.run("account", "api-key", "demo", "--reason", "a test")["apiKey"]
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(f"{stack.url}/api/pay/checkout", b'{"product": "credits-100"}', headers)
    with urllib.request.urlopen(request) as answer:
        order = json.load(answer)["orderNumber"]
    wrong = ["--set", "data.object.amount_received=1"]
    command = [PROGRAM, "send", "stripe/payment_intent_succeeded", "--order", order, *wrong, "--data", stack.data]
    subprocess.run(command, capture_output=True, check=False)
    return order


def acts(browser, title):
    """The preview fits, keeps no one out, and takes a reason."""
    browser.shows(title, "h1")
    fits(browser)
    is_accessible(browser, title)
    browser.fill("#reason", "a test")
    browser.press(title)
    browser.shows("The journal has it")
    fits(browser)


def money_is_moved_and_a_key_revoked_on_a_phone(folder):
    money_is_moved_and_a_key_revoked(folder, is_phone=True)


def console_speaks_chinese_and_signs_in_by_password(folder):
    with opened(folder, languages="en-US,en", width=360, height=800) as (stack, browser):
        secret = signed_in(stack, browser)
        browser.press("中文")
        browser.shows("概览", "h1")
        fits(browser)
        browser.press("退出")
        browser.shows("登录", "h1")
        browser.fill("#name", "local")
        browser.fill("#password", PASSWORD)
        # A code is accepted once: the next one is.
        browser.fill("#code", code_of(secret, time.time() + 30))
        browser.press("登录")
        browser.shows("概览", "h1")
        # The browser keeps it from scripts.
        cookie = next(cookie for cookie in browser.cookies() if cookie["name"] == "console")
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict", cookie


def pages_are_accessible(folder):
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        browser.open(json.loads((stack.data / "local.json").read_text())["console_url"])
        is_accessible(browser, "first")
        signed_in(stack, browser)
        refused_event(stack)
        stack.run("send", "usage", "--count", "5")
        stack.run("code", "make", "spring", "5", "--reason", "a test")
        flagged(stack)
        each_page_is_accessible(stack, browser)
        # And at the width of a phone.
        narrow(browser)
        each_page_is_accessible(stack, browser)


def each_page_is_accessible(stack, browser):
    late, paths = "usage%23evt_late", ["", "/explain?q=none-of-this", "/events?since=30d", "/owners", "/owners?name=demo", "/health", "/codes", "/codes?campaign=spring"]
    paths += ["/orders?owner=demo", "/orders?show=anomalies", "/grant?owner=demo&amount=1", "/debit?owner=demo"]
    for path in [*paths, f"/explain?q={late}", f"/event?key={late}", f"/replay?of={late}", "/pause?what=litellm"]:
        browser.open(f"{stack.url}/console{path}")
        is_accessible(browser, path)
        fits(browser)


def pictures(folder):
    """For README.md: what a person sees first, why an order was not credited, and an owner."""
    place = folder / "console"
    place.mkdir()
    with opened(place, languages="en-US,en", width=1280, height=960) as (stack, browser):
        signed_in(stack, browser)
        stack.run("send", "usage", "--count", "20")
        refused_event(stack)
        order = flagged(stack)
        pages = {"overview": "", "explain": f"/explain?q={order}", "owner": "/owners?name=demo"}
        for name, path in pages.items():
            browser.open(f"{stack.url}/console{path}")
            browser.screenshot(folder / f"console-{name}.png")
    return [f"console-{name}.png" for name in pages]


TESTS = [
    pages_are_accessible,
    event_is_found_and_tried_again,
    event_is_found_and_tried_again_on_a_phone,
    money_is_moved_and_a_key_revoked,
    money_is_moved_and_a_key_revoked_on_a_phone,
    console_speaks_chinese_and_signs_in_by_password,
]
