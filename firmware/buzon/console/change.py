"""Console methods that test staged settings and put them in force or drop them."""

from micropython import const

from ..errors import E_BUSY, E_NOT_STAGED, E_NOT_TESTED, ConfigError, ConsoleError
from ..store import settings

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    from ..trial import Trial


def _wanted(app: "Any") -> "Trial":
    if app.trial is None:
        raise ConfigError(E_NOT_STAGED)
    return app.trial  # type: ignore[no-any-return]


def do_settings_test(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    trial = _wanted(app)
    if trial.state == "staged":
        trial.state = "wanted"
    report = trial.report()
    report["link"] = app.link.step
    return report


def do_settings_commit(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    trial = _wanted(app)
    if trial.state != "ok" and not (trial.state == "staged" and params.get("untested") is True):
        raise ConfigError(E_NOT_TESTED)
    settings.commit()
    app.trial = None
    app.reload = True
    app.link.cut()  # a session goes by the old settings: as a connection that drops, this costs no message
    return {"saved": True}


def do_settings_discard(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    if app.trial and app.trial.state in ("wanted", "running"):
        raise ConsoleError(E_BUSY, "the test of the settings")
    if app.trial and app.trial.state == "ok":
        app.wifi.leave()  # the old settings may name a different network
    app.trial = None
    settings.discard()
    return {"discarded": True}
