"""Changes of a running stage: the rotation of a secret, and a second deployment. Neither loses anything."""

import secrets

from process import check, say, until

# A running function refreshes its keys at most once a minute.
ROTATED_WITHIN_S = 120
TABLES = ("journal", "bodies", "accounts", "orders", "subscriptions", "holds", "calls", "operators")


def rotated(shop):
    """Key rotation: both keys are accepted until the old one is retired, which still verifies what waits for its replay."""
    old, forged = shop.deployment.secret("usage")["WEBHOOK_SECRET"], secrets.token_hex(24)
    # A valid signature gets 404, since the event's key is unbound; an invalid one gets 401.
    words = ["--set", "data.remoteKeyId=unbound"]

    def answer(secret):
        return shop.send("usage", shop.named(f"evt-{secrets.token_hex(4)}"), *words, secret=secret)[0]

    def answers(*signed_with):
        """Sends several times: each sandbox has its own copy of the keys, and a forged event makes it refresh them."""
        return {tuple(answer(secret) for secret in (forged, *signed_with)) for _ in range(3)}

    check("before, the old one is accepted", answers(old), {(401, 404)})
    new = shop.asked("secrets", "rotate", "usage", "--reason", "leaked")["newKey"]
    until("both are accepted", lambda: answers(new, old) == {(401, 404, 404)}, ROTATED_WITHIN_S, pause_s=5)
    say("  ok  both are accepted")
    shop.keys["usage"] = new
    check("one key is left", shop.asked("secrets", "retire", "usage", "--reason", "leaked")["keys"], 1)
    until("only the new one is accepted", lambda: answers(new, old) == {(401, 404, 401)}, ROTATED_WITHIN_S, pause_s=5)
    say("  ok  only the new one is accepted")


def deployed_again(shop):
    """A changed app leaves the tables and their rows as they are."""
    deployment = shop.deployment
    before = {table: (described(deployment, table), set(deployment.rows(table))) for table in TABLES}
    deployment.deploy_app(MaxSkewSeconds="86400")
    function = deployment.physical_id("UsageFunction")
    configuration = deployment.client("lambda").get_function_configuration(FunctionName=function)
    check("the app has changed", configuration["Environment"]["Variables"]["MAX_SKEW_SECONDS"], "86400")
    deployment.deploy_data()
    for table, (description, rows) in before.items():
        check(f"{table} is the same table", described(deployment, table), description)
        check(f"{table} has every row", rows - set(deployment.rows(table)), set())
    check("the API answers", shop.ask("GET", "/health")[0], 200)
    status, _ = shop.send("usage", shop.named("evt-again"), "--set", "data.remoteKeyId=unbound")
    check("the secrets are as they were", status, 404)


def described(deployment, table):
    described = deployment.client("dynamodb").describe_table(TableName=deployment.table(table))["Table"]
    return {name: described.get(name) for name in ("TableArn", "TableId", "CreationDateTime", "LatestStreamArn")}
