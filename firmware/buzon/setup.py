"""Applies the settings that are in force: display, accounts, notifiers. Runs at start and after a change."""

from micropython import const

from . import log
from .account import Account
from .errors import E_DISPLAY, E_FLASH, E_WATCHDOG, DeviceError, MailError, StoreError
from .kinds import load
from .store import fs
from .store import settings as store_settings
from .store.staging import check
from .timekeeper import start

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict


def board() -> "Dict[str, Any]":
    """What the image says about its board: name, display, led, button, tls_heap."""
    from .core.cbor import decode as decode_cbor

    try:
        with open("/board.cbor", "rb") as f:
            found = decode_cbor(f.read(512), 8)
        return found if isinstance(found, dict) else {}
    except (OSError, MailError):
        return {}


def prepare(app: "Any") -> None:
    """What is done once, at the start."""
    from machine import WDT_RESET, Pin, reset_cause

    for folder in ("/certs", "/lib"):
        if fs.exists(folder):
            fs.tidy(folder)  # removes uploads that were cut off
    start()
    # An RP2 calls every reset its watchdog's: without one it was none.
    if reset_cause() == WDT_RESET and app.board.get("watchdog_s"):
        app.keep(DeviceError(E_WATCHDOG))
    number = app.board.get("button")
    if number is not None:  # by interrupt: by the next tick it may have been released
        Pin(number, Pin.IN, Pin.PULL_UP).irq(app.press, Pin.IRQ_FALLING)


def apply(app: "Any") -> None:
    """Apply the settings. A part that cannot be used does not stop the rest."""
    app.trouble = None
    try:
        if app.trial is None:  # staged before a power cut and never committed
            store_settings.discard()
        app.settings = store_settings.load()
        if app.settings is not None:
            check(app.settings)
    except MailError as err:
        app.settings = None
        app.keep(err)
        app.trouble = err
    settings = app.settings or {}
    display = settings.get("display") or board().get("display", {})
    _display(app.ui, display, settings.get("time", {}))
    app.accounts = []
    storage = settings.get("storage", {})
    quota = None
    if storage.get("quota_bytes"):
        from .store.quota import Quota

        quota = Quota(storage["quota_bytes"])
    for each in settings.get("account", ()):
        account = Account(each, quota, storage.get("full", "stop"))
        app.accounts.append(account)
        try:
            account.open()
        except MailError as err:
            account.error = err
        except OSError as err:  # the flash is damaged: whatever can be read is still shown
            account.error = StoreError(E_FLASH, str(err))
        if account.error:
            app.keep(account.error)
    app.notifiers = []
    for each in settings.get("notify", ({"kind": "display"}, {"kind": "log"})):
        kind = each.get("kind", "")
        try:
            made = load("notifier", kind)(each, app.ui)
            app.notifiers.append([kind, made if ":" in kind else each, None])
        except Exception as err:  # somebody else's code
            app.notifiers.append([kind, None, str(err)])


def _display(ui: "Any", config: "Dict[str, Any]", zone: "Dict[str, Any]") -> None:
    """Set up the display in the settings. If it fails, the board goes on with none: mail matters more."""
    ui.zone = 0, 1, 0, zone
    ui.shown = None
    ui.error = None
    ui.display = None  # a new one may need the old one's pins
    ui.replaced = False
    ui.driver = config.get("driver", "null")
    try:
        ui.display = load("display", ui.driver)(config)
    except Exception as err:  # the driver may be somebody else's, or its settings may be wrong
        ui.error = err if isinstance(err, MailError) else DeviceError(E_DISPLAY, str(err))
        ui.replaced = True
        log.say("display: error %d: %s" % (ui.error.code, ui.error.detail))
        ui.display = load("display", "null")({})
