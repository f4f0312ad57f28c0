//! The hashes were made by the packages themselves, at low costs; `cargo xtask test imports` has them make new ones.

use proptest::prelude::*;

use super::*;
use crate::password::{Argon2Params, Memory, Verdict};

const PASSWORD: &str = "gravel é umbrella";

const HASHES: &[(&str, &str)] = &[
    (
        "Django PBKDF2",
        "pbkdf2_sha256$1000$Fj8dnvK2hxSsW4u$1q3+dZH3QR6LcizcfE8DNnJXsSQ4Itc7oFsAPn49ljM=",
    ),
    (
        "Django PBKDF2 with SHA-1",
        "pbkdf2_sha1$1000$Fj8dnvK2hxSsW4u$kxWI0fR108X0XuSr1azPZ+SnniE=",
    ),
    (
        "Django scrypt",
        "scrypt$1024$Fj8dnvK2hxSsW4u$8$5$anJXvJIzxcdRAI1wr9+chRSOyPnGMWTdxdYBDojxIndATh8NdzlH45kQpnFM5qyGN28SCDKqb+8FIDiEf2XldA==",
    ),
    (
        "Django bcrypt_sha256",
        "bcrypt_sha256$$2b$04$ifejuIbJbPQuQPACySsO0.XYSyFx6X3wPOMzarVtD3m8o5V2dnJVS",
    ),
    (
        "Django bcrypt",
        "bcrypt$$2b$04$fyROL94yGbvsRGfvP.Aux.PRbMzU2rZbWrqf5u1vOO/BeWNvRBxZO",
    ),
    (
        "Django Argon2",
        "argon2$argon2id$v=19$m=64,t=2,p=4$Rmo4ZG52SzJoeFNzVzR1$mFntSTCT946z3wvu0EgPfpOE10TAmPFCPM4D9ZWXWlQ",
    ),
    (
        "Werkzeug scrypt",
        "scrypt:1024:8:1$yI9UoEMwps39Kmsp$9b742f0c27b6a3cf8e193b946bcbacb8bd856bd26c1b281ec98dba9ac034fdb99ac63f0dfc0d6a2764f7110fb216980dbf96105ea81176bf3b8cc7f90b27aac0",
    ),
    (
        "Werkzeug pbkdf2:sha256",
        "pbkdf2:sha256:1000$qQJe99ql5kVfRNX3$0ee7f059c256e89a9417df0ac4ec7ef07f7279972d1fc6a47e2c176a6e325154",
    ),
    (
        "Werkzeug pbkdf2:sha1",
        "pbkdf2:sha1:1000$yLKVvXaL6qhFSIKh$6811447d2ccf0f6a45ab02938796e0e37faeb2c1",
    ),
    (
        "Werkzeug pbkdf2:sha512",
        "pbkdf2:sha512:1000$nGuuo0mZjuZ9tkNu$c09545d60a1a76045a7a9612ea0bc0ddeb1336abb29e40877a4dd2f467c421de15b81e79ed069f888453e504ca9ec80f3f4505b62cbca6751698a6379b5cee88",
    ),
    (
        "passlib scrypt",
        "$scrypt$ln=10,r=8,p=1$UOqdE+Jc6x1jrBUC4JzTWg$O7eP6dmEdVb4xl6RkiNHYG3x1XmaLDpYtyYjlxALSxQ",
    ),
    (
        "passlib PBKDF2 with SHA-1",
        "$pbkdf2$1000$UYox5jzn/D.nlLLWureW8g$gG/zHe0o81mkjNAtGviGESnS1/w",
    ),
    (
        "passlib PBKDF2",
        "$pbkdf2-sha256$1000$5/zfuzfmXGuNUSrFuJcSgg$9.XpoHhjTsvtLiPFW0WpCfpF0wHSN0UGUAJPnPskQ58",
    ),
    (
        "passlib PBKDF2 with SHA-512",
        "$pbkdf2-sha512$1000$8773XouRsrZ2jjEmZGwtZQ$rkMm7eyJbPwDILfA8yDhJSl11tJlaDsyCdRL8mL.9HdJ0BzSz1kqOUt818zzn5jfGu8ECh3VUmOD1ML2Zfx2iw",
    ),
    ("phpass", "$P$50kKTrYQjI.BQGHkaISX8zZjFjVvA90"),
    ("phpBB", "$H$5Q3t/huoHHxRrsR9XSRBNnedzUqhcO."),
    (
        "Argon2i version 19",
        "$argon2i$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$//LmR9mt+ZDuolTksLY9V8itnDr/c7NW",
    ),
    (
        "Argon2d version 19",
        "$argon2d$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$klhvDtNYbdjaXPe3uDk7LKsNBoHTMpqL",
    ),
    (
        "Argon2i version 16",
        "$argon2i$v=16$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$cxd1JmHL42Nd/R9BdHKq/8O6xaj66Ymo",
    ),
    (
        "Argon2id version 19",
        "$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$PkN0Z71HHqD3h/w2H4jyduK4bhxfTVUA",
    ),
    (
        "bcrypt $2b$",
        "$2b$04$vwFim6mJg88YpPHYMS8C4usGG3w8XXYVIPrQmYa4KS8mmoTnwdMja",
    ),
    (
        "bcrypt $2a$",
        "$2a$04$7E3eyCnN6ub57m0GvE6z2.zy2bKfmF32bw8xdhiZWD75o9nglfWky",
    ),
    (
        "PHP $2y$",
        "$2y$04$iuehtncONgQfZY1bIn1eaOdFilN2IQKnA67NxZWZ4srtj.mpa14Ua",
    ),
    (
        "WordPress since 6.8",
        "$wp$2y$04$99.CnxA9IqSIXsjbTmhbmuOOrWATRKcDaMp58TCkWd27/D1W4NNpK",
    ),
    (
        "ASP.NET Identity 3 with sha1",
        "AQAAAAAAAAPoAAAAEAABAgMEBQYHCAkKCwwNDg/xt31WotFLdCYSZG5ZU5Sw88UdZurUwnktc+Q+l0cAoA==",
    ),
    (
        "ASP.NET Identity 3 with sha256",
        "AQAAAAEAAAPoAAAAEAABAgMEBQYHCAkKCwwNDg+QS/cbJA8gtQ7sg+FwmxdbChXIbNA3BSIhuJ431sC/ng==",
    ),
    (
        "ASP.NET Identity 3 with sha512",
        "AQAAAAIAAAPoAAAAEAABAgMEBQYHCAkKCwwNDg8+METygI0Q5nmjMX8ePl8UkHTX7RH0lKV95tD69EwR9g==",
    ),
    (
        "ASP.NET Identity 2",
        "AAABAgMEBQYHCAkKCwwNDg/xt31WotFLdCYSZG5ZU5Sw88UdZurUwnktc+Q+l0cAoA==",
    ),
];

/// From the description of its algorithm: <https://github.com/firebase/scrypt>.
const FIREBASE: &str = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";

fn verdict(hash: &str, password: &str) -> Verdict {
    let today = Argon2Params {
        memory_kib: 64,
        passes: 1,
    };
    let hash = PasswordHash::from_phc(hash.to_owned());
    Memory::default().verify(today, &Password::new(password), Some(&hash))
}

fn import(text: &str) -> Result<String, Reason> {
    PasswordHash::import(text).map(|(_, cost)| cost.to_string())
}

fn refused(text: &str) -> Reason {
    import(text).expect_err(text)
}

#[test]
fn a_hash_of_every_scheme_knows_its_password_and_no_other() {
    for (origin, text) in HASHES {
        let (hash, _) = PasswordHash::import(text).unwrap_or_else(|why| panic!("{origin}: {why}"));
        let verdict = |password| verdict(hash.as_phc(), password);
        assert_eq!(verdict(PASSWORD), Verdict::RightButOld, "{origin}");
        for wrong in [
            "",
            "gravel é umbrell",
            "gravel e umbrella",
            " gravel é umbrella",
        ] {
            assert_eq!(verdict(wrong), Verdict::Wrong, "{origin} {wrong:?}");
        }
    }
}

#[test]
fn firebases_own_example_is_known() {
    assert_eq!(verdict(FIREBASE, "user1password"), Verdict::RightButOld);
    assert_eq!(verdict(FIREBASE, "user1passwor"), Verdict::Wrong);
}

#[test]
fn a_label_says_the_scheme_and_its_costs_and_can_be_rehearsed() {
    for (text, label) in [
        (
            "argon2$argon2i$v=19$m=64,t=2,p=4$c2FsdHNhbHRzYWx0c2FsdA$//LmR9mt+ZDuolTksLY9V8itnDr/c7NW",
            "argon2i m=64,t=2,p=4",
        ),
        (
            "$2b$04$V4lR2aY7FyTtQQfqNYmHzOuMjpk5XviYtKhpTeB1J204jA1u5SBca",
            "bcrypt 4",
        ),
        (
            "bcrypt_sha256$$2b$04$G2vCPUABVNW3R7/ebeBWtea9nBJ0mTkmev8ReCns/KjQH0hr03wRu",
            "bcrypt 4",
        ),
        (
            "$scrypt$ln=10,r=8,p=1$nZPSWsuZU+p9DyEkpBSCkA$Wa1/OdgB8vXYW/nqO113agOerEntv3o1BWvTa2+u33c",
            "scrypt ln=10,r=8,p=1",
        ),
        (
            "pbkdf2_sha256$1000$Fj8dnvK2hxSsW4u$1q3+dZH3QR6LcizcfE8DNnJXsSQ4Itc7oFsAPn49ljM=",
            "pbkdf2-sha256 i=1000,b=1",
        ),
        (
            "AQAAAAAAAAPoAAAAEAABAgMEBQYHCAkKCwwNDg/xt31WotFLdCYSZG5ZU5Sw88UdZurUwnktc+Q+l0cAoA==",
            "pbkdf2-sha1 i=1000,b=2",
        ),
        ("$P$595VZOhPHFgH6tzfBm2F/5zbGOcZS80", "phpass 7"),
        (FIREBASE, "scrypt ln=14,r=8,p=1"),
    ] {
        assert_eq!(import(text).as_deref(), Ok(label));
        assert_eq!(Cost::parse(label).unwrap().to_string(), label);
        let cost = Cost::parse(label).unwrap();
        assert!(
            Memory::default().rehearse(cost, &Password::new("x")),
            "{label}"
        );
    }
    for bad in [
        "",
        "bcrypt",
        "bcrypt x",
        "bcrypt 31",
        "bcrypt 3",
        "md5 1",
        "phpass 30",
        "pbkdf2-md5 i=1,b=1",
        "pbkdf2-sha1 i=1,b=0",
        "scrypt ln=63,r=8,p=1",
        "scrypt ln=1,r=0,p=1",
        "argon2id m=4194304,t=9,p=1",
        "argon2id m=8,t=1,p=2",
    ] {
        assert!(Cost::parse(bad).is_err(), "{bad:?}");
    }
}

/// Years of Django leave hundreds of counts of iterations behind, of which one is tried.
#[test]
fn of_each_scheme_the_dearest_is_known() {
    let labels = [
        "bcrypt 10",
        "pbkdf2-sha256 i=1000,b=1",
        "bcrypt 12",
        "none",
        "bcrypt 4",
    ];
    let more = (1..500).map(|i| format!("pbkdf2-sha256 i={i},b=2"));
    let labels: Vec<_> = labels.map(str::to_owned).into_iter().chain(more).collect();
    let dearest: Vec<_> = Cost::dearest(&labels).iter().map(Cost::to_string).collect();
    assert_eq!(dearest, ["bcrypt 12", "pbkdf2-sha256 i=1000,b=1"]);
}

/// Each of its rounds reads all of the password.
#[test]
fn phpass_knows_no_password_that_would_take_it_seconds() {
    let longest = "x".repeat(256);
    let hash = Phpass::parse("$P$595VZOhPHFgH6tzfBm2F/5zbGOcZS80").unwrap();
    assert!(!hash.matches(&Password::new(&format!("{longest}x"))));
}

/// The cost is in the row, and whoever wrote the row chose it.
#[test]
fn a_hash_that_would_exhaust_the_machine_is_refused_and_never_computed() {
    let salt_and_hash = "V4lR2aY7FyTtQQfqNYmHzOuMjpk5XviYtKhpTeB1J204jA1u5SBca";
    for dear in [
        format!("$2b$16${salt_and_hash}"),
        format!("$2y$31${salt_and_hash}"),
        format!("bcrypt_sha256$$2b$31${salt_and_hash}"),
        "scrypt:524288:8:1$salt$00112233445566778899aabbccddeeff".to_owned(),
        "scrypt:9223372036854775808:8:1$salt$00112233445566778899aabbccddeeff".to_owned(),
        "scrypt:2:65536:65537$salt$00112233445566778899aabbccddeeff".to_owned(),
        "scrypt:2:1:4294967295$salt$00112233445566778899aabbccddeeff".to_owned(),
        "$scrypt$ln=255,r=8,p=1$c2FsdA$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0".to_owned(),
        "pbkdf2_sha256$4294967295$salt$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0".to_owned(),
        // Three blocks of two million each.
        format!("pbkdf2:sha1:2000000$salt${}", "ab".repeat(60)),
        "AQAAAAL/////AAAAEAABAgMEBQYHCAkKCwwNDg8+METygI0Q5nmjMX8ePl8UkHTX7RH0lKV95tD69EwR9g==".to_owned(),
        "$P$U95VZOhPHFgH6tzfBm2F/5zbGOcZS80".to_owned(),
        FIREBASE.replace("n=14", "n=30"),
        "$argon2id$v=19$m=4194304,t=9,p=1$c29tZXNhbHRzYWx0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0".to_owned(),
        "argon2$argon2i$v=19$m=8,t=4294967295,p=1$c29tZXNhbHRzYWx0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0".to_owned(),
    ] {
        let why = refused(&dear);
        assert!(why.contains("at every log-in"), "{dear}: {why}");
        assert_eq!(verdict(&dear, PASSWORD), Verdict::Wrong, "{dear}");
    }
}

#[test]
fn what_packages_write_by_default_and_twice_that_is_taken() {
    for fine in [
        "$2b$15$V4lR2aY7FyTtQQfqNYmHzOuMjpk5XviYtKhpTeB1J204jA1u5SBca",
        "scrypt:262144:8:1$salt$00112233445566778899aabbccddeeff",
        "pbkdf2_sha256$3000000$salt$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0",
        "$P$H95VZOhPHFgH6tzfBm2F/5zbGOcZS80",
        "$argon2id$v=19$m=65536,t=4,p=8$c29tZXNhbHRzYWx0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0",
    ] {
        import(fine).expect(fine);
    }
}

/// What compares equal with nothing is everybody's password.
#[test]
fn a_hash_of_nothing_opens_nothing() {
    for empty in [
        "pbkdf2_sha256$1000$salt$",
        "pbkdf2:sha256:1000$salt$",
        "pbkdf2:sha256:1000$salt$00",
        "$pbkdf2-sha256$1000$c2FsdA$",
        "scrypt:1024:8:1$salt$",
        "scrypt$1024$salt$8$1$",
        "$scrypt$ln=10,r=8,p=1$c2FsdA$",
        "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=$42xEC+ixf3L2lw==$",
        "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdA==$42xEC+ixf3L2lw==$",
        "$P$595VZOhPH",
        "$2b$04$V4lR2aY7FyTtQQfqNYmHzO",
        "AQAAAAAAAAPoAAAAEAABAgMEBQYHCAkKCwwNDg8=",
        "$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$",
        "$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA",
    ] {
        refused(empty);
        assert_eq!(verdict(empty, ""), Verdict::Wrong, "{empty}");
    }
}

#[test]
fn what_is_damaged_or_unknown_is_refused_with_a_reason_that_quotes_nothing() {
    for bad in [
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "sha1$salt$00112233445566778899aabbccddeeff00112233",
        "$1$salt$hash",
        "$2x$04$V4lR2aY7FyTtQQfqNYmHzOuMjpk5XviYtKhpTeB1J204jA1u5SBca",
        "$2b$+4$V4lR2aY7FyTtQQfqNYmHzOuMjpk5XviYtKhpTeB1J204jA1u5SBca",
        "$2b$03$V4lR2aY7FyTtQQfqNYmHzOuMjpk5XviYtKhpTeB1J204jA1u5SBca",
        "$2b$04$V4lR2aY7FyTtQQfqNYmHzOuMjpk5XviYtKhpTeB1J204jA1u5SBc",
        "$2b$04$V4lR2aY7FyTtQQfqNYmHzOuMjpk5XviYtKhpTeB1J204jA1u5SBcé",
        "$wp",
        "bcrypt$",
        "scrypt:1000:8:1$salt$00112233445566778899aabbccddeeff",
        "scrypt:1024:0:1$salt$00112233445566778899aabbccddeeff",
        "scrypt:1024:8:1$salt$+f112233445566778899aabbccddeeff",
        "pbkdf2_sha256$0$salt$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0",
        "pbkdf2_sha256$-1$salt$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0",
        "pbkdf2_md5$1$salt$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0",
        "$P$",
        "$P$é",
        "AQ==",
        "AA==",
        "$argon2id$v=18$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$PkN0Z71HHqD3h/w2H4jyduK4bhxfTVUA",
        &format!(
            "pbkdf2_sha256$1000${}$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0",
            "x".repeat(TEXT_MAX)
        ),
    ] {
        let why = refused(bad);
        let quoted = bad
            .split(['$', ':'])
            .filter(|part| part.len() > 7)
            .any(|part| why.contains(part));
        assert!(!quoted, "{bad}: {why}");
    }
}

#[test]
fn an_account_without_a_password_is_told_apart_from_a_damaged_hash() {
    assert!(refused("!qZbVfJ0HTyVkMLoGvLC6Ck2bLbYkbHjGEHdz1ZRl").contains("nobody can use"));
    assert!(refused("*").contains("nobody can use"));
    assert!(refused("  ").contains("no password hash"));
}

/// As they were when the hash was made: the owner has to get in.
#[test]
fn bcrypt_reads_72_bytes_and_a_nul_is_one_of_them() {
    let long = "$2b$04$YyqMpRbAu1.r/j0IzN85WuwkJB7ZwqKednHK9y5IbjS1B13vWLiNi";
    assert_eq!(verdict(long, &"x".repeat(72)), Verdict::RightButOld);
    assert_eq!(
        verdict(long, &format!("{}whatever", "x".repeat(72))),
        Verdict::RightButOld
    );
    assert_eq!(verdict(long, &"x".repeat(71)), Verdict::Wrong);
    let nul = "$2b$04$yKkb/4puRGOr4Ak2DrbnW.pBkKhSVGfREAKpo9mwhzCNxp8TWtZ1q";
    assert_eq!(verdict(nul, "a\0b"), Verdict::RightButOld);
    for wrong in ["a", "a\0", "a\0c"] {
        assert_eq!(verdict(nul, wrong), Verdict::Wrong, "{wrong:?}");
    }
    let empty = "$2b$04$t3yNNmyWn1.QG/L.Nl48IeH/brfjQvWOlpN8EtpGmYUJ9mKH46SIS";
    assert_eq!(verdict(empty, ""), Verdict::RightButOld);
}

#[test]
fn djangos_prefix_goes_so_that_a_hash_at_todays_costs_is_nobodys_to_renew() {
    let (hash, _) = PasswordHash::import(
        "argon2$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$PkN0Z71HHqD3h/w2H4jyduK4bhxfTVUA",
    )
    .unwrap();
    assert!(hash.as_phc().starts_with("$argon2id$v=19$m=64,t=2,p=1$"));
}

const CONSOLE: &str = "hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}
";

#[test]
fn what_firebases_console_shows_completes_its_hashes() {
    let parameters = FirebaseParameters::parse(CONSOLE).unwrap();
    let (_, salt_and_hash) = FIREBASE.split_once("XA==$").unwrap();
    assert!(refused(&format!("$fbscrypt${salt_and_hash}")).contains("--firebase-parameters"));
    assert_eq!(
        parameters.complete(&format!("$fbscrypt${salt_and_hash}")),
        FIREBASE
    );
    assert_eq!(parameters.complete(FIREBASE), FIREBASE);
    assert_eq!(parameters.complete("$2b$04$x"), "$2b$04$x");
    // The exports for the web have another alphabet.
    let of_the_web = FIREBASE.replace('+', "-").replace('/', "_");
    assert_eq!(verdict(&of_the_web, "user1password"), Verdict::RightButOld);
}

#[test]
fn incomplete_parameters_are_named_and_the_signer_key_is_not_repeated() {
    for (line, name) in [
        ("rounds: 8,", "rounds"),
        ("mem_cost: 14,", "mem_cost"),
        ("base64_salt_separator: Bw==,", "base64_salt_separator"),
    ] {
        let error = FirebaseParameters::parse(&CONSOLE.replace(line, ""))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(name) && !error.contains("jxspr8"), "{error}");
    }
    for (from, to) in [
        ("SCRYPT", "BCRYPT"),
        ("jxspr8", "!"),
        ("rounds: 8", "rounds: many"),
    ] {
        let error = FirebaseParameters::parse(&CONSOLE.replace(from, to))
            .err()
            .unwrap()
            .to_string();
        assert!(!error.contains("Ki0RYy"), "{error}");
    }
}

proptest! {
    /// A row is whatever somebody writes into a file.
    #[test]
    fn no_text_breaks_what_reads_it(
        which in 0..HASHES.len(),
        at in any::<prop::sample::Index>(),
        length in 0..4_usize,
        put in "[\\PC$:,=0-9]{0,4}",
    ) {
        let whole: Vec<char> = HASHES[which].1.chars().collect();
        let at = at.index(whole.len());
        let end = (at + length).min(whole.len());
        let text: String = whole[..at].iter().copied().chain(put.chars()).chain(whole[end..].iter().copied()).collect();
        if let Ok((_, cost)) = PasswordHash::import(&text) {
            prop_assert_eq!(cost.check(), Ok(()));
            prop_assert_eq!(Cost::parse(&cost.to_string()), Ok(cost));
        }
    }
}
