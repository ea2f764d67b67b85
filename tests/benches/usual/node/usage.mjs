// Takes the cost of a usage event from its key's credits, as a team writes it with Powertools' idempotency.
import { createHmac, timingSafeEqual } from "node:crypto";

import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
import { Logger } from "@aws-lambda-powertools/logger";
import { getSecret } from "@aws-lambda-powertools/parameters/secrets";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";

const UNITS = 1e9;

const logger = new Logger();
const secret = (await getSecret(process.env.SECRET_ID, { transform: "json" })).WEBHOOK_SECRET;
const balances = DynamoDBDocumentClient.from(new DynamoDBClient());
const persistenceStore = new DynamoDBPersistenceLayer({ tableName: process.env.IDEMPOTENCY_TABLE });
const config = new IdempotencyConfig({ eventKeyJmesPath: "eventId" });

export async function handler(event, context) {
  config.registerLambdaContext(context);
  const body = Buffer.from(event.body, event.isBase64Encoded ? "base64" : "utf8");
  const expected = createHmac("sha256", secret).update(body).digest();
  const given = Buffer.from(event.headers["x-webhook-signature"] ?? "", "hex");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return { statusCode: 401, body: JSON.stringify({ message: "wrong signature" }) };
  }
  return { statusCode: 200, body: JSON.stringify(await deduct(JSON.parse(body))) };
}

const deduct = makeIdempotent(
  async (usage) => {
    const cost = Math.round(Number(usage.data.creditCost) * UNITS);
    await balances.send(
      new UpdateCommand({
        TableName: process.env.BALANCES_TABLE,
        Key: { id: usage.data.remoteKeyId },
        UpdateExpression: "SET credits = credits - :cost",
        ConditionExpression: "credits >= :cost",
        ExpressionAttributeValues: { ":cost": cost },
      }),
    );
    logger.info("deducted", { event: usage.eventId, cost });
    return { message: "deducted" };
  },
  { persistenceStore, config },
);
