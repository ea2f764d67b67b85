// The buyer's page. It keeps the owner's key in this tab alone, and calls the credits API and nothing else.
"use strict";

const KEY = "hookledger-key";
const LANGUAGE = "hookledger-language";
/// The pauses before a change is sent again under the same idempotency key.
const PAUSES_MS = [1000, 3000];
/// In the journal, beside the key that has made the change.
const REASON = "on the buyer's page";
/// What a line of a statement is, by the first word of its id: its kind is the event's, in its provider's words.
const LINES = { payment: "payment", invoice: "payment", grant: "payment", reversal: "refund", commission: "commission", referral: "referral" };
const PAGE_LINES = 20;
const CSV_PAGES_MAX = 1000;

const page = document.getElementById("page");
let language = kept(() => localStorage.getItem(LANGUAGE)) || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
let key = null;
let owner = null;
let products = new Map();
/// The providers that this stage takes payments by.
let paidBy = [];
let reading = null;
/// The idempotency keys of changes that had no answer yet.
const unanswered = new Map();
/// Where a payment by each provider begins.
const WAYS = { stripe: "api/pay/checkout", epay: "api/pay/epay", wechat: "payment/create" };
/// While a code is shown, its order is read so often, and for so long.
const POLL_MS = 3000;
const POLLS_MAX = 200;
/// The orders whose codes were shown, by product: a second press shows the same one.
const scanned = new Map();

/// A browser may keep nothing: then the page forgets when it is left.
function kept(use) {
  try {
    return use();
  } catch {
    return null;
  }
}

class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// ------------------------------------------------------------------------------------------------------------- texts

function say(name, ...values) {
  return TEXTS[language][name].replace(/\{(\d)\}/g, (_, place) => values[place]);
}

function word(list, name) {
  return TEXTS[language][list][name] || name.replaceAll("_", " ");
}

/// What has changed the balance.
function movement({ id, kind, amount }) {
  if (kind.startsWith("charge.dispute")) return word("kinds", "dispute");
  const known = LINES[id.split("#")[0]] || kind;
  return word("kinds", known === "refund" && !amount.startsWith("-") ? "refund_canceled" : known);
}

function moment(text) {
  const at = new Date(text);
  return el("time", { datetime: text }, at.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" }));
}

function reason(error) {
  const known = TEXTS[language].errors;
  return known[error.code] || error.message || known.unavailable;
}

// --------------------------------------------------------------------------------------------------------- the document

/// An element. Texts are texts: no answer of the API is ever read as HTML.
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return made;
}

function button(text, pressed, attributes = {}) {
  return el("button", { type: "button", click: pressed, ...attributes }, text);
}

function field(name, label, attributes = {}) {
  return el("label", {}, label, el("input", { name, autocomplete: "off", ...attributes }));
}

function table(heads, rows) {
  const head = heads.map(([text, kind]) => el("th", { scope: "col", class: kind || null }, text));
  const cell = (content, at) => el("td", { class: heads[at][1] || null, "data-label": heads[at][0] }, content);
  const body = rows.map((cells) => el("tr", {}, cells.map(cell)));
  return el("table", { class: "stack" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body));
}

/// A part of the page that loads by itself: one that fails hides no other.
function section(name, load) {
  const content = el("div", {}, say("loading"));
  const made = el("section", { "aria-labelledby": name, id: `part-${name}` }, el("h2", { id: name }, say(name)), content);
  made.load = async () => {
    try {
      content.replaceChildren(...[await load(made)].flat(Infinity).filter(Boolean));
    } catch (error) {
      if (!key) return;
      content.replaceChildren(el("p", { role: "alert" }, reason(error)), button(say("again"), made.load, { class: "alt" }));
    }
  };
  made.load();
  return made;
}

/// Says what was done where the part that did it is shown again.
function announce(text) {
  document.getElementById("done").replaceChildren(text);
}

/// Runs what a button or a form asks for, once at a time, and says what went wrong.
async function attempt(asked, note, run) {
  const buttons = asked.matches("button") ? [asked] : [...asked.querySelectorAll("button")];
  if (buttons.some((one) => one.disabled)) return;
  for (const one of buttons) one.disabled = true;
  note.replaceChildren();
  note.setAttribute("role", "status");
  try {
    const said = await run();
    if (said) note.replaceChildren(said);
  } catch (error) {
    note.setAttribute("role", "alert");
    note.replaceChildren(reason(error));
  } finally {
    for (const one of buttons) one.disabled = false;
  }
}

function form(className, submitted, ...children) {
  const note = el("p", { role: "status" });
  const made = el("form", { class: className, novalidate: true }, children);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(made, note, () => submitted(Object.fromEntries(new FormData(made)), made));
  });
  return [made, note];
}

// --------------------------------------------------------------------------------------------------------------- calls

async function send(method, path, { body, headers, signal } = {}) {
  const sent = { authorization: `Bearer ${key}`, ...headers };
  if (body) sent["content-type"] = "application/json";
  let answer;
  try {
    const options = { cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer" };
    answer = await fetch(path, { method, headers: sent, body: body && JSON.stringify(body), signal, ...options });
  } catch {
    throw new Refused("offline");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) {
    forget();
    ask(say("keyEnded"));
    throw new Refused("unauthorized");
  }
  const refusal = await answer.json().catch(() => ({}));
  throw new Refused(answer.status >= 500 ? "unavailable" : refusal.error, refusal.message);
}

async function get(path) {
  return (await send("GET", path)).json();
}

/// A change: what gets no answer is sent again under the same idempotency key, so that it is made once. The key is also that
/// of the buyer's own next attempt, until there is an answer.
async function change(method, path, body) {
  return (await changed(method, path, body)).receipt;
}

/// The receipt, and whether the answer repeats that of an earlier request. That of this one's own repeats is the first.
async function changed(method, path, body) {
  const wanted = JSON.stringify([owner, method, path, body]);
  let isFirst = !unanswered.has(wanted);
  const name = unanswered.get(wanted) || randomName();
  unanswered.set(wanted, name);
  for (const pause of [...PAUSES_MS, null]) {
    try {
      const answer = await send(method, path, { body, headers: { "idempotency-key": name } });
      const receipt = await answer.json().catch(() => {
        throw new Refused("offline");
      });
      unanswered.delete(wanted);
      return { receipt, isRepeat: isFirst && answer.headers.get("idempotent-replayed") === "true" };
    } catch (error) {
      isFirst = false;
      const isAnswered = !["offline", "unavailable"].includes(error.code);
      if (isAnswered) unanswered.delete(wanted);
      if (isAnswered || pause === null) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function ownPath(rest) {
  return `v1/accounts/${encodeURIComponent(owner)}${rest}`;
}

function reload(...names) {
  return Promise.all(names.map((name) => document.getElementById(`part-${name}`).load()));
}

// --------------------------------------------------------------------------------------------------------------- parts

async function balance() {
  const account = await get("v1/account");
  const fact = (name, amount) => amount !== "0" && el("div", {}, el("dt", {}, say(name)), el("dd", {}, amount));
  const facts = ["available", "held", "owed"].map((name) => fact(name, account[name])).filter(Boolean);
  const lots = account.lots.map(({ remaining, kind, expiresAt }) => [
    remaining, say(kind === "free" ? "free" : "paid"), expiresAt ? moment(expiresAt) : say("never"),
  ]);
  return [
    el("p", { class: "sum", id: "sum" }, account.balance),
    facts.length > 0 && el("dl", { class: "facts" }, facts),
    lots.length > 0 && table([[say("expires"), "n"], [say("what")], [say("expiry")]], lots),
  ];
}

function redeem() {
  return form("fields", async ({ code }, made) => {
    const { receipt, isRepeat } = await changed("POST", "v1/redeem", { code });
    made.reset();
    if (isRepeat) return say("redeemedBefore");
    await reload("balance", "statement");
    return say("redeemed", receipt.amount);
  }, field("code", say("code"), { required: true, autocapitalize: "characters", spellcheck: "false" }), el("button", {}, say("redeem")));
}

/// What is sold and by whom it can be paid, read once for the parts that show it.
function readCatalog() {
  reading ||= get("v1/catalog").then((catalog) => {
    products = new Map(catalog.products.map((product) => [product.id, product]));
    paidBy = catalog.paidBy;
  }).catch((error) => {
    reading = null;
    throw error;
  });
  return reading;
}

async function buy() {
  await readCatalog();
  const sold = [...products.values()].filter(({ grants, providers }) => grants.some(({ credits }) => credits) && ways(providers).length > 0);
  if (sold.length === 0) return el("p", { class: "soft" }, say("nothingSold"));
  const cards = sold.map((product) => {
    const note = el("div", { role: "status" });
    const price = `${product.price.amount} ${product.price.currency}`;
    const every = product.every && el("p", { class: "soft" }, say("each", word("periods", product.every)));
    const buttons = ways(product.providers).map((provider, at, all) => {
      const pressed = (event) => attempt(event.currentTarget, note, () => pay(provider, { product: product.id }));
      const text = all.length > 1 ? say("buyBy", price, say(provider)) : say("buyFor", price);
      return button(text, pressed, { class: at > 0 ? "alt" : null });
    });
    return el("li", {}, el("strong", {}, named(product.id)), every, el("div", { class: "ways" }, buttons), note);
  });
  return el("ul", { class: "cards" }, cards);
}

/// Those of these providers whose payment this page can begin, and checkout takes.
function ways(providers) {
  return providers.filter((provider) => WAYS[provider] && paidBy.includes(provider));
}

function named(id) {
  const names = products.get(id)?.names || {};
  return names[language] || names.en || Object.values(names)[0] || id;
}

async function pay(provider, wanted) {
  if (provider === "wechat") return payByCode(wanted);
  const way = await change("POST", WAYS[provider], wanted);
  const address = way.url || way.pageUrl;
  if (!address) return reload("balance", "orders");
  const url = new URL(address, location.href);
  if (url.protocol !== "https:" && url.hostname !== location.hostname) throw new Refused("unavailable");
  location.assign(url);
}

/// WeChat Pay takes an order, and a code that the buyer scans.
async function payByCode({ product, orderNumber }) {
  const known = orderNumber || scanned.get(product);
  const number = known || (await change("POST", "orders", { product, provider: "wechat" })).orderNumber;
  if (product) scanned.set(product, number);
  const { amount, currency, qr } = await change("POST", WAYS.wechat, { orderNumber: number, qr: true }).catch((error) => {
    // It is over: the next press makes another order.
    scanned.delete(product);
    throw error;
  });
  if (!qr) return isPaid(product);
  const text = say("scan", `${amount} ${currency}`);
  const shown = el("div", { class: "scan" }, el("p", {}, text), picture(qr, text), el("p", { class: "soft" }, say("scanWait")));
  watch(number, product, shown, POLLS_MAX);
  return shown;
}

/// Reads the order until it is paid, or its code is not shown any more.
function watch(number, product, shown, polls) {
  setTimeout(async () => {
    if (!shown.isConnected || !key) return;
    const order = await get(`orders/${encodeURIComponent(number)}`).catch(() => null);
    if (order && order.payment !== "unpaid") {
      shown.remove();
      isPaid(product);
    } else if (polls > 1) watch(number, product, shown, polls - 1);
  }, POLL_MS);
}

async function isPaid(product) {
  scanned.delete(product);
  await reload("balance", "statement", "orders");
  announce(say("isPaid"));
}

/// A code for a phone's camera, as the API draws it.
function picture({ size, path }, label) {
  const [svg, dark] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  const attributes = { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  dark.setAttribute("d", path);
  svg.append(dark);
  return svg;
}

async function statement() {
  const lines = [];
  const shown = el("div");
  const note = el("p", { role: "status" });
  let next = null;
  const read = async () => {
    const part = await get(ownPath(`/statement?limit=${PAGE_LINES}${next ? `&cursor=${next}` : ""}`));
    lines.push(...part.lines);
    next = part.next;
    const rows = lines.map((line) => [moment(line.time), el("span", { title: line.id }, movement(line)), line.amount]);
    const more = next && button(say("more"), (event) => attempt(event.currentTarget, note, read), { class: "alt" });
    const csv = lines.length > 0 && button(say("csv"), (event) => attempt(event.currentTarget, note, download), { class: "alt" });
    shown.replaceChildren(
      lines.length > 0 ? table([[say("time")], [say("what")], [say("amount"), "n"]], rows) : el("p", { class: "soft" }, say("noLines")),
      el("p", { class: "row" }, [more, csv].filter(Boolean)),
    );
  };
  await read();
  return [shown, note];
}

/// All pages of the statement as one file.
async function download() {
  const parts = [];
  let path = ownPath("/statement?limit=1000");
  for (let pages = 0; path && pages < CSV_PAGES_MAX; pages += 1) {
    const answer = await send("GET", path, { headers: { accept: "text/csv" } });
    parts.push(await answer.text());
    // The address is from the root of the API, which may have a path of its own.
    path = (answer.headers.get("link") || "").match(/<\/([^>]*)>; rel="next"/)?.[1];
  }
  const url = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
  el("a", { href: url, download: `${owner}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function orders() {
  // Without the catalog the orders are shown by the ids of their products.
  const [{ orders: all }] = await Promise.all([get("v1/orders?limit=20"), readCatalog().catch(() => null)]);
  if (all.length === 0) return el("p", { class: "soft" }, say("noOrders"));
  const note = el("div", { role: "status" });
  const rows = all.map((order) => {
    const isDelivered = ["none", "done"].includes(order.fulfilment);
    const delivery = order.payment === "paid" && !isDelivered && ` · ${word("states", order.fulfilment)}`;
    const isOpen = order.payment === "unpaid" && ways([order.provider]).length > 0;
    const again = (event) => attempt(event.currentTarget, note, () => pay(order.provider, { orderNumber: order.orderNumber }));
    const label = `${say("pay")} ${order.orderNumber}`;
    const shown = el("span", { class: order.payment === "paid" ? "good" : null }, word("states", order.payment));
    return [
      moment(order.createdAt), named(order.product), `${order.amount} ${order.currency}`,
      [shown, delivery, isOpen && button(say("pay"), again, { class: "alt", "aria-label": label })],
      el("code", {}, order.orderNumber),
    ];
  });
  return [table([[say("time")], [say("product")], [say("price"), "n"], [say("state")], [say("number")]], rows), note];
}

async function keys() {
  const [{ keys: all }, { budgets }] = await Promise.all([get("v1/keys?limit=100"), get("v1/account?include=budgets")]);
  const live = all.filter(({ state }) => state !== "revoked");
  const list = live.map((one) => ownKey(one, (budgets || []).find((budget) => one.id.startsWith(budget.key))));
  return [
    el("p", { class: "soft" }, say("keysAbout")),
    el("div", { id: "key-list" }, list.length > 0 ? list : el("p", { class: "soft" }, say("noKeys"))),
    el("div", { id: "secret", role: "status" }),
    ...form("fields", makeKey, field("name", say("name"), { maxlength: "32", placeholder: "laptop-1", title: word("errors", "name_invalid") }), budgetField(), el("button", {}, say("make"))),
  ];
}

function budgetField(value) {
  return field("month", say("monthly"), { inputmode: "decimal", placeholder: say("unlimited"), value: value || "" });
}

function ownKey(one, budget) {
  const note = el("p", { role: "status" });
  const label = one.name || one.id.slice(0, 16);
  const path = `v1/keys/${encodeURIComponent(one.id)}`;
  const facts = [
    say("since", one.since.slice(0, 10)),
    one.revokedAt && say("until", new Date(one.revokedAt).toLocaleString(language)),
    // The day of a gateway's key is not kept.
    one.kind === "owner" && (one.lastUsed ? say("used", one.lastUsed) : say("unused")),
    ...(budget?.windows || []).map(({ of, left, limit }) => say("budgetLeft", left, limit, say(of))),
  ].filter(Boolean);
  const name = one.name && [el("strong", {}, one.name), " "];
  const shown = [name, el("code", {}, one.id.slice(0, 16)), el("p", { class: "soft" }, facts.join(" · "))];
  if (one.kind !== "owner") return el("div", { class: "key" }, shown, el("p", { class: "soft" }, say("ofGateway")));
  const act = (run) => (event) => attempt(event.currentTarget, note, run);
  const tools = el("div", { class: "row" });
  const named = (text) => ({ class: "alt", "aria-label": `${text} ${label}` });
  const usual = [
    button(say("setBudget"), () => tools.replaceChildren(...budgetForm(path, one, usual, tools)), named(say("setBudget"))),
    button(say("rotate"), () => tools.replaceChildren(...rotated), named(say("rotate"))),
    button(say("revoke"), () => tools.replaceChildren(...sure), { class: "danger", "aria-label": `${say("revoke")} ${label}` }),
  ];
  const back = button(say("cancel"), () => tools.replaceChildren(...usual), { class: "alt" });
  const rotated = [
    el("p", { class: "soft" }, say("rotateAbout")), button(say("rotateSure"), act(() => rotate(path)), named(say("rotateSure"))), back,
  ];
  const sure = [
    button(say("revokeSure"), act(async () => {
      await change("DELETE", path, { reason: REASON });
      await reload("keys");
      announce(say("revoked"));
    }), { class: "danger", "aria-label": `${say("revokeSure")}: ${label}` }),
    back,
  ];
  tools.append(...usual);
  return el("div", { class: "key" }, shown, tools, note);
}

function budgetForm(path, one, usual, tools) {
  return [
    ...form("fields", async ({ month }) => {
      await setBudget(path, month);
      await reload("keys");
      announce(say("budgetSet"));
    }, budgetField(one.budget?.month), el("button", {}, say("setBudget"))),
    button(say("cancel"), () => tools.replaceChildren(...usual), { class: "alt" }),
  ];
}

async function setBudget(path, month) {
  const limit = month.trim();
  await change("PATCH", path, { budget: limit ? { month: limit } : null, reason: REASON });
}

async function makeKey({ name, month }, made) {
  const wanted = { kind: "owner", owner, reason: REASON, ...(name.trim() ? { name: name.trim() } : {}) };
  const receipt = await change("POST", "v1/keys", wanted);
  made.reset();
  const limited = month.trim() ? setBudget(`v1/keys/${encodeURIComponent(receipt.key)}`, month) : null;
  const failed = await Promise.resolve(limited).then(() => "", reason);
  await reload("keys");
  showSecret(receipt.secret, failed);
}

async function rotate(path) {
  const receipt = await change("POST", `${path}/rotate`, { reason: REASON });
  await reload("keys");
  showSecret(receipt.secret, say("rotated"));
}

/// A repeat has no secret, since only its hash is stored.
function showSecret(secret, more = "") {
  const note = el("p", { role: "status" });
  const copy = async () => {
    await navigator.clipboard.writeText(secret);
    return say("copied");
  };
  const shown = secret
    ? [el("p", {}, say("secretOnce"), " ", more), el("code", {}, secret), button(say("copy"), (event) => attempt(event.currentTarget, note, copy), { class: "alt" }), note]
    : [el("p", {}, say("secretLost"))];
  document.getElementById("secret").replaceChildren(el("div", { class: "secret" }, shown));
}

// ---------------------------------------------------------------------------------------------------------- the whole

function forget() {
  key = null;
  kept(() => sessionStorage.removeItem(KEY));
}

function head(...tools) {
  document.documentElement.lang = language;
  document.title = say("title");
  const switched = () => {
    language = language === "en" ? "zh" : "en";
    kept(() => localStorage.setItem(LANGUAGE, language));
    start();
  };
  const other = button(say("other"), switched, { class: "alt", lang: language === "en" ? "zh" : "en" });
  return el("header", {}, el("h1", {}, owner || say("title")), el("div", { class: "tools" }, other, tools));
}

/// Asks for a key.
function ask(why) {
  owner = null;
  const opened = async ({ key: typed }) => {
    key = typed.trim();
    await start();
  };
  const fields = [field("key", say("key"), { type: "password", required: true, spellcheck: "false" }), el("button", {}, say("open"))];
  page.replaceChildren(head(), el("section", {}, el("p", { role: why ? "alert" : null }, why || say("needKey")), ...form("fields", opened, fields)));
}

async function start() {
  if (!key) return ask();
  let account;
  try {
    account = await get("v1/account");
  } catch (error) {
    if (key) page.replaceChildren(head(), el("p", { role: "alert" }, reason(error)), button(say("again"), start));
    return;
  }
  kept(() => sessionStorage.setItem(KEY, key));
  owner = account.owner;
  const leave = button(say("leave"), () => { forget(); ask(); }, { class: "alt" });
  reading = null;
  page.replaceChildren(
    head(leave), el("p", { role: "status", id: "done" }), section("balance", balance), section("redeem", async () => redeem()),
    section("buy", buy),
    section("statement", statement), section("keys", keys), section("orders", orders),
  );
}

/// The key in a link is behind `#`, which no server gets and no log has. It is taken out of the address at once.
function keyOfLink() {
  const linked = decodeURIComponent(location.hash.slice(1));
  if (!linked) return null;
  history.replaceState(null, "", location.pathname);
  return linked;
}

key = keyOfLink() || kept(() => sessionStorage.getItem(KEY));
addEventListener("hashchange", () => {
  key = keyOfLink() || key;
  start();
});
start();
