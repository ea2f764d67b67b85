"""The stacks of one stage: builds and deploys them by the commands of docs/deploy.md, and reads them through AWS's API."""

import contextlib
import functools
import json
import os
import zipfile

from emulator import template
from pages import block
from process import OUTPUT, ROOT, TOOLS, Failed, environment, run, say, until

SAM = TOOLS / "sam/bin/sam"
# The limit of a zip, which Lambda fetches and unpacks at each cold start.
ZIP_BYTES_MAX = 3_000_000
LARGER_ZIP_BYTES_MAX = {
    # It has what every source parses and decides, and no sender waits for its start.
    "ReconcileFunction": 3_500_000,
    # It has every call of the credits API: 8.4 MB unpacked, 3.75 MB as a zip. The OpenAPI document is 14 KB of that.
    "CreditsFunction": 4_000_000,
}
UPDATED_WITHIN_S = 180


@functools.cache
def documented():
    """The words of each `sam build` and `sam deploy` with which docs/deploy.md deploys the three stacks."""
    lines = (line.split(" #")[0] for line in block("docs/deploy.md", "sam build").splitlines())
    commands = [command.split() for line in lines for command in line.split(" && ")]
    return [words for words in commands if words[0] == "sam"]


class Deployment:
    def __init__(self, cloud, stage):
        self.cloud, self.stage = cloud, stage
        self.parameters = {"Stage": stage, "Architecture": cloud.architecture, **cloud.parameters}

    def sam(self, command, config, *more, parameters=True):
        """Runs a command of docs/deploy.md with the suite's parameters, which a real stage has in samconfig.toml."""
        if ["sam", command, "--config-env", config] not in documented():
            raise Failed(f"docs/deploy.md has no `sam {command} --config-env {config}`")
        given = self.parameters if parameters else {"Stage": self.stage}
        overrides = " ".join(f'{name}="{value}"' for name, value in given.items())
        settings = environment(**self.cloud.settings, SAM_CLI_TELEMETRY="0", CARGO_TARGET_DIR="")
        return run(SAM, command, "--config-env", config, "--parameter-overrides", overrides, *more, env=settings, quiet=True)

    def build(self):
        self.sam("build", self.stage)

    @functools.cache
    def declared(self, kind):
        """The template's resources of one type, by logical id."""
        resources = template("infra/app.yaml")["Resources"].items()
        return {name: resource["Properties"] for name, resource in resources if resource["Type"] == kind}

    def sizes(self):
        """Prints the sizes of each function's binary and zip; a zip above the limit fails the suite if it is built as deployed."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        say(f"  {'function':<20} {'binary':>10} {'zip':>10} {'limit':>10}")
        too_large = []
        for function in self.declared("AWS::Serverless::Function"):
            binary, packed = ROOT / ".aws-sam" / self.stage / function / "bootstrap", OUTPUT / "size.zip"
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(binary, "bootstrap")
            size = packed.stat().st_size
            limit = LARGER_ZIP_BYTES_MAX.get(function, ZIP_BYTES_MAX)
            say(f"  {function:<20} {binary.stat().st_size:>10,} {size:>10,} {limit:>10,}")
            if size > limit:
                too_large.append(function)
        packed.unlink()
        if too_large and os.environ.get("CARGO_PROFILE_RELEASE_LTO") == "off":
            say("  Built without LTO, so the limit is not compared.")
        elif too_large:
            raise Failed(f"too large: {', '.join(too_large)}")

    def deploy_data(self):
        self.sam("deploy", f"{self.stage}-data", parameters=False)

    def deploy_app(self, **changed):
        """Deploys the app, and then its watch stack."""
        self.parameters.update(changed)
        self.sam("deploy", self.stage)
        self.sam("deploy", f"{self.stage}-watch", *self.cloud.template_options("infra/watch.yaml"), parameters=False)
        self.physical_id.cache_clear()

    # ------------------------------------------------------------------------------------------ deployed resources

    @functools.cache
    def client(self, service):
        return self.cloud.session.client(service, endpoint_url=self.cloud.settings.get("AWS_ENDPOINT_URL"))

    @functools.cache
    def physical_id(self, logical_id):
        stack = f"hookledger-{self.stage}"
        found = self.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def output(self, name):
        stacks = self.client("cloudformation").describe_stacks(StackName=f"hookledger-{self.stage}")["Stacks"]
        return next(output["OutputValue"] for output in stacks[0]["Outputs"] if output["OutputKey"] == name)

    def table(self, name):
        return f"hookledger-{self.stage}-{name}"

    def rows(self, table):
        """Every row of a table, by id."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.table(table), ConsistentRead=True)
        return {row["id"]["S"]: row for page in pages for row in page["Items"]}

    def secret(self, name):
        stored = self.client("secretsmanager").get_secret_value(SecretId=f"hookledger/{self.stage}/{name}")
        return json.loads(stored["SecretString"])

    def put_secret(self, name, settings):
        self.client("secretsmanager").put_secret_value(
            SecretId=f"hookledger/{self.stage}/{name}", SecretString=json.dumps(settings)
        )

    def secrets(self):
        """The names of all declared secrets, without their prefix."""
        return [secret["Name"].rsplit("/", 1)[1] for secret in self.declared("AWS::SecretsManager::Secret").values()]

    def log(self, function):
        """Every log line of a function."""
        configuration = self.client("lambda").get_function_configuration(FunctionName=self.physical_id(function))
        pages = self.client("logs").get_paginator("filter_log_events")
        pages = pages.paginate(logGroupName=configuration["LoggingConfig"]["LogGroup"])
        return [event["message"] for page in pages for event in page["events"]]

    def invoke(self, function, event):
        """Invokes a function without the API. A function error fails the suite."""
        answered = self.client("lambda").invoke(FunctionName=self.physical_id(function), Payload=json.dumps(event))
        payload = json.loads(answered["Payload"].read() or b"null")
        if "FunctionError" in answered:
            raise Failed(f"{function}: {payload}")
        return payload

    @contextlib.contextmanager
    def broken(self, function):
        """Within this context the function cannot start, so that its stream's records fail, and soon become dead letters."""
        client, name = self.client("lambda"), self.physical_id(function)
        mapping = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"][0]
        variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        limits = ("MaximumRecordAgeInSeconds", "MaximumRetryAttempts")

        def update(variables, limits):
            client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
            client.update_event_source_mapping(UUID=mapping["UUID"], **limits)
            client.get_waiter("function_updated_v2").wait(FunctionName=name)
            until("the stream is read again", lambda: self.is_reading(mapping["UUID"]), UPDATED_WITHIN_S)

        # The lowest limits that AWS allows. The emulator checks only the age.
        update({**variables, "JOURNAL_TABLE": ""}, dict(zip(limits, (60, 1))))
        try:
            yield
        finally:
            update(variables, {limit: mapping[limit] for limit in limits})

    def is_reading(self, mapping):
        return self.client("lambda").get_event_source_mapping(UUID=mapping)["State"] == "Enabled"
