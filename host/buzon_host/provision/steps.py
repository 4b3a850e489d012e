"""Puts settings on a board: clock, CA, stage, test on the board, ask before mail may be deleted, commit.

It is a plain function over the typed client; it asks and reports through its arguments. If anything fails,
the old settings stay in force.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..board.client import Client, TestState
from ..errors import BoardRefused, BuzonError, NoBoard
from . import ca as certificates
from . import names, words
from .schema import Account, Settings, to_cbor

TEST_S = 420.0
"""Seconds for one step of the board's own test: a slow server gets 5 minutes for each answer."""
_POLL_S = 0.3
_BUSY_S = 60.0
_E_BUSY = 705
_E_MEMORY = 802

Progress = Callable[[str], None]
Confirm = Callable[[str], bool]


@dataclass(frozen=True)
class Mailbox:
    """What the board's test found on the server, before anything was fetched."""

    account: str
    messages: int
    bytes: int


@dataclass(frozen=True)
class Result:
    """`unconfirmed`: accounts where nothing is deleted until the person confirms. `unnamed`: messages on the board of
    accounts that are not in the settings any more: they stay there, out of reach."""

    board: str
    mailboxes: list[Mailbox] = field(default_factory=list)
    unconfirmed: list[str] = field(default_factory=list)
    unnamed: dict[str, int] = field(default_factory=dict)


def root(account: Account) -> bytes:
    """DER of the public root that vouches for the account's server."""
    return certificates.fetch_root(account.host, account.effective_port, account.tls)


def provision(
    client: Client,
    settings: Settings,
    *,
    ca: bytes | None,
    confirm: Confirm,
    progress: Progress,
    root: Callable[[Account], bytes] = root,
) -> Result:
    """Provisions the board behind `client`; `settings` must have all passwords.

    `ca`: DER of the CA of every account that verifies; None: `root` finds each server's public root from this
    PC. `confirm` gets a question and answers whether mail may be deleted from a server; `progress` gets short
    sentences. Raises BuzonError; the old settings are then still in force.
    """
    info = client.info or client.hello()
    settings, files = with_ca(settings, ca, progress, root)
    progress("Setting the clock")
    client.time_set(int(time.time()))
    for path, der in files.items():
        progress("Sending the CA certificate")
        client.put_file(path, der)
    unnamed = _unnamed(client, settings)
    try:
        progress("Sending the settings")
        stage(client, to_cbor(settings))
        state = trial(client, progress)
        settings, unconfirmed = _confirm(settings, state, room(client), confirm)
        if unconfirmed is not None:
            # Only `delete_confirmed` differs from what was tested, and another login may be one too many.
            stage(client, to_cbor(settings))
        client.commit(untested=unconfirmed is not None)
    except NoBoard:
        raise  # there is no board to discard them
    except BoardRefused as error:
        _discard(client)
        ssids, ids = [one.ssid for one in settings.wifi], [one.id for one in settings.account]
        raise BoardRefused(error.code, words.of_test(error), names.on_board(error.path, ssids, ids)) from None
    except BaseException:
        _discard(client)
        raise
    progress("The settings are in force")
    mailboxes = [Mailbox(one.id, one.messages, one.bytes) for one in state.accounts]
    left = [one.id for one in settings.account if one.deletes and not one.delete_confirmed]
    return Result(info.board, mailboxes, left, unnamed)


def _unnamed(client: Client, settings: Settings) -> dict[str, int]:
    ids = [one.id for one in settings.account]
    return {old.id: old.stored for old in client.status().accounts if old.stored and old.id not in ids}


def stage(client: Client, data: bytes) -> None:
    """Sends settings (CBOR); waits while the board is still testing others that were abandoned, or while a
    TLS handshake fills its heap."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            client.stage(data)
            return
        except BoardRefused as error:
            if error.code not in (_E_BUSY, _E_MEMORY) or time.monotonic() > deadline:
                raise
        time.sleep(1.0)


def with_ca(
    settings: Settings, ca: bytes | None, progress: Progress, root: Callable[[Account], bytes]
) -> tuple[Settings, dict[str, bytes]]:
    """The settings with `ca` named in every account that verifies, and the files that this needs."""
    files: dict[str, bytes] = {}
    accounts = []
    for account in settings.account:
        if account.verifies and account.ca is None:
            der = ca
            if der is None:
                progress(f"Looking for the CA of {account.host}")
                der = root(account)
            path = certificates.board_path(der)
            files[path] = der
            account = account.model_copy(update={"ca": path})
        accounts.append(account)
    return settings.model_copy(update={"account": accounts}), files


_STEPS = {
    "wifi": "The board joins the Wi-Fi",
    "clock": "The board sets its clock",
    "connect": "The board connects to the server",
    "login": "The board logs in",
}


def trial(client: Client, progress: Progress) -> TestState:
    """Polls the board's test until it ends. Raises BoardRefused with the board's sentence if it failed."""
    deadline = time.monotonic() + TEST_S
    shown = ""
    at = None
    while True:
        state = client.test()
        if at != (state.account, state.step):
            at = (state.account, state.step)
            deadline = time.monotonic() + TEST_S
        if state.state == "ok":
            return state
        if state.state == "failed":
            error = state.error
            if error is None:
                raise BoardRefused(0, "The board's test of the settings failed: look at its log.")
            raise BoardRefused(error.code, error.message, error.path)
        text = _STEPS.get(state.step or "", "The board tests the settings")
        if state.account and state.step in ("connect", "login"):
            text += f" ({state.account})"
        if text != shown:
            progress(text)
            shown = text
        if time.monotonic() > deadline:
            raise BuzonError(
                f"The board's test got no further for {TEST_S:.0f} s: restart the board, and provision it again."
            )
        time.sleep(_POLL_S)


def _confirm(
    settings: Settings, state: TestState, room: int | None, confirm: Confirm
) -> tuple[Settings, list[str] | None]:
    """Asks about each account that would delete mail. The second value is None if nothing changed."""
    found = {one.id: one for one in state.accounts}
    accounts: list[Account] = []
    changed: list[str] = []
    for account in settings.account:
        if account.deletes and not account.delete_confirmed:
            there = found.get(account.id)
            if confirm(question(account, there.messages if there else 0, there.bytes if there else 0, room)):
                account = account.model_copy(update={"delete_confirmed": True})
                changed.append(account.id)
        accounts.append(account)
    if not changed:
        return settings, None
    return settings.model_copy(update={"account": accounts}), changed


def question(account: Account, messages: int, size: int, room: int | None) -> str:
    """What a person is asked before a board may delete from this mailbox."""
    count = counted(messages)
    fits = f"; this board has room for {human(room)}" if room is not None else ""
    return (
        f"{account.user} on {account.host}: {count}, {human(size)}{fits}. "
        f"The board deletes each message from the server {_when(account)}. Do you agree?"
    )


def _when(account: Account) -> str:
    when = "once it has stored it"
    if account.keep != "delete":
        when = f"{account.keep} day{'' if account.keep == 1 else 's'} after it has stored it"
    return when + (", and leaves alone what is there now" if account.start == "now" else "")


def counted(messages: int) -> str:
    """`1 message`, `1,234 messages`."""
    return f"{messages:,} message{'' if messages == 1 else 's'}"


def human(size: int) -> str:
    """Bytes for a person: `1.9 GB` (powers of 1,000)."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    if unit == "bytes":
        return "1 byte" if size == 1 else f"{size} bytes"
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def room(client: Client) -> int | None:
    """How many bytes are free on the board's flash; None if it does not say."""
    flash = client.status().flash
    return flash[0] if flash else None


def _discard(client: Client) -> None:
    """Withdraws the staged settings if possible; the error that led here is what matters."""
    try:
        client.discard()
    except Exception:
        pass
