"""Rows: their columns, and the same bytes in whatever process, order and surroundings."""

import dataclasses
import json
import os
import random
import signal

import pyarrow
import pytest

from jax_ir_synth.generate import rows as rows_module
from jax_ir_synth.generate.defects import Defect
from jax_ir_synth.generate.plan import PlannedRow, draw_candidate, get_category_plan, plan_rows
from jax_ir_synth.generate.rows import RowError, draw_program, make_row, rows
from jax_ir_synth.generate.workers import Workers
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.reference import points
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.verification import RUN_BY, UNVERIFIED

# Prints the rows of seed argv[1] and count argv[2], made in an order shuffled by argv[3].
SHUFFLED = """
import json, random, sys
from jax_ir_synth.request.config import Request
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
request = Request(seed=int(sys.argv[1]), count=int(sys.argv[2]))
planned = list(plan_rows(request))
random.Random(int(sys.argv[3])).shuffle(planned)
made = sorted((make_row(request, row) for row in planned), key=lambda row: row["id"])
print(json.dumps(made))
"""


def test_columns_and_types(reference):
    assert all(list(row) == SCHEMA.names for row in reference)
    table = pyarrow.Table.from_pylist(reference, SCHEMA)
    assert table.to_pylist() == reference
    assert json.loads(json.dumps(reference, allow_nan=False)) == reference


def test_what_a_row_says_of_itself(wanted, reference):
    assert [row["id"] for row in reference] == list(range(wanted.count))
    assert [row["type"] for row in reference[: len(CATEGORIES)]] == [
        f"generate_{category}" for category in CATEGORIES
    ]
    for row in reference:
        assert row["python"].startswith(f"def {row['kernel_name']}(")
        assert row["cpp"].startswith("# JAX compiler IR (backend=cpu, dialect=stablehlo)\n")
        assert row["cuda"].startswith("# JAX compiler IR (backend=gpu, dialect=stablehlo)\n")
        assert set(row["argnums"]) <= set(range(len(row["in_avals"])))
    assert len({row["program_hash"] for row in reference}) == wanted.count


@pytest.mark.parametrize(("device", "empty"), [("cpu", "cuda"), ("cuda", "cpp")])
def test_a_device_not_asked_for_is_null_and_changes_nothing_else(wanted, reference, device, empty):
    request = Request(seed=wanted.seed, count=wanted.count, device=device)
    for row, both in zip(rows(request, plan_rows(request)), reference, strict=True):
        assert row == both | {empty: None}


def test_each_row_says_how_it_was_proven(reference):
    assert {row["verified"] for row in reference} <= set(RUN_BY)


def test_a_row_that_is_not_proven_is_the_same_but_for_the_word(wanted, reference):
    request = dataclasses.replace(wanted, verify=False)
    for row, proven in zip(rows(request, plan_rows(request)), reference, strict=True):
        assert row == proven | {"verified": UNVERIFIED}


def test_a_row_whose_ir_is_wrong_stops_the_run_with_both_values(wanted, monkeypatch):
    def wrong(*arguments):
        lowered = lower_source(*arguments)
        columns = {
            platform: text.replace("stablehlo.multiply", "stablehlo.subtract")
            for platform, text in lowered.columns.items()
        }
        return lowered._replace(columns=columns)

    planned = next(row for row in plan_rows(wanted) if "*" in make_row(wanted, row)["python"])
    source = make_row(wanted, planned)["python"]
    monkeypatch.setattr("jax_ir_synth.lowering.lower_source", wrong)
    with pytest.raises(RowError) as raised:
        make_row(wanted, planned)
    message = str(raised.value)
    assert f"category='{planned.category}', seed={wanted.seed}, candidate=" in message
    assert "it is [" in message and "its python's [" in message and source in message


@pytest.mark.parametrize("hash_seed", ["0", "77"])
def test_the_same_in_a_fresh_process_in_any_order(wanted, python, reference, hash_seed):
    done = python(
        "-c", SHUFFLED, wanted.seed, wanted.count, hash_seed, env={"PYTHONHASHSEED": hash_seed}
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == reference


def test_the_same_in_this_process_after_other_rows(wanted, reference):
    other = Request(seed=wanted.seed + 1, count=wanted.count)
    assert [make_row(other, row)["id"] for row in plan_rows(other)] == list(range(wanted.count))
    planned = list(plan_rows(wanted))
    random.Random(4).shuffle(planned)
    made = {row.id: make_row(wanted, row) for row in planned}
    assert [made[number] for number in range(wanted.count)] == reference


def test_the_same_whatever_the_caller_set_in_jax(wanted, python, reference):
    code = f"""
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_default_matmul_precision", "highest")
{SHUFFLED}
assert jax.config.jax_enable_x64 and jax.config.jax_numpy_rank_promotion == "raise"
"""
    done = python("-c", code, wanted.seed, wanted.count, 1)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == reference


@pytest.mark.parametrize("number", [1, 2, 4])
def test_the_same_from_any_number_of_workers(wanted, reference, number):
    with Workers(number, wanted.count) as workers:
        assert list(rows(wanted, plan_rows(wanted), workers)) == reference


def test_workers_hold_few_rows_at_once():
    taken = 0

    many = Request(count=10**6)

    def endless():
        nonlocal taken
        for row in plan_rows(many):
            taken += 1
            yield row

    with Workers(2, many.count) as workers:
        made = rows(many, endless(), workers)
        assert [next(made)["id"] for _ in range(3)] == [0, 1, 2]
        assert taken < 100


@pytest.mark.parametrize("stage", ["write", "lower_source"])
def test_an_error_names_the_rows_coordinates(wanted, monkeypatch, stage):
    planned = next(plan_rows(wanted))
    source = make_row(wanted, planned)["python"]

    def broken(*_):
        raise FloatingPointError("planted")

    if stage == "write":
        monkeypatch.setattr(rows_module.kernels, "write", broken)
    else:
        monkeypatch.setattr("jax_ir_synth.lowering.lower_source", broken)
    with pytest.raises(RowError) as raised:
        make_row(wanted, planned)
    message = str(raised.value)
    assert (
        f"category='{planned.category}', seed={wanted.seed}, candidate={planned.candidate}"
        in message
    )
    assert "FloatingPointError: planted" in message
    assert (source in message) == (stage == "lower_source")
    assert isinstance(raised.value.__cause__, FloatingPointError)


def test_workers_draw_for_the_plan(wanted):
    get_category_plan.cache_clear()
    with Workers(2, wanted.count) as workers:
        made = list(rows(wanted, plan_rows(wanted, draw=workers.draw), workers))
        # The plan is known now: nobody draws for it, but each worker its rows' programs.
        again = list(rows(wanted, plan_rows(wanted, draw=workers.draw), workers))
    get_category_plan.cache_clear()
    assert made == again == list(rows(wanted, plan_rows(wanted)))


def test_a_proof_takes_the_points_that_the_draw_has_found(wanted, reference, monkeypatch):
    planned = list(plan_rows(wanted))
    first = draw_program(planned[0].category, wanted.seed, planned[0].candidate, evaluate=True)
    # Another program is evaluated meanwhile, as in a worker.
    assert make_row(wanted, planned[1]) == reference[1]
    monkeypatch.setattr(points, "find_points", lambda *_: pytest.fail("found again"))
    assert make_row(wanted, planned[0], first) == reference[0]


def test_a_candidate_that_cant_be_drawn_is_a_defect_with_its_coordinates(wanted):
    with Workers(2, wanted.count) as workers:
        found = workers.draw("no_such_category", 3, 5)
        assert isinstance(found, Defect)
        assert found[:4] == (None, "no_such_category", 3, 5)
        assert found.error.startswith("ValueError: ")
        # The workers go on.
        assert workers.draw("unary", 3, 5) == draw_candidate("unary", 3, 5)


def test_a_row_that_cant_be_made_by_a_worker_is_left_out(wanted):
    planned = [*plan_rows(wanted, 0, 3), PlannedRow(3, "no_such_category", 0, "train")]
    told = []
    with Workers(2, wanted.count) as workers:
        made = list(rows(wanted, planned, workers, told.append))
        assert [row["id"] for row in made] == [0, 1, 2]
        (defect,) = told
        assert defect[:4] == (3, "no_such_category", wanted.seed, 0)
        strict = dataclasses.replace(wanted, strict=True)
        with pytest.raises(RowError, match="row 3 .*'no_such_category'"):
            list(rows(strict, planned, workers))
        # The worker goes on with other rows.
        assert len(list(rows(wanted, planned[:3], workers))) == 3


def test_a_worker_that_is_killed_is_replaced(wanted, reference):
    with Workers(2, wanted.count) as workers:
        made = rows(wanted, plan_rows(wanted), workers)
        first = next(made)
        for helper in workers._pool.helpers:
            os.kill(helper.pid, signal.SIGKILL)
        assert [first, *made] == reference


# What a worker does instead of its work: `status` is how it then ends.
DYING = """
import os, signal
import wrapt

@wrapt.when_imported("jax_ir_synth.generate.workers")
def plant(workers):
    make = workers.make_or_leave_out
    def dying(request, planned, program=None):
        if planned.id == 2:
            os.kill(os.getpid(), signal.{signal})
        return make(request, planned, program)
    workers.make_or_leave_out = dying
"""


@pytest.fixture
def dying(tmp_path, monkeypatch):
    """Called with a signal's name: workers get it when they make row 2."""

    def plant(name):
        (tmp_path / "sitecustomize.py").write_text(DYING.format(signal=name))
        path = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))

    return plant


def test_a_row_at_which_workers_crash_is_left_out(wanted, reference, dying):
    dying("SIGSEGV")
    told = []
    with Workers(2, wanted.count) as workers:
        made = list(rows(wanted, plan_rows(wanted), workers, told.append))
    assert made == [row for row in reference if row["id"] != 2]
    assert [defect.id for defect in told] == [2]
    assert "died twice: exit status -11" in told[0].line


def test_workers_that_are_killed_again_are_an_error_and_not_a_hang(wanted, dying):
    dying("SIGKILL")
    with (
        Workers(2, wanted.count) as workers,
        pytest.raises(RowError, match=r"row 2 .*died twice: exit status -9"),
    ):
        list(rows(wanted, plan_rows(wanted), workers))


@pytest.mark.parametrize("error", [MemoryError, OSError(28, "No space left")])
def test_what_is_wrong_with_the_machine_leaves_no_row_out(wanted, monkeypatch, error):
    def broken(*_):
        raise error

    monkeypatch.setattr("jax_ir_synth.lowering.lower_source", broken)
    with pytest.raises(RowError, match="row 0 "):
        list(rows(wanted, plan_rows(wanted, 0, 1)))


def test_workers_are_gone_afterwards(wanted):
    with Workers(2, wanted.count) as workers:
        processes = [helper._process for helper in workers._pool.helpers]
        next(rows(wanted, plan_rows(wanted), workers))
    assert all(process.returncode is not None for process in processes)
    assert all(process.stdin.closed and process.stdout.closed for process in processes)


def test_few_rows_start_few_workers(wanted):
    with Workers(64, 9) as workers:
        assert len(workers._pool.helpers) == 2
        assert len(list(rows(wanted, plan_rows(wanted, 0, 9), workers))) == 9
