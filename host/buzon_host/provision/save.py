"""Writes settings as the TOML file that `schema.load` reads, without any password."""

import json
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .. import files
from ..errors import UsageError
from .schema import Settings
from .secrets import variable

_SECRETS = ("password", "oauth")


def check(path: Path) -> None:
    """Raises UsageError if `path` cannot be a new file."""
    for each in (path, beside(path)):
        if each.exists() or each.is_symlink():
            raise UsageError(f"There is a file {each} already: give --save another name.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}: make it, or give --save another name.")


def beside(path: Path) -> Path:
    """Where the account's CA goes, if it is not a public one."""
    return path.with_name(path.name + ".ca.pem")


def write(path: Path, settings: Settings, ca: bytes | None) -> None:
    """Writes `settings` to a new file, and `ca` (DER) as PEM beside it."""
    if ca is not None:
        pem = x509.load_der_x509_certificate(ca).public_bytes(Encoding.PEM)
        files.write(beside(path), pem, new=True)
    files.write(path, dumps(settings).encode(), new=True)


def dumps(settings: Settings) -> str:
    """The file's text, without default values, except for `keep`, which says what becomes of the mail."""
    tree = settings.model_dump(exclude_none=True, exclude_defaults=True, by_alias=True)
    names = ", ".join(variable(account.id) for account in settings.account)
    for account, plain in zip(settings.account, tree["account"], strict=True):
        plain["keep"] = account.keep
    lines = [
        "# Written by buzon provision. The passwords are not in it: set BUZON_WIFI_PASSWORD and",
        f"# {names} in the environment, put them in the keyring, or be asked.",
    ]
    for name in ("device", "wifi", "account", "display", "notify", "storage", "time"):
        if name in tree:
            value = tree[name]
            for one in value if isinstance(value, list) else [value]:
                head = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
                lines += ["", head, *_table(one)]
    return "\n".join(lines) + "\n"


def _table(tree: dict[str, Any]) -> list[str]:
    """The lines of one table, without `ca`: it names a file on the board, and the next board gets its own."""
    return [f"{name} = {_value(value)}" for name, value in tree.items() if name not in (*_SECRETS, "ca")]


def _value(value: Any) -> str:
    """A TOML value. JSON's strings are TOML's basic strings, as there are no control characters in settings."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)
