"""TLS's memory, on boards where it comes from MicroPython's heap. It is held while no connection uses it, so
that nothing else takes it or splits it."""

import gc
import io

from micropython import const

_PIECE = const(1024)


class Place:
    """`tls_heap`: bytes in the largest block of a connection, and in all the others. Takes the block at once.

    The block is at the top of the heap: the allocator takes the lowest hole that fits, so everything else
    stays below it while there is any room there.
    """

    def __init__(self, tls_heap: "tuple[int, int]") -> None:
        self._size, self._others = tls_heap
        self._pieces: "list[io.BytesIO]" = []
        self._block: "io.BytesIO | None" = None
        gc.collect()
        most = gc.mem_free()
        filler = None
        while most > self._size and not filler:
            most -= _PIECE
            try:
                filler = io.BytesIO(most)
            except MemoryError:
                gc.collect()
        if filler:
            filler.close()
            filler = io.BytesIO(most - self._size - _PIECE)
            self._block = io.BytesIO(self._size)
            filler.close()

    def hold(self) -> None:
        """The connection is over: take its memory back. What cannot be had is tried for again after the next one."""
        try:
            # Closing these frees all of the memory at once. The collector does not if it finds an old pointer on the
            # stack, and `list.clear` keeps a piece at the start of the place.
            self._block = self._block or io.BytesIO(self._size)
        except MemoryError:
            gc.collect()
        try:
            while len(self._pieces) * _PIECE < self._others:
                self._pieces.append(io.BytesIO(_PIECE))
        except MemoryError:
            pass

    def give_pieces(self) -> None:
        """Free the pieces, before the context for a connection is made."""
        for piece in self._pieces:
            piece.close()
        self._pieces.clear()

    def give_block(self) -> None:
        """Free the block, before the connection is wrapped."""
        if self._block:
            self._block.close()
            self._block = None
