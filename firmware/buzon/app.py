"""Wires it together: one supervisor for Wi-Fi, clock and polls, the display, and the console's handlers.

Nothing here stops for good: whatever fails is kept, shown, and tried again later.
"""

import asyncio
import gc
import time

from micropython import const, kbd_intr

from . import log, watchdog
from .account import Account, backoff
from .core.wire import RxBuffer, TxBuffer
from .errors import E_BUG, E_MEMORY, E_WATCHDOG, DeviceError, MailError
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
_DAY_S = const(86400)
_STUCK_S = const(7200)  # longer than any connection may last
_DOES = {
    "start": "Starting",
    "wifi": "Joining Wi-Fi",
    "clock": "Asking for the time",
    "sync": "Asking for mail",
}
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
        self.waiting = "the start"
        self._until = -1  # uptime at which the waiting ends, where it is known
        self.error: "List[Any] | None" = None  # [code, sentence, when]
        self.uptime = 0
        self.leaving = ""  # `reboot` or `repl`: what to do when the tasks have ended
        self.reload = False
        self.trouble: "MailError | None" = None  # of settings or Wi-Fi: then nothing goes on
        self._wifi_due = 0
        self._wifi_fails = 0
        self._clock_due = 0  # uptime at which NTP is asked
        self._clock_fails = 0
        self._keep_due = 0  # uptime at which the time is written down
        self._moved = 0  # uptime when the supervisor last got on

    # -- tasks

    async def run(self) -> None:
        """Until somebody wants to leave."""
        from .console.server import Console

        self.apply()
        console = Console(self)
        supervisor = asyncio.create_task(self._supervise())
        tasks = [supervisor, asyncio.create_task(self._tick(supervisor))]
        # The console reads Ctrl-C: a byte like it is in frames of Improv Wi-Fi, too.
        kbd_intr(-1)
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
        self._wifi_due = self._wifi_fails = 0
        gc.collect()

    async def _supervise(self) -> None:
        while True:
            self._moved = self.uptime
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
            unload()
            if trial.error:
                self.wifi.leave()
            return
        if not self.accounts:
            what = "new settings" if self.trouble else "settings"
            self._say("unset", what + ": connect a PC and type buzon provision")
        elif not self.wifi.up():
            await self._join()
        elif await self._set_clock():
            return
        else:
            account = min(self.accounts, key=lambda each: each.due)  # who waits longest: all get their turn
            if account.due <= self.uptime:
                self._say("sync", "the server of " + account.id)
                news: "List[bytes]" = []
                await account.poll(self.link, news, lambda: self._others(account))
                account.settle(self.uptime)
                self._notify(account, news)
                if account.error:
                    self.keep(account.error)
                elif self.uptime >= self._keep_due:
                    self._keep_time()
                return
            self._say(
                "idle",
                ("the next try of " if account.error else "the next poll of ") + account.id,
                account.due,
            )
        await asyncio.sleep_ms(_TICK_MS)

    async def _join(self) -> None:
        if self.uptime < self._wifi_due:
            self._say("wifi", "Wi-Fi: the next try", self._wifi_due)
            return
        self._say("wifi", "Wi-Fi to let it in")
        try:
            await self.wifi.join((self.settings or {}).get("wifi", []))
        except MailError as err:
            self._wifi_fails += 1
            self._wifi_due = self.uptime + min(backoff(self._wifi_fails), _WIFI_EVERY_S)
            self.trouble = err
            raise
        self.trouble = None
        self._wifi_fails = 0
        self._hurry()

    async def _set_clock(self) -> bool:
        """Ask NTP when it is time to. True: something was tried."""
        ntp = (self.settings or {}).get("time", {}).get("ntp")
        if not ntp or self.uptime < self._clock_due:
            return False
        self._say("clock", "the time from " + ntp)
        from .net.ntp import ask

        try:
            clock.set_to(await ask(ntp) or clock.now())
            self.clock_is_set(False)
        except MailError:
            if clock.sure():  # since earlier, or a PC has set it meanwhile
                self._clock_due = self.uptime + _DAY_S
                return True
            self._clock_fails += 1
            self._clock_due = self.uptime + backoff(self._clock_fails)
            raise
        finally:
            unload()
        return True

    async def _tick(self, supervisor: "Any") -> None:
        """Uptime, button, display; and the watchdog, as long as the supervisor gets on."""
        button = self._button()
        last = time.ticks_ms()
        down = False
        openings = 0
        while True:
            if self.link.openings != openings:
                openings = self.link.openings
                self._moved = self.uptime
            if watchdog.running and not supervisor.done() and self.uptime - self._moved < _STUCK_S:
                watchdog.running.feed()
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

    def problem(self) -> "tuple[str, str, str] | None":
        """(title, sentence, when it is tried again) of what keeps the board from its work, or None."""
        if self.trouble:
            return "Problem", str(self.trouble), self._retry(self._wifi_due) if self.accounts else ""
        for account in self.accounts:
            if account.error:
                return (
                    account.id,
                    str(account.error),
                    "" if account.state == "sync" else self._retry(account.due),
                )
        return None

    def _retry(self, due: int) -> str:
        """Changes seldom: each time the display is drawn anew."""
        wait = due - self.uptime
        return "retry " + span(wait) if wait >= 60 else "retry soon"

    def waits(self) -> str:
        """What the board waits for, in words."""
        if self.state == "sync":
            if not self.wifi.up():
                return "Wi-Fi, which went away in a session"
            return "%s (%s)" % (self.waiting, self.link.step)
        if self.state == "test" and self.trial:
            return "%s (%s)" % (self.waiting, self.trial.step)
        if self._until < 0:
            return self.waiting
        return "%s in %s" % (self.waiting, span(self._until - self.uptime))

    def note(self) -> str:
        """The idle page's last line: what the board does, or what a person should not forget."""
        if self.state in _DOES:
            return _DOES[self.state]
        for account in self.accounts:
            if account.settings.get("tls") == "none" or not account.settings.get("tls_verify", True):
                return "TLS not verified!"
        for account in self.accounts:
            if account.settings.get("keep") != "forever" and not account.settings.get("delete_confirmed"):
                return "Deleting not confirmed"
        if not self.accounts:
            return ""
        wait = min(account.due for account in self.accounts) - self.uptime
        return "Next check in " + span(max(60, wait))

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
                if account.state == "sync":  # it may have listed already
                    account.more = True
                n += 1
        return n

    def _hurry(self) -> None:
        """What was missing has come: accounts that failed need not wait any longer."""
        for account in self.accounts:
            if account.fails:
                account.due = min(account.due, self.uptime)

    def clock_is_set(self, keep: bool) -> None:
        """NTP need not be asked for a day. `keep`: write the time down for the next start."""
        self._clock_fails = 0
        self._clock_due = self.uptime + _DAY_S
        self._hurry()
        if keep:
            self._keep_time()

    def _keep_time(self) -> None:
        from .timekeeper import keep

        self._keep_due = self.uptime + _DAY_S
        keep()
        unload()

    def _say(self, state: str, waiting: str, until: int = -1) -> None:
        self.state = state
        self.waiting = waiting
        self._until = until

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


def span(seconds: int) -> str:
    """A time to wait, rounded up: seconds, then minutes, then hours."""
    if seconds < 60:
        return "%d s" % max(0, seconds)
    if seconds <= 5400:
        return "%d min" % ((seconds + 59) // 60)
    return "%d h" % ((seconds + 3599) // 3600)


def main() -> str:
    """Run the app; returns why it ended: `reboot` or `repl`. Ctrl-C comes out."""
    gc.threshold(_THRESHOLD)
    asyncio.new_event_loop()  # nothing of an interrupted run is left in it
    for folder in ("/certs", "/lib"):
        if fs.exists(folder):
            fs.tidy(folder)  # uploads that were cut off
    from machine import WDT_RESET, reset_cause

    from .setup import board
    from .timekeeper import start

    start()
    app = App(board())
    del board, start  # they would keep their modules in memory
    unload()
    if reset_cause() == WDT_RESET:
        app.keep(DeviceError(E_WATCHDOG))
    try:
        watchdog.start(app.board.get("watchdog_s", 0))
        asyncio.run(app.run())
    finally:
        kbd_intr(3)
        watchdog.rest()
    return app.leaving
