"""The buyer's page: a visit by the link of a shop, at two widths, in both languages, and what goes wrong."""

import contextlib
import json
import urllib.error
import urllib.request

from processes import LossyGateway, Stack, downloaded
from webdriver import Browser

CARD = "4242 4242 4242 4242"


def ask(url, key, method="GET", body=None, name=None):
    """A call of the API: its status and its body."""
    headers = {"authorization": f"Bearer {key}", **({"idempotency-key": name} if name else {})}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


@contextlib.contextmanager
def opened(folder, is_lossy=False, of_stack=None, **settings):
    """A stack, a browser at the page of an owner who has 10 credits, and the link."""
    stack = Stack(folder, None, of_stack)
    try:
        shop = stack.run("key", "make", "shop", "--scopes", "keys,grant", "--reason", "links")["serviceKey"]
        stack.run("account", "credit", "ann", "10", "--new", "--reason", "a gift")
        wanted = {"kind": "owner", "owner": "ann", "ttlSeconds": 3600, "reason": "a visit"}
        status, made = ask(f"{stack.url}/v1/keys", shop, "POST", wanted, "visit-1")
        assert status == 201 and made["worksUntil"], made
        gateway = LossyGateway(stack.port) if is_lossy else None
        with Browser(**{"languages": "en-US,en", **settings}) as browser:
            browser.open(f"{gateway.url if gateway else stack.url}/me#{made['secret']}")
            yield stack, browser, made["secret"], gateway
            complaints = [line for line in browser.complaints() if "net::ERR" not in line]
            assert not complaints, complaints
    finally:
        stack.stop()


def is_for_everyone(browser):
    page, window = browser.width()
    assert page <= window, f"the page has {page} pixels in a window of {window}"
    barriers = browser.barriers()
    assert not barriers, barriers


def visit_by_link_redeems_buys_and_makes_a_key(folder):
    with opened(folder) as (stack, browser, secret, _):
        browser.shows("ann", "h1")
        browser.shows("10", "#sum")
        assert secret not in browser.address(), "the key is taken out of the address"
        assert not browser.cookies()
        code = stack.run("code", "make", "spring", "20", "--reason", "spring sale")["codes"][0]["code"]
        browser.fill("input[name=code]", code.lower())
        browser.press("Redeem a code")
        browser.shows("20 credits were added.", "#part-redeem [role=status]")
        browser.shows("30", "#sum")
        browser.fill("input[name=code]", code)
        browser.press("Redeem a code")
        browser.shows("You have redeemed this code already.", "#part-redeem [role=status]")
        browser.fill("input[name=code]", "7K3Q-09ZD-MX4T-8WRA")
        browser.press("Redeem a code")
        browser.shows("There is no such code, or it can no longer be redeemed.", "#part-redeem [role=alert]")

        browser.fill("#part-keys input[name=name]", "laptop")
        browser.fill("#part-keys input[name=month]", "5")
        browser.press("Make a key")
        browser.shows("laptop", "(//div[@class='key']/strong[text()='laptop'])[1]")
        made = browser.text("#secret code")
        assert made.startswith("hk_") and made != secret
        status, account = ask(f"{stack.url}/v1/account?include=budgets", made)
        assert (status, account["budgets"][0]["windows"][0]["limit"]) == (200, "5"), account
        assert ask(f"{stack.url}/v1/keys", made, "POST", {"kind": "owner", "owner": "ann", "reason": "r"}, "k")[0] == 403

        browser.click("//button[@aria-label='Rotate laptop']")
        browser.shows("A new key takes its place. The old one works for another day.", "#key-list .row p")
        browser.click("//button[@aria-label='Make the new key laptop']")
        browser.shows("This is the new key. It is shown once: keep it now. The old key works for another day.", "#secret p")
        rotated = browser.text("#secret code")
        assert rotated.startswith("hk_") and rotated != made
        for works in (made, rotated):
            assert ask(f"{stack.url}/v1/account", works)[0] == 200
        # The old one ends by itself, and at once when it is revoked.
        laptops = [key for key in ask(f"{stack.url}/v1/keys", secret)[1]["keys"] if key.get("name") == "laptop"]
        old = next(key["id"] for key in laptops if "revokedAt" in key)
        browser.click(f"//div[@class='key'][code[starts-with(., '{old[:16]}')]]//button[@aria-label='Revoke laptop']")
        browser.click("//button[starts-with(@aria-label, 'Revoke for good')]")
        browser.shows("The key is revoked.", "#done")
        assert [ask(f"{stack.url}/v1/account", key)[0] for key in (secret, rotated)] == [200, 200]
        left = [key for key in ask(f"{stack.url}/v1/keys", secret)[1]["keys"] if key.get("name") == "laptop"]
        assert {key["id"]: key["state"] for key in left} == {key["id"]: "revoked" if key["id"] == old else "live" for key in laptops}

        browser.click("//li[.//strong[contains(., '100')]]//button")
        browser.shows("9.99 USD", ".sum")
        browser.fill("input[name=card]", CARD)
        browser.press("Pay")
        # Else the page that the payment leads to comes after the next one.
        browser.shows("You are back from the payment page. paid")
        browser.open(f"{stack.url}/me")
        browser.shows("130", "#sum")
        browser.shows("paid", "#part-orders .good")
        browser.shows("payment", "(//section[@id='part-statement']//span[@title])[1]")
        is_for_everyone(browser)


def own_statement_is_downloaded_as_csv(folder):
    with opened(folder) as (_, browser, _, _):
        browser.shows("10", "#sum")
        browser.download_to(folder)
        browser.press("Download as CSV")
        rows = downloaded(folder / "ann.csv")
        assert rows[0][0] == "time" and len(rows) == 2 and "10" in rows[1], rows


def provider_that_is_not_set_up_is_not_offered(folder):
    # The local stack has a fake of each, and this one can be switched off.
    ways = "return [...document.querySelectorAll('#part-buy li')].map((one) => one.innerText)"
    for off, has_epay in [({}, True), ({"MOCK_EPAY": "false"}, False)]:
        place = folder / f"epay-{has_epay}"
        place.mkdir()
        with opened(place, of_stack=off) as (_, browser, _, _):
            browser.shows("Buy for 9.99 USD", "#part-buy li button")
            cards = browser.run(ways)
            thousand = next(card for card in cards if "1000" in card)
            assert ("Alipay and others" in thousand) == has_epay, thousand
            assert "WeChat Pay" in thousand and "card" in thousand, thousand


def code_of_wechat_is_shown_until_it_is_paid(folder):
    with opened(folder) as (stack, browser, secret, _):
        browser.shows("10", "#sum")
        browser.click("(//button[contains(., 'WeChat Pay')])[1]")
        browser.shows("This page says so once it is paid.", ".scan .soft")
        label = browser.call("GET", f"/element/{browser.element('svg.qr')}/attribute/aria-label")
        assert label.startswith("Scan this with WeChat to pay 648.00 CNY"), label
        is_for_everyone(browser)
        browser.resize(360, 740)
        is_for_everyone(browser)
        orders = ask(f"{stack.url}/v1/orders", secret)[1]["orders"]
        # A second press shows the code of the same order.
        browser.click("(//button[contains(., 'WeChat Pay')])[1]")
        browser.shows("This page says so once it is paid.", ".scan .soft")
        assert len(ask(f"{stack.url}/v1/orders", secret)[1]["orders"]) == len(orders) == 1, orders
        urllib.request.urlopen(f"{stack.url}/mock/wechat/pay/{orders[0]['orderNumber']}", b"").close()
        browser.shows("It is paid.", "#done")
        browser.shows("1010", "#sum")


def chinese_page_fits_a_phone(folder):
    with opened(folder, languages="zh-CN,zh") as (_, browser, _, _):
        browser.resize(360, 740)
        browser.shows("ann", "h1")
        browser.shows("10", "#sum")
        browser.shows("兑换码", "#redeem")
        is_for_everyone(browser)
        browser.press("English")
        browser.shows("Redeem a code", "#redeem")
        browser.press("Leave")
        browser.shows("Open this page with the link of your shop, or with your key.")
        browser.open(browser.address())
        browser.shows("Your credits", "h1")
        is_for_everyone(browser)


def day_of_a_gateway_key_is_not_shown_as_never_used(folder):
    with opened(folder) as (stack, browser, _, _):
        stack.run("account", "key", "ann", "42", "--reason", "a gateway's")
        browser.open(f"{stack.url}/me")
        browser.shows("gateway-42", "//div[@class='key']/code[.='gateway-42']")
        assert "used" not in browser.text("//div[@class='key'][code='gateway-42']")


def lines_of_a_phone_are_whole(folder):
    cut = """return [...document.querySelectorAll('section, td, td > *')]
        .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline')
        .map((one) => one.outerHTML)"""
    broken = "return [...document.querySelectorAll('td time, td.n')].filter((one) => one.getClientRects().length > 1).length"
    with opened(folder) as (stack, browser, secret, _):
        stack.run("account", "credit", "ann", "50", "--reason", "a gift")
        stack.run("account", "debit", "ann", "50.050050051", "--reason", "a correction")
        status, made = ask(f"{stack.url}/orders", secret, "POST", {"product": "credits-1000", "provider": "wechat"}, "order-1")
        assert status < 300, made
        for width in (390, 360):
            browser.resize(width, 740)
            browser.open(f"{stack.url}/me")
            browser.shows("-50.050050051", "#part-statement tbody td.n")
            browser.shows("unpaid", "#part-orders td > span")
            # As long as a shop's own number.
            browser.run("document.querySelector('#part-orders td code').textContent = 'SHOP-2026-01-01-0000000000001X'")
            assert browser.run(cut) == [], browser.run(cut)
            assert browser.run(broken) == 0
            gap = "const [word, pay] = document.querySelectorAll('#part-orders td > span, #part-orders td > button');" \
                  "return pay.getBoundingClientRect().left - word.getBoundingClientRect().right"
            assert browser.run(gap) >= 6, browser.run(gap)
            is_for_everyone(browser)


def key_that_does_not_work_shows_nothing(folder):
    with opened(folder) as (stack, browser, _, _):
        browser.shows("ann", "h1")
        browser.press("Leave")
        browser.fill("input[name=key]", "hk_" + "0" * 64)
        browser.press("Open")
        browser.shows("This key does not work, or works no longer. Ask your shop for a new link.", "[role=alert]")
        # Only a text, whatever it is.
        browser.open(f"{stack.url}/me#%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
        browser.shows("This key does not work, or works no longer. Ask your shop for a new link.", "[role=alert]")


def lost_answers_make_one_key(folder):
    with opened(folder, is_lossy=True) as (stack, browser, secret, gateway):
        browser.shows("10", "#sum")
        gateway.loses = "/v1/keys"
        browser.fill("#part-keys input[name=name]", "job")
        browser.press("Make a key")
        browser.shows("There is no connection. Nothing was lost: try again.", "#part-keys [role=alert]")
        assert len(gateway.lost) == 3, gateway.lost
        gateway.loses = None
        browser.press("Make a key")
        browser.shows("The key was made, but its secret was lost on the way. Rotate it to get a new one.", "#secret p")
        made = [key for key in ask(f"{stack.url}/v1/keys", secret)[1]["keys"] if key.get("name") == "job"]
        assert len(made) == 1, made


TESTS = [
    visit_by_link_redeems_buys_and_makes_a_key,
    own_statement_is_downloaded_as_csv,
    provider_that_is_not_set_up_is_not_offered,
    code_of_wechat_is_shown_until_it_is_paid,
    chinese_page_fits_a_phone,
    day_of_a_gateway_key_is_not_shown_as_never_used,
    lines_of_a_phone_are_whole,
    key_that_does_not_work_shows_nothing,
    lost_answers_make_one_key,
]
