"""What all runs share, and one gateway at work."""

import json
import subprocess
import tempfile
import time
from pathlib import Path

from load import Sent, h2load, probe, wrk
from machine import GATEWAY_CORE, LOAD_CORE, Program, busy, free_port, loads
from own import KEY_NAMES, RELEASE, bare, portcullis, profiled
from systems import SYSTEMS, Job
from workloads import COUNTS, Workload

ALL_SYSTEMS = {"bare": bare, "portcullis": portcullis, "portcullis, profiled": profiled, **SYSTEMS}
# Keys and tokens are made anew when they are older: their tokens are good for seven days.
OLD = 5 * 24 * 3600


class Void(Exception):
    """A run that says nothing: a wrong status, a failure, somebody else on the machine."""


class Bench:
    """Keys, tokens, and the upstream that all gateways share."""

    def __init__(self, place: Path):
        place.mkdir(parents=True, exist_ok=True)
        self.place, self.tokens, self.tools = place, place / "tokens", place / "tools"
        self._mint()
        self.upstream_port = free_port()
        self.upstream = Program(self._nginx(), LOAD_CORE, place / "upstream.log")
        self.upstream.wait_for(self.upstream_port)

    def _mint(self) -> None:
        counts, stamp = json.dumps(COUNTS), self.tokens / "counts.json"
        if stamp.exists() and stamp.read_text() == counts and time.time() - stamp.stat().st_mtime < OLD:
            return
        subprocess.run([RELEASE / "tokens", self.tokens, *map(str, COUNTS.values())], check=True)
        (self.tokens / "garbage.tokens").write_text("this-is-no-token\n")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
             "-subj", "/CN=localhost", "-keyout", self.tokens / "tls.key", "-out", self.tokens / "tls.crt"],
            check=True, capture_output=True)
        stamp.write_text(counts)

    def _nginx(self) -> list[str]:
        """A light upstream: 64 octets, or a file of 1 KiB or 1 MiB."""
        folder = self.place / "upstream"
        folder.mkdir(exist_ok=True)
        (folder / "1k").write_bytes(b"x" * 1024)
        (folder / "1m").write_bytes(b"x" * 1024 * 1024)
        conf = folder / "nginx.conf"
        conf.write_text(f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_rlimit_nofile 20000; user root;
events {{ worker_connections 20000; }}
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

    def stop(self) -> None:
        """Ends what it started."""
        self.upstream.stop()


class Gateway:
    """One gateway at work, with the service that it may need."""

    def __init__(self, system: str, workload: Workload, bench: Bench):
        self.system, self.workload, self.bench, self.cursor = system, workload, bench, 0
        self.folder = tempfile.TemporaryDirectory(prefix="peers-")
        folder = Path(self.folder.name)
        self.job = Job(workload.access, workload.tls, workload.algorithm, free_port(), bench.upstream_port, free_port(),
                       bench.tokens, folder, bench.tools)
        argv = ALL_SYSTEMS[system](self.job)
        if argv is None:
            raise Void("it cannot do this")
        self.verifier = self._verifier() if workload.access == "forward" or system == "nginx auth_request" else None
        self.program = Program(argv, GATEWAY_CORE, folder / "gateway.log")

    def _verifier(self) -> Program:
        key = self.bench.tokens / KEY_NAMES[self.workload.algorithm]
        argv = [str(RELEASE / "verifier"), f"127.0.0.1:{self.job.verifier}", self.workload.algorithm, str(key)]
        verifier = Program(argv, GATEWAY_CORE, self.job.folder / "verifier.log")
        verifier.wait_for(self.job.verifier)
        return verifier

    def begin(self) -> None:
        """Waits for it, sees that it serves and refuses what it must, and warms it."""
        self.program.wait_for(self.job.port)
        end = time.monotonic() + 5
        # Some listen before they can serve.
        while (wrong := self._wrong()) and time.monotonic() < end:
            time.sleep(0.1)
        if wrong:
            raise Void(wrong)
        if self.workload.tls:
            h2load(self.job.port, self.workload.path, self._token(), 1, self.job.folder / "h2load.log")
        else:
            feed, seconds = self.workload.warm_up(self.bench.tokens)
            wrk(self.job.port, self.workload.path, feed, seconds, self.workload.connections)

    def _token(self) -> str | None:
        file = self.workload.feed(self.bench.tokens, 0).file
        return None if file is None else file.open().readline().strip()

    def _wrong(self) -> str:
        """What it answers wrongly; figures of a gateway that lets strangers in are worth nothing."""
        expected = [(self._token(), self.workload.status)]
        if self.workload.access != "none":
            algorithm = "HS256" if self.workload.algorithm == "JWE" else self.workload.algorithm
            broken = (self.bench.tokens / f"{algorithm}.broken").read_text().strip()
            expected += [(None, 401), (broken, 401)]
        for token, status in expected:
            try:
                got = probe(self.job.port, self.workload.tls, self.workload.path, token)
            except (OSError, subprocess.CalledProcessError) as error:
                return str(error)
            if got != status:
                return f"{got} instead of {status}"
        return ""

    def _send(self, seconds: int) -> Sent:
        feed = self.workload.feed(self.bench.tokens, self.cursor)
        if self.workload.tls:
            return h2load(self.job.port, self.workload.path, self._token(), seconds, self.job.folder / "h2load.log")
        sent = wrk(self.job.port, self.workload.path, feed, seconds, self.workload.connections)
        # What was on its way when the time was over has been seen as well.
        self.cursor += sent.requests + self.workload.connections
        return sent

    def run(self, seconds: int, most_foreign: float) -> dict[str, float]:
        """What one run costs."""
        ours = [program for program in (self.program, self.verifier, self.bench.upstream) if program is not None]
        before, others = [program.cpu() for program in ours], busy() - loads()
        sent = self._send(seconds)
        used = [program.cpu() - cpu for program, cpu in zip(ours, before)]
        foreign = (busy() - loads() - others - sum(used)) / seconds
        wrong = sent.bad_statuses if self.workload.status == 200 else sent.requests - sent.bad_statuses
        if wrong or sent.failures or sent.ran_out or not sent.requests:
            raise Void(f"{wrong} wrong statuses, {sent.failures} failures, ran out of tokens: {sent.ran_out}")
        if foreign > most_foreign:
            raise Void(f"others used {foreign:.2f} cores")
        helper = used[1] if self.verifier is not None else 0.0
        return {
            "cpu": used[0] / sent.requests * 1e6, "helper": helper / sent.requests * 1e6,
            "rate": sent.requests / sent.seconds, "p50": sent.p50, "p99": sent.p99, "mib": self.program.pss() / 1024,
        }

    def stop(self) -> None:
        """Ends it."""
        self.program.stop()
        if self.verifier is not None:
            self.verifier.stop()
        self.folder.cleanup()
