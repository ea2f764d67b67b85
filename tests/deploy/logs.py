"""The logs of the functions: outcomes are logged, and no secret."""

import json

from process import check, say

# Each line of a key with several lines is as secret as the whole; shorter values are names or numbers.
SECRET_LENGTH_MIN = 16


def logged(shop):
    say("logs: outcomes are logged, and no secret")
    deployment = shop.deployment
    stored = [deployment.secret(name) for name in deployment.secrets()]
    values = [value for settings in stored for value in settings.values()] + list(shop.keys.values()) + shop.api_keys
    secrets = {part for value in values if value for part in value.split() if len(part) >= SECRET_LENGTH_MIN}
    # The suite opens no page of the console: tests/browser does.
    called = [function for function in deployment.declared("AWS::Serverless::Function") if function != "ConsoleFunction"]
    for function in called:
        lines = deployment.log(function)
        done = [line for line in lines if "outcome" in line]
        check(f"{function} logged {len(lines)} lines, some of them with an outcome", bool(done), True)
        check(f"no line of {function} has a secret", [line for line in lines if any(secret in line for secret in secrets)], [])
