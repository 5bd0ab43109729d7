//! The organisation's signed documents as the broker holds them: verified, on disk before they
//! count, and handed on to whoever lacks them.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use bytes::Bytes;
use distans_broker_store::{DocumentKind, NewDocument, NewToken, Store, StoreError};
use distans_proto::frame::{self, DOCUMENTS_LIMIT};
use distans_proto::ids::OrgId;
use distans_proto::link::{DocumentVersions, Documents as Message, ToAgent};
use distans_trust::device;
use distans_trust::documents::DocumentError;
use distans_trust::envelope::Envelope;
use distans_trust::outer::{SharedSnapshot, Snapshot};
use distans_trust::store::{Trust, TrustError};
use tokio::sync::watch;

use crate::clock;

/// Roots in one frame: each is at most 64 KiB, a third more as JSON.
const ROOTS_PER_FRAME: usize = 16;

/// So many different gaps are remembered with their frames; agents differ little.
const FRAMES_KEPT: usize = 8;

/// Why documents were not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// A root or policy does not hold.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A token certificate does not hold.
    #[error("a token certificate does not hold: {0}")]
    Token(DocumentError),
    /// Not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What counts now.
#[derive(Debug)]
pub(crate) struct Current {
    /// The verified documents.
    pub(crate) trust: Trust,
    frames: Mutex<Vec<(DocumentVersions, Arc<[Bytes]>)>>,
}

impl Current {
    fn new(trust: Trust) -> Arc<Self> {
        Arc::new(Self { trust, frames: Mutex::new(Vec::new()) })
    }

    /// Control-stream frames with what an agent lacks that holds `held`. Thousands of agents share
    /// the same bytes.
    pub(crate) fn frames(&self, held: DocumentVersions) -> Arc<[Bytes]> {
        let mut kept = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, frames)) = kept.iter().find(|(versions, _)| *versions == held) {
            return Arc::clone(frames);
        }
        let frames: Arc<[Bytes]> = match self.trust.newer_than(held) {
            Some(documents) => split(documents).into_iter().filter_map(encode).collect(),
            None => Arc::new([]),
        };
        if kept.len() == FRAMES_KEPT {
            kept.remove(0);
        }
        kept.push((held, Arc::clone(&frames)));
        frames
    }

    /// What somebody lacks that holds `held`, as much of it as fits into one message.
    pub(crate) fn message(&self, held: DocumentVersions) -> Message {
        let Some(documents) = self.trust.newer_than(held) else { return Message::default() };
        let fits = frame::encode(&ToAgent::Documents(documents.clone()), DOCUMENTS_LIMIT).is_ok();
        if fits { documents } else { split(documents).into_iter().next().unwrap_or_default() }
    }
}

fn split(documents: Message) -> Vec<Message> {
    let chunks = documents.roots.chunks(ROOTS_PER_FRAME);
    let mut parts: Vec<Message> =
        chunks.map(|roots| Message { roots: roots.to_vec(), policy: None }).collect();
    parts.extend(documents.policy.map(|policy| Message { roots: Vec::new(), policy: Some(policy) }));
    parts
}

fn encode(documents: Message) -> Option<Bytes> {
    frame::encode(&ToAgent::Documents(documents), DOCUMENTS_LIMIT).ok().map(Bytes::from)
}

/// The documents in force and the way to newer ones.
#[derive(Debug)]
pub(crate) struct Documents {
    current: watch::Sender<Arc<Current>>,
    verifier: SharedSnapshot,
    device_ca: Vec<u8>,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
}

impl Documents {
    /// Loads and verifies what the records hold.
    pub(crate) async fn load(store: &Store, org: &OrgId, device_ca: &[u8]) -> anyhow::Result<Self> {
        let trust = load(store)
            .await?
            .context("there are no signed documents yet; bring them with distans-broker import")?;
        if trust.org() != org {
            bail!("the documents are those of {}, broker.toml says organisation = \"{org}\"", trust.org());
        }
        let verifier = SharedSnapshot::new(snapshot(&trust, device_ca)?);
        let current = watch::Sender::new(Current::new(trust));
        Ok(Self { current, verifier, device_ca: device_ca.to_vec(), changing: tokio::sync::Mutex::new(()) })
    }

    /// What counts now.
    pub(crate) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.borrow())
    }

    /// Tells when something newer counts.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Current>> {
        self.current.subscribe()
    }

    /// What handshakes are checked against.
    pub(crate) fn verifier(&self) -> &SharedSnapshot {
        &self.verifier
    }

    /// Takes documents that hold, stores them and puts them in force.
    pub(crate) async fn publish(
        &self,
        store: &Store,
        message: &Message,
        tokens: &[Envelope],
    ) -> Result<(), PublishError> {
        let _one_at_a_time = self.changing.lock().await;
        let before = self.current();
        let staged = before.trust.stage_documents(message)?;
        let after = staged.as_ref().map_or(&before.trust, |staged| staged.preview());
        keep(store, after, tokens).await?;
        if let Some(staged) = staged {
            self.put_in_force(staged.commit());
        }
        Ok(())
    }

    /// Puts in force what another process has brought into the records (`distans-broker import`).
    pub(crate) async fn reload(&self, store: &Store) -> anyhow::Result<()> {
        let _one_at_a_time = self.changing.lock().await;
        let before = self.current();
        let Some(stored) = load(store).await? else { return Ok(()) };
        let roots: Vec<Envelope> = stored.roots().cloned().collect();
        let policy = stored.verified_policy().map(|policy| policy.envelope());
        if let Some(staged) = before.trust.stage(&roots, policy)? {
            self.put_in_force(staged.commit());
        }
        Ok(())
    }

    fn put_in_force(&self, trust: Trust) {
        match snapshot(&trust, &self.device_ca) {
            Ok(snapshot) => self.verifier.replace(snapshot),
            // Cannot happen: the CA was read at the start. The old one stays, which lets in no more.
            Err(error) => tracing::error!(%error, "the device CA cannot be used any more"),
        }
        let versions = trust.versions();
        tracing::info!(root = versions.root, policy = versions.policy, "new documents are in force");
        self.current.send_replace(Current::new(trust));
    }
}

fn snapshot(trust: &Trust, device_ca: &[u8]) -> anyhow::Result<Snapshot> {
    Ok(Snapshot::new(trust).with_device_ca(device_ca)?)
}

/// The verified documents of the records, `None` before the first import.
pub(crate) async fn load(store: &Store) -> anyhow::Result<Option<Trust>> {
    let roots = store.documents(DocumentKind::Root).await?;
    if roots.is_empty() {
        return Ok(None);
    }
    let roots = roots.iter().map(|root| Envelope::parse(&root.bytes)).collect::<Result<Vec<_>, _>>()?;
    let trust = Trust::first_use(&roots).context("the stored root documents do not hold")?;
    let Some(policy) = store.newest_document(DocumentKind::Policy).await? else { return Ok(Some(trust)) };
    let policy = Envelope::parse(&policy.bytes)?;
    match trust.stage(&[], Some(&policy)) {
        Ok(Some(staged)) => Ok(Some(staged.commit())),
        Ok(None) => Ok(Some(trust)),
        Err(error) => {
            tracing::error!(%error, "the stored policy no longer holds; publish a new one");
            Ok(Some(trust))
        }
    }
}

/// Stores all of `trust` and the token certificates, which must be signed by its enrol keys.
pub(crate) async fn keep(store: &Store, trust: &Trust, tokens: &[Envelope]) -> Result<(), PublishError> {
    let mut documents: Vec<NewDocument> = Vec::new();
    // INVARIANT of the chain: versions follow one another without gaps up to the newest.
    let newest = trust.versions().root;
    let oldest =
        newest.saturating_sub(u64::try_from(trust.roots().len()).unwrap_or(u64::MAX).saturating_sub(1));
    for (version, root) in (oldest..).zip(trust.roots()) {
        documents.push(NewDocument { kind: DocumentKind::Root, version, bytes: root.to_json() });
    }
    if let Some(policy) = trust.verified_policy() {
        let version = policy.document().head.version;
        documents.push(NewDocument {
            kind: DocumentKind::Policy,
            version,
            bytes: policy.envelope().to_json(),
        });
    }
    let mut certs = Vec::new();
    for token in tokens {
        let verified = device::verify_token_cert(trust.root(), token).map_err(PublishError::Token)?;
        certs.push(NewToken { token: verified.document().token_id, cert: token.to_json() });
    }
    store.publish(documents, certs, clock::now()).await?;
    Ok(())
}
