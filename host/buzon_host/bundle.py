"""The report of `buzon doctor` as one text file that a person can read, and then give away.

It has no passwords: the board never sends any, and those known here are removed wherever they appear, as are
user names, network names and addresses. It contains no mail.
"""

import base64
import itertools
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import __version__, files
from .board.printable import escape_lines
from .doctor import Report
from .errors import UsageError

_LEAST = 3  # characters; anything shorter would match unrelated words


def new_name(now: datetime) -> Path:
    """An unused name in this folder, such as `buzon-report-20261123-210542.txt`."""
    name = f"buzon-report-{now:%Y%m%d-%H%M%S}"
    numbered = (Path(f"{name}-{number}.txt") for number in itertools.count(2))
    return next(
        path for path in itertools.chain([Path(f"{name}.txt")], numbered) if not os.path.lexists(path)
    )


def check(path: Path) -> None:
    """Raises UsageError when no new file can be written there."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"There is a file {path} already: give another name.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}: make it, or give another name.")


def write(path: Path, report: Report, env: Mapping[str, str] | None = None) -> None:
    content = text(report, os.environ if env is None else env)
    files.write(path, content.encode("utf-8", "backslashreplace"), new=True)


def text(report: Report, env: Mapping[str, str]) -> str:
    """The whole report. `env`: may have passwords, which must not be in it."""
    parts = [
        ("steps", "\n".join(_step(check) for check in report.checks)),
        ("hello", _json(report.hello and report.hello.model_dump(mode="json"))),
        ("status", _json(report.status and report.status.model_dump(mode="json"))),
        ("settings", _json(without_secrets(report.settings))),
        ("log", report.log),
        ("printed by the board beside its answers", "\n".join(report.said)),
    ]
    body = "\n\n".join(f"== {name} ==\n{content or '-'}" for name, content in parts)
    body = redacted(body, names(report), known(env))
    head = [
        "Report of `buzon doctor`. It holds no passwords and no mail; user names, networks and addresses are",
        "replaced. Read it through before you give it away.",
        "",
        f"made      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"buzon     {__version__}",
        f"computer  {platform.system()} {platform.release()}, Python {platform.python_version()}",
    ]
    return "\n".join(head) + "\n\n" + escape_lines(body) + "\n"


def without_secrets(tree: Any) -> Any:
    """Settings with `(set)` in place of each secret, whatever its value."""
    if isinstance(tree, dict):
        return {
            name: ("(set)" if value else "") if name in ("password", "oauth") else without_secrets(value)
            for name, value in tree.items()
        }
    return [without_secrets(one) for one in tree] if isinstance(tree, list) else tree


def names(report: Report) -> dict[str, str]:
    """What is private but not secret -> what is written in its place."""
    tree = report.settings or {}
    found: dict[str, str] = {}
    for number, account in enumerate(_tables(tree, "account")):
        found[str(account.get("user", ""))] = f"<user {number}>"
    for number, network in enumerate(_tables(tree, "wifi")):
        found[str(network.get("ssid", ""))] = f"<wifi {number}>"
    if report.status is not None:
        found[report.status.wifi.ssid or ""] = found.get(report.status.wifi.ssid or "", "<wifi>")
    found |= dict.fromkeys(report.addresses, "<address>")
    return {name: instead for name, instead in found.items() if len(name) >= _LEAST}


def known(env: Mapping[str, str]) -> list[str]:
    """The passwords that the environment holds for this tool."""
    return [
        value for name, value in env.items() if re.match(r"BUZON_.*PASSWORD", name) and len(value) >= _LEAST
    ]


def redacted(body: str, private: Mapping[str, str], secrets: Iterable[str]) -> str:
    """`body` without these, longest first: verbatim, in JSON's form, and secrets also in hex and base64."""
    instead = dict(private)
    for secret in secrets:
        raw = secret.encode()
        instead |= dict.fromkeys((secret, raw.hex(), base64.b64encode(raw).decode().rstrip("=")), "<secret>")
    for name in sorted(instead, key=len, reverse=True):
        for form in {name, json.dumps(name)[1:-1]}:
            body = body.replace(form, instead[name])
    return body


def _tables(tree: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = tree.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _step(check: Any) -> str:
    code = f" [{check.code}]" if check.code else ""
    where = f" ({check.account})" if check.account else ""
    remedy = f" {check.remedy}" if check.remedy else ""
    return f"{check.result:<7}{check.name}{where}{code}: {check.text}{remedy}"


def _json(value: object) -> str:
    return json.dumps(value, indent=1, default=str) if value is not None else ""
