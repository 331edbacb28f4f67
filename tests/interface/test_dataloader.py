"""Streams as training input: each row once from two workers, shuffled, and gone on with."""

import itertools
import json
import pickle

import datasets
import pytest
from datasets import load_dataset

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.splits import SPLITS

torch = pytest.importorskip("torch", reason="torch is an extra of its own: pip install '.[torch]'")
stateful_dataloader = pytest.importorskip(
    "torchdata.stateful_dataloader", reason="so is torchdata, which comes with it"
)

COUNT = 60
SHUFFLE = {"seed": 3, "buffer_size": 10}

pytestmark = [
    # A forked worker lowers in contexts without threads, and runs nothing through XLA; jax and
    # Python can't know that.
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    # torchdata 0.11 asks torch for it.
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
]

# The worst parent: it has run jax, it has made rows, and it has proven them.
TRAINING = """
import json
import sys
import jax
import jax_ir_synth
from datasets import load_dataset
from torch.utils.data import DataLoader

if __name__ == "__main__":
    seed, count, cache, output = sys.argv[1:]
    assert float(jax.jit(lambda x: x + 1)(jax.numpy.ones(3)).sum()) == 6
    stream = load_dataset(
        "jax_ir_synth", seed=int(seed), count=int(count), split="train", streaming=True,
        cache_dir=cache,
    )
    assert next(iter(stream))["verified"] != "none"
    rows = {}
    # The other ways start clean processes.
    for way in ("fork", "forkserver", "spawn"):
        print(way, file=sys.stderr, flush=True)
        loader = DataLoader(
            stream, num_workers=2, batch_size=4, collate_fn=list, multiprocessing_context=way,
            # Seconds for a batch, in which no more than a hang is meant to be seen.
            timeout=80,
        )
        rows[way] = [row for batch in loader for row in batch]
    with open(output, "w") as file:
        json.dump(rows, file)
"""


def test_the_rows_are_the_reference_rows(python, reference, wanted, tmp_path):
    """With each way to start workers: a forked one that waited for its parent's threads would hang here."""
    script, output = tmp_path / "training.py", tmp_path / "rows.json"
    script.write_text(TRAINING)
    done = python(script, wanted.seed, wanted.count, tmp_path / "cache", output, timeout=220)
    assert done.returncode == 0, done.stderr
    made = json.loads(output.read_text())
    train = {row.id for row in plan_rows(wanted) if row.split == "train"}
    expected = [row for row in reference if row["id"] in train]
    for way, rows in made.items():
        assert sorted(rows, key=lambda row: row["id"]) == expected, way


@pytest.fixture
def stream(monkeypatch, tmp_path):
    """Opens a stream in shards of 7, of rows that are an `id` alone: nothing else matters here."""
    monkeypatch.setattr("jax_ir_synth.jax_ir_synth._ROWS_A_SHARD", 7)
    monkeypatch.setattr("jax_ir_synth.jax_ir_synth.rows", _ids_alone)

    def open_stream(split="train", count=COUNT):
        return load_dataset(
            "jax_ir_synth", seed=11, count=count, split=split, streaming=True, cache_dir=tmp_path
        )

    return open_stream


def _ids_alone(request, planned, workers):
    return ({"id": row.id} for row in planned)


def _expected(split="train", count=COUNT) -> list[int]:
    return [row.id for row in plan_rows(Request(seed=11, count=count)) if row.split == split]


def _ids(batches) -> list[int]:
    return [row["id"] for batch in batches for row in batch]


def _loader(stream, kind=torch.utils.data.DataLoader, **arguments):
    return kind(stream, num_workers=2, batch_size=4, collate_fn=list, timeout=60, **arguments)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("count", [COUNT, 12, 7])
def test_each_row_comes_once(stream, split, count):
    """Also where there is one shard for two workers, and where a split is empty."""
    assert stream(split, count).num_shards == -(-count // 7)
    assert sorted(_ids(_loader(stream(split, count)))) == _expected(split, count)


def test_the_second_epoch_has_the_same_rows(stream):
    loader = _loader(stream(), persistent_workers=True)
    epochs = [_ids(loader) for _ in range(2)]
    assert epochs[0] == epochs[1] and sorted(epochs[0]) == _expected()


def test_batches_of_texts_need_no_collate_fn(stream):
    loader = torch.utils.data.DataLoader(
        stream().select_columns(["id"]), num_workers=2, batch_size=4
    )
    assert sorted(int(number) for batch in loader for number in batch["id"]) == _expected()


def test_shuffled_epochs(stream):
    shuffled = stream().shuffle(**SHUFFLE)
    loader = _loader(shuffled, persistent_workers=True)
    epochs = []
    for epoch in (0, 0, 1, 0):
        shuffled.set_epoch(epoch)
        epochs.append(_ids(loader))
    assert all(sorted(epoch) == _expected() for epoch in epochs)
    assert epochs[0] == epochs[1] == epochs[3] != epochs[2]
    assert epochs[0] != _ids(_loader(stream()))
    assert epochs[0] == _ids(_loader(stream().shuffle(**SHUFFLE)))
    assert epochs[0] != _ids(_loader(stream().shuffle(**SHUFFLE | {"seed": 4})))


def test_a_stream_goes_on_wherever_it_was_left(stream):
    """Before the first row, in a shard, at its end, after the last row."""
    expected = _expected()
    for taken in range(len(expected) + 1):
        first, second = stream(), stream()
        # With no row left to take, the end of the stream is met too.
        rows = itertools.islice(first, taken) if taken < len(expected) else first
        ids = [row["id"] for row in rows]
        second.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))
        assert ids + [row["id"] for row in second] == expected, taken


def _shuffled_exactly(stream):
    # The order of the shards alone: a buffer's rows are not in a state.
    return stream.shuffle(seed=3, buffer_size=1, max_buffer_input_shards=1)


@pytest.mark.parametrize(
    "made",
    [
        lambda stream: stream,
        pytest.param(
            _shuffled_exactly,
            marks=pytest.mark.skipif(
                datasets.__version__.startswith("3."),
                reason="datasets 3.6.0 always holds a row back in its buffer",
            ),
        ),
    ],
    ids=["in order", "shuffled"],
)
@pytest.mark.parametrize("taken", [0, 1, 2, 5, 11, 12])
def test_a_loader_with_two_workers_goes_on_wherever_it_was_left(stream, made, taken):
    def open_loader():
        return _loader(made(stream()), stateful_dataloader.StatefulDataLoader)

    whole = _ids(open_loader())
    assert sorted(whole) == _expected()
    first, second = open_loader(), open_loader()
    ids = _ids(itertools.islice(first, taken))
    second.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))
    assert ids + _ids(second) == whole
