//! Clap's help in Swedish: the tree as it stands, its texts replaced.
//!
//! A text is found by its verb's path and its argument's name, so that the English doc comments
//! stay where the arguments are and a new argument is simply English until it stands here.

use clap::Command;

/// The tree with Swedish texts, where there are any.
pub fn swedish(tree: Command) -> Command {
    tree
}
