"""The table of a fleet: a CSV file with one row per board, laid over a settings file that all of them share.

All mistakes are reported at once, each with its row (as in a spreadsheet, the header is row 1) and its
column. No message contains what is in a password's cell.
"""

import csv
import difflib
import io
import os
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from .. import paths
from ..errors import UsageError
from ..provision import names, schema, secrets
from ..provision.schema import Settings, SettingsError

COLUMNS: dict[str, tuple[str | int, ...]] = {
    "id": (),
    "name": ("device", "name"),
    "user": ("account", 0, "user"),
    "password": ("account", 0, "password"),
    "host": ("account", 0, "host"),
    "port": ("account", 0, "port"),
    "tls": ("account", 0, "tls"),
    "wifi": ("wifi", 0, "ssid"),
    "wifi_password": ("wifi", 0, "password"),
}
"""The columns, and the setting of each. All but `id` may be left out: then the settings file decides."""

MAX_ROWS = 1000
_OPEN = "open"


class TableError(UsageError):
    """The table is wrong. `problems`: (row, column, what is wrong) of each; `str()` lists all of them."""

    def __init__(self, source: str, problems: list[tuple[int, str, str]]) -> None:
        self.problems = problems
        lines = [
            f"row {row}, {column}: {what}" if row else f"{column}: {what}" for row, column, what in problems
        ]
        super().__init__(f"{source} cannot be used: {'; '.join(lines)}.")


@dataclass(frozen=True)
class Row:
    """One board: its unique id (hex, as in `hello`) and its complete settings, passwords included."""

    number: int
    id: str
    settings: Settings

    @property
    def name(self) -> str:
        return self.settings.device.name


def load(
    path: Path, template: Path | None = None, *, env: Mapping[str, str] | None = None, keyring: bool = True
) -> list[Row]:
    """Reads and checks the table, and finds all its passwords. Raises UsageError or TableError."""
    try:
        raw = paths.read_small(path)
    except OSError as error:
        raise UsageError(f"The table {path} cannot be read: {error.strerror}.") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from None
    tree = schema.read_tree(template) if template is not None else {}
    return parse(text, tree, str(path), env=os.environ if env is None else env, keyring=keyring)


def parse(
    text: str, template: Mapping[str, Any], source: str, *, env: Mapping[str, str], keyring: bool = True
) -> list[Row]:
    """The rows of a table's text over the tree of a settings file. Raises TableError."""
    head_line = text.split("\n", 1)[0]
    delimiter = ";" if ";" in head_line and "," not in head_line else ","  # some countries' spreadsheets
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error:
        raise UsageError(f"{source} is no CSV: a quotation mark in it has no end.") from None
    head = [cell.strip().lower() for cell in lines[0]] if lines else []
    problems = _head(head)
    if problems:
        raise TableError(source, problems)
    if len(lines) - 1 > MAX_ROWS:
        raise UsageError(f"{source} has more than {MAX_ROWS} rows: make several tables of it.")
    rows: list[Row] = []
    known: dict[str, int] = {}
    find = _Passwords(env, keyring)
    for number, cells in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        wrong, row = _row(number, head, [cell.strip() for cell in cells], template, find)
        if row is not None and row.id in known:
            wrong.append((number, "id", f"is the board of row {known[row.id]} too"))
        if row is not None:
            known.setdefault(row.id, number)
            rows.append(row)
        problems += wrong
    if not rows and not problems:
        problems.append((0, "rows", "there are none: write a row for each board below the head"))
    if problems:
        raise TableError(source, problems)
    return rows


def _head(head: list[str]) -> list[tuple[int, str, str]]:
    found: list[tuple[int, str, str]] = []
    for number, name in enumerate(head, 1):
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, 1)
            guess = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(COLUMNS)}"
            found.append((1, f"column {number}", f"is not known ({guess})"))
        elif name in head[: number - 1]:
            found.append((1, name, "is there twice"))
    if "id" not in head:
        found.append((1, "id", "is missing: the board's unique id, which `buzon status --all` shows"))
    return found


def _row(
    number: int, head: list[str], cells: list[str], template: Mapping[str, Any], find: "_Passwords"
) -> tuple[list[tuple[int, str, str]], Row | None]:
    """What is wrong with one row, or the row."""
    if len(cells) > len(head):
        return [(number, f"column {len(head) + 1}", "is beyond the head")], None
    values = {name: cell for name, cell in zip(head, cells, strict=False) if cell}
    wrong: list[tuple[int, str, str]] = []
    id = re.sub(r"[:\s-]", "", values.pop("id", "")).lower()
    if not re.fullmatch(r"(?:[0-9a-f]{2}){2,32}", id):
        wrong.append(
            (
                number,
                "id",
                "must be the board's unique id, as `buzon status --all` shows it" if id else "is missing",
            )
        )
    tree = deepcopy(dict(template))
    for name, cell in values.items():
        value: Any = cell
        if name == "port":
            if not re.fullmatch(r"[0-9]{1,5}", cell):
                wrong.append((number, name, "must be a whole number"))
                continue
            value = int(cell)
        elif name in ("password", "wifi_password"):
            found = "" if name == "wifi_password" and cell == _OPEN else find.reference(cell)
            if found is None:
                wrong.append((number, name, find.why))
                found = "x" * 8  # so that nothing else is reported about it
            value = found
        if not _put(tree, COLUMNS[name], value):
            wrong.append((number, name, "does not fit the settings file: look at what it has there"))
    try:
        settings = schema.parse(tree)
    except SettingsError as error:
        return wrong + [(number, *_named(path, what)) for path, what in error.problems], None
    settings, missing = find.fill(settings)
    wrong += [(number, *_named(path, what)) for path, what in missing]
    return wrong, None if wrong else Row(number, id, settings)


def _put(tree: dict[str, Any], where: tuple[str | int, ...], value: Any) -> bool:
    """Sets a setting, and makes the tables and lists on its path; False if the tree does not fit it."""
    here: Any = tree
    for step, below in pairwise(where):
        empty: Any = [{}] if isinstance(below, int) else {}
        if isinstance(step, str):
            if not isinstance(here, dict):
                return False
            here = here.setdefault(step, empty)
        else:
            if not isinstance(here, list):
                return False
            if not here:
                here.append({})
            here = here[step]
    if not isinstance(here, dict):
        return False
    here[where[-1]] = value
    return True


def _named(path: str, what: str) -> tuple[str, str]:
    """The column of a setting, or the setting itself if it has none."""
    for name, where in COLUMNS.items():
        text = ""
        for step in where:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        if path == text:
            return name, what
    alone = {"account": "user", "wifi": "wifi"}  # the whole table is missing
    return alone.get(path) or names.in_file(path), what


class _Passwords:
    """Finds passwords, each only once, as a keyring may be slow. `why`: what the last reference lacked."""

    def __init__(self, env: Mapping[str, str], keyring: bool) -> None:
        self._env = env
        self._keyring = keyring
        self._known: dict[str, str | None] = {}
        self.why = ""

    def reference(self, cell: str) -> str | None:
        kind, _, name = cell.partition(":")
        if kind == "env" and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            self.why = "names an environment variable that is not set"
            return self._env.get(name) or None
        if kind == "keyring" and name:
            self.why = f'names a user that the keyring does not have (service "{secrets.KEYRING_SERVICE}")'
            return self._from_keyring(name)
        self.why = "must be env:NAME or keyring:USER: a table is no place for passwords"
        return None

    def fill(self, settings: Settings) -> tuple[Settings, list[tuple[str, str]]]:
        """The settings, filled from environment and keyring as for one board, and what is still missing."""
        missing: list[tuple[str, str]] = []

        def checked(kind: Any, part: Any, path: str, found: str | None, how: str) -> Any:
            if found is None:
                missing.append((path, f"is missing: write {how}"))
                return part
            try:
                return part.model_copy(update={"password": schema.parse_secret(kind, found, path)})
            except SettingsError as error:
                missing.extend(error.problems)
                return part

        accounts = []
        for number, account in enumerate(settings.account):
            if account.secret is None:
                found = secrets.of_account(account, self._env, False)
                found = found or self._from_keyring(f"{account.user}@{account.host}")
                path = f"account[{number}].password"
                account = checked(schema.Account, account, path, found, "env:NAME or keyring:USER")
            accounts.append(account)
        networks = []
        for number, wifi in enumerate(settings.wifi):
            if wifi.password is None:
                found = secrets.of_wifi(wifi.ssid, self._env, False) or self._from_keyring(
                    f"wifi:{wifi.ssid}"
                )
                path = f"wifi[{number}].password"
                wifi = checked(schema.Wifi, wifi, path, found, "env:NAME, keyring:USER or open")
            networks.append(wifi)
        return settings.model_copy(update={"account": accounts, "wifi": networks}), missing

    def _from_keyring(self, user: str) -> str | None:
        if not self._keyring:
            return None
        if user not in self._known:
            self._known[user] = secrets.from_keyring(user)
        return self._known[user]
