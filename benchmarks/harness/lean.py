"""What the machine itself asks for n steps: run as ``python -I -S lean.py MODE N``; prints one JSON line.

A bare process writes the directory that the engine leaves of a step (13 files and directories), without any engine:
``fork2`` forks a child for each step, two at once; ``fork1`` one after the other; ``warm`` gives the steps to two
workers over pipes, so that no step costs a fork.
"""

from __future__ import annotations

import os
import resource
import select
import sys
import time

INODES = 13
RECORD = b"{" + b'"name": "value", ' * 30 + b"}"  # about as long as a step's record, and as its script


def main(mode: str, count: int) -> None:
    """Run `count` steps in the current directory and print what they cost, user and system time of all processes."""
    os.mkdir("steps", 0o700)  # noqa: PTH102 - pathlib would make this process less bare
    os.chdir("steps")
    before, start = cpu_seconds(), time.perf_counter()
    if mode == "warm":
        run_warm(count, workers=2)
    else:
        run_forks(count, at_once={"fork1": 1, "fork2": 2}[mode])
    wall, cpu = time.perf_counter() - start, cpu_seconds() - before
    print(f'{{"wall": {wall}, "cpu": {cpu}, "status": "Succeeded"}}')


def run_forks(count: int, *, at_once: int) -> None:
    """A child for each step, at most `at_once` of them."""
    running: dict[int, int] = {}
    for number in range(count):
        if len(running) == at_once:
            finish(running.pop(reap()))
        prepare(number)
        pid = os.fork()
        if pid == 0:
            work(number)
            os._exit(0)
        running[pid] = number
    while running:
        finish(running.pop(reap()))


def run_warm(count: int, *, workers: int) -> None:
    """Workers that are told the number of a step, and answer when it is done."""
    poll = select.poll()
    requests: dict[int, int] = {}  # by the pipe of the worker's answers
    at_work: dict[int, int] = {}
    for _ in range(workers):
        request, answer = start_worker()
        requests[answer] = request
        poll.register(answer, select.POLLIN)
    idle = list(requests)
    for number in range(count):
        while not idle:
            idle += answered(poll, at_work)
        prepare(number)
        answer = idle.pop()
        at_work[answer] = number
        os.write(requests[answer], b"%d\n" % number)
    while at_work:
        answered(poll, at_work)
    for request in requests.values():
        os.close(request)
    for _ in requests:
        reap()


def start_worker() -> tuple[int, int]:
    """The end of the pipe that takes requests, and the one that gives answers."""
    requests, request = os.pipe()
    answer, answers = os.pipe()
    if os.fork():
        os.close(requests)
        os.close(answers)
        return request, answer
    os.close(request)
    top = os.getcwd()  # noqa: PTH109 - as above
    while line := os.read(requests, 100):
        os.chdir(top)
        work(int(line))
        os.write(answers, b".")
    os._exit(0)


def answered(poll: select.poll, at_work: dict[int, int]) -> list[int]:
    """Wait for answers, finish their steps, and return the pipes that are idle again."""
    ready = [answer for answer, _ in poll.poll()]
    for answer in ready:
        os.read(answer, 1)
        finish(at_work.pop(answer))
    return ready


def prepare(number: int) -> None:
    """What an engine writes before a step starts."""
    step = str(number)
    for folder in ("", "/inputs", "/inputs/parameters", "/outputs", "/outputs/parameters", "/workdir"):
        os.mkdir(step + folder)  # noqa: PTH102 - as above
    write(step + "/type", b"Pod")
    write(step + "/inputs/parameters/x", step.encode())
    write(step + "/script", RECORD)


def work(number: int) -> None:
    """What the process of a step does: it goes to its place, opens its log, writes its output."""
    os.chdir(f"{number}/workdir")
    log = os.open("../log.txt", os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(log, 2)
    os.close(log)
    with open("../inputs/parameters/x", "rb") as file:  # noqa: PTH123 - as above
        value = int(file.read())
    write("../outputs/parameters/y", b"%d" % (value + 1))


def finish(number: int) -> None:
    """What an engine writes when a step has ended."""
    write(f"{number}/.step", RECORD)
    write(f"{number}/phase", b"Succeeded")


def write(path: str, content: bytes) -> None:
    """Make a file with this content."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, content)
    os.close(descriptor)


def reap() -> int:
    """Wait for a child to end well."""
    pid, status = os.wait()
    if status:
        raise SystemExit(f"a process of the floor ended with status {status}")
    return pid


def cpu_seconds() -> float:
    """User and system time of this process and its reaped children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
