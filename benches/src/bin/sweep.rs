//! Measures one exact sweep (users and items) of alternating least squares. Arguments: a file of `user,item` lines,
//! then numbers of factors. Prints `factors seconds`, the median of nine sweeps.

use segrec_engine::interactions::SparseRows;
use segrec_engine::linalg::gram;
use segrec_engine::scorers::factors::AlsOptions;
use segrec_engine::scorers::factors::backbone::initial_factors;
use segrec_engine::scorers::factors::fixed_side::FixedSide;
use segrec_engine::{Matrix, Silent};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: sweep FILE FACTORS...")?;
    let interactions = segrec_benches::read_interactions(path.as_ref())?;
    for factors in arguments {
        let options = AlsOptions {
            factors: factors.parse()?,
            sweeps: 1,
            regularization: 0.003,
            unobserved_weight: 0.01,
            frequency_exponent: 1.0,
            sharing: 0.1,
        };
        let half = |fixed: &Matrix, rows: &SparseRows| -> Result<Matrix, Box<dyn Error>> {
            let solver = FixedSide::new(fixed, &gram(fixed), options.unobserved_weight, &Silent)?;
            let ridge = |row| options.row_regularization(rows.row_len(row) as f64, rows.width() as f64);
            Ok(solver.solve(rows, ridge, &Silent)?.0)
        };
        let mut items = initial_factors(interactions.items(), options.factors, 42);
        let mut seconds = Vec::new();
        for _ in 0..9 {
            let start = Instant::now();
            let users = half(&items, interactions.by_user())?;
            items = half(&users, interactions.by_item())?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        println!("{factors} {:.4}", seconds[seconds.len() / 2]);
    }
    Ok(())
}
