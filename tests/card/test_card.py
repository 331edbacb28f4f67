"""The written card: its YAML, figures and pictures; the same rows give the same bytes."""

import re
import shutil

import pytest
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs, known_task_ids
from huggingface_hub import DatasetCard, DatasetCardData
from PIL import Image, ImageColor
from row_ids import THREE_EACH, row_id

from jax_ir_synth.card import CardError, checking, pictures, write_card
from jax_ir_synth.card.charts import CHARTS
from jax_ir_synth.card.drawing import choose_ids
from jax_ir_synth.card.style import DARK, LIGHT
from jax_ir_synth.card.writing import REMADE
from jax_ir_synth.cli.stats import summarise
from jax_ir_synth.generate.fingerprint import PACKAGE, sources_digest
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import CONFIGS, Request
from jax_ir_synth.schema.columns import MEANINGS, SCHEMA
from jax_ir_synth.schema.splits import split_of
from jax_ir_synth.stats import tables
from jax_ir_synth.storage.dataset_info import dataset_info
from jax_ir_synth.storage.writers import open_output

ROOT = PACKAGE.parent


@pytest.fixture(scope="module")
def text(card):
    return (card / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def data(text):
    return DatasetCard(text).data


def test_the_yaml_is_read_and_written_again_the_same(text, data):
    assert "&id" not in text
    assert DatasetCardData(**data.to_dict()).to_yaml() == data.to_yaml()
    yaml = text.split("---\n")[1].strip()
    assert data.to_yaml(line_break="\n") == yaml


def test_the_yaml_has_what_the_hub_knows(data):
    said = data.to_dict()
    assert (said["license"], said["language"]) == ("apache-2.0", ["en", "code"])
    assert said["annotations_creators"] == ["machine-generated"]
    assert said["source_datasets"] == ["original"]
    assert said["size_categories"] == ["n<1K"]
    assert set(said["task_categories"]) <= set(known_task_ids)
    for key, values in checking.KNOWN.items():
        assert set(said[key]) <= values
        # huggingface_hub's own list.
        for value in values:
            assert f"'{value}'" in DatasetCardData.__doc__


def test_datasets_reads_its_configs(data, good):
    configs = MetadataConfigs.from_dataset_card_data(data)
    assert list(configs) == ["default", *CONFIGS]
    assert configs.get_default_config_name() == "default"
    assert configs["default"] == configs["all"]
    infos = DatasetInfosDict.from_dataset_card_data(data)
    for config, info in infos.items():
        assert info.features == dataset_info().features
        rows = [row for row in good if config in ("all", row["type"].removeprefix("generate_"))]
        counts = {split: part.num_examples for split, part in info.splits.items()}
        splits = [split_of(row["skeleton_hash"]) for row in rows]
        assert counts == {split: splits.count(split) for split in counts}
        assert sum(counts.values()) == len(rows)
        files = {part["split"]: part["path"] for part in configs[config]["data_files"]}
        assert files == {split: f"{config}/{split}-*" for split in counts}
        assert info.dataset_size == sum(part.num_bytes for part in info.splits.values())
        # Those of the files, though the card was written without them.
        assert info.download_size > 0
    # A file of three short rows may be longer than they are.
    assert infos["all"].download_size < infos["all"].dataset_size


def test_the_figures_are_those_of_stats(text, saved):
    summary = summarise(saved)
    for label, value in tables.format_main_figures(summary).items():
        assert f"| {label} | {value} |\n" in text
    for word, number in summary["verified"].items():
        assert f"| `{word}` | {number} | {tables.format_share(number, summary['rows'])} |\n" in text
    for category, splits in summary["rows_by_category"].items():
        cells = [*splits.values(), sum(splits.values())]
        assert f"| `{category}` | {' | '.join(map(str, cells))} |\n" in text
    differ = sum(part["rows"] for part in summary["cpu_cuda_differ"].values())
    assert f"({differ} of {summary['rows']})" in text


def test_it_shows_real_rows(text, good, facts):
    shown = facts.shown.row
    assert shown in good
    assert f"```python\n{shown['python'].strip()}\n```" in text
    assert f"```mlir\n{shown['cpp'].strip()}\n```" in text
    sources = {row["python"].strip(): row["type"] for row in good}
    blocks = re.findall(r"^```python\n(.*?)\n```$", text, re.DOTALL | re.MULTILINE)
    kinds = [sources[block] for block in blocks if block in sources]
    assert set(kinds) == {f"generate_{category}" for category in CATEGORIES}
    for block in blocks:
        compile(block, "README.md", "exec")


def test_it_says_how_to_make_the_rows_again(text, facts):
    assert (
        f"jax-ir-synth generate --count {THREE_EACH} --seed 7 --output data/rows.parquet\n" in text
    )
    assert sources_digest(PACKAGE) in text
    remade = len(choose_ids(facts.categories, REMADE))
    assert f"{THREE_EACH} skeletons, of every row, and {remade} complete rows" in text
    assert f'load_dataset("user/name", "{CATEGORIES[-1]}", split="train")' in text


def test_nothing_is_left_open(text):
    for gap in ("More Information Needed", "{{", "{%", "USER/NAME", "None", "Undefined"):
        body = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
        assert gap not in body


def test_every_picture_is_there_and_named(text, card):
    names = {f"{name}-{theme}.png" for name in CHARTS for theme in ("light", "dark")}
    assert {path.name for path in (card / "pictures").iterdir()} == names
    assert set(re.findall(r"pictures/([\w-]+\.png)", text)) == names
    assert len(re.findall(r'<img src="pictures/\w+-light.png" width="800" alt="[^"]+">', text)) == 5
    for name in names:
        assert (card / "pictures" / name).stat().st_size < 150 * 1024
        with Image.open(card / "pictures" / name) as picture:
            assert picture.width == 1600
            colours = picture.convert("RGB").getcolors(256)
        # The palette keeps the very colours that were drawn.
        theme = LIGHT if "light" in name else DARK
        assert max(colours)[1] == ImageColor.getrgb(theme.ground)
        if name.startswith(("rows", "lengths", "deduplication")):
            assert ImageColor.getrgb(theme.series[0]) in {colour for _, colour in colours}


def test_other_files_stay(card):
    assert (card / "levels.md").read_text() == "kept"
    assert sorted(path.name for path in card.iterdir()) == ["README.md", "levels.md", "pictures"]


def test_the_same_rows_in_another_container_give_the_same_bytes(
    card, good, drawn_once, monkeypatch, tmp_path
):
    drawn_once(monkeypatch)
    with open_output(tmp_path / "rows", "folder") as write:
        for row in good:
            write(row)
    again = tmp_path / "card"
    write_card(again, tmp_path / "rows", seed=7, repo="user/name")
    for path in (path for path in again.rglob("*") if path.is_file()):
        assert path.read_bytes() == (card / path.relative_to(again)).read_bytes(), path.name


def test_the_same_rows_give_the_same_pictures(card, facts, redrawn, monkeypatch, tmp_path):
    # All of them, from other processes, are compared by the tests of a push.
    for name in ("lengths", "operations"):
        monkeypatch.delitem(CHARTS, name)
    pictures.draw(facts, redrawn.counts, tmp_path)
    drawn = list(tmp_path.iterdir())
    assert len(drawn) == 2 * len(CHARTS) == 6
    for path in drawn:
        assert path.read_bytes() == (card / "pictures" / path.name).read_bytes(), path.name


def test_metadata_given_and_no_repository(saved, data, drawn_once, monkeypatch, tmp_path):
    given = {key: data.to_dict()[key] for key in ("configs", "dataset_info")}
    for config in given["configs"]:
        for part in config["data_files"]:
            part["path"] = part["path"].replace("-*", "-00000-of-00007.parquet")
    drawn_once(monkeypatch)
    write_card(tmp_path, saved, seed=7, metadata=given)
    loaded = DatasetCard.load(tmp_path / "README.md")
    said = loaded.data.to_dict()
    assert {key: said[key] for key in given} == given
    assert f'load_dataset("jax_ir_synth", "all", seed=7, count={THREE_EACH})' in loaded.text
    assert "huggingface.co" not in loaded.text and "jax_ir_synth.publish" not in loaded.text
    assert 'srcset="pictures/rows-dark.png"' in loaded.text


def test_some_subsets_alone(saved, good, data, drawn_once, monkeypatch, tmp_path):
    wanted, said = ("loop", "unary"), data.to_dict()
    given = {
        key: [part for part in said[key] if part["config_name"] in wanted]
        for key in ("configs", "dataset_info")
    }
    drawn_once(monkeypatch)
    written = write_card(tmp_path, saved, seed=7, repo="user/name", metadata=given)
    # The card is about their rows, and proven by those that none of them has, too.
    assert written.rows == written.remade == 6
    text = (tmp_path / "README.md").read_text()
    assert re.findall(r"^### `(\w+)`$", text, re.MULTILINE) == ["unary", "loop"]
    assert 'rows = load_dataset("user/name")' not in text
    kinds = [f"generate_{name}" for name in wanted]
    sources = [row["python"].strip() for row in good if row["type"] not in kinds]
    assert not [source for source in sources if source in text]
    for words in (
        f"cuts of {THREE_EACH} rows",
        f"{THREE_EACH} skeletons, of every row, and 6 complete rows",
    ):
        assert text.count(words) == 1
    assert (
        f"jax-ir-synth publish user/name --count {THREE_EACH} --seed 7 --config unary loop" in text
    )


def _card_of(tmp_path, lines, *request, **settings) -> tuple[str, set[str]]:
    """The card of a few rows of these, and the charts that it has."""
    asked = Request(*request, **settings)
    saved = lines(tmp_path / "rows.jsonl", rows(asked, plan_rows(asked)))
    written = write_card(tmp_path / "card", saved, seed=asked.seed)
    assert (written.rows, written.remade) == (asked.count, asked.count)
    text = (tmp_path / "card" / "README.md").read_text(encoding="utf-8")
    drawn = {path.stem.partition("-")[0] for path in (tmp_path / "card" / "pictures").iterdir()}
    assert drawn == set(re.findall(r"pictures/(\w+)-light.png", text))
    return text, drawn


def test_one_category_and_several_dialects(tmp_path, lines):
    text, charts = _card_of(
        tmp_path, lines, "loop", seed=3, count=4, dialect=("jaxpr", "stablehlo"), verify=False
    )
    assert "--config loop --count 4 --seed 3 --dialect jaxpr,stablehlo --no-verify" in text
    assert 'load_dataset("jax_ir_synth", "loop", seed=3, count=4, dialect=("jaxpr", "stab' in text
    configs = DatasetCard(text).data.to_dict()["configs"]
    assert [config["config_name"] for config in configs] == ["loop"]
    assert "They were made without a proof." in text and "**Not proven.**" in text
    assert "drawn at random from the grammar of the category `loop`" in text
    assert "\n## The category\n" in text and "and its text in the dialect `jaxpr`." in text
    # No row of a loop differs by more than the header.
    assert charts == set(CHARTS) - {"devices"}
    assert "**CPU and CUDA are alike**" in text and "0 of 4" not in text


@pytest.mark.parametrize(
    ("device", "column", "name", "other"),
    [("cpu", "cpp", "the CPU", "CUDA"), ("cuda", "cuda", "CUDA", "the CPU")],
)
def test_one_device(tmp_path, lines, device, column, name, other):
    count = len(CATEGORIES)
    text, charts = _card_of(tmp_path, lines, seed=3, count=count, device=device)
    assert charts == set(CHARTS) - {"devices"}
    assert f"lowers it and its gradient, for\n{name}.\n" in text
    assert f"Its `{column}`, the IR for {name}:\n" in text
    assert f"- **One device.** These rows have no IR for {other}.\n" in text
    missing = "cuda" if column == "cpp" else "cpp"
    assert f"| `{missing}` | null |\n" in text and "; null in these rows |" in text
    assert f"--count {count} --seed 3 --device {device} --output" in text
    assert f'seed=3, count={count}, device="{device}")' in text
    prose = re.sub(r"^```.*?^```$", "", text.split("---\n", 2)[2], flags=re.DOTALL | re.MULTILINE)
    # Nothing compares the two.
    assert "differ" not in prose.replace("differentiates", "").replace("differences", "")
    assert "CPU and CUDA" not in prose and "alike" not in prose
    assert ("cuda" in DatasetCard(text).data.tags) == (device == "cuda")


def test_one_row_is_not_many(tmp_path, lines):
    text, _ = _card_of(tmp_path, lines, "elementwise", seed=3, count=1)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "1 small JAX program with the StableHLO" in prose
    assert not re.findall(r"\b1 (?:rows|programs|categories|candidates|dialects)\b", prose)


def test_rows_of_several_devices_have_no_card(tmp_path, lines):
    made = []
    for device in ("both", "cpu"):
        asked = Request("loop", seed=3, count=2, device=device, verify=False)
        made += [
            row
            for row in rows(asked, plan_rows(asked))
            if (row["id"] == row_id("loop")) == (device == "both")
        ]
    saved = lines(tmp_path / "rows.jsonl", made)
    with pytest.raises(CardError, match=r"row \d+ has another device, dialect, target or proof"):
        write_card(tmp_path / "card", saved, seed=3)


def test_a_chart_of_an_earlier_card_goes(tmp_path, lines, card):
    shutil.copytree(card, tmp_path / "card")
    _, charts = _card_of(tmp_path, lines, "loop", seed=3, count=2, verify=False)
    assert "devices" not in charts


def test_every_column_has_a_meaning():
    assert list(MEANINGS) == SCHEMA.names


def test_the_committed_card_is_whole():
    folder = ROOT / "dataset_card"
    card = DatasetCard.load(folder / "README.md")
    checking.check(folder, card.data.to_dict())
    for info in DatasetInfosDict.from_dataset_card_data(card.data).values():
        assert info.features == dataset_info().features
    assert set(re.findall(r"^### `(\w+)`$", card.text, re.MULTILINE)) == set(CATEGORIES)
