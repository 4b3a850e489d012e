"""Tests staged settings on the board before they are committed: Wi-Fi, clock, connection, login. Deletes nothing."""

from micropython import const

from .account import Account
from .errors import E_BUG, DeviceError, MailError
from .net import clock

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from .net.link import Link
    from .net.wifi import Wifi


class Trial:
    """Settings that are staged. `state`: `staged`, `wanted`, `running`, `ok` or `failed`."""

    def __init__(self, settings: "Dict[str, Any]") -> None:
        self.settings = settings
        self.state = "staged"
        self.step = ""
        self.account = ""
        self.path = ""
        self.error: "MailError | None" = None
        self.accounts: "List[Dict[str, Any]]" = []

    async def run(self, wifi: "Wifi", link: "Link") -> None:
        """Do it. Never raises but for cancellation; the outcome is in `state` and `error`."""
        self.state = "running"
        try:
            await self._steps(wifi, link)
            self.state = "ok"
        except MailError as err:
            self._fail(err)
        except Exception as err:
            self._fail(DeviceError(E_BUG, "%s %s" % (type(err).__name__, err)))
        finally:
            link.close()

    def _fail(self, error: MailError) -> None:
        self.error = error
        self.state = "failed"

    async def _steps(self, wifi: "Wifi", link: "Link") -> None:
        settings = self.settings
        networks = settings.get("wifi", [])
        self.step = "wifi"
        self.path = "wifi"
        await wifi.join(networks)
        self.step = "clock"
        self.path = "time"
        ntp = settings.get("time", {}).get("ntp")
        if not clock.sure() and ntp:
            try:
                from .net.ntp import ask

                clock.set_to(await ask(ntp) or clock.now())
            except MailError:
                pass  # whoever needs the clock says so
        accounts = settings.get("account", [])
        for i in range(len(accounts)):
            self.account = accounts[i]["id"]
            self.path = "account[%d]" % i
            account = Account(accounts[i])
            self.step = "connect"
            await account.connect(link)
            session = account.dialogue(link, _nothing)
            self.step = "login"
            await link.run(session.login())
            await link.run(session.count())
            self.accounts.append({"id": account.id, "messages": session.listed, "bytes": session.octets})
            await link.run(session.pop.quit())
            link.close()

    def report(self) -> "Dict[str, Any]":
        """For `settings.test`."""
        error = self.error
        return {
            "state": "running" if self.state in ("wanted", "running") else self.state,
            "step": self.step,
            "account": self.account,
            "error": [error.code, str(error), self.path] if error else None,
            "accounts": self.accounts,
        }


def _nothing(key: bytes) -> None:
    """A trial fetches no mail."""
