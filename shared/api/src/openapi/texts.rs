//! Texts that many requests and answers have: `#[schema(value_type = …)]` names one of these.

use std::borrow::Cow;

use ledger::{Fulfilment, KeptBecause, LotKind, PaymentState, Policy, Provider, Scope, Window};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::UNREADABLE;

/// Defines a schema that no value has: the members themselves are texts.
macro_rules! schema {
    ($(#[$doc:meta])* $type:ident, $name:literal, $build:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $type;

        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                let build: fn(ObjectBuilder) -> ObjectBuilder = $build;
                build(ObjectBuilder::new().schema_type(Type::String)).into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }
        }
    };
}

schema!(
    /// An amount of an asset.
    AmountText,
    "Amount",
    |text| text
        .pattern(Some(r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,18})?$"))
        .description(Some("A decimal text, with no more decimals than the asset has: nine for credits."))
        .examples(["2.5"])
);

schema!(
    /// A balance, or the change of one.
    SignedAmountText,
    "SignedAmount",
    |text| text
        .pattern(Some(r"^-?(0|[1-9][0-9]*)(\.[0-9]{1,18})?$"))
        .description(Some("A decimal text, below zero with a `-`."))
        .examples(["-1.5"])
);

schema!(
    /// The name of an owner.
    OwnerName,
    "OwnerName",
    |text| text
        .pattern(Some("^[A-Za-z0-9._@-]{1,64}$"))
        .description(Some("The owner of accounts: your own id of a customer."))
        .examples(["alice"])
);

schema!(
    /// The code of an asset.
    AssetCode,
    "AssetCode",
    |text| text
        .pattern(Some("^[A-Za-z0-9_-]{1,32}$"))
        .description(Some("`credits`, a token of the catalog, `report-<name>` or `commission-<currency>`."))
        .examples(["credits"])
);

schema!(
    /// Why a person or a program made a change.
    ReasonText,
    "Reason",
    |text| text
        .min_length(Some(1))
        .max_length(Some(160))
        .pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"))
        .description(Some("Why: one line, which the books keep with the name of the key."))
        .examples(["a welcome"])
);

schema!(
    /// A time of an answer.
    TimeText,
    "Time",
    |text| text
        .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
        .description(Some("A time in UTC, with milliseconds."))
        .examples(["2026-01-01T00:00:00.000Z"])
);

schema!(
    /// The state of a hold.
    HoldStateWord,
    "HoldState",
    |text| text.enum_values(Some(["open", "settled", "released", "expired"]))
);

schema!(
    /// The kind of credits that expire.
    LotKindWord,
    "LotKind",
    |text| text.enum_values(Some(LotKind::ALL.map(LotKind::as_str)))
);

schema!(
    /// How an account is paid for.
    PolicyWord,
    "Policy",
    |text| text.enum_values(Some(Policy::ALL.map(Policy::as_str)))
);

schema!(
    /// The part of an owner that a page of an export has.
    ExportPartWord,
    "ExportPart",
    |text| text.enum_values(Some(["owner", "keys", "holds", "account", "orders"]))
);

schema!(
    /// Why an order keeps its phone or its wallet.
    KeptBecauseWord,
    "KeptBecause",
    |text| text.enum_values(Some(
        KeptBecause::ALL.map(KeptBecause::as_str).into_iter().chain([UNREADABLE]).collect::<Vec<_>>()
    ))
);

schema!(
    /// A provider of payments.
    ProviderWord,
    "Provider",
    |text| text.enum_values(Some(Provider::ALL.map(Provider::as_str)))
);

schema!(
    /// The state of an order's payment.
    PaymentWord,
    "PaymentState",
    |text| text.enum_values(Some(PaymentState::ALL.map(PaymentState::as_str)))
);

schema!(
    /// The state of an order's delivery.
    FulfilmentWord,
    "FulfilmentState",
    |text| text.enum_values(Some(Fulfilment::ALL.map(Fulfilment::as_str)))
);

schema!(
    /// The kind of a key.
    KeyKindWord,
    "KeyKind",
    |text| text.enum_values(Some(["owner", "gateway", "service"]))
);

schema!(
    /// The state of a key. `ending`: it was rotated, and still works.
    KeyStateWord,
    "KeyState",
    |text| text.enum_values(Some(["live", "ending", "revoked"]))
);

schema!(
    /// What a service key may do.
    ScopeWord,
    "Scope",
    |text| text.enum_values(Some(Scope::ALL.map(Scope::as_str)))
);

schema!(
    /// What a limit of a budget is for.
    BudgetWindowWord,
    "BudgetWindowName",
    |text| text.enum_values(Some(Window::ALL.map(Window::as_str)))
);
