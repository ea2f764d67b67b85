"""The console's pages empty, with one row of each kind, with ten thousand, and refused: at each width of a desktop and a phone.

A picture of each is left in target/browser, for a person to look through.
"""

import shutil

from console import fits, flagged, is_accessible, refused_event, signed_in
from front import opened
from processes import ROOT

PICTURES = ROOT / "target/browser"
WIDTHS = (1280, 390)
# The narrowest phone that is sold: nothing is scrolled aside there.
NARROWEST = 360
ROWS = 10_000

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


def each_state_fits_and_keeps_no_one_out(folder):
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        look_at(stack, browser, "empty", EMPTY)
        look_at(stack, browser, "error", ERRORS)
        refused_event(stack)
        flagged(stack)
        stack.run("code", "make", "spring", "5", "--reason", "a test")
        look_at(stack, browser, "one-row", ONE)
        stack.run("send", "usage", "--count", str(ROWS))
        browser.open(f"{stack.url}/console/owners?name=demo")
        browser.shows("Older entries")
        look_at(stack, browser, "10000-rows", MANY)


def look_at(stack, browser, state, pages):
    for name, path in pages.items():
        for width in (*WIDTHS, NARROWEST):
            browser.resize(width, 900)
            browser.phone = width
            browser.open(f"{stack.url}/console{path}")
            fits(browser)
            if width != NARROWEST:
                browser.screenshot(PICTURES / f"{state}-{name}-{width}.png")
                is_accessible(browser, f"{state} {path} at {width}")


def bar_is_one_row(folder):
    """At the width of a small laptop, in both languages."""
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        for other in ("中文", "English"):
            browser.resize(1280, 900)
            height = browser.call("POST", "/execute/sync", {"script": BAR_HEIGHT, "args": []})
            assert height < 80, height
            browser.press(other)


BAR_HEIGHT = "return document.querySelector('.bar').getBoundingClientRect().height"

TESTS = [bar_is_one_row, each_state_fits_and_keeps_no_one_out]
