//! Orders as CSV: read, cleaned, summed up per region and month, and written as a file that appears
//! whole or not at all. Ctrl-C writes what was read until then.
//!
//! ```text
//! cargo run --release --example etl                          # generated orders
//! cargo run --release --example etl -- orders.csv sums.csv   # id,day,region,units,price
//! ```

use flow::{AtomicFile, Csv, Flow};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// A row as it comes: anything may be wrong with it.
#[derive(Deserialize)]
struct Row {
    id: String,
    day: String,
    region: String,
    units: String,
    price: String,
}

struct Order {
    region: String,
    month: String,
    units: u64,
    cents: u64,
}

/// A row as it is written.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Sum {
    region: String,
    month: String,
    orders: u64,
    units: u64,
    cents: u64,
}

/// An order, or why the row is none.
fn clean(row: &Row) -> Result<Order, &'static str> {
    let region = row.region.trim().to_uppercase();
    if row.id.trim().is_empty() {
        return Err("no id");
    }
    if region.is_empty() {
        return Err("no region");
    }
    let month = row.day.trim().get(..7).filter(|month| month.as_bytes()[4] == b'-');
    let units: u64 = row.units.trim().parse().map_err(|_| "units are no number")?;
    let price: f64 = row.price.trim().parse().map_err(|_| "price is no number")?;
    if !(0.0..1e6).contains(&price) {
        return Err("price out of range");
    }
    let cents = (price * 100.0).round() as u64 * units;
    Ok(Order { region, month: month.ok_or("no day")?.to_owned(), units, cents })
}

/// 20,000 rows, the same at every run, some of them dirty.
fn generated() -> String {
    let mut rows = "id,day,region,units,price\n".to_owned();
    for n in 0..20_000_u64 {
        let random = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let region = ["north", "South ", " EAST", "west"][(random >> 32) as usize % 4];
        let (month, day) = (1 + random % 3, 1 + (random >> 8) % 28);
        let (units, price) = (1 + (random >> 16) % 9, (random >> 24) % 10_000);
        let (euros, cents) = (price / 100, price % 100);
        let _ = match n % 500 {
            17 => writeln!(rows, "{n},2026-{month:02}-{day:02},,{units},{euros}.{cents:02}"),
            18 => writeln!(rows, "{n},2026-{month:02}-{day:02},{region},many,{euros}.{cents:02}"),
            19 => writeln!(rows, "{n},2026-{month:02}-{day:02},{region},{units},-1"),
            20 => writeln!(rows, ",2026-{month:02}-{day:02},{region},{units},1"),
            _ => writeln!(rows, "{n},2026-{month:02}-{day:02},{region},{units},{euros}.{cents:02}"),
        };
    }
    rows
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = env::args_os().skip(1).map(PathBuf::from);
    let input: Box<dyn Read + Send> = match paths.next() {
        Some(path) => Box::new(File::open(path)?),
        None => Box::new(Cursor::new(generated())),
    };
    let directory = tempfile::tempdir()?;
    let output = paths.next().unwrap_or_else(|| directory.path().join("sums.csv"));
    let rejected = Arc::new(Mutex::new(BTreeMap::<&str, u64>::new()));
    let reject = Arc::clone(&rejected);
    let orders = Arc::new(Mutex::new(0));
    let written = Arc::clone(&orders);

    let running = Flow::from_csv::<Row, _>(input)
        .map(|row| clean(&row))
        .errors_to(move |why| *reject.lock().unwrap().entry(why).or_default() += 1)
        .key_by(|order| (order.region.clone(), order.month.clone()))
        .aggregate(|a| (a.count(), a.sum(|order| order.units), a.sum(|order| order.cents)))
        .map(|((region, month), (orders, units, cents))| Sum {
            region,
            month,
            orders,
            units,
            cents,
        })
        .inspect(move |sum| *written.lock().unwrap() += sum.orders)
        .sorted()
        .to(Csv::new(AtomicFile::new(&output)))
        .start()?;

    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || _ = interrupt.send(()))?;
    let mut drained = false;
    while !running.is_finished() {
        if interrupted.recv_timeout(Duration::from_millis(20)).is_ok() {
            eprintln!("draining");
            running.drain();
            drained = true;
        }
    }
    running.join()?;

    let sums = fs::read_to_string(&output)?;
    print!("{sums}");
    let (orders, rejected) = (*orders.lock().unwrap(), rejected.lock().unwrap());
    let bad: u64 = rejected.values().sum();
    println!("\n{:20} {:>7}", "rows", "");
    println!("{:20} {:7}", "read", orders + bad);
    rejected.iter().for_each(|(why, rows)| println!("  {why:18} {rows:7}"));
    println!("{:20} {orders:7}", "summed up");
    let lines = sums.lines().count().saturating_sub(1);
    let until = if drained { "drained: " } else { "" };
    println!("{until}{} rows read, {bad} rejected, {lines} sums written", orders + bad);
    Ok(())
}
