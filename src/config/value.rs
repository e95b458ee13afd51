//! What does one scalar of the file stand for?
//!
//! Each function takes the text of a scalar and gives its value, or the words of a problem about it.

mod address;
mod cidr;
mod header;
mod host;
mod quantity;
mod url;

pub use address::{ServerAddress, server_address, socket_address};
pub use cidr::{Cidr, cidr};
pub use header::{cookie_name, header_name, media_type, method, scheme};
pub use host::{HostPattern, host_name, host_pattern};
pub use quantity::{duration, number, rate, size};
pub use url::{ServiceTransport, ServiceUrl, Transport, http_url, origin, service_url};
