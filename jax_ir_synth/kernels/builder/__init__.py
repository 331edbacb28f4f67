"""The workbench of program synthesis: values, drafts, control flow, identity and what is checked of a program."""
