//! The real program, alone and against the real server.

// Clippy allows `expect` only in modules below this attribute.
#[cfg(test)]
mod adopt;
#[cfg(test)]
mod away;
#[cfg(test)]
mod between;
#[cfg(test)]
mod clear_text;
mod conventions;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod days;
#[cfg(test)]
mod habits;
#[cfg(test)]
mod import;
#[cfg(test)]
mod invited;
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
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod unknown_outcome;
#[cfg(test)]
mod unread;
#[cfg(test)]
mod zone;
