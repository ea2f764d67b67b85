"""Credits what a Stripe session paid for, as a team writes it with Stripe's SDK and Powertools' idempotency."""

import base64
import json
import os

import boto3
import stripe
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

PAID = ["checkout.session.completed", "checkout.session.async_payment_succeeded"]

logger = Logger()
secret = parameters.get_secret(os.environ["SECRET_ID"], transform="json")["STRIPE_WEBHOOK_SECRET"]
balances = boto3.resource("dynamodb").Table(os.environ["BALANCES_TABLE"])
records = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"])
config = IdempotencyConfig(event_key_jmespath="id")


def handler(event, context):
    config.register_lambda_context(context)
    body = event["body"].encode()
    if event["isBase64Encoded"]:
        body = base64.b64decode(body)
    try:
        stripe.Webhook.construct_event(body, event["headers"].get("stripe-signature", ""), secret)
    except stripe.SignatureVerificationError:
        return {"statusCode": 400, "body": json.dumps({"message": "wrong signature"})}
    return {"statusCode": 200, "body": json.dumps(book(paid=json.loads(body)))}


@idempotent_function(data_keyword_argument="paid", persistence_store=records, config=config)
def book(paid):
    session = paid["data"]["object"]
    if paid["type"] not in PAID or session["payment_status"] != "paid":
        return {"message": "ignored"}
    credits = int(session["metadata"]["credits"])
    balances.update_item(
        Key={"id": session["metadata"]["owner"]},
        UpdateExpression="ADD credits :credits",
        ExpressionAttributeValues={":credits": credits},
    )
    logger.info("credited", extra={"event": paid["id"], "credits": credits})
    return {"message": "credited"}
