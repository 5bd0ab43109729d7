//! Files and folders from and to a PC: what is asked for, and what the two ends of a copy say.
//!
//! One end sends ([`FromSender`]), the other receives ([`FromReceiver`]); which of them is the PC
//! follows from [`Get`] or [`Put`]. The sender lists what there is and goes on listing without
//! waiting; the receiver answers each file with [`Want`] or [`Skip`]; the sender then sends
//! [`Begin`], the file's bytes and [`End`]. Folders and files are each numbered in the order they
//! are listed, from 0. Names are single components in the sender's own bytes, never paths.
//!
//! How messages and bytes are framed stands in `distans-transfer`.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::text::Untrusted;

/// Most paths or patterns in one [`Get`], and most bytes of all of them together.
pub const PATHS_LIMIT: (usize, usize) = (256, 32 * 1024);

/// Most bytes of one name. (255 UTF-16 units of Windows are at most 765 bytes.)
pub const NAME_LIMIT: usize = 1024;

/// Asks for files. Output and input are the messages of this module.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Get {
    /// Paths or patterns on the PC, in its own bytes; relative ones begin at the user's home.
    #[n(0)]
    pub paths: Vec<ByteVec>,
}

/// Brings files. Input and output are the messages of this module.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Put {
    /// Where to on the PC, in its own bytes; relative to the user's home.
    #[n(0)]
    pub target: ByteVec,
    /// The target is a folder to put things into, made if it is missing. Else it is one if it
    /// exists as a folder, and otherwise the new name of the one thing that is brought.
    #[n(1)]
    pub into: bool,
    /// How to treat what is there.
    #[n(2)]
    pub rules: Rules,
}

/// How the receiving end treats what is there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Rules {
    /// Nothing that exists is overwritten.
    #[n(0)]
    pub keep_existing: bool,
    /// Nothing is written at all; the answers say what would be.
    #[n(1)]
    pub dry_run: bool,
}

/// A time of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Time {
    /// Seconds since 1970, rounded down.
    #[n(0)]
    pub seconds: i64,
    /// And so many nanoseconds, below 1 000 000 000.
    #[n(1)]
    pub nanos: u32,
}

/// From the end that has the files.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FromSender {
    /// A folder, listed before anything in it.
    #[n(0)]
    Folder(#[n(0)] Folder),
    /// A file.
    #[n(1)]
    File(#[n(0)] File),
    /// A symbolic link inside a copied folder.
    #[n(2)]
    Link(#[n(0)] Link),
    /// The list is complete.
    #[n(3)]
    Listed(#[n(0)] Listed),
    /// The bytes of a wanted file follow.
    #[n(4)]
    Begin(#[n(0)] Begin),
    /// So many zero bytes at this place.
    #[n(5)]
    Hole(#[n(0)] u64),
    /// All bytes of the file that was begun have come.
    #[n(6)]
    End(#[n(0)] End),
    /// A wanted file will not come, or not the rest of it.
    #[n(7)]
    Failed(#[n(0)] Failed),
    /// Something else could not be sent.
    #[n(8)]
    Problem(#[n(0)] Problem),
    /// Every wanted file has been answered; the receiver sums up.
    #[n(9)]
    Over(#[n(0)] Over),
    /// The file that was begun changed meanwhile; it is begun again from its start.
    #[n(10)]
    Again(#[n(0)] Over),
}

/// Nothing more to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Over {}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Folder {
    /// Number of the folder it lies in; `None` = it was asked for by name.
    #[n(0)]
    pub parent: Option<u32>,
    /// Its name.
    #[n(1)]
    pub name: ByteVec,
    /// Permission bits (0o777), where there are any.
    #[n(2)]
    pub mode: Option<u32>,
    /// Last change.
    #[n(3)]
    pub modified: Time,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct File {
    /// As in [`Folder`].
    #[n(0)]
    pub parent: Option<u32>,
    /// Its name.
    #[n(1)]
    pub name: ByteVec,
    /// Bytes in it when it was listed.
    #[n(2)]
    pub size: u64,
    /// Last change.
    #[n(3)]
    pub modified: Time,
}

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Link {
    /// Number of the folder it lies in.
    #[n(0)]
    pub parent: Option<u32>,
    /// Its name.
    #[n(1)]
    pub name: ByteVec,
    /// What it says.
    #[n(2)]
    pub target: ByteVec,
    /// True if it leads to a folder, which Windows wants to know.
    #[n(3)]
    pub folder: bool,
}

/// What the list held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Listed {
    /// Files.
    #[n(0)]
    pub files: u64,
    /// Their bytes together.
    #[n(1)]
    pub bytes: u64,
}

/// A file's bytes follow.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Begin {
    /// Number of the file.
    #[n(0)]
    pub file: u32,
    /// From this byte on: what was asked for, or 0.
    #[n(1)]
    pub offset: u64,
    /// Bytes in it now. Exactly so many are there at its end.
    #[n(2)]
    pub size: u64,
    /// Last change.
    #[n(3)]
    pub modified: Time,
    /// Permission bits (0o777), where there are any.
    #[n(4)]
    pub mode: Option<u32>,
}

/// A file is complete.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct End {
    /// BLAKE3 of the whole file, also of what lay at the receiver before.
    #[n(0)]
    pub hash: ByteArray<32>,
    /// It grew while it was copied, as a log does; this is its beginning.
    #[n(1)]
    pub grew: bool,
}

/// A file that will not come.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Failed {
    /// Its number.
    #[n(0)]
    pub file: u32,
    /// Why.
    #[n(1)]
    pub why: Why,
}

/// From the end that gets the files.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FromReceiver {
    /// Send this one.
    #[n(0)]
    Want(#[n(0)] Want),
    /// Do not send that one.
    #[n(1)]
    Skip(#[n(0)] Skip),
    /// Send no more of this one; it has failed here.
    #[n(2)]
    Abandon(#[n(0)] u32),
    /// Something failed here.
    #[n(3)]
    Problem(#[n(0)] Problem),
    /// All is done; the last message.
    #[n(4)]
    Summary(#[n(0)] Summary),
}

/// Asks for a listed file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Want {
    /// Its number.
    #[n(0)]
    pub file: u32,
    /// So many bytes lie here from an earlier try.
    #[n(1)]
    pub offset: u64,
    /// BLAKE3 of those; the sender starts at 0 if they are not its own.
    #[n(2)]
    pub prefix: Option<ByteArray<32>>,
}

/// Why a file is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SkipReason {
    /// It is here with the same size and time.
    #[n(0)]
    Same,
    /// Something of that name is here and shall be kept.
    #[n(1)]
    Kept,
    /// It would be copied; nothing is, because that was asked.
    #[n(2)]
    DryRun,
    /// It cannot be here; a [`Problem`] says why.
    #[n(3)]
    Refused,
}

/// A file that is not wanted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Skip {
    /// Its number.
    #[n(0)]
    pub file: u32,
    /// Why.
    #[n(1)]
    pub reason: SkipReason,
}

/// One thing that could not be copied, or not quite.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Problem {
    /// What: a path for people to read, below what was asked for.
    #[n(0)]
    pub path: Untrusted,
    /// Why.
    #[n(1)]
    pub why: Why,
}

/// Why something could not be copied.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Why {
    /// The sort of trouble.
    #[n(0)]
    pub cause: Cause,
    /// More about it: what the system said, or which rule.
    #[n(1)]
    pub text: Option<Untrusted>,
}

/// Sorts of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Cause {
    /// Nothing is there, or it has vanished.
    #[n(0)]
    NotFound,
    /// The account may not.
    #[n(1)]
    Permission,
    /// The policy's roots do not allow it; the text names them.
    #[n(2)]
    OutsideRoots,
    /// The disk or the quota is full.
    #[n(3)]
    Full,
    /// The file system is read-only.
    #[n(4)]
    ReadOnly,
    /// The name is too long there.
    #[n(5)]
    NameTooLong,
    /// The receiving system cannot have such a name.
    #[n(6)]
    NameNotAllowed,
    /// Two names are the same there, where capital letters do not count.
    #[n(7)]
    Clash,
    /// The file changed while it was copied, twice.
    #[n(8)]
    Changed,
    /// The file grew while it was copied; its beginning is there. A note, no failure.
    #[n(9)]
    Grew,
    /// What arrived is not what was sent.
    #[n(10)]
    Damaged,
    /// Something of another sort is in the way.
    #[n(11)]
    InTheWay,
    /// A symbolic link that leads out of what is copied. A note, no failure.
    #[n(12)]
    LinkOutside,
    /// Neither file nor folder nor link: pipes, sockets, devices. A note, no failure.
    #[n(13)]
    Special,
    /// Folders too deep, or too many of them.
    #[n(14)]
    TooMany,
    /// The file is too large for the file system.
    #[n(15)]
    TooLarge,
    /// Anything else; see the text.
    #[n(16)]
    Other,
}

impl Cause {
    /// True if nothing failed: the rest is as it should be.
    pub const fn is_note(self) -> bool {
        matches!(self, Self::Grew | Self::LinkOutside | Self::Special)
    }
}

/// What became of it all, counted where the files arrive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Summary {
    /// Files copied; with a dry run, those that would be.
    #[n(0)]
    pub copied: u64,
    /// Bytes of them.
    #[n(1)]
    pub bytes: u64,
    /// Of those, bytes that lay there from an earlier try.
    #[n(2)]
    pub resumed: u64,
    /// Files that were there already, the same.
    #[n(3)]
    pub same: u64,
    /// Files that were kept as they are.
    #[n(4)]
    pub kept: u64,
    /// Failures, at both ends.
    #[n(5)]
    pub failures: u64,
    /// Notes, at both ends.
    #[n(6)]
    pub notes: u64,
}
