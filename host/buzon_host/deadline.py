"""One deadline for work that waits in many places: a name lookup, a server that sends a byte now and then."""

import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def within(seconds: float, job: Callable[[], _T], late: Exception) -> _T:
    """What `job` returns or raises; `late` is raised when it has not ended after `seconds`.

    Its thread is then left to itself, and does not keep the program from ending: a system's name lookup cannot be
    ended, and a socket's timeout begins anew with each byte.
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
