"""The identity of a program: a hash of its forward and backward IR without names (no jax here)."""

import hashlib
import re

# Runs of plain characters are one step, since a constant's string may have millions of them.
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
# A symbol is in quotes if its name isn't ASCII.
_SYMBOL = rf"@(?:[\w.$-]+|{_STRING})"
# A string or a symbol. Strings are matched so that an `@` inside one doesn't count as a symbol.
_TOKEN = re.compile(rf"{_STRING}|{_SYMBOL}")
# Of whole lines. A pattern that begins with fixed text is found in a fraction of the time.
_MODULE = re.compile(rf"\nmodule ({_SYMBOL})")
_FUNCTION = re.compile(rf"\n  func\.func private ({_SYMBOL})")
# The path of a result in the return value of the Python function. It is a name, too.
_RESULT_INFO = re.compile(rf"\{{jax\.result_info = {_STRING}\}}")


def canonicalize_module(module: str) -> str:
    """Rename a module and its private functions by their order of appearance.

    The module becomes `@module`, its private functions `@f0`, `@f1` and so on. Values (`%0`,
    `%arg0`) keep their names, because MLIR's printer numbers them in order. Symbols that the module
    doesn't define, such as the target of a `custom_call`, keep their names, because they are part
    of the computation.

    Args:
      module: The text of a StableHLO module.
    """
    lines = f"\n{module}"
    private = set(_FUNCTION.findall(lines))
    names = {name: "@module" for name in _MODULE.findall(lines) if name not in private}

    def rename(match: re.Match[str]) -> str:
        token: str = match[0]
        if token in private and token not in names:
            names[token] = f"@f{sum(name != '@module' for name in names.values())}"
        return names.get(token, token)

    return _TOKEN.sub(rename, _drop_result_info(module.strip()))


def _drop_result_info(module: str) -> str:
    """Drop the paths of results, each with the space before it."""
    kept, end = [], 0
    for match in _RESULT_INFO.finditer(module):
        kept.append(module[end : match.start()].removesuffix(" "))
        end = match.end()
    return "".join([*kept, module[end:]])


def hash_program(forward: str, backward: str) -> str:
    """Hash a program. Two hashes are equal exactly if the modules are equal after renaming.

    The hash is the first half of the SHA-256 digest of both canonical modules.

    Args:
      forward: The text of the forward module. Use the CPU's, so that the hash doesn't depend on
        the device of the row.
      backward: The text of the backward module.

    Returns:
      32 hex digits.
    """
    # 128 bits: among n programs, two share a hash by chance with a probability of about
    # n**2 / 2**129, which is 1.5e-23 for the largest count of 10**8.
    text = canonicalize_module(forward) + "\n\n" + canonicalize_module(backward)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
