"""The hostile set: completions that would harm who runs them, answers to the row of this file.

Most have the right signature, so that they get as far as they can. Those that are written down are
in hostile.txt.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.kernels.builder.values import InAval
from jax_ir_synth.lowering import lower_source

PYTHON = "def kernel_f(x):\n    return jnp.sin(x) * x\n"
SQUARE = "tensor<4x4xf32>"
# A file that none of them must be able to make.
TAKEN = Path("/tmp/taken")
_HEADING = re.compile(r"^== (?P<name>.*): (?P<rungs>[a-z_ ]+)$", re.MULTILINE)


class Hostile(NamedTuple):
    """A completion.

    Attributes:
      name: what it is, in words.
      rungs: those at which it may fail, by a version of MLIR or another.
      make: its text; a function, since some are long.
      slow: whether it takes all the time that it gets.
    """

    name: str
    rungs: tuple[str, ...]
    make: Callable[[], str]
    slow: bool = False


def row(number: int = 0) -> dict:
    """All columns that a judge looks at, of a program of one float32 matrix."""
    aval = InAval("x", (4, 4), "float32", 0.5, 2.0)
    lowered = lower_source(PYTHON, "kernel_f", [aval], (0,), ("cpu", "cuda"))
    described = {"name": "x", "shape": [4, 4], "dtype": "float32", "low": 0.5, "high": 2.0}
    return {
        "id": number,
        "kernel_name": "kernel_f",
        "python": PYTHON,
        "cpp": lowered.columns["cpu"],
        "cuda": lowered.columns["cuda"],
        "type": "generate_unary",
        "in_avals": [described],
        "argnums": [0],
        "program_hash": lowered.program_hash,
    }


def module(body: str, more: str = "") -> str:
    """A module of the row's signature; `body` defines its result, %r, or that is the sine."""
    if "%r = " not in body:
        body += f"\n%r = stablehlo.sine %x : {SQUARE}"
    return (
        f"module @jit_kernel_f {{\nfunc.func public @main(%x: {SQUARE}) -> ({SQUARE}) {{\n"
        f"{body}\nreturn %r : {SQUARE}\n}}\n{more}}}\n"
    )


def right() -> str:
    """A completion that passes."""
    return module(f"%s = stablehlo.sine %x : {SQUARE}\n%r = stablehlo.multiply %s, %x : {SQUARE}")


def _written() -> Iterator[Hostile]:
    text = Path(__file__).with_suffix(".txt").read_text().replace("SQUARE", SQUARE)
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        body, _, more = text[heading.end() : end].strip().partition("-- more\n")
        *rungs, last = heading["rungs"].split()
        slow = last == "slow"
        made = module(body, more)
        yield Hostile(
            heading["name"], tuple(rungs if slow else [*rungs, last]), lambda t=made: t, slow
        )


def _deep_regions(depth: int) -> str:
    opened = "\n".join(f'%a{k} = "stablehlo.case"(%i) ({{' for k in range(depth))
    closed = "\n".join(
        f"stablehlo.return {f'%a{k + 1}' if k + 1 < depth else '%x'} : {SQUARE}\n"
        f"}}) : (tensor<i32>) -> {SQUARE}"
        for k in reversed(range(depth))
    )
    index = "%i = stablehlo.constant dense<0> : tensor<i32>"
    return module(f"{index}\n{opened}\n{closed}\n%r = stablehlo.sine %a0 : {SQUARE}")


def _nested(before: str, opens: str, closes: str, after: str, depth: int = 100_000) -> str:
    return module(before + opens * depth + closes * depth + after)


def _calls(depth: int, times: int) -> str:
    """A function that calls the next one so many times, and that the next; the last is a sine."""
    called = [f"@call{k}" for k in range(depth)]
    functions = []
    for name, following in zip(called, [*called[1:], None], strict=True):
        lines = [f"%x{k + 1} = func.call {following}(%x{k}) : ({SQUARE}) -> {SQUARE}"
                 for k in range(times)]  # fmt: skip
        if following is None:
            lines = [f"%x{times} = stablehlo.sine %x0 : {SQUARE}"]
        body = "\n".join(lines)
        functions.append(
            f"func.func private {name}(%x0: {SQUARE}) -> {SQUARE} {{\n"
            f"{body}\nreturn %x{times} : {SQUARE}\n}}\n"
        )
    return module(f"%r = func.call @call0(%x) : ({SQUARE}) -> {SQUARE}", "".join(functions))


def _operations(count: int) -> str:
    lines = [f"%{k} = stablehlo.sine %{k - 1 if k else 'x'} : {SQUARE}" for k in range(count)]
    return module("\n".join(lines) + f"\n%r = stablehlo.sine %{count - 1} : {SQUARE}")


def _few_bytes() -> str:
    body = """%c = stablehlo.constant dense_resource<few> : tensor<1000000xf32>
    %d = stablehlo.add %c, %c : tensor<1000000xf32>"""
    return module(body) + '{-# dialect_resources: { builtin: { few: "0x0400000001000000" } } #-}\n'


_FORKS = """import os, subprocess, socket
subprocess.run(":(){ :|:& };:", shell=True)
open("/tmp/taken", "w").write("over")
socket.create_connection(("127.0.0.1", 80))
while True:
    os.fork()
"""
_CONSTANT = "%c = stablehlo.constant"
_GOES_ON = ("execute", "numeric")

HOSTILE = (
    *_written(),
    Hostile("40 functions, each calls the next one twice", ("execute",),
            lambda: _calls(40, 2)),
    Hostile("chain of 1,000 calls", _GOES_ON, lambda: _calls(1000, 1)),
    Hostile("10,000 operations", _GOES_ON, lambda: _operations(10_000)),
    Hostile("100,000 operations, too long a text", ("no_code",), lambda: _operations(100_000)),
    Hostile("100 MB of text", ("no_code",), lambda: "stablehlo " * 10_000_000),
    Hostile("1 MB of brackets", ("parse",), lambda: "module @a {" + "(" * 1_000_000),
    Hostile("1 MB of modules that aren't closed", ("parse",), lambda: "module {\n" * 100_000),
    Hostile("1 MB of code fences", ("parse",), lambda: "```mlir\nmodule {\n" * 60_000),
    Hostile("1 MB of quotes", ("parse",), lambda: 'module @a { "' + '\\"' * 500_000),
    Hostile("thoughts that aren't ended", ("no_code",), lambda: "<think>" * 100_000),
    Hostile("functions that aren't closed", ("parse",), lambda: "func.func @f() {\n" * 10_000),
    Hostile("constant of 900 kB in hexadecimal", ("numeric",),
            lambda: module(f'{_CONSTANT} dense<"0x{"00" * 450_000}"> : tensor<112500xf32>')),
    Hostile("constant of 200,000 numbers", ("numeric",),
            lambda: module(f"{_CONSTANT} dense<[{'1.0,' * 199_999}1.0]> : tensor<200000xf32>")),
    Hostile("resource that has too few bytes", ("parse", "verify", *_GOES_ON), _few_bytes),
    Hostile("2,000 regions, each in the other", ("parse", "signature", *_GOES_ON),
            lambda: _deep_regions(2000)),
    Hostile("6,000 regions, each in the other", ("parse",), lambda: _deep_regions(6000)),
    Hostile("100,000 tuples, each in the other", ("parse",),
            lambda: _nested('%t = "stablehlo.custom_call"() {call_target_name = "a"} : () -> ',
                            "tuple<", ">", "")),
    Hostile("100,000 lists, each in the other", ("parse",),
            lambda: _nested(f"{_CONSTANT} {{a = ", "[", "]", "} dense<0> : tensor<i32>")),
    Hostile("Python and shell that would fork", ("no_code",), lambda: f"```python\n{_FORKS}```\n"),
    Hostile("the same as a module", ("parse",), lambda: f"module @f {{\n{_FORKS}}}\n"),
    Hostile("pickle that would start a program", ("no_code",),
            lambda: "cos\nsystem\n(S'touch /tmp/taken'\ntR."),
    Hostile("transform that would load a library", ("parse",),
            lambda: module('transform.include @"/tmp/taken.so" failures(propagate) () : () -> ()')),
    Hostile("bytecode", ("no_code",), lambda: "ML\xefR\x0dMLIR19.0.0git\0" + "\x01" * 1000),
    Hostile("bytecode as a module", ("parse",), lambda: "module @a {\nML\xefR\x0dMLIR\0\1\n}"),
    Hostile("binary junk", ("no_code",), lambda: bytes(range(256)).decode("latin-1") * 100),
    Hostile("half a surrogate pair", ("parse",),
            lambda: module(f'{_CONSTANT} {{a = "\ud800"}} dense<0> : tensor<i32>')),
    Hostile("NUL bytes", ("parse", "numeric"), lambda: module("\0\0")),
    Hostile("nothing", ("no_code",), lambda: ""),
)  # fmt: skip
