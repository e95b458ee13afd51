//! Many connections, few of them busy: `turns ADDRESS CONNECTIONS AT_ONCE` opens them all, each with one request, and says `open`. For each
//! line of its input, a number of milliseconds, it sends requests for that long, so many at once, on all connections in turn, and says how many
//! were answered with 200 and how many failed.

use std::error::Error;
use std::io::{self, BufRead, stdin};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n";
/// The upstream answers with 63 octets and an end of line, in one segment with its head.
const LONGEST_ANSWER: usize = 4096;
/// The field of an answer after which the gateway closes.
const LAST: &[u8] = b"connection: close";

/// Connections to one address, of which one is used at a time.
struct Share {
    address: SocketAddr,
    connections: Vec<TcpStream>,
    next: usize,
}

impl Share {
    async fn open(address: SocketAddr, count: usize) -> io::Result<Self> {
        let mut share = Self { address, connections: Vec::with_capacity(count), next: 0 };
        for _ in 0..count {
            share.connections.push(connected(address).await?);
        }
        for _ in 0..count {
            share.ask().await?;
        }
        Ok(share)
    }

    /// One request, on the connection that has rested longest. One that the gateway is done with is opened again.
    async fn ask(&mut self) -> io::Result<()> {
        let connection = &mut self.connections[self.next];
        let answer = asked(connection).await?;
        if answer.windows(LAST.len()).any(|octets| octets.eq_ignore_ascii_case(LAST)) {
            *connection = connected(self.address).await?;
        }
        self.next = (self.next + 1) % self.connections.len();
        Ok(())
    }

    /// One request after the other; tells how many were answered well, and how many were not.
    async fn in_turn(mut self, until: Instant) -> (Self, u64, u64) {
        let (mut good, mut bad) = (0, 0);
        while Instant::now() < until {
            match self.ask().await {
                Ok(()) => good += 1,
                Err(_) => bad += 1,
            }
        }
        (self, good, bad)
    }
}

async fn connected(address: SocketAddr) -> io::Result<TcpStream> {
    let connection = TcpStream::connect(address).await?;
    connection.set_nodelay(true)?;
    Ok(connection)
}

/// One answer, as a whole; only 200 is one.
async fn asked(connection: &mut TcpStream) -> io::Result<Vec<u8>> {
    connection.write_all(REQUEST).await?;
    let mut answer = Vec::with_capacity(LONGEST_ANSWER);
    while !answer.ends_with(b"x\n") {
        if connection.read_buf(&mut answer).await? == 0 || answer.len() >= LONGEST_ANSWER {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    if answer.starts_with(b"HTTP/1.1 200") { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, connections, at_once] = arguments.as_slice() else {
        return Err("usage: turns ADDRESS CONNECTIONS AT_ONCE".into());
    };
    let (address, connections, at_once): (SocketAddr, usize, usize) =
        (address.parse()?, connections.parse()?, at_once.parse()?);
    let mut shares = Vec::new();
    for number in 0..at_once.min(connections) {
        let count = connections / at_once + usize::from(number < connections % at_once);
        shares.push(Share::open(address, count).await?);
    }
    println!("open");
    for line in stdin().lock().lines() {
        let until = Instant::now() + Duration::from_millis(line?.trim().parse()?);
        let mut tasks: JoinSet<_> = shares.drain(..).map(|share| share.in_turn(until)).collect();
        let (mut good, mut bad) = (0, 0);
        while let Some(done) = tasks.join_next().await {
            let (share, answered, failed) = done?;
            shares.push(share);
            good += answered;
            bad += failed;
        }
        println!("{good} {bad}");
    }
    Ok(())
}
