//! The tree being copied, at either end: folders by number, reached only from handle to handle.
//!
//! A step down is one name below an open handle and follows no symbolic link, so that whoever
//! swaps a folder for a link meanwhile makes the step fail and leads nobody out.

use std::collections::{HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::rc::Rc;

use cap_fs_ext::{DirExt, OpenOptionsMaybeDirExt};
use cap_std::fs::{Dir, OpenOptions};

use crate::{DEPTH_LIMIT, FOLDERS_LIMIT};

/// Handles kept open beside those on the way.
const OPEN: usize = 32;

/// A folder as a file whose times and mode can be set: a [`Dir`] may be good for opening alone.
///
/// # Errors
/// What the system says.
pub fn as_file(dir: &Dir) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).maybe_dir(true);
    Ok(dir.open_with(".", &options)?.into_std())
}

/// Number of a folder in [`Folders`].
pub type Id = usize;

/// All folders of one copy.
#[derive(Debug, Default)]
pub struct Folders {
    nodes: Vec<Node>,
    open: HashMap<Id, Rc<Dir>>,
    /// The same, the oldest first.
    order: VecDeque<Id>,
}

#[derive(Debug)]
struct Node {
    parent: Option<Id>,
    name: OsString,
    depth: u32,
    /// Set for a folder that was opened by path, at the beginning.
    base: Option<Rc<Dir>>,
}

impl Folders {
    /// Adds a folder that is open. `name` is what people call it, empty = nothing.
    pub fn add_base(&mut self, dir: Dir, name: &OsStr) -> Id {
        self.nodes.push(Node { parent: None, name: name.to_owned(), depth: 0, base: Some(Rc::new(dir)) });
        self.nodes.len() - 1
    }

    /// Adds folder `name` in `parent`; it need not be there yet.
    ///
    /// # Errors
    /// If they are too many or too deep.
    pub fn add(&mut self, parent: Id, name: OsString) -> io::Result<Id> {
        let depth = self.depth(parent) + 1;
        if self.nodes.len() >= FOLDERS_LIMIT || depth > DEPTH_LIMIT {
            let text =
                format!("more than {FOLDERS_LIMIT} folders, or more than {DEPTH_LIMIT} inside each other");
            return Err(io::Error::other(text));
        }
        self.nodes.push(Node { parent: Some(parent), name, depth, base: None });
        Ok(self.nodes.len() - 1)
    }

    /// The folder it lies in, and its name there.
    pub fn step(&self, id: Id) -> (Option<Id>, OsString) {
        self.nodes.get(id).map_or_else(Default::default, |node| (node.parent, node.name.clone()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Folders between this one and its base.
    pub fn depth(&self, id: Id) -> u32 {
        self.nodes.get(id).map_or(0, |node| node.depth)
    }

    /// Its handle.
    ///
    /// # Errors
    /// If it is not there any more, or is no folder any more.
    pub fn dir(&mut self, id: Id) -> io::Result<Rc<Dir>> {
        // From the nearest one that is open, down.
        let mut names = Vec::new();
        let mut at = id;
        let mut dir = loop {
            let node = self.nodes.get(at).ok_or(io::ErrorKind::NotFound)?;
            if let Some(dir) = node.base.as_ref().or_else(|| self.open.get(&at)) {
                break Rc::clone(dir);
            }
            names.push(at);
            at = node.parent.ok_or(io::ErrorKind::NotFound)?;
        };
        for step in names.into_iter().rev() {
            dir = Rc::new(dir.open_dir_nofollow(&self.nodes[step].name)?);
            self.keep(step, Rc::clone(&dir));
        }
        Ok(dir)
    }

    fn keep(&mut self, id: Id, dir: Rc<Dir>) {
        if self.order.len() >= OPEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.open.remove(&oldest);
        }
        if self.open.insert(id, dir).is_none() {
            self.order.push_back(id);
        }
    }

    /// The path of `name` in it, for people.
    pub fn path(&self, id: Id, name: &OsStr) -> String {
        let mut names = vec![name.to_string_lossy()];
        let mut at = Some(id);
        while let Some(node) = at.and_then(|at| self.nodes.get(at)) {
            if !node.name.is_empty() {
                names.push(node.name.to_string_lossy());
            }
            at = node.parent;
        }
        names.reverse();
        names.retain(|name| !name.is_empty());
        names.join("/")
    }
}
