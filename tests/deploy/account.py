"""A real account, that of the environment's credentials. It is what the templates are written for: nothing is bent.

The providers' fakes cannot be called from there. Checkout is tried against Stripe's own test mode, with the key in STRIPE_SECRET_KEY;
what is sent to a wallet or to a telephone, and what is begun at WeChat Pay, is not tried."""

import os

import boto3

from process import Failed, run


class Account:
    has_standins = False
    parameters = {}
    architecture = os.environ.get("DEPLOY_ARCHITECTURE", "arm64")

    def __enter__(self):
        region = os.environ.get("AWS_REGION")
        if not region or os.environ.get("AWS_ENDPOINT_URL"):
            raise Failed("DEPLOY_TARGET=aws wants AWS_REGION and credentials, and no AWS_ENDPOINT_URL")
        key = os.environ.get("STRIPE_SECRET_KEY", "")
        if not key.startswith(("sk_test_", "rk_test_")):
            raise Failed("DEPLOY_TARGET=aws wants a key of Stripe's test mode in STRIPE_SECRET_KEY")
        self.secrets = {"STRIPE_SECRET_KEY": key}
        self.settings = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        self.session = boto3.Session(region_name=region)
        self.endpoint = f"https://dynamodb.{region}.amazonaws.com"
        if self.architecture == "arm64":
            installed = run("rustup", "target", "list", "--installed", quiet=True)
            if "aarch64-unknown-linux-gnu" not in installed:
                raise Failed("rustup target add aarch64-unknown-linux-gnu, or DEPLOY_ARCHITECTURE=x86_64")
        return self

    def __exit__(self, *_):
        """What was deployed stays: docs/deploy.md says how it is removed."""

    def api_url(self, stack):
        return stack.output("ApiUrl")

    def instead_of(self, _template):
        return ()

    def mend_routes(self, _stack):
        """They are there."""
