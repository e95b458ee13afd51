//! Does the tree hold what was written, with its places, and are the limits kept?

use super::*;

/// The tree in one line: `key@line:column=value@line:column`.
fn shown(node: &Node) -> String {
    let inner = match &node.kind {
        Kind::Scalar { text, style: Style::Plain } => text.as_str().to_owned(),
        Kind::Scalar { text, .. } => format!("'{}'", text.as_str()),
        Kind::Sequence(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Kind::Mapping(entries) => {
            let entry = |(key, node): &(Key, Node)| format!("{}@{}:{}={}", key.text, key.line, key.column, shown(node));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
        }
        Kind::Broken => "broken".to_owned(),
    };
    format!("{inner}@{}:{}", node.line, node.column)
}

fn tree(text: &str) -> String {
    let mut report = Report::default();
    let node = read(text, &mut report);
    assert_eq!(report.problems, [], "{text}");
    shown(&node.unwrap())
}

fn problems(text: &str) -> Vec<String> {
    let mut report = Report::default();
    read(text, &mut report);
    report.problems.iter().map(ToString::to_string).collect()
}

fn only_problem(text: &str) -> String {
    let problems = problems(text);
    assert_eq!(problems.len(), 1, "{text}: {problems:?}");
    problems[0].clone()
}

#[test]
fn every_node_knows_its_line_and_column() {
    assert_eq!(tree("a: 1\nb:\n  - x\n  - 'y'\n"), "{a@1:1=1@1:4 b@2:1=[x@3:5 'y'@4:5]@3:3}@1:1");
    assert_eq!(tree("a: { b: [c, \"d\"] }"), "{a@1:1={b@1:6=[c@1:10 'd'@1:13]@1:9}@1:4}@1:1");
    assert_eq!(tree("- a: 1\n  b: 2\n"), "[{a@1:3=1@1:6 b@2:3=2@2:6}@1:3]@1:1");
}

#[test]
fn columns_count_characters() {
    assert_eq!(tree("é: { ü: x }"), "{é@1:1={ü@1:6=x@1:9}@1:4}@1:1");
}

#[test]
fn nothing_written_is_null_and_quotes_make_it_text() {
    let mut report = Report::default();
    let node = read("[~, null, '', 'null', x, , ]".replace(" , ", "").as_str(), &mut report).unwrap();
    let Kind::Sequence(items) = node.kind else { panic!("no list") };
    assert_eq!(items.iter().map(Node::is_null).collect::<Vec<_>>(), [true, true, false, false, false]);
}

#[test]
fn aliases_stand_for_their_anchor() {
    assert_eq!(tree("a: &x [1]\nb: *x\n"), "{a@1:1=[1@1:8]@1:4 b@2:1=[1@1:8]@1:4}@1:1");
}

#[test]
fn aliases_cannot_fill_the_memory() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = level - 1;
        text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{below}"); 10].join(", "));
    }
    assert!(only_problem(&text).contains("aliases repeat more than 10000 values"));
}

#[test]
fn aliases_cannot_nest_without_end() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..80 {
        text += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert!(only_problem(&text).contains("deeper than 64 levels"));
    assert!(only_problem("a: &x [*x]").contains("inside the value that it stands for"));
}

#[test]
fn nesting_has_a_limit() {
    assert!(only_problem(&"[".repeat(65)).contains("deeper than 64 levels"));
    assert!(tree(&format!("{}{}", "[".repeat(64), "]".repeat(64))).starts_with('['));
    assert!(only_problem(&"- ".repeat(5000)).contains("deeper than 64 levels"));
}

#[test]
fn duplicate_keys_are_told_with_both_places_and_the_first_counts() {
    let mut report = Report::default();
    let node = read("a:\n  b: 1\n  c: 2\n  b: 3\n", &mut report).unwrap();
    assert_eq!(report.problems[0].to_string(), "4:3: a: duplicate key \"b\": it stands at 2:3 already");
    assert_eq!(shown(&node), "{a@1:1={b@2:3=1@2:6 c@3:3=2@3:6}@2:3}@1:1");
}

#[test]
fn what_this_language_leaves_out_is_refused_in_words() {
    for (text, words) in [
        ("a: !!str x", "1:4: a: tags"),
        ("a: !mine [x]", "1:4: a: tags"),
        ("a: &x {b: 1}\nc: { <<: *x }", "2:6: c: merge keys"),
        ("? [a]\n: b", "1:3: a key is text"),
        ("{ {a: b}: c }", "1:3: a key is text"),
        ("a: 1\n---\nb: 2", "2:1: a second document"),
        ("", "1:1: the file is empty"),
        ("# nothing\n", "1:1: the file is empty"),
    ] {
        let problem = only_problem(text);
        assert!(problem.starts_with(words), "{text}: {problem}");
    }
    assert_eq!(problems("---\na: 1\n"), [""; 0]);
}

#[test]
fn syntax_errors_have_a_line_and_a_column() {
    for (text, start) in [("a: [1, 2\nb: 3\n", "2:"), ("a: 'x\n", "1:4"), ("a: b: c", "1:5"), ("a: *nobody", "1:4")] {
        let problem = only_problem(text);
        assert!(problem.starts_with(start) && problem.contains("not valid YAML: "), "{text}: {problem}");
    }
}

#[test]
fn a_control_character_cannot_hide_the_rest_of_the_file() {
    assert_eq!(only_problem("a: 1\nb: \0\nc: 2\n"), "2:4: a control character (U+0000) is not text");
    assert!(only_problem("a: \u{1b}[31m").contains("U+001B"));
}

#[test]
fn lines_are_counted_alike_with_carriage_returns_and_behind_a_byte_order_mark() {
    assert_eq!(tree("a: 1\r\nb:\r\n  - x\r\n"), tree("a: 1\nb:\n  - x\n"));
    assert!(tree("\u{feff}a: 1\nb: 2\n").contains("b@2:1=2@2:4"));
}
