//! Upstreams that are gateways and report what they have answered: by a webhook, or in a log that is read.

use ledger::{CallerKey, EventKey, ReportedUse, Source, litellm_event_id, openrouter_event_id};

use crate::new_api::{NewApiDialect, event_id_of_request};

/// A gateway whose reports name what it has answered. sub2api is none: neither the headers of its answers nor their
/// bodies have the id of its log's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LlmGateway {
    #[default]
    NewApi,
    OneApi,
    Litellm,
    Openrouter,
}

/// The ids of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnswerIds<'a> {
    /// In a header, which is there before the body.
    pub request: Option<&'a str>,
    /// In the body.
    pub answer: Option<&'a str>,
}

/// Who reports the uses of an upstream, and under which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reports {
    pub(super) gateway: LlmGateway,
    pub(super) key: CallerKey,
}

impl LlmGateway {
    const ALL: [Self; 4] = [Self::NewApi, Self::OneApi, Self::Litellm, Self::Openrouter];

    /// Its word in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewApi => NewApiDialect::NewApi.as_str(),
            Self::OneApi => NewApiDialect::OneApi.as_str(),
            Self::Litellm => "litellm",
            Self::Openrouter => "openrouter",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gateway| gateway.as_str() == word)
    }

    /// The header in which its answers have the id of the request.
    pub(super) const fn id_header(self) -> Option<&'static str> {
        match self {
            Self::NewApi | Self::OneApi => Some("x-oneapi-request-id"),
            Self::Litellm => Some("x-litellm-call-id"),
            Self::Openrouter => None,
        }
    }
}

impl Reports {
    /// `None` for an answer without the ids, whose use is then settled under the name of its hold.
    pub(super) fn of(&self, ids: AnswerIds<'_>) -> Option<ReportedUse> {
        let Self { gateway, key } = self;
        let of_log = |dialect| event_id_of_request(dialect, ids.request?, key.as_str());
        let event = match gateway {
            LlmGateway::NewApi => of_log(NewApiDialect::NewApi),
            LlmGateway::OneApi => of_log(NewApiDialect::OneApi),
            // Without the header it has been cut off on its way, and the report has it.
            LlmGateway::Litellm => Some(litellm_event_id(Some(ids.request?), ids.answer?)),
            LlmGateway::Openrouter => ids.answer.map(openrouter_event_id),
        };
        let usage = EventKey::new(Source::Usage, &event?).ok()?;
        Some(ReportedUse { usage, key: key.clone() })
    }
}
