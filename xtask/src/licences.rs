//! What the program is built from may be passed on by anybody: permissive licences only.

use crate::run::{Outcome, cargo, output};

/// The licences that ask for no more than their own text to be kept.
const PERMISSIVE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "LLVM-exception",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Every dependency of the library and of the program, with what its manifest says.
pub(crate) fn licences() -> Outcome {
    let packages =
        "tree --package lockjar --package lockjar-server --edges normal,build --prefix none";
    let tree = output(cargo(packages).args(["--format", "{l}|{p}"]))?;
    let mut licensed = tree.lines().filter_map(|line| line.split_once('|'));
    match licensed.find(|(licence, _)| !permissive(licence)) {
        Some((licence, package)) => Err(format!("{package} has the licence '{licence}'")),
        None => Ok(()),
    }
}

/// Whether every licence in the expression is on the list, so that it does not matter how they are joined.
fn permissive(expression: &str) -> bool {
    let names = expression
        .split([' ', '/', '(', ')'])
        .filter(|word| !word.is_empty());
    let mut licences = names
        .filter(|word| !["OR", "AND", "WITH"].contains(word))
        .peekable();
    licences.peek().is_some() && licences.all(|licence| PERMISSIVE.contains(&licence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissive_expressions_pass() {
        for expression in [
            "MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0/MIT",
        ] {
            assert!(permissive(expression), "{expression}");
        }
    }

    #[test]
    fn unknown_or_missing_licence_is_refused() {
        for expression in ["", "GPL-3.0-only", "MIT AND AGPL-3.0-only"] {
            assert!(!permissive(expression), "{expression}");
        }
    }
}
