//! Keeps the section that holds the SQL schema (`.pgrxsc`) through the link, so that `cargo build`
//! and `cargo pgrx` produce the same library and share one build cache.

fn main() {
    println!("cargo:rustc-cdylib-link-arg=-Wl,--no-gc-sections");
    println!("cargo:rerun-if-changed=build.rs");
}
