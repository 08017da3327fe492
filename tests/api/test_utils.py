"""Small helpers that scripts and OPs use."""

# ruff: noqa: S311 - random numbers of a user

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from dflow.utils import dict2list, expand, flatten, randstr, run_command, set_directory
from hypothesis import given
from hypothesis import strategies as st


def test_run_command_gives_status_output_and_errors():
    assert run_command(["sh", "-c", "echo out; echo err >&2"]) == (0, "out\n", "err\n")


def test_run_command_takes_a_text_for_a_shell():
    assert run_command("echo a | tr a b")[1] == "b\n"


def test_run_command_takes_a_list_without_a_shell():
    assert run_command(["echo", "a | b; c"])[1] == "a | b; c\n"


def test_run_command_raises_with_the_standard_error():
    with pytest.raises(RuntimeError, match=r"status 3:\nno licence"):
        run_command("echo no licence >&2; exit 3")


@pytest.mark.parametrize("caught", [RuntimeError, AssertionError])
def test_what_run_command_raises_is_caught_by_code_for_upstream(caught):
    with pytest.raises(caught):
        run_command(["false"])


def test_run_command_gives_the_status_when_it_shall_not_raise():
    assert run_command(["sh", "-c", "exit 3"], raise_error=False)[0] == 3


def test_run_command_feeds_standard_input():
    assert run_command(["cat"], input="text")[1] == "text"


def test_run_command_prints_what_the_command_prints(capsys):
    run_command(["sh", "-c", "echo out; echo err >&2"], print_oe=True)
    assert capsys.readouterr() == ("out\n", "err\n")


@pytest.mark.parametrize("command", ["echo ${BASH_VERSION:+bash}", ["echo", "bash"]])
def test_run_command_can_use_bash(command):
    assert run_command(command, try_bash=True, login=False, interactive=False)[1] == "bash\n"


def test_run_command_passes_on_what_it_does_not_know(tmp_path):
    assert run_command(["pwd"], cwd=str(tmp_path))[1].strip() == str(tmp_path)


def test_set_directory_goes_there_and_comes_back(tmp_path):
    here = Path.cwd()
    with set_directory(tmp_path / "a" / "b", mkdir=True) as place:
        assert Path.cwd() == place == tmp_path / "a" / "b"
    assert Path.cwd() == here


def test_set_directory_comes_back_after_an_error(tmp_path):
    (tmp_path / "a").mkdir()
    here = Path.cwd()
    with pytest.raises(ValueError, match="x"), set_directory("a"):
        raise ValueError("x")
    assert Path.cwd() == here


def test_set_directory_does_not_make_it_unasked():
    with pytest.raises(FileNotFoundError), set_directory("not-there"):
        pass
    assert not Path("not-there").exists()


def test_flatten_writes_the_way_to_each_leaf():
    assert flatten({"a": {"b": 1}, "c": [2, {"d": 3}]}) == {"a.b": 1, "c.0": 2, "c.1.d": 3}


def test_expand_makes_lists_of_numbered_keys():
    assert expand({"a.b": 1, "c.0": 2, "c.1.d": 3}) == {"a": {"b": 1}, "c": [2, {"d": 3}]}
    assert expand({"1": "b", "0": "a"}) == ["a", "b"]


def test_dict2list_works_at_every_depth():
    assert dict2list({"a": {"0": 1, "1": {"0": 2}}}) == {"a": [1, [2]]}
    assert dict2list({"10": 1, "9": {}}) == [None] * 9 + [[], 1]
    assert dict2list({1: 1, "0": 0}) == [0, 1]
    assert dict2list({"1": 1, "01": 2}) == {"1": 1, "01": 2}
    assert dict2list({}) == []


def test_a_list_with_hardly_anything_in_it_is_refused():
    with pytest.raises(ValueError, match="index 99999999999 would be nearly empty"):
        dict2list({"99999999999": 1})


def test_flatten_keeps_keys_and_gives_nothing_for_what_has_none():
    assert flatten({1: 2, "x": {3: 4}}) == {1: 2, "x.3": 4}
    assert [flatten(value) for value in (5, None, "ab", {}, [[]])] == [{}] * 5


def test_expand_has_none_for_what_is_missing():
    assert expand({"a.0": 1, "a.2": 3}) == {"a": [1, None, 3]}
    assert expand({}) == []


@pytest.mark.parametrize("keys", [["a", "a.b"], ["a.b", "a"], ["a.b", "a.b.c"]])
def test_expand_refuses_a_key_inside_of_another_and_changes_no_value(keys):
    values = [{"x": 1}, {"y": 2}]
    with pytest.raises(TypeError, match="another key"):
        expand(dict(zip(keys, values, strict=True)))
    assert values == [{"x": 1}, {"y": 2}]


KEYS = st.text("abc", min_size=1, max_size=3)
TREES = st.recursive(
    st.integers(), lambda t: st.dictionaries(KEYS, t, min_size=1) | st.lists(t, min_size=1), max_leaves=8
)


@given(st.dictionaries(KEYS, TREES, min_size=1) | st.lists(TREES, min_size=1))
def test_expand_is_the_way_back_from_flatten(tree):
    assert expand(flatten(tree)) == tree


def test_randstr_has_letters_that_names_may_have():
    assert re.fullmatch(r"[a-z0-9]{5}", randstr())
    assert len(randstr(12)) == 12


def test_randstr_is_new_in_a_script_that_seeds_its_random_numbers():
    random.seed(1)
    expected = random.Random(1).random()
    first = randstr()
    assert random.random() == expected
    random.seed(1)
    assert randstr() != first
