"""How the elements of lists are dealt out to parallel steps."""

from __future__ import annotations

from typing import Any

from dflow.names import listed
from dflow.tracebacks import called_by_users

__all__ = ["Slices"]


class Slices:
    """Which inputs are sliced and which outputs are stacked.

    Args:
        slices: the index, ``"{{item}}"`` when None.
        input_parameter, input_artifact: names whose elements go to one step each.
        output_parameter, output_artifact: names whose values are collected to lists.
        sub_path: pass only the element of an artifact, not the whole. An element of a nested artifact is what its
            outermost list or dict holds: a file, or a list or dict of files.
        group_size: elements per step. An OP whose sliced inputs are lists gets them at once; any other is executed
            for one after another. So is a script, ``Steps`` or ``DAG``: where the types of its sliced inputs are
            lists, one copy gets the lists of a group and gives lists, with a value for each element; where they are
            not, each element has a copy, and the copies of a group follow each other.
        shuffle, random_seed: deal the elements to the groups in a random order, the same for the same seed; outputs
            come back in the order of the elements.
        pool_size: elements of a group that are worked on side by side, each in a process (of a template that is no
            Python OP: in a copy) of its own.
        pool_timeout: seconds for each element of a group; of Python OPs.
        register_first_only: no effect: what each slice registers has its own place.
        create_dir: the files of each element go to a directory of its own in the stacked artifact.
        raise_for_group: a group of which an element fails, fails, even where the step says how many successes are
            enough; without it the element is left out then.
    """

    @called_by_users
    def __init__(
        self,
        slices: str | None = None,
        input_parameter: list[str] | None = None,
        input_artifact: list[str] | None = None,
        output_parameter: list[str] | None = None,
        output_artifact: list[str] | None = None,
        sub_path: bool = False,
        group_size: int | None = None,
        shuffle: bool = False,
        random_seed: int = 0,
        pool_size: int | None = None,
        pool_timeout: int | None = None,
        register_first_only: bool = False,
        create_dir: bool = False,
        raise_for_group: bool = False,
    ) -> None:
        values: dict[str, Any] = dict(locals())
        del values["self"]
        for name in ("input_parameter", "input_artifact", "output_parameter", "output_artifact"):
            values[name] = listed(values[name], f"slices: {name}")
        self.__dict__.update(values)
