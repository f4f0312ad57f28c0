//! Every connection is a file descriptor, of which a process is given few unless it asks.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the database, its connections and whatever else is open.
const OTHERS: usize = 256;

/// Asks for as many as there may be, and answers how many connections of `wanted` there can be.
pub(crate) fn raise_limit(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let possible = connections(current, wanted);
    if possible < wanted {
        tracing::warn!(
            possible,
            wanted,
            "the process may open too few files for as many connections: raise its limit (ulimit -n, LimitNOFILE=)"
        );
    }
    possible
}

/// `None` is no limit.
fn connections(descriptors: Option<u64>, wanted: usize) -> usize {
    let Some(descriptors) = descriptors else {
        return wanted;
    };
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    wanted.min(descriptors.saturating_sub(OTHERS).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_left_for_the_database() {
        assert_eq!(connections(None, 10_000), 10_000);
        assert_eq!(connections(Some(20_000), 10_000), 10_000);
        assert_eq!(connections(Some(1_024), 10_000), 1_024 - OTHERS);
        assert_eq!(connections(Some(10), 10_000), 1);
    }
}
