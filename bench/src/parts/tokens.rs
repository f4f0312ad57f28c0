//! What a JWT costs more than a session token, and than its bare signature.

use std::{hint::black_box, path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use lockjar::{
    Auth, JwtSettings, SessionId, SignIn, SignUp, TokenId, Tokens, UserId,
    clock::{Clock, SystemClock, Timestamp},
    jwt::{Claims, Expected, KeyPolicy, KeyRing, MasterKey},
    password::Argon2Params,
    session::SessionLimits,
};

use super::{Bench, apart};
use crate::{
    accounts,
    load::{Arrivals, Plan},
    ratio::Spread,
    report::{Bar, Figure, Section, grouped},
    servers::{Launch, Server},
};

const KNOWN: Bar = Bar::AtMost(1.5);
const RATE: Bar = Bar::AtLeast(0.97);
const FIRST: Bar = Bar::AtMost(1.2);
const URL: &str = "http://localhost:8000";
const SESSIONS: usize = 2_000;
const CALLS: usize = 20;
const VERIFICATIONS: usize = 5_000;
const CONNECTIONS: usize = 32;
const SECONDS: f64 = 1.5;

pub(super) fn measure(bench: &Bench) -> Result<Section> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut figures = runtime.block_on(known(bench))?;
    figures.extend(by_http(bench)?);
    figures.extend(first(bench)?);
    let method = format!(
        "Known: `Auth::authenticate` in process, {sessions} sessions of one account, each {CALLS} times a round, in turns by \
         session tokens and by JWTs (EdDSA) that were verified before. HTTP: `GET /protected` as above, in turns on a server \
         of each strategy. For the first time: `KeyRing::verify` of one token, {verifications} times a round, in turns with \
         ed25519-dalek's `verify_strict` over the same bytes.",
        sessions = grouped(SESSIONS),
        verifications = grouped(VERIFICATIONS),
    );
    Ok(Section {
        part: "tokens",
        title: "JWTs",
        method,
        figures,
        chart: None,
    })
}

/// Both strategies in process, with the tokens of many sessions.
async fn known(bench: &Bench) -> Result<Vec<Figure>> {
    let folders = [bench.folder()?, bench.folder()?];
    let session = open(folders[0].path(), None).await?;
    let settings = JwtSettings::new(MasterKey::generate());
    let jwt = open(folders[1].path(), Some(settings)).await?;
    let both = [
        (&session, tokens(&session).await?),
        (&jwt, tokens(&jwt).await?),
    ];
    let (mut by_session, mut by_jwt) = (Vec::new(), Vec::new());
    for round in 0..=bench.either(15, 5) {
        let (a, b) = (calls(&both[0]).await?, calls(&both[1]).await?);
        // The first fills the caches.
        if round > 0 {
            by_session.push(a);
            by_jwt.push(b);
        }
    }
    session.close().await;
    jwt.close().await;
    Ok(vec![
        Figure::held_to(
            KNOWN,
            "A known JWT ÷ a session token, in process",
            "",
            Spread::of_ratios(&by_jwt, &by_session),
        ),
        Figure::plain("A known JWT", "µs", Spread::of(by_jwt)),
        Figure::plain("A session token", "µs", Spread::of(by_session)),
    ])
}

async fn open(folder: &Path, jwt: Option<JwtSettings>) -> Result<Auth> {
    // What hashing costs is not what is measured here.
    let cheap = Argon2Params {
        memory_kib: 64,
        passes: 1,
    };
    let limits = SessionLimits {
        per_user: u32::try_from(2 * SESSIONS)?,
        ..SessionLimits::default()
    };
    let mut builder = Auth::builder(URL).argon2(cheap).limits(limits);
    if let Some(jwt) = jwt {
        builder = builder.jwt(jwt);
    }
    let database = format!("sqlite://{}", folder.join("a.db").display());
    Ok(builder.open(&database).await?)
}

async fn tokens(auth: &Auth) -> Result<Vec<String>> {
    let password = "gravel umbrella seventeen";
    auth.sign_up(SignUp::new("alice", password)).await?;
    let mut tokens = Vec::with_capacity(SESSIONS);
    for _ in 0..SESSIONS {
        let signed_in = auth.sign_in(SignIn::new("alice", password)).await?;
        tokens.push(match signed_in.tokens {
            Tokens::Session(token) => token.reveal().to_string(),
            Tokens::Jwt { access, .. } => access.reveal().to_owned(),
        });
    }
    Ok(tokens)
}

/// Microseconds of one call.
async fn calls((auth, tokens): &(&Auth, Vec<String>)) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..CALLS {
        for token in tokens {
            black_box(auth.authenticate(token).await?);
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / (CALLS * tokens.len()) as f64)
}

fn by_http(bench: &Bench) -> Result<Vec<Figure>> {
    let folders = [bench.folder()?, bench.folder()?];
    let session = Launch::lockjar(folders[0].path())?;
    let jwt = Launch::lockjar_with_jwts(folders[1].path())?;
    let both = [visited(&session)?, visited(&jwt)?];
    let (mut by_session, mut by_jwt) = (Vec::new(), Vec::new());
    for round in 0..=bench.either(15, 3) {
        let rate = |(_, plan): &(Server, Plan)| anyhow::Ok(plan.run(apart().1)?.rate());
        let (a, b) = (rate(&both[0])?, rate(&both[1])?);
        if round > 0 {
            by_session.push(a);
            by_jwt.push(b);
        }
    }
    Ok(vec![
        Figure::held_to(
            RATE,
            "GET /protected, requests/s by JWT ÷ by session token",
            "",
            Spread::of_ratios(&by_jwt, &by_session),
        ),
        Figure::plain("By JWT", "/s", Spread::of(by_jwt)),
        Figure::plain("By session token", "/s", Spread::of(by_session)),
    ])
}

fn visited(launch: &Launch) -> Result<(Server, Plan)> {
    let server = launch.clone().placed(apart().0).start()?;
    let accounts = accounts::sign_up(server.address, CONNECTIONS)?;
    let plan = Plan {
        address: server.address,
        requests: accounts::visits(server.address, &accounts),
        arrivals: Arrivals::Closed { seconds: SECONDS },
        may_shed: false,
    };
    Ok((server, plan))
}

/// The whole check of a token that nobody has seen, and the signature alone.
fn first(bench: &Bench) -> Result<Vec<Figure>> {
    let now = SystemClock.now();
    let ring = KeyRing::new(KeyPolicy::default(), Vec::new()).with_a_signer(now);
    let expected = Expected {
        issuer: URL.to_owned(),
        audiences: vec![URL.to_owned()],
    };
    let token = ring.sign(&claims(now), now)?;
    let (signed, signature) = token.rsplit_once('.').context("a token has parts")?;
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature)?)?;
    let key = ring.jwks(now).keys.remove(0).x;
    let key: [u8; 32] =
        (URL_SAFE_NO_PAD.decode(key)?.try_into()).map_err(|_| anyhow::anyhow!("no key"))?;
    let key = VerifyingKey::from_bytes(&key)?;
    let (mut whole, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..bench.either(15, 5) {
        whole.push(timed(|| {
            ring.verify(token.as_bytes(), &expected, now).is_ok()
        })?);
        raw.push(timed(|| {
            key.verify_strict(signed.as_bytes(), &signature).is_ok()
        })?);
    }
    Ok(vec![
        Figure::held_to(
            FIRST,
            "A JWT checked for the first time ÷ its raw signature",
            "",
            Spread::of_ratios(&whole, &raw),
        ),
        Figure::plain("A JWT checked for the first time", "µs", Spread::of(whole)),
        Figure::plain("Its raw signature", "µs", Spread::of(raw)),
    ])
}

fn claims(now: Timestamp) -> Claims {
    Claims {
        iss: URL.to_owned(),
        aud: vec![URL.to_owned()],
        sub: UserId::random(),
        client_id: URL.to_owned(),
        sid: SessionId::random(),
        generation: Some(0),
        jti: TokenId::random(),
        iat: now,
        exp: now.after(KeyPolicy::default().token_lifetime),
        roles: Vec::new(),
    }
}

/// Microseconds of one call.
fn timed(check: impl Fn() -> bool) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..VERIFICATIONS {
        ensure!(black_box(check()), "a good token was refused");
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / VERIFICATIONS as f64)
}
