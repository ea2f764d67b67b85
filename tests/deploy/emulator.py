"""An emulated AWS on 127.0.0.1, with workarounds for what it does not support of the templates."""

import json
import platform
import re
import urllib.request

import boto3
import yaml

from process import OUTPUT, ROOT, TOOLS, Background, Failed, environment, free_port, until

# Not valid in any real account; the emulator treats the user `test` as the account's root user.
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
    """Emulates the parts of AWS that the templates use. Functions run as processes of this machine."""

    # Its functions run on this machine, and can call the fakes.
    has_fakes = True
    secrets = {}
    # It sets AWS_ENDPOINT_URL on the functions, which they refuse without this parameter.
    parameters = {"AllowEndpointUrl": "true"}

    def __init__(self, trusted):
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self.settings = {**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint}
        self.session = boto3.Session("test", "test", region_name=CREDENTIALS["AWS_REGION"])
        # Without BIND_HOST and IOT_MTLS_ENABLED it opens ports to the network. AUTH enforces each function's role. The
        # functions inherit its environment, and so trust the certificate authority of the fakes.
        serving = environment(
            **self.settings,
            GATEWAY_PORT=str(port),
            BIND_HOST="127.0.0.1",
            IOT_MTLS_ENABLED="0",
            AUTH="true",
            SSL_CERT_FILE=str(trusted),
            PYTHONUNBUFFERED="1",
        )
        # With an extension for a policy condition that it does not support.
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

    # The functions are compiled for this machine, on which they run.
    architecture = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"

    def api_url(self, stack):
        """A path, not a host name of its own: `/health` of the host is the emulator's own."""
        return f"{self.endpoint}/_aws/execute-api/{stack.physical_id('Api')}"

    def function_url(self, url):
        """Below a path, like the API. The emulator takes a reply in parts, and passes it on once it is whole: that parts arrive as
        they are made, and that a caller who leaves stops nothing, is seen in the local stack and on AWS alone."""
        return f"{self.endpoint}/_aws/lambda-url/{url.removeprefix('https://').split('.')[0]}"

    def template_options(self, template):
        """The emulator does not support alarms with several metrics: a copy of the template omits them. SAM searches its
        settings next to the template."""
        alarm = re.compile(r"^  \w+:\n    Type: AWS::CloudWatch::Alarm\n(?:(?:    .*)?\n)*", re.MULTILINE)
        known = alarm.sub(lambda one: "" if "\n      Metrics:" in one.group() else one.group(), (ROOT / template).read_text())
        copy = OUTPUT / template.rsplit("/", 1)[1]
        copy.write_text(known)
        return "--template-file", copy, "--config-file", ROOT / "samconfig.toml"

    def create_missing_routes(self, stack):
        """The emulator ignores the OpenAPI body in which SAM passes the routes, so this creates them one by one from the same
        template. SAM itself creates the permissions to invoke the functions."""
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
    """Reads tags such as `!Ref` as plain values, since no value that the suite reads has one."""


Tags.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_yaml_str(node) if isinstance(
    node, yaml.ScalarNode) else loader.construct_sequence(node, deep=True))


def template(path):
    return yaml.load((ROOT / path).read_text(), Tags)


def message(queue_url, client):
    """The next message of a queue, as JSON."""
    received = client.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1).get("Messages", [])
    return json.loads(received[0]["Body"]) if received else None
