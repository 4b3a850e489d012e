"""The wizard's questions about the Wi-Fi: a network that the board sees or a typed name, and its password."""

import time

from pydantic import SecretStr

from ..board.client import Client
from ..errors import BoardRefused
from . import answers as remembered
from . import schema, secrets
from .ask import Back
from .draft import Draft

_SCAN_TRIES = 3
_SCAN_S = 1.0


def network(draft: Draft) -> bool:
    """Asks for the network. Enter takes the last one, or the strongest."""
    ask, known = draft.ask, draft.known
    with ask.working() as progress:
        progress("The board looks for Wi-Fi networks")
        seen = _scan(draft.client)
    networks = seen or []
    for number, (ssid, rssi, secure) in enumerate(networks, 1):
        ask.say(f"  {number:2}  {ssid}  ({rssi} dBm{'' if secure else ', open'})")
    if seen is None:
        ask.say("The board cannot look for networks now: type the name.")
    elif not networks:
        ask.say("The board sees no Wi-Fi network (it knows 2.4 GHz only): type the name.")
    names = [ssid for ssid, _, _ in networks]
    default = known.ssid if known.ssid in names or not names else names[0]
    while True:
        typed = ask.text("Wi-Fi network, number or name" if names else "Wi-Fi network", default)
        if typed not in names and typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(names):
            typed = names[int(typed) - 1]
        try:
            schema.Wifi.model_validate({"ssid": typed})
        except ValueError:
            ask.say("A Wi-Fi network's name has 1 to 32 bytes: type its number or its name.")
            continue
        if not names or typed in names or _hidden(draft, typed):
            break
    known.ssid = draft.ssid = typed
    remembered.save(known)
    draft.secure = next((secure for ssid, _, secure in networks if ssid == typed), None)
    return True


def _hidden(draft: Draft, typed: str) -> bool:
    """Whether the person means a network that is not in sight: usually it is a typing error."""
    try:
        return draft.ask.yes(f'The board does not see a Wi-Fi named "{typed}" now. Is that its name?', False)
    except Back:
        return False


def password(draft: Draft) -> bool:
    """Asked if a password is required and none is stored; sets `draft.wifi`."""
    ask, ssid, options = draft.ask, draft.ssid, draft.options
    if draft.secure is False:
        draft.wifi = schema.Wifi.model_validate({"ssid": ssid, "password": SecretStr("")})
        return False
    stored = secrets.of_wifi(ssid, options.env, options.keyring) if draft.stored else None
    asked = False
    while True:
        asked = asked or stored is None
        typed = stored if stored is not None else ask.secret(f'Password of the Wi-Fi "{ssid}"')
        stored = None
        if draft.secure and not typed:
            ask.say("This network wants a password.")
        elif _taken(draft, typed):
            return asked
        elif not asked:
            ask.say("That was the password from the environment or the keyring.")


def again(draft: Draft) -> bool:
    """Asks for the password of the same network once more, after the network refused it. False if the person wants
    another network: Enter alone, or back. The next question is not one that shows what is typed until then."""
    if draft.secure is False:
        return False
    draft.ask.say("Type it again; Enter alone leads to the networks.")
    while True:
        try:
            typed = draft.ask.secret(f'Password of the Wi-Fi "{draft.ssid}"')
        except Back:
            return False
        if not typed:
            return False
        if _taken(draft, typed):
            return True


def _taken(draft: Draft, typed: str) -> bool:
    """Whether it can be a password, which is then in `draft.wifi`; else it is said why not."""
    try:
        secret = schema.parse_secret(schema.Wifi, typed, "wifi.password")
    except schema.SettingsError as error:
        draft.ask.say(str(error))
        return False
    draft.wifi = schema.Wifi.model_validate({"ssid": draft.ssid, "password": secret})
    return True


def _scan(client: Client) -> list[tuple[str, int, bool]] | None:
    """What the board sees, strongest first, each name once; None if it cannot look now."""
    for left in range(_SCAN_TRIES, 0, -1):
        try:
            found = client.wifi_scan()
            break
        except BoardRefused:  # a chip that is joining a network may refuse to look for others
            if left == 1:
                return None
            time.sleep(_SCAN_S)
    networks: dict[str, tuple[str, int, bool]] = {}
    for ssid, rssi, secure in sorted(found, key=lambda each: -each[1]):
        try:
            schema.Wifi.model_validate({"ssid": ssid})
        except ValueError:
            continue
        networks.setdefault(ssid, (ssid, rssi, secure))
    return list(networks.values())
