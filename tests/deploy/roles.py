"""Least privilege: each role allows nothing beyond its function's needs. That it allows those, all other tests show."""

import contextlib
import json

import boto3
from botocore.exceptions import ClientError

from process import check, say, until

# A new role takes effect within seconds (eventual consistency).
EFFECTIVE_WITHIN_S = 60

# The prefix of the journal rows that each function writes. Functions that are not here write none.
OWN_ROWS = {
    "UsageFunction": "usage#",
    "LitellmFunction": "usage#litellm.",
    "OpenrouterFunction": "usage#openrouter.",
    "StripeFunction": "stripe#",
    "WechatFunction": "wechat#",
    "EpayFunction": "epay#",
    "FireblocksFunction": "fireblocks#",
    "OrdersFunction": "order#",
    "CheckoutFunction": "order#",
    "CreditsFunction": "usage#",
    "ChatFunction": "usage#",
    "ConsoleFunction": "console#",
    "FulfilFunction": "fulfilled#",
    # It replays the events of every source.
    "ReconcileFunction": "stripe#",
}


def enforced(shop):
    say("roles: calls that no function may make")
    deployment = shop.deployment
    for function in deployment.declared("AWS::Serverless::Function"):
        another = "stripe" if OWN_ROWS.get(function, "").startswith("usage#") else "usage"
        with lent(deployment, function, shop.named("suite")) as call:
            def updated(table, prefix):
                row = {"TableName": deployment.table(table), "Key": {"id": {"S": prefix + shop.named("suite")}}}
                row |= {"ExpressionAttributeNames": {"#o": "outcome"}, "ExpressionAttributeValues": {":o": {"S": "accepted"}}}
                return row | {"UpdateExpression": "SET #o = :o", "ConditionExpression": "attribute_exists(id)"}

            def together(act, item):
                return call("dynamodb", "transact_write_items", TransactItems=[{act: item}])

            row = updated("journal", OWN_ROWS.get(function, "usage#"))
            journal, key = row["TableName"], row["Key"]

            # There is no such row, so an allowed call writes nothing, too.
            if function in OWN_ROWS:
                until(f"{function} may write", lambda: together("Update", row) == "TransactionCanceledException", EFFECTIVE_WITHIN_S)
            else:
                read = {"TableName": deployment.table("accounts"), "Key": key}
                until(f"{function} may read", lambda: call("dynamodb", "get_item", **read) == "done", EFFECTIVE_WITHIN_S)
            # None of them would do harm if it were allowed, since the account may be a real one.
            refused = {
                "a line that is not part of a transaction": call("dynamodb", "update_item", **row),
                "a line in place of another": together("Put", {"TableName": journal, "Item": key}),
                "a line deleted": call("dynamodb", "delete_item", TableName=journal, Key=key),
                "a line deleted in a transaction": together("Delete", {"TableName": journal, "Key": key}),
                "all lines": call("dynamodb", "scan", TableName=journal),
                "all orders": call("dynamodb", "scan", TableName=deployment.table("orders")),
            }
            if function not in OWN_ROWS:
                refused["a line in a transaction"] = together("Update", row)
            # The credits API makes keys of every kind, and an operator revokes them in the console.
            may_change_keys = function in ("CreditsFunction", "ConsoleFunction")
            keys = ("key#api#", "key#remote#", "service_key#") if not may_change_keys else ()
            for prefix in (*keys, "referrer#"):
                refused[f"an account's row {prefix}"] = together("Update", updated("accounts", prefix))
            if function not in ("FireblocksFunction", "ReconcileFunction"):
                refused["the published keys"] = together("Update", updated("accounts", "jwks#"))
            if function != "ReconcileFunction":
                provider = "wechat" if function != "WechatFunction" else "epay"
                # The console makes refused events of every source due, and books payments that an operator accepts.
                lines = (f"{another}#", f"payment#{provider}#", f"unparsed#{another}#")
                for prefix in lines if function != "ConsoleFunction" else ("manual#", "grant#", "redeem#"):
                    refused[f"a line {prefix}"] = together("Update", updated("journal", prefix))
                body = {"TableName": deployment.table("bodies"), "Item": {"id": {"S": f"{another}#{shop.named('suite')}"}}}
                refused[f"a body {another}#"] = together("Put", body | {"ConditionExpression": "attribute_exists(id)"})
            # Reconcile verifies every source's kept deliveries, so it reads every secret, and only it reads the retired keys
            # and the log of a gateway.
            # Checkout signs its calls to WeChat Pay, but verifies no notification.
            others = (another, "retired", "new-api", *(("wechat",) if function == "CheckoutFunction" else ()))
            # Only the credits API redeems codes, and the console looks for them.
            pepper = () if function in ("CreditsFunction", "ConsoleFunction") else ("codes",)
            for name in (*(others if function != "ReconcileFunction" else ()), *pepper):
                secret = f"hookledger/{deployment.stage}/{name}"
                refused[f"the secret {name}"] = call("secretsmanager", "get_secret_value", SecretId=secret)
            # Only the console shows metrics and alarms, and no function changes one.
            graph = {"MetricName": "orders", "Namespace": f"hookledger-{deployment.stage}"}
            if function == "ConsoleFunction":
                query = {"Id": "m0", "MetricStat": {"Metric": graph, "Period": 60, "Stat": "Sum"}}
                window = {"StartTime": 0, "EndTime": 60, "MetricDataQueries": [query]}
                read = [call("cloudwatch", "get_metric_data", **window), call("cloudwatch", "describe_alarms")]
                check(f"{function} reads metrics and alarms", read, ["done", "done"])
            else:
                refused["the alarms"] = call("cloudwatch", "describe_alarms")
            silenced = {"AlarmName": shop.named("suite"), "StateValue": "OK", "StateReason": "suite"}
            refused["an alarm silenced"] = call("cloudwatch", "set_alarm_state", **silenced)
            allowed = [what for what, answer in refused.items() if "AccessDenied" not in answer]
            check(f"{function} writes in transactions, and none of {len(refused)} other calls is allowed", allowed, [])


@contextlib.contextmanager
def lent(deployment, function, name):
    """Assumes a copy of the function's role, which only Lambda may assume. Yields a function that makes a call and returns
    `done` or the error code."""
    iam, functions = deployment.client("iam"), deployment.client("lambda")
    role = functions.get_function_configuration(FunctionName=deployment.physical_id(function))["Role"]
    theirs, owner = role.rsplit("/", 1)[1], role.split(":role/")[0] + ":root"
    trusted = {"Effect": "Allow", "Principal": {"AWS": owner}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    policies = iam.list_role_policies(RoleName=theirs)["PolicyNames"]
    try:
        for policy in policies:
            allows = iam.get_role_policy(RoleName=theirs, PolicyName=policy)["PolicyDocument"]
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(allows))
        taken = until(f"{name} can be taken", lambda: assumed(deployment, arn), EFFECTIVE_WITHIN_S)

        def call(service, operation, **parameters):
            client = taken.client(service, endpoint_url=deployment.cloud.settings.get("AWS_ENDPOINT_URL"))
            try:
                getattr(client, operation)(**parameters)
                return "done"
            except ClientError as error:
                return error.response["Error"]["Code"]

        yield call
    finally:
        for policy in policies:
            with contextlib.suppress(iam.exceptions.NoSuchEntityException):
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)


def assumed(deployment, arn):
    try:
        lent = deployment.client("sts").assume_role(RoleArn=arn, RoleSessionName="suite")["Credentials"]
    except ClientError:
        return None
    return boto3.Session(
        lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"], region_name=deployment.cloud.session.region_name
    )
