//! Seeds that the simulated vendor makes: whole answers of both faces, and each of its faults.

use std::collections::BTreeSet;

use chainfill::domain::moment::Moment;
use chainfill::source::Response;
use chainfill::source::cryptodatadownload::CryptoDataDownload;
use chainfill::source::{ListingAsk, Source as _};
use chainfill::vendor::{Ask, Face, Reply, Settings, Vendor};

/// 2025-10-26, when the vendor's throttle was met.
const NOW: Moment = Moment(1_761_450_000_000);

/// Answers of a vendor with so few options, to one question after another, with a fault each time where one is named.
pub fn replies(face: Face, faults: &str, paths: &[String]) -> Vec<Reply> {
    let settings = Settings {
        face,
        counts: vec![("ETH".into(), 60)],
        page_rows_max: 4,
        throttles: Vec::new(),
        faults: faults.parse().expect("faults of the simulated vendor"),
        ..Settings::default()
    };
    let mut vendor = Vendor::new(settings);
    paths.iter().map(|path| vendor.answer(NOW, &Ask::json(&format!("/v1/{path}"), "simulated-key"))).collect()
}

/// Every listed name.
pub fn listed() -> Vec<String> {
    let path = CryptoDataDownload.listing_request(ListingAsk::All).path;
    let reply = replies(Face::Symbol2025, "", &[path]).remove(0);
    let names = CryptoDataDownload.read_listing(&response(&reply)).expect("an honest listing");
    names.iter().map(ToString::to_string).collect()
}

/// A reply as the transport hands it on.
pub fn response(reply: &Reply) -> Response {
    let header = |name| reply.header(name).map(str::to_owned);
    Response {
        status: reply.status,
        retry_after: header("Retry-After"),
        date: header("Date"),
        content_type: header("Content-Type"),
        location: header("Location"),
        body: reply.body.clone(),
    }
}

/// The same without doubles, and none so long that it is seldom changed where it matters.
pub fn short(seeds: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let seeds: BTreeSet<Vec<u8>> = seeds.into_iter().filter(|seed| seed.len() <= 2_500).collect();
    seeds.into_iter().collect()
}
