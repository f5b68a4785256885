//! Every integration test, as one program. Each file is about one subject, and the name of a test is its claim. The
//! harness is in support/.

mod adversarial;
mod aggregate_errors;
mod aggregates;
mod algorithms;
mod analyst;
mod arguments;
mod availability;
mod background;
mod cache;
mod cancels;
mod catalog;
mod cold;
mod concurrency;
mod crashes;
mod degenerate;
mod documentation;
mod drivers;
mod durability;
mod embeddings;
mod encodings;
mod endless;
mod errors;
mod evaluation;
mod events;
mod example;
mod explained_features;
mod filter;
mod functions;
mod fuzz;
mod grants;
mod harness;
mod health;
mod identity;
mod imports;
mod installation;
mod items;
mod jobs;
mod later_items;
mod lists;
mod live_views;
mod many;
mod measuring;
mod memory;
mod metrics;
mod new_users;
mod odd_values;
mod off_policy;
mod order;
mod owners;
mod parts;
mod planning;
mod privileges;
mod publications;
mod rebind;
mod recent_events;
mod recommend;
mod redefine;
mod reference;
mod refresh;
mod removal;
mod repeat;
mod replica;
mod restores;
mod roles;
mod rules;
mod schedules;
mod secrets;
mod seen;
mod segmentation;
mod serving_while_training;
mod stable;
mod states;
mod statistics;
mod tenants;
mod train_all;
mod training;
mod transfer;
mod trending;
mod tuning;

/// Cargo only compiles the files that are declared above.
#[test]
fn every_file_of_tests_is_part_of_this_program() {
    let directory = segrec_tests::repository().join("tests");
    let declared = include_str!("all.rs");
    for entry in std::fs::read_dir(directory).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if let Some(module) = file.strip_suffix(".rs").filter(|module| *module != "all") {
            assert!(
                declared.contains(&format!("\nmod {module};")),
                "tests/{file} is not declared in tests/all.rs"
            );
        }
    }
}
