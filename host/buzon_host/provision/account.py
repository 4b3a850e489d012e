"""The wizard's first part: from an e-mail address to a login that works, seen from this PC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..check import Mailbox, check
from ..errors import ServerRefused, UsageError
from . import answers as remembered
from . import ca as certificates
from . import discover, schema, secrets
from .ask import Ask, Options
from .discover import Found, Provider, Reached, Server

# Codes of the firmware's error tree.
_LOGIN = (501, 502)  # refused; the password is wrong


@dataclass
class Login:
    """An account whose login works, seen from the PC."""

    account: schema.Account
    provider: Provider | None
    root: bytes
    pinned: bool
    mailbox: Mailbox


def use(known: remembered.Answers, email: str) -> None:
    """Remembers another address; what was answered for the last one does not count for it."""
    discover.domain_of(email)
    if email != known.email:
        known.email = email
        known.shared = known.copies = known.only_new = None
        known.forget_server()
    remembered.save(known)


def login(ask: Ask, options: Options, known: remembered.Answers, table: Sequence[Provider]) -> Login:
    """Address, server, password: until a login from the PC works."""
    given = options.email is not None
    while True:
        if not given:
            _email(ask, known)
        given = False
        with ask.working() as progress:
            progress(f"Looking for the server of {known.email}")
            found = discover.discover(known.email, options.network, table)
        if found.provider is not None and not found.servers and not known.host:
            ask.say(found.provider.how)
            known.email = ""
            continue
        reached = _server(ask, options, known, found)
        provider = found.provider
        if provider is None or reached.server.source not in ("table", "mx"):
            provider = discover.of_host(reached.server.host, table)
        root, pinned = _trust(ask, reached, provider)
        if root is None:
            known.forget_server()
            continue
        login = _password(ask, options, known, reached.server, provider, root)
        if login is not None:
            account, mailbox = login
            return Login(account, provider, root, pinned, mailbox)
        known.forget_server()


def _email(ask: Ask, known: remembered.Answers) -> None:
    while True:
        try:
            use(known, ask.text("E-mail address", known.email))
            return
        except UsageError as error:
            ask.say(str(error))


def _server(ask: Ask, options: Options, known: remembered.Answers, found: Found) -> Reached:
    """A server that answers: found, guessed, or told by the person."""
    network, ca = options.network, options.ca
    domain = discover.domain_of(known.email)
    servers = list(found.servers)
    if known.host and known.port:
        servers.insert(0, Server(known.host, known.port, known.tls, known.user or known.email, "person"))
    with ask.working() as progress:
        progress(f"Asking the server of {known.email}")
        best, problems = discover.reach(servers, network, ca)
        if best is None and not found.none and (found.provider is None or not found.servers):
            best, _ = discover.reach(discover.guesses(known.email, network), network, ca)
    # DNS is not protected: whoever forges its answer could have the password.
    if (
        best is not None
        and best.server.source == "srv"
        and not best.server.inside(domain)
        and not ask.yes(f"DNS says that the mail of {domain} is at {best.server.host}. Is that right?", None)
    ):
        best, problems = None, []
    if best is not None:
        _remember(known, best.server)
        return best
    for problem in problems:
        ask.say(problem)
    if found.none:
        ask.say(f"{domain} says that it has no POP3.")
    elif not problems:
        ask.say(f"No POP3 server of {domain} was found" + (", only IMAP." if found.imap else "."))
    return _told(ask, options, known, servers[0].host if servers else "")


def _told(ask: Ask, options: Options, known: remembered.Answers, default: str) -> Reached:
    """The server that the person names: `host` or `host:port`; port 110 is the one with STLS."""
    while True:
        default = ask.text("POP3 server", default)
        host, _, number = default.partition(":")
        port = int(number) if number.isascii() and number.isdigit() else 0
        if not host or (number and not 1 <= port <= 65535):
            ask.say("Write it like pop.example.com, or pop.example.com:995.")
            default = ""
            continue
        ways: list[tuple[discover.Tls, int]] = [("implicit", port or 995), ("starttls", port or 110)]
        servers = [
            Server(host, number, tls, known.user or known.email, "person")
            for tls, number in (ways[::-1] if port == 110 else ways)
        ]
        with ask.working() as progress:
            progress(f"Asking {host}")
            best, problems = discover.reach(servers, options.network, options.ca)
        if best is not None:
            _remember(known, best.server)
            return best
        ask.say(problems[0])


def _remember(known: remembered.Answers, server: Server) -> None:
    if server.source in ("table", "mx"):
        known.forget_server()
    else:
        known.host, known.port, known.tls, known.user = server.host, server.port, server.tls, server.user
    remembered.save(known)


def _trust(ask: Ask, reached: Reached, provider: Provider | None) -> tuple[bytes | None, bool]:
    """The CA for the server, and whether only the person vouches for it."""
    server = reached.server
    name = f"{provider.name}: " if provider is not None else ""
    ask.say(
        f"{name}{server.host}, port {server.port}, {'TLS' if server.tls == 'implicit' else 'TLS by STLS'}"
    )
    if reached.root is not None:
        return reached.root, False
    ask.say(reached.problem)
    with ask.working() as progress:
        progress(f"Fetching the certificate of {server.host}")
        der = certificates.fetch_certificate(server.host, server.port, server.tls)
    for line in certificates.describe(der):
        ask.say(f"  {line}")
    ask.say(
        "Compare the SHA-256 with what the server's owner says. Until it is renewed, the board trusts this one."
    )
    if ask.yes("Trust this certificate, and no other?", False):
        return der, True
    return None, False


def _password(
    ask: Ask,
    options: Options,
    known: remembered.Answers,
    server: Server,
    provider: Provider | None,
    root: bytes,
) -> tuple[schema.Account, Mailbox] | None:
    """The account with a password that works, and what is in its mailbox. None: another address is wanted."""
    account = _account(server, provider)
    if provider is not None and provider.how:
        ask.say(provider.how)
    stored = secrets.of_account(account, options.env, options.keyring)
    what = "App password" if provider is not None and provider.password == "app" else "Password"
    while True:
        typed = stored if stored is not None else ask.secret(f"{what} of {account.user}")
        from_store, stored = stored is not None, None
        if not typed:
            return None
        try:
            secret = schema.parse_secret(schema.Account, typed, "password")
            account = account.model_copy(update={"password": secret})
            with ask.working() as progress:
                return account, check(account, ca=root, progress=progress)
        except schema.SettingsError as error:
            ask.say(f"The password {error.problems[0][1]}.")
        except ServerRefused as error:
            if error.code not in _LOGIN:
                raise
            ask.say(str(error))
            if from_store:
                ask.say("That was the password from the environment or the keyring.")
            if provider is not None and provider.how:
                ask.say(provider.how)
            elif provider is None and not ask.yes(f"Is the user name {account.user} right?", True):
                user = _user(ask, account.user)
                if user != typed:  # typed at the wrong question it is still a secret
                    account = account.model_copy(update={"user": user})
                    known.user = user
                    remembered.save(known)
            ask.say("Enter alone goes back to the e-mail address.")


def _user(ask: Ask, default: str) -> str:
    while True:
        user = ask.text("User name", default)
        try:
            schema.Account.model_validate({"host": "x", "user": user})
            return user
        except ValueError:
            ask.say("That is no user name: it is empty, too long, or has a control character in it.")


def _account(server: Server, provider: Provider | None) -> schema.Account:
    tree: dict[str, Any] = {
        "id": "main",
        "host": server.host,
        "port": server.port,
        "tls": server.tls,
        "user": server.user,
    }
    if provider is not None and provider.poll_s is not None:
        tree["poll_s"] = provider.poll_s
    return schema.parse({"wifi": [{"ssid": "x"}], "account": [tree]}, "The account").account[0]
