//! Test support for every crate: a [`World`] with the stack's tables, [`Faults`] between our code and the store, a
//! [`LoadedStore`] with DynamoDB's limits and latencies, and a [`FaultyNet`] to each fake provider: [`StripeNet`],
//! [`WechatNet`], [`EpayNet`], [`UnitelNet`], [`FireblocksNet`], [`NewApiNet`], [`OpenAiNet`].
//!
//! Every ledger passes the [`contract`]; [`MemoryLedger`] is its in-memory implementation. [`Books`] reads all tables
//! and checks that the sums add up. [`RsaPair`]s are test keys.
//!
//! ```
//! use testkit::{MemoryLedger, World, contract};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! contract(async || {
//!     let ledger = MemoryLedger::default();
//!     (ledger.clone(), async move || ledger.books())
//! })
//! .await;
//! # });
//!
//! let world = World::new();
//! let _ledger = world.ledger(1);
//! world.books().check();
//! ```

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]
#![expect(clippy::missing_panics_doc, reason = "everything here panics when a test fails")]

mod books;
mod caller;
mod contract;
mod epay;
mod faults;
mod faulty_net;
mod fireblocks;
mod gateway;
mod loaded_store;
mod memory;
mod memory_jwks_cache;
mod new_api;
mod openai;
mod provider_call;
mod replies;
mod rsa_pair;
mod second;
mod second_net;
mod stripe;
mod unitel;
mod usage;
mod wechat;
mod world;

pub use books::{Account, Books, CodeRow, HoldRow, OrderRow, Row, SpentRow, SubscriptionRow};
pub use caller::{api_key, code_pepper, exchange_rate, revoke_service_key, service_key};
pub use contract::contract;
pub use epay::{EPAY_BASE, EPAY_KEY, EpayNet, epay_keys, epay_settings};
pub use faults::{Call, Fault, Faults};
pub use faulty_net::{FakeProvider, FaultyNet, NetFault, ProviderReply};
pub use fireblocks::{
    FIREBLOCKS_API_KEY, FIREBLOCKS_API_PAIR, FIREBLOCKS_BASE, FIREBLOCKS_HOOK_PAIR, FIREBLOCKS_JWKS, FIREBLOCKS_KID,
    FireblocksAndJwks, FireblocksNet, fireblocks_jwks, fireblocks_settings, fireblocks_signature,
};
pub use gateway::{Sent, Shape};
pub use loaded_store::{Latency, LoadCounts, LoadedStore, Rules, Units};
pub use memory::MemoryLedger;
pub use new_api::{NEW_API_BASE, NEW_API_TOKEN, NewApiNet, given_back, logged};
pub use openai::{OPENAI_BASE, OPENAI_KEY, OPENAI_SECOND_BASE, OpenAiFault, OpenAiNet, Upstreams};
pub use provider_call::ProviderCall;
pub use rsa_pair::{RsaPair, rsa_pair};
pub use second::{Both, SecondEngine};
pub use stripe::{StripeFault, StripeNet};
pub use unitel::{UNITEL_BASE, UNITEL_PASSWORD, UNITEL_USERNAME, UnitelNet};
pub use usage::{litellm_usage, usage};
pub use wechat::{
    FORWARDER_SECRET, MERCHANT_PAIR, PLATFORM_KEY_ID, PLATFORM_PAIR, SigningWechat, WECHAT_APP, WECHAT_MERCHANT,
    WechatFault, WechatNet,
};
pub use world::{STAGE, Snapshot, World, context, deadline, instant, mark, now, seeded_bits};
