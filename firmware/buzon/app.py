"""Wires it all together: one supervisor for Wi-Fi, clock and polls, the display, and the console's handlers.

Nothing here stops for good: a failure is remembered, shown, and tried again later.
"""

import asyncio
import gc
import io
import time

from micropython import const, kbd_intr

from . import log, watchdog
from .account import Account, backoff
from .console.server import Console
from .core.wire import RxBuffer, TxBuffer
from .errors import E_BUG, E_DNS, E_LOW_HEAP, E_MEMORY, E_NTP, E_TIMEOUT, DeviceError, MailError
from .net import clock
from .net.link import Link
from .net.wifi import Wifi
from .plugins import ANSWERS, DRAWS, unload
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
_HOUR_S = const(3600)
_SILENT = const(3)  # after two silent polls in a row the link is left, and then after as many more each time
_STUCK_S = const(7200)  # longer than any connection may last
# Bytes allocated between two collections. Without it the heap fills up before each one, and long-lived objects
# end up scattered all over it.
_THRESHOLD = const(4096)
_PLACE = const(512)  # bytes; so many places together have room for what settings make that stays
_PLACES = const(14)
_ROOM = const(1536)  # bytes of a poll's frames and its TLS context


class App:
    """The state of the board, which the display and the console show."""

    def __init__(self, scarce: bool) -> None:
        # What is large and stays comes first, low in the heap, before what is loaded and goes again.
        rx = RxBuffer(bytearray(_RX))
        tx = TxBuffer(bytearray(_TX))
        # A place for what a connection needs before TLS begins, beside the console's frame, which goes then: both
        # are below what `_lean` unloads.
        self._room = _place(_ROOM)
        self.console = Console(self)
        _setup_above()
        from .setup import board

        self.board: "Dict[str, Any]" = board()
        self.link = Link(rx, tx, self.board.get("tls_heap", (0, 0)))
        for name in ("display", "tls_heap"):  # needed only here and when settings are applied
            self.board.pop(name, None)
        self.link.lean = self._lean
        self.ui = Ui()
        self.wifi = Wifi()
        self.settings: "Dict[str, Any] | None" = None
        self.accounts: "List[Account]" = []
        # [name, notifier (its settings if it is ours; None: it cannot be used), last error or None]
        self.notifiers: "List[List[Any]]" = []
        self.trial: "Trial | None" = None
        self.staged = bytearray()  # the part of new settings received so far
        self.upload: "List[Any]" = [
            "",
            0,
            0,
        ]  # the file being received: its path, the bytes so far, and the bytes known to fit
        self.state = "start"
        self.waiting = "the start"
        self.until = -1  # uptime at which the wait ends; -1 if unknown
        self.error: "List[Any] | None" = None  # [code, sentence, when]
        self.uptime = 0
        self.leaving = ""  # `reboot` or `repl`: what to do once the tasks have ended
        self.reload = False
        self.trouble: "MailError | None" = None  # with the settings or Wi-Fi: nothing works until it is over
        self.wifi_due = 0
        self._wifi_fails = 0
        self._clock_due = 0  # uptime at which NTP is asked
        self._clock_fails = 0
        self._keep_due = 0  # uptime at which the time is written down
        self._moved = 0  # uptime when the supervisor last made progress
        self._silent = 0  # polls in a row that reached no server
        self._scarce = scarce
        self._lean_at = 0  # uptime when memory was last freed in a session
        self._worn = False  # the settings have changed since the start
        self._pressed = False  # the button was pressed, and new mail is not yet marked as seen

    # -- tasks

    async def run(self) -> None:
        """Run until somebody wants to leave."""
        self.apply()
        supervisor = asyncio.create_task(self._supervise())
        tasks = [supervisor, asyncio.create_task(self._tick(supervisor))]
        # The console reads Ctrl-C itself: frames of Improv Wi-Fi may contain that byte.
        kbd_intr(-1)
        try:
            await self.console.serve()  # type: ignore[misc]
        finally:
            for task in tasks:
                task.cancel()
            self.link.close()

    def apply(self) -> None:
        """Adopt the settings that are in force."""
        self.settings = None
        self.accounts = []
        self.notifiers = []
        self.ui.display = None
        _setup_above()
        from .setup import apply

        self.reload = False
        apply(self)
        unload()
        self.wifi_due = self._wifi_fails = 0
        gc.collect()

    async def _supervise(self) -> None:
        while True:
            self._moved = self.uptime
            try:
                work = self._next()
                if work:
                    await work
                else:
                    await asyncio.sleep_ms(_TICK_MS)
            except Exception as err:  # a bug must not stop the board
                self.caught(err, "")
                await asyncio.sleep_ms(1000)

    def _next(self) -> "Any":
        """The next thing there is to do, to be awaited, or None: nothing for now.

        No coroutine itself, so that what begins a connection begins in the place that `_room` has kept.
        """
        if self.reload:
            self._lean()
            self.apply()
            self._worn = True
        if self.trial and self.trial.state == "wanted":
            self._say("test", "the test of the new settings")
            self._room.close()
            return self._test(self.trial)
        if not self.accounts:
            what = "new settings" if self.trouble else "settings"
            self._say("unset", what + ": run buzon provision")
            return None
        if not self.wifi.up():
            if self.uptime < self.wifi_due:
                self._say("wifi", "Wi-Fi: the next try", self.wifi_due)
                return None
            return self._join()
        ntp = (self.settings or {}).get("time", {}).get("ntp")
        if ntp and self.uptime >= self._clock_due:
            return self._set_clock(ntp)
        account = min(self.accounts, key=lambda each: each.due)  # the one that has waited longest
        if account.due <= self.uptime:
            self._room.close()
            return self._poll(account)
        what = "the next try of " if account.error else "the next poll of "
        self._say("idle", what + account.id, account.due)
        return None

    async def _test(self, trial: "Trial") -> None:
        await trial.run(self.wifi, self.link)
        unload()
        if trial.error:
            self.wifi.leave()
        self._room = _place(_ROOM)

    async def _poll(self, account: Account) -> None:
        self._say("sync", "the server of " + account.id)
        news: "List[bytes]" = []
        await account.poll(self.link, news, lambda long: self._others(account, long))
        self._room = _place(_ROOM)
        if account.lacks:
            from .policy.room import seek

            seek(self.accounts, account, clock.recorded())
            unload()
        account.settle(self.uptime)
        self._notify(account, news)
        error = account.error
        silent = error and E_DNS <= error.code <= E_TIMEOUT and "REFUSED" not in error.detail
        self._silent = self._silent + 1 if silent else 0
        if self._silent % _SILENT == 2:  # the link may be up and dead
            self.wifi.leave()
        short = error and error.code in (E_LOW_HEAP, E_MEMORY)
        if short and not self.trial and (self._worn or account.last_ok[0]):
            import machine

            machine.reset()  # it has worked since the start, so the heap has spread too far
        if error and not self.reload:  # a change of settings ends a session
            self.keep(error)
        elif self.uptime >= self._keep_due:
            self._keep_time()

    async def _join(self) -> None:
        self._say("wifi", "Wi-Fi to let it in")
        try:
            await self.wifi.join((self.settings or {}).get("wifi", []))
        except MailError as err:
            self._wifi_fails += 1
            self.wifi_due = self.uptime + min(backoff(self._wifi_fails), _WIFI_EVERY_S)
            self.trouble = err
            raise
        finally:
            unload()
        self.trouble = None
        self._wifi_fails = 0
        self._hurry()
        await asyncio.sleep_ms(_TICK_MS)

    async def _set_clock(self, ntp: str) -> None:
        """Ask an NTP server."""
        self._say("clock", "the time from " + ntp)
        from .net.ntp import set_clock

        try:
            await set_clock(ntp)
            self.clock_is_set(False)
        except MailError:
            if clock.sure():  # from before, or because a PC has set it meanwhile
                self.clock_is_set(False)
                return
            self._clock_fails += 1
            self._clock_due = self.uptime + backoff(self._clock_fails)
            raise
        finally:
            unload()

    async def _tick(self, supervisor: "Any") -> None:
        """Look after uptime, button and display; feed the watchdog while the supervisor makes progress."""
        last = time.ticks_ms()
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
            if self._pressed:
                self._pressed = False
                self.ui.acknowledge()
                self._pressed = self._see()
            try:
                if not self.link.tight:  # TLS needs the memory
                    self._show()
            except Exception as err:  # a display must not stop the board
                self.caught(err, "display ")
            self.console.rest()
            await asyncio.sleep_ms(_TICK_MS)

    def _show(self) -> None:
        """Bring the display up to date. On a board that is short of memory the page stays as it is during a session,
        and what answers a PC does not stay for longer than a second."""
        if not (self._scarce and any(account.session for account in self.accounts)):
            self.ui.show(self)
        elif self._lean_at != self.uptime:
            self._lean_at = self.uptime
            unload(DRAWS)
            unload(ANSWERS)

    def press(self, pin: "Any") -> None:
        """Called by interrupt. The button pulls to ground; a pulse that is already over was noise on the wire."""
        if not pin.value():
            self._pressed = True

    def _lean(self) -> None:
        """Free what only the display and the console need; the next page or request loads it again."""
        self.console.lean()
        unload(DRAWS)
        unload(ANSWERS)
        self.ui.rest()

    # -- mail

    def _see(self) -> bool:
        """Mark new mail as seen. True: call it again for the rest, so that other tasks get a turn meanwhile."""
        try:
            from .notify.seen import see

            return any(see(account) for account in self.accounts)
        except Exception as err:
            self.caught(err, "button ")
            return False
        finally:
            unload()

    def _notify(self, account: Account, news: "List[bytes]") -> None:
        if news:
            from .news import tell

            tell(self, account, news)
            unload()

    def _others(self, account: Account, long: bool) -> bool:
        """Whether a session, `long` or not, should end: a test of settings waits for it, or another account is due."""
        if self.trial and self.trial.state == "wanted":
            return True
        return long and any(each.due <= self.uptime for each in self.accounts if each is not account)

    # -- what the console asks for

    def busy(self) -> bool:
        return any(account.state == "sync" for account in self.accounts)

    def sync_now(self, account_id: "str | None") -> int:
        """Make one account, or all of them, due; returns how many."""
        n = 0
        for account in self.accounts:
            if account_id is None or account.id == account_id:
                account.due = self.uptime
                if account.state == "sync":  # it may have listed already
                    account.more = True
                n += 1
        return n

    def _hurry(self) -> None:
        """What was missing is there now, so accounts that failed need not wait any longer."""
        for account in self.accounts:
            if account.fails:
                account.due = min(account.due, self.uptime)

    def clock_is_set(self, keep: bool) -> None:
        """NTP need not be asked for a day, or for an hour if no two answers agreed. `keep`: save the time for
        the next start."""
        if self.error and self.error[0] == E_NTP:
            self.error = None
        self._clock_fails = 0
        self._clock_due = self.uptime + (_DAY_S if clock.trusted() else _HOUR_S)
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
        self.until = until

    def caught(self, err: Exception, what: str) -> None:
        """Remember an error that should not have happened. Never raises: the task it happened in must go on."""
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
        """Remember the last error, wherever it came from."""
        text = str(error)
        if not self.error or self.error[:2] != [error.code, text]:
            log.say("error %d: %s" % (error.code, text))
        self.error = [error.code, text, clock.now()]


def _setup_above() -> None:
    """Load `setup` above free places: what is made while it is there, and stays, goes into these."""
    gc.collect()
    places = []
    try:
        for _ in range(_PLACES):
            places.append(io.BytesIO(_PLACE))
    except MemoryError:
        pass
    from . import setup  # noqa: F401

    for place in places:
        place.close()


def _place(size: int) -> io.BytesIO:
    """The lowest free place of `size` bytes in the heap, until it is closed; none if there is no such place."""
    gc.collect()
    try:
        return io.BytesIO(size)
    except MemoryError:
        return io.BytesIO()


def main(scarce: bool) -> str:
    """Run the app; returns why it ended: `reboot` or `repl`. Ctrl-C propagates. `scarce`: the heap is small beside what
    TLS needs outside of it."""
    gc.threshold(_THRESHOLD)
    asyncio.new_event_loop()  # a fresh one holds nothing from an interrupted run
    app = App(scarce)
    from .setup import prepare

    prepare(app)
    del prepare  # it would keep its module in memory
    try:
        watchdog.start(app.board.get("watchdog_s", 0))
        asyncio.run(app.run())
    finally:
        kbd_intr(3)
        watchdog.rest()
    return app.leaving
