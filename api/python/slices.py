"""How the elements of lists are dealt out to parallel steps."""

from __future__ import annotations

from typing import Any

__all__ = ["Slices"]


class Slices:
    """Which inputs are sliced and which outputs are stacked.

    Args:
        slices: the index, ``"{{item}}"`` when None.
        input_parameter, input_artifact: names whose elements go to one step each.
        output_parameter, output_artifact: names whose values are collected to lists.
        sub_path: pass only the element of an artifact, not the whole.
        group_size: elements per step.
        pool_size: elements of a group that are worked on side by side.
    """

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
            values[name] = list(values[name] or [])
        self.__dict__.update(values)
