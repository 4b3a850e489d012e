"""The whole run, from the first look at the board to putting back what was on it."""

import ipaddress
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cbor2

from .. import boards
from ..board.find import virtual_at
from ..board.link import E_SESSION
from ..bundle import redacted
from ..errors import BoardRefused, BuzonError, NoBoard, UsageError
from ..install.plan import Facts, board_name
from ..install.plan import check as check_facts
from ..install.transfer import Repl
from ..provision import schema, secrets
from . import backup, core, mail, network
from .report import Check, Report, failed, ok, skipped
from .stand import DEVICE, FULL, QUICK, Ended, Eyes, Progress, Stand

Show = Callable[[Check], None]
Part = Callable[[Stand], Iterator[Check]]

_ID = "import machine\nfrom binascii import hexlify\nprint(str(hexlify(machine.unique_id()), 'ascii'))"
_WIFI_VIRTUAL = ("Buzon-Demo", "correct horse")
_BOARD = "the board"  # beside the names of the groups
_SOMEWHERE = "192.0.2.1"  # RFC 5737: for documentation; no packet is sent there


def qualify(
    port: str,
    *,
    eyes: Eyes,
    board: str | None = None,
    wifi: str | None = None,
    host: str | None = None,
    quick: bool = False,
    show: Show = lambda _: None,
    say: Progress = lambda text, done, total: None,
    kept: Callable[[Path], None] = lambda _: None,
) -> Report:
    """Runs all checks on the board on `port`, and puts back the settings and mail that it had, also after an
    interruption.

    `board`: its name or a board.toml, if it does not say. `wifi`: a network's name, whose password comes from
    the environment, the keyring or a prompt; None: the networks in the board's settings. `host`: this PC's
    address for the board. `show` gets each check, `say` what is being done, `kept` the backup's file before
    anything is changed. Raises BuzonError for what keeps it from beginning, and when what was there could not
    be put back: its file is then named.
    """
    report = Report(quick=quick)
    stand = Stand(port, QUICK if quick else FULL, eyes, say)

    def add(check: Check) -> None:
        check = check.model_copy(update={"text": _without_names(check.text, stand)})
        report.checks.append(check)
        show(check)

    say("Looking at the board", 0, 0)
    try:
        repl = stand.prompt()
        facts = stand.facts = repl.facts()
        _check_version(facts)
        there = repl.read("/board.cbor", 2048)
        report.board, report.firmware = _name(facts, board, there), _firmware(facts)
        saved = backup.take(repl, repl.run(_ID).strip(), say)
    except BaseException:
        stand.leave()
        raise
    try:
        kept(saved.path)
        if _settings(saved).get("device", {}).get("name") == DEVICE:
            raise BuzonError(
                "The board has the settings of an interrupted run, and no backup of what was there before is on this "
                "PC: set it up with buzon provision, and run the command again."
            )
        report.virtual = _is_virtual(port)
        _led(stand, report.board)
        stand.wifi = _networks(saved, wifi, report.virtual)
        stand.display = _settings(saved).get("display")
        with TemporaryDirectory(prefix="buzon-") as folder:
            stand.certificates = Path(folder)
            _checks(stand, report, board, host, add)
    finally:
        _put_back(stand, saved)
        add(ok("put back", "Settings and mail are what they were, byte for byte."))
    return report


def restore(port: str, say: Progress = lambda text, done, total: None) -> list[str]:
    """Puts back what an interrupted run has saved. Returns the files that were written. Raises BuzonError."""
    with Repl(port) as repl:
        return backup.put_back(repl, backup.read(backup.place(repl.run(_ID).strip())), say)


def _check_version(facts: Facts) -> None:
    """Raises BuzonError if Buzón does not run on it. That it is in the firmware or in a ROMFS is no hindrance."""
    check_facts(facts.model_copy(update={"rom": False, "frozen": False}))


def _checks(
    stand: Stand, report: Report, board: str | None, host: str | None, add: Callable[[Check], None]
) -> None:
    """All groups. One that fails as a whole is one check; what needs it is skipped."""
    gone: set[str] = set()

    def group(name: str, part: Part, *needs: str) -> None:
        missing = next((need for need in needs if need in gone), None)
        if missing is not None:
            why = "the board went away" if missing == _BOARD else f'the check "{missing}" failed'
            add(skipped(name, f"Not done, because {why}."))
            gone.add(name)
            return
        stand.say(name)
        try:
            for check in part(stand):
                add(check)
        except Ended as end:
            gone.add(name)
            add(end.check)
        except NoBoard as error:
            gone.update((name, _BOARD))
            add(failed(name, str(error)))
        except BuzonError as error:
            gone.add(name)
            add(failed(name, _sentence(error)))
            stand.leave()  # whatever state it was in

    def addressed(stand: Stand) -> Iterator[Check]:
        stand.host, stand.listen = _address(stand, host, report.virtual)
        yield from network.wifi(stand)

    def installed(stand: Stand) -> Iterator[Check]:
        yield from core.installed(stand, board)

    group("memory", core.memory)
    group("flash", core.flash)
    group("LED", core.led)
    group("install", installed)
    group("boot", core.boot, "install")
    group("console", core.console, "install", "boot")
    group("Wi-Fi", addressed, "boot", "console")
    for name, part in (
        ("TLS", network.tls),
        ("memory for TLS", core.tls_memory),
        ("samples", mail.samples),
        ("many messages", mail.many),
        ("resets", mail.resets),
        ("polls", mail.polls),
    ):
        group(name, part, "Wi-Fi", _BOARD)


def _put_back(stand: Stand, saved: backup.Backup) -> None:
    """Raises BuzonError, which says how it is done by hand."""
    try:
        stand.leave()  # whatever state it was in
        backup.put_back(stand.prompt(), saved, stand.progress)
        stand.leave()
    except BaseException as error:
        why = _sentence(error) if isinstance(error, BuzonError) else "It was interrupted."
        raise BuzonError(
            f"Not everything is back on the board yet ({why}) It is in {saved.path}: run buzon qualify --restore."
        ) from None


def _without_names(text: str, stand: Stand) -> str:
    """A report is given away: without the networks, their passwords and this PC's address."""
    private = {str(network["ssid"]): "<wifi>" for network in stand.wifi} | {stand.host: "<address>"}
    passwords = [str(network["password"]) for network in stand.wifi if network["password"]]
    return redacted(text, {name: instead for name, instead in private.items() if name}, passwords)


def _sentence(error: BuzonError) -> str:
    code = f" (error {error.code})" if isinstance(error, BoardRefused) and error.code != E_SESSION else ""
    return f"{error}{code}"


def _settings(saved: backup.Backup) -> dict[str, Any]:
    """The settings that were on the board, with their passwords; empty if there were none."""
    try:
        tree = cbor2.loads(saved.files.get("/settings.cbor", b""))
    except (cbor2.CBORDecodeError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _networks(saved: backup.Backup, named: str | None, virtual: bool) -> list[dict[str, Any]]:
    """The Wi-Fi networks of the run. Raises UsageError if there is none."""
    if named is None:
        there = _settings(saved).get("wifi")
        if there:
            return [{"ssid": one["ssid"], "password": one.get("password") or ""} for one in there]
        if virtual:
            return [{"ssid": _WIFI_VIRTUAL[0], "password": _WIFI_VIRTUAL[1]}]
        raise UsageError("The board has no settings yet: name its Wi-Fi with --wifi.")
    blank = schema.parse(
        {"wifi": [{"ssid": named}], "account": [{"host": "x", "user": "x", "password": "x"}]}, "--wifi"
    )
    password = secrets.fill(blank).wifi[0].password
    assert password is not None
    return [{"ssid": named, "password": password.get_secret_value()}]


def _address(stand: Stand, host: str | None, virtual: bool) -> tuple[str, str]:
    """(this PC's address for the board, the address to listen on). Raises UsageError if `host` is none."""
    if host is None:
        if virtual:
            return "127.0.0.1", "127.0.0.1"
        host = _outward(stand.app().status().wifi.ip or _SOMEWHERE)
        return host, host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise UsageError(
            f"{host} is no address: give the one under which the board reaches this PC."
        ) from None
    if _outward(host) != host:
        return host, "0.0.0.0"  # an emulator's name for this PC, say
    return host, host


def _outward(towards: str) -> str:
    """This PC's own address in the network that leads there; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 9))
            return str(probe.getsockname()[0])
        except OSError:
            raise BuzonError("This PC is in no network: join the one of the board, or give --host.") from None


def _is_virtual(port: str) -> bool:
    control = virtual_at(port)
    if control is None:
        return False
    control.close()
    return True


def _name(facts: Facts, given: str | None, there: bytes | None) -> str:
    if given is not None:
        return boards.load(given).name
    return board_name(there) or facts.build.partition("-")[0]


def _firmware(facts: Facts) -> str:
    return f"MicroPython {facts.version_text} {facts.build}".strip()


def _led(stand: Stand, name: str) -> None:
    """Where the board's LED is, as far as its board.toml is known."""
    if name in boards.names():
        stand.led = boards.load(name).pins.led
