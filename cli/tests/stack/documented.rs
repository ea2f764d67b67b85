//! Every command of the docs, with what runs it. A block or an inline command without a line here fails, and so does a page
//! whose translation has other commands.

pub(crate) mod done;
mod page;
mod printed;

use std::collections::BTreeSet;

use page::{Block, commands_of, inline_commands, page, pages, shell_blocks};

/// What runs a command.
enum RunBy {
    /// A test of this module, which reads the page.
    Test(&'static str),
    /// A file of the deployment suite, which reads the page.
    Suite(&'static str),
    /// Scripts that have each of the commands.
    Scripts,
    /// A test of this name in another file, which reads the page.
    Other(&'static str, &'static str),
    /// No test, for this reason.
    NoTest(&'static str),
}
use RunBy::{NoTest, Other, Scripts, Suite, Test};

const PRINTED: RunBy = Test("documented_commands_print_the_documented_output");
const CRASH: RunBy = Test("documented_crash_leaves_the_balance_exact");
const AWS: RunBy = Suite("tests/deploy/documented.py");
const WATCH: RunBy = Suite("tests/deploy/watch.py");
/// Any further block of a page. Only for pages that are run as a whole.
const REST: &str = "";

/// The page, words that its block alone has, and what runs the block. The first line that fits counts.
const BLOCKS: &[(&str, &str, RunBy)] = &[
    ("README.md", "cargo test --workspace", Scripts),
    ("README.md", "send usage --id evt_1", Test("readme_commands_print_the_commented_result")),
    ("README.zh.md", "cargo test --workspace", Scripts),
    ("README.zh.md", "send usage --id evt_1", Test("readme_commands_print_the_commented_result")),
    ("CONTRIBUTING.md", ".ci/run", Scripts),
    ("CONTRIBUTING.md", "COSTS=write", Scripts),
    ("tests/README.md", "DECISIONS=write", Scripts),
    ("tests/README.md", "-p simulator", Other("tests/simulator/src/main.rs", "documented_commands_are_understood")),
    ("tests/README.md", "CONTRACT_ENDPOINT=", Suite("tests/deploy/suite.py")),
    // Each instrument's own command, printed with its result.
    ("PROOF.md", REST, Scripts),
    ("docs/quickstart.md", "cargo run\n", Scripts),
    ("docs/quickstart.md", "kill -9", CRASH),
    ("docs/quickstart.md", "every balance against its entries", CRASH),
    ("docs/quickstart.md", REST, PRINTED),
    ("docs/cli.md", "echo $?", PRINTED),
    ("docs/cli.md", "jq -r .state.balance", Test("json_is_read_by_a_script")),
    ("docs/cli.md", "chat \"hello\"", Other("cli/tests/stack/chatting.rs", "chat_of_the_page_is_answered")),
    ("docs/api.md", "key make shop --scopes", Test("account_and_statement_of_the_page_are_read")),
    ("docs/api.md", "statement alice --csv", Test("account_and_statement_of_the_page_are_read")),
    ("docs/api.md", "owner export alice", Test("owner_of_the_page_is_exported_and_erased")),
    ("docs/api.md", "owner erase alice", Test("owner_of_the_page_is_exported_and_erased")),
    ("docs/buyers-page.md", "ttlSeconds", Other("cli/tests/stack/keys.rs", "link_of_the_page_is_made")),
    ("docs/books.md", "transfer alice bob 15", Test("changes_of_the_page_are_done")),
    ("docs/books.md", "trial-balance", Test("books_of_the_page_add_up")),
    ("docs/codes.md", "code make spring 5", Test("codes_are_made_redeemed_listed_and_revoked")),
    ("docs/console.md", "operator add amy", Other("cli/tests/stack/consoling.rs", "operator_of_the_page_signs_in")),
    ("docs/fulfilment.md", "account referrer alice bob", Test("changes_of_the_page_are_done")),
    ("docs/fulfilment.md", "--as done --seq 77", Test("unknown_top_up_is_resolved")),
    ("docs/budgets.md", "--zone +08:00", Test("budgets_of_the_page_are_set")),
    ("docs/members.md", "member add team alice", Test("members_of_the_page_join_and_leave")),
    ("docs/holds.md", "hold settle call-1", Test("holds_of_the_page_are_closed")),
    ("docs/holds.md", "metered_call", Test("holds_of_the_page_are_closed")),
    ("docs/rate-card.md", "catalog price gpt-4o", Test("prices_of_the_page_are_calculated")),
    ("docs/orders.md", "rate set MNT/CNY 0.00204", Test("rates_are_set_and_listed")),
    ("docs/providers/epay.md", "send epay/notify_v1_post", Test("order_is_paid_by_the_page_of_its_provider")),
    ("docs/providers/wechat.md", "send wechat/v3_payment", Test("order_is_paid_by_the_page_of_its_provider")),
    ("docs/providers/fireblocks.md", "send fireblocks/v2_failed", Test("transfer_is_reported_by_hand")),
    ("docs/providers/usage.md", "openssl dgst", Test("recipes_sign_what_the_stack_accepts")),
    ("docs/providers/usage.md", "send usage --batch --count 250", Test("batches_are_counted_event_by_event")),
    ("docs/providers/usage.md", "reverse usage#evt_1", Test("changes_of_the_page_are_done")),
    ("docs/providers/usage.md", "account policy alice postpaid", Test("changes_of_the_page_are_done")),
    ("docs/providers/litellm.md", "send litellm", Test("samples_of_the_page_are_booked")),
    ("docs/providers/openrouter.md", "send openrouter", Test("samples_of_the_page_are_booked")),
    ("docs/deploy.md", "sam build", Suite("tests/deploy/deployment.py")),
    ("docs/deploy.md", "fill stripe", AWS),
    ("docs/deploy.md", "account key alice 1", AWS),
    ("docs/deploy.md", "aws logs tail", AWS),
    ("docs/deploy.md", "sam delete", AWS),
    ("docs/deploy.md", "delete-secret", AWS),
    ("docs/deploy.md", "DEPLOY_TARGET=aws", NoTest("it takes an account of AWS and a key of Stripe's")),
    ("docs/local-lambda.md", "cargo lambda watch", WATCH),
    ("docs/local-lambda.md", "cargo lambda invoke", WATCH),
    ("docs/local-lambda.md", "--also 172.17.0.1", Test("second_address_of_the_page_is_served")),
    // All but the last command, which takes an engine for containers.
    ("docs/local-lambda.md", "sam local invoke", WATCH),
    (
        "docs/operate.md",
        "pause stripe --reason",
        Other("cli/tests/stack/pausing.rs", "source_of_the_page_is_paused_and_resumed"),
    ),
    ("docs/operate.md", "SET attention = :s", AWS),
    ("docs/operate.md", "restore-table-to-point-in-time", AWS),
    ("docs/operate.md", "SET payment = :unpaid", AWS),
    ("docs/operate.md", "export-table-to-point-in-time", AWS),
    ("docs/operate.md", "orders --anomalies --limit", AWS),
    ("docs/operate.md", "since=2026-01-01", AWS),
    ("docs/operate.md", "order accept N", AWS),
    ("docs/operate.md", "aws logs start-query", AWS),
];

const INLINE: RunBy = Test("inline_commands_do_what_the_page_says");

/// The inline commands of all pages.
const INLINE_COMMANDS: &[(&str, RunBy)] = &[
    ("cargo run -- account api-key OWNER --reason R", INLINE),
    ("cargo run -- account show OWNER", INLINE),
    ("cargo run -- audit --aws --stage prod", INLINE),
    ("cargo run -- audit --export PATH", INLINE),
    ("cargo run -- audit --full --aws --stage prod", INLINE),
    ("cargo run -- order", INLINE),
    ("cargo run -- order resolve N --as done\\|failed\\|again --reason \"…\" --aws --stage prod", INLINE),
    ("cargo run -- order show N", INLINE),
    ("cargo run -- order show N --aws --stage prod", INLINE),
    ("cargo run -- pause --list --aws --stage prod", INLINE),
    ("cargo run -- rate set MNT/CNY RATE --aws --stage dev --reason R", INLINE),
    ("cargo run -- send usage --retry", INLINE),
    ("cargo run -q -- audit", INLINE),
    ("cargo run --release -p benches -- lambda", Scripts),
    ("cargo run --release -p benches -- chat", Scripts),
    ("cargo run --release -p benches -- local", Scripts),
    ("aws dynamodb restore-table-to-point-in-time", AWS),
    ("aws logs tail \"$log\" --follow --filter-pattern '{ $.status = \"401\" }'", AWS),
    ("sam build", Suite("tests/deploy/deployment.py")),
    ("sam deploy", Suite("tests/deploy/deployment.py")),
    ("sam deploy --config-env dev-watch", AWS),
    ("curl -d 'pid=…&key=…&out_trade_no=…' 'https://…/api.php?act=order'", NoTest("a question to a real gateway")),
];

/// A translation has the commands of its page, which the test below compares.
fn is_translation(name: &str) -> bool {
    name.ends_with(".zh.md") && name != "README.zh.md"
}

/// Each line of the scripts of CI, without what measures it.
fn script_lines() -> BTreeSet<String> {
    let scripts = [".ci/run", ".ci/full", ".github/workflows/ci.yml", "Cargo.toml"];
    let text: String = scripts.iter().map(|script| page(script)).collect();
    let line = |line: &str| {
        let line = line.trim().replace("step ", "").replace("beside ", "");
        let line = line.split(" || ").next().unwrap();
        without_variables(line.trim_start_matches("- ").trim_start_matches("run: ")).to_owned()
    };
    text.lines().map(line).collect()
}

fn without_variables(command: &str) -> &str {
    let is_variable = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
    };
    command.split_once(' ').filter(|(word, _)| is_variable(word)).map_or(command, |(_, rest)| without_variables(rest))
}

/// What is wrong with the line of a command.
fn mistake(page_name: &str, words: &str, commands: &[String], run_by: &RunBy) -> Option<String> {
    match run_by {
        Test(name) => {
            let sources =
                ["done", "printed"].map(|file| page(&format!("cli/tests/stack/documented/{file}.rs"))).concat();
            (!sources.contains(&format!("fn {name}("))).then(|| format!("there is no test {name}"))
        }
        Suite(file) => {
            let source = page(file);
            let reads = source.contains(page_name) && source.contains(words.split(" --").next().unwrap());
            (!reads).then(|| format!("{file} does not read it"))
        }
        Scripts => {
            // `cargo run` starts what every test here starts: the only program of the only default member.
            let is_start = |command: &&String| command.as_str() == "cargo run";
            let lines = script_lines();
            assert!(lines.contains("default-members = [\"cli\"]"), "cargo run starts the program");
            let left = commands.iter().filter(|command| !is_start(command));
            left.map(|command| without_variables(command))
                .find(|command| !lines.contains(*command))
                .map(|command| format!("no script has {command}"))
        }
        Other(file, name) => {
            let source = page(file);
            let reads = source.contains(&format!("fn {name}(")) && source.contains(page_name);
            (!reads).then(|| format!("{file} does not read it"))
        }
        NoTest(reason) => reason.is_empty().then(|| "no reason".to_owned()),
    }
}

/// The place in the list of what runs the block.
fn listed(name: &str, block: &Block) -> Option<usize> {
    BLOCKS.iter().position(|(page, words, _)| *page == name && block.text.contains(words))
}

#[test]
fn each_block_of_commands_names_what_runs_it() {
    let mut wrong = Vec::new();
    let mut used = vec![0_u32; BLOCKS.len()];
    for name in pages().iter().filter(|name| !is_translation(name)) {
        for block in shell_blocks(&page(name)) {
            let first = block.text.lines().next().unwrap_or_default();
            let Some(place) = listed(name, &block) else {
                wrong.push(format!("{name}: nothing runs `{first}`"));
                continue;
            };
            used[place] += 1;
            let (_, words, run_by) = &BLOCKS[place];
            wrong.extend(
                mistake(name, words, &block.commands(), run_by).map(|mistake| format!("{name}: `{first}`: {mistake}")),
            );
            // The test of a whole page runs what has a prompt.
            let is_run = *words != REST || matches!(run_by, Scripts) || block.language == "console";
            wrong.extend((!is_run).then(|| format!("{name}: nothing runs `{first}`")));
        }
    }
    for ((name, words, _), times) in BLOCKS.iter().zip(used) {
        let is_right = if *words == REST { times > 0 } else { times == 1 };
        wrong.extend((!is_right).then(|| format!("{name}: {times} blocks have `{words}`")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_inline_command_names_what_runs_it() {
    let pages = pages();
    let mut found = BTreeSet::new();
    for name in pages.iter().filter(|name| name.as_str() != "CHANGELOG.md") {
        for command in inline_commands(&page(name)) {
            if let Some((words, run_by)) = INLINE_COMMANDS.iter().find(|(words, _)| *words == command) {
                let original = name.replace(".zh.md", ".md");
                let mistake = mistake(&original, words, std::slice::from_ref(&command), run_by);
                assert_eq!(mistake, None, "{name}: `{words}`");
            }
            found.insert(command);
        }
    }
    let listed: BTreeSet<String> = INLINE_COMMANDS.iter().map(|(words, _)| (*words).to_owned()).collect();
    assert_eq!(found, listed);
}

#[test]
fn translated_page_has_the_same_commands() {
    let translated: Vec<String> = pages().into_iter().filter(|name| name.ends_with(".zh.md")).collect();
    assert!(translated.len() > 5, "{translated:?}");
    for name in translated {
        let original = name.replace(".zh.md", ".md");
        assert_eq!(commands_of(&page(&name)), commands_of(&page(&original)), "{name}");
        let unknown: Vec<String> =
            inline_commands(&page(&name)).difference(&inline_commands(&page(&original))).cloned().collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
}
