import doctest
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogtrain.models import passes
from cogtrain.models.passes import partition


def cost(groups, lengths, pass_cost):
    return sum(len(rows) * max(lengths[row] for row in rows) + pass_cost for rows in groups)


def every_cut(lengths):
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    for cuts in itertools.product((False, True), repeat=len(order) - 1):
        groups = [[order[0]]]
        for row, is_cut in zip(order[1:], cuts, strict=True):
            groups = [*groups, [row]] if is_cut else [*groups[:-1], [*groups[-1], row]]
        yield groups


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8), pass_cost=st.integers(0, 60))
def test_no_grouping_is_cheaper(lengths, pass_cost):
    found = partition(lengths, pass_cost=pass_cost)
    assert sorted(row for rows in found for row in rows) == list(range(len(lengths)))
    best = min(cost(groups, lengths, pass_cost) for groups in every_cut(lengths))
    assert cost(found, lengths, pass_cost) == best
    longest = [max(lengths[row] for row in rows) for rows in found]
    assert longest == sorted(longest, reverse=True)


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=20), most=st.integers(1, 200))
def test_no_pass_exceeds_its_tokens_unless_by_a_single_row(lengths, most):
    found = partition(lengths, most)
    assert sorted(row for rows in found for row in rows) == list(range(len(lengths)))
    for rows in found:
        assert len(rows) == 1 or len(rows) * max(lengths[row] for row in rows) <= most


@pytest.mark.parametrize("count", [1, 64])
def test_equal_lengths_are_one_pass_in_their_order(count):
    assert partition([300] * count) == [list(range(count))]


def test_examples_in_the_documentation():
    assert doctest.testmod(passes).failed == 0
