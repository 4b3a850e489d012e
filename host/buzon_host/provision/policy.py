"""The wizard's questions on what becomes of the mail. Nothing is deleted by Enter alone."""

from . import answers as remembered
from . import steps
from .draft import Draft


def shared(draft: Draft) -> bool:
    known = draft.known
    known.shared = draft.ask.yes(
        "Is this mailbox also read elsewhere, on a phone or a PC?", known.shared is not False
    )
    remembered.save(known)
    return True


def copies(draft: Draft) -> bool:
    known = draft.known
    known.copies = draft.ask.yes("Shall the mail stay on the server?", known.copies is not False)
    remembered.save(known)
    return True


def only_new(draft: Draft) -> bool:
    """Asked where what is there does not fit."""
    known = draft.known
    if not _too_much(draft):
        return False
    known.only_new = draft.ask.yes(
        "It does not fit: collect only what comes from now on?", known.only_new is not False
    )
    remembered.save(known)
    return True


def deleting(draft: Draft) -> bool:
    """Asked where the board would delete what is there; sets `draft.account`."""
    ask, known, box = draft.ask, draft.known, draft.login.mailbox
    account = draft.login.account.model_copy(
        update={
            "keep": "forever" if known.copies else "delete",
            "start": "now" if known.only_new and _too_much(draft) else "all",
        }
    )
    asked = account.deletes and box.messages != 0 and not draft.options.yes
    if asked:
        if box.messages < 0:
            ask.say("The server does not say how much mail there is.")
        if known.shared:
            ask.say("The phone and the PC will not find there what the board has taken.")
        question = steps.question(account, max(0, box.messages), max(0, box.bytes), draft.room)
        if not ask.yes(question, None):
            account = account.model_copy(update={"keep": "forever"})
            known.copies = True
            remembered.save(known)
    if account.deletes:
        account = account.model_copy(update={"delete_confirmed": True})
    ask.say(_fitting(bool(known.shared), account.deletes))
    draft.account = account
    return asked


def _too_much(draft: Draft) -> bool:
    box = draft.login.mailbox
    return box.messages > 0 and draft.room is not None and box.bytes > draft.room


def _fitting(shared: bool, deletes: bool) -> str:
    """Which of POP3 and IMAP fits, and what is taken."""
    if shared and deletes:
        return (
            "IMAP would fit better, as others read this mailbox too, but Buzón has only POP3 so far: the board takes "
            'the mail away from the server (keep = "delete").'
        )
    if shared:
        return (
            "IMAP would fit best, as others read this mailbox too, but Buzón has only POP3 so far: the board takes "
            'copies and changes nothing on the server (keep = "forever"); what you read or delete elsewhere it does '
            "not notice."
        )
    if deletes:
        return (
            "POP3 fits: the board is the only reader, and takes the mail away from the server "
            '(keep = "delete").'
        )
    return 'POP3 fits: the board takes copies and changes nothing on the server (keep = "forever").'
