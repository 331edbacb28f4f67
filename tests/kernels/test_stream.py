"""The random streams: each coordinate counts, neighbours share nothing, draws are even."""

import collections

from hypothesis import given, settings
from hypothesis import strategies as st

from jax_ir_synth.kernels.builder.stream import Stream

SEEDS = st.integers(0, 2**64 - 1)
COORDINATES = st.tuples(
    SEEDS, st.sampled_from(["unary", "loop", "new_one"]), st.integers(0, 2**40), st.integers(0, 3)
)


def words(coordinates, n=8):
    stream = Stream(*coordinates)
    return [stream.word() for _ in range(n)]


@settings(deadline=None)
@given(COORDINATES, COORDINATES)
def test_streams_are_equal_exactly_when_their_coordinates_are(one, other):
    assert words(one) == words(one)
    if one != other:
        assert not set(words(one)) & set(words(other))


@given(SEEDS.filter(lambda s: s < 2**64 - 1), st.integers(0, 2**40))
def test_neighbouring_seeds_and_candidates_share_no_words(seed, candidate):
    many = words((seed, "unary", candidate, 0), 300)
    assert not set(many) & set(words((seed + 1, "unary", candidate, 0), 300))
    assert not set(many) & set(words((seed, "unary", candidate + 1, 0), 300))


def test_the_first_words_are_what_they_were():
    # Philox is fixed by its paper (Salmon et al. 2011); a change here would change every row.
    assert words((7, "unary", 5, 0), 2) == [4927391050796928010, 18424540241767397380]


@given(SEEDS, st.integers(1, 1000))
def test_below_stays_below(seed, n):
    stream = Stream(seed, "unary", 0)
    assert all(0 <= stream.below(n) < n for _ in range(50))


@given(SEEDS, st.lists(st.integers(0, 9), max_size=20))
def test_a_shuffle_keeps_the_items(seed, items):
    assert collections.Counter(Stream(seed, "unary", 0).shuffled(items)) == collections.Counter(
        items
    )


def test_weights_are_met():
    stream = Stream(1, "unary", 0)
    drawn = collections.Counter(stream.weighted("abc", (1, 2, 7)) for _ in range(10_000))
    for item, share in zip("abc", (0.1, 0.2, 0.7), strict=True):
        assert abs(drawn[item] / 10_000 - share) < 0.02
