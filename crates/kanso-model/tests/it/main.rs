//! The model is explored completely, is seen to fail, and agrees with the code.

mod explored;
