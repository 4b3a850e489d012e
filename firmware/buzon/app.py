"""Wires it together: one supervisor for Wi-Fi, clock and polls, the display, and the console's handlers.

Nothing here stops for good: whatever fails is kept, shown, and tried again later.
"""

import asyncio
import gc
import time

from micropython import const

from . import log
from .account import Account, backoff
from .core.wire import RxBuffer, TxBuffer
from .errors import E_BUG, E_MEMORY, DeviceError, MailError
from .net import clock
from .net.link import Link
from .net.wifi import Wifi
from .plugins import unload
from .store import fs
from .store.spool import Buffers
from .ui import Ui

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from .trial import Trial

_RX = const(1024)
_TX = const(256)
_TICK_MS = const(100)
_WIFI_EVERY_S = const(60)
# Bytes allocated between two collections. Without it they come when the heap is full, and what lives long ends up
# all over it.
_THRESHOLD = const(4096)


class App:
    """The state of the board that the display and the console show. `board`: of `setup.board`."""

    def __init__(self, board: "Dict[str, Any]") -> None:
        self.board = board
        self.link = Link(RxBuffer(bytearray(_RX)), TxBuffer(bytearray(_TX)), board.get("tls_heap", (0, 0)))
        self.buffers = Buffers()
        self.ui = Ui()
        self.wifi = Wifi()
        self.settings: "Dict[str, Any] | None" = None
        self.accounts: "List[Account]" = []
        self.notifiers: "List[List[Any]]" = []  # [name, notifier, last error or None]
        self.trial: "Trial | None" = None
        self.staged = bytearray()  # what has come of new settings
        self.upload: "List[Any]" = ["", 0]  # the file that is coming: its path, and how much of it has come
        self.state = "start"
        self.waiting = ""
        self.error: "List[Any] | None" = None  # [code, sentence, when]
        self.uptime = 0
        self.leaving = ""  # `reboot` or `repl`: what to do when the tasks have ended
        self.reload = False
        self.trouble: "MailError | None" = None  # of settings or Wi-Fi: then nothing goes on
        self._wifi_due = 0
        self._wifi_fails = 0
        self._clock_due = 0

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
            self.link.close()

    def apply(self) -> None:
        """Take the settings that are in force."""
        from .setup import apply

        self.reload = False
        apply(self)
        unload()
        self._wifi_due = self._wifi_fails = self._clock_due = 0
        gc.collect()

    async def _supervise(self) -> None:
        while True:
            try:
                await self._step()
            except Exception as err:  # a bug must not stop the board
                self._caught(err, "")
                await asyncio.sleep_ms(1000)

    async def _step(self) -> None:
        """The next thing there is to do."""
        if self.reload:
            self.apply()
        if self.trial and self.trial.state == "wanted":
            self._say("test", "the test of the new settings")
            trial = self.trial  # a wipe drops it
            await trial.run(self.wifi, self.link)
            if trial.error:
                self.wifi.leave()
            return
        if not self.accounts:
            self._say("unset", "settings: connect a PC and type buzon provision")
        elif not self.wifi.up():
            await self._join()
        elif not clock.valid() and await self._set_clock():
            pass
        else:
            account = min(self.accounts, key=lambda each: each.due)  # who waits longest: all get their turn
            wait = account.due - self.uptime
            if wait <= 0:
                self._say("sync", "the server of " + account.id)
                news: "List[bytes]" = []
                await account.poll(self.link, news, lambda: self._others(account))
                account.settle(self.uptime)
                self._notify(account, news)
                if account.error:
                    self.keep(account.error)
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
            self.trouble = err
            raise
        self.trouble = None
        self._wifi_fails = 0
        for account in self.accounts:  # what failed without Wi-Fi need not wait any longer
            if account.fails:
                account.due = min(account.due, self.uptime)

    async def _set_clock(self) -> bool:
        """Ask NTP, once a minute. True: something was tried."""
        ntp = (self.settings or {}).get("time", {}).get("ntp")
        if not ntp or self.uptime < self._clock_due:
            return False
        self._say("clock", "the time from " + ntp)
        self._clock_due = self.uptime + _WIFI_EVERY_S
        from .net.ntp import ask

        try:
            await ask(ntp)
        finally:
            unload()
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
                self._caught(err, "display ")
            await asyncio.sleep_ms(_TICK_MS)

    def _button(self) -> "Any":
        number = self.board.get("button")
        if number is None:
            return None
        from machine import Pin

        return Pin(number, Pin.IN, Pin.PULL_UP)

    # -- mail

    def _notify(self, account: Account, news: "List[bytes]") -> None:
        """Tell every notifier of the messages (keys) that came; one that fails does not stop the others.

        After the session: TLS and what reads headers do not fit the heap of a small board at once.
        """
        if not news:
            return
        from .envelope import Envelope

        envelope = Envelope()
        new = sum(account.journal.new for account in self.accounts)
        for key in news:
            try:
                mail = envelope.read(account.spool, account.spool.name(key))
            except Exception as err:  # the other messages are told of all the same
                self._caught(err, "alert ")
                continue
            for each in self.notifiers:
                if each[1]:
                    try:
                        each[1].alert(mail["from"], mail["subject"], new)
                        each[2] = None
                    except Exception as err:
                        each[2] = str(err)
        unload()

    # -- what the display and the console ask

    def problem(self) -> "tuple[str, str] | None":
        """(title, sentence) of what keeps the board from its work, or None."""
        if self.trouble:
            return "Problem", str(self.trouble)
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
            if account.settings.get("keep") != "forever" and not account.settings.get("delete_confirmed"):
                return "Deleting not confirmed"
        if not self.accounts:
            return ""
        wait = min(account.due for account in self.accounts) - self.uptime
        return "Next check in %d min" % max(1, (wait + 59) // 60)

    def _others(self, account: Account) -> bool:
        """Whether another account is due."""
        return any(each.due <= self.uptime for each in self.accounts if each is not account)

    def busy(self) -> bool:
        return any(account.state == "sync" for account in self.accounts)

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

    def _caught(self, err: Exception, what: str) -> None:
        """Keep what should not have happened. Never raises: the task it happened in must go on."""
        try:
            if isinstance(err, MailError):
                self.keep(err)
            elif isinstance(err, MemoryError):
                gc.collect()
                self.keep(DeviceError(E_MEMORY, what or "work"))
            else:
                self.keep(DeviceError(E_BUG, "%s%s %s" % (what, type(err).__name__, err)))
        except Exception:  # no memory even for that
            gc.collect()

    def keep(self, error: MailError) -> None:
        """Remember the last error anywhere."""
        text = str(error)
        if not self.error or self.error[:2] != [error.code, text]:
            log.say("error %d: %s" % (error.code, text))
        self.error = [error.code, text, clock.now()]


def main(board: "Dict[str, Any]") -> str:
    """Run the app on a board (`setup.board`); returns why it ended: `reboot` or `repl`. Ctrl-C comes out."""
    gc.threshold(_THRESHOLD)
    asyncio.new_event_loop()  # nothing of an interrupted run is left in it
    for folder in ("/certs", "/lib"):
        if fs.exists(folder):
            fs.tidy(folder)  # uploads that were cut off
    app = App(board)
    asyncio.run(app.run())
    return app.leaving
