//! Tests of the whole: gradients against a plain network in double precision, and what a training does.

mod behaviour;
mod gradients;
mod method;
mod reference;
