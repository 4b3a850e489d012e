"""What a display says about an error: its sentence if there is room, else a brief form. Imported when one is shown.

A low display shows the whole brief form, a narrow one only the part before the colon (two lines of 12
characters).
"""

from micropython import const

from ..display.layout import glyphs, wrap
from ..errors import sentence
from ..plugins import unload
from ..sentences.system import plain

_FULL = const(21)  # columns
TEXT = """
100 Settings unusable: run buzon provision
101 Wrong setting: run buzon provision
102 Bad user or password: type it again
103 Password needed: run buzon provision
104 No such account: check the settings
105 Plug-in missing: install it
106 No new settings: send them first
107 Settings untested: test them first
108 Deletion on hold: run buzon provision
200 No Wi-Fi: check the access point
201 Wrong Wi-Fi password: run buzon provision
202 Wi-Fi not found: check its name
203 Server not found: check its name
204 No connection: check host and port
205 Server silent: trying again
206 Server hung up: trying again
207 Clock not set: connect a PC
208 Bad certificate: check host and CA
209 Wrong certificate: check the host
210 Certificate out of date: set the clock
211 Unknown CA: run buzon provision
212 No secure connection: check port, tls
213 CA missing: run buzon provision
214 Memory too low: restart the board
215 No STLS here: use tls = implicit
216 No time: allow NTP or connect a PC
217 Self-signed: run buzon provision
218 Certificate changed: run buzon provision
219 TLS does not fit: run buzon check
220 Chain too long: run buzon check
221 TLS cut off: check port and tls
222 CA not valid: use a proper CA
300 Internal error: please report it
400 Answer not POP3: trying again
401 No POP3 server: check the port
402 Network not safe: no password sent
403 Server not trusted: check network
404 Message cut short: fetching it again
410 Message not whole: read it there
411 Message empty: read it there
500 Server refused
501 Login refused: check user, password
502 Wrong password: run buzon provision
503 Mailbox in use: trying again
504 Too many logins: waiting
505 Server trouble: trying again
506 Account problem: ask your provider
507 No message ids: use keep = delete
508 No login method: check the settings
520 No headers alone: use fetch = full
521 Not deleted there: delete it yourself
600 Board full: move mail to a PC
601 Flash error: restart the board
602 Message not here
603 Path not allowed
604 Mail too large: set max_bytes
800 Display error: check its wiring
801 Unexpected error: please report it
802 Out of memory: please report it
803 Board restarted: please report it
"""


SETUP = (
    "Connect this board to a PC and type: buzon provision",
    "Type on a PC: buzon provision",
    "Type: buzon provision",
)


def brief(code: int) -> str:
    """A few words about an error and what to do; "" if there are none for this code."""
    at = TEXT.find("\n%d " % code)
    return TEXT[at + 5 : TEXT.find("\n", at + 1)] if at >= 0 else ""


def explain(code: int, detail: str, cols: int, lines: int) -> "list[bytearray]":
    """The lines about an error, as glyphs; only text from others is ever cut. `code` 0: a board without settings."""
    try:
        if not code:
            for said in SETUP:
                found = wrap(glyphs(said), cols, lines + 1)
                if len(found) <= lines:
                    return found
        said = sentence(code, detail) if cols >= _FULL else ""
        if said and len(wrap(glyphs(said), cols, lines + 1)) <= lines:
            return wrap(glyphs(said), cols, lines)
        short = brief(code)
        if not short:
            said = said or sentence(code, detail)
        elif cols < _FULL:
            said = short.split(":")[0]
        elif lines > 2 and detail:
            said = "%s. %s" % (short, plain(code, detail))
        else:
            said = short
        return wrap(glyphs(said), cols, lines)
    finally:
        unload()
