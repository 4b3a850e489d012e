"""`buzon completion`: what real shells make of it, bash, and fish where it is installed."""

import shutil
import subprocess
import sys

import pytest
from test_cli_verbs import ALL, buzon, one_document, one_sentence

BOARDS = {"ESP32_GENERIC", "ESP32_GENERIC_C3", "ESP32_GENERIC_S3"}
CASES = {
    "buzon ": {"demo", "mail", "completion"},
    "buzon m": {"mail", "merge"},
    "buzon mail s": {"search", "show"},
    "buzon mail show --p": {"--peek", "--port"},
    "buzon --v": {"--version"},
    "buzon mail show --port /dev/x --pe": {"--peek"},
    "buzon flash --board ESP": BOARDS,
    "buzon boards ESP": BOARDS,
    "buzon wipe --what se": {"settings"},
    "buzon completion ": {"bash", "zsh", "fish"},
    "buzon provision --em": {"--email"},
}
NOT = {"buzon ": {"list", "--version"}, "buzon mail s": {"serve"}, "buzon flash --board ESP": {"--firmware"}}


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The script of each shell in a file."""
    folder = tmp_path_factory.mktemp("completion")
    found = {}
    for shell in ("bash", "zsh", "fish"):
        done = buzon("completion", shell)
        assert (done.returncode, done.stderr) == (0, "")
        found[shell] = folder / ("_buzon" if shell == "zsh" else f"buzon.{shell}")
        found[shell].write_text(done.stdout, "utf-8")
    return found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_verb_and_every_option_is_in_it(shell, scripts) -> None:
    text = scripts[shell].read_text("utf-8")
    for path, command in ALL.items():
        assert path[-1] in text
        for option in command.params:
            for name in option.opts:
                if name.startswith("--") and not option.hidden:
                    assert (f"-l {name[2:]} " if shell == "fish" else name) in text


def bash(script, line: str) -> set[str]:
    words = line.split(" ")
    code = (
        f"source {script}; COMP_WORDS=({' '.join(words[:-1])} '{words[-1]}'); COMP_CWORD={len(words) - 1}; "
        "_buzon; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "--norc", "-uc", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def fish(script, line: str) -> set[str]:
    code = f"source {script}; complete -C '{line}'"
    done = subprocess.run(["fish", "--no-config", "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return {each.split("\t")[0] for each in done.stdout.splitlines()}


@pytest.mark.parametrize("line", CASES)
@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_a_real_shell_offers_what_can_follow(shell, line, scripts) -> None:
    if shutil.which(shell) is None:
        assert shell != "bash" or sys.platform == "win32"
        pytest.skip(f"no {shell} here")
    found = {"bash": bash, "fish": fish}[shell](scripts[shell], line)
    if shell == "bash":
        assert CASES[line] <= found
        assert not NOT.get(line, set()) & found
    else:
        assert CASES[line] <= found


def test_its_json_and_a_shell_that_there_is_not() -> None:
    document = one_document(buzon("completion", "bash", "--json"))
    assert document["script"].startswith("# bash completion")
    done = buzon("completion", "tcsh")
    assert done.returncode == 2
    assert "tcsh" in one_sentence(done)
