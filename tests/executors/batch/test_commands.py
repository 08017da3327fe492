"""What schedulers are told that are not here, and what is read from their answers as they were recorded."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from dflow.engine.errors import ConfigError
from dflow.executors.batch import Resources, scheduler_named
from dflow.executors.batch.ports import Cause, Ended, Full, Refused, Seen, State, Submission, Unanswered
from dflow.executors.batch.slurm import Slurm

ASKED = Resources(nodes=2, cpus=4, gpus=1, memory="8gb", queue="long", time=3700, account="lab", extra=("-m n",))


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Make a program that answers what it is told to, and gives the arguments of its last call."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()

    def make(name, output="", errors="", code=0):
        here = tmp_path / "bin" / name
        Path(f"{here}.out").write_text(output)
        Path(f"{here}.err").write_text(errors)
        text = '#!/bin/sh\nfor word; do echo "$word"; done > "$0.args"\ncat > "$0.in"\ncat "$0.out"\ncat "$0.err" >&2\n'
        here.write_text(f"{text}exit {code}\n")
        here.chmod(0o755)
        return lambda: Path(f"{here}.args").read_text().split("\n")[:-1]

    return make


@pytest.fixture
def submission(tmp_path):
    """A script to submit."""
    text = "#!/bin/sh\n#BSUB -n 1\nexec /a/.job.sh\n"
    return Submission(text, tag="dflow-a-1", cwd=str(tmp_path / "w"), log=str(tmp_path / "log.txt"))


HEADERS = {
    "pbs": ["#PBS -r n", "#PBS -l select=2:ncpus=4:ngpus=1:mem=8gb", "#PBS -l walltime=1:02:00", "#PBS -q long",
            "#PBS -A lab", "#PBS -m n"],
    "lsf": ["#BSUB -rn", "#BSUB -n 8", '#BSUB -R "span[ptile=4]"', '#BSUB -gpu "num=1"', "#BSUB -M 8gb",
            "#BSUB -q long", "#BSUB -W 1:02", "#BSUB -P lab", "#BSUB -m n"],
    "sge": ["#$ -S /bin/sh", "#$ -r n", "#$ -pe smp 8", "#$ -l gpu=1", "#$ -l h_vmem=2048M", "#$ -l h_rt=1:02:00",
            "#$ -q long", "#$ -P lab", "#$ -m n"],
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_header_lines_say_what_is_asked_for(name):
    assert scheduler_named(name).header(ASKED) == HEADERS[name]


def test_there_is_no_scheduler_of_another_name():
    assert scheduler_named("SLURM").name == "slurm"
    with pytest.raises(ConfigError, match="there is no scheduler 'at'; there are lsf, pbs, sge, shell, slurm"):
        scheduler_named("at")


SUBMITTED = {
    "slurm": ("sbatch", "17;cluster\n", "17",
              "--parsable --job-name=dflow-a-1 --chdir={0}/w --output={0}/log.txt --open-mode=append"),
    "pbs": ("qsub", "17.server\n", "17.server", "-N dflow-a-1 -j oe -o {0}/.job.out"),
    "lsf": ("bsub", "Job <17> is submitted to default queue <normal>.\n", "17",
            "-J dflow-a-1 -cwd {0}/w -o {0}/.job.out"),
    "sge": ("qsub", "17\n", "17", "-terse -N dflow-a-1 -wd {0}/w -j y -o {0}/.job.out"),
}  # fmt: skip


@pytest.mark.parametrize("name", SUBMITTED)
def test_a_job_is_submitted_and_its_id_read(name, program, submission, tmp_path):
    command, output, number, words = SUBMITTED[name]
    arguments = program(command, output)
    assert anyio.run(scheduler_named(name).submit, submission) == number
    assert arguments() == words.format(tmp_path).split()
    assert (tmp_path / f"bin/{command}.in").read_text() == submission.text


def test_an_array_is_submitted_to_slurm_and_its_jobs_are_told_apart(program, submission):
    arguments = program("sbatch", "17\n")
    array = replace(submission, count=3, log="/dev/null")
    assert anyio.run(Slurm().submit, array) == "17"
    assert arguments()[-3:] == ["--output=/dev/null", "--open-mode=append", "--array=0-2"]
    program("squeue", "17_0|RUNNING|None|p|a\n17_2|PENDING|None|p|a\n18|PENDING|None|p|b\n")
    assert {known: seen.tag for known, seen in _query("slurm").items()} == {"17_0": "a_0", "17_2": "a_2", "18": "b"}


@pytest.mark.parametrize(
    ("name", "command", "errors", "kind"),
    [
        ("slurm", "sbatch", "sbatch: error: Batch job submission failed: Invalid account", Refused),
        ("slurm", "sbatch", "sbatch: error: Batch job submission failed: Socket timed out on send/recv", Unanswered),
        ("slurm", "sbatch", "sbatch: error: QOSMaxSubmitJobPerUserLimit", Full),
        ("pbs", "qsub", "qsub: Unknown queue", Refused),
        ("pbs", "qsub", "qsub: cannot connect to server pbs (errno=15010)", Unanswered),
        ("pbs", "qsub", "qsub: would exceed queue generic's per-user limit", Full),
        ("lsf", "bsub", "nowhere: No such queue. Job not submitted.", Refused),
        ("lsf", "bsub", "LSF is down. Please wait ...", Unanswered),
        ("lsf", "bsub", "User <a>: Pending job threshold reached.", Full),
        ("sge", "qsub", 'Unable to run job: Job was rejected because job requests unknown queue "x".', Refused),
        ("sge", "qsub", "error: commlib error: got select error (Connection refused)", Unanswered),
        ("sge", "qsub", "job rejected: only 10 jobs are allowed per user", Full),
    ],
)
def test_refusals_are_told_from_silence(name, command, errors, kind, program, submission):
    program(command, errors=errors, code=1)
    with pytest.raises(kind):
        anyio.run(scheduler_named(name).submit, submission)


def test_a_command_that_is_not_there_is_silence(monkeypatch, submission, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unanswered, match="cannot run sbatch: No such file or directory"):
        anyio.run(Slurm().submit, submission)


def test_a_command_that_takes_too_long_is_silence(program, submission, tmp_path):
    program("sbatch")
    (tmp_path / "bin/sbatch").write_text("#!/bin/sh\nexec sleep 30\n")
    with pytest.raises(Unanswered, match=r"sbatch did not answer within 0\.3 s"):
        anyio.run(Slurm(patience=0.3).submit, submission)


def _query(name, ids=(), **more):
    async def main():
        return await scheduler_named(name).query(list(ids), **more)

    return anyio.run(main)


def test_slurm_states(program):
    program(
        "squeue",
        "1|PENDING|Priority|p,q|a\n2|RUNNING|None|p|b|c\n3|TIMEOUT|TimeLimit|p|d\n4|NEWSTATE|x|p|e\n5|COMPLETING|None|p|f\n",
    )
    assert _query("slurm") == {
        "1": Seen(State.WAITING, "Priority", "a", where="partition p,q"),
        "2": Seen(State.RUNNING, "None", "b|c", where="partition p"),
        "3": Seen(State.ENDED, "TimeLimit", "d", Ended(Cause.TIME_LIMIT)),
        "4": Seen(State.UNKNOWN, "x", "e", where="partition p"),
        "5": Seen(State.ENDING, "None", "f", where="partition p"),
    }


def test_slurm_accounting(program):
    lines = "1|CANCELLED by 0|0:15\n2|OUT_OF_MEMORY|0:125\n3|COMPLETED|0:0\n4|FAILED|3:0\n5|RUNNING|0:0\n"
    arguments = program("sacct", lines)
    assert anyio.run(Slurm().explain, ["1", "2"]) == {
        "1": Ended(Cause.CANCELLED, "root", 143),
        "2": Ended(Cause.OUT_OF_MEMORY),
        "3": Ended(Cause.DONE),
        "4": Ended(Cause.FAILED, None, 3),
    }
    assert arguments()[-1] == "--jobs=1,2"
    assert Ended(Cause.CANCELLED, "root").words == "the scheduler ended it: cancelled from outside by root"


PBS = """\
Job Id: 1.server
    Job_Name = dflow-a-very-long-na
\tme
    job_state = R
    Variable_List = A=b,
\tjob_state = Q

Job Id: 2.server
    Job_Name = b
    job_state = F
    Exit_status = 271

Job Id: 3.server
    Job_Name = c
    job_state = F
    Exit_status = 0
"""


def test_pbs_states(program):
    arguments = program("qstat", PBS, "qstat: Unknown Job Id 9.server\n", 153)
    assert _query("pbs", ["1.server", "9.server"]) == {
        "1.server": Seen(State.RUNNING, "", "dflow-a-very-long-name"),
        "2.server": Seen(State.ENDED, "", "b", Ended(Cause.CANCELLED)),
        "3.server": Seen(State.ENDED, "", "c", Ended(Cause.DONE)),
    }
    assert arguments() == ["-f", "1.server", "9.server"]
    program("qselect", "1.server\n2.server\n")
    _query("pbs", ["1.server"], names=True)
    assert arguments() == ["-f", "1.server", "2.server"]
    program("qstat", "", "qstat: cannot connect to server", 255)
    with pytest.raises(Unanswered):
        _query("pbs", ["1.server"])


def test_lsf_states(program):
    program(
        "bjobs", "1|PEND|-|-|a\n2|EXIT|140|TERM_RUNLIMIT: job killed|b\n3|DONE|-|-|c\n4|EXIT|3|-|d\n5|UNKWN|-|-|e\n"
    )
    limit = "TERM_RUNLIMIT: job killed"
    assert _query("lsf") == {
        "1": Seen(State.WAITING, "", "a"),
        "2": Seen(State.ENDED, limit, "b", Ended(Cause.TIME_LIMIT, code=140)),
        "3": Seen(State.ENDED, "-", "c", Ended(Cause.DONE)),
        "4": Seen(State.ENDED, "-", "d", Ended(Cause.FAILED, code=3)),
        "5": Seen(State.UNKNOWN, "", "e"),
    }
    program("bjobs", errors="No job found", code=255)
    assert _query("lsf") == {}
    program("bjobs", errors="LSF is down. Please wait ...", code=255)
    with pytest.raises(Unanswered):
        _query("lsf")


SGE = """<?xml version='1.0'?><job_info><queue_info>
<job_list state="running"><JB_job_number>1</JB_job_number><JB_name>a</JB_name><state>r</state></job_list>
</queue_info><job_info>
<job_list state="pending"><JB_job_number>2</JB_job_number><JB_name>b</JB_name><state>qw</state></job_list>
<job_list state="running"><JB_job_number>3</JB_job_number><JB_name>c</JB_name><state>dr</state></job_list>
</job_info></job_info>"""


def test_sge_states(program):
    program("qstat", SGE)
    assert _query("sge") == {
        "1": Seen(State.RUNNING, "r", "a"),
        "2": Seen(State.WAITING, "", "b"),
        "3": Seen(State.ENDING, "dr", "c"),
    }
    program("qstat", "no XML")
    with pytest.raises(Unanswered):
        _query("sge")


def test_sge_accounting(program):
    program("qacct", "jobnumber    1\nfailed       100 : assumedly after job\ndeleted_by   root\nexit_status  143\n")
    assert anyio.run(scheduler_named("sge").explain, ["1"]) == {"1": Ended(Cause.CANCELLED, "root", 143)}


@pytest.mark.parametrize(
    ("name", "command", "late"),
    [
        ("slurm", "scancel", "scancel: error: Kill job error on job id 1: Invalid job id specified"),
        ("pbs", "qdel", "qdel: Job has finished 1.server"),
        ("lsf", "bkill", "Job <1>: Job has already finished"),
        ("sge", "qdel", 'denied: job "1" does not exist'),
    ],
)
def test_to_cancel_what_has_ended_is_no_error(name, command, late, program):
    arguments = program(command, errors=late, code=1)
    anyio.run(scheduler_named(name).cancel, ["1", "2"])
    assert arguments()[-2:] == ["1", "2"]


def test_a_record_of_what_was_asked_for_can_be_stored():
    assert json.loads(json.dumps(ASKED.as_json()))["queue"] == "long"
    assert Resources().as_json() == {}
