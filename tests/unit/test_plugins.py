"""plugins.py: which modules go again."""

import sys

from buzon import plugins


class Module:
    pass


def test_a_module_whose_name_is_the_end_of_anothers_stays():
    """As a plug-in of somebody's in /lib may be called."""
    for name in ("room", "search", "policy.room"):
        sys.modules[name] = Module()
    plugins.unload("buzon.policy.room buzon.console.search ")
    for name in ("room", "search", "policy.room"):
        assert sys.modules.pop(name)


def test_what_is_named_goes_from_its_package_too():
    package = Module()
    package.seldom = Module()
    package.seldomly = Module()
    sys.modules["kit"] = package
    sys.modules["kit.seldom"] = package.seldom
    sys.modules["kit.seldomly"] = package.seldomly
    plugins.unload("other.kit.seldom kit.seldom ")
    assert "kit.seldom" not in sys.modules
    assert not hasattr(package, "seldom")
    assert sys.modules.pop("kit.seldomly") is package.seldomly
    del sys.modules["kit"]


def test_ours_go_unless_they_stay():
    kit = Module()
    kit.__path__ = "x"
    for name in ("buzon.kit", "buzon.kit.seldom", "buzon.errors", "other"):
        if name not in sys.modules:
            sys.modules[name] = kit if name == "buzon.kit" else Module()
    kit.seldom = sys.modules["buzon.kit.seldom"]
    ours = plugins._ours
    plugins._ours = lambda name: name.startswith("buzon.kit") and not hasattr(sys.modules[name], "__path__")
    try:
        plugins.unload()
    finally:
        plugins._ours = ours
    assert "buzon.kit.seldom" not in sys.modules and not hasattr(kit, "seldom")
    for name in ("buzon.errors", "other", "buzon.kit"):
        assert name in sys.modules
    del sys.modules["buzon.kit"], sys.modules["other"]
