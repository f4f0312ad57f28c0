//! Nothing committed knows the machine on which it was written.

use super::{Finding, Source};

// Each is written in two halves, or this very file would be found.
const MACHINE: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("registry.", "npmjs"),
    concat!("registry.", "yarnpkg"),
    concat!("files.", "pythonhosted"),
    concat!("pypi.", "org/simple"),
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("deb.", "debian.org"),
    concat!("--index", "-url"),
    concat!("\"reso", "lved\": \"http"),
];

/// A path of one machine, or the host of a package registry: both belong to whoever builds.
pub(super) fn machine(source: &Source) -> Vec<Finding> {
    let find = |(line, text): (usize, &str)| {
        let word = MACHINE.iter().find(|word| text.contains(**word))?;
        Some(Finding {
            line,
            problem: format!("`{word}` belongs to one machine"),
        })
    };
    source.lines().filter_map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::super::lines_found;
    use super::*;

    #[test]
    fn path_of_a_machine_is_found() {
        let text = format!("fine\ncd {}project\n", MACHINE[0]);
        assert_eq!(lines_found(machine, "notes.md", &text), [2]);
    }
}
