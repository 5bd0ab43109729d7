//! What a shell has switched on at the technician's terminal, and how to switch it off again.

/// Things that stay as they are set until somebody sets them otherwise.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Modes {
    /// Private modes that are not as they should be left, in the order they were set.
    private: Vec<u16>,
    coloured: bool,
    keypad: bool,
    charset: bool,
    region: bool,
    cursor_shape: bool,
    inserts: bool,
}

/// Private modes that a terminal at rest has on; all others are off.
const USUALLY_ON: [u16; 2] = [7, 25];

/// The alternate screens.
const SCREENS: [u16; 3] = [47, 1047, 1049];

impl Modes {
    pub(super) fn is_full_screen(&self) -> bool {
        self.private.iter().any(|mode| SCREENS.contains(mode))
    }

    /// A shift between character sets passes.
    pub(super) const fn shift(&mut self, byte: u8) {
        if matches!(byte, 0x0E | 0x0F) {
            self.charset = true;
        }
    }

    /// A character set was chosen.
    pub(super) const fn designated(&mut self) {
        self.charset = true;
    }

    /// `ESC` and this letter passes.
    pub(super) fn escape(&mut self, letter: u8) {
        match letter {
            b'=' => self.keypad = true,
            b'>' => self.keypad = false,
            _ => {}
        }
    }

    /// A control sequence passes: what follows `ESC [`.
    pub(super) fn control(&mut self, sequence: &[u8]) {
        let Some((last, before)) = sequence.split_last() else { return };
        match (before, last) {
            ([b'?', list @ ..], b'h' | b'l') => {
                let list = std::str::from_utf8(list).unwrap_or_default();
                for mode in list.split(';').filter_map(|mode| mode.parse().ok()) {
                    self.set(mode, *last == b'h');
                }
            }
            (b"", b'm') | (b"0", b'm') => self.coloured = false,
            (_, b'm') => self.coloured = true,
            (b"", b'r') => self.region = false,
            (_, b'r') => self.region = true,
            ([.., b' '], b'q') => self.cursor_shape = true,
            (b"4", b'h') => self.inserts = true,
            (b"4", b'l') => self.inserts = false,
            // A soft reset leaves the screen, the mouse and pasting as they are.
            ([.., b'!'], b'p') => {
                let kept = |mode: &u16| SCREENS.contains(mode) || *mode >= 1000;
                let private = self.private.iter().copied().filter(kept).collect();
                *self = Self { private, ..Self::default() };
            }
            _ => {}
        }
    }

    fn set(&mut self, mode: u16, on: bool) {
        // Saving and restoring the cursor sets nothing.
        if mode == 1048 {
            return;
        }
        self.private.retain(|known| *known != mode);
        if on != USUALLY_ON.contains(&mode) {
            self.private.push(mode);
        }
    }

    /// What brings the terminal back to rest.
    pub(super) fn reset(&mut self) -> Vec<u8> {
        let was = std::mem::take(self);
        let mut out = Vec::new();
        if was.region {
            // Setting the region moves the cursor.
            out.extend_from_slice(b"\x1b7\x1b[r\x1b8");
        }
        for mode in was.private.iter().rev() {
            let letter = if USUALLY_ON.contains(mode) { 'h' } else { 'l' };
            out.extend_from_slice(format!("\x1b[?{mode}{letter}").as_bytes());
        }
        for (is_set, undo) in [
            (was.keypad, b"\x1b>".as_slice()),
            (was.charset, b"\x0f\x1b(B\x1b)B"),
            (was.inserts, b"\x1b[4l"),
            (was.cursor_shape, b"\x1b[0 q"),
            (was.coloured, b"\x1b[0m"),
        ] {
            if is_set {
                out.extend_from_slice(undo);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::filter::Filter;

    /// What is written at the end of a shell that wrote this.
    fn left_behind(output: &[u8]) -> String {
        let mut filter = Filter::default();
        filter.push(output);
        String::from_utf8(filter.finish()).expect("UTF-8").replace('\u{1b}', "E")
    }

    #[test]
    fn whatever_was_switched_on_is_switched_off() {
        for (output, undone) in [
            ("plain\r\n", ""),
            ("\x1b[?1049h\x1b[?25l", "E[?25hE[?1049l"),
            ("\x1b[?1049h\x1b[?1049l", ""),
            ("\x1b[?1000;1006h\x1b[?2004h", "E[?2004lE[?1006lE[?1000l"),
            ("\x1b[31mred", "E[0m"),
            ("\x1b[31mred\x1b[m", ""),
            ("\x1b[5;10r", "E7E[rE8"),
            ("\x1b=\x1b(0\x1b[4h\x1b[3 q\x1b[?7l", "E[?7hE>\u{f}E(BE)BE[4lE[0 q"),
            ("\x1b[?1049h\x1b[31m\x1b=\x1b[!p", "E[?1049l"),
            ("\x1b[?1049h\x1b[31m\x1bc", ""),
            ("\x1b[?1004h\x1b[?3h", ""),
        ] {
            assert_eq!(left_behind(output.as_bytes()), undone, "{output:?}");
        }
    }

    #[test]
    fn after_the_end_nothing_is_left_to_undo() {
        let mut filter = Filter::default();
        filter.push(b"\x1b[?1049h");
        assert!(filter.is_full_screen());
        assert!(!filter.finish().is_empty() && filter.finish().is_empty() && !filter.is_full_screen());
    }
}
