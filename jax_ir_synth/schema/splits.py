"""Which split a row is in: a function of its skeleton, so that splits never share one."""

SPLITS = ("train", "validation", "test")


def split_of(skeleton_hash: str) -> str:
    """The split of every row with this skeleton: 80 % train, 10 % validation, 10 % test.

    The first 8 hex digits, as a number, modulo 10: 0 to 7 is train, 8 validation, 9 test.
    """
    bucket = int(skeleton_hash[:8], 16) % 10
    return SPLITS[max(0, bucket - 7)]
