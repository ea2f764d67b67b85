"""The front page of the local stack and the pages of the fakes."""

import contextlib

from processes import Stack
from webdriver import Browser

CARD, DECLINED = "4242 4242 4242 4242", "4000 0000 0000 0002"
# As the protocol writes them.
TAB, ENTER = "\ue004", "\ue007"


@contextlib.contextmanager
def opened(folder, expected=(), **settings):
    """A stack and a browser, which must not have complained about anything else at the end."""
    stack = Stack(folder, None)
    try:
        with Browser(**settings) as browser:
            yield stack, browser
            complaints = browser.complaints(expected)
            assert not complaints, complaints
    finally:
        stack.stop()


def event_is_booked_once_by_buttons(folder):
    with opened(folder, languages="en-US,en") as (stack, browser):
        browser.open(stack.url)
        browser.shows("The local stack", "h1")
        assert not browser.barriers(), browser.barriers()
        browser.press("Send a usage event")
        browser.press("Send the same event again")
        browser.shows("repeat: not booked again")
        browser.shows("999.99766")
        assert stack.balance("demo") == "999.99766"


def purchase_at_stripe_leads_back(folder):
    with opened(folder, languages="en-US,en") as (stack, browser):
        # Another name of this machine: the page and its buttons work by each.
        browser.open(stack.url.replace("127.0.0.1", "localhost"))
        browser.press("Buy 100 credits (Stripe)")
        browser.shows("9.99 USD", ".sum")
        browser.fill("input[name=card]", DECLINED)
        browser.press("Pay")
        browser.shows("Your card was declined.", "[role=alert]")
        browser.fill("input[name=card]", CARD)
        browser.press("Pay")
        browser.shows("You are back from the payment page. paid")
        browser.shows("1100")
        assert stack.balance("demo") == "1100"


def chinese_page_sells_by_wechat_and_epay(folder):
    with opened(folder, languages="zh-CN,zh") as (stack, browser):
        browser.open(stack.url)
        browser.shows("本地环境", "h1")
        browser.press("购买 1000 积分（微信支付）")
        browser.shows("648.00 CNY", ".sum")
        browser.press("模拟扫码支付 Pay, as if scanned")
        browser.shows("本地环境", "h1")
        browser.shows("已支付")
        browser.press("购买 1000 积分（易支付）")
        browser.press("支付 Pay")
        browser.shows("已支付。", "h1")
        assert stack.balance("demo") == "3000"
        browser.open(stack.url)
        browser.press("English")
        browser.shows("The local stack", "h1")


def page_works_by_keyboard(folder):
    with opened(folder, languages="en-US,en") as (stack, browser):
        browser.open(stack.url)
        browser.keys(TAB)
        assert browser.focused() == "Console"
        browser.keys(TAB)
        assert browser.focused() == "中文"
        browser.keys(TAB)
        assert browser.focused() == "Send a usage event"
        browser.keys(ENTER)
        browser.shows("booked")
        assert stack.balance("demo") == "999.99766"


def pages_fit_a_phone(folder):
    with opened(folder, languages="en-US,en", width=500, height=900, dark=True) as (stack, browser):
        browser.open(stack.url)
        browser.press("Send a usage event")
        browser.shows("booked")
        fits(browser)
        for button in ["Buy 100 credits (Stripe)", "Buy 1000 credits (epay)", "Buy 1000 credits (WeChat Pay)"]:
            browser.open(stack.url)
            browser.press(button)
            browser.shows("no money moves")
            fits(browser)


def fits(browser):
    page, window = browser.width()
    assert page <= window, f"{browser.address()} is {page} wide in {window}"


TESTS = [
    event_is_booked_once_by_buttons,
    purchase_at_stripe_leads_back,
    chinese_page_sells_by_wechat_and_epay,
    page_works_by_keyboard,
    pages_fit_a_phone,
]
