"""What a template asks Kubernetes for, as what its job asks a scheduler for."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow.engine.errors import LeafError
from dflow.engine.ports import Job
from dflow.executors.batch import Resources
from dflow.executors.batch.asking import completed
from dflow.executors.batch.pbs import Pbs
from dflow.executors.batch.slurm import Slurm


def job(**resources):
    return Job("a", ("true",), Path("/"), {}, Path("/log"), resources=resources)


def asked(**resources):
    return completed(Resources(), job(**resources))


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("500m", 1), ("1", 1), ("1.5", 2), ("2", 2), ("2001m", 3), ("16", 16), ("1e1", 10), ("0", None), ("0m", None)],
)
def test_cores_are_rounded_up(text, cpus):
    assert asked(requests={"cpu": text}) == Resources(cpus=cpus)


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        ("2Gi", "2048M"),
        ("1Gi", "1024M"),
        ("1.5Gi", "1536M"),
        ("100Mi", "100M"),
        ("1G", "954M"),
        ("128974848", "123M"),
        ("1", "1M"),
        ("0", None),
    ],
)
def test_memory_is_rounded_up_to_whole_megabytes(text, memory):
    assert asked(limits={"memory": text}) == Resources(memory=memory)


def test_cores_are_those_of_the_request_and_memory_is_that_of_the_limit():
    resources = {"requests": {"cpu": "2", "memory": "1Gi"}, "limits": {"cpu": "8", "memory": "4Gi"}}
    assert asked(**resources) == Resources(cpus=2, memory="4096M")


def test_what_only_one_of_them_says_counts():
    assert asked(limits={"cpu": "8"}, requests={"memory": "1Gi"}) == Resources(cpus=8, memory="1024M")


@pytest.mark.parametrize(
    ("resources", "gpus"),
    [
        ({"limits": {"nvidia.com/gpu": "1"}}, 1),
        ({"requests": {"amd.com/gpu": 2}}, 2),
        ({"limits": {"nvidia.com/gpu": "4"}, "requests": {"nvidia.com/gpu": "4"}}, 4),
        ({"limits": {"nvidia.com/gpu": "1", "amd.com/gpu": "2"}}, 3),
        ({"limits": {"nvidia.com/gpu": "0"}}, None),
        ({"limits": {"nvidia.com/gpu.memory": "4Gi", "ephemeral-storage": "1Gi"}}, None),
    ],
)
def test_devices_of_all_makers_are_gpus(resources, gpus):
    assert asked(**resources) == Resources(gpus=gpus)


def test_what_the_executor_says_wins_and_is_not_even_compared():
    own = Resources(nodes=2, cpus=4, gpus=1, memory="8G", queue="q", time=60.0, account="a", extra=("--exclusive",))
    wrong = {"cpu": "many", "memory": "much", "nvidia.com/gpu": "all"}
    assert completed(own, job(limits=wrong, requests=wrong)) == own


def test_what_it_leaves_open_comes_from_the_template():
    own = Resources(cpus=4, queue="q")
    assert completed(own, job(limits={"cpu": "1", "memory": "1Gi"})) == Resources(cpus=4, queue="q", memory="1024M")


def test_a_template_without_resources_leaves_all_open():
    assert asked() == Resources()
    assert asked(requests={}, limits={}) == Resources()


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"requests": {"cpu": "many"}}, "the request of cpu is 'many'; it must be a quantity such as 500m, 2 or 1.5Gi"),
        ({"limits": {"cpu": "-1"}}, "the limit of cpu is '-1'"),
        ({"limits": {"memory": "1GB"}}, "the limit of memory is '1GB'"),
        ({"requests": {"memory": ""}}, "the request of memory is ''"),
        ({"limits": {"nvidia.com/gpu": "all"}}, "the limit of nvidia.com/gpu is 'all'"),
    ],
)
def test_what_is_no_quantity_is_an_error_that_names_it(resources, words):
    with pytest.raises(LeafError, match=words):
        asked(**resources)


def test_schedulers_are_told():
    resources = asked(requests={"cpu": "1500m"}, limits={"memory": "2Gi", "nvidia.com/gpu": "1"})
    assert "#PBS -l select=1:ncpus=2:ngpus=1:mem=2048M" in Pbs().header(resources)
    assert {"#SBATCH --cpus-per-task=2", "#SBATCH --mem=2048M"} <= set(Slurm().header(resources))
