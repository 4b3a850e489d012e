"""`buzon status`: how the board is."""

from datetime import tzinfo
from typing import Annotated, Any

import typer

from ..board.client import BoardError, Status
from ..board.follow import give_time
from ..provision.steps import human
from ..remedies import REMEDIES, here
from ..standing import WAITS, full_percent, waits
from . import own
from .options import Json, Ports, connect, one_port
from .output import Out, plain, when

All = Annotated[bool, typer.Option("--all", help="All boards that are connected, a line for each.")]


def run(port: Ports = None, all: All = False, json: Json = False) -> None:
    """Show how the board is: network, memory, accounts, errors."""
    out = Out(json)
    if all:
        from .fleet import status_of_all

        return status_of_all(port or [], out)
    with connect(one_port(port), out) as client:
        status = client.status()
        if give_time(client, status):
            status = client.status()
        info = client.info
        tree = {} if json else own.settings(client)
        zone = own.zone(tree)
    board = info.board if info is not None else ""
    virtual = _flash_counters(client.link.port)
    out.document(
        {
            "ok": True,
            "board": board,
            "id": info.id if info else "",
            **plain(status),
            "flash_full_percent": full_percent(status.flash),
            **({"virtual": virtual} if virtual is not None else {}),
        }
    )
    for name, value in _lines(status, board, zone):
        out.say(f"{name:<12}{value}", indent=12)
    if status.accounts:
        out.say()
        out.table(
            ("account", "state", "stored", "new", "on server", "last", "error"),
            [
                (
                    one.id,
                    one.state,
                    str(one.stored),
                    str(one.new),
                    "-" if one.listed is None or one.listed < 0 else str(one.listed),
                    when(one.last_ok, zone=zone),
                    here(one.error.code, one.error.message) if one.error else "-",
                )
                for one in status.accounts
            ],
            right=(2, 3, 4),
            fold=(6,),
        )
    for account in own.accounts(tree):
        if waits(account):
            out.say(f"{account.get('id', '-')}: {WAITS} {REMEDIES[108]}")
    if virtual:
        out.say()
        out.say(
            f"virtual     boots {virtual['boots']}, flash written {virtual['programs']} and erased "
            f"{virtual['erases']} time{'' if virtual['erases'] == 1 else 's'}, "
            f"its Wi-Fi is {'on' if virtual['wifi'] else 'off'}",
            indent=12,
        )


def _lines(status: Status, board: str, zone: tzinfo | None) -> list[tuple[str, str]]:
    wifi = status.wifi
    network = f"{wifi.ssid or '-'}, {'up' if wifi.up else 'down'}"
    if wifi.ip:
        network += f", {wifi.ip}"
    if wifi.rssi is not None:
        network += f", {wifi.rssi} dBm"
    state = status.state + (f" (waits for {status.waiting})" if status.waiting else "")
    lines = [
        ("board", f"{board}, Buzón {status.version}, up {status.uptime} s"),
        ("state", state),
        ("clock", _clock(status.epoch, zone) if status.epoch else "not set"),
        ("Wi-Fi", network),
        ("heap", _room(status.heap)),
        ("flash", _flash(status.flash)),
        ("display", status.display or "-"),
    ]
    if not status.tls_verify:
        lines.append(("TLS", "NOT VERIFIED: anybody in the network can read and forge this mail"))
    if status.error is not None:
        lines.append(("last error", _error(status.error, zone)))
    lines += [("notify", f"{name}: {error}") for name, error in status.notify if error]
    return lines


def _clock(epoch: int, zone: tzinfo | None) -> str:
    return when(epoch, zone=zone) + (f" ({zone})" if zone is not None else "")


def _error(error: BoardError, zone: tzinfo | None) -> str:
    return here(error.code, error.message) + (f" ({when(error.when, zone=zone)})" if error.when else "")


def _room(pair: list[int]) -> str:
    return f"{human(min(pair))} free of {human(pair[1])}" if len(pair) == 2 else "-"


def _flash(pair: list[int]) -> str:
    """How full it is, for mail: at 100 % no more mail is accepted."""
    full = full_percent(pair)
    return _room(pair) + (f", {full} % full" if full is not None else "")


def _flash_counters(port: str) -> dict[str, Any] | None:
    """What a virtual board's flash has counted; None for a real board."""
    from ..board.find import virtual_at

    control = virtual_at(port)
    if control is None:
        return None
    with control:
        return control.stats()
