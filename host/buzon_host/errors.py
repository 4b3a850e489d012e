"""The PC tool's errors: each has one sentence for a person, and the exit code of the command line.

A message never holds a secret. What a board or a server said is escaped before it is shown.
"""

from collections.abc import Sequence

DONE = 0
FAILED = 1
USAGE = 2
NO_BOARD = 3
REFUSED = 4
INTERRUPTED = 130


class BuzonError(Exception):
    """Root of the PC tool's errors. `str()` is the sentence; `exit_code` is one of the numbers above."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UsageError(BuzonError):
    """The command line or a settings file is wrong (exit code 2)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, USAGE)


class NoBoard(BuzonError):
    """No board answers, or there is no such port (exit code 3).

    `choices`: what a person may take, a line for each on the terminal; `message` is the sentence's start then.
    """

    def __init__(self, message: str, choices: Sequence[str] = ()) -> None:
        super().__init__(f"{message}: {', '.join(choices)}." if choices else message, NO_BOARD)
        self.start = message
        self.choices = choices


class BoardRefused(BuzonError):
    """The board answered with an error (exit code 4).

    `code` is from the firmware's error tree; `path` names the setting at fault or is ""; `sentence` is
    without it.
    """

    def __init__(self, code: int, message: str, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message, REFUSED)
        self.code = code
        self.sentence = message
        self.path = path


class ServerRefused(BuzonError):
    """The account does not work from this PC. `code` is from the firmware's error tree, as with BoardRefused.

    `detail`: what completes its sentence, mostly the server's own words.
    """

    def __init__(self, code: int, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail
