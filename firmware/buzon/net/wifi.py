"""The Wi-Fi station: whether it is up. Joining and looking for networks is in `join`."""

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

    def leave(self) -> None:
        try:
            self.sta.disconnect()
        except OSError:
            pass
