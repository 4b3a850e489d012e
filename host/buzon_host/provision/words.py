"""What is said about errors while a board is provisioned; the wizard uses the words of its question.

The firmware's sentences are for a board on a wall; here a person sits at the keyboard.
"""

import re
from collections.abc import Callable

from ..errors import BoardRefused, ServerRefused

LOGIN = (501, 502)  # the codes of the firmware's error tree: refused; the password is wrong
WIFI_PASSWORD = 201
WIFI = (200, WIFI_PASSWORD, 202)
SOON = (203, 204, 205, 206, 221, 503, 504, 505)  # may be gone at the next try
_SILENT = (205, 206)  # it stopped answering, it closed the connection
_CERTIFICATE = (208, 209, 210, 211, 212, 217, 218, 219, 220, 222)

_SERVER = {
    204: "The server does not answer now.",
    205: "The server stopped answering.",
    206: "The server closed the connection.",
    501: "The server refused the login{}.",
    502: "The password is wrong, or the user name is{}.",
    503: "Another program has the mailbox open: close it, or wait a minute.",
    504: "The server wants more time between two logins: wait a few minutes.",
    505: "The server has trouble of its own{}: wait a few minutes.",
    506: "The server says that you must act first{}: ask your provider.",
}

_BOARD = {
    200: 'The board could not join the Wi-Fi "{ssid}": check that the access point is on and within reach.',
    201: 'The Wi-Fi "{ssid}" refused the password.',
    202: 'The board sees no Wi-Fi "{ssid}": look at its name; a board knows 2.4 GHz only.',
    203: 'This PC finds the server {host}, but the board does not: the Wi-Fi "{ssid}" may be a guest network.',
    204: 'This PC reaches the server {host}, but the board does not: the Wi-Fi "{ssid}" may let no mail through.',
    205: "The server stopped answering the board: run buzon provision again in a few minutes.",
    206: "The server closed the board's connection: run buzon provision again in a few minutes.",
    221: "The board's connection was lost while TLS began: run buzon provision again in a few minutes.",
    501: "The server let this PC in, but not the board: run buzon provision again in a few minutes.",
    502: "The server let this PC in, but not the board: run buzon provision again in a few minutes.",
    503: "Another program has the mailbox open: close it, or wait a minute.",
    504: "The server wants more time between two logins: run buzon provision again in a few minutes.",
    505: "The server has trouble of its own: run buzon provision again in a few minutes.",
}
_OTHER = (
    "The server shows the board another certificate than this PC: somebody may be in the middle of the Wi-Fi "
    '"{ssid}"; try another network.'
)


# What to do where the firmware's sentence says to provision the board, as that is being done.
_INSTEAD = {
    201: "correct it, and run this again.",
    211: "give the server's CA with --ca FILE.",
    217: "if you trust it, give it with --ca FILE.",
    218: "if it was renewed, give the new one with --ca FILE.",
    220: "give one of its intermediate CAs with --ca FILE.",
    222: "give a proper CA with --ca FILE.",
    502: "correct it, and run this again.",
}
# The same for an account of a settings file: the firmware's advice, and what to do instead.
_IN_FILE = {
    "check its name in the settings.": "correct {host}.",
    "check the host name.": "correct {host}.",
    "check the CA.": "give the right one with --ca FILE.",
    "if you trust it, run buzon provision.": _INSTEAD[217],
    "if it was renewed, run buzon provision.": _INSTEAD[218],
    "run buzon provision with an intermediate CA.": _INSTEAD[220],
    "run buzon provision with a proper CA.": _INSTEAD[222],
    "check user and password.": "check {user}, and the password.",
    "the board will try again.": "try again in a few minutes.",
    "the board will wait.": "wait a few minutes, and try again.",
    "run buzon provision with the right one, or an app password.": "correct {password}, or use an app password.",
}


def of_test(error: BoardRefused) -> str:
    """The board's sentence about the settings that it tests, for the person who is provisioning it."""
    text, colon, _ = error.sentence.rpartition(": ")
    if error.code not in _INSTEAD or not colon:
        return error.sentence
    return f"{text.removesuffix(' (AUTH)')}: {_INSTEAD[error.code]}"


def of_check(error: ServerRefused, named: Callable[[str], str], tls: str = "implicit") -> str:
    """A sentence about an account of a settings file that this PC tests. `named`: what a setting of it is called, with
    the file that it is in; `tls`: what the account has."""
    text, _, advice = str(error).rpartition(": ")
    if advice not in _IN_FILE:
        return str(error)
    if tls == "none" and error.code in _SILENT:
        # A server that speaks TLS from the start waits for the other side, or closes.
        return f"{text}: check {named('tls')} and the port, or try again in a few minutes."
    settings = {name: named(name) for name in ("host", "user", "password")}
    return (
        f"{text.replace(' on this board', '').removesuffix(' (AUTH)')}: {_IN_FILE[advice].format(**settings)}"
    )


def of_server(error: ServerRefused) -> str:
    """A sentence about what the server did when this PC asked it."""
    text = _SERVER.get(error.code)
    return text.format(_said(error.detail)) if text is not None else str(error)


def of_board(error: BoardRefused, ssid: str, host: str) -> str:
    """A sentence about what the board's own test found wrong."""
    text = _OTHER if error.code in _CERTIFICATE else _BOARD.get(error.code)
    return text.format(ssid=ssid, host=host) if text is not None else error.sentence


def _said(detail: str) -> str:
    """The server's own words in brackets; a code alone, such as AUTH, does not count."""
    if not detail or re.fullmatch(r"[A-Z0-9/_.-]+|\?+", detail):
        return ""
    return f' (the server says: "{detail}")'
