//! What a site wrote, made harmless for a terminal.

/// Longer words are cut, in characters.
const WORD: usize = 60;

/// A word of the site's in a sentence of ours: cut short, and escaped.
pub(in super::super) fn short(text: &str) -> String {
    let mut short: String = text.chars().take(WORD).collect();
    if text.chars().nth(WORD).is_some() {
        short.push('…');
    }
    match short.is_empty() {
        true => "without a name".to_owned(),
        false => escaped(&short),
    }
}

/// Control characters and those that turn the direction of writing or show nothing, spelled out: a terminal obeys the first
/// and people are fooled by the others.
pub(in super::super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match is_harmless(character) {
            true => safe.push(character),
            false => safe.extend(character.escape_unicode()),
        }
    }
    safe
}

fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        assert_eq!(escaped("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escaped("a\nb\u{9b}"), "a\\u{a}b\\u{9b}");
        assert_eq!(escaped("\u{202e}txt"), "\\u{202e}txt");
        assert_eq!(escaped("Grüße, 世界"), "Grüße, 世界");
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        assert_eq!(short(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
        assert_eq!(short(&"é".repeat(60)), "é".repeat(60));
    }
}
