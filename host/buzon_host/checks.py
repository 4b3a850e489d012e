"""One finding of `buzon doctor`."""

from dataclasses import dataclass
from typing import Literal

from .remedies import REMEDIES

Result = Literal["ok", "warn", "failed"]


@dataclass(frozen=True)
class Check:
    """`text` is one sentence; `remedy` says what to do if it is not `ok`; `code` is from the firmware's error
    tree or 0."""

    name: str
    result: Result
    text: str
    remedy: str = ""
    code: int = 0
    account: str = ""


def of_error(name: str, code: int, message: str, account: str = "", result: Result = "failed") -> Check:
    """A check whose outcome is an error that the board reported."""
    text, advice = (message, "") if code == 500 else parted(message)
    return Check(name, result, text, REMEDIES.get(code, advice), code, account)


def parted(sentence: str) -> tuple[str, str]:
    """The two halves of a sentence like "what happened: what to do", each as a sentence."""
    depth = 0
    for at, char in enumerate(sentence):
        depth += (char == "(") - (char == ")")
        if depth <= 0 and sentence[at : at + 2] == ": ":
            rest = sentence[at + 2 :]
            return f"{sentence[:at]}.", rest[:1].upper() + rest[1:]
    return sentence, ""
