"""A program's identity before its spelling, and its skeleton: two hashes of one canonical walk."""

from hashlib import blake2b

import ml_dtypes
import numpy as np

from jax_ir_synth.kernels.builder.values import FLOATS, Block, Operands, Params, Value
from jax_ir_synth.kernels.ops import OPS, named_by_kind
from jax_ir_synth.kernels.ops.products import canonical_equation

# Parameters that name a structure, not a size, a position or a constant: kept in the skeleton.
_STRUCTURE = {"equation", "mode", "reverse", "keepdims", "carries", "xs"}
_HIDDEN = {"parts", "number", "marker", "range", "spread", "claim", "means"}
_BRANCHES, _CALLS = named_by_kind("branch"), named_by_kind("call")
_ROUND = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def hash_program(outputs: Operands) -> tuple[str, str]:
    """(program_key, skeleton_hash): hex digests of the program reached from `outputs`.

    The walk numbers values in the order in which it meets them, so that names, spelling and the
    order of independent statements play no part. The skeleton leaves out every number (sizes, axes,
    positions, constants) and the width of dtypes; it keeps operations, ranks and how values are
    shared. Programs whose IR differs in numbers alone share a skeleton.
    """
    program, skeleton = _Walk().run(outputs)
    return (
        blake2b(program.encode(), digest_size=16).hexdigest(),
        blake2b(skeleton.encode(), digest_size=16).hexdigest(),
    )


class _Walk:
    def __init__(self) -> None:
        self.program: list[str] = []
        self.skeleton: list[str] = []
        self.numbers: dict[int, int] = {}
        self.received: dict[int, Value] = {}  # what a branch's parameter stands for

    def run(self, outputs: Operands) -> tuple[str, str]:
        for value in outputs:
            self.value(value, None)
            self.both(";")
        return " ".join(self.program), " ".join(self.skeleton)

    def both(self, token: str) -> None:
        self.program.append(token)
        self.skeleton.append(token)

    def known(self, value: Value) -> bool:
        """Writes a back reference where the value was met before; numbers it otherwise."""
        number = self.numbers.get(id(value))
        if number is not None:
            self.both(f"#{number}")
            return True
        self.numbers[id(value)] = len(self.numbers)
        return False

    def typed(self, value: Value) -> None:
        self.program.append(f"{value.dtype}{value.shape}")
        self.skeleton.append(
            f"{'f' if value.dtype in FLOATS else value.dtype[0]}{len(value.shape)}"
        )

    def literal(self, value: Value, dtype: str | None) -> None:
        number = value.params["value"]
        if dtype in _ROUND:
            number = float(np.asarray(number, _ROUND[dtype]))
        self.program.append(f"={number!r}")
        self.skeleton.append("=")

    def value(self, value: Value, dtype: str | None) -> None:
        while id(value) in self.received:
            value = self.received[id(value)]
        if value.is_literal:
            self.literal(value, dtype)
            return
        if value.op == "part":
            node = value.operands[0]
            if "means" in node.params:  # another way to write these very operations
                self.value(node.params["means"][value.params["index"]], dtype)
                return
            if not self.known(node):
                self.node(node)
            self.program.append(f".{value.params['index']}")
            self.skeleton.append(f".{value.params['index']}")
            return
        if self.known(value):
            return
        if value.op in ("argument", "parameter"):
            self.both("x")
            self.typed(value)
            return
        self.node(value)
        self.typed(value)

    def node(self, node: Value) -> None:
        op = node.op
        params: Params = node.params
        record = OPS.get(op)
        equation = record.equation(node.operands, params) if record and record.equation else None
        if equation is not None:
            # Products are lowered alike, whichever function they are asked of.
            op = "einsum" if len(node.operands) == 2 else op
            params = {"equation": canonical_equation(equation)}
        mean = op == "mean"
        if mean:
            # It is lowered as a sum divided by a number, which is a value of its own.
            self.skeleton.append("div (")
            self.numbers[-id(node)] = len(self.numbers)
        self.program.append(op)
        self.skeleton.append("sum" if mean else (OPS[op].skeleton if op in OPS else "") or op)
        for key, param in params.items():
            if key in _HIDDEN:
                continue
            self.program.append(f"{key}={param!r}")
            if key in _STRUCTURE:
                self.skeleton.append(f"{key}={param!r}")
        self.both("(")
        dtype = (
            node.dtype
            if node.dtype in FLOATS
            else next((v.dtype for v in node.operands if v.is_float and not v.weak), None)
        )
        for operand in node.operands[:1] if node.op in _BRANCHES else node.operands:
            self.value(operand, dtype)
        for block in node.blocks:
            self.block(node, block)
        self.both(")")
        if mean:
            self.skeleton.append(f"f{len(node.shape)} = )")

    def block(self, node: Value, block: Block) -> None:
        # A function of plain operands has the IR of a closure: its body with the operands put in.
        if node.op in _BRANCHES:
            for parameter, operand in zip(block.flat_params(), node.operands[1:], strict=True):
                self.received[id(parameter)] = operand
        elif node.op in _CALLS:
            parameters = block.flat_params()
            given = node.operands[len(node.operands) - len(parameters) :]
            for parameter, operand in zip(parameters, given, strict=True):
                if id(operand) in self.numbers:
                    self.numbers[id(parameter)] = self.numbers[id(operand)]
        self.both("{")
        for result in block.flat_results():
            self.value(result, None)
            self.both(",")
        self.both("}")
