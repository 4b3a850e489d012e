"""What a board's own settings say, for what the commands show."""

from datetime import tzinfo
from typing import Any

import cbor2

from ..board.client import Client
from ..errors import BoardRefused
from ..provision import zones


def settings(client: Client) -> dict[str, Any]:
    """The board's settings as it tells them, without secrets; empty if it has none."""
    if client.info is None or not client.info.configured:
        return {}
    try:
        tree = cbor2.loads(client.settings())
    except (BoardRefused, cbor2.CBORDecodeError):
        return {}
    return tree if isinstance(tree, dict) else {}


def accounts(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """The accounts in these settings."""
    found = tree.get("account")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def zone(tree: dict[str, Any]) -> tzinfo | None:
    """The board's time zone; None if its settings name none: then this PC's is as good."""
    try:
        time = zones.from_board(tree.get("time", {}))
        return zones.of(zones.check(time["zone"])) if time.get("zone") else None
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
