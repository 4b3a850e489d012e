"""Makes a sentence of its text and its detail. The table says what the system's names of errors mean to a person: one
per line, the name first.
"""

TEXT = """
EACCES not allowed
EADDRINUSE in use
EAGAIN busy
EALREADY busy
EBADF closed already
EBUSY busy
ECONNABORTED connection cut off
ECONNREFUSED connection refused
ECONNRESET connection reset
EEXIST already there
EHOSTUNREACH no way there
EINPROGRESS busy
EINVAL not valid
EIO read or write failed
EISDIR a folder
ENETDOWN no network
ENETUNREACH no way there
ENOBUFS no memory left
ENODEV no answer
ENOENT not found
ENOMEM no memory left
ENOSPC no room left
ENOTCONN connection lost
EOPNOTSUPP not possible
EPERM not allowed
EPIPE connection lost
EROFS read-only
ETIMEDOUT no answer
"""


def filled(text: str, code: int, detail: str) -> str:
    """The sentence of `code`, with its detail. Raises ValueError if `text` has none."""
    at = text.index("\n%d " % code) + 5
    return text[at : text.index("\n", at)].replace("{}", plain(code, detail) or "?")


def plain(code: int, detail: str) -> str:
    """The `detail` of an error, with words in place of the name that it ends with, and of the number before that; what
    a server said stays as it is."""
    if code // 100 in (4, 5):
        return detail
    before, _, name = detail.rpartition(" ")
    at = TEXT.find("\n%s " % name)
    if at < 0:
        return detail
    words = TEXT[at + len(name) + 2 : TEXT.find("\n", at + 1)]
    before = before.split("[Errno")[0].strip()
    return before + " " + words if before else words
