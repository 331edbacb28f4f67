"""The command line: one application, and a module with a thin command for each thing to do.

`main` is the entry point. `application` holds the commands by name and imports one when it is
asked for. `command` and `options` read the words: the grammar, and the flags that several commands
have. `datasets` finds the dataset that a command reads. `exit_codes` turns errors and signals into
one line and an exit code, and nothing else does.

In: words. Out: text on the streams, files, an exit code. only the entry points import this package,
and it never knows how a row is made, proven or judged.
"""
