"""Applies the settings that are in force: display, accounts, notifiers. Runs at start and after a change."""

from micropython import const

from . import plugins
from .account import Account
from .errors import E_FLASH, MailError, StoreError
from .store import settings as store_settings
from .store.staging import check

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
    app.ui.setup(display, settings.get("time", {}))
    app.accounts = []
    storage = settings.get("storage", {})
    quota = None
    if storage.get("quota_bytes"):
        from .store.quota import Quota

        quota = Quota(storage["quota_bytes"])
    for each in settings.get("account", ()):
        account = Account(each, app.buffers, quota, storage.get("full", "stop"))
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
            app.notifiers.append([kind, plugins.load("notifier", kind)(each, app.ui), None])
        except Exception as err:  # somebody else's code
            app.notifiers.append([kind, None, str(err)])
