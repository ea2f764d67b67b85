"""Every webhook source: a signed event is booked, a repeat changes nothing, and a forged event is refused."""

import re

from process import check, say, until

WALLET = "0x52908400098527886E0F7030069857D2E4169EE7"
OTHER_WORKSPACE = "5e2c6a30-0000-4000-8000-00000000000f"
# The emulator reads the stream within a second, AWS within a few.
FULFILLED_WITHIN_S = 60


def usage(shop):
    say("usage: events of an LLM gateway")
    owner, key = shop.named("gateway"), shop.named("key")
    shop.open_account(owner, credits="10")
    shop.by_hand("account", "key", owner, key)
    event = shop.named("evt-usage")
    words = ["--set", f"data.remoteKeyId={key}", "--set", 'data.creditCost="1.5"']

    status, body = shop.send("usage", event, *words)
    check("a signed event is booked", (status, body["message"]), (200, "Event processed successfully"))
    status, body = shop.send("usage", event, *words)
    check("a repeat gets the reply of a repeat", (status, body["message"]), (200, "Event already processed (idempotent)"))
    forged, _ = shop.send("usage", shop.named("evt-forged"), *words, secret=shop.stranger("usage"))
    check("a forged one is refused", forged, 401)
    check("it was deducted once", shop.balance(f"{owner}/credits"), "8500000000")
    batch = ["--batch", "--count", "3", *words[:2], "--set", 'data.creditCost="1"']
    check("a batch is booked", shop.sent("usage", shop.named("evt-batch"), *batch), ["booked"] * 3)
    check("its repeat is not", shop.sent("usage", shop.named("evt-batch"), *batch), ["repeat"] * 3)
    shop.by_hand("account", "credit", owner, "3")
    check("its owner pays for three", shop.balance(f"{owner}/credits"), "8500000000")
    for _ in range(2):
        shop.by_hand("reverse", f"usage#{event}", "--amount", "0.5")
    check("a part of it is given back once", shop.balance(f"{owner}/credits"), "9000000000")


def litellm(shop):
    say("litellm: usage under a static key")
    owner, key = shop.named("litellm-shop"), shop.named("litellm-key")
    shop.open_account(owner, credits="10")
    shop.by_hand("account", "key", owner, key)
    event = shop.named("chatcmpl")
    # A hundred credits a dollar, and a markup of a fifth.
    words = ["--set", f"metadata.user_api_key_hash={key}", "--set", "response_cost=1.25e-02"]

    def outcome(answer):
        return answer[0], [result["outcome"] for result in answer[1]["results"]]

    check("a use is booked", outcome(shop.send("litellm", event, *words)), (200, ["booked"]))
    check("a repeat is not", outcome(shop.send("litellm", event, *words)), (200, ["duplicate"]))
    forged, _ = shop.send("litellm", shop.named("chatcmpl-forged"), *words, secret=shop.stranger("litellm"))
    check("one under another key is refused", forged, 401)
    check("it was deducted once", shop.balance(f"{owner}/credits"), "8500000000")


def openrouter(shop):
    say("openrouter: usage under a static key")
    owner, key = shop.named("openrouter-shop"), shop.named("openrouter-key")
    shop.open_account(owner, credits="10")
    shop.by_hand("account", "key", owner, key)
    event = shop.named("gen")
    attributes = "resourceSpans.0.scopeSpans.0.spans.0.attributes"
    # A hundred credits a dollar, and a markup of a fifth.
    words = ["--set", f"{attributes}.9.value.stringValue={key}", "--set", f"{attributes}.8.value.doubleValue=1.25e-02"]

    def outcome(answer):
        return answer[0], [result["outcome"] for result in answer[1]["results"]]

    check("a use is booked", outcome(shop.send("openrouter", event, *words)), (200, ["booked"]))
    check("a repeat is not", outcome(shop.send("openrouter", event, *words)), (200, ["duplicate"]))
    forged, _ = shop.send("openrouter", shop.named("gen-forged"), *words, secret=shop.stranger("openrouter"))
    check("one under another key is refused", forged, 401)
    check("it was deducted once", shop.balance(f"{owner}/credits"), "8500000000")


def codes(shop):
    say("codes: a code is redeemed once by its owner")
    owner = shop.named("redeemer")
    made = shop.by_hand("code", "make", shop.named("spring"), "5", "--uses", "2")
    code = re.search(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}", made).group()
    for _ in range(2):
        shop.books("code", "redeem", owner, code, "--new")
    check("it gives its credits once", shop.balance(f"{owner}/credits"), "5000000000")
    key = shop.open_account(other := shop.named("other-redeemer"))
    status, redeemed = shop.ask("POST", "/v1/redeem", key, {"code": code})
    check("another owner redeems it over the API", (status, redeemed.get("amount")), (201, "5"))
    check("and has its credits", shop.balance(f"{other}/credits"), "5000000000")
    status, wrong = shop.ask("POST", "/v1/redeem", shop.open_account(shop.named("late-redeemer")), {"code": code})
    check("a third is refused", (status, wrong["error"]), (404, "code_not_found"))


def credits_api(shop):
    say("credits: a shop's server grants credits, holds some for a call and settles it")
    owner = shop.named("member")
    key = re.search(r"hs_\w+", shop.by_hand("key", "make", "suite", "--scopes", "read,grant,spend")).group()
    shop.api_keys.append(key)

    def change(path, name, **body):
        headers = {"idempotency-key": shop.named(name)}
        return shop.ask("POST", path, key, {**body, "reason": "the deploy suite"}, headers)

    grants = [change(f"/v1/accounts/{owner}/grants", "grant", amount="10") for _ in range(2)]
    check("a grant answers with its receipt, and a repeat with the same", (grants[0][0], grants[1]), (201, grants[0]))
    status, hold = change("/v1/holds", "hold", owner=owner, amount="5")
    check("credits are held", (status, hold["state"]), (201, "open"))
    status, settled = change(f"/v1/holds/{hold['id']}/settle", "settle", cost="3.5")
    check("the hold is settled", (status, settled["state"], settled["charged"]), (200, "settled", "3.5"))
    status, account = shop.ask("GET", f"/v1/accounts/{owner}", key)
    check("the account shows it", (status, account["balance"], account["held"]), (200, "6.5", "0"))
    back = [change("/v1/reversals", "reverse", use=settled["receipt"], amount="1.5") for _ in range(2)]
    check("a part of the charge is given back once", (back[0][0], back[1], back[0][1]["amount"]), (201, back[0], "1.5"))
    check("the balance has it", shop.balance(f"{owner}/credits"), "8000000000")
    status, catalog = shop.ask("GET", "/v1/catalog", key)
    check("the catalog shows what is sold", (status, catalog["products"][0]["id"]), (200, "credits-100"))
    campaign = shop.named("summer")
    made = [change("/v1/codes", "codes", campaign=campaign, credits="2", count=2) for _ in range(2)]
    check("codes are made once, and a repeat shows them", (made[0][0], made[1]), (201, made[0]))
    code = made[0][1]["codes"][0]["code"]
    redeemed = [shop.ask("POST", "/v1/redeem", key, {"code": code, "owner": owner}) for _ in range(2)]
    check("a code is redeemed once", (redeemed[0][0], redeemed[1]), (201, redeemed[0]))
    check("the balance has it, too", shop.balance(f"{owner}/credits"), "10000000000")
    until("the index has both codes", lambda: len(shop.ask("GET", f"/v1/codes/{campaign}", key)[1].get("codes", [])) == 2, 60)
    campaigns = lambda: [of["campaign"] for of in shop.ask("GET", "/v1/codes", key)[1].get("campaigns", [])]
    until("the index has the campaign", lambda: campaign in campaigns(), 60)
    headers = {"idempotency-key": shop.named("revoke")}
    status, revoked = shop.ask("DELETE", f"/v1/codes/{campaign}", key, {"reason": "the deploy suite"}, headers)
    check("the campaign is revoked", (status, len(revoked["revoked"]), revoked["next"]), (200, 2, None))
    keys_over_the_api(shop, owner)
    status, document = shop.ask("GET", "/v1/openapi.json")
    check("the document is served without a key", (status, document["openapi"]), (200, "3.1.0"))
    check("another key sees no account", shop.ask("GET", f"/v1/accounts/{owner}", shop.open_account(shop.named("other")))[0], 404)


def administrator(shop, name):
    admin = re.search(r"hs_\w+", shop.by_hand("key", "make", name, "--scopes", "admin")).group()
    shop.api_keys.append(admin)
    return admin


def keys_over_the_api(shop, owner):
    admin = administrator(shop, "suite-admin")

    def change(method, path, once, **body):
        headers = {"idempotency-key": shop.named(once)}
        return shop.ask(method, path, admin, {**body, "reason": "the deploy suite"}, headers)

    made = [change("POST", "/v1/keys", "make-key", kind="owner", owner=owner) for _ in range(2)]
    secret, key = made[0][1].pop("secret"), f"/v1/keys/{made[0][1]['key']}"
    shop.api_keys.append(secret)
    check("a repeat names the key without its secret", (made[0], "secret" in made[1][1]), (made[1], False))
    check("the key sees its owner", shop.ask("GET", "/v1/account", secret)[0], 200)
    check("the key is named", change("PATCH", key, "set-key", name="suite", budget={"day": "5"})[0], 200)
    status, rotated = change("POST", f"{key}/rotate", "rotate-key", graceSeconds=0)
    shop.api_keys.append(rotated["secret"])
    check("the key is rotated", (status, rotated["replaces"]), (201, made[0][1]["key"]))
    check("the new one sees its owner", shop.ask("GET", "/v1/account", rotated["secret"])[0], 200)
    check("the old one is revoked", shop.ask("GET", key, admin)[1]["state"], "revoked")
    status, service = change("POST", "/v1/keys", "make-service", kind="service", name="till", scopes=["read"])
    shop.api_keys.append(service["secret"])
    check("a service key is made and revoked", (status, change("DELETE", f"/v1/keys/{service['key']}", "revoke-key")[0]), (201, 200))
    status, listed = shop.ask("GET", f"/v1/keys?owner={owner}", admin)
    check("both keys are listed", (status, [key["state"] for key in listed["keys"]][-2:]), (200, ["revoked", "live"]))
    path = f"/v1/keys/{rotated['key']}"
    until("the use of the key is noted", lambda: shop.ask("GET", path, admin)[1].get("lastUsed"), 60)
    check("the key gets a rate", change("PATCH", path, "rate-key", rate=1)[0], 200)
    refused = until(
        "the rate of the key holds",
        lambda: (reply := shop.ask("GET", "/v1/account", rotated["secret"]))[0] == 429 and reply,
        120,
    )
    check("a call beyond it gets 429", refused[1]["error"], "rate_exceeded")


def stripe(shop):
    say("stripe: credits, bought through checkout")
    owner = shop.named("buyer")
    key = shop.open_account(owner)
    status, order = shop.ask("POST", "/api/pay/checkout", key, {"product": "credits-100"})
    check("checkout makes an order", (status, order["status"]), (201, "unpaid"))
    status, again = shop.ask("POST", "/api/pay/checkout", key, {"product": "credits-100"})
    check("a second click is the same order", (status, again["url"]), (200, order["url"]))

    def sent(name, **who):
        return shop.send("stripe/checkout_session_completed", shop.named(name), order=order["orderNumber"], **who)[0]

    check("a forged payment is refused", sent("evt-forged", secret=shop.stranger("stripe")), 400)
    check("a forged payment pays nothing", shop.order(order["orderNumber"], key)["payment"], "unpaid")
    check("a signed one is booked", sent("evt-paid"), 200)
    check("a repeat is accepted", sent("evt-paid"), 200)
    check("the order is paid", shop.order(order["orderNumber"], key)["payment"], "paid")
    check("the credits are there once", shop.balance(f"{owner}/credits"), "100000000000")


def epay(shop):
    say("epay: an order paid at a gateway")
    owner = shop.named("epay-buyer")
    key = shop.open_account(owner)
    status, order = shop.ask("POST", "/api/pay/epay", key, {"product": "credits-1000"})
    check("checkout signs the gateway's address", (status, "/submit.php?" in order["url"]), (201, True))

    def sent(sample, **who):
        return shop.send(f"epay/{sample}", shop.named("trade"), order=order["orderNumber"], **who)

    check("a forged notification is refused", sent("notify_v1_get", secret=shop.stranger("epay")), (400, "fail"))
    if shop.deployment.cloud.has_fakes:
        check("a signed one that the gateway does not confirm is kept", sent("notify_v1_get"), (409, "fail"))
        paid = {"pid": "1001", "trade_no": shop.named("trade"), "out_trade_no": order["orderNumber"]}
        paid = {**paid, "money": order["amount"], "trade_status": "TRADE_SUCCESS"}
        status = shop.ask("POST", "/mock/epay/events", body={"params": paid}, url=shop.fakes)[0]
        check("it is paid at the gateway", status, 204)
    check("a signed one is booked", sent("notify_v1_get"), (200, "success"))
    check("a repeat is accepted", sent("notify_v1_get"), (200, "success"))
    check("the credits are there once", shop.balance(f"{owner}/credits"), "1000000000000")
    check("the gateway's status page answers", shop.ask("GET", "/payment/status")[0], 200)


def wechat(shop):
    say("wechat: an order paid by WeChat Pay")
    owner = shop.named("wechat-buyer")
    key = shop.open_account(owner)
    made, order = shop.ask("POST", "/orders", key, {"product": "credits-1000", "provider": "wechat"})
    check("an order is made", made, 201)
    number = order["orderNumber"]
    if shop.deployment.cloud.has_fakes:
        status, begun = shop.ask("POST", "/payment/create", key, {"orderNumber": number})
        check("its payment is begun at WeChat", (status, bool(begun.get("codeUrl"))), (200, True))

    def sent(name, **who):
        return shop.send("wechat/v3_payment", shop.named(name), order=number, **who)[0]

    check("a forged notification is refused", sent("forged", secret=shop.stranger("wechat")), 401)
    check("a signed one is booked", sent("paid"), 200)
    check("a repeat is accepted", sent("paid"), 200)
    check("the credits are there once", shop.balance(f"{owner}/credits"), "1000000000000")


def fireblocks(shop):
    say("fireblocks: tokens that are sent to a wallet")
    owner = shop.named("holder")
    key = shop.open_account(owner)
    wanted = {"product": "posx-10", "provider": "stripe", "wallet": WALLET}
    number = shop.ask("POST", "/orders", key, wanted)[1]["orderNumber"]
    check("the order is paid", shop.send("stripe/payment_intent_succeeded", shop.named("evt-tokens"), order=number)[0], 200)

    def sent():
        return shop.order(number, key).get("transfer") not in (None, "DUE")

    until("the stream sends the tokens", sent, FULFILLED_WITHIN_S)
    say("  ok  the stream sends the tokens")

    def delivered(name, *words, **who):
        return shop.send("fireblocks/v2_completed", shop.named(name), *words, order=number, **who)[0]

    # Signed with the same keys: an installation has one key set for all its workspaces.
    theirs = ["--set", f"workspaceId={OTHER_WORKSPACE}", "--set", "data.id=another"]
    check("one of another workspace is accepted", delivered("theirs", *theirs), 200)
    check("one of another workspace does not complete the transfer", shop.order(number, key)["transfer"] == "COMPLETED", False)
    check("a forged webhook is refused", delivered("forged", secret=shop.stranger("fireblocks")), 401)
    check("a signed one is booked", delivered("arrived"), 200)
    check("a repeat is accepted", delivered("arrived"), 200)
    check("the transfer has arrived", shop.order(number, key)["transfer"], "COMPLETED")
    check("the tokens have left the books once", shop.balance(f"{owner}/POSX"), "0")
    exported_and_erased(shop, owner, number)
    check("a repeat after the erasure is accepted", delivered("arrived"), 200)
    check("an event after the erasure is booked", delivered("arrived-late"), 200)
    check("the tokens have left the books once, still", shop.balance(f"{owner}/POSX"), "0")


def exported_and_erased(shop, owner, number):
    admin = administrator(shop, "suite-privacy")

    def exported():
        parts, query = [], ""
        while True:
            status, page = shop.ask("POST", f"/v1/owners/{owner}/export{query}", admin)
            check(f"a page of the export: {page.get('part')}", status, 200)
            parts.append(page)
            if page["next"] is None:
                return [order for part in parts for order in part.get("orders", []) if order["orderNumber"] == number][0]
            query = f"?cursor={page['next']}"

    check("the export has the wallet", exported()["wallet"], WALLET)
    headers = {"idempotency-key": shop.named("erase")}
    body = {"reason": "the deploy suite"}
    erased = [shop.ask("DELETE", f"/v1/owners/{owner}/personal-data", admin, body, headers) for _ in range(2)]
    check("the order is erased once", (erased[0][0], erased[0][1]["erased"], erased[1]), (200, [number], erased[0]))
    check("the export has no wallet", "wallet" in exported(), False)
