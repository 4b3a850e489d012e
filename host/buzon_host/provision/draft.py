"""What the wizard has so far: whom and what it asks, and the parts of the settings that are answered."""

from dataclasses import dataclass, field

from ..board.client import Client
from . import schema
from .account import Login
from .answers import Answers
from .ask import Ask, Options


@dataclass
class Draft:
    """`login`, `account` and `wifi` are there once they have been asked. `room`: bytes free on the board's flash.

    `stored`: whether passwords may come from the environment and the keyring; not one that was wrong.
    """

    client: Client
    ask: Ask
    options: Options
    known: Answers
    room: int | None
    stored: bool = True
    login: Login = field(init=False)
    account: schema.Account = field(init=False)
    ssid: str = ""
    secure: bool | None = None
    """Whether that network wants a password; None: it is not in sight."""
    wifi: schema.Wifi = field(init=False)
