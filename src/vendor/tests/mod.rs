//! What the vendor answers as a whole: its two faces, its order of refusals, each fault.

mod faces;
mod spoilt;

use serde_json::Value;

use super::{Ask, Reply, Settings, Vendor};
use crate::domain::moment::Moment;

const LISTING: &str = "/v1/data/ohlc/deribit/options/available/";

fn small() -> Settings {
    Settings {
        counts: vec![("BTC".into(), 300), ("ETH".into(), 200)],
        throttles: vec![],
        keeps_log: true,
        ..Settings::default()
    }
}

fn get(vendor: &mut Vendor, path: &str) -> Reply {
    vendor.answer(Moment(0), &Ask::json(path, super::settings::KEY_DEFAULT))
}

fn bars_path(parameters: &str) -> String {
    format!("/v1/data/ohlc/deribit/options/?{parameters}")
}

fn json(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn result(reply: &Reply) -> Vec<Value> {
    json(reply)["result"].as_array().unwrap().clone()
}

/// The first listed option with at least so many bars.
fn option_with(vendor: &Vendor, bars: usize) -> String {
    vendor.names().iter().find(|name| vendor.truth(name).len() >= bars).unwrap().to_string()
}
