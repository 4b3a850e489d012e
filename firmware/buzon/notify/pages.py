"""The pages of the display: what a person sees. Only draws, on any one-bit display of 72x40 pixels or more."""

from micropython import const

from ..display.draw import big, text
from ..display.layout import cut, glyphs, wrap

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    Display = Any  # a driver of `buzon.display`: a FrameBuffer with `w`, `h` and `show()`

_W = const(6)  # pixels per column
_H = const(12)  # pixels per line
_TIGHT = const(10)  # pixels per line where room is short: descenders may touch what is below
_FULL = const(128)  # pixels: a narrower display gets shorter words


def idle(d: "Display", clock: str, stored: int, new: int, note: str, left: int = 0) -> None:
    """The idle page: the clock ("12:34"; "" if not set), how many messages there are, and a line for `note`.

    `left`: messages that are on a server but not here; -1: not known yet.
    """
    d.fill(0)
    mail = "No new mail" if stored else "No mail yet" if not left else "Not checked yet"
    short = "0 new"
    if new:
        mail = short = "%d new" % new
    elif left > 0:
        mail = "%d on server" % left
        short = "%d left" % left
    elif left and not stored:
        short = ""
    if d.h < 64:
        shown = glyphs(clock or "Buzón")
        if (d.w < _FULL and (len(short) + len(shown) + 1) * _W <= d.w) or len(mail) * _W > d.w:
            mail = short
        if (len(mail) + len(shown) + 1) * _W > d.w:
            x = 0  # mail matters more than the clock
        else:
            x = text(d, shown, 0, 0) + _W
        text(d, glyphs(mail), x, 0)
        d.hline(0, 14, d.w, 1)
        low = d.h < 40
        _lines(d, note or _count(d, stored), 19 if low else 16, 1 if low else 2, _H)
        d.show()
        return
    big(d, glyphs(clock[:5] or "Buzón"), 0, 0)
    _envelope(d, d.w - 31, 2, 29, 19, 1)
    if new:
        d.fill_rect(d.w - 8, 0, 7, 7, 0)
        d.ellipse(d.w - 5, 4, 4, 4, 1, True)
    if new:
        d.fill_rect(0, 23, len(mail) * _W + 3, 11, 1)
    text(d, glyphs(mail), 2 if new else 0, 23, 0 if new else 1)
    text(d, glyphs(_count(d, stored)), 0, 35)
    d.hline(0, 49, d.w, 1)
    _lines(d, note, 52, 1, _H)
    d.show()


def alert(d: "Display", sender: str, subject: str, waiting: int) -> None:
    """Mail has come. `waiting`: new messages in all, this one included. The texts are clean (`text.escape`)."""
    d.fill(0)
    more = "+%d" % (waiting - 1) if waiting > 1 else ""
    if d.h < 64:
        _title(d, sender, more)
        _body(d, wrap(glyphs(subject or "(no subject)"), d.w // _W, 2))
    else:
        _title(d, "", more + " more" if 1 < waiting < 1000 else more)
        _envelope(d, 2, 2, 13, 9, 0)
        text(d, glyphs("New mail"), 19, 1, 0)
        g = glyphs(subject or "(no subject)")
        cols = d.w // _W
        long = len(wrap(g, cols, 3)) > 2
        y = _lines(d, sender, 14, 1 if long else 2, _H) + 1
        for x in range(0, d.w, 2):
            d.pixel(x, y, 1)
        y += 2
        for line in wrap(g, cols, 3 if long else 2):
            text(d, line, 0, y)
            y += _H
    d.show()


def notice(d: "Display", title: str, message: str, right: str = "", code: int = -1) -> None:
    """A step or an error: a title, `right` beside it if there is room, and a message (105 characters on 128x64).

    `code`: that of an error; `message` is then its detail (see `explain`).
    """
    d.fill(0)
    cols = d.w // _W
    lines = 2 if d.h < 64 else 5
    if code < 0:
        found = wrap(glyphs(message), cols, lines)
    else:
        from .explain import explain

        found = explain(code, message, cols, lines)
    n = len(glyphs(title))
    if n + len(right) >= cols and d.w < _FULL:  # there is room for only one of them
        if title == "Problem" and right:
            title = ""
        else:
            right = ""
    _title(d, title, right if n + len(right) < cols or not title else "")
    _body(d, found)
    d.show()


def progress(d: "Display", n: int, of: int) -> None:
    """`n` of `of` messages have come, with a bar; `of` 0: the total is not known yet."""
    d.fill(0)
    _title(d, "Collecting mail" if d.w >= _FULL else "Collecting", "")
    part = min(max(n, 0), of) * (d.w - 4) // of if of > 0 else 0
    said = "%d" % n
    if of > 0:
        said = "%d of %d" % (n, of)
        if len(said) * _W > d.w:
            said = "%d %%" % (100 * n // of)
    g = glyphs(said)
    if d.h < 64:
        text(d, g, (d.w - len(g) * _W) // 2, 13 if d.h >= 40 else 11)
        y, h = d.h - 11 if d.h >= 40 else 24, 8
    else:
        if len(g) * 2 * _W <= d.w:
            big(d, g, (d.w - len(g) * 2 * _W) // 2, 17)
        else:
            text(d, g, (d.w - len(g) * _W) // 2, 24)
        y, h = 47, 12
    d.rect(0, y, d.w, h, 1)
    d.fill_rect(2, y + 2, part, h - 4, 1)
    d.show()


def _count(d: "Display", stored: int) -> str:
    if not stored:
        return ""
    said = "1 message stored" if stored == 1 else "%d messages stored" % stored
    return said if len(said) * _W <= d.w else "%d stored" % stored


def _title(d: "Display", title: str, right: str) -> None:
    """Draw a light bar with dark letters: 13 pixels high, 11 on a low display."""
    y = 1 if d.h >= 64 else 0
    d.fill_rect(0, 0, d.w, 11 + 2 * y, 1)
    r = glyphs(right)
    room = d.w // _W - len(r) - (1 if r else 0)
    text(d, cut(glyphs(title), room), 2 if d.w >= _FULL else 1, y, 0)
    text(d, r, max(0, d.w - len(r) * _W - 1), y, 0)


def _body(d: "Display", lines: "list[bytearray]") -> None:
    """Draw the lines below a title."""
    y, pitch = 11, _TIGHT
    if d.h >= 64:
        y, pitch = (13, _TIGHT) if len(lines) > 4 else (16, _H)
    elif d.h >= 40:
        y, pitch = 14, _H
    for g in lines:
        text(d, g, 0, y)
        y += pitch


def _lines(d: "Display", message: str, y: int, lines: int, pitch: int) -> int:
    """Draw text on at most `lines` lines from y on; returns the y of the next one."""
    for g in wrap(glyphs(message), d.w // _W, lines):
        text(d, g, 0, y)
        y += pitch
    return y


def _envelope(d: "Display", x: int, y: int, w: int, h: int, color: int) -> None:
    d.rect(x, y, w, h, color)
    d.line(x, y, x + w // 2, y + h // 2, color)
    d.line(x + w - 1, y, x + w // 2, y + h // 2, color)


PAGES: "Dict[str, Any]" = {"idle": idle, "alert": alert, "notice": notice, "progress": progress}
"""What `status` calls each page -> what draws it."""
