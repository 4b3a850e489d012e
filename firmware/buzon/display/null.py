"""No display: a framebuffer that no hardware shows (the PC's `screen` reads it all the same)."""

import framebuf
from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any


class Null(framebuf.FrameBuffer):
    """The interface of a display driver, without hardware. It uses `w` and `h` of `config`."""

    API = 1

    def __init__(self, config: "dict[str, Any]") -> None:
        self.w: int = config.get("w", 128)
        self.h: int = config.get("h", 64)
        self.buffer = memoryview(bytearray(self.w * self.h // 8))
        super().__init__(self.buffer, self.w, self.h, framebuf.MONO_VLSB)

    def show(self) -> None:
        pass

    def power(self, on: bool) -> None:
        pass

    def contrast(self, n: int) -> None:
        pass

    def invert(self, on: bool) -> None:
        pass


Plugin = Null
