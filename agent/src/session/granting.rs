//! From a request to a signed and journalled grant.

use std::sync::Arc;
use std::time::Instant;

use distans_agent_core::consent::Answer;
use distans_agent_core::journal::Record;
use distans_agent_core::journal::record::Granted;
use distans_agent_core::rights::Caller;
use distans_agent_core::session::{Next, Offer};
use distans_e2e::grant::{Consent, ConsentHow, Grant};
use distans_e2e::session::Binding;
use distans_e2e::signed::Signed;
use distans_proto::ids::SessionId;
use distans_proto::inner::{Denied, DeniedBy, Request};
use distans_proto::local::{Ask, Nonce};
use distans_trust::hash::Sha256;
use distans_trust::keys::{PublicKey, random};
use tracing::{debug, error, info};

use crate::clock;
use crate::session::Live;
use crate::shared::Shared;

/// Who asks, as the handshake proved, with what ties an answer to it.
pub(crate) struct Asker {
    pub(crate) caller: Caller,
    /// The certificate, DER.
    pub(crate) certificate: Vec<u8>,
    /// Its key.
    pub(crate) key: PublicKey,
    pub(crate) binding: Binding,
}

/// What to do about a request.
pub(crate) enum Decision {
    /// The person must be asked: the desk asks.
    Ask(Ask),
    /// Nobody needs to be asked: [`Shared::grant`].
    Grant(Offer),
}

pub(crate) fn refusal(by: DeniedBy, text: impl Into<String>) -> Denied {
    Denied { by, text: text.into().into() }
}

impl Shared {
    /// Decides about a request.
    pub(crate) fn request(&self, asker: &Asker, request: &Request) -> Result<Decision, Denied> {
        let nonce = random::<16>().map_err(|error| refusal(DeniedBy::State, error.to_string()))?;
        let (known, somebody) =
            (self.journal.state().session(request.session).is_some(), self.desk.somebody());
        let mut decisions = self.decisions();
        let decisions = &mut *decisions;
        let place = self.place(&decisions.trust);
        let nonce = Nonce { bytes: *nonce };
        Ok(match decisions.sessions.request(&place, &asker.caller, request, known, somebody, nonce)? {
            Next::Ask(ask) => Decision::Ask(ask),
            Next::Offer(offer) => Decision::Grant(offer),
        })
    }

    /// Takes the answer to a question.
    pub(crate) fn answered(&self, session: SessionId, answer: Answer) -> Result<Offer, Denied> {
        self.decisions().sessions.answer(session, clock::now(), answer)
    }

    /// Signs and journals a grant; from then on a receipt is owed. `question` is what the
    /// person saw.
    pub(crate) async fn grant(
        self: &Arc<Self>,
        asker: Asker,
        request: &Request,
        offer: Offer,
        question: Option<&Ask>,
    ) -> Result<Arc<Live>, Denied> {
        let broken = |error: &dyn std::error::Error| {
            error!(%error, "a session could not be granted");
            refusal(DeniedBy::State, format!("this PC cannot grant sessions now: {error}"))
        };
        let grant = self.payload(&asker, &offer, question);
        let signed = Signed::sign(grant, &self.key).map_err(|error| {
            self.decisions().sessions.forget(offer.session);
            broken(&error)
        })?;
        let envelope = signed.to_json();
        let record = Record::Granted(Box::new(Granted {
            session: offer.session,
            at: offer.start,
            technician: asker.caller.id.clone(),
            scopes: offer.scopes,
            expires: offer.expires,
            grant: envelope.clone(),
            certificate: asker.certificate,
            purpose: request.purpose.clone(),
            asked: offer.asked,
            unattended: offer.unattended,
            account: offer.account.clone(),
        }));
        if let Err(error) = self.journal.append(vec![record]).await {
            self.decisions().sessions.forget(offer.session);
            return Err(broken(&error));
        }
        let live =
            Arc::new(Live::new(offer.session, asker.caller, asker.key, offer.account, envelope, false));
        self.add_live(Arc::clone(&live));
        let granted = self.decisions().sessions.granted(offer.session, Instant::now());
        if let Err(denied) = granted {
            // Ended between the answer and the disk (a new policy): its receipt is owed all the same.
            self.close_at_once(Arc::clone(&live), distans_e2e::receipt::EndReason::Revoked);
            return Err(denied);
        }
        self.sessions_changed.notify_one();
        info!(session = %offer.session, scopes = %offer.scopes, "session granted");
        debug!(session = %offer.session, technician = %live.caller.id, "granted to");
        Ok(live)
    }

    fn payload(&self, asker: &Asker, offer: &Offer, question: Option<&Ask>) -> Grant {
        let how = match (offer.unattended, offer.asked) {
            (true, _) => ConsentHow::Unattended,
            (false, true) => ConsentHow::Asked,
            (false, false) => ConsentHow::Announced,
        };
        // Encoding into memory does not fail.
        let text = question.map(|ask| Sha256::of(&minicbor::to_vec(ask).unwrap_or_default()));
        Grant {
            org: self.identity.org.clone(),
            session: offer.session,
            epoch: offer.epoch,
            technician: asker.caller.id.clone(),
            certificate_sha256: asker.caller.certificate,
            device: self.identity.device,
            scopes: offer.scopes,
            consent: Consent { who: offer.who.clone(), how, announced: offer.announced, text_sha256: text },
            policy_version: self.decisions().trust.versions().policy,
            start: offer.start,
            expires: offer.expires,
            binding: Sha256::from_bytes(asker.binding),
            crit: Vec::new(),
        }
    }
}
