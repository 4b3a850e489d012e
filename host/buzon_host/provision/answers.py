"""What a person answered to the wizard, so that a second run needs less typing. Never a password.

It is a small JSON file in the configuration folder, written after each answer, so that an interruption loses
nothing.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import paths
from .purpose import Purpose

_Text = Annotated[str, Field(max_length=253)]


class Answers(BaseModel):
    """Empty, 0 or None: not answered yet. `host` to `user`: the server of `email`; `server`: as typed. `pin`:
    the host and the SHA-256 of the certificate that a person vouched for, once a board had it in force."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    email: _Text = ""
    host: _Text = ""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    tls: Literal["implicit", "starttls"] = "implicit"
    user: _Text = ""
    server: Annotated[str, Field(max_length=260)] = ""
    purpose: Purpose | None = None
    ssid: _Text = ""
    pin: Annotated[str, Field(max_length=400)] = ""

    def forget_server(self) -> None:
        self.host, self.port, self.tls, self.user = "", 0, "implicit", ""


def path() -> Path:
    return paths.config() / "wizard.json"


def load() -> Answers:
    """What is known from an earlier run; a file that cannot be read counts as missing."""
    try:
        return Answers.model_validate(json.loads(paths.read_small(path())))
    except (OSError, ValueError, ValidationError, RecursionError):
        return Answers()


def save(answers: Answers) -> None:
    """Writes them, readable by this user only. A failure is not an error, as the file only saves typing."""
    file = path()
    aside = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(answers.model_dump_json(indent=1, exclude_defaults=True) + "\n")
        os.replace(aside, file)
    except OSError:
        return
