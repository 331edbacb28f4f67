"""Replaces functions of jax for the thread that is inside a `with`, and for no other.

A shortcut does a step of jax in less time, by names that jax doesn't promise to keep. So it names
each function of jax that it replaces or whose work it does itself, and it is taken only if their
sources are those that it was written for (`sources.json`).
"""

import contextlib
import functools
import hashlib
import importlib
import inspect
import json
import linecache
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jax_ir_synth.lowering.fast.private import private

# The digests of the sources that the shortcuts were written for, by the functions' names.
RECORD = Path(__file__).with_name("sources.json")

Function = Callable[..., Any]


class Shortcut(NamedTuple):
    """A shortcut.

    Attributes:
      name: what messages call it.
      relies_on: the functions of jax whose sources must be known, as `module:name`; those of
        `replaces` needn't be named again.
      replaces: for each function of jax, what makes its replacement, given the function itself.
    """

    name: str
    relies_on: Sequence[str]
    replaces: Mapping[str, Callable[[Function], Function]]

    @property
    def functions(self) -> list[str]:
        """All functions of jax whose sources must be known."""
        return sorted({*self.relies_on, *self.replaces})


# The numbers of settings, with their values.
Differences = tuple[tuple[int, Any], ...]


class _Here(threading.local):
    """Whether the current thread takes the shortcuts, and jax's settings when it began to.

    `last` are the settings that were last compared with these, and `differences` how they differ.
    """

    on = False
    settings: Any = None
    last: Any = None
    differences: Differences = ()


class _Replaced(NamedTuple):
    home: Any
    name: str
    original: Function
    replacement: Function


_here = _Here()
_lock = threading.Lock()


class Replacing:
    """Takes shortcuts inside of `with` blocks.

    jax's functions are replaced as long as any thread is inside, by functions that call the
    original for all other threads. A function that somebody else has replaced stays as it is, and
    its shortcut isn't taken.
    """

    def __init__(self, shortcuts: Sequence[Shortcut]):
        self._shortcuts = shortcuts
        self._inside = 0
        # What is replaced while any thread is inside.
        self._installed: list[_Replaced] = []

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take the shortcuts in this thread, inside the `with` block."""
        self._enter()
        before = _here.on, _here.settings
        if not _here.on:
            _here.on, _here.settings = True, private("config").trace_context()
            _here.last = None
        try:
            yield
        finally:
            _here.on, _here.settings = before
            _here.last = None
            self._leave()

    @functools.cached_property
    def known(self) -> list[Shortcut]:
        """The shortcuts that may be taken; a line in the log says which may not."""
        known, unknown = [], []
        for shortcut in self._shortcuts:
            changed = find_changed(shortcut)
            known += [] if changed else [shortcut]
            unknown += [f"{shortcut.name} ({changed[0]})"] if changed else []
        if unknown:
            logging.getLogger("jax_ir_synth").warning(
                "this version of jax is not the one that the shortcuts of lowering were written "
                "for: rows are right, but take longer (%s)",
                ", ".join(unknown),
            )
        return known

    @functools.cached_property
    def _replaced(self) -> list[list[_Replaced]]:
        """What each known shortcut replaces."""
        found = []
        for shortcut in self.known:
            own = []
            for where, make in shortcut.replaces.items():
                home, name = find_home(where)
                original = getattr(home, name)
                own.append(_Replaced(home, name, original, _dispatch(original, make(original))))
            found.append(own)
        return found

    def _enter(self) -> None:
        _hide_this_file()
        with _lock:
            self._inside += 1
            if self._inside == 1:
                self._install()

    def _leave(self) -> None:
        with _lock:
            self._inside -= 1
            if not self._inside:
                self._uninstall()

    def _install(self) -> None:
        for own in self._replaced:
            if all(getattr(each.home, each.name) is each.original for each in own):
                self._installed += own
        for each in self._installed:
            setattr(each.home, each.name, each.replacement)

    def _uninstall(self) -> None:
        for each in self._installed:
            if getattr(each.home, each.name) is each.replacement:
                setattr(each.home, each.name, each.original)
        self._installed = []


def is_inside() -> bool:
    """Whether this thread takes shortcuts now."""
    return _here.on


def find_settings() -> Differences:
    """Find jax's settings that a trace depends on and that differ from those of the beginning.

    What is kept of a trace serves another one only with the same differences. The settings of the
    beginning are pinned, but for the one by which `lowering.settings` separates jax's own caches.
    """
    settings = private("config").trace_context()
    if settings == _here.settings:
        return ()
    if settings != _here.last:
        pairs = enumerate(zip(settings, _here.settings, strict=True))
        _here.differences = tuple((k, now) for k, (now, first) in pairs if now != first)
        _here.last = settings
    return _here.differences


def _dispatch(original: Function, replacement: Function) -> Function:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (replacement if _here.on else original)(*args, **kwargs)

    return call


@functools.cache
def _hide_this_file() -> None:
    """Tell jax that this file's frames are none of the user's, in locations and tracebacks.

    Another thread may trace and fail through `_dispatch` meanwhile.
    """
    source_info_util = private("source_info_util")
    traceback_util = private("traceback_util")

    source_info_util.register_exclusion(__file__)
    traceback_util.register_exclusion(__file__)


def find_home(where: str) -> tuple[Any, str]:
    """Find the module or class of `module:name` or `module:class.name`, and the name in it."""
    module, _, path = where.partition(":")
    *classes, name = path.split(".")
    home: Any = importlib.import_module(module)
    for each in classes:
        home = getattr(home, each)
    return home, name


def digest_source(where: str) -> str:
    """Digest the source of a function of jax, or those of a class's functions.

    Raises ImportError, AttributeError, OSError or TypeError if there is none.
    """
    home, name = find_home(where)
    found = getattr(home, name)
    functions = [found]
    if isinstance(found, type):
        functions = [each for each in vars(found).values() if hasattr(each, "__code__")]
    sources = [_read_source(function) for function in functions]
    return hashlib.sha256("\0".join(sorted(sources)).encode()).hexdigest()[:16]


def _read_source(function: Function) -> str:
    """Read a function's lines, by their indentation; `inspect` parses whole files, in seconds."""
    code = inspect.unwrap(function).__code__
    if code.co_filename.startswith("<"):
        # A dataclass writes it, by its fields.
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return f"{code.co_name}({', '.join(arguments)})"
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    if not lines:
        raise OSError(f"{code.co_filename} can't be read")
    outside = _measure_indent(lines[0])
    begun = False
    for number, line in enumerate(lines):
        if begun and line.strip() and _measure_indent(line) <= outside and line.lstrip()[0] != ")":
            return "".join(lines[:number]).rstrip()
        begun = begun or line.lstrip().startswith(("def ", "async def ", "lambda"))
    return "".join(lines).rstrip()


def _measure_indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def find_changed(shortcut: Shortcut) -> list[str]:
    """Find the functions of jax that aren't there, or have another source than the recorded one."""
    recorded = _read_record()
    changed = []
    for where in shortcut.functions:
        try:
            same = digest_source(where) == recorded.get(where)
        except (ImportError, AttributeError, OSError, TypeError):
            same = False
        if not same:
            changed.append(where)
    return changed


@functools.cache
def _read_record() -> dict[str, str]:
    found: dict[str, str] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found
