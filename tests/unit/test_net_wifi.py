"""What the board says of a Wi-Fi that it did not join itself."""

import sys

ONLY = "micropython"


class Wlan:
    """A station as MicroPython 1.25's `network` documents it, which a soft reset has left connected."""

    def __init__(self, interface):
        pass

    def isconnected(self):
        return True

    def config(self, name):
        return {"ssid": "Casa"}[name]

    def ifconfig(self):
        return ("192.0.2.7", "255.255.255.0", "192.0.2.1", "192.0.2.1")

    def status(self, what):
        return -51


class Network:
    STA_IF = 0
    WLAN = Wlan


def test_the_name_of_a_network_that_was_up_before_the_app_is_known():
    sys.modules["network"] = Network
    from buzon.console.status import wifi
    from buzon.net.wifi import Wifi

    assert wifi(Wifi()) == {"ssid": "Casa", "up": True, "rssi": -51, "ip": "192.0.2.7"}
