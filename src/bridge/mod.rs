//! Bridges to the neighbours, each behind a feature: parallel iterators (`rayon`), streams and
//! futures (`async`). Formats are among the sources and sinks.

#[cfg(feature = "rayon")]
mod rayon;
