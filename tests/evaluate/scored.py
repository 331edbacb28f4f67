"""What the judge says of a mutant, asked in a sandbox."""

from mutants import Mutant

from jax_ir_synth.evaluate.judging import judge
from jax_ir_synth.evaluate.tasks import BACKWARD, FORWARD
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify import xla


def rung(question: tuple[dict, Mutant]) -> str:
    """The rung that a mutant's changed module reaches, as an answer to its row."""
    # Nothing forks this process.
    xla.use_this_process()
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
    return f"{worst.rung}: {worst.reason}"
