"""What the functions have logged by the end: a line for what they did, and nothing that is secret."""

import json

from process import check, say

# Of a key that has several lines, each is as secret as the whole; what is shorter is a name or a number.
SECRET_LENGTH_MIN = 16


def logged(shop):
    say("logs: every outcome is there, and no secret")
    deployment = shop.deployment
    stored = [deployment.secret(name) for name in deployment.secrets()]
    values = [value for settings in stored for value in settings.values()] + list(shop.keys.values()) + shop.api_keys
    secrets = {part for value in values if value for part in value.split() if len(part) >= SECRET_LENGTH_MIN}
    for function in deployment.declared("AWS::Serverless::Function"):
        lines = deployment.log(function)
        done = [line for line in lines if "outcome" in line]
        check(f"{function} left {len(lines)} lines, of which some say what was done", bool(done), True)
        check("none of them has a secret", [line for line in lines if any(secret in line for secret in secrets)], [])
