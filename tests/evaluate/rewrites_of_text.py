"""Other spellings of the same module: names, forms of printing, dtypes inside, MLIR's own passes."""

import re

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import mhlo, stablehlo
from jaxlib.mlir.passmanager import PassManager
from splicing import change, list_functions, main_of, write
from variants import Kind, of_module, of_text

from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.schema.ir_section import clean_module
from jax_ir_synth.verify.promote import promote_half, promote_single

# Registering is for the whole process.
stablehlo.register_stablehlo_passes()
mhlo.register_mhlo_passes()

_NUMBER = r"-?\d+\.\d+(?:[eE][-+]?\d+)?"
_PASSES = {
    "pass: inline": "inline,symbol-dce",
    "pass: canonicalize": "canonicalize",
    "pass: cse": "cse",
    "pass: sccp": "sccp",
    "pass: chlo-legalize-to-stablehlo": "func.func(chlo-legalize-to-stablehlo)",
    "pass: stablehlo-legalize-to-hlo": "stablehlo-legalize-to-hlo",
    "pass: stablehlo-wrap-in-composite": "stablehlo-wrap-in-composite",
    "all passes": "inline,symbol-dce,func.func(chlo-legalize-to-stablehlo),canonicalize,cse",
}


def _pass(name: str, pipeline: str) -> Kind:
    def edit(module: ir.Module) -> None:
        PassManager.parse(f"builtin.module({pipeline})").run(module.operation)

    return of_module(name, edit)


def _values_renamed(text: str) -> str:
    return re.sub(r"%(\w+)", r"%value_\1", text)


def _functions_renamed(text: str) -> str:
    names = re.findall(r"func\.func private @([\w.$-]+)", text)
    for number, name in enumerate(names):
        text = re.sub(rf"@{re.escape(name)}(?![\w.$-])", f"@helper_{number}", text)
    return text


def _module_renamed(text: str) -> str:
    return re.sub(r"^module @\w+ attributes \{[^}]*\}", "module @answer", text)


def _without_hints(text: str) -> str:
    return re.sub(r" \{jax\.result_info = \"[^\"]*\"\}", "", text)


def _functions_alone(text: str) -> str:
    return text[text.index("{\n") + 2 : text.rindex("}")].rstrip()


def _with_aliases(text: str) -> str:
    kinds = dict.fromkeys(re.findall(r"tensor<[\w]+>", text))
    for number, kind in enumerate(kinds):
        text = text.replace(kind, f"!t{number}")
    lines = [f"!t{number} = {kind}" for number, kind in enumerate(kinds)]
    return "\n".join([*lines, text])


def _with_comments(text: str) -> str:
    return "\n".join(f"{line}  // {number}" for number, line in enumerate(text.splitlines()))


def _spread(text: str) -> str:
    return "\n\n".join(f"\t{line}" for line in text.splitlines())


def _printed(**how: bool):
    def print_module(text: str) -> str:
        with open_module(text) as module:
            return clean_module(module.operation.get_asm(**how))

    return print_module


def _as_bits(text: str) -> str:
    """Numbers of float32 in hexadecimal."""

    def bits(match: re.Match[str]) -> str:
        word = np.float32(match[1]).view(np.uint32)
        return f"dense<0x{int(word):08X}> : tensor<{match[2] or ''}f32>"

    return re.sub(rf"dense<({_NUMBER})> : tensor<((?:\d+x)*)f32>", bits, text)


def _in_decimals(text: str) -> str:
    """Numbers without an exponent, with the digits that tell float32s apart."""
    return re.sub(
        rf"dense<({_NUMBER})>",
        lambda match: f"dense<{np.format_float_positional(np.float32(match[1]), trim='0')}>",
        text,
    )


def _computed_in(text: str, promoted: str) -> str | None:
    """Another text's program between conversions of the arguments and of the results."""
    if promoted == text:
        return None

    def edit(module: ir.Module) -> None:
        main = main_of(module)
        other = ir.Module.parse(promoted, module.context)
        wide = list_functions(other)
        for function in list(list_functions(module).values()):
            if function != main:
                function.erase()
        for name, function in wide.items():
            if name != "main":
                function.move_before(main)
        block, body = main.regions[0].blocks[0], wide["main"].regions[0].blocks[0]
        old = [op.operation for op in block.operations]
        last = old[-1]
        for argument, inner in zip(block.arguments, body.arguments, strict=True):
            value = argument
            if argument.type != inner.type:
                (value,) = write(
                    last, "%r = stablehlo.convert %a : ($a) -> $w", argument, w=str(inner.type)
                )
            inner.replace_all_uses_with(value)
        *new, returns = [op.operation for op in body.operations]
        for op in new:
            op.move_before(last)
        for number, value in enumerate(list(returns.operands)):
            kind = last.operands[number].type
            if value.type != kind:
                (value,) = write(last, "%r = stablehlo.convert %a : ($a) -> $n", value, n=str(kind))
            last.operands[number] = value
        for op in reversed(old[:-1]):
            op.erase()

    return change(text, edit)


REWRITES = [
    of_text("values renamed", _values_renamed),
    of_text("functions renamed", _functions_renamed),
    of_text("module renamed, without attributes", _module_renamed),
    of_text("without JAX's hints", _without_hints),
    of_text("functions without a module", _functions_alone),
    of_text("aliases of types", _with_aliases),
    of_text("comments", _with_comments),
    of_text("blank space", _spread),
    of_text("generic form", _printed(print_generic_op_form=True)),
    of_text("locations", _printed(enable_debug_info=True)),
    of_text("numbers as bits", _as_bits),
    of_text("numbers in decimals", _in_decimals),
    of_text(
        "16-bit program in float32",
        lambda text: _computed_in(text, promote_half(text)),
    ),
    of_text(
        "float32 program in float64",
        lambda text: _computed_in(text, promote_single(text)),
    ),
    *(_pass(name, pipeline) for name, pipeline in _PASSES.items()),
]
