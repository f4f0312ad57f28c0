//! The filter: nothing that was written is missed, little else is found, and nothing that is damaged is believed.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// Passwords 0 to `count`, sorted by their hashes.
fn hashes(count: u32) -> Vec<[u8; 20]> {
    let mut hashes: Vec<[u8; 20]> = (0..count)
        .map(|number| *Fingerprint::of(&Password::new(&format!("password {number}"))).0)
        .collect();
    hashes.sort_unstable();
    hashes
}

fn written(hashes: &[[u8; 20]], one_in: u32) -> Vec<u8> {
    let mut writer = BlocklistWriter::new(Cursor::new(Vec::new()), one_in).unwrap();
    for hash in hashes {
        writer.add(hash).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn read(bytes: Vec<u8>) -> Result<Blocklist, BlocklistError> {
    Blocklist::read(Cursor::new(bytes))
}

#[test]
fn what_was_written_is_found_and_of_others_one_in_so_many() {
    const COUNT: u32 = 4_000;
    for one_in in [2, 50, 500] {
        let list = read(written(&hashes(COUNT), one_in)).unwrap();
        assert_eq!(list.entries(), u64::from(COUNT));
        let found = |number: u32| {
            list.contains(&Password::new(&format!("password {number}")))
                .unwrap()
        };
        assert!((0..COUNT).all(found), "none is missed");
        let others = u32::try_from((COUNT..2 * COUNT).filter(|it| found(*it)).count()).unwrap();
        println!("one in {one_in}: {others} of {COUNT} others are found");
        assert!(others <= 2 * COUNT / one_in && others >= COUNT / one_in / 4);
    }
}

#[test]
fn an_entry_takes_the_bits_that_are_promised() {
    for (one_in, bits) in [(1_000_u32, 12.0), (10_000, 15.5), (1_000_000, 21.9)] {
        let hashes = hashes(50_000);
        let length = written(&hashes, one_in).len() as f64 * 8.0 / hashes.len() as f64;
        println!("one in {one_in}: {length:.2} bits an entry");
        assert!(length < bits, "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Hashes that do not lie evenly, as in a part of a download, are found all the same.
    #[test]
    fn no_hash_is_ever_missed(
        mut keys in proptest::collection::vec(prop_oneof![any::<u64>(), 0_u64..2_000, u64::MAX - 2_000..=u64::MAX], 0..2_000), one_in in 2_u32..5_000,
    ) {
        keys.sort_unstable();
        let hashes: Vec<[u8; 20]> = keys.iter().map(|key| {
            let mut hash = [7; 20];
            hash[..8].copy_from_slice(&key.to_be_bytes());
            hash
        }).collect();
        let list = read(written(&hashes, one_in)).unwrap();
        for key in keys {
            prop_assert!(list.contains_key(key).unwrap());
        }
    }

    #[test]
    fn a_changed_byte_is_never_a_wrong_no(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let hashes = hashes(600);
        let mut bytes = written(&hashes, 100);
        let at = at.index(bytes.len());
        let same = bytes[at] == byte;
        bytes[at] = byte;
        let Ok(list) = read(bytes) else {
            prop_assert!(!same);
            return Ok(());
        };
        prop_assert!(hashes.iter().step_by(9).all(|hash| list.contains_key(key(hash)).unwrap_or(true)));
    }

    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(bytes).is_err());
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let bytes = written(&hashes(1_200), 1_000);
    for length in 0..bytes.len() {
        assert!(read(bytes[..length].to_vec()).is_err(), "{length}");
    }
    assert!(read([bytes.clone(), vec![0]].concat()).is_err());
    assert!(read(bytes).is_ok());
}

#[test]
fn a_file_says_what_is_wrong_with_it() {
    let good = written(&hashes(10), 1_000);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= byte;
        read(bytes).unwrap_err().to_string()
    };
    assert!(with(0, 1).contains("lockjar blocklist build"));
    assert!(with(8, 2).contains("version 3"));
    assert!(with(17, 9).contains("damaged"));
    assert!(with(good.len() - 5, 9).contains("damaged"));
}

#[test]
fn one_that_was_not_finished_is_refused() {
    let mut file = Cursor::new(Vec::new());
    let mut writer = BlocklistWriter::new(&mut file, 1_000).unwrap();
    for hash in hashes(2_000) {
        writer.add(&hash).unwrap();
    }
    drop(writer);
    assert!(read(file.into_inner()).is_err());
}

#[test]
fn hashes_out_of_order_are_refused_and_the_same_again_is_not() {
    let mut writer = BlocklistWriter::new(Cursor::new(Vec::new()), 1_000).unwrap();
    let ([low, high], same) = ([[3; 20], [4; 20]], [4; 20]);
    for hash in [low, high, same] {
        writer.add(&hash).unwrap();
    }
    assert!(matches!(writer.add(&low), Err(BlocklistError::Unsorted)));
    assert_eq!(writer.entries(), 2);
    assert!(matches!(
        BlocklistWriter::new(Cursor::new(Vec::new()), 1),
        Err(BlocklistError::Rate)
    ));
}

#[test]
fn an_empty_list_has_nothing() {
    let list = read(written(&[], 1_000)).unwrap();
    assert!(!list.contains(&Password::new("password")).unwrap());
}

#[test]
fn a_password_is_looked_for_by_the_sha1_that_is_published() {
    let hex = Fingerprint::of(&Password::new("password")).hex();
    assert_eq!(*hex, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
}
