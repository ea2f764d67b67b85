"""Settings that forbid: a stack that does not deploy, a function that does not start, a signature that is not accepted."""

import contextlib
import secrets

from botocore.exceptions import ClientError

from process import check, say, until

# A change set takes seconds; a sandbox with the old settings ends as soon.
CHANGED_WITHIN_S = 120
# The capabilities for roles of a stack, and for SAM's transform.
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


def forbidden(shop):
    say("settings: what they forbid")
    deployment = shop.deployment
    # The first change is allowed, as a baseline for the others. None of them is deployed.
    check("a longer retention of logs can be deployed", is_deployable(deployment, LogRetentionDays="14"), True)
    check("the stage `local` cannot", is_deployable(deployment, Stage="local"), False)
    vault = {"FireblocksVault": "0", "FireblocksWorkspace": ""}
    check("a vault without a workspace cannot", is_deployable(deployment, **vault), False)

    def health():
        return shop.ask("GET", "/health")[0]

    def click():
        return shop.ask("POST", "/api/pay/checkout", body={"product": "credits-100"})[0]

    def signed_over_the_body():
        words = ["--set", "data.remoteKeyId=no-such-key"]
        return shop.send("usage", shop.named(f"evt-{secrets.token_hex(4)}"), *words)[0]

    # The settings, and a request with its status without and with them. If a function does not start, API Gateway replies 5xx.
    elsewhere = {"AWS_ENDPOINT_URL": "https://elsewhere.invalid", "ALLOW_ENDPOINT_URL": "false"}
    plain_page = {"CHECKOUT_SUCCESS_URL": "http://shop.example/paid", "CHECKOUT_HTTP_URLS": "false"}
    rows = (
        ("a function that is led to another AWS does not start", "OrdersFunction", elsewhere, health, 200, range(500, 600)),
        ("nor does checkout with a page without TLS", "CheckoutFunction", plain_page, click, 401, range(500, 600)),
        (
            "an HMAC over the body alone is refused",
            "UsageFunction",
            {"FORBID_BODY_ONLY_HMAC": "true"},
            signed_over_the_body,
            404,
            (401,),
        ),
    )
    for what, function, settings, request, allowed, refused in rows:
        until(f"{what}: before", lambda: request() == allowed, CHANGED_WITHIN_S)
        with set_to(deployment, function, settings):
            until(what, lambda: request() in refused, CHANGED_WITHIN_S)
            say(f"  ok  {what}")
        until(f"{what}: afterwards", lambda: request() == allowed, CHANGED_WITHIN_S)


def is_deployable(deployment, **changed):
    """Whether CloudFormation accepts these parameters in place of the deployed ones. Nothing is deployed."""
    client, stack = deployment.client("cloudformation"), f"hookledger-{deployment.stage}"
    deployed = client.describe_stacks(StackName=stack)["Stacks"][0]["Parameters"]
    names = [parameter["ParameterKey"] for parameter in deployed]
    kept = [{"ParameterKey": name, "UsePreviousValue": True} for name in names if name not in changed]
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in changed.items()]
    name = f"forbidden-{secrets.token_hex(4)}"
    try:
        client.create_change_set(
            StackName=stack, ChangeSetName=name, UsePreviousTemplate=True, Parameters=kept + given, Capabilities=CAPABILITIES
        )
    except ClientError as error:
        # A parameter outside its allowed values, or a violated rule.
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        say(f"      {error.response['Error']['Message']}")
        return False

    def made():
        status = client.describe_change_set(StackName=stack, ChangeSetName=name)["Status"]
        return status if status in ("CREATE_COMPLETE", "FAILED") else None

    try:
        return until("the change set is made", made, CHANGED_WITHIN_S) == "CREATE_COMPLETE"
    finally:
        client.delete_change_set(StackName=stack, ChangeSetName=name)


@contextlib.contextmanager
def set_to(deployment, function, settings):
    """Within this context the function has these settings in addition to its own."""
    client, name = deployment.client("lambda"), deployment.physical_id(function)
    own = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def update(variables):
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        client.get_waiter("function_updated_v2").wait(FunctionName=name)

    update({**own, **settings})
    try:
        yield
    finally:
        update(own)
