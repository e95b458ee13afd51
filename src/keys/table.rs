//! Which keys have this key id, and which have none?

use std::collections::HashMap;

/// Keys of one kind, by their key id.
#[derive(Debug)]
pub(super) struct KeyTable<K> {
    keys: Vec<K>,
    by_id: HashMap<String, Vec<usize>>,
    without_id: Vec<usize>,
}

impl<K> KeyTable<K> {
    /// Sorts keys by their id.
    pub fn new(keys: Vec<K>, id: impl Fn(&K) -> Option<&str>) -> Self {
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        let mut without_id = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            match id(key) {
                Some(id) => by_id.entry(id.to_owned()).or_default().push(place),
                None => without_id.push(place),
            }
        }
        Self { keys, by_id, without_id }
    }

    /// All keys, in their order.
    pub fn all(&self) -> &[K] {
        &self.keys
    }

    /// The keys with this id.
    pub fn with_id(&self, id: &str) -> Vec<&K> {
        self.by_id.get(id).map_or_else(Vec::new, |places| self.at(places))
    }

    /// The keys that have no id.
    pub fn without_id(&self) -> Vec<&K> {
        self.at(&self.without_id)
    }

    fn at(&self, places: &[usize]) -> Vec<&K> {
        places.iter().filter_map(|place| self.keys.get(*place)).collect()
    }
}
