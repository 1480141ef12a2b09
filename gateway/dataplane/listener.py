"""The listener: how a worker stops taking connections without breaking one.

Owns the time between SIGTERM and the server's own shutdown. When a listening socket is closed, the kernel resets the connections
that wait in its queue, and the server closes those whose request it has not read yet; both look like a failed call. So new ones
are kept away first: a filter on the socket drops SYN packets, what is under way arrives, is accepted and read, and only then does
the server begin to stop. A client whose SYN was dropped repeats it after a second and meets another worker.

Idle connections are closed by the server all the same: a client must expect that of any server. Also here, because it is an
option of the same socket: how long a client may take nothing before its connection is reset.
"""

import asyncio
import ctypes
import os
import signal
import socket
import stat
import struct

# From a SYN to the whole head of a request over a slow line; less than the second after which clients repeat a SYN.
SETTLE_S = 0.3
# Longer than the watch waits for a reader (`watch.CLIENT_STALL_S`), which lets go of the upstream in good order.
STALL_S = 50.0
LOOK_AGAIN_S = 0.05
_SO_ATTACH_FILTER = 26  # linux/asm-generic/socket.h; Python has no name for it
# Classic BPF (linux/filter.h) on a TCP header: byte 13 holds the flags, bit 2 is SYN; 0 drops the packet.
_DROP_SYN = b"".join(
    struct.pack("=HBBI", *step) for step in ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
)  # load byte 13; if it has the bit go on, else skip one; return 0; return everything


def leave_softly(port: int) -> None:
    """From now on SIGTERM keeps new connections away from this process; SETTLE_S later follows the SIGINT by which it stops.

    Call inside the server's loop, in the main thread.
    """
    loop = asyncio.get_running_loop()

    def leave() -> None:
        # Stays in place: a service manager and the supervisor may both send the signal, and the second must not kill.
        keep_away(port)
        loop.call_later(SETTLE_S, os.kill, os.getpid(), signal.SIGINT)

    loop.add_signal_handler(signal.SIGTERM, leave)


def keep_away(port: int) -> int:
    """Drops new connections to the sockets of this process that listen on a TCP port. Returns how many sockets those are."""
    program = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
    filter_program = struct.pack("@HP", len(_DROP_SYN) // 8, ctypes.addressof(program))
    return _set_on_listeners(port, socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_program)


def give_up_stalled(port: int, tries: int = 200) -> None:
    """Has the kernel reset connections whose client takes nothing for STALL_S.

    The application can only stop writing: the server waits for ever until the socket takes what it holds already. Connections
    inherit the option from the socket that accepted them (tcp(7), TCP_USER_TIMEOUT; also holds for a window that stays closed).
    The server opens that socket a moment after the application was started, so it is looked for until it is there.
    """
    if not _set_on_listeners(port, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(STALL_S * 1000)) and tries > 1:
        asyncio.get_running_loop().call_later(LOOK_AGAIN_S, give_up_stalled, port, tries - 1)


def _set_on_listeners(port: int, level: int, option: int, value: int | bytes) -> int:
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            # Looked at first: a copy of what turns out to be no socket would stay open, and with it the lock of a locked file.
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as listener:
                if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and listener.getsockname()[1] == port:
                    listener.setsockopt(level, option, value)
                    found += 1
        except OSError:
            continue  # not a socket, or one of a kind without these options
    return found
