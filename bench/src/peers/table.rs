//! The report: two tables and a plot.

use std::path::Path;

use anyhow::Result;

use super::measure::{Contender, LOGGERS_IN, SHARE, Series, VISITORS};
use crate::{
    load, machine,
    plot::{Chart, Mark},
    ratio::Spread,
    report::digits,
};

/// The report as Markdown. The first contender is the one that the others are set against.
///
/// # Errors
/// When the version of a peer is not pinned where it should be.
pub fn markdown(contenders: &[Contender], root: &Path, quick: bool) -> Result<String> {
    let (short, option) = if quick {
        (
            " **This was a short run (`--quick`) on a machine that others used too: it shows that everything works, and its \
             figures are not for the record.**",
            " -- --quick",
        )
    } else {
        ("", "")
    };
    Ok(format!(
        "# Lockjar beside its peers\n\n`cargo run --release -p lockjar-bench --bin peers{option}` printed this.{short} \
         [README.md](README.md) says how each peer is configured and why, and what cannot be compared.\n\n{}\n\
         ![The same figures as bars](results.svg)\n\n{}\n\n{}\n\n{}\n\n{}\n",
        machine::describe(),
        figures(contenders),
        failures(contenders),
        method(),
        conditions(contenders, root)?,
    ))
}

fn method() -> String {
    let priority = if load::real_time_is_allowed() {
        "at real-time priority, so that it times the server's wait and not its own"
    } else {
        "at no real-time priority, which this machine does not allow, so its own wait for a core is in these times too"
    };
    format!(
        "Medians, with the least and the most in brackets; *÷ Lockjar* is taken round by round. All peers are up all the \
         time and are measured in turns; client and server share all cores, so whoever answers more leaves less of the \
         machine to itself, which the client's share shows. **Checked requests:** `GET /protected` with a valid cookie, {VISITORS} \
         kept-alive connections with a session each, a request under way on every one. **p99:** the same requests at {:.0} % of \
         that peer's own rate just before, at random times (Poisson), each timed from the moment at which it was meant to be \
         sent; the client runs {priority}. **Log-ins:** {LOGGERS_IN} accounts, one log-in under way for each. **Memory:** of all processes of \
         the peer at the end of each round, a page that several share counted once (PSS). A request that fails ends that measure.",
        SHARE * 100.0
    )
}

fn figures(contenders: &[Contender]) -> String {
    let Some(lockjar) = contenders.first() else {
        return String::new();
    };
    let rows = contenders.iter().map(|it| {
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            it.peer.name,
            cell(&it.checks, "/s"),
            ratio(&it.checks, &lockjar.checks),
            percent(&it.client),
            cell(&it.p99, "ms"),
            cell(&it.log_ins, "/s"),
            ratio(&it.log_ins, &lockjar.log_ins),
            it.peer.hash,
            cell(&it.memory, "MiB"),
        )
    });
    format!(
        "| | Checked requests | ÷ Lockjar | Client's share | p99 at {:.0} % of that rate | Log-ins | ÷ Lockjar | Password hash | Memory |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n{}",
        SHARE * 100.0,
        rows.collect::<Vec<_>>().join("\n")
    )
}

fn failures(contenders: &[Contender]) -> String {
    let failed = contenders.iter().flat_map(|it| {
        let series = [&it.checks, &it.p99, &it.log_ins, &it.memory];
        series.into_iter().filter_map(|series| {
            let reason = series.failure.as_ref()?;
            Some(format!("- {}: {reason}", it.peer.name))
        })
    });
    let mut lines: Vec<_> = failed.collect();
    lines.dedup();
    if lines.is_empty() {
        "No request failed.".to_owned()
    } else {
        format!("What failed:\n\n{}", lines.join("\n"))
    }
}

fn conditions(contenders: &[Contender], root: &Path) -> Result<String> {
    let mut text =
        "| | Version | Runs as | A check looks at | An ended session is answered for |\n\
                    | --- | --- | --- | --- | --- |"
            .to_owned();
    for it in contenders {
        let peer = it.peer;
        let version = peer.version(root)?;
        text.push_str(&format!(
            "\n| {} | {version} | {} | {} | {} |",
            peer.name, peer.setting, peer.check, peer.lives_on
        ));
    }
    Ok(text)
}

fn cell(series: &Series, unit: &str) -> String {
    if series.failure.is_some() {
        return "failed".to_owned();
    }
    let Spread { median, min, max } = spread(series);
    format!(
        "{} {unit} ({} – {})",
        digits(median),
        digits(min),
        digits(max)
    )
}

fn percent(series: &Series) -> String {
    if series.failure.is_some() {
        return String::new();
    }
    format!("{:.0} %", spread(series).median * 100.0)
}

fn ratio(series: &Series, lockjar: &Series) -> String {
    if series.failure.is_some() || lockjar.failure.is_some() {
        return String::new();
    }
    significant(Spread::of_ratios(&series.values, &lockjar.values).median)
}

/// Two digits that mean something, however small: some peers are a hundredth of others.
fn significant(value: f64) -> String {
    if value >= 1.0 {
        return digits(value);
    }
    let places = (1.0 - value.log10().floor()).clamp(2.0, 6.0) as usize;
    format!("{value:.places$}")
}

/// A chart for each kind of figure.
#[must_use]
pub fn charts(contenders: &[Contender]) -> Vec<Chart> {
    let all: Vec<&Contender> = contenders.iter().collect();
    // Whoever hashes nothing would make all other bars too short to see.
    let with_hashes: Vec<&Contender> = all
        .iter()
        .copied()
        .filter(|it| it.peer.sign_up.is_some())
        .collect();
    vec![
        chart(
            "Checked requests a second (longer is better)",
            "/s",
            &all,
            |it| &it.checks,
        ),
        chart(
            "p99 at the same share of each one's own rate (shorter is better)",
            "ms",
            &all,
            |it| &it.p99,
        ),
        chart(
            "Log-ins a second, each by its own hash (the tutorial has none and is left out)",
            "/s",
            &with_hashes,
            |it| &it.log_ins,
        ),
        chart(
            "Memory of all processes (shorter is better)",
            "MiB",
            &all,
            |it| &it.memory,
        ),
    ]
}

fn chart(
    title: &str,
    unit: &str,
    contenders: &[&Contender],
    pick: fn(&Contender) -> &Series,
) -> Chart {
    Chart {
        title: title.to_owned(),
        marks: contenders
            .iter()
            .filter(|it| pick(it).failure.is_none())
            .map(|it| mark(it.peer.name, pick(it), unit))
            .collect(),
        limit: None,
    }
}

fn mark(name: &str, series: &Series, unit: &str) -> Mark {
    let value = spread(series);
    Mark {
        label: name.to_owned(),
        text: format!("{} {unit}", digits(value.median)),
        value,
    }
}

fn spread(series: &Series) -> Spread {
    Spread::of(series.values.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_ratios_keep_two_digits() {
        assert_eq!(
            [0.5, 0.0456, 0.001_23, 12.34].map(significant),
            ["0.50", "0.046", "0.0012", "12.3"]
        );
    }

    #[test]
    fn a_measure_that_failed_has_no_figure() {
        let series = Series {
            values: vec![1.0],
            failure: Some("the server answered 401".into()),
        };
        assert_eq!(cell(&series, "/s"), "failed");
    }
}
