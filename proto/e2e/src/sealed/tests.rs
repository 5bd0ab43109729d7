//! The design's test vector, and what every kind of tampering does to a sealed stream.

use distans_proto::ids::SessionId;
use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

fn vector_keys() -> StreamKeys {
    let master: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).expect("small"));
    let session =
        SessionId::from_bytes(std::array::from_fn(|index| 0x10 + u8::try_from(index).expect("small")));
    StreamKeys::derive(&master, session, 2, Direction::ToAgent).expect("keys")
}

fn keys(stream: u64, direction: Direction) -> StreamKeys {
    StreamKeys::derive(&[7; 32], SessionId::from_bytes([9; 16]), stream, direction).expect("keys")
}

/// Reads a whole stream as a receiver does; the plaintext and how it ended.
fn receive(opener: &mut Opener, wire: &[u8]) -> (Vec<u8>, Result<(), SealedError>) {
    let (mut wire, mut plain) = (wire.to_vec(), Vec::new());
    let mut rest = wire.as_mut_slice();
    loop {
        let Some(header) = rest.first_chunk::<HEADER>() else { return (plain, opener.at_transport_end()) };
        let length = match Opener::body_length(*header) {
            Ok(length) => length,
            Err(error) => return (plain, Err(error)),
        };
        let Some((record, after)) = rest.split_at_mut_checked(HEADER + length) else {
            return (plain, opener.at_transport_end());
        };
        match opener.open(record) {
            Ok(Record::Data(bytes)) => plain.extend_from_slice(bytes),
            Ok(Record::End | Record::Reset(_)) if after.is_empty() => return (plain, Ok(())),
            Ok(Record::End | Record::Reset(_)) => return (plain, Err(SealedError::AfterEnd)),
            Err(error) => return (plain, Err(error)),
        }
        rest = after;
    }
}

fn sealed(keys: &StreamKeys, payloads: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut sealer = Sealer::new(keys).expect("keys");
    let mut records = Vec::new();
    for payload in payloads {
        let mut record = Vec::new();
        sealer.data(payload, &mut record).expect("seals");
        records.push(record);
    }
    let mut end = Vec::new();
    sealer.end(&mut end).expect("ends");
    records.push(end);
    records
}

#[test]
fn the_designs_test_vector() {
    let keys = vector_keys();
    let (key, iv) = keys.parts();
    assert_eq!(key, hex("ae6217366bfc17541e8127347003f77c07eb8757ba2e32db63d177becacc4bc8"));
    assert_eq!(iv, hex("832770227718906332565e59"));
    let (mut sealer, mut wire) = (Sealer::new(&keys).expect("keys"), Vec::new());
    sealer.data(b"hej", &mut wire).expect("seals");
    assert_eq!(wire, hex("00144096e547e621e8e7096192fd07a4b9595b545b9a"));
    wire.clear();
    sealer.end(&mut wire).expect("seals");
    assert_eq!(wire, hex("001126c6774770c6291398c3bbecffcf0cace8"));

    let mut opener = Opener::new(&keys).expect("keys");
    let mut first = hex("00144096e547e621e8e7096192fd07a4b9595b545b9a");
    assert_eq!(opener.open(&mut first), Ok(Record::Data(b"hej")));
    let mut second = hex("001126c6774770c6291398c3bbecffcf0cace8");
    assert_eq!(opener.open(&mut second), Ok(Record::End));
}

#[test]
fn a_largest_payload_fits_and_one_byte_more_does_not() {
    let keys = keys(2, Direction::ToAgent);
    let mut sealer = Sealer::new(&keys).expect("keys");
    let mut wire = Vec::new();
    sealer.data(&[1; PAYLOAD_LIMIT], &mut wire).expect("fits");
    assert_eq!(wire.len(), PAYLOAD_LIMIT + OVERHEAD);
    assert_eq!(
        sealer.data(&[1; PAYLOAD_LIMIT + 1], &mut Vec::new()),
        Err(SealedError::Payload(PAYLOAD_LIMIT + 1))
    );
}

#[test]
fn a_reset_carries_its_number_and_ends_the_stream() {
    let keys = keys(3, Direction::ToTechnician);
    let (mut sealer, mut wire) = (Sealer::new(&keys).expect("keys"), Vec::new());
    sealer.reset(0x1234, &mut wire).expect("seals");
    let mut opener = Opener::new(&keys).expect("keys");
    assert_eq!(opener.open(&mut wire), Ok(Record::Reset(0x1234)));
    assert_eq!(opener.open(&mut [0; 32]), Err(SealedError::AfterEnd));
    assert_eq!(sealer.data(b"x", &mut Vec::new()), Err(SealedError::AfterEnd));
}

#[test]
fn record_numbers_stop_before_a_nonce_would_repeat() {
    let keys = keys(2, Direction::ToAgent);
    let (mut sealer, mut opener) = (Sealer::new(&keys).expect("keys"), Opener::new(&keys).expect("keys"));
    sealer.cipher.sequence = Cipher::END - 1;
    opener.cipher.sequence = Cipher::END - 1;
    let mut wire = Vec::new();
    sealer.data(b"last", &mut wire).expect("the last number is used");
    assert_eq!(opener.open(&mut wire), Ok(Record::Data(b"last")));
    assert_eq!(sealer.data(b"x", &mut Vec::new()), Err(SealedError::Exhausted));
    assert_eq!(opener.open(&mut sealed(&keys, &[])[0]), Err(SealedError::Exhausted));
}

#[test]
fn a_fin_without_an_end_record_is_a_cut() {
    let keys = keys(2, Direction::ToAgent);
    let wire = sealed(&keys, &[b"one", b"two"]).concat();
    for cut in 0..wire.len() {
        let (plain, end) = receive(&mut Opener::new(&keys).expect("keys"), &wire[..cut]);
        assert!(b"onetwo".starts_with(plain.as_slice()));
        assert_eq!(end, Err(SealedError::Truncated), "cut after {cut} bytes");
    }
}

#[test]
fn records_of_another_stream_or_direction_do_not_open() {
    let mine = keys(2, Direction::ToAgent);
    for other in [keys(4, Direction::ToAgent), keys(2, Direction::ToTechnician)] {
        let (plain, end) = receive(&mut Opener::new(&mine).expect("keys"), &sealed(&other, &[b"x"]).concat());
        assert_eq!((plain.as_slice(), end), (&[][..], Err(SealedError::Forged)));
    }
}

/// What a relay can do to the records it carries.
#[derive(Debug, Clone)]
enum Attack {
    Flip(usize, u8),
    Cut(usize),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Drop(usize),
    Repeat(usize),
    Swap(usize, usize),
    Splice(usize),
}

fn attack() -> impl Strategy<Value = Attack> {
    let at = any::<usize>();
    prop_oneof![
        (at, 1u8..).prop_map(|(at, mask)| Attack::Flip(at, mask)),
        at.prop_map(Attack::Cut),
        (at, proptest::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Attack::Insert(at, bytes)),
        (at, 1usize..40).prop_map(|(at, count)| Attack::Remove(at, count)),
        at.prop_map(Attack::Drop),
        at.prop_map(Attack::Repeat),
        (at, at).prop_map(|(a, b)| Attack::Swap(a, b)),
        at.prop_map(Attack::Splice),
    ]
}

fn apply(attack: &Attack, mut records: Vec<Vec<u8>>, foreign: &[Vec<u8>]) -> Vec<u8> {
    let count = records.len();
    match attack {
        Attack::Drop(at) => drop(records.remove(at % count)),
        Attack::Repeat(at) => records.insert(at % count, records[at % count].clone()),
        Attack::Swap(a, b) => records.swap(a % count, b % count),
        Attack::Splice(at) => records[at % count] = foreign[at % count].clone(),
        _ => {}
    }
    let mut wire = records.concat();
    match attack {
        Attack::Flip(at, mask) => {
            let at = at % wire.len();
            wire[at] ^= mask;
        }
        Attack::Cut(at) => wire.truncate(at % wire.len()),
        Attack::Insert(at, bytes) => {
            let at = at % (wire.len() + 1);
            wire.splice(at..at, bytes.iter().copied());
        }
        Attack::Remove(at, many) => {
            let at = at % wire.len();
            let to = (at + many).min(wire.len());
            wire.drain(at..to);
        }
        _ => {}
    }
    wire
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_a_relay_does_only_a_true_beginning_comes_out(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..6),
        attack in attack(),
    ) {
        let mine = keys(2, Direction::ToAgent);
        let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let records = sealed(&mine, &payloads);
        let foreign = sealed(&keys(4, Direction::ToAgent), &payloads);
        let whole = payloads.concat();
        let original = records.concat();
        let wire = apply(&attack, records, &foreign);
        let (plain, end) = receive(&mut Opener::new(&mine).expect("keys"), &wire);
        prop_assert!(whole.starts_with(&plain));
        if wire == original {
            prop_assert_eq!(plain, whole);
            prop_assert_eq!(end, Ok(()));
        } else {
            prop_assert!(end.is_err(), "{attack:?} was not noticed");
        }
    }

    #[test]
    fn noise_never_opens(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (plain, end) = receive(&mut Opener::new(&keys(2, Direction::ToAgent)).expect("keys"), &noise);
        prop_assert!(plain.is_empty() && end.is_err());
    }
}
