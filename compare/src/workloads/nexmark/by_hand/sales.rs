//! The queries about what auctions are sold for: q4 and q6.

use std::collections::BTreeMap;

use ::nexmark::event::{Auction, Bid, Event};

use super::super::limit;
use super::{Map, Query};

/// For how long a bid waits for its auction, in milliseconds.
const LONGEST: i64 = 1_000;

/// What q4 and q6 begin with: auctions and bids are joined while the auction is open.
#[derive(Clone, Default)]
pub(crate) struct Sales {
    open: Map<usize, (&'static Auction, usize)>,
    /// By when they close.
    closes: BTreeMap<u64, Vec<usize>>,
    /// Bids whose auction has not come.
    waiting: Map<usize, Vec<&'static Bid>>,
    swept: i64,
}

/// An auction, or a bid for it.
#[derive(Clone)]
pub(crate) enum Trade {
    Auction(&'static Auction),
    Bid(&'static Bid),
}

/// An auction with its highest bid.
type Sale = (&'static Auction, usize);

impl Sales {
    fn pick(event: &'static Event) -> Option<Trade> {
        match event {
            Event::Auction(auction) => Some(Trade::Auction(auction)),
            Event::Bid(bid) => Some(Trade::Bid(bid)),
            Event::Person(_) => None,
        }
    }

    fn fold(&mut self, trade: Trade) {
        match trade {
            Trade::Auction(auction) => {
                self.open.insert(auction.id, (auction, 0));
                self.closes.entry(auction.expires).or_default().push(auction.id);
                for bid in self.waiting.remove(&auction.id).into_iter().flatten() {
                    self.bid(bid);
                }
            }
            Trade::Bid(bid) => self.bid(bid),
        }
    }

    fn bid(&mut self, bid: &'static Bid) {
        match self.open.get_mut(&bid.auction) {
            Some((auction, best)) => {
                if (auction.date_time..=auction.expires).contains(&bid.date_time) {
                    *best = bid.price.max(*best);
                }
            }
            None => self.waiting.entry(bid.auction).or_default().push(bid),
        }
    }

    fn passed(&mut self, time: i64, parts: &mut Vec<Sale>) {
        while let Some(entry) = self.closes.first_entry().filter(|e| (*e.key() as i64) < time) {
            let sales = entry.remove().into_iter().filter_map(|id| self.open.remove(&id));
            parts.extend(sales.filter(|sale| sale.1 > 0));
        }
        if time.saturating_sub(LONGEST) > self.swept {
            self.swept = time;
            self.waiting.retain(|_, bids| {
                bids.retain(|bid| bid.date_time as i64 + LONGEST >= time);
                !bids.is_empty()
            });
        }
    }
}

/// q4 and q6, which differ in what they make of the sales.
macro_rules! of_sales {
    ($query:ident, $means:path) => {
        pub(crate) struct $query;

        impl Query for $query {
            type Event = Trade;
            type Seen = ();
            type State = Sales;
            type Part = Sale;
            type Output = (usize, u64);

            fn pick(_: &mut (), event: &'static Event) -> Option<Trade> {
                Sales::pick(event)
            }

            fn time(trade: &Trade) -> u64 {
                match trade {
                    Trade::Auction(auction) => auction.date_time,
                    Trade::Bid(bid) => bid.date_time,
                }
            }

            fn owner(trade: &Trade) -> usize {
                match trade {
                    Trade::Auction(auction) => auction.id,
                    Trade::Bid(bid) => bid.auction,
                }
            }

            fn fold(sales: &mut Sales, trade: Trade) {
                sales.fold(trade);
            }

            fn passed(sales: &mut Sales, time: i64, parts: &mut Vec<Sale>) {
                sales.passed(time, parts);
            }

            fn output(parts: Vec<Vec<Sale>>) -> Vec<Vec<(usize, u64)>> {
                $means(parts.into_iter().flatten())
            }
        }
    };
}

of_sales!(Categories, limit::by_category);
of_sales!(Sellers, limit::by_seller);
