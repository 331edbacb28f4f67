"""The command `lower`: prints the IR of a user's function and of its gradient."""

import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.exit_codes import CommandError, report_unfinished
from jax_ir_synth.errors import JaxIrSynthError, UsageError
from jax_ir_synth.request.config import DEVICES
from jax_ir_synth.request.dialects import DEFAULT, DIALECTS
from jax_ir_synth.request.targets import TARGETS
from jax_ir_synth.storage import outputs

# MLIR's names of element types, with NumPy's.
DTYPES = {
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "i32": "int32",
    "i16": "int16",
    "i8": "int8",
    "ui32": "uint32",
    "ui16": "uint16",
    "ui8": "uint8",
    "i1": "bool",
}
_MLIR = re.compile(r"(?P<shape>(?:\d+x)*)(?P<dtype>[a-z]+\d+)")
_JAX = re.compile(r"(?P<dtype>[a-z]+\d*)\[(?P<shape>\d+(?:,\d+)*)?\]")


class Aval(NamedTuple):
    """An argument's shape and dtype."""

    shape: tuple[int, ...]
    dtype: str


class Shape(options.Type):
    """An argument as MLIR writes it, `8x16xf32`, or as JAX does, `float32[8,16]`."""

    name = "shape"

    def read(self, text: str, name: str) -> Aval:
        """Parse the shape and the dtype."""
        if match := _MLIR.fullmatch(text):
            numbers = match["shape"].split("x")[:-1]
        elif match := _JAX.fullmatch(text):
            numbers = match["shape"].split(",") if match["shape"] else []
        else:
            raise UsageError(f"`{name}` (={text}) must be like 8x16xf32, f32 or float32[8,16]")
        dtype = DTYPES.get(match["dtype"], match["dtype"])
        if dtype not in DTYPES.values():
            known = ", ".join(DTYPES)
            raise UsageError(f"`{name}` (={text}) must have one of the element types {known}")
        return Aval(tuple(map(int, numbers)), dtype)


@click.command(
    "lower",
    cls=Command,
    help="Print the compiler IR of a function of JAX arrays, and of its gradient. The text has the "
    "header and the sections of a row's. No GPU is needed, and nothing is executed but what the "
    "module does when it is imported.",
    epilog="Example: jax-ir-synth lower model.py:gelu_residual 8x16xf32 16x16xf32 --device cuda",
)
@options.argument(
    "function",
    "FUNCTION",
    help="module:function, or file.py:function",
)
@options.argument(
    "shapes",
    "SHAPE",
    type=Shape(),
    nargs=-1,
    help="of each argument its shape and dtype, as MLIR writes them: 8x16xf32, or f32 for a scalar "
    "(float32[8,16] is read too)",
)
@options.option(
    "--device",
    type=options.OneOf(DEVICES),
    default="both",
    metavar="NAME",
    help=f"{', '.join(DEVICES)}: one text for each device",
)
@options.option(
    "--dialect",
    type=options.Name(DIALECTS),
    default=DEFAULT,
    metavar="NAME[,NAME...]",
    help=f"{', '.join(DIALECTS)}; several give a section each",
)
@options.option(
    "--target",
    type=options.Name(tuple(TARGETS)),
    metavar="NAME[,NAME]",
    help=f"what optimized_hlo, llvm and asm are compiled for: {', '.join(TARGETS)}",
)
@options.option(
    "--argnums",
    type=options.Integer(low=0),
    several=True,
    metavar="N [N...]",
    help="the arguments to differentiate by, counted from 0  [default: all floating-point ones]",
)
@options.option("--name", metavar="NAME", help="the module's name  [default: the function's own]")
@options.output("a file, or - for the standard output  [default: -]", "FILE")
@options.overwrite
@options.flag("-v", "--verbose", help="print the traceback of an error in the function too")
def command(
    function: str,
    shapes: Sequence[Aval],
    device: str,
    dialect: str,
    target: str | None,
    argnums: Sequence[int],
    name: str | None,
    output: Path | None,
    overwrite: bool,
    verbose: bool,
) -> int:
    """Print the texts, the CPU's first."""
    path = Path("-") if output is None else output
    outputs.check({"--output": path}, {"FUNCTION": _file_of(function)}, overwrite)
    from jax_ir_synth.request import dialects, targets

    chosen = dialects.parse_dialects(dialect)
    machines = None if target is None else targets.parse_targets(target)
    fn = find_function(function, verbose)
    # Imported late, since --help or a wrong argument must not wait for jax.
    import jax

    from jax_ir_synth.lowering import lower

    struct: Callable[..., Any] = jax.ShapeDtypeStruct
    arguments = [struct(aval.shape, aval.dtype) for aval in shapes]
    try:
        texts = lower(
            fn,
            *arguments,
            platforms=("cpu", "cuda") if device == "both" else (device,),
            dialect=chosen,
            target=machines,
            argnums=tuple(argnums) or None,
            name=name,
        )
    except JaxIrSynthError:
        raise
    # The user's function may raise anything.
    except Exception as error:
        raise _told(CommandError, f"{function} can't be lowered", error, verbose) from error
    with report_unfinished(f"{path} was not written"):
        outputs.write_text(path, "\n".join(texts.values()), overwrite)
    return 0


def find_function(name: str, verbose: bool = False) -> Callable[..., Any]:
    """Import a function by its name, `module:function` or `file.py:function`.

    Modules are looked for in the current folder too, and those that a file imports beside it.

    Raises:
      UsageError: one line; there is none, or the module can't be imported.
    """
    module, colon, attribute = name.rpartition(":")
    if not colon or not module or not attribute:
        raise UsageError(f"`FUNCTION` (={name}) must be module:function or file.py:function")
    file = _file_of(name)
    sys.path.insert(0, str(file.parent.absolute()) if file else os.getcwd())
    try:
        found = _import_file(file) if file else importlib.import_module(module)
    # The user's module may raise anything.
    except Exception as error:
        what = f"`FUNCTION` (={name}): {module} can't be imported"
        raise _told(UsageError, what, error, verbose) from error
    finally:
        sys.path.pop(0)
    function: object = found
    for part in attribute.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        raise UsageError(f"`FUNCTION` (={name}) must name a function of {module}")
    return function


def _file_of(name: str) -> Path | None:
    """Find the file that has the function, if the name gives one."""
    module = name.rpartition(":")[0]
    return Path(module) if module.endswith(".py") else None


def _import_file(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    # Under its name, by which dataclasses and pickle look for it.
    sys.modules.setdefault(file.stem, module)
    spec.loader.exec_module(module)
    return module


def _told(
    kind: type[JaxIrSynthError], what: str, error: Exception, verbose: bool
) -> JaxIrSynthError:
    if verbose:
        traceback.print_exception(error)
    reason = " ".join(str(error).split())
    return kind(f"{what}: {type(error).__name__}: {reason}")
