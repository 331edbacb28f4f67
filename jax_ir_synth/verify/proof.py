"""Proves one row: executes its IR texts, and compares the results with its Python's reference."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.reference.degenerate import find_degenerate
from jax_ir_synth.reference.inputs import DTYPES
from jax_ir_synth.reference.numpy_jax.bounds import MAX_ELEMENTS
from jax_ir_synth.reference.points import evaluate_reference
from jax_ir_synth.reference.program import direction
from jax_ir_synth.request.categories import COLLECTED
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.schema.ir_section import BACKENDS, name_pass, read_section, read_sections
from jax_ir_synth.schema.verification import (
    CUDA_PARSED,
    EXECUTORS,
    OF_STABLEHLO,
    PARSED,
    join_ways,
)
from jax_ir_synth.verify import NotProven, tolerance
from jax_ir_synth.verify.execution import (
    Execution,
    execute,
    find_shortest_float,
)
from jax_ir_synth.verify.faults import find_fault, find_in_float64, find_with_free_constants
from jax_ir_synth.verify.interpreter import CannotRun, Refused
from jax_ir_synth.verify.other_passes import prove_pass
from jax_ir_synth.verify.signature import KINDS, Signature, Tensor, list_tensors
from jax_ir_synth.verify.subject import Subject

# The platform for which each IR column was lowered.
PLATFORMS = {"cpp": "cpu", "cuda": "cuda"}
# The columns that a proof needs.
NEEDED = ("python", "kernel_name", "in_avals", "argnums", *PLATFORMS)


@pause_gc()
def prove(row: Mapping[str, Any], executor: str = EXECUTORS[0]) -> str:
    """See `verify.prove`."""
    if executor not in EXECUTORS:
        raise ValueError(f"executor (={executor!r}) must be one of {', '.join(EXECUTORS)}")
    missing = [name for name in NEEDED if not isinstance(row, Mapping) or name not in row]
    if missing:
        raise NotProven(f"a row must be a mapping with the column {missing[0]}")
    try:
        try:
            return _prove(row, executor)
        except ValueError:
            if executor == "interpreter":
                raise
            # The interpreter alone decides that a row is wrong.
            return _prove(row, "interpreter")
    # The row's Python may raise anything, including an AssertionError.
    except Exception as error:
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        values = getattr(error, "values", None)
        raise NotProven(" ".join(reason.split()), values) from error


def _prove(row: Mapping[str, Any], executor: str) -> str:
    avals, argnums = row["in_avals"], list(row["argnums"])
    _check_avals(avals)
    evaluation = evaluate_reference(row["python"], row["kernel_name"], avals, argnums)
    subject = Subject(avals, argnums, *evaluation, executor)
    ways: dict[tuple[str, ...], str] = {}
    mixed = False
    for name, platform in PLATFORMS.items():
        if row[name] is None:
            continue
        sections = read_sections(row[name])
        mixed |= len(sections) > 1
        column = read_section(row[name], "stablehlo")
        # Without a backward pass, its heading isn't there to name them.
        named = list(column.argnums) if column.backward or column.argnums else argnums
        if column.backend != BACKENDS[platform] or named != argnums:
            raise ValueError(
                f"its {name} is headed backend={column.backend}, argnums={column.argnums}; "
                f"that must be {BACKENDS[platform]} and {tuple(argnums)}"
            )
        modules = column.forward, column.backward
        if column.argnums and not column.backward:
            raise ValueError(f"its {name} has no backward module")
        others = {name_pass(heading): module for heading, module in column.others}
        # CUDA's text nearly always equals the CPU's, and needs no proof of its own then.
        texts = *modules, *others.values()
        if texts not in ways:
            ways[texts] = _prove_modules(name, platform, modules, others, subject, _is_drawn(row))
    if not ways:
        raise ValueError("it has no IR column that is filled")
    prefix = OF_STABLEHLO if mixed else ""
    run = [way for way in ways.values() if way != PARSED]
    if not run:
        return prefix + PARSED
    return prefix + join_ways(run) + (CUDA_PARSED if len(run) < len(ways) else "")


def _is_drawn(row: Mapping[str, Any]) -> bool:
    """Whether a row's program was drawn, rather than written by a person.

    A program that is drawn must be worth learning from. A person's function may ignore an argument,
    or return a constant: it is what it is.
    """
    return row.get("type") not in COLLECTED


def _check_avals(avals: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError unless inputs can be drawn for each argument."""
    for aval in avals:
        name, shape, dtype = aval["name"], aval["shape"], aval["dtype"]
        if dtype not in DTYPES:
            raise ValueError(f"its in_avals give {name} a dtype (={dtype!r:.40}) that no row has")
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise ValueError(f"its in_avals give {name} a shape (={shape!r:.80}) that is none")
        if (elements := math.prod(shape)) > MAX_ELEMENTS:
            raise ValueError(
                f"its in_avals give {name} {elements:.3g} elements, too many to run it"
            )
        if not aval["low"] <= aval["high"]:
            raise ValueError(
                f"its in_avals give {name} the range {aval['low']} to {aval['high']}, "
                f"which is empty"
            )


def _prove_modules(
    name: str,
    platform: str,
    modules: tuple[str, str],
    others: Mapping[str, str],
    subject: Subject,
    drawn: bool,
) -> str:
    """Prove a column's forward and backward module, and others; return how they were run.

    A column without a backward module has an empty text for it. Its other modules are proven then.
    `drawn` is whether the program was drawn; see `_is_drawn`.
    """
    avals, argnums, reference, points, executor = subject
    taken = list_tensors(avals)
    inputs = [point.inputs for point in points]
    wanted = [taken[number] for number in argnums]

    def check_forward(found: Signature) -> None:
        _check_tensors(f"{name}, forward: its arguments", found.taken, taken)
        _check_results(f"{name}, forward", found.returned, points[0].outputs)

    def check_backward(found: Signature) -> None:
        _check_tensors(f"{name}, backward: its arguments", found.taken, taken)
        _check_tensors(f"{name}, backward: its results", found.returned, wanted)

    forward, backward = modules
    by = argnums if backward else ()
    try:
        outputs = execute(forward, inputs, check_forward, reference.has_halves, executor)
        gradients = Execution([[] for _ in points], outputs.how)
        if backward:
            gradients = execute(
                backward,
                inputs,
                check_backward,
                reference.has_halves,
                executor,
                lambda: [_measure_parts(subject, number) for number in argnums],
            )
    except CannotRun as error:
        if platform == "cpu":
            raise ValueError(f"{name} can't be run: {error}") from None
        return PARSED
    except Refused as error:
        raise ValueError(f"{name} can't be run: {error}") from None
    rate = 0.0
    if reference.has_halves:
        dtypes = filter(None, map(find_shortest_float, filter(None, modules)))
        rate = max((tolerance.CONSTANTS[dtype] for dtype in dtypes), default=0.0)
    # JAX reduces the gradient's precision as well; its differences don't.
    gradient_rate = max(rate, reference.reduced_precision)
    rates = max(rate, tolerance.FORWARD), max(gradient_rate, tolerance.BACKWARD)
    for point, *got in zip(points, outputs.results, gradients.results, strict=True):
        fault = find_fault(point, by, got, rates)
        if fault is None:
            continue
        if not fault.ratio <= tolerance.ROUGH_FACTOR:
            raise fault.refusal(name)
        how = "with any of its constants unrounded" if rate else "read as float64"
        try:
            if rate:
                again = find_with_free_constants(point, by, reference, got, rates)
            else:
                again = find_in_float64(modules, point, by, gradient_rate)
        except ValueError as error:
            raise fault.refusal(name, f"; {how} it can't be compared ({error})") from error
        if again is not None:
            whose = "it" if again.what == fault.what else f"that of {again.what}"
            second = f"; {how} {whose} is {again.ratio:.3g} times ({again.rate:.3g})"
            raise fault.refusal(name, second, again.ratio)
    if drawn:
        given = gradients.results if backward else None
        if found := find_degenerate(avals, argnums, reference, points, given):
            raise ValueError(f"{name} is degenerate: {'; '.join(found)}")
    try:
        hows = [prove_pass(name, kind, text, subject, rates) for kind, text in others.items()]
    except CannotRun as error:
        if platform == "cpu":
            raise ValueError(f"{name} can't be run: {error}") from None
        return PARSED
    return join_ways((outputs.how, gradients.how, *hows))


def _measure_parts(subject: Subject, number: int) -> float:
    """Measure how large the outputs' derivatives are of which an element of a gradient is the sum.

    It is their mean over the argument's elements, and the largest one over the points.
    """
    found = 0.0
    for seed, point in enumerate(subject.points):
        moves = direction(subject.avals, [number], seed)
        move = moves[number]
        outputs = subject.reference.outputs(point.inputs)
        derivative = subject.reference.derivative(point.inputs, outputs, moves)
        if derivative is not None and move is not None:
            found = max(found, derivative.scale / float(np.abs(move).sum()))
    return found


def _check_tensors(what: str, found: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
    if list(found) != list(wanted):
        raise ValueError(
            f"{what} are {_format_tensors(found)}, they must be {_format_tensors(wanted)}"
        )


def _format_tensors(tensors: Sequence[Tensor]) -> str:
    return f"({', '.join(map(str, tensors))})"


def _check_results(what: str, found: Sequence[Tensor], outputs: Sequence[np.ndarray]) -> None:
    """Raise ValueError unless shapes and kinds of dtypes agree.

    The exact dtypes of results are unknown, since no column has them.
    """
    kinds = [KINDS[x.dtype.kind] for x in outputs]
    if [tensor.shape for tensor in found] != [x.shape for x in outputs] or any(
        tensor.dtype not in kind for tensor, kind in zip(found, kinds, strict=True)
    ):
        meant = [f"{kind[0]}{list(x.shape)}" for x, kind in zip(outputs, kinds, strict=True)]
        raise ValueError(f"{what}: its results are {_format_tensors(found)}, its python's {meant}")
