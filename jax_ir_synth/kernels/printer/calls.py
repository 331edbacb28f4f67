"""Writes operations' examples as Python, with arguments to run them on."""

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import Value
from jax_ir_synth.kernels.ops import OPS
from jax_ir_synth.kernels.ops.base import Op
from jax_ir_synth.kernels.ops.examples import Example, Operand, default_examples
from jax_ir_synth.kernels.printer.spelling import Text, fill, fitting, number


@dataclass(frozen=True, slots=True)
class Call:
    """One spelling of an operation on one of its examples.

    Attributes:
      op: the operation.
      text: the expression.
      value: the result as the record's rules give it, with all parameters.
      arguments: the operands, by their names in the text.
      builder: the builder of the value.
    """

    op: Op
    text: str
    value: Value
    arguments: dict[str, Operand]
    builder: ProgramBuilder


def calls(op: Op) -> Iterator[Call]:
    """Calls with each spelling of the operation at least once, and each of its examples."""
    built = [_Built(op, example) for example in op.examples or default_examples(op)]
    spelled = {
        template: [one for one in built if template in one.templates]
        for _, template, *_ in op.spellings
    }
    done: set[tuple[int, str]] = set()
    for turn, (template, fits) in enumerate(spelled.items()):
        if not fits:
            raise ValueError(f"no example of {op.name!r} can be spelled {template!r}")
        done.add((built.index(fits[turn % len(fits)]), template))
    for place, one in enumerate(built):
        if all(number != place for number, _ in done):
            done.add((place, one.templates[0]))
    for place, template in sorted(done):
        yield built[place].call(template)


class _Built:
    """An example applied on a builder of its own."""

    def __init__(self, op: Op, example: Example):
        self.op = op
        self.builder = ProgramBuilder(Stream(0, "examples", crc32(op.name.encode())))
        self.arguments: dict[str, Operand] = {}
        with self.builder.trusted():
            self.value, self.texts = self._apply(op.name, example)
        self.templates = [template for _, template in fitting(self.value)]

    def call(self, template: str) -> Call:
        text = fill(template, self.value, self.texts, self.builder.stream)
        return Call(self.op, text, self.value, self.arguments, self.builder)

    def _apply(self, name: str, example: Example) -> tuple[Value, list[Text]]:
        pairs = [self._operand(operand) for operand in example.operands]
        value = self.builder.apply(name, *(value for value, _ in pairs), **example.params)
        return value, [text for _, text in pairs]

    def _operand(self, operand: Operand | Example | float) -> tuple[Value, Text]:
        if isinstance(operand, Example):
            value, texts = self._apply(operand.name, operand)
            return value, fill(fitting(value)[0][1], value, texts, self.builder.stream)
        if not isinstance(operand, Operand):
            return self.builder.literal(operand), number(operand)
        name = _name(operand, sum(one == operand for one in self.arguments.values()))
        self.arguments[name] = operand
        value = self.builder.argument(
            operand.shape, operand.low, operand.high, operand.dtype, operand.role
        )
        return value, Text(name)


def _name(operand: Operand, number: int) -> str:
    """A name for an argument that is the same in every example with such an operand."""
    kind = operand.role or operand.dtype
    shape = "x".join(map(str, operand.shape)) or "scalar"
    if operand.dtype == "uint32":
        ends = "any"
    else:
        ends = f"{operand.low:g}_{operand.high:g}".replace("-", "m").replace(".", "p")
    return f"{kind}_{shape}_{ends}" + "bcdefgh"[number - 1 : number] * bool(number)


def argument_array(name: str, operand: Operand) -> np.ndarray:
    """Elements for an argument, drawn from its range: the same for the same name."""
    draws = np.random.default_rng(crc32(name.encode()))
    if operand.role == "definite":
        a = draws.uniform(-1, 1, operand.shape)
        return (a @ a.T + np.eye(len(a))).astype(np.float32)
    if operand.dtype == "float32":
        return draws.uniform(operand.low, operand.high, operand.shape).astype(np.float32)
    whole = draws.integers(int(operand.low), int(operand.high) + 1, operand.shape)
    array = np.asarray(whole).astype(operand.dtype)
    if operand.role == "keeps_some":
        array[..., 0] = True
    return array


def all_calls() -> Iterator[Call]:
    """The calls of every operation that gives an array."""
    for op in OPS.values():
        if op.role != "key":
            yield from calls(op)
