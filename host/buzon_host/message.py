"""A message as a person reads it: a few header fields, the text, and what is attached.

Whatever a message holds (broken MIME, unknown charsets, endless nesting), something is shown and nothing is
raised. Nothing here is escaped: whoever prints it does that.
"""

import email.policy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from html import unescape
from html.parser import HTMLParser
from typing import Any, cast

_FIELD, _CONTENT_FIELD = 8192, 1024
"""Characters that are read of a header field, and of one that describes a part: more slows the parser."""
_PARAMETERS = 16
"""Parameters of a broken field that are tried one by one."""
_MULTIPARTS = 64
"""More of them are an attack: each line is compared with the boundaries of all open ones."""
_HTML = 1 << 20
_UNREADABLE = "The parts of this message cannot be told apart, so this is all of it as it came:"


@dataclass(frozen=True)
class Attachment:
    """`size`: bytes once decoded, None if that cannot be told."""

    name: str
    type: str
    size: int | None


@dataclass(frozen=True)
class Message:
    """`from_`, `to`, `date`, `subject`: decoded, "" if missing. `note`: what was wrong with the message."""

    from_: str = ""
    to: str = ""
    date: str = ""
    subject: str = ""
    text: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    note: str = ""


class _Policy(email.policy.EmailPolicy):
    """The default policy, but fields are bounded and may contain raw UTF-8."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        value = value.encode("ascii", "surrogateescape").decode("utf-8", "replace")
        return name, value[: _CONTENT_FIELD if name.lower().startswith("content-") else _FIELD]

    def header_fetch_parse(self, name: str, value: str) -> Any:
        """The field, parsed. On some broken fields the standard library raises all kinds of errors: of a
        field that describes a part, the readable parameters then count, and any other field is text."""
        try:
            return super().header_fetch_parse(name, value)
        except Exception:
            return self._readable(name, value)

    def _readable(self, name: str, value: str) -> Any:
        first, *more = value.split(";")[: _PARAMETERS + 1]
        for kept in (first, ""):
            good = [each for each in more if self._parses(name, f"{kept};{each}")]
            for tried in (";".join([kept, *good]), kept):
                if self._parses(name, tried):
                    return super().header_fetch_parse(name, tried)
        return value

    def _parses(self, name: str, value: str) -> bool:
        try:
            super().header_fetch_parse(name, value)
        except Exception:
            return False
        return True


_POLICY = _Policy()


def read(data: bytes) -> Message:
    """The message in `data`, as far as it can be read."""
    try:
        head = _parsed(data, headers_only=True)
    except Exception:  # see _Policy
        head = EmailMessage()
    from_, to, date, subject = (_header(head, name) for name in ("From", "To", "Date", "Subject"))
    return Message(from_, to, date, subject, *_content(data))


def _parsed(data: bytes, headers_only: bool = False) -> EmailMessage:
    message: EmailMessage = cast(Any, BytesParser)(policy=_POLICY).parsebytes(data, headers_only)
    return message


def _header(message: EmailMessage, name: str) -> str:
    """A field, decoded; if it cannot be decoded, as it is."""
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return " ".join(str(raw).split())


def _content(data: bytes) -> tuple[str, list[Attachment], str]:
    """Text, attachments, and a note if they could not be told apart."""
    try:
        if len(re.findall(rb"^content-type:\s*multipart", data, re.I | re.M)) <= _MULTIPARTS:
            message = _parsed(data)
            if not (message.get_content_maintype() == "multipart" and not message.is_multipart()):
                body = message.get_body(("plain", "html"))
                if body is None and _is_text(message):  # a sensor's text/csv, say
                    body = message
                text = _text(body) if body is not None else ""
                return text, [_attachment(part) for part in _others(message, body)], ""
    except Exception:
        pass  # RecursionError among them; see _Policy
    head, _, body_bytes = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    return (body_bytes or head).decode("utf-8", "replace"), [], _UNREADABLE


def _is_text(message: EmailMessage) -> bool:
    return message.get_content_maintype() == "text" and message.get_content_disposition() != "attachment"


def _others(message: Any, body: Any) -> Iterator[Any]:
    """The parts that are neither the text that is shown nor another form of it, in order."""
    todo = [(message, False)]
    while todo:
        part, alternative = todo.pop()
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            forms = alternative or part.get_content_subtype() == "alternative"
            todo += [(each, forms) for each in reversed(payload)]
        elif part is not body:
            form = alternative and part.get_content_type() in ("text/plain", "text/html")
            if not form or part.get_content_disposition() == "attachment":
                yield part


def _attachment(part: Any) -> Attachment:
    try:
        name = part.get_filename("") or ""
    except Exception:
        name = ""
    try:
        payload = part.get_payload()
        content = bytes(payload[0]) if isinstance(payload, list) else part.get_payload(decode=True)
        size = len(content)
    except Exception:
        size = None
    return Attachment(name, part.get_content_type(), size)


def _text(part: Any) -> str:
    content = part.get_payload(decode=True)
    data = content if isinstance(content, bytes) else str(part.get_payload()).encode("utf-8", "replace")
    text = _decoded(data, part.get_content_charset("utf-8"))
    if part.get_content_subtype() == "html":
        text = plain(text[:_HTML])
    return text.replace("\r\n", "\n").strip("\n")


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except (LookupError, ValueError):  # an unknown charset, or not a charset at all
        return data.decode("utf-8", "replace")


def plain(html: str) -> str:
    """The text of an HTML page: no scripts or styles, one line per paragraph, addresses after the links."""
    reader = _Reader()
    # Python refuses to convert a number of thousands of digits.
    reader.feed(re.sub(r"&#0*([0-9]{1,7})[0-9]*", r"&#\1", html))
    # Not close(): for each tag without an end it would search all the rest.
    reader.handle_data(unescape(reader.rawdata))
    return reader.text()


_SILENT = ("head", "script", "style", "template")
_BLOCKS = (
    *(
        "address",
        "article",
        "blockquote",
        "dd",
        "div",
        "dl",
        "dt",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
    ),
    *("h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul"),
)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self._out: list[str] = []
        self._silent = 0
        self._link: tuple[str, int] | None = None  # where it leads, and where its text begins

    def parse_html_declaration(self, i: int) -> int:
        """Where the declaration at `i` ends. One that HTML does not know, such as `<![x ...`, is a comment."""
        try:
            return super().parse_html_declaration(i)
        except AssertionError:
            return self.parse_bogus_comment(i)

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "body":
            self._silent = 0  # a head that was left open hides nothing
        elif tag == "br" or tag in _BLOCKS:
            self._out.append("\n- " if tag == "li" else "\n")
        elif tag in ("td", "th"):
            self._out.append(" ")
        elif tag == "a":
            self._link = dict(attrs).get("href") or "", len(self._out)
        elif tag == "img":
            self._out.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self._out.append("\n")
        elif tag == "a" and self._link is not None:
            (target, start), self._link = self._link, None
            shown = "".join(self._out[start:]).strip()
            address = target.removeprefix("mailto:")
            if target.startswith(("http://", "https://", "mailto:")) and shown != address:
                self._out.append(f" <{address}>")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._out.append(re.sub(r"\s+", " ", data))

    def text(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self._out).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
