//! Rows of users beside dense solves.
