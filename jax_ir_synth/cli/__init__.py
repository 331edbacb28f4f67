"""The command line: one application, with a thin module for each command.

`main` is the entry point. `application` has the commands by name, and imports a command when it is
needed. `command` and `options` parse the words: the grammar, and the flags that several commands
share. `datasets` finds the dataset that a command reads. Only `exit_codes` turns errors and signals
into one line and an exit code.

In: words. Out: text on the streams, files, an exit code. Only the entry points import this package,
and it never knows how a row is made, proven or judged.
"""
