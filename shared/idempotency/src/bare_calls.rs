//! Calls of the store without the headers that only describe the caller: the SDK's versions and features, the number of
//! the attempt, and an id of the call. No answer depends on them, and to build and sign them takes a tenth of an event.

use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::user_agent::UserAgentInterceptor;
use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::{disable_interceptor, dyn_dispatch_hint};

#[derive(Debug)]
pub(crate) struct BareCalls;

#[dyn_dispatch_hint]
impl Intercept for BareCalls {
    fn name(&self) -> &'static str {
        "BareCalls"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        const WHY: &str = "no answer depends on it";
        let state = config.interceptor_state();
        state.store_put(disable_interceptor::<UserAgentInterceptor>(WHY));
        state.store_put(disable_interceptor::<InvocationIdInterceptor>(WHY));
        state.store_put(disable_interceptor::<RequestInfoInterceptor>(WHY));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

    use crate::{DynamoLedger, Tables};

    /// Keeps the names of the headers that arrive, and answers nothing.
    #[derive(Debug, Clone, Default)]
    struct Headers(Arc<Mutex<BTreeSet<String>>>);

    impl HttpClient for Headers {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    impl HttpConnector for Headers {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let names = request.headers().iter().map(|(name, _)| name.to_owned());
            self.0.lock().expect("not poisoned").extend(names);
            HttpConnectorFuture::ready(Err(ConnectorError::io("no answer".into())))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn call_has_the_headers_that_its_answer_needs() {
        let sent = Headers::default();
        let sdk = embedded::sdk_config(SharedHttpClient::new(sent.clone()));
        let ledger = DynamoLedger::new(&sdk, Tables::of_stage("test"), fastrand::Rng::with_seed(1));
        assert!(ledger.read_pauses_once().await.is_err());
        let sent = sent.0.lock().expect("not poisoned").clone();
        let needed = ["authorization", "content-length", "content-type", "x-amz-date", "x-amz-target"];
        assert_eq!(sent, needed.map(str::to_owned).into());
    }
}
