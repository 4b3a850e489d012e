"""What the wizard has so far: whom and what it asks, and the settings that have been answered."""

from dataclasses import dataclass, field

from ..board.client import Client
from . import schema
from .account import Login
from .answers import Answers
from .ask import Ask, Options
from .purpose import Purpose


@dataclass
class Draft:
    """`login`, `account`, `purpose` and `wifi` are set once they were asked. `room`: free bytes of flash.

    `stored`: whether a Wi-Fi password may come from the environment or the keyring; False after a wrong one.
    """

    client: Client
    ask: Ask
    options: Options
    known: Answers
    room: int | None
    stored: bool = True
    login: Login = field(init=False)
    account: schema.Account = field(init=False)
    purpose: Purpose = field(init=False)
    ssid: str = ""
    secure: bool | None = None
    """Whether that network requires a password; None: it is not in sight."""
    wifi: schema.Wifi = field(init=False)
