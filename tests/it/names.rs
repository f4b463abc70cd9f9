//! The grammar of names against every real name that is known.

use std::io::{BufReader, Read as _};

use chainfill::domain::instrument::{Instrument, expiry_code};
use flate2::read::GzDecoder;
use rust_decimal::Decimal;

use crate::rig::shared;

#[test]
fn all_33918_real_names_parse_to_the_terms_that_their_list_states() {
    // F-X6
    let Some(path) = shared("deribit_option_names.csv.gz") else { return };
    let mut text = String::new();
    BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap())).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("instrument_name,prefix,expiry_date,strike,type,"));
    let mut count = 0;
    for line in lines {
        let column: Vec<&str> = line.split(',').collect();
        let name = column[0];
        let read = Instrument::parse(name).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(read.currency.as_str(), column[1], "{name}");
        assert_eq!(read.expiry.to_string(), column[2], "{name}");
        assert_eq!(read.strike, Decimal::from_str_exact(column[3]).unwrap(), "{name}");
        assert_eq!(read.option_type.letter(), column[4], "{name}");
        assert!(name.contains(&format!("-{}-", expiry_code(read.expiry))), "{name}: its expiry is written otherwise");
        count += 1;
    }
    assert_eq!(count, 33_918);
}
