//! Whether the time that a refused log-in takes tells what was wrong: no such user, the wrong password, a disabled account
//! with the right one, a hash of an older strength, or one that was imported. Each is tried equally often, in turns. For each two of them the
//! chance that one is faster than the other has to be a half; and where nothing is done about it, it must be found not to be.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use lockjar::{
    Auth, Error, ImportUser, Imported, SignIn, password::Argon2Params, throttle::PerAddress,
};

/// How far the chance may lie from a half.
const MARGIN: f64 = 0.05;
const PASSWORD: &str = "quartz-lantern-fjord-umbrella";
const CLASSES: [&str; 5] = [
    "unknown name",
    "wrong password",
    "disabled",
    "older hash",
    "imported hash",
];
/// The password's, by bcrypt at cost 5: dearer than today's at the memory that is the default here.
const IMPORTED: &str = "$2b$05$VBCkSMnLn59cARvIu2gQKOkZVsJ6el/obtpiqSC1HT7Cr5Dm04hVW";

#[derive(Parser)]
struct Arguments {
    /// Log-ins of each class
    #[arg(long, default_value_t = 1_000)]
    each: usize,
    /// Memory that today's hashes take, in KiB, in two passes; those of an older strength take a half
    #[arg(long, default_value_t = 2_048)]
    memory_kib: u32,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(
        arguments.each > 0,
        "there is nothing to compare: --each is 0"
    );
    let even = worst(&arguments, true).await?;
    let control = worst(&arguments, false).await?;
    println!("\nfurthest from a half: {even:.3}; where nothing is done about it: {control:.3}");
    if control <= MARGIN {
        bail!("the control was not found out, so this measurement tells nothing");
    }
    if even > MARGIN {
        bail!("how long a refusal takes tells what was wrong: {even:.3} is more than {MARGIN}");
    }
    Ok(())
}

/// Measures, prints every pair, and answers how far the worst of them is from a half.
async fn worst(arguments: &Arguments, even: bool) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite://{}", folder.path().join("refusals.db").display());
    let today = Argon2Params {
        memory_kib: arguments.memory_kib,
        passes: 2,
    };
    populate(&database, today, arguments.each).await?;
    let builder = settings(today);
    let auth = match even {
        true => builder,
        false => builder.dangerously_with_uneven_refusals(),
    };
    let auth = auth.open(&database).await?;
    let mut times: [Vec<f64>; CLASSES.len()] = Default::default();
    for index in 0..arguments.each {
        for place in 0..CLASSES.len() {
            // Nobody always comes after the same one.
            let class = (place * (1 + index % 4) + index / 4) % CLASSES.len();
            times[class].push(refused(&auth, class, index).await?);
        }
    }
    auth.close().await;
    println!(
        "\n{}: {} of each, chance that the first is faster",
        name(even),
        arguments.each
    );
    let mut worst = 0_f64;
    for first in 0..CLASSES.len() {
        for second in first + 1..CLASSES.len() {
            let chance = chance_faster(&times[first], &times[second]);
            println!(
                "  {:<15} {:<15} {chance:.3}",
                CLASSES[first], CLASSES[second]
            );
            worst = worst.max((chance - 0.5).abs());
        }
    }
    Ok(worst)
}

const fn name(even: bool) -> &'static str {
    match even {
        true => "as it is",
        false => "without a hash for nobody, and at once",
    }
}

fn settings(argon: Argon2Params) -> lockjar::Builder {
    let per_address = PerAddress {
        failures: 1_000_000,
        ..PerAddress::default()
    };
    Auth::builder("http://localhost:8000")
        .argon2(argon)
        .per_address(per_address)
}

/// An account for each log-in, since each may be guessed at a few times only.
async fn populate(database: &str, today: Argon2Params, each: usize) -> Result<()> {
    let half = Argon2Params {
        memory_kib: today.memory_kib / 2,
        ..today
    };
    for (class, argon) in [(1, today), (2, today), (3, half)] {
        let auth = settings(argon).open(database).await?;
        for index in 0..each {
            let (operator, name) = (auth.operator(), user(class, index));
            let user = operator.add_user(&name, PASSWORD.into(), None).await;
            let user = user.context("making an account")?;
            if class == 2 {
                operator.disable(user).await?;
            }
        }
        auth.close().await;
    }
    let auth = settings(today).open(database).await?;
    let imported: Vec<_> = (0..each).map(|index| imported(user(4, index))).collect();
    for some in imported.chunks(500) {
        let outcomes = auth.operator().import(some).await?;
        ensure!(outcomes.iter().all(|outcome| *outcome == Imported::Made));
    }
    auth.close().await;
    Ok(())
}

fn imported(username: String) -> ImportUser {
    ImportUser {
        username,
        password_hash: IMPORTED.to_owned(),
        email: None,
        created_at: None,
        disabled: false,
    }
}

/// Names of one length.
fn user(class: usize, index: usize) -> String {
    format!("visitor-{class}-{index:06}")
}

/// How long it takes to be refused, in milliseconds.
async fn refused(auth: &Auth, class: usize, index: usize) -> Result<f64> {
    let password = match class {
        2 => PASSWORD,
        _ => "copper-harbour-thistle-violin",
    };
    let began = Instant::now();
    let answer = auth
        .sign_in(SignIn::new(user(class, index), password))
        .await;
    let took = began.elapsed().as_secs_f64() * 1e3;
    match answer {
        Err(Error::InvalidCredentials) => Ok(took),
        other => bail!("{} {index} was answered {other:?}", CLASSES[class]),
    }
}

/// The chance that one of the first is less than one of the second, ties by halves: Mann and Whitney's U over its greatest value.
fn chance_faster(first: &[f64], second: &[f64]) -> f64 {
    let mut sorted = second.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins = |time: &f64| {
        let above = sorted.len() - sorted.partition_point(|other| other <= time);
        let ties = sorted.len() - above - sorted.partition_point(|other| other < time);
        above as f64 + ties as f64 / 2.0
    };
    first.iter().map(wins).sum::<f64>() / (first.len() * second.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_counts_pairs() {
        assert_eq!(chance_faster(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(chance_faster(&[3.0], &[1.0]), 0.0);
        assert_eq!(chance_faster(&[1.0, 4.0], &[2.0, 3.0]), 0.5);
        assert_eq!(chance_faster(&[1.0], &[1.0]), 0.5);
    }
}
