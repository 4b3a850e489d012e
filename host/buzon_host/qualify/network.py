"""The way to the server: Wi-Fi that is joined, refused and found again, and TLS with chains of every kind."""

import time
from collections import Counter
from collections.abc import Iterator

from ..bench.mail import message
from ..board.client import Client
from ..board.follow import follow
from ..errors import BoardRefused, BuzonError
from ..provision import schema, steps
from ..server.certs import Certificate
from ..server.run import LocalServer
from .report import Check, at_most, failed, found, ok, skipped
from .stand import ACCOUNT, Ended, Stand, collected

BACK_S = 30.0
"""Within so many seconds the Wi-Fi should be there again, whatever happened to it."""
_GIVE_UP_S = 60.0
_POLL_S = 0.3
_E_WIFI, _E_WIFI_PASSWORD, _E_WIFI_NOT_FOUND = 200, 201, 202
_WRONG_WIFI = {_E_WIFI, _E_WIFI_PASSWORD, _E_WIFI_NOT_FOUND}
_NOBODY = "buzon-qualify-none"
_CHAINS: tuple[tuple[Certificate, str], ...] = (
    ("good", "TLS, one ECDSA certificate"),
    ("ecdsa-3", "TLS, three ECDSA certificates"),
    ("rsa-2", "TLS, two RSA certificates"),
    ("rsa-3", "TLS, three RSA certificates"),
)
_E_CERT, _E_CERT_NAME, _E_CERT_EXPIRED, _E_CERT_UNKNOWN = 208, 209, 210, 211
_BAD: tuple[tuple[Certificate, str, set[int]], ...] = (
    ("expired", "refuses an expired certificate", {_E_CERT_EXPIRED}),
    ("other-name", "refuses another server's certificate", {_E_CERT_NAME}),
    ("other-ca", "refuses a certificate of another CA", {_E_CERT, _E_CERT_UNKNOWN}),
)


def wifi(stand: Stand) -> Iterator[Check]:
    """Joins, collects, is refused with a wrong password and a wrong name, and finds its way back each time."""
    sent = [message(1, 500)]
    with stand.server(sent) as server:
        begin = time.monotonic()
        stand.provision(server)
        took = time.monotonic() - begin
        follow(stand.app(), ACCOUNT)
        status = stand.app().status()
        text = f"The board's whole test of new settings; the signal is {status.wifi.rssi} dBm."
        yield at_most("Wi-Fi", took, "s", None, text)
        yield found("first message", collected(stand, server, Counter(sent)), "Collected exactly once.")
        if any(network.get("password") for network in stand.wifi):
            wrong = [
                {**network, "password": "buzon-qualify-wrong"}
                for network in stand.wifi
                if network.get("password")
            ]
            yield _refused(stand, server, "Wi-Fi, wrong password", wrong)
            yield _back(stand, "Wi-Fi back after a wrong password")
        else:
            yield skipped("Wi-Fi, wrong password", "The network has none.")
        yield _refused(stand, server, "Wi-Fi, wrong name", [{"ssid": _NOBODY, "password": "buzon-qualify"}])
        yield _back(stand, "Wi-Fi back after a wrong name")
        stand.app().reboot()
        stand.leave()
        yield _back(stand, "Wi-Fi back after a restart")


def tls(stand: Stand) -> Iterator[Check]:
    """A message through each chain; and a server that must not be trusted gets no password."""
    for number, (kind, name) in enumerate(_CHAINS, 2):
        sent = [message(number, 500)]
        with stand.server(sent, certificate=kind) as server:
            try:
                stand.provision(server)
                begin = time.monotonic()
                follow(stand.app(), ACCOUNT)
                took = time.monotonic() - begin
            except BoardRefused as error:
                yield failed(name, error.sentence)
                continue
            wrong = collected(stand, server, Counter(sent))
            yield failed(name, wrong) if wrong else at_most(name, took, "s", None, "One whole session.")
    for kind, name, codes in _BAD:
        with stand.server(certificate=kind) as server:
            yield _fails(stand, stand.settings(server), server, name, codes, "The board trusts it.")


def _refused(stand: Stand, server: LocalServer, name: str, wifi: list[dict[str, object]]) -> Check:
    """The board's test of settings with this Wi-Fi fails, and says that it is the Wi-Fi."""
    settings = stand.settings(server, wifi=wifi)
    return _fails(stand, settings, server, name, _WRONG_WIFI, "The board says that it has joined.")


def _fails(
    stand: Stand, settings: schema.Settings, server: LocalServer, name: str, codes: set[int], no: str
) -> Check:
    """The board's test of these settings must end with one of these errors; nothing is committed."""
    client = stand.app()
    settings, files = steps.with_ca(settings, server.ca_der.read_bytes(), stand.say, steps.root)
    for path, der in files.items():
        client.put_file(path, der)
    steps.stage(client, schema.to_cbor(settings))
    try:
        steps.trial(client, stand.say)
    except BoardRefused as error:
        if error.code in codes:
            return ok(name, f"Error {error.code}: {error.sentence}")
        return failed(name, f"It was blamed on something else (error {error.code}): {error.sentence}")
    finally:
        client.discard()
    return failed(name, no)


def _back(stand: Stand, name: str) -> Check:
    """How long it takes until the board is in its Wi-Fi again and collects. Raises Ended if it never is."""
    begin = time.monotonic()
    last: BuzonError | None = None
    while time.monotonic() < begin + _GIVE_UP_S:
        stand.say(f"{name}: waiting, {time.monotonic() - begin:.0f} s")
        client = stand.app()
        if client.status().wifi.up:
            try:
                _poll(client)
                return at_most(name, time.monotonic() - begin, "s", BACK_S)
            except BoardRefused as error:
                last = error
        time.sleep(_POLL_S)
    raise Ended(failed(name, f"Not within {_GIVE_UP_S:.0f} s{f' ({last})' if last else ''}."))


def _poll(client: Client) -> None:
    follow(client, ACCOUNT, stall=BACK_S)
