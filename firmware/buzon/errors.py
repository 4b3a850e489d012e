"""The one error tree: each error has a stable integer code and one sentence that a person can act on.

The sentences are in `sentences/`, imported only when one is shown: until then they cost no heap.
"""

from micropython import const

# Settings and their use: 1xx
E_SETTINGS = const(100)
E_SETTING_VALUE = const(101)
E_SECRET_CHARS = const(102)
E_SECRET_KEEP = const(103)
E_NO_ACCOUNT = const(104)
E_PLUGIN = const(105)
E_NOT_STAGED = const(106)
E_NOT_TESTED = const(107)
E_NOT_CONFIRMED = const(108)
# The way to the server: 2xx
E_WIFI = const(200)
E_WIFI_PASSWORD = const(201)
E_WIFI_NOT_FOUND = const(202)
E_DNS = const(203)
E_CONNECT = const(204)
E_TIMEOUT = const(205)
E_CLOSED = const(206)
E_CLOCK = const(207)
E_CERT = const(208)
E_CERT_NAME = const(209)
E_CERT_EXPIRED = const(210)
E_CERT_UNKNOWN = const(211)
E_TLS = const(212)
E_NO_CA = const(213)
E_LOW_HEAP = const(214)
E_NO_STLS = const(215)
E_NTP = const(216)
E_CERT_SELF = const(217)
E_CERT_PIN = const(218)
E_TLS_VERSION = const(219)
E_CHAIN_LONG = const(220)
E_TLS_LOST = const(221)
E_NOT_A_CA = const(222)
# We used a dialogue in a way that the protocol does not allow: 3xx
E_LOCAL = const(300)
# The server sent something that the protocol does not allow: 4xx
E_REMOTE = const(400)
E_GREETING = const(401)
E_INJECTION = const(402)
E_SERVER_UNKNOWN = const(403)
E_SIZE = const(404)
E_DOUBT = const(410)
E_EMPTY = const(411)
# The server refused: 5xx
E_REFUSED = const(500)
E_LOGIN = const(501)
E_PASSWORD = const(502)
E_IN_USE = const(503)
E_LOGIN_DELAY = const(504)
E_SYS_TEMP = const(505)
E_SYS_PERM = const(506)
E_NO_UIDL = const(507)
E_NO_MECHANISM = const(508)
E_NO_TOP = const(520)
E_STAYS = const(521)
# The flash: 6xx
E_FLASH_FULL = const(600)
E_FLASH = const(601)
E_NO_MESSAGE = const(602)
E_PATH = const(603)
E_TOO_LARGE = const(604)
# The serial protocol: 7xx
E_FRAME = const(700)
E_METHOD = const(701)
E_PARAMS = const(702)
E_SESSION = const(703)
E_CBOR = const(704)
E_BUSY = const(705)
E_TOO_LONG = const(706)
# The board itself: 8xx
E_DISPLAY = const(800)
E_BUG = const(801)
E_MEMORY = const(802)
E_WATCHDOG = const(803)


class MailError(Exception):
    """The root of the tree. `code`: a stable int; `detail`: a str that completes the sentence, never a secret."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return sentence(self.code, self.detail)


class ConfigError(MailError):
    """The settings are wrong or do not allow what was asked for (1xx). Waiting does not help."""


class LinkError(MailError):
    """The way to the server failed (2xx): try again later. Certificate errors belong here too."""


class LocalProtocolError(MailError):
    """Our side asked a dialogue for something that the protocol does not allow in this state (3xx)."""


class RemoteProtocolError(MailError):
    """The server sent something that the protocol does not allow (4xx)."""


class ServerError(MailError):
    """The server refused (5xx); `detail` is its text."""


class StoreError(MailError):
    """The flash refused, is full, or does not hold what was asked for (6xx)."""


class ConsoleError(MailError):
    """A serial request was not understood or not allowed (7xx)."""


class DeviceError(MailError):
    """Something is wrong with the board itself (8xx)."""


def sentence(code: int, detail: str = "") -> str:
    """One sentence for a person: what happened and what to do. `detail` completes it."""
    try:
        text = __import__("buzon.sentences.s%d" % min(code // 100, 6), None, None, ("TEXT",)).TEXT
        fill = __import__("buzon.sentences.system", None, None, ("filled",)).filled
        return fill(text, code, detail)  # type: ignore[no-any-return]
    except (ImportError, MemoryError, ValueError):
        return "Error %d (%s)." % (code, detail)  # the person at least learns the number
