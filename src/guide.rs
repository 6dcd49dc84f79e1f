//! Guides: what is known from elsewhere, and what it is called here. Their tables are made or checked by
//! tests.

#[doc = include_str!("../docs/coming-from.md")]
pub mod coming_from {}

#[doc = include_str!("../docs/elixir-flow.md")]
pub mod elixir_flow {}

#[doc = include_str!("../docs/gen-stage.md")]
pub mod gen_stage {}

#[doc = include_str!("../docs/broadway.md")]
pub mod broadway {}

#[doc = include_str!("../docs/windows.md")]
pub mod windows {}
