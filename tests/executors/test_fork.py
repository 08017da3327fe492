"""``fork``, ``warm`` and ``spawn``: what an OP sees is the same, and nothing is left when it ends."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import dflow
import pytest
from dflow.engine.ports import Job
from dflow.engine.process import STEP_VARIABLE
from dflow.executors.first import is_possible
from dflow.executors.fork import ForkExecutor

pytestmark = pytest.mark.skipif(not is_possible(), reason="needs Linux with pidfd")

HEAD = """
import os, sys, time
from dflow.python import OP, OPIO, OPIOSign
"""
TAIL = """
class Op(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"m": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"m": str(work(op_in["n"]))})
"""
LIBRARY = Path(next(iter(dflow.__path__)))
DRIVER = """
import os, sys
sys.path.insert(0, {lib!r})
os.chdir({cwd!r})
if __name__ == "__main__":
    from dflow.python.runtime import main
    sys.exit(main({arguments!r}))
"""


class Bench:
    """Steps of one OP, and an executor to run them."""

    def __init__(self, root: Path, isolation: str) -> None:
        self.root = root / "wf"
        self.executor = ForkExecutor(isolation)
        self.count = 0
        (self.root / ".dflow" / "ops").mkdir(parents=True, mode=0o700)
        (self.root / ".dflow" / "lib").mkdir()
        (self.root / ".dflow" / "lib" / "dflow").symlink_to(LIBRARY)

    def op(self, body: str, module: str = "an_op") -> Bench:
        """Define the OP; ``body`` is the module's, with a function ``work(n)``."""
        (self.root.parent / f"{module}.py").write_text(HEAD + body + TAIL)
        op = {"kind": "import", "name": "Op", "module": module, "qualname": "Op"}
        data = {"op": op, "path": [str(self.root.parent), *sys.path], "save": "symlink"}
        (self.root / ".dflow" / "ops" / "op.json").write_text(json.dumps(data))
        return self

    def job(self, n: int = 0, **fields: object) -> Job:
        """A step, ready to be run."""
        self.count += 1
        step = self.root / f"step-{self.count}"
        (step / "workdir").mkdir(parents=True)
        (step / "inputs" / "parameters").mkdir(parents=True)
        (step / "inputs" / "parameters" / "n").write_text(str(n))
        arguments = (str(self.root / ".dflow" / "ops" / "op.json"), str(step))
        lib = str(self.root / ".dflow" / "lib")
        (step / "script").write_text(DRIVER.format(lib=lib, cwd=str(step / "workdir"), arguments=list(arguments)))
        more = fields.pop("env", {})
        base = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(step / "workdir"), STEP_VARIABLE: str(step)}
        defaults = {
            "argv": (sys.executable, str(step / "script")),
            "cwd": step / "workdir",
            "env": {**base, **more},
            "log": step / "log.txt",
            "step": step,
            "runtime": arguments,
            "grace": 0.3,
        }
        return Job(f"wf.step-{self.count}", **{**defaults, **fields})

    def run(self, *jobs: Job, together: bool = False):
        """The outcomes of jobs, one after another or together."""

        async def work():
            outcomes = {}

            async def one(job):
                outcomes[job.name] = await self.executor.run(job)

            async with anyio.create_task_group() as tasks:
                for job in jobs:
                    if together:
                        tasks.start_soon(one, job)
                    else:
                        await one(job)
            return [outcomes[job.name] for job in jobs]

        return anyio.run(work)

    def results(self, count: int, **how: bool) -> list[str]:
        """What ``work(n)`` gave in some steps that succeeded."""
        jobs = [self.job(n) for n in range(count)]
        for outcome, job in zip(self.run(*jobs, **how), jobs, strict=True):
            assert outcome.exit_code == 0, job.log.read_text()
        return [result(job) for job in jobs]


def result(job: Job) -> str:
    return (job.step / "outputs" / "parameters" / "m").read_text()


@pytest.fixture(params=["fork", "warm", "spawn"])
def bench(tmp_path, request):
    yield from made(tmp_path, request.param)


@pytest.fixture
def forks(tmp_path):
    yield from made(tmp_path, "fork")


@pytest.fixture
def warm(tmp_path):
    yield from made(tmp_path, "warm")


def made(folder, isolation):
    bench = Bench(folder, isolation)
    yield bench
    bench.executor.close()
    assert not left_for(bench.root)


def left_for(root: Path, seconds: float = 2.0) -> list[str]:
    """Processes that still work for a step below ``root`` after some time."""
    end = time.monotonic() + seconds
    while True:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if f"{STEP_VARIABLE}={root}".encode() in (entry / "environ").read_bytes():
                        found.append((entry / "cmdline").read_text())
                except OSError:
                    continue
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.01)


def alive(pid: str | int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: str | int, seconds: float = 2.0) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive(pid)


# -- the same in all isolations -------------------------------------------------------------------------------


def test_an_op_runs_in_many_steps_one_after_another_and_together(bench):
    bench.op("def work(n): return n + 1")
    assert bench.results(3) == ["1", "2", "3"]
    assert bench.results(8, together=True) == [str(n + 1) for n in range(8)]


def test_all_that_is_printed_stands_in_the_log(bench):
    bench.op(
        "print('at import')\n"
        "import ctypes\n"
        "def work(n):\n"
        "    print('python', n); sys.stderr.write('error\\n'); os.write(1, b'raw\\n')\n"
        "    os.system('echo child'); libc = ctypes.CDLL(None); libc.puts(b'from C'); libc.fflush(None)"
    )
    jobs = [bench.job(n) for n in range(2)]
    bench.run(*jobs)
    for n, job in enumerate(jobs):
        assert job.log.read_text() == f"at import\npython {n}\nerror\nraw\nchild\nfrom C\n"


def test_arguments_main_directory_and_temporary_files_are_the_steps(bench):
    bench.op(
        "import tempfile\n"
        "def work(n):\n"
        "    return [sys.argv, sys.modules['__main__'].__file__, __import__('__main__').__name__, os.getcwd(), "
        "tempfile.gettempdir()]"
    )
    jobs = [bench.job(), bench.job()]
    bench.run(*jobs)
    for job in jobs:
        script, cwd = str(job.step / "script"), str(job.cwd)
        assert result(job) == str([[script], script, "__main__", cwd, cwd])


def test_the_module_path_is_that_of_a_fresh_interpreter(tmp_path):
    seen = {}
    for isolation in ("fork", "warm", "spawn"):
        folder = tmp_path / isolation
        folder.mkdir()
        bench = Bench(folder, isolation).op("def work(n): return sys.path")
        [seen[isolation]] = [text.replace(str(folder), "X") for text in bench.results(1)]
        bench.executor.close()
    assert seen["fork"] == seen["spawn"]
    assert seen["warm"] == seen["spawn"]


def test_standard_input_is_empty(bench):
    assert bench.op("def work(n): return repr(sys.stdin.read())").results(1) == ["''"]


def test_the_environment_is_the_jobs(bench):
    bench.op("SEEN = os.environ.get('AT_IMPORT')\ndef work(n): return SEEN, os.environ['AT_IMPORT']")
    jobs = [bench.job(env={"AT_IMPORT": value}) for value in "aab"]
    bench.run(*jobs)
    assert [result(job) for job in jobs] == [str((value, value)) for value in "aab"]


def test_a_variable_that_the_interpreter_reads_at_its_start_has_its_effect(forks):
    forks.op("def work(n): return sys.flags.optimize")
    job = forks.job(env={"PYTHONOPTIMIZE": "1"})
    forks.run(job)
    assert result(job) == "1"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("sys.exit(3)", 3),
        ("os._exit(4)", 4),
        ("raise ValueError", 1),
        ("os.kill(os.getpid(), 9)", 137),
        ("import ctypes; ctypes.string_at(0)", 139),
        ("os.kill(os.getpid(), 15)", 143),
        ("os.kill(os.getpid(), 2)", 130),
    ],
)
def test_the_exit_code_says_how_the_step_ended(bench, body, code):
    bench.op(f"def work(n):\n    if n == 0:\n        {body}\n    return n")
    bad, good = bench.job(0), bench.job(1)
    assert [outcome.exit_code for outcome in bench.run(bad, good)] == [code, 0]


def test_random_numbers_differ_between_steps(bench):
    pytest.importorskip("numpy")
    bench.op(
        "import random, uuid\nimport numpy as np\n"
        "def work(n): return random.random(), np.random.rand(), np.random.default_rng().random(), uuid.uuid4()"
    )
    assert len(set(bench.results(4))) == 4
    parts = zip(*[text.split(", ") for text in bench.results(4)], strict=True)
    assert all(len(set(part)) == 4 for part in parts)


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_what_a_module_seeds_stays_seeded(tmp_path, isolation):
    bench = Bench(tmp_path, isolation).op("import random\nrandom.seed(7)\ndef work(n): return random.random()")
    assert set(bench.results(2)) == {"0.32383276483316237"}
    bench.executor.close()


def test_a_generator_of_a_module_is_another_in_each_fork(forks):
    forks.op("import random\nGENERATOR = random.Random()\ndef work(n): return GENERATOR.random()")
    assert len(set(forks.results(3))) == 3


def test_processes_and_threads_work_in_an_op(bench):
    bench.op(
        "import multiprocessing, subprocess, threading, math\n"
        "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n"
        "def work(n):\n"
        "    found = [subprocess.run(['echo', 'x'], capture_output=True, text=True).stdout]\n"
        "    for method in ('fork', 'spawn'):\n"
        "        with multiprocessing.get_context(method).Pool(2) as pool:\n"
        "            found.append(pool.map(math.sqrt, [4, 9]))\n"
        "    with ThreadPoolExecutor(2) as pool:\n"
        "        found.append(list(pool.map(math.sqrt, [4, 9])))\n"
        "    return found"
    )
    assert bench.results(2) == [str(["x\n", [2.0, 3.0], [2.0, 3.0], [2.0, 3.0]])] * 2


def test_exit_handlers_threads_and_open_files_are_seen_to_their_end(tmp_path):
    for isolation in ("fork", "spawn"):
        folder = tmp_path / isolation
        folder.mkdir()
        bench = Bench(folder, isolation).op(
            "import atexit, threading\n"
            "KEPT = []\n"
            "def late(): time.sleep(0.1); print('thread')\n"
            "def work(n):\n"
            "    threading.Thread(target=late).start()\n"
            "    atexit.register(print, 'atexit')\n"
            "    KEPT.append(open('kept', 'w')); KEPT[0].write('all')"
        )
        job = bench.job()
        bench.run(job)
        assert job.log.read_text() == "thread\natexit\n"
        assert (job.cwd / "kept").read_text() == "all"
        bench.executor.close()


def test_a_file_that_the_module_has_opened_is_flushed_by_each_step(forks, tmp_path):
    forks.op(f"LOG = open({str(tmp_path / 'shared')!r}, 'a')\ndef work(n): LOG.write(f'{{n}}\\n')")
    forks.results(3)
    assert sorted((tmp_path / "shared").read_text().split()) == ["0", "1", "2"]


def test_descriptors_of_the_server_are_not_seen_by_programs(bench):
    bench.op(
        "import subprocess\ndef work(n): return subprocess.run(['ls', '/proc/self/fd'], capture_output=True).stdout"
    )
    assert set(bench.results(2)) == {str(b"0\n1\n2\n3\n")}


def test_usage_is_the_steps_own(bench):
    bench.op(
        "def work(n):\n    x = bytearray(60_000_000 * n)\n"
        "    end = time.process_time() + 0.15 * n\n    while time.process_time() < end: pass"
    )
    small, large = bench.run(bench.job(0), bench.job(1))
    assert large.usage.cpu > small.usage.cpu + 0.1
    assert 5e6 < small.usage.max_rss < 60e6 < large.usage.max_rss < 300e6


def test_usage_counts_children_and_nothing_of_the_step_before(bench):
    bench.op(
        "import subprocess\n"
        "CHILD = 'import time\\nx = bytearray(90_000_000)\\nwhile time.process_time() < 0.3: pass'\n"
        "def work(n):\n    if n == 1: subprocess.run([sys.executable, '-S', '-c', CHILD], check=True)\n"
        "    if n == 2: x = bytearray(150_000_000)"
    )
    child, own, small = bench.run(bench.job(1), bench.job(2), bench.job(0))
    assert child.usage.cpu > 0.28
    assert 90e6 < child.usage.max_rss < 140e6
    assert own.usage.max_rss > 150e6
    assert small.usage.cpu < 0.25
    assert 5e6 < small.usage.max_rss < 60e6


def test_the_memory_of_a_program_is_not_that_of_the_engine_that_starts_it(bench):
    large = bytearray(100_000_000)
    job = bench.job(argv=("sh", "-c", ":"), runtime=None)
    [outcome] = bench.run(job)
    assert large
    assert 1e6 < outcome.usage.max_rss < 25e6


def test_a_fork_of_a_step_that_comes_back_does_not_answer_for_it(bench):
    bench.op(
        "def work(n):\n    pid = os.fork()\n    if pid == 0: sys.exit(5)\n"
        "    os.waitpid(pid, 0); time.sleep(0.1); return n"
    )
    outcome, second = bench.run(bench.job(1), bench.job(1))
    assert (outcome.exit_code, second.exit_code) == (0, 0)


def test_limits_are_those_of_the_step(bench):
    bench.op("import resource\ndef work(n): return resource.getrlimit(resource.RLIMIT_NOFILE)[0]")
    jobs = [bench.job(limits={"RLIMIT_NOFILE": 77}), bench.job()]
    bench.run(*jobs)
    assert result(jobs[0]) == "77"
    assert int(result(jobs[1])) > 77


# -- ends -----------------------------------------------------------------------------------------------------

ESCAPE = (
    "import signal\n"
    "def escape():\n"
    "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "    if os.fork() == 0:\n"
    "        os.setsid()\n"
    "        if os.fork() == 0:\n"
    "            os.chdir('/'); time.sleep(60)\n"
    "        os._exit(0)\n"
)


def test_a_timeout_leaves_nothing_of_a_step_that_does_all_to_stay(bench):
    bench.op(ESCAPE + "def work(n):\n    escape(); os.system('setsid sleep 60 &'); time.sleep(60)")
    [outcome] = bench.run(bench.job(timeout=1.0))
    assert outcome.timed_out
    assert outcome.exit_code == 128 + signal.SIGKILL
    assert not left_for(bench.root, 5)


def test_a_step_that_is_out_of_time_may_clean_up(bench):
    bench.op(
        "import signal\n"
        "def end(*_): print('cleaned'); os._exit(3)\n"
        "def work(n): signal.signal(signal.SIGTERM, end); time.sleep(60)"
    )
    job = bench.job(timeout=1.0, grace=5.0)
    assert [(o.exit_code, o.timed_out) for o in bench.run(job)] == [(3, True)]
    assert job.log.read_text() == "cleaned\n"


def test_a_step_that_was_cancelled_leaves_nothing(bench):
    bench.op(ESCAPE + "def work(n):\n    escape(); open('begun', 'w'); time.sleep(60)")
    job = bench.job()

    async def cancelled():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.executor.run, job)
            with anyio.fail_after(10):
                while not (job.cwd / "begun").exists():  # noqa: ASYNC110 - the OP writes it
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()

    anyio.run(cancelled)
    assert not left_for(bench.root, 5)


def test_imports_that_never_end_are_cut_off_by_the_timeout(bench):
    bench.op("time.sleep(60)\ndef work(n): return n")
    [outcome] = bench.run(bench.job(timeout=0.5))
    assert outcome.timed_out


def test_what_a_step_left_in_its_session_ends_with_it_and_the_rest_with_the_run(bench):
    bench.op("def work(n):\n    os.system('sleep 60 & echo $! > pid'); os.system('setsid sleep 61 & echo $! > pid2')")
    job = bench.job()
    bench.run(job)
    assert gone((job.cwd / "pid").read_text().strip())
    bench.executor.close()
    assert gone((job.cwd / "pid2").read_text().strip())


def test_an_executor_that_was_closed_leaves_no_zombie_and_no_open_file(bench):
    before, children = {file.name for file in Path("/proc/self/fd").iterdir()}, _children()
    bench.op("def work(n): return n")
    bench.results(20, together=True)
    assert _children() > children
    bench.executor.close()
    assert {file.name for file in Path("/proc/self/fd").iterdir()} == before
    assert bench.results(1) == ["0"]
    bench.executor.close()
    assert _children() <= children


def _children():
    """The children of this process, those that have ended included."""
    return {pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


ENGINE = """
import sys
sys.path[:0] = {path!r}
import anyio, importlib.util
spec = importlib.util.spec_from_file_location("fork_tests", {file!r})
tests = importlib.util.module_from_spec(spec)
sys.modules["fork_tests"] = tests
spec.loader.exec_module(tests)
from pathlib import Path
bench = tests.Bench(Path({root!r}), {isolation!r})
bench.op({body!r})
anyio.run(bench.executor.run, bench.job())
"""


@pytest.mark.parametrize("isolation", ["fork", "warm", "spawn"])
def test_steps_end_within_a_second_of_an_engine_that_is_killed(tmp_path, isolation):
    body = ESCAPE + "def work(n):\n    escape(); open('begun', 'w'); time.sleep(60)"
    path = [str(LIBRARY.parent)]
    code = ENGINE.format(path=path, file=__file__, root=str(tmp_path), isolation=isolation, body=body)
    engine = subprocess.Popen([sys.executable, "-c", code])
    begun = tmp_path / "wf" / "step-1" / "workdir" / "begun"
    end = time.monotonic() + 20
    while not begun.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert begun.exists()
    assert left_for(tmp_path / "wf", 0)
    engine.kill()
    engine.wait()
    assert not left_for(tmp_path / "wf", 1.0)


# -- servers --------------------------------------------------------------------------------------------------


def test_imports_are_made_once_for_all_steps(forks, tmp_path):
    witness = tmp_path / "witness"
    forks.op(
        f"with open({str(witness)!r}, 'a') as file: file.write('x')\ndef work(n): return os.getpid(), os.getppid()"
    )
    steps = [text.strip("()").split(", ") for text in forks.results(5, together=True)]
    assert witness.read_text() == "x"
    assert len({pid for pid, _ in steps}) == 5
    assert len({parent for _, parent in steps}) == 1


def test_an_op_that_cannot_be_imported_fails_in_each_step_with_the_reason(bench):
    bench.op("import no_such_module\ndef work(n): return n")
    jobs = [bench.job(), bench.job()]
    assert [outcome.exit_code for outcome in bench.run(*jobs)] == [1, 1]
    for job in jobs:
        assert "No module named 'no_such_module'" in json.loads((job.step / ".error").read_text())["message"]


def test_a_module_that_ends_its_process_ends_each_step(bench):
    bench.op("os._exit(9)\ndef work(n): return n")
    assert [outcome.exit_code for outcome in bench.run(bench.job(), bench.job())] == [9, 9]


def test_a_module_that_starts_threads_is_not_forked_and_said_once(forks, caplog):
    forks.op(
        "import threading\n"
        "BEAT = threading.Thread(target=time.sleep, args=(60,), daemon=True, name='beat')\nBEAT.start()\n"
        "def work(n): return BEAT.is_alive()"
    )
    with caplog.at_level(logging.WARNING, logger="dflow.executors"):
        assert forks.results(3) == ["True"] * 3
    assert caplog.messages == ["OP template 'op' runs with isolation 'spawn': its imports start threads (beat)"]


def test_numpy_is_forked(forks):
    pytest.importorskip("numpy")
    forks.op(
        "import numpy as np\na = np.ones((300, 300)); a = a @ a\ndef work(n): return (a @ a).sum() > 0, os.getppid()"
    )
    assert len(set(forks.results(3))) == 1


def test_a_job_may_ask_for_another_isolation(forks):
    forks.op("def work(n): return os.getppid(), os.getpid()")
    jobs = [forks.job(isolation=isolation) for isolation in ("warm", "warm", "fork", "spawn")]
    forks.run(*jobs)
    [a, b, c, d] = [result(job).strip("()").split(", ") for job in jobs]
    assert a == b
    assert c[0] == a[0]
    assert d[0] != a[0]
    assert c[1] != a[1]


@pytest.mark.parametrize("isolation", ["fork", "spawn", "warm"])
def test_a_server_that_is_killed_loses_its_steps_and_they_are_ended(tmp_path, isolation):
    bench = Bench(tmp_path, isolation).op(
        ESCAPE + "def work(n):\n    if n: escape(); open('begun', 'w'); time.sleep(60)"
    )
    slow = bench.job(1)

    async def killed():
        outcomes = []

        async def one():
            outcomes.append(await bench.executor.run(slow))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            with anyio.fail_after(10):
                while not (slow.cwd / "begun").exists():  # noqa: ASYNC110 - the OP writes it
                    await anyio.sleep(0.01)
            os.kill(bench.executor._family._process.pid, signal.SIGKILL)
        return outcomes[0]

    assert anyio.run(killed).lost
    assert not left_for(bench.root, 5)
    assert bench.results(1) == ["None"]
    bench.executor.close()


def test_a_server_of_an_op_that_is_killed_is_replaced(forks):
    forks.op("def work(n):\n    if n: os.kill(os.getppid(), 9); time.sleep(60)\n    return n")
    lost, good = forks.run(forks.job(1), forks.job(0))
    assert lost.lost
    assert good.exit_code == 0


def test_a_server_makes_room_for_others_when_there_are_many(forks):
    forks.op("def work(n): return os.environ['V']")
    ops = forks.root / ".dflow" / "ops"
    jobs = []
    for number in range(40):
        (ops / f"op{number}.json").write_text((ops / "op.json").read_text())
        job = forks.job(env={"V": "x"})
        jobs.append(Job(**{**fields(job), "runtime": (str(ops / f"op{number}.json"), str(job.step))}))
    assert {outcome.exit_code for outcome in forks.run(*jobs)} == {0}
    assert len(forks.executor._ops) == 32


def fields(job):
    return {name: getattr(job, name) for name in Job.__slots__}


# -- warm -----------------------------------------------------------------------------------------------------


def test_a_warm_worker_runs_many_steps(warm):
    warm.op("COUNT = []\ndef work(n):\n    COUNT.append(n); return len(COUNT), os.getpid()")
    pids = [text.strip("()").split(", ") for text in warm.results(5)]
    assert [count for count, _ in pids] == ["1", "2", "3", "4", "5"]
    assert len({pid for _, pid in pids}) == 1


def test_a_warm_worker_gives_back_what_a_step_has_changed(warm):
    warm.op(
        "import signal\n"
        "def state(): return sorted(os.environ), list(sys.path), signal.getsignal(15), "
        "signal.getsignal(2), os.umask(0o22), sys.stdout is sys.__stdout__, os.getcwd() == os.environ['TMPDIR'], "
        "sys.argv[1:]\n"
        "def work(n):\n"
        "    seen = state()\n"
        "    os.environ['NEW'] = 'x'; del os.environ['PATH']; sys.path.insert(0, '/new'); os.chdir('/'); os.umask(0)\n"
        "    signal.signal(15, lambda *_: None); signal.signal(2, signal.SIG_IGN)\n"
        "    sys.stdout = None; sys.argv.append('x')\n"
        "    signal.alarm(1)\n"
        "    return seen"
    )
    first, second, third = warm.results(3)
    assert first == second == third
    assert "/new" not in second


def test_a_warm_worker_that_crashes_is_replaced(warm):
    warm.op("def work(n):\n    if n == 1: os.kill(os.getpid(), 11)\n    return os.getpid()")
    jobs = [warm.job(n) for n in (0, 1, 0, 0)]
    assert [outcome.exit_code for outcome in warm.run(*jobs)] == [0, 139, 0, 0]
    assert result(jobs[0]) != result(jobs[2]) == result(jobs[3])


def test_a_warm_worker_with_something_left_running_is_replaced(warm):
    warm.op(
        "import threading\n"
        "def work(n):\n"
        "    if n == 1: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "    if n == 2: os.system('sleep 60 & echo $! > pid'); import subprocess; subprocess.Popen(['sleep', '60'])\n"
        "    return os.getpid()"
    )
    jobs = [warm.job(n) for n in (0, 1, 0, 2, 0)]
    warm.run(*jobs)
    a, b, c, d, e = [result(job) for job in jobs]
    assert a == b != c == d != e
    assert gone((jobs[3].cwd / "pid").read_text().strip())


def test_the_environment_that_the_system_shows_names_the_step_that_runs(bench):
    bench.op(
        "def work(n):\n"
        "    name = 'DFLOW_STEP_PATH'\n"
        "    return open('/proc/self/environ').read().count(f'{name}={os.environ[name]}\\0')"
    )
    assert bench.results(2) == ["1", "1"]
