"""One deadline for work that waits in many places: for a name lookup, or a server that sends byte by byte."""

import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def within(seconds: float, job: Callable[[], _T], late: Exception) -> _T:
    """What `job` returns or raises; raises `late` if it has not ended after `seconds`.

    Its thread is then abandoned and does not keep the program from ending: a system's name lookup cannot be
    interrupted, and a socket's timeout starts again with each byte.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(job())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if results:
        return results[0]
    if errors:
        raise errors[0]
    raise late
