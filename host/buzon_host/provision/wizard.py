"""The dialogue of `buzon provision`: from an e-mail address to a board that has collected its first mail.

Plain functions over an `Ask`: they ask, look and decide; only `steps.provision` changes the board, so that
its old settings stay in force until it has tested the new ones. A question is repeated until its answer can
be used.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cbor2

from ..board.client import AccountStatus, Client
from ..board.follow import follow
from ..errors import BoardRefused, BuzonError
from . import answers as remembered
from . import discover, policy, schema, steps, wifi, words, zones
from .account import login as find_login
from .account import pin, use
from .ask import BACK, Ask, Options, in_turn
from .draft import Draft
from .purpose import SAID, Purpose, storage_for

# From the firmware's error tree: the PC's own session may still be open there; a temporary problem.
_SOON = (503, 505)
_SOON_S = 10.0
_AGAIN = 3
_ALERT_S = 10.0


@dataclass(frozen=True)
class Outcome:
    """`settings`: with passwords. `purpose`: what was chosen. `pinned`: a certificate that only a person vouches for,
    DER."""

    result: steps.Result
    settings: schema.Settings
    accounts: list[AccountStatus]
    purpose: Purpose
    pinned: bytes | None


def run(client: Client, ask: Ask, options: Options) -> Outcome:
    """Asks, provisions the board behind `client`, and waits for its first mail.

    Raises BuzonError if the board is not provisioned or its first collection fails; KeyboardInterrupt at any
    time.
    """
    known = remembered.load()
    before = _before(client)
    if options.email is not None:
        use(known, options.email)
    # Not the address that the board names: somebody may be waiting for a password there.
    known.ssid = known.ssid or before.ssid[:32]
    ask.say(
        f"Enter takes what is in brackets, {BACK} goes back, Ctrl-C ends: what was answered is offered next time."
    )
    talk = _Talk(Draft(client, ask, options, known, steps.room(client)), before)
    in_turn(_QUESTIONS, talk)
    login = talk.draft.login
    if login.pinned:
        known.pin = pin(login.account.host, login.root)
        remembered.save(known)
    return Outcome(
        talk.result,
        talk.tree,
        _first(client, ask, talk.tree),
        talk.draft.purpose,
        login.root if login.pinned else None,
    )


# What was there before


@dataclass(frozen=True)
class _Seen:
    name: str
    user: str
    host: str


@dataclass(frozen=True)
class _Before:
    """The board's settings in force, as far as they are kept or shown."""

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
        if "time" in parts:
            time = zones.from_board(parts["time"])
            parts["time"] = {**time, "zone": zones.kept(time.get("zone", 0))}
    except (BoardRefused, cbor2.CBORDecodeError, AttributeError, LookupError, TypeError):
        return _Before()  # nothing can be kept
    return _Before(parts, accounts, ssid)


# The questions


@dataclass
class _Talk:
    draft: Draft
    before: _Before
    tree: schema.Settings = field(init=False)
    result: steps.Result = field(init=False)


def _login(talk: _Talk) -> bool:
    draft = talk.draft
    draft.login = find_login(draft.ask, draft.options, draft.known, discover.providers())
    box = draft.login.mailbox
    has = f"; this board has room for {steps.human(draft.room)}" if draft.room is not None else ""
    draft.ask.say(
        f"The login works: {steps.counted(max(0, box.messages))}, {steps.human(max(0, box.bytes))}{has}."
    )
    return True


def _summary(talk: _Talk) -> bool:
    draft = talk.draft
    client, ask, login, account = draft.client, draft.ask, draft.login, draft.account
    talk.tree = _settings(talk.before, account, draft.wifi, draft.purpose)
    board = client.info.board if client.info is not None else ""
    ask.say()
    ask.say(f"Board    {board} on {client.link.port}")
    for old in talk.before.accounts:
        if (old.user, old.host) != (account.user, account.host):
            ask.say(f"         it stops collecting {old.user} from {old.host}")
    ask.say(f"Mail     {account.user} from {account.host}:{account.effective_port}")
    ask.say(f"Server   {'the pinned certificate, and no other' if login.pinned else 'verified, with its CA'}")
    ask.say(f"Purpose  {SAID[draft.purpose]}")
    if account.max_bytes:
        ask.say(
            f"Size     of messages above {account.max_bytes // 1024} KB only the headers, until you ask for the rest: "
            "buzon mail fetch"
        )
    ask.say(
        "Starts   "
        + ("with what comes from now on" if account.start == "now" else "with the mail already there")
    )
    locked = draft.wifi.password is not None and draft.wifi.password.get_secret_value()
    ask.say(f"Wi-Fi    {draft.wifi.ssid}{'' if locked else ' (no password)'}")
    ask.say(f"Clock    {zones.said(talk.tree.time.zone)}")
    if not ask.yes("Put this on the board?", True):
        raise BuzonError("Nothing was changed on the board: run buzon provision again when you like.")
    return True


def _provision(talk: _Talk) -> bool:
    """Runs `steps.provision`, and repeats it after asking again for what the board's own test found wrong."""
    draft, ask = talk.draft, talk.draft.ask
    again = 0
    while True:
        talk.tree = talk.tree.model_copy(update={"wifi": [draft.wifi]})
        try:
            with ask.working() as progress:
                talk.result = steps.provision(
                    draft.client,
                    talk.tree,
                    ca=draft.login.root,
                    confirm=lambda question: False,
                    progress=progress,
                )
            return False
        except BoardRefused as error:
            said = words.of_board(error, draft.wifi.ssid, draft.account.host)
            if error.code in words.WIFI:
                ask.say(said)
                draft.stored = False  # a password that was wrong is not used again
                if error.code != words.WIFI_PASSWORD or not wifi.again(draft):
                    in_turn((wifi.network, wifi.password), draft)
            elif error.code in _SOON and again < _AGAIN:
                ask.say(said)
                again += 1
                with ask.working() as progress:
                    progress("Waiting for the server")
                    time.sleep(_SOON_S)
            else:
                raise BoardRefused(error.code, said) from None


def _of(question: Callable[[Draft], bool]) -> Callable[[_Talk], bool]:
    return lambda talk: question(talk.draft)


_QUESTIONS = (
    _login,
    *map(_of, (policy.purpose, policy.deleting, wifi.network, wifi.password)),
    _summary,
    _provision,
)


# The board


def _settings(
    before: _Before, account: schema.Account, network: schema.Wifi, purpose: Purpose
) -> schema.Settings:
    """The whole tree: the board's other settings are kept, as far as this version knows them."""
    blank = {"wifi": [{"ssid": "x"}], "account": [{"host": "x", "user": "x"}]}
    parts: dict[str, Any] = {"time": {"zone": zones.system()}}
    for name, value in before.parts.items():
        try:
            schema.parse({**blank, name: value})
            parts[name] = value
        except schema.SettingsError:
            continue
    tree = schema.parse({**blank, **parts})
    storage = storage_for(tree.storage, purpose)
    return tree.model_copy(update={"wifi": [network], "account": [account], "storage": storage})


def _first(client: Client, ask: Ask, tree: schema.Settings) -> list[AccountStatus]:
    """Waits for the first collection, and reports its result."""
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
    ask.say(f"It checks every {_often(account.poll_s)}.")
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
