"""Runs a program under the filters that systemd would make of a unit: `filtered.py SYSCALLS FAMILIES PROGRAM...`.

`SYSCALLS` and `FAMILIES` are lists with commas, of what is allowed; the rest ends with EPERM. Memory that is
writable and executable is refused (`MemoryDenyWriteExecute=`), and so are new privileges. A program of its own, because
a filter cannot be taken off again; it calls libseccomp, which systemd itself needs.
"""

import ctypes
import errno
import mmap
import os
import socket
import sys

ALLOW = 0x7FFF0000
REFUSE = 0x00050000
EQUAL, MASKED_EQUAL = 4, 7
SET_NO_NEW_PRIVILEGES = 38
WRITABLE, EXECUTABLE = mmap.PROT_WRITE, mmap.PROT_EXEC

seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p


class Comparison(ctypes.Structure):
    """One condition on an argument of a system call."""

    _fields_ = [
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    ]


def filters(names: list[str], families: list[str]) -> ctypes.c_void_p:
    """A filter that is not in force yet."""
    context = ctypes.c_void_p(seccomp.seccomp_init(REFUSE | errno.EPERM))
    conditional = {
        # Several rules for one call: any of them will do.
        "socket": [Comparison(0, EQUAL, getattr(socket, family), 0) for family in families],
        "mmap": [Comparison(2, MASKED_EQUAL, bit, 0) for bit in (WRITABLE, EXECUTABLE)],
        "mprotect": [Comparison(2, MASKED_EQUAL, EXECUTABLE, 0)],
        "pkey_mprotect": [Comparison(2, MASKED_EQUAL, EXECUTABLE, 0)],
    }
    for name in names:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number < 0:  # a call of other processors
            continue
        if name not in conditional:
            require(seccomp.seccomp_rule_add_array(context, ALLOW, number, 0, None))
        for condition in conditional.get(name, []):
            require(seccomp.seccomp_rule_add_array(context, ALLOW, number, 1, ctypes.byref(condition)))
    return context


def require(outcome: int) -> None:
    """Negative numbers are errors."""
    if outcome < 0:
        raise OSError(-outcome, os.strerror(-outcome))


def main(names: str, families: str, *program: str) -> None:
    """Becomes the program."""
    context = filters(names.split(","), families.split(","))
    require(ctypes.CDLL(None).prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    require(seccomp.seccomp_load(context))
    os.execv(program[0], program)


if __name__ == "__main__":
    main(*sys.argv[1:])
