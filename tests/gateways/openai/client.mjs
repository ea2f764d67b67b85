// OpenAI's client of Node against the chat API. Prints what it has seen beside what is expected, and the usage of each answer.
import OpenAI from "openai";

const { WHOLE, STREAMED, KEY, MODEL } = process.env;
const [whole, streamed] = [WHOLE, STREAMED].map((baseURL) => new OpenAI({ baseURL, apiKey: KEY, maxRetries: 0 }));
const messages = (content) => [{ role: "user", content }];
const checks = [];
const usages = [];

function used({ prompt_tokens, completion_tokens, total_tokens }) {
    usages.push({ prompt_tokens, completion_tokens, total_tokens });
}

for (const client of [whole, streamed]) {
    const completion = await client.chat.completions.create({ model: MODEL, messages: messages("hello there") });
    checks.push(["Node: the text of an answer", completion.choices[0].message.content, "You wrote: hello there"]);
    used(completion.usage);
}

const options = { stream: true, stream_options: { include_usage: true } };
const stream = await streamed.chat.completions.create({ model: MODEL, messages: messages("hello there"), ...options });
let text = "";
for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    if (chunk.usage) {
        used(chunk.usage);
    }
}
checks.push(["Node: the text in parts", text, "You wrote: hello there"]);

const parameters = { type: "object", properties: { city: { type: "string" } } };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const called = await whole.chat.completions.create({ model: MODEL, messages: messages("the weather"), tools });
checks.push(["Node: a call of a tool", called.choices[0].message.tool_calls[0].function.arguments, '{"city":"fake"}']);
used(called.usage);

const listed = [];
for await (const model of whole.models.list()) {
    listed.push(model.id);
}
checks.push(["Node: the models", listed.includes(MODEL), true]);

const failures = [
    ["no message", { messages: [] }, OpenAI.BadRequestError, 400],
    ["fail-400", { messages: messages("fail-400") }, OpenAI.BadRequestError, 400],
    ["fail-429", { messages: messages("fail-429") }, OpenAI.RateLimitError, 429],
    ["fail-500", { messages: messages("fail-500") }, OpenAI.InternalServerError, 502],
];
for (const [what, wrong, kind, status] of failures) {
    for (const stream of [false, true]) {
        const client = stream ? streamed : whole;
        const raised = await client.chat.completions.create({ model: MODEL, stream, ...wrong }).catch((error) => error);
        checks.push([`Node: ${what}`, raised instanceof kind && raised.status, status]);
    }
}
// With the retries that the package makes by itself.
const patient = new OpenAI({ baseURL: WHOLE, apiKey: KEY });
checks.push(["Node: it makes two retries", patient.maxRetries, 2]);
let began = Date.now();
const late = await patient.chat.completions.create({ model: MODEL, messages: messages("fail-429-once of Node") });
const waited = (Date.now() - began) / 1000;
checks.push(["Node: 429: it waits as long as Retry-After says", waited >= 7 && waited < 12, true]);
used(late.usage);
began = Date.now();
const refused = await patient.chat.completions
    .create({ model: `${MODEL}-fail-401`, messages: messages("fail-401") })
    .catch((error) => error);
checks.push(["Node: a refused key: x-should-retry stops it", refused.code, "upstream_key_refused"]);
checks.push(["Node: and it is not sent again", Date.now() - began < 2000, true]);

const other = new OpenAI({ baseURL: WHOLE, apiKey: "hk_no_such_key", maxRetries: 0 });
const raised = await other.models.list().catch((error) => error);
checks.push(["Node: an unknown key", raised instanceof OpenAI.AuthenticationError && raised.status, 401]);

console.log(JSON.stringify({ checks, usages }));
