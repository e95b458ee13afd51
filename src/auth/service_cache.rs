//! Whom did the service admit a moment ago? Only where the configuration says so, and only for the very same words.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::forward_auth::ServiceAnswer;

/// Octets that all requests and answers in one cache may have together.
const MOST_OCTETS: u64 = 16 * 1024 * 1024;
/// What an entry takes beside its text.
const OCTETS_OF_AN_ENTRY: usize = 512;
/// About how many they are.
const USUAL_ENTRIES: usize = 16 * 1024;

/// Admissions of one service, by the whole head of the request that it was shown.
pub struct ServiceCache {
    lifetime: Duration,
    admitted: Cache<Vec<u8>, Admitted, Octets>,
}

#[derive(Clone)]
struct Admitted {
    answer: Arc<ServiceAnswer>,
    until: SystemTime,
}

#[derive(Clone)]
struct Octets;

impl Weighter<Vec<u8>, Admitted> for Octets {
    fn weight(&self, shown: &Vec<u8>, admitted: &Admitted) -> u64 {
        let headers = admitted.answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        (shown.len() + headers.sum::<usize>() + admitted.answer.body.len() + OCTETS_OF_AN_ENTRY) as u64
    }
}

impl ServiceCache {
    /// A cache that remembers for this long.
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, admitted: Cache::with_weighter(USUAL_ENTRIES, MOST_OCTETS, Octets) }
    }

    /// The answer to a request that was shown in these words.
    pub fn find(&self, shown: &[u8], now: SystemTime) -> Option<Arc<ServiceAnswer>> {
        self.admitted.get(shown).filter(|admitted| now < admitted.until).map(|admitted| admitted.answer)
    }

    /// Remembers an admission. An answer with something for this client alone, such as a cookie, is not one.
    pub fn insert(&self, shown: Vec<u8>, answer: &Arc<ServiceAnswer>, now: SystemTime) {
        let for_one = answer.headers.contains_key(http::header::SET_COOKIE);
        if let (200..=299, false, Some(until)) = (answer.status, for_one, now.checked_add(self.lifetime)) {
            self.admitted.insert(shown, Admitted { answer: Arc::clone(answer), until });
        }
    }
}

impl fmt::Debug for ServiceCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceCache").field("lifetime", &self.lifetime).field("len", &self.admitted.len()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16) -> ServiceAnswer {
        ServiceAnswer { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    #[test]
    fn all_that_an_entry_keeps_is_counted() {
        let body = Bytes::from(vec![b'x'; 64 * 1024]);
        let answer = Arc::new(ServiceAnswer { body, ..answer(200) });
        let weight = Octets.weight(&b"GET".to_vec(), &Admitted { answer, until: SystemTime::UNIX_EPOCH });
        assert!(weight > 64 * 1024, "{weight}");
    }

    #[test]
    fn class_30_an_admission_is_remembered_for_the_same_words_and_for_its_time() {
        let cache = ServiceCache::new(Duration::from_secs(5));
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        cache.insert(b"a".to_vec(), &Arc::new(answer(200)), at(0));
        assert!(cache.find(b"a", at(4)).is_some());
        assert!(cache.find(b"a", at(5)).is_none());
        assert!(cache.find(b"A", at(0)).is_none() && cache.find(b"a ", at(0)).is_none());
        cache.insert(b"b".to_vec(), &Arc::new(answer(401)), at(0));
        assert!(cache.find(b"b", at(0)).is_none(), "a refusal is asked for again");
        let mut with_cookie = answer(200);
        with_cookie.headers.insert("set-cookie", HeaderValue::from_static("session=1"));
        cache.insert(b"c".to_vec(), &Arc::new(with_cookie), at(0));
        assert!(cache.find(b"c", at(0)).is_none(), "one client's session is no other's");
    }
}
