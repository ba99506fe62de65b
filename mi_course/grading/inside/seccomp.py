"""A filter on system calls, for what no answer needs and an attack might.

Making namespaces and mounts, looking into other processes, changing their limits, and loading code
into the kernel are refused with EPERM from here on, for this process and all that it starts. A
classic BPF program is handed to the kernel; there is no way to take it off again.
Source: seccomp(2). Nothing goes in; out comes whether the filter is in place.
"""

import ctypes
import errno
import platform
import struct
from typing import NamedTuple

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, ANY_BIT, AT_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* flag
OTHER_ABI = 0x40000000  # x32 numbers on x86-64

# Refused alike on both machines: the newer calls have one number everywhere.
SHARED = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsmount": 432, "pidfd_getfd": 438, "mount_setattr": 442,
}  # fmt: skip
CLONE3 = 435


class Machine(NamedTuple):
    """Numbers of one processor family: its audit code, calls with a rule, and refused calls."""

    audit: int
    clone: int
    prlimit: int
    refused: dict[str, int]


MACHINES = {
    "x86_64": Machine(0xC000003E, 56, 302, {
        "ptrace": 101, "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166,
        "init_module": 175, "delete_module": 176, "kexec_load": 246, "add_key": 248,
        "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298,
        "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310,
        "process_vm_writev": 311, "finit_module": 313, "bpf": 321, "userfaultfd": 323,
    }),
    "aarch64": Machine(0xC00000B7, 220, 261, {
        "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "unshare": 97,
        "kexec_load": 104, "init_module": 105, "delete_module": 106, "ptrace": 117,
        "add_key": 217, "request_key": 218, "keyctl": 219, "perf_event_open": 241,
        "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
        "process_vm_writev": 271, "finit_module": 273, "bpf": 280, "userfaultfd": 282,
    }),
}  # fmt: skip


def program(machine: Machine) -> bytes:
    """The filter for one machine, as an array of `struct sock_filter`."""
    eperm, enosys = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS
    steps = [
        _step(LOAD, ARCHITECTURE), _step(EQUAL, machine.audit, 1, 0), _step(RETURN, KILL),
        _step(LOAD, NUMBER), _step(AT_LEAST, OTHER_ABI, 0, 1), _step(RETURN, eperm),
    ]  # fmt: skip
    for number in (*machine.refused.values(), *SHARED.values()):
        steps += [_step(EQUAL, number, 0, 1), _step(RETURN, eperm)]
    # The C library falls back to clone, whose flags a filter can read.
    steps += [_step(EQUAL, CLONE3, 0, 1), _step(RETURN, enosys)]
    steps += [_step(EQUAL, machine.clone, 0, 4), _step(LOAD, FIRST_ARGUMENT)]
    steps += [_step(ANY_BIT, NEW_NAMESPACES, 0, 1), _step(RETURN, eperm), _step(RETURN, ALLOW)]
    # Limits of this process (pid 0) may be set, those of another may not.
    steps += [_step(EQUAL, machine.prlimit, 0, 4), _step(LOAD, FIRST_ARGUMENT)]
    steps += [_step(EQUAL, 0, 1, 0), _step(RETURN, eperm), _step(RETURN, ALLOW)]
    return b"".join([*steps, _step(RETURN, ALLOW)])


def install() -> bool:
    """Put the filter in place for good; False on a machine that it does not know."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    code = program(machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a length, padding, and a pointer to the steps.
    head = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0) == 0


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
