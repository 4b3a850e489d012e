"""Incoming mail over SMTP: whatever anybody sends to anybody is delivered into the one Maildir.

It is for a demo on one's own computer: it asks for no login, and never passes a message on.
"""

import asyncio
import ssl

from aiosmtpd.smtp import SMTP, Envelope, Session

from .maildir import Maildir

MAX_BYTES = 32 * 1024 * 1024
_MAX_LINE = 1024 * 1024


class _Smtp(SMTP):  # type: ignore[misc,unused-ignore]
    # RFC 5321 allows 1,000 octets per line; real senders exceed that, and so should test mail.
    line_length_limit = _MAX_LINE


class Delivery:
    """The handler that aiosmtpd calls; the method names are aiosmtpd's."""

    def __init__(self, maildir: Maildir) -> None:
        self._maildir = maildir

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        try:
            self._maildir.deliver(content)
        except OSError as error:
            return f"452 The message could not be stored ({error.strerror})"
        return "250 Delivered"


async def listen(
    maildir: Maildir, host: str, port: int, tls: ssl.SSLContext, *, max_bytes: int = MAX_BYTES
) -> asyncio.Server:
    """Serve SMTP with STARTTLS on `host`:`port` (0: any free port) in the running loop.

    A message of more than `max_bytes` is refused with 552. Raises OSError if the port cannot be used.
    """
    loop = asyncio.get_running_loop()
    handler = Delivery(maildir)

    def connection() -> _Smtp:
        return _Smtp(
            handler,
            data_size_limit=max_bytes,
            enable_SMTPUTF8=True,
            hostname="mail.example.org",
            ident="Buzon",
            tls_context=tls,
            loop=loop,
        )

    return await loop.create_server(connection, host, port)
