"""Tests staged settings on the board before they are committed: Wi-Fi, clock, connection, login. Deletes nothing."""

from micropython import const

from .account import Account
from .core.learn import SLOWEST
from .errors import E_BUG, E_TIMEOUT, DeviceError, MailError
from .net import clock

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from .net.link import Link
    from .net.wifi import Wifi
    from .sync import Session

_TRIES = const(5)  # sessions with one server


class Trial:
    """Staged settings and their test. `state`: `staged`, `wanted`, `running`, `ok` or `failed`."""

    def __init__(self, settings: "Dict[str, Any]") -> None:
        self.settings = settings
        self.state = "staged"
        self.step = ""
        self.account = ""
        self.path = ""
        self.error: "MailError | None" = None
        self.accounts: "List[Dict[str, Any]]" = []

    async def run(self, wifi: "Wifi", link: "Link") -> None:
        """Run the test. Raises nothing but cancellation; the outcome is in `state` and `error`."""
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
                from .net.ntp import set_clock

                await set_clock(ntp)
            except MailError:
                pass  # a step that needs the clock will say so
        accounts = settings.get("account", [])
        for i in range(len(accounts)):
            self.account = accounts[i]["id"]
            self.path = "account[%d]" % i
            account = Account(accounts[i])
            try:
                await self._account(account, link)
            finally:
                account.rest()

    async def _account(self, account: Account, link: "Link") -> None:
        """Connect, log in, count. What `core.learn.failed` learns about the server is applied at once."""
        late = False
        for left in range(_TRIES, 0, -1):
            session = None
            try:
                self.step = "connect"
                await account.connect(link)
                session = account.dialogue(link, _nothing)
                self.step = "login"
                await link.run(session.login())
                await link.run(session.count())
                self.accounts.append({"id": account.id, "messages": session.listed, "bytes": session.octets})
                return await self._leave(session, link)
            except MailError as err:
                link.close()
                error, again = account.learn(err)
                if left == 1 or not again or (late and err.code == E_TIMEOUT):
                    raise error
                if err.code == E_TIMEOUT:
                    late = True
                    if session and session.pop.state:  # the server has greeted: it gets all the time there is
                        account.memory["slow"] = SLOWEST

    async def _leave(self, session: "Session", link: "Link") -> None:
        """QUIT. Everything is known by then, so the server may hang up instead of answering."""
        try:
            await link.run(session.pop.quit())
        except MailError:
            pass
        link.close()

    def report(self) -> "Dict[str, Any]":
        """The answer to `settings.test`."""
        error = self.error
        return {
            "state": "running" if self.state in ("wanted", "running") else self.state,
            "step": self.step,
            "account": self.account,
            "error": [error.code, str(error), self.path] if error else None,
            "accounts": self.accounts,
        }


def _nothing(key: bytes) -> None:
    """Does nothing, as a trial fetches no mail."""
