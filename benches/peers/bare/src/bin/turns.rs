//! Many connections, few of them busy: `turns ADDRESS CONNECTIONS AT_ONCE` opens them all, each with one request, and says `open`. For each
//! line of its input, a number of milliseconds, it sends requests for that long, so many at once, on all connections in turn, and says how many
//! were answered with 200 and how many failed.

use std::error::Error;
use std::io::{BufRead, stdin};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n";
/// The upstream answers with 63 octets and an end of line, in one segment with its head.
const LONGEST_ANSWER: usize = 4096;

/// One answer, as a whole.
async fn asked(connection: &mut TcpStream) -> std::io::Result<bool> {
    connection.write_all(REQUEST).await?;
    let mut answer = Vec::with_capacity(LONGEST_ANSWER);
    while !answer.ends_with(b"x\n") {
        if connection.read_buf(&mut answer).await? == 0 || answer.len() >= LONGEST_ANSWER {
            return Ok(false);
        }
    }
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

async fn opened(address: SocketAddr, count: usize) -> std::io::Result<Vec<TcpStream>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        if !asked(&mut connection).await? {
            return Err(std::io::Error::other("the first answer on a connection was none"));
        }
        connections.push(connection);
    }
    Ok(connections)
}

/// One request after the other, each on the next connection; it begins where the last run ended.
async fn in_turn(mut connections: Vec<TcpStream>, until: Instant) -> (Vec<TcpStream>, u64, u64) {
    let (mut good, mut bad, mut used) = (0, 0, 0);
    while Instant::now() < until {
        let next = used % connections.len();
        match asked(&mut connections[next]).await {
            Ok(true) => good += 1,
            _ => bad += 1,
        }
        used += 1;
    }
    let start = used % connections.len();
    connections.rotate_left(start);
    (connections, good, bad)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, connections, at_once] = arguments.as_slice() else {
        return Err("usage: turns ADDRESS CONNECTIONS AT_ONCE".into());
    };
    let (connections, at_once): (usize, usize) = (connections.parse()?, at_once.parse()?);
    let share = connections.div_ceil(at_once);
    let mut open = opened(address.parse()?, connections).await?;
    let mut shares = Vec::new();
    while !open.is_empty() {
        shares.push(open.split_off(open.len().saturating_sub(share)));
    }
    println!("open");
    for line in stdin().lock().lines() {
        let until = Instant::now() + Duration::from_millis(line?.trim().parse()?);
        let mut tasks: JoinSet<_> = shares.drain(..).map(|share| in_turn(share, until)).collect();
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
