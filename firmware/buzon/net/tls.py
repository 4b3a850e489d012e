"""TLS as both drivers use it: a context that verifies.

Never makes a connection itself. A context lives as long as its connection: on a Pico it holds heap.
"""

import ssl

from ..errors import E_NO_CA, LinkError


class Tls:
    """How to secure a connection. `ca`: one DER certificate (its own issuer, or the server's itself).

    `verify=False` must be written out in the settings; then anybody can be in the middle.
    """

    def __init__(self, ca: "bytes | None", verify: bool = True) -> None:
        self.ca = ca
        self.verify = verify

    def context(self) -> ssl.SSLContext:
        """A new context. Raises LinkError(E_NO_CA) when there is nothing to verify with."""
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.verify:
            if not self.ca:
                raise LinkError(E_NO_CA, "-")
            ctx.verify_mode = ssl.CERT_REQUIRED  # type: ignore[attr-defined]
            try:
                ctx.load_verify_locations(cadata=self.ca)
            except (ValueError, OSError):
                raise LinkError(E_NO_CA, "damaged")
        else:
            if hasattr(ctx, "check_hostname"):  # CPython's
                ctx.check_hostname = False
            ctx.verify_mode = ssl.CERT_NONE  # type: ignore[attr-defined]
        return ctx


def explain(err: Exception, host: str) -> LinkError:
    """The LinkError for what a handshake raised: ValueError (Mbed TLS's words) or OSError."""
    from .trouble import explain as explain_it

    return explain_it(err, host)
