"""A local mail server: POP3 (TLS, STLS, plain) and SMTP in, over a Maildir, for demos and tests.

Not for the internet: it has one user, and anybody who reaches its SMTP port can deliver mail.
"""

from .maildir import LocalServerError, NoMailError
from .run import LocalServer

__all__ = ["LocalServer", "LocalServerError", "NoMailError"]
