//! Clock, printing, certificates, updates, directory on Windows.

use std::path::PathBuf;
use std::{io, ptr};

use windows_sys::Win32::NetworkManagement::NetManagement::{
    NetApiBufferFree, NetGetJoinInformation, NetSetupDomainName,
};
use windows_sys::Win32::Security::Cryptography::{
    CERT_STORE_OPEN_EXISTING_FLAG, CERT_STORE_PROV_SYSTEM_W, CERT_STORE_READONLY_FLAG,
    CERT_SYSTEM_STORE_LOCAL_MACHINE, CertCloseStore, CertEnumCertificatesInStore, CertOpenStore,
};

use super::printers;
use crate::imp::registry;
use crate::imp::sys::{copy_text, wide};
use crate::probe::Answer;
use crate::probe::system::{Certificate, Clock, Domain, Printing, Updates};
use crate::session_user::SignedIn;
use crate::thread::Slots;

/// Most certificates looked at.
const CERTIFICATES: usize = 256;

pub(crate) fn clock() -> Clock {
    const ZONE: &str = r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation";
    const TIME: &str = r"SYSTEM\CurrentControlSet\Services\W32Time\Parameters";
    let kind = registry::text(TIME, "Type").unwrap_or_default();
    let on = !kind.is_empty() && kind != "NoSync";
    Clock {
        synchronised: None,
        service: on.then(|| format!("w32time ({kind})")),
        zone: registry::text(ZONE, "TimeZoneKeyName"),
    }
}

pub(crate) async fn printing() -> Answer<Printing> {
    static SLOTS: Slots = Slots::new(2);
    Ok(SLOTS.run(printers::list).await??)
}

/// Those in the machine's own store MY.
pub(crate) fn certificates() -> Vec<Certificate> {
    let name = wide("MY");
    // SAFETY: the name is zero-terminated; the store is only read.
    let store = unsafe {
        CertOpenStore(
            CERT_STORE_PROV_SYSTEM_W,
            0,
            0,
            CERT_SYSTEM_STORE_LOCAL_MACHINE | CERT_STORE_OPEN_EXISTING_FLAG | CERT_STORE_READONLY_FLAG,
            name.as_ptr().cast(),
        )
    };
    if store.is_null() {
        return Vec::new();
    }
    let (mut found, mut context) = (Vec::new(), ptr::null_mut());
    loop {
        // SAFETY: the store is open; the call frees the context before, as it documents.
        context = unsafe { CertEnumCertificatesInStore(store, context) };
        if context.is_null() {
            break;
        }
        if found.len() < CERTIFICATES {
            // SAFETY: the context is valid until the next call; it says the length of its bytes.
            let bytes = unsafe {
                let length = usize::try_from((*context).cbCertEncoded).unwrap_or_default();
                std::slice::from_raw_parts((*context).pbCertEncoded, length).to_vec()
            };
            found.push(Certificate { place: r"LocalMachine\MY".to_owned(), bytes });
        }
    }
    // SAFETY: the store is open and used no more.
    unsafe { CertCloseStore(store, 0) };
    found
}

/// Windows tells how many updates wait only through COM; that a restart is due is told elsewhere.
pub(crate) async fn updates() -> Answer<Updates> {
    Ok(Updates::default())
}

pub(crate) async fn domain() -> Answer<Domain> {
    static SLOTS: Slots = Slots::new(2);
    Ok(SLOTS.run(joined).await??)
}

fn joined() -> io::Result<Domain> {
    let (mut name, mut kind) = (ptr::null_mut(), 0);
    // SAFETY: both results are live variables; no server means this machine.
    let code = unsafe { NetGetJoinInformation(ptr::null(), &raw mut name, &raw mut kind) };
    crate::imp::sys::check_code(code)?;
    // SAFETY: the call made the text, zero-terminated.
    let text = unsafe { copy_text(name) }.to_string_lossy().into_owned();
    // SAFETY: the text came from the call and is used no more.
    unsafe { NetApiBufferFree(name.cast()) };
    let in_domain = kind == NetSetupDomainName;
    Ok(Domain {
        name: in_domain.then_some(text),
        kind: if in_domain { "active-directory" } else { "workgroup" }.to_owned(),
        online: None,
    })
}

/// Where the registry says that the account's profile lies.
pub(crate) fn home(user: &SignedIn) -> Option<PathBuf> {
    let key = format!(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\{}", user.id);
    let path = PathBuf::from(registry::expanded(&key, "ProfileImagePath")?);
    path.is_absolute().then_some(path)
}
