"""Which password of this PC may go to the server that a board names.

A board that somebody else has had may name any server, to be sent a password that it does not know. So a
password from the keyring goes only to the server it was kept for, and one from the environment only where a
person has said.
"""

import ipaddress
from collections.abc import Callable, Mapping

from .board.printable import escape
from .provision.schema import DEFAULT_PORTS, Account
from .provision.secrets import from_keyring, variable
from .remedies import REMEDIES

Confirm = Callable[[str], bool]


def password(
    account: Account, env: Mapping[str, str], keyring: bool, host: str | None, confirm: Confirm
) -> tuple[str | None, str, str]:
    """(the password, "", ""), or (None, why it was left out, what to do); (None, "", "") if there is none.

    `account`: as the board reports it. `host`: the server that the person has named. `confirm` asks the
    person.
    """
    name = next((name for name in (variable(account.id), "BUZON_PASSWORD") if env.get(name)), "")
    kept = from_keyring(f"{account.user}@{account.host}") if keyring else None
    if not name and kept is None:
        return None, "", ""
    left_out = "The login was not tried from this PC"
    if not (account.verifies or _loopback(account.host)):
        why = f"{left_out}: no password goes to {account.host} without verified TLS."
        return None, why, "Use TLS, with `tls_verify = true`."
    if name and (_same(host, account.host) or (host is None and confirm(_question(account, name)))):
        return env[name], "", ""
    # The keyring's entry has no port: it is for the default one.
    if kept is not None and account.effective_port == DEFAULT_PORTS[account.tls]:
        return kept, "", ""
    where = f"{account.host}, port {account.effective_port}"
    if not name:
        return None, f"{left_out}: the keyring's password is not kept for {where}.", ""
    if host is not None:
        return None, f"{left_out}: the board names another server than --host, {where}.", REMEDIES[103]
    return (
        None,
        f"{left_out}: nobody has said that the password in {name} may go to {where}.",
        f"If that is your provider's server, add --host {account.host}.",
    )


def _question(account: Account, name: str) -> str:
    user = escape(account.user)
    return (
        f"The board says that it collects the mail of {user} from {account.host}, port {account.effective_port}. "
        f"May the password in {name} be sent there, to compare?"
    )


def _same(host: str | None, other: str) -> bool:
    return host is not None and host.rstrip(".").lower() == other.rstrip(".").lower()


def _loopback(host: str) -> bool:
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
