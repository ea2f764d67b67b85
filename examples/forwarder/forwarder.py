"""Runs in WeChat's cloud: hands WeChat's callbacks on to hookledger, and hookledger's calls to WeChat, signed both ways."""
import hmac, os, secrets, threading, time
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SECRETS = os.environ["WECHAT_FORWARDER_SECRET"].split()  # during a change both, with a space between them
WECHAT, HOOKLEDGER = os.environ.get("WECHAT_URL", "http://api.weixin.qq.com"), os.environ["HOOKLEDGER_URL"]
SEEN, LOCK = {}, threading.Lock()  # each nonce is taken once

def tag(secret, body, *lines):
    key = hmac.digest(secret.encode(), b"hookledger-forwarder-v1", "sha256")
    return hmac.new(key, "".join(line + "\n" for line in lines).encode() + body, "sha256").hexdigest()

def secret_and_nonce(path, authorization, body):
    scheme, sent, nonce, signature = authorization.split(" ")
    made = lambda secret: hmac.compare_digest(tag(secret, body, "call", "POST", path, sent, nonce), signature)
    secret = next(secret for secret in SECRETS if made(secret))
    with LOCK:
        for old in [old for old, at in SEEN.items() if at < time.time() - 900]: del SEEN[old]
        if scheme != "Forwarder" or abs(time.time() - int(sent)) > 300 or nonce in SEEN: raise ValueError
        SEEN[nonce] = time.time()
    return secret, nonce

def post(base, path, body, headers):
    url = urlsplit(base)
    connection = (HTTPSConnection if url.scheme == "https" else HTTPConnection)(url.netloc, timeout=4)
    connection.request("POST", url.path + path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read()

class Forwarder(BaseHTTPRequestHandler):
    def do_POST(self):
        body, now = self.rfile.read(min(int(self.headers["Content-Length"] or 0), 65536)), str(int(time.time()))
        if not self.path.startswith("/_/pay/"):  # a callback of WeChat's
            nonce = secrets.token_hex(16)
            signature = f"{now} {nonce} {tag(SECRETS[0], body, 'callback', now, nonce)}"
            return self.reply(*post(HOOKLEDGER, self.path, body, {"X-Forwarder-Signature": signature}))
        try: secret, nonce = secret_and_nonce(self.path, self.headers["Authorization"] or "", body)
        except (ValueError, StopIteration, TypeError): return self.reply(401, b"")
        status, answer = post(WECHAT, self.path, body, {})
        self.reply(status, answer, f"{now} {nonce} {tag(secret, answer, 'answer', str(status), now, nonce)}")

    def reply(self, status, body, signature=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if signature: self.send_header("X-Forwarder-Signature", signature)
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("", int(os.environ.get("PORT", "80"))), Forwarder).serve_forever()
