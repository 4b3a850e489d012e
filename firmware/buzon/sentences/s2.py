"""Sentences for errors about the way to the server: one per line, its code first; `{}` takes the detail."""

TEXT = """
200 No Wi-Fi ({}): check that the access point is on and within reach.
201 The Wi-Fi "{}" refused the password: run buzon provision with the right one.
202 No Wi-Fi named "{}" is in range: check its name (2.4 GHz only).
203 The server {} was not found: check its name in the settings.
204 No connection to {}: check host and port, and that the server is running.
205 The server stopped answering ({}): the board will try again.
206 The server closed the connection ({}): the board will try again.
207 The clock says {}, so no certificate can be checked: connect the PC once, or allow NTP.
208 The server's certificate was not accepted ({}): check the host name and the CA.
209 The server's certificate is for {}: check the host name.
210 The server's certificate {}: set the clock, or have it renewed.
211 The certificate of {} is not signed by the CA on this board, or its chain has gaps or a wrong order: check the CA.
212 No secure connection could be made ({}): check the port and the tls setting.
213 The board has no CA certificate that it can use ({}): run buzon provision with one of RSA or ECDSA.
214 Too little memory is free for a secure connection ({} bytes): restart the board.
215 The server refused STLS ({}), so no password was sent: use tls = implicit.
216 No time came from {}: allow NTP (UDP port 123), or connect the PC once.
217 The certificate of {} is self-signed: if you trust it, run buzon provision.
218 The certificate of {} is not the one that is pinned: if it was renewed, run buzon provision.
219 The server {} wants a TLS version, cipher or kind of key that this board lacks: the board speaks TLS 1.2.
220 The server {} sends more certificates than the board can check: run buzon provision with an intermediate CA.
221 The connection was lost while TLS began ({}): check the port and the tls setting, or try again later.
222 The CA on this board signed the certificate of {} but lacks BasicConstraints: run buzon provision with a proper CA.
"""
