"""Reads the shell blocks of the docs, and runs them with the suite's values in place of a page's examples."""

import re
import textwrap

from process import ROOT, TOOLS, Failed, environment, run

# The pages are written for the second version of the AWS CLI, which no package registry has. The first one takes the same
# commands, but for `logs tail`: this is the call that it makes. `cargo run` would build the program again.
FUNCTIONS = r"""
aws() {
    local words=() word
    if [ "$1 $2" = "logs tail" ]; then
        shift 2
        set -- logs filter-log-events --log-group-name "$@"
    fi
    for word in "$@"; do [ "$word" = --follow ] || words+=("$word"); done
    command aws "${words[@]}"
}
cargo() {
    while [ "$1" != -- ]; do shift; done
    "$PROGRAM" "${@:2}" --data "$DATA"
}
"""


def block(page, words):
    """The one shell block of a page that has these words."""
    found = re.findall(r"^ *```(?:sh|console)\n(.*?)^ *```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    found = [textwrap.dedent(one) for one in found if words in one]
    if len(found) != 1:
        raise Failed(f"{page} has {len(found)} blocks with {words!r}")
    return found[0]


def inline(page, words):
    """The one inline command of a page that begins with these words."""
    found = [span for span in re.findall(r"`([^`\n]+)`", (ROOT / page).read_text()) if span.startswith(words)]
    if len(found) != 1:
        raise Failed(f"{page} has {len(found)} inline commands that begin with {words!r}")
    return found[0]


def with_values(text, values):
    """The commands with the suite's values. An example that the text does not have is a mistake of the suite."""
    for example, value in values.items():
        if example not in text:
            raise Failed(f"{example!r} is not in {text!r}")
        text = text.replace(example, value)
    return text


def bash(script, folder, program, data, settings):
    """Runs commands of a page in this folder. The first that fails is a failure."""
    folder.mkdir(parents=True, exist_ok=True)
    path = f"{TOOLS / 'aws/bin'}:{TOOLS / 'sam/bin'}:{environment()['PATH']}"
    known = environment(**settings, PATH=path, PROGRAM=str(program), DATA=str(data), SAM_CLI_TELEMETRY="0", USER="suite")
    return run("bash", "-euo", "pipefail", "-c", f"{FUNCTIONS}\ncd {folder}\n{script}", env=known, quiet=True)
