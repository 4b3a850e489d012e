"""The wizard's questions about what becomes of the mail. Enter alone never allows anything to be deleted."""

from ..errors import BuzonError
from . import answers as remembered
from . import steps
from .ask import Back
from .draft import Draft
from .purpose import Purpose, account_for

_CHOICES = (
    "1  Tell me: the board shows what comes from now on. Mail stays on the server; when the board is full, "
    "the oldest mail on it is deleted to make room. Of messages above 64 KB it has only the headers until you ask for "
    "the rest.",
    "2  Bring it to me: the board takes all mail, as POP3 was made for. Each message is deleted from the server once "
    "it is stored; when the board is full, it stops and says so.",
)
_NUMBERS = {"1": Purpose.tell, "2": Purpose.bring}


def purpose(draft: Draft) -> bool:
    """Sets `draft.purpose`, and `draft.account` except for whether it may delete."""
    known, given = draft.known, draft.options.purpose
    if given is None:
        for line in _CHOICES:
            draft.ask.say(line)
        known.purpose = _asked(draft, "2" if known.purpose is Purpose.bring else "1")
        remembered.save(known)
    draft.purpose = given or known.purpose or Purpose.tell
    draft.account = account_for(draft.login.account, draft.purpose)
    return given is None


def _asked(draft: Draft, default: str) -> Purpose:
    while True:
        typed = draft.ask.text("What is the board for, 1 or 2", default).lower()
        for number, each in _NUMBERS.items():
            if typed == number or (typed and typed.split()[0] == each):
                return each
        draft.ask.say("Type 1 or 2.")


def deleting(draft: Draft) -> bool:
    """Asked if the board would delete what is there. "No" leads back to the purpose."""
    ask, account, box = draft.ask, draft.account, draft.login.mailbox
    if not account.deletes:
        return False
    asked = box.messages != 0 and not draft.options.yes
    if asked:
        if box.messages < 0:
            ask.say("The server does not say how much mail there is.")
        ask.say("A phone or a PC that reads this mailbox will not find there what the board has taken.")
        if draft.room is not None and box.bytes > draft.room:
            ask.say(
                "It does not fit: the board stops when it is full, and goes on when buzon mail pull --move has moved "
                "its mail to this PC."
            )
        question = steps.question(account, max(0, box.messages), max(0, box.bytes), draft.room)
        if not ask.yes(question, None):
            if draft.options.purpose is not None:
                raise BuzonError(
                    "Nothing was changed on the board: run buzon provision with another --purpose."
                )
            ask.say("Then nothing is deleted: choose again.")
            raise Back
    draft.account = account.model_copy(update={"delete_confirmed": True})
    return asked
