"""Debian's MicroPython lacks `ssl`: a context around that of `tls`, as micropython-lib has it."""

import tls
from tls import *  # noqa: F403


class SSLContext:
    def __init__(self, *args):
        self._context = tls.SSLContext(*args)

    @property
    def verify_mode(self):
        return self._context.verify_mode

    @verify_mode.setter
    def verify_mode(self, value):
        self._context.verify_mode = value

    def load_verify_locations(self, cafile=None, cadata=None):
        if cafile:
            with open(cafile, "rb") as file:
                cadata = file.read()
        self._context.load_verify_locations(cadata)

    def wrap_socket(self, sock, **kw):
        return self._context.wrap_socket(sock, **kw)
