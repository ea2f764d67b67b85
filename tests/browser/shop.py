"""The shop of examples/shop: a whole visit in the browser, and what it must not do."""

import contextlib
import http.client
import json
import re
import urllib.parse
import urllib.request

from processes import LossyGateway, Shop, Stack, free_port
from webdriver import Browser

PASSWORD = "a long enough password"
SCOPES = "read,grant,orders,keys"


@contextlib.contextmanager
def opened(folder, is_lossy=False):
    port = free_port()
    stack = Stack(folder, f"http://127.0.0.1:{port}")
    gateway = LossyGateway(stack.port) if is_lossy else None
    key = stack.run("key", "make", "shop", "--scopes", SCOPES, "--reason", "the shop")["serviceKey"]
    shop = Shop(folder, port, gateway.url if gateway else stack.url, key)
    try:
        yield stack, shop, gateway
        # Nothing that was secret stands in its log.
        log = shop.log.read_text()
        assert not re.search(r"hk_|hs_|cs_test|password=|Traceback", log), log
    finally:
        shop.kill()
        stack.stop()


def sign_up(browser, shop, email="ann@example.com"):
    browser.open(shop.url)
    browser.press("Sign up")
    browser.shows("Sign up", "h1")
    browser.fill("input[name=email]", email)
    browser.fill("input[name=password]", PASSWORD)
    browser.press("Sign up")


def code_of(stack, credits="20"):
    return stack.run("code", "make", "spring", credits, "--reason", "spring sale")["codes"][0]["code"]


def buy(browser):
    browser.press("100 credits · 9.99 USD")
    browser.shows("9.99 USD", ".sum")
    browser.press("Pay")


def visit_from_sign_up_to_a_key(folder):
    with opened(folder) as (stack, shop, _), Browser(languages="en-US,en") as browser:
        sign_up(browser, shop)
        browser.shows("5", "#balance")
        buy(browser)
        browser.shows("105", "#balance")
        browser.fill("input[name=code]", code_of(stack).lower())
        browser.press("Redeem")
        browser.shows("125", "#balance")
        lines = browser.text("#statement").splitlines()[1:]
        assert [line.split()[3] for line in lines] == ["20", "100", "5"], lines
        browser.fill("input[name=code]", "7K3Q-09ZD-MX4T-8WRA")
        browser.press("Redeem")
        assert browser.text("[role=status]")
        browser.shows("125", "#balance")

        browser.press("Make a key")
        browser.shows("Your new key", "h1")
        key = browser.text("#key")
        request = urllib.request.Request(stack.url + "/v1/account", headers={"authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["balance"] == "125"
        browser.press("Back")
        browser.shows("125", "#balance")
        assert key not in browser.text()
        assert key.encode() not in shop.data.read_bytes(), "the shop keeps no key that it shows"
        (cookie,) = browser.cookies()
        assert cookie["httpOnly"] and cookie["sameSite"] == "Lax", cookie
        browser.press("Sign out")
        browser.shows("Sign up")
        assert not browser.complaints(), browser.complaints()


def other_owner_sees_nothing_of_it(folder):
    with opened(folder) as (_, shop, _), Browser(languages="en-US,en") as browser:
        sign_up(browser, shop)
        buy(browser)
        browser.shows("105", "#balance")
        browser.press("Sign out")
        sign_up(browser, shop, "o'hara&co@example.com")
        browser.shows("5", "#balance")
        browser.shows("o'hara&co@example.com")
        browser.press("Sign out")
        browser.shows("Credits for your programs", "h1")
        for password, shown in [(PASSWORD + "!", "do not belong together"), (PASSWORD, "Your account")]:
            browser.open(shop.url + "/sign-in")
            browser.fill("input[name=email]", "ANN@example.com")
            browser.fill("input[name=password]", password)
            browser.press("Sign in")
            browser.shows(shown)
        browser.shows("105", "#balance")


class Visitor:
    """A client without a browser's manners: it repeats forms, and sends those of others."""

    def __init__(self, shop):
        self.shop, self.cookie = shop, ""

    def send(self, method, path, form=None, headers=()):
        body = urllib.parse.urlencode(form) if form is not None else None
        sent = {"content-type": "application/x-www-form-urlencoded", "cookie": self.cookie, **dict(headers)}
        connection = http.client.HTTPConnection("127.0.0.1", self.shop.port, timeout=60)
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        cookie = answer.headers.get("set-cookie")
        if cookie and sent["cookie"] == self.cookie:
            self.cookie = cookie.split(";")[0]
        return answer, text

    def form(self, path, action):
        """The hidden fields of a form, as a page shows them."""
        _, page = self.send("GET", path)
        form = page.split(f'action="{action}"')[1].split("</form>")[0]
        return dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', form))

    def sign_up(self, email="bob@example.com"):
        form = {**self.form("/sign-up", "/sign-up"), "email": email, "password": PASSWORD}
        answer, text = self.send("POST", "/sign-up", form)
        assert answer.status == 303, text

    def balance(self):
        _, page = self.send("GET", "/")
        return re.search(r'id="balance">([^<]*)<', page).group(1)


def form_of_another_site_is_refused(folder):
    with opened(folder) as (stack, shop, _):
        visitor, other = Visitor(shop), Visitor(shop)
        visitor.sign_up()
        other.sign_up("<script>alert('1')</script>@example.com")
        _, page = other.send("GET", "/")
        assert "<script" not in page and "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;@example.com" in page, page
        code = code_of(stack)
        own, foreign = visitor.form("/", "/redeem"), other.form("/", "/redeem")
        rows = [
            ({**own, "csrf": ""}, (), 403),
            ({**own, "csrf": foreign["csrf"]}, (), 403),
            (own, [("origin", "http://evil.example")], 403),
            (own, [("origin", "null")], 403),
            (own, [("cookie", "")], 403),
            ({**own, "once": ""}, (), 400),
            (own, [("origin", shop.url)], 303),
        ]
        for form, headers, status in rows:
            answer, text = visitor.send("POST", "/redeem", {**form, "code": code}, headers)
            assert answer.status == status, (form, headers, answer.status, text)
            policy = answer.headers.get("content-security-policy", "")
            assert status == 303 or policy.startswith("default-src 'none'; style-src 'sha256-"), policy
        assert visitor.balance() == "25"


def lost_answer_and_crash_double_nothing(folder):
    with opened(folder, is_lossy=True) as (stack, shop, gateway):
        visitor = Visitor(shop)
        gateway.loses = ""
        visitor.sign_up()
        gateway.loses = None
        assert visitor.balance() == "5", "the welcome was given, and its answer was lost"
        code = code_of(stack)
        redeem, buy, key = [visitor.form("/", action) for action in ("/redeem", "/buy", "/keys")]
        forms = [
            ("/redeem", {**redeem, "code": code}, [""], 303),
            ("/buy", {**buy, "product": "credits-100"}, [""], 303),
            # Its own key, and then the one that replaces it.
            ("/keys", {**key, "name": "laptop"}, ["", "/rotate"], 200),
        ]
        for path, form, losses, status in forms:
            for gateway.loses in losses:
                answer, text = visitor.send("POST", path, form)
                assert answer.status == 503 and "nothing is done twice" in text, text
            # Killed in the middle, and started again.
            shop.kill()
            gateway.loses = None
            shop.start()
            answer, text = visitor.send("POST", path, form)
            assert answer.status == status, text
            answer, text = visitor.send("POST", path, form)
            assert answer.status == (409 if path == "/keys" else status), "a secret is shown once"
        assert visitor.balance() == "25"
        lost = [re.sub(r"/(u|api)-\w+", "", path) for path in gateway.lost]
        assert lost == ["/v1/accounts/grants", "/v1/redeem", "/v1/keys", "/v1/keys", "/v1/keys/rotate"], lost
        owner = gateway.lost[0].split("/")[3]
        # One key of the shop's own, and the one that was shown: each has replaced one whose answer was lost.
        key = {"authorization": f"Bearer {shop.settings['SERVICE_KEY']}"}
        request = urllib.request.Request(f"{stack.url}/v1/keys?owner={owner}", headers=key)
        with urllib.request.urlopen(request) as answer:
            live = [key["name"] for key in json.load(answer)["keys"] if key["state"] == "live"]
        assert sorted(live) == ["laptop", "shop"], live


def picture(path):
    """For README.md: an account with a purchase, a code and a key's spending."""
    folder = path.parent / "picture"
    folder.mkdir()
    with opened(folder) as (stack, shop, _), Browser(languages="en-US,en", height=1066) as browser:
        sign_up(browser, shop)
        buy(browser)
        browser.shows("105", "#balance")
        browser.fill("input[name=code]", code_of(stack))
        browser.press("Redeem")
        browser.shows("125", "#balance")
        browser.screenshot(path)


TESTS = [
    visit_from_sign_up_to_a_key,
    other_owner_sees_nothing_of_it,
    form_of_another_site_is_refused,
    lost_answer_and_crash_double_nothing,
]
