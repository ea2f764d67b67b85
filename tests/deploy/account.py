"""A real AWS account, that of the environment's credentials. The templates are deployed unchanged.

AWS cannot reach the fakes. Checkout is tested with Stripe's test mode and the key in STRIPE_SECRET_KEY; transfers, top-ups
and payments created at WeChat Pay are not tested."""

import os

import boto3

from process import Failed, run


class Account:
    has_fakes = False
    parameters = {}
    architecture = os.environ.get("DEPLOY_ARCHITECTURE", "arm64")

    def __enter__(self):
        region = os.environ.get("AWS_REGION")
        if not region or os.environ.get("AWS_ENDPOINT_URL"):
            raise Failed("DEPLOY_TARGET=aws needs AWS_REGION and credentials, and no AWS_ENDPOINT_URL")
        key = os.environ.get("STRIPE_SECRET_KEY", "")
        if not key.startswith(("sk_test_", "rk_test_")):
            raise Failed("DEPLOY_TARGET=aws needs a key of Stripe's test mode in STRIPE_SECRET_KEY")
        self.secrets = {"STRIPE_SECRET_KEY": key}
        self.settings = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        self.session = boto3.Session(region_name=region)
        self.endpoint = f"https://dynamodb.{region}.amazonaws.com"
        if self.architecture == "arm64":
            installed = run("rustup", "target", "list", "--installed", quiet=True)
            if "aarch64-unknown-linux-gnu" not in installed:
                raise Failed("run rustup target add aarch64-unknown-linux-gnu, or set DEPLOY_ARCHITECTURE=x86_64")
        return self

    def __exit__(self, *_):
        """The stacks stay deployed; docs/deploy.md describes how to remove them."""

    def api_url(self, stack):
        return stack.output("ApiUrl")

    def template_options(self, _template):
        return ()

    def create_missing_routes(self, _stack):
        """AWS creates every route."""
