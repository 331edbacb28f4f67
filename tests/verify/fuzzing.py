"""Texts that nobody wrote: real ones and those of single operations, changed at random.

`python fuzzing.py SECONDS SEED ROWS.jsonl` has as many looked at as fit in, and prints those that
end the process, hang it or raise what is no one-line ValueError.
"""

import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_ELEMENTS = (
    *("f32", "f64", "f16", "bf16", "i32", "i8", "i64", "ui8", "ui32", "ui64", "i1", "i4", "i2", "index"),
    *("complex<f32>", "complex<f64>", "f8E4M3FN", "tf32", "i128", "!quant.uniform<i8:f32, 0.1>"),
    *("tuple<f32>", "f4E2M1FN", "none"),
)  # fmt: skip
_NUMBERS = (
    *("0", "0", "0", "1", "1", "2", "3", "-1", "7", "64"),
    *(str(2**k) for k in (16, 31, 40, 62, 64)),
    "?",
)
_NAMES = "abs add after_all all_gather and atan2 batch_norm_training bitcast_convert broadcast case ceil cholesky clamp compare complex composite concatenate constant convert convolution cosine create_token custom_call divide dot dot_general dynamic_iota dynamic_slice exponential fft floor gather get_dimension_size if imag infeed iota is_finite log map maximum minimum multiply negate not optimization_barrier or outfeed pad partition_id popcnt power real recv reduce reduce_precision reduce_window remainder replica_id reshape return reverse rng rng_bit_generator scatter select select_and_scatter send set_dimension_size shift_left sign sine slice sort sqrt subtract tan tanh transpose triangular_solve tuple uniform_quantize while xor".split()
_OPERATION = re.compile(r"stablehlo\.(\w+)")
_VALUE = re.compile(r"%[\w#]+")
_TENSOR = re.compile(r"tensor<((?:\d+x)*)([^<>]*(?:<[^<>]*>)?)>")
_NUMBER = re.compile(r"(?<![\w#%.])-?\d+(?![\w.])")
_LITERALS = (
    "0x7FC00000",
    "0xFF800000",
    "-1",
    "0",
    "true",
    "1.0e38",
    "[]",
    "2147483647",
    "-2147483648",
)
_LINES = (
    "func.func private @hostile(tensor<f32>) -> tensor<f32>",
    '"stablehlo.if"(%p) ({stablehlo.return}, {stablehlo.return}) : (tensor<i1>) -> ()',
    "%h = stablehlo.constant dense<> : tensor<0x3xf32>",
    "%h = stablehlo.iota dim = 0 : tensor<65536x65536xf32>",
    "%h = stablehlo.custom_call @hostile() : () -> tensor<f32>",
    '"llvm.inline_asm"() {asm_string = ""} : () -> ()',
    "cf.br ^bb1",
    "^bb1:",
    "module {",
    "}",
    "{",
    '// "',
    "#a = [1]",
    "stablehlo.return",
    "return",
)


def changed(text: str, others: Sequence[str], draws: random.Random) -> str:
    """The text with some changes, of which few keep it valid."""
    for _ in range(draws.choice((1, 1, 1, 2, 3))):
        text = draws.choice(_CHANGES)(text, others, draws) or text
    return text


def _replace_one(pattern: re.Pattern, new: str, text: str, draws: random.Random) -> str:
    found = list(pattern.finditer(text))
    if not found:
        return text
    match = draws.choice(found)
    return text[: match.start()] + new + text[match.end() :]


def _size(text, _, draws):
    return _replace_one(re.compile(r"(?<=<|x)\d+(?=x)"), draws.choice(_NUMBERS), text, draws)


def _sizes(text, _, draws):
    """One size, wherever it stands: many modules stay valid."""
    sizes = re.findall(r"(?<=<|x)\d+(?=x)", text)
    if sizes:
        size, new = draws.choice(sizes), draws.choice(_NUMBERS)
        text = re.sub(rf"(?<=<|x){size}(?=x)", new, text)
        if draws.random() < 0.5:
            text = re.sub(rf"(?<=[:\[ ]){size}(?=[,\]: ])", new, text)
    return text


def _element(text, _, draws):
    match = draws.choice(list(_TENSOR.finditer(text)) or [None])
    if match is None:
        return text
    new = f"tensor<{match[1]}{draws.choice(_ELEMENTS)}>"
    return text[: match.start()] + new + text[match.end() :]


def _elements(text, _, draws):
    kinds = [kind for _, kind in _TENSOR.findall(text)]
    if not kinds:
        return text
    kind, new = draws.choice(kinds), draws.choice(_ELEMENTS)
    return re.sub(rf"(?<=x|<){re.escape(kind)}(?=>)", lambda _: new, text)


def _operation(text, _, draws):
    return _replace_one(_OPERATION, f"stablehlo.{draws.choice(_NAMES)}", text, draws)


def _number(text, _, draws):
    return _replace_one(_NUMBER, draws.choice(_NUMBERS), text, draws)


def _literal(text, _, draws):
    return _replace_one(re.compile(r"(?<=dense<)[^>]*(?=>)"), draws.choice(_LITERALS), text, draws)


def _value(text, _, draws):
    values = _VALUE.findall(text)
    return _replace_one(_VALUE, draws.choice(values), text, draws) if values else text


def _direction(text, _, draws):
    new = draws.choice(("EQ", "NE", "LT", "LE", "GT", "GE"))
    return _replace_one(re.compile(r"\b(?:EQ|NE|LT|LE|GT|GE)\b"), new, text, draws)


def _lines(text, others, draws):
    lines = text.splitlines()
    at, other = draws.randrange(len(lines)), draws.randrange(len(lines))
    match draws.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines.insert(at, draws.choice(draws.choice(others).splitlines()))
        case 4:
            lines.insert(at, draws.choice(_LINES))
    return "\n".join(lines)


def _characters(text, _, draws):
    at = draws.randrange(len(text))
    new = draws.choice(("", "<", "(", '"', "\0", "\ud800", "%", "é", "-", " ", "x", "#loc", "!"))
    return text[:at] + new + text[at + draws.randrange(3) :]


_CHANGES = (
    *(_size, _sizes, _sizes, _sizes, _element, _elements, _elements, _operation, _operation),
    *(_number, _number, _literal, _value, _value, _direction, _lines, _lines, _characters),
)


def texts(originals: Sequence[str], seed: int) -> Iterator[str]:
    """Without end."""
    draws = random.Random(seed)
    while True:
        yield changed(draws.choice(originals), originals, draws)


def operation_texts() -> list[str]:
    """A module for each operation, of kinds of elements that rows have."""
    from operation_examples import EXAMPLES, example

    from jax_ir_synth.verify import operations

    names = [*operations.RUN, *EXAMPLES.keys() - operations.RUN.keys()]
    return [
        example(name, element) for name in names for element in ("f32", "i32", "complex<f32>", "i1")
    ]


def main(seconds: float, seed: int, path: str) -> None:
    """Prints what is wrong, and counts."""
    import collections
    import json

    from answering import answers

    from jax_ir_synth.schema.ir_section import read_section

    with open(path) as file:
        rows = [json.loads(line) for line in file]
    real = [module for row in rows for module in (read_section(row["cpp"], "stablehlo")[3:5])]
    drawn = texts([*real, *operation_texts() * (1 + len(real) // 400)], seed)
    counts = collections.Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        batch = [next(drawn) for _ in range(400)]
        for text, answer in zip(batch, answers(batch, "verifier"), strict=True):
            counts[answer.kind] += 1
            if answer.kind not in ("value", "refused"):
                print(f"{answer}\n{text}\n{'=' * 80}", flush=True)
    print(dict(counts))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
