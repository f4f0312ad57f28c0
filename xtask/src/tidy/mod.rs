//! The house rules as code: what a compiler cannot see and a reviewer would forget.

mod layers;
mod links;
mod named_tests;
mod portable;
mod size;
mod spelling;

use std::fs;
use std::process::Command;

use crate::run::{Outcome, output};

/// A text file of the project.
pub(crate) struct Source {
    /// Its path from the root of the project.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What is wrong, and on which line.
pub(crate) struct Finding {
    pub(crate) line: usize,
    pub(crate) problem: String,
}

type Rule = fn(&Source) -> Vec<Finding>;

const RULES: &[Rule] = &[
    size::long_file,
    size::long_function,
    layers::stray_word,
    portable::machine,
    spelling::american,
    links::broken,
];

/// Checks every rule on every file that is or would be committed.
pub(crate) fn tidy() -> Outcome {
    let sources = sources()?;
    let each = sources.iter().flat_map(|source| {
        RULES
            .iter()
            .flat_map(|rule| rule(source))
            .map(move |it| (source, it))
    });
    let findings: Vec<_> = each.chain(named_tests::missing(&sources)).collect();
    for (source, finding) in &findings {
        println!("{}:{}: {}", source.path, finding.line, finding.problem);
    }
    match findings.len() {
        0 => Ok(()),
        broken => Err(format!("{broken} house rules broken")),
    }
}

fn sources() -> Result<Vec<Source>, String> {
    let mut list = Command::new("git");
    list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let paths = output(&mut list)?;
    // What cannot be read as text is a picture, or a file deleted but not yet committed.
    let read = |path: &str| {
        fs::read_to_string(path).ok().map(|text| Source {
            path: path.to_owned(),
            text,
        })
    };
    Ok(paths.lines().filter_map(read).collect())
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is there for tests only.
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The numbered lines before the module of unit tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.text.find("\n#[cfg(test)]\nmod ");
        let end = tests.map_or(self.text.len(), |newline| newline + 1);
        numbered(&self.text[..end])
    }

    /// All lines, numbered from one.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.text)
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

#[cfg(test)]
fn lines_found(rule: Rule, path: &str, text: &str) -> Vec<usize> {
    let source = Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    rule(&source).iter().map(|finding| finding.line).collect()
}
