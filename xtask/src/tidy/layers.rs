//! What may be named where: the boundaries of ARCHITECTURE.md, and each danger in one file only.

use super::{Finding, Source};

struct Layer {
    /// The identifiers, paths or texts that are bound to a place.
    words: &'static [&'static str],
    /// The places where they may stand, below the crate's `src`.
    homes: &'static [&'static str],
    because: &'static str,
}

const LAYERS: &[Layer] = &[
    Layer {
        words: &["axum", "utoipa", "askama"],
        homes: &["web/"],
        because: "the nouns and verbs do not know the web",
    },
    Layer {
        words: &["sqlx"],
        homes: &[
            "store/sql/",
            "store/sqlite/",
            "store/postgres/",
            "store/travel.rs",
        ],
        because: "SQL lives in the store alone",
    },
    Layer {
        words: &["redis::pipe", "redis::cmd", "MultiplexedConnection"],
        homes: &["store/redis/"],
        because: "Redis is spoken to in one place",
    },
    Layer {
        words: &["sha1", "md5", "md_5"],
        homes: &["password/breached/", "password/foreign/"],
        because: "SHA-1 and MD5 are how others publish and hash passwords, and no hash for anything of ours",
    },
    Layer {
        words: &["SystemTime::now", "Instant::now"],
        homes: &["clock.rs"],
        because: "time comes from the injected clock",
    },
    Layer {
        words: &["getrandom", "OsRng", "thread_rng"],
        homes: &["id.rs"],
        because: "randomness has one door",
    },
    Layer {
        words: &[
            "HttpOnly",
            "SameSite=",
            "Max-Age=",
            "Cookie::build",
            "Cookie::new",
        ],
        homes: &["cookie.rs", "cookie/"],
        because: "CookiePolicy is the only writer of Set-Cookie",
    },
];

/// A word outside the place that is its own.
pub(super) fn stray_word(source: &Source) -> Vec<Finding> {
    let Some(place) = source
        .path
        .strip_prefix("crates/lockjar/src/")
        .filter(|_| source.is_rust())
    else {
        return Vec::new();
    };
    let strangers = LAYERS
        .iter()
        .filter(|layer| !layer.homes.iter().any(|home| place.starts_with(home)));
    strangers
        .flat_map(|layer| stray_in(source, layer))
        .collect()
}

fn stray_in(source: &Source, layer: &Layer) -> Vec<Finding> {
    let statements = source
        .code()
        .filter(|(_, line)| !line.trim_start().starts_with("//"));
    let find = |(line, text): (usize, &str)| {
        let word = layer.words.iter().find(|word| names(text, word))?;
        Some(Finding {
            line,
            problem: format!("`{word}` does not belong here: {}", layer.because),
        })
    };
    statements.filter_map(find).collect()
}

/// Whether the text has the word, not as a part of a longer identifier.
fn names(text: &str, word: &str) -> bool {
    let identifier = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(identifier)
            && (word.ends_with('=') || !text[at + word.len()..].starts_with(identifier))
    })
}

#[cfg(test)]
mod tests {
    use super::super::lines_found;
    use super::*;

    #[test]
    fn axum_outside_the_web_is_found() {
        let text = "// axum in a comment\nuse axum::Router;\nuse axum_login::X;\n";
        assert_eq!(
            lines_found(stray_word, "crates/lockjar/src/auth/mod.rs", text),
            [2]
        );
        assert!(lines_found(stray_word, "crates/lockjar/src/web/mod.rs", text).is_empty());
        assert!(lines_found(stray_word, "crates/lockjar-server/src/main.rs", text).is_empty());
    }

    #[test]
    fn wall_clock_outside_the_clock_is_found() {
        let text =
            "let now = std::time::Instant::now();\n#[cfg(test)]\nmod tests {\nInstant::now();\n";
        assert_eq!(
            lines_found(stray_word, "crates/lockjar/src/session.rs", text),
            [1]
        );
        assert!(lines_found(stray_word, "crates/lockjar/src/clock.rs", text).is_empty());
    }

    #[test]
    fn randomness_outside_the_ids_is_found() {
        let text = "getrandom::fill(&mut bytes);\n";
        for (file, lines) in [("token.rs", 1), ("password/argon.rs", 1), ("id.rs", 0)] {
            let path = format!("crates/lockjar/src/{file}");
            assert_eq!(lines_found(stray_word, &path, text).len(), lines, "{file}");
        }
    }

    #[test]
    fn every_home_exists() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/lockjar/src");
        for home in LAYERS.iter().flat_map(|layer| layer.homes) {
            assert!(source.join(home).exists(), "{home}");
        }
    }

    #[test]
    fn cookie_text_outside_the_policy_is_found() {
        let text = "let header = \"a=b; Max-Age=1\";\n";
        assert_eq!(
            lines_found(stray_word, "crates/lockjar/src/web/login.rs", text),
            [1]
        );
    }
}
