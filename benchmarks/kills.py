"""Kills runs with SIGKILL at random moments and starts them again: bytes, leftovers, processes.

    python benchmarks/kills.py [--ways scale builder ...] [--kills 30] [--rows 40] [--seed 0]

For each way to make rows, one run is left alone. Then, as often as is asked, the process of another
run is killed after a random part of that time. Two seconds later no process of it may be left. The
run is started again in the same place, and must give the same files, to the byte, and no others. (A
run that was done before it could be killed doesn't count, but must give the same.) Prints a table;
the exit code is 1 where one of this fails.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
# In the environment: a run's processes are known by it, whoever started them.
_MARK = "JAX_IR_SYNTH_KILLS"
_SECONDS_TO_END = 2
# In the names of files and folders that aren't complete: ours, and datasets'.
_UNFINISHED = (".partial", ".incomplete")

_BUILDER = """
import sys, jax_ir_synth
from datasets import load_dataset
count, seed, place = sys.argv[1:]
load_dataset(
    "jax_ir_synth", count=int(count), seed=int(seed), verify=False, num_proc=2, cache_dir=place
)
"""


class Way(NamedTuple):
    """A way of making rows.

    Attributes:
      command: what follows `python`; `{rows}`, `{seed}` and `{place}` stand for values.
      place: the name of what it makes.
      told: what the paths of files have in them that tell times, or are no result.
    """

    command: tuple[str, ...]
    place: str
    told: tuple[str, ...] = ()


_ASKED = ("--count", "{rows}", "--seed", "{seed}", "--no-verify", "--output", "{place}")
_LINE = ("-m", "jax_ir_synth", *_ASKED, "--num-proc", "2")
_SCALE = ("-m", "jax_ir_synth.scale", *_ASKED, "--shards", "5", "--workers", "2")
WAYS = {
    "jsonl": Way(_LINE, "rows.jsonl"),
    "parquet": Way(_LINE, "rows.parquet"),
    "folder": Way(_LINE, "rows"),
    "builder": Way(("-c", _BUILDER, "{rows}", "{seed}", "{place}"), "cache", (".lock",)),
    "scale": Way(_SCALE, "rows", ("/logs/",)),
}


class Outcome(NamedTuple):
    """What was seen of a killed run and of the one after it.

    Attributes:
      in_time: whether it was still running when it was killed.
      processes: how many were left two seconds later.
      unfinished: how many files and folders that aren't complete were left then.
      too_many: how many files don't belong there after the restart.
      same: whether the restart made the same bytes.
    """

    in_time: bool
    processes: int
    unfinished: int
    too_many: int
    same: bool


class Run:
    """A way's command in a folder of its own, which has a folder for temporary files too."""

    def __init__(self, way: Way, folder: Path, rows: int, seed: int):
        self._way, self._folder = way, folder
        place = folder / "made" / way.place
        values = {"rows": str(rows), "seed": str(seed), "place": str(place)}
        self._command = [sys.executable, *(values.get(a[1:-1], a) for a in way.command)]
        self._mark = f"{_MARK}={folder}"
        for name in ("made", "tmp"):
            (folder / name).mkdir(parents=True)

    def start(self) -> subprocess.Popen:
        """The process."""
        name, value = self._mark.split("=", 1)
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        own = {name: value, "TMPDIR": str(self._folder / "tmp"), "PYTHONPATH": path}
        with open(self._folder / "log", "ab") as log:
            return subprocess.Popen(
                self._command, env=os.environ | own, cwd=self._folder, stdout=log, stderr=log
            )

    def processes(self) -> list[int]:
        """Those of this run that are there."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (path / "environ").read_bytes().split(b"\0"):
                    found.append(int(path.name))
            except OSError:
                continue
        return found

    def unfinished(self) -> list[Path]:
        """Files and folders, of which none is below another."""
        return [
            path
            for path in self._everything()
            if any(mark in path.name for mark in _UNFINISHED)
            and not any(mark in part for part in path.parent.parts for mark in _UNFINISHED)
        ]

    def contents(self) -> dict[str, bytes]:
        """All files by their paths but those that tell times."""
        files = (path for path in self._everything() if path.is_file())
        paths = {f"/{path.relative_to(self._folder)}": path for path in files}
        return {
            name: path.read_bytes()
            for name, path in sorted(paths.items())
            if not any(part in name for part in self._way.told)
        }

    def _everything(self) -> list[Path]:
        return [path for name in ("made", "tmp") for path in (self._folder / name).rglob("*")]


def outcomes(
    way: Way, folder: Path, kills: int, rows: int, seed: int, chance: random.Random
) -> Iterator[Outcome]:
    """What is seen of each kill. Raises RuntimeError where a run fails that nobody kills."""
    first = Run(way, folder / "undisturbed", rows, seed)
    started = time.monotonic()
    _complete(first)
    seconds, wanted = time.monotonic() - started, first.contents()
    left, number = kills, 0
    while left:
        number += 1
        run = Run(way, folder / f"killed-{number}", rows, seed)
        process = run.start()
        after = chance.uniform(0, seconds)
        time.sleep(after)
        in_time = process.poll() is None
        left -= in_time
        # The machine had more to do when the first one ran.
        seconds = seconds if in_time else after
        process.kill()
        process.wait()
        time.sleep(_SECONDS_TO_END)
        processes, unfinished = len(run.processes()), len(run.unfinished())
        code = run.start().wait()
        made = {name: made for name, made in run.contents().items() if name in wanted}
        too_many = run.contents().keys() - wanted.keys()
        # It may have been killed when all was done: then there is something to be refused.
        same = code in (0, 2) and made == wanted
        yield Outcome(in_time, processes, unfinished, len(too_many), same)


def _complete(run: Run) -> None:
    if code := run.start().wait():
        log = (run._folder / "log").read_text(errors="replace")
        raise RuntimeError(f"exit code {code}: {log[-2000:]}")


def main(ways: list[str], kills: int, rows: int, seed: int) -> int:
    """Print the table; returns the exit code."""
    print(
        "| way | killed while running | processes left, 2 s later | unfinished files then | "
        "files too many after the restart | same bytes |"
    )
    print("|---|--:|--:|--:|--:|--:|")
    bad = False
    for name in ways:
        with tempfile.TemporaryDirectory(prefix="kills-") as folder:
            chance = random.Random(f"{seed} {name}")
            seen = list(outcomes(WAYS[name], Path(folder), kills, rows, seed, chance))
        processes, unfinished, too_many = (
            sum(getattr(outcome, what) for outcome in seen)
            for what in ("processes", "unfinished", "too_many")
        )
        same = sum(outcome.same for outcome in seen)
        in_time = sum(outcome.in_time for outcome in seen)
        bad |= bool(processes or too_many or same < len(seen))
        print(
            f"| {name} | {in_time} of {len(seen)} | {processes} | {unfinished} | {too_many} | "
            f"{same} of {len(seen)} |",
            flush=True,
        )
    return int(bad)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ways", nargs="+", choices=tuple(WAYS), default=list(WAYS))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(main(arguments.ways, arguments.kills, arguments.rows, arguments.seed))
