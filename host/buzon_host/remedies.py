"""What to do about each error code of the firmware, in more detail than its sentence has room for.

`buzon doctor` shows it, and docs/troubleshooting.md is made from it. A code whose sentence says everything
has none.
"""

import re

from .errors import BoardRefused, BuzonError, ServerRefused

REMEDIES = {
    100: "Run `buzon provision`: the settings on the flash are damaged or of another version.",
    101: "The path before the colon names the setting; docs/settings.md lists what it may be.",
    102: "A pasted password often brings a line end along: type it, or paste it without one.",
    103: "The board sends a password only to the server that it was given for: run `buzon provision` and enter it "
    "again.",
    104: "`buzon status` lists the accounts; their names are the `id` in the settings.",
    105: "`buzon boards` lists the displays that a board has; a plug-in of your own belongs in /lib on the board.",
    106: "A program that talks to the board itself skipped `settings.stage`; `buzon provision` does not.",
    107: "Run `buzon provision` again: it sends, tests and commits.",
    108: "Until then mail is collected and shown, and stays on the server: run `buzon provision` and say yes, or set "
    "`delete_confirmed = true`.",
    200: "Move the board closer to the access point, and see whether `buzon provision` lists the network: a board uses"
    " 2.4 GHz only, and WPA2 rather than WPA3 alone.",
    201: "Run `buzon provision` with the Wi-Fi password: capitals matter, and so do spaces at its end.",
    202: "Capitals matter in a network's name. A board does not see a network that is on 5 GHz alone: switch on 2.4 "
    "GHz in the access point.",
    203: "Compare `host` with what your provider says. If it is right, the network's DNS does not answer the board: "
    "restart the router, or try another network.",
    204: "Check that the mail server is running, and that `host` and `port` in the settings are its own (995 for "
    "implicit TLS, 110 for STARTTLS). If so, a firewall or a guest network may be blocking mail.",
    205: "Once in a while this is harmless. If it lasts, the Wi-Fi is weak or the server overloaded: `buzon status` "
    "shows the signal.",
    206: "If it lasts, `port` and `tls` may not match, or the server turns you away for too many logins: make `poll_s`"
    " longer.",
    207: "Run `buzon provision`, which sets the clock; or let UDP port 123 through to the server in"
    " `time.ntp`.",
    208: "Run `buzon check SETTINGS.toml` on the PC: it says whether the server or the board is at fault.",
    209: "Use a host name that the certificate covers: your provider's help page names it. Do not switch `tls_verify` "
    "off for this.",
    210: "If the date in the message is wrong, allow NTP or run `buzon provision`. If it is right, the server's owner "
    "must renew the certificate.",
    211: "Run `buzon provision` again: it finds the server's public CA. A server with a CA of its own needs `--ca "
    "FILE`. If neither helps, somebody may be in the middle: use another network.",
    212: '995 goes with `tls = "implicit"`, 110 with `tls = "starttls"`. A server that offers only TLS 1.1 or older is'
    " too old.",
    213: "Run `buzon provision` again: it sends the certificate.",
    214: "A board that has worked since its start restarts by itself when this comes. If it comes back after that, "
    "remove plug-ins, accounts or the display from the settings, and send a report (`buzon doctor --bundle`).",
    215: 'Set `tls = "implicit"` and `port = 995`. If the server offers neither, passwords are not safe there.',
    216: "Check `time.ntp`: some networks let only their own time server through, which is often the router.",
    217: "Compare its fingerprint with the one that the server's owner gives you; then run `buzon provision` and say "
    "yes, or pass the certificate with `--ca FILE`.",
    218: "Ask the server's owner whether it was renewed. If not, somebody is in the middle. If so, run `buzon "
    "provision`, which shows the new one and pins it, or `buzon provision SETTINGS.toml --ca FILE` with the new "
    "certificate.",
    219: "Run `buzon check SETTINGS.toml`: it says which of the three it is. The server's owner can allow TLS 1.2 with"
    " AES, and a certificate with an RSA or ECDSA key.",
    220: "A board follows up to 8 intermediate certificates: pass one of them with `--ca FILE`; then it needs no root.",
    221: '995 goes with `tls = "implicit"`, 110 with `tls = "starttls"`. If that is right, the network or the server '
    "is at fault, and it may pass.",
    222: "A CA states in its BasicConstraints that it may sign others (`openssl req -x509 -addext "
    "basicConstraints=critical,CA:TRUE`). Or pass the server's own certificate with `--ca FILE`: then no other is"
    " accepted.",
    300: "Send a report: `buzon doctor --bundle`.",
    400: "The line is what the server said: show it to your provider, or send a report (`buzon doctor --bundle`).",
    401: "The line is what the server said. A web or SMTP port answers like this (POP3 has 995 or 110), and so does a "
    "guest network's login page.",
    402: 'Use `tls = "implicit"` with port 995; until then do not use this network for mail.',
    403: "The server asked for proof of the password and did not give its own, so it may not be your provider's: run "
    "`buzon check SETTINGS.toml` from another network.",
    404: "Do nothing if it stops by itself: the server dropped a command or reports wrong sizes, and the board finds "
    "out which. If it lasts, write to your provider.",
    410: "It came shorter than the server had said, so it is kept on both sides. Read it with another mail program; "
    "`buzon sync` tries it again.",
    411: "The server may have lost it, or its virus scanner may be holding it back: read it with another mail program.",
    500: "The words are the server's own; your provider can say what they mean.",
    501: "Many providers want POP switched on in their settings, and an app password instead of your own: `buzon "
    "provision` says where for yours.",
    502: "Run `buzon provision` with the right password. Many providers want an app password instead of your own: it "
    "says where to create one for yours.",
    503: "Close the mail program that has the mailbox open. If it happens often, make `poll_s` longer on both.",
    504: "Set `poll_s` to the time that the server asks for, often 600 or 900.",
    505: "If it lasts for hours, look at your provider's status page.",
    506: "From now on the board asks once a day; `buzon sync` asks at once, when your provider has fixed it.",
    507: "With these three settings no message has to be recognized from one session to the next.",
    508: 'Set `auth = "auto"` and use TLS. A provider that accepts OAuth alone needs `oauth`, a token.',
    520: "Its TOP does not work, and it deletes what was retrieved: fetching only the headers would lose the rest.",
    521: "It may be a mailbox that others may only read. Mail that is here is not fetched again.",
    600: "`buzon mail pull --move --maildir Mail` moves the mail to the PC and frees the board, "
    "`buzon wipe --what mail` erases it; "
    "neither is fetched again. `storage.full` sets what happens when the board is full. If you have set "
    "`storage.quota_bytes`, that limit may be what is full.",
    601: "If it comes back, the flash is worn or the file system damaged: pull the mail, then run `buzon wipe --what "
    "all` and provision again.",
    602: "It was deleted meanwhile, or the id belongs to another board: `buzon mail list` shows what there is.",
    603: "Files go below /certs/ and /lib/ only; settings and mail have requests of their own.",
    604: "With `max_bytes` the board stores only the headers of such messages, and they stay on the server. If you "
    "have set `storage.quota_bytes`, that limit may be too small.",
    700: "If it happens often, try another cable or another USB port.",
    701: "`buzon doctor` shows both versions.",
    702: "It came from a program that talks to the board itself: docs/PROTOCOL.md lists what each request takes.",
    703: "Run the command again: the tool says hello by itself.",
    704: "If it happens often, try another cable; otherwise update board and PC to the same version.",
    705: "A sync or a test of settings is running: `buzon status` shows how far it is.",
    706: "Settings have at most 2,048 bytes: shorten filters, or remove an account.",
    800: "Check the wires for SDA and SCL, 3.3 V and ground, and `display.addr` (0x3C or 0x3D); if there is no "
    'display, set `driver = "null"`. Mail is collected all the same.',
    801: "Send a report: `buzon doctor --bundle`; the board goes on by itself.",
    802: "Send a report: `buzon doctor --bundle`; fewer plug-ins, filters and accounts take less.",
    803: "Send a report: `buzon doctor --bundle`. If it happens often, try another power supply first.",
}

NEXT = {
    218: "buzon provision shows the new certificate and pins it; buzon provision SETTINGS.toml gets it with --ca FILE.",
}
"""What the command line adds to a sentence of the firmware that cannot name the command to run."""


_CONNECT = re.compile(r"connect the PC once, or |, or connect the PC once")


def here(code: int, sentence: str) -> str:
    """A sentence of the firmware for a person at the PC that the board is connected to."""
    return _CONNECT.sub("", sentence) if code in (207, 216) else sentence


def told(error: BuzonError) -> str:
    """An error's sentence, with the command to run if the board cannot name it."""
    code = error.code if isinstance(error, BoardRefused | ServerRefused) else 0
    said = here(code, str(error))
    return f"{said} {NEXT[code]}" if code in NEXT else said
