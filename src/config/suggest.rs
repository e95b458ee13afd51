//! Which known word was probably meant?

/// Longer words are not compared: the cost grows with the square of the length, and nobody misspells them by one letter.
const LONGEST_WORD: usize = 64;

/// The candidate nearest to `word`, if it is near enough to be a slip of the fingers: about one letter in three
/// added, dropped, changed or swapped with its neighbour. Case is ignored.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length == 0 || length > LONGEST_WORD {
        return None;
    }
    let word = word.to_lowercase();
    let farthest = (length / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 4 * LONGEST_WORD)
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= farthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "dify"?`, or nothing: the end of a problem about an unknown word.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    suggest(word, candidates).map(|candidate| format!("; did you mean {candidate:?}?")).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let names = ["dify", "realm", "identity_headers", "ip"];
        for (word, expected) in [
            ("dfiy", Some("dify")),
            ("realn", Some("realm")),
            ("Realm", Some("realm")),
            ("identity_header", Some("identity_headers")),
            ("id", Some("ip")),
            ("upstream", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(suggest(word, names), expected, "{word}");
        }
    }

    #[test]
    fn of_several_the_nearest_wins() {
        assert_eq!(suggest("audiences", ["audience2x", "audience"]), Some("audience"));
    }

    #[test]
    fn the_end_of_a_sentence_is_empty_without_a_suggestion() {
        assert_eq!(did_you_mean("dfiy", ["dify"]), "; did you mean \"dify\"?");
        assert_eq!(did_you_mean("zzz", ["dify"]), "");
    }
}
