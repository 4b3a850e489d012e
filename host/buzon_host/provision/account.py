"""The wizard's first part: from an e-mail address to a login that works, seen from this PC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..check import Mailbox, check
from ..errors import ServerRefused, UsageError
from . import answers as remembered
from . import ca as certificates
from . import discover, schema, secrets, words
from .ask import BACK, Ask, Back, Options
from .discover import Found, Provider, Server
from .probe import Reached, reach, ways


@dataclass
class Login:
    """An account whose login works, seen from the PC."""

    account: schema.Account
    provider: Provider | None
    root: bytes
    pinned: bool
    mailbox: Mailbox


def use(known: remembered.Answers, email: str) -> None:
    """Remembers the address; answers for another one do not apply to it."""
    discover.domain_of(email)
    if email != known.email:
        known.email = email
        known.purpose = None
        known.server = ""
        known.forget_server()
    remembered.save(known)


def login(ask: Ask, options: Options, known: remembered.Answers, table: Sequence[Provider]) -> Login:
    """Asks for address, server and password until a login from the PC works."""
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
        try:
            reached = _server(ask, options, known, found)
            while True:
                try:
                    return _login(ask, options, known, found, reached, table)
                except Back:
                    if reached.server.source in ("table", "mx"):
                        raise  # going back can only mean another address
                    reached = _told(ask, options, known, _written(reached.server), reached.server)
        except Back:
            known.forget_server()
            remembered.save(known)


def _login(
    ask: Ask,
    options: Options,
    known: remembered.Answers,
    found: Found,
    reached: Reached,
    table: Sequence[Provider],
) -> Login:
    provider = found.provider
    if provider is None or reached.server.source not in ("table", "mx"):
        provider = discover.of_host(reached.server.host, table)
    root, pinned = _trust(ask, reached, provider, known.pin)
    account, mailbox = _password(ask, options, known, reached.server, provider, root)
    return Login(account, provider, root, pinned, mailbox)


def _email(ask: Ask, known: remembered.Answers) -> None:
    while True:
        try:
            use(known, ask.text("E-mail address", known.email))
            return
        except UsageError as error:
            ask.say(str(error))
        except Back:
            ask.say("This is the first question; Ctrl-C ends.")


def _server(ask: Ask, options: Options, known: remembered.Answers, found: Found) -> Reached:
    """A server that answers: found, guessed, or named by the person."""
    network, ca = options.network, options.ca
    domain = discover.domain_of(known.email)
    servers = list(found.servers)
    if known.host and known.port:
        servers.insert(0, Server(known.host, known.port, known.tls, known.user or known.email, "person"))
    with ask.working() as progress:
        progress(f"Asking the server of {known.email}")
        best, problems = reach(servers, network, ca)
        if best is None and not found.none and (found.provider is None or not found.servers):
            best, _ = reach(discover.guesses(known.email, network), network, ca)
    # DNS is not protected: whoever forges its answer could get the password.
    if (
        best is not None
        and best.server.source == "srv"
        and not best.server.inside(domain)
        and not ask.yes(f"DNS says that the mail of {domain} is at {best.server.host}. Is that right?", None)
    ):
        best, problems, servers = None, [], []
    if best is not None:
        _remember(known, best.server)
        return best
    for problem in problems:
        ask.say(problem)
    if found.none:
        ask.say(f"{domain} says that it has no POP3.")
    elif not problems:
        ask.say(f"No POP3 server of {domain} was found" + (", only IMAP." if found.imap else "."))
    if servers and not known.server:
        return _told(ask, options, known, _written(servers[0]), servers[0], failed=True)
    return _told(ask, options, known, known.server)


def _told(
    ask: Ask,
    options: Options,
    known: remembered.Answers,
    default: str,
    found: Server | None = None,
    failed: bool = False,
) -> Reached:
    """The server that the person names: `host` or `host:port`; port 110 means STLS.

    The next run knows what was typed, unless it failed. `found`: the server that the default comes from; on
    its host the user name is the same. `failed`: it did not answer.
    """
    users = {found.host: found.user} if found is not None else {}
    users[known.host] = known.user
    while True:
        if failed:
            ask.say(f"Enter tries {default} again.")
        typed = ask.text("POP3 server", default)
        try:
            host, port = _parted(typed)
        except ValueError as error:
            ask.say(f"That {error}.")
            failed = False
            continue
        known.host, known.port, known.server = "", 0, typed
        remembered.save(known)
        with ask.working() as progress:
            progress(f"Asking {host}")
            user = users.get(host) or known.email
            best, problems = reach(ways(host, port, user), options.network, options.ca)
        if best is not None:
            _remember(known, best.server)
            return best
        known.server = ""
        remembered.save(known)
        for problem in problems:
            ask.say(problem)
        default, failed = typed, True


def _parted(typed: str) -> tuple[str, int]:
    """Host and port, 0 for none. Raises ValueError with the end of a sentence."""
    whole = "/" in typed or typed.count(":") > 1  # a URL or an IPv6 address, which is not split
    host, _, number = (typed, "", "") if whole else typed.partition(":")
    port = int(number) if number.isascii() and number.isdigit() else 0
    if number and not 1 <= port <= 65535:
        raise ValueError("has no port from 1 to 65535: write it like pop.example.com:995")
    return schema.parse_host(host), port


def _written(server: Server) -> str:
    """The server as a person would write it."""
    return server.host if server.port in (110, 995) else f"{server.host}:{server.port}"


def _remember(known: remembered.Answers, server: Server) -> None:
    if server.source in ("table", "mx"):
        known.forget_server()
    else:
        known.host, known.port, known.tls, known.user = server.host, server.port, server.tls, server.user
    remembered.save(known)


def pin(host: str, der: bytes) -> str:
    """What is remembered of a certificate that the person has vouched for."""
    return f"{host} {certificates.fingerprint(der)}"


def _trust(ask: Ask, reached: Reached, provider: Provider | None, known: str = "") -> tuple[bytes, bool]:
    """The CA for the server, and whether only the person vouches for it; `known`: what `pin` said of the one that they
    have vouched for before. Raises Back if nobody does."""
    server = reached.server
    name = f"{provider.name}: " if provider is not None else ""
    ask.say(
        f"{name}{server.host}, port {server.port}, {'TLS' if server.tls == 'implicit' else 'TLS by STLS'}"
    )
    if reached.root is not None:
        return reached.root, False
    with ask.working() as progress:
        progress(f"Fetching the certificate of {server.host}")
        der = certificates.fetch_certificate(server.host, server.port, server.tls)
    if pin(server.host, der) == known:
        ask.say("Its certificate is the one that you have trusted before: the board will trust no other.")
        return der, True
    ask.say(f"This may not be the real {server.host}: its certificate was not accepted ({reached.why}).")
    for line in certificates.describe(der):
        ask.say(f"  {line}")
    ask.say(
        "Say yes only if the server's owner gives you the same SHA-256. "
        "When the certificate is renewed, run this again."
    )
    if not ask.yes("Trust this certificate, and no other?", False):
        raise Back
    return der, True


def _password(
    ask: Ask,
    options: Options,
    known: remembered.Answers,
    server: Server,
    provider: Provider | None,
    root: bytes,
) -> tuple[schema.Account, Mailbox]:
    """The account with a password that works, and what is in its mailbox. `<` raises Back, but Enter alone
    does not: it would lead to a question that shows what is typed, and the password may be typed next."""
    account = _account(server, provider)
    if provider is not None and provider.how:
        ask.say(provider.how)
    stored = secrets.of_account(account, options.env, options.keyring)
    what = "App password" if provider is not None and provider.password == "app" else "Password"
    while True:
        typed = (
            stored if stored is not None else secrets.typed(ask.secret, f"{what} of {account.user}", ask.say)
        )
        from_store, stored = stored is not None, None
        try:
            secret = schema.parse_secret(schema.Account, typed, "password")
            account = account.model_copy(update={"password": secret})
            return account, _checked(ask, account, root)
        except schema.SettingsError as error:
            ask.say(str(error))
        except ServerRefused as error:
            if error.code not in words.LOGIN:
                raise
            ask.say(words.of_server(error))
            if from_store:
                ask.say("That was the password from the environment or the keyring.")
            if provider is not None and provider.how:
                ask.say(provider.how)
            elif provider is None:
                account = _renamed(ask, known, account, typed)
            ask.say(f"{BACK} goes back.")


def _checked(ask: Ask, account: schema.Account, root: bytes) -> Mailbox:
    """What is in the mailbox; after an error that may pass, it tries again as often as the person likes."""
    while True:
        try:
            with ask.working() as progress:
                return check(account, ca=root, progress=progress)
        except ServerRefused as error:
            if error.code in words.LOGIN:
                raise
            said = words.of_server(error)
            if error.code not in words.SOON:
                raise ServerRefused(error.code, said) from None
        ask.say(said)
        if not ask.yes("Try again?", True):
            raise Back


def _renamed(ask: Ask, known: remembered.Answers, account: schema.Account, typed: str) -> schema.Account:
    """The account with the user name that the person wants; Back leads to the password."""
    try:
        if ask.yes(f"Is the user name {account.user} right?", True):
            return account
        user = _user(ask, account.user)
    except Back:
        return account
    if user != typed:  # a password typed at the wrong question is still a secret
        account = account.model_copy(update={"user": user})
        known.user = user
        remembered.save(known)
    return account


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
