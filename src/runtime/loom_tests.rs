//! Model checks; see below.
