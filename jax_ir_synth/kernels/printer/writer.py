"""Writes a drawn program as Python: names, statements, inner functions, docstring, annotations."""

import functools
import re
from collections.abc import Sequence

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import (
    FLOATS,
    Block,
    Group,
    InAval,
    KernelSource,
    KernelSpec,
    Value,
)
from jax_ir_synth.kernels.ops import OPS, RECORDS
from jax_ir_synth.kernels.printer.constructs import CONSTRUCTS
from jax_ir_synth.kernels.printer.frames import INDENT, Frame, grouped
from jax_ir_synth.kernels.printer.layout import lay_out
from jax_ir_synth.kernels.printer.names import CONSTANTS, NameBook
from jax_ir_synth.kernels.printer.spelling import Text, number, spell
from jax_ir_synth.kernels.printer.titles import description, kernel_name

_SPELLING = 1  # the stream's purpose coordinate: spelling never changes the program
_NAMED_CALL = re.compile(r"((?:jnp|lax|jax)(?:\.\w+)+)\((\w+)\)")  # needs no lambda around it


@functools.lru_cache(maxsize=1)
def write_source(spec: KernelSpec) -> KernelSource:
    """The program's Python source, with the arguments it takes.

    The last one is kept, since a program is written to be validated before anyone asks for it.
    """
    return Writer(spec).source()


class Writer:
    """Writes one program. The functions of `constructs` use its public methods."""

    def __init__(self, spec: KernelSpec):
        self.spec = spec
        self.stream = Stream(spec.seed, spec.category, spec.candidate, _SPELLING)
        self.book = NameBook(self.stream)
        self.names: dict[int, str] = {}
        self.left: dict[int, int] = {}  # uses not yet written
        self.pinned: set[int] = set()  # values whose names inner functions use
        self.defaults: list[str] = []  # keyword parameters with default values
        self.constants: dict[float, str] = {}
        self.frames: list[Frame] = []
        self.pending: list[list[str]] = [[]]  # texts of expressions not yet written to a line
        self.helpers: dict[int, str] = {}  # functions written before, by their block
        self.homes: dict[int, int] = {}  # the level from which all calls see a function
        self.ops: list[str] = []
        self.used_arguments: list[Value] = []
        # A longer expression becomes a statement.
        self.width = self.stream.choice(spec.expression_widths)
        self.reassigns = self.stream.chance(40)
        self.hoists = self.stream.chance(12)  # literals become keyword parameters
        self._count()

    # ------------------------------------------------------------ uses of values

    def _count(self) -> None:
        stack = list(reversed(self.spec.outputs))
        for value in stack:
            self.left[id(value)] = self.left.get(id(value), 0) + 1
        seen: set[int] = set()
        while stack:
            value = stack.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            if value.op == "argument":
                self.used_arguments.append(value)
            elif not RECORDS[value.op].dull:
                self.ops.append(value.op)
            if value.op == "helper":
                home = self.homes.get(id(value.blocks[0]), value.level)
                self.homes[id(value.blocks[0])] = min(home, value.level)
            used = list(value.operands)
            for block in value.blocks:
                if id(block) not in seen:  # a helper's body is written once
                    seen.add(id(block))
                    used.extend(block.flat_results())
            for operand in used:
                self.left[id(operand)] = self.left.get(id(operand), 0) + 1
            stack.extend(reversed(used))

    # ------------------------------------------------------------ the function

    def source(self) -> KernelSource:
        """The program's text and arguments."""
        arguments = sorted(self.used_arguments, key=lambda v: v.params["number"])
        for value in arguments:
            self.names[id(value)] = self.book.argument(value)
        frame = Frame(0, 1)
        self.frames.append(frame)
        returned = self._results(self.spec.outputs, frame)
        frame.add(f"return {returned}")
        name = kernel_name(self.stream, self.ops, self.spec.category)
        head = self._head(name, arguments)
        doc = self._docstring(arguments)
        text = "\n".join(lay_out([*head.split("\n"), *doc, *frame.lines])) + "\n"
        return KernelSource(
            name,
            text,
            tuple(
                InAval(self.names[id(v)], v.shape, v.dtype, float(v.low), float(v.high))
                for v in arguments
            ),
            tuple(i for i, v in enumerate(arguments) if v.is_float),
        )

    def _head(self, name: str, arguments: list[Value]) -> str:
        style = self.stream.below(100)
        kind = "jax.Array" if style < 16 else "jnp.ndarray" if style < 26 else ""
        params = [f"{self.names[id(v)]}: {kind}" if kind else self.names[id(v)] for v in arguments]
        for default in self.defaults:
            key, value = default.split("=")
            params.append(f"{key}: float = {value}" if kind else default)
        many = len(self.spec.outputs)
        returns = (
            f" -> {kind if many == 1 else 'tuple[' + ', '.join([kind] * many) + ']'}"
            if kind
            else ""
        )
        line = f"def {name}({', '.join(params)}){returns}:"
        if len(line) <= 96:
            return line
        return f"def {name}(\n{INDENT}" + f",\n{INDENT}".join(params) + f",\n){returns}:"

    def _docstring(self, arguments: list[Value]) -> list[str]:
        if not (self.spec.doc and self.stream.chance(60) or self.stream.chance(14)):
            return []
        text = self.spec.doc or description(
            self.stream, self.ops, [self.names[id(v)] for v in arguments]
        )
        return [f'{INDENT}"""{text}"""']

    # ------------------------------------------------------------ values as expressions

    def _results(self, results: Sequence[Group], frame: Frame) -> str:
        texts = []
        for group in results:
            if isinstance(group, tuple):
                inner = [self.value(v, frame) for v in group]
                texts.append(
                    inner[0] if len(inner) == 1 else f"({', '.join(inner)})" if inner else "None"
                )
            else:
                texts.append(self.value(group, frame))
        return ", ".join(texts)

    def value(self, value: Value, frame: Frame) -> Text:
        """The text for `value` in `frame`; writes statements before it where needed."""
        text = self._text(value, frame)
        self.pending[-1].append(text)
        return text

    def _text(self, value: Value, frame: Frame) -> Text:
        self.left[id(value)] -= 1
        if value.is_literal:
            return self._literal(value.params["value"])
        name = self.names.get(id(value))
        if name is None:
            owner = self.frames[value.level]
            if value.op == "part" and (
                self.left[id(value.operands[0])] > 0
                or len(value.operands[0].params["parts"]) > 1
                or value.operands[0].params.get("carries")
                or value.operands[0].op == "unrolled"
            ):
                self._unpack(value.operands[0], owner)
                name = self.names[id(value)]
            elif self.left[id(value)] > 0 or owner is not frame and self.stream.chance(80):
                name = self.statement(value, self._expression(value, owner), owner)
            else:
                text = self._expression(value, frame)
                if len(text) <= self.width or self.stream.chance(12) and len(text) < 70:
                    return text
                name = self.statement(value, text, frame)
        if self.frames[value.level] is not frame:
            self.pinned.add(id(value))
        return Text(name)

    def _literal(self, value: float) -> Text:
        if (
            self.hoists
            and isinstance(value, float)
            and value in CONSTANTS
            and len(self.constants) < 2
            and value not in self.constants
            and CONSTANTS[value] not in self.book.taken
        ):
            key = CONSTANTS[value]
            self.book.taken.add(key)
            self.constants[value] = key
            self.defaults.append(f"{key}={number(value)}")
        if value in self.constants and isinstance(value, float):
            return Text(self.constants[value])
        return number(value)

    def statement(self, value: Value, text: Text, frame: Frame) -> str:
        """Writes `name = text`, and returns the name."""
        name = self._reused(value) or self.book.local(value)
        frame.add(f"{name} = {text}")
        self.names[id(value)] = name
        return name

    def _reused(self, value: Value) -> str | None:
        """The name of an operand that has no more uses, where the program reassigns names."""
        if not self.reassigns or value.dtype not in FLOATS:
            return None
        for operand in value.operands[:1]:
            name = self.names.get(id(operand))
            if (
                name
                and self.left[id(operand)] == 0
                and operand.level == value.level
                and id(operand) not in self.pinned
                and operand.dtype == value.dtype
                and self.stream.chance(60)
                and not self.awaited(name)
            ):
                return name
        return None

    def awaited(self, name: str, pending: list[list[str]] | None = None) -> bool:
        """Whether an expression that no line holds yet uses the name."""
        word = re.compile(rf"\b{name}\b")
        return any(word.search(text) for texts in pending or self.pending for text in texts)

    def _unpack(self, node: Value, frame: Frame) -> None:
        """Writes the statement that names all parts of a node with several results."""
        if node.op == "unrolled":
            self.pending.append([])
            CONSTRUCTS["unrolled"](self, node, frame)
            self.pending.pop()
            return
        parts = node.params["parts"]
        text = self._expression(node, frame)
        names = []
        for part in parts:
            if self.left.get(id(part), -1) < 0:
                names.append("_")
                continue
            role = "any"
            if node.op == "scan":
                role = "carry" if part.params["index"] < node.params["carries"] else "stacked"
            self.names[id(part)] = self.book.local(part, role)
            names.append(self.names[id(part)])
        if node.op == "scan":
            carries = node.params["carries"]
            names = [grouped(names[:carries]), grouped(names[carries:])]
        frame.add(f"{', '.join(names)} = {text}")

    def _expression(self, value: Value, frame: Frame) -> Text:
        self.pending.append([])
        text = self._write(value, frame)
        self.pending.pop()
        return text

    def _write(self, value: Value, frame: Frame) -> Text:
        if value.op == "part":
            self.left[id(value.operands[0])] -= 1
            return self._expression(value.operands[0], frame)
        if value.op in OPS:
            texts = [self.value(v, frame) for v in value.operands]
            return spell(value, texts, self.stream)
        text = CONSTRUCTS[value.op](self, value, frame)
        assert text is not None  # `_unpack` writes a `for` statement, which is no expression
        return text

    # ------------------------------------------------------------ inner functions

    def function(
        self,
        block: Block,
        frame: Frame,
        role: str = "",
        lambdas: bool = True,
        decorator: str = "",
    ) -> str:
        """An inner function: a lambda, or the name of a `def`, which is written first."""
        inner, saved = self.enter(block, frame)
        params, unpacks = [], []
        for group in block.params:
            if not isinstance(group, tuple):
                params.append(self.parameter(group))
            elif len(group) == 1:
                params.append(self.parameter(group[0]))
            elif not group:
                params.append("_")
            else:
                kind = block.role if block.role == "combine" else "xs" if params else "carry"
                whole = self.book.fresh(
                    {
                        "carry": (("carry", "state", "c", "val"), (8, 6, 2, 2)),
                        "xs": (("inputs", "xs", "x", "elems"), (4, 4, 2, 1)),
                        "combine": (("left", "right", "e1", "e2", "p", "q"), (6, 6, 3, 3, 2, 2)),
                    },
                    kind,
                )
                params.append(whole)
                unpacks.append(f"{', '.join(self.parameter(v) for v in group)} = {whole}")
        for line in unpacks:
            inner.add(line)
        returned = self._results(block.results, inner)
        self.frames[block.level :] = saved
        if (
            not inner.lines
            and lambdas
            and len(returned) < 56
            and not decorator
            and "\n" not in returned
        ):
            if len(block.results) > 1:
                returned = f"({returned})"
            named = _NAMED_CALL.fullmatch(returned)
            if named and params == [named[2]] and self.stream.chance(70):
                return named[1]
            return f"lambda {', '.join(params)}: {returned}" if params else f"lambda: {returned}"
        name = self.book.function(role or block.role)
        frame.blank()
        if decorator:
            frame.add(decorator)
        frame.add(f"def {name}({', '.join(params)}):")
        frame.lines.extend(inner.lines)
        frame.lines.append(INDENT * inner.indent + f"return {returned}")
        frame.blank()
        return name

    def enter(self, block: Block, frame: Frame) -> tuple[Frame, list[Frame]]:
        """Begins an inner function's frame; returns it and the frames that it displaces."""
        inner = Frame(block.level, frame.indent + 1)
        saved = self.frames[block.level :]
        # The function may be nested less deeply here than where it was drawn.
        while len(self.frames) < block.level:
            self.frames.append(self.frames[-1])
        self.frames[block.level :] = [inner]
        return inner, saved

    def parameter(self, value: Value) -> str:
        """A name for a parameter of an inner function."""
        if id(value) not in self.left:
            return (
                "_"
                if value.role == "counter" and self.stream.chance(50)
                else self.book.parameter(value)
            )
        name = self.book.parameter(value)
        self.names[id(value)] = name
        return name
