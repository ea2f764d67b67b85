"""The deployment suite: builds and deploys the stacks, and tests every flow of money there. Read this first.

`DEPLOY_TARGET=aws` deploys to the account of the environment's credentials instead of the emulator, always as the stage `dev`."""

import argparse
import contextlib
import os
import shutil
import sys

import changes
import chat
import documented
import forbidden
import logs
import operator_commands
import repairs
import roles
import sources
import workers
from account import Account
from deployment import Deployment
from emulator import Emulator
from pages import block, with_values
from process import OUTPUT, ROOT, Failed, at_once, check, environment, run, say
from shop import SETTINGS, Shop
from fakes import TRUSTED, Fakes

# The suite writes its own keys and money into the stage, so the stage is fixed.
STAGE = "dev"
PROGRAM = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/hookledger"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--built", action="store_true", help="use the output of the last `sam build`")
    arguments = arguments.parse_args()

    # Removes the keys of an earlier run.
    shutil.rmtree(OUTPUT, ignore_errors=True)
    with contextlib.ExitStack() as running:
        fakes = running.enter_context(Fakes(PROGRAM))
        cloud = running.enter_context(Account() if os.environ.get("DEPLOY_TARGET") == "aws" else Emulator(TRUSTED))
        deployment = Deployment(cloud, STAGE)

        say("== build")
        if not arguments.built:
            deployment.build()
        deployment.sizes()

        say("== the contract of the commit, on a second engine")
        contract(cloud)

        say("== deploy")
        deployment.parameters.update(settings(fakes, cloud))
        deployment.deploy_data()
        deployment.deploy_app()
        cloud.create_missing_routes(deployment)
        filling = running.enter_context(contextlib.ExitStack())
        filling.enter_context(filled(deployment, {**fakes.secrets, **cloud.secrets}))
        if cloud.has_fakes:
            documented.secrets_filled(deployment, PROGRAM)
        shop = opened(deployment, cloud, fakes)
        if cloud.has_fakes:
            documented.first_event(shop)

        say("== webhooks")
        sources.usage(shop)
        sources.litellm(shop)
        sources.openrouter(shop)
        sources.codes(shop)
        sources.credits_api(shop)
        sources.stripe(shop)
        sources.epay(shop)
        sources.wechat(shop)
        if cloud.has_fakes:
            sources.fireblocks(shop)
            chat.answered(shop)

        say("== streams, sweeps, repairs, roles and settings")
        workers.fulfilled(shop)
        if cloud.has_fakes:
            workers.topped_up(shop)
        repairs.repaired(shop)
        if cloud.has_fakes:
            documented.operated(shop)
        operator_commands.asked(shop)
        workers.scheduled(shop)
        if cloud.has_fakes:
            workers.pulled(shop)
        roles.enforced(shop)
        forbidden.forbidden(shop)
        say("concurrently: two sweeps, the rotation of a secret, and a dead letter of the stream")
        at_once(shop, workers.swept, workers.held, workers.given_up, changes.rotated)

        say("== a second deployment")
        changes.deployed_again(shop)

        say("== the books, and the logs")
        say(shop.books("audit"))
        logs.logged(shop)
        if cloud.has_fakes:
            # It deletes the secrets.
            filling.close()
            documented.removed(deployment, PROGRAM)
    say("== every check passed")


def settings(fakes, cloud):
    """Settings that a real deployment has in samconfig.toml. The merchants are those of the samples."""
    return {
        "CheckoutSuccessUrl": "https://shop.example/paid",
        "CheckoutCancelUrl": "https://shop.example/cancelled",
        "WechatMchId": "1900000001",
        "WechatAppId": "wx0123456789abcdef",
        "EpayMerchants": "1001:md5,1002:rsa",
        "EpayNotifyUrl": "https://shop.example/payment/notify",
        "EpayReturnUrl": "https://shop.example/payment/return",
        "EpayApiBase": "https://gateway.example",
        # Without a gateway to query, the signature alone has to suffice.
        "EpayMd5KeyAlonePays": "false" if cloud.has_fakes else "true",
        **(fakes.parameters() if cloud.has_fakes else {}),
    }


@contextlib.contextmanager
def filled(deployment, made):
    """Fills each secret that a person would fill with keys of this run, and restores the previous ones at the end."""
    before = {name: deployment.secret(name) for name in deployment.secrets()}
    for name, stored in before.items():
        # The secrets of LLM gateways are generated, and stay.
        if name not in ("usage", "litellm", "openrouter"):
            deployment.put_secret(name, {setting: made.get(setting, "") for setting in stored})
    try:
        yield
    finally:
        for name, stored in before.items():
            deployment.put_secret(name, stored)


def opened(deployment, cloud, fakes):
    keys = {source: fakes.secrets.get(setting) for source, setting in SETTINGS.items()}
    keys["usage"] = deployment.secret("usage")["WEBHOOK_SECRET"]
    keys["litellm"] = deployment.secret("litellm")["LITELLM_KEY"]
    keys["openrouter"] = deployment.secret("openrouter")["OPENROUTER_KEY"]
    shop = Shop(PROGRAM, deployment, cloud.api_url(deployment), keys)
    shop.fakes = fakes.base
    check("the API answers", shop.ask("GET", "/health"), (200, {"status": "ok", "service": "orders"}))
    check("the credits API answers", shop.ask("GET", "/v1/account")[0], 401)
    return shop


def contract(cloud):
    command = with_values(block("tests/README.md", "CONTRACT_ENDPOINT="), {"URL": cloud.endpoint})
    printed = run("bash", "-euc", command, env=environment(**cloud.settings), quiet=True)
    check("the ledger's contract holds", "test second_engine_passes_the_contract ... ok" in printed, True)


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"{failed}\nThe logs are in {OUTPUT}")
