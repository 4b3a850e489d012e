"""A local mail server: POP3 (TLS, STLS, plain) and SMTP in, over a Maildir, for demos and tests.

Not for the internet: one user, and whoever reaches its SMTP port can put mail in.
"""

from .maildir import LocalServerError, NoMailError
from .run import LocalServer

__all__ = ["LocalServer", "LocalServerError", "NoMailError"]
