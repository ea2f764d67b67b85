#!/usr/bin/env python3
"""A shop in one file, on hookledger's HTTP API.

Sign up, buy credits, see balance and statement, redeem a code, make a key. It needs Python 3.9 and nothing else, and
README.md says how to run it. Its service key stays on this server; a browser gets pages and one cookie, and never a key
but the one that its owner makes and sees once.
"""

import base64
import contextlib
import hashlib
import hmac
import html
import http.client
import http.server
import json
import os
import secrets
import sqlite3
import stat
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookies import CookieError, SimpleCookie

API = os.environ.get("HOOKLEDGER_API", "http://127.0.0.1:9000").rstrip("/")
# Where buyers reach this shop. Over https its cookie is `Secure` and bound to the host.
URL = os.environ.get("SHOP_URL", "http://127.0.0.1:8000").rstrip("/")
DATA = os.environ.get("SHOP_DATA", "shop.db")
SERVICE_KEY = os.environ.get("SERVICE_KEY", "")

WELCOME = "5"
BODY_BYTES_MAX = 8 * 1024
SESSION_SECONDS = 7 * 24 * 3600
PASSWORD_CHARS = range(10, 129)
# Attempts to sign in to one address in a quarter of an hour, until one succeeds.
ATTEMPTS_MAX, ATTEMPT_SECONDS = 10, 900
API_SECONDS = 15
LINES = 20
IS_HTTPS = URL.startswith("https://")
COOKIE = "__Host-session" if IS_HTTPS else "session"
# OWASP's parameters for scrypt: 32 MiB and three passes.
SCRYPT = {"n": 2**15, "r": 8, "p": 3, "maxmem": 64 * 2**20, "dklen": 32}
# More hashes at once would let strangers take the memory of the machine.
HASHING = threading.BoundedSemaphore(2)

STYLE = """
:root{color-scheme:light dark;
--bg:#f4f6f9;--card:#fff;--ink:#17202b;--soft:#566373;--line:#d9dfe7;
--key:#0b6e5d;--on:#fff;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{
--bg:#0f141a;--card:#182029;--ink:#e7ecf2;--soft:#9fabb9;--line:#2d3845;
--key:#5fd3bd;--on:#06201b;--bad:#ff9d93}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
header,main{max-width:58rem;margin:0 auto;padding:1rem}
header,.row{display:flex;flex-wrap:wrap;gap:.8rem;align-items:center}
header strong{margin-right:auto;font-size:1.15rem}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1rem}
section{background:var(--card);border:1px solid var(--line);
border-radius:14px;padding:1.2rem 1.35rem;margin-bottom:1rem;overflow-x:auto}
.grid{margin-bottom:1rem}
.grid section{margin:0}
.narrow{max-width:25rem;margin:6vh auto}
h1{margin:.2rem 0 1rem;font-size:1.7rem}
h2{margin:0 0 .6rem;font-size:1.05rem}
p{margin:.4rem 0}
a{color:var(--key)}
small,.soft,th{color:var(--soft);font-weight:400}
.sum{font-size:2.6rem;font-weight:650;line-height:1.1;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%}
th,td{padding:.45rem .8rem .45rem 0;text-align:left;border-top:1px solid var(--line);white-space:nowrap}
td:last-child{white-space:normal}
tr:first-child th{border:0}
.n{text-align:right;font-variant-numeric:tabular-nums}
code{font:.86em ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
label{display:block;color:var(--soft);font-size:.92rem}
input{display:block;width:100%;margin:.25rem 0 .8rem;padding:.55rem .7rem;font:inherit;
color:var(--ink);background:var(--bg);border:1px solid var(--soft);border-radius:9px}
button{font:inherit;font-weight:600;min-height:2.75rem;padding:.5rem 1.1rem;
border:1px solid var(--key);border-radius:9px;background:var(--key);color:var(--on);cursor:pointer}
button.alt{background:none;color:var(--key)}
:focus-visible{outline:3px solid var(--key);outline-offset:2px}
.note{border-color:var(--key)}
.bad{border-color:var(--bad);color:var(--bad)}
"""

# Nothing is loaded and no script runs. Forms lead here, and through here to the page of the payment.
POLICY = "; ".join([
    "default-src 'none'",
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'",
    f"form-action 'self' {API} https://checkout.stripe.com",
    "base-uri 'none'",
    "frame-ancestors 'none'",
])

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    owner TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, salt BLOB NOT NULL, password BLOB NOT NULL, key TEXT);
CREATE TABLE IF NOT EXISTS sessions (hash BLOB PRIMARY KEY, owner TEXT NOT NULL, expires INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (email TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS changes (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, once TEXT NOT NULL UNIQUE, path TEXT NOT NULL, body TEXT NOT NULL,
    result TEXT);
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""


class Refused(Exception):
    """What a visitor is shown, with its status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


# ---------------------------------------------------------------------- the shop's own rows


@contextlib.contextmanager
def store():
    """A transaction: what it wrote is on the disk when it ends, or nothing is."""
    connection = sqlite3.connect(DATA, timeout=10)
    connection.row_factory = sqlite3.Row
    try:
        with connection:
            connection.execute("PRAGMA synchronous=FULL")
            yield connection
    finally:
        connection.close()


def open_store():
    # The keys of owners stand in it: for this user alone.
    os.close(os.open(DATA, os.O_CREAT | os.O_RDWR, stat.S_IRUSR | stat.S_IWUSR))
    os.chmod(DATA, stat.S_IRUSR | stat.S_IWUSR)
    with store() as db:
        db.executescript(SCHEMA)
        db.execute("INSERT OR IGNORE INTO secrets VALUES ('csrf', ?)", (secrets.token_bytes(32),))
        return db.execute("SELECT value FROM secrets WHERE name = 'csrf'").fetchone()["value"]


# ---------------------------------------------------------------------- hookledger's HTTP API


def call(method, path, body=None, key=None, idempotency_key=None):
    """Status and JSON of an answer. `OSError` means that none came: then it is unknown whether anything happened."""
    headers = {"authorization": f"Bearer {key or SERVICE_KEY}", "content-type": "application/json"}
    if idempotency_key:
        headers["idempotency-key"] = idempotency_key
    content = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(API + path, content, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=API_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        with answer:
            try:
                return answer.code, json.load(answer)
            except ValueError:
                return answer.code, {}
    except (ValueError, http.client.HTTPException) as error:
        raise OSError("the answer is incomplete") from error


def read(path, key=None):
    """What a read returns, and `None` for what is not there."""
    try:
        status, answer = call("GET", path, key=key)
    except OSError as error:
        raise Refused(503, "The books do not answer. Try again in a moment.") from error
    if status == 404:
        return None
    if status != 200:
        raise Refused(503, "The books cannot be read now. Try again in a moment.")
    return answer


def remember(owner, once, path, body):
    """The row of a change with its idempotency key, on the disk before the call is made.

    `once` is the form's own token. A form that is sent again, after a crash of this program, a timeout or a second
    click, finds the row: the same call is repeated under the same key, and the books answer as they did the first time.
    """
    body = json.dumps(body)
    with store() as db:
        row = (f"shop-{secrets.token_hex(16)}", owner, once, path, body)
        db.execute("INSERT OR IGNORE INTO changes (id, owner, once, path, body) VALUES (?, ?, ?, ?, ?)", row)
        row = db.execute("SELECT * FROM changes WHERE once = ? AND owner = ?", (once, owner)).fetchone()
    if row is None or (row["path"], row["body"]) != (path, body):
        raise Refused(409, "This form was sent before, with something else in it. Open the page again.")
    return row


def perform(row, key=None):
    try:
        status, answer = call("POST", row["path"], json.loads(row["body"]), key, row["id"])
    except OSError as error:
        raise Refused(503, "The books did not answer. Send the same form again: nothing is done twice.") from error
    if status == 429:
        raise Refused(429, answer.get("message") or "Too often. Wait a while.")
    if status >= 500:
        raise Refused(503, "The books are busy. Send the same form again: nothing is done twice.")
    if status >= 400:
        raise Refused(409, answer.get("message") or "This was refused.")
    return answer


def done(row, result):
    with store() as db:
        db.execute("UPDATE changes SET result = ? WHERE id = ?", (json.dumps(result), row["id"]))


def change(owner, once, path, body, key=None):
    row = remember(owner, once, path, body)
    if row["result"]:
        return json.loads(row["result"])
    answer = perform(row, key)
    done(row, answer)
    return answer


def new_key(owner, once, name, reason):
    """Makes an owner key and returns its row and its secret, which the books show once and this shop's rows never have.

    Where the first answer was lost, the books repeat it without the secret. Then the key is rotated, as is the one after
    it if that answer was lost as well, and there is still one key.
    """
    row = remember(owner, once, "/v1/keys", {"kind": "owner", "owner": owner, "name": name, "reason": reason})
    if row["result"]:
        raise Refused(409, "This key was shown before. Make another one.")
    made = perform(row)
    while "secret" not in made:
        path = f"/v1/keys/{urllib.parse.quote(made['key'], safe='')}/rotate"
        body = {"reason": "its secret was lost", "graceSeconds": 0}
        made = perform(remember(owner, f"rotate-{made['key']}", path, body))
    return row, made["secret"]


def owner_key(user):
    """The key that makes this owner's orders, from the first purchase on. It stays here."""
    if user["key"]:
        return user["key"]
    _, secret = new_key(user["owner"], f"key-{user['owner']}", "shop", "orders of the shop")
    with store() as db:
        db.execute("UPDATE users SET key = ? WHERE owner = ? AND key IS NULL", (secret, user["owner"]))
        return db.execute("SELECT key FROM users WHERE owner = ?", (user["owner"],)).fetchone()["key"]


def welcome(owner):
    body = {"amount": WELCOME, "reason": "welcome"}
    change(owner, f"welcome-{owner}", f"/v1/accounts/{owner}/grants", body)


# ---------------------------------------------------------------------- passwords and sessions


def hashed(password, salt):
    with HASHING:
        return hashlib.scrypt(password.encode(), salt=salt, **SCRYPT)


def sign_up(email, password):
    if "@" not in email or len(email) > 254 or any(c.isspace() for c in email):
        raise Refused(400, "This is no address.")
    if len(password) not in PASSWORD_CHARS:
        raise Refused(400, f"A password has {PASSWORD_CHARS[0]} to {PASSWORD_CHARS[-1]} characters.")
    salt, owner = secrets.token_bytes(16), f"u-{secrets.token_hex(8)}"
    row = (owner, email.lower(), salt, hashed(password, salt))
    try:
        with store() as db:
            db.execute("INSERT INTO users (owner, email, salt, password) VALUES (?, ?, ?, ?)", row)
    except sqlite3.IntegrityError as error:
        # A shop that sends mail would say this by mail alone, and not to a stranger.
        raise Refused(409, "This address has an account. Sign in.") from error
    return owner


def sign_in(email, password):
    email, now = email.lower(), int(time.time())
    with store() as db:
        # Counted before it is tried, so that many at once are no way around the limit.
        db.execute("DELETE FROM attempts WHERE at < ?", (now - ATTEMPT_SECONDS,))
        db.execute("INSERT INTO attempts VALUES (?, ?)", (email, now))
        attempts = db.execute("SELECT count(*) FROM attempts WHERE email = ?", (email,)).fetchone()[0]
        user = db.execute("SELECT * FROM users WHERE email = ?", (email,)).fetchone()
    if attempts > ATTEMPTS_MAX:
        raise Refused(429, "Too many attempts. Wait a quarter of an hour.")
    # An unknown address takes as long as a known one.
    salt, expected = (user["salt"], user["password"]) if user else (b"0" * 16, b"")
    if not hmac.compare_digest(hashed(password[: PASSWORD_CHARS[-1]], salt), expected):
        raise Refused(401, "Address and password do not belong together.")
    with store() as db:
        db.execute("DELETE FROM attempts WHERE email = ?", (email,))
    return user["owner"]


def begin_session(owner):
    """A new cookie at each sign-in. The disk has its hash alone, with which no one can sign in."""
    cookie, now = secrets.token_urlsafe(32), int(time.time())
    with store() as db:
        db.execute("DELETE FROM sessions WHERE expires < ?", (now,))
        db.execute("INSERT INTO sessions VALUES (?, ?, ?)", (session_hash(cookie), owner, now + SESSION_SECONDS))
    return cookie


def session_hash(cookie):
    return hashlib.sha256(cookie.encode()).digest()


def user_of(cookie):
    query = "SELECT users.* FROM users JOIN sessions USING (owner) WHERE hash = ? AND expires > ?"
    with store() as db:
        return db.execute(query, (session_hash(cookie), int(time.time()))).fetchone()


# ---------------------------------------------------------------------- pages


def e(text):
    return html.escape(str(text), quote=True)


def document(title, main, signed_in=False, csrf=""):
    out = f'<form method="post" action="/sign-out">{token(csrf)}<button class="alt">Sign out</button></form>'
    inn = '<a href="/sign-in">Sign in</a> <a href="/sign-up">Sign up</a>'
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{e(title)}</title>\n<style>{STYLE}</style>\n<header><strong>Credit shop</strong>"
        f'<a href="/">Account</a> {out if signed_in else inn}</header>\n<main>\n{main}\n</main>\n</html>\n'
    )


def token(csrf):
    return f'<input type="hidden" name="csrf" value="{e(csrf)}">'


def once():
    """A form that is sent twice makes one change."""
    return f'<input type="hidden" name="once" value="{secrets.token_hex(16)}">'


def note(text, tone="note"):
    return f'<section class="{tone}" role="status"><p>{e(text)}</p></section>' if text else ""


def sign_page(title, action, csrf, message=""):
    complete = "new-password" if action == "/sign-up" else "current-password"
    shortest, longest = PASSWORD_CHARS[0], PASSWORD_CHARS[-1]
    main = f"""<div class="narrow">{note(message, "bad")}<section><h1>{e(title)}</h1>
<form method="post" action="{action}">{token(csrf)}
<label>E-mail<input name="email" type="email" autocomplete="username" required maxlength="254"></label>
<label>Password<input name="password" type="password" autocomplete="{complete}" required
minlength="{shortest}" maxlength="{longest}"></label>
<button>{e(title)}</button></form></section></div>"""
    return document(title, main)


def products():
    """What the catalog sells through Stripe for credits alone. Its prices are those that an order is made at."""
    for product in (read("/v1/catalog") or {"products": []})["products"]:
        is_credits = all(set(grant) == {"credits"} for grant in product["grants"])
        if is_credits and "stripe" in product["providers"] and not product.get("every"):
            price = product["price"]
            yield product["id"], f"{product['names']['en']} · {price['amount']} {price['currency']}"


def account_page(user, csrf, message="", tone="note"):
    account = read(f"/v1/accounts/{user['owner']}") or {"balance": "0", "available": "0", "held": "0"}
    buys = "".join(f'<p><button name="product" value="{e(id)}">{e(text)}</button></p>' for id, text in products())
    main = f"""{note(message, tone)}<h1>Your account</h1>
<div class="grid">
<section><h2>Balance</h2><p class="sum" id="balance">{e(account["balance"])}</p>
<p class="soft">credits, of which {e(account["available"])} can be spent</p>
<p><small>{e(user["email"])}</small></p></section>
<section><h2>Buy</h2><form method="post" action="/buy">{token(csrf)}{once()}{buys}</form>
<p><small>You pay on Stripe's page.</small></p></section>
<section><h2>Redeem a code</h2><form method="post" action="/redeem">{token(csrf)}{once()}
<label>Code<input name="code" required maxlength="64" autocomplete="off" spellcheck="false"></label>
<button>Redeem</button></form></section>
<section><h2>Make a key</h2><form method="post" action="/keys">{token(csrf)}{once()}
<label>Name<input name="name" required maxlength="40" value="laptop" autocomplete="off"></label>
<button>Make a key</button></form><p><small>For your own programs. It is shown once.</small></p></section>
</div>
{statement(user)}"""
    return document("Your account", main, signed_in=True, csrf=csrf)


def statement(user, cursor=""):
    query = urllib.parse.urlencode({"limit": LINES, **({"cursor": cursor} if cursor else {})})
    page = read(f"/v1/accounts/{user['owner']}/statement?{query}") or {"lines": []}
    rows = "".join(
        f'<tr><td>{e(line["time"][:19].replace("T", " "))}</td><td>{e(line["kind"])}</td>'
        f'<td class="n">{e(line["amount"])}</td><td><code>{e(line["id"])}</code></td></tr>'
        for line in page["lines"]
    )
    rows = rows or '<tr><td colspan="4" class="soft">Nothing yet.</td></tr>'
    older = urllib.parse.quote(page.get("next") or "")
    older = f'<p><a href="/statement?cursor={older}">Older</a></p>' if older else ""
    columns = [("Time (UTC)", ""), ("Kind", ""), ("Credits", "n"), ("Entry", "")]
    head = "<tr>" + "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in columns) + "</tr>"
    return f'<section><h2>Statement</h2><table id="statement">{head}{rows}</table>{older}</section>'


def key_page(key, csrf):
    main = (
        f'<section class="note"><h1>Your new key</h1><p><code id="key">{e(key)}</code></p>'
        '<p>Copy it now: it is not shown again, and this shop does not keep it.</p>'
        '<p><a href="/">Back</a></p></section>'
    )
    return document("Your new key", main, signed_in=True, csrf=csrf)


# ---------------------------------------------------------------------- requests


def fields(text):
    """Of a query or of a form."""
    try:
        return dict(urllib.parse.parse_qsl(text, max_num_fields=10, errors="strict"))
    except ValueError as error:
        raise Refused(400, "This cannot be read.") from error


class Shop(http.server.BaseHTTPRequestHandler):
    server_version, sys_version, protocol_version = "shop", "", "HTTP/1.1"
    # A sender that has stopped.
    timeout = 20
    csrf_key = b""

    def do_GET(self):
        self.answer({
            "/": self.home, "/sign-up": self.sign_up_form, "/sign-in": self.sign_in_form,
            "/statement": self.lines, "/paid": self.paid,
        })

    def do_POST(self):
        self.answer({
            "/sign-up": self.sign_up, "/sign-in": self.sign_in, "/sign-out": self.sign_out,
            "/buy": self.buy, "/redeem": self.redeem, "/keys": self.make_key,
        })

    def answer(self, routes):
        path, _, query = self.path.partition("?")
        try:
            self.read_cookie()
            self.query = fields(query)
            self.form = self.read_form() if self.command == "POST" else {}
            if path not in routes:
                raise Refused(404, "There is no such page.")
            routes[path]()
        except Refused as refused:
            self.show_refusal(refused)
        except Exception as error:
            # Its text could quote what a visitor has sent.
            print(f"shop: {self.command} {path}: {type(error).__name__}", file=sys.stderr)
            message = "Something went wrong here. Send the same form again: nothing is done twice."
            self.show_refusal(Refused(500, message))

    def show_refusal(self, refused):
        if self.user and self.command == "POST" and refused.status in (400, 409, 429):
            with contextlib.suppress(Refused):
                return self.page(account_page(self.user, self.csrf(), str(refused), "bad"), refused.status)
        main = note(str(refused), "bad") + '<p><a href="/">Back</a></p>'
        return self.page(document("Credit shop", main), refused.status)

    # Cookies and forms

    def read_cookie(self):
        self.cookie, self.user, self.is_new = "", None, False
        with contextlib.suppress(CookieError):
            morsel = SimpleCookie(self.headers.get("cookie", "")).get(COOKIE)
            self.cookie = morsel.value if morsel and 20 < len(morsel.value) < 100 else ""
        if self.cookie:
            self.user = user_of(self.cookie)
        else:
            # A visitor's, so that the forms before the sign-in have a token as well.
            self.cookie, self.is_new = secrets.token_urlsafe(32), True

    def csrf(self):
        """Follows from the cookie, which no other site can read or choose."""
        return hmac.new(self.csrf_key, self.cookie.encode(), hashlib.sha256).hexdigest()

    def read_form(self):
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            raise Refused(413, "This form is too large.")
        form = fields(self.rfile.read(int(length)).decode("latin-1"))
        is_own = self.headers.get("origin", URL) == URL
        if not is_own or not hmac.compare_digest(form.get("csrf", "").encode(), self.csrf().encode()):
            raise Refused(403, "This form is too old, or of another site. Open the page again.")
        return form

    def needs_user(self):
        if not self.user:
            raise Refused(401, "Sign in first.")
        return self.user

    def field(self, name, chars_max):
        value = self.form.get(name, "").strip()
        if not value or len(value) > chars_max:
            raise Refused(400, f"The field {name} is missing or too long.")
        return value

    def once(self):
        return f"form-{self.field('once', 64)}"

    # Pages

    def home(self, message=""):
        if self.user:
            return self.page(account_page(self.user, self.csrf(), message))
        main = (
            '<section><h1>Credits for your programs</h1><p>Buy credits, spend them by key, see every entry.</p>'
            f'<p><a href="/sign-up">Sign up</a> and get {WELCOME}.</p></section>'
        )
        return self.page(document("Credit shop", main))

    def sign_up_form(self):
        self.page(sign_page("Sign up", "/sign-up", self.csrf()))

    def sign_in_form(self):
        self.page(sign_page("Sign in", "/sign-in", self.csrf()))

    def lines(self):
        user = self.needs_user()
        main = statement(user, self.query.get("cursor", ""))
        self.page(document("Statement", main, signed_in=True, csrf=self.csrf()))

    def paid(self):
        """The credits come with the payment's webhook, and not with this visit: it only shows what there is."""
        self.home("You are back from the payment page. Credits are here as soon as the payment is confirmed.")

    # Forms

    def sign_up(self):
        owner = sign_up(self.field("email", 254), self.form.get("password", ""))
        # The account is there whether or not the books answer now.
        with contextlib.suppress(Refused):
            welcome(owner)
        self.cookie, self.is_new = begin_session(owner), True
        self.redirect("/")

    def sign_in(self):
        owner = sign_in(self.field("email", 254), self.form.get("password", ""))
        with contextlib.suppress(Refused):
            welcome(owner)
        self.cookie, self.is_new = begin_session(owner), True
        self.redirect("/")

    def sign_out(self):
        with store() as db:
            db.execute("DELETE FROM sessions WHERE hash = ?", (session_hash(self.cookie),))
        self.cookie, self.is_new = secrets.token_urlsafe(32), True
        self.redirect("/")

    def buy(self):
        user, product = self.needs_user(), self.field("product", 64)
        key, form = owner_key(user), self.once()
        order = change(user["owner"], form, "/orders", {"product": product, "provider": "stripe"}, key)
        # A repeat of this call needs no key of its own: an order has one open page.
        try:
            status, made = call("POST", "/api/pay/checkout", {"orderNumber": order["orderNumber"]}, key)
        except OSError as error:
            raise Refused(503, "The books did not answer. Click again.") from error
        if status >= 400:
            raise Refused(409, made.get("message") or "This cannot be paid now.")
        self.redirect(made["url"] if "url" in made else "/")

    def redeem(self):
        user, code = self.needs_user(), self.field("code", 64)
        body = {"owner": user["owner"], "code": code}
        change(user["owner"], self.once(), "/v1/redeem", body)
        self.redirect("/")

    def make_key(self):
        user, name = self.needs_user(), self.field("name", 40)
        row, secret = new_key(user["owner"], self.once(), name, "made by its owner in the shop")
        done(row, {})
        self.page(key_page(secret, self.csrf()))

    # Answers

    def page(self, content, status=200):
        headers = [("content-type", "text/html; charset=utf-8"), ("content-security-policy", POLICY)]
        self.send(status, content.encode(), headers)

    def redirect(self, location):
        self.send(303, b"", [("location", location)])

    def send(self, status, content, headers):
        self.send_response(status)
        headers += [
            ("content-length", str(len(content))),
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
        ]
        if IS_HTTPS:
            headers.append(("strict-transport-security", "max-age=31536000"))
        if self.is_new:
            secure = "; Secure" if IS_HTTPS else ""
            # Lax: the buyer comes back from the payment page by a link.
            cookie = f"{COOKIE}={self.cookie}; Path=/; HttpOnly; SameSite=Lax; Max-Age={SESSION_SECONDS}{secure}"
            headers.append(("set-cookie", cookie))
        for name, value in headers:
            self.send_header(name, value)
        # A browser that has left the page gets none.
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format, *args):
        """Method, path and status: a query has the id of a payment, and a body has passwords."""
        path = getattr(self, "path", "").partition("?")[0]
        print(f"shop: {self.command} {path} {args[1] if len(args) > 1 else ''}", file=sys.stderr)


def main():
    if not SERVICE_KEY.startswith("hs_"):
        sys.exit("shop: SERVICE_KEY must be a service key, as README.md makes one")
    is_local = urllib.parse.urlsplit(API).hostname in ("127.0.0.1", "localhost", "::1")
    if not API.startswith("https://") and not is_local:
        sys.exit("shop: HOOKLEDGER_API must be https: the service key is sent to it")
    Shop.csrf_key = open_store()
    address = urllib.parse.urlsplit(os.environ.get("SHOP_LISTEN", "//127.0.0.1:8000"))
    with http.server.ThreadingHTTPServer((address.hostname, address.port), Shop) as server:
        print(f"shop: {URL}", file=sys.stderr, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
