"""The dialogue of `buzon provision`: from an e-mail address to a board that has collected its first mail.

Plain functions over an `Ask`: they ask, look and decide; `steps.provision` alone changes the board, so that its old
settings stay in force until it has tested the new ones. What is asked is asked again until it can be used.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import cbor2
from pydantic import SecretStr

from ..board.client import AccountStatus, Client
from ..board.follow import follow
from ..check import Mailbox, check
from ..errors import BoardRefused, BuzonError, ServerRefused, UsageError
from . import answers as remembered
from . import ca as certificates
from . import discover, schema, secrets, steps
from .discover import Found, Network, Provider, Reached, Server

# Codes of the firmware's error tree.
_LOGIN = (501, 502)  # refused; the password is wrong
_WIFI = (200, 201, 202)
_SOON = (503, 505)  # in use: the PC's own session may be open there still; a temporary problem
_SOON_S = 10.0
_AGAIN = 3
_SCAN_TRIES = 3
_SCAN_S = 1.0
_ALERT_S = 10.0

Progress = Callable[[str], None]


class Ask(Protocol):
    """A person. Each method may raise KeyboardInterrupt."""

    def say(self, text: str = "") -> None:
        """A line."""

    def text(self, question: str, default: str = "") -> str:
        """What is typed, without blanks around it; `default` for nothing."""

    def secret(self, question: str) -> str:
        """What is typed, unseen."""

    def yes(self, question: str, default: bool | None) -> bool:
        """Yes or no; None: nothing but one of them will do."""

    def working(self) -> AbstractContextManager[Progress]:
        """While something takes its time: what is done now goes to the function."""


@dataclass(frozen=True)
class Options:
    """`email`: not asked for. `ca`: DER of the server's CA. `yes`: the board may delete mail from the server."""

    email: str | None = None
    ca: bytes | None = None
    yes: bool = False
    network: Network = field(default_factory=Network)
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    keyring: bool = True


@dataclass(frozen=True)
class Outcome:
    """`settings`: with passwords. `pinned`: a certificate that only a person vouches for, DER."""

    result: steps.Result
    settings: schema.Settings
    accounts: list[AccountStatus]
    pinned: bytes | None


@dataclass
class _Login:
    """An account whose login works, seen from the PC."""

    account: schema.Account
    provider: Provider | None
    root: bytes
    pinned: bool
    mailbox: Mailbox


def run(client: Client, ask: Ask, options: Options) -> Outcome:
    """Asks, provisions the board behind `client`, and waits for its first mail.

    Raises BuzonError when the board is not provisioned, or its first collection fails; KeyboardInterrupt at any time.
    """
    known = remembered.load()
    before = _before(client)
    if options.email is not None:
        _use(known, options.email)
    elif not known.email:
        known.email = next((one.user for one in before.accounts if "@" in one.user), "")
    known.ssid = known.ssid or before.ssid[:32]
    table = discover.providers()
    login = _login(ask, options, known, table)
    room = steps.room(client)
    account = _policy(ask, options, known, login, room)
    wifi = _wifi(client, ask, options, known)
    tree = _settings(before, account, wifi)
    _summary(client, ask, tree, login, before)
    result, tree = _provision(client, ask, options, known, tree, login)
    return Outcome(result, tree, _first(client, ask, tree), login.root if login.pinned else None)


# What was there before


@dataclass(frozen=True)
class _Seen:
    name: str
    user: str
    host: str


@dataclass(frozen=True)
class _Before:
    """The board's settings in force, as far as they are kept or told."""

    parts: dict[str, Any] = field(default_factory=dict)
    accounts: list[_Seen] = field(default_factory=list)
    ssid: str = ""


def _before(client: Client) -> _Before:
    info = client.info or client.hello()
    if not info.configured:
        return _Before()
    try:
        tree = cbor2.loads(client.settings())
        accounts = [
            _Seen(str(one["id"]), str(one["user"]), str(one["host"])) for one in tree.get("account", [])
        ]
        parts = {
            name: tree[name] for name in ("device", "display", "notify", "storage", "time") if name in tree
        }
        ssid = str(tree["wifi"][0]["ssid"]) if tree.get("wifi") else ""
    except (BoardRefused, cbor2.CBORDecodeError, AttributeError, LookupError, TypeError):
        return _Before()  # nothing that could be kept
    return _Before(parts, accounts, ssid)


# The account


def _use(known: remembered.Answers, email: str) -> None:
    """Remembers another address; what was answered for the last one does not count for it."""
    discover.domain_of(email)
    if email != known.email:
        known.email = email
        known.shared = known.copies = known.only_new = None
        known.forget_server()
    remembered.save(known)


def _login(ask: Ask, options: Options, known: remembered.Answers, table: Sequence[Provider]) -> _Login:
    """Address, server, password: until a login from the PC works."""
    given = options.email is not None
    while True:
        if not given:
            _email(ask, known)
        given = False
        with ask.working() as progress:
            progress(f"Looking for the server of {known.email}")
            found = discover.discover(known.email, options.network, table)
        if found.provider is not None and not found.servers and not known.host:
            ask.say(found.provider.how)
            known.email = ""
            continue
        reached = _server(ask, options, known, found)
        provider = found.provider
        if provider is None or reached.server.source not in ("table", "mx"):
            provider = discover.of_host(reached.server.host, table)
        root, pinned = _trust(ask, reached, provider)
        if root is None:
            known.forget_server()
            continue
        login = _password(ask, options, known, reached.server, provider, root)
        if login is not None:
            account, mailbox = login
            return _Login(account, provider, root, pinned, mailbox)
        known.forget_server()


def _email(ask: Ask, known: remembered.Answers) -> None:
    while True:
        try:
            _use(known, ask.text("E-mail address", known.email))
            return
        except UsageError as error:
            ask.say(str(error))


def _server(ask: Ask, options: Options, known: remembered.Answers, found: Found) -> Reached:
    """A server that answers: found, guessed, or told by the person."""
    network, ca = options.network, options.ca
    domain = discover.domain_of(known.email)
    servers = list(found.servers)
    if known.host and known.port:
        servers.insert(0, Server(known.host, known.port, known.tls, known.user or known.email, "person"))
    with ask.working() as progress:
        progress(f"Asking the server of {known.email}")
        best, problems = discover.reach(servers, network, ca)
        if best is None and not found.none and (found.provider is None or not found.servers):
            best, _ = discover.reach(discover.guesses(known.email, network), network, ca)
    # DNS is not protected: whoever forges its answer could have the password.
    if (
        best is not None
        and best.server.source == "srv"
        and not best.server.inside(domain)
        and not ask.yes(f"DNS says that the mail of {domain} is at {best.server.host}. Is that right?", None)
    ):
        best, problems = None, []
    if best is not None:
        _remember(known, best.server)
        return best
    for problem in problems:
        ask.say(problem)
    if found.none:
        ask.say(f"{domain} says that it has no POP3.")
    elif not problems:
        ask.say(f"No POP3 server of {domain} was found" + (", only IMAP." if found.imap else "."))
    return _told(ask, options, known, servers[0].host if servers else "")


def _told(ask: Ask, options: Options, known: remembered.Answers, default: str) -> Reached:
    """The server that the person names: `host` or `host:port`; port 110 is the one with STLS."""
    while True:
        default = ask.text("POP3 server", default)
        host, _, number = default.partition(":")
        port = int(number) if number.isascii() and number.isdigit() else 0
        if not host or (number and not 1 <= port <= 65535):
            ask.say("Write it like pop.example.com, or pop.example.com:995.")
            default = ""
            continue
        ways = [("implicit", port or 995), ("starttls", port or 110)]
        servers = [
            Server(host, number, tls, known.user or known.email, "person")
            for tls, number in (ways[::-1] if port == 110 else ways)
        ]
        with ask.working() as progress:
            progress(f"Asking {host}")
            best, problems = discover.reach(servers, options.network, options.ca)
        if best is not None:
            _remember(known, best.server)
            return best
        ask.say(problems[0])


def _remember(known: remembered.Answers, server: Server) -> None:
    if server.source in ("table", "mx"):
        known.forget_server()
    else:
        known.host, known.port, known.tls, known.user = server.host, server.port, server.tls, server.user
    remembered.save(known)


def _trust(ask: Ask, reached: Reached, provider: Provider | None) -> tuple[bytes | None, bool]:
    """The CA for the server, and whether only the person vouches for it."""
    server = reached.server
    name = f"{provider.name}: " if provider is not None else ""
    ask.say(
        f"{name}{server.host}, port {server.port}, {'TLS' if server.tls == 'implicit' else 'TLS by STLS'}"
    )
    if reached.root is not None:
        return reached.root, False
    ask.say(reached.problem)
    with ask.working() as progress:
        progress(f"Fetching the certificate of {server.host}")
        der = certificates.fetch_certificate(server.host, server.port, server.tls)
    for line in certificates.describe(der):
        ask.say(f"  {line}")
    ask.say(
        "Compare the SHA-256 with what the server's owner says. Until it is renewed, the board trusts this one."
    )
    if ask.yes("Trust this certificate, and no other?", False):
        return der, True
    return None, False


def _password(
    ask: Ask,
    options: Options,
    known: remembered.Answers,
    server: Server,
    provider: Provider | None,
    root: bytes,
) -> tuple[schema.Account, Mailbox] | None:
    """The account with a password that works, and what is in its mailbox. None: another address is wanted."""
    account = _account(server, provider)
    if provider is not None and provider.how:
        ask.say(provider.how)
    stored = secrets.of_account(account, options.env, options.keyring)
    what = "App password" if provider is not None and provider.password == "app" else "Password"
    while True:
        typed = stored if stored is not None else ask.secret(f"{what} of {account.user}")
        from_store, stored = stored is not None, None
        if not typed:
            return None
        try:
            secret = schema.parse_secret(schema.Account, typed, "password")
            account = account.model_copy(update={"password": secret})
            with ask.working() as progress:
                return account, check(account, ca=root, progress=progress)
        except schema.SettingsError as error:
            ask.say(f"The password {error.problems[0][1]}.")
        except ServerRefused as error:
            if error.code not in _LOGIN:
                raise
            ask.say(str(error))
            if from_store:
                ask.say("That was the password from the environment or the keyring.")
            if provider is not None and provider.how:
                ask.say(provider.how)
            elif provider is None:
                account = account.model_copy(update={"user": _user(ask, account.user)})
                known.user = account.user
                remembered.save(known)
            ask.say("Enter alone goes back to the e-mail address.")


def _user(ask: Ask, default: str) -> str:
    while True:
        user = ask.text("User name", default)
        try:
            schema.Account.model_validate({"host": "x", "user": user})
            return user
        except ValueError:
            ask.say("That is no user name: it is empty, too long, or has a control character in it.")


def _account(server: Server, provider: Provider | None) -> schema.Account:
    tree: dict[str, Any] = {
        "id": "main",
        "host": server.host,
        "port": server.port,
        "tls": server.tls,
        "user": server.user,
    }
    if provider is not None and provider.poll_s is not None:
        tree["poll_s"] = provider.poll_s
    return schema.parse({"wifi": [{"ssid": "x"}], "account": [tree]}, "The account").account[0]


# What becomes of the mail


def _policy(
    ask: Ask, options: Options, known: remembered.Answers, login: _Login, room: int | None
) -> schema.Account:
    """The account with `keep` and `start` as the person wants them."""
    box, account = login.mailbox, login.account
    messages, size = max(0, box.messages), max(0, box.bytes)
    fits = room is None or size <= room
    has = f"; this board has room for {steps.human(room)}" if room is not None else ""
    ask.say(f"The login works: {steps.counted(messages)}, {steps.human(size)}{has}.")
    known.shared = ask.yes(
        "Is this mailbox also read elsewhere, on a phone or a PC?", known.shared is not False
    )
    remembered.save(known)
    known.copies = ask.yes("Shall the mail stay on the server?", known.copies is not False)
    remembered.save(known)
    keep = "forever" if known.copies else "delete"
    if messages and not fits:
        known.only_new = ask.yes(
            "It does not fit: collect only what comes from now on?", known.only_new is not False
        )
        remembered.save(known)
    start = "now" if messages and not fits and known.only_new else "all"
    account = account.model_copy(update={"keep": keep, "start": start})
    if account.deletes and box.messages != 0 and not options.yes:
        if box.messages < 0:
            ask.say("The server does not say how much mail there is.")
        if known.shared:
            ask.say("The phone and the PC will not find there what the board has taken.")
        if not ask.yes(steps.question(account, messages, size, room), None):
            account = account.model_copy(update={"keep": "forever"})
            known.copies = True
            remembered.save(known)
    if account.deletes:
        account = account.model_copy(update={"delete_confirmed": True})
    ask.say(_fitting(bool(known.shared), account.deletes))
    return account


def _fitting(shared: bool, deletes: bool) -> str:
    """Which of POP3 and IMAP fits, and what is taken."""
    if shared and deletes:
        return (
            "IMAP would fit better, as others read this mailbox too, but Buzón has only POP3 so far: the board takes "
            'the mail away from the server (keep = "delete").'
        )
    if shared:
        return (
            "IMAP would fit best, as others read this mailbox too, but Buzón has only POP3 so far: the board takes "
            'copies and changes nothing on the server (keep = "forever"); what you read or delete elsewhere it does '
            "not notice."
        )
    if deletes:
        return (
            "POP3 fits: the board is the only reader, and takes the mail away from the server "
            '(keep = "delete").'
        )
    return 'POP3 fits: the board takes copies and changes nothing on the server (keep = "forever").'


# The Wi-Fi


def _wifi(client: Client, ask: Ask, options: Options, known: remembered.Answers) -> schema.Wifi:
    """Network and password; the choice by Enter is the last one, or the strongest."""
    with ask.working() as progress:
        progress("The board looks for Wi-Fi networks")
        seen = _scan(client)
    networks = seen or []
    for number, (ssid, rssi, secure) in enumerate(networks, 1):
        ask.say(f"  {number:2}  {ssid}  ({rssi} dBm{'' if secure else ', open'})")
    if seen is None:
        ask.say("The board cannot look for networks now: type the name.")
    elif not networks:
        ask.say("The board sees no Wi-Fi network (it knows 2.4 GHz only): type the name.")
    names = [ssid for ssid, _, _ in networks]
    secure_names = {ssid for ssid, _, secure in networks if secure}
    default = known.ssid if known.ssid in names or not names else names[0]
    while True:
        typed = ask.text("Wi-Fi network, number or name" if names else "Wi-Fi network", default)
        if typed not in names and typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(names):
            typed = names[int(typed) - 1]
        try:
            schema.Wifi.model_validate({"ssid": typed})
        except ValueError:
            ask.say("A Wi-Fi network's name has 1 to 32 bytes: type its number or its name.")
            continue
        known.ssid = typed
        remembered.save(known)
        break
    if typed in names and typed not in secure_names:
        return schema.Wifi.model_validate({"ssid": typed, "password": SecretStr("")})
    return _wifi_password(ask, typed, secrets.of_wifi(typed, options.env, options.keyring), typed in names)


def _wifi_password(ask: Ask, ssid: str, stored: str | None, secure: bool) -> schema.Wifi:
    while True:
        typed = stored if stored is not None else ask.secret(f"Password of the Wi-Fi {ssid}")
        stored = None
        try:
            if secure and not typed:
                ask.say("This network wants a password.")
                continue
            secret = schema.parse_secret(schema.Wifi, typed, "password")
            return schema.Wifi.model_validate({"ssid": ssid, "password": secret})
        except schema.SettingsError as error:
            ask.say(f"The password {error.problems[0][1]}.")


def _scan(client: Client) -> list[tuple[str, int, bool]] | None:
    """What the board sees, the strongest first, each name once; None when it cannot look now."""
    for left in range(_SCAN_TRIES, 0, -1):
        try:
            found = client.wifi_scan()
            break
        except BoardRefused:  # while it joins one a chip may refuse to look for others
            if left == 1:
                return None
            time.sleep(_SCAN_S)
    networks: dict[str, tuple[str, int, bool]] = {}
    for ssid, rssi, secure in sorted(found, key=lambda each: -each[1]):
        try:
            schema.Wifi.model_validate({"ssid": ssid})
        except ValueError:
            continue
        networks.setdefault(ssid, (ssid, rssi, secure))
    return list(networks.values())


# The board


def _settings(before: _Before, account: schema.Account, wifi: schema.Wifi) -> schema.Settings:
    """The whole tree: what the board has of other settings is kept, as far as this version knows them."""
    blank = {"wifi": [{"ssid": "x"}], "account": [{"host": "x", "user": "x"}]}
    zone = datetime.now().astimezone().utcoffset()
    parts: dict[str, Any] = {"time": {"zone": int(zone.total_seconds() // 60) if zone else 0}}
    for name, value in before.parts.items():
        try:
            schema.parse({**blank, name: value})
            parts[name] = value
        except schema.SettingsError:
            continue
    return schema.parse({**blank, **parts}).model_copy(update={"wifi": [wifi], "account": [account]})


def _summary(client: Client, ask: Ask, tree: schema.Settings, login: _Login, before: _Before) -> None:
    account = tree.account[0]
    board = client.info.board if client.info is not None else ""
    ask.say()
    ask.say(f"Board    {board} on {client.link.port}")
    for old in before.accounts:
        if (old.user, old.host) != (account.user, account.host):
            ask.say(f"         it collects {old.user} from {old.host} now, and no longer then")
    ask.say(f"Mail     {account.user} from {account.host}:{account.effective_port}")
    ask.say(f"Server   {'the pinned certificate, and no other' if login.pinned else 'verified, with its CA'}")
    ask.say(
        "Copies   " + ("deleted from the server once stored" if account.deletes else "stay on the server")
    )
    ask.say("Begins   " + ("with what comes from now on" if account.start == "now" else "with what is there"))
    ask.say(f"Wi-Fi    {tree.wifi[0].ssid}")
    if not ask.yes("Put this on the board?", True):
        raise BuzonError("Nothing was changed on the board: run buzon provision again when you like.")


def _provision(
    client: Client,
    ask: Ask,
    options: Options,
    known: remembered.Answers,
    tree: schema.Settings,
    login: _Login,
) -> tuple[steps.Result, schema.Settings]:
    """`steps.provision`, and again after what the board's own test found wrong was asked again."""
    again = 0
    while True:
        try:
            with ask.working() as progress:
                result = steps.provision(
                    client, tree, ca=login.root, confirm=lambda question: False, progress=progress
                )
            return result, tree
        except BoardRefused as error:
            ask.say(str(error))
            if error.code in _WIFI:
                blind = _without_wifi(options.env)
                wifi = _wifi(client, ask, Options(ca=options.ca, env=blind, keyring=False), known)
                tree = tree.model_copy(update={"wifi": [wifi]})
            elif error.code in _SOON and again < _AGAIN:
                again += 1
                with ask.working() as progress:
                    progress("Waiting for the server")
                    time.sleep(_SOON_S)
            else:
                raise


def _without_wifi(env: Mapping[str, str]) -> dict[str, str]:
    """What was wrong once is not taken again."""
    return {name: value for name, value in env.items() if name != "BUZON_WIFI_PASSWORD"}


def _first(client: Client, ask: Ask, tree: schema.Settings) -> list[AccountStatus]:
    """Waits for the first collection, and says what came of it."""
    account = tree.account[0]
    try:
        with ask.working() as progress:
            progress("The board collects its mail")
            found = follow(client, account.id, progress=lambda text, done, total: progress(text))
            page = _page(client) if any(one.new for one in found) else ""
    except KeyboardInterrupt:
        ask.say("The settings are in force, and the board goes on by itself.")
        raise
    except BuzonError as error:
        raise BuzonError(
            f"The settings are in force, but the first collection failed: {error}", error.exit_code
        ) from None
    stored = sum(one.stored for one in found)
    if page == "alert":
        ask.say(f"The board has {steps.counted(stored)} and shows the alert.")
    elif stored:
        ask.say(f"The board has {steps.counted(stored)}.")
    else:
        ask.say("There is nothing to collect yet: send yourself a message, and the board will show it.")
    ask.say(f"It looks every {_often(account.poll_s)}.")
    return found


def _page(client: Client) -> str:
    """The page on the display, once it is the alert or some seconds have passed."""
    deadline = time.monotonic() + _ALERT_S
    while True:
        try:
            page = client.screen().page
        except BoardRefused:
            return ""  # it has no display
        if page == "alert" or time.monotonic() > deadline:
            return page
        time.sleep(0.3)


def _often(seconds: int) -> str:
    if seconds % 60:
        return f"{seconds} seconds"
    return "minute" if seconds == 60 else f"{seconds // 60} minutes"
