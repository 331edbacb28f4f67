"""What the judge says of a mutant, asked in a sandbox."""

from mutants import Mutant

from jax_ir_synth.evaluate.judging import judge
from jax_ir_synth.evaluate.sandboxed import ready
from jax_ir_synth.evaluate.tasks import BACKWARD, FORWARD
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify.sandbox import Outcome

__all__ = ["ready", "rung"]


def rung(question: tuple[dict, Mutant], mark) -> Outcome:
    """The rung that a mutant's changed module reaches, as an answer to its row."""
    row, mutant = question["row"], question["mutant"]
    column = read_section(mutant.row[mutant.column])
    # The tasks ask for the CPU's text where there is one.
    row = {**row, "cpp": row[mutant.column]} if mutant.column == "cuda" else row
    said = [
        judge(getattr(column, section), row, section)
        for section in (FORWARD, BACKWARD)
        if section in mutant.sections
    ]
    worst = next((each for each in said if not each.passed), said[0])
    return Outcome(True, f"{worst.rung}: {worst.reason}")
