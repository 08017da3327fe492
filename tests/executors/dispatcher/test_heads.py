"""The head of a job script is dpdispatcher's, and nothing else of it is seen."""

from __future__ import annotations

import random
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from dflow.engine.errors import ConfigError, MissingExtra
from dflow.executors.dispatcher.heads import head_of
from dflow.executors.dispatcher.surroundings import after, before

if find_spec("dpdispatcher") is None:  # to import it is what is not done here
    pytest.skip("dpdispatcher is not installed", allow_module_level=True)
ASKED = {"number_node": 2, "cpu_per_node": 4, "gpu_per_node": 1, "queue_name": "long", "group_size": 1}


@pytest.mark.parametrize(
    ("batch_type", "wanted"),
    [
        ("Slurm", ["#SBATCH --nodes 2", "#SBATCH --ntasks-per-node 4", "#SBATCH --partition long"]),
        ("SlurmJobArray", ["#SBATCH --nodes 2"]),
        ("PBS", ["#PBS -l select=2:ncpus=4:ngpus=1", "#PBS -q long"]),
        ("Torque", ["#PBS -l nodes=2:ppn=4:gpus=1"]),
        ("LSF", ["#BSUB -n 8", "#BSUB -q long"]),
        ("SGE", ["#$ -q long"]),
        ("Shell", ["#!/bin/bash -l"]),
    ],
)
def test_each_scheduler_is_asked_in_its_own_words(batch_type, wanted):
    head = head_of(batch_type, ASKED)
    assert head[0].startswith("#!")
    assert set(wanted) <= set(head)
    assert all(line.startswith("#") for line in head)


def test_flags_of_the_user_come_along_and_no_job_is_requeued():
    head = head_of("Slurm", {**ASKED, "custom_flags": ["#SBATCH --mem=8G"]})
    assert "#SBATCH --mem=8G" in head
    assert "#SBATCH --no-requeue" in head


def test_resources_that_dpdispatcher_does_not_take_are_an_error_in_its_words():
    with pytest.raises(ConfigError, match=r"dpdispatcher does not take the resources: .*cpu_per_node"):
        head_of("Slurm", {**ASKED, "cpu_per_node": "four"})


def test_words_that_dpdispatcher_does_not_know_are_named(caplog):
    head_of("Slurm", {**ASKED, "cpus": 3})
    assert "undefined key `cpus`" in caplog.text


def test_to_ask_it_leaves_nothing_behind(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("HOME", str(tmp_path))
    state = random.getstate()
    head_of("Slurm", ASKED)
    assert random.getstate() == state
    assert [*tmp_path.iterdir(), *Path.cwd().iterdir()] == []
    assert "dpdispatcher" not in sys.modules
    assert capfd.readouterr() == ("", "")


def test_without_dpdispatcher_it_says_what_to_install(tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(MissingExtra, match=r"pip install 'pydflow\[hpc\]'"):
        head_of("Slurm", ASKED, str(python))


def test_what_is_done_around_a_program():
    resources = {
        "module_purge": True,
        "module_unload_list": ["old"],
        "module_list": ["new/1.0"],
        "source_list": ["env.sh", "/opt/env.sh"],
        "envs": {"A": "b c", "N": 1},
        "prepend_script": ["echo begin"],
        "append_script": ["echo end"],
    }
    assert before(resources).splitlines() == [
        "module purge",
        "module unload old",
        "module load new/1.0",
        ". ./env.sh",
        ". /opt/env.sh",
        "export A='b c'",
        "export N=1",
        "echo begin",
    ]
    assert after(resources) == "echo end"
    assert before({}) == after({}) == ""
