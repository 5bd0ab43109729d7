//! A PC in the hands of an attacker, whose shell the technician opens with the real program at a
//! real terminal: nothing it writes does more than paint the screen.

use std::process::Command;

use distans_proto::inner::{Closed, OpOutput, OpResult, Outcome};
use distans_tests::fake_pc::{FakePc, PcOperation};
use distans_tests::programs::{Seen, at_a_terminal, program};
use distans_tests::world::World;

/// What the attacker does with the operation's stream.
struct Act {
    what: &'static str,
    output: fn() -> Vec<u8>,
    /// What must be seen all the same.
    seen: &'static str,
    /// More than it owns up to, or after the end.
    lies: bool,
}

const ACTS: &[Act] = &[
    Act {
        what: "fills the clipboard",
        output: || b"a\x1b]52;c;cm0gLXJmIC8=\x07b\x1b]52;p;cm0=\x1b\\c".to_vec(),
        seen: "abc",
        lies: false,
    },
    Act {
        what: "types a command through the title",
        output: || b"d\x1b]0;rm -rf ~\r\x07e\x1b[21tf\x1b]2;x\x1b\\".to_vec(),
        seen: "def",
        lies: false,
    },
    Act {
        what: "makes the terminal answer",
        output: || {
            b"g\x1b[c\x1b[>c\x1b[6n\x1b[5n\x1b[?u\x1bZ\x05\x1bP$qm\x1b\\\x1b[18t\x1b]11;?\x07h".to_vec()
        },
        seen: "gh",
        lies: false,
    },
    Act {
        what: "begins a sequence that never ends",
        output: || {
            [b"i\x1b]52;c;".as_slice(), &vec![b'A'; 300_000], b"\x1b[", &vec![b'1'; 300_000], b"mj"].concat()
        },
        seen: "j",
        lies: false,
    },
    Act {
        what: "leaves the terminal unusable",
        output: || b"\x1b[?1049h\x1b[?25l\x1b[?1003h\x1b[?2004h\x1b(0\x1b[31;40m\x1b[5;6r\x1b=k".to_vec(),
        seen: "k",
        lies: false,
    },
    Act {
        what: "speaks C1, breaks letters and turns text round",
        output: || b"l\x9b6n\xc2\x9b6n\xff\xc3m\xe2\x80\xaen".to_vec(),
        seen: "n",
        lies: false,
    },
    Act { what: "floods", output: || b"flood\x1b[6n\r\n".repeat(300_000), seen: "flood", lies: false },
    Act { what: "sends other bytes than it says", output: || b"o".to_vec(), seen: "o", lies: true },
];

async fn play((mut reader, mut writer): PcOperation, act: &Act) {
    let output = (act.output)();
    writer.send(&OpOutput::Started(Closed {})).await.expect("sent");
    // The technician acknowledges while it reads: that must be taken off the stream.
    let hearing = async { while let Ok(Some(_)) = reader.next::<distans_proto::inner::OpInput>().await {} };
    let speaking = async {
        for piece in output.chunks(10_007) {
            writer.write_primary(piece).await.expect("written");
        }
        let bytes = output.len() as u64 + u64::from(act.lies);
        let result = OpResult { outcome: Outcome::Completed, exit: Some(0), bytes, text: None };
        writer.send(&OpOutput::Finished(result)).await.expect("sent");
        // After the end nobody listens; whether it can still be sent is all the same.
        let _ = writer.write_primary(b"AFTER THE END\x1b[6n").await;
        let _ = writer.finish().await;
    };
    tokio::join!(hearing, speaking);
}

fn forbidden(seen: &[u8]) -> Option<String> {
    let text = String::from_utf8(seen.to_vec()).map_err(|error| error.to_string());
    let text = match text {
        Ok(text) => text,
        Err(error) => return Some(error),
    };
    let bad = [
        "\u{1b}]",
        "\u{1b}P",
        "\u{1b}_",
        "\u{1b}^",
        "\u{1b}X",
        "\u{1b}Z",
        "\u{1b}[c",
        "\u{1b}[>",
        "\u{1b}[6n",
        "\u{1b}[5n",
        "\u{1b}[?u",
        "\u{1b}[21t",
        "\u{1b}[18t",
        "\u{5}",
        "\u{202e}",
        "AFTER THE END",
    ];
    let c1 = text.chars().any(|letter| ('\u{80}'..'\u{a0}').contains(&letter));
    bad.iter().find(|bad| text.contains(**bad)).map(|bad| format!("{bad:?}")).or(c1.then(|| "C1".to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_shell_only_paints_and_everything_is_switched_off_after_it() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    for act in ACTS {
        let mut command: Command = program("distans").expect("built");
        command.args(["shell", "PC-ORSA-014", "--purpose", "look", "--ticket", "T-1"]);
        command.env("DISTANS_HOME", world.login("anna").expect("a login").dir());
        let technician = async {
            let ran = tokio::task::spawn_blocking(move || at_a_terminal(command)).await;
            ran.expect("ran").expect("a terminal")
        };
        let attacker = async {
            let (control, _) = pc.session().await.expect("a session");
            let (request, operation) = pc.operation(&control).await.expect("an operation");
            assert!(matches!(request.op, distans_proto::inner::Op::Shell(_)));
            play(operation, act).await;
            control
        };
        let (Seen { bytes, exit }, _control) = tokio::join!(technician, attacker);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(forbidden(&bytes), None, "{}", act.what);
        assert!(text.contains(act.seen), "{}: {} is hidden", act.what, act.seen);
        assert_eq!(exit == Some(0), !act.lies, "{}: {exit:?}", act.what);
        for (on, off) in [
            ("\u{1b}[?1049h", "\u{1b}[?1049l"),
            ("\u{1b}[?25l", "\u{1b}[?25h"),
            ("\u{1b}[?1003h", "\u{1b}[?1003l"),
            ("\u{1b}[?2004h", "\u{1b}[?2004l"),
            ("\u{1b}(0", "\u{1b}(B"),
            ("\u{1b}[31;40m", "\u{1b}[0m"),
            ("\u{1b}[5;6r", "\u{1b}[r"),
            ("\u{1b}=", "\u{1b}>"),
        ] {
            let (on, off) = (text.rfind(on), text.rfind(off));
            assert!(on <= off, "{}: not switched off", act.what);
        }
    }
}
