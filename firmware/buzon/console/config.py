"""Console methods that receive and show settings."""

from micropython import const

from ..core.cbor import Encoder
from ..errors import E_BUSY, E_NOT_STAGED, E_PARAMS, E_TOO_LONG, ConfigError, ConsoleError
from ..store import settings, staging
from ..trial import Trial
from .params import chunk, field

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict


def do_settings_stage(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    off = field(params, "off", int)
    data = field(params, "data", bytes)
    if app.trial and app.trial.state in ("wanted", "running"):
        raise ConsoleError(E_BUSY, "the test of the settings")
    if off == 0:
        app.staged = bytearray()
        app.trial = None
    if off != len(app.staged):
        raise ConsoleError(E_PARAMS, "off, have %d" % len(app.staged))
    if off + len(data) > settings.MAX:
        raise ConsoleError(E_TOO_LONG, "settings, at most %d" % settings.MAX)
    app.staged += data
    have = len(app.staged)
    if params.get("end") is True:
        data = app.staged
        app.staged = bytearray()
        doc = staging.parse(data, app.settings)
        settings.stage(doc, have + settings.size())  # room for the secrets that are carried over
        app.trial = Trial(doc)
    return {"have": have}


def do_settings_get(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    if app.settings is None:
        raise ConfigError(E_NOT_STAGED)
    room = Encoder(bytearray(min(settings.size(), settings.MAX) + 16))
    room.put(staging.redacted(app.settings))
    return chunk(memoryview(room.buf)[: room.n], params)
