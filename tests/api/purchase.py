"""A client generated from the OpenAPI document buys credits at the fake Stripe, and holds some of them."""

import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request

from process import OUTPUT, ROOT, Failed, check, environment, run, until
from stack import OWNER, Stack

CLIENT = OUTPUT / "client"


def generate():
    """Warnings fail: each is an operation or a type that the client would lack."""
    shutil.rmtree(CLIENT, ignore_errors=True)
    CLIENT.mkdir(parents=True)
    command = ["openapi-python-client", "generate", "--path", ROOT / "docs/openapi.json", "--meta", "none"]
    run(*command, "--output-path", CLIENT / "hookledger", "--fail-on-warning", env=environment(), quiet=True)
    sys.path.insert(0, str(CLIENT))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def pay(url, card):
    """What a buyer's browser does on the payment page."""
    form = urllib.parse.urlencode({"card": card}).encode()
    try:
        urllib.request.build_opener(NoRedirect).open(url, form, timeout=30)
    except urllib.error.HTTPError as answer:
        return answer.code
    return None


def buy(owner):
    from hookledger.api.checkout import pay_with_stripe
    from hookledger.api.orders import create_order, show_order
    from hookledger.models import CheckoutRequest, OrderRequest

    request = {"client": owner, "body": OrderRequest(product="credits-100"), "idempotency_key": "an-order"}
    order = create_order.sync(**request)
    check("the client makes an order", (order.status.value, order.amount), ("unpaid", "9.99"))
    again = create_order.sync_detailed(**request)
    check("a repeat gets the same order", (again.parsed, again.headers["idempotent-replayed"]), (order, "true"))
    page = pay_with_stripe.sync(client=owner, body=CheckoutRequest(order_number=order.order_number))
    check("the page is that of the order", page.order_number, order.order_number)
    check("the page takes a card", pay(page.url, "4242424242424242"), 303)

    def paid():
        shown = show_order.sync(order.order_number, client=owner)
        return shown.payment.value == "paid" and shown

    shown = until("the order is paid", paid, 30)
    check("its credits are delivered", (shown.fulfilment.value, shown.credits_), ("done", "100"))


def hold(shop, owner):
    from hookledger.api.credits_ import open_hold, settle_hold, show_hold, show_statement
    from hookledger.models import HoldRequest, SettleRequest

    body = HoldRequest(owner=OWNER, amount="5", reason="a call of a model")
    opened = open_hold.sync(client=shop, body=body, idempotency_key="a-call")
    check("the shop opens a hold", (opened.state.value, opened.amount), ("open", "5"))
    body = SettleRequest(cost="3.2", reason="a call of a model")
    settled = settle_hold.sync(opened.id, client=shop, body=body, idempotency_key="a-cost")
    check("the shop settles it", (settled.state.value, settled.charged), ("settled", "3.2"))
    check("its owner sees it", show_hold.sync(opened.id, client=owner), settled)
    page = show_statement.sync(OWNER, client=owner, limit=1)
    check("the charge is the newest line", (page.lines[0].id, page.lines[0].amount), (settled.receipt, "-3.2"))


def refusals(shop, owner):
    from hookledger.api.credits_ import grant_credits, show_account, show_own_account
    from hookledger.models import Error, GrantRequest

    body = GrantRequest(amount="1", reason="not the owner's to give")
    refused = grant_credits.sync(OWNER, client=owner, body=body, idempotency_key="a-grant")
    check("a refusal has its type", (type(refused), refused.error), (Error, "service_key_needed"))
    account = show_own_account.sync(client=owner)
    check("owner and shop see one account", show_account.sync(OWNER, client=shop), account)
    check("bought, held and granted credits add up", account.balance, "1000096.8")


def main():
    generate()
    from hookledger import AuthenticatedClient

    with Stack() as stack:
        owner = AuthenticatedClient(base_url=stack.url, token=stack.owner_key)
        shop = AuthenticatedClient(base_url=stack.url, token=stack.service_key)
        buy(owner)
        hold(shop, owner)
        refusals(shop, owner)


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"failed: {failed}")
