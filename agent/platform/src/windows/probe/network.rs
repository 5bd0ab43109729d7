//! Neighbours, proxy settings and wireless cards on Windows.

use std::ffi::c_void;
use std::net::IpAddr;
use std::{mem, ptr};

use windows_sys::Win32::Foundation::{FARPROC, HANDLE};
use windows_sys::Win32::NetworkManagement::IpHelper::{GetIpNetTable, MIB_IPNETROW_LH};
use windows_sys::Win32::NetworkManagement::WiFi::{
    WLAN_CONNECTION_ATTRIBUTES, WLAN_INTERFACE_INFO_LIST, wlan_intf_opcode_current_connection,
};
use windows_sys::Win32::System::LibraryLoader::{
    GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW,
};
use windows_sys::core::GUID;

use crate::imp::registry;
use crate::imp::sys::{narrow, wide};
use crate::probe::network::{Radio, Setting};
use crate::probe::{Answer, NoAnswer};
use crate::thread::Slots;

/// Most cards looked at.
const CARDS: u32 = 16;

pub(crate) fn is_neighbour(address: IpAddr) -> bool {
    /// Entries that do not count (ipmib.h).
    const INVALID: u32 = 2;
    /// Bytes of the table: a count, then rows.
    const ROOM: usize = 256 * 1024;
    let IpAddr::V4(address) = address else { return false };
    let mut table = vec![0u32; ROOM / 4];
    let Ok(mut length) = u32::try_from(ROOM) else { return false };
    // SAFETY: the table is writable for `length` bytes and aligned for its rows of 32-bit fields.
    if unsafe { GetIpNetTable(table.as_mut_ptr().cast(), &raw mut length, 0) } != 0 {
        return false;
    }
    let fields = mem::size_of::<MIB_IPNETROW_LH>() / 4;
    let count = usize::try_from(table[0]).unwrap_or_default();
    let wanted = u32::from_ne_bytes(address.octets());
    // A row: index, length of the hardware address, that (8 bytes), the address, the kind.
    table[1..]
        .chunks_exact(fields)
        .take(count)
        .any(|row| row[fields - 2] == wanted && row[fields - 1] != INVALID)
}

pub(crate) fn proxy() -> Vec<Setting> {
    const KEYS: [(&str, &str); 3] = [
        (r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings", "ProxyServer"),
        (r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings", "AutoConfigURL"),
        (r"SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings", "ProxyServer"),
    ];
    KEYS.into_iter()
        .filter_map(|(key, name)| {
            let value = registry::text(key, name).filter(|value| !value.is_empty())?;
            Some(Setting { place: format!(r"HKLM\{key}\{name}"), value })
        })
        .collect()
}

pub(crate) async fn wifi() -> Answer<Vec<Radio>> {
    static SLOTS: Slots = Slots::new(2);
    let radios = SLOTS.run(radios).await?.unwrap_or_default();
    if radios.is_empty() { Err(NoAnswer::NotHere) } else { Ok(radios) }
}

type Open = unsafe extern "system" fn(u32, *const c_void, *mut u32, *mut HANDLE) -> u32;
type Close = unsafe extern "system" fn(HANDLE, *const c_void) -> u32;
type Enumerate = unsafe extern "system" fn(HANDLE, *const c_void, *mut *mut WLAN_INTERFACE_INFO_LIST) -> u32;
type Query = unsafe extern "system" fn(
    HANDLE,
    *const GUID,
    i32,
    *const c_void,
    *mut u32,
    *mut *mut c_void,
    *mut i32,
) -> u32;
type Free = unsafe extern "system" fn(*const c_void);

/// The wireless library, which servers do not have: a program that names it would not start there.
struct Library {
    open: Open,
    close: Close,
    enumerate: Enumerate,
    query: Query,
    free: Free,
}

impl Library {
    fn load() -> Option<Self> {
        let name = wide("wlanapi.dll");
        // SAFETY: the name is zero-terminated; only the system's own folder is searched.
        let library = unsafe { LoadLibraryExW(name.as_ptr(), ptr::null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32) };
        if library.is_null() {
            return None;
        }
        // SAFETY: the library is loaded and stays so; the names are zero-terminated.
        let function =
            |name: &'static std::ffi::CStr| unsafe { GetProcAddress(library, name.as_ptr().cast()) };
        // SAFETY: each function has the type that wlanapi.h gives it.
        unsafe {
            Some(Self {
                open: mem::transmute::<FARPROC, Option<Open>>(function(c"WlanOpenHandle"))?,
                close: mem::transmute::<FARPROC, Option<Close>>(function(c"WlanCloseHandle"))?,
                enumerate: mem::transmute::<FARPROC, Option<Enumerate>>(function(c"WlanEnumInterfaces"))?,
                query: mem::transmute::<FARPROC, Option<Query>>(function(c"WlanQueryInterface"))?,
                free: mem::transmute::<FARPROC, Option<Free>>(function(c"WlanFreeMemory"))?,
            })
        }
    }
}

fn radios() -> Option<Vec<Radio>> {
    let library = Library::load()?;
    let (mut version, mut client) = (0, ptr::null_mut());
    // SAFETY: both results are live variables. 2 is the version since Vista.
    if unsafe { (library.open)(2, ptr::null(), &raw mut version, &raw mut client) } != 0 {
        return None;
    }
    let mut list: *mut WLAN_INTERFACE_INFO_LIST = ptr::null_mut();
    let mut radios = Vec::new();
    // SAFETY: the client is open; the list is a live variable.
    if unsafe { (library.enumerate)(client, ptr::null(), &raw mut list) } == 0 && !list.is_null() {
        // SAFETY: the call made the list, with as many entries as it says.
        let count = unsafe { (*list).dwNumberOfItems }.min(CARDS);
        for index in 0..usize::try_from(count).unwrap_or_default() {
            // SAFETY: the index is within the list.
            let card = unsafe {
                (&raw const (*list).InterfaceInfo)
                    .cast::<windows_sys::Win32::NetworkManagement::WiFi::WLAN_INTERFACE_INFO>()
                    .add(index)
                    .read()
            };
            let name = narrow(&card.strInterfaceDescription).to_string_lossy().into_owned();
            radios.extend(link(&library, client, &card.InterfaceGuid, name));
        }
        // SAFETY: the list came from the library and is used no more.
        unsafe { (library.free)(list.cast()) };
    }
    // SAFETY: the client is open and used no more.
    unsafe { (library.close)(client, ptr::null()) };
    Some(radios)
}

fn link(library: &Library, client: HANDLE, card: &GUID, interface: String) -> Option<Radio> {
    let (mut size, mut data) = (0, ptr::null_mut());
    // SAFETY: the client is open, the identifier readable, the results are live variables.
    let code = unsafe {
        (library.query)(
            client,
            card,
            wlan_intf_opcode_current_connection,
            ptr::null(),
            &raw mut size,
            &raw mut data,
            ptr::null_mut(),
        )
    };
    if code != 0 || data.is_null() {
        return None; // not on a network
    }
    let whole = usize::try_from(size).ok()? >= mem::size_of::<WLAN_CONNECTION_ATTRIBUTES>();
    // SAFETY: the data is of that kind and, as just checked, of that size.
    let told = whole.then(|| unsafe { data.cast::<WLAN_CONNECTION_ATTRIBUTES>().read_unaligned() });
    // SAFETY: the data came from the library and is used no more.
    unsafe { (library.free)(data) };
    let link = told?.wlanAssociationAttributes;
    let length = usize::try_from(link.dot11Ssid.uSSIDLength).unwrap_or_default().min(32);
    let network = String::from_utf8_lossy(&link.dot11Ssid.ucSSID[..length]).into_owned();
    let percent = u8::try_from(link.wlanSignalQuality.min(100)).ok();
    Some(Radio { interface, network: Some(network), dbm: None, percent })
}
