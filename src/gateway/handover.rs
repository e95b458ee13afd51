//! How does another process take our place, without a connection noticing? The sockets go to it over a socket of ours, and
//! only when it says that it serves do we stop.

use std::fs::{self, DirBuilder};
use std::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg, sockopt,
};
use rustix::process::geteuid;

use super::sockets::{Inherited, Kept};

/// Sockets that can be handed over at once.
const MOST_SOCKETS: usize = 64;
/// Octets of their addresses.
const MOST_OCTETS: usize = 8 * 1024;
/// How long accepting rests when it fails.
const OUT_OF_FILES: Duration = Duration::from_millis(100);
/// How long a new process may take from its first word to being ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a new process asks for our place.
pub struct Successors {
    socket: UnixListener,
}

impl Successors {
    /// Listens at a path that only this user can reach. An older process that still listens there is no longer asked.
    ///
    /// # Errors
    /// In words that say what is wrong with the path.
    pub fn at(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.exists() {
            DirBuilder::new().mode(0o700).recursive(true).create(folder)?;
        }
        let is = fs::metadata(folder)?;
        if is.permissions().mode() & 0o077 != 0 || is.uid() != geteuid().as_raw() {
            let words = format!(
                "{} must be ours and for nobody else (mode 0700): who reaches it takes our place",
                folder.display()
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, words));
        }
        let fresh = path.with_extension(format!("{}", std::process::id()));
        let _ = fs::remove_file(&fresh);
        let socket = UnixListener::bind(&fresh)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
        fs::rename(&fresh, path)?;
        Ok(Self { socket })
    }

    /// Gives sockets to whoever asks, until one says that it serves. On a thread of its own.
    #[allow(clippy::disallowed_methods, reason = "this thread has no runtime")]
    pub fn wait_for_one(&self, sockets: &Mutex<Vec<Kept>>) {
        for successor in self.socket.incoming() {
            let Ok(stream) = successor else {
                // Without a file to give there will be none in a moment either.
                std::thread::sleep(OUT_OF_FILES);
                continue;
            };
            match give(&stream, sockets) {
                Ok(true) => return,
                Ok(false) => log::error!("the new process went away before it was ready; this one goes on"),
                Err(error) => log::error!("the sockets could not be handed over: {error}; this process goes on"),
            }
        }
    }
}

/// Gives the sockets to a process of the same user; whether it came to serve.
fn give(stream: &UnixStream, sockets: &Mutex<Vec<Kept>>) -> io::Result<bool> {
    let peer = sockopt::socket_peercred(stream)?;
    if peer.uid != geteuid() && !peer.uid.is_root() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "another user has asked for them"));
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    send(stream, &sockets.lock().unwrap_or_else(PoisonError::into_inner))?;
    let mut word = String::new();
    BufReader::new(stream.take(16)).read_line(&mut word)?;
    Ok(word == "ready\n")
}

fn send(stream: &UnixStream, sockets: &[Kept]) -> io::Result<()> {
    if sockets.is_empty() {
        return Err(io::Error::other("this process is ending"));
    }
    let addresses: Vec<String> = sockets.iter().map(|kept| kept.written.to_string()).collect();
    let handles: Vec<BorrowedFd<'_>> = sockets.iter().map(|kept| kept.socket.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&handles)) {
        return Err(io::Error::other(format!("there are more than {MOST_SOCKETS}")));
    }
    let text = format!("{}\n", addresses.join(" "));
    let sent = sendmsg(stream, &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
    if sent != text.len() {
        return Err(io::Error::other("their addresses are too long"));
    }
    Ok(())
}

/// The process whose place is taken.
pub struct Predecessor(UnixStream);

impl Predecessor {
    /// Asks for its sockets.
    ///
    /// # Errors
    /// Nobody is there, or it says something else.
    pub fn at(path: &Path) -> io::Result<(Self, Inherited)> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut text = vec![0; MOST_OCTETS];
        let received = recvmsg(&stream, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        if received.bytes == 0 {
            return Err(io::Error::other("it gives its sockets to nobody now"));
        }
        let mut handles: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                handles.extend(received);
            }
        }
        let text = String::from_utf8_lossy(text.get(..received.bytes).unwrap_or_default()).into_owned();
        let addresses: Result<Vec<SocketAddr>, _> = text.split_whitespace().map(str::parse).collect();
        let addresses = addresses.map_err(|_| io::Error::other("it says nothing that makes sense"))?;
        if addresses.len() != handles.len() {
            return Err(io::Error::other("not all of its sockets have come"));
        }
        let mut sockets = Inherited::default();
        for (address, handle) in addresses.into_iter().zip(handles) {
            sockets.add(address, TcpListener::from(handle))?;
        }
        Ok((Self(stream), sockets))
    }

    /// Tells it that we serve.
    ///
    /// # Errors
    /// It is gone.
    pub fn may_go(mut self) -> io::Result<()> {
        self.0.write_all(b"ready\n")
    }
}

/// How this process was started, for starting another one like it.
#[derive(Debug, Clone)]
pub struct Invocation {
    program: PathBuf,
    arguments: Vec<std::ffi::OsString>,
}

/// Says on the command line that the place of a running process is to be taken.
pub const TAKE_OVER: &str = "--take-over";

impl Invocation {
    /// As it is now. The program is remembered by its path: after an upgrade the new one stands there.
    ///
    /// # Errors
    /// The path is not known.
    pub fn own() -> io::Result<Self> {
        let arguments = std::env::args_os().skip(1).filter(|argument| argument != TAKE_OVER);
        Ok(Self { program: std::env::current_exe()?, arguments: arguments.collect() })
    }

    /// Starts a successor, and tells of its end if it comes before ours.
    pub fn start_successor(self: Arc<Self>) {
        tokio::spawn(async move {
            let program = self.program.display();
            let mut command = tokio::process::Command::new(&self.program);
            command.args(&self.arguments).arg(TAKE_OVER);
            match command.spawn() {
                Ok(mut successor) => {
                    log::info!("started {program} to take our place");
                    match successor.wait().await {
                        Ok(status) if status.success() => log::debug!("the process that was started has ended"),
                        Ok(status) => log::error!("the new process has ended ({status}); this one goes on"),
                        Err(error) => log::error!("the new process cannot be watched: {error}"),
                    }
                }
                Err(error) => log::error!("{program} cannot be started: {error}; this process goes on"),
            }
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::sockets::kept;
    use super::*;
    use std::thread;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        folder
    }

    #[test]
    fn sockets_go_to_who_asks_and_we_go_when_it_is_ready() {
        let folder = folder();
        let path = folder.path().join("upgrade.sock");
        let successors = Successors::at(&path).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let written: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let sockets = Mutex::new(vec![kept(written, &listener).unwrap()]);
        let old = thread::spawn(move || successors.wait_for_one(&sockets));
        let (gives_up, _) = Predecessor::at(&path).unwrap();
        drop(gives_up);
        let (predecessor, mut inherited) = Predecessor::at(&path).unwrap();
        let taken = inherited.take(written).unwrap();
        assert_eq!(taken.local_addr().unwrap(), listener.local_addr().unwrap());
        assert_eq!(inherited.unused().count(), 0);
        assert!(!old.is_finished());
        predecessor.may_go().unwrap();
        old.join().unwrap();
    }

    #[test]
    fn a_folder_that_others_reach_is_refused_and_one_that_is_made_is_ours_alone() {
        let folder = folder();
        let made = folder.path().join("run/upgrade.sock");
        Successors::at(&made).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(made.parent().unwrap()), mode(&made)), (0o700, 0o600));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let error = Successors::at(&folder.path().join("upgrade.sock")).err().unwrap();
        assert!(error.to_string().contains("0700"), "{error}");
    }
}
