//! The end that has the files: lists them, and sends those the other end wants.
//!
//! Listing runs ahead of sending and neither waits for one file's answer, so that many small files
//! take as long as their bytes and not as many round trips.

mod data;
mod walk;

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use cap_std::fs::Dir;
use distans_proto::ops::files::{
    Failed, FromReceiver, FromSender, Over, Problem, Skip, SkipReason, Summary, Want, Why,
};

use crate::folders::Id;
use crate::squeeze::Squeeze;
use crate::trouble::problem;
use crate::wire::{FrameReader, FrameWriter, In, Out, Unit};
use crate::{Broken, UNDER_WAY, Verdict, Watch};
use walk::Walk;

/// Entries listed at a time between two looks at what came back.
const LIST: usize = 256;

/// Answers that may wait to be looked at. More than an honest receiver has under way.
const ANSWERS: usize = 4 * UNDER_WAY;

/// One thing to be copied.
#[derive(Debug)]
pub struct Source {
    /// The folder it lies in.
    pub dir: Dir,
    /// Its name there; empty = that folder itself.
    pub name: OsString,
    /// What it is called at the other end.
    pub called: OsString,
}

/// A file that was listed and is not done with.
#[derive(Debug)]
struct Item {
    folder: Id,
    name: OsString,
    size: u64,
}

struct Sender<'a, O> {
    out: FrameWriter<O>,
    walk: Walk,
    items: HashMap<u32, Item>,
    answers: Receiver<FromReceiver>,
    wants: VecDeque<Want>,
    /// The other end has no use for the rest of this one.
    abandoned: Option<u32>,
    summary: Option<Summary>,
    squeeze: Squeeze,
    packer: Option<zstd::bulk::Compressor<'static>>,
    watch: &'a mut dyn Watch,
}

/// Sends `sources`, and tells of `problems` that came up before; what became of it all.
///
/// Answers are read by a thread of its own, which ends when `input` does.
///
/// # Errors
/// [`Broken`].
pub fn send<I, O>(
    input: I,
    output: O,
    sources: Vec<Source>,
    problems: Vec<Problem>,
    watch: &mut dyn Watch,
) -> Result<Summary, Broken>
where
    I: In + Send + 'static,
    O: Out,
{
    let mut sender = Sender {
        out: FrameWriter::new(output),
        walk: Walk::new(sources),
        items: HashMap::new(),
        answers: listen(input)?,
        wants: VecDeque::new(),
        abandoned: None,
        summary: None,
        squeeze: Squeeze::default(),
        packer: None,
        watch,
    };
    for problem in problems {
        sender.tell(problem)?;
    }
    sender.run()
}

/// Reads answers as they come, so that the other end never waits for us to look.
fn listen<I: In + Send + 'static>(input: I) -> io::Result<Receiver<FromReceiver>> {
    let (taker, answers) = sync_channel(ANSWERS);
    let reading = move || {
        let mut reader = FrameReader::new(input);
        // An end, an error and bytes, which have no place here, are all the end of answers.
        while let Ok(Some(Unit::Message(answer))) = reader.next::<FromReceiver>() {
            if taker.send(answer).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("transfer-answers".into()).spawn(reading)?;
    Ok(answers)
}

impl<O: Out> Sender<'_, O> {
    fn run(mut self) -> Result<Summary, Broken> {
        let mut over = false;
        loop {
            self.look()?;
            if let Some(summary) = self.summary {
                return if over { Ok(summary) } else { Err(Broken::Protocol("a summary came too early")) };
            }
            let room = self.items.len() < if self.wants.is_empty() { UNDER_WAY } else { UNDER_WAY / 2 };
            let lists = room && !self.walk.is_over();
            if lists {
                self.list()?;
            } else if let Some(want) = self.wants.pop_front() {
                self.serve(&want)?;
            } else {
                if self.walk.is_over() && self.items.is_empty() && !over {
                    self.out.message(&FromSender::Over(Over {}))?;
                    over = true;
                }
                self.out.flush()?;
                let answer = self.answers.recv().map_err(|_| ended())?;
                self.heard(answer)?;
            }
        }
    }

    /// Lists some more, and lets the other end see it.
    fn list(&mut self) -> Result<(), Broken> {
        for _ in 0..LIST {
            let Some(entry) = self.walk.next() else { break };
            match entry {
                walk::Entry::File { number, item, message } => {
                    self.items.insert(number, item);
                    self.out.message(&FromSender::File(message))?;
                }
                walk::Entry::Folder(message) => self.out.message(&FromSender::Folder(message))?,
                walk::Entry::Link(message) => self.out.message(&FromSender::Link(message))?,
                walk::Entry::Problem(problem) => self.tell(problem)?,
            }
        }
        let listed = self.walk.listed();
        self.watch.listed(listed.files, listed.bytes, self.walk.is_over());
        if self.walk.is_over() {
            self.out.message(&FromSender::Listed(listed))?;
        }
        self.out.flush()
    }

    /// Looks at what came back meanwhile.
    fn look(&mut self) -> Result<(), Broken> {
        loop {
            match self.answers.try_recv() {
                Ok(answer) => self.heard(answer)?,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) if self.summary.is_some() => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(ended()),
            }
        }
    }

    fn heard(&mut self, answer: FromReceiver) -> Result<(), Broken> {
        match answer {
            FromReceiver::Want(want) => {
                if self.wants.len() >= UNDER_WAY {
                    return Err(Broken::Protocol("more is wanted than was listed"));
                }
                self.wants.push_back(want);
            }
            FromReceiver::Skip(skip) => self.skipped(&skip)?,
            FromReceiver::Abandon(file) => self.abandoned = Some(file),
            FromReceiver::Problem(problem) => self.watch.problem(&problem),
            FromReceiver::Summary(summary) => self.summary = Some(summary),
        }
        Ok(())
    }

    fn skipped(&mut self, skip: &Skip) -> Result<(), Broken> {
        let item = self.items.remove(&skip.file).ok_or(Broken::Protocol("a file that was not listed"))?;
        let verdict = match skip.reason {
            SkipReason::Same => Verdict::Same,
            SkipReason::Kept => Verdict::Kept,
            SkipReason::DryRun => Verdict::Would,
            // A problem tells about it.
            SkipReason::Refused => return Ok(()),
        };
        self.watch.spared(item.size);
        self.watch.file(&self.walk.folders.path(item.folder, &item.name), item.size, verdict);
        Ok(())
    }

    /// Tells of something that is not copied, here and there.
    fn tell(&mut self, problem: Problem) -> Result<(), Broken> {
        self.watch.problem(&problem);
        self.out.message(&FromSender::Problem(problem))
    }

    /// A wanted file does not come.
    fn fail(&mut self, file: u32, item: &Item, why: Why) -> Result<(), Broken> {
        let path = self.walk.folders.path(item.folder, &item.name);
        self.watch.problem(&problem(path, why.clone()));
        self.out.message(&FromSender::Failed(Failed { file, why }))
    }
}

fn ended() -> Broken {
    Broken::Stream(io::ErrorKind::UnexpectedEof.into())
}
