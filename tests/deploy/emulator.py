"""An emulated AWS on 127.0.0.1, and what of it is bent here since the templates are written for the real one."""

import json
import platform
import re
import urllib.request

import boto3
import yaml

from process import LEFT, ROOT, TOOLS, Background, Failed, environment, free_port, until

# Not in any real account; the emulator takes a user `test` for the account's owner.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SESSION_TOKEN": "",
    "AWS_PROFILE": "",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Emulator(Background):
    """AWS, as far as the templates use it. Functions run as processes of this machine."""

    # Its functions run on this machine, and can call the providers' fakes.
    has_standins = True
    secrets = {}
    # It leads the functions to itself by AWS_ENDPOINT_URL, which they refuse otherwise.
    parameters = {"AllowEndpointUrl": "true"}

    def __init__(self, trusted):
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self.settings = {**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint}
        self.session = boto3.Session("test", "test", region_name=CREDENTIALS["AWS_REGION"])
        # Without BIND_HOST and IOT_MTLS_ENABLED it opens ports to the network. AUTH has every function do what its role allows and
        # no more. The functions take its environment, and with it the authority that the fakes' certificate is of.
        serving = environment(
            **self.settings,
            GATEWAY_PORT=str(port),
            BIND_HOST="127.0.0.1",
            IOT_MTLS_ENABLED="0",
            AUTH="true",
            SSL_CERT_FILE=str(trusted),
            PYTHONUNBUFFERED="1",
        )
        # With what it does not know of policies.
        program = TOOLS / "emulator/bin/python", "-B", ROOT / "tests/deploy/leading_keys.py"
        super().__init__("emulator", *program, env=serving)

    def __enter__(self):
        def is_up():
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=1) as answer:
                    return answer.status == 200
            except OSError:
                return not self.is_running()

        until("the emulator answers", is_up, 60)
        if not self.is_running():
            raise Failed(self.log.read_text())
        return self

    # What the functions are compiled for: they run here.
    architecture = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"

    def api_url(self, stack):
        """By the path and not by the host: `/health` of the host is the emulator's own."""
        return f"{self.endpoint}/_aws/execute-api/{stack.physical_id('Api')}"

    def instead_of(self, template):
        """The emulator makes no alarm of more than one metric: those are left out, in a copy. SAM looks for its settings beside it."""
        alarm = re.compile(r"^  \w+:\n    Type: AWS::CloudWatch::Alarm\n(?:(?:    .*)?\n)*", re.MULTILINE)
        known = alarm.sub(lambda one: "" if "\n      Metrics:" in one.group() else one.group(), (ROOT / template).read_text())
        copy = LEFT / template.rsplit("/", 1)[1]
        copy.write_text(known)
        return "--template-file", copy, "--config-file", ROOT / "samconfig.toml"

    def mend_routes(self, stack):
        """The emulator does not read the OpenAPI body in which SAM hands the routes over: they are made one by one, of the same
        template. The permissions to call the functions are SAM's own."""
        api, gateway = stack.physical_id("Api"), stack.client("apigatewayv2")
        for function, properties in stack.declared("AWS::Serverless::Function").items():
            events = [event["Properties"] for event in properties.get("Events", {}).values() if event["Type"] == "HttpApi"]
            if not events:
                continue
            deployed = stack.client("lambda").get_function(FunctionName=stack.physical_id(function))
            integration = gateway.create_integration(
                ApiId=api,
                IntegrationType="AWS_PROXY",
                IntegrationUri=deployed["Configuration"]["FunctionArn"],
                PayloadFormatVersion="2.0",
            )["IntegrationId"]
            for route in events:
                key = f"{route['Method'].upper()} {route['Path']}"
                gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}")


class Tags(yaml.SafeLoader):
    """Reads `!Ref` and its like as plain values: nothing that is looked for here has one."""


Tags.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_yaml_str(node) if isinstance(
    node, yaml.ScalarNode) else loader.construct_sequence(node, deep=True))


def template(path):
    return yaml.load((ROOT / path).read_text(), Tags)


def message(queue_url, client):
    """The next message of a queue, as JSON."""
    received = client.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1).get("Messages", [])
    return json.loads(received[0]["Body"]) if received else None
