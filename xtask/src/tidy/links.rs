//! Every relative link in a document leads to a file, and to a heading where it names one.

use std::fs;
use std::path::Path;

use super::{Finding, Source};

/// A relative link that leads nowhere. Documents below a crate's `src` are rustdoc's, which checks its own.
pub(super) fn broken(source: &Source) -> Vec<Finding> {
    if !source.path.ends_with(".md") || source.path.contains("/src/") {
        return Vec::new();
    }
    let find = |(line, target): (usize, &str)| {
        let problem = format!("the link to {target} leads nowhere");
        (!leads_somewhere(source, target)).then_some(Finding { line, problem })
    };
    targets(source).filter_map(find).collect()
}

fn targets(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    let text = source.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    text.flat_map(|(line, text)| {
        text.split("](")
            .skip(1)
            .map(move |rest| (line, target(rest)))
    })
    .filter(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"))
}

fn target(rest: &str) -> &str {
    rest.split([')', ' ']).next().unwrap_or(rest)
}

fn leads_somewhere(source: &Source, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = Path::new(&source.path).parent().unwrap_or(Path::new(""));
    let path = folder.join(file);
    if heading.is_empty() {
        return path.exists();
    }
    if file.is_empty() {
        has_heading(&source.text, heading)
    } else {
        fs::read_to_string(path).is_ok_and(|text| has_heading(&text, heading))
    }
}

fn has_heading(document: &str, anchor: &str) -> bool {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| slug(line.trim_start_matches('#').trim()))
        .any(|slug| slug == anchor)
}

/// The anchor that a code host gives a heading.
fn slug(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::super::lines_found;
    use super::*;

    #[test]
    fn link_to_a_missing_file_is_found() {
        let text = "[here](Cargo.toml), [web](https://example.com/x)\n[gone](gone.md)\n```\n[code](x.md)\n```\n";
        assert_eq!(lines_found(broken, "README.md", text), [2]);
    }

    #[test]
    fn link_to_a_missing_heading_is_found() {
        let text = "# What it's for\n[good](#what-its-for)\n[bad](#what)\n";
        assert_eq!(lines_found(broken, "README.md", text), [3]);
    }
}
