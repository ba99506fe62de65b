"""What a process may do by rank: its user, its capabilities, and who may look into it.

Limits on processes do not hold for root, so the driver becomes a user of its own before it reads
anything of the course. Of root's capabilities it keeps at most one, where the tier needs it; a
process that runs a student's code keeps none, but for the right to read where the interpreter
lies in a folder that other users cannot enter (Landlock still says what may be read).
Source: capabilities(7), prctl(2). Nothing here goes in or out but numbers of capabilities.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable

DAC_READ_SEARCH, SYS_ADMIN = 2, 21  # capabilities
PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_CHILD_SUBREAPER = 4, 8, 36
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
VERSION_3 = 0x20080522  # of struct __user_cap_header_struct
LINUX = sys.platform == "linux"
LIBRARY = ctypes.CDLL(None, use_errno=True)


def become(uid: int, keep: Iterable[int] = ()) -> None:
    """Give up root for good, and every capability but those to keep.

    Args:
        uid: user and group to become where this is root.
        keep: capabilities that stay, where this process has them.

    Raises:
        PermissionError: it would stay root.
    """
    if os.getuid() == 0:
        if uid == 0:
            raise PermissionError("the grader's driver was started as root without another uid")
        _prctl(PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    keep_only(keep)
    dumpable(True)


def keep_only(capabilities: Iterable[int]) -> None:
    """Drop every capability but these; those that this process lacks are not gained."""
    if not LINUX:
        return
    wanted = sum(1 << each for each in capabilities) & held()
    low, high = wanted & 0xFFFFFFFF, wanted >> 32
    # Effective, permitted, inheritable: first the low halves of all three, then the high ones.
    body = struct.pack("=6I", low, low, 0, high, high, 0)
    if LIBRARY.capset(_header(), body) != 0:
        raise OSError(ctypes.get_errno(), "capabilities could not be dropped")
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)


def held() -> int:
    """The permitted capabilities of this process, one bit each."""
    if not LINUX:
        return 0
    body = ctypes.create_string_buffer(24)
    LIBRARY.capget(_header(), body)
    _, low, _, _, high, _ = struct.unpack("=6I", body.raw)
    return low | high << 32


def no_new_privileges() -> None:
    """From here on no program that is started gains a right, whatever its file says."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def dumpable(yes: bool) -> None:
    """Whether processes of the same user may look into this one's memory."""
    _prctl(PR_SET_DUMPABLE, int(yes))


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent dies, so that they can be waited for."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _header() -> bytes:
    return struct.pack("=Ii", VERSION_3, 0)


def _prctl(option: int, value: int) -> None:
    if LINUX:
        LIBRARY.prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3)
