//! Where does a listening socket come from? From the process before us, from systemd, or it is bound anew.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};

use listenfd::ListenFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

/// Connections that wait to be accepted; the kernel has its own limit (`net.core.somaxconn`).
const BACKLOG: i32 = 65_535;

/// Sockets that listen already, by the address that the configuration gives them.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(SocketAddr, TcpListener)>);

/// A socket, and the address that the configuration gave it: a port 0 is another one each time it is bound.
#[derive(Debug)]
pub struct Kept {
    /// As it was written.
    pub written: SocketAddr,
    /// For the process after us.
    pub socket: OwnedFd,
}

impl Inherited {
    /// Those that systemd has bound for us (`LISTEN_FDS`); there may be none.
    ///
    /// # Errors
    /// One of them is no TCP socket that listens.
    pub fn from_systemd() -> io::Result<Self> {
        let mut given = ListenFd::from_env();
        let mut sockets = Self::default();
        for place in 0..given.len() {
            if let Some(socket) = given.take_tcp_listener(place)? {
                sockets.add(socket.local_addr()?, socket)?;
            }
        }
        Ok(sockets)
    }

    /// Another one.
    ///
    /// # Errors
    /// It cannot be made non-blocking.
    pub fn add(&mut self, written: SocketAddr, socket: TcpListener) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        self.0.push((written, socket));
        Ok(())
    }

    /// The socket for an address: one that listens already, or a new one.
    ///
    /// # Errors
    /// The address is taken, or not ours.
    pub fn take(&mut self, address: SocketAddr) -> io::Result<TcpListener> {
        match self.0.iter().position(|(written, _)| *written == address) {
            Some(place) => Ok(self.0.remove(place).1),
            None => bound(address)
                .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))),
        }
    }

    /// Those that the configuration has no use for, by address.
    pub fn unused(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().map(|(written, _)| *written)
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// A second handle on a socket.
///
/// # Errors
/// The process has no file left to give.
pub fn kept(written: SocketAddr, socket: &TcpListener) -> io::Result<Kept> {
    Ok(Kept { written, socket: socket.as_fd().try_clone_to_owned()? })
}
