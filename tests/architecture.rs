//! Does every module keep to what it may import? The rules stand here and nowhere else.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the tree must fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// What a part of the tree may use: modules of ours, and crates that are named in no other part.
struct Part {
    path: &'static str,
    modules: &'static [&'static str],
    crates: &'static [&'static str],
}

const PARTS: &[Part] = &[
    Part { path: "config", modules: &[], crates: &["saphyr_parser", "strsim"] },
    Part { path: "jose", modules: &[], crates: &["aws_lc_rs", "flate2", "openssl"] },
    Part { path: "path.rs", modules: &[], crates: &[] },
    Part { path: "route.rs", modules: &[], crates: &["foldhash"] },
    Part { path: "watched.rs", modules: &[], crates: &[] },
    Part {
        path: "keys",
        modules: &["jose", "watched"],
        crates: &["arc_swap", "fastrand", "quick_cache", "tokio", "ureq"],
    },
    Part {
        path: "auth",
        modules: &["jose", "keys", "watched"],
        crates: &["arc_swap", "aws_lc_rs", "bcrypt", "cel", "foldhash", "quick_cache", "sha_crypt"],
    },
    Part {
        path: "snapshot",
        modules: &["config", "jose", "keys", "auth", "route", "path", "watched"],
        crates: &["arc_swap", "quick_cache"],
    },
    Part {
        path: "gateway",
        modules: &["snapshot", "auth", "keys", "config", "route", "path", "watched"],
        crates: &[
            "pingora_core",
            "pingora_http",
            "pingora_proxy",
            "prometheus",
            "arc_swap",
            "fastrand",
            "tokio",
            "openssl",
            "ppp",
        ],
    },
    Part {
        path: "cli",
        modules: &["snapshot", "auth", "keys", "config", "route", "path", "jose", "gateway"],
        crates: &["clap", "jsonwebtoken", "aws_lc_rs", "env_logger"],
    },
    Part { path: "program.rs", modules: &["auth", "cli", "gateway"], crates: &[] },
    Part { path: "main.rs", modules: &[], crates: &["mimalloc"] },
];

/// Crates that belong to one file or folder within a part.
const OWNERS: &[(&str, &str)] = &[
    ("cel", "auth/expression"),
    ("aws_lc_rs", "jose/key.rs"),
    ("aws_lc_rs", "jose/content.rs"),
    ("aws_lc_rs", "jose/key_wrap.rs"),
    ("aws_lc_rs", "jose/secret_key.rs"),
    ("aws_lc_rs", "jose/rsa_private.rs"),
    ("aws_lc_rs", "jose/agreement.rs"),
    ("openssl", "jose/key.rs"),
    ("openssl", "jose/key_wrap.rs"),
    ("openssl", "jose/agreement.rs"),
    ("openssl", "gateway/certificates.rs"),
    ("ppp", "gateway/proxy_header.rs"),
    ("rustix", "gateway/handover.rs"),
    ("rustix", "gateway/sockets.rs"),
    ("listenfd", "gateway/sockets.rs"),
    ("sd_notify", "gateway/server.rs"),
    ("tungstenite", "gateway/frames.rs"),
    ("tungstenite", "gateway/tunnel.rs"),
    ("flate2", "jose/deflate.rs"),
    ("aws_lc_rs", "auth/passwords.rs"),
    ("bcrypt", "auth/password_hash.rs"),
    ("sha_crypt", "auth/password_hash.rs"),
    ("aws_lc_rs", "cli/token/signing_key.rs"),
    ("foldhash", "auth/doorkeeper.rs"),
    ("foldhash", "route.rs"),
    ("quick_cache", "auth/verified_cache.rs"),
    ("quick_cache", "auth/refused_cache.rs"),
    ("quick_cache", "auth/service_cache.rs"),
    ("quick_cache", "snapshot/limit.rs"),
    ("quick_cache", "auth/passwords.rs"),
    ("quick_cache", "keys/per_request.rs"),
    ("ureq", "keys/fetch.rs"),
    ("tokio", "keys/remote.rs"),
    ("tokio", "keys/line.rs"),
    ("tokio", "gateway"),
    ("saphyr_parser", "config/yaml"),
];

/// Collects the paths that a file names, in `use` and elsewhere; tests are free.
#[derive(Default)]
struct Names {
    ours: BTreeSet<String>,
    crates: BTreeSet<String>,
}

impl Names {
    fn take(&mut self, segments: &[String]) {
        match segments {
            [first, second, ..] if first == "crate" => {
                self.ours.insert(second.clone());
            }
            [first, _, ..] => {
                self.crates.insert(first.clone());
            }
            _ => {}
        }
    }

    fn take_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.take_tree(&with(path.ident.to_string()), &path.tree),
            syn::UseTree::Name(name) => self.take(&with(name.ident.to_string())),
            syn::UseTree::Rename(name) => self.take(&with(name.ident.to_string())),
            syn::UseTree::Glob(_) => self.take(&with("*".to_owned())),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.take_tree(before, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let is_test = module.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
        });
        if !is_test {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.take_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.take(&segments);
        syn::visit::visit_path(self, path);
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Files of ours that are not tests, with the names in them.
fn product() -> Vec<(String, Names)> {
    let root = source();
    let relative = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let is_test = |path: &str| path.contains("/tests/") || path.ends_with("tests.rs");
    let product = files(&root).into_iter().map(|path| (relative(&path), path)).filter(|(name, _)| !is_test(name));
    product
        .map(|(name, path)| {
            let mut names = Names::default();
            names.visit_file(&syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap());
            (name, names)
        })
        .collect()
}

fn part_of(file: &str) -> Option<&'static Part> {
    PARTS.iter().find(|part| file == part.path || file.starts_with(&format!("{}/", part.path)))
}

#[test]
fn every_file_belongs_to_a_part_and_imports_only_what_the_part_may() {
    let mut wrong = Vec::new();
    for (file, names) in product() {
        if file == "lib.rs" {
            continue;
        }
        let Some(part) = part_of(&file) else {
            wrong.push(format!("{file} belongs to no part"));
            continue;
        };
        let own = part.path.trim_end_matches(".rs");
        for module in names.ours.iter().filter(|module| *module != own && !part.modules.contains(&module.as_str())) {
            wrong.push(format!("{file} must not import crate::{module}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn crates_that_do_one_thing_are_named_in_one_place() {
    let guarded: BTreeSet<&str> = PARTS.iter().flat_map(|part| part.crates.iter().copied()).collect();
    let mut wrong = Vec::new();
    for (file, names) in product() {
        for name in names.crates.iter().filter(|name| guarded.contains(name.as_str()) || name.starts_with("pingora")) {
            if !part_of(&file).is_some_and(|part| part.crates.contains(&name.as_str())) {
                wrong.push(format!("{file} must not name the crate {name}"));
            }
            let owners: Vec<_> = OWNERS.iter().filter(|(owned, _)| owned == name).map(|(_, owner)| *owner).collect();
            if !owners.is_empty() && !owners.iter().any(|owner| file.starts_with(owner)) {
                wrong.push(format!("{file} must not name the crate {name}: that is for {}", owners.join(", ")));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn files_are_short_and_begin_with_the_question_that_they_answer() {
    let mut wrong = Vec::new();
    for path in files(&source()) {
        let text = fs::read_to_string(&path).unwrap();
        if text.lines().count() > 400 {
            wrong.push(format!("{} has more than 400 lines", path.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not say what it is for", path.display()));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// Comparing secrets octet by octet tells who measures how far they agree (threats: HAProxy fc89ff7).
#[derive(Default)]
struct Comparisons(Vec<String>);

impl<'ast> Visit<'ast> for Comparisons {
    fn visit_expr_binary(&mut self, comparison: &'ast syn::ExprBinary) {
        if matches!(comparison.op, syn::BinOp::Eq(_) | syn::BinOp::Ne(_)) {
            let mut names = Idents::default();
            names.visit_expr_binary(comparison);
            let secret = |name: &String| ["signature", "tag", "mac", "secret", "password"].contains(&name.as_str());
            let by_length = names.0.iter().any(|name| name == "len");
            if names.0.iter().any(secret) && !by_length {
                self.0.push(names.0.join(" "));
            }
        }
        syn::visit::visit_expr_binary(self, comparison);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            syn::visit::visit_item_mod(self, module);
        }
    }
}

#[derive(Default)]
struct Idents(Vec<String>);

impl<'ast> Visit<'ast> for Idents {
    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        self.0.push(ident.to_string());
    }
}

#[test]
fn class_21_signatures_tags_and_secrets_are_compared_by_the_crypto_libraries_alone() {
    let planted = syn::parse_file("fn f() -> bool { token.signature() == own }").unwrap();
    let mut found = Comparisons::default();
    found.visit_file(&planted);
    assert_eq!(found.0, ["token signature own"], "this test sees what it looks for");
    let mut wrong = Vec::new();
    for path in files(&source().join("jose")).into_iter().chain(files(&source().join("auth"))) {
        // The tags of DER are no secrets.
        let is_der = path.ends_with("jose/der.rs");
        if is_der || path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let mut comparisons = Comparisons::default();
        comparisons.visit_file(&syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap());
        wrong.extend(comparisons.0.into_iter().map(|names| format!("{}: {names}", path.display())));
    }
    assert_eq!(wrong, [""; 0]);
}
