"""Finding the server of an e-mail address: against a real DNS server, a real HTTPS server and a real mail server, all here."""

import http.server
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import certifi
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
import trustme
from buzon_host.errors import BuzonError, UsageError
from buzon_host.provision import account, discover, probe, schema
from buzon_host.provision import ca as certificates
from buzon_host.provision.discover import Network, Server
from buzon_host.server.run import LocalServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

ANA = "Ana@casa.example"
XML = """<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="casa.example">
  <incomingServer type="imap"><hostname>imap.casa.example</hostname><port>993</port><socketType>SSL</socketType>
    <username>%EMAILADDRESS%</username></incomingServer>
  <incomingServer type="pop3"><hostname>POP.%EMAILDOMAIN%</hostname><port>995</port><socketType>SSL</socketType>
    <username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></incomingServer>
  <incomingServer type="pop3"><hostname>pop.casa.example</hostname><port>110</port>
    <socketType>STARTTLS</socketType><username>%EMAILADDRESS%</username></incomingServer>
</emailProvider></clientConfig>"""


@contextmanager
def dns_server(*records: str, silent: bool = False):
    """A DNS server on UDP with these records, each `name type data`; it says NXDOMAIN to all else."""
    zone: dict[tuple[str, str], list[str]] = {}
    for record in records:
        name, kind, data = record.split(" ", 2)
        zone.setdefault((name, kind), []).append(data)
    asked: list[str] = []

    def answer(query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        key = (question.name.to_text(), dns.rdatatype.to_text(question.rdtype))
        asked.append(" ".join(key))
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if key in zone:
            reply.answer.append(dns.rrset.from_text(key[0], 60, "IN", key[1], *zone[key]))
        else:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.05)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    data, peer = sock.recvfrom(4096)
                except TimeoutError:
                    continue
                if not silent:
                    sock.sendto(answer(dns.message.from_wire(data)).to_wire(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname(), asked
        finally:
            ended.set()
            thread.join()


@contextmanager
def https_server(ca: trustme.CA, pages: dict[str, bytes | str | float], name: str = "localhost"):
    """An HTTPS server: a page is bytes, another address to go to, or seconds of silence. Gives its address."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            page = pages.get(self.path.partition("?")[0])
            if isinstance(page, float):
                time.sleep(page)
            if isinstance(page, str):
                self.send_response(302)
                self.send_header("Location", page)
                self.end_headers()
            elif isinstance(page, bytes):
                self.send_response(200)
                self.end_headers()
                try:
                    self.wfile.write(page)
                except OSError:
                    return  # it was enough
            else:
                self.send_error(404)

        def log_message(self, *args: object) -> None: ...

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name).configure_cert(context)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a handshake that is refused is part of the test
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"https://localhost:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def roots(ca, tmp_path) -> Path:
    ca.cert_pem.write_to_path(str(tmp_path / "roots.pem"))
    return tmp_path / "roots.pem"


@pytest.fixture(scope="module")
def table() -> list[discover.Provider]:
    return discover.providers(Path("nowhere"))


@pytest.fixture(scope="module")
def mail():
    with LocalServer(None) as running:
        yield running


def offline(nameserver, **more) -> Network:
    return Network(**{"nameserver": nameserver, "autoconfig": (), "timeout": 2.0, **more})


# The table


def test_the_table_is_whole(table) -> None:
    assert len({row.name for row in table if row.usable}) >= 15
    for row in table:
        assert row.domains or row.mx, row.name
        assert row.usable or row.how, f"{row.name} must say what to do instead"
        assert row.password == "own" or row.how, f"{row.name} must say where its password is made"
        assert not row.how or row.how.endswith("."), row.name
        if row.pop3 is not None:
            schema.Account.model_validate({"host": row.pop3.host, "user": "x"})
    domains = [domain for row in table for domain in row.domains]
    assert len(domains) == len(set(domains))


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("ana@gmail.com", Server("pop.gmail.com", 995, "implicit", "ana@gmail.com", "table")),
        ("ana@YAHOO.es", Server("pop.mail.yahoo.com", 995, "implicit", "ana@YAHOO.es", "table")),
        ("ana@web.de", Server("pop3.web.de", 995, "implicit", "ana", "table")),
    ],
)
def test_a_known_domain_asks_nobody(address, server, table) -> None:
    with dns_server() as (nameserver, asked):
        found = discover.discover(address, offline(nameserver), table)
        assert asked == []
    assert found.servers == (server,)
    assert found.imap


@pytest.mark.parametrize(
    ("address", "word"), [("a@outlook.com", "OAuth"), ("a@icloud.com", "no POP3"), ("a@proton.me", "Bridge")]
)
def test_who_takes_no_password_or_has_no_pop3_has_no_server(address, word, table) -> None:
    found = discover.discover(address, offline(None), table)
    assert found.servers == ()
    assert found.provider is not None
    assert word in found.provider.how


def test_a_table_of_one_s_own_comes_first_and_is_checked(tmp_path) -> None:
    own = tmp_path / "providers.toml"
    own.write_text(
        '[[provider]]\nname = "Mine"\ndomains = ["gmail.com"]\npop3 = { host = "pop.mine.example" }\n'
    )
    found = discover.discover("a@gmail.com", offline(None), discover.providers(own))
    assert found.servers[0].host == "pop.mine.example"
    for wrong in ('[[provider]]\nname = "x"\nhots = 1\n', "[[provider]]\n", "= 1", "provider = 1"):
        own.write_text(wrong)
        with pytest.raises(UsageError, match=r"providers\.toml cannot be used"):
            discover.providers(own)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "ana",
        "@x.org",
        "ana@",
        "a b@x.org",
        "ana@x..org",
        "ana@-x.org",
        "a\x1b@x.org",
        "a@x.org/y",
        "a@" + "x" * 300,
    ],
)
def test_what_is_no_address(wrong) -> None:
    with pytest.raises(UsageError, match="no e-mail address"):
        discover.domain_of(wrong)


def test_a_domain_in_letters_of_its_own() -> None:
    assert discover.domain_of("ana@CAMIÓN.example") == "xn--camin-3ta.example"


# DNS


def test_srv_records_in_their_order_tls_first(table) -> None:
    with dns_server(
        "_pop3s._tcp.casa.example. SRV 20 0 995 spare.casa.example.",
        "_pop3s._tcp.casa.example. SRV 10 1 995 light.casa.example.",
        "_pop3s._tcp.casa.example. SRV 10 9 1995 heavy.casa.example.",
        "_pop3._tcp.casa.example. SRV 0 0 110 old.casa.example.",
        "casa.example. MX 5 mx.elsewhere.example.",
    ) as (nameserver, asked):
        found = discover.discover(ANA, offline(nameserver), table)
    assert [(one.host, one.port, one.tls) for one in found.servers] == [
        ("heavy.casa.example", 1995, "implicit"),
        ("light.casa.example", 995, "implicit"),
        ("spare.casa.example", 995, "implicit"),
        ("old.casa.example", 110, "starttls"),
    ]
    assert {one.user for one in found.servers} == {ANA}
    assert found.provider is None
    assert sorted(asked) == [
        "_pop3._tcp.casa.example. SRV",
        "_pop3s._tcp.casa.example. SRV",
        "casa.example. MX",
    ]


def test_a_domain_that_says_it_has_no_pop3(table) -> None:
    records = ("_pop3s._tcp.casa.example. SRV 0 0 0 .", "_pop3._tcp.casa.example. SRV 0 0 0 .")
    with dns_server(*records) as (nameserver, _):
        found = discover.discover(ANA, offline(nameserver), table)
    assert found.none
    assert found.servers == ()


@pytest.mark.parametrize(
    ("exchanger", "name", "host"),
    [
        ("aspmx.l.google.com.", "Gmail", "pop.gmail.com"),
        ("in1-smtp.messagingengine.com.", "Fastmail", "pop.fastmail.com"),
        ("casa-example.mail.protection.outlook.com.", "Microsoft 365", None),
        ("notgoogle.com.", None, None),
    ],
)
def test_the_mail_exchanger_tells_the_provider(exchanger, name, host, table) -> None:
    with dns_server(f"casa.example. MX 10 {exchanger}") as (nameserver, _):
        found = discover.discover(ANA, offline(nameserver), table)
    assert (found.provider.name if found.provider else None) == name
    assert [one.host for one in found.servers] == ([host] if host else [])
    if host:
        assert discover.of_host(host, table) is found.provider


def test_a_silent_dns_server_has_a_deadline(table) -> None:
    with dns_server(silent=True) as (nameserver, _):
        begin = time.monotonic()
        found = discover.discover(ANA, offline(nameserver, timeout=0.5), table)
        assert time.monotonic() - begin < 3
    assert (found.servers, found.none) == ((), False)


# Autoconfig


def config(at: str) -> tuple[str, ...]:
    return (at + "/{domain}/config-v1.1.xml?emailaddress={address}",)


def test_autoconfig(ca, roots, table) -> None:
    with (
        dns_server("_pop3s._tcp.casa.example. SRV 0 0 995 srv.casa.example.") as (nameserver, _),
        https_server(ca, {"/casa.example/config-v1.1.xml": XML.encode()}) as (at, seen),
    ):
        found = discover.discover(ANA, offline(nameserver, autoconfig=config(at), roots=roots), table)
    assert found.servers == (
        Server("pop.casa.example", 995, "implicit", "Ana", "autoconfig"),
        Server("pop.casa.example", 110, "starttls", ANA, "autoconfig"),
        Server("srv.casa.example", 995, "implicit", ANA, "srv"),
    )
    assert found.imap == "imap.casa.example"
    assert seen == ["/casa.example/config-v1.1.xml?emailaddress=Ana%40casa.example"]


BOMB = '<!DOCTYPE x [<!ENTITY a "{}">{}]><clientConfig>&z;</clientConfig>'.format(
    "ha" * 40,
    "".join(f'<!ENTITY {b} "{f"&{a};" * 20}">' for a, b in zip("abcdef", "bcdefz", strict=True)),
)
HEAD, BODY = XML.split("?>")
INSIDE = '<!DOCTYPE x [<!ENTITY e "pop.casa.example">]>' + BODY.replace("pop.casa.example", "&e;")
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "{}">]>' + BODY.replace("imap.casa.example", "&e;")


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html><body>no such page</body></html>",
        XML[:-30].encode(),
        b"\xff\xfe\x00<",
        b'<?xml version="1.0" encoding="nonsense"?><clientConfig/>',
        b"<a>" * 15_000,
        INSIDE.encode(),
        BOMB.encode(),
        BOMB.encode("utf-16"),
        XML.encode() + b" " * discover.MAX_XML,
        "ftp://127.0.0.1/x",
        Path("/etc/hostname").as_uri(),
        "/casa.example/config-v1.1.xml",
        9.0,
    ],
    ids=["empty", "html", "cut", "bytes", "encoding", "deep", "entity", "bomb", "bomb16", "large", "ftp", "file", "loop", "slow"],
)  # fmt: skip
def test_a_hostile_page_is_no_configuration(page, ca, roots, table) -> None:
    begin = time.monotonic()
    with (
        dns_server() as (nameserver, _),
        https_server(ca, {"/casa.example/config-v1.1.xml": page}) as (at, _),
    ):
        network = offline(nameserver, autoconfig=config(at), roots=roots, timeout=1.0)
        assert discover.discover(ANA, network, table).servers == ()
    assert time.monotonic() - begin < 6


def test_a_redirection_leads_to_https_and_nowhere_else(ca, roots, table) -> None:
    class Plain(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(XML.encode())

    asked: list[str] = []
    pages: dict[str, bytes | str | float] = {"/other": XML.encode()}
    with (
        dns_server() as (nameserver, _),
        https_server(ca, pages) as (at, _),
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plain) as plain,
    ):
        threading.Thread(target=plain.serve_forever, args=(0.02,), daemon=True).start()
        network = offline(nameserver, autoconfig=config(at), roots=roots)
        for target, servers in ((f"{at}/other", 2), (f"http://127.0.0.1:{plain.server_address[1]}/x", 0)):
            pages["/casa.example/config-v1.1.xml"] = target
            assert len(discover.discover(ANA, network, table).servers) == servers
        plain.shutdown()
    assert asked == []


def test_no_external_entity_is_fetched(ca, roots, table, tmp_path) -> None:
    (tmp_path / "secret").write_text("stolen.example")
    pages: dict[str, bytes | str | float] = {"/e": b"stolen.example"}
    with dns_server() as (nameserver, _), https_server(ca, pages) as (at, seen):
        for target in (f"{at}/e", (tmp_path / "secret").as_uri()):
            pages["/casa.example/config-v1.1.xml"] = OUTSIDE.format(target).encode()
            network = offline(nameserver, autoconfig=config(at), roots=roots)
            assert discover.discover(ANA, network, table) == discover.Found()
    assert [path for path in seen if path == "/e"] == []


@pytest.mark.parametrize("name", ["localhost", "other.example"])
def test_https_is_verified(name, ca, roots, table) -> None:
    """Another CA, or another name: what it says does not count."""
    issuer = trustme.CA() if name == "localhost" else ca
    with (
        dns_server() as (nameserver, _),
        https_server(issuer, {"/casa.example/config-v1.1.xml": XML.encode()}, name) as (at, seen),
    ):
        found = discover.discover(ANA, offline(nameserver, autoconfig=config(at), roots=roots), table)
    assert found.servers == ()
    assert seen == []


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("<socketType>SSL", "<socketType>plain"),
        ("<port>995", "<port>0"),
        ("<port>995", "<port>99999"),
        ("<port>995", "<port>\u0669\u0669\u0665"),
        ("POP.%EMAILDOMAIN%", "pop.example/evil"),
        ("POP.%EMAILDOMAIN%", ""),
        ("<username>%EMAILLOCALPART%", "<username>a&#10;DELE 1"),
        ("password-cleartext", "OAuth2"),
        ('"pop3"><hostname>POP', '"pop9"><hostname>POP'),
    ],
)
def test_a_server_that_cannot_be_used_is_left_out(was, becomes) -> None:
    found = discover.autoconfig(XML.replace(was, becomes).encode(), ANA)
    assert found is not None
    assert [one.port for one in found.servers] == [110]


def test_a_configuration_cannot_make_this_pc_knock_at_hundreds_of_doors() -> None:
    one = '<incomingServer type="pop3"><hostname>a.b</hostname><port>{}</port><socketType>SSL</socketType></incomingServer>'
    ports = "".join(one.format(port) for port in range(1, 500))
    page = f"<clientConfig><emailProvider>{ports}</emailProvider></clientConfig>".encode()
    assert len(page) < discover.MAX_XML
    found = discover.autoconfig(page, ANA)
    assert found is not None
    assert [one.port for one in found.servers] == list(range(1, 9))


@pytest.mark.parametrize("extension", ["twice", "version"])
def test_a_certificate_that_cannot_be_read_is_one_sentence(extension) -> None:
    """Unverified, a server may show anything that OpenSSL lets through."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example")])
    begin = datetime(2026, 1, 1)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=900))
    for oid in ("1.2.3.4", "1.2.3.5"):
        made = made.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"x"), False)
    der = made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    if extension == "twice":
        der = der.replace(b"\x06\x03\x2a\x03\x05", b"\x06\x03\x2a\x03\x04")
    else:
        der = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x7f")
    with pytest.raises(BuzonError, match="certificate"):
        certificates.describe(der)


# Asking the servers


def local(server: LocalServer, port: int, tls: str = "implicit", host: str = "localhost") -> Server:
    return Server(host, port, tls, "demo", "guess")


def test_the_first_that_is_verified_and_is_a_pop3_server(mail, monkeypatch) -> None:
    monkeypatch.setattr(certifi, "where", lambda: str(mail.ca_pem))
    monkeypatch.setattr(probe, "_GRACE_S", 9.0)  # all before it are to be heard
    der = mail.ca_der.read_bytes()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        candidates = [
            local(mail, closed.getsockname()[1]),
            local(mail, mail.smtp, "starttls"),
            local(mail, 995, host="nowhere.invalid"),
            local(mail, mail.pop3, "starttls"),
            local(mail, mail.pop3s),
        ]
        best, problems = probe.reach(candidates, Network(timeout=3))
    assert best == probe.Reached(candidates[3], der)
    assert len(problems) == 3
    assert "is not POP3 (220 " in problems[1]
    assert "There is no server nowhere.invalid" in problems[2]


def test_who_is_not_verified_comes_last_and_is_told_apart(mail) -> None:
    candidates = [local(mail, mail.pop3s)]
    best, _ = probe.reach(candidates, Network(timeout=3))
    assert best is not None
    assert best.root is None
    assert best.why == "no authority that this PC knows vouches for it"
    other = ssl.PEM_cert_to_DER_cert(trustme.CA().cert_pem.bytes().decode())
    best, _ = probe.reach(candidates, Network(timeout=3), other)
    assert best is not None
    assert (best.root, best.why) == (None, "the CA that you gave does not vouch for it")
    best, _ = probe.reach(candidates, Network(timeout=3), mail.ca_der.read_bytes())
    assert best is not None
    assert best.root == mail.ca_der.read_bytes()
    own = certificates.fetch_certificate(mail.host, mail.pop3s, "implicit")
    best, _ = probe.reach(candidates, Network(timeout=3), own)
    assert best is not None
    assert best.root == own


@pytest.mark.parametrize(
    ("certificate", "says"), [("expired", "has expired"), ("other-name", "is for other")]
)
def test_a_certificate_that_is_wrong_in_itself_is_no_matter_of_trust(certificate, says) -> None:
    with LocalServer(None, certificate=certificate) as bad:
        best, problems = probe.reach(
            [Server(bad.host, bad.pop3s, "implicit", "demo", "guess")],
            Network(timeout=3),
            bad.ca_der.read_bytes(),
        )
    assert best is None
    assert says in problems[0]


def test_guesses_are_asked_together(mail, monkeypatch) -> None:
    monkeypatch.setattr(certifi, "where", lambda: str(mail.ca_pem))
    network = Network(
        guesses=("nowhere.invalid", "{domain}"),
        ports=((mail.pop3s, "implicit"), (mail.pop3, "starttls")),
        timeout=3,
    )
    servers = discover.guesses("demo@localhost", network)
    assert [(one.host, one.tls) for one in discover.guesses("a@b.example", Network())] == [
        (f"{name}.b.example", tls) for tls in ("implicit", "starttls") for name in ("pop", "mail", "pop3")
    ]
    best, _ = probe.reach(servers, network)
    assert best is not None
    assert (best.server.host, best.server.port) == ("localhost", mail.pop3s)


def test_a_certificate_is_described_in_safe_words(ca) -> None:
    leaf = trustme.CA().issue_cert("a.example", common_name="evil\x1b[2J")
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
    lines = certificates.describe(der)
    assert lines[0] == "for      a.example"
    assert not any("\x1b" in line for line in lines)
    assert lines[-1].endswith(certificates.fingerprint(der))
    assert len(certificates.fingerprint(der)) == 32 * 3 - 1


def test_a_certificate_is_described_in_few_words() -> None:
    own = trustme.CA(organization_name="Casa")
    leaf = own.issue_cert(*(f"{name}.example" for name in "abcdef"))
    lines = certificates.describe(ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode()))
    assert lines[0] == "for      a.example, b.example, c.example, d.example and 2 more"
    assert lines[1] == "signed   by Casa"
    lines = certificates.describe(ssl.PEM_cert_to_DER_cert(own.cert_pem.bytes().decode()))
    assert lines[:2] == ["for      Casa", "signed   by itself"]


def test_what_is_said_before_a_certificate_is_trusted(mail) -> None:
    """Short, and nothing that only an expert can use."""

    class Person:
        said: ClassVar[list[str]] = []
        say = said.append

        @contextmanager
        def working(self):
            yield lambda text: None

        def yes(self, question: str, default: bool) -> bool:
            return question == "Trust this certificate, and no other?"

    best, _ = probe.reach([local(mail, mail.pop3s)], Network(timeout=3))
    assert best is not None
    _, pinned = account._trust(Person(), best, None)
    assert pinned
    first, second, *facts, last = Person.said
    assert first == f"localhost, port {mail.pop3s}, TLS"
    assert second == (
        "This may not be the real localhost: its certificate was not accepted (no authority that this PC knows "
        "vouches for it)."
    )
    assert [fact.split()[0] for fact in facts] == ["for", "signed", "until", "SHA-256"]
    assert last == (
        "Say yes only if the server's owner gives you the same SHA-256. "
        "When the certificate is renewed, run this again."
    )
