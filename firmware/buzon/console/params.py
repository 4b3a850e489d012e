"""What the console's methods share: parameters, checked, and the continuation rule."""

from binascii import unhexlify

from micropython import const

from ..errors import E_NO_ACCOUNT, E_PARAMS, ConfigError, ConsoleError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict


def field(params: "Dict[str, Any]", name: str, kind: type) -> "Any":
    """A parameter, checked for its type; an int is 0 or more. Raises ConsoleError(E_PARAMS)."""
    value: "Any" = params.get(name)
    if type(value) is not kind or (type(value) is int and value < 0):
        raise ConsoleError(E_PARAMS, name)
    return value


def account_in(app: "Any", params: "Dict[str, Any]") -> "Any":
    """The account that the params name. Raises ConfigError(E_NO_ACCOUNT)."""
    name = field(params, "account", str)
    for account in app.accounts:
        if account.id == name:
            return account
    raise ConfigError(E_NO_ACCOUNT, name[:16])


def key_in(params: "Dict[str, Any]", name: str) -> bytes:
    """The key of the message whose id is in the parameter `name`. Raises ConsoleError(E_PARAMS)."""
    text = field(params, name, str)
    try:
        key = unhexlify(text)
    except ValueError:
        key = b""
    if len(key) != 8:
        raise ConsoleError(E_PARAMS, name)
    return key


def chunk(
    data: "bytes | bytearray | memoryview", params: "Dict[str, Any]", most: int = 1024
) -> "Dict[str, Any]":
    """The part of `data` from the parameter `off` on, by the continuation rule."""
    off = field(params, "off", int)
    part = bytes(data[off : off + most])
    return {"off": off, "data": part, "end": off + len(part) >= len(data)}
