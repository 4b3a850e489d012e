"""`buzon serve`: runs a local mail server until stopped."""

from pathlib import Path
from typing import Annotated

import typer

from ..demo import sentences
from ..errors import INTERRUPTED, BuzonError
from .options import Json
from .output import Out

Mail = Annotated[
    Path | None, typer.Option("--mail", help="Folder with the messages to serve (default: the samples).")
]
Maildir = Annotated[
    Path | None, typer.Option("--maildir", help="Keep the mail in this Maildir (default: a temporary one).")
]
Pop3 = Annotated[int, typer.Option("--pop3", min=0, max=65535, help="Port for POP3 with STLS (0: any free).")]
Pop3s = Annotated[
    int, typer.Option("--pop3s", min=0, max=65535, help="Port for POP3 over TLS (0: any free).")
]
Smtp = Annotated[
    int, typer.Option("--smtp", min=0, max=65535, help="Port for SMTP, to send mail to it (0: any free).")
]
User = Annotated[str, typer.Option("--user", help="The mailbox's user.")]
Password = Annotated[str, typer.Option("--password", help="The mailbox's password.")]
Host = Annotated[str, typer.Option("--host", help="The address to listen on.")]
Certificates = Annotated[
    Path | None,
    typer.Option("--certificates", help="Keep the CA in this folder for the next time (default: a new CA)."),
]


def run(
    mail: Mail = None,
    maildir: Maildir = None,
    pop3: Pop3 = 0,
    pop3s: Pop3s = 0,
    smtp: Smtp = 0,
    user: User = "demo",
    password: Password = "buzon-demo",
    host: Host = "127.0.0.1",
    certificates: Certificates = None,
    json: Json = False,
) -> None:
    """Run a local mail server (POP3 and SMTP) until Ctrl-C."""
    from ..server.service import Ready, serve_forever

    out = Out(json)

    def ready(where: Ready) -> None:
        out.document(
            {
                "ok": True,
                "host": where.host,
                "pop3": where.pop3,
                "pop3s": where.pop3s,
                "smtp": where.smtp,
                "user": where.user,
                "ca": where.ca_pem,
                "sha256": where.sha256,
                "maildir": where.maildir,
                "messages": where.messages,
            }
        )
        out.say(f"POP3 over TLS   {where.host}:{where.pop3s}")
        out.say(f"POP3 with STLS  {where.host}:{where.pop3}")
        out.say(f"SMTP            {where.host}:{where.smtp}")
        out.say(f"User            {where.user}")
        out.say(f"CA certificate  {where.ca_pem}")
        out.say(f"Certificate     SHA-256 {where.sha256}")
        out.say(f"Messages        {where.messages}")
        out.say("Ctrl-C stops it.")

    with sentences():
        interrupted = serve_forever(
            on_ready=ready,
            mail=mail,
            maildir=maildir,
            user=user,
            password=password,
            host=host,
            certificates=certificates,
            pop3=pop3,
            pop3s=pop3s,
            smtp_port=smtp,
        )
    if interrupted:
        raise BuzonError("Stopped.", INTERRUPTED)
