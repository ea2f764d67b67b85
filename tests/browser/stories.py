"""What a person looks for in the console about money: the way of a payment through all three sides, a renewal, why a customer has
no credits, what happens while a page is open, and a statement as a file."""

import decimal
import json
import subprocess
import time
import urllib.request

from console import enrolled, fits, flagged, is_accessible, narrow, refused_event, signed_in
from front import CARD, ENTER, TAB, opened
from processes import PROGRAM, downloaded

# The page is loaded again every thirty.
REFRESHED_WITHIN = 45
TABS_MAX = 60
LANES = ("theirs", "ours", "shop")


def ordered(stack, product):
    """An order of the demo and its page at Stripe's fake."""
    key = json.loads((stack.data / "local.json").read_text())["api_keys"]["demo"]
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    body = json.dumps({"product": product}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{stack.url}/api/pay/checkout", body, headers)) as answer:
        made = json.load(answer)
    return made["orderNumber"], made["url"]


def paid(stack, browser, product):
    number, page = ordered(stack, product)
    browser.open(page)
    browser.fill("input[name=card]", CARD)
    browser.press("Pay")
    browser.shows("You are back from the payment page. paid")
    return number


def searched(stack, browser, text):
    browser.open(f"{stack.url}/console")
    browser.fill("#q", text)
    browser.press("Search")


def moments(browser, lane):
    script = f"return [...document.querySelectorAll('ol.lanes li.{lane} > div')].map((one) => one.innerText)"
    return browser.run(script)


def payment_is_seen_on_all_three_sides(folder):
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        number = paid(stack, browser, "credits-100")
        searched(stack, browser, number)
        browser.shows("all is well", ".badge")
        theirs, ours, shop = (moments(browser, lane) for lane in LANES)
        # What Stripe did: its page, what it sent about it, and the payment.
        for part in ("the payment page cs_test_", "payment_intent.succeeded", "9.99 USD by stripe#pi_"):
            assert any(part in moment for moment in theirs), (part, theirs)
        for part in ("its signature", "+100 to demo/credits", "everything is delivered"):
            assert any(part in moment for moment in ours), (part, ours)
        assert any("the order, for 9.99 USD by stripe" in moment for moment in shop), shop
        # The page was opened with the order, and before it was paid.
        script = "return [...document.querySelectorAll('ol.lanes li')].map((one) => one.innerText)"
        order = [part for moment in browser.run(script) for part in ("the order,", "payment page", "USD by stripe#") if part in moment]
        assert order == ["the order,", "payment page", "USD by stripe#"], order
        lefts = [browser.run(f"return document.querySelector('li.{lane} > div').getBoundingClientRect().left") for lane in LANES]
        assert lefts == sorted(set(lefts)), f"the lanes are beside one another: {lefts}"
        narrow(browser)
        # There the lanes are one, and each moment names its side.
        browser.shows("· The provider or gateway", "li.theirs .side")
        fits(browser)
        is_accessible(browser, "the explanation of a paid order")


def renewal_is_seen_and_counts_as_paid(folder):
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        number = paid(stack, browser, "pro-monthly")
        second = ["--set", 'data.object.billing_reason="subscription_cycle"', "--set", 'data.object.id="in_second"']
        stack.run("send", "stripe/invoice_paid", "--order", number, *second)
        assert stack.balance("demo") == "2000", "the credits of both periods"
        searched(stack, browser, "in_second")
        browser.shows("all is well", ".badge")
        assert any("invoice.paid" in moment for moment in moments(browser, "theirs"))
        assert any("+500 to demo/credits" in moment for moment in moments(browser, "ours"))
        # A moment later the metrics have it.
        paid_today = "//tr[th[starts-with(., 'Paid USD')]]/td[1]"
        until = time.monotonic() + REFRESHED_WITHIN
        while True:
            browser.open(f"{stack.url}/console")
            if browser.text(paid_today).endswith("59.98 USD") or time.monotonic() > until:
                break
            time.sleep(1)
        browser.shows("59.98 USD", paid_today)


def customer_without_credits_is_helped_by_keyboard(folder):
    """Who says that they have paid: the reason is found and corrected without a mouse."""
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        number = flagged(stack)
        browser.open(f"{stack.url}/console")
        browser.keys("/demo" + ENTER)
        # The customer's page says which order, and why.
        browser.shows("owner demo stopped", "h1")
        browser.shows(f"the order {number} is not done: amount_mismatch: another amount was paid than the order costs", ".why p")
        follow(browser, number)
        browser.shows("amount_mismatch: another amount was paid than the order costs", ".why p")
        follow(browser, "Book the payment …")
        browser.shows("Book the payment", "h1")
        while browser.run("return document.activeElement.id") != "reason":
            browser.keys(TAB)
        browser.keys("seen at Stripe" + ENTER)
        browser.shows("The journal has it")
        browser.shows("all is well", ".badge")
        assert decimal.Decimal(stack.balance("demo")) > 1000


def follow(browser, text):
    """Moves the focus to a link or a button, and presses it."""
    for _ in range(TABS_MAX):
        browser.keys(TAB)
        if browser.focused() == text:
            return browser.keys(ENTER)
    raise AssertionError(f"{text} is not reached by keyboard")


def event_without_its_order_says_what_to_do(folder):
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        known, _ = ordered(stack, "credits-100")
        renamed = ["--set", 'data.object.metadata.hookledger_order="HLMISSING1"']
        command = [PROGRAM, "send", "stripe/payment_intent_succeeded", "--order", known, *renamed, "--data", stack.data]
        subprocess.run(command, capture_output=True, check=False)
        searched(stack, browser, "HLMISSING1")
        browser.shows("order HLMISSING1, which does not exist here stopped", "h1")
        # First what a press does, and then the command for an order that is lost.
        browser.shows("Try again now …", ".fixes li:first-child button")
        browser.shows("Owners", "p.hint a")
        is_accessible(browser, "an order that does not exist")
        narrow(browser)
        fits(browser)


def reader_sees_what_helps_and_is_offered_nothing(folder):
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        number = flagged(stack)
        link = stack.run("operator", "add", "bob", "--role", "reader", "--reason", "a test")["link"]
        enrolled(browser, link)
        for path in (f"/explain?q={number}", "/owners?name=demo", "/health", "/codes"):
            browser.open(f"{stack.url}/console{path}")
            forms = browser.run("return [...document.querySelectorAll('main form')].map((one) => one.getAttribute('action'))")
            assert set(forms) <= {"/console/owners", "/console/codes"}, (path, forms)
            is_accessible(browser, f"{path} to a reader")
        browser.open(f"{stack.url}/console/explain?q={number}")
        hint = "Your role sees and changes nothing: send the address of this page to an operator."
        browser.shows(hint, "p.hint")
        browser.open(f"{stack.url}/console/grant?owner=demo&amount=1")
        browser.shows("A reader sees and changes nothing. Ask an operator.", "[role=alert]")


def open_page_shows_what_happens_meanwhile(folder):
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        browser.press("Refresh every 30 seconds")
        refused_event(stack)
        assert "evt_late" not in browser.text()
        until = time.monotonic() + REFRESHED_WITHIN
        while "evt_late" not in browser.text() and time.monotonic() < until:
            time.sleep(1)
        browser.shows("usage#evt_late", "//td/a[contains(., 'evt_late')]")


def statement_is_downloaded_as_csv(folder):
    with opened(folder, languages="en-US,en", width=1280, height=900) as (stack, browser):
        signed_in(stack, browser)
        stack.run("send", "usage", "--count", "3")
        browser.download_to(folder)
        browser.open(f"{stack.url}/console/owners?name=demo")
        browser.press("As CSV")
        rows = downloaded(folder / "demo.csv")
        assert rows[0] == ["time", "kind", "amount", "asset", "id"], rows[0]
        assert [row[1] for row in rows[1:]] == ["usage", "usage", "usage", "credit"], rows


TESTS = [
    payment_is_seen_on_all_three_sides,
    renewal_is_seen_and_counts_as_paid,
    customer_without_credits_is_helped_by_keyboard,
    event_without_its_order_says_what_to_do,
    reader_sees_what_helps_and_is_offered_nothing,
    open_page_shows_what_happens_meanwhile,
    statement_is_downloaded_as_csv,
]
