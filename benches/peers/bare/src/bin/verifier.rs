//! A verification service as a careful team would write one: hyper, jsonwebtoken over aws-lc-rs, keys parsed once, one
//! thread. `verifier ADDRESS ALGORITHM KEY` answers 200 with `X-User-ID` to a good token and 401 to every other request.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

struct Verifier {
    key: DecodingKey,
    rules: Validation,
}

impl Verifier {
    fn new(algorithm: &str, key: &[u8]) -> Result<Self, Box<dyn Error>> {
        let algorithm: Algorithm = algorithm.parse()?;
        let key = match algorithm {
            Algorithm::HS256 => DecodingKey::from_secret(key),
            Algorithm::RS256 => DecodingKey::from_rsa_pem(key)?,
            Algorithm::ES256 => DecodingKey::from_ec_pem(key)?,
            Algorithm::EdDSA => DecodingKey::from_ed_pem(key)?,
            _ => return Err("algorithms: HS256, RS256, ES256, EdDSA".into()),
        };
        let mut rules = Validation::new(algorithm);
        rules.set_issuer(&["https://issuer.example"]);
        rules.set_audience(&["api"]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Ok(Self { key, rules })
    }

    /// Who is calling, if a good token says so.
    fn caller(&self, request: &Request<Incoming>) -> Option<HeaderValue> {
        let token = request.headers().get(AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")?;
        let claims = decode::<Claims>(token, &self.key, &self.rules).ok()?.claims;
        HeaderValue::from_str(&claims.sub).ok()
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Empty<Bytes>> {
        let mut response = Response::new(Empty::new());
        match self.caller(request) {
            Some(caller) => drop(response.headers_mut().insert("x-user-id", caller)),
            None => *response.status_mut() = StatusCode::UNAUTHORIZED,
        }
        response
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, algorithm, key] = arguments.as_slice() else {
        return Err("usage: verifier ADDRESS ALGORITHM KEY".into());
    };
    let verifier = Arc::new(Verifier::new(algorithm, &std::fs::read(key)?)?);
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let verifier = Arc::clone(&verifier);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = verifier.answer(&request);
                async move { Ok::<_, Infallible>(answer) }
            });
            // A client that goes away is no fault of the service.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
