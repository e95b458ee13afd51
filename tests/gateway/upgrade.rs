//! Can another process take the place of a gateway without a request or a connection noticing?

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use tungstenite::Message;

use crate::harness::certificates::Certificate;
use crate::harness::curl::curl;
use crate::harness::gateway::{Prepared, binary};
use crate::harness::websocket::{EchoServer, open};
use crate::harness::{Client, Gateway, Request, Upstream, wait};

fn before(app: &Upstream, sockets: &EchoServer) -> Prepared {
    let certificate = Certificate::authority("test").vouch_for("localhost");
    Gateway::prepare(&format!(
        "listeners:\n  - {{ address: '127.0.0.1:0' }}\n\
         \x20 - {{ address: '127.0.0.1:0', tls: {{ certificates: [{{ certificate: c.crt, key: c.key }}] }} }}\n\
         admin: {{ address: '127.0.0.1:0' }}\nprocess: {{ upgrade_socket: run/upgrade.sock, shutdown_timeout: 5s }}\naccess_log: {{ to: off }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }}, sockets: {{ servers: [\"{}\"] }} }}\n\
         locations:\n\
         \x20 - {{ match: {{ prefix: /ws }}, access: public, upstream: sockets }}\n\
         \x20 - {{ match: {{ prefix: / }}, access: public, upstream: app }}\n",
        app.address(),
        sockets.address()
    ))
    .file("c.crt", certificate.pem())
    .file("c.key", certificate.key_pem())
}

/// The processes that serve one after another.
struct Line<'g> {
    gateway: &'g Gateway,
    pids: Vec<u32>,
}

impl<'g> Line<'g> {
    fn of(gateway: &'g Gateway) -> Self {
        Self { gateway, pids: vec![gateway.pid()] }
    }

    fn signal(&self, name: &str) {
        let pid = self.pids.last().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Another process takes the place.
    fn upgrade(&mut self) {
        self.signal("QUIT");
        let known = self.pids.len();
        let pid = wait::until("another process has taken the place", || {
            let text = self.gateway.log.text();
            let mut takers =
                text.lines().filter_map(|line| line.split_once("process ")?.1.split_once(" took the place"));
            takers.nth(known - 1).map(|(pid, _)| pid.parse::<u32>().unwrap())
        });
        self.pids.push(pid);
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        for pid in &self.pids[1..] {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

#[test]
fn five_upgrades_under_load_lose_no_request_and_close_no_socket() {
    let (app, sockets) = (Upstream::echo(), EchoServer::start());
    let gateway = before(&app, &sockets).start();
    let mut line = Line::of(&gateway);
    let mut socket = open(gateway.address(), "/ws", &[]).unwrap();
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|kind| {
                let (gateway, stop, served) = (&gateway, &stop, &served);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        match kind {
                            0..4 => keep_asking(gateway, stop, served),
                            4 => ask_once(gateway, served),
                            _ => ask_over_http2(gateway, served),
                        }
                    }
                })
            })
            .collect();
        for _ in 0..5 {
            let before = served.load(Ordering::Relaxed);
            line.upgrade();
            wait::until("requests go on", || (served.load(Ordering::Relaxed) > before + 50).then_some(()));
            socket.send(Message::text("still here")).unwrap();
            assert_eq!(socket.read().unwrap(), Message::text("still here"));
        }
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    drop(socket);
    wait::until("the processes before are gone", || {
        let gone = |pid: &u32| !Path::new(&format!("/proc/{pid}/cmdline")).exists() || is_zombie(*pid);
        line.pids[..5].iter().all(gone).then_some(())
    });
    line.signal("TERM");
    wait::until("the last one ends as well", || TcpStream::connect(gateway.address()).err());
}

fn is_zombie(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

/// Requests over one connection, until the gateway says that it was the last.
fn keep_asking(gateway: &Gateway, stop: &AtomicBool, served: &AtomicUsize) {
    let mut client = gateway.client();
    while !stop.load(Ordering::Relaxed) {
        let answer = client.exchange(&Request::post("/", "body"));
        assert_eq!(answer.status, 200);
        served.fetch_add(1, Ordering::Relaxed);
        if answer.header("connection") == Some("close") {
            return;
        }
    }
}

fn ask_once(gateway: &Gateway, served: &AtomicUsize) {
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
    served.fetch_add(1, Ordering::Relaxed);
}

fn ask_over_http2(gateway: &Gateway, served: &AtomicUsize) {
    let url = format!("https://localhost:{}/", gateway.listener(1).port());
    let answers = curl(&["--http2", &url, &url, &url, "-o", "/dev/null", "-o", "/dev/null"]);
    assert_eq!((answers.status, answers.version.as_str()), (200, "2"));
    served.fetch_add(3, Ordering::Relaxed);
}

#[test]
fn a_new_process_that_cannot_serve_leaves_the_old_one_serving() {
    let (app, sockets) = (Upstream::echo(), EchoServer::start());
    let gateway = before(&app, &sockets).start();
    let good = std::fs::read(gateway.folder().join("portcullis.yaml")).unwrap();
    gateway.write("portcullis.yaml", "listeners: nonsense");
    gateway.signal("QUIT");
    wait::until("it is told", || {
        gateway.log.text().contains("the new process has ended (exit status: 2)").then_some(())
    });
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
    gateway.write("portcullis.yaml", good);
    let mut line = Line::of(&gateway);
    line.upgrade();
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
}

#[test]
fn without_an_upgrade_socket_a_process_stays() {
    let gateway = Gateway::start(
        "listeners: [{ address: '127.0.0.1:0' }]\n\
         locations: [{ match: { prefix: / }, access: public, respond: { status: 200, text: ok } }]\n",
    );
    gateway.signal("QUIT");
    wait::until("it says why", || gateway.log.text().contains("process.upgrade_socket").then_some(()));
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
}

#[test]
fn nobody_else_reaches_the_upgrade_socket() {
    let (app, sockets) = (Upstream::echo(), EchoServer::start());
    let gateway = before(&app, &sockets).start();
    let mode = |name: &str| std::fs::metadata(gateway.folder().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("run"), mode("run/upgrade.sock")), (0o700, 0o600));
    let open_to_others = before(&app, &sockets);
    let folder = open_to_others.folder().join("run");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = open_to_others.command(&["run", "-c", "portcullis.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("mode 0700"));
}

/// What systemd does for a service with a socket: it binds it, makes it file 3, and names the process in the environment.
const SYSTEMD: &str = "
import os, socket, sys
listener = socket.create_server(('127.0.0.1', 0))
port = listener.getsockname()[1]
text = open('portcullis.yaml').read().replace('PORT', str(port))
open('portcullis.yaml', 'w').write(text)
print(port, flush=True)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], [sys.argv[1], 'run', '-c', 'portcullis.yaml'])
";

#[test]
fn systemd_gives_sockets_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let notified = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    notified.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    std::fs::write(
        folder.path().join("portcullis.yaml"),
        "listeners: [{ address: '127.0.0.1:PORT' }]\naccess_log: { to: off }\n\
         locations: [{ match: { prefix: / }, access: public, respond: { status: 200, text: ok } }]\n",
    )
    .unwrap();
    let mut child = Command::new("python3")
        .args(["-c", SYSTEMD])
        .arg(binary())
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
    let mut told = [0; 256];
    let length = notified.recv(&mut told).unwrap();
    let told = String::from_utf8_lossy(&told[..length]).into_owned();
    assert!(told.contains("READY=1") && told.contains(&format!("MAINPID={}", child.id())), "{told}");
    let address = ([127, 0, 0, 1], port.trim().parse().unwrap()).into();
    assert_eq!(Client::connect(address).exchange(&Request::get("/")).status, 200);
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success());
    let mut last = [0; 256];
    let length = notified.recv(&mut last).unwrap();
    assert!(String::from_utf8_lossy(&last[..length]).contains("STOPPING=1"));
}

#[test]
fn a_shutdown_refuses_new_connections_while_it_serves_the_old_ones() {
    let ((app, gate), sockets) = (Upstream::held(), EchoServer::start());
    let gateway = before(&app, &sockets).start();
    let mut client = gateway.client();
    client.send(Request::get("/").octets());
    app.wait_until("the request has come", |received| received.len() == 1);
    gateway.signal("TERM");
    wait::until("nobody else is let in", || TcpStream::connect(gateway.address()).err());
    gate.open();
    assert_eq!(client.answer().status, 200);
}
