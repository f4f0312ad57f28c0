//! Password blocklists: what was written is found, and a file that was changed is refused or says so, but never that a
//! password is not in it.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use lockjar::password::{Blocklist, BlocklistWriter, Password};
use sha1::{Digest, Sha1};

fuzz_target!(|data: &[u8]| {
    // Whatever a file holds, it is opened or refused.
    if let Ok(list) = Blocklist::read(Cursor::new(data.to_vec())) {
        let _ = list.contains(&Password::new("password"));
    }
    let [rate, high, low, byte, rest @ ..] = data else {
        return;
    };
    // Unicode's form C, in which passwords are hashed, leaves ASCII as it is.
    let text: String = rest.iter().map(|byte| char::from(byte & 0x7f)).collect();
    let passwords: Vec<_> = text.lines().map(Password::new).collect();
    let mut hashes: Vec<[u8; 20]> = text.lines().map(|it| Sha1::digest(it).into()).collect();
    hashes.sort_unstable();
    let one_in = 2 + u32::from(*rate) * 16;
    let mut writer = BlocklistWriter::new(Cursor::new(Vec::new()), one_in).unwrap();
    for hash in &hashes {
        writer.add(hash).unwrap();
    }
    let mut file = writer.finish().unwrap().into_inner();
    let list = Blocklist::read(Cursor::new(file.clone())).unwrap();
    assert!(passwords.iter().all(|one| list.contains(one).unwrap()));
    let at = usize::from(u16::from_be_bytes([*high, *low])) % file.len();
    file[at] = *byte;
    if let Ok(list) = Blocklist::read(Cursor::new(file)) {
        assert!(passwords.iter().all(|one| list.contains(one).unwrap_or(true)));
    }
});
