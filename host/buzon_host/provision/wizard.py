"""The dialogue of `buzon provision`: from an e-mail address to a board that has collected its first mail.

Plain functions over an `Ask`: they ask, look and decide; `steps.provision` alone changes the board, so that its old
settings stay in force until it has tested the new ones. What is asked is asked again until it can be used.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import cbor2
from pydantic import SecretStr

from ..board.client import AccountStatus, Client
from ..board.follow import follow
from ..errors import BoardRefused, BuzonError
from . import answers as remembered
from . import discover, schema, secrets, steps
from .account import Login, use
from .account import login as find_login
from .ask import Ask, Options

# Codes of the firmware's error tree.
_WIFI = (200, 201, 202)
_SOON = (503, 505)  # in use: the PC's own session may be open there still; a temporary problem
_SOON_S = 10.0
_AGAIN = 3
_SCAN_TRIES = 3
_SCAN_S = 1.0
_ALERT_S = 10.0


@dataclass(frozen=True)
class Outcome:
    """`settings`: with passwords. `pinned`: a certificate that only a person vouches for, DER."""

    result: steps.Result
    settings: schema.Settings
    accounts: list[AccountStatus]
    pinned: bytes | None


def run(client: Client, ask: Ask, options: Options) -> Outcome:
    """Asks, provisions the board behind `client`, and waits for its first mail.

    Raises BuzonError when the board is not provisioned, or its first collection fails; KeyboardInterrupt at any time.
    """
    known = remembered.load()
    before = _before(client)
    if options.email is not None:
        use(known, options.email)
    elif not known.email:
        known.email = next(
            (one.user for one in before.accounts if "@" in one.user and len(one.user) <= 200), ""
        )
    known.ssid = known.ssid or before.ssid[:32]
    login = find_login(ask, options, known, discover.providers())
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


# What becomes of the mail


def _policy(
    ask: Ask, options: Options, known: remembered.Answers, login: Login, room: int | None
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


def _summary(client: Client, ask: Ask, tree: schema.Settings, login: Login, before: _Before) -> None:
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
    login: Login,
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
