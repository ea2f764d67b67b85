//! The banner of a started stack: its addresses, and commands to paste into another terminal.

use local::{DEMO_CREDITS, DEMO_OWNER, DEMO_REMOTE_KEY, Home, Running, USAGE};
use std::path::Path;

use crate::print;

pub(crate) fn show(running: &Running, home: &Home, memory: bool) {
    let (base, console) = (&running.base_url, &running.console_url);
    let dir = quoted(home.dir());
    let books = if memory { "in memory, until this process ends" } else { "store.db" };
    // The commands must use the same data folder.
    let data = if home.dir() == Path::new(".hookledger") { String::new() } else { format!(" --data {dir}") };
    let events = USAGE.path();
    print::line(format_args!(
        r#"hookledger is at {base}, until Ctrl-C

  books    {books} (folder {dir})
  demo     account {DEMO_OWNER}: {DEMO_CREDITS} credits at the start, key {DEMO_REMOTE_KEY}
  scripts  {dir}/local.json has the URLs, secrets and keys
  console  {console}

Paste into another terminal:

  curl {base}/api/webhooks/health
  cargo run -- send usage{data}
  cargo run -- send usage --count 200 --concurrency 32 --duplicate{data}
  cargo run -- account show {DEMO_OWNER}{data}

  key=$(sed -n 's/.*"{DEMO_OWNER}": "\(hk_[^"]*\)".*/\1/p' {dir}/local.json)
  curl -H "Authorization: Bearer $key" -d '{{"product":"credits-100"}}' {base}/api/pay/checkout    # then open its url
  curl -H "Authorization: Bearer $key" -d '{{"product":"credits-1000"}}' {base}/api/pay/epay       # in yuan, by epay

The same by hand; a repeat is not booked again:

  secret=$(sed -n 's/.*"WEBHOOK_SECRET": "\([^" ]*\).*/\1/p' {dir}/local.json)
  body='{{"eventId":"evt_by_hand","eventType":"usage","timestamp":'$(date +%s)',"data":{{"remoteKeyId":"{DEMO_REMOTE_KEY}","model":"gpt-4o","promptTokens":120,"completionTokens":30,"totalTokens":150,"creditCost":"0.00234"}}}}'
  signature=$(printf %s "$body" | openssl dgst -sha256 -hmac "$secret" -r | cut -d' ' -f1)
  curl -i {base}{events} -H 'Content-Type: application/json' -H "X-Webhook-Signature: $signature" --data-binary "$body"
"#
    ));
}

/// Quoted for a shell.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
