"""Which copy of a loop comes next."""

from __future__ import annotations

import pytest
from dflow.engine.slice_groups import Turns


def drain(turns: Turns) -> list[int]:
    """Everything that may begin now."""
    taken = []
    while (index := turns.take()) is not None:
        taken.append(index)
    return taken


def test_without_groups_all_may_begin_at_once():
    assert drain(Turns(4)) == [0, 1, 2, 3]


def test_of_each_group_one_begins_and_the_next_when_it_has_ended():
    turns = Turns(5, [[0, 1], [2, 3], [4]])
    assert drain(turns) == [0, 2, 4]
    turns.give(2)
    assert drain(turns) == [3]
    turns.give(4)
    turns.give(3)
    assert drain(turns) == []
    turns.give(0)
    assert drain(turns) == [1]
    turns.give(1)
    assert drain(turns) == []


def test_a_group_that_has_begun_comes_before_those_that_have_not():
    turns = Turns(4, [[0, 1], [2, 3]])
    assert turns.take() == 0
    turns.give(0)
    assert drain(turns) == [1, 2]


@pytest.mark.parametrize("side_by_side", [1, 2, 3, 9])
def test_so_many_of_a_group_run_side_by_side_and_all_run_once(side_by_side):
    turns = Turns(7, [[6, 0, 3], [1, 2, 5], [4]], side_by_side)
    running, done = [], []
    while started := [*running, *drain(turns)]:
        assert all(sum(i in group for i in started) <= side_by_side for group in ([6, 0, 3], [1, 2, 5], [4]))
        running = started
        done.append(running.pop(0))
        turns.give(done[-1])
    assert sorted(done) == list(range(7))
