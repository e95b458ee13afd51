"""Measures gateways side by side: CPU for a request, requests a second, latency, memory.

One worker for each gateway on core 0; upstream and load on core 1. All systems of a workload are measured once in a round, one after
the other, each as a fresh process; the rounds are repeated, and medians are told. Use: peers.py [--rounds N] [--seconds N] [--only WORDS]
[--systems WORDS] [--write].
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import idle
import report
from load import Sent, h2load, probe, wrk
from machine import GATEWAY_CORE, LOAD_CORE, Program, allow_many_files, busy, free_port, loads
from own import KEY_NAMES, RELEASE, bare, portcullis
from systems import SYSTEMS, Job
from workloads import COUNTS, Workload, workloads

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "target" / "peers"
ALL_SYSTEMS = {"bare": bare, "portcullis": portcullis, **SYSTEMS}


class Void(Exception):
    """A run that says nothing: a wrong status, a failure, somebody else on the machine."""


class Bench:
    """The folder with keys and tokens, and the upstream that all gateways share."""

    def __init__(self, place: Path):
        self.place, self.tokens, self.tools = place, place / "tokens", place / "tools"
        self.mint()
        self.upstream_port = free_port()
        self.upstream = Program(self.nginx(), LOAD_CORE, place / "upstream.log")
        self.upstream.wait_for(self.upstream_port)

    def mint(self) -> None:
        """Keys and tokens, kept for later runs for as long as the tokens are good."""
        counts = json.dumps(COUNTS)
        stamp = self.tokens / "counts.json"
        if not stamp.exists() or stamp.read_text() != counts or time.time() - stamp.stat().st_mtime > 5 * 24 * 3600:
            subprocess.run([RELEASE / "tokens", self.tokens, *map(str, COUNTS.values())], check=True)
            (self.tokens / "garbage.tokens").write_text("this-is-no-token\n")
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                 "-subj", "/CN=localhost", "-keyout", self.tokens / "tls.key", "-out", self.tokens / "tls.crt"],
                check=True, capture_output=True)
            stamp.write_text(counts)

    def nginx(self) -> list[str]:
        """A light upstream: 64 octets, or a file of 1 KiB or 1 MiB."""
        folder = self.place / "upstream"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "1k").write_bytes(b"x" * 1024)
        (folder / "1m").write_bytes(b"x" * 1024 * 1024)
        conf = folder / "nginx.conf"
        conf.write_text(f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_rlimit_nofile 65536; user root;
events {{ worker_connections 65536; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; sendfile on;
  server {{
    listen 127.0.0.1:{self.upstream_port} backlog=16384;
    root {folder};
    location / {{ return 200 "{'x' * 63}\\n"; }}
    location /1k {{ }}
    location /1m {{ }}
  }}
}}
""")
        return ["/usr/sbin/nginx", "-c", str(conf)]

    def job(self, workload: Workload, folder: Path) -> Job:
        """What a gateway is asked to do."""
        return Job(workload.access, workload.tls, workload.algorithm, free_port(), self.upstream_port, free_port(),
                   self.tokens, folder, self.tools)

    def verifier(self, system: str, workload: Workload, job: Job) -> Program | None:
        """The service that is asked, for those who ask one."""
        if workload.access != "forward" and system != "nginx auth_request":
            return None
        key = self.tokens / KEY_NAMES[workload.algorithm]
        argv = [str(RELEASE / "verifier"), f"127.0.0.1:{job.verifier}", workload.algorithm, str(key)]
        verifier = Program(argv, GATEWAY_CORE, job.folder / "verifier.log")
        verifier.wait_for(job.verifier)
        return verifier

    def stop(self) -> None:
        self.upstream.stop()


def sends(workload: Workload, job: Job, bench: Bench, seconds: float) -> Sent:
    feed = workload.feed(bench.tokens)
    if workload.tls:
        token = None if feed.file is None else feed.file.open().readline().strip()
        return h2load(job.port, workload.path, token, seconds, job.folder / "h2load.log")
    return wrk(job.port, workload.path, feed, seconds, workload.connections)


def warm(workload: Workload, job: Job, bench: Bench) -> None:
    if workload.tls:
        sends(workload, job, bench, 1)
        return
    wrk(job.port, workload.path, workload.warm_up(bench.tokens), 1, workload.connections)


def judge(workload: Workload, job: Job, bench: Bench) -> None:
    """Every gateway must refuse what it must, and serve what it must, or its figures are worth nothing."""
    feed = workload.feed(bench.tokens)
    token = None if feed.file is None else feed.file.open().readline().strip()
    expected = [(token, workload.status)]
    if workload.access != "none":
        broken = bench.tokens / f"{'HS256' if workload.algorithm == 'JWE' else workload.algorithm}.broken"
        expected += [(None, 401), (broken.read_text().strip(), 401)]
    for sent, status in expected:
        got = probe(job.port, workload.tls, workload.path, sent)
        if got != status:
            raise Void(f"{got} instead of {status}")


def measured(system: str, workload: Workload, bench: Bench, seconds: float) -> dict[str, float] | None:
    """One run; `None` if the system cannot do this."""
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        job = bench.job(workload, Path(folder))
        argv = ALL_SYSTEMS[system](job)
        if argv is None:
            return None
        verifier = bench.verifier(system, workload, job)
        gateway = Program(argv, GATEWAY_CORE, job.folder / "gateway.log")
        try:
            gateway.wait_for(job.port)
            judge(workload, job, bench)
            warm(workload, job, bench)
            ours = [program for program in (gateway, verifier, bench.upstream) if program is not None]
            before, others_before = [program.cpu() for program in ours], busy() - loads()
            sent = sends(workload, job, bench, seconds)
            used = [program.cpu() - cpu for program, cpu in zip(ours, before)]
            foreign = (busy() - loads() - others_before - sum(used)) / seconds
            pss = gateway.pss()
        finally:
            gateway.stop()
            if verifier is not None:
                verifier.stop()
    check(workload, sent)
    helper = used[1] if verifier is not None else 0.0
    return {
        "cpu": used[0] / sent.requests * 1e6, "helper": helper / sent.requests * 1e6,
        "rate": sent.requests / sent.seconds, "p50": sent.p50, "p99": sent.p99, "mib": pss / 1024,
        "foreign": foreign,
    }


def check(workload: Workload, sent: Sent) -> None:
    """A run that served a wrong status is void."""
    wrong = sent.bad_statuses if workload.status == 200 else sent.requests - sent.bad_statuses
    if wrong or sent.failures or sent.ran_out or not sent.requests:
        raise Void(f"{wrong} wrong statuses, {sent.failures} failures, ran out of tokens: {sent.ran_out}")


def tried(system: str, workload: Workload, bench: Bench, seconds: float, most_foreign: float) -> dict[str, float] | None:
    """A run that was void is made once more; one that is void twice has no figure."""
    for _ in range(2):
        try:
            figures = measured(system, workload, bench, seconds)
            if figures is None or figures["foreign"] < most_foreign:
                return figures
            print(f"  {system}: others used the machine: {figures['foreign']:.2f} cores", file=sys.stderr)
        except (Void, RuntimeError, OSError, subprocess.CalledProcessError) as why:
            print(f"  {system}: void: {why}", file=sys.stderr)
    return None


def rounds(wanted: list[Workload], said: argparse.Namespace, bench: Bench) -> dict:
    """`{workload: {system: [figures of each round]}}`."""
    results: dict[str, dict[str, list]] = {workload.name: {} for workload in wanted}
    for number in range(said.rounds):
        for workload in wanted:
            for system in workload.systems:
                if said.systems and system not in said.systems:
                    continue
                figures = tried(system, workload, bench, said.seconds, said.foreign)
                if figures is not None:
                    results[workload.name].setdefault(system, []).append(figures)
                    print(f"{number + 1}/{said.rounds} {workload.name:45} {system:20} {figures['cpu']:7.1f} us"
                          f" {figures['rate']:8.0f}/s p99 {figures['p99']:7.2f} ms", flush=True)
    return results


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", nargs="*", help="workloads whose names contain one of these")
    parser.add_argument("--systems", nargs="*", help="these systems only")
    parser.add_argument("--foreign", type=float, default=0.2, help="void runs in which others used more cores than this")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its plots")
    return parser.parse_args()


def main() -> None:
    said = arguments()
    allow_many_files()
    PLACE.mkdir(parents=True, exist_ok=True)
    bench = Bench(PLACE)
    wanted = [workload for workload in workloads()
              if not said.only or any(words in workload.name for words in said.only)]
    try:
        results = rounds(wanted, said, bench)
        memory = idle.measured(bench, said.systems) if not said.only or "idle" in said.only else {}
    finally:
        bench.stop()
    (PLACE / "results.json").write_text(json.dumps({"results": results, "idle": memory}, indent=1))
    print(report.text(results, memory))
    if said.write:
        report.write(ROOT / "docs", results, memory)


if __name__ == "__main__":
    main()
