"""The pages empty, with one row of each kind, with ten thousand, refused, paused and without their store: at each width of a
desktop and a phone, and in both themes.

A picture of each is left in target/browser, for a person to look through.
"""

import contextlib
import shutil
import time

import buyer
from console import fits, flagged, is_accessible, refused_event, signed_in
from front import opened
from processes import ROOT, Stack
from webdriver import THEMES, Browser

PICTURES = ROOT / "target/browser"
# The last is the narrowest phone that is sold: nothing is scrolled aside there.
WIDTHS = (1280, 390, 360)
ROWS = 10_000
PICTURE_HEIGHT_MAX = 4_000
DOWN = "a status of 503"

LISTS = {
    "overview": "", "events": "/events?since=30d", "refused": "/events?failed=1&since=30d", "orders": "/orders",
    "anomalies": "/orders?show=anomalies", "codes": "/codes", "health": "/health",
}
EMPTY = {**LISTS, "stuck": "/orders?show=stuck", "owners": "/owners", "owner": "/owners?name=none-such"}
ONE = {**LISTS, "owner": "/owners?name=demo", "campaign": "/codes?campaign=spring"}
MANY = {**LISTS, "month": "?since=30d", "owner": "/owners?name=demo", "events-of-hour": "/events?since=1h"}
ERRORS = {
    "no-row": "/explain?q=none-of-this", "no-event": "/event?key=stripe%23none", "no-page": "/none",
    "no-amount": "/grant?owner=demo&amount=a-lot", "no-payment": "/accept?order=HL1&payment=pi_1",
}
PAUSED = {"overview": "", "health": "/health"}
UNAVAILABLE = "The store does not answer."


def each_state_fits_and_keeps_no_one_out(folder):
    shutil.rmtree(PICTURES, ignore_errors=True)
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        look_at(stack, browser, "empty", EMPTY)
        look_at(stack, browser, "error", ERRORS)
        refused_event(stack)
        order = flagged(stack)
        stack.run("code", "make", "spring", "5", "--reason", "a test")
        look_at(stack, browser, "one-row", {**ONE, "explain": f"/explain?q={order}"})
        stack.run("pause", "stripe", "--reason", "a test")
        browser.open(f"{stack.url}/console")
        browser.shows("stripe paused", ".why h2")
        look_at(stack, browser, "paused", PAUSED)
        stack.run("resume", "stripe", "--reason", "a test")
        stack.run("send", "usage", "--count", str(ROWS))
        browser.open(f"{stack.url}/console/owners?name=demo")
        browser.shows("Older entries")
        look_at(stack, browser, "10000-rows", MANY)


def page_without_its_store_says_so(folder):
    with opened(folder, expected=[DOWN], languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        # A visitor is recognized, or not even that.
        with stack.without("journal"):
            browser.open(f"{stack.url}/console/events")
            browser.shows("Sign out", "form[action='/console/sign-out'] button")
            browser.shows("Not shown", "h1")
            assert UNAVAILABLE in browser.text("[role=alert]")
            pictured(browser, "unavailable-events")
        browser.press("Try again")
        browser.shows("Events", "h1")
        with stack.without("operators"):
            browser.open(f"{stack.url}/console")
            assert UNAVAILABLE in browser.text("[role=alert]")
            pictured(browser, "unavailable-overview")
        # Nothing is lost by it.
        browser.open(f"{stack.url}/console")
        browser.shows("Overview", "h1")


def each_state_of_the_buyers_page_fits_and_keeps_no_one_out(folder):
    with buyers(folder, "ann") as (stack, browser, link):
        browser.open(link("none-yet"))
        browser.shows("There is no movement yet. What you buy, redeem and use appears here.")
        pictured(browser, "me-empty")
        browser.open(link("ann"))
        browser.shows("10", "#sum")
        pictured(browser, "me-one-row")
        browser.open(f"{stack.url}/me#hk_" + "0" * 64)
        browser.shows("This key does not work, or works no longer. Ask your shop for a new link.", "[role=alert]")
        pictured(browser, "me-error")
        stack.run("send", "usage", "--count", str(ROWS))
        browser.open(link("demo"))
        browser.shows("Show more", "#part-statement button")
        pictured(browser, "me-10000-rows")
        ann = link("ann")
        with stack.without("journal"):
            browser.open(ann)
            # The rest of the page is there.
            browser.shows("It does not work at the moment. Nothing was lost: try again.", "#part-statement [role=alert]")
            browser.shows("10", "#sum")
            pictured(browser, "me-unavailable-statement")
        browser.press("Try again")
        browser.shows("credit", "#part-statement td span")
        with stack.without("accounts"):
            browser.open("about:blank")
            browser.open(ann)
            browser.shows("It does not work at the moment. Nothing was lost: try again.", "main > [role=alert]")
            pictured(browser, "me-unavailable")
        browser.press("Try again")
        browser.shows("10", "#sum")


@contextlib.contextmanager
def buyers(folder, owner):
    """A stack, a browser, and what makes a link to the page of an owner."""
    stack = Stack(folder, None)
    try:
        shop = stack.run("key", "make", "shop", "--scopes", "keys,grant", "--reason", "links")["serviceKey"]
        stack.run("account", "credit", owner, "10", "--new", "--reason", "a gift")

        def link(to):
            wanted = {"kind": "owner", "owner": to, "ttlSeconds": 3600, "reason": "a visit"}
            status, made = buyer.ask(f"{stack.url}/v1/keys", shop, "POST", wanted, f"visit-{time.monotonic_ns()}")
            assert status == 201, made
            return f"{stack.url}/me#{made['secret']}"

        with Browser(languages="en-US,en", width=1280, height=900) as browser:
            yield stack, browser, link
            complaints = browser.complaints([DOWN])
            assert not complaints, complaints
    finally:
        stack.stop()


def look_at(stack, browser, state, pages):
    for name, path in pages.items():
        browser.open(f"{stack.url}/console{path}")
        pictured(browser, f"{state}-{name}")


def pictured(browser, name):
    """It fits at each width and keeps no one out, and a picture of it is left in each theme."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        browser.resize(width, 900)
        browser.phone = width
        fits(browser)
        is_accessible(browser, f"{name} at {width}")
        height = browser.run("return document.documentElement.scrollHeight")
        browser.resize(width, min(height, PICTURE_HEIGHT_MAX))
        for theme in THEMES:
            browser.use_theme(theme)
            browser.screenshot(PICTURES / f"{name}-{width}-{theme}.png")


def bar_is_one_row(folder):
    """At the width of a small laptop, in both languages."""
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        for other in ("中文", "English"):
            browser.resize(1280, 900)
            height = browser.run(BAR_HEIGHT)
            assert height < 80, height
            browser.press(other)


BAR_HEIGHT = "return document.querySelector('.bar').getBoundingClientRect().height"

TESTS = [
    bar_is_one_row,
    each_state_fits_and_keeps_no_one_out,
    page_without_its_store_says_so,
    each_state_of_the_buyers_page_fits_and_keeps_no_one_out,
]
