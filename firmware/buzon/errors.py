"""The one error tree: a stable integer code, one sentence a person can act on.

The sentences are in `sentences.py`, which is imported only when one is shown: they cost no heap before.
"""

# Settings and their use: 1xx
E_SETTINGS = 100
E_SETTING_VALUE = 101
E_SECRET_CHARS = 102
E_SECRET_KEEP = 103
E_NO_ACCOUNT = 104
E_PLUGIN = 105
E_NOT_STAGED = 106
E_NOT_TESTED = 107
E_NOT_CONFIRMED = 108
# The way to the server: 2xx
E_WIFI = 200
E_WIFI_PASSWORD = 201
E_WIFI_NOT_FOUND = 202
E_DNS = 203
E_CONNECT = 204
E_TIMEOUT = 205
E_CLOSED = 206
E_CLOCK = 207
E_CERT = 208
E_CERT_NAME = 209
E_CERT_EXPIRED = 210
E_CERT_UNKNOWN = 211
E_TLS = 212
E_NO_CA = 213
E_LOW_HEAP = 214
E_NO_STLS = 215
# We used a dialogue in a way the protocol does not allow: 3xx
E_LOCAL = 300
# The server said what the protocol does not allow: 4xx
E_REMOTE = 400
E_GREETING = 401
E_INJECTION = 402
# The server refused: 5xx
E_REFUSED = 500
E_LOGIN = 501
E_PASSWORD = 502
E_IN_USE = 503
E_LOGIN_DELAY = 504
E_SYS_TEMP = 505
E_SYS_PERM = 506
E_NO_UIDL = 507
E_NO_MECHANISM = 508
# The flash: 6xx
E_FLASH_FULL = 600
E_FLASH = 601
E_NO_MESSAGE = 602
E_PATH = 603
# The serial protocol: 7xx
E_FRAME = 700
E_METHOD = 701
E_PARAMS = 702
E_SESSION = 703
E_CBOR = 704
E_BUSY = 705
E_TOO_LONG = 706
# The board itself: 8xx
E_DISPLAY = 800
E_BUG = 801
E_MEMORY = 802


class MailError(Exception):
    """Root of the tree. `code`: int, stable; `detail`: str that completes the sentence, never a secret."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return sentence(self.code, self.detail)


class ConfigError(MailError):
    """The settings are wrong, or do not allow what was asked (1xx). Waiting does not help."""


class LinkError(MailError):
    """The way to the server failed (2xx): try again later. Certificate errors are of this kind too."""


class LocalProtocolError(MailError):
    """Our side asked a dialogue for what the protocol does not allow in this state (3xx)."""


class RemoteProtocolError(MailError):
    """The server sent what the protocol does not allow (4xx)."""


class ServerError(MailError):
    """The server refused (5xx); `detail` is its text."""


class StoreError(MailError):
    """The flash refused, is full, or does not hold what was asked for (6xx)."""


class ConsoleError(MailError):
    """A serial request was not understood or not allowed (7xx)."""


class DeviceError(MailError):
    """Something of the board itself (8xx)."""


def sentence(code: int, detail: str = "") -> str:
    """One sentence for a person: what happened and what to do. `detail` completes it."""
    from .sentences import TEXT

    text = TEXT.get(code) or TEXT[E_BUG]
    return text.replace("{}", detail or "?")
