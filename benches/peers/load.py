"""Who sends the requests: wrk for HTTP/1.1, h2load for HTTP/2, and a program of our own for many connections of which few are busy."""

import http.client
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from machine import LOAD_CORE
from own import RELEASE

HERE = Path(__file__).parent


class Feed(NamedTuple):
    """Which tokens are sent: lines `first` to `last` of a file, in turn."""

    file: Path | None = None
    first: int = 1
    last: int = 1
    again: bool = True
    paths: int = 0


class Sent(NamedTuple):
    """What a load generator saw."""

    requests: int
    seconds: float
    bad_statuses: int
    failures: int
    p50: float
    p99: float
    ran_out: bool


def wrk(port: int, path: str, feed: Feed, seconds: float, connections: int) -> Sent:
    """Keep-alive over HTTP/1.1, as fast as the answers come."""
    threads = 1
    command = [
        "taskset", "-c", str(LOAD_CORE), "wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s",
        "-s", str(HERE / "send.lua"), f"http://127.0.0.1:{port}{path}", "--",
        str(feed.file or "-"), str(feed.first), str(feed.last), "again" if feed.again else "once", str(feed.paths),
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", output, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said nothing of use: {output}")
    requests, micros, statuses, failures, p50, p99, ran_out = map(int, found.groups())
    return Sent(requests, micros / 1e6, statuses, failures, p50 / 1e3, p99 / 1e3, ran_out > 0)


class Turns:
    """Many open connections, few of them busy: requests go out on all of them in turn."""

    AT_ONCE = 32

    def __init__(self, port: int, connections: int):
        command = ["taskset", "-c", str(LOAD_CORE), str(RELEASE / "turns"), f"127.0.0.1:{port}", str(connections), str(self.AT_ONCE)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "open\n":
            self.stop()
            raise RuntimeError(f"{connections} connections could not be opened")

    def send(self, seconds: float) -> int:
        """How many requests were answered."""
        self.process.stdin.write(f"{seconds * 1000:.0f}\n")
        self.process.stdin.flush()
        good, bad = map(int, self.process.stdout.readline().split())
        if bad or not good:
            raise RuntimeError(f"{good} answers, {bad} failures")
        return good

    def stop(self) -> None:
        """Closes them all."""
        self.process.stdin.close()
        self.process.wait(10)


def h2load(port: int, path: str, token: str | None, seconds: float, log: Path) -> Sent:
    """8 connections of HTTP/2 over TLS with 16 streams each."""
    log.unlink(missing_ok=True)
    command = [
        "taskset", "-c", str(LOAD_CORE), "h2load", "-t1", "-c8", "-m16", f"-D{seconds:g}", "--warm-up-time=0",
        f"--log-file={log}", f"https://127.0.0.1:{port}{path}",
    ]
    if token is not None:
        command[-1:-1] = ["-H", f"authorization: Bearer {token}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", output)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
    if found is None or codes is None or "Application protocol: h2" not in output:
        raise RuntimeError(f"h2load said nothing of use: {output}")
    times = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    requests = sum(map(int, codes.groups()))
    # Streams that were open when the time was over are no failures: they have no status.
    failures = int(found.group(3)) + int(found.group(4))
    share = lambda part: times[min(int(len(times) * part), len(times) - 1)] / 1e3
    bad = int(codes.group(3)) + int(codes.group(4))
    return Sent(requests, seconds, bad, failures, share(0.5), share(0.99), False)


def probe(port: int, tls: bool, path: str, token: str | None) -> int:
    """The status of one request by a client that is no load generator."""
    if tls:
        command = ["curl", "-sk", "--http2", "-o", "/dev/null", "-w", "%{http_code}", f"https://127.0.0.1:{port}{path}"]
        if token is not None:
            command += ["-H", f"Authorization: Bearer {token}"]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Host": "bench.example"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status
