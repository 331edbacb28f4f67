"""Prompts: the examples are of train and never the row asked; the recorded texts stay."""

import json
import random
from pathlib import Path

import pytest
from scored_rows import row, rows

from jax_ir_synth.evaluate import prompts
from jax_ir_synth.evaluate.extraction import extract_modules
from jax_ir_synth.evaluate.judging import judge
from jax_ir_synth.evaluate.prompts import (
    STOP,
    completion_prompt,
    completion_target,
    draw_shots,
    given,
    messages,
)
from jax_ir_synth.evaluate.tasks import TASKS, reference
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.splits import split_of

RECORDED = Path(__file__).parent / "recorded_prompts.json"


def _ids(shots) -> list[int]:
    return [shot["id"] for shot in shots.rows]


def _asked(made, task) -> list[dict]:
    return [row for row in made if reference(row, TASKS[task]) is not None]


def test_only_rows_of_train_are_shown(made):
    outside = {row["python"] for row in made if split_of(row["skeleton_hash"]) != "train"}
    assert len(outside) > 5
    for task, number in (("forward", 20), ("backward", 9), ("gradient", 1)):
        for seed in range(10):
            shots = draw_shots(made, task, number, seed)
            assert len(shots.rows) == number + 1
            assert not outside & {shot["python"] for shot in shots.rows}
    # Whatever a container says.
    with pytest.raises(ValueError, match=r"`number` \(=1\) must be less than the rows of train"):
        draw_shots([row(0, "test"), row(1, "validation"), row(2)], "forward", 1)


def test_the_row_itself_is_never_shown_and_others_dont_change(made):
    shots = draw_shots(made, "forward", 4)
    first = shots.rows[:4]
    for each in made:
        shown = shots.but(each)
        assert len(shown) == 4 and each not in shown
        if each in first:
            assert shown == tuple(shot for shot in shots.rows if shot is not each)
        else:
            assert shown == first
        text = completion_prompt(each, "forward", shots)
        assert text.count(each["python"].rstrip()) == 1
        assert completion_target(each, "forward") not in text


def test_the_categories_take_turns(made):
    shots = draw_shots(made, "forward", 2 * len(CATEGORIES) - 1)
    kinds = [shot["type"] for shot in shots.rows]
    assert len(set(kinds)) == len(CATEGORIES)
    assert kinds[: len(CATEGORIES)] == kinds[len(CATEGORIES) :]


def test_a_category_that_runs_short_is_passed_by():
    few = [row(0, category="loop"), *(row(id) for id in range(1, 6))]
    kinds = [shot["type"] for shot in draw_shots(few, "forward", 5).rows]
    assert sorted(kinds) == ["generate_loop"] + ["generate_unary"] * 5
    assert "generate_loop" in kinds[:2]


def test_the_seed_and_the_rows_decide_not_their_order(made):
    shuffled = random.Random(1).sample(made, len(made))
    assert _ids(draw_shots(made, "forward", 5)) == _ids(draw_shots(shuffled, "forward", 5))
    assert len({tuple(_ids(draw_shots(made, "forward", 5, seed))) for seed in range(5)}) == 5


def test_splits_by_name_are_rows_too(made):
    splits = {"train": made[:20], "test": made[20:]}
    assert draw_shots(splits, "forward", 5) == draw_shots(made, "forward", 5)


def test_rows_of_train_may_be_given_as_they_are(made):
    train, *_ = (each for each in made if split_of(each["skeleton_hash"]) == "train")
    (other, *_) = (each for each in made if split_of(each["skeleton_hash"]) != "train")
    assert len(messages(other, "forward", [train])) == 4
    assert messages(other, "forward", []) == messages(other, "forward")
    assert messages(train, "forward", [train]) == messages(train, "forward")
    for ask in (messages, completion_prompt):
        with pytest.raises(ValueError, match=f"row {other['id']} is of .*: only rows of train"):
            ask(train, "forward", [other])


@pytest.mark.parametrize("number", [-1, 1.5, True, "2"])
def test_a_number_that_is_none(made, number):
    with pytest.raises(ValueError, match=r"`number` \(=.*\) must be a whole number, 0 or more"):
        draw_shots(made, "forward", number)


def test_long_answers_can_be_passed_by(made):
    sizes = sorted(len(completion_target(each, "forward")) for each in made)
    longest = sizes[len(sizes) // 2]
    shots = draw_shots(made, "forward", 5, longest=longest)
    assert all(len(completion_target(shot, "forward")) <= longest for shot in shots.rows)


@pytest.mark.parametrize("task", TASKS)
def test_the_target_extracts_back_to_the_reference(made, task):
    asked = _asked(made, task)
    assert asked
    for each in asked:
        right = reference(each, TASKS[task])
        target = completion_target(each, task)
        found = extract_modules(target, TASKS[task].wanted)
        assert [module.text for module in found] == list(right.modules.values())
        # A base model goes on with the next question, or is stopped before it.
        for text in (target + STOP + " …\n\n" + target[:60], target.rstrip("\n")):
            again = extract_modules(text, TASKS[task].wanted)
            assert [module.text for module in again] == list(right.modules.values())


@pytest.mark.parametrize("task", TASKS)
def test_the_target_passes(made, task):
    judged = [judge(completion_target(each, task), each, task) for each in _asked(made, task)[:8]]
    assert all(judgement.passed and judgement.exact for judgement in judged)


def test_both_forms_show_the_same(made):
    for task in ("forward", "gradient"):
        shots = draw_shots(made, task, 2)
        each = made[0]
        chat = messages(each, task, shots)
        roles = [message["role"] for message in chat]
        assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
        plain = completion_prompt(each, task, shots)
        at = 0
        for message in chat:
            at = plain.index(message["content"].rstrip("\n"), at)
        assert given(each, task).rstrip() in chat[-1]["content"]
        assert plain.endswith("### Answer\n\n")
        assert plain.count(STOP) == 3


def test_what_cant_be_asked():
    same = row(2)
    for function in (messages, completion_prompt, completion_target, given):
        with pytest.raises(ValueError, match="row 2 has nothing to ask for the task 'cuda'"):
            function(same, "cuda")
        with pytest.raises(ValueError, match=r"`task` \(='up'\) must be one of: forward, backward"):
            function(same, "up")


def test_recorded_prompts(request):
    found = {"format": prompts.FORMAT}
    for task in TASKS:
        shots = draw_shots(rows(), task, 1)
        each = rows()[5]
        found[task] = {
            "messages": messages(each, task, shots),
            "completion_prompt": completion_prompt(each, task, shots),
            "completion_target": completion_target(each, task),
        }
    if request.config.getoption("--record-goldens"):
        RECORDED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    # If this fails by what was meant, `prompts.FORMAT` must change too.
    assert found == json.loads(RECORDED.read_text())
