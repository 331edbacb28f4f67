"""Calls of every operation that a program can hold, as the operations' records spell them.

Each spelling of an operation is a case on one of the record's examples at least, whose arguments
lie in the operation's domain; see `cases`.
"""

from jax_ir_synth.kernels.printer.calls import all_calls, argument_array

_CALLS = list(all_calls())
RECORDS = list(dict.fromkeys(call.text for call in _CALLS))
RECORD_ARRAYS = {
    name: argument_array(name, operand)
    for call in _CALLS
    for name, operand in call.arguments.items()
}
