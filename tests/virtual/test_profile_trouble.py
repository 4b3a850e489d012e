"""What went wrong on the chips' own firmware, on virtual boards that are like them: it comes back, and by the right name.

Each of these failed on the official ESP32_GENERIC 1.25.0 or RPI_PICO_W 1.26.1 on 2026-11-26, or may on any board.
"""

import time

import pytest
from app_board import WIFI, Rig, account_of, message, tree_of, until
from buzon_host.errors import BoardRefused

CHIPS = ("ESP32_GENERIC", "RPI_PICO_W")
_BACK_S = 30.0


@pytest.fixture(params=CHIPS)
def rig(request, boot, serve) -> Rig:
    """A board that is provisioned from a server of its own, with nothing to collect."""
    made: Rig = boot(board=request.param)
    made.empty = serve(samples=False)
    made.provision(made.empty)
    made.settled()
    return made


def comes_back(rig: Rig, number: int) -> None:
    """Mail that comes now is fetched within 30 s, without a person's help but the wish to have it now."""
    rig.empty.deliver(message(number))
    rig.client.sync()

    def collected() -> bool:
        account = rig.client.status().accounts[0]
        return account.error is None and account.state == "idle" and rig.empty.left() == 0

    until(collected, _BACK_S, "the way back")
    assert rig.status()["wifi"]["up"]


def test_wifi_comes_back_from_every_loss(rig) -> None:
    """Once an ESP32 had failed to join, it never tried for long enough again: its status goes on telling the failure."""
    board = rig.board
    board.wifi_up(False)
    until(lambda: (rig.status()["error"] or [0])[0] == 202, _BACK_S, "the Wi-Fi's error")
    board.wifi_up(True)
    comes_back(rig, 1)
    board.wifi_deauth()
    comes_back(rig, 2)
    board.wifi_channel()
    comes_back(rig, 3)
    board.wifi_dead()
    rig.empty.deliver(message(4))
    until(lambda: rig.sync().error is None and rig.empty.left() == 0, _BACK_S, "a new link")


def test_a_network_that_gives_no_address_is_said_and_joined_once_it_does(rig) -> None:
    rig.board.wifi_dhcp(False)
    rig.board.wifi_deauth()
    error = until(lambda: rig.status()["error"], 60, "the Wi-Fi's error")
    assert error[0] == 200, error
    assert WIFI[0] in error[1]
    rig.board.wifi_dhcp(True)
    comes_back(rig, 1)


def test_names_that_nobody_answers_for_are_waited_for(rig) -> None:
    """`getaddrinfo` blocks, and with it everything else; the board is not reset for it."""
    boots = rig.board.stats()["boots"]
    rig.provision(rig.empty, host="localhost")
    rig.settled()
    rig.board.dns_hangs(6)
    rig.client.sync()
    error = until(lambda: rig.client.status().accounts[0].error, 60, "the error")
    assert (error.code, "localhost" in error.message) == (203, True)
    assert rig.board.stats()["boots"] == boots
    rig.board.dns_hangs(0)
    comes_back(rig, 1)


def test_a_wrong_network_is_not_blamed_on_the_server(rig, serve) -> None:
    """A Pico W is still connected to the old network when the new one is tried."""
    for ssid, password, code in ((WIFI[0], "not-the-SECRET", 201), ("Nowhere", WIFI[1], 202)):
        tree = tree_of(account_of(rig.empty), wifi=[{"ssid": ssid, "password": password}])
        with pytest.raises(BoardRefused) as refused:
            rig.provision(rig.empty, tree)
        assert refused.value.code == code, str(refused.value)
        comes_back(rig, code)


@pytest.mark.parametrize(
    ("certificate", "taken", "number"),
    [("ecdsa-3", 0, None), ("rsa-2", 0, None), ("rsa-3", 0, None), ("rsa-3", 25, 214), ("other-ca", 0, 211)],
    ids=str,
)
def test_a_certificate_that_an_esp32_lacks_the_memory_for_is_not_called_wrong(
    certificate: str, taken: int, number: int | None, boot, serve
) -> None:
    """It was "not signed by the CA on this board"."""
    rig: Rig = boot(board="ESP32_GENERIC")
    server = serve(samples=False, certificate=certificate)
    rig.board.take_memory(taken)
    code = None
    try:
        rig.provision(server)
        assert rig.settled().error is None
    except BoardRefused as error:
        code = error.code
    assert code == number


def test_a_board_whose_memory_was_taken_restarts_once_and_goes_on(boot, serve) -> None:
    """An area of the heap that came in a session may stay, and then no certificate with RSA can be verified."""
    rig: Rig = boot(board="ESP32_GENERIC")
    server = serve(samples=False, certificate="rsa-3")
    rig.provision(server)
    rig.settled()
    boots = rig.board.stats()["boots"]
    rig.board.take_memory(25)
    rig.client.hello()  # it has gone by then
    rig.client.sync()
    until(lambda: rig.board.stats()["boots"] > boots, 30, "the restart")
    # Where that does not help it is said, and nothing is tried again and again.
    rig.board.take_memory(25)
    rig.client.hello()
    rig.client.time_set(int(time.time()))
    until(lambda: rig.client.status().accounts[0].state == "error", 30, "the error")
    rig.client.sync()
    error = rig.settled().error
    assert error
    assert error.code == 214
    assert rig.board.stats()["boots"] == boots + 1
    # And it has helped.
    rig.board.take_memory(0)
    server.deliver(message(1))
    rig.client.sync()
    until(lambda: server.left() == 0, 60, "the mail")
