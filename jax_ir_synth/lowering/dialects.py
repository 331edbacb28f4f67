"""The dialects that a lowering can be written in (nothing here imports jax)."""

DIALECTS: tuple[str, ...] = ("stablehlo",)


def check_dialect(dialect: str) -> str:
    """The dialect itself, or ValueError when this package can't write it."""
    if dialect not in DIALECTS:
        allowed = ", ".join(repr(name) for name in DIALECTS)
        raise ValueError(f"`dialect` (={dialect!r}) must be one of {allowed}")
    return dialect
