//! What docs/asvs.md says is shown by a test is shown by one that exists.

use super::{Finding, Source};

const TABLES: &str = "docs/asvs.md";

/// Rows that hold without saying by what, and tests that nobody has written.
pub(super) fn missing(sources: &[Source]) -> Vec<(&Source, Finding)> {
    let rows = sources
        .iter()
        .filter(|source| source.path == TABLES)
        .flat_map(|tables| tables.lines().map(move |(line, row)| (tables, line, row)));
    rows.flat_map(|(tables, line, row)| {
        let problems = problems(row, sources).into_iter();
        problems.map(move |problem| (tables, Finding { line, problem }))
    })
    .collect()
}

fn problems(row: &str, sources: &[Source]) -> Vec<String> {
    let cells: Vec<_> = row.split('|').map(str::trim).collect();
    let [_, _, _, _, "holds", shown, _] = cells[..] else {
        return Vec::new();
    };
    let names: Vec<_> = shown.split('`').skip(1).step_by(2).collect();
    if names.is_empty() && !shown.contains("](") {
        return vec!["it holds, and neither a test nor a document says so".to_owned()];
    }
    let unknown = names.into_iter().filter(|name| !exists(name, sources));
    unknown
        .map(|name| format!("there is no test `{name}`"))
        .collect()
}

fn exists(name: &str, sources: &[Source]) -> bool {
    match name.strip_prefix("e2e: ") {
        Some(title) => sources.iter().any(|source| {
            let is_spec = source.path.starts_with("e2e/specs/");
            is_spec
                && (source.text.contains(&format!("'{title}'"))
                    || source.text.contains(&format!("`{title}`")))
        }),
        None => sources
            .iter()
            .any(|source| source.is_rust() && source.text.contains(&format!("fn {name}("))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_test_that_does_not_exist_is_found() {
        let sources = [
            source("a.rs", "fn the_one_that_is_there() {}"),
            source("e2e/specs/a.spec.js", "test('it is seen', …)"),
        ];
        let found = |row: &str| problems(row, &sources);
        for fine in [
            "| 1.1.1 | 1 | x | holds | `the_one_that_is_there` |",
            "| 1.1.1 | 1 | x | holds | `e2e: it is seen`, [DESIGN](../DESIGN.md) |",
            "| 1.1.1 | 1 | x | holds | [DESIGN](../DESIGN.md) |",
            "| 1.1.1 | 1 | x | not yet | no `test_of_it` |",
            "prose that says it holds",
        ] {
            assert_eq!(found(fine), Vec::<String>::new(), "{fine}");
        }
        for wrong in [
            "| 1.1.1 | 1 | x | holds | `the_one_that_is` |",
            "| 1.1.1 | 1 | x | holds | `e2e: it is` |",
            "| 1.1.1 | 1 | x | holds | surely |",
        ] {
            assert_eq!(found(wrong).len(), 1, "{wrong}");
        }
    }
}
