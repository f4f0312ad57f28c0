//! One idea a file, one thought a function.

use super::{Finding, Source};

const LINES_A_FILE: usize = 400;
const LINES_A_FUNCTION: usize = 50;

/// A file of 400 lines or more before its unit tests.
pub(super) fn long_file(source: &Source) -> Vec<Finding> {
    let length = source.code().count();
    if !source.is_rust() || source.is_test() || length < LINES_A_FILE {
        return Vec::new();
    }
    vec![Finding {
        line: 1,
        problem: format!("{length} lines before the tests; under {LINES_A_FILE} please"),
    }]
}

/// A function of more than 50 lines that is no test.
///
/// The code is formatted, so a function ends at the first brace in the column in which it began.
pub(super) fn long_function(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.is_test() {
        return Vec::new();
    }
    let code: Vec<(usize, &str)> = source.code().collect();
    let starts = (0..code.len()).filter(|&index| opens_function(code[index].1));
    starts
        .filter_map(|start| too_long(&code[start..]))
        .collect()
}

fn opens_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub") || ["async", "const", "default", "extern", "\"C\""].contains(word)
    });
    words.next() == Some("fn")
}

fn too_long(code: &[(usize, &str)]) -> Option<Finding> {
    let (line, first) = code[0];
    let indent = &first[..first.len() - first.trim_start().len()];
    let ends = |line: &str| line.strip_prefix(indent).is_some_and(ends_function);
    let length = 1 + code.iter().position(|(_, line)| ends(line))?;
    (length > LINES_A_FUNCTION).then(|| Finding {
        line,
        problem: format!("a function of {length} lines; at most {LINES_A_FUNCTION} please"),
    })
}

/// Whether this line, which begins in the function's own column, is the function's last.
fn ends_function(rest: &str) -> bool {
    !rest.starts_with(' ')
        && (rest == "}" || rest.ends_with(';') || rest.ends_with(" }") || rest.ends_with("{}"))
}

#[cfg(test)]
mod tests {
    use super::super::lines_found;
    use super::*;

    fn function(lines: usize) -> String {
        format!(
            "struct S;\n\nimpl S {{\n    pub(crate) async fn f() {{\n{}    }}\n}}\n",
            "        g();\n".repeat(lines - 2)
        )
    }

    #[test]
    fn function_of_51_lines_is_found_where_it_begins() {
        assert_eq!(lines_found(long_function, "a.rs", &function(51)), [4]);
    }

    #[test]
    fn function_of_50_lines_passes() {
        assert!(lines_found(long_function, "a.rs", &function(50)).is_empty());
    }

    #[test]
    fn signature_without_a_body_ends_at_its_semicolon() {
        let methods = "trait T {\n    fn f(\n        a: u8,\n    ) -> u8;\n".to_owned()
            + &"    /// Doc.\n    fn g();\n".repeat(60)
            + "}\n";
        assert!(lines_found(long_function, "a.rs", &methods).is_empty());
    }

    #[test]
    fn tests_may_be_long() {
        assert!(lines_found(long_function, "crates/a/tests/b.rs", &function(99)).is_empty());
        assert!(
            lines_found(
                long_file,
                "a.rs",
                &format!("x\n#[cfg(test)]\nmod tests {{\n{}", "x\n".repeat(500))
            )
            .is_empty()
        );
    }

    #[test]
    fn file_of_400_lines_is_found() {
        assert_eq!(lines_found(long_file, "a.rs", &"x\n".repeat(400)), [1]);
        assert!(lines_found(long_file, "a.rs", &"x\n".repeat(399)).is_empty());
    }
}
