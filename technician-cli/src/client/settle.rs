//! Is this receipt the truth, as far as this program knows it? Only then it is countersigned.

use std::sync::{Arc, Mutex, PoisonError};

use distans_e2e::grant::Grant;
use distans_e2e::receipt::{OperationLine, Receipt};
use distans_e2e::signed::Signed;

/// What this program did in a session and saw the end of, as it must stand in the receipt.
#[derive(Debug, Clone, Default)]
pub(super) struct Done(Arc<Mutex<Vec<OperationLine>>>);

impl Done {
    /// Notes an operation whose result has arrived.
    pub(super) fn note(&self, line: OperationLine) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// What is wrong with a receipt for the session of `grant`; `None` if nothing is. Operations
    /// of earlier programs may stand in it, too, as far as the grant allows them.
    pub(super) fn objection(&self, said: &Receipt, grant: &Signed<Grant>) -> Option<String> {
        let granted = grant.payload();
        let same = [
            (said.org == granted.org, "organisation"),
            (said.session == granted.session, "session"),
            (said.device == granted.device, "PC"),
            (said.technician == granted.technician, "technician"),
            (said.grant_sha256 == grant.sha256(), "grant"),
        ];
        if let Some((_, field)) = same.into_iter().find(|(is_same, _)| !is_same) {
            return Some(format!("it is that of another {field}"));
        }
        if let Some(line) = said.operations.iter().find(|line| !granted.scopes.contains(line.kind.scope())) {
            return Some(format!(
                "it lists an operation that needs {}, which was not granted",
                line.kind.scope()
            ));
        }
        let done = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = done.iter().filter(|line| !said.operations.contains(line)).count();
        (missing > 0).then(|| {
            format!("of {} operations done here {missing} are missing or stand there otherwise", done.len())
        })
    }
}

#[cfg(test)]
mod tests {
    use distans_e2e::receipt::{EndReason, FIRST_HEAD};
    use distans_proto::ids::{DeviceId, OpId, SessionId};
    use distans_proto::inner::{Op, OpResult, Outcome, Run};
    use distans_proto::scope::{Scope, ScopeSet};
    use distans_trust::hash::Sha256;
    use distans_trust::keys::P256Key;

    use super::*;
    use crate::client::testing;

    fn grant() -> Signed<Grant> {
        testing::grant(&P256Key::generate().expect("a key"), ScopeSet::EMPTY.with(Scope::Command))
    }

    fn receipt(grant: &Signed<Grant>, operations: Vec<OperationLine>) -> Receipt {
        let granted = grant.payload();
        Receipt {
            org: granted.org.clone(),
            session: granted.session,
            device: granted.device,
            technician: granted.technician.clone(),
            grant_sha256: grant.sha256(),
            policy_version: 1,
            operations,
            start: granted.start,
            end: granted.expires,
            reason: EndReason::Technician,
            recording_sha256: None,
            chain_head: FIRST_HEAD,
            checkpoint: None,
            crit: Vec::new(),
        }
    }

    fn line(number: u8, system: bool, exit: i32) -> OperationLine {
        let run = Run { argv: vec!["true".into()], system, stdin: false, timeout_s: 0 };
        let result = OpResult { outcome: Outcome::Completed, exit: Some(exit), bytes: 0, text: None };
        OperationLine::new(OpId::from_bytes([number; 16]), &Op::Run(run), &result)
    }

    #[test]
    fn a_true_receipt_is_signed_also_with_operations_of_earlier_programs() {
        let (grant, done) = (grant(), Done::default());
        done.note(line(2, false, 0));
        let receipt = receipt(&grant, vec![line(1, false, 1), line(2, false, 0)]);
        assert_eq!(done.objection(&receipt, &grant), None);
    }

    #[test]
    fn what_was_done_must_be_there_as_it_ended_and_nothing_that_was_not_granted() {
        let (grant, done) = (grant(), Done::default());
        done.note(line(2, false, 0));
        for wrong in [
            vec![],
            vec![line(1, false, 0)],
            vec![line(2, false, 1)],
            vec![line(2, true, 0)],
            vec![line(2, false, 0), line(3, true, 0)],
        ] {
            let receipt = receipt(&grant, wrong);
            assert!(done.objection(&receipt, &grant).is_some(), "{:?}", receipt.operations);
        }
    }

    #[test]
    fn every_name_in_it_must_be_that_of_the_session() {
        let grant = grant();
        let changes: [fn(&mut Receipt); 5] = [
            |receipt| receipt.org = "orsa".parse().expect("a label"),
            |receipt| receipt.session = SessionId::from_bytes([9; 16]),
            |receipt| receipt.device = DeviceId::from_bytes([9; 16]),
            |receipt| receipt.technician = "bo".parse().expect("a label"),
            |receipt| receipt.grant_sha256 = Sha256::of(b"another"),
        ];
        for change in changes {
            let mut receipt = receipt(&grant, Vec::new());
            change(&mut receipt);
            assert!(Done::default().objection(&receipt, &grant).is_some_and(|text| text.contains("another")));
        }
    }
}
