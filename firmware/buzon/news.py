"""Tells every notifier about the mail that a session brought. Imported then."""

from micropython import const

from .envelope import Envelope

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, List

    from .account import Account


def tell(app: "Any", account: "Account", news: "List[bytes]") -> None:
    """`news`: the messages' keys in the order of fetching; it is used up. A notifier that fails does not stop the
    others, nor a message that cannot be read.

    Call it after the session: TLS and the header parser do not fit the heap of a small board together.
    """
    envelope = Envelope()
    new = sum(account.journal.new for account in app.accounts)
    if account.settings.get("order") == "newest":  # the last alert stays on the display
        news.reverse()
    for key in news:
        try:
            mail = envelope.read(account.spool, account.journal.name(account.spool, key))
        except Exception as err:  # the other messages are announced all the same
            app.caught(err, "alert ")
            continue
        for each in app.notifiers:
            if each[1] is not None:
                try:
                    _notifier(app, each).alert(mail["from"], mail["subject"], new)
                    each[2] = None
                except Exception as err:
                    each[2] = str(err)


def _notifier(app: "Any", each: "List[Any]") -> "Any":
    """Ours are made for each message, from their settings: they keep nothing."""
    if not isinstance(each[1], dict):
        return each[1]
    return __import__("buzon.notify." + each[0], None, None, ("Plugin",)).Plugin(each[1], app.ui)
