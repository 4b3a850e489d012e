"""Checks what may become the board's settings, as a whole, and carries over secrets that are to be kept.

The PC tool checks them against the full schema; here only what would harm the board is refused.
"""

from micropython import const

from ..core.cbor import decode
from ..errors import E_SECRET_CHARS, E_SECRET_KEEP, E_SETTING_VALUE, ConfigError
from .settings import DEPTH, VERSION

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from .settings import Settings

_ACCOUNTS = const(4)
_ID = "abcdefghijklmnopqrstuvwxyz0123456789_-"
_WAYS = (
    "auto",
    "user",
    "apop",
    "plain",
    "login",
    "cram-md5",
    "scram-sha-1",
    "scram-sha-256",
    "xoauth2",
    "oauthbearer",
)
_FILTERS = const(8)  # per account
_DAYS = const(3650)

# The secrets, and the settings that must be unchanged for one to be kept.
_SECRETS = (
    ("wifi", "password", ("ssid",)),
    ("account", "password", ("host", "port", "user", "tls", "tls_verify")),
    ("account", "oauth", ("host", "port", "user", "tls", "tls_verify")),
)


class SettingError(ConfigError):
    """A ConfigError with the `path` of the setting, such as `account[0].port`."""

    def __init__(self, path: str, why: str, code: int = E_SETTING_VALUE) -> None:
        super().__init__(code, path + ": " + why if why else path)
        self.path = path


def parse(data: "bytes | bytearray", old: "Settings | None") -> "Settings":
    """Staged CBOR as settings: checked as a whole, with secrets filled in from `old` where it says to keep them."""
    doc = decode(data, DEPTH)
    if isinstance(doc, dict):
        _keep_secrets(doc, old or {})
    check(doc)
    return doc  # type: ignore[no-any-return]


def redacted(doc: "Settings") -> "Settings":
    """The same settings with True for every secret that is set."""
    copy = dict(doc)
    for section, field, _ in _SECRETS:
        if section in copy:
            copy[section] = [
                dict(each, **{field: True}) if each.get(field) else each for each in copy[section]
            ]
    return copy


def check(doc: "Any") -> None:
    """Raise SettingError for what the board could not work with. Unknown keys are left alone."""
    _type(doc, dict, "settings")
    if doc.get("v") != VERSION:
        raise SettingError("v", "not version %d" % VERSION)
    for section in ("device", "display", "time", "storage"):
        _type(doc.get(section, {}), dict, section)
    _type(doc.get("time", {}).get("zone", 0), int, "time.zone")
    _text(doc.get("time", {}), "rule", "time.", 0, 64)
    _text(doc.get("time", {}), "ntp", "time.", 0, 253)
    _text(doc.get("display", {}), "driver", "display.", 0, 64)
    _number(doc.get("storage", {}), "quota_bytes", "storage.", 0, 1 << 40)
    _choice(doc.get("storage", {}), "full", "storage.", ("stop", "headers", "evict"))
    for section in ("wifi", "account", "notify"):
        entries = doc.get(section, [])
        _type(entries, list, section)
        if len(entries) > _ACCOUNTS:
            raise SettingError(section, "more than %d" % _ACCOUNTS)
        for i, entry in enumerate(entries):
            _type(entry, dict, "%s[%d]" % (section, i))
    for i, entry in enumerate(doc.get("notify", ())):
        _text(entry, "kind", "notify[%d]." % i, 1, 64)
    for i, entry in enumerate(doc.get("wifi", ())):
        _text(entry, "ssid", "wifi[%d]." % i, 1, 32)
        _text(entry, "password", "wifi[%d]." % i, 0, 64)
    ids = []
    for i, entry in enumerate(doc.get("account", ())):
        at = "account[%d]." % i
        name = _text(entry, "id", at, 1, 16)
        if [c for c in name if c not in _ID] or name in ids:
            raise SettingError(at + "id", "a-z, 0-9, _ and -, each once")
        ids.append(name)
        _text(entry, "host", at, 1, 253)
        _text(entry, "user", at, 1, 200)
        if entry.get("oauth"):
            _text(entry, "oauth", at, 1, 1600)
        else:
            _text(entry, "password", at, 1, 200)
        _number(entry, "port", at, 1, 65535)
        _number(entry, "poll_s", at, 1, 604800)
        _choice(entry, "protocol", at, ("pop3",))
        _choice(entry, "tls", at, ("implicit", "starttls", "none"))
        keep = entry.get("keep", "delete")
        if isinstance(keep, int):
            _number(entry, "keep", at, 1, _DAYS)
        else:
            _choice(entry, "keep", at, ("delete", "forever"))
        _choice(entry, "start", at, ("all", "now"))
        _choice(entry, "order", at, ("oldest", "newest"))
        _choice(entry, "fetch", at, ("full", "headers"))
        _number(entry, "max_bytes", at, 0, 1 << 40)
        _filters(entry.get("filter", []), at + "filter")
        _choice(entry, "auth", at, _WAYS)
        for name in ("tls_verify", "delete_confirmed"):
            _type(entry.get(name, False), bool, at + name)
        _type(entry.get("ca", ""), str, at + "ca")


def _filters(filters: "Any", at: str) -> None:
    _type(filters, list, at)
    if len(filters) > _FILTERS:
        raise SettingError(at, "more than %d" % _FILTERS)
    for i, rule in enumerate(filters):
        path = "%s[%d]" % (at, i)
        _type(rule, dict, path)
        _text(rule, "from", path + ".", 0, 100)
        _text(rule, "subject", path + ".", 0, 100)
        _choice(rule, "fetch", path + ".", ("full", "headers", "skip"))


def _keep_secrets(doc: "Settings", old: "Settings") -> None:
    for section, field, same in _SECRETS:
        entries = doc.get(section, ())
        for i in range(len(entries) if isinstance(entries, list) else 0):
            entry = entries[i]
            if not isinstance(entry, dict) or entry.get(field) is not True:
                continue
            for was in old.get(section, ()):
                if all(was.get(name) == entry.get(name) for name in same):
                    entry[field] = was.get(field, "")
                    break
            else:
                raise SettingError("%s[%d].%s" % (section, i, field), "", E_SECRET_KEEP)


def _type(value: "Any", kind: type, path: str) -> None:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise SettingError(path, "wrong type")


def _text(entry: "Settings", name: str, at: str, least: int, most: int) -> str:
    value = entry.get(name, "")
    _type(value, str, at + name)
    if not least <= len(value.encode()) <= most:
        raise SettingError(at + name, "%d to %d bytes" % (least, most))
    for c in value.encode():
        if c < 32 or c == 127:
            raise SettingError(at + name, "", E_SECRET_CHARS)
    return value  # type: ignore[no-any-return]


def _number(entry: "Settings", name: str, at: str, least: int, most: int) -> None:
    value = entry.get(name, least)
    _type(value, int, at + name)
    if not least <= value <= most:
        raise SettingError(at + name, "%d to %d" % (least, most))


def _choice(entry: "Settings", name: str, at: str, values: "tuple[str, ...]") -> None:
    if entry.get(name, values[0]) not in values:
        raise SettingError(at + name, "one of " + ", ".join(values))
