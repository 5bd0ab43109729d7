//! Copies: what is asked for, and what both ends say.

use distans_proto::inner::Op;
use distans_proto::ops::files::*;

use super::{Sample, sample, text};

pub(super) fn all() -> Vec<Sample> {
    let name = || b"r\xe4ksm\xf6rg\xe5s.txt".to_vec().into();
    let modified = Time { seconds: 1_795_000_000, nanos: 123_456_789 };
    let why = |cause, more: Option<&str>| Why { cause, text: more.map(text) };
    let rules = Rules { keep_existing: true, dry_run: false };
    let summary =
        Summary { copied: 3, bytes: 5_000_000, resumed: 4096, same: 2, kept: 1, failures: 1, notes: 1 };
    let begin = Begin { file: 7, offset: 4096, size: 5_000_000, modified, mode: Some(0o640) };
    let link = Link { parent: Some(1), name: name(), target: b"../x".to_vec().into(), folder: true };
    let problem = |cause| Problem { path: text("a/b"), why: why(cause, Some("os error 5")) };
    let full = || why(Cause::Full, None);
    vec![
        sample("op.get", Op::Get(Get { paths: vec![b"logs/*.txt".to_vec().into(), name()] })),
        sample("op.put", Op::Put(Put { target: b"C:\\Temp".to_vec().into(), into: true, rules })),
        sample(
            "files.folder",
            FromSender::Folder(Folder { parent: None, name: name(), mode: Some(0o755), modified }),
        ),
        sample(
            "files.file",
            FromSender::File(File { parent: Some(0), name: name(), size: 5_000_000, modified }),
        ),
        sample("files.link", FromSender::Link(link)),
        sample("files.listed", FromSender::Listed(Listed { files: 7, bytes: 5_000_000 })),
        sample("files.begins", FromSender::Begin(begin)),
        sample("files.hole", FromSender::Hole(65_536)),
        sample("files.ends", FromSender::End(End { hash: [7; 32].into(), grew: true })),
        sample("files.fails", FromSender::Failed(Failed { file: 7, why: full() })),
        sample("files.sender_problem", FromSender::Problem(problem(Cause::LinkOutside))),
        sample("files.over", FromSender::Over(Over {})),
        sample("files.begins_again", FromSender::Again(Over {})),
        sample(
            "files.want",
            FromReceiver::Want(Want { file: 7, offset: 4096, prefix: Some([9; 32].into()) }),
        ),
        sample("files.skip", FromReceiver::Skip(Skip { file: 8, reason: SkipReason::Same })),
        sample("files.abandon", FromReceiver::Abandon(7)),
        sample("files.receiver_problem", FromReceiver::Problem(problem(Cause::Other))),
        sample("files.summary", FromReceiver::Summary(summary)),
    ]
}
