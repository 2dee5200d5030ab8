//! The real program, alone and against the real server.

// Clippy takes a function for a test's only below this attribute.
#[cfg(test)]
mod away;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod days;
#[cfg(test)]
mod doubt;
#[cfg(test)]
mod habits;
#[cfg(test)]
mod import;
#[cfg(test)]
mod manners;
#[cfg(test)]
mod password;
#[cfg(test)]
mod pictures;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod stats;
#[cfg(test)]
mod story;
#[cfg(test)]
mod support;
