"""README.md and README.es.md say what the program does: their links, their providers, the options that they name."""

import fnmatch
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from buzon_host.cli import build
from buzon_host.provision import schema

ROOT = Path(__file__).parents[2]
PAGES = pytest.mark.parametrize("name", ["README.md", "README.es.md"])
PROVIDERS = ROOT / "host" / "buzon_host" / "provision" / "providers.toml"


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@PAGES
def test_every_link_into_the_page_has_its_heading(name: str) -> None:
    text = text_of(name)
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.M)
    }
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert links
    assert links <= headings


@PAGES
def test_the_table_of_providers_is_what_the_wizard_knows(name: str) -> None:
    section = re.search(r"^## (?:Your provider|Tu proveedor)\n(.+?)^## ", text_of(name), re.M | re.S)
    assert section
    rows = {
        provider.strip(): answer == "**no**"
        for names, answer in re.findall(r"^\| ([^|]+) \| (yes|sí|\*\*no\*\*) \|", section[1], re.M)
        for provider in re.sub(r" \(.+?\)", "", names).split(",")
    }
    known: list[dict[str, Any]] = tomllib.loads(PROVIDERS.read_text("utf-8"))["provider"]
    for row in known:
        assert rows[row["name"]] == ("pop3" not in row or row.get("password") == "oauth"), row["name"]
    # What is left: another name of a provider, and everybody else.
    domains = [domain for row in known for domain in row.get("domains", ())]
    for left in set(rows) - {row["name"] for row in known}:
        named = any(fnmatch.fnmatch(left.lower() + ".com", domain) for domain in domains)
        assert named or "dom" in left, left


def commands(text: str) -> list[str]:
    """The command lines in the page's code blocks, with what is said of them."""
    return re.findall(r"^ *(buzon .+)$", text, re.M)


@PAGES
def test_every_option_in_the_page_is_one_of_its_command(name: str) -> None:
    lines = commands(text_of(name))
    assert len(lines) > 25
    root: Any = typer.main.get_command(build())
    for line in lines:
        command, _, said = line.partition("#")
        words = shlex.split(command)[1:]
        found = root
        while words and hasattr(found, "commands"):
            found = found.commands[words.pop(0)]
        options = {opt for each in found.params for opt in (*each.opts, *each.secondary_opts)}
        # Of the remark the options too, unless it names another command's.
        remarks = re.findall(r"--[a-z-]+", re.sub(r"\(mail list .+?\)", "", said))
        named = [word for word in (*words, *remarks) if word.startswith("--")]
        assert set(named) <= options, line


@PAGES
def test_the_settings_file_in_the_page_is_accepted(name: str) -> None:
    first, second = re.findall(r"^```toml\n(.+?)^```", text_of(name), re.M | re.S)
    settings = schema.parse(tomllib.loads(first))
    assert settings.account[0].host == "127.0.0.1"
    # The second has the defaults, and a filter as an example.
    head, _, rest = second.partition("[[account.filter]]")
    shown = tomllib.loads(head)
    assert shown == {key: schema.Account.model_fields[key].default for key in shown}
    whole = tomllib.loads(f"{first}\n{rest[rest.index('[storage]') :]}")
    assert schema.parse(whole).storage == schema.Storage()
    fields = tomllib.loads(rest[: rest.index("[storage]")])
    assert schema.Filter(**fields).fetch == "full"
