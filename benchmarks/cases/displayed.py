"""n slices of a trivial OP in a pseudo terminal of 120 x 40, with the display of the run or without.

The first process is the terminal; the run is a child of it. Printed are the seconds of `submit()`, the processor time
of that process, and that of the thread which shows the run, in seconds and in per cent of the time of `submit()`.
"""

import argparse
import fcntl
import json
import os
import pty
import re
import resource
import struct
import sys
import termios
import time

from dflow import Step, Workflow, argo_range, config
from dflow.python import PythonOPTemplate, Slices
from dflow.terminal.display import Display
from fan_out import PlusOne

LINE = re.compile(rb"MEASURED (\{.*?\})")
used = []
follow = Display._follow


def main() -> int:
    """Be the terminal of the run, and print what it measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("size", type=int)
    parser.add_argument("--progress", choices=["live", "none"], default="live")
    options = parser.parse_args()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        config["progress"] = options.progress
        run(options.size)
        return 0
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    shown = everything(terminal)
    _, status = os.waitpid(pid, 0)
    line = LINE.search(shown)
    if status or line is None:
        sys.stderr.write(shown[-2000:].decode("utf-8", "replace"))
        return 1
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    more = {"cpu": usage.ru_utime + usage.ru_stime, "shown_kb": len(shown) / 1000, "status": "Succeeded"}
    print(json.dumps(json.loads(line[1]) | more))
    return 0


def everything(terminal: int) -> bytes:
    """What the terminal is given until its last process ends."""
    shown = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # how Linux says that all have closed it
            return shown
        if not data:
            return shown
        shown += data


def run(size: int) -> None:
    """The workflow."""
    Display._follow = followed
    slices = Slices(input_parameter=["x"], output_parameter=["y"])
    template = PythonOPTemplate(PlusOne, image="python:3.11", slices=slices)
    numbers = {"x": list(range(size))}
    workflow = Workflow("fan-out")
    workflow.add(Step("fan", template, parameters=numbers, with_param=argo_range(size), key="fan-{{item}}"))
    before, start = own_cpu(), time.perf_counter()
    workflow.submit()
    wall, cpu = time.perf_counter() - start, own_cpu() - before
    workflow.raise_for_status()
    found = {"wall": wall, "main_cpu": cpu, "display_cpu": sum(used), "display_share": 100 * sum(used) / wall}
    print("MEASURED", json.dumps(found))


def followed(display: Display) -> None:
    """What the thread does, and what that took."""
    follow(display)
    used.append(time.thread_time())


def own_cpu() -> float:
    """Of this process, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
