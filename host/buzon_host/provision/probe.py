"""Finds out which POP3 servers answer and who vouches for them, all at once. No password is sent.

A server counts only if it greets as POP3 over TLS.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BuzonError
from .ca import NoConnection, UnknownCa, fetch_root
from .discover import Network, Server, Tls

_HEAD_START_S = 0.5  # of the first way on a port over the second
_GRACE_S = 1.0  # for better servers, once one has answered


@dataclass(frozen=True)
class Reached:
    """A server that answered. `root`: the CA that vouches for it; None: nobody does (`why`: the end of a sentence about
    its certificate)."""

    server: Server
    root: bytes | None
    why: str = ""


def ways(host: str, port: int, user: str) -> list[Server]:
    """The ways to ask a server that a person named, the port's usual one first; `port` 0: none was named."""
    pairs: list[tuple[int, Tls]] = [(port or 995, "implicit"), (port or 110, "starttls")]
    if port == 110:
        pairs.reverse()
    return [Server(host, number, tls, user, "person") for number, tls in pairs]


def reach(
    servers: Sequence[Server], network: Network, ca: bytes | None = None
) -> tuple[Reached | None, list[str]]:
    """The first of `servers` that a CA vouches for (`ca`, DER, or a public one), else the first that answers;
    and the sentences about those that did not.

    All are tried at once, but a second way on the same port only once the first has failed or stays silent,
    as a TLS server does when it is addressed without TLS. Once one has answered, better ones get a moment
    more, worse ones none.
    """
    attempt = _Attempt(servers, network, ca)
    attempt.wait()
    reached = [result for result in attempt.results if isinstance(result, Reached)]
    best = next((each for each in reached if each.root is not None), reached[0] if reached else None)
    return best, attempt.problems()


class _Attempt:
    """One attempt at several servers, each in its own thread."""

    def __init__(self, servers: Sequence[Server], network: Network, ca: bytes | None) -> None:
        self.results: list[Reached | BuzonError | None] = [None] * len(servers)
        self._servers = servers
        self._timeout = network.timeout
        self._ca = ca
        self._changed = threading.Condition()
        for number in range(len(servers)):
            threading.Thread(target=self._try, args=(number,), daemon=True).start()

    def wait(self) -> None:
        """Waits until nothing better can come, or nothing comes in time."""
        deadline = time.monotonic() + self._timeout + _HEAD_START_S + 0.5
        answered = False
        with self._changed:
            while not self._settled() and time.monotonic() < deadline:
                if not answered and any(isinstance(result, Reached) for result in self.results):
                    answered = True
                    deadline = min(deadline, time.monotonic() + _GRACE_S)
                self._changed.wait(max(0.0, deadline - time.monotonic()))

    def problems(self) -> list[str]:
        """A sentence for each port where no server was reached; of two ways, rather one with an answer."""
        found: dict[tuple[str, int], BuzonError] = {}
        results = list(self.results)
        reached = any(isinstance(result, Reached) for result in results)
        for server, result in zip(self._servers, results, strict=True):
            port = (server.host, server.port)
            if self._answered(port) or (result is None and reached):  # nobody waited for that one
                continue
            problem = (
                result if isinstance(result, BuzonError) else NoConnection(f"{server.host} did not answer.")
            )
            before = found.get(port)
            if before is None or (isinstance(before, NoConnection) and not isinstance(problem, NoConnection)):
                found[port] = problem
        return list(dict.fromkeys(str(problem) for problem in found.values()))

    def _try(self, number: int) -> None:
        server = self._servers[number]
        port = (server.host, server.port)
        if any((other.host, other.port) == port for other in self._servers[:number]):
            with self._changed:
                self._changed.wait_for(lambda: self._failed(port, number), _HEAD_START_S)
                if self._answered(port):
                    return
        result: Reached | BuzonError
        try:
            root = fetch_root(server.host, server.port, server.tls, ca=self._ca, timeout=self._timeout)
            result = Reached(server, root)
        except UnknownCa as error:
            result = Reached(server, None, error.why)
        except BuzonError as error:
            result = error
        except Exception:  # errors that a server can provoke are not for the person to read
            result = NoConnection(f"{server.host} did not answer.")
        with self._changed:
            self.results[number] = result
            self._changed.notify_all()

    def _answered(self, port: tuple[str, int]) -> bool:
        return any(
            isinstance(result, Reached) and (result.server.host, result.server.port) == port
            for result in self.results
        )

    def _failed(self, port: tuple[str, int], before: int) -> bool:
        """Whether all earlier ways on this port have ended."""
        return all(
            self.results[number] is not None
            for number in range(before)
            if (self._servers[number].host, self._servers[number].port) == port
        )

    def _settled(self) -> bool:
        """Whether the choice is certain: no server that is still being tried could be preferred."""
        for server, result in zip(self._servers, self.results, strict=True):
            if isinstance(result, Reached) and result.root is not None:
                return True
            if result is None and not self._answered((server.host, server.port)):
                return False
        return True
