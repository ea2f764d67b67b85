"""Takes the cost of a usage event from its key's credits, as a team writes it with Powertools' idempotency."""

import base64
import hashlib
import hmac
import json
import os
from decimal import Decimal

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

UNITS = 10**9

logger = Logger()
secret = parameters.get_secret(os.environ["SECRET_ID"], transform="json")["WEBHOOK_SECRET"].encode()
balances = boto3.resource("dynamodb").Table(os.environ["BALANCES_TABLE"])
records = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"])
config = IdempotencyConfig(event_key_jmespath="eventId")


def handler(event, context):
    config.register_lambda_context(context)
    body = event["body"].encode()
    if event["isBase64Encoded"]:
        body = base64.b64decode(body)
    expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, event["headers"].get("x-webhook-signature", "")):
        return {"statusCode": 401, "body": json.dumps({"message": "wrong signature"})}
    return {"statusCode": 200, "body": json.dumps(deduct(usage=json.loads(body, parse_float=str)))}


@idempotent_function(data_keyword_argument="usage", persistence_store=records, config=config)
def deduct(usage):
    cost = int(Decimal(usage["data"]["creditCost"]) * UNITS)
    balances.update_item(
        Key={"id": usage["data"]["remoteKeyId"]},
        UpdateExpression="SET credits = credits - :cost",
        ConditionExpression="credits >= :cost",
        ExpressionAttributeValues={":cost": cost},
    )
    logger.info("deducted", extra={"event": usage["eventId"], "cost": cost})
    return {"message": "deducted"}
