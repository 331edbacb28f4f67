"""Shows the progress of a run as lines on stderr, by looking at its files."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

_SECONDS_BETWEEN_LOOKS = 1.0


@contextlib.contextmanager
def show_progress(what: str, total: int, done: Callable[[], int]) -> Iterator[None]:
    """Inside the `with` block, print a line at each tenth of `total`, as `shards: 100/1000`."""
    ended = threading.Event()
    tenths = 0

    def look() -> None:
        nonlocal tenths
        number = done()
        if number * 10 // total > tenths:
            tenths = number * 10 // total
            print(f"{what}: {number}/{total}", file=sys.stderr, flush=True)

    def watch() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    look()
