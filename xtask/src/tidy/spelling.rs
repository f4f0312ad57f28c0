//! Prose is in British spelling; identifiers keep the spelling of their field.

use super::{Finding, Source};

/// Beginnings of American words, each with the beginning that is wanted.
const AMERICAN: &[(&str, &str)] = &[
    ("analyz", "analys"),
    ("behavior", "behaviour"),
    ("canceled", "cancelled"),
    ("canceling", "cancelling"),
    ("center", "centre"),
    ("color", "colour"),
    ("defense", "defence"),
    ("favor", "favour"),
    ("honor", "honour"),
    ("initializ", "initialis"),
    ("labeled", "labelled"),
    ("minimiz", "minimis"),
    ("neighbor", "neighbour"),
    ("normaliz", "normalis"),
    ("optimiz", "optimis"),
    ("organiz", "organis"),
    ("randomiz", "randomis"),
    ("recogniz", "recognis"),
    ("summariz", "summaris"),
];

/// An American spelling in a document or a comment, outside code.
pub(super) fn american(source: &Source) -> Vec<Finding> {
    prose(source)
        .flat_map(|(line, text)| american_words(line, &text))
        .collect()
}

fn american_words(line: usize, text: &str) -> Vec<Finding> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric() && c != '_');
    let find = |word: &str| {
        let (american, british) = AMERICAN
            .iter()
            .find(|(american, _)| word.starts_with(american))?;
        Some(Finding {
            line,
            problem: format!("`{word}` is American; {british}{}", &word[american.len()..]),
        })
    };
    words.filter_map(find).collect()
}

/// The lines of prose, without what stands between backticks.
fn prose(source: &Source) -> impl Iterator<Item = (usize, String)> {
    let document = source.path.ends_with(".md");
    let mut fenced = false;
    source.lines().filter_map(move |(line, text)| {
        let comment = text
            .trim_start()
            .strip_prefix("//")
            .filter(|_| source.is_rust());
        let text = comment.or(document.then_some(text))?;
        let fence = text.trim_start_matches(['/', '!', ' ']).starts_with("```");
        fenced ^= fence;
        (!fence && !fenced).then(|| (line, without_code(text)))
    })
}

fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::super::lines_found;
    use super::*;

    #[test]
    fn american_word_in_a_comment_is_found() {
        let text = "/// The Behaviors of it.\nlet color = `behavior`;\n// `color` is CSS's word.\n";
        assert_eq!(lines_found(american, "a.rs", text), [1]);
    }

    #[test]
    fn code_in_a_document_keeps_its_spelling() {
        let text = "The colour.\n```css\ncolor: red\n```\nThe color.\n";
        assert_eq!(lines_found(american, "a.md", text), [5]);
    }
}
