"""The pages of the display: what a person sees. Pure drawing on any one-bit display; sends only `show`."""

import framebuf
from micropython import const

from ..display import draw
from ..display.layout import ELLIPSIS, HEIGHT, WIDTH, cut, glyphs, wrap

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Protocol

    class Display(Protocol):
        """What a driver gives (`display.null` is the smallest)."""

        w: int
        h: int

        def show(self) -> None: ...
        def fill(self, c: int, /) -> None: ...


_BAR = const(13)  # height of a title bar

# Envelopes, MONO_HLSB: the small one stands in a title bar, the large one on the idle page.
_SMALL = b"\xff\xe0\xc0\x60\xa0\xa0\x91\x20\x8a\x20\x84\x20\x80\x20\xff\xe0"  # 11x8


def idle(d: "Display", clock: str, stored: int, new: int, note: str) -> None:
    """Nothing to tell: the clock ("12:34", or "" when it is not set), what is stored, a note below."""
    d.fill(0)
    d.show()
