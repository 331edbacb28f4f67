"""Judges one completion in this process: finds the first rung of the ladder that it fails at.

It parses and runs the model's text. For text from untrusted sources use `pool.Judges`, which does
the same within limits.
"""

import ast
import functools
import json
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxlib.mlir import ir

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.evaluate.expectation import Expectation
from jax_ir_synth.evaluate.expectation_cache import ExpectationCache
from jax_ir_synth.evaluate.extraction import LAST, OWN, Module, extract_modules
from jax_ir_synth.evaluate.judgement import LONGEST, PASS, REFERENCE, Judgement, Unjudgeable
from jax_ir_synth.evaluate.similarity import similarity
from jax_ir_synth.evaluate.tasks import TASKS, Reference, explain_none, reference
from jax_ir_synth.lowering import contexts
from jax_ir_synth.lowering.parsing import open_module, walk
from jax_ir_synth.lowering.plain import check_text
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.schema.identity import canonicalize_module
from jax_ir_synth.schema.ir_section import BACKENDS, clean_module
from jax_ir_synth.verify import fallback_kernels
from jax_ir_synth.verify.dataflow import compute_the_same
from jax_ir_synth.verify.execution import run_as_written
from jax_ir_synth.verify.expansion.expand import find_expansion
from jax_ir_synth.verify.interpreter import CannotRun, Unsupported
from jax_ir_synth.verify.signature import Signature, list_tensors, read_signature

__all__ = ["LONGEST", "REFERENCE", "Failed", "describe_programs", "find_expectations", "judge"]

_REASON = 300
# The number of modules of rows whose signatures are kept, as completions of one row come in turn.
_KEPT = 16
# An error in float32 is read again up to so many times its tolerance.
_DOUBTFUL = 10.0
# The columns that say what a row's program takes, and what its inputs are drawn from.
_DESCRIBING = ("python", "kernel_name", "in_avals", "program_hash")
# Messages of MLIR's verifier begin with the faulty operation, those of its parser don't.
_VERIFIER = re.compile(r"'[\w.$]+' op |region control flow edge|operand #\d+ does not dominate")


# Finds what is expected of each section of a row's reference.
Expectations = Callable[[Reference, Mapping[str, Any]], dict[str, Expectation]]


class Failed(JaxIrSynthError, ValueError):
    """A completion fails at a rung; the message says why."""

    def __init__(self, rung: str, reason: str):
        super().__init__(reason)
        self.rung = rung


@pause_gc()
def judge(
    completion: str,
    row: Mapping[str, Any],
    task: str,
    take: str = LAST,
    reached: Callable[[str], None] = lambda rung: None,
    expectations: Expectations | None = None,
) -> Judgement:
    """Judge a completion.

    Args:
      completion: the model's text.
      row: the dataset's row, with all columns.
      task: one of `tasks.TASKS`.
      take: which of several modules in the completion counts, one of `extraction.TAKES`; or
        `extraction.OWN` to judge the row's right answer in the completion's place, with all the
        work that any completion may cause.
      reached: called with a rung before that rung is tried, and with `REFERENCE` before the
        reference is run, so that a watching process knows where this one died. Before it is called
        first, nothing has looked at the completion.
      expectations: finds what is expected of the completion. By default it is computed, and kept
        for the next completions.

    Raises:
      ValueError: the task asks nothing of the row, or there is no such task.
      expectation.NotPrepared: `expectations` lacks it, or results that are needed of it.
      Unjudgeable: the row is damaged, or its reference can't be run.
    """
    if task not in TASKS:
        raise ValueError(f"`task` (={task!r}) must be one of {', '.join(TASKS)}")
    right = reference(row, TASKS[task])
    if right is None:
        why = explain_none(TASKS[task])
        raise ValueError(f"{TASKS[task].title} asks nothing of row {row['id']}: {why}")
    _check_row(row, right, task)
    reached("no_code")
    found = []
    if take == OWN:
        found = [
            Module(module, None, None, "", section) for section, module in right.modules.items()
        ]
    elif len(completion) <= LONGEST:
        found = extract_modules(completion, list(right.modules), take)
    text = "\n\n".join(module.text for module in found) or completion[:LONGEST]
    meant = "\n\n".join(right.modules.values())
    make = functools.partial(
        Judgement,
        taken="; ".join(module.place for module in found),
        exact=clean_module(text) == clean_module(meant),
        similarity=similarity(text, meant),
    )
    names = _PrintedModules()
    try:
        _climb(completion, found, right, task, reached, names)
        # Only now, since most wrong completions fail earlier and don't need the reference.
        reached(REFERENCE)
        expected = (expectations or find_expectations)(right, row)
        # What the reference itself computes is known.
        if take == OWN or not names.match(right):
            for printed, (section, meant) in zip(names.printed, right.modules.items(), strict=True):
                if take != OWN and compute_the_same(printed, meant):
                    continue
                _run(printed, section, right.platform, expected[section], reached)
                if take == OWN:
                    expected[section].run_with_errors(every=True)
    except Failed as failure:
        reason = " ".join(str(failure).split())[:_REASON]
        return make(rung=failure.rung, reason=reason, renamed=names.match(right))
    return make(rung=PASS, reason="", renamed=names.match(right))


def _check_row(row: Mapping[str, Any], right: Reference, task: str) -> None:
    """Check that a row asks a question and has an answer, whatever the completion is.

    Raises Unjudgeable.
    """
    for aval in row["in_avals"]:
        low, high = aval["low"], aval["high"]
        if not -math.inf < low <= high < math.inf:
            raise Unjudgeable(f"the range of {aval['name']} is {low:g} to {high:g}, which is none")
    avals = list_tensors(row["in_avals"])
    for what, modules in (("question", right.shown), ("reference", right.modules)):
        for section, module in modules.items():
            taken = _read_own_signature(module, what).taken
            if taken != avals:
                listed = [", ".join(map(str, tensors)) for tensors in (taken, avals)]
                raise Unjudgeable(
                    f"the {what} ({section}) takes ({listed[0]}), in_avals are ({listed[1]})"
                )
    if TASKS[task].given == "python":
        try:
            with warnings.catch_warnings(action="ignore"):
                ast.parse(row["python"])
        # Nesting that is too deep is a MemoryError or a RecursionError.
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise Unjudgeable(f"the row's python can't be parsed: {error}") from error


@functools.lru_cache(maxsize=_KEPT)
def _read_own_signature(module: str, what: str) -> Signature:
    """Parse a module of the row and read its signature. Raises Unjudgeable."""
    try:
        check_text(module)
        return _signature(module)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise Unjudgeable(f"the {what} can't be parsed: {reason}") from error


def describe_programs(right: Reference, row: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return what an `ExpectationCache` is asked by, for each section of the reference."""
    program = json.dumps({name: row[name] for name in _DESCRIBING})
    return {section: (module, program) for section, module in right.modules.items()}


def find_expectations(right: Reference, row: Mapping[str, Any]) -> dict[str, Expectation]:
    """Compute what is expected of a completion's sections, or find it in memory."""
    return {
        section: _cache.get(*asked, may_compute=True)
        for section, asked in describe_programs(right, row).items()
    }


_cache = ExpectationCache()


class _PrintedModules:
    """The completion's modules as MLIR prints them."""

    def __init__(self) -> None:
        self.printed: list[str] = []

    def match(self, right: Reference) -> bool:
        """Whether they equal the reference's modules, apart from names."""
        return [canonicalize_module(text) for text in self.printed] == [
            canonicalize_module(text) for text in right.modules.values()
        ]


def _climb(
    completion: str,
    found: Sequence[Module],
    right: Reference,
    task: str,
    reached: Callable[[str], None],
    names: _PrintedModules,
) -> None:
    """Climb the ladder with all modules together, as far as nothing is run. Raises Failed."""
    if len(completion) > LONGEST:
        raise Failed("no_code", f"it is {len(completion):,} characters long, above {LONGEST:,}")
    if len(found) < len(right.modules):
        have = f"{len(found)} of {len(right.modules)} modules" if found else "no module or function"
        raise Failed("no_code", f"it holds {have}")
    reached("parse")
    for module in found:
        names.printed.append(_print_module(module.text))
    reached("signature")
    if TASKS[task].translates:
        _check_translated(found, right, names)
    for text, (section, meant) in zip(names.printed, right.modules.items(), strict=True):
        _check_signature(text, section, meant)


def _print_module(text: str) -> str:
    """Parse the module and print it with MLIR. Raises Failed."""
    try:
        check_text(text)
    except ValueError as error:
        raise Failed("parse", str(error)) from error
    with contexts.get_context():
        try:
            return str(ir.Module.parse(text))
        except ir.MLIRError as error:
            messages = [diagnostic.message for diagnostic in error.error_diagnostics]
            said = messages[0] if messages else str(error)
            rung = "verify" if any(_VERIFIER.search(line) for line in messages) else "parse"
            raise Failed(rung, said) from None


def _check_translated(found: Sequence[Module], right: Reference, names: _PrintedModules) -> None:
    backend = BACKENDS[right.platform]
    for module in found:
        if module.backend not in (None, backend):
            raise Failed("signature", f"it is headed backend={module.backend}, not {backend}")
    shown = [canonicalize_module(text) for text in right.shown.values()]
    if [canonicalize_module(text) for text in names.printed] == shown:
        raise Failed("signature", "it is the CPU's program, as it was given")


def _run(
    text: str,
    section: str,
    platform: str,
    expected: Expectation,
    reached: Callable[[str], None],
) -> None:
    """Run a module and compare its results. Raises Failed."""
    reached("execute")
    _check_calls(text, platform)
    try:
        with run_as_written(text) as run:
            fault = expected.find_fault(run)
    except (CannotRun, Unsupported) as error:
        raise Failed("unsupported", f"{section}: {error}") from error
    except ValueError as error:
        raise Failed("execute", f"{section}: {error}") from error
    reached("numeric")
    reading = "as it is written"
    # Longer floats show what 16 bits hide, and whether an error in float32 is one of rounding.
    if expected.halves if fault is None else not expected.halves and fault.ratio <= _DOUBTFUL:
        try:
            fault = expected.find_fault_with_longer_floats(text)
            reading = "read with longer floats"
        except ValueError:
            # It uses the bits of its floats.
            reading = "as it is written, the only way to read it,"
    if fault is not None:
        raise Failed(
            "numeric",
            f"{section}: {reading} {fault.shown}, the error is {fault.ratio:.3g} times what "
            "rounding explains",
        )


def _check_signature(text: str, section: str, meant: str) -> None:
    """Raise Failed unless a module has the signature of the right one."""
    wanted = _read_own_signature(meant, "reference")
    try:
        found = _signature(text)
    # A module that holds anything but functions is an error, too.
    except ValueError as error:
        raise Failed("signature", f"{section}: {error}") from error
    if found != wanted:
        raise Failed("signature", f"{section}: {_describe_difference(found, wanted)}")


def _signature(text: str) -> Signature:
    with open_module(text) as module:
        return read_signature(module)


def _check_calls(text: str, platform: str) -> None:
    """Raise Failed for a custom call that this platform lacks, or that nothing here can run."""
    with contexts.get_context():
        for op in walk(ir.Module.parse(text).operation):
            if op.name != "stablehlo.custom_call" or find_expansion(op) is not None:
                continue
            target = ir.StringAttr(op.attributes["call_target_name"]).value
            home = fallback_kernels.find_platform(target)
            if home is None:
                raise Failed("unsupported", f"custom_call @{target} is not known")
            if home != platform:
                reason = f"custom_call @{target} is one of {home}, not of {platform}"
                raise Failed("execute", reason)


def _describe_difference(found: Signature, wanted: Signature) -> str:
    """Describe the first difference of a signature from the wanted one."""
    for what, mine, theirs in (
        ("takes", found.taken, wanted.taken),
        ("returns", found.returned, wanted.returned),
    ):
        if mine != theirs:
            listed = [", ".join(map(str, tensors)) for tensors in (mine, theirs)]
            return f"it {what} ({listed[0]}), it must be ({listed[1]})"
    raise AssertionError("the signatures are equal")
