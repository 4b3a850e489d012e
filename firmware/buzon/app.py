"""Wires it together: one supervisor for Wi-Fi, clock and polls, the display, and the console's handlers.

Nothing here stops for good: whatever fails is kept, shown, and tried again later.
"""

import asyncio
import gc
import time

from micropython import const

from . import log, plugins
from .account import Account, backoff
from .core.wire import RxBuffer, TxBuffer
from .errors import E_BUG, DeviceError, MailError
from .net import clock
from .net.link import Link
from .net.wifi import Wifi
from .store import settings as store_settings
from .text.address import sender as sender_of
from .text.escape import clean
from .text.words import decode
from .ui import Ui

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from .trial import Trial

_RX = const(1024)
_TX = const(256)
_TICK_MS = const(100)
_WIFI_EVERY_S = const(60)


class App:
    """The state of the board that the display and the console show."""

    def __init__(self) -> None:
        self._link = Link(RxBuffer(bytearray(_RX)), TxBuffer(bytearray(_TX)))
        self.board = _board()
        self.ui = Ui()
        self.wifi = Wifi()
        self.settings: "Dict[str, Any] | None" = None
        self.accounts: "List[Account]" = []
        self.notifiers: "List[List[Any]]" = []  # [name, notifier, last error or None]
        self.trial: "Trial | None" = None
        self.state = "start"
        self.waiting = ""
        self.error: "List[Any] | None" = None  # [code, sentence, when]
        self.uptime = 0
        self.leaving = ""  # `reboot` or `repl`: what to do when the tasks have ended
        self.reload = False
        self._trouble: "MailError | None" = None  # of settings or Wi-Fi
        self._wifi_due = 0
        self._wifi_fails = 0

    # -- tasks

    async def run(self) -> None:
        """Until somebody wants to leave."""
        from .console.server import Console

        self.apply()
        console = Console(self)
        tasks = [asyncio.create_task(self._supervise()), asyncio.create_task(self._tick())]
        try:
            await console.serve()  # type: ignore[misc]
        finally:
            for task in tasks:
                task.cancel()
            self._link.close()

    def apply(self) -> None:
        """Take the settings that are in force; whatever of them cannot be used does not stop the rest."""
        self.reload = False
        self._trouble = None
        plugins.forget("buzon.trial", "buzon.console.change", "buzon.console.config", "buzon.console.staging")
        try:
            self.settings = store_settings.load()
        except MailError as err:
            self.settings = None
            self._keep(err)
            self._trouble = err
        settings = self.settings or {}
        self.ui.setup(
            settings.get("display") or self.board.get("display", {}), settings.get("time", {}).get("zone", 0)
        )
        self.accounts = []
        for each in settings.get("account", ()):
            account = Account(each)
            self.accounts.append(account)
            try:
                account.open()
            except MailError as err:
                account.error = err
                self._keep(err)
        self.notifiers = []
        for each in settings.get("notify", ({"kind": "display"}, {"kind": "log"})):
            kind = each.get("kind", "")
            try:
                self.notifiers.append([kind, plugins.load("notifier", kind)(each, self.ui), None])
            except Exception as err:
                self.notifiers.append([kind, None, str(err)])
        self._wifi_due = self._wifi_fails = 0
        gc.collect()

    async def _supervise(self) -> None:
        while True:
            try:
                await self._step()
            except MailError as err:
                self._keep(err)
            except Exception as err:  # a bug must not stop the board
                self._keep(DeviceError(E_BUG, "%s %s" % (type(err).__name__, err)))
                await asyncio.sleep_ms(1000)

    async def _step(self) -> None:
        """The next thing there is to do."""
        if self.reload:
            self.apply()
        if self.trial and self.trial.state == "wanted":
            self._say("test", "the test of the new settings")
            await self.trial.run(self.wifi, self._link)
            if self.trial.error:
                self.wifi.leave()
            return
        if not self.accounts:
            self._say("unset", "settings: connect a PC and type buzon provision")
        elif not self.wifi.up():
            await self._join()
        elif not clock.valid() and await self._set_clock():
            pass
        else:
            account = min(self.accounts, key=lambda each: each.due)
            wait = account.due - self.uptime
            if wait <= 0:
                self._say("sync", "the server of " + account.id)
                await account.poll(self._link, self._arrived, self.uptime)
                if account.error:
                    self._keep(account.error)
                return
            self._say("idle", "the next poll of %s in %d s" % (account.id, wait))
        await asyncio.sleep_ms(_TICK_MS)

    async def _join(self) -> None:
        if self.uptime < self._wifi_due:
            self._say("wifi", "Wi-Fi, again in %d s" % (self._wifi_due - self.uptime))
            return
        self._say("wifi", "Wi-Fi")
        try:
            await self.wifi.join((self.settings or {}).get("wifi", []))
        except MailError as err:
            self._wifi_fails += 1
            self._wifi_due = self.uptime + min(backoff(self._wifi_fails), _WIFI_EVERY_S)
            self._trouble = err
            raise
        self._trouble = None
        self._wifi_fails = 0
        for account in self.accounts:  # what failed without Wi-Fi need not wait any longer
            if account.fails:
                account.due = min(account.due, self.uptime)

    async def _set_clock(self) -> bool:
        """Ask NTP, once a minute. True: something was tried."""
        ntp = (self.settings or {}).get("time", {}).get("ntp")
        if not ntp or self.uptime < self._wifi_due:
            return False
        self._say("clock", "the time from " + ntp)
        self._wifi_due = self.uptime + _WIFI_EVERY_S
        await clock.ask_ntp(ntp)
        return True

    async def _tick(self) -> None:
        """Uptime, button, display."""
        button = self._button()
        last = time.ticks_ms()
        down = False
        while True:
            passed = time.ticks_diff(time.ticks_ms(), last) // 1000
            if passed > 0:
                last = time.ticks_add(last, passed * 1000)
                self.uptime += passed
            if button and bool(button.value()) != down:
                down = not down
                if not down:  # pressed: it pulls to ground
                    self.ui.acknowledge()
            try:
                self.ui.show(self)
            except Exception as err:  # a display must not stop the board
                self._keep(DeviceError(E_BUG, "display %s" % err))
            await asyncio.sleep_ms(_TICK_MS)

    def _button(self) -> "Any":
        number = self.board.get("button")
        if number is None:
            return None
        from machine import Pin

        return Pin(number, Pin.IN, Pin.PULL_UP)

    # -- mail

    def _arrived(self, raw_sender: bytes, raw_subject: bytes, size: int) -> None:
        """A message was stored: tell every notifier; one that fails does not stop the others."""
        sender = clean(sender_of(raw_sender, 64), 64)
        subject = clean(decode(raw_subject, 128), 128)
        new = sum(account.journal.new for account in self.accounts)
        for each in self.notifiers:
            if each[1]:
                try:
                    each[1].alert(sender, subject, new)
                    each[2] = None
                except Exception as err:
                    each[2] = str(err)

    # -- what the display and the console ask

    def problem(self) -> "tuple[str, str] | None":
        """(title, sentence) of what keeps the board from its work, or None."""
        if self._trouble:
            return "Problem", str(self._trouble)
        for account in self.accounts:
            if account.error:
                return account.id, str(account.error)
        return None

    def note(self) -> str:
        """The idle page's last line: what a person should not forget."""
        for account in self.accounts:
            if account.settings.get("tls") == "none" or not account.settings.get("tls_verify", True):
                return "TLS not verified!"
        for account in self.accounts:
            if account.settings.get("keep") == "delete" and not account.settings.get("delete_confirmed"):
                return "Deleting not confirmed"
        return ""

    def busy(self) -> bool:
        return any(account.session for account in self.accounts)

    def sync_now(self, account_id: "str | None") -> int:
        """Make accounts due; how many."""
        n = 0
        for account in self.accounts:
            if account_id is None or account.id == account_id:
                account.due = self.uptime
                n += 1
        return n

    def _say(self, state: str, waiting: str) -> None:
        self.state = state
        self.waiting = waiting

    def _keep(self, error: MailError) -> None:
        """Remember the last error anywhere."""
        text = str(error)
        if not self.error or self.error[:2] != [error.code, text]:
            log.say("error %d: %s" % (error.code, text))
        self.error = [error.code, text, clock.now()]


def _board() -> "Dict[str, Any]":
    """What the image says about the board it is for: name, display, led, button."""
    from .core.cbor import decode as decode_cbor

    try:
        with open("/board.cbor", "rb") as f:
            board = decode_cbor(f.read(512), 8)
        return board if isinstance(board, dict) else {}
    except (OSError, MailError):
        return {}


def main() -> str:
    """Run the app; returns why it ended: `reboot` or `repl`. KeyboardInterrupt (Ctrl-C) comes out."""
    asyncio.new_event_loop()  # nothing of an interrupted run is left in it
    app = App()
    asyncio.run(app.run())
    return app.leaving
