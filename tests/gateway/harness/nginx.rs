//! What does a real nginx do behind the gateway?

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use super::wait;

/// An nginx with one server, until it is dropped.
pub struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Nginx {
    /// One whose server says this, with files beside it; `FOLDER` stands for where they are. nginx cannot listen on a port
    /// that it chooses itself, so it is given one; `listen` is what stands behind it.
    pub fn serving(server: &str, listen: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, contents) in files {
            std::fs::write(folder.path().join(name), contents).unwrap();
        }
        let address = TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap();
        let configuration = format!(
            "daemon off; pid FOLDER/nginx.pid; error_log stderr; worker_processes 1; events {{}}\n\
             http {{ log_format how '$request $server_protocol'; access_log FOLDER/access.log how;\n\
             client_body_temp_path FOLDER/a; proxy_temp_path FOLDER/b; fastcgi_temp_path FOLDER/c;\n\
             uwsgi_temp_path FOLDER/d; scgi_temp_path FOLDER/e;\n\
             server {{ listen {address} {listen}; {server} }} }}\n"
        );
        let configuration = configuration.replace("FOLDER", &folder.path().display().to_string());
        std::fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let binary = ["/usr/sbin/nginx", "/usr/bin/nginx"].map(PathBuf::from).into_iter().find(|path| path.exists());
        let child = Command::new(binary.expect("nginx is there: run make test"))
            .args(["-e", "stderr", "-c"])
            .arg(folder.path().join("nginx.conf"))
            .spawn()
            .unwrap();
        let nginx = Self { child, folder, address };
        wait::until("nginx listens", || TcpStream::connect(address).ok());
        nginx
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A line for each request: its first line, and the protocol again.
    pub fn requests(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        log.lines().map(str::to_owned).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its worker when it is asked to, and not when it is killed.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
