//! Is JSON read strictly, and written back as it was?

use super::super::error::JsonProblem;
use super::*;

fn read(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn problem(text: impl AsRef<[u8]>) -> JsonProblem {
    Json::parse(text.as_ref()).expect_err(&String::from_utf8_lossy(text.as_ref())).problem
}

fn number(text: &str) -> Number {
    let Json::Number(number) = read(text) else { panic!("{text} is not a number") };
    number
}

#[test]
fn a_text_written_back_is_the_text_without_white_space() {
    let text = " {\r\n\t\"a\" : [ 1.10 , -0, 1e400, true ,false, null, [] , { } ], \"b c\": \"x \\\" \\\\ y\" } ";
    let compact = r#"{"a":[1.10,-0,1e400,true,false,null,[],{}],"b c":"x \" \\ y"}"#;
    assert_eq!(read(text).to_compact(), compact);
    assert_eq!(compact_text(text), compact);
    assert_eq!(compact_text(compact), compact);
}

#[test]
fn compact_text_keeps_every_string_byte_for_byte() {
    for string in [r#""\\""#, r#"" \" \\\" ""#, r#""a\\\\" "#, r#""\u0020 é 😀""#, r#""""#] {
        let text = format!(" [ {string} , {string}\n]");
        let string = string.trim_end();
        assert_eq!(compact_text(&text), format!("[{string},{string}]"));
    }
    assert_eq!(compact_text(" \" \\"), "\" \\");
}

#[test]
fn numbers_keep_their_digits() {
    assert_eq!(number("656670838050885").as_str(), "656670838050885");
    assert_eq!(number("656670838050885").as_i64(), Some(656_670_838_050_885));
    assert_eq!(number("656670838050885").as_u64(), Some(656_670_838_050_885));
    assert_eq!(number("1.10").as_str(), "1.10");
    assert_eq!((number("1.10").as_f64(), number("1.10").as_i64()), (Some(1.1), None));
    assert_eq!((number("1e400").as_str(), number("1e400").as_f64()), ("1e400", None));
    assert_eq!((number("-0").as_str(), number("-0").as_i64(), number("-0").as_u64()), ("-0", Some(0), None));
    assert_eq!(number("9223372036854775807").as_i64(), Some(i64::MAX));
    assert_eq!((number("9223372036854775808").as_i64(), number("18446744073709551616").as_u64()), (None, None));
    assert_eq!(number("-1E-2").as_f64(), Some(-0.01));
}

#[test]
fn what_is_no_number_is_refused() {
    for text in ["01", "-", "-01", "1.", "1e", "1e+", "00", "-a", "1.e1", "1.2.", "0x10"] {
        assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(problem("01"), JsonProblem::Number);
    for text in ["+1", ".5", "NaN", "Infinity", "-Infinity", "nan"] {
        assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_name_twice_is_refused_at_every_level_and_by_its_meaning() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"\u0061":3}"#,
        r#"[[{"x":{"k":1,"k":2}}]]"#,
        r#"{"":1,"":2}"#,
        r#"{"a\/b":1,"a/b":2}"#,
    ] {
        assert_eq!(problem(text), JsonProblem::DuplicateMember, "{text}");
    }
    assert_eq!(read(r#"{"aud":1,"Aud":2}"#).as_object().unwrap().len(), 2);
}

#[test]
fn a_name_twice_is_found_among_few_and_among_many() {
    for count in [2, 15, 16, 17, 100, 5000] {
        let members: Vec<String> = (0..count).map(|index| format!("\"m{index}\":{index}")).collect();
        let once = format!("{{{}}}", members.join(","));
        let twice = format!("{{{},\"m0\":0}}", members.join(","));
        assert_eq!(read(&once).as_object().unwrap().len(), count);
        assert_eq!(problem(twice), JsonProblem::DuplicateMember);
    }
    let pair = vec![("a".into(), Json::Null), ("a".into(), Json::Null)];
    assert_eq!(Object::from_members(pair), None);
}

#[test]
fn members_keep_their_order_and_are_found_by_exact_name() {
    let value = read(r#"{"z":1,"a":"x","M":[true]}"#);
    let names: Vec<&str> = value.as_object().unwrap().iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["z", "a", "M"]);
    assert_eq!(value.member("a").and_then(Json::as_str), Some("x"));
    assert_eq!(value.member("M").and_then(Json::as_array).map(<[Json]>::len), Some(1));
    assert!(value.member("m").is_none() && Json::Null.member("m").is_none());
}

#[test]
fn escapes_are_resolved_and_written_back_in_short_form() {
    let value = read(r#""\u0000\b\f\n\r\t\/\"\\\u00e9\ud83d\ude00\u001f""#);
    assert_eq!(value.as_str(), Some("\0\u{8}\u{c}\n\r\t/\"\\é😀\u{1f}"));
    assert_eq!(value.to_compact(), r#""\u0000\u0008\u000c\n\r\t/\"\\é😀\u001f""#);
    assert_eq!(read(&value.to_compact()), value);
}

#[test]
fn half_a_surrogate_pair_is_refused() {
    for text in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83d\u0041""#, r#""\ud83dx""#, r#""\ud83d\n""#] {
        assert_eq!(problem(text), JsonProblem::LoneSurrogate, "{text}");
    }
    for text in [r#""\x""#, r#""\u12g4""#, r#""\u+123""#, r#""\u12"#, r#""\"#, r#""\U0041""#, r#""\u00é""#] {
        assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn only_utf8_without_a_byte_order_mark_is_read() {
    assert_eq!(problem(b"\"\xff\""), JsonProblem::NotUtf8);
    assert_eq!(problem(b"\"\xed\xa0\x80\""), JsonProblem::NotUtf8);
    assert_eq!(problem(b"\"\xc0\xaf\""), JsonProblem::NotUtf8);
    assert_eq!(problem(b"\xef\xbb\xbf{}"), JsonProblem::ByteOrderMark);
    assert_eq!(problem("\"a\u{1}\""), JsonProblem::ControlCharacter);
    assert_eq!(problem("\"a\nb\""), JsonProblem::ControlCharacter);
}

#[test]
fn nothing_stands_after_the_value_or_is_missing_in_it() {
    for text in ["{} x", "1 2", "[]]", "null\0", "\"a\"b"] {
        assert_eq!(problem(text), JsonProblem::Trailing, "{text}");
    }
    for text in ["", " ", "{", "[", "[1", "{\"a\"", "{\"a\":", "{\"a\":1", "\"a", "tru", "n"] {
        assert_eq!(problem(text), JsonProblem::Truncated, "{text}");
    }
    for text in ["[1,]", "{\"a\":1,}", "[,]", "{,}", "{a:1}", "{'a':1}", "[1 2]", "True", "//", "{\"a\" 1}", "{1:2}"] {
        assert_eq!(problem(text), JsonProblem::Unexpected, "{text}");
    }
    assert_eq!(Json::parse(b"[1, x]").unwrap_err().offset, 4);
}

#[test]
fn depth_ends_at_32_however_deep_the_text_goes() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        assert!(Json::parse(nested(32).as_bytes()).is_ok());
        for depth in [33, 10_000, 1_000_000] {
            assert_eq!(problem(nested(depth)), JsonProblem::TooDeep);
            assert_eq!(problem(open.repeat(depth)), JsonProblem::TooDeep);
        }
    }
}

#[test]
fn debug_shows_no_content() {
    let shown = format!("{:?}", [read(r#"{"k":"secret"}"#), read(r#""secret""#), read("4711"), read("[4711]")]);
    assert!(!shown.contains("secret") && !shown.contains("4711"), "{shown}");
}

#[test]
fn what_is_accepted_means_the_same_to_another_reader() {
    let seed = r#"{"a":[1,2.5e3,-0],"b":{"c":"\u00e9\ud83d\ude00\n","d":null},"e":true,"f":[]}"#;
    super::super::tests::mutations(seed.as_bytes(), 20_000, |bytes| {
        let peer = serde_json::from_slice::<serde_json::Value>(bytes);
        if let Ok(own) = Json::parse(bytes) {
            // The peer refuses what does not fit a double; the text is kept here.
            if let Ok(peer) = peer {
                assert_eq!(serde_json::from_str::<serde_json::Value>(&own.to_compact()).unwrap(), peer);
            }
            assert_eq!(Json::parse(own.to_compact().as_bytes()).unwrap(), own);
            let text = std::str::from_utf8(bytes).unwrap();
            assert_eq!(Json::parse(compact_text(text).as_bytes()).unwrap(), own);
        } else if let Ok(peer) = peer {
            let collapsed = serde_json::to_vec(&peer).unwrap();
            assert!(Json::parse(&collapsed).is_ok(), "only a duplicate name, which the peer drops, may differ");
        }
    });
}
