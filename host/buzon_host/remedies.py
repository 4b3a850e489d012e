"""What to do about each error code of the firmware, said at more length than its sentence has room for.

`buzon doctor` shows it, and docs/troubleshooting.md is made of it. A code whose sentence says all has none.
"""

from .errors import BoardRefused, BuzonError, ServerRefused

REMEDIES = {
    100: "Run `buzon provision`: the settings on the flash are damaged or of another version.",
    101: "The path before the colon names the setting; docs/settings.md says what it may be.",
    102: "Passwords that are pasted often bring a line end along: type it, or paste it without one.",
    103: "A password is sent to no server but the one that it was given for: run `buzon provision` and give it.",
    104: "`buzon status` lists the accounts; their names are the `id` in the settings.",
    105: "`buzon boards` says which displays a board has; a plug-in of your own belongs into /lib on the board.",
    106: "A program that speaks to the board itself has left out `settings.stage`; `buzon provision` does not.",
    107: "Run `buzon provision` again: it sends, tests and commits.",
    108: "Until then mail is collected and shown, and stays on the server: run `buzon provision` and say yes, or "
    "write `delete_confirmed = true`.",
    200: "Bring the board nearer to the access point, and see whether `buzon provision` lists the network; a "
    "board knows 2.4 GHz only, and WPA2 rather than WPA3 alone.",
    201: "Run `buzon provision` with the Wi-Fi's password: capitals count, and blanks at its end too.",
    202: "Capitals count in a network's name; a network of 5 GHz alone is not seen by a board, so switch 2.4 GHz "
    "on in the access point.",
    203: "Compare `host` with what your provider says; if it is right, the network's DNS does not answer the "
    "board: restart the router, or try another network.",
    204: "Is the mail server running, and are `host` and `port` in the settings its own (995 for implicit TLS, 110 "
    "for STARTTLS)? If so, a firewall or a guest network may let no mail through.",
    205: "Once in a while this is nothing; if it stays, the Wi-Fi is weak or the server overloaded: look at "
    "the signal in `buzon status`.",
    206: "If it stays, port and `tls` may not fit each other, or the server turns you away for too many logins: "
    "make `poll_s` longer.",
    207: "Connect the PC and run `buzon provision`, which sets the clock; or let UDP port 123 through to the "
    "server in `time.ntp`.",
    208: "Run `buzon check SETTINGS.toml` from the PC: it says whether the server or the board is at fault.",
    209: "Use a host name that the certificate is for: your provider's page says which; do not switch "
    "`tls_verify` off for it.",
    210: "If the date that the clock says is wrong, allow NTP or run `buzon provision`; if it is right, the "
    "server's owner must renew the certificate.",
    211: "Run `buzon provision` again: it finds the public CA of the server; a server with a CA of its own needs "
    "`--ca FILE`; if neither helps, somebody may be in the middle: use another network.",
    212: '995 goes with `tls = "implicit"`, 110 with `tls = "starttls"`; a server that knows only TLS 1.1 or '
    "older is too old.",
    213: "Run `buzon provision` again: it sends the certificate.",
    214: "If it comes back after a restart: take plug-ins, accounts or the display out of the settings, and "
    "send a report (`buzon doctor --bundle`).",
    215: 'Set `tls = "implicit"` and `port = 995`; if the server has neither, its passwords are not safe there.',
    216: "Look at `time.ntp`; some networks let only their own time server through, which is often the router.",
    217: "Compare its fingerprint with what the server's owner says; then run `buzon provision` and say yes, or "
    "give the certificate with `--ca FILE`.",
    218: "Ask the server's owner whether it was renewed: if not, somebody is in the middle. If it was, run `buzon "
    "provision`, which shows the new one and pins it, or `buzon provision SETTINGS.toml --ca FILE` with the new "
    "certificate.",
    300: "Send a report: `buzon doctor --bundle`.",
    400: "A web or SMTP port answers in other words: POP3 has 995 or 110; if it was right yesterday, send a "
    "report (`buzon doctor --bundle`).",
    401: "A web or SMTP port answers in other words: POP3 has 995 or 110; a guest network's login page does so "
    "too.",
    402: 'Use `tls = "implicit"` with port 995; until then do not use this network for mail.',
    403: "The server asked for a proof of the password and did not give its own: it may not be your provider's; "
    "run `buzon check SETTINGS.toml` from another network.",
    404: "Nothing, if it ends by itself: the server has dropped a command, or tells wrong sizes, and the board finds "
    "out which. If it stays, write to your provider.",
    500: "The words are the server's own; your provider can say what they mean.",
    501: "Many providers want POP switched on in their settings, and an app password in place of your own: "
    "`buzon provision` says for yours where.",
    502: "Many providers want an app password in place of your own: `buzon provision` says for yours where to "
    "make one.",
    503: "Close the mail program that has the mailbox open; if that happens often, make `poll_s` longer on both.",
    504: "Set `poll_s` to the time that the server asks for, often 600 or 900.",
    505: "If it stays for hours, look at your provider's status page.",
    506: "The board asks once a day from now on; `buzon sync` asks at once, when your provider has mended it.",
    507: "With these three nothing has to be recognized again from one session to the next.",
    508: 'Set `auth = "auto"` and use TLS; a provider that wants OAuth alone needs `oauth`, a token.',
    600: "`buzon mail pull` copies all to the PC, `buzon wipe --what mail` makes room; `storage.full` says what "
    "is done when this happens. If you have set `storage.quota_bytes`, that is what may be full.",
    601: "If it comes back, the flash is worn or the file system damaged: pull the mail, then `buzon wipe --what "
    "all` and provision again.",
    602: "It was deleted meanwhile, or the id is of another board: `buzon mail list` shows what there is.",
    603: "Files go below /certs/ and /lib/ only; settings and mail have their own ways.",
    700: "If it happens often, try another cable or another USB port.",
    701: "`buzon doctor` shows both versions.",
    702: "A program that speaks to the board itself sent it: docs/PROTOCOL.md lists what each request takes.",
    703: "Run the command again: the tool says hello by itself.",
    704: "If it happens often, try another cable; otherwise update board and PC to the same version.",
    705: "A sync or a test of settings runs: `buzon status` shows how far it is.",
    706: "Settings have at most 2,048 bytes: shorten filters, or take an account out.",
    800: "Look at the wires of SDA and SCL, at 3.3 V and ground, and at `display.addr` (0x3C or 0x3D); mail is "
    "collected all the same.",
    801: "Send a report: `buzon doctor --bundle`; the board goes on by itself.",
    802: "Send a report: `buzon doctor --bundle`; fewer plug-ins, filters and accounts take less.",
    803: "Send a report: `buzon doctor --bundle`; if it happens often, try another power supply first.",
}

NEXT = {
    218: "buzon provision shows the new certificate and pins it; buzon provision SETTINGS.toml gets it with --ca FILE.",
}
"""Where a sentence of the firmware's knows no command: what is said after it on the command line."""


def told(error: BuzonError) -> str:
    """The sentence of an error, with the command to run where the board cannot name it."""
    code = error.code if isinstance(error, BoardRefused | ServerRefused) else 0
    return f"{error} {NEXT[code]}" if code in NEXT else str(error)
