"""Computes the results of a right module, and how far rounding may take another text from them.

The reference runs on the row's inputs (see `inputs`) as float64, so its results have no rounding
error. Runs of the reference with random errors (see `verify.noise`) show how far rounding may move
each element, and so give each element a tolerance of its own. The reference's dtypes alone say how
large these errors are; the completion's never do.

A completion runs as it is written. If the reference has 16-bit floats, whose rounding hides much,
the completion is also read with longer floats in their place, as the reference is. Then only the
rounding of constants explains a difference.

Some elements are not compared: those that aren't finite, in float64 or in the reference as it is
written, and those on a jump. At a jump a nudge of the inputs by a millionth changes the element by
more than rounding could, as it changes the gradient at a kink. There convention or rounding decides
the result.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.evaluate.inputs import Arrays, InputDraws, find_branches, find_thresholds
from jax_ir_synth.evaluate.judgement import Unjudgeable
from jax_ir_synth.reference.inputs import DTYPES
from jax_ir_synth.reference.program import ReferenceProgram
from jax_ir_synth.verify.execution import execute_as_written, execute_exactly
from jax_ir_synth.verify.noise import add_noise
from jax_ir_synth.verify.promote import find_halves, replace_halves

# The number of runs with random errors. An element's spread is the root mean square over them.
_RUNS = 4
# An error of so many times its tolerance is none of rounding, whatever other inputs show.
_HOPELESS = 1000.0
# The largest relative error of rounding a number, by MLIR's name of the dtype.
_ROUNDING = {"bf16": 2.0**-8, "f16": 2.0**-11, "f32": 2.0**-24}
# An element may be off by so many times its spread, in float32 some 1e-5 of the element. `python
# benchmarks/tolerances.py 60 --seed 7 --spreads 8` on 2026-11-29: of 16 float32 references as they
# are written, the farthest element is off by 1.4 spreads. An earlier measurement of 120 references,
# whose script isn't kept, found 12.
_SPREADS, _SPREADS_OF_HALF = 64.0, 8.0
# In float32 it may also be off by this part of the result's largest element.
_OF_LARGEST = 8 * 2.0**-24
# The same for a text that is read with longer floats, where only constants have a spread.
_SPREADS_OF_CONSTANTS = 4.0
# An element that is off by less than this part of itself is right, whatever its spread.
_RIGHT = 1e-6
# So few runs may by chance show too small a spread. So this part of the other elements' spread
# counts, too.
_OF_OTHERS = 0.5
# A nudge moves an input by a millionth of half its range, and so a smooth element by about a
# millionth of what it moves over half the range. An element that moves by more than this part of
# the result's largest element on that input lies on a jump, and isn't compared. A narrow width
# leaves out steep elements that are sure, a wide one compares elements that rounding decides.
_JUMP_WIDTH = 2e-5
# This part of the largest element on all inputs counts, too: all may be small on one input.
_JUMP_WIDTH_ELSEWHERE = 1e-6
# Where no runs with random errors show how far rounding goes, an element may be off by this part of
# the result's largest element. That is so if a module can't be read as float64, or if the runs end
# in NaN.
_WITHOUT_SPREAD = 1e-4


class NotPrepared(JaxIrSynthError, RuntimeError):
    """The reference would have to be run here, where it may not be."""


class Fault(NamedTuple):
    """The worst fault of a completion's results on one input.

    Attributes:
      ratio: the error in units of its tolerance, above 1.
      shown: the element, with both values, in words.
    """

    ratio: float
    shown: str


class Expectation:
    """The results of a right module.

    Attributes:
      inputs: arrays for the arguments, of the arguments' dtypes.
      halves: MLIR's names of the 16-bit floats in the reference.

    Args:
      module: the reference's text.
      inputs: see above.
      filling: how many of the inputs, the first ones, are random in all of their elements. No
        float32 element of such an input lies on a jump.
      nudge: makes two inputs beside one.

    Raises Unjudgeable if the reference can't be run, or none of its results tells right from wrong.
    """

    def __init__(
        self,
        module: str,
        inputs: list[Arrays],
        filling: int,
        nudge: Callable[[Arrays], list[Arrays]],
    ):
        self.inputs = inputs
        self.halves = find_halves(module)
        self._module = module
        self._may_run = True
        self._spreads: dict[tuple[int, bool], Arrays | None] = {}
        try:
            self._written = execute_as_written(module, inputs)
        except ValueError as error:
            raise Unjudgeable(f"the reference can't be run: {error}") from error
        try:
            self._exact = self._execute_exactly(module, inputs)
            self._has_spreads = True
        except ValueError:
            # A float64 has no counterpart of the bits of a float32.
            self._exact, self._has_spreads = self._written, False
        self._masks = [
            [np.isfinite(_double(x)) & np.isfinite(_double(y)) for x, y in zip(*both, strict=True)]
            for both in zip(self._exact, self._written, strict=True)
        ]
        if self._has_spreads:
            self._mask_jumps(range(0 if self.halves else filling, len(inputs)), nudge)
        for k, masks in enumerate(zip(*self._masks, strict=True)):
            if not any(mask.any() for mask in masks):
                raise Unjudgeable(f"no element of the reference's result {k} is sure")

    @classmethod
    def restore(cls, module: str, arrays: Mapping[str, np.ndarray]) -> "Expectation":
        """Make an expectation of the results of an earlier one. Raises KeyError, ValueError.

        Args:
          module: the reference's text.
          arrays: what `arrays` returned.
        """
        self = cls.__new__(cls)
        self.halves, self._module, self._may_run = find_halves(module), module, True
        self.inputs = _unstack(arrays, "inputs")
        self._exact, self._written = _unstack(arrays, "exact"), _unstack(arrays, "written")
        self._masks = _unstack(arrays, "masks")
        self._has_spreads = bool(arrays["has_spreads"])
        self._spreads = {}
        for constants, name in _SPREADS_NAMES.items():
            known = iter(_unstack(arrays, name))
            for k, has_spread in arrays[f"{name} by input"].tolist():
                self._spreads[k, constants] = next(known) if has_spread else None
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all results, as arrays of plain dtypes."""
        found = {"has_spreads": np.array(self._has_spreads)}
        for name, lists in (
            ("inputs", self.inputs),
            ("exact", self._exact),
            ("written", self._written),
            ("masks", self._masks),
        ):
            found |= _stack(name, lists)
        for constants, name in _SPREADS_NAMES.items():
            every = {k: each for (k, other), each in self._spreads.items() if other == constants}
            by_input = [(k, each is not None) for k, each in every.items()]
            found[f"{name} by input"] = np.array(by_input, np.int64).reshape(-1, 2)
            found |= _stack(name, [each for each in every.values() if each is not None])
        return found

    def find_fault(self, run: Callable[[Arrays], Arrays]) -> Fault | None:
        """Find a fault in a text as it is written.

        Args:
          run: runs the text on one of the inputs. If the fault is beyond doubt, it isn't run on
            more of them.
        """
        results: list[Arrays] = []
        for number, inputs in enumerate(self.inputs):
            results.append(run(inputs))
            errors = self._measure_errors(number, results[-1], constants=False)
            fault = self._find_fault_on(number, results[-1], errors, constants=False)
            if fault is not None and (self.halves or fault.ratio > _HOPELESS):
                return fault
        return self._find_fault(results, constants=False)

    def find_fault_with_longer_floats(self, text: str) -> Fault | None:
        """Find a fault in a text that is read with longer floats, as the reference is.

        Raises ValueError if it can't be run so.
        """
        if not self._has_spreads:
            return None
        return self._find_fault(self._execute_exactly(text, self.inputs), constants=True)

    def run_with_errors(self, every: bool) -> None:
        """Run the reference with random errors, on the first input or on every one."""
        for number in range(len(self.inputs) if every else 1):
            for constants in (False, True):
                self._spread(number, constants)

    @contextlib.contextmanager
    def without_runs(self) -> Iterator[None]:
        """Raise NotPrepared inside, if the reference would have to be run."""
        self._may_run = False
        try:
            yield
        finally:
            self._may_run = True

    def _find_fault(self, results: Sequence[Arrays], constants: bool) -> Fault | None:
        """Find the fault at the first input that has one, in the order of the largest errors."""
        errors = [
            self._measure_errors(number, each, constants) for number, each in enumerate(results)
        ]
        for number in map(int, np.argsort([-_largest(each) for each in errors], kind="stable")):
            fault = self._find_fault_on(number, results[number], errors[number], constants)
            if fault is not None:
                return fault
        return None

    def _find_fault_on(
        self, number: int, results: Arrays, errors: Arrays, constants: bool
    ) -> Fault | None:
        """Find the worst fault in the first wrong result on one input."""
        if _largest(errors) == 0.0:
            return None
        allowed = self._allow(number, constants)
        for k, (error, most) in enumerate(zip(errors, allowed, strict=True)):
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                # Zero by zero, or infinity by infinity, is no fault.
                ratios = np.nan_to_num(error / most, nan=0.0, posinf=np.inf)
            if ratios.max(initial=0.0) > 1:
                at = int(np.argmax(ratios))
                mine = float(_double(results[k]).flat[at])
                right = float(_double(self._exact[number][k]).flat[at])
                return Fault(
                    float(ratios.max()),
                    f"result {k} on input {number} is {mine:.6g} where the reference's is "
                    f"{right:.6g}",
                )
        return None

    def _measure_errors(self, number: int, results: Arrays, constants: bool) -> Arrays:
        """Measure how far elements are off; 0 where they are right or not compared.

        An infinite result is off by the largest float64, so that an infinite tolerance allows it.
        """
        found = []
        for k, (x, right) in enumerate(zip(results, self._exact[number], strict=True)):
            with np.errstate(invalid="ignore", over="ignore"):
                errors = np.abs(_double(x) - _double(right))
            errors = np.where(np.isfinite(errors), errors, np.finfo(np.float64).max)
            least = np.zeros(right.shape)
            if right.dtype.kind == "f":
                least = _RIGHT * np.abs(right)
                if not constants:
                    least = np.maximum(least, self._allow_at_least(number, k))
            found.append(np.where(self._masks[number][k] & (errors > least), errors, 0.0))
        return found

    def _allow_at_least(self, number: int, k: int) -> np.ndarray:
        """Compute how far elements of a text as it is written may be off whatever their spread."""
        right, mask = self._exact[number][k], self._masks[number][k]
        size = np.abs(right)
        largest = size.max(initial=0.0, where=mask)
        # A right text may round once more than the reference does, or cancel larger numbers.
        most = self._rounding * (size + largest) if self.halves else _OF_LARGEST * largest
        with np.errstate(invalid="ignore"):
            errors = np.abs(_double(self._written[number][k]) - right)
        return np.asarray(np.fmax(most, 2 * errors))

    def _allow(self, number: int, constants: bool) -> Arrays:
        """Compute how far elements may be off."""
        spreads = self._spread(number, constants)
        found = []
        for k, (right, written, mask) in enumerate(
            zip(self._exact[number], self._written[number], self._masks[number], strict=True)
        ):
            if right.dtype.kind != "f":
                # An integer that rounding changes is not sure.
                moves = np.zeros(right.shape) if spreads is None else spreads[k]
                found.append(np.where((written != right) | (moves > 0), np.inf, 0.0))
                continue
            size = np.abs(right)
            without = _WITHOUT_SPREAD * size.max(initial=0.0, where=mask)
            if spreads is None:
                found.append(np.full(right.shape, without))
                continue
            # Errors may end in NaN, as where a program looks for equal numbers. That tells nothing.
            unknown = ~np.isfinite(spreads[k])
            spread = np.where(unknown, 0.0, spreads[k])
            with np.errstate(divide="ignore", invalid="ignore"):
                relative = (spread / size)[mask & (size > 0) & ~unknown]
            of_others = float(np.median(relative)) if relative.size else 0.0
            spread = np.hypot(spread, _OF_OTHERS * of_others * size)
            if constants:
                # Beside that there is the rounding of constants in float32.
                most = _SPREADS_OF_CONSTANTS * spread + _RIGHT * self._amplify(number, k)
            else:
                times = _SPREADS_OF_HALF if self.halves else _SPREADS
                most = times * (spread + _ROUNDING["f32"] * size)
                most += self._allow_at_least(number, k)
            found.append(np.where(unknown, np.fmax(most, without), most))
        return found

    @property
    def _rounding(self) -> float:
        return max(_ROUNDING[name] for name in (*self.halves, "f32"))

    def _amplify(self, number: int, k: int) -> np.ndarray:
        """Compute about how far elements move if each operation is off by all of its result."""
        size = np.abs(self._exact[number][k])
        spreads = self._spread(number, constants=False)
        return size if spreads is None else size + np.nan_to_num(spreads[k]) / self._rounding

    def _spread(self, number: int, constants: bool) -> Arrays | None:
        """Measure how far runs with errors are from the exact one; None if there are none."""
        if not self._has_spreads:
            return None
        if constants and not self.halves:
            return [np.zeros(x.shape) for x in self._exact[number]]
        if (number, constants) not in self._spreads:
            if not self._may_run:
                raise NotPrepared
            # The first input whose spread is asked for is most often the only one.
            numbers = [number]
            if any(constants == other for _, other in self._spreads):
                every = range(len(self.inputs))
                numbers = [k for k in every if (k, constants) not in self._spreads]
            self._run_with_errors(numbers, constants)
        return self._spreads[number, constants]

    def _run_with_errors(self, numbers: Sequence[int], constants: bool) -> None:
        points = [self.inputs[k] for k in numbers]
        try:
            runs = [
                self._execute_exactly(add_noise(self._module, seed, constants), points)
                for seed in range(_RUNS)
            ]
        except ValueError:
            self._spreads.update({(k, constants): None for k in numbers})
            return
        if not constants:
            runs.append([self._written[k] for k in numbers])
        for position, k in enumerate(numbers):
            self._spreads[k, constants] = [
                _root_mean_square([_double(run[position][j]) - _double(right) for run in runs])
                for j, right in enumerate(self._exact[k])
            ]

    def _execute_exactly(self, text: str, inputs: Sequence[Arrays]) -> list[Arrays]:
        return execute_exactly(replace_halves(text, self.halves), inputs)

    def _mask_jumps(self, numbers: Sequence[int], nudge: Callable[[Arrays], list[Arrays]]) -> None:
        """Mask the elements that a nudge of the inputs of these numbers changes."""
        largest = [_largest(each) for each in zip(*self._exact, strict=True)]
        beside = [inputs for number in numbers for inputs in nudge(self.inputs[number])]
        for position, other in enumerate(self._execute_exactly(self._module, beside)):
            number = numbers[position // 2]
            for k, (x, y) in enumerate(zip(self._exact[number], other, strict=True)):
                self._masks[number][k] &= ~_find_jumps(x, y, largest[k])


def compute_expectation(module: str, program: str) -> Expectation:
    """Compute the results of a right module.

    Args:
      module: the reference's text.
      program: the row's `python`, `kernel_name`, `in_avals` and `program_hash`, as JSON.

    Raises Unjudgeable.
    """
    row = json.loads(program)
    draws = InputDraws(row["in_avals"], row["program_hash"])
    inputs, filling = _draw_inputs(row, draws)
    return Expectation(module, inputs, filling, draws.nudge)


def _draw_inputs(row: Mapping[str, Any], draws: InputDraws) -> tuple[list[Arrays], int]:
    """Draw the inputs. Returns them, and how many of them, the first ones, fill the ranges."""
    filling = draws.fill_ranges()
    found = filling + draws.draw_edges()
    avals = row["in_avals"]
    try:
        program = ReferenceProgram(row["python"], row["kernel_name"], avals)
        program.measure_differences(filling[0])
    # A stranger's Python may raise anything. Completions are compared with the row's IR, for which
    # Python only helps to find inputs.
    except Exception:
        return found, len(filling)
    found += find_branches(found, draws, program)
    found += find_thresholds(found, avals, draws, program)
    return found, len(filling)


def _find_jumps(right: np.ndarray, nudged: np.ndarray, largest: float) -> np.ndarray:
    if right.dtype.kind != "f":
        return np.asarray(right != nudged)
    least = _JUMP_WIDTH * _largest([right]) + _JUMP_WIDTH_ELSEWHERE * largest
    with np.errstate(invalid="ignore"):
        return np.asarray(~(np.abs(nudged - right) <= least))


_SPREADS_NAMES = {False: "spreads", True: "spreads of constants"}


def _stack(name: str, lists: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """Stack each array of all inputs, by a name that tells its number and dtype."""
    found = {}
    for k, each in enumerate(zip(*lists, strict=True)):
        stacked = np.stack(each)
        dtype = stacked.dtype.name
        # NumPy's files know none of the dtypes that other packages define.
        plain = stacked.view(np.uint16) if dtype == "bfloat16" else stacked
        found[f"{name}.{k}.{dtype}"] = plain
    return found


def _unstack(arrays: Mapping[str, np.ndarray], name: str) -> list[Arrays]:
    """Return the lists of which `_stack` made arrays."""
    keys = (key.split(".") for key in arrays)
    found = sorted((int(key[1]), key[2]) for key in keys if key[0] == name and len(key) == 3)
    stacks = [arrays[f"{name}.{k}.{dtype}"].view(DTYPES.get(dtype, dtype)) for k, dtype in found]
    return [[x[number, ...] for x in stacks] for number in range(len(stacks[0]) if stacks else 0)]


def _double(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64)


def _largest(arrays: Sequence[np.ndarray]) -> float:
    """The largest absolute value of the finite elements."""
    doubles = map(_double, arrays)
    return max((float(np.abs(x[np.isfinite(x)]).max(initial=0.0)) for x in doubles), default=0.0)


def _root_mean_square(differences: Sequence[np.ndarray]) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.sqrt(np.mean(np.square(differences), axis=0)))
