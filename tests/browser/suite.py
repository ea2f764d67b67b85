"""Uses the pages in a headless Chromium, as a person would. `run` installs what it needs."""

import pathlib
import re
import sys
import tempfile
import time
import urllib.error
import urllib.request

import buyer
import console
import front
import shop
import states
import stories
from processes import ROOT

PICTURES = ROOT / "docs/pictures"
# The size of a page that README.md shows at its full width.
PICTURE_BYTES_MAX = 200_000


def main():
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for test in front.TESTS + console.TESTS + stories.TESTS + states.TESTS + shop.TESTS + buyer.TESTS:
            at = time.monotonic()
            place = folder / test.__name__
            place.mkdir()
            test(place)
            print(f"{time.monotonic() - at:5.1f} s  {test.__name__}", flush=True)
        shop.picture(folder / "shop.png")
        for name in ["shop.png", *console.pictures(folder)]:
            picture = folder / name
            size = picture.stat().st_size
            assert 20_000 < size < PICTURE_BYTES_MAX, f"{name} has {size} bytes"
            if "--picture" in sys.argv:
                (PICTURES / name).write_bytes(picture.read_bytes())
    print(f"{time.monotonic() - began:5.1f} s  in all")


if __name__ == "__main__":
    main()
