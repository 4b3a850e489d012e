"""What each error code says to a person: a line each, its number first; `{}` takes the detail. Never kept in memory."""

TEXT = """
100 The settings cannot be used ({}): provision the board again.
101 A setting is wrong ({}): correct it and provision again.
102 The user name or password has a line end or a NUL in it ({}): type it again.
103 The password of {} must be given again, because its server or user changed.
104 There is no account called {} on this board.
105 The plug-in {} is not on this board: install it, or take it out of the settings.
106 There are no new settings to use: send them first.
107 The new settings have not passed their test: test them before you commit.
108 Nothing is deleted from {} until you confirm it: run provision again.
200 No Wi-Fi ({}): check that the access point is on and near.
201 The Wi-Fi {} refused the password: provision the right one.
202 No Wi-Fi named {} is in range: check its name (2.4 GHz only).
203 The server {} was not found: check its name in the settings.
204 No connection to {}: check host and port, and that the server runs.
205 The server stopped answering ({}): the board will try again.
206 The server closed the connection ({}): the board will try again.
207 The clock is not set, so no certificate can be checked: connect the PC once, or allow NTP.
208 The server's certificate was not accepted ({}): check host name and CA.
209 The server's certificate is for another name than {}: check the host name.
210 The server's certificate is not valid at {}: check the clock, or renew it.
211 The certificate of {} is not signed by the CA on this board: provision the right CA.
212 No secure connection could be made ({}): check the port and the tls setting.
213 The CA certificate {} is not on the board: provision it again.
214 Too little memory is free for a secure connection ({} bytes): restart the board.
215 The server {} offers no STLS: no password was sent; use tls = implicit.
300 The program asked for what POP3 does not allow here ({}): please report it.
400 The server gave an answer that is not POP3 ({}): check host and port.
401 What answers there is no POP3 server ({}): check host and port.
402 The server sent data before TLS began: no password was sent; do not trust this network.
500 The server refused: {}
501 The server refused the login ({}): check user and password.
502 The password is wrong ({}): provision the right one, or an app password.
503 Another program has the mailbox open ({}): the board will try again.
504 The server wants more time between logins ({}): the board will wait.
505 The server has a temporary problem ({}): the board will try again.
506 The server says that it will not work without you ({}): ask your provider.
507 The server cannot number messages for keep = forever ({}): use keep = delete.
508 The server offers no way to log in that the settings allow ({}).
600 The flash is full ({}): read and delete mail on the board; nothing is lost.
601 The flash gave an error ({}): restart the board.
602 There is no message {} on this board.
603 Files may not be written to {}.
700 A damaged serial frame was dropped ({}): send it again.
701 This board does not know the request {}: update board and PC to the same version.
702 The request was wrong ({}).
703 The board was restarted or another PC took over: say hello again.
704 The data could not be decoded ({}).
705 The board is busy ({}): try again in a moment.
706 The data is too long ({}).
800 The display does not answer ({}): check its wiring and address.
801 Something unexpected happened ({}): please report it.
802 The board ran out of memory ({}): please report it.
"""
