"""The serial link to one board: stop and wait, with retries; boot noise and log lines are skipped.

It knows frames, sessions and the REPL prompt, not what the methods mean. Every wait has a deadline.
"""

import errno
import random
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import serial

from ..errors import BoardRefused, BuzonError, NoBoard
from . import frames
from .printable import escape

BAUD = 115200
WAITS = (1.0, 1.0, 1.5, 2.0, 3.0)
"""Seconds to wait for an answer each time a request is sent: after five times the board counts as lost."""
HELLO_S = 25.0
"""Seconds for a board to answer `hello`: it may be booting, as opening a port resets some boards, and an ESP32 has
taken 17 s for that."""
PATIENCE_S = 5.0
"""Seconds without an answer until the user is told what is waited for."""
E_SESSION = 703

_HELLO_EVERY_S = 0.5
_POLL_S = 0.05
_PROMPT = re.compile(rb"(?:>>> |\.\.\. |=== )")
# The last line of a traceback; SyntaxError is how the prompt answers our own frames.
_TROUBLE = re.compile(r"(?!SyntaxError)[A-Za-z]+(?:Error|Exception): ")
_PROMPTS = 3  # so many times at the prompt after a restart, and the app counts as not starting
_CTRL_C, _FRIENDLY, _SOFT_RESET = b"\r\x03\x03", b"\x02", b"\x04"


class SessionLost(BoardRefused):
    """The board does not know our session: it restarted, or another program took over (error 703)."""


class Link:
    """One serial port, held exclusively. `request()` sends and waits; `hello()` opens a session.

    `on_text` gets each line that is not a frame, escaped; `on_notice` gets sentences for the user, such as
    that the board was restarted from its prompt.
    """

    def __init__(
        self,
        port: str,
        *,
        on_text: Callable[[str], None] | None = None,
        on_notice: Callable[[str], None] | None = None,
        on_event: Callable[[str, Any], None] | None = None,
        waits: tuple[float, ...] = WAITS,
    ) -> None:
        self.port = port
        self._on_text = on_text
        self._on_notice = on_notice
        self._on_event = on_event
        self._waits = waits
        self._serial: serial.Serial | None = None
        self._decoder = frames.Decoder()
        self._session = 0
        self._id = 0
        self._at_prompt = False
        self._said = ""

    def open(self) -> None:
        """Opens the port. Raises NoBoard with one sentence: no such port, no permission, or in use."""
        if self._serial is not None:
            return
        try:
            self._serial = serial.Serial(self.port, BAUD, timeout=_POLL_S, write_timeout=2, exclusive=True)
        except (OSError, ValueError) as error:
            raise NoBoard(_why_not_open(self.port, error)) from None
        self._decoder = frames.Decoder()

    def close(self) -> None:
        if self._serial is not None:
            port, self._serial = self._serial, None
            try:
                port.close()
            except OSError:
                pass

    def __enter__(self) -> "Link":
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hello(self, timeout: float = HELLO_S) -> dict[str, Any]:
        """Opens a session and returns the board's answer; repeats until one comes, for `timeout` seconds.

        A board at the MicroPython prompt gets one soft reset, which starts the app, and the user is told. A
        port that goes away meanwhile (a restart over native USB) is opened again. Raises NoBoard.
        """
        deadline = time.monotonic() + timeout
        told = time.monotonic() + PATIENCE_S
        self._session = random.randrange(1, 1 << 31)
        # Answers carry no session: after a random start no late answer to another program passes for ours.
        self._id = random.randrange(1, 1 << 30)
        self._at_prompt = False
        was_reset = False
        prompts = 0
        line = frames.encode({0: self._id, 1: "hello", 2: {}, 7: self._session})
        last: BuzonError | None = None
        first = True
        while time.monotonic() < deadline:
            try:
                self.open()
                # The empty line ends whatever another program has left half sent.
                self._write(b"\n" + line)
                answer = self._answer(min(_HELLO_EVERY_S, deadline - time.monotonic()), line)
            except NoBoard as error:
                if first:
                    raise
                last = error
                self.close()
                time.sleep(max(0.0, min(0.2, deadline - time.monotonic())))
                continue
            first = False
            if answer is not None:
                return _result(answer)
            if time.monotonic() >= told and not self._at_prompt:
                left = deadline - time.monotonic()
                self._notice(
                    f"Nothing on {self.port} answers yet. A board may take 20 s to start: waiting {left:.0f} s more."
                )
                told = deadline + timeout  # once is enough
            if self._at_prompt and was_reset:
                prompts += 1
                if prompts == _PROMPTS:
                    break
            elif self._at_prompt:
                was_reset = True
                self._notice(
                    f"The board on {self.port} was at the MicroPython prompt: restarting it to start the app."
                )
                deadline = max(deadline, time.monotonic() + timeout)
                self._soft_reset()
        if last is not None and self._serial is None:
            raise last
        if self._at_prompt:
            raise NoBoard(
                f"The board on {self.port} is at the MicroPython prompt, and Buzón did not start on it: put Buzón "
                f"onto it with buzon install.{self._said}"
            )
        raise NoBoard(
            f"No board answers on {self.port}: check the cable and the port; a board without Buzón gets it with "
            "buzon install."
        )

    def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Sends one request and returns its result.

        Raises BoardRefused (SessionLost if the board restarted), or NoBoard if none of the repetitions was
        answered or the port went away.
        """
        if self._serial is None or not self._session:
            self.hello()
        self._id += 1
        line = self.encode(method, params)
        for number, wait in enumerate(self._waits):
            self._write(b"\n" + line if number else line)
            answer = self._answer(wait, line)
            if answer is not None:
                return _result(answer)
            if self._at_prompt:
                raise NoBoard(
                    f"The app on the board on {self.port} has ended and the MicroPython prompt is there: run "
                    f"the command again, and the board is restarted.{self._said}"
                )
        raise NoBoard(
            f"The board on {self.port} stopped answering ({method}): check the cable, restart the board, and "
            "try again."
        )

    def encode(self, method: str, params: dict[str, Any] | None = None) -> bytes:
        """A request's frame in this session, with the current id. Raises BuzonError if it is too long."""
        return frames.encode({0: self._id, 1: method, 2: params or {}, 7: self._session})

    def _soft_reset(self) -> None:
        self._write(_CTRL_C)
        self._answer(0.2, b"")
        self._said = ""
        self._write(_FRIENDLY + _SOFT_RESET)
        self._answer(0.5, b"")
        self._at_prompt = False

    def _answer(self, wait: float, sent: bytes) -> dict[int, Any] | None:
        """The answer to the current id, or None after `wait` s. Notes a prompt and an echo of `sent`."""
        deadline = time.monotonic() + wait
        self._at_prompt = False
        while True:
            for item in self._decoder.feed(self._read()):
                if isinstance(item, frames.Text):
                    self._text(item.line, sent)
                elif frames.EVENT in item.map:
                    if self._on_event is not None:
                        self._on_event(str(item.map[frames.EVENT]), item.map.get(frames.DATA))
                elif frames.METHOD in item.map:
                    self._at_prompt = True  # our own frame came back: something echoes, as the prompt does
                elif item.map.get(frames.ID) == self._id and (
                    frames.RESULT in item.map or frames.ERROR in item.map
                ):
                    self._at_prompt = False
                    return item.map
            if time.monotonic() >= deadline:
                # Only text without a line end is a prompt: a log line may look like one.
                pending = self._decoder.pending
                if _PROMPT.match(pending) or _echoes(pending, sent):
                    self._at_prompt = True
                return None

    def _text(self, line: str, sent: bytes) -> None:
        if _echoes(line.encode("utf-8", "replace"), sent):
            self._at_prompt = True
        if not self._said and _TROUBLE.match(line):  # later ones come from the prompt
            self._said = f" It said: {line[:200]}"
        if self._on_text is not None and line:
            self._on_text(escape(line))

    def _notice(self, sentence: str) -> None:
        if self._on_notice is not None:
            self._on_notice(sentence)

    def _write(self, data: bytes) -> None:
        assert self._serial is not None
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException:
            raise NoBoard(
                f"The port {self.port} takes no data: check the cable, or restart the board."
            ) from None
        except (OSError, TypeError):
            # Some versions of pyserial raise TypeError on a port that was closed under them.
            raise self._vanished() from None

    def _read(self) -> bytes:
        """What has come, or what comes within _POLL_S; b"" when nothing does."""
        assert self._serial is not None
        try:
            return bytes(self._serial.read(max(1, self._serial.in_waiting)))
        except (OSError, TypeError):
            raise self._vanished() from None

    def _vanished(self) -> NoBoard:
        self.close()
        return NoBoard(
            f"The board on {self.port} went away: plug it in again, and run the command once more."
        )


def _echoes(data: bytes, sent: bytes) -> bool:
    """Whether our own frame came back. Nothing in a message can look like it, as its session is random."""
    return bool(sent) and sent.strip() in data


def _result(answer: dict[int, Any]) -> dict[str, Any]:
    if frames.ERROR in answer:
        error = answer[frames.ERROR]
        if not isinstance(error, list) or len(error) < 2 or type(error[0]) is not int:
            raise BuzonError(
                "The board's answer was not understood: update board and PC to the same version."
            )
        kind = SessionLost if error[0] == E_SESSION else BoardRefused
        path = error[2] if len(error) > 2 and isinstance(error[2], str) else ""
        raise kind(error[0], str(error[1]), path)
    result = answer[frames.RESULT]
    if result is None:
        return {}
    if not isinstance(result, dict):
        raise BuzonError("The board's answer was not understood: update board and PC to the same version.")
    return result


def no_port(port: str) -> str:
    return f"There is no port {port}: plug the board in, or name another port with --port."


def _why_not_open(port: str, error: Exception) -> str:
    code = getattr(error, "errno", None)
    text = str(error).lower()
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or "filenotfound" in text:
        return no_port(port)
    if code == errno.EACCES and "exclusively" not in text:
        return f"You may not open {port}: on Debian, run 'sudo usermod -aG dialout $USER', log out and log in again."
    if code in (errno.EBUSY, errno.EAGAIN) or "exclusively" in text or "accessdenied" in text:
        return (
            f"Another program has {port} open: close it (another buzon, such as screen --watch or log --follow; "
            "mpremote, Thonny, a serial monitor) and try again."
        )
    if code in (errno.ENOTTY, errno.EINVAL) or "inappropriate ioctl" in text:
        return f"{port} is no serial port: name another one with --port."
    if code == errno.EIO:
        return f"No board is behind {port} any more: plug it in again, or name another port with --port."
    return f"The port {port} cannot be opened ({escape(str(error))}): name another one with --port."
