"""Passwords that are not in the settings file: from the environment, the keyring, or a prompt without echo.

No function here prints, logs or returns a secret outside a SecretStr.
"""

import getpass
import os
import re
import sys
from collections.abc import Callable, Mapping

from pydantic import SecretStr

from ..deadline import within
from ..errors import UsageError
from .schema import Account, Settings, Wifi, parse_secret

KEYRING_SERVICE = "buzon"
_KEYRING_S = 10.0
_TRIES = 3

Ask = Callable[[str], str]


def fill(
    settings: Settings, *, env: Mapping[str, str] | None = None, ask: Ask | None = None, keyring: bool = True
) -> Settings:
    """`settings` with every missing password filled in.

    Order: environment (`BUZON_PASSWORD_<ACCOUNT>`, `BUZON_PASSWORD`, `BUZON_WIFI_PASSWORD`), keyring (service
    "buzon", user `user@host` or `wifi:<ssid>`), then `ask` (default: a prompt, if stdin is a terminal). If
    nobody can be asked, raises UsageError, which names the variable to set.
    """
    environment = os.environ if env is None else env
    prompt = ask if ask is not None else _prompt if sys.stdin is not None and sys.stdin.isatty() else None
    networks = [_fill_wifi(wifi, environment, prompt, keyring) for wifi in settings.wifi]
    accounts = [_fill_account(account, environment, prompt, keyring) for account in settings.account]
    return settings.model_copy(update={"wifi": networks, "account": accounts})


def variable(account_id: str) -> str:
    """The environment variable of one account's password: `BUZON_PASSWORD_<ID>`, `-` becomes `_`."""
    return "BUZON_PASSWORD_" + re.sub(r"[^A-Z0-9]", "_", account_id.upper())


def source(account: Account) -> str:
    """The environment variable that an account's password comes from, in words; "" if from elsewhere."""
    names = (variable(account.id), "BUZON_PASSWORD")
    found = next((name for name in names if os.environ.get(name)), "")
    return f"{found} in the environment" if found else ""


def of_account(account: Account, env: Mapping[str, str], keyring: bool = True) -> str | None:
    """An account's password from the environment or the keyring."""
    found = env.get(variable(account.id)) or env.get("BUZON_PASSWORD")
    if found is None and keyring:
        found = from_keyring(f"{account.user}@{account.host}")
    return found


def of_wifi(ssid: str, env: Mapping[str, str], keyring: bool = True) -> str | None:
    """A network's password from the environment or the keyring."""
    found = env.get("BUZON_WIFI_PASSWORD")
    if found is None and keyring:
        found = from_keyring(f"wifi:{ssid}")
    return found


def typed(ask: Ask, question: str, say: Callable[[str], None]) -> str:
    """What a person types at `question`, unseen; an empty answer is asked again. Raises UsageError after the
    third time."""
    for left in range(_TRIES - 1, -1, -1):
        found = ask(question)
        if found:
            return found
        if left:
            say("No password was typed: try again. It stays hidden while you type.")
    raise UsageError("No password was typed: run the same command again when you have it at hand.")


def _fill_account(account: Account, env: Mapping[str, str], prompt: Ask | None, keyring: bool) -> Account:
    if account.password is not None or account.oauth is not None:
        return account
    found = of_account(account, env, keyring)
    if found is None:
        if prompt is None:
            raise UsageError(
                f"The password of {account.user} on {account.host} is missing, and there is no terminal to ask on: "
                f"set {variable(account.id)} in the environment, or write it in the settings file."
            )
        question = f"Password of {account.user} on {account.host}: "
        found = typed(prompt, question, lambda text: print(text, file=sys.stderr))
    secret = parse_secret(Account, found, "account.password")
    return account.model_copy(update={"password": secret})


def _fill_wifi(wifi: Wifi, env: Mapping[str, str], prompt: Ask | None, keyring: bool) -> Wifi:
    if wifi.password is not None:
        return wifi
    found = of_wifi(wifi.ssid, env, keyring)
    if found is None:
        if prompt is None:
            raise UsageError(
                f'The password of the Wi-Fi "{wifi.ssid}" is missing, and there is no terminal to ask on: '
                "set BUZON_WIFI_PASSWORD in the environment, or write it in the settings file (an open "
                'network: password = "").'
            )
        found = prompt(f'Password of the Wi-Fi "{wifi.ssid}": ')
    return wifi.model_copy(update={"password": parse_secret(Wifi, found, "wifi.password")})


def _prompt(question: str) -> str:
    """Asks on the terminal without echo; the question goes to stderr, as stdout may carry JSON."""
    return getpass.getpass(question, stream=sys.stderr)


def from_keyring(user: str) -> str | None:
    """The keyring's password for `user`, or None: a missing, locked or broken keyring is no error.

    Waits 10 s at most, as nobody may be there to unlock the keyring.
    """

    def look() -> SecretStr | None:
        try:
            import keyring

            password = keyring.get_password(KEYRING_SERVICE, user)
            return SecretStr(password) if password else None
        except BaseException:
            # Backends raise all kinds of errors; each means that there is no password here.
            return None

    try:
        found = within(_KEYRING_S, look, TimeoutError())
    except TimeoutError:
        return None
    return found.get_secret_value() if found is not None else None
