"""The pages of the display: what a person sees. Only draws, on any one-bit display of 72x40 pixels or more."""

from micropython import const

from ..display.draw import big, text
from ..display.layout import cut, glyphs, wrap

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    Display = Any  # a driver of `buzon.display`: a FrameBuffer with `w`, `h` and `show()`

_W = const(6)  # pixels a column
_H = const(12)  # pixels a line
_TIGHT = const(10)  # pixels a line where room is short: descenders may touch what is below


def idle(d: "Display", clock: str, stored: int, new: int, note: str) -> None:
    """Nothing new: the clock ("12:34"; "" when not set), how many messages, and a line for `note`."""
    d.fill(0)
    mail = "%d new" % new if new else "No new mail" if stored else "No mail yet"
    if d.h < 64:
        x = text(d, glyphs(clock or "Buzón"), 0, 0) + _W
        if d.w < 128 and not new:
            mail = "0 new"
        text(d, cut(glyphs(mail), (d.w - x) // _W), x, 0)
        d.hline(0, 14, d.w, 1)
        low = d.h < 40
        _lines(d, note or (_count(stored) if stored else ""), 19 if low else 16, 1 if low else 2, _H)
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
    if stored:
        text(d, glyphs(_count(stored)), 0, 35)
    d.hline(0, 49, d.w, 1)
    _lines(d, note, 52, 1, _H)
    d.show()


def alert(d: "Display", sender: str, subject: str, waiting: int) -> None:
    """Mail came. `waiting`: new messages in all, this one included. The texts are clean (`text.escape`)."""
    d.fill(0)
    more = "+%d" % (waiting - 1) if waiting > 1 else ""
    if d.h < 64:
        _title(d, sender, more)
        _lines(d, subject or "(no subject)", 11, 2, _TIGHT)
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


def notice(d: "Display", title: str, message: str, right: str = "") -> None:
    """A step or an error: a title, what is `right` of it, and of the sentence as much as fits (105 characters
    on 128x64)."""
    d.fill(0)
    _title(d, title, right)
    if d.h < 64:
        _lines(d, message, 11, 2, _TIGHT)
    elif len(wrap(glyphs(message), d.w // _W, 5)) < 5:
        _lines(d, message, 16, 4, _H)
    else:
        _lines(d, message, 13, 5, _TIGHT)
    d.show()


def progress(d: "Display", title: str, n: int, of: int) -> None:
    """`n` of `of` done, with a bar; `of` 0: not known yet."""
    d.fill(0)
    _title(d, title, "")
    part = min(max(n, 0), of) * (d.w - 4) // of if of > 0 else 0
    g = glyphs("%d of %d" % (n, of) if of > 0 else "%d" % n)
    if d.h < 64:
        text(d, g, (d.w - len(g) * _W) // 2, 11)
        y, h = 24, 8
    else:
        if len(g) * 2 * _W <= d.w:
            big(d, g, (d.w - len(g) * 2 * _W) // 2, 17)
        else:
            text(d, g, (d.w - len(g) * _W) // 2, 24)
        y, h = 47, 12
    d.rect(0, y, d.w, h, 1)
    d.fill_rect(2, y + 2, part, h - 4, 1)
    d.show()


def _count(stored: int) -> str:
    return "1 message stored" if stored == 1 else "%d messages stored" % stored


def _title(d: "Display", title: str, right: str) -> None:
    """A bar, light, with dark letters: 13 pixels high, 11 on a low display."""
    y = 1 if d.h >= 64 else 0
    d.fill_rect(0, 0, d.w, 11 + 2 * y, 1)
    r = glyphs(right)
    room = d.w // _W - len(r) - (1 if r else 0)
    text(d, cut(glyphs(title), room), 2, y, 0)
    text(d, r, d.w - len(r) * _W - 1, y, 0)


def _lines(d: "Display", message: str, y: int, lines: int, pitch: int) -> int:
    """Text over at most `lines` lines from y on; returns where the next would be."""
    for g in wrap(glyphs(message), d.w // _W, lines):
        text(d, g, 0, y)
        y += pitch
    return y


def _envelope(d: "Display", x: int, y: int, w: int, h: int, color: int) -> None:
    d.rect(x, y, w, h, color)
    d.line(x, y, x + w // 2, y + h // 2, color)
    d.line(x + w - 1, y, x + w // 2, y + h // 2, color)
