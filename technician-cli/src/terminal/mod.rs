//! The technician's terminal while a shell on a PC has it.
//!
//! | module | what |
//! |---|---|
//! | [`filter`], `modes` | what of the shell's output may reach the terminal, and what is undone at its end |
//! | [`keys`] | what is typed: everything goes to the PC, but for `~.` and its kin |
//! | [`stage`] | the terminal itself: raw, shared between the shell and our own notices, brought back |

pub mod filter;
pub mod keys;
mod modes;
pub mod stage;
