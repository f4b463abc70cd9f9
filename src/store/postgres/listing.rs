//! What a fetched listing changes, in few statements whatever its length.

use std::borrow::Cow;
use std::collections::HashSet;

use super::columns::LedgerColumns;
use super::link::{Link, Pipeline, Ready};
use super::trouble::Trouble;
use crate::domain::instrument::{Symbol, kept_name};
use crate::domain::listing::ListingNews;
use crate::limits::LISTING_PART_NAMES_MAX;
use crate::store::ListingRow;

const LISTING: &str = "INSERT INTO chainfill_listing (fetched_at, names, unparsed, added, vanished, requests) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

const LISTED: &str = "UPDATE chainfill_option AS o SET listed = n.listed FROM unnest($1::text[], $2::boolean[]) \
     AS n (symbol, listed) WHERE o.symbol = n.symbol AND o.listed <> n.listed";

const CHANGES: &str = "INSERT INTO chainfill_listing_change (fetched_at, symbol, change) \
     SELECT $1, * FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING";

const NEW: &str = "WITH added AS (INSERT INTO chainfill_option (symbol, currency, expiry, strike, option_type, state, \
     row_count, first_bar, last_bar, print, fetched_at, listed, reason, due_at, first_listing) \
     SELECT *, $15::bigint FROM unnest($1::text[], $2::text[], $3::date[], $4::numeric[], $5::text[], $6::text[], \
     $7::bigint[], $8::date[], $9::date[], $10::bigint[], $11::bigint[], $12::boolean[], $13::text[], $14::bigint[]) \
     ON CONFLICT (symbol) DO NOTHING RETURNING currency, state) \
     INSERT INTO chainfill_tally AS t (currency, listed, pending, stored, empty, attention, bars) \
     SELECT currency, count(*), count(*) FILTER (WHERE state = 'pending'), 0, 0, \
     count(*) FILTER (WHERE state = 'attention'), 0 FROM added GROUP BY currency \
     ON CONFLICT (currency) DO UPDATE SET listed = t.listed + excluded.listed, \
     pending = t.pending + excluded.pending, attention = t.attention + excluded.attention";

/// A listing's news, ready for the wire.
pub(super) struct ListingCalls<'a> {
    statements: [Ready; 3],
    at: i64,
    counts: [i64; 5],
    listed: (Vec<Cow<'a, str>>, Vec<bool>),
    changes: (Vec<Cow<'a, str>>, Vec<&'static str>),
}

impl<'n> ListingCalls<'n> {
    pub(super) async fn of(link: &mut Link, news: &'n ListingNews) -> Result<ListingCalls<'n>, Trouble> {
        let row = ListingRow::of(news);
        let text = |symbol: &'n Symbol| kept_name(symbol.as_str());
        let gone = news.vanished.iter().map(|symbol| (text(symbol), false, "vanished"));
        let back = news.returned.iter().map(|symbol| (text(symbol), true, "returned"));
        let mut listed = (Vec::new(), Vec::new());
        let mut changes = (Vec::new(), Vec::new());
        // Where one name stands for two, being named wins.
        let new: HashSet<Cow<'n, str>> = news.new.iter().map(|record| text(&record.symbol)).collect();
        for (symbol, is_listed, change) in gone.chain(back) {
            if !new.contains(&symbol) {
                listed.0.push(symbol.clone());
                listed.1.push(is_listed);
            }
            changes.0.push(symbol);
            changes.1.push(change);
        }
        listed.1.extend(new.iter().map(|_| true));
        listed.0.extend(new);
        Ok(ListingCalls {
            statements: link.prepare_all([LISTING, LISTED, CHANGES]).await?,
            at: news.fetched_at.0,
            counts: [row.names, row.unparsed, row.new, row.vanished, news.requests].map(i64::from),
            listed,
            changes,
        })
    }

    pub(super) fn add_to<'a>(&'a self, pipeline: &mut Pipeline<'a>) {
        let [listing, listed, changes] = &self.statements;
        let [names, unparsed, count, vanished, requests] = &self.counts;
        pipeline.add(listing, vec![&self.at, names, unparsed, count, vanished, requests]);
        if !self.listed.0.is_empty() {
            pipeline.add(listed, vec![&self.listed.0, &self.listed.1]);
        }
        if !self.changes.0.is_empty() {
            pipeline.add(changes, vec![&self.at, &self.changes.0, &self.changes.1]);
        }
    }
}

/// Adds the options that the ledger does not know, a part after the other: all at once they would stand in memory three
/// times, as records, as columns, and on the wire.
pub(super) async fn add_new(link: &mut Link, news: &ListingNews) -> Result<(), Trouble> {
    let statement = link.prepare(NEW).await?;
    for part in news.new.chunks(LISTING_PART_NAMES_MAX) {
        let columns = LedgerColumns::of(part);
        let mut values = columns.values();
        values.push(&news.fetched_at.0);
        link.query(&statement, &values).await?;
    }
    Ok(())
}
