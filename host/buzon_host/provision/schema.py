"""The settings' schema: a TOML file on the PC, CBOR on the board, one tree (docs/PROTOCOL.md, "Settings").

All mistakes are reported at once, in plain words with line and name (`line 9: port in [[account]] must be
...`). No message contains a value, as a value may be a secret.
"""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import cbor2
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from .. import paths
from ..boards import check_size
from ..errors import UsageError
from . import names, zones

MAX_ACCOUNTS = 4
MAX_WIFI = 4
MAX_FILTERS = 8
MAX_NOTIFY = 4
MAX_DAYS = 3650
_GROUPED = (".gmail.com", ".googlemail.com", ".yahoo.com", ".aol.com")  # they show app passwords in groups
DEFAULT_PORTS = {"implicit": 995, "starttls": 110, "none": 110}


class SettingsError(UsageError):
    """The settings are wrong. `problems`: (path, what is wrong) of each; `str()`: all of them, or `sentence`.

    `text`: the file's text, so that each is reported with its line.
    """

    def __init__(
        self, source: str, problems: list[tuple[str, str]], sentence: str = "", text: str = ""
    ) -> None:
        self.problems = problems
        lines = [names.line_of(text, path) if text else 0 for path, _ in problems]
        said = [
            f"{names.in_file(path, line)} {what}"
            for line, (path, what) in sorted(zip(lines, problems, strict=True), key=lambda each: each[0])
        ]
        super().__init__(sentence or f"{source} cannot be used: {'; '.join(said)}.")


def _no_controls(text: str) -> str:
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        raise ValueError("has a control character in it (a line end or a tab, perhaps): type it again")
    return text


def _help(text: str) -> Any:
    """What docs/settings.md says about a setting."""
    return Field(description=text)


def _text(limit: int, least: int = 1) -> AfterValidator:
    """Text of `least` to `limit` UTF-8 bytes without control characters."""

    def check(text: str) -> str:
        _no_controls(text)
        size = len(text.encode("utf-8", "surrogatepass"))
        if size < least:
            raise ValueError("is empty")
        if size > limit:
            raise ValueError(f"is too long: {size} bytes, {limit} are allowed")
        return text

    check.__doc__ = f"text, {least} to {limit} bytes" if least else f"text, at most {limit} bytes"
    return AfterValidator(check)


def _secret(limit: int, least: int = 0) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        text = _no_controls(secret.get_secret_value())
        if len(text) < least:
            raise ValueError("is empty")
        if len(text.encode("utf-8", "surrogatepass")) > limit:
            raise ValueError(f"is too long: {limit} bytes are allowed")
        return secret

    check.__doc__ = f"text, a secret, at most {limit} bytes"
    return AfterValidator(check)


_NO_HOST = "is no host name: write it like pop.example.com, without a scheme or a path"
_AMBIGUOUS = "ßςẞ\u200c\u200d"  # the two standards for such names write them differently (RFC 5894 §7.2)


def _host(text: str) -> str:
    """The name as DNS and certificates have it: one with accents in its ASCII form."""
    if any(char.isspace() or char in "/@\\" for char in text):
        raise ValueError(_NO_HOST)
    if _is_ipv6(text):
        raise ValueError(
            "is an IPv6 address, and the board speaks IPv4: give the server's name or its IPv4 address"
        )
    if ":" in text:
        raise ValueError("is no host name: the port has a setting of its own")
    if text.isascii():
        return text
    if any(char in _AMBIGUOUS for char in text):
        raise ValueError(
            "has a letter with two ASCII forms: write the one that your provider gives (xn--...)"
        )
    try:
        return text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError(_NO_HOST) from None


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.removeprefix("[").partition("]")[0].partition("%")[0]).version == 6
    except ValueError:
        return False


def _keep(keep: Any) -> Any:
    """`"delete"`, `"forever"` or a number of days, 1 to 3650"""
    if keep in ("delete", "forever") or (type(keep) is int and 1 <= keep <= MAX_DAYS):
        return keep
    raise ValueError(f'must be "delete", "forever" or a number of days from 1 to {MAX_DAYS}')


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, hide_input_in_errors=True, validate_default=False, frozen=True
    )


class Device(_Part):
    name: Annotated[
        str, _text(32), _help("What the board is called, on its display and in `buzon status --all`.")
    ] = "buzon"
    lock: Annotated[
        bool,
        _help(
            "For products: will switch Ctrl-C and the MicroPython prompt off on the serial port. So far it only "
            "keeps a browser from changing the Wi-Fi: whoever has the cable still has everything."
        ),
    ] = False


class Wifi(_Part):
    """`password`: None: it is asked for; "": an open network."""

    ssid: Annotated[str, _text(32), _help("The network's name.")]
    password: Annotated[
        Annotated[SecretStr, _secret(64)] | None, _help("Left out: it is asked for. Empty: an open network.")
    ] = None

    @model_validator(mode="after")
    def _wpa(self) -> "Wifi":
        if self.password is not None and 0 < len(self.password.get_secret_value().encode()) < 8:
            raise ValueError("password|is too short: it must have 8 to 63 characters (an open network: none)")
        return self


class Filter(_Part):
    """`fetch` for mail with these words in sender and subject (both, if both are given; a-z in any case)."""

    sender: Annotated[
        Annotated[str, _text(100)] | None, _help("The sender, name or address, has these words in it.")
    ] = Field(default=None, alias="from")
    subject: Annotated[Annotated[str, _text(100)] | None, _help("The subject has these words in it.")] = None
    fetch: Annotated[
        Literal["full", "headers", "skip"],
        _help(
            "All of such a message, its headers only, or nothing: then it stays on the server and is not shown."
        ),
    ]

    @model_validator(mode="after")
    def _some(self) -> "Filter":
        if self.sender is None and self.subject is None:
            raise ValueError("needs from or subject")
        return self


class Account(_Part):
    """One mailbox. TLS verifies unless `tls_verify = false` or `tls = "none"` is written out."""

    id: Annotated[
        str,
        Field(pattern=r"^[a-z0-9_-]{1,16}$"),
        _help("A short name: the folder on the board, and what commands call it."),
    ] = "main"
    protocol: Annotated[Literal["pop3"], _help("How mail is collected.")] = "pop3"
    host: Annotated[
        str, _text(253), AfterValidator(_host), _help("The mail server, as your provider names it.")
    ]
    port: Annotated[
        Annotated[int, Field(ge=1, le=65535)] | None, _help("Left out: 995 with implicit TLS, else 110.")
    ] = None
    tls: Annotated[
        Literal["implicit", "starttls", "none"],
        _help(
            "TLS from the first byte, TLS begun by STLS, or none: then anybody on the network can read along."
        ),
    ] = "implicit"
    tls_verify: Annotated[
        bool, _help("Whether the server must show a certificate that the CA vouches for.")
    ] = True
    ca: Annotated[
        Annotated[str, Field(pattern=r"^/certs/[A-Za-z0-9_-]{1,24}\.der$")] | None,
        _help("The CA certificate on the board. Left out: `buzon provision` sends the right one."),
    ] = None
    user: Annotated[str, _text(200), _help("What you log in as, often the e-mail address.")]
    password: Annotated[
        Annotated[SecretStr, _secret(200, least=1)] | None,
        _help("Left out: taken from the environment or the keyring, or asked for."),
    ] = None
    oauth: Annotated[
        Annotated[SecretStr, _secret(1600, least=1)] | None, _help("An OAuth token in place of a password.")
    ] = None
    auth: Annotated[
        Literal[
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
        ],
        _help("How to log in; `auto` takes the best way that the server offers."),
    ] = "auto"
    start: Annotated[
        Literal["all", "now"],
        _help(
            "Mail that is in the mailbox already: all of it is fetched, or only what comes from now on. If this "
            'becomes "all" later, what was left alone comes too.'
        ),
    ] = "all"
    order: Annotated[Literal["oldest", "newest"], _help("What is fetched first.")] = "oldest"
    keep: Annotated[
        Any,
        AfterValidator(_keep),
        _help(
            "What happens to a message on the server once the board has it; a number: deleted after that many days."
        ),
    ] = "delete"
    fetch: Annotated[
        Literal["full", "headers"],
        _help(
            "Whole messages, or their headers only. A server without TOP sends all of each message; the board drops "
            "what comes after the headers, so this saves flash, not time."
        ),
    ] = "full"
    max_bytes: Annotated[
        int, Field(ge=0, le=1 << 40), _help("Of larger messages only the headers are fetched; 0: no limit.")
    ] = 0
    filter: Annotated[
        list[Filter],
        Field(max_length=MAX_FILTERS),
        _help(
            "What to do with mail from certain senders or with certain subjects; the first rule that matches counts."
        ),
    ] = Field(default_factory=list)
    delete_confirmed: Annotated[
        bool, _help("A person has agreed to deleting on the server; until then nothing is deleted.")
    ] = False
    poll_s: Annotated[int, Field(ge=10, le=7 * 86400), _help("Seconds between two polls.")] = 300

    @property
    def effective_port(self) -> int:
        return self.port if self.port is not None else DEFAULT_PORTS[self.tls]

    @property
    def secret(self) -> str | None:
        """What is sent to the server: the token, or the password. Some providers show app passwords in groups
        of four letters; for those that are known to, the blanks are removed."""
        secret = self.oauth or self.password
        if secret is None:
            return None
        text = secret.get_secret_value()
        if self.host.lower().endswith(_GROUPED) and re.fullmatch(r"[a-z]{4}( [a-z]{4}){3}", text.strip()):
            return text.replace(" ", "")
        return text

    @property
    def deletes(self) -> bool:
        """Whether it ever deletes mail on the server."""
        return bool(self.keep != "forever")

    @model_validator(mode="after")
    def _one_secret(self) -> "Account":
        if self.password is not None and self.oauth is not None:
            raise ValueError("oauth|stands beside a password: give one of them")
        if self.auth in ("xoauth2", "oauthbearer") and self.oauth is None:
            raise ValueError("auth|needs oauth, a token")
        return self

    @property
    def verifies(self) -> bool:
        """Whether the server must show a certificate that a CA vouches for."""
        return self.tls != "none" and self.tls_verify


class Pins(_Part):
    scl: Annotated[int, Field(ge=0, le=99), _help("The pin of the display's clock.")]
    sda: Annotated[int, Field(ge=0, le=99), _help("The pin of the display's data.")]


class Display(_Part):
    driver: Annotated[Literal["ssd1306", "sh1106", "null"], _help("The display's chip; `null` is none.")] = (
        "ssd1306"
    )
    bus: Annotated[int, Field(ge=0, le=3), _help("The I2C bus.")] = 0
    addr: Annotated[int, Field(ge=0x08, le=0x77), _help("The display's I2C address, often 0x3C or 0x3D.")] = (
        0x3C
    )
    w: Annotated[int, _help("Pixels across.")] = 128
    h: Annotated[int, _help("Pixels down.")] = 64
    pins: Annotated[Pins | None, _help("Left out: the board's own.")] = None
    rotate: Annotated[Literal[0, 180], _help("180: upside down.")] = 0
    contrast: Annotated[int, Field(ge=0, le=255), _help("How bright it is.")] = 127

    @model_validator(mode="after")
    def _size(self) -> "Display":
        check_size(self.driver, self.w, self.h)
        return self


class Notify(_Part):
    kind: Annotated[
        Literal["display", "log"], _help("How a person is told: on the display, or by a line in the log.")
    ]


class Storage(_Part):
    """`quota_bytes`: 0: all the flash there is. `full`: what happens when it is full."""

    quota_bytes: Annotated[
        int, Field(ge=0, le=1 << 40), _help("What all mail may take; 0: all the flash there is.")
    ] = 0
    full: Annotated[
        Literal["stop", "headers", "evict"],
        _help("When it is full: stop, store headers only, or let the oldest mail here make room."),
    ] = "stop"


class Time(_Part):
    ntp: Annotated[
        str, _text(253), AfterValidator(_host), _help("The server that is asked for the time.")
    ] = "pool.ntp.org"
    zone: Annotated[
        Any,
        AfterValidator(zones.check),
        _help("The zone of the times on the display. A name knows when summer time comes; minutes do not."),
    ] = 0


class Settings(_Part):
    """The whole tree. Lists have at most 4 networks and 4 accounts."""

    v: Annotated[Literal[1], _help("The version of this format.")] = 1
    device: Annotated[Device, _help("The board itself.")] = Field(default_factory=Device)
    wifi: Annotated[
        list[Wifi],
        Field(min_length=1, max_length=MAX_WIFI),
        _help("The networks: the first that lets it in is taken."),
    ]
    account: Annotated[list[Account], Field(min_length=1, max_length=MAX_ACCOUNTS), _help("The mailboxes.")]
    display: Annotated[Display | None, _help("Left out: the board's own.")] = None
    notify: Annotated[list[Notify], Field(max_length=MAX_NOTIFY), _help("How a person is told.")] = Field(
        default_factory=lambda: [Notify(kind="display")]
    )
    storage: Annotated[Storage, _help("The flash.")] = Field(default_factory=Storage)
    time: Annotated[Time, _help("The clock.")] = Field(default_factory=Time)

    @model_validator(mode="after")
    def _ids(self) -> "Settings":
        seen: set[str] = set()
        for number, account in enumerate(self.account):
            if account.id in seen:
                raise ValueError(f"account[{number}].id|is used twice: give each account an id of its own")
            seen.add(account.id)
        return self


def load(path: Path) -> Settings:
    """Reads and checks a TOML file. Raises UsageError (no such file, not TOML) or SettingsError."""
    text, tree = _read(path)
    return parse(tree, str(path), text)


def read_tree(path: Path) -> dict[str, Any]:
    """Reads a TOML file, unchecked. Raises UsageError."""
    return _read(path)[1]


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        raw = paths.read_small(path)
    except FileNotFoundError:
        raise UsageError(f"There is no settings file {path}: check its name and its folder.") from None
    except OSError as error:
        raise UsageError(f"The settings file {path} cannot be read: {error.strerror}.") from None
    try:
        text = raw.decode("utf-8-sig")
        return text, tomllib.loads(text)
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text: save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        if line := names.unclosed(text, str(error)):
            raise UsageError(f"{path} cannot be used: line {line}: a quote is not closed.") from None
        raise UsageError(f"{path} is not valid TOML: {error}{_advice(text, str(error))}.") from None
    except RecursionError:
        raise UsageError(f"{path} is not valid TOML: it is nested too deeply.") from None


def _advice(text: str, error: str) -> str:
    """How the value would be written at which the parser fails with `error`, as the end of a sentence."""
    found = re.search(r"\(at line (\d+), column (\d+)\)", error)
    if found is None:
        return ""
    line, column = (int(number) - 1 for number in found.groups())
    there = text.split("\n")[line : line + 1]
    if there and there[0][column : column + 1] in _CURLY:
        return ': text stands between straight quotes, as in "delete"'
    if not error.startswith(("Invalid value", "Expected newline")):
        return ""
    if there and re.match(r"\s*keep\s*=", there[0]):
        return ': keep is "delete", "forever" or a number of days'
    return ": a value is text between straight quotes, a number, true or false"


def where(path: Path, setting: str) -> str:
    """`port in [[account]] (home.toml, line 9)`: where a file has a setting, or lacks it."""
    line = names.line_of(_read(path)[0], setting)
    return f"{names.in_file(setting)} ({path}{f', line {line}' if line else ''})"


def parse(tree: Mapping[str, Any], source: str = "The settings", text: str = "") -> Settings:
    """Checks a tree of plain values. Raises SettingsError, whose sentence begins with `source`; `text` is the
    TOML that the tree was read from."""
    try:
        return Settings.model_validate(dict(tree))
    except ValidationError as error:
        problems = [_problem(one) for one in error.errors(include_input=False, include_url=False)]
        raise SettingsError(source, problems, text=text) from None


def parse_secret(kind: type[Wifi] | type[Account], secret: str, path: str) -> SecretStr:
    """A typed password, checked like a file's. Raises SettingsError, which names the password, not `path`."""
    blank = {"ssid": "x"} if kind is Wifi else {"host": "x", "user": "x"}
    try:
        password = kind.model_validate({**blank, "password": SecretStr(secret)}).password
    except ValidationError as error:
        problems = [_problem(one)[1] for one in error.errors(include_input=False, include_url=False)]
        name = "The Wi-Fi password" if kind is Wifi else "The password"
        raise SettingsError(
            "", [(path, what) for what in problems], f"{name} {' and '.join(problems)}."
        ) from None
    assert password is not None
    return password


def parse_host(text: str) -> str:
    """A server's name in the form in use. Raises ValueError with a sentence's end: `is no host name: ...`."""
    try:
        return Account.model_validate({"host": text, "user": "x"}).host
    except ValidationError as error:
        raise ValueError(_problem(error.errors(include_input=False, include_url=False)[0])[1]) from None


_SELDOM = ("auth", "start", "order", "fetch", "max_bytes", "filter")  # left out when they are the default


def to_cbor(settings: Settings) -> bytes:
    """The settings as the board takes them, with secrets in the clear: for the serial line, never for a log.

    What is not set is left out; `port` is always there. A missing password is the caller's mistake:
    UsageError.
    """
    tree = settings.model_dump(exclude_none=True, by_alias=True)
    for account, plain in zip(settings.account, tree["account"], strict=True):
        plain["port"] = account.effective_port
        for name in _SELDOM:
            if plain[name] == Account.model_fields[name].get_default(call_default_factory=True):
                del plain[name]
    tree["time"] |= zones.to_board(settings.time.zone)
    if settings.storage == Storage():
        del tree["storage"]
    for account, plain in zip(settings.account, tree["account"], strict=True):
        plain["oauth" if account.oauth else "password"] = account.secret
    for part in tree["wifi"]:
        secret = part.get("password")
        part["password"] = secret.get_secret_value() if isinstance(secret, SecretStr) else None
    if None in [part.get("oauth", part.get("password")) for part in (*tree["wifi"], *tree["account"])]:
        raise UsageError("A password is missing.")
    return cbor2.dumps(tree)


_CURLY = ("\u201c", "\u201d", "\u201e", "\u2018", "\u2019", "\u00ab", "\u00bb")
_WORDS = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def _problem(error: Any) -> tuple[str, str]:
    kind = str(error["type"])
    loc = tuple(error["loc"])
    context = error.get("ctx", {})
    path = _path(loc)
    if kind == "list_type":
        table = ".".join(part for part in loc if isinstance(part, str))
        return path, f"must be a list of tables: write [[{table}]], with two brackets"
    if kind == "extra_forbidden" and "filter" in loc[:-1] and loc[-1] in Account.model_fields:
        return path, "is no setting of a filter: an account's own settings come before its filters"
    if kind == "extra_forbidden":
        return path, f"is not a known setting{_guess(loc)}"
    if kind == "value_error":
        below, _, what = str(context["error"]).rpartition("|")
        return ".".join(part for part in (path, below) if part), what
    if kind == "literal_error":
        return path, f"must be {context['expected']}"
    if kind == "string_pattern_mismatch":
        return path, f"must look like {_pattern(loc)}"
    if kind in ("greater_than_equal", "less_than_equal"):
        word = "at least" if kind == "greater_than_equal" else "at most"
        return path, f"must be {word} {context.get('ge', context.get('le'))}"
    if kind in ("too_short", "too_long"):
        if kind == "too_short":
            return path, f"must be there at least {context['min_length']} time"
        return path, f"may be there at most {context['max_length']} times"
    return path, _WORDS.get(kind, f"is not valid ({kind})")


def _pattern(loc: tuple[str | int, ...]) -> str:
    if loc[-1] == "id":
        return "'main': 1 to 16 of a-z, 0-9, _ and -"
    return "'/certs/name.der'"


def _path(loc: Iterable[str | int]) -> str:
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def _guess(loc: tuple[str | int, ...]) -> str:
    """` (did you mean ...?)` if a known setting of the same table has a similar name."""
    kind: type[BaseModel] = Settings
    tables: dict[str, type[BaseModel]] = {
        "device": Device,
        "wifi": Wifi,
        "account": Account,
        "filter": Filter,
        "storage": Storage,
        "display": Display,
        "pins": Pins,
        "notify": Notify,
        "time": Time,
    }
    for part in loc[:-1]:
        if isinstance(part, str):
            kind = tables.get(part, kind)
    near = difflib.get_close_matches(
        str(loc[-1]), [field.alias or name for name, field in kind.model_fields.items()], 1
    )
    return f" (did you mean {near[0]}?)" if near else ""
