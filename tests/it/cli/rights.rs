//! A store that is there, and in which this user may not write.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;

use chainfill::vendor::Settings;
use chainfill::vendor::settings::parse_counts;

use super::start;
use crate::rig::postgres::Postgres;

/// Exit code: the store cannot be used.
const STORE: i32 = 8;

fn vendor() -> Settings {
    Settings { counts: parse_counts("BTC=20").unwrap(), throttles: Vec::new(), ..Settings::default() }
}

#[test]
fn a_postgres_user_without_a_right_is_told_which_and_what_gives_it_before_anything_is_sent() {
    // F-B5
    let pg = Postgres::start();
    let owners = pg.database();
    let (desk, vendor) = start(vendor());
    pg.psql(&owners, "CREATE ROLE clerk LOGIN");
    let clerks = owners.replace("postgres@", "clerk@");
    let backfill = |store: &str| {
        let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url, "--store", store];
        desk.chainfill(&args).with_key()
    };
    // The tables are still to be made.
    pg.psql(&owners, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let told = backfill(&clerks).ends_with(STORE).err;
    assert!(told.contains("the user clerk") && told.contains("GRANT CREATE ON SCHEMA public TO clerk;"), "{told}");

    // They are there, and only one right is lacking: the one that is needed last.
    let args = ["backfill", "--limit", "5", "--api-url", &vendor.base_url, "--store", &owners];
    desk.chainfill(&args).with_key().ends_with(0);
    // As in a table of an older script.
    pg.psql(&owners, "ALTER TABLE cryptodatadownload_options_daily ADD COLUMN id SERIAL");
    pg.psql(&owners, "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO clerk");
    pg.psql(&owners, "REVOKE INSERT ON cryptodatadownload_options_daily FROM clerk");
    let served = vendor.requests();
    let told = backfill(&clerks).ends_with(STORE).err;
    assert!(told.contains("INSERT on cryptodatadownload_options_daily; USAGE on"), "{told}");
    let grant = "GRANT INSERT ON cryptodatadownload_options_daily TO clerk;";
    assert!(told.contains(grant), "{told}");
    assert_eq!(vendor.requests(), served, "requests were spent on what cannot be stored");

    // One who may only look sees the state of things, and what it says mends it.
    pg.psql(&owners, "REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA public FROM clerk");
    let status = desk.chainfill(&["status", "--store", &clerks]).ends_with(0).out;
    assert!(status.starts_with("Idle:"), "{status}");
    let told = backfill(&clerks).ends_with(STORE).err;
    let grants: Vec<&str> = told.lines().map(str::trim).filter(|line| line.starts_with("GRANT")).collect();
    assert!(grants.len() > 4 && grants.iter().any(|grant| grant.starts_with("GRANT USAGE ON SEQUENCE")), "{told}");
    pg.psql(&owners, &grants.join("\n"));
    backfill(&clerks).ends_with(0);
    desk.chainfill(&["verify", "--store", &clerks]).ends_with(0);
}

/// Root without its right to write in spite of what the file says.
const OBEYS: &[&str] = &["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"];

#[test]
fn a_file_or_a_folder_that_may_not_be_written_is_told_and_nothing_is_sent() {
    // F-B5
    let (desk, vendor) = start(vendor());
    let folder = desk.path().join("held");
    let file = folder.join("chainfill.db");
    std::fs::create_dir(&folder).unwrap();
    let store = format!("sqlite:{}", file.display());
    let backfill = |more: &[&str]| {
        let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url, "--store", &store];
        let program = desk.chainfill(&args).args(more).with_key();
        if rustix::process::getuid().is_root() { program.under(OBEYS) } else { program }
    };
    let may = |path: &std::path::Path, mode| set_permissions(path, Permissions::from_mode(mode)).unwrap();

    may(&folder, 0o555);
    let told = backfill(&[]).ends_with(STORE).err;
    assert!(told.contains("unable to open") && told.contains("read and written"), "no file yet: {told}");
    may(&folder, 0o755);
    backfill(&["--limit", "5"]).ends_with(0);
    let served = vendor.requests();
    for (folder_mode, file_mode) in [(0o755, 0o444), (0o555, 0o444), (0o555, 0o644)] {
        may(&folder, folder_mode);
        may(&file, file_mode);
        let told = backfill(&[]).ends_with(STORE).err;
        assert!(
            told.contains("writable") || told.contains("read and written"),
            "{folder_mode:o} {file_mode:o}: {told}"
        );
        assert_eq!(vendor.requests(), served, "requests were spent on what cannot be stored");
    }
    may(&folder, 0o755);
    may(&file, 0o644);
    backfill(&[]).ends_with(0);
    desk.chainfill(&["verify", "--store", &store]).ends_with(0);
}
