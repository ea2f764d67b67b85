//! Each sample is accepted by the function of its source.

use std::fs;

use edge::Reply;
use epay::Epay;
use fireblocks::Fireblocks;
use ledger::Source;
use litellm::Litellm;
use openrouter::Openrouter;
use stripe::Stripe;
use testkit::World;
use wechat::Wechat;

use crate::house::root;
use crate::sandbox::{Sandbox, SandboxOf, invocation, open_account};

#[tokio::test(start_paused = true)]
async fn every_sample_is_accepted() {
    let world = World::new();
    open_account(&world, "demo", "1", "1000").await;
    for source in Source::ALL {
        for sample in fs::read_dir(root().join("events").join(source.as_str())).expect("samples") {
            let path = sample.expect("an entry").path();
            let body = fs::read_to_string(&path).expect("a sample");
            let reply = match source {
                Source::Usage => Sandbox::faultless(&world).await.deliver(&body, &invocation(1)).await,
                Source::Litellm => SandboxOf::<Litellm>::faultless(&world).await.deliver(&body, &invocation(1)).await,
                Source::Openrouter => {
                    SandboxOf::<Openrouter>::faultless(&world).await.deliver(&body, &invocation(1)).await
                }
                Source::Stripe => SandboxOf::<Stripe>::faultless(&world).await.deliver(&body, &invocation(1)).await,
                // Every sample pays the same order, so each has a world of its own.
                Source::Epay => {
                    SandboxOf::<Epay>::faultless(&crate::epay::shop().await).await.deliver(&body, &invocation(1)).await
                }
                Source::Fireblocks => {
                    SandboxOf::<Fireblocks>::faultless(&world).await.deliver(&body, &invocation(1)).await
                }
                Source::Wechat => SandboxOf::<Wechat>::faultless(&world).await.deliver(&body, &invocation(1)).await,
            };
            let Reply { status, body, .. } = reply.expect("no fault");
            assert_eq!(status, 200, "{}: {body}", path.display());
        }
    }
    let samples = fs::read_dir(root().join("events/usage")).expect("samples").count();
    let booked = world.books().processed().filter(|id| id.starts_with("usage#evt")).count();
    assert_eq!(booked, samples, "each is its own event");
}
