"""The split of a row. It is a function of the skeleton, so no two splits share a skeleton."""

SPLITS = ("train", "validation", "test")


def split_of(skeleton_hash: str) -> str:
    """Map a skeleton to its split: about 80 % train, 10 % validation, 10 % test.

    The first 8 digits, as a number modulo 10, decide: 0 to 7 is train, 8 validation, 9 test.

    Args:
      skeleton_hash: A row's column `skeleton_hash`: hex digits, at least 8.

    Returns:
      One of SPLITS.
    """
    # The first 32 bits of the hash are uniform, so each residue modulo 10 has a probability of 0.1
    # (to 2e-10, since 10 doesn't divide 2**32). 0 to 7 is train, 8 is validation, 9 is test.
    bucket = int(skeleton_hash[:8], 16) % 10
    return SPLITS[max(0, bucket - 7)]
