"""The stacks, built and deployed, and then everything that money goes through there. Read this first: it is the table of contents.

`DEPLOY_TARGET=aws` deploys to the account of the environment's credentials in place of the emulator, always as the stage `dev`."""

import argparse
import contextlib
import os
import shutil
import sys

import changes
import forbidden
import logs
import repairs
import roles
import sources
import workers
from account import Account
from deployment import Deployment
from emulator import Emulator
from process import LEFT, ROOT, Failed, at_once, check, environment, run, say
from shop import SETTINGS, Shop
from standins import TRUSTED, Standins

# It puts keys and money of its own into a stage, so there is no way to name another.
STAGE = "dev"
PROGRAM = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/hookledger"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--built", action="store_true", help="take what the last `sam build` left")
    arguments = arguments.parse_args()

    # The keys of an earlier run prove nothing.
    shutil.rmtree(LEFT, ignore_errors=True)
    with contextlib.ExitStack() as running:
        standins = running.enter_context(Standins(PROGRAM))
        cloud = running.enter_context(Account() if os.environ.get("DEPLOY_TARGET") == "aws" else Emulator(TRUSTED))
        deployment = Deployment(cloud, STAGE)

        say("== build")
        if not arguments.built:
            deployment.build()
        deployment.sizes()

        say("== the contract of the commit, on a second engine")
        contract(cloud)

        say("== deploy")
        deployment.parameters.update(settings(standins, cloud))
        deployment.deploy_data()
        deployment.deploy_app()
        cloud.mend_routes(deployment)
        running.enter_context(filled(deployment, {**standins.secrets, **cloud.secrets}))
        shop = opened(deployment, cloud, standins)

        say("== what comes in")
        sources.usage(shop)
        sources.stripe(shop)
        sources.epay(shop)
        sources.wechat(shop)
        if cloud.has_standins:
            sources.fireblocks(shop)

        say("== what goes on by itself")
        workers.fulfilled(shop)
        if cloud.has_standins:
            workers.topped_up(shop)
        repairs.repaired(shop)
        workers.scheduled(shop)
        roles.enforced(shop)
        forbidden.forbidden(shop)
        say("all at once: the clock, a secret that is replaced, and a record that the stream gives up")
        at_once(shop, workers.swept, workers.given_up, changes.rotated)

        say("== a second deployment")
        changes.deployed_again(shop)

        say("== the books, and the logs")
        say(shop.books("audit"))
        logs.logged(shop)
    say("== everything that was to be seen was seen")


def settings(standins, cloud):
    """What a deployment of one's own has in samconfig.toml. The merchants are those of the samples."""
    return {
        "CheckoutSuccessUrl": "https://shop.example/paid",
        "CheckoutCancelUrl": "https://shop.example/cancelled",
        "WechatMchId": "1900000001",
        "WechatAppId": "wx0123456789abcdef",
        "EpayMerchants": "1001:md5,1002:rsa",
        "EpayNotifyUrl": "https://shop.example/payment/notify",
        "EpayReturnUrl": "https://shop.example/payment/return",
        "EpayApiBase": "https://gateway.example",
        # Where no gateway can be queried, the signature has to do.
        "EpayMd5KeyAlonePays": "false" if cloud.has_standins else "true",
        **(standins.parameters() if cloud.has_standins else {}),
    }


@contextlib.contextmanager
def filled(deployment, made):
    """Puts keys of this run into each secret that a person would fill; those that were there are put back."""
    before = {name: deployment.secret(name) for name in deployment.secrets()}
    for name, stored in before.items():
        # The gateway's own was generated, and stays.
        if name != "usage":
            deployment.put_secret(name, {setting: made.get(setting, "") for setting in stored})
    try:
        yield
    finally:
        for name, stored in before.items():
            deployment.put_secret(name, stored)


def opened(deployment, cloud, standins):
    keys = {source: standins.secrets.get(setting) for source, setting in SETTINGS.items()}
    keys["usage"] = deployment.secret("usage")["WEBHOOK_SECRET"]
    shop = Shop(PROGRAM, deployment, cloud.api_url(deployment), keys)
    shop.standins = standins.base
    check("the API answers", shop.ask("GET", "/health"), (200, {"status": "ok", "service": "orders"}))
    return shop


def contract(cloud):
    printed = run(
        "cargo", "test", "--workspace", "--locked", "--test", "contract", "--", "--ignored",
        env=environment(**cloud.settings, CONTRACT_ENDPOINT=cloud.endpoint), quiet=True,
    )
    check("the ledger's contract holds", "test second_engine_passes_the_contract ... ok" in printed, True)


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"{failed}\nThe logs are in {LEFT}")
