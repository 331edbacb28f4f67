"""Streams: the same rows, the first one at once, shards, and a state to go on from."""

import itertools
import pickle
import time

import pytest
from datasets import load_dataset
from datasets.distributed import split_dataset_by_node

from jax_ir_synth.generate import plan
from jax_ir_synth.schema.splits import SPLITS, split_of

# Streams in a process forked after jax ran something, as a DataLoader's workers do.
FORKED = """
import multiprocessing, sys
import jax
assert float(jax.jit(lambda x: x + 1)(jax.numpy.ones(3)).sum()) == 6
import jax_ir_synth
from datasets import load_dataset

def work(queue):
    asked = {"seed": int(sys.argv[1]), "count": int(sys.argv[2]), "cache_dir": sys.argv[3]}
    rows = load_dataset("jax_ir_synth", split="train", streaming=True, **asked)
    queue.put([row["id"] for row in rows])

context = multiprocessing.get_context("fork")
queue = context.Queue()
context.Process(target=work, args=(queue,), daemon=True).start()
print(queue.get(timeout=100))
"""


@pytest.fixture(scope="module")
def stream(wanted, tmp_path_factory):
    cache = tmp_path_factory.mktemp("streams")

    def open_stream(split="train", count=wanted.count):
        return load_dataset(
            "jax_ir_synth",
            cache_dir=cache,
            seed=wanted.seed,
            count=count,
            split=split,
            streaming=True,
        )

    return open_stream


@pytest.fixture(scope="module")
def train_ids(reference):
    return [row["id"] for row in reference if split_of(row["skeleton_hash"]) == "train"]


def test_the_rows_are_the_reference_rows(stream, reference):
    for split in SPLITS:
        in_split = [row for row in reference if split_of(row["skeleton_hash"]) == split]
        assert list(stream(split)) == in_split


def test_the_first_row_of_a_huge_stream_comes_within_seconds(stream, reference):
    plan.get_category_plan.cache_clear()
    started = time.perf_counter()
    first = next(iter(stream(count=1_000_000)))
    assert time.perf_counter() - started < 10
    assert first == next(row for row in reference if split_of(row["skeleton_hash"]) == "train")


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of 7 rows, so that few rows make several of them."""
    monkeypatch.setattr("jax_ir_synth.jax_ir_synth._ROWS_A_SHARD", 7)


def test_shards_cover_all(stream, train_ids, small_shards):
    whole = stream()
    assert whole.num_shards > 2
    parts = [split_dataset_by_node(whole, rank=rank, world_size=2) for rank in range(2)]
    ids = [[row["id"] for row in part] for part in parts]
    assert all(ids)
    assert sorted(ids[0] + ids[1]) == train_ids


def test_a_shard_is_small(stream):
    """A stream that is resumed makes its current shard again: that must be seconds, not minutes."""
    assert stream(count=1500).num_shards >= 50


@pytest.mark.parametrize("taken", [1, 6, 15])
def test_a_stream_goes_on_from_its_state(stream, train_ids, small_shards, taken):
    first = stream()
    ids = [row["id"] for row in itertools.islice(first, taken)]
    state = pickle.loads(pickle.dumps(first.state_dict()))
    second = stream()
    second.load_state_dict(state)
    assert ids + [row["id"] for row in second] == train_ids


def test_a_shuffled_stream_holds_the_same_rows(stream, train_ids, small_shards):
    shuffled = [row["id"] for row in stream().shuffle(seed=1, buffer_size=10)]
    assert shuffled != train_ids and sorted(shuffled) == train_ids


def test_a_stream_can_be_sent_to_another_process(stream, reference):
    sent = pickle.loads(pickle.dumps(stream()))
    assert next(iter(sent)) in reference


def test_no_hang_in_a_process_forked_after_jax(python, train_ids, wanted, tmp_path):
    done = python("-c", FORKED, wanted.seed, wanted.count, tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(train_ids)
