//! Bridges to the neighbours, each behind a feature: parallel iterators (`rayon`), streams and
//! futures (`async`). Formats are among the sources and sinks.

#[cfg(feature = "async")]
mod events;
#[cfg(feature = "async")]
mod map_async;
#[cfg(feature = "rayon")]
mod rayon;
#[cfg(feature = "async")]
mod stream;

#[cfg(feature = "async")]
pub use events::EventStream;
#[cfg(feature = "async")]
pub use map_async::AsyncTask;
#[cfg(feature = "async")]
pub use stream::FlowStream;
