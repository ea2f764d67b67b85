"""The fake providers of the local stack, behind TLS, since a deployed function calls no provider without it."""

import base64
import http.client
import http.server
import json
import ssl
import threading

import trustme
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from process import OUTPUT, Background, Failed, environment, free_port, until

DATA = OUTPUT / "here"
STRANGER = OUTPUT / "stranger"
TRUSTED = OUTPUT / "authority.pem"
JWKS = "/.well-known/jwks.json"


class Fakes(Background):
    """The local stack. Its own functions are not used; its keys are those of both sides, and its commands sign with them."""

    def __init__(self, program):
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.program = program
        plain = environment(AWS_ENDPOINT_URL="", LOG_LEVEL="warn")
        super().__init__("fakes", program, "--data", DATA, "--memory", "--port", port, env=plain)

    def __enter__(self):
        until("the fakes answer", lambda: (DATA / "local.json").exists() or not self.is_running(), 60)
        if not self.is_running():
            raise Failed(self.log.read_text())
        self.secrets = json.loads((DATA / "local.json").read_text())["secrets"]
        self.proxy = TlsProxy(self.base, published(self.secrets["FIREBLOCKS_LOCAL"]))
        return self

    def __exit__(self, *failure):
        self.proxy.close()
        super().__exit__(*failure)

    def parameters(self):
        """The template's parameters for the fakes."""
        at = self.proxy.base
        return {
            "StripeApiBase": f"{at}/mock/stripe",
            "EpayApiBase": f"{at}/mock/epay",
            "WechatApi": "v3",
            "WechatApiBase": f"{at}/mock/wechat",
            "WechatMerchantSerial": "0000000000000000000000000000000000000001",
            "WechatNotifyUrl": "https://shop.example/payment/callback",
            "FireblocksApiBase": f"{at}/mock/fireblocks",
            "FireblocksVault": "0",
            "FireblocksWorkspace": "5e2c6a30-0000-4000-8000-000000000001",
            "FireblocksJwksUrl": f"{at}{JWKS}",
            "UnitelApiUrl": f"{at}/mock/unitel",
            "UnitelCheckPath": "/service/check_transaction_result",
            "NewApiBaseUrl": f"{at}/mock/new-api",
            "LlmBaseUrl": f"{at}/mock/openai/v1",
        }


class TlsProxy:
    """TLS in front of the fakes, with the certificate of an authority that is made for this run and that the functions trust."""

    def __init__(self, base, keys):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(TRUSTED)
        handler = type("ProxyHandler", (ProxyHandler,), {"to": base.removeprefix("http://"), "keys": keys})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.base = f"https://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()


class ProxyHandler(http.server.BaseHTTPRequestHandler):
    """Forwards each request unchanged. It serves Fireblocks' JWKS itself, which the local stack does not."""

    protocol_version = "HTTP/1.1"
    to: str
    keys: str

    def forward(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == JWKS:
            return self.answer(200, {"content-type": "application/json"}, self.keys.encode())
        connection = http.client.HTTPConnection(self.to, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, self.path, body, headers)
        answered = connection.getresponse()
        content = answered.read()
        connection.close()
        return self.answer(answered.status, dict(answered.getheaders()), content)

    do_GET = do_POST = do_PUT = forward

    def answer(self, status, headers, content):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """The log of requests is not read."""


def published(both):
    """The public key of the fake Fireblocks as a JWKS."""
    numbers = load_pem_public_key(json.loads(both)["public"].encode()).public_numbers()

    def text(number):
        return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()

    key = {"kty": "RSA", "kid": "local", "use": "sig", "alg": "RS512", "n": text(numbers.n), "e": text(numbers.e)}
    return json.dumps({"keys": [key]})
