"""The corpus of rewrites and mutants: made, written, read, and a recorded part of it scored."""

import contextlib
import gzip
import importlib.util
from pathlib import Path

import pytest
import scoring_corpus
from equivalence import EQUIVALENT, UNDECIDED, WRONG, Judge, Verdict
from scoring_corpus import MUTANT, REWRITE, SECTIONS, Group, Variant
from variant_examples import examples
from xla_oracle import XlaError

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify.dataflow import compute_the_same

# The joined files of `benchmarks/scoring.py make FOLDER`, started three times:
#   --rows 10 --seed 771005 --share 0.09
#   --rows 2 --seed 771006 --share 0.12 --half
#   --rows 10 --seed 771008 --section forward --kinds "branch + 0.5" "branch of a select + 0.5" \
#     "wrong in 55 to 75 % of a range"
SAMPLE = Path(__file__).parent / "scoring_sample.jsonl.gz"
_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scoring():
    """The benchmark."""
    path = _ROOT / "benchmarks" / "scoring.py"
    spec = importlib.util.spec_from_file_location("scoring", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def judge():
    judge = Judge(60)
    yield judge
    judge.close()


def _groups() -> list[Group]:
    row = examples()[0]
    verdicts = Verdict(EQUIVALENT), Verdict(WRONG, float("inf"), 40), Verdict(UNDECIDED, 1e-6, 3)
    variants = [Variant(MUTANT, f"kind {k}", f"text {k}", each) for k, each in enumerate(verdicts)]
    return [Group(row, "forward", variants), Group(row, "backward", variants[:1])]


def test_what_is_written_is_read(tmp_path):
    groups, path = _groups(), tmp_path / "a.jsonl.gz"
    scoring_corpus.write(path, groups)
    assert list(scoring_corpus.read(path)) == groups


def test_the_same_groups_are_the_same_bytes(tmp_path):
    for name in "ab":
        scoring_corpus.write(tmp_path / name, _groups())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    first, second = _groups()
    scoring_corpus.write(tmp_path / "2.jsonl.gz", [second])
    scoring_corpus.write(tmp_path / "1.jsonl.gz", [first])
    assert list(scoring_corpus.read(tmp_path)) == [first, second]


def test_files_are_one_after_the_other(tmp_path):
    """Joining files is joining corpora."""
    parts = []
    for group in _groups():
        scoring_corpus.write(tmp_path / "part", [group])
        parts.append((tmp_path / "part").read_bytes())
    (tmp_path / "all").write_bytes(b"".join(parts))
    assert list(scoring_corpus.read(tmp_path / "all")) == _groups()


def test_a_group_is_the_same_whatever_else_is_made(judge):
    row = examples()[0]

    def made(*kinds: str, share: float = 1.0) -> list[Variant]:
        return scoring_corpus.make_group(row, "forward", judge, 5, kinds, share).variants

    both = made("constant x 1.01", "values renamed")
    assert [variant.side for variant in both] == [REWRITE, MUTANT]
    assert [variant.verdict.verdict for variant in both] == [EQUIVALENT, WRONG]
    assert made("constant x 1.01") == both[1:]
    assert made("constant x 1.01", share=0.0) == []


def test_a_folder_is_filled_once(scoring, tmp_path, capsys):
    def fill() -> dict[str, bytes]:
        scoring.make(tmp_path, 1, 3, ["forward"], ["values renamed"], 1.0, False, 10.0)
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    first = fill()
    assert [*first] == ["3-000000-forward.jsonl.gz"]
    capsys.readouterr()
    assert fill() == first
    assert capsys.readouterr().out == ""


def test_no_minutes_are_no_files(scoring, tmp_path):
    scoring.make(tmp_path, 1, 3, SECTIONS, None, 1.0, False, 0.0)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def found(scoring):
    """The scores of the recorded sample."""
    return list(scoring.scores(SAMPLE))


def test_the_sample_is_judged_rightly(found):
    counted = [score for score in found if score.counts]
    assert len(counted) > 150
    assert not [score for score in counted if not score.right]


def test_a_dataflow_that_is_the_same_is_right():
    """Only rewrites, and mutants whose change makes no difference, are seen as the same."""
    same = 0
    for group in scoring_corpus.read(SAMPLE):
        right = getattr(read_section(group.row["cpp"]), group.section)
        for variant in group.variants:
            with contextlib.suppress(ValueError):
                if compute_the_same(variant.text, right):
                    same += 1
                    assert variant.verdict.verdict == EQUIVALENT, variant.text
    assert same > 50


def test_scores_are_read_as_they_were_written(scoring, found, tmp_path):
    path = tmp_path / "scores.csv"
    scoring.write_csv(path, found)
    assert scoring.read_csv(path) == found


def test_a_scorer_that_accepts_everything_is_told(scoring, found, capsys):
    """The report counts both sides, before and now, and lists what survives."""
    accepting = [score._replace(passed=True) for score in found]
    scoring.report(accepting, found, survivors=True)
    lines = capsys.readouterr().out.splitlines()
    mutants = [score for score in found if score.side == "mutant" and score.counts]
    (summary,) = (line for line in lines if "all mutants" in line)
    assert f"0 of {len(mutants)} (0.0 %)" in summary
    assert sum(": off by" in line for line in lines) == len(mutants)


def test_the_sample_is_small():
    assert SAMPLE.stat().st_size < 300_000
    with gzip.open(SAMPLE) as lines:
        assert sum(1 for _ in lines) > 150


@pytest.mark.slow
def test_no_rewrite_of_any_category_is_wrong(judge):
    """A tenth of the kinds, on two rows of each category."""
    request = Request(seed=61, count=2 * len(CATEGORIES), verify=False)
    kinds = {kind.name for kind in scoring_corpus.KINDS[REWRITE]}
    verdicts = []
    for planned in plan_rows(request):
        row = make_row(request, planned)
        for section in SECTIONS:
            try:
                group = scoring_corpus.make_group(row, section, judge, 1, kinds, 0.1)
            except XlaError as error:
                # XLA's own fault: it gives some Fourier transforms a layout that it then refuses.
                assert "fft_thunk" in str(error)
                continue
            verdicts += [(row["id"], section, *variant) for variant in group.variants]
    assert len(verdicts) > 100
    assert not [each for each in verdicts if each[-1].verdict == WRONG]
