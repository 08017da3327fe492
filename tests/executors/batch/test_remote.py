"""Jobs on a machine with files of its own: what is sent there, and what comes back.

The machine is this one, or one that SSH reaches.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import anyio
import dflow
import pytest
from dflow.executors.batch import BatchExecutor, BatchOptions, fetching, parcels, scheduler_named, sending
from dflow.executors.batch.remote import Remote, RemoteOptions
from dflow.executors.hosts import Here, Unreachable

QUICK = {"interval": 0.3, "first": 0.1, "grace": 1.0, "rate": 1000.0, "collect": 0.05}
LIBRARY = str(Path(dflow.__file__).parent)


@pytest.fixture
def server(ssh_server):
    """A real SSH server."""
    return ssh_server


@pytest.fixture
def reach(request):
    """Make a host that SSH reaches."""

    def make(**more):
        from dflow.executors.hosts.ssh import Login, SshHost

        server = request.getfixturevalue("server")
        login = {"key_file": str(server.key), "known_hosts": str(server.known_hosts), **more}
        return SshHost(Login(server.host, server.user, server.port, **login))

    return make


@pytest.fixture(params=[pytest.param("here", marks=pytest.mark.waiting), pytest.param("ssh", marks=pytest.mark.ssh)])
def host(request):
    """A machine."""
    return Here() if request.param == "here" else request.getfixturevalue("reach")()


@pytest.fixture
def away(tmp_path):
    """Where steps are, on that machine."""
    return tmp_path / "away places"


@pytest.fixture
def executor(away):
    """An executor for it."""

    def make(host, scheduler="shell", more=None, **options):
        site = Remote(host, RemoteOptions(root=str(away), library=LIBRARY, **(more or {})), sys.executable)
        return BatchExecutor(scheduler_named(scheduler, host), BatchOptions(**{**QUICK, **options}), site)

    return make


def _run(executor, *jobs, finish=True):
    outcomes = {}

    async def one(job):
        outcomes[job.step.name] = await executor.run(job)

    async def main():
        async with anyio.create_task_group() as group:
            for job in jobs:
                group.start_soon(one, job)
        if finish:
            await executor.finish()

    anyio.run(main)
    return outcomes[jobs[0].step.name] if len(jobs) == 1 else outcomes


def test_a_job_runs_in_a_directory_there_and_what_it_made_is_here(executor, job, host, away):
    wanted = job("a b'c", "pwd; mkdir out; echo 5 > out/x; echo no > scratch", outputs=("workdir/out",))
    assert _run(executor(host), wanted).exit_code == 0
    assert str(away) in wanted.log.read_text()
    assert (wanted.step / "workdir/out/x").read_text() == "5\n"
    assert not (wanted.step / "workdir/scratch").exists()
    assert [place.name for place in away.iterdir() if place.name != ".dflow"] == [], "nothing is left there"


def test_a_failed_job_leaves_its_files_there_and_says_where(executor, job, host, away, caplog):
    caplog.set_level(logging.WARNING, "dflow.executors")
    outcome = _run(executor(host), job("a", "echo x > scratch; exit 7"))
    assert outcome.exit_code == 7
    [kept] = away.glob("run-*/dflow-a-*")
    assert (kept / "workdir/scratch").read_text() == "x\n"
    assert any(f"what step a has left is on {host.name or 'localhost'} in {kept}" in text for text in caplog.messages)


def test_what_the_template_declares_is_the_environment(executor, job, host):
    wanted = job("a", 'echo "$OWN $HERE"', own_env={"OWN": "1"}, env={**os.environ, "HERE": "2"})
    _run(executor(host), wanted)
    assert wanted.log.read_text() == "1 \n"


def test_paths_in_the_script_are_those_there(executor, job, host, away):
    wanted = job("a")
    script = wanted.step / "script"
    script.write_text(f"echo {wanted.step}/x {wanted.step}-not")
    wanted = job("a", argv=("sh", str(script)))
    _run(executor(host), wanted)
    first, second = wanted.log.read_text().split("/x ")
    assert first.startswith(str(away))
    assert second == f"{wanted.step}-not\n"


def test_linked_inputs_are_sent_once_for_all_steps(executor, job, host, away, tmp_path):
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (data / "deep" / "a b\n'").write_text("odd")
    (tmp_path / "elsewhere.txt").write_text("other")
    (data / "link").symlink_to(tmp_path / "elsewhere.txt")
    (data / "inside").symlink_to("deep")
    wanted = []
    for number in range(3):
        one = job(f"s{number}", "cat inputs/d/deep/*; cat inputs/d/link inputs/d/inside/*; sleep 1")
        (one.step / "inputs").mkdir()
        (one.step / "inputs" / "d").symlink_to("../../../data")
        wanted.append(job(one.step.name, argv=("sh", "-c", "cd ..; " + one.argv[2])))
    found = []

    async def look():
        while not list(away.glob("*/.dflow/objects/*")):  # noqa: ASYNC110 - another program makes them
            await anyio.sleep(0.02)
        await anyio.sleep(0.6)
        found.extend(place.name for place in away.glob("*/.dflow/objects/*/*"))

    async def main():
        ours = executor(host)
        async with anyio.create_task_group() as group:
            group.start_soon(look)
            for one in wanted:
                group.start_soon(ours.run, one)
        await ours.finish()

    anyio.run(main)
    assert {one.log.read_text() for one in wanted} == {"oddotherodd"}
    assert sorted(found) == ["data", "elsewhere.txt"]


def test_an_op_and_what_it_needs_are_sent_once(executor, job, host, tmp_path, monkeypatch):
    private = tmp_path / "run" / ".dflow"
    (private / "ops").mkdir(parents=True)
    (private / "lib").mkdir()
    (private / "ops" / "o.json").write_text("{}")
    (private / "lib" / "dflow").symlink_to(LIBRARY)
    seen = []
    write = sending.write_parcel

    def recorded(entries, descriptor):
        seen.append({entry.name for entry in entries if not entry.name.startswith("dflow-")})
        write(entries, descriptor)

    monkeypatch.setattr(sending, "write_parcel", recorded)

    async def main():
        ours = executor(host)
        for name in ("a", "b"):
            await ours.run(job(name, "test -e ../../.dflow/ops/o.json", runtime=(str(private / "ops" / "o.json"),)))
        await ours.finish()

    anyio.run(main)
    assert {".dflow/ops/o.json", ".dflow/lib/dflow", ".dflow/lib/packages"} <= seen[0]
    assert seen[1] == set()


def test_an_output_that_is_an_input_is_the_one_here(executor, job, host, tmp_path):
    (tmp_path / "big.dat").write_text("big")
    wanted = job(
        "a", 'cd ..; mkdir outputs; ln -s "$(realpath inputs/big)" outputs/same; ln -s ../inputs/big outputs/too'
    )
    (wanted.step / "inputs").mkdir()
    (wanted.step / "inputs" / "big").symlink_to(tmp_path / "big.dat")
    _run(executor(host), wanted)
    assert (wanted.step / "outputs/same").resolve() == tmp_path / "big.dat"
    assert str((wanted.step / "outputs/too").readlink()) == "../inputs/big"


def test_what_is_only_there_comes_as_it_is_and_not_as_a_link(executor, job, host, tmp_path):
    (tmp_path / "of-the-machine").mkdir()
    (tmp_path / "of-the-machine" / "x").write_text("x")
    (tmp_path / "single").write_text("single")
    text = f"ln -s {tmp_path}/single workdir/y; ln -s ../workdir/y outputs/one; ln -s {tmp_path}/nowhere outputs/broken"
    wanted = job("a", f"cd ..; mkdir outputs; ln -s {tmp_path}/of-the-machine outputs/all; {text}")
    assert _run(executor(host), wanted).exit_code == 0
    assert (wanted.step / "outputs/all/x").read_text() == "x"
    assert not (wanted.step / "outputs/all").is_symlink()
    assert (wanted.step / "outputs/one").read_text() == "single"
    assert not (wanted.step / "workdir/y").is_symlink()
    assert not (wanted.step / "outputs/broken").exists()


def test_a_job_whose_directory_is_gone_is_lost(executor, job, host, away):
    wanted = job("a", "exit 3")

    async def main():
        ours = executor(host, first=1.0, interval=1.0)
        prepared, watched, intent = await ours._prepared(wanted, wanted.step)
        assert await ours._submit(prepared, watched, intent) is None
        await anyio.sleep(0.5)
        shutil.rmtree(watched.there)
        outcome = await ours.run(job("a"))
        await ours.finish()
        return outcome

    outcome = anyio.run(main)
    assert (outcome.lost, outcome.message) == (True, "the scheduler no longer knows the job, and it left no result")


def test_a_machine_that_has_no_room_says_so(executor, job, host, tmp_path):
    (tmp_path / "away places").write_text("a file")
    outcome = _run(executor(host), job("a", "true"))
    assert outcome.exit_code == 126
    assert "cannot send to" in outcome.message
    assert "File exists" in outcome.message or "Not a directory" in outcome.message


def test_a_job_is_found_again_by_another_engine(executor, job, host):
    wanted = job("a", "sleep 1.5; echo 5 > x; exit 3", outputs=("workdir/x",))

    async def submit():  # and go away before it has ended, as one that is killed
        first = executor(host)
        prepared, watched, intent = await first._prepared(wanted, wanted.step)
        assert await first._submit(prepared, watched, intent) is None
        await host.close()

    anyio.run(submit)
    other = executor(host)
    assert other.adopt(wanted.step)
    outcome = _run(other, job("a"))
    assert outcome.exit_code == 3
    assert (wanted.step / "workdir/x").read_text() == "5\n"


def test_cancelling_ends_the_program_there_and_removes_its_directory(executor, job, host, away, tmp_path):
    wanted = job("a", f"echo $$ > {tmp_path}/pid; sleep 60")

    async def main():
        ours = executor(host)
        async with anyio.create_task_group() as group:
            group.start_soon(ours.run, wanted)
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110 - a program writes it
                await anyio.sleep(0.02)
            group.cancel_scope.cancel()
        await ours.finish()

    anyio.run(main)
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
    assert list(away.glob("run-*")) == []


def test_a_stream_that_was_cut_is_fetched_again(executor, job, host, tmp_path, monkeypatch):
    wanted = job(
        "a", "mkdir out; for n in $(seq 30); do head -c 3000 /dev/zero > out/$n; done", outputs=("workdir/out",)
    )
    cut = tmp_path / "cut"
    cut.touch()
    text = "cat | { if rm " + shlex.quote(str(cut)) + " 2> /dev/null; then head -c 16896; exit 137; else cat; fi; }"
    pack = f"set -o pipefail; {{ {fetching._PACK.rstrip()}; }} | {text}"
    monkeypatch.setattr(fetching, "_PACK", f'exec bash -c {shlex.quote(pack)} dflow "$1"\n')
    monkeypatch.setattr("dflow.executors.batch.patience._FIRST", 0.05)
    assert _run(executor(host), wanted).exit_code == 0
    assert len(list((wanted.step / "workdir/out").iterdir())) == 30
    assert not cut.exists()


def test_pipes_in_a_step_are_not_sent_and_stop_nobody(executor, job, host):
    odd = job("a", "test ! -e pipe")
    os.mkfifo(odd.step / "workdir" / "pipe")
    assert {name: outcome.exit_code for name, outcome in _run(executor(host), odd, job("b")).items()} == {
        "a": 0,
        "b": 0,
    }


def test_one_step_that_cannot_be_sent_is_no_reason_for_others(executor, job, host, monkeypatch):
    odd = job("a")
    (odd.step / "workdir" / "x").write_text("x")
    real = parcels._add

    def refuse(tar, entry):
        if entry.source and entry.source.endswith("/a/workdir/x"):
            raise OSError(5, "Input/output error", entry.source)
        real(tar, entry)

    monkeypatch.setattr(parcels, "_add", refuse)
    outcomes = _run(executor(host), odd, job("b"))
    assert (outcomes["a"].exit_code, outcomes["b"].exit_code) == (126, 0)
    assert "Input/output error" in outcomes["a"].message


def test_a_path_with_a_line_break_is_an_error_before_anything_runs(executor, job, host):
    outcome = _run(executor(host), job("a", outputs=("workdir/x\ny",)))
    assert outcome.exit_code == 126
    assert "has a line break" in outcome.message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/run/a/in", "/there/in"),
        ("'/run/a'", "'/there'"),
        ("see /run/a.", "see /there."),
        ("/mnt/run/a/in", "/mnt/run/a/in"),
        ("/run/a.bk1 /run/a-b /run/a@2 /run/aé", "/run/a.bk1 /run/a-b /run/a@2 /run/aé"),
    ],
)
def test_paths_are_changed_where_they_stand_as_a_whole(text, wanted):
    assert sending.changer("/run/a", "/there")(text) == wanted


@pytest.mark.ssh
def test_more_commands_than_a_server_takes_sessions_wait_for_each_other(reach):
    host = reach()

    async def main():
        answers = []

        async def one(number):
            answers.append((await host.say(["sh", "-c", f"sleep 0.2; echo {number}"], patience=20)).output)

        async with anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(one, number)
        await host.close()
        return answers

    assert sorted(map(int, anyio.run(main))) == list(range(30))
    assert host.connections == 1


@pytest.mark.ssh
def test_what_a_profile_prints_is_no_answer(reach, server):
    profile = server.directory / "home" / ".bash_profile"
    profile.write_text("echo Welcome to the cluster\nPATH=/opt/of-the-cluster:$PATH\n")
    host = reach()
    host._programs = "a-program-that-only-a-profile-finds"
    try:
        said = anyio.run(_said, host, ["sh", "-c", "echo $PATH; echo no >&2; exit 3"])
    finally:
        profile.unlink()
    assert (said.code, said.output.partition(":")[0], said.errors) == (3, "/opt/of-the-cluster", "no\n")


@pytest.mark.ssh
def test_a_shell_that_always_prints_is_refused_with_what_to_do(reach, server):
    startup = server.directory / "home" / ".bashrc"
    startup.write_text("echo Welcome to the cluster\n")
    try:
        with pytest.raises(Unreachable, match=r"prints 'Welcome to the cluster' before each command"):
            anyio.run(_said, reach(), ["true"])
    finally:
        startup.unlink()


async def _said(host, argv):
    try:
        return await host.say(argv, patience=10)
    finally:
        await host.close()


@pytest.mark.ssh
def test_jobs_go_on_while_the_server_is_away(executor, job, reach, server, caplog):
    caplog.set_level(logging.WARNING, "dflow.executors")
    host = reach()
    wanted = [job(f"s{n}", f"sleep 1; echo {n} > x", outputs=("workdir/x",)) for n in range(4)]

    async def trouble():
        while not all((one.step / ".job").exists() for one in wanted):  # noqa: ASYNC110 - another task makes them
            await anyio.sleep(0.05)
        await anyio.sleep(0.3)
        server.kill()
        await anyio.sleep(2)
        server.start()

    async def main():
        ours = executor(host)
        async with anyio.create_task_group() as group:
            group.start_soon(trouble)
            for one in wanted:
                group.start_soon(ours.run, one)
        await ours.finish()

    anyio.run(main)
    assert [(one.step / "workdir/x").read_text() for one in wanted] == ["0\n", "1\n", "2\n", "3\n"]
    assert host.connections == 2
    assert any("connected to" in text and "again" in text for text in caplog.messages)


@pytest.mark.ssh
def test_a_connection_that_is_dropped_is_opened_again(executor, job, reach, server):
    host = reach()
    ours = executor(host)

    async def main():
        first = await ours.run(job("a"))
        server.drop()
        await anyio.sleep(0.3)
        second = await ours.run(job("b", "exit 4"))
        await ours.finish()
        return first, second

    first, second = anyio.run(main)
    assert (first.exit_code, second.exit_code) == (0, 4)
    assert host.connections == 2


@pytest.mark.ssh
def test_many_jobs_need_one_connection(executor, job, reach):
    host = reach()
    outcomes = _run(executor(host), *[job(f"s{n}", "true") for n in range(8)])
    assert {outcome.exit_code for outcome in outcomes.values()} == {0}
    assert host.connections == 1


@pytest.mark.ssh
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"key_file": "/nowhere/key"}, "there is no key file /nowhere/key"),
        ({"known_hosts": "other"}, r"has another key than .*other says.*ssh-keygen -R"),
    ],
)
def test_a_login_that_cannot_be_is_said_at_once(executor, job, reach, server, tmp_path, more, words):
    other = server.known_hosts.read_text().split()
    key = (server.directory / "id_ed25519.pub").read_text().split()[1]
    (tmp_path / "other").write_text(f"{other[0]} {other[1]} {key}\n")
    more = {name: str(tmp_path / value) if value == "other" else value for name, value in more.items()}
    outcome = _run(executor(reach(**more)), job("a"), finish=False)
    assert outcome.exit_code == 126
    assert re.search(words, outcome.message), outcome.message


@pytest.mark.ssh
def test_an_unknown_machine_is_remembered(reach, server, tmp_path):
    host = reach(known_hosts=str(tmp_path / "ssh" / "known"))

    async def main():
        said = await host.say(["echo", "hello"], patience=10)
        await host.close()
        return said

    said = anyio.run(main)
    assert said.output == "hello\n"
    assert (tmp_path / "ssh/known").read_text().split() == server.known_hosts.read_text().split()


@pytest.mark.ssh
def test_a_machine_that_never_answers_is_given_up(executor, job, reach, server, monkeypatch):
    monkeypatch.setattr("dflow.executors.batch.patience._FIRST", 0.05)
    host = reach()
    server.stop()
    try:
        outcome = _run(executor(host), job("a"), finish=False)
    finally:
        server.start()
    assert outcome.exit_code == 126
    assert "cannot connect to" in outcome.message
    assert outcome.message.endswith("(5 tries)")
