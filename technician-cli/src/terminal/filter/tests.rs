//! The table of what passes, and the promises for any bytes at all.

use proptest::prelude::*;

use super::*;

fn whole(bytes: &[u8]) -> Vec<u8> {
    Filter::default().push(bytes)
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8(whole(bytes)).expect("UTF-8").replace('\u{1b}', "E")
}

#[test]
fn what_programs_need_passes_as_it_is() {
    for passes in [
        "Grövelsjön €😀 e\u{301} 漢\r\n\ttab\u{8}\u{7}",
        "\x1b[1;38;2;255;100;0mcolour\x1b[4:3m\x1b[0m\x1b[m",
        "\x1b[2J\x1b[H\x1b[10;20H\x1b[K\x1b[1K\x1b[3A\x1b[2B\x1b[C\x1b[D\x1b[5G\x1b[7d",
        "\x1b[2L\x1b[M\x1b[3P\x1b[4@\x1b[5X\x1b[S\x1b[2T\x1b[1;24r\x1b[3b\x1b[3g\x1b[Z",
        "\x1b7\x1b8\x1b[s\x1b[u\x1bD\x1bE\x1bM\x1bH\x1b=\x1b>\x1b#8",
        "\x1b(0lqqk\x1b(B\x1b)0\x0e\x0f",
        "\x1b[?1049h\x1b[?1h\x1b[?25l\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?1049l\x1b[4h\x1b[4l",
        "\x1b[2 q\x1b[!p\x1b[?2K",
    ] {
        assert_eq!(whole(passes.as_bytes()), passes.as_bytes(), "{passes:?}");
    }
}

#[test]
fn what_steers_more_than_the_screen_is_dropped() {
    for (what, bytes) in [
        ("clipboard", b"\x1b]52;c;cm0gLXJmIC8=\x07".as_slice()),
        ("clipboard, other end", b"\x1b]52;c;cm0gLXJmIC8=\x1b\\"),
        ("title", b"\x1b]0;rm -rf /\x07\x1b]2;x\x1b\\"),
        ("link", b"\x1b]8;;http://evil\x1b\\\x1b]8;;\x1b\\"),
        ("colour asked for", b"\x1b]11;?\x07\x1b]4;1;?\x1b\\"),
        ("title asked for", b"\x1b[21t\x1b[20t"),
        ("window moved, sizes asked for", b"\x1b[3;0;0t\x1b[8;10;10t\x1b[14t\x1b[18t\x1b[22;0;0t"),
        ("who are you", b"\x1b[c\x1b[0c\x1b[>c\x1b[=c\x1bZ\x05\x1b[>q\x1b[x"),
        ("where are you", b"\x1b[6n\x1b[5n\x1b[?6n\x1b[?15n"),
        ("modes asked for", b"\x1b[?25$p\x1b[4$p\x1b[?u"),
        ("settings asked for", b"\x1bP$qm\x1b\\\x1bP+q544e\x1b\\"),
        ("device, program, privacy texts", b"\x1bPq#0\x1b\\\x1b_Gf=100;AA\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\"),
        ("keyboard protocols", b"\x1b[>4;2m\x1b[?4m\x1b[>1u\x1b[<u\x1b[=1;1u\x1b[>4n"),
        ("C1 in two bytes", "\u{9b}\u{9d}\u{90}\u{85}\u{84}".as_bytes()),
        (
            "focus, answers to sizes, 132 columns",
            b"\x1b[?1004h\x1b[?2048h\x1b[?3h\x1b[?40h\x1b[?69h\x1b[?2026h",
        ),
        ("scrollback", b"\x1b[3J\x1b[?3J"),
        ("margins, mouse tracking", b"\x1b[1;5s\x1b[1;2;3;4;5T"),
        ("line ends of the keyboard", b"\x1b[20h\x1b[2h\x1b[12l"),
        ("character sets of eight bits", b"\x1b%@\x1b%G\x1b F\x1b G\x1b$)C\x1b(\x1bn\x1b|\x1b~"),
        ("absurd numbers", b"\x1b[99999999999b\x1b[10000L\x1b[1;99999H"),
        ("single controls", b"\x00\x01\x02\x03\x04\x05\x06\x10\x11\x13\x14\x15\x16\x17\x19\x1c\x7f"),
        ("copies of screen parts", b"\x1b[1;1;9;9;1;2;2;1$v\x1b[1;1;9;9${\x1b[1$w\x1b[1*y"),
        ("stray ends", b"\x1b\\\x1b\\"),
    ] {
        assert_eq!(shown(bytes), "", "{what}");
    }
}

#[test]
fn an_allowed_mode_passes_without_its_forbidden_neighbours() {
    assert_eq!(shown(b"\x1b[?1004;25;2048;1006h"), "E[?25;1006h");
}

#[test]
fn a_reset_spares_what_scrolled_by() {
    assert_eq!(shown(b"\x1bc"), "E[!pE[HE[2J");
    assert_eq!(shown(b"\x1b[?1049h\x1b[5;9r\x1bcx"), "E[?1049hE[5;9rE7E[rE8E[?1049lE[!pE[HE[2Jx");
}

#[test]
fn broken_letters_show_as_such_and_text_goes_on() {
    for (bytes, text) in [
        (b"a\xffb".as_slice(), "a\u{fffd}b"),
        (b"\xc3(", "\u{fffd}("),
        (b"\xe2\x82\xc3\xa5", "\u{fffd}å"),
        (b"\xed\xa0\x80", "\u{fffd}"), // half of a pair of UTF-16
        (b"\xc0\xaf\x9b31m", "\u{fffd}\u{fffd}\u{fffd}31m"),
        ("\u{202e}moc\u{2066}".as_bytes(), "\u{fffd}moc\u{fffd}"),
        (b"\xc3\x1b[31mred", "\u{fffd}E[31mred"),
    ] {
        assert_eq!(shown(bytes), text, "{bytes:?}");
    }
}

#[test]
fn a_sequence_in_a_sequence_and_one_that_never_ends_hide_nothing() {
    assert_eq!(shown(b"\x1b[3\x1b[31mred"), "E[31mred");
    assert_eq!(shown(b"\x1b[3\x18text"), "text");
    assert_eq!(shown(b"\x1b]0;never closed\x1b[1mbold"), "E[1mbold");
    assert_eq!(shown(b"\x1b[1\r\n;2H"), "\r\nE[1;2H", "a line end inside is done at once");
    let long = [b"\x1b[".as_slice(), &[b'1'; 5000], b"mshown"].concat();
    assert_eq!(shown(&long), "shown");
    let endless = [b"\x1b]52;c;".as_slice(), &vec![b'A'; 2 * TEXT_LIMIT], b" shown"].concat();
    assert!(shown(&endless).ends_with("A shown"));
    let mut filter = Filter::default();
    for _ in 0..1000 {
        filter.push(&[b'1'; 1000]);
        filter.push(b"\x1b[");
        filter.push(&[b'1'; 1000]);
    }
    assert!(filter.sequence.capacity() <= 2 * SEQUENCE_LIMIT, "bounded whatever comes");
}

#[test]
fn what_is_unfinished_at_the_end_is_dropped_and_half_a_letter_shown() {
    for (bytes, end) in
        [(b"a\x1b[31".as_slice(), ""), (b"a\x1b]0;tit", ""), (b"a\xc3", "\u{fffd}"), (b"a\x1b", "")]
    {
        let mut filter = Filter::default();
        filter.push(bytes);
        assert_eq!(filter.finish(), end.as_bytes(), "{bytes:?}");
    }
}

/// True if a terminal takes no harm from it: a second, plainer reading of the promise.
fn is_tame(out: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(out).map_err(|error| error.to_string())?;
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\u{7}'..='\u{f}' | ' '..='~' => {}
            '\u{1b}' => match rest.next() {
                Some('7' | '8' | 'D' | 'E' | 'H' | 'M' | '=' | '>') => {}
                Some('(' | ')') if matches!(rest.next(), Some('0' | 'A' | 'B')) => {}
                Some('#') if rest.next() == Some('8') => {}
                Some('[') => {
                    let mut body = String::new();
                    while !body.ends_with(|last| ('@'..='~').contains(&last)) {
                        body.push(rest.next().ok_or("an unfinished sequence")?);
                    }
                    if body.len() > SEQUENCE_LIMIT + 1 || body.ends_with(['n', 'c', 't', 'x', 'y', 'v', '{'])
                    {
                        return Err(format!("sequence {body:?}"));
                    }
                    if body.starts_with(['<', '=', '>']) || body.contains('$') {
                        return Err(format!("sequence {body:?}"));
                    }
                }
                other => return Err(format!("escape {other:?}")),
            },
            letter if letter < '\u{a0}' => return Err(format!("control {letter:?}")),
            letter if distans_proto::text::is_steering(letter) => return Err(format!("steering {letter:?}")),
            _ => {}
        }
    }
    Ok(())
}

/// Bytes that look like a terminal's language.
fn language() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        Just(b"\x1b[".to_vec()),
        Just(b"\x1b[?".to_vec()),
        Just(b"\x1b]52;".to_vec()),
        Just(b"\x1bP".to_vec()),
        Just(b"\x1b\\".to_vec()),
        "[0-9;:?<=>$ !]{0,6}[a-zA-Z@`{|}~]".prop_map(String::into_bytes),
        "\\PC{0,4}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_and_nothing_forbidden_comes_out(bytes in language(), cuts in proptest::collection::vec(0usize..200, 0..8)) {
        let mut at_once = Filter::default();
        let mut expected = at_once.push(&bytes);
        expected.extend(at_once.finish());
        let mut places: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        places.push(bytes.len());
        places.sort_unstable();
        let (mut filter, mut out, mut from) = (Filter::default(), Vec::new(), 0);
        for to in places {
            out.extend(filter.push(&bytes[from..to]));
            from = to;
        }
        out.extend(filter.finish());
        prop_assert_eq!(&out, &expected);
        if let Err(what) = is_tame(&out) {
            prop_assert!(false, "{} in {:?}", what, String::from_utf8_lossy(&out));
        }
    }
}
