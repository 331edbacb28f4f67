"""Calls of a function on what strangers wrote, each in a process of its own and within limits."""
