"""Pipes whose readers leave, and devices of a test's own."""

import os
import stat
import threading

import pytest


def make_node(path, kind, major, minor) -> None:
    """Make a device; skips where none can be made."""
    try:
        os.mknod(path, kind | 0o600, os.makedev(major, minor))
        # A file system may have nodes and yet no devices.
        open(path, "r+b" if kind == stat.S_IFCHR else "rb").close()
    except PermissionError as error:
        pytest.skip(f"no device can be made: {error}")
    except OSError:
        # There is no such disk: its node stays one all the same.
        pass


def leave_at_once(path) -> threading.Thread:
    """Make a pipe, with a reader that takes one byte and leaves; to be joined."""
    os.mkfifo(path)

    def read() -> None:
        with open(path, "rb", buffering=0) as pipe:
            pipe.read(1)

    reader = threading.Thread(target=read)
    reader.start()
    return reader
