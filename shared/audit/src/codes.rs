//! The audit of redeem codes: those that differ are read again, and a person sets what was counted.

use edge::Invocation;
use ledger::{Code, Codes, CodesToRead, CommitError, Decision, Effect, EventKey, WholeAudit, Writer};

use crate::repair::{RepairFailure, Signature, decision};

/// Reads the codes again whose uses differ: owners may have redeemed them while the tables were read.
pub async fn read_codes_again<L: Codes>(
    ledger: &L,
    invocation: &Invocation,
    whole: &mut WholeAudit,
) -> Result<(), CommitError> {
    let context = invocation.context();
    for codes in whole.codes_to_read_again() {
        let read = match codes {
            CodesToRead::Campaign(campaign) => ledger.codes(campaign, &context).await,
            CodesToRead::Code(hash, owner) => {
                ledger.code(&hash, &owner, &context).await.map(|(code, _)| code.into_iter().collect())
            }
        };
        let codes: Vec<Code> = match read {
            // A row that cannot be read is as good as none.
            Err(CommitError::Refused(_)) => Vec::new(),
            read => read?,
        };
        for code in &codes {
            whole.add_code_again(code);
        }
    }
    Ok(())
}

/// The decision that sets how often a code was redeemed. The credits of its owners stay.
pub fn code_repair(code: &Code, used: u32, by: &Signature) -> Result<Decision, RepairFailure> {
    let receipt = EventKey::new(Writer::Repair, &by.id)?;
    let effects = vec![Effect::Code(code.redeemed_times(used)?)];
    let parameters = vec![
        ("campaign", code.campaign.to_string()),
        ("code", code.hash.short().to_owned()),
        ("used", used.to_string()),
    ];
    Ok(decision(receipt, "code_uses", &parameters, by, None, effects))
}
