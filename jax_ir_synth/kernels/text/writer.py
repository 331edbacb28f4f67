"""A drawn program as Python text: names, statements, inner functions, docstring, annotations."""

import re

from jax_ir_synth.kernels.core.stream import Stream
from jax_ir_synth.kernels.core.values import FLOATS, Block, InAval, KernelSource, KernelSpec, Value
from jax_ir_synth.kernels.ops import OPS
from jax_ir_synth.kernels.text.layout import lay_out
from jax_ir_synth.kernels.text.names import CONSTANTS, NameBook
from jax_ir_synth.kernels.text.spelling import ATOM, Text, number, spell

_SPELLING = 1  # purpose coordinate of the stream: spelling never touches what is drawn
_INDENT = "    "
_WIDTHS = {"multi_statement": (10, 14, 18, 24)}   # where many short statements are the point
_DULL = {"add", "sub", "mul", "div", "neg", "convert", "index", "slice", "expand_dims", "reshape", "literal", "argument",
         "parameter", "part", "merged", "transpose", "greater", "less", "greater_equal", "less_equal", "squeeze",
         "broadcast_to", "zeros", "ones", "full", "arange", "copy", "equal", "not_equal", "constant_array",
         "components", "iterate", "helper", "surely_finite", "never_nan", "never_inf"}
_NAMED_CALL = re.compile(r"((?:jnp|lax|jax)(?:\.\w+)+)\((\w+)\)")   # what needs no lambda around it

# What a docstring calls an operation whose name does not speak; nothing where it is no matter to speak of.
_SPOKEN = {
    "where": "masked combination", "select": "masked combination", "cond": "conditional update", "switch": "chosen branch",
    "scan": "recurrence", "fori_loop": "iteration", "while_loop": "iteration", "einsum": "contraction", "matmul": "projection",
    "call": "", "vmap": "", "jit": "", "checkpoint": "", "max": "maximum", "min": "minimum", "abs": "absolute value",
    "norm_l1": "L1 norm", "gelu_tanh": "GELU", "gelu": "GELU", "relu": "ReLU", "silu": "SiLU", "elu": "ELU", "selu": "SELU",
    "logical_and": "", "logical_or": "", "logical_not": "", "logical_xor": "", "zeros_like": "", "ones_like": "",
    "take": "gathered rows", "segment_sum": "segment sums", "logsumexp": "log-sum-exp", "argmax": "best index",
    "new_key": "", "new_rbg_key": "", "new_unsafe_rbg_key": "", "split_key": "", "fold_in": "", "solve_lower": "triangular solve",
    "eye": "", "diag": "diagonal", "choose": "piecewise choice", "rsqrt": "inverse square root", "exp": "exponential",
    "random_normal": "noise", "random_bernoulli": "dropout", "dynamic_index": "", "stop_gradient": "", "concatenate": "",
    "inv": "inverse", "int_mod": "", "power": "power", "square": "square", "log": "logarithm", "tanh": "tanh",
}


def written(spec: KernelSpec) -> KernelSource:
    """The program's Python source, with the arguments it takes."""
    return _Writer(spec).source()


class _Frame:
    """A function being written: its nesting level, its lines so far and its indentation."""

    def __init__(self, level: int, indent: int):
        self.level = level
        self.indent = indent
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        self.lines.append(_INDENT * self.indent + line)

    def blank(self) -> None:
        """An empty line, where one may stand: not first, and not after another."""
        if self.lines and self.lines[-1]:
            self.lines.append("")


class _Writer:
    def __init__(self, spec: KernelSpec):
        self.spec = spec
        self.stream = Stream(spec.seed, spec.category, spec.candidate, _SPELLING)
        self.book = NameBook(self.stream)
        self.names: dict[int, str] = {}
        self.left: dict[int, int] = {}     # uses not yet written
        self.pinned: set[int] = set()      # values whose name an inner function holds on to
        self.defaults: list[str] = []      # keyword parameters with default values
        self.constants: dict[float, str] = {}
        self.frames: list[_Frame] = []
        self.pending: list[list[str]] = [[]]  # texts of expressions not yet written to a line
        self.helpers: dict[int, str] = {}   # functions written before, by their block
        self.ops: list[str] = []
        self.used_arguments: list[Value] = []
        self.width = self.stream.choice(_WIDTHS.get(spec.category, (26, 34, 44, 60)))   # past this an expression becomes a statement
        self.reassigns = self.stream.chance(40)
        self.hoists = self.stream.chance(12)                # literals become keyword parameters
        self._count()

    # ------------------------------------------------------------ what is used how often

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
            elif value.op not in _DULL:
                self.ops.append(value.op)
            used = list(value.operands)
            for block in value.blocks:
                if id(block) not in seen:   # a helper's body stands once, however often it is called
                    seen.add(id(block))
                    used.extend(block.flat_results())
            for operand in used:
                self.left[id(operand)] = self.left.get(id(operand), 0) + 1
            stack.extend(reversed(used))

    # ------------------------------------------------------------ the function as a whole

    def source(self) -> KernelSource:
        arguments = sorted(self.used_arguments, key=lambda v: v.params["number"])
        for value in arguments:
            self.names[id(value)] = self.book.argument(value)
        frame = _Frame(0, 1)
        self.frames.append(frame)
        returned = self._results(self.spec.outputs, frame)
        frame.add(f"return {returned}")
        name = self._kernel_name()
        head = self._head(name, arguments)
        doc = self._docstring(arguments)
        text = "\n".join(lay_out([*head.split("\n"), *doc, *frame.lines])) + "\n"
        return KernelSource(
            name, text,
            tuple(InAval(self.names[id(v)], v.shape, v.dtype, float(v.low), float(v.high)) for v in arguments),
            tuple(i for i, v in enumerate(arguments) if v.is_float))

    def _kernel_name(self) -> str:
        words = []
        for op in self.stream.shuffled(self.ops):
            word = re.sub(r"[^a-z0-9_]", "", op).removeprefix("int_").removeprefix("kept_").removesuffix("_pair")
            if word not in words:
                words.append(word)
            if len(words) == 1 + self.stream.below(3):
                break
        return "kernel_" + ("_".join(words)[:40].strip("_") or self.spec.category)

    def _head(self, name: str, arguments: list[Value]) -> str:
        style = self.stream.below(100)
        kind = "jax.Array" if style < 16 else "jnp.ndarray" if style < 26 else ""
        params = [f"{self.names[id(v)]}: {kind}" if kind else self.names[id(v)] for v in arguments]
        for default in self.defaults:
            key, value = default.split("=")
            params.append(f"{key}: float = {value}" if kind else default)
        many = len(self.spec.outputs)
        returns = f" -> {kind if many == 1 else 'tuple[' + ', '.join([kind] * many) + ']'}" if kind else ""
        line = f"def {name}({', '.join(params)}){returns}:"
        if len(line) <= 96:
            return line
        return f"def {name}(\n{_INDENT}" + f",\n{_INDENT}".join(params) + f",\n){returns}:"

    def _docstring(self, arguments: list[Value]) -> list[str]:
        if not (self.spec.doc and self.stream.chance(60) or self.stream.chance(14)):
            return []
        text = self.spec.doc or self._described(arguments)
        return [f'{_INDENT}"""{text}"""']

    def _described(self, arguments: list[Value]) -> str:
        what = [_SPOKEN.get(op, op.replace("_", " ")) for op in dict.fromkeys(self.ops) if _SPOKEN.get(op, op)]
        of = " and ".join(self.names[id(v)] for v in arguments[:2])
        verb = self.stream.choice(("Computes the", "Returns the", "The", "Applies the"))
        return f"{verb} {' of the '.join(what[:2] or ['combination'])} of {of}."

    # ------------------------------------------------------------ values as expressions

    def _results(self, results, frame: _Frame) -> str:
        texts = []
        for group in results:
            if isinstance(group, tuple):
                inner = [self._value(v, frame) for v in group]
                texts.append(inner[0] if len(inner) == 1 else f"({', '.join(inner)})" if inner else "None")
            else:
                texts.append(self._value(group, frame))
        return ", ".join(texts)

    def _value(self, value: Value, frame: _Frame) -> Text:
        """The text that stands for `value` in `frame`, writing statements before it where needed."""
        text = self._text(value, frame)
        self.pending[-1].append(text)
        return text

    def _text(self, value: Value, frame: _Frame) -> Text:
        self.left[id(value)] -= 1
        if value.is_literal:
            return self._literal(value.params["value"])
        name = self.names.get(id(value))
        if name is None:
            owner = self.frames[value.level]
            if value.op == "part" and (self.left[id(value.operands[0])] > 0
                                       or len(value.operands[0].params["parts"]) > 1
                                       or value.operands[0].params.get("carries")
                                       or value.operands[0].op == "unrolled"):
                self._unpack(value.operands[0], owner)
                name = self.names[id(value)]
            elif self.left[id(value)] > 0 or owner is not frame and self.stream.chance(80):
                name = self._statement(value, self._expression(value, owner), owner)
            else:
                text = self._expression(value, frame)
                if len(text) <= self.width or self.stream.chance(12) and len(text) < 70:
                    return text
                name = self._statement(value, text, frame)
        if self.frames[value.level] is not frame:
            self.pinned.add(id(value))
        return Text(name)

    def _literal(self, value) -> Text:
        if self.hoists and isinstance(value, float) and value in CONSTANTS and len(self.constants) < 2:
            if value not in self.constants and CONSTANTS[value] not in self.book.taken:
                key = CONSTANTS[value]
                self.book.taken.add(key)
                self.constants[value] = key
                self.defaults.append(f"{key}={number(value)}")
        if value in self.constants and isinstance(value, float):
            return Text(self.constants[value])
        return number(value)

    def _statement(self, value: Value, text: Text, frame: _Frame) -> str:
        name = self._reused(value) or self.book.local(value)
        frame.add(f"{name} = {text}")
        self.names[id(value)] = name
        return name

    def _reused(self, value: Value) -> str | None:
        """The name of an operand that is not needed any more, where the program re-assigns names."""
        if not self.reassigns or value.dtype not in FLOATS:
            return None
        for operand in value.operands[:1]:
            name = self.names.get(id(operand))
            if (name and self.left[id(operand)] == 0 and operand.level == value.level and id(operand) not in self.pinned
                    and operand.dtype == value.dtype and self.stream.chance(60) and not self._awaited(name)):
                return name
        return None

    def _awaited(self, name: str, pending: list[list[str]] | None = None) -> bool:
        """Does an expression that stands in no line yet use the name?"""
        word = re.compile(rf"\b{name}\b")
        return any(word.search(text) for texts in pending or self.pending for text in texts)

    def _unpack(self, node: Value, frame: _Frame) -> None:
        """Writes the statement that names all parts of a node with several results."""
        if node.op == "unrolled":
            self.pending.append([])
            self._write_unrolled(node, frame)
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
            part.role = part.role or role
            self.names[id(part)] = self.book.local(part)
            names.append(self.names[id(part)])
        if node.op == "scan":
            carries = node.params["carries"]
            names = [_grouped(names[:carries]), _grouped(names[carries:])]
        frame.add(f"{', '.join(names)} = {text}")

    def _expression(self, value: Value, frame: _Frame) -> Text:
        self.pending.append([])
        text = self._written(value, frame)
        self.pending.pop()
        return text

    def _written(self, value: Value, frame: _Frame) -> Text:
        if value.op == "part":
            self.left[id(value.operands[0])] -= 1
            return self._expression(value.operands[0], frame)
        if value.op in OPS:
            texts = [self._value(v, frame) for v in value.operands]
            return spell(value, texts, self.stream)
        return getattr(self, f"_write_{value.op}")(value, frame)

    # ------------------------------------------------------------ inner functions

    def _function(self, block: Block, frame: _Frame, role: str = "", lambdas: bool = True, decorator: str = "",
                  grouped: bool = True) -> str:
        """Text of an inner function: a lambda, or the name of a `def` written before."""
        inner, saved = self._enter(block, frame)
        params, unpacks = [], []
        for group in block.params:
            if not isinstance(group, tuple):
                params.append(self._parameter(group))
            elif len(group) == 1:
                params.append(self._parameter(group[0]))
            elif not group:
                params.append("_")
            else:
                kind = block.role if block.role == "combine" else "xs" if params else "carry"
                whole = self.book.fresh({"carry": (("carry", "state", "c", "val"), (8, 6, 2, 2)),
                                         "xs": (("inputs", "xs", "x", "elems"), (4, 4, 2, 1)),
                                         "combine": (("left", "right", "e1", "e2", "p", "q"), (6, 6, 3, 3, 2, 2))},
                                        kind)
                params.append(whole)
                unpacks.append(f"{', '.join(self._parameter(v) for v in group)} = {whole}")
        for line in unpacks:
            inner.add(line)
        returned = self._results(block.results, inner)
        self.frames[block.level:] = saved
        if not inner.lines and lambdas and len(returned) < 56 and not decorator and "\n" not in returned:
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
        frame.lines.append(_INDENT * inner.indent + f"return {returned}")
        frame.blank()
        return name

    def _enter(self, block: Block, frame: _Frame) -> tuple[_Frame, list[_Frame]]:
        """A frame for an inner function, standing at its level while it is written, and what it displaces."""
        inner = _Frame(block.level, frame.indent + 1)
        saved = self.frames[block.level:]
        while len(self.frames) < block.level:   # levels that this function was drawn in but does not use
            self.frames.append(self.frames[-1])
        self.frames[block.level:] = [inner]
        return inner, saved

    def _parameter(self, value: Value) -> str:
        if id(value) not in self.left:
            return "_" if value.role == "counter" and self.stream.chance(50) else self.book.parameter(value)
        name = self.book.parameter(value)
        self.names[id(value)] = name
        return name

    def _write_cond(self, node: Value, frame: _Frame) -> Text:
        predicate = self._value(node.operands[0], frame)
        operands = [self._value(v, frame) for v in node.operands[1:]]
        lambdas = self.stream.chance(60)
        true = self._function(node.blocks[0], frame, "true", lambdas)
        false = self._function(node.blocks[1], frame, "false", lambdas)
        return Text(f"lax.cond({', '.join([predicate, true, false, *operands])})")

    def _write_switch(self, node: Value, frame: _Frame) -> Text:
        index = self._value(node.operands[0], frame)
        operands = [self._value(v, frame) for v in node.operands[1:]]
        functions = [self._function(block, frame) for block in node.blocks]
        if len(", ".join(functions)) > 60:
            branches = self.book.fresh({"branches": (("branches", "fns", "funcs"), (6, 2, 1))}, "branches")
            frame.add(f"{branches} = [{', '.join(functions)}]")
        else:
            branches = f"[{', '.join(functions)}]"
        return Text(f"lax.switch({', '.join([index, branches, *operands])})")

    def _write_piecewise(self, node: Value, frame: _Frame) -> Text:
        x = self._value(node.operands[0], frame)
        conditions = [self._value(v, frame) for v in node.operands[1:]]
        functions = [self._function(block, frame) for block in node.blocks]
        return Text(f"jnp.piecewise({x}, [{', '.join(conditions)}], [{', '.join(functions)}])")

    def _write_fori_loop(self, node: Value, frame: _Frame) -> Text:
        init = [self._value(v, frame) for v in node.operands]
        body = self._function(node.blocks[0], frame)
        start, steps = node.params["start"], node.params["steps"]
        return Text(f"lax.fori_loop({start}, {start + steps}, {body}, {_grouped(init)})")

    def _write_while_loop(self, node: Value, frame: _Frame) -> Text:
        limit = self._value(node.operands[0], frame)
        init = [self._value(v, frame) for v in node.operands[1:]]
        block = node.blocks[0]
        counter, carry = block.params
        merged = Block(((counter, *carry),), ((*block.results,),), block.level, "body")
        condition = self.book.function("condition")
        state = self.book.fresh({"s": (("state", "val", "carry"), (4, 2, 2))}, "s")
        frame.blank()
        frame.add(f"def {condition}({state}):")
        self._while_condition(node, state, limit, frame)
        body = self._while_body(merged, frame)
        picked = "[1]" if len(init) == 1 else "[1:]"
        return Text(f"lax.while_loop({condition}, {body}, (0, {', '.join(init)})){picked}")

    def _while_condition(self, node: Value, state: str, limit: str, frame: _Frame) -> None:
        """The lines of a `while_loop`'s condition: its counter below the limit, and a test of its own."""
        indent = _INDENT * (frame.indent + 1)
        if len(node.blocks) == 1:
            frame.lines.append(f"{indent}return {state}[0] < {limit}")
            return
        block = node.blocks[1]
        inner, saved = self._enter(block, frame)
        counter = self.book.fresh({"i": (("i", "step", "k", "n"), (6, 2, 1, 1))}, "i")
        inner.add(f"{', '.join([counter, *(self._parameter(v) for v in block.params)])} = {state}")
        test = self._value(block.results[0], inner)
        pair = (f"jnp.logical_and({counter} < {limit}, {test})" if self.stream.chance(60)
                else f"({counter} < {limit}) & {test.within(51) if test.precedence == ATOM else f'({test})'}")
        inner.add(f"return {pair}")
        self.frames[block.level:] = saved
        frame.lines.extend(inner.lines)

    def _while_body(self, block: Block, frame: _Frame) -> str:
        inner, saved = self._enter(block, frame)
        counter, *carry = block.params[0]
        state = self.book.fresh({"s": (("state", "val", "carry"), (4, 2, 2))}, "s")
        i = self.book.parameter(counter) if id(counter) in self.left else self.book.fresh(
            {"i": (("i", "step", "k", "n"), (6, 2, 1, 1))}, "i")
        self.names[id(counter)] = i
        inner.add(f"{', '.join([i, *(self._parameter(v) for v in carry)])} = {state}")
        texts = [self._value(v, inner) for v in block.results[0]]
        inner.add(f"return {', '.join([f'{i} + 1', *texts])}")
        self.frames[block.level:] = saved
        name = self.book.function("body")
        frame.blank()
        frame.add(f"def {name}({state}):")
        frame.lines.extend(inner.lines)
        frame.blank()
        return name

    def _write_scan(self, node: Value, frame: _Frame) -> Text:
        carries = node.params["carries"]
        texts = [self._value(v, frame) for v in node.operands]
        step = self._function(node.blocks[0], frame, lambdas=False)
        xs = _grouped(texts[carries:]) if node.params["xs"] else "None"
        extra = ", reverse=True" if node.params["reverse"] else ""
        if not node.params["xs"]:
            extra += f", length={node.params['steps']}"
        return Text(f"lax.scan({step}, {_grouped(texts[:carries])}, {xs}{extra})")

    def _write_unrolled(self, node: Value, frame: _Frame) -> None:
        """A `for` statement, whose carried names hold the results after it."""
        block = node.blocks[0]
        inits = [self._value(v, frame) for v in node.operands]
        items, parameters = node.params["items"], block.params[:len(inits)]
        inner, saved = self._enter(block, frame)
        names: list[str] = []
        for parameter, init, text in zip(parameters, node.operands, inits):
            free = (self.names.get(id(init)) == text and self.left[id(init)] == 0 and init.level == node.level
                    and id(init) not in self.pinned and inits.count(text) == 1
                    and not self._awaited(text, self.pending[:-1]))
            name = str(text) if free else self.book.parameter(parameter)
            if not free:
                frame.add(f"{name} = {text}")
            self.names[id(parameter)] = name
            names.append(name)
        counter = "_"
        if items is not None:
            counter = self.book.fresh({"item": (("c", "w", "a", "coef", "rate", "s"), (6, 3, 3, 3, 2, 2))}, "item")
            self.names[id(block.params[-1])] = counter
        results = [self._value(v, inner) for v in block.results]
        over = f"({', '.join(map(number, items))})" if items is not None else f"range({node.params['steps']})"
        frame.add(f"for {counter} in {over}:")
        frame.lines.extend(inner.lines)
        frame.lines.append(_INDENT * inner.indent + f"{', '.join(names)} = {', '.join(results)}")
        self.frames[block.level:] = saved
        for part, name in zip(node.params["parts"], names):
            self.names[id(part)] = name

    def _write_map(self, node: Value, frame: _Frame) -> Text:
        xs = [self._value(v, frame) for v in node.operands]
        block = node.blocks[0]
        if len(block.params) > 1:
            block = Block((tuple(block.params),), block.results, block.level, block.role)
        return Text(f"lax.map({self._function(block, frame)}, {_grouped(xs)})")

    def _write_vmap(self, node: Value, frame: _Frame) -> Text:
        xs = [self._value(v, frame) for v in node.operands]
        axes = node.params["in_axes"]
        fn = self._function(node.blocks[0], frame)
        extra = "" if set(axes) == {0} else f", in_axes={axes!r}"
        return Text(f"jax.vmap({fn}{extra})({', '.join(xs)})")

    def _write_split_key(self, node: Value, frame: _Frame) -> Text:
        return Text(f"jax.random.split({self._value(node.operands[0], frame)})")

    def _write_call(self, node: Value, frame: _Frame) -> Text:
        xs = [self._value(v, frame) for v in node.operands]
        fn = self._function(node.blocks[0], frame)
        if fn.startswith("lambda"):
            name = self.book.function("helper")
            frame.add(f"{name} = {fn}")
            fn = name
        return Text(f"{fn}({', '.join(xs)})")

    def _write_helper(self, node: Value, frame: _Frame) -> Text:
        xs = [self._value(v, frame) for v in node.operands]
        block = node.blocks[0]
        name = self.helpers.get(id(block))
        if name is None:
            home = self.frames[block.level - 1]   # where every call sees it
            name = self._function(block, home)
            if name.startswith("lambda"):
                text, name = name, self.book.function(block.role)
                home.add(f"{name} = {text}")
            self.helpers[id(block)] = name
        call = f"jnp.vectorize({name})" if node.params["vectorize"] else name
        return Text(f"{call}({', '.join(xs)})")

    def _write_split(self, node: Value, frame: _Frame) -> Text:
        x, sizes, axis = node.operands[0], node.params["sizes"], node.params["axis"]
        where = str(len(sizes)) if len(set(sizes)) == 1 else repr([sum(sizes[:i]) for i in range(1, len(sizes))])
        last = ", axis=-1" if axis and axis == x.ndim - 1 and self.stream.chance(70) else f", axis={axis}" if axis else ""
        return Text(f"jnp.split({self._value(x, frame)}, {where}{last})")

    def _write_unstack(self, node: Value, frame: _Frame) -> Text:
        x, axis = node.operands[0], node.params["axis"]
        last = ", axis=-1" if axis and axis == x.ndim - 1 else f", axis={axis}" if axis else ""
        return Text(f"jnp.unstack({self._value(x, frame)}{last})")

    def _write_iterate(self, node: Value, frame: _Frame) -> Text:
        return self._value(node.operands[0], frame)

    def _write_components(self, node: Value, frame: _Frame) -> Text:
        x, axis = node.operands[0], node.params["axis"]
        text = self._value(x, frame)
        if text.precedence < ATOM or not text.isidentifier():
            text = Text(self._statement(x, text, self.frames[x.level]))
        before = ":, " * axis if axis != x.ndim - 1 else "..., " if x.ndim > 1 and self.stream.chance(60) else ":, " * axis
        return Text(", ".join(f"{text}[{before}{i}]" for i in range(x.shape[axis])))

    def _write_meshgrid(self, node: Value, frame: _Frame) -> Text:
        x, y = (self._value(v, frame) for v in node.operands)
        extra = "" if node.params["indexing"] == "xy" else ', indexing="ij"'
        return Text(f"jnp.meshgrid({x}, {y}{extra})")

    def _write_update_index(self, node: Value, frame: _Frame) -> Text:
        return Text(f"lax.dynamic_update_index_in_dim({', '.join(self._value(v, frame) for v in node.operands)}, 0)")

    def _write_top_k_pair(self, node: Value, frame: _Frame) -> Text:
        return Text(f"lax.top_k({self._value(node.operands[0], frame)}, {node.params['k']})")

    def _write_checkpoint(self, node: Value, frame: _Frame, wrap: str = "jax.checkpoint") -> Text:
        xs = [self._value(v, frame) for v in node.operands]
        if self.stream.chance(50):
            fn = self._function(node.blocks[0], frame, decorator=f"@{wrap}")
            return Text(f"{fn}({', '.join(xs)})")
        return Text(f"{wrap}({self._function(node.blocks[0], frame)})({', '.join(xs)})")

    def _write_jit(self, node: Value, frame: _Frame) -> Text:
        return self._write_checkpoint(node, frame, "jax.jit")

    def _write_linear_recurrence(self, node: Value, frame: _Frame) -> Text:
        a, b = (self._value(v, frame) for v in node.operands)
        function = self._function(node.blocks[0], frame, lambdas=False)
        extra = ", reverse=True" if node.params["reverse"] else ""
        return Text(f"lax.associative_scan({function}, ({a}, {b}){extra})")

    def _write_associative_scan(self, node: Value, frame: _Frame) -> Text:
        x = self._value(node.operands[0], frame)
        block = node.blocks[0]
        combine = block.results[0].op
        function = {"add": "jnp.add", "mul": "jnp.multiply", "maximum": "jnp.maximum", "minimum": "jnp.minimum",
                    "logaddexp": "jnp.logaddexp"}[combine]
        if combine in ("add", "mul") and self.stream.chance(50):
            function = self._function(block, frame)
        extra = ", reverse=True" if node.params["reverse"] else ""
        return Text(f"lax.associative_scan({function}, {x}{extra})")


def _grouped(names: list[str]) -> str:
    if not names:
        return "_"
    return names[0] if len(names) == 1 else f"({', '.join(names)})"
