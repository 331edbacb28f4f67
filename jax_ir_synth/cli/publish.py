"""The command `python -m jax_ir_synth.publish`: rows proven, a card written, both on the Hub."""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from jax_ir_synth.cli.generate import (
    OneLineParser,
    Terminated,
    add_row_arguments,
    add_strict_argument,
    sigterm_raises,
)
from jax_ir_synth.cli.left_out import LeftOut
from jax_ir_synth.publish import NotReady, PublishError
from jax_ir_synth.publish.names import check_name
from jax_ir_synth.publish.rows_file import config_of
from jax_ir_synth.request.choices import unpack_names
from jax_ir_synth.request.config import CONFIGS, DEFAULTS, Request, parse_num_proc
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.paths import local_path
from jax_ir_synth.terminal.streams import command

PROGRAM = "jax_ir_synth.publish"
_ROW_FLAGS = ("count", "seed", "device", "dialect", "target")


class _Unset(int):
    """A default that can be told from the same number, given."""


@command
def main(argv: list[str] | None = None, check: str | None = None) -> int:
    """Run the command; returns the exit code. `check` as `reproof.prove_each` takes it.

    0: published, or nothing to change. 1: a row or the push failed. 2: wrong arguments, or
    something that has to be set up, before any work. 130 and 143: interrupted, terminated. After
    anything but 0 the published revision is as it was, unless the message says otherwise.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        request = _validated(arguments)
        number = parse_num_proc(arguments.num_proc)
    except ValueError as error:
        parser.error(str(error))
    # Files go to the storage by requests of huggingface_hub's own, which tests can answer.
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    try:
        with sigterm_raises():
            return _run(arguments, request, number, check)
    except NotReady as error:
        parser.error(str(error))
    except KeyboardInterrupt as error:
        return _fail(arguments, _told("interrupted", error), 130)
    except Terminated as error:
        return _fail(arguments, _told("terminated", error), 143)
    except (PublishError, RuntimeError, OSError) as error:
        return _fail(arguments, str(error), 1)


def _run(arguments, request: Request, number: int, check: str | None) -> int:
    # Late: --help or a wrong argument must not wait for them.
    from jax_ir_synth.card import CardError, extras
    from jax_ir_synth.publish import rows_file

    started = time.perf_counter()
    left_out = LeftOut(PROGRAM)
    try:
        extras.require(extras.PUBLISH)
    except CardError as error:
        raise NotReady(str(error)) from None
    if arguments.source is not None:
        rows_file.opened(arguments.source)
    client, before = (None, None) if arguments.dry_run is not None else _ready(arguments)
    with _scratch(arguments.dry_run) as scratch:
        rows, folder = scratch / "rows.parquet", scratch / "made"
        if arguments.source is not None:
            from jax_ir_synth.verify.reproof import CHECK

            configs = rows_file.take(
                rows, arguments.source, arguments.config, number, check or CHECK
            )
        else:
            configs = rows_file.make(rows, request, arguments.config, number, left_out)
        told = _write(arguments, configs, rows, folder)
        if left_out:
            told += f" ({left_out}, as said above)"
        if client is None:
            left_out.record(arguments.dry_run, overwrite=False)
            done = f"{arguments.dry_run}: written, not published"
        else:
            done = _push(arguments, client, folder, before)
    print(f"{done}; {told}, {time.perf_counter() - started:.1f} s")
    return 0


@contextlib.contextmanager
def _scratch(folder: Path | None):
    """A folder to work in; what is in its `made` in the end becomes `folder`, if there is one."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix=".jax_ir_synth.") as name:
            yield Path(name)
    else:
        with outputs.new_folder(folder) as partial:
            yield partial


def _ready(arguments):
    """A client for the Hub, and what is there; raises NotReady unless this user may publish."""
    from jax_ir_synth.publish import target
    from jax_ir_synth.publish.client import Client, to_stderr

    client = Client(target.token(), to_stderr(PROGRAM))
    return client, target.look(client, arguments.repo, arguments.private)


def _write(arguments, configs: list[str], rows: Path, folder: Path) -> str:
    from jax_ir_synth.card import CardError, write_card
    from jax_ir_synth.storage.dataset_reader import open_saved
    from jax_ir_synth.storage.repository import tables
    from jax_ir_synth.storage.repository.metadata import make_card_data

    folder.mkdir()
    subsets = tables.write_subsets(folder, (row for row, _ in open_saved(rows).rows), configs)
    try:
        write_card(
            folder, rows, seed=arguments.seed, repo=arguments.repo, metadata=make_card_data(subsets)
        )
    except CardError as error:
        raise PublishError(str(error)) from error
    counts = {subset.name: sum(part.rows for part in subset.splits.values()) for subset in subsets}
    return ", ".join(f"{name} {count}" for name, count in counts.items()) + " rows"


def _push(arguments, client, folder: Path, before) -> str:
    from jax_ir_synth.publish.push import push

    pushed = push(client, arguments.repo, folder, before, arguments.private)
    place = f"{client.endpoint}/datasets/{arguments.repo}"
    if not pushed.changed and not pushed.removed:
        return f"{place}: revision {pushed.revision[:7]} has these rows already"
    return (
        f"{place}: revision {pushed.revision[:7]}, {pushed.changed} files changed, "
        f"{pushed.removed} removed"
    )


def _validated(arguments) -> Request:
    """The rows that are asked for; arguments are made ready. Raises ValueError."""
    check_name(arguments.repo)
    given = {name: getattr(arguments, name) for name in _ROW_FLAGS}
    for config in arguments.config:
        Request(category=config)
    # In the registry's order, each once.
    arguments.config = [name for name in CONFIGS if name in arguments.config]
    strict = arguments.strict
    request = Request(category=config_of(arguments.config), strict=strict, **given)
    if arguments.source is not None:
        for name in _ROW_FLAGS:
            if name != "seed" and given[name] != DEFAULTS[name]:
                raise ValueError(f"`--{name}` is for rows to be made, `--from` has them already")
        if arguments.strict:
            raise ValueError("`--strict` is for rows to be made; one of `--from` must be proven")
        if isinstance(arguments.seed, _Unset):
            raise ValueError("`--from` needs `--seed`, that of its rows: the card proves it")
    if request.device != "both":
        raise ValueError(f"`--device` (={request.device}) must be both: the card shows the two")
    if "stablehlo" not in unpack_names(request.dialect):
        raise ValueError(
            f"`--dialect` (={','.join(unpack_names(request.dialect))}) must be stablehlo, alone or "
            "among others: the card is about it"
        )
    if arguments.dry_run is not None:
        outputs.check_new_folder("--dry-run", arguments.dry_run, {"--from": arguments.source})
    return request


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog=f"python -m {PROGRAM}",
        description="Make and prove rows, write the dataset's card, and publish both on the "
        "Hugging Face Hub, as Parquet that any datasets loads without our code. All of it changes "
        "at once or not at all; what is there already isn't sent again. The token is that of `hf "
        "auth login` or HF_TOKEN.",
        epilog=f"Example: python -m {PROGRAM} USER/NAME --count 1500 --seed 7",
    )
    parser.add_argument("repo", metavar="USER/NAME", help="where to; it is created if need be")
    add_row_arguments(parser)
    add_strict_argument(parser)
    parser.set_defaults(seed=_Unset(DEFAULTS["seed"]))
    parser.add_argument(
        "--from",
        dest="source",
        type=local_path,
        metavar="PATH",
        help="take the rows of a saved dataset instead, and prove them anew: a .jsonl or .parquet "
        "file or a folder of save_to_disk; needs the --seed that they were made with",
    )
    parser.add_argument(
        "--config",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help=f"the subsets to publish, of {', '.join(CONFIGS)} (default: each that has rows); "
        "several are cuts of the same --count rows of all categories",
    )
    parser.add_argument(
        "--num-proc", type=int, default=1, metavar="N", help="worker processes (default: 1)"
    )
    parser.add_argument(
        "--private", action="store_true", help="create the repository for you alone"
    )
    parser.add_argument(
        "--dry-run",
        type=outputs.path,
        metavar="FOLDER",
        help="write the files there, publish nothing",
    )
    return parser


def _told(word: str, error: BaseException) -> str:
    return "; ".join((word, *getattr(error, "__notes__", ())))


def _fail(arguments, message: str, code: int) -> int:
    print(f"{PROGRAM}: {arguments.repo} was not published: {message}", file=sys.stderr)
    return code
