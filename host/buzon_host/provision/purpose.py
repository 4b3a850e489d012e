"""What a board is for, and the settings that go with it: "tell me" or "bring it to me".

A purpose is not itself a setting: it stands for those in `_ACCOUNT` and `storage.full`, and a settings file
may have others.
"""

from enum import StrEnum
from typing import Any

from ..errors import UsageError
from .schema import Account, Settings, Storage


class Purpose(StrEnum):
    tell = "tell"
    bring = "bring"


# To show that mail has come, the headers of large messages are enough; the rest stays on the server.
_MAX_BYTES = 64 * 1024

_ACCOUNT: dict[Purpose, dict[str, Any]] = {
    Purpose.tell: {"keep": "forever", "start": "now", "order": "newest", "max_bytes": _MAX_BYTES},
    Purpose.bring: {"keep": "delete", "start": "all", "order": "oldest", "max_bytes": 0},
}
_FULL: dict[Purpose, str] = {Purpose.tell: "evict", Purpose.bring: "stop"}

SAID = {
    Purpose.tell: "tell me: mail stays on the server; when the board is full, its oldest mail is deleted to make room",
    Purpose.bring: "bring it to me: mail is deleted from the server once it is stored",
}


def account_for(account: Account, purpose: Purpose) -> Account:
    """The account with everything that the purpose sets. `delete_confirmed` is unchanged."""
    return account.model_copy(update=_ACCOUNT[purpose])


def storage_for(storage: Storage, purpose: Purpose) -> Storage:
    return storage.model_copy(update={"full": _FULL[purpose]})


def filled(settings: Settings, purpose: Purpose, source: str) -> Settings:
    """A file's settings, with what it leaves out set by the purpose. Raises UsageError if its `keep`
    contradicts the purpose: whether mail is deleted from the server is never guessed."""
    accounts = []
    for number, account in enumerate(settings.account):
        said = account.model_fields_set
        if "keep" in said and account.deletes != (purpose is Purpose.bring):
            raise UsageError(
                f"--purpose {purpose} does not go with account[{number}].keep in {source}: leave one of them out."
            )
        update = {name: value for name, value in _ACCOUNT[purpose].items() if name not in said}
        accounts.append(account.model_copy(update=update))
    storage = settings.storage
    if "full" not in storage.model_fields_set:
        storage = storage_for(storage, purpose)
    return settings.model_copy(update={"account": accounts, "storage": storage})
