//! What an auditor reads of what was written, also at the limit and on a full disk.

use distans_proto::ids::{DeviceId, OpId, SessionId};
use distans_proto::time::Timestamp;
use distans_trust::keys::{P256Key, Signer};

use super::*;

/// A disk in memory that is full after so many bytes.
struct Disk {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Place for Disk {
    fn keep(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn wanted(key: &P256Key) -> Wanted {
    let about = About {
        device: DeviceId::from_bytes([1; 16]),
        session: SessionId::from_bytes([2; 16]),
        operation: OpId::from_bytes([3; 16]),
        technician: "anna".parse().expect("a label"),
        started: Timestamp::from_secs(1_772_350_200),
    };
    let recipients = vec![Recipient::of(key.public()).expect("P-256")];
    Wanted { about, recipients, size: Size { columns: 80, rows: 24 }, term: "xterm".into() }
}

fn writer(key: &P256Key, room: usize, limit: u64) -> Writer<Disk> {
    Writer::begin(Disk { bytes: Vec::new(), room }, &wanted(key), limit).expect("begun")
}

fn shown(text: &str) -> Event {
    Event::Output(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn what_was_shown_is_read_by_the_auditor_alone_and_never_lies_in_clear() {
    let key = P256Key::generate().expect("a key");
    let mut writer = writer(&key, usize::MAX, RECORDING_LIMIT);
    writer.take(Instant::now(), &shown("hemligt åäö\r\n"));
    writer.take(Instant::now(), &Event::Resize(Size { columns: 100, rows: 30 }));
    writer.flush().expect("written");
    assert!(!String::from_utf8_lossy(&writer.file.bytes).contains("hemligt"));
    let so_far = recording::open(&writer.file.bytes, &key).expect("opens while it is written");
    assert!(!so_far.complete && String::from_utf8_lossy(&so_far.cast).contains("hemligt åäö"));
    writer.take(Instant::now(), &Event::Exit(3));
    writer.end("").expect("ended");
    let opened = recording::open(&writer.file.bytes, &key).expect("opens");
    let text = String::from_utf8(opened.cast).expect("text");
    assert!(
        opened.complete && text.contains("\"r\", \"100x30\"") && text.ends_with("\"x\", \"3\"]\n"),
        "{text}"
    );
}

#[test]
fn at_its_limit_it_says_so_and_is_whole() {
    let key = P256Key::generate().expect("a key");
    let limit = 4 * LAST_WORDS;
    let mut writer = writer(&key, usize::MAX, limit);
    let line = "y\r\n".repeat(4000);
    let full = loop {
        writer.take(Instant::now(), &shown(&line));
        if let Err(error) = writer.flush() {
            break error;
        }
    };
    assert!(matches!(full, RecordError::Full), "{full}");
    assert!(writer.file.bytes.len() as u64 <= limit);
    let opened = recording::open(&writer.file.bytes, &key).expect("opens");
    assert!(opened.complete && String::from_utf8_lossy(&opened.cast).contains("the recording was cut here"));
}

#[test]
fn a_full_disk_is_an_error_and_what_was_written_still_opens() {
    let key = P256Key::generate().expect("a key");
    let mut writer = writer(&key, 4096, RECORDING_LIMIT);
    writer.take(Instant::now(), &shown("first"));
    writer.flush().expect("fits");
    writer.take(Instant::now(), &shown(&"x".repeat(8192)));
    assert!(matches!(writer.flush(), Err(RecordError::Io(_))));
    let opened = recording::open(&writer.file.bytes, &key).expect("opens");
    assert!(!opened.complete && String::from_utf8_lossy(&opened.cast).contains("first"));
}
