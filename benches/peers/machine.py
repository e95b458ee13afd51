"""Processes, cores and what they cost: the part that touches the machine."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Iterator, NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
GATEWAY_CORE, LOAD_CORE = 0, 1


def allow_many_files() -> None:
    """Lets this process, and all that it starts, hold 20,000 connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 200_000 if hard == resource.RLIM_INFINITY else min(hard, 200_000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _children_of(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _children_of(int(child))


class Cost(NamedTuple):
    """What a program has used: CPU in seconds, by the kernel's precise sum; memory in KiB, shared pages by their share."""

    cpu: float
    pss: int


class Program:
    """A running program with all its children, pinned to one core."""

    def __init__(self, argv: list[str], core: int, log: Path):
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(core), *argv],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )

    def wait_for(self, port: int) -> None:
        """Until it listens; a program that ends instead is an error."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.process.args} ended with {self.process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.process.args} does not listen on {port}")

    def pids(self) -> list[int]:
        return list(_children_of(self.process.pid))

    def cpu(self) -> float:
        ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def pss(self) -> int:
        kib = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return kib

    def cost(self) -> Cost:
        return Cost(self.cpu(), self.pss())

    def stop(self) -> None:
        """Ends it, and whatever it started."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def loads() -> float:
    """Seconds of CPU of the load generators that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def busy() -> float:
    """Seconds of CPU that everybody on this machine has used, the time that a hypervisor took away included."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _wait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / TICKS
