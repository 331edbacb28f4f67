"""Answers that look like one and compute nothing of what is asked, for any row."""

from collections.abc import Iterator, Mapping, Sequence

from jaxlib.mlir import ir

from jax_ir_synth.evaluate.tasks import BACKWARD, TASKS, Reference, reference
from jax_ir_synth.lowering.parsing import list_functions, open_module
from jax_ir_synth.schema.ir_section import read_section


def cheats(row: Mapping, task: str, others: Sequence[Mapping]) -> Iterator[tuple[str, str]]:
    """Names and texts. `others` are rows whose answers are tried where they have the signature."""
    right = reference(row, TASKS[task])
    modules = list(right.modules.values())
    for name, value in (("zeros", 0), ("ones", 1), ("a constant", 0.5)):
        yield name, "\n\n".join(_filled(text, value) for text in modules)
    arguments = [_arguments(text) for text in modules]
    if None not in arguments:
        yield "its arguments", "\n\n".join(arguments)
    yield "its Python", row["python"]
    yield "what it was shown", "\n\n".join(right.shown.values()) or row["python"]
    if task != "cuda":
        column = read_section(row["cpp"])
        swapped = column.forward if BACKWARD in right.modules else column.backward
        yield "the other pass", swapped
    else:
        yield "its CPU column", row["cpp"]
    yield from _others(row, task, right, others)


def _others(row, task: str, right: Reference, others) -> Iterator[tuple[str, str]]:
    wanted = [signature(text) for text in right.modules.values()]
    for other in others:
        theirs = reference(other, TASKS[task])
        if other["id"] == row["id"] or theirs is None or theirs.platform != right.platform:
            continue
        modules = list(theirs.modules.values())
        if [signature(text) for text in modules] == wanted:
            yield f"the answer to row {other['id']}", "\n\n".join(modules)


_signatures: dict[str, tuple[list[str], list[str]]] = {}


def signature(text: str) -> tuple[list[str], list[str]]:
    """The types that a module's main takes and returns."""
    if text not in _signatures:
        with open_module(text) as module:
            kind = ir.FunctionType(list_functions(module)["main"].attributes["function_type"].value)
            _signatures[text] = [str(x) for x in kind.inputs], [str(x) for x in kind.results]
    return _signatures[text]


def _module(text: str, body: Sequence[str], results: Sequence[str]) -> str:
    takes, gives = signature(text)
    arguments = ", ".join(f"%arg{k}: {kind}" for k, kind in enumerate(takes))
    lines = "\n".join(f"    {line}" for line in body)
    return (
        f"module @cheat {{\n  func.func public @main({arguments}) -> ({', '.join(gives)}) {{\n"
        f"{lines}\n    return {', '.join(results)} : {', '.join(gives)}\n  }}\n}}"
    )


def _filled(text: str, value: float) -> str:
    """A module that returns constants."""
    _, gives = signature(text)
    body = []
    for k, kind in enumerate(gives):
        element = kind.removesuffix(">").rpartition("<")[2].rpartition("x")[2]
        if element == "i1":
            literal = "true" if value else "false"
        else:
            literal = str(float(value)) if "f" in element else str(int(value))
        body.append(f"%{k} = stablehlo.constant dense<{literal}> : {kind}")
    return _module(text, body, [f"%{k}" for k in range(len(gives))])


def _arguments(text: str) -> str | None:
    """A module that returns arguments of the right types, None where there are none."""
    takes, gives = signature(text)
    if not set(gives) <= set(takes):
        return None
    return _module(text, [], [f"%arg{takes.index(kind)}" for kind in gives])
