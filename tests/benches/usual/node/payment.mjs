// Credits what a Stripe session paid for, as a team writes it with Stripe's SDK and Powertools' idempotency.
import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
import { Logger } from "@aws-lambda-powertools/logger";
import { getSecret } from "@aws-lambda-powertools/parameters/secrets";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import Stripe from "stripe";

const PAID = ["checkout.session.completed", "checkout.session.async_payment_succeeded"];

const logger = new Logger();
const secret = (await getSecret(process.env.SECRET_ID, { transform: "json" })).STRIPE_WEBHOOK_SECRET;
const stripe = new Stripe("sk_test_of_the_bench");
const balances = DynamoDBDocumentClient.from(new DynamoDBClient());
const persistenceStore = new DynamoDBPersistenceLayer({ tableName: process.env.IDEMPOTENCY_TABLE });
const config = new IdempotencyConfig({ eventKeyJmesPath: "id" });

export async function handler(event, context) {
  config.registerLambdaContext(context);
  const body = Buffer.from(event.body, event.isBase64Encoded ? "base64" : "utf8");
  let paid;
  try {
    paid = stripe.webhooks.constructEvent(body, event.headers["stripe-signature"] ?? "", secret);
  } catch {
    return { statusCode: 400, body: JSON.stringify({ message: "wrong signature" }) };
  }
  return { statusCode: 200, body: JSON.stringify(await book(paid)) };
}

const book = makeIdempotent(
  async (paid) => {
    const session = paid.data.object;
    if (!PAID.includes(paid.type) || session.payment_status !== "paid") {
      return { message: "ignored" };
    }
    const credits = Number(session.metadata.credits);
    await balances.send(
      new UpdateCommand({
        TableName: process.env.BALANCES_TABLE,
        Key: { id: session.metadata.owner },
        UpdateExpression: "ADD credits :credits",
        ExpressionAttributeValues: { ":credits": credits },
      }),
    );
    logger.info("credited", { event: paid.id, credits });
    return { message: "credited" };
  },
  { persistenceStore, config },
);
