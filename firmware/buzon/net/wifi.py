"""The Wi-Fi station: whether it is up, and what `status` says of it. Joining a network is in `join`."""

import network
from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict, List


class Wifi:
    """The station interface, `sta`. `ssid`: the network it is in or was last in."""

    def __init__(self) -> None:
        self.sta = network.WLAN(network.STA_IF)
        self.ssid = ""

    def up(self) -> bool:
        return self.sta.isconnected()

    async def join(self, networks: "List[Dict[str, Any]]") -> None:
        """Join one of the networks. Raises the LinkError of the last one tried."""
        from .join import join

        await join(self, networks)

    def scan(self) -> "List[Any]":
        """[[ssid as bytes, rssi, secure]...] of the 16 strongest, each name once. Takes about 2 s on a board."""
        from .join import scan

        return scan(self)

    def leave(self) -> None:
        try:
            self.sta.disconnect()
        except OSError:
            pass

    def state(self) -> "Dict[str, Any]":
        """For `status`: ssid, up, rssi (dBm or None), ip (text or None)."""
        up = self.up()
        rssi = ip = None
        ssid = self.ssid
        if up:
            # Without a name it was up before the app: a soft reset ends no connection.
            ssid = ssid or self.sta.config("ssid")
            ip = self.sta.ifconfig()[0]
            try:
                rssi = self.sta.status("rssi")
            except (OSError, ValueError, TypeError):
                pass
        return {"ssid": ssid, "up": up, "rssi": rssi, "ip": ip}
