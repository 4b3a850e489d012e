"""Finds an e-mail address's POP3 server: provider table, autoconfig XML, DNS (SRV, RFC 6186; MX), guesses.

Everything runs at once and under one deadline. No password is needed or sent here; `probe` checks whether the
servers that are found answer.
"""

import fnmatch
import re
import ssl
import threading
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar
from urllib.parse import quote
from xml.etree import ElementTree

import certifi
import dns.exception
import dns.rdatatype
import dns.resolver
from pydantic import BaseModel, ConfigDict, Field

from .. import paths
from ..errors import UsageError
from .schema import DEFAULT_PORTS

MAX_XML = 64 * 1024
_MOST = 8  # servers taken from one answer, as all are asked at once
_DNS_NAME = re.compile(r"(?=.{1,253}$)(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
_SOCKETS: dict[str, "Tls"] = {"SSL": "implicit", "STARTTLS": "starttls"}

_T = TypeVar("_T")
Tls = Literal["implicit", "starttls"]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pop3(_Row):
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Tls = "implicit"


class Provider(_Row):
    """A row of providers.toml, whose header explains each field."""

    name: str
    domains: list[str] = Field(default_factory=list)
    mx: list[str] = Field(default_factory=list)
    pop3: Pop3 | None = None
    imap: str = ""
    user: Literal["address", "local"] = "address"
    password: Literal["own", "app", "oauth"] = "own"
    how: str = ""
    poll_s: Annotated[int, Field(ge=10)] | None = None

    @property
    def usable(self) -> bool:
        """Whether a password and POP3 are enough."""
        return self.pop3 is not None and self.password != "oauth"


@dataclass(frozen=True)
class Server:
    """Where a mailbox may be. `source`: table, autoconfig, srv, mx, guess or person."""

    host: str
    port: int
    tls: Tls
    user: str
    source: str

    def inside(self, domain: str) -> bool:
        return self.host == domain or self.host.endswith("." + domain)


@dataclass(frozen=True)
class Found:
    """What is known about an address: its provider, and servers in the order in which to try them.

    `imap`: its IMAP server, if one was named. `none`: the domain itself says that it has no POP3.
    """

    provider: Provider | None = None
    servers: tuple[Server, ...] = ()
    imap: str = ""
    none: bool = False


@dataclass(frozen=True)
class Network:
    """The interface to the network. `nameserver`: (address, port) to ask instead of the system's.

    `autoconfig`: URLs with {domain} and {address} in them. `guesses`: names with {domain}, and `ports` to
    try. `roots`: a file with the CAs for HTTPS, None for certifi's.
    """

    nameserver: tuple[str, int] | None = None
    autoconfig: tuple[str, ...] = (
        "https://autoconfig.{domain}/mail/config-v1.1.xml?emailaddress={address}",
        "https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    )
    guesses: tuple[str, ...] = ("pop.{domain}", "mail.{domain}", "pop3.{domain}")
    ports: tuple[tuple[int, Tls], ...] = ((995, "implicit"), (110, "starttls"))
    roots: Path | None = None
    timeout: float = 6.0


def domain_of(address: str) -> str:
    """The domain of an e-mail address, as DNS writes it. Raises UsageError if it is not an e-mail address."""
    local, at, domain = address.rpartition("@")
    try:
        name = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if not at or not local or len(address) > 200 or not address.isprintable() or " " in address:
        name = ""
    if not _DNS_NAME.fullmatch(name):
        raise UsageError("That is no e-mail address: write it like ana@example.com.")
    return name


def providers(own: Path | None = None) -> list[Provider]:
    """The table: the rows of the file `own` (default: providers.toml in the configuration folder), then ours."""
    own = own or paths.config() / "providers.toml"
    rows: list[Provider] = []
    for path in (own, Path(__file__).with_name("providers.toml")):
        if path != own or path.is_file():
            rows += _table(path)
    return rows


def _table(path: Path) -> list[Provider]:
    try:
        tree = tomllib.loads(paths.read_small(path).decode())
        return [Provider.model_validate(row) for row in tree.get("provider", [])]
    except (OSError, ValueError, TypeError, AttributeError) as error:  # pydantic's are ValueErrors
        first = str(error).splitlines()[0]
        raise UsageError(f"The table of providers {path} cannot be used ({first}).") from None


def discover(address: str, network: Network, table: Sequence[Provider]) -> Found:
    """What is known about `address`. Raises UsageError if it is no e-mail address; the network may fail."""
    domain = domain_of(address)
    for row in table:
        if any(fnmatch.fnmatchcase(domain, pattern) for pattern in row.domains):
            return Found(row, tuple(_servers(row, address, "table")), row.imap)
    configs = [_url(url, domain, address) for url in network.autoconfig]
    jobs: list[Callable[[], Any]] = [
        *((lambda url=url: autoconfig(_fetch(url, network), address)) for url in configs),
        lambda: _srv(f"_pop3s._tcp.{domain}", "implicit", address, network),
        lambda: _srv(f"_pop3._tcp.{domain}", "starttls", address, network),
        lambda: _mx(domain, network),
    ]
    *told, pop3s, pop3, mx = together(jobs, network.timeout + 0.5)
    servers: list[Server] = []
    imap = ""
    for config in told:
        if config is not None:
            servers += config.servers
            imap = imap or config.imap
    for records in (pop3s, pop3):
        servers += records or []
    provider = next((row for host in mx or [] for row in table if _ends(host, row.mx)), None)
    if provider is not None:
        servers += _servers(provider, address, "mx")
        imap = imap or provider.imap
    none = [] in (pop3s, pop3) and not servers
    return Found(provider, tuple(dict.fromkeys(servers)), imap, none)


def _url(template: str, domain: str, address: str) -> str:
    return template.format(domain=domain, address=quote(address, safe=""))


def guesses(address: str, network: Network) -> list[Server]:
    """Servers that the address's domain may well have; each must be tested."""
    domain = domain_of(address)
    return [
        Server(name.format(domain=domain), port, tls, address, "guess")
        for port, tls in network.ports
        for name in network.guesses
    ]


def of_host(host: str, table: Iterable[Provider]) -> Provider | None:
    """The provider whose POP3 server this is."""
    return next((row for row in table if row.pop3 is not None and row.pop3.host == host), None)


def together(jobs: Sequence[Callable[[], _T]], seconds: float) -> list[_T | None]:
    """The results of all jobs; None for those that failed or have not ended after `seconds`.

    The threads of unfinished jobs are abandoned: a system's name lookup cannot be interrupted.
    """
    results: list[_T | None] = [None] * len(jobs)

    def work(number: int, job: Callable[[], _T]) -> None:
        try:
            results[number] = job()
        except Exception:
            return  # there is no answer, whatever the reason

    threads = [
        threading.Thread(target=work, args=(number, job), daemon=True) for number, job in enumerate(jobs)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(results)


def _servers(row: Provider, address: str, source: str) -> list[Server]:
    if row.pop3 is None or not row.usable:
        return []
    user = address if row.user == "address" else address.rpartition("@")[0]
    port = row.pop3.port or DEFAULT_PORTS[row.pop3.tls]
    return [Server(row.pop3.host, port, row.pop3.tls, user, source)]


def _ends(host: str, names: Iterable[str]) -> bool:
    return any(host == name or host.endswith("." + name) for name in names)


# Autoconfig: https://benbucksch.github.io/autoconfig-spec/draft-ietf-mailmaint-autoconfig.html


def _fetch(url: str, network: Network) -> bytes:
    """At most MAX_XML bytes from `url`; raises what urllib does. No proxy, as mail uses none either."""
    roots = str(network.roots) if network.roots is not None else certifi.where()
    opener = urllib.request.OpenerDirector()
    for handler in (  # only for HTTPS: a redirect to anything else fails
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=roots)),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    answer = opener.open(url, timeout=network.timeout)
    if answer is None:
        raise OSError("not HTTPS")
    with answer:
        data: bytes = answer.read(MAX_XML + 1)
    if len(data) > MAX_XML:
        raise OSError("too large")
    return data


class _Builder(ElementTree.TreeBuilder):
    """Rejects a document type: a configuration needs none, and it could bring entities."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        raise ElementTree.ParseError("a document type")


def autoconfig(data: bytes, address: str) -> Found | None:
    """What a configuration file says; None if it is not such a file."""
    parser = ElementTree.XMLParser(target=_Builder())
    try:
        parser.feed(data)
        root = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError):  # not well-formed, or an unknown encoding
        return None
    servers: list[Server] = []
    imap = ""
    for part in root.findall("./emailProvider/incomingServer"):
        host = _filled(part, "hostname", address).lower()
        port = _filled(part, "port", address)
        if not _DNS_NAME.fullmatch(host) or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII):
            continue
        if part.get("type") == "imap":
            imap = imap or host
        tls = _SOCKETS.get(_filled(part, "socketType", address))
        ways = [(way.text or "").strip() for way in part.findall("authentication")]
        if part.get("type") != "pop3" or tls is None or (ways and all(way == "OAuth2" for way in ways)):
            continue
        user = _filled(part, "username", address) or address
        if 1 <= int(port) <= 65535 and len(user) <= 200 and user.isprintable():
            servers.append(Server(host, int(port), tls, user, "autoconfig"))
    return Found(servers=tuple(servers[:_MOST]), imap=imap)


def _filled(part: ElementTree.Element, name: str, address: str) -> str:
    local, _, domain = address.rpartition("@")
    text = (part.findtext(name) or "").strip()
    for key, value in (
        ("%EMAILADDRESS%", address),
        ("%EMAILLOCALPART%", local),
        ("%EMAILDOMAIN%", domain),
    ):
        text = text.replace(key, value)
    return text


# DNS


def _resolver(network: Network) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=network.nameserver is None)
    if network.nameserver is not None:
        address, resolver.port = network.nameserver
        resolver.nameservers = [address]
    resolver.lifetime = network.timeout
    return resolver


def _srv(name: str, tls: Tls, address: str, network: Network) -> list[Server] | None:
    """The targets, best first; [] if the domain says that it has no such service. Raises if it is silent."""
    answer = _resolver(network).resolve(name + ".", dns.rdatatype.SRV)
    records = sorted(answer, key=lambda record: (record.priority, -record.weight))
    servers = []
    for record in records[:_MOST]:
        host = record.target.to_text(omit_final_dot=True).lower()
        if host != "." and _DNS_NAME.fullmatch(host) and record.port:
            servers.append(Server(host, record.port, tls, address, "srv"))
    return servers


def _mx(domain: str, network: Network) -> list[str]:
    answer = _resolver(network).resolve(domain + ".", dns.rdatatype.MX)
    records = sorted(answer, key=lambda record: record.preference)
    return [record.exchange.to_text(omit_final_dot=True).lower() for record in records[:_MOST]]
