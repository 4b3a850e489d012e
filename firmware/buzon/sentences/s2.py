"""Sentences for errors of the way to the server: a line each, its code first; `{}` takes the detail."""

TEXT = """
200 No Wi-Fi ({}): check that the access point is on and near.
201 The Wi-Fi {} refused the password: provision the right one.
202 No Wi-Fi named {} is in range: check its name (2.4 GHz only).
203 The server {} was not found: check its name in the settings.
204 No connection to {}: check host and port, and that the server runs.
205 The server stopped answering ({}): the board will try again.
206 The server closed the connection ({}): the board will try again.
207 The clock says {}, so no certificate can be checked: connect the PC once, or allow NTP.
208 The server's certificate was not accepted ({}): check host name and CA.
209 The server's certificate is for {}: check the host name.
210 The server's certificate {}: set the clock, or have it renewed.
211 The certificate of {} is not signed by the CA on this board: provision the right CA.
212 No secure connection could be made ({}): check the port and the tls setting.
213 The CA certificate {} is not on the board: provision it again.
214 Too little memory is free for a secure connection ({} bytes): restart the board.
215 The server {} offers no STLS: no password was sent; use tls = implicit.
216 No time came from {}: allow NTP (UDP port 123), or connect the PC once.
217 The certificate of {} is signed by nobody but itself: if you trust it, provision it as ca.
218 The certificate of {} is not the one that is pinned: if it was renewed, provision the new one.
"""
