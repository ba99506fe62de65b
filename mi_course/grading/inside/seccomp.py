"""A filter on system calls, for what no answer needs and an attack might.

Making namespaces and mounts, looking into other processes, changing their limits, memory that
outlives a process, and loading code into the kernel are refused with EPERM from here on, for this
process and all that it starts. Where Landlock is the wall, so is what Landlock does not look at.
A classic BPF program is handed to the kernel; there is no way to take it off again.
Source: seccomp(2). In goes which wall stands, out comes whether the filter is in place.
"""

import ctypes
import errno
import os
import platform
import struct

from mi_course.grading.inside.rights import LIBRARY, LINUX, no_new_privileges
from mi_course.grading.inside.syscalls import MACHINES, REFUSED, UNWALLED, Machine

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, EQUAL, ANY_BIT, AT_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data, little-endian
NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* flag
UNNAMED_FILE = 0x400000  # the bit that makes O_TMPFILE more than O_DIRECTORY
OTHER_ABI = 0x40000000  # x32 numbers on x86-64
# What may be asked of a descriptor: terminal-like questions (also close-on-exec, non-blocking).
IOCTLS = ((0x5400, 0x5500),)
# Duplicates, flags and locks; open-file locks; close-on-exec duplicates and sizes of pipes. Not
# whom to send signals to, and no leases or watches.
FCNTLS = ((0, 8), (36, 39), (1030, 1033))


def program(machine: Machine, *, unwalled: bool = False, only_pid: int = 0) -> bytes:
    """The filter for one machine, as an array of `struct sock_filter`.

    Args:
        machine: the processor family.
        unwalled: whether no namespaces stand around the process, but Landlock.
        only_pid: the one process that may be sent signals; 0 leaves that to another wall.

    Returns:
        The steps, 8 bytes each.
    """
    numbers = machine.numbers
    steps = [
        _step(LOAD, ARCHITECTURE), _step(EQUAL, machine.audit, 1, 0), _step(RETURN, KILL),
        _step(LOAD, NUMBER), _step(AT_LEAST, OTHER_ABI, 0, 1), _step(RETURN, EPERM),
    ]  # fmt: skip
    for name in (*REFUSED, *(UNWALLED if unwalled else ())):
        if name in numbers:  # some old calls exist on one processor only
            steps += _when(numbers[name], [_step(RETURN, EPERM)])
    # The C library falls back to clone, whose flags a filter can read.
    steps += _when(numbers["clone3"], [_step(RETURN, ENOSYS)])
    steps += _without_bits(numbers["clone"], 0, NEW_NAMESPACES)
    # Limits of this process (pid 0) may be set, those of another may not.
    steps += _only(numbers["prlimit64"], 0, ((0, 1),))
    if unwalled:
        steps += _of_files(numbers)
    if only_pid:
        steps += _when(numbers["tkill"], [_step(RETURN, EPERM)])
        for name in ("kill", "tgkill"):
            steps += _only(numbers[name], 0, ((only_pid, only_pid + 1),))
    return b"".join([*steps, _step(RETURN, ALLOW)])


def install(*, unwalled: bool = False, only_own: bool = False) -> bool:
    """Put the filter in place for good; False on a machine that it does not know.

    Args:
        unwalled: whether no namespaces stand around the process, but Landlock.
        only_own: whether signals may go to this very process only.

    Returns:
        Whether the filter is in place.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None or not LINUX:
        return False
    code = program(machine, unwalled=unwalled, only_pid=os.getpid() if only_own else 0)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a length, padding, and a pointer to the steps.
    head = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    no_new_privileges()
    return LIBRARY.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0) == 0


def _of_files(numbers: dict[str, int]) -> list[bytes]:
    """Rules that keep files where their size is seen, and descriptors to themselves."""
    steps = _when(numbers["openat2"], [_step(RETURN, ENOSYS)])  # its flags cannot be read here
    steps += _only(numbers["ioctl"], 1, IOCTLS) + _only(numbers["fcntl"], 1, FCNTLS)
    steps += _without_bits(numbers["openat"], 2, UNNAMED_FILE)
    return steps + (_without_bits(numbers["open"], 1, UNNAMED_FILE) if "open" in numbers else [])


def _when(number: int, steps: list[bytes]) -> list[bytes]:
    """Steps for one system call; they must all end in a return."""
    return [_step(EQUAL, number, 0, len(steps)), *steps]


def _only(number: int, argument: int, ranges: tuple[tuple[int, int], ...]) -> list[bytes]:
    """Refuse a call unless the low half of an argument lies in one of the ranges."""
    steps = [_step(LOAD, ARGUMENTS + 8 * argument)]
    for first, end in ranges:
        steps += [_step(AT_LEAST, first, 0, 2), _step(AT_LEAST, end, 1, 0), _step(RETURN, ALLOW)]
    return _when(number, [*steps, _step(RETURN, EPERM)])


def _without_bits(number: int, argument: int, bits: int) -> list[bytes]:
    """Refuse a call whose argument has any of the bits."""
    steps = [_step(LOAD, ARGUMENTS + 8 * argument), _step(ANY_BIT, bits, 0, 1)]
    return _when(number, [*steps, _step(RETURN, EPERM), _step(RETURN, ALLOW)])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
