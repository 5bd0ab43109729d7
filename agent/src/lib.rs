//! The agent on each PC: one outbound session; verifies, decides, executes, journals.
#![forbid(unsafe_code)]
