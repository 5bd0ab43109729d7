//! A first look at a PC: probes run side by side, and each is told as it ends.
//!
//! The answer is items ([`Told`]) in the operation's output: first what will be probed, then one
//! report a probe in the order they end, last what only several probes together can say.

pub mod facts;
pub mod rules;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::repair::Repair;
use crate::facts::Severity;
use crate::text::Untrusted;
use crate::time::Timestamp;
pub use facts::Found;

/// Most probes of one diagnosis. A reader takes no more.
pub const PROBES_LIMIT: usize = 64;

/// Most findings of one item.
pub const FINDINGS_LIMIT: usize = 32;

/// Most entries of any list of facts.
pub const LIST_LIMIT: usize = 32;

/// Longest text of one fact, in characters.
pub const TEXT_LIMIT: usize = 200;

/// Asks for a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Diagnose {
    /// The technician's clock, to compare with the PC's.
    #[n(0)]
    pub now: Timestamp,
    /// Only these probes, by name; `None` = all. Names the PC does not know are passed over.
    #[n(1)]
    pub only: Option<Vec<Untrusted>>,
}

/// One item of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Told {
    /// What will be probed; comes first.
    #[n(0)]
    Plan(#[n(0)] Plan),
    /// One probe has ended.
    #[n(1)]
    Report(#[n(0)] Box<Report>),
    /// All have ended; comes last.
    #[n(2)]
    Conclusion(#[n(0)] Conclusion),
}

/// What will be probed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Plan {
    /// Names of the probes, at most [`PROBES_LIMIT`].
    #[n(0)]
    pub probes: Vec<Untrusted>,
}

/// What one probe has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Report {
    /// Stable name of the probe, for instance `disks`.
    #[n(0)]
    pub probe: Untrusted,
    /// How long it took, milliseconds.
    #[n(1)]
    pub millis: u32,
    /// How it ended.
    #[n(2)]
    pub ending: Ending,
    /// Why, if it did not end well.
    #[n(3)]
    pub text: Option<Untrusted>,
    /// What it found; only its own fields are set.
    #[n(4)]
    pub found: Option<Found>,
    /// What that means, worst first; at most [`FINDINGS_LIMIT`].
    #[n(5)]
    pub findings: Vec<Finding>,
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Ending {
    /// With facts.
    #[n(0)]
    Done,
    /// It could not look; the text says why.
    #[n(1)]
    Failed,
    /// Its time limit was reached.
    #[n(2)]
    TimedOut,
    /// This system has no such thing.
    #[n(3)]
    NotHere,
}

/// What several probes together say.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Conclusion {
    /// Findings, worst first; at most [`FINDINGS_LIMIT`].
    #[n(0)]
    pub findings: Vec<Finding>,
}

/// What facts mean.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Finding {
    /// How bad.
    #[n(0)]
    pub severity: Severity,
    /// Stable name of the rule, for instance `disk-nearly-full`.
    #[n(1)]
    pub rule: Untrusted,
    /// The figures it rests on.
    #[n(2)]
    pub evidence: Untrusted,
    /// What it means for the person at the PC, in English.
    #[n(3)]
    pub meaning: Untrusted,
    /// What to do, in English.
    #[n(4)]
    pub advice: Untrusted,
    /// What may be done from afar. A value and never a text: a hostile PC suggests no command.
    #[cbor(n(5), with = "remedy", has_nil)]
    pub remedy: Option<Remedy>,
}

/// What may be done from afar.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Remedy {
    /// This repair.
    #[n(0)]
    Repair(#[n(0)] Repair),
    /// Starting the PC again, at a time agreed on.
    #[n(1)]
    Restart(#[n(0)] Nothing),
}

/// No more is to be said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Nothing {}

/// A remedy that this version does not know is none: the finding itself still counts.
mod remedy {
    use minicbor::decode::Error;
    use minicbor::encode::{Error as NotEncoded, Write};
    use minicbor::{Decoder, Encoder};

    use super::Remedy;

    pub(super) fn encode<C, W: Write>(
        remedy: &Option<Remedy>,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), NotEncoded<W::Error>> {
        minicbor::Encode::encode(remedy, encoder, context)
    }

    pub(super) fn decode<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Result<Option<Remedy>, Error> {
        let begin = decoder.position();
        match minicbor::Decode::decode(decoder, context) {
            Ok(remedy) => Ok(remedy),
            Err(error) if error.is_unknown_variant() => {
                decoder.set_position(begin);
                decoder.skip()?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) const fn is_nil(remedy: &Option<Remedy>) -> bool {
        remedy.is_none()
    }

    pub(super) const fn nil() -> Option<Option<Remedy>> {
        Some(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::decode;

    #[test]
    fn a_finding_survives_a_remedy_from_the_future() {
        let finding = Finding {
            severity: Severity::Warning,
            rule: "x".into(),
            evidence: "e".into(),
            meaning: "m".into(),
            advice: "a".into(),
            remedy: Some(Remedy::Restart(Nothing {})),
        };
        let mut bytes = minicbor::to_vec(&finding).expect("encodes");
        assert_eq!(decode::<Finding>(&bytes), Ok(finding.clone()));
        // … 05: [1, [{}]] becomes 05: [23, [{}]].
        let at = bytes.len() - 3;
        assert_eq!(bytes[at], 1);
        bytes[at] = 23;
        assert_eq!(decode::<Finding>(&bytes), Ok(Finding { remedy: None, ..finding }));
    }
}
