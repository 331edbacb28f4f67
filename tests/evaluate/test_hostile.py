"""The hostile set before the real judge: each kind costs its own row only."""

from pathlib import Path

import hostile
import pytest
from rowmaking import aval, expression

from jax_ir_synth.evaluate.judgement import PASS, RUNGS
from jax_ir_synth.evaluate.pool import Judges, Limits, Question
from jax_ir_synth.evaluate.tasks import TASKS, reference
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request

LIMITS = Limits(2, 2)


@pytest.fixture(scope="module")
def row():
    return hostile.row()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty folder, in which the processes work."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def everything(row, folder):
    """The whole set, a right answer after each: what became of them, by name, two at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Judges(2, LIMITS) as judges:
            return dict(judges.judgements(_jobs(row, hostile.HOSTILE)))


def _jobs(row, kinds):
    for number, kind in enumerate(kinds):
        yield (number, kind.name), Question(kind.make(), row, "forward")
        yield (number, PASS), Question(hostile.right(), row, "forward")


def test_the_set_has_no_name_twice():
    assert len({kind.name for kind in hostile.HOSTILE}) == len(hostile.HOSTILE)


def test_the_recorded_table_is_of_this_set():
    table = Path(__file__).parents[2] / "benchmarks" / "hostile.md"
    lines = [line for line in table.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    names = [line.split("|")[1].strip() for line in lines[1:]]
    assert names == [kind.name for kind in hostile.HOSTILE]


@pytest.mark.parametrize(
    ("number", "kind"),
    [*enumerate(hostile.HOSTILE)],
    ids=[kind.name for kind in hostile.HOSTILE],
)
def test_each_fails_alone(number, kind, everything):
    found, after = everything[number, kind.name], everything[number, PASS]
    # A machine that is busy may not get as far as another in this time.
    late = f"it was not done after {LIMITS.seconds} s"
    assert set(kind.rungs) <= set(RUNGS) - {PASS}
    assert found.rung in kind.rungs or found.reason == late, found
    assert found.reason and "\n" not in found.reason
    if kind.slow:
        assert found.reason == late
    assert after.passed, after


def test_nothing_is_left_behind(everything, folder):
    assert not list(folder.iterdir())
    assert not hostile.TAKEN.exists()


def test_none_of_them_ends_its_process(everything):
    """An abort in the interpreter, a signal, a parser's stack that is run over."""
    died = {
        kind.name: everything[number, kind.name].reason
        for number, kind in enumerate(hostile.HOSTILE)
        if "died" in everything[number, kind.name].reason
    }
    assert not died


def test_a_hundred_that_crash(row):
    jobs = []
    for number in range(200):
        order = "abort" if number % 2 else "pass"
        jobs.append((number, Question(order, {**row, "id": number}, "forward")))
    with Judges(1, LIMITS, "stub_judges:obey") as judges:
        found = dict(judges.judgements(jobs))
    assert all("process died: SIGABRT" in found[number].reason for number in range(1, 200, 2))
    assert all(found[number].passed for number in range(0, 200, 2))


_X = aval("x", (4, 4))
_LACKING = {
    "linear algebra": "jnp.linalg.cholesky(x @ x.T + 9 * jnp.eye(4))",
    "solving": "jnp.linalg.solve(x @ x.T + 9 * jnp.eye(4), x)",
    "Fourier transform": "jnp.abs(jnp.fft.fft(x))",
    "special functions": "jax.scipy.special.erfinv(x / 4) + lax.lgamma(x)",
    "half": "jnp.sin(x).astype(jnp.bfloat16)",
}


def test_nothing_that_a_right_answer_needs_is_refused():
    request = Request(seed=2, count=2 * len(CATEGORIES), device="both", verify=False)
    rows = [make_row(request, planned) for planned in plan_rows(request)]
    rows += [{"id": name, **expression(text, _X)} for name, text in _LACKING.items()]
    jobs = []
    for row in rows:
        for name, task in TASKS.items():
            right = reference(row, task)
            if right is not None:
                text = "\n\n".join(right.modules.values())
                jobs.append(((row["id"], name), Question(f"```mlir\n{text}\n```", row, name)))
    with Judges(2, Limits(20, 2)) as judges:
        found = [*judges.judgements(jobs)]
    assert [label for label, judged in found if not judged.passed] == []
    assert {name for (_, name), _ in found} == set(TASKS)
