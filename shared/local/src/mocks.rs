//! The fakes of the providers, and the settings that point the functions to them.

use std::net::SocketAddr;

use ledger::Source;

use crate::error::Error;
use crate::mock_epay::MockEpay;
use crate::mock_fireblocks::MockFireblocks;
use crate::mock_new_api::MockNewApi;
use crate::mock_openai::MockOpenAi;
use crate::mock_stripe::MockStripe;
use crate::mock_unitel::MockUnitel;
use crate::mock_wechat::MockWechat;
use crate::secrets::Secrets;
use crate::sources;

/// The fakes of a stack.
pub(crate) struct Mocks {
    /// `None` if `MOCK_STRIPE` is `false`: then the functions call Stripe's test mode.
    pub(crate) stripe: Option<MockStripe>,
    /// `None` if `MOCK_EPAY` is `false`: then the functions call a real gateway.
    pub(crate) epay: Option<MockEpay>,
    pub(crate) wechat: MockWechat,
    pub(crate) fireblocks: MockFireblocks,
    /// A telephone operator, which sends no webhooks.
    pub(crate) unitel: MockUnitel,
    /// The log of an LLM gateway, which sends none either.
    pub(crate) new_api: MockNewApi,
    /// LLM upstreams.
    pub(crate) openai: MockOpenAi,
}

impl Mocks {
    pub(crate) fn open(
        address: SocketAddr,
        secrets: &Secrets,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let base_url = format!("http://{address}");
        let is_wanted = |name: &str| variable(name).is_none_or(|value| value != "false");
        let epay = || MockEpay::new(&base_url, secrets.named(sources::epay::SETTING));
        Ok(Self {
            stripe: is_wanted("MOCK_STRIPE").then(|| MockStripe::new(&base_url, secrets.named(stripe::SETTINGS[0]))),
            epay: is_wanted("MOCK_EPAY").then(epay).transpose()?,
            wechat: MockWechat::new(&base_url, secrets)?,
            fireblocks: MockFireblocks::new(&base_url, secrets.named(sources::fireblocks::SETTING))?,
            unitel: MockUnitel::new(&base_url, secrets),
            new_api: MockNewApi::new(&base_url, secrets),
            openai: MockOpenAi::new(&base_url, secrets),
        })
    }

    /// A setting of a function. The settings of a fake that can be switched off override the environment; those of the others are
    /// defaults.
    pub(crate) fn setting(&self, name: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
        let of = |is_first: bool| {
            let mut sources = Source::ALL.into_iter().filter(|source| comes_first(*source) == is_first);
            sources.find_map(|source| self.of(source, name))
        };
        // For an operator that the environment names, the fake's other settings are not defaults.
        let of_unitel = || if variable("UNITEL_API_URL").is_some() { None } else { self.unitel.setting(name) };
        let of_new_api = || if variable("NEW_API_BASE_URL").is_some() { None } else { self.new_api.setting(name) };
        let of_openai = || if variable("LLM_BASE_URL").is_some() { None } else { self.openai.setting(name) };
        let return_page = || self.stripe.as_ref()?.return_page(name);
        of(true)
            .or_else(|| variable(name))
            .or_else(return_page)
            .or_else(|| of(false))
            .or_else(of_unitel)
            .or_else(of_new_api)
            .or_else(of_openai)
    }

    /// Each fake, and whether it is served.
    pub(crate) fn fakes(&self) -> Vec<(&'static str, bool)> {
        let (stripe, epay) = (self.stripe.is_some(), self.epay.is_some());
        let always = ["WeChat Pay", "Fireblocks", "Unitel", "new-api", "OpenAI"].map(|name| (name, true));
        [("Stripe", stripe), ("epay", epay)].into_iter().chain(always).collect()
    }

    fn of(&self, source: Source, name: &str) -> Option<String> {
        match source {
            // A gateway's log is no setting of the source.
            Source::Usage | Source::Litellm | Source::Openrouter => None,
            Source::Stripe => self.stripe.as_ref()?.setting(name),
            Source::Wechat => self.wechat.setting(name),
            Source::Epay => self.epay.as_ref()?.setting(name),
            Source::Fireblocks => self.fireblocks.setting(name),
        }
    }
}

fn comes_first(source: Source) -> bool {
    match source {
        Source::Stripe | Source::Epay => true,
        Source::Usage | Source::Litellm | Source::Openrouter | Source::Wechat | Source::Fireblocks => false,
    }
}
