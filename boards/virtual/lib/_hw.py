"""The wire between the virtual board and its runner: packets out, records in. The fakes share it.

Out (a datagram each): a letter, a byte, data. In (a pipe): records of 4 bytes, letter, a, b (16 bits).
"""

import json
import os
from struct import pack

import utime
from micropython import const

STAT_IDLE = const(1000)
STAT_CONNECTING = const(1001)
STAT_GOT_IP = const(1010)

# What the runner says of this boot: paths, file descriptors, how the board is wired.
config = json.loads(os.getenv("BUZON_HW"))
wire = open(config["in"], "rb")
_out = open(config["out"], "wb")
_record = bytearray(4)
_packet = bytearray(1100)

clock = config["clock"]  # board time (ns since 2000) minus the host's (ns since 1970)
wifi = STAT_IDLE
radio = False  # the station is active
taken = 0  # bytes of an ESP32's memory beside the heap that something has taken
dns_s = 0  # a name is answered for after so many seconds, with a failure; 0: at once
dead = False  # the link is up, and nothing goes through it until it is left
attempt = 0  # which connect() a Wi-Fi record answers
networks = None  # answer to a scan: JSON
levels = bytearray(b"\x01" * 64)  # of the pins; open inputs are pulled up
irqs = {}  # pin number -> (handler, trigger, Pin)
_serving = False  # an interrupt's handler runs
fds = bytearray(256)  # 1: this descriptor is a socket of the firmware's


def send(letter, data=b"", a=0):
    """One packet to the runner: letter, a byte, data. Without an allocation up to 1,098 bytes of data."""
    n = len(data) + 2
    if n > len(_packet):
        _out.write(letter + bytes((a,)) + data)
        return
    _packet[0] = ord(letter)
    _packet[1] = a
    _packet[2:n] = data
    _out.write(_packet, n)


def halt():
    """Wait for the runner to take the power away. Never returns, and runs no `finally`."""
    while True:
        try:
            utime.sleep(1)
        except KeyboardInterrupt:
            pass


ballast = []  # (socket, memory) of each open TLS connection


def _closed(sock):
    if sock.fileno() < 0:
        return True
    try:
        sock.setsockopt(1, 9, 0)  # SO_KEEPALIVE off, as it is: 1.25 leaves a closed socket its number
    except OSError:
        return True
    return False


def release_ballast():
    """Give back the memory of the TLS connections that were closed."""
    for i in range(len(ballast) - 1, -1, -1):
        sock, pieces = ballast[i]
        if _closed(sock):
            for piece in pieces:
                piece.close()
            ballast.pop(i)


def service():
    """Do what the runner asks for. Returns whether there was something.

    The handler of an interrupt finds the pin as it was at that edge, whatever has come since.
    """
    global wifi, dead, dns_s, taken, networks, _serving
    done = False
    if _serving:
        return done
    if ballast:
        release_ballast()
    while True:
        n = wire.readinto(_record)
        if n is None:
            return done
        if not n:  # the runner is gone, and its board goes with it
            os.system("kill -9 $PPID")
            halt()
        done = True
        letter = _record[0]
        a = _record[1]
        b = _record[2] | _record[3] << 8
        if letter == 87:  # W: Wi-Fi state, answering connect() number a
            if a == attempt:
                was = wifi
                wifi = b
                if b != STAT_GOT_IP:
                    dead = False
                if was == STAT_GOT_IP and b != STAT_GOT_IP:
                    cut_sockets()
        elif letter == 68:  # D: the link is dead
            if wifi == STAT_GOT_IP:
                dead = True
                cut_sockets()
        elif letter == 81:  # Q: DNS hangs for b seconds
            dns_s = b
        elif letter == 77:  # M: b KB of the memory beside the heap are taken, until the chip is reset
            taken = b << 10
        elif letter == 66:  # B: the level of pin a
            was = levels[a]
            levels[a] = b
            if a in irqs and was != b:
                handler, trigger, pin = irqs[a]
                if trigger & (1 if b else 2):
                    _serving = True
                    try:
                        handler(pin)
                    finally:
                        _serving = False
        elif letter == 78:  # N: b bytes of networks follow
            networks = wire.read(b)


def dead_socket():
    """A socket on which all fails, and at once. One of TCP would go on to connect, past the Wi-Fi, and a blocking one
    for minutes: so it is of a kind (AF_UNIX, SOCK_SEQPACKET) that knows no addresses of the Internet."""
    import usocket

    return usocket.socket(1, 5)


def cut_sockets():
    """Every open socket of the firmware dies: reads and writes fail, poll says HUP.

    The socket objects keep their numbers, so each number is given to a dead socket.
    """
    for fd in range(len(fds)):
        if fds[fd]:
            fds[fd] = 0
            open(fd, "rb").close()
            lower = []
            while True:
                dead = dead_socket()
                if dead.fileno() >= fd:
                    break
                lower.append(dead)
            if dead.fileno() > fd:
                lower.append(dead)
            for sock in lower:
                sock.close()


def set_clock(seconds):
    """The board's clock: seconds since 2000."""
    global clock
    clock = seconds * 1000000000 - utime.time_ns()
    send(b"t", pack("<q", clock))
