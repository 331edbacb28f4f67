"""The identity of a program: its forward and backward IR without the names (no jax here)."""

import hashlib
import re

# A string, or a symbol. Strings are matched so that an `@` inside one is never taken for a symbol.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|@[\w.$-]+')
_MODULE = re.compile(r"^module @([\w.$-]+)", re.MULTILINE)
_FUNCTION = re.compile(r"^  func\.func private @([\w.$-]+)", re.MULTILINE)
# Where a result stands in the Python function's return value: a name too, and no computation.
_RESULT_INFO = re.compile(r' ?\{jax\.result_info = "(?:[^"\\]|\\.)*"\}')


def canonicalize_module(module: str) -> str:
    """The module's text with its name and its private functions' names in order of appearance.

    Values (`%0`, `%arg0`, …) are numbered by MLIR's printer already. Symbols that the module
    doesn't define (a `custom_call`'s target) stay: they say what is computed.
    """
    private = set(_FUNCTION.findall(module))
    names = {f"@{name}": "@module" for name in _MODULE.findall(module) if name not in private}

    def rename(match: re.Match) -> str:
        token = match[0]
        if token[1:] in private and token not in names:
            names[token] = f"@f{sum(name != '@module' for name in names.values())}"
        return names.get(token, token)

    return _TOKEN.sub(rename, _RESULT_INFO.sub("", module.strip()))


def hash_program(forward: str, backward: str) -> str:
    """32 hex digits, equal exactly for programs whose modules are equal after renaming.

    Take the CPU lowering's modules, so that the hash is the same whatever the row's device.
    """
    text = canonicalize_module(forward) + "\n\n" + canonicalize_module(backward)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
